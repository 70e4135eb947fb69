/* pg: PostgreSQL for fibers.
 *
 * A `struct pg` is one database under one role, on one loop. It keeps
 *   - `read` connections in pipeline mode, shared by all fibers: pg_read queues a prepared statement, all
 *     that one loop turn queued leaves with one Sync, the fiber sleeps until its rows are there. A neighbour's
 *     failure aborts the batch: the reads are sent again alone (they are idempotent), unseen by the caller.
 *   - `long_read` connections of the same kind for searches and exports, so that no point read waits behind them.
 *   - a pool of `transaction` connections: pg_begin … pg_commit, one fiber at a time.
 * Statements are prepared on a connection when it first runs them. Connections are made in the background
 * and again with jitter after a failure; while none is up the answer is UNAVAILABLE at once. A server that says nothing for
 * 3.2 s, to a probe neither, is lost; who was the primary before another was promoted is left.
 *
 * Long reads and transactions are shared out by the user of their `struct cancel` (shared/fair): one user has a part of
 * them, and waits in a line of their own, `line_ms` at most. Above that: RESOURCE_EXHAUSTED.
 *
 * Every wait ends with the `struct cancel` of the call: its deadline is the statement_timeout (transactions)
 * and a cancelled query is cancelled in PostgreSQL too, where nobody else shares it.
 *
 * Each new connection shows, before it is used, that it may be: row security binds its role, the encoding is UTF-8, the
 * schema with its policies and the database are this program's, the server takes writes, and no pooler shares the session with others unawares (session.h).
 *
 * SQLSTATE → status is one table, sqlstate.c. In short: broken rules of the schema are ALREADY_EXISTS and
 * FAILED_PRECONDITION, values INVALID_ARGUMENT, transactions that met ABORTED, a lock that others hold
 * RESOURCE_EXHAUSTED, the server's own trouble UNAVAILABLE, and everything else, 42501 included, INTERNAL. Waiting
 * in vain for a connection of this process is RESOURCE_EXHAUSTED: the process is busy, not the server away. The server's
 * message is for the log (on_trouble, pg_last_error), never for the caller; the constraint name is kept so that the store
 * can say which rule was broken.
 */
#ifndef PEK_SHARED_PG_PG_H
#define PEK_SHARED_PG_PG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/arena.h"
#include "shared/base/fault.h"
#include "shared/base/slice.h"
#include "shared/base/status.h"
#include "shared/fiber/fiber.h"

struct pg;
struct migrations; /* migrate.h */
struct pg_result;  /* owns a PGresult */
struct pg_transaction;

/* A whole statement a person can paste into psql, `static const` beside its use. */
struct pg_statement {
    const char *name; /* unique in the process; ≤ 63 bytes */
    const char *sql;
};
#define PG_PARAMS_MAX 32

/* One value of a statement, sent in text form unless binary. NULL ptr is SQL NULL. */
struct pg_param {
    const char *ptr;
    size_t len;
    bool binary;
};
#define PG_NULL ((struct pg_param){NULL, 0, false})
struct pg_param pg_text(struct slice text); /* must outlive the call; empty slice is '' */
struct pg_param pg_str(const char *str);    /* NULL is SQL NULL */
struct pg_param pg_bytea(struct slice bytes);
struct pg_param pg_bool(bool value);
struct pg_param pg_int(struct arena *arena, int64_t value);
/* A timestamptz, as google.protobuf.Timestamp counts. PostgreSQL keeps microseconds: what is below is cut off,
 * so that a time is never later than it was given. Outside the years 1 to 9999 (CALENDAR_SECONDS_…) the call
 * refuses it with INVALID_ARGUMENT. */
struct pg_param pg_timestamp(struct arena *arena, int64_t seconds, int32_t nanos);
/* A text[] literal of the items. When the arena is full, those with an arena give a value that the call refuses
 * with RESOURCE_EXHAUSTED; a text with a NUL inside is refused with INVALID_ARGUMENT. */
struct pg_param pg_text_array(struct arena *arena, const struct slice *items, size_t count);
/* A bytea[] likewise. */
struct pg_param pg_bytea_array(struct arena *arena, const struct slice *items, size_t count);

