/* Tokens and hints of realms: fetched once, kept, renewed, dropped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hub/session/credential.h"
#include "hub/session/testing/hub_world.h"
#include "shared/base/clock.h"

#define VIEW_GROUP (1u << 2)

static struct hub_world *world; /* of the test that runs: for parts on fibers of their own */
static struct session *shared_session;

static struct instance *realm(struct hub_world *h, const char *name)
{
    struct instance *instance = registry_find(&h->one.registry, slice_str(name));
    assert_non_null(instance);
    return instance;
}

static struct credential *credential_of(struct session *session, struct instance *instance)
{
    return credential_make(session, instance);
}

static struct session *session_of(struct hub_world *h, const char *user)
{
    return hub_session(h, &h->one, hub_login(h, &h->one, user));
}

/* As a request does: asks, and waits until there is one or it failed. */
static enum credential_state await(struct session *session, struct instance *instance)
{
    struct credential_waiter waiter = {0};
    struct fiber_event event = {0};
    enum credential_state state;
    while ((state = credential_get(session, instance, NULL, &waiter, &event)) ==
           CREDENTIAL_FETCHING)
        assert_int_equal(fiber_event_wait(&event, deadline_after_ms(10000)), STATUS_OK);
    credential_withdraw(&waiter);
    return state;
}

static void await_background(struct hub_world *h)
{
    int64_t until_us = deadline_after_ms(10000);
    while (h->one.cache.background > 1 && clock_monotonic_us() < until_us) /* one purges */
        fiber_sleep_ms(1);
    assert_int_equal(h->one.cache.background, 1);
}

static bool has_policy(const struct credential *credential, const char *name)
{
    for (size_t i = 0; i < credential->policy_count; i++)
        if (slice_equal_str(credential->policies[i], name))
            return true;
    return false;
}

/* ---- fetching ---- */

static void credential_is_a_token_and_hints_ready_to_send(struct hub_world *h)
{
    world_god(h->w, &h->w->a, "alice");
    world_grant(h->w, &h->w->a, "K\xc3\xb6r 100%", "alice", NULL, VIEW_GROUP);
    struct session *session = session_of(h, "alice");
    struct credential *credential = credential_of(session, realm(h, "a"));
    assert_int_equal(await(session, realm(h, "a")), CREDENTIAL_READY);
    assert_int_equal(credential->pair_count, 3);
    assert_true(slice_equal_str(credential->pairs[0].key, "authorization"));
    assert_true(slice_starts_with(credential->pairs[0].value, SLICE_LIT("Bearer ")));
    assert_true(has_policy(credential, "GOD") && has_policy(credential, "K\xc3\xb6r 100%"));
    bool encoded = false;
    for (size_t i = 1; i < credential->pair_count; i++)
        encoded |= slice_equal_str(credential->pairs[i].value, "K%C3%B6r%20100%25");
    assert_true(encoded);
    /* The realm takes it. */
    group_v1_get_group_request req = GROUP_V1_GET_GROUP_REQUEST_INIT;
    group_v1_group *group;
    assert_int_equal(world_create(h->w, "alice", "", "o", "O"), STATUS_OK); /* changes policies */
    assert_int_equal(await(session, realm(h, "a")), CREDENTIAL_READY);
    req.id = (char *)(uintptr_t) "o@o";
    assert_int_equal(group_v1_get_group_call(realm(h, "a")->channel, &req, credential->pairs,
                                             credential->pair_count, WORLD_REST(h->w), &group,
                                             &h->fault),
                     STATUS_OK);
    session_release(session);
}

static void part_of_many(struct fiber_run *run, size_t index)
{
    (void)run, (void)index;
    assert_int_equal(await(shared_session, realm(world, "a")), CREDENTIAL_READY);
}

static void however_many_wait_the_realm_is_asked_once(struct hub_world *h)
{
    world = h;
    shared_session = session_of(h, "alice");
    fiber_run_parallel(h->w->run, 100, part_of_many);
    assert_int_equal(h->one.cache.tokens_issued, 1);
    assert_int_equal(await(shared_session, realm(h, "a")), CREDENTIAL_READY);
    assert_int_equal(h->one.cache.tokens_issued, 1);
    session_release(shared_session);
}

static void waiter_that_goes_away_leaves_the_others_waiting(struct hub_world *h)
{
    struct session *session = session_of(h, "alice");
    struct credential_waiter gone = {0};
    struct fiber_event event = {0};
    assert_int_equal(credential_get(session, realm(h, "a"), NULL, &gone, &event),
                     CREDENTIAL_FETCHING);
    credential_withdraw(&gone);
    assert_int_equal(await(session, realm(h, "a")), CREDENTIAL_READY);
    assert_false(event.signalled);
    session_release(session);
}

