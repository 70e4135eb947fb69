/* Who is let in where: every method of every service of a realm, for every role, asserted whole. A method without a
 * row here fails: somebody has to decide about it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/rights/policy.h"
#include "worker/testing/policy_world.h"

enum role { GOD, LEADER, MEMBER, ISSUER, STRANGER, OTHER_REALM, NOBODY, ROLES };

static const char *const role_names[ROLES] = {
    "god", "leader", "member", "issuer", "stranger", "other realm's god", "nobody"};

/* `decisions` has a letter a role, in their order: y let in (whatever the handler then says), n PERMISSION_DENIED,
 * u UNAUTHENTICATED. Requests are such that being let in changes nothing: stale etags, missing names. In
 * `fields`, $self is the caller, and the policies and statements of make_roles have names, too. */
struct decision {
    const char *path;
    const char *fields; /* "id=o@o group.etag=x" */
    const char *decisions;
};

#define EXPORT(method) "/pek.export.v1.ExportService/" method
#define GROUP(method) "/pek.group.v1.GroupService/" method
#define INSTANCE(method) "/pek.instance.v1.InstanceService/" method
#define MEMBERS(method) "/pek.membership.v1.MembershipService/" method
#define NOTIFICATIONS(method) "/pek.notification.v1.NotificationService/" method
#define POSTS(method) "/pek.membership.v1.PostService/" method
#define SCOREBOARD(method) "/pek.evaluation.v1.ScoreboardService/" method
#define COMMENT(method) "/pek.evaluation.v1.CommentService/" method
#define DRAFT(method) "/pek.evaluation.v1.DraftService/" method
#define ENTRY(method) "/pek.evaluation.v1.EntryService/" method
#define SPREADSHEET(method) "/pek.evaluation.v1.SpreadsheetService/" method
#define POINT_RULES(method) "/pek.evaluation.v1.PointRulesService/" method
#define SCORE(method) "/pek.evaluation.v1.ScoreService/" method
#define SEMESTER(method) "/pek.semester.v1.SemesterService/" method
#define POLICY(method) "/pek.policy.v1.PolicyService/" method

