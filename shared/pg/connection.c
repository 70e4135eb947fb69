#include "shared/pg/connection.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/clock.h"
#include "shared/pg/connect.h"
#include "shared/pg/internal.h"

static struct command *command_at(struct connection *connection, unsigned at)
{
    return &connection->commands[at % CONNECTION_COMMANDS_MAX];
}

unsigned connection_in_flight(const struct connection *connection)
{
    return connection->tail - connection->head;
}

static void command_push(struct connection *connection, enum command_kind kind,
                         struct request *request, const struct pg_statement *statement)
{
    assert(connection_in_flight(connection) < CONNECTION_COMMANDS_MAX);
    *command_at(connection, connection->tail++) =
        (struct command){.kind = kind, .request = request, .statement = statement};
}

/* The class may send and lose more within the callbacks: the command is off the ring before them. */
static void command_pop(struct connection *connection, bool lost)
{
    struct command command = *command_at(connection, connection->head++);
    struct request *request = command.request;
    if (command.kind == COMMAND_SYNC) {
        connection->syncs--;
        connection->class->on_synced(connection, request);
        return;
    }
    if (request->outcome == REQUEST_PENDING && lost)
        request->outcome = REQUEST_LOST;
    if (command.kind == COMMAND_EXECUTE && request->statement == command.statement) {
        if (request->outcome == REQUEST_PENDING)
            request->outcome = REQUEST_ANSWERED;
        connection->class->on_executed(connection, request);
    }
}

bool connection_is_orphaned(const struct connection *connection)
{
    for (unsigned at = connection->head; at != connection->tail; at++) {
        const struct command *command = &connection->commands[at % CONNECTION_COMMANDS_MAX];
        if (command->kind == COMMAND_EXECUTE && !command->request->orphaned)
            return false;
    }
    return true;
}

/* ---- losing and coming back ---- */

static void on_poll_closed(uv_handle_t *handle)
{
    free(handle);
}

static void poll_close(struct connection *connection)
{
    if (!connection->poll)
        return;
    uv_poll_stop(connection->poll);
    uv_close((uv_handle_t *)connection->poll, on_poll_closed);
    connection->poll = NULL;
    connection->fd = -1;
    connection->events = 0;
}

static void on_poll(uv_poll_t *poll, int status, int events);

/* libuv must forget a descriptor before libpq closes it, and libpq may open the next under the same number:
 * so the watch stops before each PQconnectPoll and begins anew after it. */
bool connection_watch(struct connection *connection, int events)
{
    int fd = PQsocket(connection->conn);
    if (fd < 0)
        return false;
    if (fd != connection->fd)
        poll_close(connection);
    if (!connection->poll) {
        connection->poll = malloc(sizeof(*connection->poll));
        if (!connection->poll)
            return false;
        struct uv_loop_s *loop = fibers_loop(connection->pg->fibers);
        if (uv_poll_init(loop, connection->poll, fd) != 0) {
            free(connection->poll);
            connection->poll = NULL;
            return false;
        }
        connection->poll->data = connection;
        connection->fd = fd;
    }
    if (connection->events == events)
        return true;
    connection->events = events;
    return uv_poll_start(connection->poll, events, on_poll) == 0;
}

void connection_unwatch(struct connection *connection)
{
    if (connection->poll)
        uv_poll_stop(connection->poll);
    connection->events = 0;
}

void connection_hold(struct connection *connection)
{
    connection->users++;
}

void connection_let_go(struct connection *connection)
{
    if (--connection->users == 0)
        connection->class->on_closed(connection);
}

static void on_timer(uv_timer_t *timer)
{
    struct connection *connection = timer->data;
    if (connection->state == LINK_WAITING)
        connect_begin(connection);
    else if (connection->state == LINK_STARTING)
        connection_drop(connection, "timeout while looking up the host's name");
    else if (connection->state == LINK_TRYING || connection->state == LINK_CHECKING)
        connection_drop(connection,
                        "timeout while connecting (so does a pooler wait whose pool is too small)");
    else if (connection->state == LINK_UP)
        connection->on_watchdog(connection);
}

