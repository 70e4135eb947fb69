/* The statements of policy_admin_store.h that run within a change. */
#include <string.h>

#include "worker/policy/policy_admin_store.h"
#include "worker/policy/policy_store.h"

/* The number in the first column of the only row. */
static enum status execute_for_int(struct change *change, const struct pg_statement *statement,
                                   const struct pg_param *params, size_t count, int64_t *ret_value)
{
    const struct pg_result *rows;
    PEK_TRY(change_execute(change, statement, params, count, &rows));
    *ret_value = pg_get_int(rows, 0, 0);
    return STATUS_OK;
}

/* ---- what a change reads ---- */

enum status policy_admin_depth(struct change *change, const char *id, size_t *ret_depth)
{
    static const struct pg_statement depth = {
        "policy_admin_depth",
        "WITH RECURSIVE path (parent_id, depth) AS ("
        "  SELECT p.parent_id, 1 FROM pek.policy AS p WHERE p.id = $1::bigint"
        "  UNION ALL"
        "  SELECT u.parent_id, path.depth + 1 FROM path, LATERAL ("
        "    SELECT p.parent_id FROM pek.policy AS p"
        "     WHERE p.id = path.parent_id OFFSET 0) AS u WHERE path.depth < 16) "
        "SELECT coalesce(max(path.depth), 0) FROM path",
    };
    int64_t value;
    PEK_TRY(execute_for_int(change, &depth, PG_PARAMS(pg_str(id)), &value));
    *ret_depth = (size_t)value;
    return STATUS_OK;
}

enum status policy_admin_room(struct change *change, const char *id,
                              struct delegation_room *ret_room)
{
    static const struct pg_statement room = {
        "policy_admin_room",
        "WITH people AS (SELECT s.group_id, s.user_id FROM pek.policy_statement AS s"
        "  WHERE s.policy_id = $1::bigint AND s.resource <> 'GROUP_ESCALATION' LIMIT 1001) "
        "SELECT (SELECT count(*) FROM people),"
        "       (SELECT coalesce(max(alike.number), 0) FROM (SELECT count(*) AS number"
        "          FROM people GROUP BY people.group_id, people.user_id) AS alike),"
        "       coalesce(max(c.policies) FILTER (WHERE c.made_by = $2), 0),"
        "       coalesce(max(c.statements) FILTER (WHERE c.made_by = $2), 0),"
        "       coalesce(max(c.policies) FILTER (WHERE c.made_by = ''), 0),"
        "       coalesce(max(c.statements) FILTER (WHERE c.made_by = ''), 0) "
        "FROM pek.policy_count AS c WHERE c.made_by IN ('', $2)",
    };
    _Static_assert(DELEGATION_STATEMENTS_MAX == 1000, "the LIMIT above is one more");
    const struct pg_result *rows;
    PEK_TRY(change_execute(change, &room, PG_PARAMS(pg_str(id), pg_str(change->actor)), &rows));
    *ret_room = (struct delegation_room){
        .policy_statements = pg_get_int(rows, 0, 0),
        .policy_alike = pg_get_int(rows, 0, 1),
        .user_policies = pg_get_int(rows, 0, 2),
        .user_statements = pg_get_int(rows, 0, 3),
        .realm_policies = pg_get_int(rows, 0, 4),
        .realm_statements = pg_get_int(rows, 0, 5),
    };
    return STATUS_OK;
}

enum status policy_admin_managers(struct change *change, const struct slice *groups, size_t count,
                                  int64_t *ret_managers)
{
    static const struct pg_statement managers = {
        "policy_admin_managers",
        "SELECT coalesce(max(m.number), 0) FROM unnest($1::text[]) AS g (id), LATERAL ("
        "  SELECT count(*) AS number FROM (SELECT FROM pek.policy_statement AS s"
        "    WHERE s.group_id = g.id AND s.user_id IS NULL AND s.actions & 16 <> 0"
        "      AND s.resource <> 'GROUP_ESCALATION' AND s.made_by IS NOT NULL"
        "    LIMIT 17) AS people) AS m",
    };
    _Static_assert(DELEGATION_MANAGERS_MAX == 16, "the LIMIT above is one more");
    return execute_for_int(change, &managers,
                           PG_PARAMS(pg_text_array(change->arena, groups, count)), ret_managers);
}

