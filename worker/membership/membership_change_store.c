/* The statements of membership_store.h that run within a change. */
#include <inttypes.h>
#include <stdlib.h>

#include "worker/membership/membership_store.h"
#include "worker/person/person_store.h"

/* All rows of the people: $1 group, $2 users. */
#define THESE(alias) alias ".group_id = $1 AND " alias ".user_id = ANY ($2::text[]) "
/* The top of the tree that the group is in. */
#define ORGANISATION(group)                                                                        \
    "(SELECT o.organisation_id FROM pek.group_organisation AS o WHERE o.group_id = " group ") "

static struct pg_param users_param(struct change *change, const struct membership_people *people)
{
    return pg_text_array(change->arena, people->users, people->count);
}

enum status membership_store_lock_group(struct change *change, const char *group_id,
                                        struct membership_group *ret_group)
{
    static const struct pg_statement lock = {
        "membership_lock_group",
        "SELECT g.is_archived, g.users_can_apply, g.parent_id IS NULL FROM pek.realm_group AS g "
        "WHERE g.id = $1 "
        "FOR SHARE",
    };
    const struct pg_result *rows;
    PEK_TRY(change_execute(change, &lock, PG_PARAMS(pg_str(group_id)), &rows));
    if (pg_rows(rows) != 1)
        return STATUS_NOT_FOUND;
    *ret_group = (struct membership_group){pg_get_bool(rows, 0, 0), pg_get_bool(rows, 0, 1),
                                           pg_get_bool(rows, 0, 2)};
    return STATUS_OK;
}

enum status membership_store_make(struct change *change, const struct membership_people *people)
{
    /* OFFSET 0: asked of each of the people, and not collected of the whole group. */
    static const struct pg_statement make = {
        "membership_make",
        "INSERT INTO pek.membership (group_id, user_id, sort_key) "
        "SELECT $1, p.id, '\\x00'::bytea || p.sort_key FROM pek.person AS p "
        "WHERE p.id = ANY ($2::text[]) AND NOT EXISTS (SELECT FROM pek.membership AS m"
        "   WHERE m.group_id = $1 AND m.user_id = p.id OFFSET 0) "
        "ORDER BY p.id ON CONFLICT DO NOTHING",
    };
    static const struct pg_statement count = {
        "membership_count",
        "SELECT FROM pek.membership AS m WHERE m.group_id = $1 OFFSET $2::integer LIMIT 1",
    };
    const struct pg_param group = pg_str(people->group_id);
    const struct pg_result *beyond;
    PEK_TRY(change_execute(change, &make, PG_PARAMS(group, users_param(change, people)), NULL));
    PEK_TRY(change_execute(change, &count,
                           PG_PARAMS(group, pg_int(change->arena, MEMBERSHIP_GROUP_MAX)), &beyond));
    if (pg_rows(beyond) == 0)
        return STATUS_OK;
    return fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION, MEMBERSHIP_REASON_FULL,
                            "group_id", "a group has %d members at most, archived ones among them",
                            MEMBERSHIP_GROUP_MAX);
}

static size_t find(const struct membership_people *people, const char *user)
{
    size_t i = 0;
    while (i < people->count && !slice_equal_str(people->users[i], user))
        i++;
    return i;
}

/* How far one more beginning of membership `m` moves the time until which it is paced. */
#define PACE                                                                                       \
    "CASE WHEN (SELECT max(s.seq) FROM pek.membership_period AS s WHERE s.group_id = m.group_id"   \
    "  AND s.user_id = m.user_id) >= 200 THEN interval '1 day' ELSE interval '1 day' / 10 END "
_Static_assert(MEMBERSHIP_ACTIVE == 3, "as a literal");
_Static_assert(MEMBERSHIP_PERIODS_MANY == 200 && MEMBERSHIP_STEPS_A_DAY == 10, "as literals");

