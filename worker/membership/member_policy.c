#include "worker/membership/member_policy.h"

#include "worker/membership/leader.h"
#include "worker/policy/policy_store.h"
#include "worker/rights/policy.h"

/* 5 is VIEW_MEMBERS and VIEW_GROUP: a literal, so that each statement can be pasted. */
#define ACTIONS "5"

#define LINK "SELECT l.policy_id FROM pek.group_policy AS l WHERE l.group_id = $1 AND l.kind = 1"
/* Of $1, the group, and $2, people, or NULL for everybody: who is a member, and until when as it is planned; and the policies
 * that are theirs for it. */
#define DUE                                                                                        \
    "here AS ("                                                                                    \
    "  SELECT m.user_id, (SELECT min(n.begin_time) FROM pek.membership_period AS n"                \
    "     WHERE n.group_id = m.group_id AND n.user_id = m.user_id"                                 \
    "       AND n.begin_time > statement_timestamp() AND n.status NOT IN (2, 3)) AS valid_until"   \
    "    FROM pek.member AS m WHERE m.group_id = $1 AND m.status IN (2, 3)"                        \
    "     AND m.user_id = ANY (CASE WHEN $2::text[] IS NULL THEN ARRAY("                           \
    "       SELECT k.user_id FROM pek.membership AS k WHERE k.group_id = $1)"                      \
    "       ELSE $2::text[] END)), "                                                               \
    "due AS ("                                                                                     \
    "  SELECT (" LINK ") AS policy_id, here.user_id, here.valid_until FROM here"                   \
    "  UNION ALL"                                                                                  \
    "  SELECT t.policy_id, here.user_id, here.valid_until FROM here"                               \
    "    JOIN pek.post AS o ON o.group_id = $1 AND o.user_id = here.user_id"                       \
    "    JOIN pek.post_type AS t ON t.group_id = $1 AND t.id = o.type_id"                          \
    "   WHERE t.policy_id IS NOT NULL) "

static enum status find_policy(struct change *change, const struct membership_people *people,
                               bool *ret_found)
{
    static const struct pg_statement find = {"member_policy_find", LINK};
    const struct pg_result *rows;
    PEK_TRY(change_execute(change, &find, PG_PARAMS(pg_str(people->group_id)), &rows));
    *ret_found = pg_rows(rows) == 1;
    return STATUS_OK;
}

/* `ret_made` when it was needed and nobody else was faster. */
static enum status make_policy(struct change *change, const struct membership_people *people,
                               bool *ret_made)
{
    static const struct pg_statement lock = {
        "member_policy_lock",
        "SELECT pg_advisory_xact_lock(hashtextextended("
        "concat_ws(' ', 'pek.group_policy', current_setting('pek.realm'), $1::text), 0))",
    };
    /* A name that somebody has taken is theirs: then it is made longer. No policy is named while the lock is held. */
    static const struct pg_statement make = {
        "member_policy_make",
        "WITH made AS ("
        "  INSERT INTO pek.policy (name, unique_key, parent_id, can_issue)"
        "  SELECT 'Members of ' || n.name, 'members of ' || n.name,"
        "         (SELECT p.id FROM pek.policy AS p WHERE p.name = 'GOD'), false"
        "    FROM (SELECT CASE WHEN EXISTS (SELECT FROM pek.policy AS p"
        "              WHERE p.unique_key = 'members of ' || $1)"
        "            THEN $1 || ' ' || gen_random_uuid() ELSE $1 END AS name) AS n"
        "   WHERE NOT EXISTS (" LINK ") RETURNING id), "
        "statement AS ("
        "  INSERT INTO pek.policy_statement (policy_id, group_id, resource, actions)"
        "  SELECT made.id, $1, 'GROUP', " ACTIONS " FROM made) "
        "INSERT INTO pek.group_policy (group_id, kind, policy_id) "
        "SELECT $1, 1, made.id FROM made",
    };
    const struct pg_param group = pg_str(people->group_id);
    const struct pg_result *result;
    PEK_TRY(policy_store_lock(change->transaction, true));
    PEK_TRY(change_execute(change, &lock, PG_PARAMS(group), NULL));
    PEK_TRY(change_execute(change, &make, PG_PARAMS(group), &result));
    *ret_made = pg_affected(result) == 1;
    return STATUS_OK;
}

static bool is_member(const membership_v1_membership *membership)
{
    return membership->status == MEMBERSHIP_V1_MEMBER_STATUS_NEWBIE ||
           membership->status == MEMBERSHIP_V1_MEMBER_STATUS_ACTIVE;
}

static bool leads(const membership_v1_membership *membership)
{
    return membership->is_leader;
}

static bool any(const struct membership_people *people,
                bool (*is)(const membership_v1_membership *membership))
{
    for (size_t i = 0; i < people->count; i++)
        if (is(&people->memberships[i]))
            return true;
    return false;
}

enum status member_policy_settle(struct change *change, const struct membership_people *people)
{
    /* What each of them may hold is looked up, and not found among all that hold it. */
    static const struct pg_statement revoke = {
        "member_policy_revoke",
        "WITH " DUE "DELETE FROM pek.policy_assignment AS a USING ("
        "  SELECT l.policy_id, u.id FROM pek.group_policy AS l, unnest($2::text[]) AS u (id)"
        "   WHERE l.group_id = $1 AND l.kind IN (1, 3) OFFSET 0) AS h "
        "WHERE a.policy_id = h.policy_id AND a.user_id = h.id AND NOT EXISTS (SELECT FROM due"
        "   WHERE due.policy_id = a.policy_id AND due.user_id = a.user_id"
        "     AND due.valid_until IS NOT DISTINCT FROM a.valid_until)",
    };
    static const struct pg_statement assign = {
        "member_policy_assign",
        "WITH " DUE "INSERT INTO pek.policy_assignment (policy_id, user_id, assigned_by, "
        "valid_until) "
        "SELECT due.policy_id, due.user_id, 'system', due.valid_until FROM due "
        "ON CONFLICT DO NOTHING",
    };
    const struct pg_param group = pg_str(people->group_id);
    struct pg_param users = pg_text_array(change->arena, people->users, people->count);
    bool found, made = false;
    PEK_TRY(find_policy(change, people, &found));
    if (!found && any(people, is_member))
        PEK_TRY(make_policy(change, people, &made));
    else if (!found)
        return STATUS_OK;
    PEK_TRY(change_execute(change, &revoke, PG_PARAMS(group, users), NULL));
    /* Who was a member before there was one gets it now. */
    if (made)
        users = PG_NULL;
    PEK_TRY(change_execute(change, &assign, PG_PARAMS(group, users), NULL));
    for (size_t i = 0; i < people->count; i++)
        PEK_TRY(change_names_user(change, people->users[i]));
    return any(people, leads) ? leader_settle(change, people) : STATUS_OK;
}
