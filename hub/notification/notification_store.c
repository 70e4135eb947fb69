#include "hub/notification/notification_store.h"

#include <string.h>

/* ---- collecting ---- */

struct putting {
    const char *realm;
    notification_v1_event *const *events;
    size_t count;
    enum notification_fate *fates;
    struct arena *arena;
};

/* One member of each event that `wanted` picks, as a parameter. */
struct column {
    struct slice cells[NOTIFICATION_BATCH];
};

static enum status run(struct pg_transaction *transaction, const struct pg_statement *statement,
                       const struct pg_param *params, size_t count)
{
    return pg_apply(transaction, statement, params, count, NULL);
}

/* What becomes of each: those of users who are here, and whom the realm knows. Held until the end, so that somebody who deletes
 * themself meanwhile waits, and takes what was stored along. */
static enum status judge_recipients(struct pg_transaction *transaction, struct putting *putting)
{
    static const struct pg_statement recipients = {
        "notification_recipients",
        "WITH here AS MATERIALIZED ("
        "    SELECT p.user_id FROM hub.profile AS p WHERE p.user_id = ANY ($2::text[])"
        "     ORDER BY p.user_id FOR KEY SHARE) "
        "SELECT here.user_id IS NOT NULL, r.user_id IS NOT NULL"
        "  FROM unnest($2::text[]) WITH ORDINALITY AS e (recipient, place)"
        "  LEFT JOIN here ON here.user_id = e.recipient"
        "  LEFT JOIN hub.user_realm AS r ON r.user_id = e.recipient AND r.realm = $1"
        " ORDER BY e.place",
    };
    struct column users;
    struct pg_result *rows;
    for (size_t i = 0; i < putting->count; i++)
        users.cells[i] = slice_str(putting->events[i]->recipient);
    PEK_TRY(pg_execute(transaction, &recipients,
                       PG_PARAMS(pg_str(putting->realm),
                                 pg_text_array(putting->arena, users.cells, putting->count)),
                       &rows));
    for (size_t i = 0; i < putting->count && i < pg_rows(rows); i++) {
        bool here = pg_get_bool(rows, i, 0), known = pg_get_bool(rows, i, 1);
        putting->fates[i] = !here    ? NOTIFICATION_NO_USER
                            : !known ? NOTIFICATION_WAITS
                                     : NOTIFICATION_STORED;
        /* It concerns whoever was told before, and stores nothing. */
        if (putting->events[i]->retracts)
            putting->fates[i] = NOTIFICATION_STORED;
    }
    pg_result_free(rows);
    return STATUS_OK;
}

static enum status hold_inboxes(struct pg_transaction *transaction, struct pg_param users)
{
    static const struct pg_statement make = {
        "notification_make_inboxes",
        "INSERT INTO hub.notification_inbox (user_id)"
        " SELECT DISTINCT u.id FROM unnest($1::text[]) AS u (id) ORDER BY u.id"
        " ON CONFLICT DO NOTHING",
    };
    static const struct pg_statement hold = {
        "notification_hold_inboxes",
        "SELECT FROM hub.notification_inbox AS i WHERE i.user_id = ANY ($1::text[])"
        " ORDER BY i.user_id FOR UPDATE",
    };
    PEK_TRY(run(transaction, &make, PG_PARAMS(users)));
    return run(transaction, &hold, PG_PARAMS(users));
}

/* What is stored, a column each: text, and what the statement makes of it. */
enum { EVENT_ID, ORDER, KIND, RECIPIENT, ACTOR, SUBJECT, LINK, TITLE, DETAIL, TIME, COLUMNS };

static void fill(struct putting *putting, bool retracts, struct column columns[COLUMNS],
                 size_t *ret_count)
{
    struct arena *arena = putting->arena;
    size_t n = 0;
    for (size_t i = 0; i < putting->count; i++) {
        const notification_v1_event *event = putting->events[i];
        if (putting->fates[i] != NOTIFICATION_STORED || event->retracts != retracts)
            continue;
        const struct pg_param time =
            pg_timestamp(arena, event->create_time->seconds, event->create_time->nanos);
        columns[EVENT_ID].cells[n] = slice_str(event->id);
        columns[ORDER].cells[n] = slice_str(arena_printf(arena, "%lld", (long long)event->order));
        columns[KIND].cells[n] = slice_str(arena_printf(arena, "%d", (int)event->kind));
        columns[RECIPIENT].cells[n] = slice_str(event->recipient);
        columns[ACTOR].cells[n] = slice_str(event->actor);
        columns[SUBJECT].cells[n] = slice_str(event->subject);
        columns[LINK].cells[n] = slice_str(event->link);
        columns[TITLE].cells[n] = slice_str(event->title);
        columns[DETAIL].cells[n] = slice_str(event->detail);
        columns[TIME].cells[n] = slice_make(time.ptr, time.len);
        n++;
    }
    *ret_count = n;
}

