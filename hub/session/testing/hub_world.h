/* hub_world: hubs without their web site: two session caches over one database, and the realms `a` and `b` of
 * worker/testing in this process. Users alice, bob and carol exist; hub.session is empty at the beginning.
 */
#ifndef PEK_HUB_SESSION_TESTING_HUB_WORLD_H
#define PEK_HUB_SESSION_TESTING_HUB_WORLD_H

#include "hub/schema/schema.h"
#include "hub/session/session.h"
#include "worker/testing/world.h"

struct hub {
    struct registry registry;
    struct session_cache cache;
    unsigned
        resets; /* "anybody's policies may have changed" heard: once a realm at the beginning */
};

struct hub_world {
    struct world *w;
    struct pg *pg;
    struct jwt_keys *keys; /* of both hubs */
    struct hub one, other;
    struct fault fault; /* of the last verb */
    /* Told by Redis, when redis_url was given. */
    unsigned redis_ups, redis_downs;
};

/* As world_run, with the hubs open. `redis_url` NULL for none. Both listen to both realms and to the
 * database when the body begins. */
void hub_world_run(struct world *w, const char *redis_url, void (*body)(struct hub_world *h));

/* Logs in at the hub; asserts that it works. In the world's arena. */
struct slice hub_login(struct hub_world *h, struct hub *hub, const char *user);
/* Finds and releases: the status. */
enum status hub_find(struct hub_world *h, struct hub *hub, struct slice token);
/* Finds; asserts that it works; to be released. */
struct session *hub_session(struct hub_world *h, struct hub *hub, struct slice token);
/* Waits until the hub does not remember any session; false after ten seconds. */
bool hub_forgets(struct hub_world *h, struct hub *hub);
/* Waits until it is so; false after ten seconds. */
bool hub_until(struct hub_world *h, bool (*condition)(struct hub_world *h));

/* A token of the hub's kind with these claims, signed by `keys`. */
struct slice hub_forge(struct hub_world *h, const struct jwt_keys *keys, const char *typ,
                       const char *issuer, const char *user, const char *sid);
/* The id of the only session of the user. */
const char *hub_session_id(struct hub_world *h, const char *user);

/* For cmocka's group; call cmocka_run_group_tests with world_setup and world_teardown. */
#define HUB_TEST(body)                                                                             \
    {                                                                                              \
#body, hub_world_test, NULL, NULL, (void *)(uintptr_t)(body)                               \
    }
void hub_world_test(void **state);

#endif
