/* The statements of group_store.h that run within a change. */
#include <string.h>

#include "shared/row/mask.h"
#include "worker/group/group_store.h"

/* What every change of a row does besides. */
#define TOUCHED "version = g.version + 1, update_time = now() "

/* ---- what a change reads ---- */

enum status group_store_lock_tree(struct change *change, struct slice org)
{
    static const struct pg_statement lock = {
        "group_lock_tree",
        "SELECT g.id FROM pek.realm_group AS g WHERE g.id = $1 FOR NO KEY UPDATE",
    };
    const struct pg_result *rows;
    const char *root = arena_printf(change->arena, "%.*s@%.*s", SLICE_ARG(org), SLICE_ARG(org));
    if (!root)
        return STATUS_RESOURCE_EXHAUSTED;
    PEK_TRY(change_execute(change, &lock, PG_PARAMS(pg_str(root)), &rows));
    return pg_rows(rows) == 1 ? STATUS_OK : STATUS_NOT_FOUND;
}

const struct pg_statement group_store_lock = {
    "group_lock",
    "SELECT " GROUP_V1_GROUP_COLUMNS(g) " FROM pek.realm_group AS g WHERE g.id = $1 "
                                        "FOR NO KEY UPDATE",
};

enum status group_store_path(struct change *change, const char *id,
                             const struct group_node **ret_path, size_t *ret_count)
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
    const struct pg_result *rows;
    PEK_TRY(change_execute(change, &path, PG_PARAMS(pg_str(id)), &rows));
    size_t count = pg_rows(rows);
    struct group_node *nodes = arena_zalloc(change->arena, count + 1, sizeof(*nodes));
    if (!nodes)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < count; i++)
        nodes[i] = (struct group_node){pg_get_str(rows, i, 0), pg_get_bool(rows, i, 1)};
    *ret_path = nodes;
    *ret_count = count;
    return count > 0 ? STATUS_OK : STATUS_NOT_FOUND;
}

enum status group_store_below(struct change *change, const char *id, size_t *ret_height,
                              int64_t *ret_active)
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
    const struct pg_result *rows;
    PEK_TRY(change_execute(change, &below, PG_PARAMS(pg_str(id)), &rows));
    *ret_height = (size_t)pg_get_int(rows, 0, 0);
    *ret_active = pg_get_int(rows, 0, 1);
    return STATUS_OK;
}

/* ---- what a change writes ---- */

/* Which rule of the table refused a row. */
static enum status explain_collision(struct change *change, enum status status,
                                     const char *name_field)
{
    if (status != STATUS_ALREADY_EXISTS)
        return status;
    if (strcmp(pg_constraint(change->transaction), "realm_group_name_key") == 0)
        return fault_set_reason(change->fault, status, "GROUP_NAME_TAKEN", name_field,
                                "another group of this realm has that name");
    return fault_set_reason(change->fault, status, GROUP_REASON_ID_TAKEN, "slug",
                            "another group of this realm has that id");
}

enum status group_store_insert(struct change *change, const group_v1_group *made,
                               const struct text_name *name, group_v1_group *ret_group)
{
    static const struct pg_statement insert = {
        "group_insert",
        "INSERT INTO pek.realm_group AS g (id, parent_id, name, unique_key, folded, sort_key,"
        " description, webpage, mail, purpose, foundation_time, is_community, is_resort,"
        " is_task_force, has_transitive_membership) "
        "VALUES ($1, nullif($2, ''), $3, $4, $5, $6::bytea, $7, $8, $9, $10::smallint,"
        " coalesce($11::timestamptz, now()), $12::boolean, $13::boolean, $14::boolean,"
        " $15::boolean) "
        "RETURNING " GROUP_V1_GROUP_COLUMNS(g),
    };
    enum status status = change_row(
        change, &group_v1_group_row, &insert,
        PG_PARAMS(pg_str(made->id), pg_str(made->parent_id), pg_text(name->name),
                  pg_text(name->unique_key), pg_text(name->folded), pg_bytea(name->sort_key),
                  pg_str(made->description), pg_str(made->webpage), pg_str(made->mail),
                  pg_int(change->arena, (int64_t)made->purpose),
                  row_time_param(change->arena, made->foundation_time), pg_bool(made->is_community),
                  pg_bool(made->is_resort), pg_bool(made->is_task_force),
                  pg_bool(made->has_transitive_membership)),
        ret_group);
    return explain_collision(change, status, "name");
}

