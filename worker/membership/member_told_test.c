/* Whom a leader brings in has the name that the hub told with the request, and nobody else's word makes one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pek/instance/v1/instance.rpc.h"
#include "pek/membership/v1/membership.rpc.h"
#include "pek/policy/v1/policy.rpc.h"
#include "shared/base/clock.h"
#include "shared/crypto/crypto.h"
#include "shared/crypto/encode.h"
#include "worker/testing/member_world.h"

#define TEXT(literal) ((char *)(uintptr_t)(literal))

/* What the signature of a PeopleTold is of. */
struct signing {
    const struct jwt_keys *keys;
    const char *typ, *issuer, *audience;
    const ProtobufCMessage *signed_people; /* NULL: what is told */
    int64_t age_s;
};

static struct slice packed(struct world *w, const ProtobufCMessage *message)
{
    size_t len = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = arena_alloc(w->arena, len + 1);
    protobuf_c_message_pack(message, bytes);
    return slice_make(bytes, len);
}

static instance_v1_people_told *told(struct world *w, instance_v1_people *people,
                                     const struct signing *signing)
{
    instance_v1_people_told *made = arena_alloc(w->arena, sizeof(*made));
    struct slice bytes = packed(w, &people->base), jti, token;
    const struct sha256 digest =
        sha256(signing->signed_people ? packed(w, signing->signed_people) : bytes);
    assert_int_equal(
        base64url_encode_in(w->arena, slice_make(digest.bytes, sizeof(digest.bytes)), &jti),
        STATUS_OK);
    const struct jwt_claims claims = {.iss = slice_str(signing->issuer),
                                      .aud = slice_str(signing->audience),
                                      .sub = slice_str(WORLD_HUB),
                                      .jti = jti,
                                      .iat = clock_wall_s() - signing->age_s,
                                      .exp = clock_wall_s() - signing->age_s + 45};
    assert_int_equal(jwt_sign(signing->keys, signing->typ, &claims, w->arena, &token), STATUS_OK);
    *made = (instance_v1_people_told)INSTANCE_V1_PEOPLE_TOLD_INIT;
    made->assertion = arena_strndup(w->arena, token.ptr, token.len);
    made->people.len = bytes.len;
    made->people.data = arena_alloc(w->arena, bytes.len + 1);
    memcpy(made->people.data, bytes.ptr, bytes.len);
    return made;
}

static instance_v1_person person(const char *id, const char *name, int64_t version)
{
    instance_v1_person made = INSTANCE_V1_PERSON_INIT;
    made.user_id = TEXT(id);
    made.display_name = TEXT(name);
    made.version = version;
    made.avatar_version = 7;
    return made;
}

static enum status add(struct world *w, const char *actor, const char *user,
                       instance_v1_people_told *word, membership_v1_membership **ret_member)
{
    membership_v1_add_member_request req = MEMBERSHIP_V1_ADD_MEMBER_REQUEST_INIT;
    req.group_id = TEXT("o@o");
    req.user_id = TEXT(user);
    req.told = word;
    return WORLD_RPC(w, membership_v1, add_member, actor, req, *ret_member);
}

static void begin(struct world *w)
{
    world_god(w, &w->a, "ann");
    assert_int_equal(world_create(w, "ann", "", "o", "O"), STATUS_OK);
}

#define NAME_OF(id)                                                                                \
    world_value(w, "SELECT display_name || ' ' || version || ' ' || avatar_version"                \
                   "  FROM pek.person WHERE realm = 'a' AND id = '" id "'")

