#include "worker/membership/leader.h"

#include <string.h>

#include "pek/options.rpc.h"
#include "worker/membership/post_store.h"
#include "worker/policy/policy_store.h"
#include "worker/rights/rights_store.h"

/* Whoever leads the group $1, in order. */
#define LEADERS                                                                                    \
    "FROM pek.group_policy AS l JOIN pek.policy_holding AS a"                                      \
    " ON a.realm = l.realm AND a.policy_id = l.policy_id WHERE l.group_id = $1 AND l.kind = 2 "

enum status leader_list(struct change *change, const char *group_id,
                        const struct pg_result **ret_rows)
{
    static const struct pg_statement list = {
        "leader_ids",
        "SELECT a.user_id " LEADERS "ORDER BY a.user_id LIMIT 10",
    };
    _Static_assert(LEADER_LIST_MAX == 10, "as a literal");
    return change_execute(change, &list, PG_PARAMS(pg_str(group_id)), ret_rows);
}

/* Nobody can take it over from them. */
static enum status lay_down(struct change *change, const char *group_id, struct pg_param users)
{
    static const struct pg_statement lay = {
        "leader_lay_down",
        "WITH gone AS ("
        "  DELETE FROM pek.policy_assignment AS a USING pek.group_policy AS l"
        "   WHERE l.group_id = $1 AND l.kind = 2 AND a.policy_id = l.policy_id"
        "     AND a.user_id = ANY ($2::text[]) RETURNING a.user_id) "
        "INSERT INTO pek.audit_log (actor, action, target_kind, target_id, trace_id, detail) "
        "SELECT $3, 'group.layDown', 'group', $1, $4, jsonb_build_object('user_id', gone.user_id)"
        "  FROM gone",
    };
    return change_execute(change, &lay,
                          PG_PARAMS(pg_str(group_id), users, pg_str(change->actor),
                                    pg_text(rpc_trace_id(change->ctx))),
                          NULL);
}

/* The caller may hand the group over. They did when they were let in; what they waited for may have taken it. */
static enum status may_replace(struct change *change, const char *group_id, bool *ret_may)
{
    const struct pg_result *rows;
    PEK_TRY(change_execute(change, &rights_store_actions_on,
                           PG_PARAMS(pg_str(change->actor), pg_str(group_id), PG_NULL), &rows));
    *ret_may = (uint32_t)pg_get_int(rows, 0, 0) & policy_action_bit(PEK_ACTION_MOVE_GROUP_OWNER);
    return STATUS_OK;
}

enum status leader_let_go(struct change *change, const struct membership_people *people,
                          const char *field, bool at_once)
{
    static const struct pg_statement find = {
        "leader_among",
        "SELECT a.user_id, (SELECT g.is_archived FROM pek.realm_group AS g WHERE g.id = "
        "$1) " LEADERS "AND a.user_id = ANY ($2::text[]) ORDER BY a.user_id LIMIT 1",
    };
    const struct pg_param users = pg_text_array(change->arena, people->users, people->count);
    const struct pg_result *rows;
    bool may;
    PEK_TRY(change_execute(change, &find, PG_PARAMS(pg_str(people->group_id), users), &rows));
    if (pg_rows(rows) == 0)
        return STATUS_OK;
    const bool is_archived = pg_get_bool(rows, 0, 1);
    PEK_TRY(may_replace(change, people->group_id, &may));
    if (is_archived && may)
        return at_once ? lay_down(change, people->group_id, users) : STATUS_OK;
    return fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION, LEADER_REASON_LEADS, field,
                            is_archived ? "%s leads %s, which is archived: they go by themselves, "
                                          "or by who may replace them"
                                        : "%s leads %s, which has to be handed over first",
                            pg_get_str(rows, 0, 0), people->group_id);
}

