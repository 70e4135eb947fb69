#include "hub/registry/instance_store.h"

#define STORE_ARENA_BYTES_MAX (64u * 1024)

const struct pg_statement instance_store_add = {
    .name = "instance_add",
    .sql = "INSERT INTO hub.instance AS i (realm, name, target, tls_name, ca_pem, updated_by)"
           " VALUES ($1, coalesce($2, $1), $3, nullif($4, ''), nullif($5, ''), $6)"
           " ON CONFLICT (realm) DO UPDATE"
           "   SET name = coalesce($2, i.name), local = false, target = $3,"
           "       tls_name = nullif(coalesce($4, i.tls_name), ''),"
           "       ca_pem = nullif(coalesce($5, i.ca_pem), ''), status = 'ACTIVE', seeded = false,"
           "       updated_by = $6"
           " WHERE i.status = 'REMOVED' OR ($7::boolean AND NOT i.local)"
           " RETURNING realm",
};

const struct pg_statement instance_store_set_status = {
    .name = "instance_set_status",
    .sql = "UPDATE hub.instance SET status = $2, seeded = false, updated_by = $3"
           " WHERE realm = $1 AND status <> 'REMOVED'"
           " RETURNING realm",
};

const struct pg_statement instance_store_audit = {
    .name = "instance_audit",
    .sql = "INSERT INTO hub.audit_log (actor, action, target_kind, target_id, trace_id, detail)"
           " SELECT $1, $2, 'instance', i.realm, $3,"
           "        jsonb_build_object('target', i.target, 'status', i.status)"
           "   FROM hub.instance AS i WHERE i.realm = ANY ($4::text[])",
};

static const struct pg_statement load = {
    .name = "instance_load",
    .sql = "SELECT realm, name, target, tls_name, CASE WHEN status <> 'REMOVED' THEN ca_pem END,"
           "       status = 'DRAINING', status = 'REMOVED', updated_by"
           "  FROM hub.instance ORDER BY realm COLLATE \"C\"",
};

/* Seeds that change nothing lock no row: what is locked is written, and waits for a standby that may be away. */
static const struct pg_statement seed_local = {
    .name = "instance_seed_local",
    .sql = "INSERT INTO hub.instance AS i (realm, name, local, seeded, updated_by)"
           " SELECT $1, $1, true, true, $2 WHERE NOT EXISTS"
           "   (SELECT FROM hub.instance WHERE (local OR realm = $1) AND status <> 'REMOVED')"
           " ON CONFLICT (realm) DO UPDATE"
           "   SET local = true, target = NULL, tls_name = NULL, ca_pem = NULL, status = 'ACTIVE',"
           "       seeded = true, updated_by = $2"
           " WHERE i.status = 'REMOVED'",
};

static const struct pg_statement seed_one = {
    .name = "instance_seed",
    .sql = "INSERT INTO hub.instance AS i (realm, name, target, seeded, updated_by)"
           " SELECT $1, $1, $2, true, $3 WHERE NOT EXISTS"
           "   (SELECT FROM hub.instance WHERE realm = $1"
           "       AND (NOT seeded OR local OR (target = $2 AND status = 'ACTIVE')))"
           " ON CONFLICT (realm) DO UPDATE SET target = $2, status = 'ACTIVE', updated_by = $3"
           " WHERE i.seeded AND NOT i.local AND (i.target <> $2 OR i.status <> 'ACTIVE')",
};

static const struct pg_statement tell = {
    .name = "instance_tell",
    .sql = "UPDATE hub.instance SET worker_version = $2, capabilities = $3::text[]"
           " WHERE realm = $1 AND (worker_version <> $2 OR capabilities <> $3::text[])",
};

static const char *column(struct arena *arena, const struct pg_result *result, size_t row, int at)
{
    struct slice value = pg_get_slice(result, row, at);
    return pg_is_null(result, row, at) ? NULL : arena_strndup(arena, value.ptr, value.len);
}

enum status instance_store_load(struct pg *pg, struct cancel *cancel, struct arena *arena,
                                struct instance_row **ret_rows, size_t *ret_count)
{
    struct pg_result *result;

