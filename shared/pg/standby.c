/* Which server answers a read. README.md, "A standby", says why. */
#include <string.h>

#include "shared/base/clock.h"
#include "shared/pg/internal.h"

/* A standby that did not answer is left alone for so long. */
#define SHUN_US 1000000
/* Of a read whose server is lost, or is behind: by then it has been at each. */
#define TRIES_MAX 3
/* For so long after a promotion reads wait for connections to the primary, and look so often. */
#define CHANGE_US 1000000
#define CHANGE_LOOK_MS 5

/* Whoever was told of a commit was told of it before this. */
static const struct pg_statement flushed = {"pek_flushed", "SELECT pg_current_wal_flush_lsn()"};

/* Waits a little, since a standby that is well is behind by moments only. What a dying primary sent may end within a
 * record, which is never replayed, and then it ends with a page: it is all when nothing more is replayed for a while. */
const struct pg_statement standby_guard = {
    "pek_standby_guard",
    "SELECT 1 / (pg_is_in_recovery() AND (s.replayed >= s.wanted"
    "        OR (pg_sleep(0.01) IS NOT NULL AND (pg_last_wal_replay_lsn() >= s.wanted"
    "              OR (s.alone AND (s.wanted - '0/0') % current_setting('wal_block_size')::int = 0"
    "                  AND pg_sleep(0.1) IS NOT NULL"
    "                  AND pg_last_wal_replay_lsn() = s.replayed))))"
    "   AND (s.least IS NULL OR pg_last_wal_replay_lsn() >= s.least))::int"
    "  FROM (SELECT pg_last_wal_replay_lsn() AS replayed, $1 LIKE '+%' AS alone,"
    "               nullif(ltrim($1, '+'), '')::pg_lsn AS least,"
    "               CASE WHEN $1 LIKE '+%' THEN coalesce(pg_last_wal_receive_lsn(), '0/0')"
    "                    ELSE $1::pg_lsn END AS wanted) AS s",
};

void standby_server_away(struct pg *pg, struct server *server)
{
    bool was_away = server->away;
    server->away = true;
    if (server->role == PG_PRIMARY && pg->servers[PG_STANDBY].conninfo && !was_away)
        trouble_tell(pg, PG_TROUBLE_NO_PRIMARY, "", "",
                     "no primary is found: reads come from a standby, changes are refused");
    pg_came_up(pg); /* that is ready, too */
}

void standby_server_back(struct pg *pg, struct server *server)
{
    bool was_away = server->away;
    server->away = false;
    if (server->role == PG_PRIMARY && pg->servers[PG_STANDBY].conninfo && was_away)
        trouble_tell(pg, PG_TROUBLE_NO_PRIMARY, "", "", "a primary is found");
}

static void connect_now(struct connection *connection)
{
    if (connection->state == LINK_WAITING)
        connection_start_timer(connection, 0);
}

/* Once promoted it is none any more; PostgreSQL says so before the end of each batch. Then a primary is there: nobody waits before
 * looking for it. */
void standby_check(struct connection *connection)
{
    struct pg *pg = connection->pg;
    const char *in_standby = PQparameterStatus(connection->conn, "in_hot_standby");
    if (connection->server->role != PG_STANDBY || !in_standby || strcmp(in_standby, "off") != 0)
        return;
    pg->promoted_us = clock_monotonic_us();
    for (size_t i = 0; i < PG_LANES; i++)
        for (size_t j = 0; j < pg->lanes[PG_PRIMARY][i].count; j++)
            connect_now(&pg->lanes[PG_PRIMARY][i].connections[j].connection);
    for (size_t i = 0; i < pg->pool.count; i++)
        connect_now(&pg->pool.connections[i].connection);
    connection_drop(connection, "it was promoted");
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
                                char ret_position[PG_POSITION_BYTES_MAX + 1])
{
    struct lane *primary = &pg->lanes[PG_PRIMARY][PG_POINT_READ];
    const struct read read = {.statement = &flushed};
    struct pg_result *rows;
    snprintf(ret_position, PG_POSITION_BYTES_MAX + 1, "+%s", pg->flushed.before);
    if (primary->up == 0)
        return STATUS_OK;
    PEK_TRY(lane_read(primary, cancel, &read, &rows));
    snprintf(ret_position, PG_POSITION_BYTES_MAX + 1, "%s", pg_get_str(rows, 0, 0));
    pg_result_free(rows);
    standby_note_flushed(pg, ret_position);
    return STATUS_OK;
}

static enum status read_standby(struct lane *lane, struct cancel *cancel, const struct read *read,
                                struct pg_result **ret_result)
{
    struct pg *pg = lane->pg;
    char position[PG_POSITION_BYTES_MAX + 1];
    struct read at = *read;
    PEK_TRY(position_now(pg, cancel, position));
    at.position = position;
    enum status status = lane_read(lane, cancel, &at, ret_result);
    if (status == STATUS_OK)
        pg->statistics.standby_reads++;
    else if (status == STATUS_UNAVAILABLE || status == STATUS_ABORTED)
        pg->standby_shunned_us = clock_monotonic_us() + SHUN_US;
    return status;
}

/* A primary is there, and not all connections to it are. */
static bool is_changing(const struct pg *pg)
{
    return pg->promoted_us > 0 && clock_monotonic_us() - pg->promoted_us < CHANGE_US;
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