/* Two arguments of pg_read and pg_execute: the parameters and their number. */
#define PG_PARAMS(...)                                                                             \
    (const struct pg_param[]){__VA_ARGS__},                                                        \
        sizeof((const struct pg_param[]){__VA_ARGS__}) / sizeof(struct pg_param)

/* What went wrong with the database for no fault of a caller. The library does not log: the program does, from
 * on_trouble; the same is told once in ten seconds, PG_TROUBLE_ELSEWHERE once a minute. No text holds a password. */
enum pg_trouble_kind {
    PG_TROUBLE_CONNECTION, /* not made, or lost; tried again */
    PG_TROUBLE_STATEMENT,  /* INTERNAL, UNAVAILABLE or DATA_LOSS */
    PG_TROUBLE_REFUSED,    /* pg_refusal: the program must not go on */
    PG_TROUBLE_NO_PRIMARY, /* reads come from a standby, changes are refused; or that this is over */
    PG_TROUBLE_ELSEWHERE, /* the database is of another cluster: nobody is connected, until somebody decides */
};
struct pg_trouble {
    enum pg_trouble_kind kind;
    const char *sqlstate;  /* "" when it is libpq or this library that speaks */
    const char *statement; /* its name, or "" */
    const char *text;      /* the server's or libpq's first line */
    uint64_t untold;       /* times since it was told last */
};

/* A setting of the server for each session. */
struct pg_setting {
    const char *name;  /* "pek.realm" */
    const char *value; /* without quotes and backslashes */
};

/* A statement is over, whatever became of it: for metrics and traces. */
struct pg_ended {
    const struct pg_statement *statement;
    const struct cancel *cancel; /* of whoever asked; may be NULL */
    int64_t started_us;          /* monotonic; with the wait for a connection */
    int64_t elapsed_us;
    enum status status;
};

struct pg_options {
    const char *conninfo; /* libpq keywords or URI; no password is ever logged */
    /* Given when `conninfo` leads to a pooler that lends sessions for a transaction: leads past it, for LISTEN, and settings are
     * made in each transaction. NULL or "": a session is had for good. README.md, "A pooler in transaction mode". */
    const char *listen_conninfo;
    /* Of its standbys, for reads (README.md); NULL or "": none. Reads go on there for so long when no primary is found. */
    const char *standby_conninfo;
    int64_t standby_alone_ms; /* default 300000 */
    /* It is behind by no more than twice that, while no primary is found, or it answers nobody; default 5000. */
    int64_t standby_age_ms;
    /* A transaction that the server has no room for is UNAVAILABLE, as one that it is away for; else INTERNAL, since of many
     * databases one is not away that answers reads. pg_lacks_room tells of both. */
    bool full_is_away;
    const struct pg_setting *settings;
    size_t setting_count;
    /* The schema that the program is made for: a role that row security does not bind there, or other migrations
     * than these, are refused. NULL: any role and schema. Outlives the pg. */
    const struct migrations *schema;
    /* May be NULL, both. On the loop, from within anything: they must not call back into the pg. */
    void (*on_trouble)(void *arg, const struct pg_trouble *trouble);
    void (*on_statement)(void *arg, const struct pg_ended *ended);
    void *arg;
    size_t read_max;            /* default 4 */
    size_t long_read_max;       /* default 2 */
    size_t transaction_max;     /* default 8 */
    size_t waiting_max;         /* reads queued or fibers waiting for a transaction; default 1024 */
    int64_t connect_timeout_ms; /* default 5000 */
    int64_t line_ms;            /* a wait in the line of one's own user; default 1000 */
};

/* INVALID_ARGUMENT for a connection string or a limit that cannot be; run the loop once more then. Connects in the background. */
PEK_MUST_CHECK enum status pg_new(struct fibers *fibers, const struct pg_options *options,
                                  struct pg **ret_pg, struct fault *fault);
/* No fiber may be inside. Run the loop once more afterwards. Takes NULL, returns NULL. */
struct pg *pg_free(struct pg *pg);
/* Ready: at least one connection of each kind is up; without a primary, those of reads to a standby. In a fiber: waits for it. FAILED_PRECONDITION when a
 * connection was refused: pg_refusal. */
