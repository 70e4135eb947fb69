#include "worker/membership/post_store.h"

#include "worker/domain/domain.h"
#include "worker/policy/policy_store.h"

const struct pg_statement post_store_list = {
    "post_types",
    "SELECT " MEMBERSHIP_V1_POST_TYPE_COLUMNS(
        t) " FROM pek.post_type AS t WHERE t.group_id = $4 AND t.kind = 5 "
           "AND (t.sort_key, t.id::text COLLATE \"C\") >= ($1::bytea, $2) "
           "AND ($3::boolean OR (t.sort_key, t.id::text COLLATE \"C\") <> ($1::bytea, $2)) "
           "ORDER BY t.sort_key, t.id::text COLLATE \"C\" LIMIT $5::integer",
};

enum status post_store_types(const struct read_batch *batch, const void *group_id,
                             struct pg_result **ret_rows)
{
    const char *const *group = group_id;
    return read_rows(batch, &post_store_list,
                     PG_PARAMS(READ_POSITION(batch), pg_str(*group),
                               pg_int(batch->arena, (int64_t)batch->limit)),
                     ret_rows);
}

enum status post_store_make_type(struct change *change, const char *group_id,
                                 const struct text_name *name, uint32_t actions,
                                 membership_v1_post_type *ret_type)
{
    static const struct pg_statement count = {
        "post_type_count",
        "SELECT FROM pek.post_type AS t WHERE t.group_id = $1 AND t.kind = 5"
        " OFFSET $2::integer LIMIT 1",
    };
    static const struct pg_statement make = {
        "post_type_make",
        "INSERT INTO pek.post_type AS t (group_id, kind, name, unique_key, sort_key, actions) "
        "VALUES ($1, 5, $2, $3, $4::bytea, $5::integer) ON CONFLICT DO NOTHING "
        "RETURNING " MEMBERSHIP_V1_POST_TYPE_COLUMNS(t),
    };
    const struct pg_param group = pg_str(group_id);
    const struct pg_result *beyond;
    PEK_TRY(domain_lock_limit(change, "post types", group_id));
    PEK_TRY(change_execute(change, &count,
                           PG_PARAMS(group, pg_int(change->arena, POST_TYPES_MAX - 1)), &beyond));
    if (pg_rows(beyond) > 0)
        return fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION, POST_REASON_FULL,
                                "group_id", "a group has %d types of posts of its own at most",
                                POST_TYPES_MAX);
    enum status status =
        change_row(change, &membership_v1_post_type_row, &make,
                   PG_PARAMS(group, pg_text(name->name), pg_text(name->unique_key),
                             pg_bytea(name->sort_key), pg_int(change->arena, actions)),
                   ret_type);
    if (status != STATUS_NOT_FOUND)
        return status;
    return fault_set(change->fault, STATUS_ALREADY_EXISTS, "name",
                     "the group has such a post: %.*s", SLICE_ARG(name->name));
}

static struct post_type type_of(const struct pg_result *rows)
{
    return (struct post_type){
        .id = pg_get_str(rows, 0, 0),
        .name = pg_get_str(rows, 0, 1),
        .kind = (membership_v1_post_kind)pg_get_int(rows, 0, 2),
        .actions = (uint32_t)pg_get_int(rows, 0, 3),
        .carries = pg_get_bool(rows, 0, 4),
    };
}

#define TYPE                                                                                       \
    "SELECT t.id, t.name, t.kind, t.actions, t.policy_id IS NOT NULL FROM pek.post_type AS t "     \
    "WHERE t.group_id = $1 "

enum status post_store_own_type(struct change *change, const char *group_id, const char *id,
                                const char *field, struct post_type *ret_type)
{
    static const struct pg_statement find = {
        "post_type_own",
        TYPE "AND t.kind = 5 AND t.id = $2::bigint FOR UPDATE",
    };
    const struct pg_result *rows;
    PEK_TRY(change_execute(change, &find, PG_PARAMS(pg_str(group_id), pg_str(id)), &rows));
    if (pg_rows(rows) == 0)
        return fault_set(change->fault, STATUS_NOT_FOUND, field,
                         "%s has no type of posts %s of its own", group_id, id);
    *ret_type = type_of(rows);
    return STATUS_OK;
}

