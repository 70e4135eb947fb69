/* Sessions found and refused: cookies, rows, and what is believed for how long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hub/session/testing/hub_world.h"
#include "shared/base/clock.h"

static void assert_refused(struct hub_world *h, struct slice token)
{
    assert_int_equal(hub_find(h, &h->one, token), STATUS_UNAUTHENTICATED);
    assert_string_equal(h->fault.reason, "SESSION_INVALID");
}

static int64_t ago_us(int64_t ms)
{
    return clock_monotonic_us() - ms * 1000;
}

/* ---- logging in ---- */

static void login_gives_a_session_of_that_user(struct hub_world *h)
{
    struct slice token = hub_login(h, &h->one, "alice");
    struct session *session = hub_session(h, &h->one, token);
    assert_true(slice_equal_str(session->user_id, "alice"));
    assert_true(slice_equal_str(session->username, "alice.n"));
    int64_t left_s = session->expires_s - clock_wall_s();
    assert_true(left_s > SESSION_LIFETIME_S - 10 && left_s <= SESSION_LIFETIME_S + 1);
    assert_string_not_equal(
        world_value(h->w, "SELECT last_login_at::text FROM hub.user_account WHERE id = 'alice'"),
        "");
    session_release(session);
}

static void each_login_gets_a_new_id_and_spares_the_others(struct hub_world *h)
{
    struct slice first = hub_login(h, &h->one, "alice"), second = hub_login(h, &h->one, "alice");
    assert_false(slice_equal(first, second));
    struct session *one = hub_session(h, &h->one, first);
    struct session *two = hub_session(h, &h->one, second);
    assert_false(slice_equal(one->id, two->id));
    assert_string_not_equal(one->handle.text, two->handle.text);
    session_release(one);
    session_release(two);
}

static void user_at_the_limit_loses_the_session_used_longest_ago(struct hub_world *h)
{
    struct slice old = hub_login(h, &h->one, "alice"), used = hub_login(h, &h->one, "alice");
    struct slice bob = hub_login(h, &h->one, "bob");
    assert_int_equal(hub_find(h, &h->one, old),
                     STATUS_OK); /* it is remembered, and must be forgotten */
    world_sql(h->w, "UPDATE hub.session SET last_seen_at = now() - interval '1 hour'");
    for (int i = 2; i < SESSIONS_PER_USER_MAX; i++)
        (void)hub_login(h, &h->one, "alice");
    world_sql(h->w, "UPDATE hub.session SET last_seen_at = now() WHERE user_id = 'alice' AND"
                    " created_at = (SELECT max(created_at) FROM (SELECT created_at FROM"
                    " hub.session WHERE user_id = 'alice' ORDER BY created_at LIMIT 2) first)");
    struct slice last = hub_login(h, &h->one, "alice");
    int64_t until_us = clock_monotonic_us() + 10 * 1000000;
    while (hub_find(h, &h->one, old) == STATUS_OK && clock_monotonic_us() < until_us)
        fiber_sleep_ms(1); /* it is announced */
    assert_refused(h, old);
    assert_int_equal(hub_find(h, &h->one, used), STATUS_OK);
    assert_int_equal(hub_find(h, &h->one, last), STATUS_OK);
    assert_int_equal(hub_find(h, &h->one, bob), STATUS_OK);
}

static void unknown_and_disabled_users_cannot_log_in(struct hub_world *h)
{
    struct slice token;
    assert_int_equal(session_open(&h->one.cache, &h->w->cancel, SLICE_LIT("mallory"), SLICE_LIT(""),
                                  h->w->arena, &token, &h->fault),
                     STATUS_NOT_FOUND);
    world_sql(h->w, "SELECT hub.set_user_disabled('alice', true)");
    assert_int_equal(session_open(&h->one.cache, &h->w->cancel, SLICE_LIT("alice"), SLICE_LIT(""),
                                  h->w->arena, &token, &h->fault),
                     STATUS_PERMISSION_DENIED);
    assert_string_equal(world_value(h->w, "SELECT count(*)::text FROM hub.session"), "0");
}