/* clang-format off */
static const struct decision decisions[] = {
    {EXPORT("ExportUser"), "", "yyyyyuu"},
    {GROUP("GetGroup"), "id=o@o", "yyyynuu"},
    {GROUP("GetGroup"), "id=o@x", "yynnnuu"},
    {GROUP("ListGroups"), "", "yyyyyuu"},
    {GROUP("CreateGroup"), "", "ynnnnuu"},
    {GROUP("CreateGroup"), "parent_id=o@o", "yynnnuu"},
    {GROUP("UpdateGroup"), "group.id=o@o group.etag=x", "yynnnuu"},
    {GROUP("ConfigureGroup"), "id=o@o", "yynnnuu"},
    {GROUP("ArchiveGroup"), "id=o@o etag=x", "yynnnuu"},
    {GROUP("UnarchiveGroup"), "id=o@o etag=x", "yynnnuu"},
    {GROUP("MoveGroup"), "id=o@x etag=x to_top_level=true", "ynnnnuu"},
    {GROUP("MoveGroup"), "id=o@x parent_id=o@o etag=x", "yynnnuu"},
    {GROUP("ListAncestors"), "id=o@x", "yynnnuu"},
    {GROUP("ListDescendants"), "id=o@o", "yyyynuu"},
    {GROUP("ListGroupHistory"), "group_id=o@o", "yynnnuu"},
    {GROUP("ListGroupHistory"), "group_id=o@x", "ynnnnuu"},
    /* The assertion is the credential, and there is none. */
    {INSTANCE("IssueToken"), "", "uuuuuuu"},
    {INSTANCE("GetInfo"), "", "yyyyyyy"},
    {INSTANCE("WatchPolicies"), "", "uuuuuuu"},
    {INSTANCE("PutPeople"), "", "uuuuuuu"},
    {INSTANCE("ListUnnamedPeople"), "", "uuuuuuu"},
    {INSTANCE("MergeUser"), "", "uuuuuuu"},
    {NOTIFICATIONS("CollectNotifications"), "", "uuuuuuu"},
    {MEMBERS("ListMembers"), "group_id=o@o", "yyynnuu"},
    {MEMBERS("ListMembers"), "group_id=o@x", "yynnnuu"},
    {MEMBERS("ListMemberships"), "user_id=somebody", "yyyyyuu"},
    {MEMBERS("ListMemberships"), "user_id=$self", "yyyyyuu"},
    {MEMBERS("ListMemberships"), "user_id=me", "yyyyyuu"},
    {MEMBERS("ApplyForMembership"), "group_id=o@nope", "yyyyyuu"},
    {MEMBERS("WithdrawApplication"), "group_id=o@o", "yyyyyuu"},
    {MEMBERS("LeaveGroup"), "group_id=o@o", "yyyyyuu"},
    {MEMBERS("AddMember"), "group_id=o@o user_id=?", "yynnnuu"},
    {MEMBERS("BatchAddMembers"), "group_id=o@o", "yynnnuu"},
    {MEMBERS("BatchAcceptMembers"), "group_id=o@o", "yynnnuu"},
    {MEMBERS("BatchArchiveMembers"), "group_id=o@o", "yynnnuu"},
    {MEMBERS("AcceptMember"), "group_id=o@o user_id=somebody", "yynnnuu"},
    {MEMBERS("RejectMember"), "group_id=o@o user_id=somebody", "yynnnuu"},
    {MEMBERS("PromoteMember"), "group_id=o@o user_id=somebody", "yynnnuu"},
    {MEMBERS("InactivateMember"), "group_id=o@o user_id=somebody", "yynnnuu"},
    {MEMBERS("ReactivateMember"), "group_id=o@o user_id=somebody", "yynnnuu"},
    {MEMBERS("ArchiveMember"), "group_id=o@o user_id=somebody", "yynnnuu"},
    {MEMBERS("UnarchiveMember"), "group_id=o@o user_id=somebody", "yynnnuu"},
    {MEMBERS("SetMemberDates"), "group_id=o@o user_id=somebody", "yynnnuu"},
    {MEMBERS("HandOverLeadership"), "group_id=o@o user_id=somebody", "yynnnuu"},
    {MEMBERS("HandOverLeadership"), "group_id=o@x user_id=somebody", "yynnnuu"},
    {MEMBERS("SetMemberFlairs"), "group_id=o@o user_id=somebody", "yynnnuu"},
    {POSTS("ListPostTypes"), "group_id=o@o", "yyynnuu"},
    {POSTS("ListPostTypes"), "group_id=o@x", "yynnnuu"},
    /* On a group below the leader may replace who leads it, and no more. */
    {POSTS("CreatePostType"), "group_id=o@o", "yynnnuu"},
    {POSTS("CreatePostType"), "group_id=o@x", "ynnnnuu"},
    {POSTS("DeletePostType"), "group_id=o@o id=1", "yynnnuu"},
    {POSTS("DeletePostType"), "group_id=o@x id=1", "ynnnnuu"},
    {POSTS("GivePost"), "group_id=o@o user_id=somebody", "yynnnuu"},
    {POSTS("GivePost"), "group_id=o@x user_id=somebody", "ynnnnuu"},
    {POSTS("TakePost"), "group_id=o@o user_id=somebody", "yynnnuu"},
    {POSTS("TakePost"), "group_id=o@x user_id=somebody", "ynnnnuu"},
    {POLICY("ListPolicies"), "", "yyyyyuu"},
    {POLICY("GetPolicy"), "id=$dean", "ynnynuu"},
    {POLICY("GetPolicy"), "id=$clerk", "ynnynuu"},
    {POLICY("CreateChild"), "parent_id=$dean", "ynnynuu"},
    {POLICY("CreateChild"), "parent_id=$clerk", "ynnnnuu"},
    {POLICY("DeletePolicy"), "id=$dean etag=x", "ynnnnuu"},
    {POLICY("DeletePolicy"), "id=$clerk etag=x", "ynnynuu"},
    {POLICY("CreateStatement"), "policy_id=$dean statement.user_id=x", "ynnnnuu"},
    {POLICY("CreateStatement"), "policy_id=$clerk statement.user_id=x", "ynnynuu"},
    {POLICY("UpdateStatement"), "policy_id=$dean statement.id=1 etag=x", "ynnnnuu"},
    {POLICY("UpdateStatement"), "policy_id=$clerk statement.id=1 etag=x", "ynnynuu"},
    {POLICY("DeleteStatement"), "policy_id=$dean id=1 etag=x", "ynnnnuu"},
    {POLICY("DeleteStatement"), "policy_id=$clerk id=1 etag=x", "ynnynuu"},
    {POLICY("ListAssignments"), "policy_id=$dean", "ynnnnuu"},
    {POLICY("ListAssignments"), "policy_id=$clerk", "ynnynuu"},
    {POLICY("AssignPolicy"), "id=$dean", "ynnnnuu"},
    {POLICY("AssignPolicy"), "id=$clerk", "ynnynuu"},
    {POLICY("RevokePolicy"), "id=$dean user_id=somebody", "ynnnnuu"},
    {POLICY("RevokePolicy"), "id=$clerk user_id=somebody", "ynnynuu"},
    {POLICY("RevokePolicy"), "id=$clerk user_id=$self", "yyyyyuu"},
    {POLICY("CheckPolicy"), "action=3", "yyyyyuu"},
    {POLICY("CheckPolicy"), "action=3 user_id=$self", "yyyyyuu"},
    {POLICY("CheckPolicy"), "action=3 user_id=somebody", "ynnnnuu"},
    {POLICY("ListProfileViewers"), "", "yyyyyuu"},
    {POLICY("GetProfileScope"), "", "yyyyyuu"},
    {SCOREBOARD("ListScoreboards"), "group_id=o@o", "yynnnuu"},
    {SCOREBOARD("ListScoreboards"), "group_id=o@x", "yynnnuu"},
    {SCOREBOARD("GetEvaluationRights"), "group_id=o@x", "yyyyyuu"},
    {SCOREBOARD("GetScoreboard"), "group_id=o@o id=9", "yynnnuu"},
    {SCOREBOARD("GetPointTable"), "group_id=o@o scoreboard_id=9", "yynnnuu"},
    {SCOREBOARD("ListPoints"), "group_id=o@o scoreboard_id=9", "yynnnuu"},
    {SCOREBOARD("ListJudgements"), "", "yyyyyuu"},
    {SCOREBOARD("ListMessages"), "group_id=o@o scoreboard_id=9", "yynnnuu"},
    {SCOREBOARD("OpenScoreboard"), "group_id=o@o", "yynnnuu"},
    {SCOREBOARD("OpenScoreboard"), "group_id=o@x", "ynnnnuu"},
    {SCOREBOARD("UpdateScoreboard"), "group_id=o@o id=9", "yynnnuu"},
    {SCOREBOARD("UpdateScoreboard"), "group_id=o@x id=9", "ynnnnuu"},
    {SCOREBOARD("ReviseScoreboard"), "group_id=o@o scoreboard_id=9", "yynnnuu"},
    {SCOREBOARD("SubmitScoreboard"), "group_id=o@o id=9", "yynnnuu"},
    {SCOREBOARD("CancelSubmission"), "group_id=o@o id=9", "yynnnuu"},
    {SCOREBOARD("BatchSetPoints"), "group_id=o@o id=9", "yynnnuu"},
    {SCOREBOARD("BatchSetPoints"), "group_id=o@x id=9", "yynnnuu"},
    {SCOREBOARD("JudgeScoreboard"), "group_id=o@o id=9", "yynnnuu"},
    {SCOREBOARD("JudgeScoreboard"), "group_id=o@x id=9", "yynnnuu"},
    {SCOREBOARD("SendMessage"), "group_id=o@o scoreboard_id=9 text=x", "yynnnuu"},
    {COMMENT("ListComments"), "group_id=o@o scoreboard_id=9", "yynnnuu"},
    {COMMENT("CreateComment"), "group_id=o@o scoreboard_id=9 text=x", "yynnnuu"},
    {COMMENT("UpdateComment"), "group_id=o@o scoreboard_id=9 id=9 text=x", "yynnnuu"},
    {COMMENT("DeleteComment"), "group_id=o@o scoreboard_id=9 id=9", "yynnnuu"},
    {DRAFT("GetPointDraft"), "group_id=o@x", "yynnnuu"},
    {DRAFT("BatchSetPointDraft"), "group_id=o@x", "ynnnnuu"},
    {DRAFT("ListDrafts"), "group_id=o@o scoreboard_id=9", "yynnnuu"},
    {DRAFT("TakeOverDraft"), "group_id=o@o id=9 subgroup_id=o@x", "yynnnuu"},
    {ENTRY("ListEntries"), "group_id=o@o scoreboard_id=9", "yynnnuu"},
    {ENTRY("GetEntry"), "group_id=o@o scoreboard_id=9 user_id=x", "yynnnuu"},
    {ENTRY("BatchSetEntries"), "group_id=o@o id=9", "yynnnuu"},
    {ENTRY("ReviewEntry"), "group_id=o@o scoreboard_id=9 entry.user_id=x", "yynnnuu"},
    {ENTRY("ListEntryReviews"), "", "yyyyyuu"},
    {SPREADSHEET("ImportScoreboard"), "group_id=o@o id=9 points_csv=x", "yynnnuu"},
    {SPREADSHEET("ListAcceptedEntries"), "", "ynnnnuu"},
    {SPREADSHEET("ListScoredUsers"), "", "ynnnnuu"},
    {SPREADSHEET("ListActiveUsers"), "", "ynnnnuu"},
    {POINT_RULES("GetPointRules"), "", "yyyyyuu"},
    {POINT_RULES("UpdatePointRules"), "rules.etag=x", "ynnnnuu"},
    {SCORE("GetScore"), "user_id=$self semester=2024-2025/1", "yyyyyuu"},
    {SCORE("GetScore"), "semester=2024-2025/1", "yyyyyuu"},
    {SCORE("GetScore"), "user_id=somebody semester=2024-2025/1", "ynnnnuu"},
    {SCORE("ListPointHistory"), "user_id=$self", "yyyyyuu"},
    {SCORE("ListPointHistory"), "user_id=somebody", "ynnnnuu"},
    {SEMESTER("GetSemester"), "", "yyyyyuu"},
    {SEMESTER("UpdateSemester"), "semester.etag=x", "ynnnnuu"},
};
/* clang-format on */
#define DECISIONS (sizeof(decisions) / sizeof(decisions[0]))

