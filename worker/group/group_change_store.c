/* The statements of group_store.h that run within a change. */
#include <string.h>

#include "worker/group/group_rows.h"
#include "worker/group/group_store.h"

/* What every change of a row does besides. */
#define TOUCHED "version = g.version + 1, update_time = now() "

static enum status run(struct pg_transaction *transaction, const struct pg_statement *statement,
                       const struct pg_param *params, size_t count)
{
    struct pg_result *result;
    enum status status = pg_execute(transaction, statement, params, count, &result);
    if (status == STATUS_OK)
        pg_result_free(result);
    return status;
}

static enum status run_for_group(struct pg_transaction *transaction,
                                 const struct pg_statement *statement,
                                 const struct pg_param *params, size_t count, struct arena *arena,
                                 struct group *ret_group)
{
    struct pg_result *result;
    if (arena->failed)
        return STATUS_RESOURCE_EXHAUSTED;
    enum status status = pg_execute(transaction, statement, params, count, &result);
    return status == STATUS_OK ? group_take(result, arena, ret_group) : status;
}

/* ---- what a change reads ---- */

enum status group_store_lock_tree(struct pg_transaction *transaction, struct slice org,
                                  struct arena *arena)
{
    static const struct pg_statement lock = {
        "group_lock_tree",
        "SELECT g.id FROM pek.realm_group AS g WHERE g.id = $1 FOR NO KEY UPDATE",
    };
    const char *root = arena_printf(arena, "%.*s@%.*s", SLICE_ARG(org), SLICE_ARG(org));
    if (!root)
        return STATUS_RESOURCE_EXHAUSTED;
    struct pg_result *result;
    enum status status = pg_execute(transaction, &lock, PG_PARAMS(pg_str(root)), &result);
    if (status != STATUS_OK)
        return status;
    status = pg_rows(result) == 1 ? STATUS_OK : STATUS_NOT_FOUND;
    pg_result_free(result);
    return status;
}

enum status group_store_lock(struct pg_transaction *transaction, const char *id,
                             struct arena *arena, struct group *ret_group)
{
    static const struct pg_statement lock = {
        "group_lock",
        "SELECT " GROUP_COLUMNS "FROM pek.realm_group AS g WHERE g.id = $1 FOR NO KEY UPDATE",
    };
    return run_for_group(transaction, &lock, PG_PARAMS(pg_str(id)), arena, ret_group);
}

enum status group_store_path(struct pg_transaction *transaction, const char *id,
                             struct arena *arena, const struct group_node **ret_path,
                             size_t *ret_count)
{
    static const struct pg_statement path = {
        "group_path",
        "WITH RECURSIVE path (id, parent_id, is_archived, distance) AS ("
        "  SELECT g.id, g.parent_id, g.is_archived, 0 FROM pek.realm_group AS g WHERE g.id = $1"
        "  UNION ALL"
        "  SELECT g.id, g.parent_id, g.is_archived, path.distance + 1"
        "    FROM path JOIN pek.realm_group AS g ON g.id = path.parent_id"
        "   WHERE path.distance < 16) "
        "SELECT path.id, path.is_archived FROM path ORDER BY path.distance DESC",
    };
    struct pg_result *result;
    enum status status = pg_execute(transaction, &path, PG_PARAMS(pg_str(id)), &result);
    if (status != STATUS_OK)
        return status;
    size_t count = pg_rows(result);
    struct group_node *nodes = arena_zalloc(arena, count + 1, sizeof(*nodes));
    for (size_t i = 0; nodes && i < count; i++)
        nodes[i] = (struct group_node){
            .id = arena_printf(arena, "%s", pg_get_str(result, i, 0)),
            .is_archived = pg_get_bool(result, i, 1),
        };
    pg_result_free(result);
    if (arena->failed)
        return STATUS_RESOURCE_EXHAUSTED;
    if (count == 0)
        return STATUS_NOT_FOUND;
    *ret_path = nodes;
    *ret_count = count;
    return STATUS_OK;
}

enum status group_store_below(struct pg_transaction *transaction, const char *id,
                              size_t *ret_height, int64_t *ret_active)
{
    static const struct pg_statement below = {
        "group_below",
        "WITH RECURSIVE below (id, is_archived, level) AS ("
        "  SELECT g.id, g.is_archived, 1 FROM pek.realm_group AS g WHERE g.id = $1"
        "  UNION ALL"
        "  SELECT g.id, g.is_archived, below.level + 1"
        "    FROM below JOIN pek.realm_group AS g ON g.parent_id = below.id"
        "   WHERE below.level < 16) "
        "SELECT coalesce(max(below.level), 0),"
        "       count(*) FILTER (WHERE below.level > 1 AND NOT below.is_archived) FROM below",
    };
    struct pg_result *result;
    enum status status = pg_execute(transaction, &below, PG_PARAMS(pg_str(id)), &result);
    if (status != STATUS_OK)
        return status;
    *ret_height = (size_t)pg_get_int(result, 0, 0);
    *ret_active = pg_get_int(result, 0, 1);
    pg_result_free(result);
    return STATUS_OK;
}

