/* world: realms on a real PostgreSQL, for tests that speak to them as callers do.
 *
 *     static void body(struct world *w) { … group_v1_get_group_call(WORLD_CALL(w, "alice"), …) … }
 *     world_run(body);
 *
 * One cluster and one database a test binary, with the tables in place; each world_run begins with empty tables
 * and two open realms, `a` and `b`, in that one database. Everybody's tokens are signed with the realm's key.
 */
#ifndef PEK_WORKER_TESTING_WORLD_H
#define PEK_WORKER_TESTING_WORLD_H

#include "pek/group/v1/group.rpc.h"
#include "shared/jwt/jwt.h"
#include "tests/support/fiber_run.h"
#include "worker/realm/realm.h"

#define WORLD_HUB "hub"

struct world_realm {
    const char *name;
    struct jwt_keys keys;
    struct realm *realm;
    struct rpc_channel *channel;
};

struct world {
    struct fiber_run *run;
    struct pg_cluster *cluster;
    struct world_realm a, b;
    struct jwt_keys hub_keys;
    struct arena *arena;
    struct cancel cancel;
    struct fault fault; /* of the last call */
};

/* For cmocka's group setup and teardown. */
int world_setup(void **state);
int world_teardown(void **state);
/* Asserts (cmocka) that everything opens and closes. */
void world_run(void (*body)(struct world *w));

/* For a test that ends a realm's program and begins another. Both are open when a body begins and ends. */
void world_open_realm(struct world *w, struct world_realm *realm, const char *name);
/* The same, when it is ready, though its sort keys and what is searched may not be made yet. */
void world_start_realm(struct world *w, struct world_realm *realm, const char *name);
void world_close_realm(struct world_realm *realm);

/* One row of a cmocka table: the body, run in a world. */
#define WORLD_TEST(body)                                                                           \
    {                                                                                              \
#body, world_run_test, NULL, NULL, (void *)(uintptr_t)(body)                               \
    }
void world_run_test(void **state);

/* SQL as superuser, printf-like. */
void world_sql(struct world *w, const char *format, ...) PEK_PRINTF(2, 3);
/* The first value of a query as superuser, in the world's arena. */
const char *world_value(struct world *w, const char *format, ...) PEK_PRINTF(2, 3);

/* Metadata of a call: authorization, then what is given. In the world's arena. */
struct rpc_pair *world_metadata(struct world *w, const struct world_realm *realm, const char *user,
                                const char *key, const char *value);
/* The arguments of a typed call after the request … in realm a, as this user. */
#define WORLD_AS(w, user) world_metadata((w), &(w)->a, (user), NULL, NULL), 1
#define WORLD_REST(w) &(w)->cancel, (w)->arena

/* A token of the realm; `lifetime_s` may be negative. */
struct slice world_token(struct world *w, const struct world_realm *realm, const char *user);
/* An assertion of the hub for the realm. */
struct slice world_assertion(struct world *w, const struct jwt_keys *keys, const char *typ,
                             const char *issuer, const char *audience, const char *user,
                             int64_t lifetime_s);

/* Policies, written as the operator would; on the whole realm when `group` is NULL. */
void world_grant(struct world *w, const struct world_realm *realm, const char *policy,
                 const char *user, const char *group, uint32_t actions);
void world_god(struct world *w, const struct world_realm *realm, const char *user);

/* Calls in realm a; the status, and the fault in the world. */
enum status world_create(struct world *w, const char *user, const char *parent, const char *slug,
                         const char *name);
/* PACKAGE_METHOD_call in realm a as `user`: WORLD_RPC(w, group_v1, get_group, "alice", req, res). */
#define WORLD_RPC(w, package, method, user, req, res)                                              \
    ((w)->fault = (struct fault){0},                                                               \
     package##_##method##_call((w)->a.channel, &(req), WORLD_AS(w, user), WORLD_REST(w), &(res),   \
                               &(w)->fault))
#define WORLD_CALL(w, method, user, req, res) WORLD_RPC(w, group_v1, method, user, req, res)
enum status world_get(struct world *w, const char *user, const char *id,
                      group_v1_group **ret_group);
/* One streaming call, all items packed into the arena; at most WORLD_ITEMS_MAX. */
#define WORLD_ITEMS_MAX 4096
enum status world_stream(struct world *w, struct rpc_channel *channel,
                         const struct rpc_method *method, const ProtobufCMessage *request,
                         const struct rpc_pair *metadata, size_t metadata_count,
                         ProtobufCMessage **ret_items, size_t *ret_count);
/* A list of realm a read slowly: `between` is called behind the first item. */
enum status world_read_slowly(struct world *w, const char *user, const char *path,
                              const ProtobufCMessage *request, void (*between)(struct world *w),
                              size_t *ret_count);
/* One text field of each item of a list in realm a, joined by a space; behind them the status when the list failed:
 * world_items(w, "alice", "/pek.group.v1.GroupService/ListGroups", &req.base, "id"). */
const char *world_items(struct world *w, const char *user, const char *path,
                        const ProtobufCMessage *request, const char *field);
/* Ids of a list of groups. */
const char *world_list(struct world *w, const char *user, group_v1_list_groups_request *req);

#endif
