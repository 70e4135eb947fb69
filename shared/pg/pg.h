/* pg: PostgreSQL for fibers.
 *
 * A `struct pg` is one database under one role, on one loop. It keeps
 *   - `read` connections in pipeline mode, shared by all fibers: pg_read queues a prepared statement, all
 *     that one loop turn queued leaves with one Sync, the fiber sleeps until its rows are there. A neighbour's
 *     failure aborts the batch: the reads are sent again alone (they are idempotent), unseen by the caller.
 *   - `long_read` connections of the same kind for searches and exports, so that no point read waits behind them.
 *   - a pool of `transaction` connections: pg_begin … pg_commit, one fiber at a time.
 * Statements are prepared on a connection when it first runs them. Connections are made in the background
 * and again with jitter after a failure; while none is up the answer is UNAVAILABLE at once.
 *
 * Every wait ends with the `struct cancel` of the call: its deadline is the statement_timeout (transactions)
 * and a cancelled query is cancelled in PostgreSQL too, where nobody else shares it.
 *
 * SQLSTATE → status: 23505 ALREADY_EXISTS, 23503/23514/23P01/P0001 FAILED_PRECONDITION, 22xxx
 * INVALID_ARGUMENT, 40001/40P01 ABORTED, 42501 PERMISSION_DENIED, 57014 CANCELLED or DEADLINE_EXCEEDED,
 * 53xxx/57P0x/08xxx/25P03/55P03 (lock_timeout) UNAVAILABLE, else INTERNAL. The server's message is for the log (pg_last_error), never for the caller;
 * the constraint name is kept so that the store can say which rule was broken.
 */
#ifndef PEK_SHARED_PG_PG_H
#define PEK_SHARED_PG_PG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/arena.h"
#include "shared/base/slice.h"
#include "shared/base/status.h"
#include "shared/fiber/fiber.h"

struct pg;
struct pg_result; /* owns a PGresult */
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
/* A text[] literal of the items. When the arena is full, this and pg_int give a value that the call refuses
 * with RESOURCE_EXHAUSTED; a text with a NUL inside is refused with INVALID_ARGUMENT. */
struct pg_param pg_text_array(struct arena *arena, const struct slice *items, size_t count);

struct pg_options {
    const char *conninfo;       /* libpq keywords or URI; no password is ever logged */
    const char *settings;       /* "-c pek.realm=worker-acme …" passed as libpq `options` */
    size_t read_max;            /* default 4 */
    size_t long_read_max;       /* default 2 */
    size_t transaction_max;     /* default 8 */
    size_t waiting_max;         /* reads queued or fibers waiting for a transaction; default 1024 */
    int64_t connect_timeout_ms; /* default 5000 */
};

PEK_MUST_CHECK enum status pg_new(struct fibers *fibers, const struct pg_options *options,
                                  struct pg **ret_pg);
/* No fiber may be inside. Run the loop once more afterwards. Takes NULL, returns NULL. */
struct pg *pg_free(struct pg *pg);
/* Ready: at least one connection of each kind is up. In a fiber: waits for it. */
PEK_MUST_CHECK enum status pg_wait_ready(struct pg *pg, struct cancel *cancel);
bool pg_is_ready(const struct pg *pg);
struct fibers *pg_fibers(const struct pg *pg);

enum pg_lane { PG_POINT_READ, PG_LONG_READ };
/* In a fiber. One read-only statement, outside any transaction, sharing a Sync. `ret_result` is to be freed
 * with pg_result_free. */
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
/* After a failure: the constraint that refused ("group_name_key"), or "". Valid until the next statement. */
const char *pg_constraint(const struct pg_transaction *transaction);

/* Rows. A NULL value reads as empty slice, 0, false; pg_is_null tells. Slices live as long as the result. */
size_t pg_rows(const struct pg_result *result);
size_t pg_affected(const struct pg_result *result);
bool pg_is_null(const struct pg_result *result, size_t row, int column);
struct slice pg_get_slice(const struct pg_result *result, size_t row, int column);
const char *pg_get_str(const struct pg_result *result, size_t row, int column); /* NUL-terminated */
int64_t pg_get_int(const struct pg_result *result, size_t row, int column);
bool pg_get_bool(const struct pg_result *result, size_t row, int column);
/* Decodes a bytea column into the arena. */
struct slice pg_get_bytea(const struct pg_result *result, size_t row, int column,
                          struct arena *arena);
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

struct pg_statistics {
    uint64_t reads, read_batches, reads_resent, transactions, transaction_retries, reconnects,
        errors;
    size_t read_connections_up, transaction_connections_up, waiting;
};
void pg_statistics(const struct pg *pg, struct pg_statistics *ret_statistics);

#endif
