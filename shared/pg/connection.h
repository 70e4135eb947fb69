/* connection: one PGconn in pipeline mode on the loop, which comes back by itself.
 *
 * It connects without blocking, tells its owner when it is up, takes requests (a statement with its values)
 * and answers them in order, and after a loss answers all of them as lost and connects again, with backoff
 * and jitter. What the answers mean is for the owner: `struct connection_class`.
 *
 * Callbacks of the class come from the loop or from within connection_send and connection_sync (when
 * sending finds the connection lost); they must not free the connection.
 */
#ifndef PEK_SHARED_PG_CONNECTION_H
#define PEK_SHARED_PG_CONNECTION_H

#include <libpq-fe.h>
#include <uv.h>

#include "shared/base/list.h"
#include "shared/pg/pg.h"
#include "shared/pg/server.h"
#include "shared/pg/session.h"
#include "shared/pg/statements.h"

/* Commands in flight: two batches of reads with a Prepare each, and to spare. A power of two. */
#define CONNECTION_COMMANDS_MAX 256
#define CONNECTION_RETRY_MS_MIN 100
#define CONNECTION_RETRY_MS_MAX 5000
/* While nothing at all is up, so that a restarted server is found soon. */
#define CONNECTION_RETRY_ALONE_MS_MAX 1000

struct connection;

enum request_outcome {
    REQUEST_PENDING,
    REQUEST_ANSWERED, /* `error` when set, else `result` */
    REQUEST_ABORTED,  /* not run: one before it in its batch failed */
    REQUEST_LOST,     /* the connection went; it may or may not have run */
};

struct request {
    struct list node; /* the owner's */
    const struct pg_statement *statement;
    const struct pg_param *params;
    size_t param_count;
    struct connection *connection; /* where it was sent last */
    struct fiber_event done;
    enum request_outcome outcome;
    PGresult *result;
    PGresult *error; /* the first */
    int64_t sent_us;
    unsigned sends;
    bool orphaned; /* nobody waits: free it when it comes back */
    /* Of a read that a standby answers: what it must have replayed (standby_guard); NULL: it asks about the standby itself. */
    const char *position;
};

struct connection_class {
    const char *application_name;
    bool writes; /* of no use on a server that takes no writes */
    void (*on_up)(struct connection *connection);
    /* Its requests have been answered as lost; or an attempt to connect failed (not `was_up`). */
    void (*on_down)(struct connection *connection, bool was_up);
    /* The statement of the request has been answered. */
    void (*on_executed)(struct connection *connection, struct request *request);
    /* A Sync came back, the one sent with `request` (may be NULL). */
    void (*on_synced)(struct connection *connection, struct request *request);
    /* The Cancel sent by connection_cancel is over, with or without effect. */
    void (*on_cancelled)(struct connection *connection);
    void (*on_notify)(struct connection *connection, struct slice channel, struct slice payload);
    /* After connection_close: its memory may go. */
    void (*on_closed)(struct connection *connection);
};

#define CONNECTION_ADDRESSES_MAX 8 /* of a name; others are not tried */
#define CONNECTION_ADDRESS_BYTES 64

enum command_kind { COMMAND_PREPARE, COMMAND_EXECUTE, COMMAND_SYNC };

struct command {
    enum command_kind kind;
    struct request *request;
    const struct pg_statement *statement;
};

enum link_state {
    LINK_WAITING,  /* the timer starts an attempt */
    LINK_STARTING, /* the host is a name, whose addresses are looked up; the timer limits it */
    LINK_TRYING,   /* PQconnectPoll on the loop, the timer limits it */
    LINK_CHECKING, /* connected: session.h, the timer limits it */
    LINK_UP,
    LINK_CLOSED,
};

