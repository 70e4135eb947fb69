/* Who sees somebody's full profile: bob's, over the realms a and b. alice meets him in both, carol in b. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hub/profile/testing/profile_world.h"
#include "hub/session/permission.h"
#include "pek/hub/v1/profile.rpc.h"
#include "pek/policy/v1/policy.rpc.h"
#include "shared/row/row.h"

#define SEES_ALL (1u << 9) /* VIEW_FULL_PROFILE */
#define VIEW_GROUP (1u << 2)
#define OTHERS (0x7FFu & ~SEES_ALL)

struct desk {
    struct hub_world *h;
    struct profile_world p;
    struct slice token;
    hub_v1_profile *res;
};

static void as(struct desk *desk, const char *user)
{
    desk->token = hub_login(desk->h, &desk->h->one, user);
}

static void desk_open(struct hub_world *h, struct desk *desk, const char *user)
{
    struct world *w = h->w;
    *desk = (struct desk){.h = h};
    world_sql(w,
              "TRUNCATE hub.instance; INSERT INTO hub.instance (realm, name, target) VALUES"
              " ('a', 'A', '127.0.0.1:1'), ('b', 'B', '127.0.0.1:2');"
              " INSERT INTO hub.user_realm (user_id, realm) VALUES ('alice', 'a'),"
              " ('alice', 'b'), ('bob', 'a'), ('bob', 'b'), ('carol', 'b');"
              " UPDATE hub.profile SET cell_phone = '+36201234567', room = '1103', dormitory = 3,"
              "  gender = 1, student_status = 1, visible = 31 WHERE user_id = 'bob';"
              " INSERT INTO hub.external_account VALUES ('bob', 1, 4, 'zoli'),"
              "  ('bob', 2, 11, 'bob@example.org')");
    const struct world_realm *realms[] = {&w->a, &w->b};
    for (size_t i = 0; i < 2; i++) {
        world_grant(w, realms[i], "Of alice", "alice", NULL, VIEW_GROUP);
        world_grant(w, realms[i], "Of bob", "bob", NULL, VIEW_GROUP);
    }
    world_grant(w, &w->b, "Of carol", "carol", NULL, VIEW_GROUP);
    profile_world_open(&desk->p, h);
    as(desk, user);
}

static void desk_close(struct desk *desk)
{
    profile_world_close(&desk->p);
}

static enum status get(struct desk *desk, const char *user)
{
    hub_v1_get_profile_request req = HUB_V1_GET_PROFILE_REQUEST_INIT;
    char *bearer = arena_printf(desk->h->w->arena, "Bearer %.*s", SLICE_ARG(desk->token));
    const struct rpc_pair pair = {SLICE_LIT("authorization"), slice_str(bearer)};
    req.user = row_string(user);
    desk->h->fault = (struct fault){0};
    return hub_v1_get_profile_call(desk->p.channel, &req, &pair, 1, WORLD_REST(desk->h->w),
                                   &desk->res, &desk->h->fault);
}

static hub_v1_profile_view view_of(struct desk *desk, const char *user)
{
    assert_int_equal(get(desk, user), STATUS_OK);
    return desk->res->view;
}

#define ASSERT_VIEW(desk, user, wanted)                                                            \
    assert_int_equal(view_of((desk), (user)), HUB_V1_PROFILE_VIEW_##wanted)

static struct desk *changing;

static bool is_full(struct hub_world *h)
{
    (void)h;
    return view_of(changing, "bob") == HUB_V1_PROFILE_VIEW_FULL;
}

static bool is_basic(struct hub_world *h)
{
    (void)h;
    return view_of(changing, "bob") == HUB_V1_PROFILE_VIEW_BASIC;
}

static bool becomes(struct desk *desk, bool (*condition)(struct hub_world *h))
{
    changing = desk;
    return hub_until(desk->h, condition);
}

/* ---- what is in it ---- */

static void right_in_a_realm_of_both_shows_what_is_visible(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "alice");
    world_grant(h->w, &h->w->b, "Sees", "alice", NULL, SEES_ALL);
    assert_true(becomes(&desk, is_full));
    const hub_v1_profile *bob = desk.res;
    assert_string_equal(bob->id, "bob");
    assert_string_equal(bob->username, "bob.n");
    assert_string_equal(bob->first_name, "Bob");
    assert_string_equal(bob->cell_phone, "+36201234567");
    assert_string_equal(bob->room, "1103");
    assert_int_equal(bob->dormitory, HUB_V1_DORMITORY_SCH);
    assert_int_equal(bob->gender, HUB_V1_GENDER_MALE);
    assert_int_equal(bob->student_status, HUB_V1_STUDENT_STATUS_ACTIVE);
    assert_int_equal(bob->n_external_accounts, 2);
    assert_string_equal(bob->external_accounts[1]->account_name, "bob@example.org");
    /* Neither what the switches are, nor when he was here. */
    assert_int_equal(bob->n_visible, 0);
    assert_string_equal(bob->etag, "");
    assert_null(bob->create_time);
    assert_null(bob->update_time);
    assert_int_equal(bob->n_unreachable, 0);
    desk_close(&desk);
}

