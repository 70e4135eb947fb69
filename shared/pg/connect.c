#include "shared/pg/connect.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/base/clock.h"
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

static size_t count_of(const char *list)
{
    size_t count = 1;
    for (const char *at = list; *at; at++)
        count += *at == ',';
    return count;
}

static bool leads_to(enum pg_role role, const char *target_session_attrs)
{
    static const char *const fitting[PG_ROLES][4] = {
        [PG_PRIMARY] = {"any", "read-write", "primary"},
        [PG_STANDBY] = {"any", "read-only", "standby", "prefer-standby"},
    };
    for (size_t i = 0; i < 4 && fitting[role][i]; i++)
        if (strcmp(target_session_attrs, fitting[role][i]) == 0)
            return true;
    return false;
}

/* What libpq would find out at each attempt, when it would be told a list and not one of it. */
static enum status check_counts(struct connect_hosts *hosts, struct fault *fault)
{
    const char *list = hosts->hosts ? hosts->hosts : hosts->addresses;
    hosts->count = list ? count_of(list) : 1;
    if (hosts->addresses && count_of(hosts->addresses) != hosts->count)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "hostaddr",
                         "host and hostaddr must name as many");
    size_t ports = hosts->ports ? count_of(hosts->ports) : 1;
    if (ports != 1 && ports != hosts->count)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "port", "one port, or one for each host");
    return STATUS_OK;
}

static bool keep(char **to, const char *value)
{
    if (!value || !value[0])
        return true;
    free(*to);
    *to = strdup(value);
    return *to != NULL;
}

enum status connect_inspect(const char *conninfo, enum pg_role role,
                            struct connect_hosts *ret_hosts, struct fault *fault)
{
    /* libpq's own words might quote a password that holds a blank. */
    PQconninfoOption *parsed = PQconninfoParse(conninfo, NULL);
    if (!parsed)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, NULL,
                         "this is no connection string of PostgreSQL");
    struct connect_hosts hosts = {0};
    enum status status = STATUS_OK;
    bool kept = keep(&hosts.hosts, getenv("PGHOST")) &&
                keep(&hosts.addresses, getenv("PGHOSTADDR")) &&
                keep(&hosts.ports, getenv("PGPORT"));
    for (PQconninfoOption *option = parsed; kept && option->keyword; option++) {
        if (strcmp(option->keyword, "host") == 0)
            kept = keep(&hosts.hosts, option->val);
        else if (strcmp(option->keyword, "hostaddr") == 0)
            kept = keep(&hosts.addresses, option->val);
        else if (strcmp(option->keyword, "port") == 0)
            kept = keep(&hosts.ports, option->val);
        else if (strcmp(option->keyword, "target_session_attrs") == 0 && option->val &&
                 !leads_to(role, option->val))
            status = fault_set(fault, STATUS_INVALID_ARGUMENT, "target_session_attrs",
                               role == PG_PRIMARY
                                   ? "target_session_attrs=%s leads to a server that takes no "
                                     "writes; read-write and primary do not"
                                   : "target_session_attrs=%s leads to a primary; standby does not",
                               option->val);
    }
    PQconninfoFree(parsed);
    if (!kept)
        status = fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    if (status == STATUS_OK)
        status = check_counts(&hosts, fault);
    if (status != STATUS_OK) {
        connect_hosts_done(&hosts);
        return status;
    }
    *ret_hosts = hosts;
    return STATUS_OK;
}

void connect_hosts_done(struct connect_hosts *hosts)
{
    free(hosts->hosts);
    free(hosts->addresses);
    free(hosts->ports);
}

/* The n-th of a list; NULL, which libpq passes over, when there is no list. Of one item it is every one. */
static const char *pick(const char *list, size_t n, char *text, size_t bytes)
{
    if (!list)
        return NULL;
    struct slice rest = slice_str(list);
    struct slice item = slice_cut(&rest, ',');
    for (size_t i = 0; i < n && strchr(list, ','); i++)
        item = slice_cut(&rest, ',');
    snprintf(text, bytes, "%.*s", SLICE_ARG(item));
    return text;
}

const char *connect_name(const struct connect_hosts *hosts, size_t n,
                         char text[CONNECT_HOST_BYTES_MAX])
{
    const char *host =
        hosts->addresses ? NULL : pick(hosts->hosts, n, text, CONNECT_HOST_BYTES_MAX);
    return host && is_name(slice_str(host)) ? host : NULL;
}