enum status post_store_kind_type(struct change *change, const char *group_id,
                                 membership_v1_post_kind kind, struct post_type *ret_type)
{
    static const struct pg_statement make = {
        "post_type_kind_make",
        "INSERT INTO pek.post_type (group_id, kind, name, unique_key, sort_key, actions) "
        "VALUES ($1, $2::smallint, '', '', '', $3::integer) ON CONFLICT DO NOTHING",
    };
    static const struct pg_statement find = {
        "post_type_kind",
        TYPE "AND t.kind = $2::smallint FOR UPDATE",
    };
    const struct pg_param group = pg_str(group_id), which = pg_int(change->arena, kind);
    const struct pg_result *rows;
    PEK_TRY(change_execute(change, &make,
                           PG_PARAMS(group, which, pg_int(change->arena, post_kinds[kind].actions)),
                           NULL));
    PEK_TRY(change_execute(change, &find, PG_PARAMS(group, which), &rows));
    if (pg_rows(rows) == 0)
        return STATUS_INTERNAL;
    *ret_type = type_of(rows);
    return STATUS_OK;
}

enum status post_store_make_policy(struct change *change, const char *group_id,
                                   const struct post_type *type)
{
    static const struct pg_statement lock = {
        "post_policy_lock",
        "SELECT pg_advisory_xact_lock(hashtextextended("
        "concat_ws(' ', 'pek.group_policy', current_setting('pek.realm'), $1::text), 0))",
    };
    /* As of members' policies: a name that somebody has taken is theirs. MATERIALIZED, since row security keeps what is made of a
     * column by coalesce from an index. */
    static const struct pg_statement make = {
        "post_policy_make",
        "WITH named AS MATERIALIZED ("
        "  SELECT t.id, t.actions, $3 || ' of ' || $1 AS name,"
        "    coalesce(nullif(t.unique_key, ''), lower($3)) || ' of ' || $1 AS unique_key"
        "    FROM pek.post_type AS t WHERE t.group_id = $1 AND t.id = $2::bigint), "
        "free AS ("
        "  SELECT named.*, CASE WHEN EXISTS (SELECT FROM pek.policy AS p"
        "      WHERE p.unique_key = named.unique_key OR p.name = named.name)"
        "    THEN ' ' || gen_random_uuid() ELSE '' END AS more FROM named), "
        "made AS ("
        "  INSERT INTO pek.policy (name, unique_key, parent_id, can_issue)"
        "  SELECT free.name || free.more, free.unique_key || free.more, coalesce("
        "      (SELECT l.policy_id FROM pek.group_policy AS l WHERE l.group_id = $1 AND l.kind = "
        "2),"
        "      (SELECT p.id FROM pek.policy AS p WHERE p.name = 'GOD')), false"
        "    FROM free RETURNING id), "
        "statement AS ("
        "  INSERT INTO pek.policy_statement (policy_id, group_id, resource, actions)"
        "  SELECT made.id, $1, 'GROUP', free.actions FROM made, free), "
        "link AS ("
        "  INSERT INTO pek.group_policy (group_id, kind, policy_id) SELECT $1, 3, made.id FROM "
        "made) "
        "UPDATE pek.post_type AS t SET policy_id = made.id FROM made"
        " WHERE t.group_id = $1 AND t.id = $2::bigint",
    };
    const char *name =
        type->kind == MEMBERSHIP_V1_POST_KIND_OWN ? type->name : post_kinds[type->kind].policy_name;
    const struct pg_param group = pg_str(group_id);
    PEK_TRY(policy_store_lock(change->transaction, true));
    PEK_TRY(change_execute(change, &lock, PG_PARAMS(group), NULL));
    return change_execute(change, &make, PG_PARAMS(group, pg_str(type->id), pg_str(name)), NULL);
}

enum status post_store_holder(struct change *change, const char *group_id,
                              const struct post_type *type, const char **ret_user)
{
    static const struct pg_statement find = {
        "post_holder",
        "SELECT m.user_id FROM pek.post AS o JOIN pek.member AS m"
        "    ON m.group_id = o.group_id AND m.user_id = o.user_id"
        " WHERE o.group_id = $1 AND o.type_id = $2::bigint AND m.status IN (2, 3)"
        " ORDER BY m.user_id LIMIT 1",
    };
    const struct pg_result *rows;
    PEK_TRY(change_execute(change, &find, PG_PARAMS(pg_str(group_id), pg_str(type->id)), &rows));
    *ret_user = pg_rows(rows) > 0 ? pg_get_str(rows, 0, 0) : NULL;
    return STATUS_OK;
}

