#include "worker/policy/policy_store.h"

#include "shared/text/text.h"
#include "worker/person/person_store.h"
#include "worker/policy/delegation.h"
#include "worker/rights/rights_store.h"

/* The number in the first column of the only row. */
static enum status run_for_int(struct pg_transaction *transaction,
                               const struct pg_statement *statement, const struct pg_param *params,
                               size_t count, int64_t *ret_value)
{
    struct pg_result *result;
    PEK_TRY(pg_execute(transaction, statement, params, count, &result));
    *ret_value = pg_get_int(result, 0, 0);
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
    return pg_apply(transaction, shared ? &lock_shared : &lock, NULL, 0, NULL);
}

/* ---- assignments ---- */

/* Whether the giver may give the user one more; until the end of the transaction only this one asks. */
static enum status has_room(struct pg_transaction *transaction, const char *user, const char *giver,
                            bool *ret_room)
{
    static const struct pg_statement lock = {
        "policy_assign_lock",
        "SELECT pg_advisory_xact_lock(hashtextextended("
        "concat_ws(' ', 'pek.assignment', current_setting('pek.realm'), $1::text, $2::text), 0))",
    };
    static const struct pg_statement count = {
        "policy_assign_count",
        "SELECT count(*) FROM (SELECT FROM pek.policy_assignment AS a "
        "WHERE a.user_id = $1 AND a.assigned_by = $2 LIMIT 100) AS given",
    };
    _Static_assert(DELEGATION_ASSIGNMENTS_MAX == 100, "the LIMIT above");
    int64_t given;
    PEK_TRY(pg_apply(transaction, &lock, PG_PARAMS(pg_str(user), pg_str(giver)), NULL));
    PEK_TRY(run_for_int(transaction, &count, PG_PARAMS(pg_str(user), pg_str(giver)), &given));
    *ret_room = given < DELEGATION_ASSIGNMENTS_MAX;
    return STATUS_OK;
}

static enum status check_there(struct pg_transaction *transaction, const char *user,
                               struct fault *fault)
{
    const struct slice id = slice_str(user);
    struct arena arena;
    arena_init(&arena, 4096);
    enum status status = person_store_check_there(transaction, &id, 1, "user_id", &arena, fault);
    arena_done(&arena);
    return status;
}

enum status policy_store_assign(struct pg_transaction *transaction, const char *policy_id,
                                const char *user, const char *giver, struct pg_param valid_until,
                                bool *ret_made, struct fault *fault)
{
    static const struct pg_statement find = {
        "policy_assign_find",
        "SELECT count(*) FROM pek.policy_holding AS a WHERE a.policy_id = $1::bigint "
        "AND a.user_id = $2 AND a.valid_until IS NOT DISTINCT FROM $3::timestamptz",
    };
    /* What is over goes as well: it would fill the giver's budget. */
    static const struct pg_statement replace = {
        "policy_assign_replace",
        "DELETE FROM pek.policy_assignment WHERE user_id = $2 "
        "AND (policy_id = $1::bigint OR valid_until <= statement_timestamp())",
    };
    static const struct pg_statement assign = {
        "policy_assign",
        "INSERT INTO pek.policy_assignment (policy_id, user_id, assigned_by, valid_until) "
        "VALUES ($1::bigint, $2, $3, $4::timestamptz)",
    };
    int64_t assigned;
    bool room = true;
    PEK_TRY(run_for_int(transaction, &find, PG_PARAMS(pg_str(policy_id), pg_str(user), valid_until),
                        &assigned));
    if (!assigned)
        PEK_TRY(pg_apply(transaction, &replace, PG_PARAMS(pg_str(policy_id), pg_str(user)), NULL));
    if (!assigned)
        PEK_TRY(has_room(transaction, user, giver, &room));
    if (!room)
        return fault_set_reason(fault, STATUS_FAILED_PRECONDITION, DELEGATION_USER_FULL, "user_id",
                                "%s gave %s %d policies, and nobody gives more to one user", giver,
                                user, DELEGATION_ASSIGNMENTS_MAX);
    if (!assigned)
        PEK_TRY(check_there(transaction, user, fault));
    enum status status = STATUS_OK;
    if (!assigned)
        status =
            pg_apply(transaction, &assign,
                     PG_PARAMS(pg_str(policy_id), pg_str(user), pg_str(giver), valid_until), NULL);
    if (status == STATUS_FAILED_PRECONDITION &&
        strcmp(pg_constraint(transaction), "user_merged") == 0)
        return fault_set_reason(fault, status, "USER_MERGED", "user_id",
                                "%s was merged into another account of the same person", user);
    /* The policy is the only other thing that it refers to. */
    if (status == STATUS_FAILED_PRECONDITION)
        return fault_set(fault, STATUS_NOT_FOUND, "id", "there is no policy %s", policy_id);
    PEK_TRY(status);
    *ret_made = !assigned;
    return STATUS_OK;
}