/* It is as a database that is away, and none of the user's doing. */
static void nobody_logs_in_where_there_is_no_room(struct hub_world *h)
{
    struct slice token;
    world_sql(h->w,
              "CREATE FUNCTION hub.full_disk() RETURNS trigger LANGUAGE plpgsql AS $$"
              " BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$;"
              " CREATE TRIGGER full_disk BEFORE INSERT ON hub.session"
              " FOR EACH ROW EXECUTE FUNCTION hub.full_disk()");
    assert_int_equal(session_open(&h->one.cache, &h->w->cancel, SLICE_LIT("alice"), SLICE_LIT(""),
                                  h->w->arena, &token, &h->fault),
                     STATUS_UNAVAILABLE);
    world_sql(h->w, "DROP TRIGGER full_disk ON hub.session; DROP FUNCTION hub.full_disk()");
    (void)hub_login(h, &h->one, "alice");
}

/* ---- cookies ---- */

static void cookie_that_was_changed_anywhere_is_refused(struct hub_world *h)
{
    struct slice token = hub_login(h, &h->one, "alice");
    char *copy = arena_strndup(h->w->arena, token.ptr, token.len);
    assert_refused(h, slice_make("", 0));
    assert_refused(h, SLICE_LIT("a.b.c"));
    for (size_t len = 1; len < token.len; len += 7)
        assert_refused(h, slice_make(token.ptr, len));
    for (size_t i = 0; i < token.len; i += 3) {
        char was = copy[i];
        copy[i] = was == 'A' ? 'B' : 'A';
        /* The last character of a part has bits that say nothing; strict base64url refuses those, too. */
        assert_refused(h, slice_make(copy, token.len));
        copy[i] = was;
    }
    assert_int_equal(hub_find(h, &h->one, token), STATUS_OK);
}

static void cookie_of_another_key_type_or_issuer_is_refused(struct hub_world *h)
{
    hub_login(h, &h->one, "alice");
    const char *id = hub_session_id(h, "alice");
    const struct {
        const struct jwt_keys *keys;
        const char *typ, *issuer, *user, *sid;
        enum status expected;
    } forged[] = {
        {h->keys, JWT_TYP_SESSION, WORLD_HUB, "alice", id, STATUS_OK},
        {&h->w->a.keys, JWT_TYP_SESSION, WORLD_HUB, "alice", id, STATUS_UNAUTHENTICATED},
        {h->keys, JWT_TYP_ASSERTION, WORLD_HUB, "alice", id, STATUS_UNAUTHENTICATED},
        {h->keys, JWT_TYP_INSTANCE, WORLD_HUB, "alice", id, STATUS_UNAUTHENTICATED},
        {h->keys, JWT_TYP_SESSION, "a", "alice", id, STATUS_UNAUTHENTICATED},
        {h->keys, JWT_TYP_SESSION, WORLD_HUB, "bob", id, STATUS_UNAUTHENTICATED},
        {h->keys, JWT_TYP_SESSION, WORLD_HUB, "alice", "no-such-session-here",
         STATUS_UNAUTHENTICATED},
    };
    for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++)
        assert_int_equal(hub_find(h, &h->one,
                                  hub_forge(h, forged[i].keys, forged[i].typ, forged[i].issuer,
                                            forged[i].user, forged[i].sid)),
                         forged[i].expected);
}

static void rotated_key_logs_nobody_out_until_it_is_taken_away(struct hub_world *h)
{
    struct slice before = hub_login(h, &h->one, "alice");
    struct es256_key *old = es256_key_ref(h->keys->signer), *next;
    assert_int_equal(hub_find(h, &h->one, before), STATUS_OK);
    assert_int_equal(es256_key_generate(&next), STATUS_OK);
    assert_int_equal(jwt_keys_set_signer(h->keys, next), STATUS_OK);
    session_keys_changed(&h->one.cache);
    struct slice after = hub_login(h, &h->one, "alice");
    assert_int_equal(h->one.cache.lru.count, 1); /* what was remembered still is */
    assert_int_equal(hub_find(h, &h->one, before), STATUS_OK);
    assert_int_equal(hub_find(h, &h->one, after), STATUS_OK);
    assert_int_equal(hub_find(h, &h->other, before), STATUS_OK);
    /* A key that was stolen: its cookies end with it, also those that are remembered. */
    assert_int_equal(jwt_keys_remove(h->keys, slice_str(es256_key_kid(old))), STATUS_OK);
    session_keys_changed(&h->one.cache);
    assert_refused(h, before);
    assert_int_equal(hub_find(h, &h->one, after), STATUS_OK);
    es256_key_free(old);
    es256_key_free(next);
}

