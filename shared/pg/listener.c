#include <stdlib.h>
#include <string.h>

#include "shared/pg/internal.h"

struct pg_listener {
    struct connection connection;
    struct pg_listener_events events;
    void *arg;
    bool told_lost;
    char *sql; /* LISTEN "channel" */
    struct pg_statement statement;
    struct request request;
    struct request heartbeat;
};

/* Half a connection delivers nothing and says nothing: so the server is asked, through the same session, whether
 * it still listens. A query costs it less than a NOTIFY, which takes a transaction id and writes. */
static const struct pg_statement heartbeat_statement = {
    "pek_listen_heartbeat",
    "SELECT count(*), pg_current_wal_flush_lsn() FROM pg_listening_channels()",
};

static struct pg_listener *listener_of(struct connection *connection)
{
    return (struct pg_listener *)(void *)connection;
}

static void tell_lost(struct pg_listener *listener)
{
    if (!listener->told_lost)
        listener->events.on_lost(listener->arg);
    listener->told_lost = true;
}

static void give_up(struct connection *connection)
{
    connection_drop(connection, "no answer to the heartbeat of LISTEN");
}

/* Not while its server is asked whether it lives: past a pooler nothing else would hear that it does not. */
static void on_silence(struct connection *connection)
{
    if (peer_is_asked(connection->peer))
        connection_watchdog(connection, PG_PROBE_MS, give_up);
    else
        give_up(connection);
}

static void on_up(struct connection *connection)
{
    struct pg_listener *listener = listener_of(connection);
    tell_lost(listener);
    request_reset(&listener->request);
    if (connection_send(connection, &listener->request) &&
        connection_sync(connection, &listener->request))
        connection_watchdog(connection, PG_HEARTBEAT_TIMEOUT_MS, on_silence);
}

static void on_down(struct connection *connection, bool was_up)
{
    (void)was_up;
    tell_lost(listener_of(connection));
}

static void on_executed(struct connection *connection, struct request *request)
{
    (void)connection; /* LISTEN holds from its commit, which the Sync tells */
    (void)request;
}

static void send_heartbeat(struct connection *connection)
{
    struct request *heartbeat = &listener_of(connection)->heartbeat;
    request_reset(heartbeat);
    if (connection_begin(connection, heartbeat) && connection_send(connection, heartbeat) &&
        connection_sync(connection, heartbeat))
        connection_watchdog(connection, PG_HEARTBEAT_TIMEOUT_MS, on_silence);
}

static bool is_listening(const struct request *heartbeat)
{
    return heartbeat->outcome == REQUEST_ANSWERED && !heartbeat->error &&
           strcmp(PQgetvalue(heartbeat->result, 0, 0), "1") == 0;
}

static void on_synced(struct connection *connection, struct request *request)
{
    struct pg_listener *listener = listener_of(connection);
    if (connection->state != LINK_UP)
        return;
    if (request == &listener->heartbeat) {
        if (!is_listening(request)) {
            connection_drop(connection, "the server does not listen any more");
            return;
        }
        standby_note_flushed(pg_whole(connection->pg), PQgetvalue(request->result, 0, 1));
        connection_watchdog(connection, PG_HEARTBEAT_EVERY_MS, send_heartbeat);
        return;
    }
    if (request->outcome != REQUEST_ANSWERED || request->error) {
        connection_drop(connection, "LISTEN was refused");
        return;
    }
    listener->told_lost = false;
    connection_watchdog(connection, PG_HEARTBEAT_EVERY_MS, send_heartbeat);
    listener->events.on_listening(listener->arg);
}

static void on_cancelled(struct connection *connection)
{
    (void)connection;
}

static void on_notify(struct connection *connection, struct slice channel, struct slice payload)
{
    struct pg_listener *listener = listener_of(connection);
    listener->events.on_notify(listener->arg, channel, payload);
}

static void listener_free_memory(struct pg_listener *listener)
{
    free(listener->sql);
    free(listener);
}

static void on_closed(struct connection *connection)
{
    struct pg_listener *listener = listener_of(connection);
    struct pg *pg = connection->pg;
    request_reset(&listener->request);
    request_reset(&listener->heartbeat);
    listener_free_memory(listener);
    pg_release(pg);
}

static const struct connection_class listener_class = {
    .application_name = "pek listen",
    .on_up = on_up,
    .on_down = on_down,
    .on_executed = on_executed,
    .on_synced = on_synced,
    .on_cancelled = on_cancelled,
    .on_notify = on_notify,
    .on_closed = on_closed,
};

/* LISTEN takes no parameter: the name goes in as a quoted identifier, its quotes doubled. */
static char *listen_sql(const char *channel)
{
    struct buffer sql;
    buffer_init(&sql, 256);
    buffer_append_str(&sql, "LISTEN \"");
    for (const char *at = channel; *at; at++) {
        if (*at == '"')
            buffer_append_char(&sql, '"');
        buffer_append_char(&sql, *at);
    }
    buffer_append(&sql, "\"", 2);
    if (sql.failed) {
        buffer_done(&sql);
        return NULL;
    }
    return sql.ptr;
}

enum status pg_listen(struct pg *pg, const char *channel, const struct pg_listener_events *events,
                      void *arg, struct pg_listener **ret_listener)
{
    struct pg_listener *listener = calloc(1, sizeof(*listener));
    if (!listener)
        return STATUS_RESOURCE_EXHAUSTED;
    if (pg->direct)
        pg = pg->direct;
    listener->events = *events;
    listener->arg = arg;
    listener->sql = listen_sql(channel);
    listener->statement = (struct pg_statement){"pek_listen", listener->sql};
    listener->request.statement = &listener->statement;
    listener->heartbeat.statement = &heartbeat_statement;
    if (!listener->sql) {
        listener_free_memory(listener);
        return STATUS_INVALID_ARGUMENT;
    }
    enum status status = connection_open(&listener->connection, pg, PG_PRIMARY, &listener_class,
                                         &pg->settings[KIND_LISTEN]);
    if (status != STATUS_OK) {
        listener_free_memory(listener);
        return status;
    }
    pg_hold(pg);
    *ret_listener = listener;
    return STATUS_OK;
}

struct pg_listener *pg_listener_free(struct pg_listener *listener)
{
    if (listener)
        connection_close(&listener->connection);
    return NULL;
}
