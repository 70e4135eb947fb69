/* Reads: the requests of one loop turn leave together, at the end of the turn, in one batch a connection. */
#include <assert.h>
#include <stdlib.h>

#include "shared/base/clock.h"
#include "shared/pg/internal.h"

static struct lane *lane_of(struct connection *connection)
{
    return ((struct lane_connection *)(void *)connection)->lane;
}

static void request_free(struct request *request)
{
    request_reset(request);
    free(request);
}

static void lane_take_out(struct lane *lane, struct request *request)
{
    list_remove(&request->node);
    lane->waiting--;
}

static void request_answer(struct request *request)
{
    fiber_event_signal(&request->done);
}

/* With nothing to send them on, whoever waits is told so at once. */
static void fail_waiting(struct lane *lane)
{
    struct list *lists[] = {&lane->queued, &lane->alone};
    for (size_t i = 0; i < 2; i++) {
        LIST_FOR_EACH (node, lists[i]) {
            struct request *request = LIST_ENTRY(node, struct request, node);
            lane_take_out(lane, request);
            request->outcome = REQUEST_LOST;
            request_answer(request);
        }
    }
}

static void on_down(struct connection *connection, bool was_up)
{
    struct lane *lane = lane_of(connection);
    lane->up -= was_up;
    if (lane->up == 0)
        fail_waiting(lane);
    fibers_hooks_due(lane->pg->fibers);
}

/* Not its own fault, and reads can be asked again. */
static bool deserves_another_try(const struct connection *connection, const struct request *request)
{
    if (request->sends >= PG_READ_SENDS_MAX)
        return false;
    if (request->outcome != REQUEST_ANSWERED)
        return true;
    if (!request->error)
        return false;
    const char *sqlstate = request_sqlstate(request);
    /* 26000, 42P05: its Prepare went down with a neighbour, or there was one too many for that. 40: it was in the way of what a standby replays. 57014 soon
     * after a Cancel on this connection was meant for what ran before. */
    if (strcmp(sqlstate, "26000") == 0 || strcmp(sqlstate, "42P05") == 0 ||
        error_is_loss(request->error) || sqlstate_is_stale_plan(request->error) ||
        strncmp(sqlstate, "40", 2) == 0)
        return true;
    return strcmp(sqlstate, "57014") == 0 && connection->cancelled_us > 0 &&
           request->sent_us - connection->cancelled_us < PG_LATE_CANCEL_US;
}

static void on_executed(struct connection *connection, struct request *request)
{
    struct lane *lane = lane_of(connection);
    if (request->orphaned) {
        request_free(request);
        return;
    }
    if (!deserves_another_try(connection, request)) {
        request_answer(request);
        return;
    }
    request_reset(request);
    request->connection = NULL;
    lane->pg->statistics.reads_resent++;
    list_append(&lane->alone, &request->node);
    lane->waiting++;
    fibers_hooks_due(lane->pg->fibers);
}

/* Whoever reads seldom hears of a promotion all the same, before it is answered by what was the primary. */
static void ask_standby(struct connection *connection)
{
    if (connection_in_flight(connection) > 0)
        return; /* what is under way tells as well */
    struct request *request = calloc(1, sizeof(*request));
    if (!request) {
        connection_watchdog(connection, PG_HEARTBEAT_TIMEOUT_MS, ask_standby);
        return;
    }
    request->statement = &standby_look;
    request->orphaned = true;
    if (connection_begin(connection, request) && connection_send(connection, request))
        (void)connection_sync(connection, NULL);
    else
        request_free(request);
}

/* Nothing runs on it. */
static void rest(struct connection *connection)
{
    if (connection->server->role == PG_STANDBY)
        connection_watchdog(connection, PG_HEARTBEAT_EVERY_MS, ask_standby);
    else
        connection_watchdog_off(connection);
}

