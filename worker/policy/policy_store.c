#include "worker/policy/policy_store.h"

#include "shared/text/text.h"

#define PARAMS(...)                                                                                \
    (const struct pg_param[]){__VA_ARGS__},                                                        \
        sizeof((const struct pg_param[]){__VA_ARGS__}) / sizeof(struct pg_param)

static enum status run(struct pg_transaction *transaction, const struct pg_statement *statement,
                       const struct pg_param *params, size_t count)
{
    struct pg_result *result;
    enum status status = pg_execute(transaction, statement, params, count, &result);
    if (status != STATUS_OK)
        return status;
    pg_result_free(result);
    return STATUS_OK;
}

/* ---- within a change ---- */

enum status policy_store_lock(struct pg_transaction *transaction, bool shared)
{
    static const struct pg_statement lock = {
        "policy_lock",
        "SELECT pg_advisory_xact_lock("
        "hashtextextended('pek.policy ' || current_setting('pek.realm'), 0))",
    };
    static const struct pg_statement lock_shared = {
        "policy_lock_shared",
        "SELECT pg_advisory_xact_lock_shared("
        "hashtextextended('pek.policy ' || current_setting('pek.realm'), 0))",
    };
    return run(transaction, shared ? &lock_shared : &lock, NULL, 0);
}

enum status policy_store_add_group_god(struct pg_transaction *transaction, const char *group,
                                       const char *user, struct arena *arena)
{
    static const struct pg_statement add = {
        "policy_add_group_god",
        "WITH god AS ("
        "  INSERT INTO pek.policy (name, unique_key, parent_id, can_issue)"
        "  VALUES ('GOD in ' || $1, 'god in ' || $1, (SELECT p.id FROM pek.policy AS p WHERE "
        "p.name = 'GOD'), true)"
        "  RETURNING id), "
        "statement AS ("
        "  INSERT INTO pek.policy_statement (policy_id, group_id, resource, actions)"
        "  SELECT god.id, $1, 'GROUP', $3::integer FROM god) "
        "INSERT INTO pek.policy_assignment (policy_id, user_id, assigned_by) "
        "SELECT god.id, $2, $2 FROM god",
    };
    struct pg_param actions = pg_int(arena, POLICY_ACTIONS_ALL);
    if (arena->failed)
        return STATUS_RESOURCE_EXHAUSTED;
    enum status status = policy_store_lock(transaction, true);
    if (status != STATUS_OK)
        return status;
    return run(transaction, &add, PARAMS(pg_str(group), pg_str(user), actions));
}

/* 16 is POLICY_ACTIONS_MANAGE, 21 POLICY_ACTIONS_ESCALATION: literals, so that each statement can be pasted. */
_Static_assert(POLICY_ACTIONS_MANAGE == 16 && POLICY_ACTIONS_ESCALATION == 21,
               "in SQL as literals");

/* Policy `p` may have an escalation on the group: it is at the top, or the one above it covers that. */
#define COVERED(group)                                                                             \
    "(p.parent_id IS NULL OR EXISTS (SELECT FROM pek.policy_statement AS q"                        \
    " WHERE q.policy_id = p.parent_id AND (q.group_id IS NULL OR q.group_id = " group ")"          \
    " AND q.user_id IS NULL AND 21 & ~q.actions = 0)) "

/* Runs a statement that adds escalations until it adds none: what a policy gets may cover the ones below it. */
static enum status add_all(struct pg_transaction *transaction, const struct pg_statement *add,
                           const char *param)
{
    size_t added = 1;
    for (int round = 0; added > 0; round++) {
        struct pg_result *result;
        if (round == POLICY_SHRINK_ROUNDS_MAX)
            return STATUS_INTERNAL;
        enum status status = pg_execute(transaction, add, PARAMS(pg_str(param)), &result);
        if (status != STATUS_OK)
            return status;
        added = pg_affected(result);
        pg_result_free(result);
    }
    return STATUS_OK;
}

enum status policy_store_escalate(struct pg_transaction *transaction, const char *group)
{
    /* (group, each proper ancestor of it), then who manages the ancestor by a statement of its own. */
    static const struct pg_statement add = {
        "policy_escalate",
        "WITH RECURSIVE below (id, parent_id, level) AS ("
        "  SELECT g.id, g.parent_id, 1 FROM pek.realm_group AS g WHERE g.id = $1"
        "  UNION ALL"
        "  SELECT g.id, g.parent_id, below.level + 1"
        "    FROM below JOIN pek.realm_group AS g ON g.parent_id = below.id"
        "   WHERE below.level < 16), "
        "above (id, ancestor_id, distance) AS ("
        "  SELECT below.id, below.parent_id, 1 FROM below WHERE below.parent_id IS NOT NULL"
        "  UNION ALL"
        "  SELECT above.id, g.parent_id, above.distance + 1"
        "    FROM above JOIN pek.realm_group AS g ON g.id = above.ancestor_id"
        "   WHERE g.parent_id IS NOT NULL AND above.distance < 16) "
        "INSERT INTO pek.policy_statement (policy_id, group_id, resource, actions) "
        "SELECT DISTINCT s.policy_id, above.id, 'GROUP_ESCALATION', 21 "
        "FROM above JOIN pek.policy_statement AS s ON s.group_id = above.ancestor_id "
        "JOIN pek.policy AS p ON p.id = s.policy_id "
        "WHERE s.user_id IS NULL AND s.actions & 16 <> 0 AND s.resource <> 'GROUP_ESCALATION' "
        "AND " COVERED("above.id") "ON CONFLICT ON CONSTRAINT policy_statement_key DO NOTHING",
    };
    return add_all(transaction, &add, group);
}

