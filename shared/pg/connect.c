#include "shared/pg/connect.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/clock.h"
#include "shared/fiber/tsan.h"
#include "shared/pg/internal.h"

/* ---- what the connection string says ---- */

static bool is_name(struct slice host)
{
    char text[64];
    unsigned char address[16];
    if (host.len == 0 || host.ptr[0] == '/' || host.ptr[0] == '@')
        return false;
    if (host.len >= sizeof(text))
        return true;
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    return inet_pton(AF_INET, text, address) != 1 && inet_pton(AF_INET6, text, address) != 1;
}

static bool any_is_name(const char *hosts)
{
    struct slice rest = slice_str(hosts);
    while (rest.len > 0)
        if (is_name(slice_cut(&rest, ',')))
            return true;
    return false;
}

enum status connect_inspect(const char *conninfo, bool *ret_host_is_name, char **ret_options)
{
    PQconninfoOption *parsed = PQconninfoParse(conninfo, NULL);
    if (!parsed)
        return STATUS_INVALID_ARGUMENT;
    const char *host = getenv("PGHOST");
    const char *hostaddr = getenv("PGHOSTADDR");
    const char *options = "";
    for (PQconninfoOption *option = parsed; option->keyword; option++) {
        if (!option->val)
            continue;
        if (strcmp(option->keyword, "host") == 0)
            host = option->val;
        else if (strcmp(option->keyword, "hostaddr") == 0)
            hostaddr = option->val;
        else if (strcmp(option->keyword, "options") == 0)
            options = option->val;
    }
    char *copy = strdup(options);
    if (copy) {
        *ret_host_is_name = !hostaddr && any_is_name(host);
        *ret_options = copy;
    }
    PQconninfoFree(parsed);
    return copy ? STATUS_OK : STATUS_RESOURCE_EXHAUSTED;
}

/* ---- libpq's keywords ---- */

#define KEYWORDS_MAX 16

struct keywords {
    const char *names[KEYWORDS_MAX];
    const char *values[KEYWORDS_MAX];
    char timeout_s[24];
};

/* What stands before dbname is a default that the connection string may override; what stands after it
 * overrides the string. */
static void keywords_fill(const struct connection *connection, struct keywords *keywords)
{
    const struct pg *pg = connection->pg;
    snprintf(keywords->timeout_s, sizeof(keywords->timeout_s), "%lld",
             (long long)(pg->connect_timeout_ms + 999) / 1000);
    const char *const pairs[][2] = {
        {"keepalives_idle", "10"},
        {"keepalives_interval", "5"},
        {"keepalives_count", "3"},
        {"tcp_user_timeout", "10000"},
        {"gssencmode", "disable"}, /* asks files and helpers for tickets: that blocks */
        {"connect_timeout", keywords->timeout_s},
        {"fallback_application_name", connection->class->application_name},
        {"dbname", pg->conninfo},
        {"client_encoding", "UTF8"},
        {"options", connection->options},
        {NULL, NULL},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        keywords->names[i] = pairs[i][0];
        keywords->values[i] = pairs[i][1];
    }
}

static void ignore_notice(void *arg, const PGresult *result)
{
    (void)arg; /* libpq would print it */
    (void)result;
}

static void connected(struct connection *connection)
{
    PGconn *conn = connection->conn;
    PQsetNoticeReceiver(conn, ignore_notice, NULL);
    if (PQsetnonblocking(conn, 1) != 0 || PQenterPipelineMode(conn) != 1 ||
        !connection_watch(connection, UV_READABLE)) {
        connection_drop(connection, PQerrorMessage(conn));
        return;
    }
    connection_came_up(connection);
}

/* ---- on the loop ---- */

void connect_continue(struct connection *connection)
{
    connection_unwatch(connection);
    PostgresPollingStatusType polling = PQconnectPoll(connection->conn);
    if (polling == PGRES_POLLING_OK)
        connected(connection);
    else if (polling == PGRES_POLLING_FAILED ||
             !connection_watch(connection,
                               polling == PGRES_POLLING_READING ? UV_READABLE : UV_WRITABLE))
        connection_drop(connection, PQerrorMessage(connection->conn));
}