/* A session that is released, and evicted, while a fiber still works on it. */
static void session_outlives_its_release_while_a_realm_is_asked(struct hub_world *h)
{
    struct session *session = session_of(h, "alice");
    assert_int_equal(credential_get(session, realm(h, "a"), NULL, NULL, NULL), CREDENTIAL_FETCHING);
    lru_clear(&h->one.cache.lru);
    session_release(session);
    await_background(h);
    assert_int_equal(h->one.cache.tokens_issued, 1);
}

/* ---- whose realms ---- */

static const char *realms_of(struct hub_world *h, const char *user)
{
    return world_value(h->w,
                       "SELECT coalesce(string_agg(realm, ' ' ORDER BY realm), '')"
                       "  FROM hub.user_realm WHERE user_id = '%s'",
                       user);
}

static bool includes(struct session *session, const struct instance *instance)
{
    const struct credential *credential = session_credential(session, instance);
    return credential->member || !credential->asked;
}

static void realm_that_does_not_know_the_user_is_not_among_the_users(struct hub_world *h)
{
    world_god(h->w, &h->w->a, "alice");
    struct session *session = session_of(h, "alice");
    assert_true(includes(session, realm(h, "a")));
    assert_true(includes(session, realm(h, "b"))); /* not asked yet */
    assert_false(session_credential(session, realm(h, "b"))->member);
    assert_int_equal(await(session, realm(h, "a")), CREDENTIAL_READY);
    assert_int_equal(await(session, realm(h, "b")), CREDENTIAL_READY);
    assert_true(includes(session, realm(h, "a")));
    assert_false(includes(session, realm(h, "b")));
    await_background(h);
    assert_string_equal(realms_of(h, "alice"), "a");
    session_release(session);
}

/* Another hub was told, or the feed of people: the row of the session is looked at now and then. */
static void
realm_that_came_to_know_the_user_is_asked_when_the_row_is_read_again(struct hub_world *h)
{
    struct slice token = hub_login(h, &h->one, "alice");
    struct session *session = hub_session(h, &h->one, token);
    assert_int_equal(await(session, realm(h, "b")), CREDENTIAL_READY);
    assert_false(includes(session, realm(h, "b")));
    await_background(h);
    (void)world_value(h->w,
                      "INSERT INTO hub.user_realm (user_id, realm) VALUES ('%s', 'b')"
                      " RETURNING realm",
                      "alice");
    session->asked_us = INT64_MIN;
    assert_int_equal(hub_find(h, &h->one, token), STATUS_OK);
    assert_true(includes(session, realm(h, "b")));
    assert_int_equal(session_credential(session, realm(h, "b"))->state, CREDENTIAL_NONE);
    session_release(session);
}

static void next_session_knows_the_realms_without_asking(struct hub_world *h)
{
    world_god(h->w, &h->w->a, "alice");
    struct session *session = session_of(h, "alice");
    assert_int_equal(await(session, realm(h, "a")), CREDENTIAL_READY);
    await_background(h);
    session_release(session);
    session = session_of(h, "alice");
    assert_true(session_credential(session, realm(h, "a"))->member);
    assert_false(session_credential(session, realm(h, "b"))->member);
    session_release(session);
}

static void user_who_left_a_realm_is_taken_off_its_list(struct hub_world *h)
{
    world_sql(h->w,
              "INSERT INTO hub.user_realm (user_id, realm) VALUES ('bob', 'a'), ('bob', 'gone')");
    struct session *session = session_of(h, "bob");
    assert_true(session_credential(session, realm(h, "a"))->member);
    assert_int_equal(await(session, realm(h, "a")), CREDENTIAL_READY);
    assert_false(includes(session, realm(h, "a")));
    await_background(h);
    assert_string_equal(realms_of(h, "bob"),
                        "gone"); /* a realm that is not there now is left alone */
    session_release(session);
}

/* ---- policies that change ---- */

static bool alice_has_no_credential(struct hub_world *h)
{
    (void)h;
    return credential_of(shared_session, realm(world, "a"))->state == CREDENTIAL_NONE;
}

