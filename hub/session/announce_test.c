/* Two hubs, PostgreSQL and a Redis, each of which may be away: a session that ended stays ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hub/session/testing/hub_world.h"
#include "shared/base/clock.h"
#include "tests/support/redis_server.h"

static struct redis_server *server;
static void (*current_body)(struct hub_world *h);

static bool both_up(struct hub_world *h)
{
    return redis_is_up(h->one.cache.announcer.redis) && redis_is_up(h->other.cache.announcer.redis);
}

static bool both_down(struct hub_world *h)
{
    return !redis_is_up(h->one.cache.announcer.redis) &&
           !redis_is_up(h->other.cache.announcer.redis);
}

static bool one_listens_again(struct hub_world *h)
{
    return pg_is_ready(h->pg) && h->one.cache.announcer.listening;
}

static void close_session(struct hub_world *h, struct hub *hub, struct slice token)
{
    assert_int_equal(session_close(&hub->cache, &h->w->cancel, token, h->w->arena, &h->fault),
                     STATUS_OK);
}

/* As if the hub's connection for notifications were cut and could not be made again. */
static void cut_off_from_postgres(struct hub *hub)
{
    struct announcer *announcer = &hub->cache.announcer;
    announcer->listener = pg_listener_free(announcer->listener);
    announcer->listening = false;
}

/* Logged in at one hub, known to the other. */
static struct slice known_to_both(struct hub_world *h, const char *user)
{
    struct slice token = hub_login(h, &h->one, user);
    assert_int_equal(hub_find(h, &h->one, token), STATUS_OK);
    assert_int_equal(hub_find(h, &h->other, token), STATUS_OK);
    return token;
}

static void logout_goes_through_redis_where_postgres_does_not_reach(struct hub_world *h)
{
    struct slice token = known_to_both(h, "alice");
    cut_off_from_postgres(&h->other);
    close_session(h, &h->one, token);
    assert_true(hub_forgets(h, &h->other));
    assert_int_equal(h->other.cache.rechecks, 0); /* it did not have to ask */
    assert_int_equal(hub_find(h, &h->other, token), STATUS_UNAUTHENTICATED);
}

static void disabling_is_passed_on_by_the_hub_that_heard_it(struct hub_world *h)
{
    struct slice token = known_to_both(h, "alice");
    cut_off_from_postgres(&h->other);
    world_sql(h->w, "SELECT hub.set_user_disabled('alice', true)");
    assert_true(hub_forgets(h, &h->other));
    assert_int_equal(hub_find(h, &h->other, token), STATUS_UNAUTHENTICATED);
}

/* The message is missed; then PostgreSQL cannot be asked. The mark remains. */
static void mark_in_redis_tells_when_nothing_else_can(struct hub_world *h)
{
    struct slice token = known_to_both(h, "alice"), bob = known_to_both(h, "bob");
    struct session *session = hub_session(h, &h->other, token);
    close_session(h, &h->one, token);
    assert_true(session->asked_us < 0 || hub_until(h, both_up));
    /* As if it had not heard: remembered still, and good. */
    struct session *bobs = hub_session(h, &h->other, bob);
    const char *handle = session->handle.text;
    bool marked = false;
    while (!marked)
        marked = announcer_knows_ended(&h->one.cache.announcer, slice_str(handle));
    pg_cluster_down(h->w->cluster);
    memcpy(bobs->handle.text, handle, SESSION_HANDLE_CHARS);
    bobs->asked_us = INT64_MIN;
    assert_int_equal(hub_find(h, &h->other, bob), STATUS_UNAUTHENTICATED);
    assert_int_equal(hub_find(h, &h->one, bob), STATUS_OK); /* nobody ended that one */
    session_release(session);
    session_release(bobs);
    pg_cluster_launch(h->w->cluster);
    assert_true(hub_until(h, one_listens_again));
}

static void without_redis_all_goes_on_and_ended_stays_ended(struct hub_world *h)
{
    struct slice token = known_to_both(h, "alice"), bob = known_to_both(h, "bob");
    redis_server_kill(server);
    assert_true(hub_until(h, both_down));
    assert_true(h->redis_downs >= 2);
    assert_int_equal(hub_find(h, &h->one, bob), STATUS_OK);
    assert_int_equal(hub_find(h, &h->one, hub_login(h, &h->one, "carol")), STATUS_OK);
    close_session(h, &h->one, token);
    assert_int_equal(hub_find(h, &h->one, token), STATUS_UNAUTHENTICATED);
    int64_t until_us = deadline_after_ms(10000);
    while (h->other.cache.lru.count > 1 && clock_monotonic_us() < until_us)
        fiber_sleep_ms(1);
    assert_int_equal(hub_find(h, &h->other, token), STATUS_UNAUTHENTICATED);
    redis_server_launch(server);
    assert_true(hub_until(h, both_up));
    assert_int_equal(hub_find(h, &h->other, token), STATUS_UNAUTHENTICATED);
    assert_int_equal(hub_find(h, &h->other, bob), STATUS_OK);
}

static void flushed_redis_brings_no_session_back(struct hub_world *h)
{
    struct slice token = known_to_both(h, "alice");
    close_session(h, &h->one, token);
    assert_true(hub_forgets(h, &h->other));
    redis_server_command(server, "FLUSHALL");
    assert_int_equal(hub_find(h, &h->one, token), STATUS_UNAUTHENTICATED);
    assert_int_equal(hub_find(h, &h->other, token), STATUS_UNAUTHENTICATED);
}

static void hung_redis_delays_neither_logout_nor_lookup(struct hub_world *h)
{
    struct slice token = known_to_both(h, "alice"), bob = known_to_both(h, "bob");
    redis_server_pause(server);
    struct session *session = hub_session(h, &h->one, bob);
    session->asked_us = INT64_MIN;
    int64_t begin_us = clock_monotonic_us();
    assert_int_equal(hub_find(h, &h->one, bob), STATUS_OK); /* PostgreSQL was asked, not Redis */
    close_session(h, &h->one, token);
    int64_t took_us = clock_monotonic_us() - begin_us;
    redis_server_resume(server);
    assert_true(took_us < 1000000);
    assert_int_equal(hub_find(h, &h->one, token), STATUS_UNAUTHENTICATED);
    session_release(session);
}

static void run_when_up(struct hub_world *h)
{
    assert_true(hub_until(h, both_up));
    current_body(h);
}

static void run_body(struct world *w)
{
    hub_world_run(w, redis_server_url(server), run_when_up);
}

static void run_test_body(void **state)
{
    current_body = (void (*)(struct hub_world *))(uintptr_t)*state;
    world_run(run_body);
}

#define ANNOUNCE_TEST(body)                                                                        \
    {                                                                                              \
#body, run_test_body, NULL, NULL, (void *)(uintptr_t)(body)                                \
    }

static int set_up(void **state)
{
    server = redis_server_start(NULL);
    return world_setup(state);
}

static int tear_down(void **state)
{
    server = redis_server_stop(server);
    return world_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ANNOUNCE_TEST(logout_goes_through_redis_where_postgres_does_not_reach),
        ANNOUNCE_TEST(disabling_is_passed_on_by_the_hub_that_heard_it),
        ANNOUNCE_TEST(without_redis_all_goes_on_and_ended_stays_ended),
        ANNOUNCE_TEST(flushed_redis_brings_no_session_back),
        ANNOUNCE_TEST(hung_redis_delays_neither_logout_nor_lookup),
        ANNOUNCE_TEST(mark_in_redis_tells_when_nothing_else_can),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
