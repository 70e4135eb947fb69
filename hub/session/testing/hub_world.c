#include "hub/session/testing/hub_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shared/base/clock.h"

static void (*current_body)(struct hub_world *h);

static void policies_changed(void *arg, struct instance *instance, const char *const *users,
                             size_t count)
{
    struct hub *hub = arg;
    hub->resets += count == 0;
    session_policies_changed(&hub->cache, instance, users, count);
}

static void on_redis(void *arg, bool up, const char *reason)
{
    struct hub_world *h = arg;
    (void)reason;
    h->redis_ups += up;
    h->redis_downs += !up;
}

static void hub_open(struct hub_world *h, struct hub *hub, const char *redis_url)
{
    const struct registry_options registry = {
        .keys = h->keys, .issuer = WORLD_HUB, .arg = hub, .on_policies = policies_changed};
    const struct session_options sessions = {
        .service = hub_service(h->pg),
        .registry = &hub->registry,
        .keys = h->keys,
        .issuer = WORLD_HUB,
        .redis = {.url = redis_url},
        .arg = h,
        .on_redis = on_redis,
    };
    registry_init(&hub->registry, h->w->run->fibers, &registry);
    assert_int_equal(session_cache_init(&hub->cache, h->w->run->fibers, &sessions, &h->fault),
                     STATUS_OK);
    assert_int_equal(registry_add_local(&hub->registry, "a", realm_host(h->w->a.realm), &h->fault),
                     STATUS_OK);
    assert_int_equal(registry_add_local(&hub->registry, "b", realm_host(h->w->b.realm), &h->fault),
                     STATUS_OK);
}

static void hub_close(struct hub *hub)
{
    registry_stop(&hub->registry);
    session_cache_stop(&hub->cache);
    registry_done(&hub->registry);
    session_cache_done(&hub->cache);
}

static void make_tables(struct hub_world *h)
{
    size_t applied;
    assert_int_equal(
        migrate_apply(pg_cluster_conninfo(h->w->cluster), hub_migrations(), &applied, &h->fault),
        STATUS_OK);
}

static bool both_listen(struct hub_world *h)
{
    return h->one.cache.announcer.listening && h->other.cache.announcer.listening &&
           h->one.resets >= 2 && h->other.resets >= 2;
}

void hub_world_run(struct world *w, const char *redis_url, void (*body)(struct hub_world *h))
{
    static char conninfo[512];
    struct pg_options options = {.conninfo = conninfo,
                                 .full_is_away = true,
                                 .read_max = 2,
                                 .long_read_max = 1,
                                 .transaction_max = 4};
    /* The fiber's stack is small. */
    struct hub_world *h = calloc(1, sizeof(*h));
    assert_non_null(h);
    h->w = w;
    h->keys = &w->hub_keys;
    if (strcmp(world_value(w, "SELECT to_regclass('hub.session')::text"), "") == 0)
        make_tables(h);
    world_sql(w, "SET client_min_messages = warning;"
                 " TRUNCATE hub.user_account, hub.session, hub.user_realm, hub.audit_log,"
                 " hub.people_told CASCADE");
    world_sql(w, "INSERT INTO hub.user_account (id, username, name)"
                 " VALUES ('alice', 'alice.n', 'Alice'), ('bob', 'bob.n', 'Bob'),"
                 "        ('carol', 'carol.n', 'Carol')");
    pg_cluster_conninfo_for(w->cluster, "pek_app", NULL, conninfo, sizeof(conninfo));
    assert_int_equal(pg_new(w->run->fibers, &options, &h->pg, &w->fault), STATUS_OK);
    assert_int_equal(pg_wait_ready(h->pg, &w->cancel), STATUS_OK);
    hub_open(h, &h->one, redis_url);
    hub_open(h, &h->other, redis_url);
    assert_true(hub_until(h, both_listen));
    body(h);
    hub_close(&h->one);
    hub_close(&h->other);
    pg_free(h->pg);
    free(h);
}

static void run_body(struct world *w)
{
    hub_world_run(w, NULL, current_body);
}

void hub_world_test(void **state)
{
    current_body = (void (*)(struct hub_world *))(uintptr_t)*state;
    world_run(run_body);
}

/* ---- verbs ---- */

struct slice hub_login(struct hub_world *h, struct hub *hub, const char *user)
{
    struct slice token;
    assert_int_equal(session_open(&hub->cache, &h->w->cancel, slice_str(user),
                                  SLICE_LIT("curl/8.0\xFF \x01(test)"), h->w->arena, &token,
                                  &h->fault),
                     STATUS_OK);
    return token;
}

enum status hub_find(struct hub_world *h, struct hub *hub, struct slice token)
{
    struct session *session;
    h->fault = (struct fault){0};
    enum status status =
        session_find(&hub->cache, &h->w->cancel, token, h->w->arena, &session, &h->fault);
    if (status == STATUS_OK)
        session_release(session);
    return status;
}

struct session *hub_session(struct hub_world *h, struct hub *hub, struct slice token)
{
    struct session *session = NULL;
    h->fault = (struct fault){0};
    assert_int_equal(
        session_find(&hub->cache, &h->w->cancel, token, h->w->arena, &session, &h->fault),
        STATUS_OK);
    return session;
}

bool hub_until(struct hub_world *h, bool (*condition)(struct hub_world *h))
{
    int64_t deadline_us = deadline_after_ms(10000);
    while (!condition(h)) {
        if (clock_monotonic_us() >= deadline_us)
            return false;
        fiber_sleep_ms(2);
    }
    return true;
}

bool hub_forgets(struct hub_world *h, struct hub *hub)
{
    int64_t deadline_us = deadline_after_ms(10000);
    (void)h;
    while (hub->cache.lru.count > 0) {
        if (clock_monotonic_us() >= deadline_us)
            return false;
        fiber_sleep_ms(1);
    }
    return true;
}

struct slice hub_forge(struct hub_world *h, const struct jwt_keys *keys, const char *typ,
                       const char *issuer, const char *user, const char *sid)
{
    const struct jwt_claims claims = {
        .iss = slice_str(issuer),
        .aud = slice_str(issuer),
        .sub = slice_str(user),
        .sid = slice_str(sid),
        .iat = clock_wall_s(),
        .exp = clock_wall_s() + 60,
    };
    struct slice token;
    assert_int_equal(jwt_sign(keys, typ, &claims, h->w->arena, &token), STATUS_OK);
    return token;
}

const char *hub_session_id(struct hub_world *h, const char *user)
{
    return world_value(h->w, "SELECT id FROM hub.session WHERE user_id = '%s'", user);
}
