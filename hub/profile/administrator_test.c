/* Whoever administers a realm, and would delete their account. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hub/profile/testing/profile_world.h"
#include "pek/hub/v1/profile.rpc.h"
#include "shared/base/clock.h"
#include "shared/row/row.h"

struct desk {
    struct hub_world *h;
    struct profile_world p;
    struct rpc_pair as;
};

static void desk_open(struct hub_world *h, struct desk *desk, const char *user)
{
    struct slice token = hub_login(h, &h->one, user);
    char *bearer = arena_printf(h->w->arena, "Bearer %.*s", SLICE_ARG(token));
    *desk = (struct desk){.h = h};
    desk->as = (struct rpc_pair){SLICE_LIT("authorization"), slice_str(bearer)};
    profile_world_open(&desk->p, h);
}

static void desk_close(struct desk *desk)
{
    profile_world_close(&desk->p);
}

static enum status delete_by(struct desk *desk, const char *user, bool abandon_realms)
{
    hub_v1_delete_user_request req = HUB_V1_DELETE_USER_REQUEST_INIT;
    hub_v1_delete_user_response *res;
    req.user = row_string(user);
    req.abandon_realms = abandon_realms;
    desk->h->fault = (struct fault){0};
    return hub_v1_delete_user_call(desk->p.channel, &req, &desk->as, 1, WORLD_REST(desk->h->w),
                                   &res, &desk->h->fault);
}

static enum status delete_user(struct desk *desk, const char *user)
{
    return delete_by(desk, user, false);
}

/* Whatever they call themself: the realm would be left without. */
static void who_administers_a_realm_is_not_deleted(struct hub_world *h)
{
    static const char *const names[] = {"me", "bob", "bob.n"};
    struct desk desk;
    world_god(h->w, &h->w->b, "bob");
    desk_open(h, &desk, "bob");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(delete_user(&desk, names[i]), STATUS_FAILED_PRECONDITION);
        assert_string_equal(h->fault.reason, "REALM_ADMINISTRATOR");
        assert_non_null(strstr(h->fault.text, "realm b"));
    }
    assert_string_equal(
        world_value(h->w, "SELECT (disabled_at IS NULL)::text || (SELECT count(*) FROM hub.profile"
                          " WHERE user_id = 'bob') FROM hub.user_account WHERE id = 'bob'"),
        "true1");
    desk_close(&desk);
}

/* What the hub remembers of a moment ago is not what counts: it asks the realm. */
static void who_gave_it_up_is_deleted(struct hub_world *h)
{
    struct desk desk;
    world_god(h->w, &h->w->b, "bob");
    desk_open(h, &desk, "bob");
    assert_int_equal(delete_user(&desk, "me"), STATUS_FAILED_PRECONDITION);
    world_sql(h->w, "SET pek.realm = 'b'; DELETE FROM pek.policy_assignment WHERE user_id = 'bob'");
    assert_int_equal(delete_user(&desk, "me"), STATUS_OK);
    desk_close(&desk);
}

/* It is the user's account: what a realm says is a reminder. */
static void who_was_told_and_goes_on_is_deleted(struct hub_world *h)
{
    struct desk desk;
    world_god(h->w, &h->w->b, "bob");
    desk_open(h, &desk, "bob");
    assert_int_equal(delete_user(&desk, "me"), STATUS_FAILED_PRECONDITION);
    assert_string_equal(h->fault.field, "abandon_realms");
    assert_int_equal(delete_by(&desk, "me", true), STATUS_OK);
    desk_close(&desk);
}

/* As everybody does who writes a row about them, and then waits for their profile. */
static void account_that_is_referred_to_is_deleted(struct hub_world *h)
{
    static const struct pg_statement refer = {
        "test_refer", "SELECT 1 FROM hub.user_account WHERE id = 'bob' FOR KEY SHARE"};
    struct desk desk;
    struct cancel cancel;
    struct pg_transaction *referring;
    desk_open(h, &desk, "bob");
    cancel_init(&cancel, DEADLINE_NONE);
    assert_int_equal(pg_begin(h->pg, &cancel, false, &referring), STATUS_OK);
    assert_int_equal(pg_apply(referring, &refer, NULL, 0, NULL), STATUS_OK);
    assert_int_equal(delete_by(&desk, "me", true), STATUS_OK);
    pg_rollback(referring);
    desk_close(&desk);
}

static void realm_that_gives_no_tokens_keeps_nobodys_account(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "bob");
    h->one.registry.options.issuer = "stranger"; /* from whom realms take no assertions */
    assert_int_equal(delete_user(&desk, "me"), STATUS_OK);
    h->one.registry.options.issuer = WORLD_HUB;
    desk_close(&desk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HUB_TEST(who_administers_a_realm_is_not_deleted),
        HUB_TEST(who_gave_it_up_is_deleted),
        HUB_TEST(who_was_told_and_goes_on_is_deleted),
        HUB_TEST(account_that_is_referred_to_is_deleted),
        HUB_TEST(realm_that_gives_no_tokens_keeps_nobodys_account),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