/* Whoever brought them there. The groups of few people are looked for in the tree. */
static enum status check_below(struct change *change, const struct membership_people *people,
                               const char *field)
{
    static const struct pg_statement full = {
        "membership_below_full",
        "WITH many AS MATERIALIZED ("
        "  SELECT p.id FROM unnest($2::text[]) AS p (id) WHERE EXISTS ("
        "    SELECT FROM pek.membership AS m WHERE m.user_id = p.id OFFSET $3::integer - 1)) "
        "SELECT many.id FROM many WHERE $1 <> " ORGANISATION("$1") //
        "AND EXISTS ("
        "  SELECT FROM pek.membership_now AS m WHERE m.user_id = many.id AND m.status IN (2, 3)"
        "   AND m.group_id <> $1 AND m.group_id <> " ORGANISATION("$1") //
        "AND " ORGANISATION("m.group_id") "= " ORGANISATION("$1")       //
        "OFFSET $3::integer - 1) LIMIT 1",
    };
    const struct pg_result *rows;
    PEK_TRY(change_execute(change, &full,
                           PG_PARAMS(pg_str(people->group_id), users_param(change, people),
                                     pg_int(change->arena, MEMBERSHIP_BELOW_MAX)),
                           &rows));
    if (pg_rows(rows) == 0)
        return STATUS_OK;
    return fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION, MEMBERSHIP_REASON_BELOW,
                            field, "%s is in %d groups below the organisation already",
                            pg_get_str(rows, 0, 0), MEMBERSHIP_BELOW_MAX);
}

enum status membership_store_begin(struct change *change, const struct membership_people *people,
                                   const char *field)
{
    static const struct pg_statement full = {
        "membership_user_full",
        "SELECT p.id FROM unnest($2::text[]) AS p (id) WHERE EXISTS ("
        " SELECT FROM pek.membership AS m JOIN pek.membership_period AS s"
        "   ON s.group_id = m.group_id AND s.user_id = m.user_id"
        " WHERE m.user_id = p.id AND m.group_id <> $1 AND s.changed_by = $3 AND s.status <= 3"
        "   AND (s.end_time IS NULL OR s.end_time > now()) OFFSET $4::integer - 1) LIMIT 1",
    };
    static const struct pg_statement pace = {
        "membership_pace",
        "UPDATE pek.membership AS m SET paced_until = greatest(m.paced_until, now()) + " PACE
        "WHERE " THESE("m"),
    };
    const struct pg_param group = pg_str(people->group_id), users = users_param(change, people);
    const struct pg_result *rows;
    PEK_TRY(person_store_check_there(change->transaction, people->users, people->count, field,
                                     change->arena, change->fault));
    PEK_TRY(change_execute(
        change, &full,
        PG_PARAMS(group, users, pg_str(change->actor), pg_int(change->arena, MEMBERSHIP_GIVEN_MAX)),
        &rows));
    if (pg_rows(rows) > 0)
        return fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION,
                                MEMBERSHIP_REASON_USER_FULL, field,
                                "you brought %.*s into %d groups already, and they are there",
                                SLICE_ARG(pg_get_slice(rows, 0, 0)), MEMBERSHIP_GIVEN_MAX);
    PEK_TRY(check_below(change, people, field));
    return change_execute(change, &pace, PG_PARAMS(group, users), NULL);
}

static enum status read_people(struct change *change, struct membership_people *people)
{
    static const struct pg_statement read = {
        "membership_read",
        "SELECT " MEMBERSHIP_COLUMNS(
            m) ", (SELECT s.status FROM pek.membership_period AS s"
               "   WHERE s.group_id = m.group_id AND s.user_id = m.user_id"
               "     AND s.end_time <= m.status_time AND s.status <> m.status"
               "   ORDER BY s.seq DESC LIMIT 1),"
               " (SELECT t.paced_until + " PACE
               "> now() + interval '1 day' FROM pek.membership AS t"
               "   WHERE t.group_id = m.group_id AND t.user_id = m.user_id) "
               "FROM pek.member AS m WHERE " THESE("m"),
    };
    const struct pg_result *rows;
    PEK_TRY(change_execute(
        change, &read, PG_PARAMS(pg_str(people->group_id), users_param(change, people)), &rows));
    for (size_t row = 0; row < pg_rows(rows); row++) {
        membership_v1_membership membership;
        PEK_TRY(membership_v1_membership_from_row(rows, row, change->arena, &membership,
                                                  change->fault));
        PEK_TRY(membership_store_posts(rows, row, change->arena, &membership));
        size_t i = find(people, membership.user_id);
        if (i == people->count)
            return STATUS_INTERNAL;
        people->memberships[i] = membership;
        people->states[i] = (struct membership_state){
            (enum membership_status)membership.status,
            (enum membership_status)pg_get_int(rows, row, MEMBERSHIP_COLUMN_EXTRA),
            pg_get_bool(rows, row, MEMBERSHIP_COLUMN_EXTRA + 1),
        };
        people->any_planned |= membership.end_time != NULL;
    }
    return STATUS_OK;
}

