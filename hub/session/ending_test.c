/* Sessions that end: here, on another hub, by an operator, by themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hub/session/testing/hub_world.h"
#include "shared/base/clock.h"

static void close_session(struct hub_world *h, struct hub *hub, struct slice token)
{
    assert_int_equal(session_close(&hub->cache, &h->w->cancel, token, h->w->arena, &h->fault),
                     STATUS_OK);
}

static void logout_is_true_at_once_and_for_good(struct hub_world *h)
{
    struct slice token = hub_login(h, &h->one, "alice");
    struct session *session = hub_session(h, &h->one, token);
    close_session(h, &h->one, token);
    assert_true(session->ended); /* a request that runs can see it */
    assert_int_equal(hub_find(h, &h->one, token), STATUS_UNAUTHENTICATED);
    assert_int_equal(hub_find(h, &h->other, token), STATUS_UNAUTHENTICATED);
    close_session(h, &h->one, token); /* twice is no mistake */
    session_release(session);
}

static void logout_ends_one_session_not_others(struct hub_world *h)
{
    struct slice one = hub_login(h, &h->one, "alice"), two = hub_login(h, &h->one, "alice");
    struct slice three = hub_login(h, &h->one, "bob");
    assert_int_equal(hub_find(h, &h->one, two), STATUS_OK);
    close_session(h, &h->one, one);
    assert_int_equal(hub_find(h, &h->one, one), STATUS_UNAUTHENTICATED);
    assert_int_equal(hub_find(h, &h->one, two), STATUS_OK);
    assert_int_equal(hub_find(h, &h->one, three), STATUS_OK);
}

static void forged_cookie_logs_nobody_out(struct hub_world *h)
{
    struct slice token = hub_login(h, &h->one, "alice");
    struct slice forged = hub_forge(h, &h->w->a.keys, JWT_TYP_SESSION, WORLD_HUB, "alice",
                                    hub_session_id(h, "alice"));
    assert_int_equal(session_close(&h->one.cache, &h->w->cancel, forged, h->w->arena, &h->fault),
                     STATUS_UNAUTHENTICATED);
    assert_int_equal(hub_find(h, &h->one, token), STATUS_OK);
}

static void logout_is_heard_by_the_other_hub(struct hub_world *h)
{
    struct slice token = hub_login(h, &h->one, "alice");
    assert_int_equal(hub_find(h, &h->other, token), STATUS_OK);
    int64_t begin_us = clock_monotonic_us();
    close_session(h, &h->one, token);
    assert_true(hub_forgets(h, &h->other));
    print_message("the other hub heard after %.1f ms\n",
                  (double)(clock_monotonic_us() - begin_us) / 1000);
    assert_int_equal(hub_find(h, &h->other, token), STATUS_UNAUTHENTICATED);
}

static void whatever_ends_a_row_is_heard_by_every_hub(struct hub_world *h)
{
    const char *const changes[] = {
        "UPDATE hub.session SET revoked_at = now()",
        "SELECT hub.set_user_disabled('alice', true)",
        "SELECT hub.set_user_disabled('alice.n', true)",
        "UPDATE hub.user_account SET disabled_at = now() WHERE id = 'alice'",
        "DELETE FROM hub.session",
        "DELETE FROM hub.user_account WHERE id = 'alice'",
    };
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        world_sql(h->w, "UPDATE hub.user_account SET disabled_at = NULL");
        struct slice token = hub_login(h, &h->one, "alice");
        assert_int_equal(hub_find(h, &h->one, token), STATUS_OK);
        assert_int_equal(hub_find(h, &h->other, token), STATUS_OK);
        world_sql(h->w, "%s", changes[i]);
        assert_true(hub_forgets(h, &h->one));
        assert_true(hub_forgets(h, &h->other));
        assert_int_equal(hub_find(h, &h->one, token), STATUS_UNAUTHENTICATED);
    }
}

static void disabled_user_is_out_and_stays_out_when_enabled_again(struct hub_world *h)
{
    struct slice token = hub_login(h, &h->one, "alice"), bob = hub_login(h, &h->one, "bob");
    assert_int_equal(hub_find(h, &h->one, token), STATUS_OK);
    world_sql(h->w, "SELECT hub.set_user_disabled('alice', true)");
    assert_true(hub_forgets(h, &h->one));
    world_sql(h->w, "SELECT hub.set_user_disabled('alice', true)"); /* idempotent */
    world_sql(h->w, "SELECT hub.set_user_disabled('alice', false)");
    assert_int_equal(hub_find(h, &h->one, token), STATUS_UNAUTHENTICATED);
    assert_int_equal(hub_find(h, &h->one, bob), STATUS_OK);
    assert_int_equal(hub_find(h, &h->one, hub_login(h, &h->one, "alice")), STATUS_OK);
    assert_string_equal(world_value(h->w, "SELECT hub.set_user_disabled('mallory', true)::text"),
                        "");
}