enum status group_store_set_profile(struct change *change, unsigned fields,
                                    const group_v1_group *profile, const struct text_name *name,
                                    group_v1_group *ret_group)
{
    static const struct pg_statement update = {
        "group_set_profile",
        "UPDATE pek.realm_group AS g SET name = coalesce($2, g.name),"
        " unique_key = coalesce($3, g.unique_key), folded = coalesce($4, g.folded),"
        " sort_key = coalesce($5::bytea, g.sort_key), description = coalesce($6, g.description),"
        " webpage = coalesce($7, g.webpage), mail = coalesce($8, g.mail),"
        " purpose = coalesce($9::smallint, g.purpose), " TOUCHED
        "WHERE g.id = $1 RETURNING " GROUP_V1_GROUP_COLUMNS(g),
    };
    enum status status = change_row(
        change, &group_v1_group_row, &update,
        PG_PARAMS(
            pg_str(profile->id), mask_param(fields, GROUP_NAME, pg_text(name->name)),
            mask_param(fields, GROUP_NAME, pg_text(name->unique_key)),
            mask_param(fields, GROUP_NAME, pg_text(name->folded)),
            mask_param(fields, GROUP_NAME, pg_bytea(name->sort_key)),
            mask_param(fields, GROUP_DESCRIPTION, pg_str(profile->description)),
            mask_param(fields, GROUP_WEBPAGE, pg_str(profile->webpage)),
            mask_param(fields, GROUP_MAIL, pg_str(profile->mail)),
            mask_param(fields, GROUP_PURPOSE, pg_int(change->arena, (int64_t)profile->purpose))),
        ret_group);
    return explain_collision(change, status, "group.name");
}

enum status group_store_set_flags(struct change *change, unsigned fields,
                                  const group_v1_configure_group_request *flags,
                                  group_v1_group *ret_group)
{
    static const struct pg_statement update = {
        "group_set_flags",
        "UPDATE pek.realm_group AS g SET is_community = coalesce($2::boolean, g.is_community),"
        " is_resort = coalesce($3::boolean, g.is_resort),"
        " is_task_force = coalesce($4::boolean, g.is_task_force),"
        " has_transitive_membership = coalesce($5::boolean, g.has_transitive_membership),"
        " users_can_apply = coalesce($6::boolean, g.users_can_apply),"
        " archived_members_visible = coalesce($7::boolean, g.archived_members_visible), " TOUCHED
        "WHERE g.id = $1 RETURNING " GROUP_V1_GROUP_COLUMNS(g),
    };
    return change_row(
        change, &group_v1_group_row, &update,
        PG_PARAMS(pg_str(ret_group->id),
                  mask_param(fields, GROUP_IS_COMMUNITY, pg_bool(flags->is_community)),
                  mask_param(fields, GROUP_IS_RESORT, pg_bool(flags->is_resort)),
                  mask_param(fields, GROUP_IS_TASK_FORCE, pg_bool(flags->is_task_force)),
                  mask_param(fields, GROUP_HAS_TRANSITIVE_MEMBERSHIP,
                             pg_bool(flags->has_transitive_membership)),
                  mask_param(fields, GROUP_USERS_CAN_APPLY, pg_bool(flags->users_can_apply)),
                  mask_param(fields, GROUP_ARCHIVED_MEMBERS_VISIBLE,
                             pg_bool(flags->archived_members_visible))),
        ret_group);
}

/* Column 0 of all rows; as long as the rows. */
static enum status take_ids(struct change *change, const struct pg_result *rows,
                            const struct slice **ret_ids, size_t *ret_count)
{
    size_t count = pg_rows(rows);
    struct slice *ids = arena_zalloc(change->arena, count + 1, sizeof(*ids));
    if (!ids)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < count; i++)
        ids[i] = pg_get_slice(rows, i, 0);
    *ret_ids = ids;
    *ret_count = count;
    return STATUS_OK;
}

