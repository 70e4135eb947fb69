#include "worker/testing/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shared/base/clock.h"
#include "shared/row/row.h"
#include "worker/instance/instance.h"
#include "worker/policy/policy_store.h"
#include "worker/realm/migrations.h"

#define WORLD_TIMEOUT_MS 60000

static struct pg_cluster *cluster;
static void (*current_body)(struct world *w);

static void execute_in_world(const char *sql)
{
    /* The cluster's helper speaks to database postgres: the tables are there. */
    pg_cluster_execute(cluster, sql);
}

int world_setup(void **state)
{
    struct fault fault = {0};
    size_t applied;
    (void)state;
    cluster = pg_cluster_start();
    if (!cluster)
        return -1;
    if (realm_migrate(pg_cluster_conninfo(cluster), &applied, &fault) == STATUS_OK)
        return 0;
    fprintf(stderr, "world: %s\n", fault.text);
    return -1;
}

int world_teardown(void **state)
{
    (void)state;
    cluster = pg_cluster_stop(cluster);
    return 0;
}

/* ---- open, close ---- */

static void make_keys(struct jwt_keys *keys)
{
    struct es256_key *key;
    jwt_keys_init(keys);
    assert_int_equal(es256_key_generate(&key), STATUS_OK);
    assert_int_equal(jwt_keys_set_signer(keys, key), STATUS_OK);
    es256_key_free(key);
}

void world_start_realm(struct world *w, struct world_realm *realm, const char *name)
{
    static char conninfo[512];
    const struct realm_options options = {
        .realm = name,
        .conninfo = conninfo,
        .keys = &realm->keys,
        .hub_keys = &w->hub_keys,
        .hub_issuer = WORLD_HUB,
        .version = "test",
        .read_max = 2,
        .long_read_max = 1,
        .transaction_max = 4,
    };
    pg_cluster_conninfo_for(w->cluster, "pek_app", NULL, conninfo, sizeof(conninfo));
    realm->name = name;
    make_keys(&realm->keys);
    /* Two realms in one database is what somebody has to say, as by the command bootstrap. */
    execute_in_world("INSERT INTO pek_realm VALUES ('a'), ('b')"
                     " ON CONFLICT DO NOTHING");
    assert_int_equal(realm_open(w->run->fibers, &options, &realm->realm, &w->fault), STATUS_OK);
    assert_int_equal(realm_wait_ready(realm->realm, &w->cancel), STATUS_OK);
    assert_int_equal(rpc_channel_new_local(realm_host(realm->realm), &realm->channel), STATUS_OK);
}

void world_open_realm(struct world *w, struct world_realm *realm, const char *name)
{
    world_start_realm(w, realm, name);
    while (!realm_search_is_ready(realm->realm))
        fiber_sleep_ms(1);
}

void world_close_realm(struct world_realm *realm)
{
    rpc_channel_free(realm->channel);
    realm_close(realm->realm);
    jwt_keys_done(&realm->keys);
}

static void run_world(struct fiber_run *run)
{
    /* The fiber's stack is small. */
    struct world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    w->run = run;
    w->cluster = cluster;
    w->arena = &run->arena;
    cancel_init(&w->cancel, deadline_after_ms(WORLD_TIMEOUT_MS));
    make_keys(&w->hub_keys);
    world_open_realm(w, &w->a, "a");
    world_open_realm(w, &w->b, "b");
    current_body(w);
    world_close_realm(&w->a);
    world_close_realm(&w->b);
    jwt_keys_done(&w->hub_keys);
    free(w);
}

void world_run(void (*body)(struct world *w))
{
    /* All of them, so that a new domain needs no word here. */
    execute_in_world(
        "DO $$ BEGIN EXECUTE (SELECT 'TRUNCATE ' || string_agg(oid::regclass::text, ', ')"
        " || ' RESTART IDENTITY' FROM pg_class"
        " WHERE relnamespace = 'pek'::regnamespace AND relkind IN ('r', 'p')); END $$");
    current_body = body;
    fiber_run(run_world);
}

void world_run_test(void **state)
{
    world_run((void (*)(struct world *))(uintptr_t)*state);
}

/* ---- SQL ---- */

__attribute__((format(printf, 2, 0))) static const char *format_in(struct arena *arena,
                                                                   const char *format, va_list args)
{
    char sql[4096];
    int len = vsnprintf(sql, sizeof(sql), format, args);
    assert_true(len >= 0 && (size_t)len < sizeof(sql));
    const char *copy = arena_strndup(arena, sql, (size_t)len);
    assert_non_null(copy);
    return copy;
}