void connection_start_timer(struct connection *connection, int64_t ms)
{
    uv_update_time(connection->timer.loop);
    uv_timer_start(&connection->timer, on_timer, (uint64_t)ms, 0);
}

void connection_watchdog(struct connection *connection, int64_t ms,
                         void (*on_timeout)(struct connection *connection))
{
    if (connection->state != LINK_UP)
        return;
    connection->on_watchdog = on_timeout;
    connection_start_timer(connection, ms);
}

void connection_watchdog_off(struct connection *connection)
{
    if (connection->state == LINK_UP)
        uv_timer_stop(&connection->timer);
}

static void next_host(struct connection *connection)
{
    if (connection->has_more)
        return; /* an address of the same name */
    connection->tried_count = 0;
    connection->host = (connection->host + 1) % connection->server->hosts.count;
}

/* Of several hosts the next one at once, until all have been tried. */
static bool retry_elsewhere(struct connection *connection)
{
    next_host(connection);
    if (connection->has_more || ++connection->hosts_failed < connection->server->hosts.count) {
        connection_start_timer(connection, 0);
        return true;
    }
    connection->hosts_failed = 0;
    return false;
}

static void retry_later(struct connection *connection, bool was_up)
{
    struct pg *pg = connection->pg;
    if (was_up)
        connection->tried_count = 0;
    else if (retry_elsewhere(connection))
        return;
    bool alone = connection->server->up == 0;
    if (alone)
        server_away(connection->server, !was_up);
    /* A standby may be away for good. */
    alone = alone && connection->server->role == PG_PRIMARY;
    int64_t max_ms = alone ? CONNECTION_RETRY_ALONE_MS_MAX : CONNECTION_RETRY_MS_MAX;
    int64_t wait_ms = connection->retry_ms < max_ms ? connection->retry_ms : max_ms;
    /* Half of it at random, so that a thousand clients do not return as one. */
    wait_ms = wait_ms / 2 + (int64_t)pg_random(pg, (uint64_t)wait_ms / 2 + 1);
    connection->retry_ms *= 2;
    if (connection->retry_ms > CONNECTION_RETRY_MS_MAX)
        connection->retry_ms = CONNECTION_RETRY_MS_MAX;
    connection_start_timer(connection, wait_ms);
}

static void finish(struct connection *connection, enum link_state state)
{
    bool was_up = connection->state == LINK_UP;
    connection->state = state;
    connection->epoch++;
    peer_quit(connection);
    poll_close(connection);
    uv_timer_stop(&connection->timer);
    if (connection->conn)
        PQfinish(connection->conn);
    connection->conn = NULL;
    connection_leave_cancel(connection);
    connection_leave_look_up(connection);
    session_reset(&connection->session);
    connection->session.cluster = (struct cluster){0};
    statements_reset(&connection->statements);
    if (was_up) {
        connection->pg->statistics.reconnects++;
        connection->server->up--;
        connection->server->away_us = clock_monotonic_us();
    }
    while (connection_in_flight(connection) > 0)
        command_pop(connection, true);
}

void connection_give_up(struct connection *connection, enum pg_trouble_kind kind,
                        const char *reason)
{
    if (connection->state == LINK_WAITING || connection->state == LINK_CLOSED)
        return;
    bool was_up = connection->state == LINK_UP;
    server_tell(connection->server, kind, reason);
    finish(connection, LINK_WAITING);
    connection->class->on_down(connection, was_up);
    retry_later(connection, was_up);
}

void connection_drop(struct connection *connection, const char *reason)
{
    connection_give_up(connection, PG_TROUBLE_CONNECTION, reason);
}

void connection_leave(struct connection *connection, const char *reason)
{
    bool was_up = connection->state == LINK_UP;
    size_t tried_count = connection->tried_count;
    connection_drop(connection, reason);
    if (!was_up)
        return; /* an attempt that fails goes on to the next by itself */
    connection->tried_count = tried_count;
    next_host(connection);
}

