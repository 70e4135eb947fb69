#include "shared/pg/pg.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "shared/base/clock.h"
#include "shared/pg/connect.h"
#include "shared/pg/internal.h"

#define SETTINGS_OF_KIND_MAX 8

#define TEXT(number) #number
#define MILLISECONDS(number) TEXT(number) "ms"

/* What every session is, and what its kind adds (a program's own settings come after and count more).
 * client_connection_check_interval makes a long query end when its connection was dropped. */
static const struct pg_setting settings_of_kind[KIND_COUNT][SETTINGS_OF_KIND_MAX] = {
#define ALL                                                                                        \
    {"bytea_output", "hex"}, {"datestyle", "ISO"}, {"timezone", "UTC"},                            \
        {"client_connection_check_interval", "1s"}, {"idle_in_transaction_session_timeout", "5s"}, \
    {                                                                                              \
        "lock_timeout", MILLISECONDS(PG_LOCK_TIMEOUT_MS)                                           \
    }
    [KIND_READ] = {ALL,
                   {"default_transaction_read_only", "on"},
                   {"statement_timeout", MILLISECONDS(PG_POINT_READ_TIMEOUT_MS)}},
    [KIND_LONG_READ] = {ALL,
                        {"default_transaction_read_only", "on"},
                        {"statement_timeout", MILLISECONDS(PG_LONG_READ_TIMEOUT_MS)}},
    [KIND_TRANSACTION] = {ALL},
    [KIND_LISTEN] = {ALL, {"default_transaction_read_only", "on"}},
#undef ALL
};

void pg_hold(struct pg *pg)
{
    pg->users++;
}

void pg_release(struct pg *pg)
{
    if (--pg->users > 0)
        return;
    free(pg->lanes[PG_POINT_READ].connections);
    free(pg->lanes[PG_LONG_READ].connections);
    free(pg->pool.connections);
    for (size_t i = 0; i < KIND_COUNT; i++)
        session_settings_done(&pg->settings[i]);
    connect_hosts_done(&pg->hosts);
    free(pg->conninfo);
    buffer_done(&pg->scratch);
    free(pg);
}

void pg_note_error(struct pg *pg, const char *text)
{
    size_t len = strcspn(text, "\n");
    if (len == 0)
        return;
    if (len >= sizeof(pg->error))
        len = sizeof(pg->error) - 1;
    memcpy(pg->error, text, len);
    pg->error[len] = '\0';
}

struct ready_waiter {
    struct list node;
    struct fiber_event ready;
};

static void wake_waiters(struct pg *pg)
{
    for (struct list *node; (node = list_pop(&pg->ready_waiters));)
        fiber_event_signal(&LIST_ENTRY(node, struct ready_waiter, node)->ready);
}

void pg_refuse(struct pg *pg, const char *text)
{
    snprintf(pg->refusal, sizeof(pg->refusal), "%s", text);
    wake_waiters(pg);
}

/* xorshift64: https://www.jstatsoft.org/article/view/v008i14 */
uint64_t pg_random(struct pg *pg, uint64_t below)
{
    uint64_t x = pg->random_state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    pg->random_state = x;
    return x % below;
}

static void on_turn_end(struct fibers_hook *hook)
{
    struct pg *pg = LIST_ENTRY(hook, struct pg, hook);
    lane_flush(&pg->lanes[PG_POINT_READ]);
    lane_flush(&pg->lanes[PG_LONG_READ]);
}

static enum status options_fill(struct pg *pg, const struct pg_options *options,
                                struct fault *fault)
{
    enum status status = connect_inspect(options->conninfo, &pg->hosts, fault);
    if (status != STATUS_OK)
        return status;
    pg->conninfo = strdup(options->conninfo);
    if (!pg->conninfo)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    for (size_t i = 0; i < KIND_COUNT && status == STATUS_OK; i++) {
        size_t count = 0;
        while (count < SETTINGS_OF_KIND_MAX && settings_of_kind[i][count].name)
            count++;
        status = session_settings_init(&pg->settings[i], settings_of_kind[i], count,
                                       options->settings, options->setting_count);
    }
    return status == STATUS_OK ? status
                               : fault_set(fault, status, NULL, "a setting of the session");
}

