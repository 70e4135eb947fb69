#include "shared/pg/pg.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "shared/base/clock.h"
#include "shared/pg/connect.h"
#include "shared/pg/internal.h"

#define SETTINGS_OF_KIND_MAX 12

#define TEXT(number) #number
#define MILLISECONDS(number) TEXT(number) "ms"

/* What every session is, and what its kind adds (a program's own settings come after and count more). Made in a transaction,
 * transaction_read_only is what counts. A plan is made once, and for all values: what tests read is what runs, and no value or
 * statistic brings one that reads a whole table, as five plans for values do, each of which takes longer than most statements.
 * The same is true of compiling one (jit), which PostgreSQL does for what it thinks dear.
 * client_connection_check_interval makes a long query end when its connection was dropped. */
static const struct pg_setting settings_of_kind[KIND_COUNT][SETTINGS_OF_KIND_MAX] = {
#define ALL                                                                                        \
    {"bytea_output", "hex"}, {"datestyle", "ISO"}, {"timezone", "UTC"},                            \
        {"plan_cache_mode", "force_generic_plan"}, {"jit", "off"},                                 \
        {"client_connection_check_interval", "1s"}, {"idle_in_transaction_session_timeout", "5s"}, \
    {                                                                                              \
        "lock_timeout", MILLISECONDS(PG_LOCK_TIMEOUT_MS)                                           \
    }
    [KIND_READ] = {ALL,
                   {"default_transaction_read_only", "on"},
                   {"transaction_read_only", "on"},
                   {"statement_timeout", MILLISECONDS(PG_POINT_READ_TIMEOUT_MS)}},
    [KIND_LONG_READ] = {ALL,
                        {"default_transaction_read_only", "on"},
                        {"transaction_read_only", "on"},
                        {"statement_timeout", MILLISECONDS(PG_LONG_READ_TIMEOUT_MS)}},
    [KIND_TRANSACTION] = {ALL},
    [KIND_LISTEN] = {ALL, {"default_transaction_read_only", "on"}},
#undef ALL
};

struct pg *pg_whole(struct pg *pg)
{
    return pg->pooled ? pg->pooled : pg;
}

void pg_hold(struct pg *pg)
{
    pg->users++;
}

void pg_release(struct pg *pg)
{
    if (--pg->users > 0)
        return;
    for (size_t i = 0; i < PG_ROLES; i++) {
        for (size_t j = 0; j < PG_LANES; j++)
            free(pg->lanes[i][j].connections);
        connect_hosts_done(&pg->servers[i].hosts);
        free(pg->servers[i].conninfo);
    }
    free(pg->pool.connections);
    for (size_t i = 0; i < KIND_COUNT; i++)
        session_settings_done(&pg->settings[i]);
    buffer_done(&pg->scratch);
    if (pg->pooled)
        pg_release(pg->pooled);
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
    for (size_t i = 0; i < PG_ROLES; i++)
        for (size_t j = 0; j < PG_LANES; j++)
            lane_flush(&pg->lanes[i][j]);
}

static void server_init(struct server *server, struct pg *pg, enum pg_role role)
{
    *server = (struct server){.pg = pg, .role = role, .away_us = clock_monotonic_us()};
    list_init(&server->connections);
    list_init(&server->peers);
}

static enum status server_find(struct server *server, const char *conninfo, struct fault *fault)
{
    if (!conninfo || (server->role == PG_STANDBY && conninfo[0] == '\0'))
        return STATUS_OK;
    PEK_TRY(connect_inspect(conninfo, server->role, &server->hosts, fault));
    server->conninfo = strdup(conninfo);
    return server->conninfo ? STATUS_OK
                            : fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
}

static enum status options_fill(struct pg *pg, const struct pg_options *options,
                                struct fault *fault)
{
    PEK_TRY(server_find(&pg->servers[PG_PRIMARY], options->conninfo, fault));
    PEK_TRY(server_find(&pg->servers[PG_STANDBY], options->standby_conninfo, fault));
    enum status status = STATUS_OK;
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
    struct fair_limits of_transactions = {
        .places = transactions,
        .places_per_user = (transactions + PG_USERS_PER_POOL - 1) / PG_USERS_PER_POOL,
        .waiting = pg->waiting_max,
        .waiting_per_user = pg->waiting_max / PG_LINES,
    };
    enum status status = fair_init(&pg->long_reads, &of_reads);
    if (status == STATUS_OK)
        status = fair_init(&pg->pool.fair, &of_transactions);
    if (transactions > PG_UNSETTLED_KEPT)
        of_transactions.places -= PG_UNSETTLED_KEPT;
    return status == STATUS_OK ? fair_init(&pg->pool.settled, &of_transactions) : status;
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
    for (size_t i = 0; i < PG_ROLES && status == STATUS_OK && pg->servers[i].conninfo; i++) {
        status = lane_open(&pg->lanes[i][PG_POINT_READ], pg, i, KIND_READ, reads);
        if (status == STATUS_OK)
            status = lane_open(&pg->lanes[i][PG_LONG_READ], pg, i, KIND_LONG_READ, long_reads);
    }
    if (status == STATUS_OK)
        status = pool_open(&pg->pool, pg, transactions);
    return status;
}