enum status group_store_archive(struct change *change, const char *id, const struct slice **ret_ids,
                                size_t *ret_count)
{
    static const struct pg_statement archive = {
        "group_archive",
        "WITH RECURSIVE below (id, level) AS ("
        "  SELECT g.id, 1 FROM pek.realm_group AS g WHERE g.id = $1"
        "  UNION ALL"
        "  SELECT g.id, below.level + 1"
        "    FROM below JOIN pek.realm_group AS g ON g.parent_id = below.id"
        "   WHERE below.level < 16), "
        "archiving (id) AS MATERIALIZED (SELECT gen_random_uuid()) "
        "UPDATE pek.realm_group AS g"
        " SET is_archived = true, archive_id = archiving.id, " TOUCHED
        "FROM archiving WHERE g.id = ANY (ARRAY(SELECT below.id FROM below)) AND NOT g.is_archived "
        "RETURNING g.id",
    };
    const struct pg_result *rows;
    PEK_TRY(change_execute(change, &archive, PG_PARAMS(pg_str(id)), &rows));
    return take_ids(change, rows, ret_ids, ret_count);
}

enum status group_store_unarchive(struct change *change, const char *id, bool cascade,
                                  const struct slice **ret_ids, size_t *ret_count)
{
    /* Below an archived group everything is archived: what went along hangs together. */
    static const struct pg_statement unarchive = {
        "group_unarchive",
        "WITH RECURSIVE taken (id, archive_id, level) AS ("
        "  SELECT g.id, g.archive_id, 1 FROM pek.realm_group AS g WHERE g.id = $1"
        "  UNION ALL"
        "  SELECT g.id, g.archive_id, taken.level + 1"
        "    FROM taken JOIN pek.realm_group AS g ON g.parent_id = taken.id"
        "   WHERE $2::boolean AND g.archive_id = taken.archive_id AND taken.level < 16) "
        "UPDATE pek.realm_group AS g SET is_archived = false, archive_id = NULL, " TOUCHED
        "WHERE g.id = ANY (ARRAY(SELECT taken.id FROM taken)) RETURNING g.id",
    };
    const struct pg_result *rows;
    PEK_TRY(change_execute(change, &unarchive, PG_PARAMS(pg_str(id), pg_bool(cascade)), &rows));
    return take_ids(change, rows, ret_ids, ret_count);
}

enum status group_store_move(struct change *change, const char *id, const char *parent_id,
                             group_v1_group *ret_group)
{
    static const struct pg_statement move = {
        "group_move",
        "UPDATE pek.realm_group AS g SET parent_id = $2, " TOUCHED
        "WHERE g.id = $1 RETURNING " GROUP_V1_GROUP_COLUMNS(g),
    };
    return change_row(change, &group_v1_group_row, &move, PG_PARAMS(pg_str(id), pg_str(parent_id)),
                      ret_group);
}

/* The keys follow from the name; everything else is kept, so that the log can be replayed. */
const struct pg_statement group_store_audit = {
    "group_audit",
    "INSERT INTO pek.audit_log (actor, action, target_kind, target_id, trace_id, detail) "
    "SELECT $1, $2, 'group', g.id, $3,"
    " to_jsonb(g) - ARRAY['realm', 'id', 'org', 'unique_key', 'folded', 'sort_key'] "
    "FROM pek.realm_group AS g WHERE g.id = ANY ($4::text[])",
};

/* ---- keys that follow the collator ---- */

const struct pg_statement group_store_names_after = {
    "group_names_after",
    "SELECT g.id, g.name FROM pek.realm_group AS g WHERE g.id > $1 ORDER BY g.id LIMIT $2::integer",
};

const struct pg_statement group_store_set_keys = {
    "group_set_keys",
    "UPDATE pek.realm_group AS g SET unique_key = made.unique_key, folded = made.folded,"
    " sort_key = made.sort_key "
    "FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[])"
    "  AS made (id, name, unique_key, folded, sort_key) "
    "WHERE g.id = made.id AND g.name = made.name"
    "  AND (g.unique_key <> made.unique_key OR g.folded <> made.folded"
    "    OR g.sort_key <> made.sort_key)",
};