/* ---- the roles ---- */

static const char *dean, *clerk;

/* o@x under o@o. Leader has everything in o@o and what follows below it, member may view it, issuer holds Dean, which
 * can issue and is over Clerk, which nobody holds. The stranger has a policy about another group. */
static void make_roles(struct world *w)
{
    world_god(w, &w->a, "god");
    world_god(w, &w->b, "god");
    assert_int_equal(world_create(w, "god", "", "o", "O"), STATUS_OK);
    assert_int_equal(world_create(w, "god", "", "p", "P"), STATUS_OK);
    assert_int_equal(world_create(w, "god", "o@o", "x", "X"), STATUS_OK);
    world_grant(w, &w->a, "Leader", "leader", "o@o", POLICY_ACTIONS_ALL);
    world_grant(w, &w->a, "Member", "member", "o@o", 1u | 4u);
    assert_int_equal(policy_world_child(w, "god", policy_world_id(w, "GOD"), "Dean", true,
                                        (struct given){"o@o", NULL, 4}, &dean),
                     STATUS_OK);
    assert_int_equal(
        policy_world_child(w, "god", dean, "Clerk", false, (struct given){"o@o", NULL, 4}, &clerk),
        STATUS_OK);
    assert_int_equal(policy_world_assign(w, "god", dean, "issuer"), STATUS_OK);
    world_grant(w, &w->a, "Elsewhere", "stranger", "p@p", 1u << 1);
}

