#include "worker/observe.h"

#include "shared/base/version.h"
#include "shared/crypto/certificate.h"
#include "shared/log/log.h"
#include "shared/report/report.h"
#include "shared/rpc/rpc.h"

#define METHODS_MAX 200

enum {
    CALLS,
    CALL_SECONDS,
    OPEN_CALLS,
    OPEN_STREAMS,
    READY,
    HINT_HITS,
    HINT_MISSES,
    RIGHTS_HITS,
    RIGHTS_LOADS,
    RIGHTS_FORGOTTEN,
    RIGHTS_USERS,
    RIGHTS_LISTENING,
    TOKEN_HITS,
    TOKEN_MISSES,
    DENIED,
    PG_READS,
    PG_BATCHES,
    PG_RESENT,
    PG_TRANSACTIONS,
    PG_RETRIES,
    PG_RECONNECTS,
    PG_WAITING,
    PG_UP,
    CERTIFICATE_EXPIRY,
    LOG_DROPPED,
    CONNECTIONS_REFUSED,
    METRICS,
};

static const struct metric_def defs[METRICS] = {
    [CALLS] = {METRIC_COUNTER, "pek_rpc_calls_total", "Calls answered.",
               .labels = {"method", "status"}, .series_max = METHODS_MAX * 6},
    [CALL_SECONDS] = {METRIC_HISTOGRAM, "pek_rpc_call_seconds", "From a call to its answer.",
                      .labels = {"method"}, .series_max = METHODS_MAX, METRIC_BUCKETS_SECONDS},
    [OPEN_CALLS] = {METRIC_GAUGE, "pek_rpc_open_calls", "Calls that are not answered yet."},
    [OPEN_STREAMS] = {METRIC_GAUGE, "pek_rpc_open_streams", "Those of them that are streams."},
    [READY] = {METRIC_GAUGE, "pek_realm_ready",
               "1 while the database answers and sort keys are current."},
    [HINT_HITS] = {METRIC_COUNTER_SET, "pek_policy_hint_hits_total",
                   "Checks that the hinted policies granted."},
    [HINT_MISSES] = {METRIC_COUNTER_SET, "pek_policy_hint_misses_total",
                     "Checks that they did not, so that everything was read."},
    [RIGHTS_HITS] = {METRIC_COUNTER_SET, "pek_policy_cache_hits_total",
                     "Checks answered from memory."},
    [RIGHTS_LOADS] = {METRIC_COUNTER_SET, "pek_policy_cache_loads_total",
                      "Users whose rights were read."},
    [RIGHTS_FORGOTTEN] = {METRIC_COUNTER_SET, "pek_policy_cache_forgotten_total",
                          "Users whose rights changed."},
    [RIGHTS_USERS] = {METRIC_GAUGE, "pek_policy_cache_users", "Users whose rights are in memory."},
    [RIGHTS_LISTENING] = {METRIC_GAUGE, "pek_policy_cache_listening",
                          "1 while PostgreSQL tells of changes."},
    [TOKEN_HITS] = {METRIC_COUNTER_SET, "pek_token_cache_hits_total",
                    "Calls whose token was known."},
    [TOKEN_MISSES] = {METRIC_COUNTER_SET, "pek_token_cache_misses_total",
                      "Calls whose token was verified."},
    [DENIED] = {METRIC_COUNTER_SET, "pek_denied_total", "Calls that the guard refused."},
    [PG_READS] = {METRIC_COUNTER_SET, "pek_pg_reads_total", "Statements read."},
    [PG_BATCHES] = {METRIC_COUNTER_SET, "pek_pg_read_batches_total", "Round trips they took."},
    [PG_RESENT] = {METRIC_COUNTER_SET, "pek_pg_reads_resent_total",
                   "Reads sent again because a neighbour failed."},
    [PG_TRANSACTIONS] = {METRIC_COUNTER_SET, "pek_pg_transactions_total", "Transactions."},
    [PG_RETRIES] = {METRIC_COUNTER_SET, "pek_pg_transaction_retries_total",
                    "Transactions run again."},
    [PG_RECONNECTS] = {METRIC_COUNTER_SET, "pek_pg_reconnects_total", "Connections made anew."},
    [PG_WAITING] = {METRIC_GAUGE, "pek_pg_waiting", "Fibers that wait for a connection."},
    [PG_UP] = {METRIC_GAUGE, "pek_pg_connections", "Connections that are up.", .labels = {"kind"},
               .series_max = 2},
    [CERTIFICATE_EXPIRY] = {METRIC_GAUGE, "pek_certificate_expiry_timestamp_seconds",
                            "When a certificate is valid no longer, since 1970.", .labels = {"use"},
                            .series_max = 1},
    [LOG_DROPPED] = {METRIC_COUNTER_SET, "pek_log_dropped_lines_total",
                     "Lines of the log that could not be written."},
    [CONNECTIONS_REFUSED] = {METRIC_COUNTER_SET, "pek_connections_refused_total",
                             "Connections above connections_max, or for want of descriptors."},
};

_Static_assert(METRICS <= sizeof(((struct observe *)0)->all) / sizeof(struct metric *),
               "struct observe holds all metrics");

static void collect_rights(const struct observe *observe, const struct realm_statistics *s)
{
    struct metric *const *all = observe->all;
    metric_set(METRIC(all[HINT_HITS]), (double)s->policy.hint_hits);
    metric_set(METRIC(all[HINT_MISSES]), (double)s->policy.hint_misses);
    metric_set(METRIC(all[RIGHTS_HITS]), (double)s->policy.hits);
    metric_set(METRIC(all[RIGHTS_LOADS]), (double)s->policy.loads);
    metric_set(METRIC(all[RIGHTS_FORGOTTEN]), (double)s->policy.forgotten);
    metric_set(METRIC(all[RIGHTS_USERS]), (double)s->policy.users);
    metric_set(METRIC(all[RIGHTS_LISTENING]), s->policy.listening);
    metric_set(METRIC(all[TOKEN_HITS]), (double)s->guard.token_hits);
    metric_set(METRIC(all[TOKEN_MISSES]), (double)s->guard.token_misses);
    metric_set(METRIC(all[DENIED]), (double)s->guard.denied);
}

