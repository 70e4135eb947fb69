/* Whoever administers a realm, and would delete their account. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hub/profile/profile_service.h"
#include "hub/session/session_service.h"
#include "hub/session/testing/hub_world.h"
#include "pek/hub/v1/profile.rpc.h"
#include "shared/row/row.h"

struct desk {
    struct hub_world *h;
    struct rpc_host *host;
    struct rpc_channel *channel;
    struct service service;
    struct rpc_pair as;
};

static void desk_open(struct hub_world *h, struct desk *desk, const char *user)
{
    const struct rpc_host_options options = {.interceptor = session_interceptor(&h->one.cache)};
    struct slice token = hub_login(h, &h->one, user);
    char *bearer = arena_printf(h->w->arena, "Bearer %.*s", SLICE_ARG(token));
    *desk = (struct desk){.h = h, .service = hub_service(h->pg)};
    desk->as = (struct rpc_pair){SLICE_LIT("authorization"), slice_str(bearer)};
    assert_int_equal(rpc_host_new(h->w->run->fibers, &options, &desk->host), STATUS_OK);
    assert_int_equal(session_service_add(desk->host, &h->one.cache, &h->fault), STATUS_OK);
    assert_int_equal(profile_service_add(desk->host, &desk->service, &h->fault), STATUS_OK);
    assert_int_equal(rpc_channel_new_local(desk->host, &desk->channel), STATUS_OK);
}

static void desk_close(struct desk *desk)
{
    rpc_channel_free(desk->channel);
    rpc_host_free(desk->host);
}

static enum status delete_by(struct desk *desk, const char *user, bool abandon_realms)
{
    hub_v1_delete_user_request req = HUB_V1_DELETE_USER_REQUEST_INIT;
    hub_v1_delete_user_response *res;
    req.user = row_string(user);
    req.abandon_realms = abandon_realms;
    desk->h->fault = (struct fault){0};
    return hub_v1_delete_user_call(desk->channel, &req, &desk->as, 1, WORLD_REST(desk->h->w), &res,
                                   &desk->h->fault);
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
        HUB_TEST(realm_that_gives_no_tokens_keeps_nobodys_account),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