const struct pg_statement policy_admin_holders = {
    "policy_admin_holders",
    POLICY_STORE_TREE("$1::bigint") "SELECT DISTINCT h.user_id FROM tree, LATERAL ("
                                    "  SELECT a.user_id FROM pek.policy_assignment AS a"
                                    "   WHERE a.policy_id = tree.id OFFSET 0) AS h",
};

/* "7 (Name), 8 (Other) and more" of rows (id, name); NULL when there are none. */
static enum status list_policies(struct change *change, const struct pg_statement *statement,
                                 const struct pg_param *params, size_t param_count,
                                 const char **ret_list)
{
    const struct pg_result *rows;
    PEK_TRY(change_execute(change, statement, params, param_count, &rows));
    size_t count = pg_rows(rows);
    const char *list = "";
    for (size_t i = 0; list && i < count && i < POLICY_ADMIN_NAMED_MAX; i++)
        list = arena_printf(change->arena, "%s%s%s (%s)", list, i ? ", " : "",
                            pg_get_str(rows, i, 0), pg_get_str(rows, i, 1));
    if (list && count > POLICY_ADMIN_NAMED_MAX)
        list = arena_printf(change->arena, "%s and more", list);
    *ret_list = count > 0 ? list : NULL;
    return list ? STATUS_OK : STATUS_RESOURCE_EXHAUSTED;
}

enum status policy_admin_children(struct change *change, const char *id, const char **ret_list)
{
    static const struct pg_statement children = {
        "policy_admin_children",
        "SELECT p.id, p.name FROM pek.policy AS p WHERE p.parent_id = $1::bigint "
        "ORDER BY p.id LIMIT 21",
    };
    return list_policies(change, &children, PG_PARAMS(pg_str(id)), ret_list);
}

enum status policy_admin_exceeding(struct change *change, const char *id, const char *group,
                                   bool below, const char **ret_list)
{
    static const struct pg_statement exceeding = {
        "policy_admin_exceeding",
        POLICY_STORE_BELOW
        "SELECT p.id, p.name FROM ("
        "  SELECT c.id, c.name FROM pek.policy AS c WHERE c.parent_id = $2::bigint OFFSET 0) AS p,"
        " LATERAL (SELECT FROM pek.policy_statement AS s WHERE s.policy_id = p.id"
        "   AND ($1::text IS NULL OR s.group_id = ANY (ARRAY("
        "     SELECT below.id FROM below WHERE below.level = 1 OR $3::boolean)))"
        "   AND NOT EXISTS (SELECT FROM pek.policy_statement AS q"
        "     WHERE q.policy_id = $2::bigint AND " POLICY_STORE_WITHIN
        " OFFSET 0) LIMIT 1) AS beyond "
        "ORDER BY p.id LIMIT 21",
    };
    _Static_assert(POLICY_ADMIN_NAMED_MAX == 20, "the LIMITs above are one more");
    return list_policies(change, &exceeding,
                         PG_PARAMS(group[0] ? pg_str(group) : PG_NULL, pg_str(id), pg_bool(below)),
                         ret_list);
}

enum status policy_admin_has_god(struct change *change, bool *ret_has_god)
{
    /* The actor came with a token of this realm. */
    static const struct pg_statement gods = {
        "policy_admin_has_god",
        "SELECT count(*) FROM (SELECT FROM pek.policy_statement AS s "
        "JOIN pek.policy_assignment AS a ON a.realm = s.realm AND a.policy_id = s.policy_id "
        "WHERE s.actions >= 2048 AND a.valid_until IS NULL AND (a.user_id = $1 OR EXISTS ("
        "  SELECT FROM pek.realm_user AS u WHERE u.user_id = a.user_id)) LIMIT 1) AS gods",
    };
    int64_t count;
    PEK_TRY(execute_for_int(change, &gods, PG_PARAMS(pg_str(change->actor)), &count));
    *ret_has_god = count > 0;
    return STATUS_OK;
}