static void change_of_policies_in_the_realm_drops_hints_and_token(struct hub_world *h)
{
    world = h;
    world_grant(h->w, &h->w->a, "First", "alice", NULL, VIEW_GROUP);
    shared_session = session_of(h, "alice");
    struct session *bob = session_of(h, "bob");
    struct credential *credential = credential_of(shared_session, realm(h, "a"));
    assert_int_equal(await(shared_session, realm(h, "a")), CREDENTIAL_READY);
    assert_int_equal(await(bob, realm(h, "a")), CREDENTIAL_READY);
    int64_t begin_us = clock_monotonic_us();
    world_grant(h->w, &h->w->a, "Second", "alice", NULL, VIEW_GROUP);
    assert_true(hub_until(h, alice_has_no_credential));
    print_message("hints followed after %.1f ms\n",
                  (double)(clock_monotonic_us() - begin_us) / 1000);
    assert_int_equal(credential_of(bob, realm(h, "a"))->state, CREDENTIAL_READY);
    assert_int_equal(await(shared_session, realm(h, "a")), CREDENTIAL_READY);
    assert_true(has_policy(credential, "First") && has_policy(credential, "Second"));
    session_release(bob);
    session_release(shared_session);
}

static void change_while_the_realm_is_asked_makes_the_hub_ask_again(struct hub_world *h)
{
    static const char *const users[] = {"alice"};
    struct session *session = session_of(h, "alice");
    assert_int_equal(credential_get(session, realm(h, "a"), NULL, NULL, NULL), CREDENTIAL_FETCHING);
    fiber_sleep_ms(0); /* the question leaves */
    assert_true(credential_of(session, realm(h, "a"))->fetching);
    session_policies_changed(&h->one.cache, realm(h, "a"), users, 1);
    assert_int_equal(await(session, realm(h, "a")), CREDENTIAL_READY);
    assert_int_equal(h->one.cache.tokens_issued, 2);
    /* Of others, it does not. */
    static const char *const others[] = {"bob", "carol"};
    assert_int_equal(credential_get(session, realm(h, "b"), NULL, NULL, NULL), CREDENTIAL_FETCHING);
    fiber_sleep_ms(0);
    session_policies_changed(&h->one.cache, realm(h, "b"), others, 2);
    assert_int_equal(await(session, realm(h, "b")), CREDENTIAL_READY);
    assert_int_equal(h->one.cache.tokens_issued, 3);
    session_release(session);
}

static void reset_drops_everybodys_and_only_in_that_realm(struct hub_world *h)
{
    struct session *alice = session_of(h, "alice"), *bob = session_of(h, "bob");
    struct instance *a = realm(h, "a"), *b = realm(h, "b");
    assert_int_equal(await(alice, a), CREDENTIAL_READY);
    assert_int_equal(await(alice, b), CREDENTIAL_READY);
    assert_int_equal(await(bob, a), CREDENTIAL_READY);
    session_policies_changed(&h->one.cache, a, NULL, 0);
    assert_int_equal(credential_of(alice, a)->state, CREDENTIAL_NONE);
    assert_int_equal(credential_of(bob, a)->state, CREDENTIAL_NONE);
    assert_int_equal(credential_of(alice, b)->state, CREDENTIAL_READY);
    session_release(alice);
    session_release(bob);
}

/* ---- renewing, refusing, failing ---- */

static void token_that_the_realm_refused_is_fetched_anew(struct hub_world *h)
{
    world_god(h->w, &h->w->a, "alice");
    struct session *session = session_of(h, "alice");
    assert_int_equal(await(session, realm(h, "a")), CREDENTIAL_READY);
    uint64_t issued = h->one.cache.tokens_issued;
    credential_refused(session, realm(h, "a"));
    assert_true(
        session_credential(session, realm(h, "a"))->member); /* it is no stranger for that */
    assert_int_equal(await(session, realm(h, "a")), CREDENTIAL_READY);
    assert_int_equal(h->one.cache.tokens_issued, issued + 1);
    session_release(session);
}

static void token_is_renewed_behind_the_requests_before_it_expires(struct hub_world *h)
{
    world_god(h->w, &h->w->a, "alice");
    struct session *session = session_of(h, "alice");
    struct credential *credential = credential_of(session, realm(h, "a"));
    assert_int_equal(await(session, realm(h, "a")), CREDENTIAL_READY);
    await_background(h);
    world_sql(h->w, "DELETE FROM hub.user_realm"); /* as a failover may lose it */
    uint64_t issued = h->one.cache.tokens_issued;
    credential->expires_us = deadline_after_ms((CREDENTIAL_RENEW_S - 1) * 1000);
    credential->retry_us = 0;
    /* Nobody waits for it. */
    assert_int_equal(credential_get(session, realm(h, "a"), NULL, NULL, NULL), CREDENTIAL_READY);
    assert_true(credential->fetching);
    assert_int_equal(credential_get(session, realm(h, "a"), NULL, NULL, NULL), CREDENTIAL_READY);
    await_background(h);
    assert_int_equal(h->one.cache.tokens_issued, issued + 1);
    assert_true(credential->expires_us > deadline_after_ms(CREDENTIAL_RENEW_S * 1000));
    assert_string_equal(realms_of(h, "alice"), "a");
    session_release(session);
}