void world_sql(struct world *w, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    execute_in_world(format_in(w->arena, format, args));
    va_end(args);
}

const char *world_value(struct world *w, const char *format, ...)
{
    static char value[16384]; /* a fiber does not wait in here */
    va_list args;
    va_start(args, format);
    pg_cluster_query(w->cluster, format_in(w->arena, format, args), value, sizeof(value));
    va_end(args);
    return arena_strndup(w->arena, value, strlen(value));
}

/* ---- tokens ---- */

struct slice world_token(struct world *w, const struct world_realm *realm, const char *user)
{
    const struct instance instance = {.realm = realm->name, .keys = &realm->keys};
    struct slice token;
    int64_t expires_s;
    assert_int_equal(instance_issue_token(&instance, slice_str(user), slice_make("", 0), w->arena,
                                          clock_wall_s(), &token, &expires_s),
                     STATUS_OK);
    return token;
}

struct slice world_assertion(struct world *w, const struct jwt_keys *keys, const char *typ,
                             const char *issuer, const char *audience, const char *user,
                             int64_t lifetime_s)
{
    const struct jwt_claims claims = {
        .iss = slice_str(issuer),
        .aud = slice_str(audience),
        .sub = slice_str(user),
        .iat = clock_wall_s(),
        .exp = clock_wall_s() + lifetime_s,
    };
    struct slice token;
    assert_int_equal(jwt_sign(keys, typ, &claims, w->arena, &token), STATUS_OK);
    return token;
}

struct rpc_pair *world_metadata(struct world *w, const struct world_realm *realm, const char *user,
                                const char *key, const char *value)
{
    struct rpc_pair *pairs = arena_zalloc(w->arena, 2, sizeof(*pairs));
    assert_non_null(pairs);
    struct slice token = world_token(w, realm, user);
    pairs[0].key = SLICE_LIT("authorization");
    pairs[0].value = slice_str(arena_printf(w->arena, "Bearer %.*s", SLICE_ARG(token)));
    pairs[1] = (struct rpc_pair){slice_str(key), slice_str(value)};
    return pairs;
}

/* ---- policies ---- */

struct grant {
    const char *policy, *user, *group;
    uint32_t actions;
    struct arena *arena;
};

static enum status grant(struct pg_transaction *transaction, void *arg)
{
    struct grant *g = arg;
    struct fault fault = {0};
    enum status status =
        policy_store_ensure(transaction, g->policy, true, g->group, g->actions, g->arena);
    return status == STATUS_OK
               ? policy_store_assign_named(transaction, g->policy, g->user, "operator", &fault)
               : status;
}

void world_grant(struct world *w, const struct world_realm *realm, const char *policy,
                 const char *user, const char *group, uint32_t actions)
{
    struct grant g = {policy, user, group, actions, w->arena};
    assert_int_equal(pg_transact(realm_pg(realm->realm), &w->cancel, false, grant, &g), STATUS_OK);
    policy_cache_forget(realm_rights(realm->realm), slice_str(user));
}

void world_god(struct world *w, const struct world_realm *realm, const char *user)
{
    world_sql(w, "SET pek.realm = '%s'; SELECT pek.make_god('%s')", realm->name, user);
    policy_cache_forget(realm_rights(realm->realm), slice_str(user));
}

/* ---- calls ---- */

enum status world_create(struct world *w, const char *user, const char *parent, const char *slug,
                         const char *name)
{
    group_v1_create_group_request req = GROUP_V1_CREATE_GROUP_REQUEST_INIT;
    group_v1_group *res;
    req.parent_id = row_string(parent);
    req.slug = row_string(slug);
    req.name = row_string(name);
    w->fault = (struct fault){0};
    return group_v1_create_group_call(w->a.channel, &req, WORLD_AS(w, user), WORLD_REST(w), &res,
                                      &w->fault);
}

enum status world_get(struct world *w, const char *user, const char *id, group_v1_group **ret_group)
{
    group_v1_get_group_request req = GROUP_V1_GET_GROUP_REQUEST_INIT;
    req.id = row_string(id);
    w->fault = (struct fault){0};
    return group_v1_get_group_call(w->a.channel, &req, WORLD_AS(w, user), WORLD_REST(w), ret_group,
                                   &w->fault);
}