static void rolled_back_end_is_no_end(struct hub_world *h)
{
    struct slice token = hub_login(h, &h->one, "alice"), last = hub_login(h, &h->one, "bob");
    assert_int_equal(hub_find(h, &h->one, token), STATUS_OK);
    world_sql(h->w,
              "BEGIN; UPDATE hub.session SET revoked_at = now() WHERE user_id = 'alice'; ROLLBACK;"
              "UPDATE hub.session SET revoked_at = now() WHERE user_id = 'bob'");
    /* Notifications come in order: when bob's is there, alice's would be. */
    int64_t until_us = deadline_after_ms(10000);
    while (h->one.cache.endings == 0 && clock_monotonic_us() < until_us)
        fiber_sleep_ms(1);
    assert_int_equal(h->one.cache.endings, 1);
    assert_int_equal(hub_find(h, &h->one, token), STATUS_OK);
    assert_int_equal(hub_find(h, &h->one, last), STATUS_UNAUTHENTICATED);
}

static void strange_announcements_are_ignored(struct hub_world *h)
{
    struct slice token = hub_login(h, &h->one, "alice"), bob = hub_login(h, &h->one, "bob");
    assert_int_equal(hub_find(h, &h->one, token), STATUS_OK);
    assert_int_equal(hub_find(h, &h->one, bob), STATUS_OK);
    world_sql(h->w,
              "NOTIFY pek_session; NOTIFY pek_session, 'session'; NOTIFY pek_session, 'session x';"
              "NOTIFY pek_session, 'user'; NOTIFY pek_session, 'user '; NOTIFY pek_session, 'all';"
              "NOTIFY pek_session, 'session 0123456789ABCDEF0123456789ABCDEF';"
              "NOTIFY pek_session, 'user bob'");
    int64_t until_us = deadline_after_ms(10000);
    while (h->one.cache.lru.count == 2 && clock_monotonic_us() < until_us)
        fiber_sleep_ms(1);
    assert_int_equal(h->one.cache.lru.count, 1);
    assert_int_equal(h->one.cache.endings, 1);
    assert_int_equal(hub_find(h, &h->one, token), STATUS_OK);
}

/* The row is read, then the session ends, then what was read is remembered: it must not be believed. */
static void end_during_a_lookup_is_not_overlooked(struct hub_world *h)
{
    struct slice token = hub_login(h, &h->one, "alice");
    struct session *session = hub_session(h, &h->one, token);
    int64_t until_us = deadline_after_ms(10000);
    bool caught = false;
    assert_true(session->asked_us > INT64_MIN);
    session_release(session);
    /* Some other session's end, often enough to arrive while the lookup waits for its row. */
    while (!caught && clock_monotonic_us() < until_us) {
        lru_clear(&h->one.cache.lru);
        world_sql(h->w,
                  "SELECT pg_notify('pek_session', 'session 0000000000000000000000000000000' || n)"
                  "  FROM generate_series(0, 9) n");
        session = hub_session(h, &h->one, token);
        caught = session->asked_us == INT64_MIN;
        session_release(session);
    }
    assert_true(caught);
    uint64_t rechecks = h->one.cache.rechecks;
    assert_int_equal(hub_find(h, &h->one, token), STATUS_OK);
    assert_int_equal(h->one.cache.rechecks, rechecks + 1);
}

/* Said by whoever can, while the row is asked: the row says that it goes on. */
static void end_that_is_only_said_logs_nobody_out(struct hub_world *h)
{
    struct slice token = hub_login(h, &h->one, "alice");
    int64_t until_us = deadline_after_ms(10000);
    bool caught = false;
    while (!caught && clock_monotonic_us() < until_us) {
        struct session *session = hub_session(h, &h->one, token);
        uint64_t rechecks = h->one.cache.rechecks, endings = h->one.cache.endings;
        session->asked_us = INT64_MIN;
        world_sql(h->w, "SELECT pg_notify('pek_session', 'user alice')");
        assert_int_equal(hub_find(h, &h->one, token), STATUS_OK);
        caught = h->one.cache.rechecks > rechecks && h->one.cache.endings > endings;
        session_release(session);
    }
    assert_true(caught);
}

/* A stream goes on, as the row does, and ends with it. */
static void session_that_is_held_asks_its_row(struct hub_world *h)
{
    struct slice token = hub_login(h, &h->one, "alice");
    struct session *session = hub_session(h, &h->one, token);
    struct cancel *cancel = &h->w->cancel;
    world_sql(h->w, "UPDATE hub.user_account SET name = 'Other' WHERE id = 'alice'");
    assert_true(hub_forgets(h, &h->one));
    assert_int_equal(session_check(session, cancel, h->w->arena, &h->fault), STATUS_OK);
    assert_int_equal(hub_find(h, &h->one, token), STATUS_OK);
    struct session *renamed = hub_session(h, &h->one, token);
    assert_true(slice_equal_str(renamed->name, "Other"));
    world_sql(h->w, "UPDATE hub.session SET revoked_at = now()");
    assert_true(hub_forgets(h, &h->one));
    assert_int_equal(session_check(renamed, cancel, h->w->arena, &h->fault),
                     STATUS_UNAUTHENTICATED);
    assert_true(session->confirmed_us == SESSION_NEVER_US); /* heard by who held it before, too */
    assert_int_equal(session_check(session, cancel, h->w->arena, &h->fault),
                     STATUS_UNAUTHENTICATED);
    session_release(session);
    session_release(renamed);
}

