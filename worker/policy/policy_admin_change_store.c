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
        "  SELECT u.parent_id, path.depth + 1 FROM path, LATERAL ("
        "    SELECT p.parent_id FROM pek.policy AS p"
        "     WHERE p.id = path.parent_id OFFSET 0) AS u WHERE path.depth < 16) "
        "SELECT coalesce(max(path.depth), 0) FROM path",
    };
    int64_t value;
    enum status status = run_for_int(transaction, &depth, PARAMS(pg_str(id)), &value);
    if (status == STATUS_OK)
        *ret_depth = (size_t)value;
    return status;
}

enum status policy_admin_room(struct pg_transaction *transaction, const char *id, const char *maker,
                              struct delegation_room *ret_room)
{
    static const struct pg_statement room = {
        "policy_admin_room",
        "SELECT (SELECT count(*) FROM (SELECT FROM pek.policy_statement AS s"
        "          WHERE s.policy_id = $1::bigint AND s.resource <> 'GROUP_ESCALATION'"
        "          LIMIT 1001) AS people),"
        "       coalesce(max(c.policies) FILTER (WHERE c.made_by = $2), 0),"
        "       coalesce(max(c.statements) FILTER (WHERE c.made_by = $2), 0),"
        "       coalesce(max(c.policies) FILTER (WHERE c.made_by = ''), 0),"
        "       coalesce(max(c.statements) FILTER (WHERE c.made_by = ''), 0) "
        "FROM pek.policy_count AS c WHERE c.made_by IN ('', $2)",
    };
    _Static_assert(DELEGATION_STATEMENTS_MAX == 1000, "the LIMIT above is one more");
    struct pg_result *row;
    enum status status = pg_execute(transaction, &room, PARAMS(pg_str(id), pg_str(maker)), &row);
    if (status != STATUS_OK)
        return status;
    *ret_room = (struct delegation_room){
        .policy_statements = pg_get_int(row, 0, 0),
        .user_policies = pg_get_int(row, 0, 1),
        .user_statements = pg_get_int(row, 0, 2),
        .realm_policies = pg_get_int(row, 0, 3),
        .realm_statements = pg_get_int(row, 0, 4),
    };
    pg_result_free(row);
    return STATUS_OK;
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

enum status policy_admin_holders(struct pg_transaction *transaction, const char *id,
                                 struct pg_result **ret_users)
{
    static const struct pg_statement holders = {
        "policy_admin_holders",
        POLICY_STORE_TREE "SELECT DISTINCT h.user_id FROM tree, LATERAL ("
                          "  SELECT a.user_id FROM pek.policy_assignment AS a"
                          "   WHERE a.policy_id = tree.id OFFSET 0) AS h",
    };
    return pg_execute(transaction, &holders, PARAMS(pg_str(id)), ret_users);
}

enum status policy_admin_children(struct pg_transaction *transaction, const char *id,
                                  struct pg_result **ret_policies)
{
    static const struct pg_statement children = {
        "policy_admin_children",
        "SELECT p.id, p.name FROM pek.policy AS p WHERE p.parent_id = $1::bigint "
        "ORDER BY p.id LIMIT 21",
    };
    return pg_execute(transaction, &children, PARAMS(pg_str(id)), ret_policies);
}

enum status policy_admin_exceeding(struct pg_transaction *transaction, const char *id,
                                   const char *group, bool below, struct pg_result **ret_policies)
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
    return pg_execute(transaction, &exceeding, PARAMS(pg_str(group), pg_str(id), pg_bool(below)),
                      ret_policies);
}

enum status policy_admin_has_god(struct pg_transaction *transaction, const char *actor,
                                 bool *ret_has_god)
{
    /* The actor came with a token of this realm. */
    static const struct pg_statement gods = {
        "policy_admin_has_god",
        "SELECT count(*) FROM (SELECT FROM pek.policy_statement AS s "
        "JOIN pek.policy_assignment AS a ON a.realm = s.realm AND a.policy_id = s.policy_id "
        "WHERE s.actions >= 2048 AND (a.user_id = $1 OR EXISTS ("
        "  SELECT FROM pek.realm_user AS u WHERE u.user_id = a.user_id)) LIMIT 1) AS gods",
    };
    int64_t count;
    enum status status = run_for_int(transaction, &gods, PARAMS(pg_str(actor)), &count);
    if (status == STATUS_OK)
        *ret_has_god = count > 0;
    return status;
}

/* ---- what a change writes ---- */

enum status policy_admin_insert(struct pg_transaction *transaction, const char *parent_id,
                                struct slice name, struct slice unique_key, bool can_issue,
                                const char *maker, struct pg_result **ret_policy)
{
    static const struct pg_statement insert = {
        "policy_admin_insert",
        "INSERT INTO pek.policy AS p (name, unique_key, parent_id, can_issue, made_by) "
        "VALUES ($1, $2, $3::bigint, $4::boolean, $5) RETURNING " POLICY_COLUMNS,
    };
    return pg_execute(transaction, &insert,
                      PARAMS(pg_text(name), pg_text(unique_key), pg_str(parent_id),
                             pg_bool(can_issue), pg_str(maker)),
                      ret_policy);
}