/* ---- policies ---- */

static enum status refuse_group_policy(struct change *change, const char *id, bool leaders_too)
{
    const struct pg_result *rows;
    PEK_TRY(change_execute(change, &policy_admin_group, PG_PARAMS(pg_str(id)), &rows));
    if (pg_rows(rows) == 0 || (!leaders_too && pg_get_int(rows, 0, 1) == POLICY_ADMIN_GROUP_LEADER))
        return STATUS_OK;
    return fault_set_reason(
        change->fault, STATUS_FAILED_PRECONDITION, "GROUP_POLICY", NULL,
        "this policy is held by who is a member of %s, leads it or has a post there:"
        " change that",
        pg_get_str(rows, 0, 0));
}

enum status policy_admin_check_free(struct change *change, const char *id)
{
    return refuse_group_policy(change, id, true);
}

enum status policy_admin_check_parent(struct change *change, const char *id)
{
    return refuse_group_policy(change, id, false);
}

enum status policy_admin_insert(struct change *change, const char *parent_id, struct slice name,
                                struct slice unique_key, bool can_issue,
                                policy_v1_policy *ret_policy)
{
    static const struct pg_statement insert = {
        "policy_admin_insert",
        "INSERT INTO pek.policy AS p (name, unique_key, parent_id, can_issue, made_by) "
        "VALUES ($1, $2, $3::bigint, $4::boolean, $5) RETURNING " POLICY_V1_POLICY_COLUMNS(p),
    };
    enum status status = change_row(change, &policy_v1_policy_row, &insert,
                                    PG_PARAMS(pg_text(name), pg_text(unique_key), pg_str(parent_id),
                                              pg_bool(can_issue), pg_str(change->actor)),
                                    ret_policy);
    if (status == STATUS_ALREADY_EXISTS)
        return fault_set_reason(change->fault, status, "POLICY_NAME_TAKEN", "name",
                                "another policy of this realm has that name");
    return status;
}

const struct pg_statement policy_admin_touch = {
    "policy_admin_touch",
    "UPDATE pek.policy SET version = version + 1 WHERE id = $1::bigint",
};

const struct pg_statement policy_admin_delete = {
    "policy_admin_delete",
    "DELETE FROM pek.policy WHERE id = $1::bigint",
};

/* ---- statements ---- */

/* Statements as the parameters $2 to $5: groups, users, resources, actions; '' is no restriction. */
#define WRITTEN                                                                                    \
    "(SELECT nullif(w.group_id, '') AS group_id, nullif(w.user_id, '') AS user_id, w.resource,"    \
    " w.actions, w.place FROM unnest($2::text[], $3::text[], $4::text[], $5::integer[])"           \
    " WITH ORDINALITY AS w (group_id, user_id, resource, actions, place)) AS s "

struct written_columns {
    struct pg_param groups, users, resources, actions;
};