/* ---- by handle ---- */

static void user_ends_own_sessions_by_handle_and_nobody_elses(struct hub_world *h)
{
    struct slice mine = hub_login(h, &h->one, "alice"), bobs = hub_login(h, &h->one, "bob");
    struct session *alice = hub_session(h, &h->one, mine), *bob = hub_session(h, &h->one, bobs);
    struct cancel *cancel = &h->w->cancel;
    assert_int_equal(session_revoke(&h->one.cache, cancel, alice->user_id,
                                    slice_str(bob->handle.text), &h->fault),
                     STATUS_NOT_FOUND);
    assert_int_equal(session_revoke(&h->one.cache, cancel, alice->user_id, alice->id, &h->fault),
                     STATUS_NOT_FOUND); /* the id is no handle */
    assert_int_equal(hub_find(h, &h->one, bobs), STATUS_OK);
    assert_int_equal(session_revoke(&h->one.cache, cancel, alice->user_id,
                                    slice_str(alice->handle.text), &h->fault),
                     STATUS_OK);
    assert_int_equal(hub_find(h, &h->one, mine), STATUS_UNAUTHENTICATED);
    assert_int_equal(session_revoke(&h->one.cache, cancel, alice->user_id,
                                    slice_str(alice->handle.text), &h->fault),
                     STATUS_OK); /* it is over, as was asked */
    session_release(alice);
    session_release(bob);
}

static void all_sessions_end_but_the_one_that_is_spared(struct hub_world *h)
{
    struct slice tokens[4], bobs = hub_login(h, &h->one, "bob");
    size_t count = 99;
    for (size_t i = 0; i < 4; i++) {
        tokens[i] = hub_login(h, &h->one, "alice");
        assert_int_equal(hub_find(h, i % 2 ? &h->one : &h->other, tokens[i]), STATUS_OK);
    }
    struct session *spared = hub_session(h, &h->one, tokens[0]);
    assert_int_equal(session_revoke_all(&h->one.cache, &h->w->cancel, spared->user_id,
                                        slice_str(spared->handle.text), h->w->arena, &count,
                                        &h->fault),
                     STATUS_OK);
    assert_int_equal(count, 3);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(hub_find(h, &h->one, tokens[i]), i ? STATUS_UNAUTHENTICATED : STATUS_OK);
    assert_int_equal(session_revoke_all(&h->one.cache, &h->w->cancel, spared->user_id,
                                        slice_make("", 0), h->w->arena, &count, &h->fault),
                     STATUS_OK);
    assert_int_equal(count, 1);
    assert_int_equal(hub_find(h, &h->one, tokens[0]), STATUS_UNAUTHENTICATED);
    assert_true(hub_forgets(h, &h->other));
    assert_int_equal(hub_find(h, &h->one, bobs), STATUS_OK);
    session_release(spared);
}

/* ---- by themselves ---- */

static void expired_rows_are_purged_in_batches_and_others_stay(struct hub_world *h)
{
    size_t count = 0;
    struct slice token = hub_login(h, &h->one, "alice");
    world_sql(h->w,
              "INSERT INTO hub.session (id, user_id, expires_at)"
              " SELECT 'expired-session-' || n, 'bob', now() - interval '1 minute'"
              "   FROM generate_series(1, %d) n",
              SESSION_PURGE_ROWS + 10);
    world_sql(h->w, "INSERT INTO hub.session (id, user_id, expires_at, revoked_at)"
                    " VALUES ('revoked-session-1', 'bob', now() + interval '1 hour', now())");
    uint64_t endings = h->one.cache.endings;
    assert_int_equal(session_purge(&h->one.cache, &h->w->cancel, &count), STATUS_OK);
    assert_int_equal(count, SESSION_PURGE_ROWS + 10);
    assert_string_equal(world_value(h->w, "SELECT count(*)::text FROM hub.session"), "2");
    assert_int_equal(hub_find(h, &h->one, token), STATUS_OK);
    assert_int_equal(h->one.cache.endings, endings); /* and nobody is told of it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HUB_TEST(logout_is_true_at_once_and_for_good),
        HUB_TEST(logout_ends_one_session_not_others),
        HUB_TEST(forged_cookie_logs_nobody_out),
        HUB_TEST(logout_is_heard_by_the_other_hub),
        HUB_TEST(whatever_ends_a_row_is_heard_by_every_hub),
        HUB_TEST(disabled_user_is_out_and_stays_out_when_enabled_again),
        HUB_TEST(rolled_back_end_is_no_end),
        HUB_TEST(strange_announcements_are_ignored),
        HUB_TEST(end_during_a_lookup_is_not_overlooked),
        HUB_TEST(end_that_is_only_said_logs_nobody_out),
        HUB_TEST(session_that_is_held_asks_its_row),
        HUB_TEST(user_ends_own_sessions_by_handle_and_nobody_elses),
        HUB_TEST(all_sessions_end_but_the_one_that_is_spared),
        HUB_TEST(expired_rows_are_purged_in_batches_and_others_stay),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