/* One streaming call; `take` gets each item when it has come. */
static enum status read_stream(struct world *w, struct rpc_channel *channel, const char *path,
                               const ProtobufCMessage *request, const struct rpc_pair *metadata,
                               size_t metadata_count,
                               void (*take)(struct world *w, struct slice item, void *arg),
                               void *arg)
{
    struct fiber_event event = {0};
    size_t len = protobuf_c_message_get_packed_size(request);
    uint8_t *bytes = arena_alloc(w->arena, len + 1);
    assert_non_null(bytes);
    protobuf_c_message_pack(request, bytes);
    const struct rpc_call_options options = {
        .path = slice_str(path),
        .request = slice_make(bytes, len),
        .metadata = metadata,
        .metadata_count = metadata_count,
        .deadline_us = w->cancel.deadline_us,
        .server_streaming = true,
        .event = &event,
    };
    struct rpc_call *call;
    struct slice message;
    const struct fault *outcome;
    assert_int_equal(rpc_call_start(channel, &options, &call), STATUS_OK);
    while (true) {
        while (rpc_call_next(call, &message))
            take(w, message, arg);
        if (rpc_call_ended(call, &outcome))
            break;
        assert_int_equal(fiber_event_wait(&event, w->cancel.deadline_us), STATUS_OK);
    }
    w->fault = *outcome;
    rpc_call_free(call);
    return w->fault.status;
}

struct taken {
    const struct rpc_method *method;
    ProtobufCMessage **items;
    void (*between)(struct world *w);
    size_t count;
};

static void take_decoded(struct world *w, struct slice item, void *arg)
{
    struct taken *taken = arg;
    assert_true(taken->count < WORLD_ITEMS_MAX);
    assert_int_equal(rpc_decode(taken->method->response, item, w->arena,
                                &taken->items[taken->count++], &w->fault),
                     STATUS_OK);
}

enum status world_stream(struct world *w, struct rpc_channel *channel,
                         const struct rpc_method *method, const ProtobufCMessage *request,
                         const struct rpc_pair *metadata, size_t metadata_count,
                         ProtobufCMessage **ret_items, size_t *ret_count)
{
    struct taken taken = {.method = method, .items = ret_items};
    enum status status = read_stream(w, channel, method->path, request, metadata, metadata_count,
                                     take_decoded, &taken);
    *ret_count = taken.count;
    return status;
}

static void take_first_slowly(struct world *w, struct slice item, void *arg)
{
    struct taken *taken = arg;
    (void)item;
    if (taken->count++ == 0)
        taken->between(w);
}

enum status world_read_slowly(struct world *w, const char *user, const char *path,
                              const ProtobufCMessage *request, void (*between)(struct world *w),
                              size_t *ret_count)
{
    struct taken taken = {.between = between};
    enum status status =
        read_stream(w, w->a.channel, path, request, WORLD_AS(w, user), take_first_slowly, &taken);
    *ret_count = taken.count;
    return status;
}

static const char *text_of(const ProtobufCMessage *message, const char *field)
{
    const ProtobufCFieldDescriptor *found =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, field);
    assert_non_null(found);
    assert_int_equal(found->type, PROTOBUF_C_TYPE_STRING);
    return *(const char *const *)(const void *)((const char *)message + found->offset);
}

const char *world_items(struct world *w, const char *user, const char *path,
                        const ProtobufCMessage *request, const char *field)
{
    const struct rpc_method *method = rpc_host_method(realm_host(w->a.realm), slice_str(path));
    ProtobufCMessage **items = calloc(WORLD_ITEMS_MAX, sizeof(*items));
    size_t count = 0;
    struct buffer texts;
    assert_non_null(method);
    assert_non_null(items);
    buffer_init(&texts, 1u << 20);
    enum status status =
        world_stream(w, w->a.channel, method, request, WORLD_AS(w, user), items, &count);
    for (size_t i = 0; i < count; i++)
        buffer_printf(&texts, "%s%s", i ? " " : "", text_of(items[i], field));
    if (status != STATUS_OK)
        buffer_printf(&texts, "%s%s", texts.len ? " " : "", status_name(status));
    const char *list = arena_strndup(w->arena, texts.ptr ? texts.ptr : "", texts.len);
    buffer_done(&texts);
    free(items);
    assert_non_null(list);
    return list;
}

const char *world_list(struct world *w, const char *user, group_v1_list_groups_request *req)
{
    return world_items(w, user, "/pek.group.v1.GroupService/ListGroups", &req->base, "id");
}
