#include "worker/membership/membership_store.h"

#include <stdlib.h>

#include "worker/domain/domain.h"
#include "worker/rights/rights_store.h"

#define COLUMNS MEMBERSHIP_COLUMNS(m)
#define BRIEF_COLUMNS MEMBERSHIP_V1_MEMBERSHIP_BRIEF_COLUMNS(m) ", NULL, NULL"

/* ---- what every row has ---- */

static size_t count_lines(struct slice text)
{
    size_t count = text.len > 0;
    for (size_t i = 0; i < text.len; i++)
        count += text.ptr[i] == '\n';
    return count;
}

/* "KIND ID NAME" */
static membership_v1_member_post *post_of(struct slice line, struct arena *arena)
{
    membership_v1_member_post *post = arena_alloc(arena, sizeof(*post));
    if (!post)
        return NULL;
    *post = (membership_v1_member_post)MEMBERSHIP_V1_MEMBER_POST_INIT;
    post->kind = (membership_v1_post_kind)strtol(slice_cut(&line, ' ').ptr, NULL, 10);
    struct slice id = slice_cut(&line, ' ');
    if (post->kind == MEMBERSHIP_V1_POST_KIND_OWN) {
        post->post_type_id = arena_strndup(arena, id.ptr, id.len);
        post->name = arena_strndup(arena, line.ptr, line.len);
    }
    return post;
}

enum status membership_store_posts(const struct pg_result *rows, size_t row, struct arena *arena,
                                   membership_v1_membership *ret_membership)
{
    struct slice posts = pg_get_slice(rows, row, MEMBERSHIP_COLUMN_EXTRA - 2);
    struct slice flairs = pg_get_slice(rows, row, MEMBERSHIP_COLUMN_EXTRA - 1);
    size_t post_count = count_lines(posts), flair_count = count_lines(flairs);
    membership_v1_member_post **post_list =
        arena_zalloc(arena, post_count + 1, sizeof(membership_v1_member_post *));
    char **flair_list = arena_zalloc(arena, flair_count + 1, sizeof(char *));
    for (size_t i = 0; post_list && i < post_count; i++)
        post_list[i] = post_of(slice_cut(&posts, '\n'), arena);
    for (size_t i = 0; flair_list && i < flair_count; i++) {
        struct slice flair = slice_cut(&flairs, '\n');
        flair_list[i] = arena_strndup(arena, flair.ptr, flair.len);
    }
    if (arena->failed)
        return STATUS_RESOURCE_EXHAUSTED;
    ret_membership->posts = post_list;
    ret_membership->n_posts = post_count;
    ret_membership->flairs = flair_list;
    ret_membership->n_flairs = flair_count;
    return STATUS_OK;
}

/* ---- members of a group ---- */

enum status membership_store_list_group(struct rpc_ctx *ctx, const char *group_id,
                                        struct membership_list_group *ret_group)
{
    static const struct pg_statement find = {
        "membership_list_group",
        "SELECT g.archived_members_visible, g.has_transitive_membership"
        "  FROM pek.realm_group AS g WHERE g.id = $1",
    };
    const struct domain *domain = rpc_data(ctx);
    struct pg_result *rows;
    PEK_TRY(pg_read(domain->service.pg, PG_POINT_READ, rpc_cancel(ctx), &find,
                    PG_PARAMS(pg_str(group_id)), &rows));
    enum status status = pg_rows(rows) == 1 ? STATUS_OK : STATUS_NOT_FOUND;
    if (status == STATUS_OK)
        *ret_group =
            (struct membership_list_group){pg_get_bool(rows, 0, 0), pg_get_bool(rows, 0, 1)};
    pg_result_free(rows);
    return status;
}

/* $1 key, $2 id, $3 inclusive, $4 group, $5 statuses, $6 self, $7 patterns, $8 limit. */
#define FROM_POSITION(k)                                                                           \
    "(" k ".sort_key, " k ".user_id) >= ($1::bytea, $2)"                                           \
    " AND ($3::boolean OR (" k ".sort_key, " k ".user_id) <> ($1::bytea, $2)) "
#define SEEN_OF(m, statuses)                                                                       \
    "((1 << " m ".status) & " statuses " <> 0 OR (" m ".user_id = $6 AND " m ".status = 1)) "
#define SEEN(m) SEEN_OF(m, "$5::integer")
#define FOUND(m) m ".folded LIKE ALL ($7::text[]) "
#define PAGE(m) "ORDER BY " m ".sort_key, " m ".user_id LIMIT $8::integer"
#define GROUP(column) "(SELECT g." column " FROM pek.realm_group AS g WHERE g.id = $4)"

/* What is the same for all members is read once: the group, and who leads it. Then a member costs their row. $9: statuses
 * where archived members are not everybody's to see. Of a group with transitive membership, or of none, nothing is
 * looked at: that is asked once and by itself, before any row.
 *
 * CASE, since the planner takes every condition that it knows nothing of for rare: it would read and sort the whole group for
 * the one row that it expects. */