    enum status status = pg_read(pg, PG_POINT_READ, cancel, &load, NULL, 0, &result);
    if (status)
        return status;
    size_t count = pg_rows(result);
    struct instance_row *rows = arena_zalloc(arena, count + 1, sizeof(*rows));
    for (size_t i = 0; rows && i < count; i++) {
        rows[i] = (struct instance_row){
            .realm = column(arena, result, i, 0),
            .name = column(arena, result, i, 1),
            .target = column(arena, result, i, 2),
            .tls_name = column(arena, result, i, 3),
            .ca_pem = column(arena, result, i, 4),
            .draining = pg_get_bool(result, i, 5),
            .removed = pg_get_bool(result, i, 6),
            .by = column(arena, result, i, 7),
        };
    }
    pg_result_free(result);
    if (arena->failed)
        return STATUS_RESOURCE_EXHAUSTED;
    *ret_rows = rows;
    *ret_count = count;
    return STATUS_OK;
}

/* ---- changes ------------------------------------------------------------------------------------ */

enum status instance_store_put(struct pg_transaction *transaction, const struct instance_row *row,
                               bool replace, const char *who, struct fault *fault)
{
    size_t affected;

    enum status status =
        pg_apply(transaction, &instance_store_add,
                 PG_PARAMS(pg_str(row->realm), pg_str(row->name && row->name[0] ? row->name : NULL),
                           pg_str(row->target), pg_str(row->tls_name), pg_str(row->ca_pem),
                           pg_str(who), pg_bool(replace)),
                 &affected);
    if (status && strcmp(pg_constraint(transaction), "instance_count_max") == 0)
        return fault_set_reason(fault, STATUS_FAILED_PRECONDITION, "TOO_MANY_REALMS", "realm",
                                "a federation has at most %d realms; remove one first",
                                REGISTRY_INSTANCES_MAX);
    PEK_TRY(status);
    if (affected == 0)
        return fault_set(fault, STATUS_ALREADY_EXISTS, "realm", "realm %s is there already",
                         row->realm);
    return STATUS_OK;
}

enum status instance_store_change(struct pg_transaction *transaction, const char *realm,
                                  const char *status, const char *who, struct fault *fault)
{
    size_t affected;

    PEK_TRY(pg_apply(transaction, &instance_store_set_status,
                     PG_PARAMS(pg_str(realm), pg_str(status), pg_str(who)), &affected));
    if (affected == 0)
        return fault_set_reason(fault, STATUS_NOT_FOUND, "NO_SUCH_REALM", "realm",
                                "realm %s is not registered", realm);
    return STATUS_OK;
}

enum status instance_store_tell(struct pg *pg, struct cancel *cancel,
                                const struct instance *instance)
{
    struct slice services[INSTANCE_SERVICES_MAX];
    struct arena arena;

    for (size_t i = 0; i < instance->service_count; i++)
        services[i] = slice_str(instance->services[i]);
    arena_init(&arena, STORE_ARENA_BYTES_MAX);
    /* Copies: the instance may be gone, or say something else, before this is through. */
    const char *realm = arena_printf(&arena, "%s", instance->realm);
    const char *version = arena_printf(&arena, "%s", instance->version);
    struct pg_param list = pg_text_array(&arena, services, instance->service_count);
    enum status status =
        arena.failed
            ? STATUS_RESOURCE_EXHAUSTED
            : pg_write(pg, cancel, &tell, PG_PARAMS(pg_str(realm), pg_str(version), list), NULL);
    arena_done(&arena);
    return status;
}

/* ---- the configuration's ------------------------------------------------------------------------ */

static enum status run_seed(struct pg_transaction *transaction, void *arg)
{
    const struct instance_seeds *seeds = arg;
    enum status status = STATUS_OK;

    if (seeds->local_realm[0])
        status = pg_apply(transaction, &seed_local,
                          PG_PARAMS(pg_str(seeds->local_realm), pg_str(seeds->by)), NULL);
    for (size_t i = 0; !status && i < seeds->count; i++) {
        const char *target = strchr(seeds->items[i], '=') + 1;
        struct slice realm = slice_make(seeds->items[i], (size_t)(target - 1 - seeds->items[i]));
        status = pg_apply(transaction, &seed_one,
                          PG_PARAMS(pg_text(realm), pg_str(target), pg_str(seeds->by)), NULL);
    }
    return status;
}

enum status instance_store_seed(struct pg *pg, struct cancel *cancel,
                                const struct instance_seeds *seeds)
{
    struct instance_seeds copy = *seeds;

    if (seeds->count > REGISTRY_INSTANCES_MAX)
        return STATUS_INVALID_ARGUMENT;
    return pg_transact(pg, cancel, false, run_seed, &copy);
}