/* ---- requests ---- */

static const char *resolve(struct world *w, struct slice value, const char *self)
{
    if (slice_equal_str(value, "$dean"))
        return dean;
    if (slice_equal_str(value, "$clerk"))
        return clerk;
    if (slice_equal_str(value, "$self"))
        return self;
    return arena_strndup(w->arena, value.ptr, value.len);
}

static void *field_of(ProtobufCMessage *message, struct slice name,
                      const ProtobufCFieldDescriptor **ret_field)
{
    char text[64];
    assert_true(name.len < sizeof(text));
    memcpy(text, name.ptr, name.len);
    text[name.len] = '\0';
    *ret_field = protobuf_c_message_descriptor_get_field_by_name(message->descriptor, text);
    if (!*ret_field)
        fail_msg("%s has no field %s", message->descriptor->name, text);
    return (char *)message + (*ret_field)->offset;
}

/* Sets the field that a path names, making the messages on its way. */
static void set_field(struct world *w, ProtobufCMessage *message, struct slice path,
                      const char *value)
{
    const ProtobufCFieldDescriptor *field;
    void *member = field_of(message, slice_cut(&path, '.'), &field);
    if (path.len > 0) {
        const ProtobufCMessageDescriptor *type = field->descriptor;
        ProtobufCMessage **inner = member;
        assert_int_equal(field->type, PROTOBUF_C_TYPE_MESSAGE);
        if (!*inner) {
            *inner = arena_alloc(w->arena, type->sizeof_message);
            assert_non_null(*inner);
            protobuf_c_message_init(type, *inner);
        }
        set_field(w, *inner, path, value);
    } else if (field->type == PROTOBUF_C_TYPE_ENUM) {
        *(int *)member = (int)strtol(value, NULL, 10);
    } else if (field->type == PROTOBUF_C_TYPE_BOOL) {
        *(protobuf_c_boolean *)member = strcmp(value, "true") == 0;
    } else {
        assert_int_equal(field->type, PROTOBUF_C_TYPE_STRING);
        *(const char **)member = value;
    }
}