/* ---- what a change writes ---- */

/* Which rule of the table refused a row. */
static enum status explain_collision(struct pg_transaction *transaction, enum status status,
                                     const char *name_field, struct fault *fault)
{
    if (status != STATUS_ALREADY_EXISTS)
        return status;
    if (strcmp(pg_constraint(transaction), "realm_group_name_key") == 0)
        return fault_set_reason(fault, status, "GROUP_NAME_TAKEN", name_field,
                                "another group of this realm has that name");
    return fault_set_reason(fault, status, "GROUP_ID_TAKEN", "slug",
                            "another group of this realm has that id");
}

enum status group_store_insert(struct pg_transaction *transaction,
                               const struct group_new *new_group, struct arena *arena,
                               struct group *ret_group, struct fault *fault)
{
    static const struct pg_statement insert = {
        "group_insert",
        "INSERT INTO pek.realm_group AS g (id, parent_id, name, unique_key, folded, sort_key,"
        " description, webpage, mail, purpose, foundation_time, is_community, is_resort,"
        " is_task_force, has_transitive_membership) "
        "VALUES ($1, $2, $3, $4, $5, $6::bytea, $7, $8, $9, $10::smallint,"
        " coalesce(timestamptz 'epoch' + $11::bigint * interval '1 microsecond', now()),"
        " $12::boolean, $13::boolean, $14::boolean, $15::boolean) "
        "RETURNING " GROUP_COLUMNS,
    };
    const struct group_name *name = &new_group->name;
    const struct group_profile *profile = &new_group->profile;
    enum status status = run_for_group(
        transaction, &insert,
        PG_PARAMS(pg_str(new_group->id.text), pg_str(new_group->parent_id), pg_text(name->name),
                  pg_text(name->unique_key), pg_text(name->folded), pg_bytea(name->sort_key),
                  pg_text(profile->description), pg_text(profile->webpage), pg_text(profile->mail),
                  pg_int(arena, profile->purpose),
                  new_group->foundation_us == GROUP_TIME_NONE
                      ? PG_NULL
                      : pg_int(arena, new_group->foundation_us),
                  pg_bool(new_group->is_community), pg_bool(new_group->is_resort),
                  pg_bool(new_group->is_task_force), pg_bool(new_group->has_transitive_membership)),
        arena, ret_group);
    return explain_collision(transaction, status, "name", fault);
}

enum status group_store_set_profile(struct pg_transaction *transaction, const char *id,
                                    unsigned fields, const struct group_name *name,
                                    const struct group_profile *profile, struct arena *arena,
                                    struct group *ret_group, struct fault *fault)
{
    static const struct pg_statement update = {
        "group_set_profile",
        "UPDATE pek.realm_group AS g SET name = coalesce($2, g.name),"
        " unique_key = coalesce($3, g.unique_key), folded = coalesce($4, g.folded),"
        " sort_key = coalesce($5::bytea, g.sort_key), description = coalesce($6, g.description),"
        " webpage = coalesce($7, g.webpage), mail = coalesce($8, g.mail),"
        " purpose = coalesce($9::smallint, g.purpose), " TOUCHED
        "WHERE g.id = $1 RETURNING " GROUP_COLUMNS,
    };
    bool named = fields & GROUP_NAME;
    enum status status = run_for_group(
        transaction, &update,
        PG_PARAMS(pg_str(id), named ? pg_text(name->name) : PG_NULL,
                  named ? pg_text(name->unique_key) : PG_NULL,
                  named ? pg_text(name->folded) : PG_NULL,
                  named ? pg_bytea(name->sort_key) : PG_NULL,
                  fields & GROUP_DESCRIPTION ? pg_text(profile->description) : PG_NULL,
                  fields & GROUP_WEBPAGE ? pg_text(profile->webpage) : PG_NULL,
                  fields & GROUP_MAIL ? pg_text(profile->mail) : PG_NULL,
                  fields & GROUP_PURPOSE ? pg_int(arena, profile->purpose) : PG_NULL),
        arena, ret_group);
    return explain_collision(transaction, status, "group.name", fault);
}

static struct pg_param flag(unsigned fields, unsigned values, unsigned which)
{
    return fields & which ? pg_bool((values & which) != 0) : PG_NULL;
}