/* Statements as the parameters $2 to $5: groups, users, resources, actions; '' is no restriction. */
#define WRITTEN                                                                                    \
    "(SELECT nullif(w.group_id, '') AS group_id, nullif(w.user_id, '') AS user_id, w.resource,"    \
    " w.actions, w.place FROM unnest($2::text[], $3::text[], $4::text[], $5::integer[])"           \
    " WITH ORDINALITY AS w (group_id, user_id, resource, actions, place)) AS s "

struct written_columns {
    struct pg_param groups, users, resources, actions;
};

static enum status take_columns(const struct policy_written *written, struct arena *arena,
                                struct written_columns *ret_columns)
{
    size_t count = written->count;
    struct slice *groups = arena_zalloc(arena, 4 * count + 1, sizeof(*groups));
    if (!groups)
        return STATUS_RESOURCE_EXHAUSTED;
    struct slice *users = groups + count, *kinds = users + count, *actions = kinds + count;
    for (size_t i = 0; i < count; i++) {
        const struct policy_statement *statement = &written->statements[i];
        const char *bits = arena_printf(arena, "%u", (unsigned)statement->actions);
        groups[i] = slice_str(statement->group ? statement->group : "");
        users[i] = slice_str(statement->user ? statement->user : "");
        kinds[i] = slice_str(written->resources[i]);
        actions[i] = slice_str(bits ? bits : "");
    }
    *ret_columns = (struct written_columns){
        pg_text_array(arena, groups, count),
        pg_text_array(arena, users, count),
        pg_text_array(arena, kinds, count),
        pg_text_array(arena, actions, count),
    };
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

enum status policy_admin_check_written(struct pg_transaction *transaction, const char *parent_id,
                                       const struct policy_written *written, struct arena *arena,
                                       size_t *ret_beyond, const char **ret_missing)
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
    struct pg_result *row = NULL;
    enum status status = take_columns(written, arena, &columns);
    if (status == STATUS_OK)
        status = pg_execute(transaction, &check,
                            PARAMS(pg_str(parent_id), columns.groups, columns.users,
                                   columns.resources, columns.actions),
                            &row);
    if (status != STATUS_OK)
        return status;
    *ret_beyond = (size_t)pg_get_int(row, 0, 0);
    *ret_missing = pg_is_null(row, 0, 1) ? NULL : arena_printf(arena, "%s", pg_get_str(row, 0, 1));
    pg_result_free(row);
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

enum status policy_admin_add_statements(struct pg_transaction *transaction, const char *policy_id,
                                        const struct policy_written *written, const char *maker,
                                        struct arena *arena, struct pg_result **ret_statements)
{
    static const struct pg_statement add = {
        "policy_admin_add_statements",
        "INSERT INTO pek.policy_statement AS s"
        " (policy_id, group_id, user_id, resource, actions, made_by) "
        "SELECT $1::bigint, s.group_id, s.user_id, s.resource, s.actions, $6 FROM " WRITTEN
        "ORDER BY s.place RETURNING " STATEMENT_COLUMNS,
    };
    struct written_columns columns;
    enum status status = take_columns(written, arena, &columns);
    return status == STATUS_OK
               ? pg_execute(transaction, &add,
                            PARAMS(pg_str(policy_id), columns.groups, columns.users,
                                   columns.resources, columns.actions, pg_str(maker)),
                            ret_statements)
               : status;
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
    return pg_execute(transaction, &set,
                      PARAMS(pg_str(id), pg_str(statement->group), pg_str(statement->user),
                             pg_str(resource), actions),
                      ret_statement);
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
        POLICY_STORE_TREE
        ", gone AS ("
        "  DELETE FROM pek.policy_statement AS d WHERE d.id = ANY (ARRAY("
        "    SELECT s.id FROM tree, LATERAL ("
        "      SELECT c.id FROM pek.policy AS c WHERE c.parent_id = tree.id OFFSET 0) AS p, "
        "LATERAL ("
        "      SELECT * FROM pek.policy_statement AS t WHERE t.policy_id = p.id OFFSET 0) AS s"
        "     WHERE NOT EXISTS (SELECT FROM pek.policy_statement AS q"
        "       WHERE q.policy_id = tree.id AND " POLICY_STORE_WITHIN " OFFSET 0)))"
        "  RETURNING d.*), "
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

enum status policy_admin_assignment(struct pg_transaction *transaction, const char *id,
                                    const char *user, struct pg_result **ret_assignment)
{
    static const struct pg_statement find = {
        "policy_admin_assignment",
        "SELECT " ASSIGNMENT_COLUMNS "FROM pek.policy_assignment AS a "
        "WHERE a.policy_id = $1::bigint AND a.user_id = $2",
    };
    return pg_execute(transaction, &find, PARAMS(pg_str(id), pg_str(user)), ret_assignment);
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
        POLICY_STORE_TREE
        "INSERT INTO pek.audit_log (actor, action, target_kind, target_id, trace_id, detail) "
        "SELECT $2, $3, 'policy', p.id::text, $4,"
        " to_jsonb(p) - ARRAY['realm', 'unique_key'] || jsonb_build_object('statements',"
        "  (SELECT coalesce(jsonb_agg(to_jsonb(s) - ARRAY['realm', 'policy_id']), '[]')"
        "     FROM pek.policy_statement AS s WHERE s.policy_id = p.id"
        "      AND s.resource <> 'GROUP_ESCALATION')) "
        "FROM tree, LATERAL (SELECT * FROM pek.policy AS o WHERE o.id = tree.id OFFSET 0) AS p "
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