enum status policy_store_add_group_god(struct pg_transaction *transaction, const char *group,
                                       const char *user, struct arena *arena, struct fault *fault)
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
        "  SELECT god.id, $1, 'GROUP', $2::integer FROM god), "
        "link AS ("
        "  INSERT INTO pek.group_policy (group_id, kind, policy_id) SELECT $1, 2, god.id FROM god) "
        "SELECT god.id FROM god",
    };
    const struct pg_param actions = pg_int(arena, POLICY_ACTIONS_ALL);
    struct pg_result *god;
    bool made;
    PEK_TRY(policy_store_lock(transaction, true));
    PEK_TRY(pg_execute(transaction, &add, PG_PARAMS(pg_str(group), actions), &god));
    enum status status =
        policy_store_assign(transaction, pg_get_str(god, 0, 0), user, user, PG_NULL, &made, fault);
    pg_result_free(god);
    if (status != STATUS_FAILED_PRECONDITION)
        return status;
    /* GOD of the realm has the rights anyway, and may make any number of groups. */
    struct policy_standing standing;
    PEK_TRY(rights_store_standing_in(transaction, user, "0", &standing));
    if (!standing.god)
        return STATUS_FAILED_PRECONDITION;
    *fault = (struct fault){0};
    return STATUS_OK;
}

/* ---- escalations ---- */

/* 16 is POLICY_ACTIONS_MANAGE, 21 POLICY_ACTIONS_ESCALATION: literals, so that each statement can be pasted. */
_Static_assert(POLICY_ACTIONS_MANAGE == 16 && POLICY_ACTIONS_ESCALATION == 21,
               "in SQL as literals");

/* A policy may have an escalation on the group: it is at the top, or the one above it covers that. */
#define COVERED(parent, group)                                                                     \
    "(" parent " IS NULL OR EXISTS (SELECT FROM pek.policy_statement AS q"                         \
    " WHERE q.policy_id = " parent " AND (q.group_id IS NULL OR q.group_id = " group ")"           \
    " AND q.user_id IS NULL AND 21 & ~q.actions = 0 OFFSET 0)) "
/* Statements `s` that manage a group, and were written: what others follow from. */
#define MANAGES "s.user_id IS NULL AND s.actions & 16 <> 0 AND s.resource <> 'GROUP_ESCALATION'"

/* Runs a statement that adds escalations until it adds none: what a policy gets may cover the ones below it. */
static enum status add_all(struct pg_transaction *transaction, const struct pg_statement *add,
                           const char *param)
{
    size_t added = 1;
    for (int round = 0; added > 0; round++) {
        struct pg_result *result;
        if (round == POLICY_SHRINK_ROUNDS_MAX)
            return STATUS_INTERNAL;
        PEK_TRY(pg_execute(transaction, add, PG_PARAMS(pg_str(param)), &result));
        added = pg_affected(result);
        pg_result_free(result);
    }
    return STATUS_OK;
}

/* `escalation`: what is due on the group $1 and all below it, by each proper ancestor of theirs and who manages
 * that by a statement of its own. */
#define ESCALATIONS                                                                                \
    POLICY_STORE_BELOW                                                                             \
    ", above (id, ancestor_id, distance) AS ("                                                     \
    "  SELECT below.id, below.parent_id, 1 FROM below WHERE below.parent_id IS NOT NULL"           \
    "  UNION ALL"                                                                                  \
    "  SELECT above.id, u.parent_id, above.distance + 1 FROM above, LATERAL ("                     \
    "    SELECT g.parent_id FROM pek.realm_group AS g"                                             \
    "     WHERE g.id = above.ancestor_id OFFSET 0) AS u"                                           \
    "   WHERE u.parent_id IS NOT NULL AND above.distance < 16), "                                  \
    "escalation (policy_id, parent_id, group_id, made_by) AS ("                                    \
    "  SELECT DISTINCT m.policy_id, m.parent_id, above.id, m.made_by FROM above, LATERAL ("        \
    "    SELECT s.policy_id, s.made_by, p.parent_id FROM pek.policy_statement AS s"                \
    "      JOIN pek.policy AS p ON p.id = s.policy_id"                                             \
    "     WHERE s.group_id = above.ancestor_id AND " MANAGES " OFFSET 0) AS m) "