static ProtobufCMessage *make_request(struct world *w, const struct rpc_method *method,
                                      const char *fields, const char *self)
{
    struct slice rest = slice_str(fields);
    ProtobufCMessage *message = arena_alloc(w->arena, method->request->sizeof_message);
    assert_non_null(message);
    protobuf_c_message_init(method->request, message);
    while (rest.len > 0) {
        struct slice value = slice_cut(&rest, ' ');
        struct slice path = slice_cut(&value, '=');
        set_field(w, message, path, resolve(w, value, self));
    }
    return message;
}

/* ---- calls ---- */

static enum status call(struct world *w, const struct world_realm *realm, enum role role,
                        const struct rpc_method *method, const ProtobufCMessage *request)
{
    const struct world_realm *issuer = role == OTHER_REALM ? &w->b : &w->a;
    const char *user = role == OTHER_REALM ? "god" : role_names[role];
    ProtobufCMessage *response, **items = calloc(WORLD_ITEMS_MAX, sizeof(*items));
    struct rpc_pair *metadata = world_metadata(w, issuer, user, NULL, NULL);
    size_t metadata_count = role == NOBODY ? 0 : 1, count;
    enum status status;
    assert_non_null(items);
    w->fault = (struct fault){0};
    if (method->server_streaming)
        status = world_stream(w, realm->channel, method, request, metadata, metadata_count, items,
                              &count);
    else
        status = rpc_call_unary(realm->channel, method, request, metadata, metadata_count,
                                &w->cancel, w->arena, &response, &w->fault);
    free(items);
    return status;
}

