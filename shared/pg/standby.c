/* Which server answers a read. README.md, "A standby", says why. */
#include <string.h>

#include "shared/base/clock.h"
#include "shared/pg/internal.h"

/* A standby that did not answer is left alone for so long. */
#define SHUN_US 1000000
/* Of a read whose server is lost, or is behind: by then it has been at each. */
#define TRIES_MAX 3
/* For so long after a primary was noticed reads wait for connections to it, and look so often. */
#define CHANGE_US 1000000
#define CHANGE_LOOK_MS 5

/* Whoever was told of a commit was told of it before this. */
static const struct pg_statement flushed = {"pek_flushed", "SELECT pg_current_wal_flush_lsn()"};

/* Waits a little, since a standby that is well is behind by moments only. What was received is NULL from a start until all that was
 * received before it is replayed. */
const struct pg_statement standby_guard = {
    "pek_standby_guard",
    "SELECT 1 / ((pg_is_wal_replay_paused() IS NOT NULL"
    "   AND (s.replayed >= s.wanted"
    "        OR (pg_sleep(0.01) IS NOT NULL AND pg_last_wal_replay_lsn() >= s.wanted))"
    "   AND (s.least IS NULL OR pg_last_wal_replay_lsn() >= s.least)) IS TRUE)::int"
    "  FROM (SELECT pg_last_wal_replay_lsn() AS replayed,"
    "               nullif(ltrim(split_part($1, ' ', 1), '+'), '')::pg_lsn AS least,"
    "               CASE WHEN $1 NOT LIKE '+%' THEN $1::pg_lsn"
    "                    WHEN pg_last_wal_receive_lsn()::text = split_part($1, ' ', 2)"
    "                    THEN nullif(split_part($1, ' ', 3), '')::pg_lsn"
    "                    ELSE pg_last_wal_receive_lsn() END AS wanted) AS s",
};

const struct pg_statement standby_look = {"pek_standby_look", "SELECT pg_is_wal_replay_paused()"};

/* What a dying primary sent may end within a record, which is never replayed, and then it ends with a page. So that is where it ends when
 * nothing more is replayed, and nothing holds the replay up: no pause, no delay, no primary that still sends, and no reader. A
 * reader that the replay waits for was there when it stopped; when it is gone, the replay goes on within a second. */
static const struct pg_statement standby_end = {
    "pek_standby_end",
    "SELECT concat_ws(' ', b.received, b.replayed),"
    "       ((b.received - '0/0') % current_setting('wal_block_size')::int = 0"
    "        AND current_setting('recovery_min_apply_delay') = '0'"
    "        AND NOT pg_is_wal_replay_paused() AND NOT EXISTS (SELECT FROM pg_stat_wal_receiver)"
    "        AND b.slept IS NOT NULL AND pg_sleep(0.1) IS NOT NULL"
    "        AND NOT EXISTS (SELECT FROM pg_locks WHERE virtualxid = ANY (b.readers))"
    "        AND pg_sleep(1.1) IS NOT NULL AND NOT pg_is_wal_replay_paused()"
    "        AND pg_last_wal_receive_lsn() = b.received"
    "        AND pg_last_wal_replay_lsn() = b.replayed) IS TRUE"
    "  FROM (SELECT a.received, a.replayed, pg_sleep(0.1) AS slept,"
    "               ARRAY (SELECT l.virtualxid FROM pg_locks l JOIN pg_stat_activity s USING (pid)"
    "                       WHERE l.locktype = 'virtualxid' AND s.usesysid IS NOT NULL"
    "                         AND pid <> pg_backend_pid()) AS readers"
    "          FROM (SELECT pg_last_wal_receive_lsn() AS received,"
    "                       pg_last_wal_replay_lsn() AS replayed) AS a) AS b",
};

void standby_promoted(struct pg *pg)
{
    static const char reason[] = "a standby was promoted";
    server_leave(&pg->servers[PG_STANDBY], reason);
    server_leave(&pg->servers[PG_PRIMARY], reason);
    server_look(&pg->servers[PG_PRIMARY]);
}

bool pg_is_without_primary(const struct pg *pg)
{
    const struct server *primary = &pg->servers[PG_PRIMARY];
    return primary->away && pg->servers[PG_STANDBY].conninfo &&
           clock_monotonic_us() - primary->away_us < pg->standby_alone_ms * 1000;
}

