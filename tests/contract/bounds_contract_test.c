/* What (pek.field).bounds promises to clients is what the code refuses by: each bound of a proto stands here beside its
 * constant, and a bound that does not is a failure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "upb/def.h"

#include "hub/http/http.h"
#include "hub/login/username.h"
#include "hub/notification/notification_service.h"
#include "hub/profile/profile.h"
#include "hub/registry/instance_rules.h"
#include "hub/registry/registry.h"
#include "hub/transcode/transcode.h"
#include "protos/descriptor_set.h"
#include "shared/rpc/rpc.h"
#include "shared/text/address.h"
#include "shared/text/text.h"
#include "worker/evaluation/draft_store.h"
#include "worker/evaluation/entry.h"
#include "worker/evaluation/point_table_store.h"
#include "worker/evaluation/points_csv.h"
#include "worker/evaluation/scoreboard.h"
#include "worker/group/group.h"
#include "worker/membership/membership.h"
#include "worker/membership/post.h"
#include "worker/notification/notification_store.h"
#include "worker/person/person_store.h"
#include "worker/policy/delegation.h"
#include "worker/policy/policy_admin_store.h"
#include "worker/policy/profile_scope.h"
#include "worker/rights/policy.h"
#include "worker/rights/rights_store.h"
#include "worker/semester/semester.h"

static const struct bound {
    const char *field;
    uint64_t chars_min, chars_max, items_max;
} bounds[] = {
    {"pek.group.v1.Group.name", 1, TEXT_NAME_CHARS_MAX, 0},
    {"pek.group.v1.Group.description", 0, TEXT_DESCRIPTION_CHARS_MAX, 0},
    {"pek.group.v1.Group.webpage", 0, TEXT_WEBPAGE_CHARS_MAX, 0},
    {"pek.group.v1.Group.mail", 0, TEXT_MAIL_CHARS_MAX, 0},
    {"pek.group.v1.CreateGroupRequest.slug", 0, TEXT_SLUG_CHARS_MAX, 0},
    {"pek.group.v1.CreateGroupRequest.name", 1, TEXT_NAME_CHARS_MAX, 0},
    {"pek.group.v1.CreateGroupRequest.description", 0, TEXT_DESCRIPTION_CHARS_MAX, 0},
    {"pek.group.v1.CreateGroupRequest.webpage", 0, TEXT_WEBPAGE_CHARS_MAX, 0},
    {"pek.group.v1.CreateGroupRequest.mail", 0, TEXT_MAIL_CHARS_MAX, 0},
    {"pek.hub.v1.ExternalAccount.account_name", 1, PROFILE_ACCOUNT_CHARS_MAX, 0},
    {"pek.hub.v1.Profile.username", USERNAME_CHARS_MIN, USERNAME_CHARS_MAX, 0},
    {"pek.hub.v1.Profile.first_name", 0, PROFILE_NAME_CHARS_MAX, 0},
    {"pek.hub.v1.Profile.last_name", 0, PROFILE_NAME_CHARS_MAX, 0},
    {"pek.hub.v1.Profile.nickname", 0, PROFILE_NICKNAME_CHARS_MAX, 0},
    {"pek.hub.v1.Profile.room", 0, PROFILE_ROOM_CHARS_MAX, 0},
    {"pek.hub.v1.Profile.external_accounts", 0, 0, PROFILE_ACCOUNTS_MAX},
    {"pek.hub.v1.Profile.unreachable", 0, 0, REGISTRY_INSTANCES_MAX},
    {"pek.hub.v1.AddInstanceRequest.realm", 1, REALM_BYTES_MAX, 0},
    {"pek.hub.v1.AddInstanceRequest.target", 1, INSTANCE_TARGET_BYTES_MAX, 0},
    {"pek.hub.v1.AddInstanceRequest.name", 0, INSTANCE_NAME_CHARACTERS_MAX, 0},
    {"pek.hub.v1.AddInstanceRequest.tls_name", 0, INSTANCE_TARGET_BYTES_MAX, 0},
    {"pek.hub.v1.AddInstanceRequest.ca_pem", 0, INSTANCE_CA_BYTES_MAX, 0},
    {"pek.membership.v1.CreatePostTypeRequest.name", 1, POST_NAME_CHARS_MAX, 0},
    {"pek.membership.v1.CreatePostTypeRequest.actions", 0, 0, POLICY_ACTION_GOD - 1},
    {"pek.membership.v1.SetMemberFlairsRequest.flairs", 0, 0, POST_FLAIRS_MAX},
    {"pek.hub.v1.Session.realms", 0, 0, REGISTRY_INSTANCES_MAX},
    {"pek.instance.v1.IssueTokenResponse.policies", 0, 0, POLICY_NAMES_MAX},
    {"pek.instance.v1.PutPeopleResponse.known_users", 0, 0, PERSON_PUT_MAX},
    {"pek.instance.v1.ListUnnamedPeopleResponse.users", 0, 0, PERSON_PUT_MAX},
    {"pek.instance.v1.Info.services", 0, 0, INSTANCE_SERVICES_MAX},
    {"pek.membership.v1.Membership.history", 0, 0, MEMBERSHIP_PERIODS_MANY},
    {"pek.membership.v1.Membership.posts", 0, 0, POST_TYPES_MAX + MEMBERSHIP_V1_POST_KIND_OWN - 1},
    {"pek.membership.v1.Membership.flairs", 0, 0, POST_FLAIRS_MAX},
    {"pek.membership.v1.BatchAcceptMembersResponse.members", 0, 0, MEMBERSHIP_BATCH_MAX},
    {"pek.membership.v1.BatchArchiveMembersResponse.members", 0, 0, MEMBERSHIP_BATCH_MAX},
    {"pek.membership.v1.BatchAddMembersResponse.members", 0, 0, MEMBERSHIP_BATCH_MAX},
    {"pek.membership.v1.BatchAcceptMembersRequest.user_ids", 0, 0, MEMBERSHIP_BATCH_MAX},
    {"pek.membership.v1.BatchArchiveMembersRequest.user_ids", 0, 0, MEMBERSHIP_BATCH_MAX},
    {"pek.membership.v1.BatchAddMembersRequest.user_ids", 0, 0, MEMBERSHIP_BATCH_MAX},
    {"pek.notification.v1.Event.title", 0, TEXT_NAME_CHARS_MAX, 0},
    {"pek.notification.v1.Event.detail", 0, TEXT_NAME_CHARS_MAX, 0},
    {"pek.notification.v1.CollectNotificationsRequest.stored", 0, 0, NOTIFICATION_BATCH},
    {"pek.notification.v1.CollectNotificationsRequest.later", 0, 0, NOTIFICATION_BATCH},
    {"pek.notification.v1.CollectNotificationsResponse.events", 0, 0, NOTIFICATION_BATCH},
    {"pek.hub.v1.MarkSeenRequest.ids", 0, 0, NOTIFICATION_MARK_MAX},
    {"pek.policy.v1.ProfileScope.user_ids", 0, 0, PROFILE_SCOPE_MAX},
    {"pek.policy.v1.Policy.statements", 0, 0, POLICY_ADMIN_TOLD_STATEMENTS_MAX},
    {"pek.policy.v1.CheckPolicyResponse.grants", 0, 0, POLICY_ADMIN_HELD_MAX},
    {"pek.policy.v1.CheckPolicyResponse.refusals", 0, 0, POLICY_ADMIN_HELD_MAX},
    {"pek.policy.v1.CheckPolicyResponse.hints", 0, 0, POLICY_HINTS_MAX},
    /* organisation@slug */
    {"pek.policy.v1.Statement.group_id", 0, 2 * TEXT_SLUG_CHARS_MAX + 1, 0},
    {"pek.policy.v1.Statement.resource", 0, DELEGATION_RESOURCE_BYTES_MAX, 0},
    {"pek.policy.v1.CreateChildRequest.name", 1, TEXT_NAME_CHARS_MAX, 0},
    {"pek.policy.v1.CreateChildRequest.statements", 0, 0, DELEGATION_STATEMENTS_MAX},
    {"pek.evaluation.v1.Guideline.name", 1, SCOREBOARD_NAME_CHARS_MAX, 0},
    {"pek.evaluation.v1.Guideline.description", 0, SCOREBOARD_TEXT_CHARS_MAX, 0},
    {"pek.evaluation.v1.Scoreboard.guidelines", 0, 0, SCOREBOARD_GUIDELINES_MAX},
    {"pek.evaluation.v1.PointTable.guidelines", 0, 0, SCOREBOARD_GUIDELINES_MAX},
    {"pek.evaluation.v1.PointTable.members", 0, 0, POINT_TABLE_MEMBERS_MAX},
    {"pek.evaluation.v1.PointDraft.guidelines", 0, 0, SCOREBOARD_GUIDELINES_MAX},
    {"pek.evaluation.v1.PointDraft.members", 0, 0, DRAFT_MEMBERS_MAX},
    {"pek.evaluation.v1.DraftedPoints.cells", 0, 0, SCOREBOARD_GUIDELINES_MAX},
    {"pek.evaluation.v1.BatchSetPointDraftRequest.points", 0, 0, SCOREBOARD_CELLS_MAX},
    {"pek.evaluation.v1.TakeOverDraftRequest.cells", 0, 0, SCOREBOARD_CELLS_MAX},
    {"pek.evaluation.v1.TakeOverDraftResponse.left", 0, 0, DRAFT_MEMBERS_MAX},
    {"pek.evaluation.v1.MemberPoints.cells", 0, 0, SCOREBOARD_GUIDELINES_MAX},
    {"pek.evaluation.v1.UpdateScoreboardRequest.report", 0, SCOREBOARD_REPORT_CHARS_MAX, 0},
    {"pek.evaluation.v1.UpdateScoreboardRequest.guidelines", 0, 0, SCOREBOARD_GUIDELINES_MAX},
    {"pek.evaluation.v1.BatchSetPointsRequest.points", 0, 0, SCOREBOARD_CELLS_MAX},
    {"pek.evaluation.v1.JudgeScoreboardRequest.explanation", 0, SCOREBOARD_TEXT_CHARS_MAX, 0},
    {"pek.evaluation.v1.SendMessageRequest.text", 1, SCOREBOARD_TEXT_CHARS_MAX, 0},
    {"pek.evaluation.v1.CreateCommentRequest.text", 1, SCOREBOARD_TEXT_CHARS_MAX, 0},
    {"pek.evaluation.v1.UpdateCommentRequest.text", 1, SCOREBOARD_TEXT_CHARS_MAX, 0},
    {"pek.evaluation.v1.Entry.justification", 0, ENTRY_JUSTIFICATION_CHARS_MAX, 0},
    {"pek.evaluation.v1.EntryOfMember.justification", 0, ENTRY_JUSTIFICATION_CHARS_MAX, 0},
    {"pek.evaluation.v1.ImportScoreboardRequest.guidelines_csv", 0, GUIDELINES_CSV_CHARS_MAX, 0},
    {"pek.evaluation.v1.ImportScoreboardRequest.points_csv", 0, POINTS_CSV_CHARS_MAX, 0},
    {"pek.evaluation.v1.ImportScoreboardResponse.unmatched", 0, 0, POINTS_CSV_ROWS_MAX},
    {"pek.evaluation.v1.BatchSetEntriesRequest.entries", 0, 0, ENTRY_MEMBERS_MAX},
    {"pek.evaluation.v1.GetScoreRequest.semester", SEMESTER_BYTES, SEMESTER_BYTES, 0},
    {"pek.evaluation.v1.ListScoredUsersRequest.semester", 0, SEMESTER_BYTES, 0},
    {"pek.evaluation.v1.ListActiveUsersRequest.semester", 0, SEMESTER_BYTES, 0},
    {"pek.semester.v1.Semester.id", SEMESTER_BYTES, SEMESTER_BYTES, 0},
    {"pek.semester.v1.Semester.open_actions", 0, 0, SEMESTER_ACTIONS},
};