/* ---- rows ---- */

static void row_decides_for_a_cookie_that_is_not_remembered(struct hub_world *h)
{
    const char *const changes[] = {
        "UPDATE hub.session SET revoked_at = now()",
        "UPDATE hub.session SET expires_at = now()",
        "UPDATE hub.session SET last_seen_at = now() - interval '2 hours 1 second'",
        "UPDATE hub.user_account SET disabled_at = now() WHERE id = 'alice'",
        "DELETE FROM hub.session",
    };
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        world_sql(h->w, "UPDATE hub.user_account SET disabled_at = NULL");
        struct slice token = hub_login(h, &h->one, "alice");
        world_sql(h->w, "%s", changes[i]);
        assert_refused(h, token);
    }
    /* Also when no trigger revoked the rows of a user who is disabled. */
    world_sql(h->w, "UPDATE hub.user_account SET disabled_at = NULL");
    struct slice token = hub_login(h, &h->one, "alice");
    world_sql(h->w, "SET session_replication_role = replica;"
                    "UPDATE hub.user_account SET disabled_at = now() WHERE id = 'alice'");
    assert_string_equal(world_value(h->w, "SELECT count(*)::text FROM hub.session"
                                          " WHERE revoked_at IS NULL AND user_id = 'alice'"),
                        "1");
    assert_refused(h, token);
    token = hub_login(h, &h->one, "bob");
    world_sql(h->w, "UPDATE hub.session SET last_seen_at = now() - interval '1 hour 59 minutes'");
    assert_int_equal(hub_find(h, &h->one, token), STATUS_OK);
}

static void idle_session_that_is_remembered_is_refused(struct hub_world *h)
{
    struct slice token = hub_login(h, &h->one, "alice");
    struct session *session = hub_session(h, &h->one, token);
    world_sql(h->w, "UPDATE hub.session SET last_seen_at = now() - interval '3 hours'");
    session->seen_s -= 3 * 60 * 60;
    session_release(session);
    assert_refused(h, token);
    assert_int_equal(h->one.cache.lru.count, 0);
}

static void session_that_was_just_seen_is_not_idle_though_that_was_not_noted(struct hub_world *h)
{
    struct slice token = hub_login(h, &h->one, "alice");
    struct session *session = hub_session(h, &h->one, token);
    world_sql(h->w, "UPDATE hub.session SET last_seen_at = now() - interval '3 hours'");
    session->asked_us = INT64_MIN;
    assert_int_equal(hub_find(h, &h->one, token), STATUS_OK);
    assert_int_equal(h->one.cache.rechecks, 1);
    session_release(session);
}

static bool is_touched(struct hub_world *h)
{
    return strcmp(world_value(h->w, "SELECT (last_seen_at > now() - interval '1 minute')::text"
                                    "  FROM hub.session"),
                  "true") == 0;
}

static void use_is_noted_now_and_then_and_keeps_a_session_alive(struct hub_world *h)
{
    struct slice token = hub_login(h, &h->one, "alice");
    world_sql(h->w, "UPDATE hub.session SET last_seen_at = now() - interval '4 minutes'");
    assert_int_equal(hub_find(h, &h->one, token), STATUS_OK);
    assert_int_equal(h->one.cache.background, 1); /* only the fiber that purges */
    struct session *session = hub_session(h, &h->one, token);
    session->touched_s -= SESSION_TOUCH_S;
    session_release(session);
    assert_int_equal(hub_find(h, &h->one, token), STATUS_OK);
    assert_true(hub_until(h, is_touched));
}