static enum status store(struct pg_transaction *transaction, struct putting *putting)
{
    static const struct pg_statement insert = {
        "notification_store",
        "WITH fresh AS ("
        "  SELECT DISTINCT ON (e.event_id) e.*"
        "    FROM unnest($2::uuid[], $3::bigint[], $4::smallint[], $5::text[], $6::text[],"
        "           $7::text[], $8::text[], $9::text[], $10::text[], $11::timestamptz[])"
        "         WITH ORDINALITY AS e (event_id, event_order, kind, recipient, actor, subject,"
        "                               link, title, detail, event_time, place)"
        "   WHERE NOT EXISTS (SELECT FROM hub.notification AS n"
        "                      WHERE n.realm = $1 AND n.event_id = e.event_id)"
        "   ORDER BY e.event_id, e.place), "
        "stored AS ("
        "  INSERT INTO hub.notification (user_id, seq, realm, event_id, event_order, kind, actor,"
        "    subject, link, title, detail, event_time)"
        "  SELECT f.recipient, i.last_seq"
        "           + row_number() OVER (PARTITION BY f.recipient ORDER BY f.place),"
        "         $1, f.event_id, f.event_order, f.kind, f.actor, f.subject, f.link, f.title,"
        "         f.detail, f.event_time"
        "    FROM fresh AS f JOIN hub.notification_inbox AS i ON i.user_id = f.recipient"
        "  ON CONFLICT (realm, event_id) DO NOTHING RETURNING user_id, seq), "
        "last AS (SELECT s.user_id, max(s.seq) AS seq FROM stored AS s GROUP BY s.user_id), "
        "moved AS ("
        "  UPDATE hub.notification_inbox AS i SET last_seq = last.seq FROM last"
        "   WHERE i.user_id = last.user_id) "
        "SELECT pg_notify('pek_inbox', last.user_id) FROM last",
    };
    struct column *columns = arena_zalloc(putting->arena, COLUMNS, sizeof(*columns));
    struct pg_param params[1 + COLUMNS] = {pg_str(putting->realm)};
    size_t count;
    if (!columns)
        return STATUS_RESOURCE_EXHAUSTED;
    fill(putting, false, columns, &count);
    if (count == 0)
        return STATUS_OK;
    for (size_t i = 0; i < COLUMNS; i++)
        params[1 + i] = pg_text_array(putting->arena, columns[i].cells, count);
    PEK_TRY(hold_inboxes(transaction, params[1 + RECIPIENT]));
    return run(transaction, &insert, params, 1 + COLUMNS);
}

static enum status retract(struct pg_transaction *transaction, struct putting *putting)
{
    static const struct pg_statement hide = {
        "notification_retract",
        "UPDATE hub.notification AS n SET retracted = true"
        "  FROM unnest($2::bigint[], $3::smallint[], $4::text[], $5::text[])"
        "       AS e (event_order, kind, subject, link)"
        " WHERE n.realm = $1 AND n.kind = e.kind AND n.subject = e.subject AND n.link = e.link"
        "   AND n.event_order < e.event_order AND NOT n.retracted",
    };
    struct column *columns = arena_zalloc(putting->arena, COLUMNS, sizeof(*columns));
    struct arena *arena = putting->arena;
    size_t count;
    if (!columns)
        return STATUS_RESOURCE_EXHAUSTED;
    fill(putting, true, columns, &count);
    if (count == 0)
        return STATUS_OK;
    return run(transaction, &hide,
               PG_PARAMS(pg_str(putting->realm), pg_text_array(arena, columns[ORDER].cells, count),
                         pg_text_array(arena, columns[KIND].cells, count),
                         pg_text_array(arena, columns[SUBJECT].cells, count),
                         pg_text_array(arena, columns[LINK].cells, count)));
}

static enum status put_in(struct pg_transaction *transaction, void *arg)
{
    struct putting *putting = arg;
    PEK_TRY(judge_recipients(transaction, putting));
    PEK_TRY(store(transaction, putting));
    return retract(transaction, putting);
}

enum status notification_store_put(struct pg *pg, struct cancel *cancel, const char *realm,
                                   notification_v1_event *const *events, size_t count,
                                   enum notification_fate *ret_fates)
{
    struct arena arena;
    enum notification_fate fates[NOTIFICATION_BATCH] = {0};
    struct putting putting = {realm, events, count, fates, &arena};
    if (count > NOTIFICATION_BATCH)
        return STATUS_INTERNAL;
    arena_init(&arena, 1u << 20);
    enum status status = pg_transact(pg, cancel, false, put_in, &putting);
    arena_done(&arena);
    if (status == STATUS_OK)
        memcpy(ret_fates, fates, count * sizeof(fates[0]));
    return status;
}