static struct transcode *transcode;
static struct arena arena;
static size_t found_count;

static int load(void **state)
{
    (void)state;
    struct fault fault = {0};
    arena_init(&arena, 1 << 20);
    if (transcode_new(slice_make(pek_descriptor_set, pek_descriptor_set_len), &transcode, &fault))
        fail_msg("%s", fault.text);
    return 0;
}

static int unload(void **state)
{
    (void)state;
    transcode = transcode_free(transcode);
    arena_done(&arena);
    return 0;
}

static const struct bound *find(const char *field)
{
    for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
        if (strcmp(bounds[i].field, field) == 0)
            return &bounds[i];
    }
    return NULL;
}

static void check_field(const upb_FieldDef *field)
{
    struct transcode_field_rule rule;
    assert_int_equal(transcode_field_rule(transcode, field, &arena, &rule), STATUS_OK);
    if (!rule.chars_min && !rule.chars_max && !rule.items_max)
        return;
    const struct bound *bound = find(upb_FieldDef_FullName(field));
    if (!bound) {
        fail_msg("%s has a bound that is not held against the code", upb_FieldDef_FullName(field));
        return;
    }
    if (bound->chars_min != rule.chars_min || bound->chars_max != rule.chars_max ||
        bound->items_max != rule.items_max)
        fail_msg("%s: the proto has other bounds than the code", bound->field);
    found_count++;
}