enum status policy_store_escalate(struct pg_transaction *transaction, const char *group)
{
    static const struct pg_statement add = {
        "policy_escalate",
        ESCALATIONS
        "INSERT INTO pek.policy_statement (policy_id, group_id, resource, actions, made_by) "
        "SELECT e.policy_id, e.group_id, 'GROUP_ESCALATION', 21, e.made_by FROM escalation AS e "
        "WHERE " COVERED("e.parent_id", "e.group_id") "ON CONFLICT ON CONSTRAINT "
                                                      "policy_statement_key DO NOTHING",
    };
    return add_all(transaction, &add, group);
}

/* Of the policy and all below it: the groups below those that a statement of its own manages. */
#define DUE                                                                                        \
    POLICY_STORE_TREE("$1::bigint")                                                                \
    ", due (policy_id, parent_id, group_id, made_by, level) AS ("                                  \
    "  SELECT tree.id, tree.parent_id, c.id, m.made_by, 1 FROM tree, LATERAL ("                    \
    "    SELECT s.group_id, s.made_by FROM pek.policy_statement AS s"                              \
    "     WHERE s.policy_id = tree.id AND " MANAGES " OFFSET 0) AS m, LATERAL ("                   \
    "    SELECT g.id FROM pek.realm_group AS g WHERE g.parent_id = m.group_id OFFSET 0) AS c"      \
    "  UNION ALL"                                                                                  \
    "  SELECT due.policy_id, due.parent_id, c.id, due.made_by, due.level + 1 FROM due, LATERAL ("  \
    "    SELECT g.id FROM pek.realm_group AS g"                                                    \
    "     WHERE g.parent_id = due.group_id OFFSET 0) AS c WHERE due.level < 16) "

enum status policy_store_derive(struct pg_transaction *transaction, const char *policy_id,
                                bool narrowed)
{
    static const struct pg_statement forget = {
        "policy_derive_forget",
        DUE ", gone (policy_id, group_id) AS ("
            "  SELECT tree.id, e.group_id FROM tree, LATERAL ("
            "    SELECT s.group_id FROM pek.policy_statement AS s WHERE s.policy_id = tree.id"
            "       AND s.resource = 'GROUP_ESCALATION' OFFSET 0) AS e"
            "  EXCEPT SELECT due.policy_id, due.group_id FROM due) "
            "DELETE FROM pek.policy_statement WHERE id = ANY (ARRAY("
            "SELECT e.id FROM gone, LATERAL ("
            "  SELECT s.id FROM pek.policy_statement AS s WHERE s.policy_id = gone.policy_id"
            "     AND s.user_id IS NULL AND s.group_id = gone.group_id"
            "     AND s.resource = 'GROUP_ESCALATION' OFFSET 0) AS e))",
    };
    static const struct pg_statement add = {
        "policy_derive_add",
        DUE "INSERT INTO pek.policy_statement (policy_id, group_id, resource, actions, made_by) "
            "SELECT due.policy_id, due.group_id, 'GROUP_ESCALATION', 21, due.made_by FROM due "
            "WHERE " COVERED("due.parent_id", "due.group_id") "ON CONFLICT ON CONSTRAINT "
                                                              "policy_statement_key DO NOTHING",
    };
    if (narrowed)
        PEK_TRY(pg_apply(transaction, &forget, PG_PARAMS(pg_str(policy_id)), NULL));
    return add_all(transaction, &add, policy_id);
}

/* What a policy has on the group or below it beyond the policy above it goes, and is told of. */
static enum status shrink_below(struct pg_transaction *transaction, const char *group,
                                int64_t *ret_count)
{
    static const struct pg_statement shrink = {
        "policy_shrink_below",
        POLICY_STORE_BELOW
        ", gone AS ("
        "  DELETE FROM pek.policy_statement AS d WHERE d.id = ANY (ARRAY("
        "    SELECT s.id FROM below, LATERAL ("
        "      SELECT * FROM pek.policy_statement AS t WHERE t.group_id = below.id OFFSET 0) AS s, "
        "LATERAL ("
        "      SELECT o.parent_id FROM pek.policy AS o WHERE o.id = s.policy_id OFFSET 0) AS p"
        "     WHERE p.parent_id IS NOT NULL AND NOT EXISTS (SELECT FROM pek.policy_statement AS q"
        "       WHERE q.policy_id = p.parent_id AND " POLICY_STORE_WITHIN " OFFSET 0)))"
        "  RETURNING d.*), "
        "told AS (" POLICY_STORE_TELL_GONE "), touched AS (" POLICY_STORE_TOUCH_GONE ") "
        "SELECT count(*) FROM gone",
    };
    return run_for_int(transaction, &shrink, PG_PARAMS(pg_str(group), pg_str("system"), pg_str("")),
                       ret_count);
}