static void who_is_added_has_their_name_at_once(struct world *w)
{
    const struct signing by_hub = {&w->hub_keys, JWT_TYP_PEOPLE, WORLD_HUB, "a", NULL, 0};
    instance_v1_person bea = person("bea", "Bak Bea", 12);
    instance_v1_people people = INSTANCE_V1_PEOPLE_INIT;
    membership_v1_membership *member;
    begin(w);
    people.people = (instance_v1_person *[]){&bea};
    people.n_people = 1;
    assert_int_equal(add(w, "ann", "bea", told(w, &people, &by_hub), &member), STATUS_OK);
    assert_string_equal(member->display_name, "Bak Bea");
    assert_int_equal(member->avatar_version, 7);
    assert_string_equal(NAME_OF("bea"), "Bak Bea 12 7");
    /* An older word changes nothing, and a newer one does; a caller without a hub has none. */
    world_sql(w, "DELETE FROM pek.membership WHERE user_id = 'bea'");
    bea = person("bea", "Régi Bea", 11);
    assert_int_equal(add(w, "ann", "bea", told(w, &people, &by_hub), &member), STATUS_OK);
    assert_string_equal(member->display_name, "Bak Bea");
    assert_int_equal(add(w, "ann", "cili", NULL, &member), STATUS_OK);
    assert_string_equal(NAME_OF("cili"), "cili 0 0");
    world_sql(w, "DELETE FROM pek.membership WHERE user_id = 'cili'");
    bea = person("cili", "Csík Cili", 13);
    assert_int_equal(add(w, "ann", "cili", told(w, &people, &by_hub), &member), STATUS_OK);
    assert_string_equal(member->display_name, "Csík Cili");
}

static void whom_the_hub_does_not_know_is_refused(struct world *w)
{
    const struct signing by_hub = {&w->hub_keys, JWT_TYP_PEOPLE, WORLD_HUB, "a", NULL, 0};
    instance_v1_person gone = person("gone", "deleted user", 0);
    instance_v1_people people = INSTANCE_V1_PEOPLE_INIT;
    membership_v1_batch_add_members_request all = MEMBERSHIP_V1_BATCH_ADD_MEMBERS_REQUEST_INIT;
    membership_v1_batch_add_members_response *added;
    membership_v1_membership *member;
    begin(w);
    assert_int_equal(add(w, "ann", "bea", told(w, &people, &by_hub), &member),
                     STATUS_INVALID_ARGUMENT);
    assert_string_equal(w->fault.field, "user_id");
    assert_string_equal(w->fault.reason, "NO_SUCH_USER");
    gone.is_deleted = true;
    people.people = (instance_v1_person *[]){&gone};
    people.n_people = 1;
    all.group_id = TEXT("o@o");
    all.user_ids = (char *[]){TEXT("gone"), TEXT("bea")};
    all.n_user_ids = 2;
    all.told = told(w, &people, &by_hub);
    assert_int_equal(WORLD_RPC(w, membership_v1, batch_add_members, "ann", all, added),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.field, "user_ids");
    assert_string_equal(w->fault.reason, "USER_DELETED");
    all.n_user_ids = 1;
    all.user_ids = (char *[]){TEXT("bea")};
    assert_int_equal(WORLD_RPC(w, membership_v1, batch_add_members, "ann", all, added),
                     STATUS_INVALID_ARGUMENT);
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.membership"), "1");
    /* Who may not ask learns nothing. */
    assert_int_equal(add(w, "eve", "bea", told(w, &people, &by_hub), &member),
                     STATUS_PERMISSION_DENIED);
}

static void only_the_hubs_word_counts(struct world *w)
{
    instance_v1_person bea = person("bea", "Bak Bea", 12), eve = person("bea", "Gonosz Éva", 99);
    instance_v1_people people = INSTANCE_V1_PEOPLE_INIT, others = INSTANCE_V1_PEOPLE_INIT;
    people.people = (instance_v1_person *[]){&bea};
    others.people = (instance_v1_person *[]){&eve};
    people.n_people = others.n_people = 1;
    const struct signing signings[] = {
        {&w->a.keys, JWT_TYP_PEOPLE, WORLD_HUB, "a", NULL, 0},           /* the realm's own key */
        {&w->hub_keys, JWT_TYP_PEOPLE, WORLD_HUB, "b", NULL, 0},         /* to another realm */
        {&w->hub_keys, JWT_TYP_PEOPLE, "other", "a", NULL, 0},           /* another hub's */
        {&w->hub_keys, JWT_TYP_ASSERTION, WORLD_HUB, "a", NULL, 0},      /* of another kind */
        {&w->hub_keys, JWT_TYP_PEOPLE, WORLD_HUB, "a", &people.base, 0}, /* of other people */
        {&w->hub_keys, JWT_TYP_PEOPLE, WORLD_HUB, "a", NULL, 45 + JWT_LEEWAY_S + 5}, /* of before */
    };
    membership_v1_membership *member;
    begin(w);
    for (size_t i = 0; i < sizeof(signings) / sizeof(signings[0]); i++) {
        assert_int_equal(add(w, "ann", "bea", told(w, &others, &signings[i]), &member),
                         STATUS_UNAUTHENTICATED);
        assert_string_equal(world_value(w, "SELECT count(*) FROM pek.person WHERE id = 'bea'"),
                            "0");
    }
}