/* ---- libpq's keywords ---- */

#define KEYWORDS_MAX 16

struct keywords {
    const char *names[KEYWORDS_MAX];
    const char *values[KEYWORDS_MAX];
    char timeout_s[24];
    char host[CONNECT_HOST_BYTES_MAX], address[CONNECT_HOST_BYTES_MAX], port[16];
};

/* What stands before dbname is a default that the connection string may override; what stands after it
 * overrides the string. `address` of the host's name; NULL: it is none. */
static void keywords_fill(const struct connection *connection, const char *address,
                          struct keywords *keywords)
{
    const struct pg *pg = connection->pg;
    const struct connect_hosts *hosts = &connection->server->hosts;
    bool several = hosts->count > 1;
    size_t n = connection->host;
    if (!address && several)
        address = pick(hosts->addresses, n, keywords->address, CONNECT_HOST_BYTES_MAX);
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
        {"dbname", connection->server->conninfo},
        {"client_encoding", "UTF8"},
        {"target_session_attrs", "any"}, /* session.c asks what the server is */
        {"host", several ? pick(hosts->hosts, n, keywords->host, CONNECT_HOST_BYTES_MAX) : NULL},
        {"hostaddr", address},
        {"port", several ? pick(hosts->ports, n, keywords->port, sizeof(keywords->port)) : NULL},
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
    if (PQsetnonblocking(conn, 1) != 0 || !connection_watch(connection, UV_READABLE)) {
        connection_drop(connection, PQerrorMessage(conn));
        return;
    }
    session_begin(connection);
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

static void begin(struct connection *connection, const char *address)
{
    struct keywords keywords = {.names = {NULL}};
    keywords_fill(connection, address, &keywords);
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

/* ---- the addresses of a name ---- */

struct look_up {
    uv_getaddrinfo_t request;
    struct connection *connection;
    char name[CONNECT_HOST_BYTES_MAX];
};

static bool is_tried(const struct connection *connection, const char *address)
{
    for (size_t i = 0; i < connection->tried_count; i++)
        if (strcmp(connection->tried[i], address) == 0)
            return true;
    return false;
}

/* The first that was not tried in this turn of the name is the next; false: all were. */
static bool choose(struct connection *connection, const struct addrinfo *found)
{
    char text[CONNECTION_ADDRESS_BYTES];
    size_t count = 0;
    for (; found && connection->tried_count < CONNECTION_ADDRESSES_MAX; found = found->ai_next) {
        if (getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof(text), NULL, 0,
                        NI_NUMERICHOST) != 0 ||
            is_tried(connection, text))
            continue;
        if (count++ == 0)
            memcpy(connection->tried[connection->tried_count++], text, sizeof(text));
    }
    connection->has_more = count > 1;
    return count > 0;
}

static void go_to_one(struct connection *connection, const char *name, int error,
                      const struct addrinfo *found)
{
    char text[PG_ERROR_BYTES_MAX];
    if (error == 0 && !choose(connection, found)) {
        connection->tried_count = 0; /* they are others now */
        error = choose(connection, found) ? 0 : UV_EAI_NODATA;
        connection->has_more = false; /* a pause first: they may be others each time */
    }
    if (error == 0) {
        begin(connection, connection->tried[connection->tried_count - 1]);
        return;
    }
    snprintf(text, sizeof(text), "could not translate host name \"%s\" to address: %s", name,
             uv_strerror(error));
    connection_drop(connection, text);
}

static void on_looked_up(uv_getaddrinfo_t *request, int error, struct addrinfo *found)
{
    struct look_up *look_up = request->data;
    struct connection *connection = look_up->connection;
    if (connection->look_up == look_up) {
        connection->look_up = NULL;
        go_to_one(connection, look_up->name, error, found);
    }
    uv_freeaddrinfo(found);
    connection_let_go(connection);
    free(look_up);
}

void connection_leave_look_up(struct connection *connection)
{
    if (connection->look_up)
        uv_cancel((uv_req_t *)&connection->look_up->request); /* where it has no thread yet */
    connection->look_up = NULL;
}

static void look_up(struct connection *connection, const char *name)
{
    static const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct look_up *look_up = calloc(1, sizeof(*look_up));
    connection->state = LINK_STARTING;
    if (!look_up) {
        connection_drop(connection, "out of memory");
        return;
    }
    look_up->request.data = look_up;
    look_up->connection = connection;
    snprintf(look_up->name, sizeof(look_up->name), "%s", name);
    connection_hold(connection);
    if (uv_getaddrinfo(fibers_loop(connection->pg->fibers), &look_up->request, on_looked_up, name,
                       NULL, &hints) != 0) {
        connection_let_go(connection);
        free(look_up);
        connection_drop(connection, "no thread");
        return;
    }
    connection->look_up = look_up;
    connection_start_timer(connection, connection->pg->connect_timeout_ms);
}

void connect_begin(struct connection *connection)
{
    char text[CONNECT_HOST_BYTES_MAX];
    const char *name = connect_name(&connection->server->hosts, connection->host, text);
    connection->has_more = false;
    if (name)
        look_up(connection, name);
    else
        begin(connection, NULL);
}

/* ---- cancelling ---- */

/* PQcancel blocks for as long as a hung server pleases, so what it does is done here: without TLS, the words of a CancelRequest
 * (https://www.postgresql.org/docs/15/protocol-message-formats.html), then the end of file, which comes when it was carried out. */
#define CANCEL_CODE 80877102

/* How a PGcancel begins, up to libpq 17: nothing else tells the key. */
struct cancel_key {
    struct {
        struct sockaddr_storage address;
        socklen_t len;
    } server;
    int pid, key;
};

static bool cancel_key_get(PGconn *conn, struct cancel_key *ret_key)
{
    PGcancel *cancel = PQlibVersion() < 180000 ? PQgetCancel(conn) : NULL;
    if (!cancel)
        return false;
    memcpy(ret_key, cancel, sizeof(*ret_key));
    PQfreeCancel(cancel);
    return ret_key->pid == PQbackendPID(conn) &&
           ret_key->server.len <= sizeof(ret_key->server.address);
}

static void on_cancel_closed(uv_handle_t *handle)
{
    free(handle);
}

void connection_leave_cancel(struct connection *connection)
{
    if (!connection->cancelling)
        return;
    uv_poll_stop(connection->cancelling);
    uv_close((uv_handle_t *)connection->cancelling, on_cancel_closed);
    close(connection->cancel_fd);
    connection->cancelling = NULL;
}

static void on_cancel(uv_poll_t *poll, int status, int events)
{
    struct connection *connection = poll->data;
    const uint32_t *words = connection->cancel_words;
    size_t bytes = sizeof(connection->cancel_words);
    if (status == 0 && (events & UV_WRITABLE) &&
        send(connection->cancel_fd, words, bytes, MSG_NOSIGNAL) == (ssize_t)bytes) {
        uv_poll_start(poll, UV_READABLE, on_cancel);
        return;
    }
    /* A failure shows in the query not ending; the watchdog of whoever asked sees to that. */
    connection_leave_cancel(connection);
    connection->cancelled_us = clock_monotonic_us();
    connection->class->on_cancelled(connection);
}

bool connection_cancel(struct connection *connection)
{
    struct cancel_key key;
    if (connection->cancelling)
        return true;
    if (connection->state != LINK_UP || !cancel_key_get(connection->conn, &key))
        return false;
    int fd = socket(key.server.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    uv_poll_t *poll = malloc(sizeof(*poll));
    if (fd < 0 || !poll || uv_poll_init(fibers_loop(connection->pg->fibers), poll, fd) != 0) {
        free(poll);
        if (fd >= 0)
            close(fd);
        return false;
    }
    connection->cancel_words[0] = htonl(sizeof(connection->cancel_words));
    connection->cancel_words[1] = htonl(CANCEL_CODE);
    connection->cancel_words[2] = htonl((uint32_t)key.pid);
    connection->cancel_words[3] = htonl((uint32_t)key.key);
    poll->data = connection;
    connection->cancelling = poll;
    connection->cancel_fd = fd;
    (void)!connect(fd, (const struct sockaddr *)&key.server.address,
                   key.server.len); /* the watch tells */
    uv_poll_start(poll, UV_WRITABLE, on_cancel);
    return true;
}