enum status policy_store_derive(struct pg_transaction *transaction, const char *policy_id)
{
    /* Of the policy and all below it: the groups below those that a statement of its own manages. */
#define DUE                                                                                        \
    "WITH RECURSIVE tree (id) AS ("                                                                \
    "  SELECT $1::bigint UNION"                                                                    \
    "  SELECT p.id FROM tree JOIN pek.policy AS p ON p.parent_id = tree.id), "                     \
    "due (policy_id, group_id) AS ("                                                               \
    "  SELECT s.policy_id, g.id FROM tree"                                                         \
    "    JOIN pek.policy_statement AS s ON s.policy_id = tree.id"                                  \
    "    JOIN pek.realm_group AS g ON g.parent_id = s.group_id"                                    \
    "   WHERE s.user_id IS NULL AND s.actions & 16 <> 0 AND s.resource <> 'GROUP_ESCALATION'"      \
    "  UNION"                                                                                      \
    "  SELECT due.policy_id, g.id FROM due"                                                        \
    "    JOIN pek.realm_group AS g ON g.parent_id = due.group_id) "
    static const struct pg_statement forget = {
        "policy_derive_forget",
        DUE "DELETE FROM pek.policy_statement AS s USING tree "
            "WHERE s.policy_id = tree.id AND s.resource = 'GROUP_ESCALATION' "
            "AND NOT EXISTS (SELECT FROM due"
            " WHERE due.policy_id = s.policy_id AND due.group_id = s.group_id)",
    };
    static const struct pg_statement add = {
        "policy_derive_add",
        DUE "INSERT INTO pek.policy_statement (policy_id, group_id, resource, actions) "
            "SELECT due.policy_id, due.group_id, 'GROUP_ESCALATION', 21 FROM due "
            "JOIN pek.policy AS p ON p.id = due.policy_id "
            "WHERE " COVERED(
                "due.group_id") "ON CONFLICT ON CONSTRAINT policy_statement_key DO NOTHING",
    };
    enum status status = run(transaction, &forget, PARAMS(pg_str(policy_id)));
    return status == STATUS_OK ? add_all(transaction, &add, policy_id) : status;
}

/* What a policy has on the group or below it beyond the policy above it goes, and is told of. */
static enum status shrink_below(struct pg_transaction *transaction, const char *group,
                                int64_t *ret_count)
{
    static const struct pg_statement shrink = {
        "policy_shrink_below",
        "WITH RECURSIVE below (id, level) AS ("
        "  SELECT g.id, 1 FROM pek.realm_group AS g WHERE g.id = $1"
        "  UNION ALL"
        "  SELECT g.id, below.level + 1"
        "    FROM below JOIN pek.realm_group AS g ON g.parent_id = below.id"
        "   WHERE below.level < 16), "
        "gone AS ("
        "  DELETE FROM pek.policy_statement AS s USING below, pek.policy AS p"
        "   WHERE s.group_id = below.id AND p.id = s.policy_id AND p.parent_id IS NOT NULL"
        "     AND NOT EXISTS (SELECT FROM pek.policy_statement AS q"
        "       WHERE q.policy_id = p.parent_id AND " POLICY_STORE_WITHIN ")"
        "  RETURNING s.*), "
        "told AS (" POLICY_STORE_TELL_GONE ") "
        "SELECT count(*) FROM gone",
    };
    struct pg_result *result;
    enum status status = pg_execute(transaction, &shrink,
                                    PARAMS(pg_str(group), pg_str("system"), pg_str("")), &result);
    if (status != STATUS_OK)
        return status;
    *ret_count = pg_get_int(result, 0, 0);
    pg_result_free(result);
    return STATUS_OK;
}