PEK_MUST_CHECK enum status pg_wait_ready(struct pg *pg, struct cancel *cancel);
bool pg_is_ready(const struct pg *pg);
/* Why it is not, in words for whoever asks about readiness, which name nobody; "" when it is. Static. */
const char *pg_unready(const struct pg *pg);
/* No primary is found, and a standby may answer reads: changes are refused with UNAVAILABLE, at once. */
bool pg_is_without_primary(const struct pg *pg);
/* Why this program must not go on with the database that a new connection met: role, schema, pooler. "" when there
 * is no such reason. Connecting is tried on all the same. */
const char *pg_refusal(const struct pg *pg);
struct fibers *pg_fibers(const struct pg *pg);

/* Blocking, on a loop of its own: connects as `options` say and answers whether the database could be served, by a primary and as
 * pg_wait_ready does, whether LISTEN works, and whether the standby can be used where one is named. The fault's field is the setting
 * to blame: "database", "database_listen" or "database_standby"; its text has the server's or libpq's words. For programs that check their configuration. */
PEK_MUST_CHECK enum status pg_probe(const struct pg_options *options, struct fault *fault);

/* INVALID_ARGUMENT when `standby` cannot be a standby_conninfo beside `conninfo`. For programs that check their configuration. */
PEK_MUST_CHECK enum status pg_check_standby(const char *conninfo, const char *standby,
                                            struct fault *fault);

/* False when two connection strings name databases of different names; what a service or the environment would say is not
 * looked at. For programs that check their configuration. */
bool pg_names_agree(const char *conninfo, const char *other);

enum pg_lane { PG_POINT_READ, PG_LONG_READ, PG_LANES };
/* In a fiber. One read-only statement, outside any transaction, sharing a Sync. A standby answers long reads, and
 * all reads while there is no primary. `ret_result` is to be freed with pg_result_free. */
PEK_MUST_CHECK enum status pg_read(struct pg *pg, enum pg_lane lane, struct cancel *cancel,
                                   const struct pg_statement *statement,
                                   const struct pg_param *params, size_t param_count,
                                   struct pg_result **ret_result);

/* In a fiber. A transaction on a connection of its own. `isolation` 'READ COMMITTED' unless serializable.
 * Ends with pg_commit or pg_rollback, both of which free it; a transaction whose statement failed can
 * only be rolled back. */
PEK_MUST_CHECK enum status pg_begin(struct pg *pg, struct cancel *cancel, bool serializable,
                                    struct pg_transaction **ret_transaction);
PEK_MUST_CHECK enum status pg_execute(struct pg_transaction *transaction,
                                      const struct pg_statement *statement,
                                      const struct pg_param *params, size_t param_count,
                                      struct pg_result **ret_result);
/* UNKNOWN-outcome failures are UNAVAILABLE (connection lost while committing) and DEADLINE_EXCEEDED. Once
 * COMMIT was sent a cancellation comes too late. After a failed statement: rolls back, that failure. */
PEK_MUST_CHECK enum status pg_commit(struct pg_transaction *transaction);
void pg_rollback(struct pg_transaction *transaction);
/* Runs `body` in a transaction, commits, and runs it again as a whole on ABORTED (serialization failure,
 * deadlock) or a connection lost before COMMIT was sent, at most PG_TRANSACTION_TRIES times with jitter. */
#define PG_TRANSACTION_TRIES 5
PEK_MUST_CHECK enum status
pg_transact(struct pg *pg, struct cancel *cancel, bool serializable,
            enum status (*body)(struct pg_transaction *transaction, void *arg), void *arg);
/* In a body, before it says anything: somebody is told what it says. So when it is that something is so already (OK without a change, NOT_FOUND,
 * ALREADY_EXISTS, FAILED_PRECONDITION) a synchronous standby has what that rests on, as it has what is committed; pg_transact fails as
 * pg_commit does where that does not come. */
void pg_settle(struct pg_transaction *transaction);
/* pg_transact whose COMMIT waits for no synchronous standby, and which gets a connection however many COMMITs wait for one, where there are
 * several. For what nobody is told of, and is written again when a failover loses it. */
PEK_MUST_CHECK enum status
pg_transact_unsettled(struct pg *pg, struct cancel *cancel,
                      enum status (*body)(struct pg_transaction *transaction, void *arg),
                      void *arg);