/* Without connections. */
static enum status make(struct fibers *fibers, const struct pg_options *options, struct pg **ret_pg,
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
    pg->full_is_away = options->full_is_away;
    pg->waiting_max = or_default(options->waiting_max, PG_WAITING_MAX_DEFAULT);
    pg->connect_timeout_ms = options->connect_timeout_ms > 0 ? options->connect_timeout_ms
                                                             : PG_CONNECT_TIMEOUT_MS_DEFAULT;
    pg->line_ms = options->line_ms > 0 ? options->line_ms : PG_LINE_MS_DEFAULT;
    pg->standby_alone_ms =
        options->standby_alone_ms > 0 ? options->standby_alone_ms : PG_STANDBY_ALONE_MS_DEFAULT;
    pg->standby_age_ms =
        options->standby_age_ms > 0 ? options->standby_age_ms : PG_STANDBY_AGE_MS_DEFAULT;
    buffer_init(&pg->scratch, PG_PARAM_BYTES_MAX + PG_PARAMS_MAX);
    list_init(&pg->ready_waiters);
    list_init(&pg->pool.idle);
    list_init(&pg->pool.waiters);
    for (size_t i = 0; i < PG_ROLES; i++) {
        server_init(&pg->servers[i], pg, i);
        for (size_t j = 0; j < PG_LANES; j++) {
            list_init(&pg->lanes[i][j].queued);
            list_init(&pg->lanes[i][j].alone);
        }
    }
    if (getrandom(&pg->random_state, sizeof(pg->random_state), 0) < 0 || pg->random_state == 0)
        pg->random_state = (uint64_t)clock_monotonic_us() | 1;
    pg->hook.run = on_turn_end;
    fibers_hook_add(fibers, &pg->hook);
    enum status status = options_fill(pg, options, fault);
    if (status != STATUS_OK)
        pg_free(pg);
    else
        *ret_pg = pg;
    return status;
}

enum status pg_new(struct fibers *fibers, const struct pg_options *options, struct pg **ret_pg,
                   struct fault *fault)
{
    struct pg_options direct = *options;
    struct pg *pg;
    enum status status = make(fibers, options, &pg, fault);
    if (status != STATUS_OK)
        return status;
    direct.conninfo = options->listen_conninfo;
    direct.standby_conninfo = NULL; /* only a primary can tell */
    if (direct.conninfo && direct.conninfo[0])
        status = make(fibers, &direct, &pg->direct, fault);
    if (pg->direct) {
        pg->direct->pooled = pg;
        pg_hold(pg);
    }
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
    for (size_t i = 0; i < PG_ROLES; i++)
        for (size_t j = 0; j < PG_LANES; j++)
            lane_close(&pg->lanes[i][j]);
    pool_close(&pg->pool);
    pg->direct = pg_free(pg->direct);
    pg_release(pg);
    return NULL;
}

bool pg_is_ready(const struct pg *pg)
{
    bool alone = pg_is_without_primary(pg);
    const struct lane *lanes = pg->lanes[alone ? PG_STANDBY : PG_PRIMARY];
    return lanes[PG_POINT_READ].up > 0 && lanes[PG_LONG_READ].up > 0 && (alone || pg->pool.up > 0);
}

const char *pg_unready(const struct pg *pg)
{
    if (pg_is_ready(pg))
        return "";
    return server_is_elsewhere(&pg->servers[PG_PRIMARY])
               ? "the database is of another cluster than before"
               : "no database connection";
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
    return pg->refusal[0] || !pg->direct ? pg->refusal : pg->direct->refusal;
}

const char *pg_last_error(const struct pg *pg)
{
    return pg->error[0] || !pg->direct ? pg->error : pg->direct->error;
}

const char *pg_pool_name(enum pg_pool pool)
{
    static const char *const names[PG_POOLS] = {"read", "long_read", "transaction", "standby_read",
                                                "standby_long_read"};
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
                                       .waiting = pool->waiting + pool->fair.waiting +
                                                  pool->settled.waiting};
    for (size_t i = 0; i < pool->count; i++)
        ret->in_use += pool->connections[i].owned;
}

void pg_statistics(const struct pg *pg, struct pg_statistics *ret_statistics)
{
    struct pg_statistics statistics = pg->statistics;
    const struct lane *primary = pg->lanes[PG_PRIMARY], *standby = pg->lanes[PG_STANDBY];
    lane_statistics(&primary[PG_POINT_READ], &statistics.pools[PG_POOL_READ]);
    lane_statistics(&primary[PG_LONG_READ], &statistics.pools[PG_POOL_LONG_READ]);
    lane_statistics(&standby[PG_POINT_READ], &statistics.pools[PG_POOL_STANDBY_READ]);
    lane_statistics(&standby[PG_LONG_READ], &statistics.pools[PG_POOL_STANDBY_LONG_READ]);
    statistics.pools[PG_POOL_LONG_READ].waiting += pg->long_reads.waiting;
    pool_statistics(&pg->pool, &statistics.pools[PG_POOL_TRANSACTION]);
    statistics.read_connections_up = primary[PG_POINT_READ].up + primary[PG_LONG_READ].up;
    statistics.transaction_connections_up = pg->pool.up;
    statistics.waiting =
        primary[PG_POINT_READ].waiting + primary[PG_LONG_READ].waiting + pg->pool.waiting;
    statistics.without_primary = pg_is_without_primary(pg);
    *ret_statistics = statistics;
}