void connection_refuse(struct connection *connection, const char *reason)
{
    /* A standby may be behind, even by a migration, and nothing ends for want of one. */
    bool is_primary = connection->server->role == PG_PRIMARY;
    connection_give_up(connection, is_primary ? PG_TROUBLE_REFUSED : PG_TROUBLE_CONNECTION, reason);
}

void connection_came_up(struct connection *connection)
{
    connection->state = LINK_UP;
    connection->doomed = NULL;
    connection->foreign = connection->promoted = false;
    connection->cancelled_us = 0;
    connection->retry_ms = CONNECTION_RETRY_MS_MIN;
    connection->hosts_failed = 0;
    connection->plans = connection->pg->plans;
    connection->server->host_good = connection->host;
    connection->server->up++;
    connection->server->was_up = true;
    peer_join(connection);
    server_back(connection->server);
    if (connection->server->role == PG_PRIMARY)
        connection->pg->refusal[0] = '\0';
    uv_timer_stop(&connection->timer);
    connection->class->on_up(connection);
}

enum status connection_open(struct connection *connection, struct pg *pg, enum pg_role role,
                            const struct connection_class *class,
                            const struct session_settings *settings)
{
    memset(connection, 0, sizeof(*connection));
    connection->class = class;
    connection->pg = pg;
    connection->server = &pg->servers[role];
    connection->settings = settings;
    connection->fd = -1;
    connection->retry_ms = CONNECTION_RETRY_MS_MIN;
    connection->host = connection->server->host_good;
    if (uv_timer_init(fibers_loop(pg->fibers), &connection->timer) != 0)
        return STATUS_UNAVAILABLE;
    connection->timer.data = connection;
    connection->users = 1; /* the timer */
    list_append(&pg_whole(pg)->servers[role].connections, &connection->of_server);
    uv_timer_start(&connection->timer, on_timer, 0, 0);
    return STATUS_OK;
}

static void on_timer_closed(uv_handle_t *handle)
{
    connection_let_go(handle->data);
}

void connection_close(struct connection *connection)
{
    if (connection->state == LINK_CLOSED)
        return;
    finish(connection, LINK_CLOSED);
    list_remove(&connection->of_server);
    uv_close((uv_handle_t *)&connection->timer, on_timer_closed);
}

/* ---- results ---- */

const char *request_sqlstate(const struct request *request)
{
    const char *sqlstate =
        request->error ? PQresultErrorField(request->error, PG_DIAG_SQLSTATE) : NULL;
    return sqlstate ? sqlstate : "";
}

void request_reset(struct request *request)
{
    PQclear(request->result);
    PQclear(request->error);
    request->result = NULL;
    request->error = NULL;
    request->outcome = REQUEST_PENDING;
}

