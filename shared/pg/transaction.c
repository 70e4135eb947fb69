#include <assert.h>
#include <limits.h>
#include <stdio.h>

#include "shared/base/clock.h"
#include "shared/pg/internal.h"

#define RETRY_MS_FIRST 5

static const struct pg_statement begin_statement = {
    "pek_begin",
    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
};
static const struct pg_statement begin_serializable_statement = {
    "pek_begin_serializable",
    "BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE",
};
static const struct pg_statement limit_statement = {
    "pek_limit",
    "SELECT set_config('statement_timeout', $1, true)",
};
static const struct pg_statement commit_statement = {"pek_commit", "COMMIT"};
static const struct pg_statement rollback_statement = {"pek_rollback", "ROLLBACK"};
static const struct pg_statement undo_statement = {"pek_undo", "ROLLBACK AND CHAIN"};
/* Only who wrote WAL waits at COMMIT for a synchronous standby, and then for all that was committed before. */
static const struct pg_statement settle_statement = {
    "pek_settle",
    "SELECT CASE WHEN current_setting('synchronous_standby_names') <> ''"
    "            THEN pg_logical_emit_message(true, 'pek', '') END",
};

static const struct pg_statement unsettle_statement = {
    "pek_unsettle",
    "SELECT set_config('synchronous_commit', 'local', true)",
};

static enum status fail(struct pg_transaction *transaction, enum status status)
{
    transaction->owner->connection.pg->statistics.errors++;
    if (transaction->failure == STATUS_OK)
        transaction->failure = status;
    return status;
}

static enum status fail_lost(struct pg_transaction *transaction)
{
    transaction->lost = true;
    return fail(transaction, STATUS_UNAVAILABLE);
}

/* The connection may be up again, but it is not the one that knows this transaction. */
static bool is_gone(const struct pg_transaction *transaction)
{
    const struct connection *connection = &transaction->owner->connection;
    return connection->state != LINK_UP || connection->epoch != transaction->epoch;
}

struct transaction_kind {
    bool serializable, unsettled;
};

static enum status begin(struct pg *pg, struct cancel *cancel, struct transaction_kind kind,
                         struct pg_transaction **ret_transaction)
{
    struct transaction_connection *owner = NULL;
    struct fair_ticket settled = {0}, place = {0};
    assert(fiber_self());
    enum status status = cancel_status(cancel);
    if (status == STATUS_OK && pg->pool.up == 0)
        status = STATUS_UNAVAILABLE;
    if (status == STATUS_OK && !kind.unsettled)
        status = fair_wait(&pg->pool.settled, cancel, pg->line_ms, &settled);
    if (status == STATUS_OK)
        status = fair_wait(&pg->pool.fair, cancel, pg->line_ms, &place);
    if (status == STATUS_OK)
        status = pool_take(pg, cancel, &owner);
    if (status != STATUS_OK) {
        fair_leave(&pg->pool.settled, &settled);
        fair_leave(&pg->pool.fair, &place);
        pg->statistics.errors++;
        return status;
    }
    pg->statistics.transactions++;
    owner->transaction = (struct pg_transaction){
        .owner = owner,
        .settled = settled,
        .place = place,
        .cancel = cancel,
        .epoch = owner->connection.epoch,
        .serializable = kind.serializable,
        .unsettled = kind.unsettled,
    };
    *ret_transaction = &owner->transaction;
    return STATUS_OK;
}

enum status pg_begin(struct pg *pg, struct cancel *cancel, bool serializable,
                     struct pg_transaction **ret_transaction)
{
    return begin(pg, cancel, (struct transaction_kind){.serializable = serializable},
                 ret_transaction);
}

/* BEGIN and the time limit go ahead of the first statement, in its packet: a transaction costs no round
 * trip of its own but COMMIT's. */
static bool send_begin(struct pg_transaction *transaction)
{
    struct connection *connection = &transaction->owner->connection;
    struct request *request = &transaction->request;
    const struct cancel *cancel = transaction->cancel;
    int64_t left_ms = cancel ? deadline_left_ms(cancel->deadline_us) : INT64_MAX;
    char text[24] = "0"; /* no limit */
    if (left_ms <= INT_MAX)
        snprintf(text, sizeof(text), "%lld", (long long)(left_ms > 0 ? left_ms : 1));
    struct pg_param limit = pg_str(text);
    const struct pg_statement *begin =
        transaction->serializable ? &begin_serializable_statement : &begin_statement;
    transaction->begun = true;
    /* BEGIN first: once a query ran it could not choose the isolation. */
    return connection_send_before(connection, request, begin, NULL, 0) &&
           connection_begin(connection, request) &&
           connection_send_before(connection, request, &limit_statement, &limit, 1);
}