static enum status take_columns(struct change *change, const struct policy_written *written,
                                struct written_columns *ret_columns)
{
    struct arena *arena = change->arena;
    size_t count = written->count;
    struct slice *groups = arena_zalloc(arena, 4 * count + 1, sizeof(*groups));
    if (!groups)
        return STATUS_RESOURCE_EXHAUSTED;
    struct slice *users = groups + count, *resources = users + count, *actions = resources + count;
    for (size_t i = 0; i < count; i++) {
        const policy_v1_statement *statement = &written->statements[i];
        const char *bits = arena_printf(arena, "%u", (unsigned)delegation_actions(statement));
        groups[i] = slice_str(statement->group_id);
        users[i] = slice_str(statement->user_id);
        resources[i] = slice_str(statement->resource);
        actions[i] = slice_str(bits ? bits : "");
    }
    *ret_columns = (struct written_columns){
        pg_text_array(arena, groups, count),
        pg_text_array(arena, users, count),
        pg_text_array(arena, resources, count),
        pg_text_array(arena, actions, count),
    };
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

enum status policy_admin_check_written(struct change *change, const char *parent_id,
                                       const struct policy_written *written, size_t *ret_beyond,
                                       const char **ret_missing)
{
    static const struct pg_statement check = {
        "policy_admin_check_written",
        "SELECT (SELECT s.place FROM " WRITTEN
        "         WHERE $1::bigint IS NOT NULL AND NOT EXISTS ("
        "               SELECT FROM pek.policy_statement AS q"
        "                WHERE q.policy_id = $1::bigint AND " POLICY_STORE_WITHIN " OFFSET 0)"
        "         ORDER BY s.place LIMIT 1),"
        "       (SELECT s.group_id FROM " WRITTEN
        "         WHERE s.group_id IS NOT NULL AND NOT EXISTS ("
        "               SELECT FROM pek.realm_group AS g WHERE g.id = s.group_id OFFSET 0)"
        "         ORDER BY s.place LIMIT 1)",
    };
    struct written_columns columns;
    const struct pg_result *rows;
    PEK_TRY(take_columns(change, written, &columns));
    PEK_TRY(change_execute(change, &check,
                           PG_PARAMS(parent_id[0] ? pg_str(parent_id) : PG_NULL, columns.groups,
                                     columns.users, columns.resources, columns.actions),
                           &rows));
    *ret_beyond = (size_t)pg_get_int(rows, 0, 0);
    *ret_missing = pg_is_null(rows, 0, 1) ? NULL : pg_get_str(rows, 0, 1);
    return STATUS_OK;
}

static enum status explain(struct change *change, enum status status)
{
    if (status != STATUS_ALREADY_EXISTS)
        return status;
    return fault_set(change->fault, status, "statement",
                     "the policy has a statement with these restrictions");
}

enum status policy_admin_add_statements(struct change *change, const char *policy_id,
                                        const struct policy_written *written,
                                        policy_v1_statement *ret_last)
{
    static const struct pg_statement add = {
        "policy_admin_add_statements",
        "INSERT INTO pek.policy_statement AS s"
        " (policy_id, group_id, user_id, resource, actions, made_by) "
        "SELECT $1::bigint, s.group_id, s.user_id, s.resource, s.actions, $6 FROM " WRITTEN
        "ORDER BY s.place RETURNING " POLICY_V1_STATEMENT_COLUMNS(s),
    };
    struct written_columns columns;
    const struct pg_result *rows;
    PEK_TRY(take_columns(change, written, &columns));
    PEK_TRY(explain(
        change, change_execute(change, &add,
                               PG_PARAMS(pg_str(policy_id), columns.groups, columns.users,
                                         columns.resources, columns.actions, pg_str(change->actor)),
                               &rows)));
    if (!ret_last)
        return STATUS_OK;
    return row_take(&policy_v1_statement_row, rows, change->arena, ret_last, change->fault);
}

enum status policy_admin_find_statement(struct change *change, const char *policy_id,
                                        const char *id, policy_v1_statement *ret_statement)
{
    static const struct pg_statement find = {
        "policy_admin_find_statement",
        "SELECT " POLICY_V1_STATEMENT_COLUMNS(s) " FROM pek.policy_statement AS s "
                                                 "WHERE s.policy_id = $1::bigint"
                                                 " AND s.id = $2::bigint",
    };
    enum status status = change_row(change, &policy_v1_statement_row, &find,
                                    PG_PARAMS(pg_str(policy_id), pg_str(id)), ret_statement);
    if (status == STATUS_NOT_FOUND)
        return fault_set(change->fault, status, NULL, "policy %s has no statement %s", policy_id,
                         id);
    return status;
}

enum status policy_admin_set_statement(struct change *change, const policy_v1_statement *statement,
                                       policy_v1_statement *ret_statement)
{
    static const struct pg_statement set = {
        "policy_admin_set_statement",
        "UPDATE pek.policy_statement AS s "
        "SET group_id = nullif($2, ''), user_id = nullif($3, ''), resource = $4,"
        " actions = $5::integer "
        "WHERE s.id = $1::bigint RETURNING " POLICY_V1_STATEMENT_COLUMNS(s),
    };
    return explain(change,
                   change_row(change, &policy_v1_statement_row, &set,
                              PG_PARAMS(pg_str(statement->id), pg_str(statement->group_id),
                                        pg_str(statement->user_id), pg_str(statement->resource),
                                        pg_int(change->arena, delegation_actions(statement))),
                              ret_statement));
}

const struct pg_statement policy_admin_delete_statement = {
    "policy_admin_delete_statement",
    "DELETE FROM pek.policy_statement WHERE id = $1::bigint",
};

enum status policy_admin_shrink(struct change *change, const char *id, int64_t *ret_count)
{
    static const struct pg_statement shrink = {
        "policy_admin_shrink",
        POLICY_STORE_TREE(
            "$1::bigint") ", gone AS ("
                          "  DELETE FROM pek.policy_statement AS d WHERE d.id = ANY (ARRAY("
                          "    SELECT s.id FROM tree, LATERAL ("
                          "      SELECT c.id FROM pek.policy AS c WHERE c.parent_id = tree.id "
                          "OFFSET 0) AS p, "
                          "LATERAL ("
                          "      SELECT * FROM pek.policy_statement AS t WHERE t.policy_id = p.id "
                          "OFFSET 0) AS s"
                          "     WHERE NOT EXISTS (SELECT FROM pek.policy_statement AS q"
                          "       WHERE q.policy_id = tree.id AND " POLICY_STORE_WITHIN
                          " OFFSET 0)))"
                          "  RETURNING d.*), "
                          "told AS (" POLICY_STORE_TELL_GONE
                          "), touched AS (" POLICY_STORE_TOUCH_GONE ") "
                          "SELECT count(*) FROM gone",
    };
    return execute_for_int(
        change, &shrink,
        PG_PARAMS(pg_str(id), pg_str(change->actor), pg_text(rpc_trace_id(change->ctx))),
        ret_count);
}

/* ---- assignments ---- */

const struct pg_statement policy_admin_assignment = {
    "policy_admin_assignment",
    "SELECT " POLICY_V1_ASSIGNMENT_COLUMNS(a) " FROM pek.policy_holding AS a "
                                              "WHERE a.policy_id = $1::bigint AND a.user_id = $2",
};

enum status policy_admin_revoke(struct change *change, const char *id, const char *user)
{
    static const struct pg_statement revoke = {
        "policy_admin_revoke",
        "DELETE FROM pek.policy_assignment WHERE policy_id = $1::bigint AND user_id = $2 "
        "AND (valid_until IS NULL OR valid_until > statement_timestamp())",
    };
    const struct pg_result *result;
    PEK_TRY(change_execute(change, &revoke, PG_PARAMS(pg_str(id), pg_str(user)), &result));
    return pg_affected(result) == 1 ? STATUS_OK : STATUS_NOT_FOUND;
}

/* ---- audit rows ---- */

#define AUDIT                                                                                      \
    "INSERT INTO pek.audit_log (actor, action, target_kind, target_id, trace_id, detail) "         \
    "SELECT $1, $2, 'policy', "

const struct pg_statement policy_admin_audit = {
    "policy_admin_audit",
    POLICY_STORE_TREE("ANY ($4::bigint[])") AUDIT
    "p.id::text, $3,"
    " to_jsonb(p) - ARRAY['realm', 'unique_key', 'sort_key'] || jsonb_build_object('statements',"
    "  (SELECT coalesce(jsonb_agg(to_jsonb(s) - ARRAY['realm', 'policy_id']), '[]')"
    "     FROM pek.policy_statement AS s WHERE s.policy_id = p.id"
    "      AND s.resource <> 'GROUP_ESCALATION')) "
    "FROM tree, LATERAL (SELECT * FROM pek.policy AS o WHERE o.id = tree.id OFFSET 0) AS p",
};

const struct pg_statement policy_admin_audit_statement = {
    "policy_admin_audit_statement",
    AUDIT "s.policy_id::text, $3, to_jsonb(s) - ARRAY['realm', 'policy_id'] "
          "FROM pek.policy_statement AS s WHERE s.id = ANY ($4::bigint[])",
};

const struct pg_statement policy_admin_audit_user = {
    "policy_admin_audit_user",
    AUDIT "($4::text[])[1], $3, jsonb_build_object('user_id', ($4::text[])[2])",
};
