/* internal: the fields behind pg.h, for the files of this folder only. */
#ifndef PEK_SHARED_PG_INTERNAL_H
#define PEK_SHARED_PG_INTERNAL_H

#include "shared/base/buffer.h"
#include "shared/fair/fair.h"
#include "shared/pg/connect.h"
#include "shared/pg/connection.h"
#include "shared/pg/migrate.h"

#define PG_READ_MAX_DEFAULT 4
#define PG_LONG_READ_MAX_DEFAULT 2
#define PG_TRANSACTION_MAX_DEFAULT 8
#define PG_WAITING_MAX_DEFAULT 1024
#define PG_CONNECT_TIMEOUT_MS_DEFAULT 5000
#define PG_CONNECTIONS_MAX 256
/* Shares of a user: long reads that are given to the lane at a time, one under way on each connection and the
 * others next; transactions, a part of the pool. How long a wait in one's own line may be: shorter than anybody
 * waits for this database, so that the caller hears of the line and not of a deadline. */
#define PG_LONG_READS_PER_CONNECTION 8
#define PG_LONG_READS_PER_USER_PER_CONNECTION 2
#define PG_USERS_PER_POOL 4
/* Connections of several that are not for transactions whose COMMIT may wait for a synchronous standby. */
#define PG_UNSETTLED_KEPT 1
#define PG_LINE_MS_DEFAULT 1000
#define PG_STANDBY_ALONE_MS_DEFAULT 300000
#define PG_STANDBY_AGE_MS_DEFAULT 5000
#define PG_POSITION_BYTES_MAX 24
#define PG_WANTED_BYTES_MAX (4 * PG_POSITION_BYTES_MAX)
#define PG_LINES 4 /* one user's line is at most this part of all that may wait */
/* Point reads that share a Sync, and batches on their way on one connection. A long read has its connection alone. */
#define PG_BATCH_MAX 32
#define PG_BATCHES_MAX 2
/* A read that was aborted by a neighbour or lost with its connection. */
#define PG_READ_SENDS_MAX 3
/* The server's own limit for reads, for those whose caller has none. */
#define PG_POINT_READ_TIMEOUT_MS 10000
#define PG_LONG_READ_TIMEOUT_MS 60000
/* How long a lock is awaited: longer than PostgreSQL's deadlock_timeout (1 s), so that two who wait for each other are found to
 * do so, and one of them is run again; both would be refused otherwise. */
#define PG_LOCK_TIMEOUT_MS 1500
/* All values of one statement together. */
#define PG_PARAM_BYTES_MAX (16 * 1024 * 1024)
#define PG_SCRATCH_KEEP_BYTES (1024 * 1024)
/* After the deadline: what the server's own timeout is given before it is cancelled, and what that is
 * given before the connection is dropped. */
#define PG_CANCEL_GRACE_MS 250
#define PG_DROP_GRACE_MS 2000
/* A server of which something is asked is asked whether it lives when it says nothing for so long, and given up when it does not
 * say so in as long. More than the heartbeat's interval: where somebody listens, a slow statement alone is no silence. */
#define PG_SILENCE_MS 1200
/* Twice as long each time that it says so, and nothing new is asked: with TLS each such question is a line in its log. */
#define PG_SILENCE_MS_MAX 5000
#define PG_PROBE_MS 2000
#define PG_LATE_US 500000 /* more is no lateness of a timer that ran */
/* For so long what was met of another cluster is believed to be all that there is: an attempt at each of a few hosts. */
#define PG_ELSEWHERE_US 15000000
/* Where nothing was found for so long, one of another cluster is taken for all that there is. */
#define PG_ELSEWHERE_AFTER_US 5000000
/* The listener's heartbeat: how often, and how long its answer may take. */
#define PG_HEARTBEAT_EVERY_MS 1000
#define PG_HEARTBEAT_TIMEOUT_MS 2000
/* The same trouble is told again after so long (what waits for somebody, seldom), and of so many at most that differ. */
#define PG_TROUBLE_EVERY_US 10000000
#define PG_ELSEWHERE_EVERY_US 60000000
#define PG_TROUBLES_MAX 16
/* For so long a Cancel that is over may still hit what runs next. */
#define PG_LATE_CANCEL_US 100000
#define PG_CONSTRAINT_BYTES_MAX 64

enum kind { KIND_READ, KIND_LONG_READ, KIND_TRANSACTION, KIND_LISTEN, KIND_COUNT };

/* What pg_read is asked. */
struct read {
    const struct pg_statement *statement;
    const struct pg_param *params;
    size_t param_count;
    const char *position; /* as in struct request */
};

