/* The statements of policy_admin_store.h that run within a change. */
#include <string.h>

#include "worker/policy/policy_admin_sql.h"

static enum status run(struct pg_transaction *transaction, const struct pg_statement *statement,
                       const struct pg_param *params, size_t count, size_t *ret_affected)
{
    struct pg_result *result;
    enum status status = pg_execute(transaction, statement, params, count, &result);
    if (status != STATUS_OK)
        return status;
    if (ret_affected)
        *ret_affected = pg_affected(result);
    pg_result_free(result);
    return STATUS_OK;
}

/* The number in the first column of the only row. */
static enum status run_for_int(struct pg_transaction *transaction,
                               const struct pg_statement *statement, const struct pg_param *params,
                               size_t count, int64_t *ret_value)
{
    struct pg_result *result;
    enum status status = pg_execute(transaction, statement, params, count, &result);
    if (status != STATUS_OK)
        return status;
    *ret_value = pg_get_int(result, 0, 0);
    pg_result_free(result);
    return STATUS_OK;
}

/* ---- what a change reads ---- */

enum status policy_admin_find(struct pg_transaction *transaction, const char *id,
                              struct pg_result **ret_policy)
{
    return pg_execute(transaction, &policy_admin_get_sql, PARAMS(pg_str(id)), ret_policy);
}

enum status policy_admin_depth(struct pg_transaction *transaction, const char *id,
                               size_t *ret_depth)
{
    static const struct pg_statement depth = {
        "policy_admin_depth",
        "WITH RECURSIVE path (parent_id, depth) AS ("
        "  SELECT p.parent_id, 1 FROM pek.policy AS p WHERE p.id = $1::bigint"
        "  UNION ALL"
        "  SELECT p.parent_id, path.depth + 1"
        "    FROM path JOIN pek.policy AS p ON p.id = path.parent_id WHERE path.depth < 16) "
        "SELECT coalesce(max(path.depth), 0) FROM path",
    };
    int64_t value;
    enum status status = run_for_int(transaction, &depth, PARAMS(pg_str(id)), &value);
    if (status == STATUS_OK)
        *ret_depth = (size_t)value;
    return status;
}

static const char *copied(const struct pg_result *rows, size_t row, int column, struct arena *arena)
{
    if (pg_is_null(rows, row, column))
        return NULL;
    struct slice value = pg_get_slice(rows, row, column);
    return arena_strndup(arena, value.ptr, value.len);
}

enum status policy_admin_statements(struct pg_transaction *transaction, const char *id,
                                    struct arena *arena,
                                    const struct policy_statement **ret_statements,
                                    size_t *ret_count)
{
    static const struct pg_statement all = {
        "policy_admin_statements",
        "SELECT s.group_id, s.user_id, s.actions FROM pek.policy_statement AS s "
        "WHERE s.policy_id = $1::bigint LIMIT 20001",
    };
    struct pg_result *rows;
    enum status status = pg_execute(transaction, &all, PARAMS(pg_str(id)), &rows);
    if (status != STATUS_OK)
        return status;
    size_t count = pg_rows(rows);
    struct policy_statement *statements =
        count <= POLICY_STATEMENTS_MAX ? arena_zalloc(arena, count + 1, sizeof(*statements)) : NULL;
    for (size_t i = 0; statements && i < count; i++)
        statements[i] = (struct policy_statement){
            .group = copied(rows, i, 0, arena),
            .user = copied(rows, i, 1, arena),
            .actions = (uint32_t)pg_get_int(rows, i, 2),
        };
    pg_result_free(rows);
    if (!statements || arena->failed)
        return STATUS_RESOURCE_EXHAUSTED;
    *ret_statements = statements;
    *ret_count = count;
    return STATUS_OK;
}

enum status policy_admin_count(struct pg_transaction *transaction, const char *id,
                               size_t *ret_count)
{
    static const struct pg_statement count = {
        "policy_admin_count",
        "SELECT count(*) FROM pek.policy_statement AS s "
        "WHERE s.policy_id = $1::bigint AND s.resource <> 'GROUP_ESCALATION'",
    };
    int64_t value;
    enum status status = run_for_int(transaction, &count, PARAMS(pg_str(id)), &value);
    if (status == STATUS_OK)
        *ret_count = (size_t)value;
    return status;
}

enum status policy_admin_rows(struct pg_transaction *transaction, const char *id,
                              struct pg_result **ret_statements)
{
    return pg_execute(transaction, &policy_admin_rows_sql, PARAMS(pg_str(id)), ret_statements);
}