static void on_synced(struct connection *connection, struct request *request)
{
    (void)request;
    if (!connection->cancelling)
        rest(connection);
    fibers_hooks_due(connection->pg->fibers);
}

static void on_cancelled(struct connection *connection)
{
    if (connection_in_flight(connection) == 0)
        rest(connection);
    fibers_hooks_due(connection->pg->fibers);
}

static void on_up(struct connection *connection)
{
    struct lane *lane = lane_of(connection);
    lane->up++;
    rest(connection);
    pg_came_up(lane->pg);
    fibers_hooks_due(lane->pg->fibers);
}

static void on_closed(struct connection *connection)
{
    pg_release(connection->pg);
}

static const struct connection_class read_class = {
    .application_name = "pek read",
    .on_up = on_up,
    .on_down = on_down,
    .on_executed = on_executed,
    .on_synced = on_synced,
    .on_cancelled = on_cancelled,
    .on_closed = on_closed,
};

static const struct connection_class long_read_class = {
    .application_name = "pek long read",
    .on_up = on_up,
    .on_down = on_down,
    .on_executed = on_executed,
    .on_synced = on_synced,
    .on_cancelled = on_cancelled,
    .on_closed = on_closed,
};

enum status lane_open(struct lane *lane, struct pg *pg, enum pg_role role, enum kind kind,
                      size_t count)
{
    lane->pg = pg;
    /* On a standby each waits for a position of its own. */
    lane->batch_max = kind == KIND_READ && role == PG_PRIMARY ? PG_BATCH_MAX : 1;
    /* pgbouncer (1.18) lends a session to another client when a batch is over, also in the middle of this one's next. */
    lane->batches_max = kind == KIND_READ && !pg->direct ? PG_BATCHES_MAX : 1;
    lane->connections = calloc(count, sizeof(*lane->connections));
    if (!lane->connections)
        return STATUS_RESOURCE_EXHAUSTED;
    for (; lane->count < count; lane->count++) {
        struct lane_connection *connection = &lane->connections[lane->count];
        enum status status = connection_open(&connection->connection, pg, role,
                                             kind == KIND_READ ? &read_class : &long_read_class,
                                             &pg->settings[kind]);
        if (status != STATUS_OK)
            return status;
        connection->lane = lane;
        pg_hold(pg);
    }
    return STATUS_OK;
}

void lane_close(struct lane *lane)
{
    for (size_t i = 0; i < lane->count; i++)
        connection_close(&lane->connections[i].connection);
}

/* The least busy that may take one more batch. */
static struct connection *lane_pick(struct lane *lane)
{
    struct connection *best = NULL;
    for (size_t i = 0; i < lane->count; i++) {
        struct connection *connection = &lane->connections[i].connection;
        if (connection->state != LINK_UP || connection->cancelling ||
            connection->syncs >= lane->batches_max)
            continue;
        if (!best || connection_in_flight(connection) < connection_in_flight(best))
            best = connection;
    }
    return best;
}

/* Up to `count_max` of `from`, with one Sync. */
static void lane_send(struct lane *lane, struct connection *connection, struct list *from,
                      size_t count_max)
{
    int64_t now = clock_monotonic_us();
    for (size_t i = 0; i < count_max && !list_empty(from); i++) {
        struct request *request = LIST_ENTRY(list_first(from), struct request, node);
        lane_take_out(lane, request);
        request->sent_us = now;
        request->sends++;
        if ((i > 0 || connection_begin(connection, request)) &&
            connection_send(connection, request))
            continue;
        /* The rest of the batch has been answered as lost; this one was not among it. */
        request->outcome = REQUEST_LOST;
        on_executed(connection, request);
        return;
    }
    lane->pg->statistics.read_batches++;
    (void)connection_sync(connection, NULL);
}