static size_t or_default(size_t value, size_t otherwise)
{
    return value > 0 ? value : otherwise;
}

static enum status shares_init(struct pg *pg, size_t long_reads, size_t transactions)
{
    const struct fair_limits of_reads = {
        .places = long_reads * PG_LONG_READS_PER_CONNECTION,
        .places_per_user = long_reads * PG_LONG_READS_PER_USER_PER_CONNECTION,
        .waiting = pg->waiting_max,
        .waiting_per_user = pg->waiting_max / PG_LINES,
    };
    const struct fair_limits of_transactions = {
        .places = transactions,
        .places_per_user = (transactions + PG_USERS_PER_POOL - 1) / PG_USERS_PER_POOL,
        .waiting = pg->waiting_max,
        .waiting_per_user = pg->waiting_max / PG_LINES,
    };
    enum status status = fair_init(&pg->long_reads, &of_reads);
    return status == STATUS_OK ? fair_init(&pg->pool.fair, &of_transactions) : status;
}

static enum status connections_open(struct pg *pg, const struct pg_options *options)
{
    size_t reads = or_default(options->read_max, PG_READ_MAX_DEFAULT);
    size_t long_reads = or_default(options->long_read_max, PG_LONG_READ_MAX_DEFAULT);
    size_t transactions = or_default(options->transaction_max, PG_TRANSACTION_MAX_DEFAULT);
    if (reads > PG_CONNECTIONS_MAX || long_reads > PG_CONNECTIONS_MAX ||
        transactions > PG_CONNECTIONS_MAX)
        return STATUS_INVALID_ARGUMENT;
    enum status status = shares_init(pg, long_reads, transactions);
    if (status == STATUS_OK)
        status = lane_open(&pg->lanes[PG_POINT_READ], pg, KIND_READ, reads);
    if (status == STATUS_OK)
        status = lane_open(&pg->lanes[PG_LONG_READ], pg, KIND_LONG_READ, long_reads);
    if (status == STATUS_OK)
        status = pool_open(&pg->pool, pg, transactions);
    return status;
}

enum status pg_new(struct fibers *fibers, const struct pg_options *options, struct pg **ret_pg,
                   struct fault *fault)
{
    struct pg *pg = calloc(1, sizeof(*pg));
    if (!pg)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    pg->fibers = fibers;
    pg->schema = options->schema;
    pg->troubles.tell = options->on_trouble;
    pg->troubles.arg = options->arg;
    pg->on_statement = options->on_statement;
    pg->arg = options->arg;
    pg->users = 1;
    pg->waiting_max = or_default(options->waiting_max, PG_WAITING_MAX_DEFAULT);
    pg->connect_timeout_ms = options->connect_timeout_ms > 0 ? options->connect_timeout_ms
                                                             : PG_CONNECT_TIMEOUT_MS_DEFAULT;
    pg->line_ms = options->line_ms > 0 ? options->line_ms : PG_LINE_MS_DEFAULT;
    buffer_init(&pg->scratch, PG_PARAM_BYTES_MAX + PG_PARAMS_MAX);
    list_init(&pg->ready_waiters);
    list_init(&pg->to_cancel);
    list_init(&pg->pool.idle);
    list_init(&pg->pool.waiters);
    for (size_t i = 0; i < 2; i++) {
        list_init(&pg->lanes[i].queued);
        list_init(&pg->lanes[i].alone);
    }
    if (getrandom(&pg->random_state, sizeof(pg->random_state), 0) < 0 || pg->random_state == 0)
        pg->random_state = (uint64_t)clock_monotonic_us() | 1;
    pg->hook.run = on_turn_end;
    fibers_hook_add(fibers, &pg->hook);
    enum status status = options_fill(pg, options, fault);
    if (status == STATUS_OK) {
        status = connections_open(pg, options);
        if (status != STATUS_OK)
            (void)fault_set(fault, status, NULL, "too many connections, or no memory for them");
    }
    if (status != STATUS_OK) {
        pg_free(pg);
        return status;
    }
    *ret_pg = pg;
    return STATUS_OK;
}