/* NULL: nobody can answer. */
struct lane *route(struct pg *pg, enum pg_lane which)
{
    struct lane *primary = &pg->lanes[PG_PRIMARY][which], *standby = &pg->lanes[PG_STANDBY][which];
    bool is_fit = which == PG_LONG_READ && clock_monotonic_us() >= pg->standby_shunned_us;
    if (standby->up > 0 && (is_fit || primary->up == 0) &&
        (pg->lanes[PG_PRIMARY][PG_POINT_READ].up > 0 || pg_is_without_primary(pg)))
        return standby;
    return primary->up > 0 ? primary : NULL;
}

void standby_note_flushed(struct pg *pg, const char *position)
{
    int64_t now_us = clock_monotonic_us();
    if (pg->flushed.now[0] && now_us - pg->flushed.now_us < pg->standby_age_ms * 1000)
        return;
    memcpy(pg->flushed.before, pg->flushed.now, sizeof(pg->flushed.before));
    snprintf(pg->flushed.now, sizeof(pg->flushed.now), "%s", position);
    pg->flushed.now_us = now_us;
}

/* What a standby must have replayed before it answers a read that begins now: all that was acknowledged before. Without a primary, all
 * that it received ('+'), and what the primary had a while before it was lost: its replication may have stopped earlier. */
static enum status position_now(struct pg *pg, struct cancel *cancel,
                                char ret_position[PG_WANTED_BYTES_MAX])
{
    struct lane *primary = &pg->lanes[PG_PRIMARY][PG_POINT_READ];
    const struct read read = {.statement = &flushed};
    struct pg_result *rows;
    snprintf(ret_position, PG_WANTED_BYTES_MAX, "+%s %s", pg->flushed.before, pg->end);
    if (primary->up == 0)
        return STATUS_OK;
    PEK_TRY(lane_read(primary, cancel, &read, &rows));
    snprintf(ret_position, PG_WANTED_BYTES_MAX, "%s", pg_get_str(rows, 0, 0));
    pg_result_free(rows);
    standby_note_flushed(pg, ret_position);
    return STATUS_OK;
}

/* Once at a time: the others wait for what it finds. */
static void find_end(struct lane *lane, struct cancel *cancel)
{
    struct pg *pg = lane->pg;
    const struct read read = {.statement = &standby_end};
    struct pg_result *rows;
    if (pg->finds_end) {
        while (pg->finds_end && cancel_status(cancel) == STATUS_OK)
            fiber_sleep_ms(CHANGE_LOOK_MS);
        return;
    }
    pg->finds_end = true;
    if (lane_read(lane, cancel, &read, &rows) == STATUS_OK) {
        if (pg_get_bool(rows, 0, 1))
            snprintf(pg->end, sizeof(pg->end), "%s", pg_get_str(rows, 0, 0));
        pg_result_free(rows);
    }
    pg->finds_end = false;
}

static enum status read_standby(struct lane *lane, struct cancel *cancel, const struct read *read,
                                struct pg_result **ret_result)
{
    struct pg *pg = lane->pg;
    char position[PG_WANTED_BYTES_MAX];
    struct read at = *read;
    PEK_TRY(position_now(pg, cancel, position));
    at.position = position;
    enum status status = lane_read(lane, cancel, &at, ret_result);
    if (status == STATUS_OK)
        pg->statistics.standby_reads++;
    else if (status == STATUS_UNAVAILABLE || status == STATUS_ABORTED)
        pg->standby_shunned_us = clock_monotonic_us() + SHUN_US;
    if (status == STATUS_UNAVAILABLE && position[0] == '+')
        find_end(lane, cancel);
    return status;
}

/* A primary is there, and not all connections to it are. */
static bool is_changing(const struct pg *pg)
{
    return pg->changed_us > 0 && clock_monotonic_us() - pg->changed_us < CHANGE_US;
}

enum status route_read(struct pg *pg, enum pg_lane which, struct cancel *cancel,
                       const struct read *read, struct pg_result **ret_result)
{
    enum status status = STATUS_UNAVAILABLE;
    for (int try = 0; try < TRIES_MAX; try++) {
        struct lane *lane = route(pg, which);
        if (lane == &pg->lanes[PG_STANDBY][which])
            status = read_standby(lane, cancel, read, ret_result);
        else if (lane)
            status = lane_read(lane, cancel, read, ret_result);
        if (status != STATUS_UNAVAILABLE && status != STATUS_ABORTED)
            break;
        for (; is_changing(pg) && !route(pg, which) && cancel_status(cancel) == STATUS_OK; try = 0)
            fiber_sleep_ms(CHANGE_LOOK_MS);
    }
    return status;
}
