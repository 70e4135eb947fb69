/* The connections of transactions: one fiber at a time, first come first served. */
#include <assert.h>
#include <stdlib.h>

#include "shared/pg/internal.h"

/* On the stack of the fiber that waits. */
struct pool_waiter {
    struct list node;
    struct fiber_event done;
    struct transaction_connection *granted; /* NULL: none is up any more */
};

static struct transaction_connection *owner_of(struct connection *connection)
{
    return (struct transaction_connection *)(void *)connection;
}

static void waiter_answer(struct pool *pool, struct list *node,
                          struct transaction_connection *granted)
{
    struct pool_waiter *waiter = LIST_ENTRY(node, struct pool_waiter, node);
    list_remove(node);
    pool->waiting--;
    waiter->granted = granted;
    fiber_event_signal(&waiter->done);
}

/* To whoever waited longest, so that nobody overtakes. */
static void pass_on(struct transaction_connection *owner)
{
    struct pool *pool = &owner->connection.pg->pool;
    struct list *node = list_first(&pool->waiters);
    owner->owned = node != NULL;
    if (node)
        waiter_answer(pool, node, owner);
    else
        list_append(&pool->idle, &owner->idle);
}

static void leave_line(struct transaction_connection *owner)
{
    struct pool *pool = &owner->connection.pg->pool;
    fair_leave(&pool->settled, &owner->transaction.settled);
    fair_leave(&pool->fair, &owner->transaction.place);
}

void pool_give(struct transaction_connection *owner)
{
    struct connection *connection = &owner->connection;
    request_reset(&owner->rollback);
    request_reset(&owner->transaction.request);
    owner->ending = NULL;
    owner->owned = false;
    leave_line(owner);
    if (connection->state != LINK_UP)
        return; /* on_up will find it free */
    connection_watchdog_off(connection);
    if (PQtransactionStatus(connection->conn) == PQTRANS_IDLE)
        pass_on(owner);
    else
        connection_drop(connection, "transaction did not end");
}

/* A Cancel under way could hit the next owner's statement. */
static void give_when_over(struct transaction_connection *owner)
{
    if (owner->ending && owner->ended && !owner->connection.cancelling)
        pool_give(owner);
}

static void on_stuck(struct connection *connection)
{
    connection_drop(connection, "no answer to the end of a transaction");
}

static void on_grace_over(struct connection *connection)
{
    if (connection_cancel(connection))
        connection_watchdog(connection, PG_DROP_GRACE_MS, on_stuck);
    else
        on_stuck(connection);
}

void pool_give_when_over(struct transaction_connection *owner, struct request *request)
{
    owner->ending = request;
    owner->ended = false;
}

void pool_give_after(struct transaction_connection *owner, struct request *request,
                     int64_t cancel_after_ms)
{
    struct connection *connection = &owner->connection;
    pool_give_when_over(owner, request);
    if (cancel_after_ms < 0)
        connection_watchdog(connection, PG_DROP_GRACE_MS, on_stuck);
    else if (cancel_after_ms == 0)
        on_grace_over(connection);
    else
        connection_watchdog(connection, cancel_after_ms, on_grace_over);
}

static void on_up(struct connection *connection)
{
    struct transaction_connection *owner = owner_of(connection);
    struct pg *pg = connection->pg;
    pg->pool.up++;
    if (!owner->owned)
        pass_on(owner);
    pg_came_up(pg);
}

static void on_down(struct connection *connection, bool was_up)
{
    struct pool *pool = &connection->pg->pool;
    struct transaction_connection *owner = owner_of(connection);
    list_remove(&owner->idle);
    pool->up -= was_up;
    give_when_over(owner); /* whose Cancel was all that was left */
    if (pool->up > 0)
        return;
    for (struct list *node; (node = list_first(&pool->waiters));)
        waiter_answer(pool, node, NULL);
}

static void on_executed(struct connection *connection, struct request *request)
{
    (void)connection; /* an answer counts when its Sync is back */
    (void)request;
}

static void on_synced(struct connection *connection, struct request *request)
{
    struct transaction_connection *owner = owner_of(connection);
    if (request == owner->ending) {
        owner->ended = true;
        give_when_over(owner);
    } else {
        fiber_event_signal(&request->done);
    }
}

static void on_cancelled(struct connection *connection)
{
    give_when_over(owner_of(connection));
}

static void on_closed(struct connection *connection)
{
    pg_release(connection->pg);
}

static const struct connection_class transaction_class = {
    .application_name = "pek transaction",
    .writes = true,
    .on_up = on_up,
    .on_down = on_down,
    .on_executed = on_executed,
    .on_synced = on_synced,
    .on_cancelled = on_cancelled,
    .on_closed = on_closed,
};

enum status pool_open(struct pool *pool, struct pg *pg, size_t count)
{
    pool->connections = calloc(count, sizeof(*pool->connections));
    if (!pool->connections)
        return STATUS_RESOURCE_EXHAUSTED;
    for (; pool->count < count; pool->count++) {
        struct transaction_connection *owner = &pool->connections[pool->count];
        list_init(&owner->idle);
        enum status status = connection_open(&owner->connection, pg, PG_PRIMARY, &transaction_class,
                                             &pg->settings[KIND_TRANSACTION]);
        if (status != STATUS_OK)
            return status;
        pg_hold(pg);
    }
    return STATUS_OK;
}

void pool_close(struct pool *pool)
{
    for (size_t i = 0; i < pool->count; i++) {
        struct transaction_connection *owner = &pool->connections[i];
        owner->ending = NULL;
        leave_line(owner);
        connection_close(&owner->connection);
        request_reset(&owner->rollback);
        request_reset(&owner->transaction.request);
    }
}

enum status pool_take(struct pg *pg, struct cancel *cancel,
                      struct transaction_connection **ret_owner)
{
    struct pool *pool = &pg->pool;
    if (pool->up == 0)
        return STATUS_UNAVAILABLE;
    struct list *node = list_pop(&pool->idle);
    if (node) {
        struct transaction_connection *owner =
            LIST_ENTRY(node, struct transaction_connection, idle);
        owner->owned = true;
        *ret_owner = owner;
        return STATUS_OK;
    }
    if (pool->waiting >= pg->waiting_max)
        return STATUS_RESOURCE_EXHAUSTED;
    struct pool_waiter waiter = {.granted = NULL};
    list_append(&pool->waiters, &waiter.node);
    pool->waiting++;
    enum status status = fiber_event_wait_cancel(&waiter.done, cancel);
    if (status != STATUS_OK) {
        list_remove(&waiter.node);
        pool->waiting--;
        /* All are busy: that says nothing of the server. */
        return status == STATUS_DEADLINE_EXCEEDED ? STATUS_RESOURCE_EXHAUSTED : status;
    }
    if (!waiter.granted)
        return STATUS_UNAVAILABLE;
    *ret_owner = waiter.granted;
    return STATUS_OK;
}