static void use_is_noted_when_the_clock_went_back(struct hub_world *h)
{
    struct slice token = hub_login(h, &h->one, "alice");
    assert_int_equal(hub_find(h, &h->one, token), STATUS_OK);
    world_sql(h->w, "UPDATE hub.session SET last_seen_at = now() - interval '1 hour'");
    struct session *session = hub_session(h, &h->one, token);
    session->touched_s += 3600;
    session_release(session);
    assert_int_equal(hub_find(h, &h->one, token), STATUS_OK);
    assert_true(hub_until(h, is_touched));
}

/* After a restart of the hub, or on another one. */
static void first_request_counts_for_the_idle_time(struct hub_world *h)
{
    struct slice token = hub_login(h, &h->one, "alice");
    world_sql(h->w, "UPDATE hub.session SET last_seen_at = now() - interval '1 hour 59 minutes'");
    assert_int_equal(hub_find(h, &h->one, token), STATUS_OK);
    assert_true(hub_until(h, is_touched));
}

/* ---- what is believed, and for how long ---- */

static void row_is_asked_once_and_again_after_its_time(struct hub_world *h)
{
    struct slice token = hub_login(h, &h->one, "alice");
    struct session *session = hub_session(h, &h->one, token);
    for (int i = 0; i < 10; i++)
        assert_int_equal(hub_find(h, &h->one, token), STATUS_OK);
    assert_int_equal(h->one.cache.rechecks, 0);
    session->asked_us = ago_us(2 * SESSION_RECHECK_DEAF_MS);
    h->one.cache.missed_us = INT64_MIN;
    assert_int_equal(hub_find(h, &h->one, token), STATUS_OK);
    assert_int_equal(h->one.cache.rechecks, 0);
    session->asked_us = ago_us(SESSION_RECHECK_S * 1000 + 1);
    assert_int_equal(hub_find(h, &h->one, token), STATUS_OK);
    assert_int_equal(h->one.cache.rechecks, 1);
    session_release(session);
}

/* The hub does not hear of the end: as if the connection that listens were cut. */
static void hub_that_hears_nothing_asks_each_second(struct hub_world *h)
{
    struct slice token = hub_login(h, &h->one, "alice");
    struct session *session = hub_session(h, &h->one, token);
    struct announcer *announcer = &h->one.cache.announcer;
    announcer->listener = pg_listener_free(announcer->listener);
    announcer->listening = false;
    assert_int_equal(session_close(&h->other.cache, &h->w->cancel, token, h->w->arena, &h->fault),
                     STATUS_OK);
    h->one.cache.missed_us = INT64_MIN;
    session->asked_us = clock_monotonic_us();
    assert_int_equal(hub_find(h, &h->one, token), STATUS_OK); /* not a second old */
    session->asked_us = ago_us(SESSION_RECHECK_DEAF_MS + 1);
    assert_refused(h, token);
    session_release(session);
}

static void whatever_may_have_been_missed_is_asked_again(struct hub_world *h)
{
    struct slice token = hub_login(h, &h->one, "alice");
    assert_int_equal(hub_find(h, &h->one, token), STATUS_OK);
    h->one.cache.announcer.events.missed(&h->one.cache);
    /* What is asked within the same microsecond may be out of date, and is asked again. */
    while (clock_monotonic_us() <= h->one.cache.missed_us)
        continue;
    assert_int_equal(hub_find(h, &h->one, token), STATUS_OK);
    assert_int_equal(hub_find(h, &h->one, token), STATUS_OK);
    assert_int_equal(h->one.cache.rechecks, 1);
}

static bool is_lost(struct hub_world *h)
{
    return !h->one.cache.announcer.listening;
}

static bool is_back(struct hub_world *h)
{
    return h->one.cache.announcer.listening && pg_is_ready(h->pg);
}

