#include "worker/testing/policy_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/rights/policy.h"

char *policy_world_text(const char *text)
{
    union {
        const char *in;
        char *out;
    } either = {.in = text ? text : ""};
    return either.out;
}

policy_v1_statement *policy_world_statement(struct world *w, struct given given)
{
    policy_v1_statement *statement = arena_alloc(w->arena, sizeof(*statement));
    Pek__Action *actions = arena_zalloc(w->arena, POLICY_ACTION_GOD, sizeof(*actions));
    assert_true(statement && actions);
    policy_v1_statement_init(statement);
    statement->group_id = policy_world_text(given.group);
    statement->user_id = policy_world_text(given.user);
    statement->actions = actions;
    for (uint32_t action = 1; action < POLICY_ACTION_GOD; action++)
        if (given.actions & policy_action_bit(action))
            actions[statement->n_actions++] = (Pek__Action)action;
    return statement;
}

const char *policy_world_id(struct world *w, const char *name)
{
    return world_value(w, "SELECT id FROM pek.policy WHERE realm = 'a' AND name = '%s'", name);
}

const char *policy_world_statements(struct world *w, const char *id)
{
    return world_value(w,
                       "SELECT coalesce(string_agg(actions || '@' || coalesce(group_id, '') || '/'"
                       " || coalesce(user_id, ''), ' ' ORDER BY id), '')"
                       " FROM pek.policy_statement WHERE policy_id = %s"
                       " AND resource <> 'GROUP_ESCALATION'",
                       id);
}

enum status policy_world_child(struct world *w, const char *user, const char *parent,
                               const char *name, bool can_issue, struct given given,
                               const char **ret_id)
{
    policy_v1_create_child_request req = POLICY_V1_CREATE_CHILD_REQUEST_INIT;
    policy_v1_policy *res;
    policy_v1_statement *statement = policy_world_statement(w, given);
    req.parent_id = policy_world_text(parent);
    req.name = policy_world_text(name);
    req.can_issue = can_issue;
    req.statements = &statement;
    req.n_statements = given.actions ? 1 : 0;
    enum status status = POLICY_CALL(w, create_child, user, req, res);
    *ret_id = status == STATUS_OK ? res->id : "";
    return status;
}

enum status policy_world_add(struct world *w, const char *user, const char *policy,
                             struct given given, const char **ret_statement)
{
    policy_v1_create_statement_request req = POLICY_V1_CREATE_STATEMENT_REQUEST_INIT;
    policy_v1_statement *res;
    req.policy_id = policy_world_text(policy);
    req.statement = policy_world_statement(w, given);
    enum status status = POLICY_CALL(w, create_statement, user, req, res);
    *ret_statement = status == STATUS_OK ? res->id : "";
    return status;
}

enum status policy_world_set(struct world *w, const char *user, const char *policy,
                             const char *statement, uint32_t actions, bool cascade)
{
    policy_v1_update_statement_request req = POLICY_V1_UPDATE_STATEMENT_REQUEST_INIT;
    policy_v1_statement *res;
    req.policy_id = policy_world_text(policy);
    req.statement = policy_world_statement(w, (struct given){NULL, NULL, actions});
    req.statement->id = policy_world_text(statement);
    req.cascade = cascade;
    return POLICY_CALL(w, update_statement, user, req, res);
}

enum status policy_world_drop(struct world *w, const char *user, const char *policy,
                              const char *statement, bool cascade)
{
    policy_v1_delete_statement_request req = POLICY_V1_DELETE_STATEMENT_REQUEST_INIT;
    Google__Protobuf__Empty *res;
    req.policy_id = policy_world_text(policy);
    req.id = policy_world_text(statement);
    req.cascade = cascade;
    return POLICY_CALL(w, delete_statement, user, req, res);
}

enum status policy_world_delete(struct world *w, const char *user, const char *policy, bool cascade)
{
    policy_v1_delete_policy_request req = POLICY_V1_DELETE_POLICY_REQUEST_INIT;
    Google__Protobuf__Empty *res;
    req.id = policy_world_text(policy);
    req.cascade = cascade;
    return POLICY_CALL(w, delete_policy, user, req, res);
}

enum status policy_world_assign(struct world *w, const char *user, const char *policy,
                                const char *to)
{
    policy_v1_assign_policy_request req = POLICY_V1_ASSIGN_POLICY_REQUEST_INIT;
    policy_v1_assignment *res;
    req.id = policy_world_text(policy);
    req.user_id = policy_world_text(to);
    return POLICY_CALL(w, assign_policy, user, req, res);
}