enum status policy_admin_statement(struct pg_transaction *transaction, const char *policy_id,
                                   const char *id, struct pg_result **ret_statement)
{
    static const struct pg_statement find = {
        "policy_admin_statement",
        "SELECT " STATEMENT_COLUMNS "FROM pek.policy_statement AS s "
        "WHERE s.policy_id = $1::bigint AND s.id = $2::bigint",
    };
    return pg_execute(transaction, &find, PARAMS(pg_str(policy_id), pg_str(id)), ret_statement);
}

/* The policy and all below it. */
#define TREE                                                                                       \
    "WITH RECURSIVE tree (id) AS ("                                                                \
    "  SELECT $1::bigint UNION"                                                                    \
    "  SELECT p.id FROM tree JOIN pek.policy AS p ON p.parent_id = tree.id) "

enum status policy_admin_holders(struct pg_transaction *transaction, const char *id,
                                 struct pg_result **ret_users)
{
    static const struct pg_statement holders = {
        "policy_admin_holders",
        TREE "SELECT DISTINCT a.user_id FROM tree "
             "JOIN pek.policy_assignment AS a ON a.policy_id = tree.id",
    };
    return pg_execute(transaction, &holders, PARAMS(pg_str(id)), ret_users);
}

enum status policy_admin_children(struct pg_transaction *transaction, const char *id,
                                  bool exceeding, struct pg_result **ret_policies)
{
    static const struct pg_statement all = {
        "policy_admin_children",
        "SELECT p.id, p.name FROM pek.policy AS p WHERE p.parent_id = $1::bigint "
        "ORDER BY p.id LIMIT 21",
    };
    static const struct pg_statement beyond = {
        "policy_admin_children_beyond",
        "SELECT p.id, p.name FROM pek.policy AS p WHERE p.parent_id = $1::bigint "
        "AND EXISTS (SELECT FROM pek.policy_statement AS s WHERE s.policy_id = p.id"
        "  AND NOT EXISTS (SELECT FROM pek.policy_statement AS q"
        "    WHERE q.policy_id = $1::bigint AND " POLICY_STORE_WITHIN ")) "
        "ORDER BY p.id LIMIT 21",
    };
    _Static_assert(POLICY_ADMIN_NAMED_MAX == 20, "the LIMITs above are one more");
    return pg_execute(transaction, exceeding ? &beyond : &all, PARAMS(pg_str(id)), ret_policies);
}

enum status policy_admin_is_within(struct pg_transaction *transaction, const char *id,
                                   bool *ret_within)
{
    static const struct pg_statement beyond = {
        "policy_admin_beyond",
        "SELECT count(*) FROM pek.policy AS p "
        "JOIN pek.policy_statement AS s ON s.policy_id = p.id "
        "WHERE p.id = $1::bigint AND p.parent_id IS NOT NULL"
        "  AND NOT EXISTS (SELECT FROM pek.policy_statement AS q"
        "    WHERE q.policy_id = p.parent_id AND " POLICY_STORE_WITHIN ")",
    };
    int64_t count;
    enum status status = run_for_int(transaction, &beyond, PARAMS(pg_str(id)), &count);
    if (status == STATUS_OK)
        *ret_within = count == 0;
    return status;
}

enum status policy_admin_has_god(struct pg_transaction *transaction, bool *ret_has_god)
{
    static const struct pg_statement gods = {
        "policy_admin_has_god",
        "SELECT count(*) FROM (SELECT a.user_id FROM pek.policy_statement AS s "
        "JOIN pek.policy_assignment AS a ON a.realm = s.realm AND a.policy_id = s.policy_id "
        "WHERE s.group_id IS NULL AND s.user_id IS NULL "
        "GROUP BY a.user_id HAVING bit_or(s.actions) = 2047 LIMIT 1) AS gods",
    };
    int64_t count;
    enum status status = run_for_int(transaction, &gods, NULL, 0, &count);
    if (status == STATUS_OK)
        *ret_has_god = count > 0;
    return status;
}

/* ---- what a change writes ---- */

enum status policy_admin_insert(struct pg_transaction *transaction, const char *parent_id,
                                struct slice name, struct slice unique_key, bool can_issue,
                                struct pg_result **ret_policy)
{
    static const struct pg_statement insert = {
        "policy_admin_insert",
        "INSERT INTO pek.policy AS p (name, unique_key, parent_id, can_issue) "
        "VALUES ($1, $2, $3::bigint, $4::boolean) RETURNING " POLICY_COLUMNS,
    };
    return pg_execute(
        transaction, &insert,
        PARAMS(pg_text(name), pg_text(unique_key), pg_str(parent_id), pg_bool(can_issue)),
        ret_policy);
}