/* ---- reading ---- */

#define COLUMN_SORT_KEY HUB_V1_NOTIFICATION_COLUMN_COUNT

static enum status read_shown(const struct pg_result *rows, size_t row, struct arena *arena,
                              void *ret_message, struct fault *fault)
{
    hub_v1_notification *notification = ret_message;
    PEK_TRY(hub_v1_notification_from_row(rows, row, arena, notification, fault));
    struct slice sort_key = pg_get_bytea(rows, row, COLUMN_SORT_KEY, arena);
    notification->sort_key =
        (ProtobufCBinaryData){sort_key.len, (uint8_t *)(uintptr_t)sort_key.ptr};
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

const struct row_type notification_store_row = {
    .noun = "notification",
    .message = &pek__hub__v1__notification__descriptor,
    .read = read_shown,
};

/* A position is a number: each statement walks the primary key from there. Of a key that is none it begins at the beginning. */
#define POSITION                                                                                   \
    "(CASE WHEN length($1::bytea) = 8 THEN ('x' || encode($1, 'hex'))::bit(64)::bigint END)"

enum status notification_store_list(const struct read_batch *batch, const void *query,
                                    struct pg_result **ret_rows)
{
    static const struct pg_statement list = {
        "notification_list",
        "SELECT " HUB_V1_NOTIFICATION_COLUMNS(
            n) ", int8send(9223372036854775807 - n.seq) FROM hub.notification_shown AS n"
               " WHERE n.user_id = $4 AND n.seq <= 9223372036854775807 - coalesce(" POSITION ", 0)"
               "   AND ($3::boolean OR $1 = '' OR n.id <> $2) AND NOT ($5::boolean AND n.seen)"
               " ORDER BY n.seq DESC LIMIT $6::bigint",
    };
    const struct notification_query *asked = query;
    return read_rows(batch, &list,
                     PG_PARAMS(READ_POSITION(batch), pg_text(asked->user), pg_bool(asked->unseen),
                               pg_int(batch->arena, (int64_t)batch->limit)),
                     ret_rows);
}

enum status notification_store_follow(const struct read_batch *batch, const void *query,
                                      struct pg_result **ret_rows)
{
    static const struct pg_statement follow = {
        "notification_follow",
        "SELECT " HUB_V1_NOTIFICATION_COLUMNS(
            n) ", int8send(n.seq) FROM hub.notification_shown AS n"
               " WHERE n.user_id = $4 AND n.seq >= coalesce(" POSITION ", 0)"
               "   AND ($3::boolean OR $1 = '' OR n.id <> $2) AND NOT ($5::boolean AND n.seen)"
               " ORDER BY n.seq LIMIT $6::bigint",
    };
    const struct notification_query *asked = query;
    return read_rows(batch, &follow,
                     PG_PARAMS(READ_POSITION(batch), pg_text(asked->user), pg_bool(asked->unseen),
                               pg_int(batch->arena, (int64_t)batch->limit)),
                     ret_rows);
}

#define UNSEEN                                                                                     \
    "SELECT count(*) FROM hub.notification AS n"                                                   \
    " WHERE n.user_id = $1 AND n.seen_time IS NULL AND NOT n.retracted"

enum status notification_store_count_unseen(struct pg *pg, struct cancel *cancel, struct slice user,
                                            int32_t *ret_count)
{
    static const struct pg_statement count = {"notification_count_unseen", UNSEEN};
    struct pg_result *rows;
    PEK_TRY(pg_read(pg, PG_POINT_READ, cancel, &count, PG_PARAMS(pg_text(user)), &rows));
    *ret_count = (int32_t)pg_get_int(rows, 0, 0);
    pg_result_free(rows);
    return STATUS_OK;
}

/* ---- within a change ---- */

enum status notification_store_mark_seen(struct change *change, char *const *ids, size_t count,
                                         const char *up_to, int32_t *ret_unseen)
{
    static const struct pg_statement some = {
        "notification_mark_some",
        "UPDATE hub.notification AS n SET seen_time = now()"
        " WHERE n.user_id = $1 AND n.seq = ANY ($2::bigint[]) AND n.seen_time IS NULL",
    };
    static const struct pg_statement all = {
        "notification_mark_up_to",
        "UPDATE hub.notification AS n SET seen_time = now()"
        " WHERE n.user_id = $1 AND n.seq <= $2::bigint AND n.seen_time IS NULL"
        "   AND NOT n.retracted",
    };
    static const struct pg_statement unseen = {"notification_left_unseen", UNSEEN};
    const struct pg_param me = pg_str(change->actor);
    const struct pg_result *rows;
    struct slice *slices = arena_zalloc(change->arena, count + 1, sizeof(*slices));
    if (!slices)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < count; i++)
        slices[i] = slice_str(ids[i]);
    if (up_to[0])
        PEK_TRY(change_execute(change, &all, PG_PARAMS(me, pg_str(up_to)), NULL));
    else
        PEK_TRY(change_execute(change, &some,
                               PG_PARAMS(me, pg_text_array(change->arena, slices, count)), NULL));
    PEK_TRY(change_execute(change, &unseen, PG_PARAMS(me), &rows));
    *ret_unseen = (int32_t)pg_get_int(rows, 0, 0);
    return STATUS_OK;
}