static void who_is_given_a_policy_is_told_of_as_well(struct world *w)
{
    const struct signing by_hub = {&w->hub_keys, JWT_TYP_PEOPLE, WORLD_HUB, "a", NULL, 0};
    instance_v1_person bea = person("bea", "Bak Bea", 12);
    instance_v1_people people = INSTANCE_V1_PEOPLE_INIT;
    policy_v1_assign_policy_request req = POLICY_V1_ASSIGN_POLICY_REQUEST_INIT;
    policy_v1_assignment *assignment;
    begin(w);
    world_grant(w, &w->a, "Readers", "ann", NULL, 1);
    req.id =
        TEXT(world_value(w, "SELECT id FROM pek.policy WHERE realm = 'a' AND name = 'Readers'"));
    req.user_id = TEXT("bea");
    req.told = told(w, &people, &by_hub);
    assert_int_equal(WORLD_RPC(w, policy_v1, assign_policy, "ann", req, assignment),
                     STATUS_INVALID_ARGUMENT);
    assert_string_equal(w->fault.field, "user_id");
    people.people = (instance_v1_person *[]){&bea};
    people.n_people = 1;
    req.told = told(w, &people, &by_hub);
    assert_int_equal(WORLD_RPC(w, policy_v1, assign_policy, "ann", req, assignment), STATUS_OK);
    assert_string_equal(NAME_OF("bea"), "Bak Bea 12 7");
}

/* The signature is another each time; the request is the same. */
static void a_key_used_again_finds_its_request_whatever_the_hub_says_with_it(struct world *w)
{
    const struct signing now = {&w->hub_keys, JWT_TYP_PEOPLE, WORLD_HUB, "a", NULL, 0};
    const struct signing before = {&w->hub_keys, JWT_TYP_PEOPLE, WORLD_HUB, "a", NULL, 5};
    instance_v1_person bea = person("bea", "Bak Bea", 12);
    instance_v1_people people = INSTANCE_V1_PEOPLE_INIT;
    membership_v1_add_member_request req = MEMBERSHIP_V1_ADD_MEMBER_REQUEST_INIT;
    membership_v1_membership *member;
    begin(w);
    people.people = (instance_v1_person *[]){&bea};
    people.n_people = 1;
    req.group_id = TEXT("o@o");
    req.user_id = TEXT("bea");
    for (int i = 0; i < 2; i++) {
        const struct rpc_pair *pairs =
            world_metadata(w, &w->a, "ann", "idempotency-key", "once-and-again");
        req.told = told(w, &people, i ? &now : &before);
        w->fault = (struct fault){0};
        assert_int_equal(membership_v1_add_member_call(w->a.channel, &req, pairs, 2, WORLD_REST(w),
                                                       &member, &w->fault),
                         STATUS_OK);
        assert_string_equal(member->display_name, "Bak Bea");
    }
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.audit_log"
                                       " WHERE action = 'membership.add'"),
                        "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(who_is_added_has_their_name_at_once),
        WORLD_TEST(whom_the_hub_does_not_know_is_refused),
        WORLD_TEST(only_the_hubs_word_counts),
        WORLD_TEST(who_is_given_a_policy_is_told_of_as_well),
        WORLD_TEST(a_key_used_again_finds_its_request_whatever_the_hub_says_with_it),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