static void on_failed(struct connection *connection, const struct command *command,
                      PGresult *result)
{
    struct request *request = command->request;
    if (!error_is_loss(result) && guard_is_anothers(connection, command)) {
        connection->doomed = GUARD_ANOTHERS;
        PQclear(result);
        return;
    }
    const char *field = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *sqlstate = field ? field : "";
    if (guard_refuses(connection, command->statement, sqlstate)) {
        PQclear(result);
        return;
    }
    pg_note_error(connection->pg, PQresultErrorMessage(result));
    /* 26000: the Prepare of an earlier batch was not run after all. 42P05: one that came between was. */
    bool unprepared = strcmp(sqlstate, "26000") == 0, prepared = strcmp(sqlstate, "42P05") == 0;
    if ((command->kind == COMMAND_PREPARE && !prepared) || unprepared)
        statements_remove(&connection->statements, command->statement);
    bool stale = sqlstate_is_stale_plan(result);
    /* All connections have it; what this one sent before it knew comes back stale as well. */
    if (stale && connection->plans == connection->pg->plans)
        connection->pg->plans++;
    if (error_is_loss(result))
        connection->doomed = connection->pg->error; /* told when it is dropped */
    else if (!unprepared && !prepared && !stale && guard_is_told(command->statement, sqlstate))
        trouble_tell(connection->pg, PG_TROUBLE_STATEMENT, sqlstate, command->statement->name,
                     PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
    if (connection->class->writes && sqlstate_is_read_only(sqlstate))
        connection->doomed = connection->pg->error;
    if (request->error || guard_is_asked_again(command->statement, sqlstate)) {
        PQclear(result);
        return;
    }
    request->error = result;
    request->outcome = REQUEST_ANSWERED;
}

/* One result, or the NULL that ends those of a command. False when it fits nothing that was sent. */
static bool connection_result(struct connection *connection, PGresult *result)
{
    if (connection_in_flight(connection) == 0)
        return !result;
    struct command *command = command_at(connection, connection->head);
    if (!result) {
        if (command->kind == COMMAND_SYNC)
            return false;
        command_pop(connection, false);
        return true;
    }
    ExecStatusType type = PQresultStatus(result);
    if (guard_is_copy(type) || (type == PGRES_PIPELINE_SYNC) != (command->kind == COMMAND_SYNC)) {
        PQclear(result);
        return false;
    }
    struct request *request = command->request;
    if (type == PGRES_PIPELINE_SYNC) {
        PQclear(result);
        command_pop(connection, false);
    } else if (type == PGRES_PIPELINE_ABORTED) {
        if (command->kind == COMMAND_PREPARE)
            statements_remove(&connection->statements, command->statement);
        else if (request->outcome == REQUEST_PENDING)
            request->outcome = REQUEST_ABORTED;
        PQclear(result);
    } else if (type == PGRES_FATAL_ERROR || type == PGRES_BAD_RESPONSE) {
        on_failed(connection, command, result);
    } else if (command->kind == COMMAND_EXECUTE) {
        PQclear(request->result);
        request->result = result;
    } else {
        bool fits = command->statement != &connection->settings->statement ||
                    session_is_echo(connection, connection->head, result);
        PQclear(result);
        return fits;
    }
    return true;
}

static void take_notifications(struct connection *connection)
{
    unsigned epoch = connection->epoch;
    for (PGnotify *notify;
         connection->epoch == epoch && (notify = PQnotifies(connection->conn)) != NULL;) {
        if (connection->class->on_notify)
            connection->class->on_notify(connection, slice_str(notify->relname),
                                         slice_str(notify->extra));
        PQfreemem(notify);
    }
}

bool connection_flush(struct connection *connection)
{
    int more = PQflush(connection->conn);
    return more >= 0 &&
           connection_watch(connection, more > 0 ? UV_READABLE | UV_WRITABLE : UV_READABLE);
}

static void connection_read(struct connection *connection)
{
    unsigned epoch = connection->epoch;
    bool alive = PQconsumeInput(connection->conn) == 1;
    if (alive)
        peer_heard(connection);
    /* What came before the end of the connection counts. */
    while (connection->epoch == epoch && connection_in_flight(connection) > 0 &&
           !PQisBusy(connection->conn)) {
        bool fits = connection_result(connection, PQgetResult(connection->conn));
        if (connection->epoch != epoch)
            return;
        /* A broken connection repeats its error for ever, whatever was asked. */
        if (PQstatus(connection->conn) == CONNECTION_BAD)
            break;
        if (!fits) {
            connection_drop(connection,
                            connection->pg->direct ? GUARD_ANOTHERS : "an answer to no question");
            return;
        }
    }
    if (connection->epoch != epoch)
        return;
    take_notifications(connection);
    if (connection->epoch != epoch)
        return;
    if (connection->foreign)
        session_refuse_shared(connection);
    else if (connection->promoted)
        standby_promoted(connection->pg);
    else if (!alive || connection->doomed || PQstatus(connection->conn) == CONNECTION_BAD)
        connection_drop(connection, alive && connection->doomed ? connection->doomed
                                                                : PQerrorMessage(connection->conn));
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct connection *connection = poll->data;
    /* libuv has stopped the watch; what was sent before the error is read first, and the error after it. */
    if (status < 0)
        connection->events = 0;
    if (connection->state == LINK_TRYING) {
        connect_continue(connection);
        return;
    }
    if (connection->state == LINK_CHECKING) {
        session_continue(connection);
        return;
    }
    unsigned epoch = connection->epoch;
    if (status < 0 || (events & UV_READABLE))
        connection_read(connection);
    if (connection->epoch == epoch && !connection_flush(connection))
        connection_drop(connection, PQerrorMessage(connection->conn));
}

/* ---- sending ---- */

static bool send_failed(struct connection *connection)
{
    connection_drop(connection, PQerrorMessage(connection->conn));
    return false;
}

bool connection_send_before(struct connection *connection, struct request *request,
                            const struct pg_statement *statement, const struct pg_param *params,
                            size_t param_count)
{
    struct wire_params wire;
    if (connection->state != LINK_UP)
        return false;
    if (!params_to_wire(connection->pg, params, param_count, &wire))
        return send_failed(connection);
    PGconn *conn = connection->conn;
    int count = (int)param_count;
    request->connection = connection;
    if (!statements_have(&connection->statements, statement)) {
        /* Behind a pooler in transaction mode the next may be in another session: nothing is prepared. */
        if (connection->pg->direct || !statements_add(&connection->statements, statement)) {
            if (!PQsendQueryParams(conn, statement->sql, count, NULL, wire.values, wire.lengths,
                                   wire.formats, 0))
                return send_failed(connection);
            command_push(connection, COMMAND_EXECUTE, request, statement);
            return true;
        }
        if (!PQsendPrepare(conn, statement->name, statement->sql, 0, NULL))
            return send_failed(connection);
        command_push(connection, COMMAND_PREPARE, request, statement);
    }
    if (!PQsendQueryPrepared(conn, statement->name, count, wire.values, wire.lengths, wire.formats,
                             0))
        return send_failed(connection);
    command_push(connection, COMMAND_EXECUTE, request, statement);
    return true;
}

/* Without its answer being anyone's. */
static bool send_aside(struct connection *connection, struct request *request,
                       const struct pg_statement *statement, const char *value)
{
    if (!PQsendQueryParams(connection->conn, statement->sql, value ? 1 : 0, NULL, &value, NULL,
                           NULL, 0))
        return send_failed(connection);
    command_push(connection, COMMAND_PREPARE, request, statement);
    return true;
}

bool connection_begin(struct connection *connection, struct request *request)
{
    static const struct pg_statement deallocate = {"pek_deallocate", "DEALLOCATE ALL"};
    char cluster[SESSION_CLUSTER_BYTES_MAX], echo[SESSION_ECHO_BYTES_MAX];
    if (connection->state != LINK_UP)
        return false;
    session_cluster(connection, cluster);
    session_echo(connection, connection->tail, echo);
    if (connection->pg->direct &&
        (!send_aside(connection, request, &connection->settings->statement, echo) ||
         !send_aside(connection, request, session_cluster_guard(connection), cluster)))
        return false;
    if (peer_is_hidden(connection->peer) && !PQsendFlushRequest(connection->conn))
        return send_failed(connection);
    if (session_is_pooled(connection) &&
        !send_aside(connection, request, &session_guard, connection->session.mark))
        return false;
    if (!connection->pg->direct && connection->plans != connection->pg->plans) {
        statements_reset(&connection->statements);
        connection->plans = connection->pg->plans;
        if (!send_aside(connection, request, &deallocate, NULL))
            return false;
    }
    return connection->server->role == PG_PRIMARY || !request->position ||
           send_aside(connection, request, &standby_guard, request->position);
}

bool connection_send(struct connection *connection, struct request *request)
{
    return connection_send_before(connection, request, request->statement, request->params,
                                  request->param_count);
}

bool connection_sync(struct connection *connection, struct request *request)
{
    if (connection->state != LINK_UP)
        return false;
    if (!PQpipelineSync(connection->conn))
        return send_failed(connection);
    peer_asked(connection);
    command_push(connection, COMMAND_SYNC, request, NULL);
    connection->syncs++;
    if (!connection_flush(connection)) {
        send_failed(connection);
        return false;
    }
    return true;
}