static void renewal_that_fails_keeps_the_token_until_it_expires(struct hub_world *h)
{
    struct session *session = session_of(h, "alice");
    struct instance *a = realm(h, "a");
    struct credential *credential = credential_of(session, a);
    assert_int_equal(await(session, a), CREDENTIAL_READY);
    const char *token = credential->memory;
    h->one.registry.options.issuer = "stranger"; /* from whom the realm takes no assertions */
    credential->expires_us = deadline_after_ms((CREDENTIAL_RENEW_S - 1) * 1000);
    credential->retry_us = 0;
    uint64_t failures = h->one.cache.token_failures;
    assert_int_equal(credential_get(session, a, NULL, NULL, NULL), CREDENTIAL_READY);
    await_background(h);
    assert_int_equal(h->one.cache.token_failures, failures + 1);
    assert_ptr_equal(credential->memory, token);
    assert_int_equal(credential_get(session, a, NULL, NULL, NULL), CREDENTIAL_READY);
    assert_false(credential->fetching); /* not again before CREDENTIAL_RETRY_MS */
    /* Once it has expired, there is none, and why is known. */
    credential->expires_us = clock_monotonic_us();
    credential->retry_us = 0;
    assert_int_equal(await(session, a), CREDENTIAL_FAILED);
    assert_int_equal(credential->fault.status, STATUS_UNAUTHENTICATED);
    assert_int_equal(await(session, a), CREDENTIAL_FAILED);
    assert_int_equal(h->one.cache.token_failures, failures + 2);
    h->one.registry.options.issuer = WORLD_HUB;
    credential->retry_us = 0;
    assert_int_equal(await(session, a), CREDENTIAL_READY);
    session_release(session);
}

/* A realm that was asked and says nothing. */
static void silent_realm_is_waited_for_until_the_deadline(struct hub_world *h)
{
    world_god(h->w, &h->w->b, "alice");
    struct session *session = session_of(h, "alice");
    assert_int_equal(await(session, realm(h, "a")), CREDENTIAL_READY);
    world_sql(h->w, "INSERT INTO hub.user_realm (user_id, realm) VALUES ('bob', 'a')");
    struct session *bob = session_of(h, "bob");
    struct credential *silent = credential_of(bob, realm(h, "a"));
    silent->fetching = true;
    int64_t began_us = clock_monotonic_us();
    assert_null(session_find_god(bob, NULL, deadline_after_ms(300), h->w->arena));
    assert_in_range(clock_monotonic_us() - began_us, 300 * 1000, 3000 * 1000);
    silent->fetching = false;
    /* The others are heard. */
    silent = credential_of(session, realm(h, "a"));
    silent->fetching = true;
    silent->asked = false;
    assert_string_equal(session_find_god(session, NULL, deadline_after_ms(3000), h->w->arena), "b");
    silent->fetching = false;
    await_background(h);
    session_release(bob);
    session_release(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HUB_TEST(credential_is_a_token_and_hints_ready_to_send),
        HUB_TEST(however_many_wait_the_realm_is_asked_once),
        HUB_TEST(waiter_that_goes_away_leaves_the_others_waiting),
        HUB_TEST(session_outlives_its_release_while_a_realm_is_asked),
        HUB_TEST(realm_that_does_not_know_the_user_is_not_among_the_users),
        HUB_TEST(realm_that_came_to_know_the_user_is_asked_when_the_row_is_read_again),
        HUB_TEST(next_session_knows_the_realms_without_asking),
        HUB_TEST(user_who_left_a_realm_is_taken_off_its_list),
        HUB_TEST(change_of_policies_in_the_realm_drops_hints_and_token),
        HUB_TEST(change_while_the_realm_is_asked_makes_the_hub_ask_again),
        HUB_TEST(reset_drops_everybodys_and_only_in_that_realm),
        HUB_TEST(token_that_the_realm_refused_is_fetched_anew),
        HUB_TEST(token_is_renewed_behind_the_requests_before_it_expires),
        HUB_TEST(renewal_that_fails_keeps_the_token_until_it_expires),
        HUB_TEST(silent_realm_is_waited_for_until_the_deadline),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