/* pg_execute of a statement whose rows nobody wants; how many it made or changed. `ret_affected` may be NULL. */
PEK_MUST_CHECK enum status pg_apply(struct pg_transaction *transaction,
                                    const struct pg_statement *statement,
                                    const struct pg_param *params, size_t param_count,
                                    size_t *ret_affected);
/* The same in a transaction of its own, run as pg_transact runs it. In a fiber. */
PEK_MUST_CHECK enum status pg_write(struct pg *pg, struct cancel *cancel,
                                    const struct pg_statement *statement,
                                    const struct pg_param *params, size_t param_count,
                                    size_t *ret_affected);
/* The same, unsettled. */
PEK_MUST_CHECK enum status pg_note(struct pg *pg, struct cancel *cancel,
                                   const struct pg_statement *statement,
                                   const struct pg_param *params, size_t param_count,
                                   size_t *ret_affected);
/* After a failure: the constraint that refused ("group_name_key"), or "". Valid until the next statement. */
const char *pg_constraint(const struct pg_transaction *transaction);
/* Right after pg_transact failed: the server has no room for what was to be stored (a full disk, above all). */
bool pg_lacks_room(const struct pg *pg);

/* Rows. A NULL value reads as empty slice, 0, false; pg_is_null tells. Slices live as long as the result. */
size_t pg_rows(const struct pg_result *result);
size_t pg_affected(const struct pg_result *result);
size_t pg_bytes(const struct pg_result *result); /* that it takes of memory */
bool pg_is_null(const struct pg_result *result, size_t row, int column);
struct slice pg_get_slice(const struct pg_result *result, size_t row, int column);
const char *pg_get_str(const struct pg_result *result, size_t row, int column); /* NUL-terminated */
int64_t pg_get_int(const struct pg_result *result, size_t row, int column);
bool pg_get_bool(const struct pg_result *result, size_t row, int column);
/* Decodes a bytea column into the arena. */
struct slice pg_get_bytea(const struct pg_result *result, size_t row, int column,
                          struct arena *arena);
/* A timestamptz, exactly. DATA_LOSS when it lies outside the years 1 to 9999, as infinity does, or is NULL. */
PEK_MUST_CHECK enum status pg_get_timestamp(const struct pg_result *result, size_t row, int column,
                                            int64_t *ret_seconds, int32_t *ret_nanos);
/* The column's name in the answer. */
const char *pg_column_name(const struct pg_result *result, int column);
struct pg_result *pg_result_free(struct pg_result *result);

/* LISTEN on a connection of its own. `on_notify` for each notification and `on_lost` when notifications may
 * have been missed (connection lost; also called before the first connect), `on_listening` when nothing is
 * missed from now on. On the loop thread, outside fibers. */
struct pg_listener_events {
    void (*on_notify)(void *arg, struct slice channel, struct slice payload);
    void (*on_lost)(void *arg);
    void (*on_listening)(void *arg);
};
struct pg_listener;
PEK_MUST_CHECK enum status pg_listen(struct pg *pg, const char *channel,
                                     const struct pg_listener_events *events, void *arg,
                                     struct pg_listener **ret_listener);
struct pg_listener *pg_listener_free(struct pg_listener *listener);

/* The last server or connection error, for the log of whoever decides. "" when none. */
const char *pg_last_error(const struct pg *pg);

/* Connections of one kind, and what waits for them. */
enum pg_pool {
    PG_POOL_READ,
    PG_POOL_LONG_READ,
    PG_POOL_TRANSACTION,
    PG_POOL_STANDBY_READ,
    PG_POOL_STANDBY_LONG_READ,
    PG_POOLS
};
struct pg_pool_statistics {
    size_t connections_max, up, in_use, waiting;
};
const char *
pg_pool_name(enum pg_pool pool); /* "read", "long_read", "transaction", "standby_read", … */

struct pg_statistics {
    struct pg_pool_statistics pools[PG_POOLS];
    uint64_t reads, read_batches, reads_resent, transactions, transaction_retries, reconnects,
        errors, standby_reads;
    size_t read_connections_up, transaction_connections_up, waiting;
    bool without_primary;
};
void pg_statistics(const struct pg *pg, struct pg_statistics *ret_statistics);

#endif