#define STATUSES "CASE WHEN m.archived_members_visible THEN $5::integer ELSE $9::integer END"
#define WANTED(m) "CASE WHEN " SEEN_OF(m, STATUSES) "AND " FOUND(m) "THEN true ELSE false END "
#define LEADS(m)                                                                                   \
    m ".user_id = ANY (ARRAY(SELECT a.user_id FROM pek.group_policy AS l"                          \
      "  JOIN pek.policy_holding AS a ON a.policy_id = l.policy_id"                                \
      " WHERE l.group_id = $4 AND l.kind = 2)) "
#define LIST(columns)                                                                              \
    "SELECT " columns ", NULL FROM (SELECT n.*, " LEADS(                                           \
        "n") "AS is_leader, g.name AS group_name,"                                                 \
             "   g.sort_key AS group_sort_key, g.archived_members_visible "                        \
             "  FROM pek.realm_group AS g CROSS JOIN pek.membership_now AS n "                     \
             " WHERE g.id = $4 AND n.group_id = $4 AND " GROUP(                                    \
                 "has_transitive_membership") " = false "                                          \
                                              "   AND " FROM_POSITION("n") ") AS m WHERE " WANTED( \
                                                  "m") PAGE("m")
const struct read_statement membership_store_list =
    READ_STATEMENT("membership_list", LIST, COLUMNS, BRIEF_COLUMNS);

/* The memberships of `group` from the position on, as they stand in the index, each with its row of the view. The
 * OFFSET and the LIMIT 1 keep the planner from any other way: what it costs then follows the page, whatever else the
 * realm has. */
#define WALK(group)                                                                                \
    "(SELECT k.group_id, k.user_id, k.sort_key FROM pek.membership AS k WHERE k.group_id = " group \
    "   AND " FROM_POSITION(                                                                       \
        "k") "ORDER BY k.sort_key, k.user_id OFFSET 0) AS w "                                      \
             "CROSS JOIN LATERAL (SELECT * FROM pek.member AS v WHERE v.group_id = w.group_id"     \
             "   AND v.user_id = w.user_id LIMIT 1) AS m "

/* Everybody once: their own membership of the group where it is seen, else that of the nearest group below. Of each group
 * the first of the page are enough: whoever comes later there has as many before them. $9 to $12: groups that the caller
 * may view; another one is not named. */
#define TRANSITIVE(columns)                                                                        \
    "WITH RECURSIVE below (id, level) AS ("                                                        \
    "  SELECT g.id, 0 FROM pek.realm_group AS g WHERE g.id = $4"                                   \
    "  UNION ALL"                                                                                  \
    "  SELECT c.id, below.level + 1"                                                               \
    "    FROM below JOIN pek.realm_group AS c ON c.parent_id = below.id"                           \
    "   WHERE NOT c.is_archived AND below.level < 16), "                                           \
    "near AS ("                                                                                    \
    "  SELECT n.*, below.level FROM below CROSS JOIN LATERAL ("                                    \
    "    SELECT m.* FROM " WALK("below.id") "WHERE CASE below.level WHEN 0 THEN " SEEN(            \
        "m") "      ELSE m.status IN (2, 3) AND (1 << m.status) & $5::integer <> 0 AND NOT "       \
             "EXISTS ("                                                                            \
             "        SELECT FROM pek.member AS d WHERE d.group_id = $4 AND d.user_id = "          \
             "m.user_id "                                                                          \
             "AND " SEEN("d") ") END AND " FOUND("m")                                              \
                 PAGE("m") ") AS n), "                                                             \
                           "once AS ("                                                             \
                           "  SELECT DISTINCT ON (near.user_id) near.* FROM near"                  \
                           "   ORDER BY near.user_id, near.level, near.group_id) "                 \
                           "SELECT " columns                                                       \
                           ", CASE WHEN m.level > 0 AND EXISTS (SELECT FROM pek.realm_group AS g"  \
                           "   WHERE g.id = m.group_id AND " RIGHTS_STORE_SEES(                    \
                               "$9", "$10", "$11",                                                 \
                               "$12") ")"                                                          \
                                      " THEN m.group_id ELSE '' END, $4, " GROUP(                  \
                                          "name") " "                                              \
                                                  "FROM once AS m ORDER BY m.sort_key, m.user_id " \
                                                  "LIMIT $8::integer"
static const struct read_statement list_transitive =
    READ_STATEMENT("membership_list_transitive", TRANSITIVE, COLUMNS, BRIEF_COLUMNS);

#define MEMBERS_PARAMS(statuses)                                                                   \
    READ_POSITION(batch), pg_str(query->group_id), pg_int(batch->arena, (statuses)),               \
        pg_text(query->self),                                                                      \
        pg_text_array(batch->arena, query->search.patterns, query->search.pattern_count),          \
        pg_int(batch->arena, (int64_t)batch->limit)

enum status membership_store_direct(const struct read_batch *batch,
                                    const struct membership_query *query,
                                    struct pg_result **ret_rows)
{
    return read_rows_either(
        batch, &membership_store_list,
        PG_PARAMS(MEMBERS_PARAMS(query->statuses_visible), pg_int(batch->arena, query->statuses)),
        ret_rows);
}

