/* rights_store: the SQL of what one user may do.
 *
 * Row security limits every statement to the realm of the connection.
 */
#ifndef PEK_WORKER_RIGHTS_RIGHTS_STORE_H
#define PEK_WORKER_RIGHTS_RIGHTS_STORE_H

#include "shared/pg/pg.h"
#include "worker/rights/policy.h"
#include "worker/rights/standing.h"

#define POLICY_NAMES_MAX 100 /* told to the hub as hints */

/* ---- a list that asks for itself, struct policy_scope ---- */

/* Of group `g`: the policies of the user have the bit on it. Parameters as "$3". */
#define RIGHTS_STORE_HAS(user, bit)                                                                \
    "EXISTS (SELECT FROM pek.policy_statement AS s JOIN pek.policy_holding AS a"                   \
    " ON a.realm = s.realm AND a.policy_id = s.policy_id"                                          \
    " WHERE s.group_id = g.id AND s.user_id IS NULL AND s.actions & " bit "::integer <> 0"         \
    " AND a.user_id = " user " OFFSET 0) "
/* The same for a list of all groups: theirs are collected once. */
#define RIGHTS_STORE_HELD(user, bit)                                                               \
    "g.id IN (SELECT h.group_id FROM pek.policy_holding AS a, LATERAL ("                           \
    "  SELECT s.group_id FROM pek.policy_statement AS s WHERE s.policy_id = a.policy_id"           \
    "     AND s.group_id IS NOT NULL AND s.user_id IS NULL"                                        \
    "     AND s.actions & " bit "::integer <> 0 OFFSET 0) AS h WHERE a.user_id = " user ") "
/* Of group `g`: it is in the scope, whose parts are all parameters. */
#define RIGHTS_STORE_SEES(all, groups, user, bit)                                                  \
    "(" all "::boolean OR g.id = ANY (" groups "::text[]) OR (" user                               \
    "::text IS NOT NULL AND " RIGHTS_STORE_HAS(user, bit) ")) "
/* The four parameters of RIGHTS_STORE_SEES. */
#define RIGHTS_STORE_SCOPE(scope, arena)                                                           \
    pg_bool((scope)->all), pg_text_array(arena, (scope)->groups, (scope)->group_count),            \
        (scope)->user.len > 0 ? pg_text((scope)->user) : PG_NULL,                                  \
        pg_int(arena, (int64_t)(scope)->bit)

/* ---- people ---- */

/* Ids of the groups that the user is a newcomer or active member of: what a statement on a group gives on people. Parameter
 * as "$3"; 2 and 3 are NEWBIE and ACTIVE of pek.membership.v1.MemberStatus. */
#define RIGHTS_STORE_GROUPS_OF(user)                                                               \
    "SELECT m.group_id FROM pek.membership_now AS m WHERE m.user_id = " user                       \
    " AND m.status IN (2, 3) "
/* The realm knows the user: they have a policy or a membership here. */
#define RIGHTS_STORE_KNOWS(user)                                                                   \
    "(EXISTS (SELECT FROM pek.policy_holding AS k WHERE k.user_id = " user                         \
    ") OR EXISTS (SELECT FROM pek.membership AS k WHERE k.user_id = " user ")) "

/* ---- reads ---- */

/* Rows (group, user, actions, how many milliseconds until an assignment of the user ends or NULL, whether this is not
 * all) of what the user has, in the order that struct policy_rights wants; only of the policies named when `names` is
 * not NULL. All that is on the whole realm, and of the rest POLICY_STATEMENTS_MAX + 1 statements. */
PEK_MUST_CHECK enum status rights_store_load(struct pg *pg, struct cancel *cancel,
                                             struct slice user, const struct slice *names,
                                             size_t name_count, struct arena *arena,
                                             struct pg_result **ret_rows);
/* The actions that the user's statements give on one target: some look-ups for each policy that they
 * hold, however many statements it has. */
PEK_MUST_CHECK enum status rights_store_actions(struct pg *pg, struct cancel *cancel,
                                                struct slice user,
                                                const struct policy_target *target,
                                                uint32_t *ret_actions);
/* The statements of these two, for a test of what they read: $1 user; $1 user, $2 group, $3 user it is about. */
extern const struct pg_statement rights_store_all, rights_store_actions_on;
/* Names of the user's policies, the oldest POLICY_NAMES_MAX of them. */
PEK_MUST_CHECK enum status rights_store_names(struct pg *pg, struct cancel *cancel,
                                              struct slice user, struct pg_result **ret_rows);

/* Rows: the database's time as text in the first, then (…, user) whose assignments ended since the time `since`; of
 * NULL only the first. */
PEK_MUST_CHECK enum status rights_store_ended(struct pg *pg, struct cancel *cancel,
                                              const char *since, struct pg_result **ret_rows);

/* Notes that the user has had a token of this realm; once is enough. */
PEK_MUST_CHECK enum status rights_store_been_here(struct pg *pg, struct cancel *cancel,
                                                  struct slice user);

/* How the user stands to the policy; to one that is not there as to nothing. `policy_id` "0" asks for GOD only. */
PEK_MUST_CHECK enum status rights_store_standing(struct pg *pg, struct cancel *cancel,
                                                 struct slice user, const char *policy_id,
                                                 struct policy_standing *ret_standing);
/* The same within a change, under its lock. */
PEK_MUST_CHECK enum status rights_store_standing_in(struct pg_transaction *transaction,
                                                    const char *user, const char *policy_id,
                                                    struct policy_standing *ret_standing);
/* Whether `until` (NULL: for ever) is later than all ends of that by which the user administers the policy. `ret_end` is the last of
 * these then, as text in UTC, in the arena; else empty, and also when one of them has no end. */
PEK_MUST_CHECK enum status rights_store_outlasts(struct pg_transaction *transaction,
                                                 const char *user, const char *policy_id,
                                                 struct pg_param until, struct arena *arena,
                                                 struct slice *ret_end);

#endif