enum status leader_settle(struct change *change, const struct membership_people *people)
{
    /* Another end is another assignment. */
    static const struct pg_statement settle = {
        "leader_settle",
        "WITH due AS ("
        "  SELECT a.policy_id, a.user_id, a.assigned_by, a.valid_until AS was,"
        "    (SELECT min(n.begin_time) FROM pek.membership_period AS n"
        "      WHERE n.group_id = $1 AND n.user_id = a.user_id"
        "        AND n.begin_time > statement_timestamp() AND n.status NOT IN (2, 3)) AS ends "
        "" LEADERS "AND a.user_id = ANY ($2::text[])), "
        "gone AS ("
        "  DELETE FROM pek.policy_assignment AS a USING due WHERE a.policy_id = due.policy_id"
        "    AND a.user_id = due.user_id AND due.was IS DISTINCT FROM due.ends RETURNING due.*) "
        "INSERT INTO pek.policy_assignment (policy_id, user_id, assigned_by, valid_until) "
        "SELECT gone.policy_id, gone.user_id, gone.assigned_by, gone.ends FROM gone",
    };
    return change_execute(change, &settle,
                          PG_PARAMS(pg_str(people->group_id),
                                    pg_text_array(change->arena, people->users, people->count)),
                          NULL);
}

enum status leader_check_stays(struct change *change, const struct slice *groups, size_t count)
{
    static const struct pg_statement find = {
        "leader_who_ends",
        "SELECT l.group_id, a.user_id FROM pek.group_policy AS l JOIN pek.policy_holding AS a"
        " ON a.realm = l.realm AND a.policy_id = l.policy_id "
        "WHERE l.group_id = ANY ($1::text[]) AND l.kind = 2 AND a.valid_until IS NOT NULL "
        "ORDER BY l.group_id, a.user_id LIMIT 1",
    };
    const struct pg_result *rows;
    PEK_TRY(change_execute(change, &find, PG_PARAMS(pg_text_array(change->arena, groups, count)),
                           &rows));
    if (pg_rows(rows) == 0)
        return STATUS_OK;
    return fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION, LEADER_REASON_ENDS, "id",
                            "the end of the membership of %s, who leads %s, is set: it is taken "
                            "back where it was set, or they leave the group before",
                            pg_get_str(rows, 0, 1), pg_get_str(rows, 0, 0));
}

/* The ids of the leaders, joined by a space; no id has one. */
static enum status read_leaders(struct change *change, const char *group_id,
                                const char **ret_leaders)
{
    static const struct pg_statement leaders = {
        "leader_list",
        "SELECT coalesce(string_agg(a.user_id, ' ' ORDER BY a.user_id), '') " LEADERS,
    };
    const struct pg_result *rows;
    PEK_TRY(change_execute(change, &leaders, PG_PARAMS(pg_str(group_id)), &rows));
    *ret_leaders = pg_get_str(rows, 0, 0);
    return STATUS_OK;
}

/* Until the end of the transaction nobody else hands the group over. */
static enum status lock_leaders(struct change *change, const char *group_id)
{
    static const struct pg_statement lock = {
        "leader_lock",
        "SELECT pg_advisory_xact_lock(hashtextextended("
        "concat_ws(' ', 'pek.leader', current_setting('pek.realm'), $1::text), 0))",
    };
    const char *before, *now;
    PEK_TRY(read_leaders(change, group_id, &before));
    PEK_TRY(change_execute(change, &lock, PG_PARAMS(pg_str(group_id)), NULL));
    PEK_TRY(read_leaders(change, group_id, &now));
    if (strcmp(before, now) == 0)
        return STATUS_OK;
    return fault_set_reason(change->fault, STATUS_ABORTED, LEADER_REASON_LEADS, "group_id",
                            "somebody else has handed the group over, to %s", now);
}

enum status leader_check_caller(struct change *change, const char *group_id, const char *field,
                                const char *text)
{
    bool may;
    PEK_TRY(may_replace(change, group_id, &may));
    return may ? STATUS_OK
               : fault_set_reason(change->fault, STATUS_PERMISSION_DENIED, POST_REASON_LEADER,
                                  field, "%s", text);
}