enum status membership_store_transitive(const struct read_batch *batch,
                                        const struct membership_query *query,
                                        const struct membership_list_group *group,
                                        const struct policy_scope *viewed,
                                        struct pg_result **ret_rows)
{
    return read_rows_either(
        batch, &list_transitive,
        PG_PARAMS(MEMBERS_PARAMS(group->archived_members_visible ? query->statuses_visible
                                                                 : query->statuses),
                  RIGHTS_STORE_SCOPE(viewed, batch->arena)),
        ret_rows);
}

/* ---- memberships of a user ---- */

#define MICROSECONDS(time) "(extract(epoch FROM " time ") * 1000000)::bigint"
#define HISTORY                                                                                    \
    ", (SELECT string_agg(concat_ws(' ', s.status, " MICROSECONDS(                                 \
        "s.begin_time") ","                                                                        \
                        "   coalesce(" MICROSECONDS(                                               \
                            "s.end_time") "::text, '-'), s.changed_by), ' ' ORDER BY s.seq)"       \
                                          "  FROM (SELECT * FROM pek.membership_period AS l"       \
                                          "         WHERE l.group_id = m.group_id AND l.user_id "  \
                                          "= m.user_id"                                            \
                                          "         ORDER BY l.seq DESC LIMIT 200) AS s) "
#define OF_USER(columns)                                                                           \
    "SELECT " columns "FROM pek.member AS m JOIN pek.realm_group AS g ON g.id = m.group_id "       \
    "WHERE m.user_id = $4 "                                                                        \
    "AND (m.group_sort_key, m.group_id) >= ($1::bytea, $2) "                                       \
    "AND ($3::boolean OR (m.group_sort_key, m.group_id) <> ($1::bytea, $2)) "                      \
    "AND (1 << m.status) & $5::integer <> 0 "                                                      \
    "AND (m.status <> 5 OR g.archived_members_visible"                                             \
    "  OR " RIGHTS_STORE_SEES(                                                                     \
        "$11", "$12", "$13",                                                                       \
        "$14") ") "                                                                                \
               "AND " RIGHTS_STORE_SEES(                                                           \
                   "$7", "$8", "$9",                                                               \
                   "$10") "ORDER BY m.group_sort_key, m.group_id LIMIT $6::integer"

enum status membership_store_of_user(const struct read_batch *batch, const void *of_query,
                                     struct pg_result **ret_rows)
{
    static const struct read_statement list =
        READ_STATEMENT("membership_of_user", OF_USER, COLUMNS HISTORY, BRIEF_COLUMNS ", NULL ");
    const struct membership_of_query *wanted = of_query;
    const struct policy_scope *scope = batch->scope;
    return read_rows_either(batch, &list,
                            PG_PARAMS(READ_POSITION(batch), pg_str(wanted->user_id),
                                      pg_int(batch->arena, wanted->statuses),
                                      pg_int(batch->arena, (int64_t)batch->limit),
                                      RIGHTS_STORE_SCOPE(scope, batch->arena),
                                      RIGHTS_STORE_SCOPE(&wanted->archived, batch->arena)),
                            ret_rows);
}

static Google__Protobuf__Timestamp *time_of(struct slice microseconds, struct arena *arena)
{
    Google__Protobuf__Timestamp *time = arena_alloc(arena, sizeof(*time));
    if (!time)
        return NULL;
    int64_t us = strtoll(microseconds.ptr, NULL, 10);
    google__protobuf__timestamp__init(time);
    time->seconds = us / 1000000 - (us % 1000000 < 0);
    time->nanos = (int32_t)(us - time->seconds * 1000000) * 1000;
    return time;
}

static membership_v1_member_period *period_of(struct slice *text, struct arena *arena)
{
    membership_v1_member_period *period = arena_alloc(arena, sizeof(*period));
    if (!period)
        return NULL;
    *period = (membership_v1_member_period)MEMBERSHIP_V1_MEMBER_PERIOD_INIT;
    period->status = (membership_v1_member_status)strtol(slice_cut(text, ' ').ptr, NULL, 10);
    period->begin_time = time_of(slice_cut(text, ' '), arena);
    struct slice end = slice_cut(text, ' ');
    if (!slice_equal_str(end, "-"))
        period->end_time = time_of(end, arena);
    struct slice by = slice_cut(text, ' ');
    period->changed_by = arena_strndup(arena, by.ptr, by.len);
    return period;
}

enum status membership_store_history(const struct pg_result *rows, size_t row, struct arena *arena,
                                     membership_v1_membership *ret_membership)
{
    struct slice text = pg_get_slice(rows, row, MEMBERSHIP_COLUMN_EXTRA);
    membership_v1_member_period **history =
        arena_zalloc(arena, MEMBERSHIP_PERIODS_MANY, sizeof(membership_v1_member_period *));
    size_t count = 0;
    while (history && text.len > 0 && count < MEMBERSHIP_PERIODS_MANY)
        history[count++] = period_of(&text, arena);
    if (arena->failed)
        return STATUS_RESOURCE_EXHAUSTED;
    ret_membership->history = history;
    ret_membership->n_history = count;
    return STATUS_OK;
}