static void request_prepare(struct request *request, const struct pg_statement *statement,
                            const struct pg_param *params, size_t param_count)
{
    request_reset(request);
    request->done = (struct fiber_event){0};
    request->statement = statement;
    request->params = params;
    request->param_count = param_count;
}

static void note_constraint(struct pg_transaction *transaction)
{
    const PGresult *error = transaction->request.error;
    const char *name = error ? PQresultErrorField(error, PG_DIAG_CONSTRAINT_NAME) : NULL;
    snprintf(transaction->constraint, sizeof(transaction->constraint), "%s", name ? name : "");
}

/* After the Sync: what became of it. */
static enum status outcome(struct pg_transaction *transaction)
{
    struct request *request = &transaction->request;
    if (request->outcome != REQUEST_ANSWERED)
        return fail_lost(transaction);
    if (!request->error)
        return STATUS_OK;
    const char *sqlstate = request_sqlstate(request);
    if (error_is_loss(request->error) || sqlstate_is_read_only(sqlstate))
        return fail_lost(transaction);
    /* 26000, 42P05: what is prepared there is not what was thought. The whole is run again, as after a change of tables. */
    if (sqlstate_is_stale_plan(request->error) || strcmp(sqlstate, "26000") == 0 ||
        strcmp(sqlstate, "42P05") == 0)
        return fail(transaction, STATUS_ABORTED);
    note_constraint(transaction);
    transaction->lacks_room = sqlstate_is_no_room(sqlstate);
    return fail(transaction, sqlstate_status(sqlstate, transaction->cancel));
}

static enum status execute(struct pg_transaction *transaction, const struct pg_statement *statement,
                           const struct pg_param *params, size_t param_count,
                           struct pg_result **ret_result)
{
    struct connection *connection = &transaction->owner->connection;
    struct request *request = &transaction->request;
    transaction->constraint[0] = '\0';
    enum status status = cancel_status(transaction->cancel);
    if (status == STATUS_OK)
        status = params_check(params, param_count);
    if (status != STATUS_OK)
        return fail(transaction, status);
    if (is_gone(transaction))
        return fail_lost(transaction);

    request_prepare(request, statement, params, param_count);
    bool sent = transaction->begun || send_begin(transaction);
    if (!sent || !connection_send(connection, request) || !connection_sync(connection, request))
        return fail_lost(transaction);
    status = fiber_event_wait_cancel(&request->done, transaction->cancel);
    if (status != STATUS_OK) {
        transaction->in_flight = true;
        return fail(transaction, status);
    }
    status = outcome(transaction);
    if (status != STATUS_OK)
        return status;
    PGresult *result = request->result;
    request->result = NULL;
    status = result_new(result, ret_result);
    return status == STATUS_OK ? status : fail(transaction, status);
}

enum status pg_execute(struct pg_transaction *transaction, const struct pg_statement *statement,
                       const struct pg_param *params, size_t param_count,
                       struct pg_result **ret_result)
{
    int64_t started_us = clock_monotonic_us();
    if (transaction->failure != STATUS_OK)
        return transaction->failure;
    enum status status = execute(transaction, statement, params, param_count, ret_result);
    pg_ended(transaction->owner->connection.pg, statement, transaction->cancel, started_us, status);
    return status;
}

void pg_rollback(struct pg_transaction *transaction)
{
    struct transaction_connection *owner = transaction->owner;
    struct connection *connection = &owner->connection;
    if (is_gone(transaction) || !transaction->begun) {
        pool_give(owner);
        return;
    }
    request_prepare(&owner->rollback, &rollback_statement, NULL, 0);
    /* Set before sending: a loss while sending answers it at once. */
    owner->ending = &owner->rollback;
    owner->ended = false;
    if (!connection_send(connection, &owner->rollback) ||
        !connection_sync(connection, &owner->rollback)) {
        if (owner->ending)
            pool_give(owner);
        return;
    }
    int64_t cancel_after_ms = -1;
    if (transaction->in_flight)
        cancel_after_ms = transaction->failure == STATUS_CANCELLED ? 0 : PG_CANCEL_GRACE_MS;
    pool_give_after(owner, &owner->rollback, cancel_after_ms);
}