static void collect_pg(const struct observe *observe, const struct pg_statistics *pg)
{
    struct metric *const *all = observe->all;
    metric_set(METRIC(all[PG_READS]), (double)pg->reads);
    metric_set(METRIC(all[PG_BATCHES]), (double)pg->read_batches);
    metric_set(METRIC(all[PG_RESENT]), (double)pg->reads_resent);
    metric_set(METRIC(all[PG_TRANSACTIONS]), (double)pg->transactions);
    metric_set(METRIC(all[PG_RETRIES]), (double)pg->transaction_retries);
    metric_set(METRIC(all[PG_RECONNECTS]), (double)pg->reconnects);
    metric_set(METRIC(all[PG_WAITING]), (double)pg->waiting);
    metric_set(METRIC(all[PG_UP], "read"), (double)pg->read_connections_up);
    metric_set(METRIC(all[PG_UP], "transaction"), (double)pg->transaction_connections_up);
}

static void collect(struct metrics_collector *collector)
{
    struct observe *observe = LIST_ENTRY(collector, struct observe, collector);
    struct metric *const *all = observe->all;
    struct realm_statistics s;
    int64_t expiry_s;
    realm_statistics(observe->realm, &s);
    collect_rights(observe, &s);
    collect_pg(observe, &s.pg);
    watch_collect_pg(&observe->watch, "realm", &s.pg);
    watch_collect_tracer(&observe->watch, observe->tracer);
    metric_set(METRIC(all[OPEN_STREAMS]), (double)rpc_host_open_streams(observe->host));
    metric_set(METRIC(all[CONNECTIONS_REFUSED]), (double)rpc_connections_refused());
    metric_set(METRIC(all[OPEN_CALLS]), (double)rpc_host_open_calls(observe->host));
    metric_set(METRIC(all[READY]), realm_is_ready(observe->realm));
    metric_set(METRIC(all[LOG_DROPPED]), (double)log_dropped());
    /* A file that cannot be read has no series: an alert on its absence tells. */
    metric_forget(all[CERTIFICATE_EXPIRY]);
    if (observe->settings->tls_certificate[0] &&
        certificate_expiry(observe->settings->tls_certificate, &expiry_s) == STATUS_OK)
        metric_set(METRIC(all[CERTIFICATE_EXPIRY], "grpc"), (double)expiry_s);
}

enum status observe_open(struct observe *observe, uv_loop_t *loop, const struct settings *settings,
                         struct realm *realm, const struct tracer *tracer, struct fault *fault)
{
    *observe = (struct observe){
        .settings = settings, .realm = realm, .host = realm_host(realm), .tracer = tracer};
    observe->collector.collect = collect;
    enum status status = metrics_new(&observe->metrics);
    if (status == STATUS_OK)
        status = metrics_add_process(observe->metrics, "pek-worker", PEK_VERSION);
    if (status == STATUS_OK)
        status = metrics_add(observe->metrics, defs, METRICS, observe->all);
    if (status == STATUS_OK)
        status = watch_init(&observe->watch, observe->metrics);
    if (status != STATUS_OK)
        return fault_set(fault, status, NULL, "metrics cannot be kept");
    metrics_collector_add(observe->metrics, &observe->collector);
    if (!settings->metrics_listen[0])
        return STATUS_OK;
    status =
        metrics_port_open(loop, settings->metrics_listen, observe->metrics, &observe->port, fault);
    if (status == STATUS_OK)
        log_event(LOG_INFO, "worker.metrics_listening", log_str("listen", settings->metrics_listen),
                  log_int("port", metrics_port_number(observe->port)));
    return status;
}

void observe_close(struct observe *observe)
{
    observe->port = metrics_port_close(observe->port);
    observe->metrics = metrics_free(observe->metrics);
}

void observe_call(struct observe *observe, struct rpc_ctx *ctx, const struct fault *outcome,
                  int64_t elapsed_us)
{
    const char *path = rpc_method(ctx)->path;
    metric_add(METRIC(observe->all[CALLS], path, status_name(outcome->status)), 1);
    metric_observe(METRIC(observe->all[CALL_SECONDS], path), (double)elapsed_us / 1e6);
    report_call("", ctx, outcome, elapsed_us);
}

void observe_log_statistics(const struct observe *observe)
{
    struct realm_statistics s;
    realm_statistics(observe->realm, &s);
    log_event(LOG_INFO, "worker.statistics", log_int("reads", (int64_t)s.pg.reads),
              log_int("read_batches", (int64_t)s.pg.read_batches),
              log_int("transactions", (int64_t)s.pg.transactions),
              log_int("transaction_retries", (int64_t)s.pg.transaction_retries),
              log_int("pg_errors", (int64_t)s.pg.errors),
              log_int("pg_reconnects", (int64_t)s.pg.reconnects),
              log_int("policy_hits", (int64_t)s.policy.hits),
              log_int("policy_loads", (int64_t)s.policy.loads),
              log_int("hint_hits", (int64_t)s.policy.hint_hits),
              log_int("hint_misses", (int64_t)s.policy.hint_misses),
              log_int("verified_anew", (int64_t)s.guard.token_misses),
              log_int("denied", (int64_t)s.guard.denied),
              log_int("open_calls", (int64_t)rpc_host_open_calls(observe->host)));
}