static char letter(enum status status)
{
    if (status == STATUS_UNAUTHENTICATED)
        return 'u';
    return status == STATUS_PERMISSION_DENIED ? 'n' : 'y';
}

static const struct rpc_method *method_of(struct world *w, const char *path)
{
    const struct rpc_method *method = rpc_host_method(realm_host(w->a.realm), slice_str(path));
    if (!method)
        fail_msg("there is a decision for %s, which is no method", path);
    return method;
}

static void every_role_is_let_in_as_decided(struct world *w)
{
    make_roles(w);
    for (size_t d = 0; d < DECISIONS; d++) {
        const struct rpc_method *method = method_of(w, decisions[d].path);
        assert_int_equal(strlen(decisions[d].decisions), ROLES);
        for (enum role role = GOD; role < ROLES; role++) {
            const ProtobufCMessage *request =
                make_request(w, method, decisions[d].fields, role_names[role]);
            enum status status = call(w, &w->a, role, method, request);
            if (letter(status) != decisions[d].decisions[role])
                fail_msg("%s (%s) by %s: %s %s", decisions[d].path, decisions[d].fields,
                         role_names[role], status_name(status), w->fault.text);
            if (status == STATUS_INTERNAL || status == STATUS_UNKNOWN)
                fail_msg("%s (%s) by %s: %s", decisions[d].path, decisions[d].fields,
                         role_names[role], status_name(status));
        }
    }
}

/* ---- nothing is forgotten ---- */

static void look_up_decisions(void *arg, const struct rpc_service *service)
{
    size_t *missing = arg;
    for (size_t m = 0; m < service->method_count; m++) {
        bool decided = false;
        for (size_t d = 0; d < DECISIONS; d++)
            decided |= strcmp(decisions[d].path, service->methods[m].path) == 0;
        if (!decided)
            print_error("nobody decided who may call %s\n", service->methods[m].path);
        *missing += !decided;
    }
}

static void every_method_has_a_decision(struct world *w)
{
    size_t missing = 0;
    rpc_host_each(realm_host(w->a.realm), look_up_decisions, &missing);
    assert_int_equal(missing, 0);
}

/* ---- realms ---- */

static bool is_public(const struct rpc_method *method)
{
    return method->access[0].kind == RPC_ACCESS_PUBLIC;
}

static void token_of_one_realm_opens_nothing_in_another(struct world *w)
{
    make_roles(w);
    for (size_t d = 0; d < DECISIONS; d++) {
        const struct rpc_method *method = method_of(w, decisions[d].path);
        for (enum role role = GOD; role < OTHER_REALM && !is_public(method); role++)
            assert_int_equal(call(w, &w->b, role, method,
                                  make_request(w, method, decisions[d].fields, role_names[role])),
                             STATUS_UNAUTHENTICATED);
    }
}

static void request_that_names_another_realm_is_refused_everywhere(struct world *w)
{
    make_roles(w);
    for (size_t d = 0; d < DECISIONS; d++) {
        const struct rpc_method *method = method_of(w, decisions[d].path);
        if (is_public(method))
            continue;
        ProtobufCMessage *request = make_request(w, method, decisions[d].fields, "god");
        set_field(w, request, SLICE_LIT("realm"), "b");
        assert_int_equal(call(w, &w->a, GOD, method, request), STATUS_INVALID_ARGUMENT);
        assert_string_equal(w->fault.field, "realm");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(every_method_has_a_decision),
        WORLD_TEST(every_role_is_let_in_as_decided),
        WORLD_TEST(token_of_one_realm_opens_nothing_in_another),
        WORLD_TEST(request_that_names_another_realm_is_refused_everywhere),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