enum status group_store_set_flags(struct pg_transaction *transaction, const char *id,
                                  unsigned fields, unsigned values, struct arena *arena,
                                  struct group *ret_group)
{
    static const struct pg_statement update = {
        "group_set_flags",
        "UPDATE pek.realm_group AS g SET is_community = coalesce($2::boolean, g.is_community),"
        " is_resort = coalesce($3::boolean, g.is_resort),"
        " is_task_force = coalesce($4::boolean, g.is_task_force),"
        " has_transitive_membership = coalesce($5::boolean, g.has_transitive_membership),"
        " users_can_apply = coalesce($6::boolean, g.users_can_apply),"
        " archived_members_visible = coalesce($7::boolean, g.archived_members_visible), " TOUCHED
        "WHERE g.id = $1 RETURNING " GROUP_COLUMNS,
    };
    return run_for_group(transaction, &update,
                         PG_PARAMS(pg_str(id), flag(fields, values, GROUP_IS_COMMUNITY),
                                   flag(fields, values, GROUP_IS_RESORT),
                                   flag(fields, values, GROUP_IS_TASK_FORCE),
                                   flag(fields, values, GROUP_HAS_TRANSITIVE_MEMBERSHIP),
                                   flag(fields, values, GROUP_USERS_CAN_APPLY),
                                   flag(fields, values, GROUP_ARCHIVED_MEMBERS_VISIBLE)),
                         arena, ret_group);
}

enum status group_store_archive(struct pg_transaction *transaction, const char *id,
                                struct arena *arena, const struct slice **ret_ids,
                                size_t *ret_count)
{
    static const struct pg_statement archive = {
        "group_archive",
        "WITH RECURSIVE below (id, level) AS ("
        "  SELECT g.id, 1 FROM pek.realm_group AS g WHERE g.id = $1"
        "  UNION ALL"
        "  SELECT g.id, below.level + 1"
        "    FROM below JOIN pek.realm_group AS g ON g.parent_id = below.id"
        "   WHERE below.level < 16) "
        "UPDATE pek.realm_group AS g SET is_archived = true, " TOUCHED
        "FROM below WHERE g.id = below.id AND NOT g.is_archived RETURNING g.id",
    };
    struct pg_result *result;
    enum status status = pg_execute(transaction, &archive, PG_PARAMS(pg_str(id)), &result);
    if (status != STATUS_OK)
        return status;
    size_t count = pg_rows(result);
    struct slice *ids = arena_zalloc(arena, count + 1, sizeof(*ids));
    for (size_t i = 0; ids && i < count; i++)
        ids[i] = arena_copy(arena, pg_get_slice(result, i, 0));
    pg_result_free(result);
    if (arena->failed)
        return STATUS_RESOURCE_EXHAUSTED;
    *ret_ids = ids;
    *ret_count = count;
    return STATUS_OK;
}

enum status group_store_unarchive(struct pg_transaction *transaction, const char *id,
                                  struct arena *arena, struct group *ret_group)
{
    static const struct pg_statement unarchive = {
        "group_unarchive",
        "UPDATE pek.realm_group AS g SET is_archived = false, " TOUCHED
        "WHERE g.id = $1 RETURNING " GROUP_COLUMNS,
    };
    return run_for_group(transaction, &unarchive, PG_PARAMS(pg_str(id)), arena, ret_group);
}

enum status group_store_move(struct pg_transaction *transaction, const char *id,
                             const char *parent_id, struct arena *arena, struct group *ret_group)
{
    static const struct pg_statement move = {
        "group_move",
        "UPDATE pek.realm_group AS g SET parent_id = $2, " TOUCHED
        "WHERE g.id = $1 RETURNING " GROUP_COLUMNS,
    };
    return run_for_group(transaction, &move, PG_PARAMS(pg_str(id), pg_str(parent_id)), arena,
                         ret_group);
}

enum status group_store_audit(struct pg_transaction *transaction, const char *actor,
                              const char *action, struct slice trace_id, const struct slice *ids,
                              size_t count, struct arena *arena)
{
    /* The keys follow from the name; everything else is kept, so that the log can be replayed. */
    static const struct pg_statement audit = {
        "group_audit",
        "INSERT INTO pek.audit_log (actor, action, target_kind, target_id, trace_id, detail) "
        "SELECT $1, $2, 'group', g.id, $3,"
        " to_jsonb(g) - ARRAY['realm', 'id', 'org', 'unique_key', 'folded', 'sort_key'] "
        "FROM pek.realm_group AS g WHERE g.id = ANY ($4::text[])",
    };
    struct pg_param array = pg_text_array(arena, ids, count);
    if (arena->failed)
        return STATUS_RESOURCE_EXHAUSTED;
    return run(transaction, &audit,
               PG_PARAMS(pg_str(actor), pg_str(action), pg_text(trace_id), array));
}