enum status membership_store_hold(struct change *change, const struct membership_people *people,
                                  bool alone)
{
    static const struct pg_statement hold = {
        "membership_hold",
        "SELECT CASE WHEN $2::boolean THEN pg_advisory_xact_lock(u.key)"
        "  ELSE pg_advisory_xact_lock_shared(u.key) END "
        "FROM (SELECT hashtextextended(concat_ws(' ', 'pek.member', current_setting('pek.realm'),"
        "        p.id), 0) AS key FROM unnest($1::text[]) AS p (id) ORDER BY 1 OFFSET 0) AS u",
    };
    return change_execute(change, &hold, PG_PARAMS(users_param(change, people), pg_bool(alone)),
                          NULL);
}

/* Two statements: what was waited for is seen by the second. */
enum status membership_store_lock(struct change *change, struct membership_people *people)
{
    static const struct pg_statement lock = {
        "membership_lock",
        "SELECT m.user_id FROM pek.membership AS m WHERE " THESE(
            "m") "ORDER BY m.user_id FOR NO KEY UPDATE",
    };
    PEK_TRY(change_execute(change, &lock,
                           PG_PARAMS(pg_str(people->group_id), users_param(change, people)), NULL));
    return read_people(change, people);
}

/* What is set for a day to come is not. */
static enum status forget_plans(struct change *change, const struct membership_people *people)
{
    static const struct pg_statement forget = {
        "membership_forget_plans",
        "DELETE FROM pek.membership_period AS s WHERE " THESE(
            "s") "AND s.begin_time > statement_timestamp()",
    };
    static const struct pg_statement reopen = {
        "membership_reopen",
        "UPDATE pek.membership_period AS s SET end_time = NULL "
        "WHERE " THESE("s") "AND s.end_time > statement_timestamp()",
    };
    if (!people->any_planned)
        return STATUS_OK;
    const struct pg_param group = pg_str(people->group_id), users = users_param(change, people);
    PEK_TRY(change_execute(change, &forget, PG_PARAMS(group, users), NULL));
    return change_execute(change, &reopen, PG_PARAMS(group, users), NULL);
}

static enum status drop_posts(struct change *change, const struct membership_people *people)
{
    static const struct pg_statement drop = {
        "membership_drop_posts",
        "DELETE FROM pek.post AS o USING pek.post_type AS t "
        "WHERE " THESE("o") "AND t.group_id = o.group_id AND t.id = o.type_id AND t.kind <> 4",
    };
    return change_execute(change, &drop,
                          PG_PARAMS(pg_str(people->group_id), users_param(change, people)), NULL);
}

enum status membership_store_step(struct change *change, struct membership_people *people,
                                  enum membership_status to)
{
    static const struct pg_statement step = {
        "membership_step",
        "WITH closed AS ("
        "  UPDATE pek.membership_period AS s SET end_time = greatest(clock_timestamp(), "
        "s.begin_time)"
        "   WHERE " THESE(
            "s") "AND s.end_time IS NULL RETURNING s.user_id, s.seq, s.end_time), "
                 "touched AS ("
                 "  UPDATE pek.membership AS m SET version = m.version + 1, update_time = now(),"
                 "   sort_key = CASE $3::smallint WHEN 1 THEN '\\x00'::bytea ELSE '\\x01'::bytea "
                 "END"
                 "    || substr(m.sort_key, 2) WHERE " THESE(
                     "m") ") "
                          "INSERT INTO pek.membership_period (group_id, user_id, seq, status, "
                          "begin_time, changed_by) "
                          "SELECT $1, u.id, coalesce(closed.seq, 0) + 1, $3::smallint,"
                          " coalesce(closed.end_time, clock_timestamp()), $4 "
                          "FROM unnest($2::text[]) AS u (id) LEFT JOIN closed ON closed.user_id = "
                          "u.id",
    };
    bool goes_on = to == MEMBERSHIP_ACTIVE && people->states[0].status == MEMBERSHIP_NEWBIE;
    PEK_TRY(forget_plans(change, people));
    if (!goes_on)
        PEK_TRY(drop_posts(change, people));
    PEK_TRY(change_execute(change, &step,
                           PG_PARAMS(pg_str(people->group_id), users_param(change, people),
                                     pg_int(change->arena, to), pg_str(change->actor)),
                           NULL));
    return read_people(change, people);
}