/* `undo`: without what the body did. */
static bool send_end(struct pg_transaction *transaction, bool undo)
{
    struct connection *connection = &transaction->owner->connection;
    struct request *request = &transaction->request;
    request_prepare(request, &commit_statement, NULL, 0);
    return (!undo || connection_send_before(connection, request, &undo_statement, NULL, 0)) &&
           (!transaction->settles ||
            connection_send_before(connection, request, &settle_statement, NULL, 0)) &&
           (!transaction->unsettled ||
            connection_send_before(connection, request, &unsettle_statement, NULL, 0)) &&
           connection_send(connection, request);
}

struct ending {
    bool lost;       /* the connection went before COMMIT was sent, so nothing was committed */
    bool lacks_room; /* the server had none for what was to be stored */
};

static enum status send_commit(struct pg_transaction *transaction, bool undo,
                               struct ending *ret_ending)
{
    struct transaction_connection *owner = transaction->owner;
    struct connection *connection = &owner->connection;
    struct request *request = &transaction->request;
    if (!transaction->begun) {
        pool_give(owner);
        return STATUS_OK;
    }
    enum status status = cancel_status(transaction->cancel);
    if (status != STATUS_OK) {
        pg_rollback(transaction);
        return status;
    }
    if (is_gone(transaction) || !send_end(transaction, undo)) {
        ret_ending->lost = true;
        pool_give(owner);
        return STATUS_UNAVAILABLE;
    }
    if (!connection_sync(connection, request)) {
        pool_give(owner);
        return STATUS_UNAVAILABLE;
    }
    /* A cancellation comes too late: the outcome is worth the wait, unless it is all that can end it. The deadline is not negotiable. */
    struct cancel *cancel = transaction->cancel;
    int64_t deadline_us = cancel ? cancel->deadline_us : DEADLINE_NONE;
    status = cancel && deadline_us == DEADLINE_NONE
                 ? fiber_event_wait_cancel(&request->done, cancel)
                 : fiber_event_wait(&request->done, deadline_us);
    if (status != STATUS_OK) {
        pool_give_when_over(owner, request);
        return fail(transaction, status);
    }
    status = outcome(transaction);
    /* COMMIT of a transaction that failed unseen answers ROLLBACK, without an error. */
    if (status == STATUS_OK && strcmp(PQcmdStatus(request->result), "COMMIT") != 0)
        status = fail(transaction, STATUS_ABORTED);
    ret_ending->lacks_room = transaction->lacks_room;
    pool_give(owner);
    return status;
}

static enum status commit(struct pg_transaction *transaction, bool undo, struct ending *ret_ending)
{
    struct pg *pg = transaction->owner->connection.pg;
    const struct cancel *cancel = transaction->cancel;
    int64_t started_us = clock_monotonic_us();
    bool begun = transaction->begun;
    enum status status =
        send_commit(transaction, undo, ret_ending); /* which gives the transaction back */
    if (begun)
        pg_ended(pg, &commit_statement, cancel, started_us, status);
    return status;
}

enum status pg_commit(struct pg_transaction *transaction)
{
    enum status failure = transaction->failure;
    struct ending ending;
    if (failure == STATUS_OK)
        return commit(transaction, false, &ending);
    pg_rollback(transaction);
    return failure;
}

/* A refusal that says how things are, as "it is not there" to who wants it gone. */
static bool is_acknowledgement(const struct pg_transaction *transaction, enum status status)
{
    return transaction->settles && !transaction->lost && !transaction->in_flight &&
           (status == STATUS_NOT_FOUND || status == STATUS_ALREADY_EXISTS ||
            status == STATUS_FAILED_PRECONDITION);
}

void pg_settle(struct pg_transaction *transaction)
{
    transaction->settles = true;
}