/* ---- housekeeping ---- */

/* Of rows that another hub is just deleting none is waited for. */
enum status notification_store_purge(struct pg *pg, struct cancel *cancel,
                                     const struct notification_bounds *bounds, bool *ret_more)
{
    static const struct pg_statement old = {
        "notification_purge_old",
        "DELETE FROM hub.notification AS n WHERE (n.user_id, n.seq) IN ("
        "  SELECT o.user_id, o.seq FROM hub.notification AS o"
        "   WHERE o.create_time < now() - make_interval(days => $1::integer)"
        "   ORDER BY o.create_time LIMIT 1000 FOR UPDATE SKIP LOCKED)",
    };
    static const struct pg_statement of_realms = {
        "notification_purge_realms",
        "DELETE FROM hub.notification AS n WHERE (n.user_id, n.seq) IN ("
        "  SELECT o.user_id, o.seq FROM (SELECT DISTINCT realm FROM hub.user_realm) AS r"
        "   CROSS JOIN LATERAL (SELECT l.create_time FROM hub.notification AS l"
        "     WHERE l.realm = r.realm ORDER BY l.create_time DESC"
        "     OFFSET $1::bigint LIMIT 1) AS beyond"
        "    JOIN hub.notification AS o"
        "      ON o.realm = r.realm AND o.create_time <= beyond.create_time"
        "   LIMIT 1000 FOR UPDATE OF o SKIP LOCKED)",
    };
    /* Not what just came: another hub may be about to store the same, and is to find it. */
    static const struct pg_statement of_users = {
        "notification_purge_users",
        "WITH many AS ("
        "  SELECT n.user_id FROM hub.notification AS n WHERE n.user_id IN ("
        "      SELECT l.user_id FROM hub.notification AS l"
        "       WHERE l.create_time > now() - interval '10 minutes')"
        "   GROUP BY n.user_id HAVING count(*) > $1::bigint LIMIT 100), "
        "placed AS ("
        "  SELECT n.user_id, n.seq, n.create_time, row_number() OVER ("
        "           PARTITION BY n.user_id ORDER BY n.of_realm, n.seq DESC) AS place"
        "    FROM (SELECT n.user_id, n.seq, n.create_time, row_number() OVER ("
        "              PARTITION BY n.user_id, n.realm ORDER BY n.of_group, n.seq DESC) AS of_realm"
        "            FROM (SELECT n.*, row_number() OVER ("
        "                      PARTITION BY n.user_id, n.realm, n.link"
        "                      ORDER BY n.retracted, n.seq DESC) AS of_group"
        "                    FROM hub.notification AS n"
        "                    JOIN many ON many.user_id = n.user_id) AS n) AS n) "
        "DELETE FROM hub.notification AS n WHERE (n.user_id, n.seq) IN ("
        "  SELECT o.user_id, o.seq FROM hub.notification AS o"
        "    JOIN placed AS p ON p.user_id = o.user_id AND p.seq = o.seq"
        "   WHERE p.place > $1::bigint AND p.create_time < now() - interval '1 minute'"
        "   ORDER BY o.user_id, o.seq LIMIT 1000 FOR UPDATE OF o SKIP LOCKED)",
    };
    struct arena arena;
    size_t counts[3] = {0};
    arena_init(&arena, 1024);
    enum status status =
        pg_note(pg, cancel, &old, PG_PARAMS(pg_int(&arena, bounds->days)), &counts[0]);
    if (status == STATUS_OK)
        status = pg_note(pg, cancel, &of_realms, PG_PARAMS(pg_int(&arena, bounds->per_realm_max)),
                         &counts[1]);
    if (status == STATUS_OK)
        status = pg_note(pg, cancel, &of_users, PG_PARAMS(pg_int(&arena, bounds->per_user_max)),
                         &counts[2]);
    arena_done(&arena);
    *ret_more = false;
    for (size_t i = 0; i < 3; i++)
        *ret_more |= counts[i] == NOTIFICATION_PURGE_ROWS;
    return status;
}