enum status policy_store_escalate_again(struct pg_transaction *transaction, const char *group)
{
    /* What stays is not written again: managers of an ancestor that is above both places cost nothing. */
    static const struct pg_statement forget = {
        "policy_escalate_forget",
        ESCALATIONS
        ", gone (policy_id, group_id) AS ("
        "  SELECT e.policy_id, below.id FROM below, LATERAL ("
        "    SELECT s.policy_id FROM pek.policy_statement AS s WHERE s.group_id = below.id"
        "       AND s.resource = 'GROUP_ESCALATION' OFFSET 0) AS e"
        "  EXCEPT SELECT e.policy_id, e.group_id FROM escalation AS e) "
        "DELETE FROM pek.policy_statement WHERE id = ANY (ARRAY("
        "SELECT e.id FROM gone, LATERAL ("
        "  SELECT s.id FROM pek.policy_statement AS s WHERE s.policy_id = gone.policy_id"
        "     AND s.user_id IS NULL AND s.group_id = gone.group_id"
        "     AND s.resource = 'GROUP_ESCALATION' OFFSET 0) AS e))",
    };
    int64_t shrunk = 1;
    PEK_TRY(policy_store_lock(transaction, true));
    /* A statement that went may have managed a group: each round goes one policy deeper. */
    for (int round = 0; shrunk > 0; round++) {
        if (round == POLICY_SHRINK_ROUNDS_MAX)
            return STATUS_INTERNAL;
        PEK_TRY(pg_apply(transaction, &forget, PG_PARAMS(pg_str(group)), NULL));
        PEK_TRY(policy_store_escalate(transaction, group));
        PEK_TRY(shrink_below(transaction, group, &shrunk));
    }
    return STATUS_OK;
}

const struct pg_statement policy_store_holders = {
    "policy_holders",
    POLICY_STORE_BELOW "SELECT DISTINCT h.user_id FROM below, LATERAL ("
                       "  SELECT s.policy_id FROM pek.policy_statement AS s WHERE s.group_id = "
                       "below.id OFFSET 0) AS s, LATERAL ("
                       "  SELECT a.user_id FROM pek.policy_assignment AS a WHERE a.policy_id = "
                       "s.policy_id OFFSET 0) AS h",
};

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
        "   $4::integer FROM made), "
        "logged AS ("
        "  INSERT INTO pek.audit_log (actor, action, target_kind, target_id, detail)"
        "  SELECT 'operator', 'policy.create', 'policy', made.id::text,"
        "   jsonb_build_object('name', $1::text, 'group_id', $3::text, 'actions', $4::integer)"
        "    FROM made) "
        "SELECT made.id FROM made",
    };
    struct slice unique_key;
    struct pg_result *made;
    enum status status = STATUS_OK;
    PEK_TRY(text_unique_key(slice_str(name), arena, &unique_key));
    PEK_TRY(policy_store_lock(transaction, false));
    PEK_TRY(pg_execute(transaction, &ensure,
                       PG_PARAMS(pg_str(name), pg_bool(can_issue), pg_str(group),
                                 pg_int(arena, actions), pg_text(unique_key)),
                       &made));
    if (pg_rows(made) == 1)
        status = policy_store_derive(transaction, pg_get_str(made, 0, 0), false);
    pg_result_free(made);
    return status;
}

enum status policy_store_assign_named(struct pg_transaction *transaction, const char *name,
                                      const char *user, const char *giver, struct fault *fault)
{
    static const struct pg_statement find = {
        "policy_find_named",
        "SELECT p.id FROM pek.policy AS p WHERE p.name = $1",
    };
    static const struct pg_statement audit = {
        "policy_assign_audit",
        "INSERT INTO pek.audit_log (actor, action, target_kind, target_id, detail) "
        "VALUES ($1, 'policy.assign', 'policy', $2, jsonb_build_object('user_id', $3::text))",
    };
    struct pg_result *found;
    bool made = false;
    enum status status = STATUS_OK;
    PEK_TRY(pg_execute(transaction, &find, PG_PARAMS(pg_str(name)), &found));
    if (pg_rows(found) == 0)
        status = fault_set(fault, STATUS_NOT_FOUND, NULL, "there is no policy %s", name);
    if (status == STATUS_OK)
        status = policy_store_assign(transaction, pg_get_str(found, 0, 0), user, giver, PG_NULL,
                                     &made, fault);
    if (status == STATUS_OK && made)
        status =
            pg_apply(transaction, &audit,
                     PG_PARAMS(pg_str(giver), pg_str(pg_get_str(found, 0, 0)), pg_str(user)), NULL);
    pg_result_free(found);
    return status;
}