/* One try; `ret_again` when the whole may be run again. */
static enum status transact_once(struct pg *pg, struct cancel *cancel, struct transaction_kind kind,
                                 enum status (*body)(struct pg_transaction *transaction, void *arg),
                                 void *arg, bool *ret_again)
{
    struct pg_transaction *transaction;
    pg->lacks_room = false;
    enum status status = begin(pg, cancel, kind, &transaction);
    if (status != STATUS_OK)
        return status;
    status = body(transaction, arg);
    enum status failure = transaction->failure;
    struct ending ending = {transaction->lost, transaction->lacks_room};
    if (status == STATUS_OK && failure == STATUS_OK) {
        status = commit(transaction, false, &ending);
        failure = status;
    } else if (is_acknowledgement(transaction, status)) {
        failure = commit(transaction, true, &ending);
        status = failure == STATUS_OK ? status : failure;
    } else {
        pg_rollback(transaction);
        status = status == STATUS_OK ? failure : status;
    }
    *ret_again = failure == STATUS_ABORTED || ending.lost;
    pg->lacks_room = status == STATUS_INTERNAL && ending.lacks_room;
    return pg->lacks_room && pg->full_is_away ? STATUS_UNAVAILABLE : status;
}

static enum status transact(struct pg *pg, struct cancel *cancel, struct transaction_kind kind,
                            enum status (*body)(struct pg_transaction *transaction, void *arg),
                            void *arg)
{
    for (int try = 1;; try++) {
        bool again = false;
        enum status status = transact_once(pg, cancel, kind, body, arg, &again);
        if (status == STATUS_OK || !again || try == PG_TRANSACTION_TRIES)
            return status;
        /* Two that met once would meet again: each waits for another while. */
        int64_t wait_ms = 1 + (int64_t)pg_random(pg, (uint64_t)RETRY_MS_FIRST << try);
        int64_t left_ms = cancel ? deadline_left_ms(cancel->deadline_us) : INT64_MAX;
        if ((cancel && cancel->cancelled) || left_ms <= wait_ms)
            return status;
        pg->statistics.transaction_retries++;
        fiber_sleep_ms(wait_ms);
    }
}

enum status pg_transact(struct pg *pg, struct cancel *cancel, bool serializable,
                        enum status (*body)(struct pg_transaction *transaction, void *arg),
                        void *arg)
{
    return transact(pg, cancel, (struct transaction_kind){.serializable = serializable}, body, arg);
}

enum status
pg_transact_unsettled(struct pg *pg, struct cancel *cancel,
                      enum status (*body)(struct pg_transaction *transaction, void *arg), void *arg)
{
    return transact(pg, cancel, (struct transaction_kind){.unsettled = true}, body, arg);
}

enum status pg_apply(struct pg_transaction *transaction, const struct pg_statement *statement,
                     const struct pg_param *params, size_t param_count, size_t *ret_affected)
{
    struct pg_result *result;
    enum status status = pg_execute(transaction, statement, params, param_count, &result);
    if (status != STATUS_OK)
        return status;
    if (ret_affected)
        *ret_affected = pg_affected(result);
    pg_result_free(result);
    return STATUS_OK;
}

struct write {
    const struct pg_statement *statement;
    const struct pg_param *params;
    size_t param_count;
    size_t affected;
};

static enum status run_write(struct pg_transaction *transaction, void *arg)
{
    struct write *write = arg;
    return pg_apply(transaction, write->statement, write->params, write->param_count,
                    &write->affected);
}

enum status pg_write(struct pg *pg, struct cancel *cancel, const struct pg_statement *statement,
                     const struct pg_param *params, size_t param_count, size_t *ret_affected)
{
    struct write write = {statement, params, param_count, 0};
    enum status status = pg_transact(pg, cancel, false, run_write, &write);
    if (status == STATUS_OK && ret_affected)
        *ret_affected = write.affected;
    return status;
}

enum status pg_note(struct pg *pg, struct cancel *cancel, const struct pg_statement *statement,
                    const struct pg_param *params, size_t param_count, size_t *ret_affected)
{
    struct write write = {statement, params, param_count, 0};
    enum status status = pg_transact_unsettled(pg, cancel, run_write, &write);
    if (status == STATUS_OK && ret_affected)
        *ret_affected = write.affected;
    return status;
}

bool pg_lacks_room(const struct pg *pg)
{
    return pg->lacks_room;
}

const char *pg_constraint(const struct pg_transaction *transaction)
{
    return transaction->constraint;
}