void lane_flush(struct lane *lane)
{
    struct connection *connection;
    while (!list_empty(&lane->alone) && (connection = lane_pick(lane)))
        lane_send(lane, connection, &lane->alone, 1);
    while (!list_empty(&lane->queued) && (connection = lane_pick(lane)))
        lane_send(lane, connection, &lane->queued, lane->batch_max);
    /* What a send that failed put back, with no connection left to wait for. */
    if (lane->up == 0)
        fail_waiting(lane);
}

static void on_stuck(struct connection *connection)
{
    connection_drop(connection, "no answer to a cancellation");
}

/* The fiber leaves before the answer. */
static void request_abandon(struct lane *lane, struct request *request)
{
    struct connection *connection = request->connection;
    if (!connection) {
        lane_take_out(lane, request);
        request_free(request);
        return;
    }
    request->orphaned = true;
    if (!connection_is_orphaned(connection))
        return;
    /* Without memory it is left to the server's statement_timeout. */
    (void)connection_cancel(connection);
    connection_watchdog(connection, PG_DROP_GRACE_MS, on_stuck);
}

static enum status request_finish(struct pg *pg, struct request *request, struct cancel *cancel,
                                  struct pg_result **ret_result)
{
    if (request->outcome != REQUEST_ANSWERED) {
        pg->statistics.errors++;
        return STATUS_UNAVAILABLE;
    }
    if (request->error) {
        pg->statistics.errors++;
        return sqlstate_status(request_sqlstate(request), cancel);
    }
    PGresult *result = request->result;
    request->result = NULL;
    return result_new(result, ret_result);
}

enum status lane_read(struct lane *lane, struct cancel *cancel, const struct read *read,
                      struct pg_result **ret_result)
{
    struct pg *pg = lane->pg;
    if (lane->up == 0)
        return STATUS_UNAVAILABLE;
    if (lane->waiting >= pg->waiting_max)
        return STATUS_RESOURCE_EXHAUSTED;
    /* Not on this stack: it stays in flight when the caller gives up. */
    struct request *request = calloc(1, sizeof(*request));
    if (!request)
        return STATUS_RESOURCE_EXHAUSTED;
    request->statement = read->statement;
    request->params = read->params;
    request->param_count = read->param_count;
    request->position = read->position;
    list_append(&lane->queued, &request->node);
    lane->waiting++;
    pg->statistics.reads++;

    enum status status = fiber_event_wait_cancel(&request->done, cancel);
    if (status != STATUS_OK) {
        pg->statistics.errors++;
        bool sent = request->connection != NULL;
        request_abandon(lane, request);
        /* What never left here says nothing of the server. */
        return status == STATUS_DEADLINE_EXCEEDED && !sent ? STATUS_RESOURCE_EXHAUSTED : status;
    }
    status = request_finish(pg, request, cancel, ret_result);
    request_free(request);
    return status;
}

static enum status read_in_turn(struct pg *pg, enum pg_lane which, struct cancel *cancel,
                                const struct read *read, struct pg_result **ret_result)
{
    struct fair_ticket place = {0};
    enum status status = cancel_status(cancel);
    if (status == STATUS_OK)
        status = params_check(read->params, read->param_count);
    if (status != STATUS_OK)
        return status;
    if (which == PG_LONG_READ)
        status = fair_wait(&pg->long_reads, cancel, pg->line_ms, &place);
    if (status == STATUS_OK)
        status = route_read(pg, which, cancel, read, ret_result);
    fair_leave(&pg->long_reads, &place);
    return status;
}

enum status pg_read(struct pg *pg, enum pg_lane which, struct cancel *cancel,
                    const struct pg_statement *statement, const struct pg_param *params,
                    size_t param_count, struct pg_result **ret_result)
{
    int64_t started_us = clock_monotonic_us();
    assert(fiber_self());
    const struct read read = {statement, params, param_count, NULL};
    enum status status = read_in_turn(pg, which, cancel, &read, ret_result);
    pg_ended(pg, statement, cancel, started_us, status);
    return status;
}