/* The messages of all files that hold a method of ours. */
static void bounds_are_those_of_the_code(void **state)
{
    (void)state;
    const upb_FileDef *before = NULL;
    for (size_t i = 0; i < transcode_method_count(transcode); i++) {
        const upb_FileDef *file =
            upb_ServiceDef_File(upb_MethodDef_Service(transcode_method(transcode, i)->def));
        if (file == before)
            continue;
        before = file;
        for (int j = 0; j < upb_FileDef_TopLevelMessageCount(file); j++) {
            const upb_MessageDef *message = upb_FileDef_TopLevelMessage(file, j);
            for (int k = 0; k < upb_MessageDef_FieldCount(message); k++)
                check_field(upb_MessageDef_Field(message, k));
        }
    }
    assert_int_equal(found_count, sizeof(bounds) / sizeof(bounds[0]));
}

/* A list that is no stream has no pages: it says how long it may be. Of an enum's values each is there once. */
static void lists_in_answers_are_bounded(void **state)
{
    (void)state;
    size_t lists = 0;
    for (size_t i = 0; i < transcode_method_count(transcode); i++) {
        const struct transcode_method *method = transcode_method(transcode, i);
        for (int j = 0; j < upb_MessageDef_FieldCount(method->response); j++) {
            const upb_FieldDef *field = upb_MessageDef_Field(method->response, j);
            struct transcode_field_rule rule;
            if (method->server_streaming || !upb_FieldDef_IsRepeated(field) ||
                upb_FieldDef_CType(field) == kUpb_CType_Enum)
                continue;
            assert_int_equal(transcode_field_rule(transcode, field, &arena, &rule), STATUS_OK);
            if (!rule.items_max)
                fail_msg("%s has no items_max", upb_FieldDef_FullName(field));
            lists++;
        }
    }
    assert_true(lists > 10);
}