enum status policy_world_revoke(struct world *w, const char *user, const char *policy,
                                const char *from)
{
    policy_v1_revoke_policy_request req = POLICY_V1_REVOKE_POLICY_REQUEST_INIT;
    Google__Protobuf__Empty *res;
    req.id = policy_world_text(policy);
    req.user_id = policy_world_text(from);
    return POLICY_CALL(w, revoke_policy, user, req, res);
}

struct policy_tree policy_world_tree(struct world *w)
{
    struct policy_tree tree;
    world_god(w, &w->a, "alice");
    assert_int_equal(world_create(w, "alice", "", "o", "O"), STATUS_OK);
    tree.god = policy_world_id(w, "GOD");
    assert_int_equal(policy_world_child(w, "alice", tree.god, "Dean", true,
                                        (struct given){"o@o", NULL, 7}, &tree.dean),
                     STATUS_OK);
    assert_int_equal(policy_world_assign(w, "alice", tree.dean, "dora"), STATUS_OK);
    assert_int_equal(policy_world_child(w, "dora", tree.dean, "Clerk", false,
                                        (struct given){"o@o", NULL, 5}, &tree.clerk),
                     STATUS_OK);
    assert_int_equal(policy_world_assign(w, "dora", tree.clerk, "carl"), STATUS_OK);
    return tree;
}

const char *policy_world_list(struct world *w, const char *user)
{
    policy_v1_list_policies_request req = POLICY_V1_LIST_POLICIES_REQUEST_INIT;
    return world_items(w, user, "/pek.policy.v1.PolicyService/ListPolicies", &req.base, "name");
}

const char *policy_world_wrongs(struct world *w)
{
    return world_value(
        w,
        "WITH RECURSIVE depth (realm, id, n) AS ("
        "  SELECT realm, id, 1 FROM pek.policy WHERE parent_id IS NULL UNION ALL"
        "  SELECT p.realm, p.id, n + 1 FROM depth d JOIN pek.policy p"
        "    ON p.realm = d.realm AND p.parent_id = d.id WHERE n < 30), "
        "above (realm, id, up) AS ("
        "  SELECT realm, id, parent_id FROM pek.realm_group WHERE parent_id IS NOT NULL UNION"
        "  SELECT a.realm, a.id, g.parent_id FROM above a JOIN pek.realm_group g"
        "    ON g.realm = a.realm AND g.id = a.up WHERE g.parent_id IS NOT NULL), "
        "due AS ("
        "  SELECT DISTINCT a.realm, s.policy_id, a.id FROM above a JOIN pek.policy_statement s"
        "    ON s.realm = a.realm AND s.group_id = a.up AND s.user_id IS NULL"
        "   AND s.actions & 16 <> 0 AND s.resource <> 'GROUP_ESCALATION'"
        "   JOIN pek.policy p ON p.realm = s.realm AND p.id = s.policy_id"
        "    AND (p.parent_id IS NULL OR EXISTS (SELECT FROM pek.policy_statement q"
        "     WHERE q.realm = p.realm AND q.policy_id = p.parent_id AND q.user_id IS NULL"
        "       AND coalesce(q.group_id = a.id, true) AND q.actions & 21 = 21))), "
        "have AS (SELECT realm, policy_id, group_id FROM pek.policy_statement"
        "   WHERE resource = 'GROUP_ESCALATION' AND actions = 21 AND user_id IS NULL), "
        "wrong AS ("
        "  SELECT 'beyond ' || p.name || ' ' || s.actions || '@' || coalesce(s.group_id, '') "
        "         AS what"
        "    FROM pek.policy_statement s JOIN pek.policy p ON p.realm = s.realm"
        "      AND p.id = s.policy_id"
        "   WHERE p.parent_id IS NOT NULL AND NOT EXISTS (SELECT FROM pek.policy_statement q"
        "     WHERE q.realm = p.realm AND q.policy_id = p.parent_id"
        "       AND coalesce(q.group_id = s.group_id, q.group_id IS NULL)"
        "       AND coalesce(q.user_id = s.user_id, q.user_id IS NULL)"
        "       AND s.actions | q.actions = q.actions)"
        "  UNION ALL SELECT 'deep ' || id FROM depth WHERE n > 10"
        "  UNION ALL SELECT 'missing ' || policy_id || ' ' || id FROM"
        "   (SELECT * FROM due EXCEPT SELECT * FROM have) AS missing"
        "  UNION ALL SELECT 'extra ' || policy_id || ' ' || group_id FROM"
        "   (SELECT * FROM have EXCEPT SELECT * FROM due) AS extra) "
        "SELECT coalesce(string_agg(what, ', '), '') FROM (SELECT what FROM wrong LIMIT 5) AS few");
}