/* "+" for each of phone, room, dormitory, gender, student status, accounts that is there. */
static const char *details(const hub_v1_profile *profile)
{
    static char text[7];
    const bool there[] = {profile->cell_phone[0] != '\0', profile->room[0] != '\0',
                          profile->dormitory != 0,        profile->gender != 0,
                          profile->student_status != 0,   profile->n_external_accounts > 0};
    for (size_t i = 0; i < 6; i++)
        text[i] = there[i] ? '+' : '-';
    return text;
}

static void hidden_switch_hides_its_detail_and_no_other(struct hub_world *h)
{
    static const struct {
        unsigned visible;
        const char *seen;
    } switches[] = {{0, "------"}, {1, "+-----"},  {2, "-++---"},  {4, "---+--"},
                    {8, "----+-"}, {16, "-----+"}, {15, "+++++-"}, {31, "++++++"}};
    struct desk desk;
    desk_open(h, &desk, "alice");
    world_grant(h->w, &h->w->a, "Sees", "alice", NULL, SEES_ALL);
    assert_true(becomes(&desk, is_full));
    for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
        world_sql(h->w, "UPDATE hub.profile SET visible = %u WHERE user_id = 'bob'",
                  switches[i].visible);
        ASSERT_VIEW(&desk, "bob", FULL);
        assert_string_equal(details(desk.res), switches[i].seen);
    }
    desk_close(&desk);
}

/* ---- who has it ---- */

static void every_other_right_shows_the_names_only(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "alice");
    world_grant(h->w, &h->w->a, "Nearly", "alice", NULL, OTHERS);
    world_grant(h->w, &h->w->b, "Nearly", "alice", NULL, OTHERS);
    world_sql(h->w, "UPDATE hub.user_account SET is_admin = true WHERE id = 'alice'");
    ASSERT_VIEW(&desk, "bob", BASIC);
    assert_string_equal(details(desk.res), "------");
    desk_close(&desk);
}

/* carol may everything in a realm that she alone is in; b, where they meet, has given her nothing. */
static void right_of_a_realm_that_is_not_both_s_counts_nothing(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "carol");
    world_god(h->w, &h->w->a, "carol");
    world_sql(h->w, "INSERT INTO hub.user_realm (user_id, realm) VALUES ('carol', 'a');"
                    " DELETE FROM hub.user_realm WHERE user_id = 'bob' AND realm = 'a'");
    ASSERT_VIEW(&desk, "bob", BASIC);
    /* Whatever the realm says: it is not asked of people of whom the hub does not know that they are in it. */
    world_sql(h->w, "INSERT INTO hub.user_realm (user_id, realm) VALUES ('bob', 'a');"
                    " DELETE FROM hub.user_realm WHERE user_id = 'carol' AND realm = 'a'");
    as(&desk, "carol");
    ASSERT_VIEW(&desk, "bob", BASIC);
    /* Nor does it when b is gone, where they met: then she does not see him at all. */
    world_sql(h->w, "UPDATE hub.instance SET status = 'REMOVED' WHERE realm = 'b'");
    assert_int_equal(get(&desk, "bob"), STATUS_NOT_FOUND);
    desk_close(&desk);
}

static void right_on_one_user_shows_that_user(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "alice");
    world_sql(h->w,
              "INSERT INTO hub.user_account (id, username, name) VALUES ('dave', 'dave', 'D');"
              " INSERT INTO hub.user_realm (user_id, realm) VALUES ('dave', 'a')");
    world_grant(h->w, &h->w->a, "Of dave", "dave", NULL, VIEW_GROUP);
    world_grant(h->w, &h->w->a, "Sees bob", "alice", NULL, VIEW_GROUP);
    world_sql(h->w,
              "UPDATE pek.policy_statement AS s SET actions = %u, user_id = 'bob'"
              "  FROM pek.policy AS p WHERE p.realm = 'a' AND s.realm = 'a'"
              "   AND p.id = s.policy_id AND p.name = 'Sees bob'",
              SEES_ALL);
    assert_true(becomes(&desk, is_full));
    ASSERT_VIEW(&desk, "dave", BASIC);
    desk_close(&desk);
}

/* ---- remembered ---- */

static uint64_t asked(const struct desk *desk)
{
    uint64_t calls = 0;
    for (size_t i = 0; i < 2; i++)
        calls += desk->h->one.registry.instances[i]->calls_made;
    return calls;
}

static void answer_is_remembered_with_the_session(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "alice");
    ASSERT_VIEW(&desk, "bob", BASIC);
    uint64_t before = asked(&desk);
    for (size_t i = 0; i < 5; i++)
        ASSERT_VIEW(&desk, "bob", BASIC);
    assert_int_equal(asked(&desk), before);
    /* Another session is another question. */
    as(&desk, "alice");
    ASSERT_VIEW(&desk, "bob", BASIC);
    assert_true(asked(&desk) > before);
    desk_close(&desk);
}