static void database_that_is_down_logs_nobody_out_and_nobody_in(struct hub_world *h)
{
    struct slice token = hub_login(h, &h->one, "alice"), other = hub_login(h, &h->one, "bob");
    struct session *session = hub_session(h, &h->one, token);
    pg_cluster_down(h->w->cluster);
    assert_true(hub_until(h, is_lost));
    session->asked_us = INT64_MIN;
    assert_int_equal(hub_find(h, &h->one, token), STATUS_OK);
    assert_int_equal(hub_find(h, &h->one, other), STATUS_UNAVAILABLE); /* never seen here */
    struct slice unused;
    assert_int_equal(session_open(&h->one.cache, &h->w->cancel, SLICE_LIT("alice"), SLICE_LIT(""),
                                  h->w->arena, &unused, &h->fault),
                     STATUS_UNAVAILABLE);
    assert_int_equal(session_close(&h->one.cache, &h->w->cancel, token, h->w->arena, &h->fault),
                     STATUS_UNAVAILABLE); /* and says so, rather than pretending */
    /* Not for ever. */
    session->confirmed_us = ago_us(SESSION_TRUST_S * 1000 + 1);
    assert_int_equal(hub_find(h, &h->one, token), STATUS_UNAVAILABLE);
    pg_cluster_launch(h->w->cluster);
    assert_true(hub_until(h, is_back));
    assert_int_equal(hub_find(h, &h->one, token), STATUS_OK);
    assert_int_equal(hub_find(h, &h->one, other), STATUS_OK);
    session_release(session);
}

/* Of requests that come together after a long rest the first asks; the others have no older answer to go by. */
static void whoever_comes_while_another_asks_is_not_refused(struct hub_world *h)
{
    struct slice token = hub_login(h, &h->one, "alice");
    struct session *session = hub_session(h, &h->one, token);
    session->confirmed_us = ago_us(SESSION_TRUST_S * 1000 + 1);
    session->asked_us = clock_monotonic_us();
    assert_int_equal(hub_find(h, &h->one, token), STATUS_OK);
    session_release(session);
}

static void database_that_hangs_holds_a_request_up_for_half_a_second_at_most(struct hub_world *h)
{
    struct slice token = hub_login(h, &h->one, "alice");
    struct session *session = hub_session(h, &h->one, token);
    session->asked_us = INT64_MIN;
    pg_cluster_pause(h->w->cluster);
    int64_t begin_us = clock_monotonic_us();
    assert_int_equal(hub_find(h, &h->one, token), STATUS_OK);
    int64_t took_us = clock_monotonic_us() - begin_us;
    assert_int_equal(hub_find(h, &h->one, token), STATUS_OK); /* and the next one not at all */
    pg_cluster_resume(h->w->cluster);
    assert_true(took_us < (SESSION_RECHECK_TIMEOUT_MS + 1000) * INT64_C(1000));
    session_release(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HUB_TEST(login_gives_a_session_of_that_user),
        HUB_TEST(each_login_gets_a_new_id_and_spares_the_others),
        HUB_TEST(user_at_the_limit_loses_the_session_used_longest_ago),
        HUB_TEST(unknown_and_disabled_users_cannot_log_in),
        HUB_TEST(nobody_logs_in_where_there_is_no_room),
        HUB_TEST(cookie_that_was_changed_anywhere_is_refused),
        HUB_TEST(cookie_of_another_key_type_or_issuer_is_refused),
        HUB_TEST(rotated_key_logs_nobody_out_until_it_is_taken_away),
        HUB_TEST(row_decides_for_a_cookie_that_is_not_remembered),
        HUB_TEST(idle_session_that_is_remembered_is_refused),
        HUB_TEST(session_that_was_just_seen_is_not_idle_though_that_was_not_noted),
        HUB_TEST(use_is_noted_now_and_then_and_keeps_a_session_alive),
        HUB_TEST(use_is_noted_when_the_clock_went_back),
        HUB_TEST(first_request_counts_for_the_idle_time),
        HUB_TEST(row_is_asked_once_and_again_after_its_time),
        HUB_TEST(hub_that_hears_nothing_asks_each_second),
        HUB_TEST(whatever_may_have_been_missed_is_asked_again),
        HUB_TEST(whoever_comes_while_another_asks_is_not_refused),
        HUB_TEST(database_that_hangs_holds_a_request_up_for_half_a_second_at_most),
        HUB_TEST(database_that_is_down_logs_nobody_out_and_nobody_in),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