/* The group of a statement is the only thing it refers to that may not be there. */
static enum status no_such_group(const struct pg_transaction *transaction, enum status status)
{
    bool group = status == STATUS_FAILED_PRECONDITION &&
                 strcmp(pg_constraint(transaction), "policy_statement_group_fkey") == 0;
    return group ? STATUS_NOT_FOUND : status;
}

enum status policy_admin_add_statement(struct pg_transaction *transaction, const char *policy_id,
                                       const struct policy_statement *statement,
                                       const char *resource, struct arena *arena,
                                       struct pg_result **ret_statement)
{
    static const struct pg_statement add = {
        "policy_admin_add_statement",
        "INSERT INTO pek.policy_statement AS s (policy_id, group_id, user_id, resource, actions) "
        "VALUES ($1::bigint, $2, $3, $4, $5::integer) RETURNING " STATEMENT_COLUMNS,
    };
    struct pg_param actions = pg_int(arena, statement->actions);
    if (arena->failed)
        return STATUS_RESOURCE_EXHAUSTED;
    enum status status = pg_execute(transaction, &add,
                                    PARAMS(pg_str(policy_id), pg_str(statement->group),
                                           pg_str(statement->user), pg_str(resource), actions),
                                    ret_statement);
    return no_such_group(transaction, status);
}

enum status policy_admin_set_statement(struct pg_transaction *transaction, const char *id,
                                       const struct policy_statement *statement,
                                       const char *resource, struct arena *arena,
                                       struct pg_result **ret_statement)
{
    static const struct pg_statement set = {
        "policy_admin_set_statement",
        "UPDATE pek.policy_statement AS s "
        "SET group_id = $2, user_id = $3, resource = $4, actions = $5::integer "
        "WHERE s.id = $1::bigint RETURNING " STATEMENT_COLUMNS,
    };
    struct pg_param actions = pg_int(arena, statement->actions);
    if (arena->failed)
        return STATUS_RESOURCE_EXHAUSTED;
    enum status status = pg_execute(transaction, &set,
                                    PARAMS(pg_str(id), pg_str(statement->group),
                                           pg_str(statement->user), pg_str(resource), actions),
                                    ret_statement);
    return no_such_group(transaction, status);
}

enum status policy_admin_delete_statement(struct pg_transaction *transaction, const char *id)
{
    static const struct pg_statement delete = {
        "policy_admin_delete_statement",
        "DELETE FROM pek.policy_statement WHERE id = $1::bigint",
    };
    return run(transaction, &delete, PARAMS(pg_str(id)), NULL);
}

enum status policy_admin_shrink(struct pg_transaction *transaction, const char *id,
                                const char *actor, struct slice trace_id, int64_t *ret_count)
{
    static const struct pg_statement shrink = {
        "policy_admin_shrink",
        TREE ", gone AS ("
             "  DELETE FROM pek.policy_statement AS s USING tree, pek.policy AS p"
             "   WHERE p.parent_id = tree.id AND s.policy_id = p.id"
             "     AND NOT EXISTS (SELECT FROM pek.policy_statement AS q"
             "       WHERE q.policy_id = p.parent_id AND " POLICY_STORE_WITHIN ")"
             "  RETURNING s.*), "
             "told AS (" POLICY_STORE_TELL_GONE ") "
             "SELECT count(*) FROM gone",
    };
    return run_for_int(transaction, &shrink, PARAMS(pg_str(id), pg_str(actor), pg_text(trace_id)),
                       ret_count);
}

enum status policy_admin_touch(struct pg_transaction *transaction, const char *id)
{
    static const struct pg_statement touch = {
        "policy_admin_touch",
        "UPDATE pek.policy SET version = version + 1 WHERE id = $1::bigint",
    };
    return run(transaction, &touch, PARAMS(pg_str(id)), NULL);
}

enum status policy_admin_delete(struct pg_transaction *transaction, const char *id)
{
    static const struct pg_statement delete = {
        "policy_admin_delete",
        "DELETE FROM pek.policy WHERE id = $1::bigint",
    };
    return run(transaction, &delete, PARAMS(pg_str(id)), NULL);
}