enum status membership_store_touch(struct change *change, struct membership_people *people)
{
    static const struct pg_statement touch = {
        "membership_touch",
        "UPDATE pek.membership AS m SET version = m.version + 1, update_time = now() "
        "WHERE " THESE("m"),
    };
    PEK_TRY(change_execute(change, &touch,
                           PG_PARAMS(pg_str(people->group_id), users_param(change, people)), NULL));
    return read_people(change, people);
}

enum status membership_store_set_flairs(struct change *change, struct membership_people *person,
                                        const struct slice *flairs, size_t count)
{
    static const struct pg_statement set = {
        "membership_set_flairs",
        "UPDATE pek.membership AS m SET version = m.version + 1, update_time = now(),"
        " flairs = $3::text[] WHERE " THESE("m"),
    };
    PEK_TRY(change_execute(change, &set,
                           PG_PARAMS(pg_str(person->group_id), users_param(change, person),
                                     pg_text_array(change->arena, flairs, count)),
                           NULL));
    return read_people(change, person);
}

enum status membership_store_forget(struct change *change, const struct membership_people *people)
{
    static const struct pg_statement forget = {
        "membership_forget",
        "DELETE FROM pek.membership AS m WHERE " THESE("m"),
    };
    return change_execute(change, &forget,
                          PG_PARAMS(pg_str(people->group_id), users_param(change, people)), NULL);
}

enum status membership_store_undo(struct change *change, struct membership_people *people)
{
    static const struct pg_statement drop = {
        "membership_drop_last",
        "DELETE FROM pek.membership_period AS s WHERE " THESE("s") "AND s.end_time IS NULL",
    };
    static const struct pg_statement reopen = {
        "membership_reopen_last",
        "WITH touched AS ("
        "  UPDATE pek.membership AS m SET version = m.version + 1, update_time = now(),"
        "   sort_key = '\\x01'::bytea || substr(m.sort_key, 2) WHERE " THESE(
            "m") ") "
                 "UPDATE pek.membership_period AS s SET end_time = NULL WHERE " THESE(
                     "s") "AND s.seq = (SELECT max(l.seq) FROM pek.membership_period AS l"
                          "  WHERE l.group_id = s.group_id AND l.user_id = s.user_id)",
    };
    const struct pg_param group = pg_str(people->group_id), users = users_param(change, people);
    PEK_TRY(change_execute(change, &drop, PG_PARAMS(group, users), NULL));
    PEK_TRY(change_execute(change, &reopen, PG_PARAMS(group, users), NULL));
    return read_people(change, people);
}

#define MICROSECONDS(time) "(extract(epoch FROM " time ") * 1000000)::bigint"

enum status membership_store_org_ends(struct change *change, const struct membership_people *people,
                                      const struct pg_result **ret_rows)
{
    static const struct pg_statement ends = {
        "membership_org_ends",
        "SELECT s.user_id, " MICROSECONDS("s.end_time")                           //
        " FROM pek.membership_period AS s WHERE s.group_id = " ORGANISATION("$1") //
        " AND s.group_id <> $1 AND s.user_id = ANY ($2::text[])"
        " AND s.begin_time <= statement_timestamp() AND s.end_time > statement_timestamp()"
        " AND s.status IN (2, 3)"
        " AND EXISTS (SELECT FROM pek.membership_period AS n WHERE n.group_id = s.group_id"
        "   AND n.user_id = s.user_id AND n.seq = s.next_seq AND n.status = 5) "
        "ORDER BY s.user_id",
    };
    return change_execute(
        change, &ends, PG_PARAMS(pg_str(people->group_id), users_param(change, people)), ret_rows);
}