static void revoked_right_is_forgotten(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "alice");
    world_grant(h->w, &h->w->a, "Sees", "alice", NULL, SEES_ALL);
    assert_true(becomes(&desk, is_full));
    ASSERT_VIEW(&desk, "bob", FULL);
    world_sql(h->w, "DELETE FROM pek.policy WHERE realm = 'a' AND name = 'Sees'");
    assert_true(becomes(&desk, is_basic));
    desk_close(&desk);
}

static void unwatched_realm_is_asked_each_time(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "alice");
    world_grant(h->w, &h->w->a, "Sees", "alice", NULL, SEES_ALL);
    assert_true(becomes(&desk, is_full));
    uint64_t before = asked(&desk);
    h->one.registry.instances[0]->watched = false;
    ASSERT_VIEW(&desk, "bob", FULL);
    assert_true(asked(&desk) > before);
    h->one.registry.instances[0]->watched = true;
    desk_close(&desk);
}

/* Of the memory alone: what is told of either of the two, and what was asked before it was told. */
static void change_of_either_of_the_two_is_forgotten(struct hub_world *h)
{
    const struct slice bob = SLICE_LIT("bob");
    static const char *const told[] = {"bob", "alice"};
    struct desk desk;
    desk_open(h, &desk, "alice");
    struct session *session = hub_session(h, &h->one, desk.token);
    struct instance *a = h->one.registry.instances[0];
    for (size_t i = 0; i < 3; i++) {
        const char *const *users = i < 2 ? &told[i] : NULL;
        struct permission_ticket ticket = permission_ask(session, a, bob);
        permission_put(session, a, bob, &ticket, true);
        assert_int_equal(permission_get(session, a, bob), PERMISSION_GRANTED);
        assert_int_equal(permission_get(session, a, SLICE_LIT("bobo")), PERMISSION_UNKNOWN);
        ticket = permission_ask(session, a, bob);
        session_policies_changed(&h->one.cache, a, users, i < 2);
        assert_int_equal(permission_get(session, a, bob), PERMISSION_UNKNOWN);
        permission_put(session, a, bob, &ticket, true);
        assert_int_equal(permission_get(session, a, bob), PERMISSION_UNKNOWN);
    }
    session_release(session);
    desk_close(&desk);
}

static void memory_of_a_session_is_bounded(struct hub_world *h)
{
    char user[16];
    struct desk desk;
    desk_open(h, &desk, "alice");
    struct session *session = hub_session(h, &h->one, desk.token);
    struct instance *a = h->one.registry.instances[0];
    for (size_t i = 0; i <= PERMISSIONS_MAX; i++) {
        struct slice name = slice_make(user, (size_t)snprintf(user, sizeof(user), "user%zu", i));
        struct permission_ticket ticket = permission_ask(session, a, name);
        permission_put(session, a, name, &ticket, i % 2);
    }
    assert_int_equal(permission_get(session, a, SLICE_LIT("user0")), PERMISSION_UNKNOWN);
    assert_int_equal(permission_get(session, a, SLICE_LIT("user1")), PERMISSION_GRANTED);
    assert_int_equal(permission_get(session, a, SLICE_LIT("user2")), PERMISSION_DENIED);
    session_release(session);
    desk_close(&desk);
}

/* ---- realms that are away ---- */

static void realm_that_is_away_grants_nothing_and_is_named(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "alice");
    world_grant(h->w, &h->w->a, "Sees", "alice", NULL, SEES_ALL);
    assert_true(becomes(&desk, is_full));
    instance_drain(h->one.registry.instances[0]);
    session_policies_changed(&h->one.cache, h->one.registry.instances[0], NULL, 0);
    ASSERT_VIEW(&desk, "bob", BASIC);
    assert_int_equal(desk.res->n_unreachable, 1);
    assert_string_equal(desk.res->unreachable[0], "realms/a");
    /* Another realm's word is enough, and then nothing is missing. */
    world_grant(h->w, &h->w->b, "Sees", "alice", NULL, SEES_ALL);
    assert_true(becomes(&desk, is_full));
    assert_int_equal(desk.res->n_unreachable, 0);
    desk_close(&desk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HUB_TEST(right_in_a_realm_of_both_shows_what_is_visible),
        HUB_TEST(hidden_switch_hides_its_detail_and_no_other),
        HUB_TEST(every_other_right_shows_the_names_only),
        HUB_TEST(right_of_a_realm_that_is_not_both_s_counts_nothing),
        HUB_TEST(right_on_one_user_shows_that_user),
        HUB_TEST(answer_is_remembered_with_the_session),
        HUB_TEST(revoked_right_is_forgotten),
        HUB_TEST(unwatched_realm_is_asked_each_time),
        HUB_TEST(change_of_either_of_the_two_is_forgotten),
        HUB_TEST(memory_of_a_session_is_bounded),
        HUB_TEST(realm_that_is_away_grants_nothing_and_is_named),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
