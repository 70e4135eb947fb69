#include "worker/membership/member_points.h"

enum status member_points_check_judged(struct change *change,
                                       const struct membership_people *people, const char *field)
{
    /* Who waited for the lock reads what the other did in a statement of its own. */
    static const struct pg_statement lock = {
        "member_points_lock",
        "SELECT FROM pek.scoreboard AS b JOIN pek.realm_state AS r ON r.semester = b.semester"
        " WHERE b.group_id = $1 ORDER BY b.id FOR SHARE OF b",
    };
    /* Off season (1) nobody judges, nor in an archived group. */
    static const struct pg_statement waiting = {
        "member_points_waiting",
        "SELECT c.user_id FROM pek.realm_state AS r"
        "  JOIN pek.scoreboard AS b ON b.semester = r.semester AND b.point_status = 2"
        "  JOIN pek.realm_group AS g ON g.id = b.group_id AND NOT g.is_archived"
        "  JOIN pek.point AS c ON c.scoreboard_id = b.id AND c.points > 0"
        " WHERE r.season <> 1 AND b.group_id = $1 AND c.user_id = ANY ($2::text[])"
        " ORDER BY c.user_id LIMIT 1",
    };
    const struct pg_param group = pg_str(people->group_id);
    const struct pg_result *rows;
    PEK_TRY(change_execute(change, &lock, PG_PARAMS(group), NULL));
    PEK_TRY(change_execute(
        change, &waiting,
        PG_PARAMS(group, pg_text_array(change->arena, people->users, people->count)), &rows));
    if (pg_rows(rows) == 0)
        return STATUS_OK;
    return fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION, MEMBER_POINTS_REASON_WAIT,
                            field, "the points of %s in %s wait to be judged",
                            pg_get_str(rows, 0, 0), people->group_id);
}

enum status member_points_check_none(struct change *change, const struct membership_people *people,
                                     const char *field)
{
    static const struct pg_statement any = {
        "member_points_any",
        "SELECT c.user_id FROM pek.point AS c WHERE c.group_id = $1"
        " AND c.user_id = ANY ($2::text[]) AND c.points > 0 ORDER BY c.user_id LIMIT 1",
    };
    const struct pg_result *rows;
    PEK_TRY(change_execute(change, &any,
                           PG_PARAMS(pg_str(people->group_id),
                                     pg_text_array(change->arena, people->users, people->count)),
                           &rows));
    if (pg_rows(rows) == 0)
        return STATUS_OK;
    return fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION, MEMBER_POINTS_REASON_SOME,
                            field, "%s has points in %s: the application is accepted, or archived",
                            pg_get_str(rows, 0, 0), people->group_id);
}