enum status membership_store_below(struct change *change, const struct membership_people *people,
                                   const struct pg_result **ret_rows)
{
    /* Each group is looked for in the tree once, whoever of the people is in it. */
    static const struct pg_statement below = {
        "membership_below",
        "WITH theirs AS MATERIALIZED ("
        "  SELECT m.group_id, m.user_id FROM pek.membership_now AS m"
        "   WHERE m.user_id = ANY ($2::text[]) AND m.status IN (2, 3) AND m.group_id <> $1), "
        "below AS MATERIALIZED ("
        "  SELECT h.group_id FROM (SELECT DISTINCT theirs.group_id FROM theirs) AS h"
        "   WHERE $1 = " ORGANISATION("h.group_id") //
        "   LIMIT $3::integer + 1) "
        "SELECT theirs.group_id, theirs.user_id FROM below JOIN theirs USING (group_id) "
        "ORDER BY theirs.group_id, theirs.user_id",
    };
    const struct pg_param limit =
        people->count > 1 ? pg_int(change->arena, MEMBERSHIP_BELOW_PEOPLE_MAX) : PG_NULL;
    return change_execute(change, &below,
                          PG_PARAMS(pg_str(people->group_id), users_param(change, people), limit),
                          ret_rows);
}

/* The membership whole, so that the log can be replayed; no periods: it is not there any more. */
enum status membership_store_audit(struct change *change, const struct membership_people *people,
                                   const char *action)
{
    static const struct pg_statement audit = {
        "membership_audit",
        "INSERT INTO pek.audit_log (actor, action, target_kind, target_id, trace_id, detail) "
        "SELECT $3, $4, 'membership', $1, $5, jsonb_build_object('user_id', u.id,"
        " 'flairs', (SELECT to_jsonb(m.flairs) FROM pek.membership AS m"
        "   WHERE m.group_id = $1 AND m.user_id = u.id),"
        " 'posts', (SELECT jsonb_agg(o.type_id ORDER BY o.type_id) FROM pek.post AS o"
        "   WHERE o.group_id = $1 AND o.user_id = u.id), 'periods',"
        " (SELECT jsonb_agg(to_jsonb(s) - ARRAY['realm', 'group_id', 'user_id', 'next_seq']"
        "    ORDER BY s.seq) FROM pek.membership_period AS s"
        "   WHERE s.group_id = $1 AND s.user_id = u.id)) "
        "FROM unnest($2::text[]) AS u (id)",
    };
    return change_execute(change, &audit,
                          PG_PARAMS(pg_str(people->group_id), users_param(change, people),
                                    pg_str(change->actor), pg_str(action),
                                    pg_text(rpc_trace_id(change->ctx))),
                          NULL);
}

/* ---- days ---- */

#define MIDNIGHT(date) "(nullif(" date ", '')::date::timestamp AT TIME ZONE 'Europe/Budapest')"

static int64_t get_us(const struct pg_result *rows, size_t row, int column, int64_t of_null)
{
    return pg_is_null(rows, row, column) ? of_null : pg_get_int(rows, row, column);
}