/* Reads that wait for a connection, and the connections of one lane. */
struct lane {
    struct pg *pg;
    struct lane_connection *connections;
    size_t count;
    size_t up;
    size_t batch_max;   /* requests that share a Sync */
    size_t batches_max; /* on their way on one connection */
    struct list queued; /* requests of this turn, or waiting for a free connection */
    struct list alone;  /* to be sent again, each with a Sync of its own */
    size_t waiting;     /* in both */
};

struct lane_connection {
    struct connection connection;
    struct lane *lane;
};

struct pg_transaction {
    struct transaction_connection *owner;
    struct fair_ticket settled, place; /* in the pool's */
    struct cancel *cancel;
    unsigned epoch; /* of the connection when taken */
    bool serializable;
    bool settles;        /* pg_settle */
    bool unsettled;      /* pg_transact_unsettled */
    bool begun;          /* BEGIN was sent */
    bool lost;           /* the connection went, nothing was committed */
    bool in_flight;      /* a request was left behind by a deadline or cancellation */
    enum status failure; /* of the first statement that failed */
    struct request request;
    char constraint[PG_CONSTRAINT_BYTES_MAX];
    bool lacks_room; /* the last failure was of want of room */
};

struct transaction_connection {
    struct connection connection;
    struct list idle;       /* in pool->idle when up and free */
    bool owned;             /* by a fiber, or ending */
    struct request *ending; /* COMMIT or ROLLBACK whose Sync frees the connection */
    bool ended;             /* that Sync came, a Cancel is still under way */
    struct request rollback;
    struct pg_transaction transaction;
};

struct pool {
    struct fair fair; /* who may take one */
    struct fair
        settled; /* who may before that, of those whose COMMIT may wait for a standby: they do not take all */
    struct transaction_connection *connections;
    size_t count;
    size_t up;
    struct list idle;
    struct list waiters;
    size_t waiting;
};

/* What was told lately, so that the same is not told a hundred times a second. */
struct troubles {
    void (*tell)(void *arg, const struct pg_trouble *trouble);
    void *arg;
    struct {
        uint64_t key;
        int64_t told_us;
        uint64_t untold;
    } lately[PG_TROUBLES_MAX];
};

struct pg {
    struct fibers *fibers;
    struct fibers_hook hook;
    unsigned users; /* connections and jobs that hold the memory, and pg_free */
    /* For LISTEN, past a pooler in transaction mode; has no connections of other kinds. NULL: there is no such pooler. */
    struct pg *direct;
    struct pg *pooled; /* whose `direct` it is; NULL: nobody's */
    struct server servers[PG_ROLES];
    struct cluster cluster;
    bool cluster_is_sure; /* `conninfo` led there; until then: the first that any connection met */
    int64_t standby_alone_ms, standby_age_ms;
    /* What the primary kept when it was asked, and once more before that. */
    struct {
        char now[PG_POSITION_BYTES_MAX], before[PG_POSITION_BYTES_MAX];
        int64_t now_us;
    } flushed;
    /* What was received up to the first of these ends with the second, what follows is no whole record; "": not known. */
    char end[2 * PG_POSITION_BYTES_MAX];
    bool finds_end;             /* somebody does */
    int64_t standby_shunned_us; /* until when: it did not answer */
    int64_t changed_us;         /* when a primary was noticed last; 0: never */
    struct session_settings settings[KIND_COUNT];
    const struct migrations *schema; /* NULL: not looked at */
    bool full_is_away;
    bool lacks_room; /* of what the transaction that ended last stored */
    uint64_t plans;  /* counts changes of tables under prepared statements */
    struct troubles troubles;
    void (*on_statement)(void *arg, const struct pg_ended *ended);
    void *arg;
    size_t waiting_max;
    int64_t connect_timeout_ms, line_ms;
    struct lane lanes[PG_ROLES][PG_LANES];
    struct fair long_reads;
    struct pool pool;
    struct list ready_waiters;
    uint64_t random_state; /* for jitter only */
    struct buffer scratch; /* values made NUL-terminated for libpq */
    struct pg_statistics statistics;
    char error[PG_ERROR_BYTES_MAX];
    char refusal[PG_ERROR_BYTES_MAX];
};

struct pg_result {
    PGresult *result;
};

/* pg.c */
/* Itself; of a `direct` the one that it is part of. */
struct pg *pg_whole(struct pg *pg);
void pg_hold(struct pg *pg);
void pg_release(struct pg *pg);
/* One line, cut to fit. */
void pg_note_error(struct pg *pg, const char *text);
/* What pg_refusal answers from now on; whoever waits for readiness waits no more. */
void pg_refuse(struct pg *pg, const char *text);
/* In 0 … below. */
uint64_t pg_random(struct pg *pg, uint64_t below);
/* A connection is up: tells who waits for readiness, if this was the last that lacked. */
void pg_came_up(struct pg *pg);