struct pg *pg_free(struct pg *pg)
{
    if (!pg)
        return NULL;
    assert(list_empty(&pg->ready_waiters) && list_empty(&pg->pool.waiters));
    fibers_hook_remove(&pg->hook);
    lane_close(&pg->lanes[PG_POINT_READ]);
    lane_close(&pg->lanes[PG_LONG_READ]);
    pool_close(&pg->pool);
    pg_release(pg);
    return NULL;
}

bool pg_is_ready(const struct pg *pg)
{
    return pg->lanes[PG_POINT_READ].up > 0 && pg->lanes[PG_LONG_READ].up > 0 && pg->pool.up > 0;
}

void pg_came_up(struct pg *pg)
{
    if (pg_is_ready(pg))
        wake_waiters(pg);
}

enum status pg_wait_ready(struct pg *pg, struct cancel *cancel)
{
    while (!pg_is_ready(pg)) {
        if (pg->refusal[0])
            return STATUS_FAILED_PRECONDITION;
        struct ready_waiter waiter = {.ready = {0}};
        list_append(&pg->ready_waiters, &waiter.node);
        enum status status = fiber_event_wait_cancel(&waiter.ready, cancel);
        list_remove(&waiter.node);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

void pg_ended(const struct pg *pg, const struct pg_statement *statement,
              const struct cancel *cancel, int64_t started_us, enum status status)
{
    if (!pg->on_statement)
        return;
    const struct pg_ended ended = {statement, cancel, started_us, clock_monotonic_us() - started_us,
                                   status};
    pg->on_statement(pg->arg, &ended);
}

struct fibers *pg_fibers(const struct pg *pg)
{
    return pg->fibers;
}

const char *pg_refusal(const struct pg *pg)
{
    return pg->refusal;
}

const char *pg_last_error(const struct pg *pg)
{
    return pg->error;
}

const char *pg_pool_name(enum pg_pool pool)
{
    static const char *const names[PG_POOLS] = {"read", "long_read", "transaction"};
    return names[pool];
}

static void lane_statistics(const struct lane *lane, struct pg_pool_statistics *ret)
{
    *ret = (struct pg_pool_statistics){
        .connections_max = lane->count, .up = lane->up, .waiting = lane->waiting};
    for (size_t i = 0; i < lane->count; i++)
        ret->in_use += connection_in_flight(&lane->connections[i].connection) > 0;
}

static void pool_statistics(const struct pool *pool, struct pg_pool_statistics *ret)
{
    *ret = (struct pg_pool_statistics){.connections_max = pool->count,
                                       .up = pool->up,
                                       .waiting = pool->waiting + pool->fair.waiting};
    for (size_t i = 0; i < pool->count; i++)
        ret->in_use += pool->connections[i].owned;
}

void pg_statistics(const struct pg *pg, struct pg_statistics *ret_statistics)
{
    struct pg_statistics statistics = pg->statistics;
    lane_statistics(&pg->lanes[PG_POINT_READ], &statistics.pools[PG_POOL_READ]);
    lane_statistics(&pg->lanes[PG_LONG_READ], &statistics.pools[PG_POOL_LONG_READ]);
    statistics.pools[PG_POOL_LONG_READ].waiting += pg->long_reads.waiting;
    pool_statistics(&pg->pool, &statistics.pools[PG_POOL_TRANSACTION]);
    statistics.waiting =
        pg->lanes[PG_POINT_READ].waiting + pg->lanes[PG_LONG_READ].waiting + pg->pool.waiting;
    *ret_statistics = statistics;
}