static void begin_on_loop(struct connection *connection)
{
    struct keywords keywords = {.names = {NULL}};
    keywords_fill(connection, &keywords);
    connection->state = LINK_TRYING;
    connection->conn = PQconnectStartParams(keywords.names, keywords.values, 1);
    if (!connection->conn || PQstatus(connection->conn) == CONNECTION_BAD) {
        connection_drop(connection,
                        connection->conn ? PQerrorMessage(connection->conn) : "out of memory");
        return;
    }
    PQsetNoticeReceiver(connection->conn, ignore_notice, NULL);
    connection_start_timer(connection, connection->pg->connect_timeout_ms);
    /* A fresh connection behaves as if PQconnectPoll had asked for writability. */
    if (!connection_watch(connection, UV_WRITABLE))
        connection_drop(connection, "cannot watch the socket");
}

/* ---- on a pool thread, when a name must be looked up ---- */

struct start {
    uv_work_t work;
    struct connection *connection;
    unsigned epoch;
    PGconn *conn;
};

static void on_start_work(uv_work_t *work)
{
    struct start *start = work->data;
    tsan_acquire(start);
    struct keywords keywords = {.names = {NULL}};
    keywords_fill(start->connection, &keywords);
    start->conn = PQconnectdbParams(keywords.names, keywords.values, 1);
    tsan_release(start);
}

static void on_start_done(uv_work_t *work, int error)
{
    (void)error; /* nothing cancels it */
    struct start *start = work->data;
    struct connection *connection = start->connection;
    tsan_acquire(start);
    if (connection->epoch != start->epoch || connection->state != LINK_STARTING) {
        PQfinish(start->conn);
    } else {
        connection->conn = start->conn;
        if (start->conn && PQstatus(start->conn) == CONNECTION_OK)
            connected(connection);
        else
            connection_drop(connection,
                            start->conn ? PQerrorMessage(start->conn) : "out of memory");
    }
    connection_let_go(connection);
    free(start);
}

static void begin_on_thread(struct connection *connection)
{
    connection->state = LINK_STARTING;
    struct start *start = calloc(1, sizeof(*start));
    if (!start) {
        connection_drop(connection, "out of memory");
        return;
    }
    start->work.data = start;
    start->connection = connection;
    start->epoch = connection->epoch;
    tsan_release(start);
    connection_hold(connection);
    if (uv_queue_work(fibers_loop(connection->pg->fibers), &start->work, on_start_work,
                      on_start_done) != 0) {
        connection_let_go(connection);
        free(start);
        connection_drop(connection, "no thread");
    }
}

void connect_begin(struct connection *connection)
{
    if (connection->pg->host_is_name)
        begin_on_thread(connection);
    else
        begin_on_loop(connection);
}

/* ---- cancelling ---- */

struct cancel_job {
    uv_work_t work;
    struct connection *connection;
    unsigned epoch;
    PGcancel *cancel;
};

static void on_cancel_work(uv_work_t *work)
{
    struct cancel_job *job = work->data;
    tsan_acquire(job);
    char text[256];
    /* A failure shows in the query not ending; the watchdog of whoever asked sees to that. */
    (void)PQcancel(job->cancel, text, sizeof(text));
    tsan_release(job);
}

static void on_cancel_done(uv_work_t *work, int error)
{
    (void)error;
    struct cancel_job *job = work->data;
    struct connection *connection = job->connection;
    tsan_acquire(job);
    connection->pg->cancels--;
    PQfreeCancel(job->cancel);
    if (connection->epoch == job->epoch) {
        connection->cancelling = false;
        connection->cancelled_us = clock_monotonic_us();
        connection->class->on_cancelled(connection);
    }
    connection_let_go(connection);
    free(job);
}

bool connection_cancel(struct connection *connection)
{
    struct pg *pg = connection->pg;
    if (connection->cancelling)
        return true;
    if (connection->state != LINK_UP || pg->cancels >= PG_CANCELS_MAX)
        return false;
    struct cancel_job *job = calloc(1, sizeof(*job));
    if (!job)
        return false;
    job->work.data = job;
    job->connection = connection;
    job->epoch = connection->epoch;
    job->cancel = PQgetCancel(connection->conn);
    tsan_release(job);
    if (!job->cancel ||
        uv_queue_work(fibers_loop(pg->fibers), &job->work, on_cancel_work, on_cancel_done) != 0) {
        PQfreeCancel(job->cancel);
        free(job);
        return false;
    }
    pg->cancels++;
    connection->cancelling = true;
    connection_hold(connection);
    return true;
}