/* lane.c */
PEK_MUST_CHECK enum status lane_open(struct lane *lane, struct pg *pg, enum pg_role role,
                                     enum kind kind, size_t count);
void lane_close(struct lane *lane);
void lane_flush(struct lane *lane);
/* UNAVAILABLE, and ABORTED by what a standby replays: another server may answer it. */
PEK_MUST_CHECK enum status lane_read(struct lane *lane, struct cancel *cancel,
                                     const struct read *read, struct pg_result **ret_result);

/* standby.c */
/* Fails, and with it all that follows up to the Sync, on a server that is no standby (55000), or has not replayed the position $1. Of
 * "+LEAST RECEIVED END": all that it has received, which is END when that is RECEIVED, and LEAST; each may be missing. */
extern const struct pg_statement standby_guard;
/* Fails with 55000, too, on a server that is no standby. */
extern const struct pg_statement standby_look;
/* The lane that a read goes to now; NULL when nobody can answer. */
struct lane *route(struct pg *pg, enum pg_lane which);
/* Reads there, and elsewhere when the server is lost meanwhile, or behind. */
PEK_MUST_CHECK enum status route_read(struct pg *pg, enum pg_lane which, struct cancel *cancel,
                                      const struct read *read, struct pg_result **ret_result);
/* The primary says what it keeps. */
void standby_note_flushed(struct pg *pg, const char *position);
/* It is none any more, and the primary is another than before. */
void standby_promoted(struct pg *pg);

/* guard.c: of a statement that failed, which may be none. */
/* It refuses by a division by zero of its own, which aborts what stands behind it; any other failure is one as of any statement. */
bool guard_refuses(struct connection *connection, const struct pg_statement *guard,
                   const char *sqlstate);
/* The request is not answered by it: it may be sent again. */
bool guard_is_asked_again(const struct pg_statement *guard, const char *sqlstate);
/* What stands before a batch's own statements, BEGIN and the settings, does not fail: behind a pooler another client's batch did. */
bool guard_is_anothers(const struct connection *connection, const struct command *failed);
/* Nobody here asks for a COPY, and libpq gives its result again and again. */
bool guard_is_copy(ExecStatusType type);
#define GUARD_ANOTHERS "the pooler gave an answer to another question"
/* What a guard fails at is no caller's doing, unless it was cancelled. */
bool guard_is_told(const struct pg_statement *statement, const char *sqlstate);

/* pool.c */
PEK_MUST_CHECK enum status pool_open(struct pool *pool, struct pg *pg, size_t count);
void pool_close(struct pool *pool);
/* A connection of one's own, ended by pool_give. */
PEK_MUST_CHECK enum status pool_take(struct pg *pg, struct cancel *cancel,
                                     struct transaction_connection **ret_owner);
void pool_give(struct transaction_connection *owner);
/* Frees the connection when `request`, already sent, is over. What runs before it is cancelled after
 * `cancel_after_ms`; negative: never. A server that does not answer costs the connection. */
/* When the request is over, however long that takes; or else cancelled and given up. */
void pool_give_when_over(struct transaction_connection *owner, struct request *request);
void pool_give_after(struct transaction_connection *owner, struct request *request,
                     int64_t cancel_after_ms);

/* trouble.c: notes it and tells the program, not too often. Texts may be NULL or of several lines. */
void trouble_tell(struct pg *pg, enum pg_trouble_kind kind, const char *sqlstate,
                  const char *statement, const char *text);

/* result.c */
/* Takes over the PGresult also on failure. */
PEK_MUST_CHECK enum status result_new(PGresult *result, struct pg_result **ret_result);

/* params.c */
/* Values that could not be made: params_check refuses them, so that they are never a silent NULL. */
#define PARAM_FAILED ((struct pg_param){NULL, SIZE_MAX, false})      /* the arena is full */
#define PARAM_REFUSED ((struct pg_param){NULL, SIZE_MAX - 1, false}) /* it has no form in SQL */
/* INVALID_ARGUMENT for a NUL in a text, RESOURCE_EXHAUSTED for too many bytes or a full arena. */
PEK_MUST_CHECK enum status params_check(const struct pg_param *params, size_t count);
/* As libpq wants them. It wants text with a NUL: copies lie one after another in the scratch buffer. */
struct wire_params {
    const char *values[PG_PARAMS_MAX];
    int lengths[PG_PARAMS_MAX];
    int formats[PG_PARAMS_MAX];
};
bool params_to_wire(struct pg *pg, const struct pg_param *params, size_t count,
                    struct wire_params *ret_wire);

/* Tells whoever wants to know. */
void pg_ended(const struct pg *pg, const struct pg_statement *statement,
              const struct cancel *cancel, int64_t started_us, enum status status);

#endif