/* ---- how large a request is ---- */

#define ID_BYTES 64 /* of a text that says no bounds */
#define MANY 16     /* of a list that says none: paths of a mask */

static size_t object_bytes(const upb_MessageDef *def);

/* As JSON, of one item, when each character takes four bytes. */
static size_t value_bytes(const upb_FieldDef *field, const struct transcode_field_rule *rule)
{
    switch (upb_FieldDef_CType(field)) {
    case kUpb_CType_String: return 2 + (rule->chars_max ? 4u * rule->chars_max : ID_BYTES);
    case kUpb_CType_Message: return object_bytes(upb_FieldDef_MessageSubDef(field));
    default:
        return 24; /* a number, the name of an enum's value; bytes are media, whose limit is their own */
    }
}

static size_t object_bytes(const upb_MessageDef *def)
{
    size_t bytes = 2;
    for (int i = 0; i < upb_MessageDef_FieldCount(def); i++) {
        const upb_FieldDef *field = upb_MessageDef_Field(def, i);
        struct transcode_field_rule rule;
        if (transcode_field_is_internal(transcode, field))
            continue;
        assert_int_equal(transcode_field_rule(transcode, field, &arena, &rule), STATUS_OK);
        if (rule.output_only)
            continue;
        size_t items = !upb_FieldDef_IsRepeated(field) ? 1 : rule.items_max ? rule.items_max : MANY;
        bytes += strlen(upb_FieldDef_JsonName(field)) + sizeof("\"\":[],") +
                 items * (value_bytes(field, &rule) + 1);
    }
    return bytes;
}