static enum status check_still_may(struct change *change, const char *group_id)
{
    bool may;
    PEK_TRY(may_replace(change, group_id, &may));
    if (may)
        return STATUS_OK;
    return fault_set_reason(change->fault, STATUS_ABORTED, LEADER_REASON_LEADS, "group_id",
                            "somebody has handed the group over meanwhile");
}

static enum status find_policy(struct change *change, const char *group_id, const char **ret_id)
{
    static const struct pg_statement find = {
        "leader_policy",
        "SELECT l.policy_id FROM pek.group_policy AS l WHERE l.group_id = $1 AND l.kind = 2",
    };
    const struct pg_result *rows;
    PEK_TRY(change_execute(change, &find, PG_PARAMS(pg_str(group_id)), &rows));
    if (pg_rows(rows) != 1)
        return fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION, LEADER_REASON_NOBODY,
                                "group_id", "the policy of the group's leader was deleted");
    *ret_id = pg_get_str(rows, 0, 0);
    return STATUS_OK;
}

/* Who led the group until now has led it, as a post; who leads it has not. Asked while the former lead it. */
static enum status remember_former(struct change *change, const struct membership_people *person)
{
    static const struct pg_statement give = {
        "leader_past_give",
        "INSERT INTO pek.post (group_id, user_id, type_id, given_by) "
        "SELECT DISTINCT $1, m.user_id, $3::bigint, $4 FROM pek.membership AS m "
        "WHERE m.group_id = $1 AND m.user_id <> $2 AND m.user_id IN (SELECT a.user_id " LEADERS ") "
        "ON CONFLICT DO NOTHING",
    };
    struct post_type type;
    bool changed;
    PEK_TRY(
        post_store_kind_type(change, person->group_id, MEMBERSHIP_V1_POST_KIND_PAST_LEADER, &type));
    PEK_TRY(change_execute(change, &give,
                           PG_PARAMS(pg_str(person->group_id), pg_text(person->users[0]),
                                     pg_str(type.id), pg_str(change->actor)),
                           NULL));
    return post_store_take(change, person, &type, &changed);
}

enum status leader_hand_over(struct change *change, const struct membership_people *person,
                             const struct pg_result **ret_former)
{
    static const struct pg_statement audit = {
        "leader_audit",
        "INSERT INTO pek.audit_log (actor, action, target_kind, target_id, trace_id, detail) "
        "SELECT $3, 'group.handOver', 'group', $1, $4, jsonb_build_object("
        "'user_id', $2::text, 'leaders', (SELECT coalesce(jsonb_agg(a.user_id), '[]') " LEADERS
        "))",
    };
    static const struct pg_statement former = {
        "leader_former",
        "SELECT a.user_id " LEADERS,
    };
    static const struct pg_statement revoke = {
        "leader_revoke",
        "DELETE FROM pek.policy_assignment WHERE policy_id = $1::bigint AND user_id <> $2",
    };
    const char *policy_id = "";
    const struct pg_param group = pg_str(person->group_id), user = pg_text(person->users[0]);
    bool made;
    /* They would lead it when they are none of its members any more. */
    if (person->memberships[0].end_time)
        return fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION, LEADER_REASON_ENDS,
                                "user_id",
                                "the end of their membership is set, which has to be taken back "
                                "before they lead the group");
    PEK_TRY(lock_leaders(change, person->group_id));
    PEK_TRY(check_still_may(change, person->group_id));
    PEK_TRY(find_policy(change, person->group_id, &policy_id));
    PEK_TRY(change_execute(
        change, &audit,
        PG_PARAMS(group, user, pg_str(change->actor), pg_text(rpc_trace_id(change->ctx))), NULL));
    PEK_TRY(remember_former(change, person));
    PEK_TRY(change_names_users(change, &former, PG_PARAMS(group)));
    PEK_TRY(change_names_user(change, person->users[0]));
    PEK_TRY(leader_list(change, person->group_id, ret_former));
    PEK_TRY(change_execute(change, &revoke, PG_PARAMS(pg_str(policy_id), user), NULL));
    return policy_store_assign(change->transaction, policy_id, person->memberships[0].user_id,
                               change->actor, PG_NULL, &made, change->fault);
}