enum status policy_store_escalate_again(struct pg_transaction *transaction, const char *group)
{
    static const struct pg_statement forget = {
        "policy_escalate_forget",
        "WITH RECURSIVE below (id, level) AS ("
        "  SELECT g.id, 1 FROM pek.realm_group AS g WHERE g.id = $1"
        "  UNION ALL"
        "  SELECT g.id, below.level + 1"
        "    FROM below JOIN pek.realm_group AS g ON g.parent_id = below.id"
        "   WHERE below.level < 16) "
        "DELETE FROM pek.policy_statement AS s USING below "
        "WHERE s.group_id = below.id AND s.resource = 'GROUP_ESCALATION'",
    };
    int64_t shrunk = 1;
    enum status status = policy_store_lock(transaction, true);
    /* A statement that went may have managed a group: each round goes one policy deeper. */
    for (int round = 0; status == STATUS_OK && shrunk > 0; round++) {
        if (round == POLICY_SHRINK_ROUNDS_MAX)
            return STATUS_INTERNAL;
        status = run(transaction, &forget, PARAMS(pg_str(group)));
        if (status == STATUS_OK)
            status = policy_store_escalate(transaction, group);
        if (status == STATUS_OK)
            status = shrink_below(transaction, group, &shrunk);
    }
    return status;
}

enum status policy_store_holders(struct pg_transaction *transaction, const char *group,
                                 struct pg_result **ret_users)
{
    static const struct pg_statement holders = {
        "policy_holders",
        "WITH RECURSIVE below (id, level) AS ("
        "  SELECT g.id, 1 FROM pek.realm_group AS g WHERE g.id = $1"
        "  UNION ALL"
        "  SELECT g.id, below.level + 1"
        "    FROM below JOIN pek.realm_group AS g ON g.parent_id = below.id"
        "   WHERE below.level < 16) "
        "SELECT DISTINCT a.user_id FROM below "
        "JOIN pek.policy_statement AS s ON s.group_id = below.id "
        "JOIN pek.policy_assignment AS a ON a.realm = s.realm AND a.policy_id = s.policy_id",
    };
    return pg_execute(transaction, &holders, PARAMS(pg_str(group)), ret_users);
}

/* ---- for the operator's commands ---- */

enum status policy_store_ensure(struct pg_transaction *transaction, const char *name,
                                bool can_issue, const char *group, uint32_t actions,
                                struct arena *arena)
{
    static const struct pg_statement ensure = {
        "policy_ensure",
        "WITH made AS ("
        "  INSERT INTO pek.policy (name, can_issue, parent_id, unique_key)"
        "  VALUES ($1, $2::boolean, (SELECT p.id FROM pek.policy AS p WHERE p.name = 'GOD'), $5)"
        "  ON CONFLICT DO NOTHING RETURNING id), "
        "statement AS ("
        "  INSERT INTO pek.policy_statement (policy_id, group_id, resource, actions)"
        "  SELECT made.id, $3, CASE WHEN $3::text IS NULL THEN 'REALM' ELSE 'GROUP' END,"
        "   $4::integer FROM made) "
        "INSERT INTO pek.audit_log (actor, action, target_kind, target_id, detail) "
        "SELECT 'operator', 'policy.create', 'policy', made.id::text,"
        " jsonb_build_object('name', $1::text, 'group_id', $3::text, 'actions', $4::integer) "
        "FROM made RETURNING target_id",
    };
    struct slice unique_key;
    struct pg_result *made;
    enum status status = text_unique_key(slice_str(name), arena, &unique_key);
    if (status == STATUS_OK)
        status = policy_store_lock(transaction, false);
    struct pg_param bits = pg_int(arena, actions);
    if (status != STATUS_OK || arena->failed)
        return status != STATUS_OK ? status : STATUS_RESOURCE_EXHAUSTED;
    status = pg_execute(
        transaction, &ensure,
        PARAMS(pg_str(name), pg_bool(can_issue), pg_str(group), bits, pg_text(unique_key)), &made);
    if (status != STATUS_OK)
        return status;
    if (pg_rows(made) == 1)
        status = policy_store_derive(transaction, pg_get_str(made, 0, 0));
    pg_result_free(made);
    return status;
}

enum status policy_store_assign(struct pg_transaction *transaction, const char *name,
                                const char *user, const char *assigned_by)
{
    static const struct pg_statement assign = {
        "policy_assign",
        "WITH found AS (SELECT p.id FROM pek.policy AS p WHERE p.name = $1), "
        "made AS ("
        "  INSERT INTO pek.policy_assignment (policy_id, user_id, assigned_by)"
        "  SELECT found.id, $2, $3 FROM found ON CONFLICT DO NOTHING RETURNING policy_id), "
        "logged AS ("
        "  INSERT INTO pek.audit_log (actor, action, target_kind, target_id, detail)"
        "  SELECT $3, 'policy.assign', 'policy', made.policy_id::text,"
        "   jsonb_build_object('user_id', $2::text)"
        "    FROM made) "
        "SELECT count(*) FROM found",
    };
    struct pg_result *result;
    enum status status = pg_execute(
        transaction, &assign, PARAMS(pg_str(name), pg_str(user), pg_str(assigned_by)), &result);
    if (status != STATUS_OK)
        return status;
    status = pg_get_int(result, 0, 0) == 1 ? STATUS_OK : STATUS_NOT_FOUND;
    pg_result_free(result);
    return status;
}