enum status policy_admin_assign(struct pg_transaction *transaction, const char *id,
                                const char *user, const char *assigned_by, bool *ret_made,
                                struct pg_result **ret_assignment)
{
    static const struct pg_statement assign = {
        "policy_admin_assign",
        "INSERT INTO pek.policy_assignment (policy_id, user_id, assigned_by) "
        "VALUES ($1::bigint, $2, $3) ON CONFLICT DO NOTHING",
    };
    static const struct pg_statement find = {
        "policy_admin_assignment",
        "SELECT " ASSIGNMENT_COLUMNS "FROM pek.policy_assignment AS a "
        "WHERE a.policy_id = $1::bigint AND a.user_id = $2",
    };
    size_t made;
    enum status status =
        run(transaction, &assign, PARAMS(pg_str(id), pg_str(user), pg_str(assigned_by)), &made);
    if (status == STATUS_OK)
        status = pg_execute(transaction, &find, PARAMS(pg_str(id), pg_str(user)), ret_assignment);
    if (status == STATUS_OK)
        *ret_made = made == 1;
    return status;
}

enum status policy_admin_assigned(struct pg_transaction *transaction, const char *user,
                                  size_t *ret_count)
{
    static const struct pg_statement assigned = {
        "policy_admin_assigned",
        "SELECT count(*) FROM pek.policy_assignment AS a WHERE a.user_id = $1",
    };
    int64_t count;
    enum status status = run_for_int(transaction, &assigned, PARAMS(pg_str(user)), &count);
    if (status == STATUS_OK)
        *ret_count = (size_t)count;
    return status;
}

enum status policy_admin_revoke(struct pg_transaction *transaction, const char *id,
                                const char *user)
{
    static const struct pg_statement revoke = {
        "policy_admin_revoke",
        "DELETE FROM pek.policy_assignment WHERE policy_id = $1::bigint AND user_id = $2",
    };
    size_t affected = 0;
    enum status status = run(transaction, &revoke, PARAMS(pg_str(id), pg_str(user)), &affected);
    return status == STATUS_OK && affected == 0 ? STATUS_NOT_FOUND : status;
}

/* ---- audit rows ---- */

enum status policy_admin_audit(struct pg_transaction *transaction, const char *actor,
                               struct slice trace_id, const char *action, const char *id, bool tree)
{
    static const struct pg_statement audit = {
        "policy_admin_audit",
        TREE "INSERT INTO pek.audit_log (actor, action, target_kind, target_id, trace_id, detail) "
             "SELECT $2, $3, 'policy', p.id::text, $4,"
             " to_jsonb(p) - ARRAY['realm', 'unique_key'] || jsonb_build_object('statements',"
             "  (SELECT coalesce(jsonb_agg(to_jsonb(s) - ARRAY['realm', 'policy_id']), '[]')"
             "     FROM pek.policy_statement AS s WHERE s.policy_id = p.id"
             "      AND s.resource <> 'GROUP_ESCALATION')) "
             "FROM tree JOIN pek.policy AS p ON p.id = tree.id "
             "WHERE $5::boolean OR p.id = $1::bigint",
    };
    return run(transaction, &audit,
               PARAMS(pg_str(id), pg_str(actor), pg_str(action), pg_text(trace_id), pg_bool(tree)),
               NULL);
}

enum status policy_admin_audit_statement(struct pg_transaction *transaction, const char *actor,
                                         struct slice trace_id, const char *action, const char *id)
{
    static const struct pg_statement audit = {
        "policy_admin_audit_statement",
        "INSERT INTO pek.audit_log (actor, action, target_kind, target_id, trace_id, detail) "
        "SELECT $2, $3, 'policy', s.policy_id::text, $4, to_jsonb(s) - ARRAY['realm', 'policy_id'] "
        "FROM pek.policy_statement AS s WHERE s.id = $1::bigint",
    };
    return run(transaction, &audit,
               PARAMS(pg_str(id), pg_str(actor), pg_str(action), pg_text(trace_id)), NULL);
}

enum status policy_admin_audit_user(struct pg_transaction *transaction, const char *actor,
                                    struct slice trace_id, const char *action, const char *id,
                                    const char *user)
{
    static const struct pg_statement audit = {
        "policy_admin_audit_user",
        "INSERT INTO pek.audit_log (actor, action, target_kind, target_id, trace_id, detail) "
        "VALUES ($1, $2, 'policy', $3, $4, jsonb_build_object('user_id', $5::text))",
    };
    return run(transaction, &audit,
               PARAMS(pg_str(actor), pg_str(action), pg_str(id), pg_text(trace_id), pg_str(user)),
               NULL);
}