enum status post_store_leaders(struct change *change, const struct membership_people *people,
                               const char **ret_user)
{
    static const struct pg_statement find = {
        "post_leaders",
        "SELECT m.user_id FROM pek.post AS o JOIN pek.member AS m"
        "    ON m.group_id = o.group_id AND m.user_id = o.user_id"
        "  JOIN pek.post_type AS t ON t.group_id = o.group_id AND t.id = o.type_id"
        " WHERE o.group_id = $1 AND o.user_id = ANY ($2::text[]) AND m.status IN (2, 3)"
        "   AND (t.kind < 4 OR t.actions > 0) ORDER BY m.user_id LIMIT 1",
    };
    const struct pg_result *rows;
    PEK_TRY(change_execute(change, &find,
                           PG_PARAMS(pg_str(people->group_id),
                                     pg_text_array(change->arena, people->users, people->count)),
                           &rows));
    *ret_user = pg_rows(rows) > 0 ? pg_get_str(rows, 0, 0) : NULL;
    return STATUS_OK;
}

/* From the member on: what others have is not looked at. */
const struct pg_statement post_store_rights = {
    "post_rights",
    "SELECT FROM pek.post AS o JOIN pek.post_type AS t ON t.group_id = o.group_id AND t.id = "
    "o.type_id "
    "WHERE o.user_id = $1 AND o.given_by = $2 AND t.actions > 0 OFFSET $3::integer LIMIT 1",
};

enum status post_store_is_full(struct change *change, const struct membership_people *person,
                               bool *ret_is_full)
{
    const struct pg_result *rows;
    PEK_TRY(change_execute(change, &post_store_rights,
                           PG_PARAMS(pg_text(person->users[0]), pg_str(change->actor),
                                     pg_int(change->arena, POST_RIGHTS_MAX - 1)),
                           &rows));
    *ret_is_full = pg_rows(rows) > 0;
    return STATUS_OK;
}

enum status post_store_delete_type(struct change *change, const char *group_id,
                                   const struct post_type *type)
{
    static const struct pg_statement drop = {
        "post_type_delete",
        "DELETE FROM pek.post_type AS t WHERE t.group_id = $1 AND t.id = $2::bigint "
        "RETURNING t.policy_id",
    };
    static const struct pg_statement drop_policy = {
        "post_policy_delete",
        "DELETE FROM pek.policy WHERE id = $1::bigint",
    };
    const struct pg_result *rows;
    PEK_TRY(policy_store_lock(change->transaction, true));
    PEK_TRY(change_execute(change, &drop, PG_PARAMS(pg_str(group_id), pg_str(type->id)), &rows));
    if (pg_rows(rows) == 0 || pg_is_null(rows, 0, 0))
        return STATUS_OK;
    return change_execute(change, &drop_policy, PG_PARAMS(pg_str(pg_get_str(rows, 0, 0))), NULL);
}

static enum status change_post(struct change *change, const struct pg_statement *statement,
                               const struct membership_people *person, const struct post_type *type,
                               bool *ret_changed)
{
    const struct pg_result *result;
    PEK_TRY(change_execute(change, statement,
                           PG_PARAMS(pg_str(person->group_id), pg_text(person->users[0]),
                                     pg_str(type->id), pg_str(change->actor)),
                           &result));
    *ret_changed = pg_affected(result) == 1;
    return STATUS_OK;
}

enum status post_store_give(struct change *change, const struct membership_people *person,
                            const struct post_type *type, bool *ret_changed)
{
    static const struct pg_statement give = {
        "post_give",
        "INSERT INTO pek.post (group_id, user_id, type_id, given_by) "
        "VALUES ($1, $2, $3::bigint, $4) ON CONFLICT DO NOTHING",
    };
    return change_post(change, &give, person, type, ret_changed);
}

enum status post_store_take(struct change *change, const struct membership_people *person,
                            const struct post_type *type, bool *ret_changed)
{
    static const struct pg_statement take = {
        "post_take",
        "DELETE FROM pek.post WHERE group_id = $1 AND user_id = $2 AND type_id = $3::bigint"
        " AND $4::text IS NOT NULL",
    };
    return change_post(change, &take, person, type, ret_changed);
}

const struct pg_statement post_store_audit = {
    "post_type_audit",
    "INSERT INTO pek.audit_log (actor, action, target_kind, target_id, trace_id, detail) "
    "SELECT $1, $2, 'group', t.group_id, $3,"
    " jsonb_build_object('post_type_id', t.id, 'name', t.name, 'actions', t.actions) "
    "FROM pek.post_type AS t WHERE t.id = ANY ($4::bigint[])",
};