enum status membership_store_days(struct change *change, const struct membership_people *people,
                                  const char *begin_date, const char *end_date,
                                  struct membership_days **ret_days)
{
    static const struct pg_statement read = {
        "membership_days",
        "SELECT s.status, " MICROSECONDS("s.begin_time") ", " //
        MICROSECONDS("s.end_time") ", s.changed_by, "         //
        MICROSECONDS("statement_timestamp()") ", "            //
        MICROSECONDS(MIDNIGHT("$3")) ", " MICROSECONDS(
            MIDNIGHT("$4")) ", "                                         //
                            "s.user_id FROM pek.membership_period AS s " //
                            "WHERE " THESE("s") "ORDER BY s.user_id, s.seq",
    };
    const struct pg_result *rows;
    PEK_TRY(change_execute(change, &read,
                           PG_PARAMS(pg_str(people->group_id), users_param(change, people),
                                     pg_str(begin_date), pg_str(end_date)),
                           &rows));
    struct membership_days *days = arena_zalloc(change->arena, people->count + 1, sizeof(*days));
    struct membership_period *room =
        arena_zalloc(change->arena, pg_rows(rows) + people->count, sizeof(*room));
    if (!days || !room)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < pg_rows(rows); i++) {
        struct membership_days *of = &days[find(people, pg_get_str(rows, i, 7))];
        if (of->list.count == 0)
            *of = (struct membership_days){
                .list = {room, 0},
                .now_us = pg_get_int(rows, i, 4),
                .begin_us = get_us(rows, i, 5, MEMBERSHIP_NO_DAY),
                .end_us = get_us(rows, i, 6, MEMBERSHIP_NO_DAY),
            };
        of->list.periods[of->list.count++] = (struct membership_period){
            .status = (enum membership_status)pg_get_int(rows, i, 0),
            .begin_us = pg_get_int(rows, i, 1),
            .end_us = get_us(rows, i, 2, MEMBERSHIP_OPEN),
            .changed_by = pg_get_str(rows, i, 3),
        };
        room = of->list.periods + of->list.count + 1;
    }
    *ret_days = days;
    return STATUS_OK;
}

/* Exact, where a number times an interval is not. */
static struct slice timestamp_of(struct change *change, int64_t us)
{
    int64_t seconds = us / 1000000 - (us % 1000000 < 0);
    struct pg_param param =
        pg_timestamp(change->arena, seconds, (int32_t)(us - seconds * 1000000) * 1000);
    return slice_make(param.ptr, param.len);
}

enum status membership_store_set_periods(struct change *change, struct membership_people *people,
                                         const struct membership_days *days)
{
    static const struct pg_statement drop = {
        "membership_drop_periods",
        "DELETE FROM pek.membership_period AS s WHERE " THESE("s"),
    };
    static const struct pg_statement write = {
        "membership_write_periods",
        "WITH touched AS ("
        "  UPDATE pek.membership AS m SET version = m.version + 1, update_time = now()"
        "   WHERE " THESE(
            "m") ") " //
                 "INSERT INTO pek.membership_period"
                 " (group_id, user_id, seq, status, begin_time, end_time, changed_by) "
                 "SELECT $1, p.user_id, row_number() OVER (PARTITION BY p.user_id ORDER BY "
                 "p.place),"
                 " p.status::smallint, p.begin_time::timestamptz, nullif(p.end_time, "
                 "'')::timestamptz,"
                 " p.changed_by "
                 "FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[])"
                 "  WITH ORDINALITY AS p (user_id, status, begin_time, end_time, changed_by, "
                 "place)",
    };
    struct arena *arena = change->arena;
    size_t n = 0, at = 0;
    for (size_t i = 0; i < people->count; i++)
        n += days[i].list.count;
    struct slice *cells = arena_zalloc(arena, 5 * n + 1, sizeof(*cells));
    if (!cells)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < people->count; i++)
        for (size_t j = 0; j < days[i].list.count; j++, at++) {
            const struct membership_period *period = &days[i].list.periods[j];
            bool is_open = period->end_us == MEMBERSHIP_OPEN;
            cells[at] = people->users[i];
            cells[n + at] = slice_str(arena_printf(arena, "%d", (int)period->status));
            cells[2 * n + at] = timestamp_of(change, period->begin_us);
            cells[3 * n + at] = is_open ? SLICE_LIT("") : timestamp_of(change, period->end_us);
            cells[4 * n + at] = slice_str(period->changed_by);
        }
    const struct pg_param group = pg_str(people->group_id), users = users_param(change, people);
    PEK_TRY(change_execute(change, &drop, PG_PARAMS(group, users), NULL));
    PEK_TRY(change_execute(
        change, &write,
        PG_PARAMS(group, users, pg_text_array(arena, cells, n), pg_text_array(arena, cells + n, n),
                  pg_text_array(arena, cells + 2 * n, n), pg_text_array(arena, cells + 3 * n, n),
                  pg_text_array(arena, cells + 4 * n, n)),
        NULL));
    return read_people(change, people);
}