struct connection {
    const struct connection_class *class;
    struct pg *pg;
    struct server *server; /* of the pg */
    struct list of_server; /* in its connections */
    struct peer *peer;     /* while up; NULL: its address is not known */
    struct list of_peer;
    const struct session_settings *settings; /* outlive it */
    struct session session;
    enum link_state state;
    unsigned epoch; /* counts losses, so that an owner knows its connection from the next */
    PGconn *conn;
    uv_poll_t *poll; /* of its own memory: closing outlives the PGconn */
    int fd;
    int events;
    uv_timer_t timer; /* next attempt, connect timeout, or the watchdog while up */
    void (*on_watchdog)(struct connection *connection);
    int64_t retry_ms;
    size_t host;         /* tried next, of those in the connection string */
    size_t hosts_failed; /* of them, one after the other, since it was up */
    /* Of the host's name: the addresses that were tried in its turn, the last of them now, and whether it has others. */
    char tried[CONNECTION_ADDRESSES_MAX][CONNECTION_ADDRESS_BYTES];
    size_t tried_count;
    bool has_more;
    struct look_up *look_up; /* under way; NULL: none is */
    uint64_t plans;          /* pg->plans when its statements were prepared */
    unsigned users;          /* handles and look-ups that hold the memory */
    uv_poll_t *cancelling;   /* a Cancel on a socket of its own; NULL: none is under way */
    int cancel_fd;
    uint32_t cancel_words[4];
    const char *doomed;   /* why it is to be given up; NULL: it is not */
    bool foreign;         /* a pooler gave it a session that is not its own */
    bool promoted;        /* the standby that it leads to is none any more */
    int64_t cancelled_us; /* when the last Cancel was over; 0 when never */
    unsigned syncs;       /* in flight */
    unsigned head, tail;  /* of commands, free running */
    int64_t asked_us;     /* when the first of them was sent */
    int64_t heard_us;     /* when anything came last */
    struct command commands[CONNECTION_COMMANDS_MAX];
    struct statements statements;
};

/* In place; the first attempt begins with the next turn of the loop. */
PEK_MUST_CHECK enum status connection_open(struct connection *connection, struct pg *pg,
                                           enum pg_role role, const struct connection_class *class,
                                           const struct session_settings *settings);
/* Requests in flight are answered as lost; on_closed follows from the loop. */
void connection_close(struct connection *connection);

/* Before the first statement of a batch, after the BEGIN of a transaction: statements that were prepared before a table changed
 * are forgotten, so that they are prepared anew; behind a pooler, nothing after it runs in a session that is not
 * this connection's, or, in transaction mode, without this connection's settings; on a standby, nothing after it runs before it
 * has replayed the request's position. False as for connection_send. */
bool connection_begin(struct connection *connection, struct request *request);
/* Queues the request's statement, prepared first where it is new here. False: the connection was lost,
 * this request is not in flight. */
bool connection_send(struct connection *connection, struct request *request);
/* The same for a statement that stands before that of the request (BEGIN). */
bool connection_send_before(struct connection *connection, struct request *request,
                            const struct pg_statement *statement, const struct pg_param *params,
                            size_t param_count);
/* Ends the batch and sends it. */
bool connection_sync(struct connection *connection, struct request *request);
unsigned connection_in_flight(const struct connection *connection);
/* True when in flight is nothing that anyone waits for. */
bool connection_is_orphaned(const struct connection *connection);

/* Asks the server to cancel what runs; on_cancelled follows. False when it cannot be asked. */
bool connection_cancel(struct connection *connection);
/* Gives the connection up and begins again; `reason` is told by on_trouble. */
void connection_give_up(struct connection *connection, enum pg_trouble_kind kind,
                        const char *reason);
/* The same as PG_TROUBLE_CONNECTION. */
void connection_drop(struct connection *connection, const char *reason);
/* The same for what this program must not go on with: pg_refusal. */
void connection_refuse(struct connection *connection, const char *reason);
/* The same, and it begins with the next host, or address of a name, where there are several. */
void connection_leave(struct connection *connection, const char *reason);
/* Runs `on_timeout` unless disarmed or lost before. Only while up. */
void connection_watchdog(struct connection *connection, int64_t ms,
                         void (*on_timeout)(struct connection *connection));
void connection_watchdog_off(struct connection *connection);

/* The statuses of header pg.h; `cancel` tells a cancelled query from one that ran out of time. */
enum status sqlstate_status(const char *sqlstate, const struct cancel *cancel);
/* True when the error says that the server is going away, not that the statement was wrong. */
bool sqlstate_is_loss(const char *sqlstate);
/* The same, or the server ends the connection, whatever it is for: of a COMMIT nobody knows what became. */
bool error_is_loss(const PGresult *error);
/* A write met a server that takes none: a demoted primary, when it was a transaction. */
bool sqlstate_is_read_only(const char *sqlstate);
/* Of memory, of connections, above all of the disk: what needs none works. */
bool sqlstate_is_no_room(const char *sqlstate);
/* For the log: a fault of the program, its grants or the server, not of a caller. */
bool sqlstate_is_trouble(const char *sqlstate);
/* The statement was prepared before a table changed; prepared anew it works. */
bool sqlstate_is_stale_plan(const PGresult *error);
/* The SQLSTATE of a failed result; "" when it has none (the connection broke). */
const char *request_sqlstate(const struct request *request);
/* Clears results, keeps the statement. */
void request_reset(struct request *request);

#endif