/* A method takes what the bounds of its request allow, or as much as the hub takes of any. */
static void requests_within_their_bounds_are_not_too_large(void **state)
{
    (void)state;
    assert_int_equal(TRANSCODE_BODY_BYTES_MAX, RPC_REQUEST_BYTES_MAX);
    for (size_t i = 0; i < transcode_method_count(transcode); i++) {
        const struct transcode_method *method = transcode_method(transcode, i);
        size_t taken = transcode_body_bytes_max(method), bytes = object_bytes(method->request);
        if (method->realms == TRANSCODE_INTERNAL)
            continue;
        if (bytes > HTTP_BODY_BYTES_MAX)
            bytes = HTTP_BODY_BYTES_MAX;
        if (taken < bytes)
            fail_msg("%s takes %zu bytes, and its bounds allow %zu", method->path.ptr, taken,
                     bytes);
    }
}

/* What PATCH takes of a resource, by its domain's mask; all else must say in the proto that it is not for that. */
static const struct mask {
    const char *message;
    const char *const *fields;
    size_t count;
} masks[] = {
    {"pek.evaluation.v1.Entry", entry_review_fields, ENTRY_FIELDS},
    {"pek.group.v1.Group", group_profile_fields, GROUP_PROFILE_FIELDS},
    {"pek.hub.v1.Profile", profile_fields, PROFILE_FIELDS},
    {"pek.policy.v1.Statement", delegation_statement_fields, DELEGATION_STATEMENT_FIELDS},
};

static bool mask_has(const struct mask *mask, const char *name)
{
    for (size_t i = 0; i < mask->count; i++) {
        if (strcmp(mask->fields[i], name) == 0)
            return true;
    }
    return false;
}

static void check_mask(const struct mask *mask, const upb_MessageDef *def)
{
    size_t found = 0;
    for (int i = 0; i < upb_MessageDef_FieldCount(def); i++) {
        const upb_FieldDef *field = upb_MessageDef_Field(def, i);
        struct transcode_field_rule rule;
        if (transcode_field_is_internal(transcode, field) ||
            strcmp(upb_FieldDef_Name(field), "etag") == 0)
            continue;
        assert_int_equal(transcode_field_rule(transcode, field, &arena, &rule), STATUS_OK);
        bool taken = !rule.output_only && !rule.immutable;
        if (taken != mask_has(mask, upb_FieldDef_Name(field)))
            fail_msg("%s: the proto says that PATCH %s it, the code does not",
                     upb_FieldDef_FullName(field), taken ? "changes" : "leaves");
        found += taken;
    }
    assert_int_equal(found, mask->count);
}

static void a_patch_takes_what_its_schema_offers(void **state)
{
    (void)state;
    size_t checked = 0;
    for (size_t i = 0; i < transcode_method_count(transcode); i++) {
        const struct transcode_method *method = transcode_method(transcode, i);
        const upb_FieldDef *body = NULL;
        for (int j = 0; j < upb_MessageDef_FieldCount(method->request); j++) {
            const upb_FieldDef *field = upb_MessageDef_Field(method->request, j);
            if (method->update_mask && field != method->update_mask &&
                upb_FieldDef_CType(field) == kUpb_CType_Message)
                body = field;
        }
        if (!body)
            continue; /* without a mask, or one of the request's own fields */
        const upb_MessageDef *def = upb_FieldDef_MessageSubDef(body);
        const struct mask *mask = NULL;
        for (size_t j = 0; j < sizeof(masks) / sizeof(masks[0]); j++) {
            if (strcmp(masks[j].message, upb_MessageDef_FullName(def)) == 0)
                mask = &masks[j];
        }
        if (!mask) {
            fail_msg("%s: its mask is not held against the code", upb_MessageDef_FullName(def));
            return;
        }
        check_mask(mask, def);
        checked++;
    }
    assert_int_equal(checked, sizeof(masks) / sizeof(masks[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_are_those_of_the_code),
        cmocka_unit_test(a_patch_takes_what_its_schema_offers),
        cmocka_unit_test(lists_in_answers_are_bounded),
        cmocka_unit_test(requests_within_their_bounds_are_not_too_large),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
