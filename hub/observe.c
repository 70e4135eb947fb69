#include "hub/observe.h"

#include <stdio.h>
#include <stdlib.h>

#include "shared/base/clock.h"
#include "shared/base/version.h"
#include "shared/crypto/certificate.h"
#include "shared/log/log.h"

enum {
    REQUESTS,
    REQUEST_SECONDS,
    HTTP_REQUESTS,
    REALM_CALLS,
    REALM_SECONDS,
    INSTANCE_UP,
    INSTANCE_IN_FLIGHT,
    BREAKER_OPENED,
    SESSION_HITS,
    SESSION_MISSES,
    SESSION_RECHECKS,
    SESSION_HEARING,
    TOKENS_ISSUED,
    TOKEN_FAILURES,
    LOGINS,
    CONNECTIONS,
    PG_READS,
    PG_BATCHES,
    PG_TRANSACTIONS,
    CERTIFICATE_EXPIRY,
    LOG_DROPPED,
    CONNECTIONS_REFUSED,
    HELD_BYTES,
    SHED,
    REQUESTS_OPEN,
    METRICS,
};

#define METHODS_MAX 200
/* Counters of realms that went stay; gauges end with the instance. */
#define REALM_SERIES_MAX (2 * REGISTRY_INSTANCES_MAX)
#define HTTP_SERIES_MAX (3 * 40) /* parts and codes */
#define LOGIN_REASONS_MAX 60

static const struct metric_def defs[METRICS] = {
    [REQUESTS] = {METRIC_COUNTER, "pek_hub_requests_total", "API requests answered.",
                  .labels = {"method", "status"}, .series_max = METHODS_MAX * 6},
    [REQUEST_SECONDS] = {METRIC_HISTOGRAM, "pek_hub_request_seconds",
                         "From the request to the end of its answer.", .labels = {"method"},
                         .series_max = METHODS_MAX, METRIC_BUCKETS_SECONDS},
    [HTTP_REQUESTS] = {METRIC_COUNTER, "pek_hub_http_requests_total",
                       "Requests of any kind, by part of the site and code of the answer.",
                       .labels = {"part", "code"}, .series_max = HTTP_SERIES_MAX},
    [REALM_CALLS] = {METRIC_COUNTER, "pek_hub_realm_calls_total", "What asking a realm came to.",
                     .labels = {"realm", "status"}, .series_max = REALM_SERIES_MAX},
    [REALM_SECONDS] = {METRIC_HISTOGRAM, "pek_hub_realm_seconds", "Time a realm took.",
                       .labels = {"realm"}, .series_max = REALM_SERIES_MAX, METRIC_BUCKETS_SECONDS},
    [INSTANCE_UP] = {METRIC_GAUGE, "pek_hub_instance_up", "1 when the realm says it is serving.",
                     .labels = {"realm"}, .series_max = REALM_SERIES_MAX},
    [INSTANCE_IN_FLIGHT] = {METRIC_GAUGE, "pek_hub_instance_in_flight", "Calls to a realm now.",
                            .labels = {"realm"}, .series_max = REALM_SERIES_MAX},
    [BREAKER_OPENED] = {METRIC_COUNTER_SET, "pek_hub_breaker_opened_total",
                        "How often a breaker opened.", .labels = {"realm"},
                        .series_max = REALM_SERIES_MAX},
    [SESSION_HITS] = {METRIC_COUNTER_SET, "pek_hub_session_cache_hits_total",
                      "Sessions found in memory."},
    [SESSION_MISSES] = {METRIC_COUNTER_SET, "pek_hub_session_cache_misses_total",
                        "Sessions looked up."},
    [SESSION_RECHECKS] = {METRIC_COUNTER_SET, "pek_hub_session_rechecks_total",
                          "Rows asked of sessions that are in memory."},
    [SESSION_HEARING] = {METRIC_GAUGE, "pek_hub_session_hearing",
                         "1 while it tells of sessions that end; Redis: where redis_url is set.",
                         .labels = {"by"}, .series_max = 2},
    [TOKENS_ISSUED] = {METRIC_COUNTER_SET, "pek_hub_instance_tokens_total",
                       "Instance tokens received."},
    [TOKEN_FAILURES] = {METRIC_COUNTER_SET, "pek_hub_instance_token_failures_total",
                        "Instance tokens that a realm did not give."},
    [LOGINS] = {METRIC_COUNTER, "pek_hub_logins_total", "What became of logins at the provider.",
                .labels = {"page", "reason"}, .series_max = LOGIN_REASONS_MAX},
    [CONNECTIONS] = {METRIC_GAUGE, "pek_hub_connections", "Open connections of browsers."},
    [PG_READS] = {METRIC_COUNTER_SET, "pek_hub_pg_reads_total", "Statements read."},
    [PG_BATCHES] = {METRIC_COUNTER_SET, "pek_hub_pg_read_batches_total", "Round trips they took."},
    [PG_TRANSACTIONS] = {METRIC_COUNTER_SET, "pek_hub_pg_transactions_total", "Transactions."},
    [CERTIFICATE_EXPIRY] = {METRIC_GAUGE, "pek_certificate_expiry_timestamp_seconds",
                            "When a certificate is valid no longer, since 1970.", .labels = {"use"},
                            .series_max = 2},
    [LOG_DROPPED] = {METRIC_COUNTER_SET, "pek_log_dropped_lines_total",
                     "Lines of the log that could not be written."},
    [REQUESTS_OPEN] = {METRIC_GAUGE, "pek_hub_http_requests_open",
                       "Requests that are being answered, streams among them."},
    [HELD_BYTES] =
        {METRIC_GAUGE, "pek_hub_held_bytes",
         "What waits for clients: bodies that are not whole, answers that are not taken."},
    [SHED] = {METRIC_COUNTER_SET, "pek_hub_shed_total",
              "Bodies refused and answers ended because too much waited for their address."},
    [CONNECTIONS_REFUSED] = {METRIC_COUNTER_SET, "pek_hub_connections_refused_total",
                             "Connections of browsers above a limit, of all or of an address."},
};

_Static_assert(METRICS <= sizeof(((struct observe *)0)->all) / sizeof(struct metric *),
               "struct observe holds all metrics");

/* A file that cannot be read has no series: an alert on its absence tells. */
static void collect_certificate(struct metric *metric, const char *use, const char *path)
{
    int64_t expiry_s;

    if (path && path[0] && !certificate_expiry(path, &expiry_s))
        metric_set(METRIC(metric, use), (double)expiry_s);
}

static void collect(struct metrics_collector *collector)
{
    struct observe *observe = LIST_ENTRY(collector, struct observe, collector);
    struct metric **all = observe->all;
    struct pg_statistics pg;

    metric_forget(all[INSTANCE_UP]);
    metric_forget(all[INSTANCE_IN_FLIGHT]);
    metric_forget(all[BREAKER_OPENED]);
    for (size_t i = 0; i < observe->registry->count; i++) {
        const struct instance *instance = observe->registry->instances[i];
        metric_set(METRIC(all[INSTANCE_UP], instance->realm), instance->status == INSTANCE_SERVING);
        metric_set(METRIC(all[INSTANCE_IN_FLIGHT], instance->realm), (double)instance->calls.held);
        metric_set(METRIC(all[BREAKER_OPENED], instance->realm), (double)instance->breaker.opened);
    }
    metric_set(METRIC(all[SESSION_HITS]), (double)observe->sessions->hits);
    metric_set(METRIC(all[SESSION_MISSES]), (double)observe->sessions->misses);
    const struct announcer *announcer = &observe->sessions->announcer;
    metric_set(METRIC(all[SESSION_RECHECKS]), (double)observe->sessions->rechecks);
    metric_set(METRIC(all[SESSION_HEARING], "postgresql"), announcer->listening);
    if (announcer->redis)
        metric_set(METRIC(all[SESSION_HEARING], "redis"), redis_is_up(announcer->redis));
    metric_set(METRIC(all[TOKENS_ISSUED]), (double)observe->sessions->tokens_issued);
    metric_set(METRIC(all[TOKEN_FAILURES]), (double)observe->sessions->token_failures);
    if (observe->server) {
        metric_set(METRIC(all[CONNECTIONS]), (double)http_server_connections(observe->server));
        metric_set(METRIC(all[CONNECTIONS_REFUSED]), (double)http_server_refused(observe->server));
        metric_set(METRIC(all[HELD_BYTES]), (double)http_server_held_bytes(observe->server));
        metric_set(METRIC(all[SHED]), (double)http_server_shed(observe->server));
        metric_set(METRIC(all[REQUESTS_OPEN]), (double)http_server_requests(observe->server));
    }
    metric_forget(all[CERTIFICATE_EXPIRY]);
    collect_certificate(all[CERTIFICATE_EXPIRY], "https", observe->https_certificate);
    collect_certificate(all[CERTIFICATE_EXPIRY], "realms", observe->realms_certificate);
    metric_set(METRIC(all[LOG_DROPPED]), (double)log_dropped());
    pg_statistics(observe->pg, &pg);
    metric_set(METRIC(all[PG_READS]), (double)pg.reads);
    metric_set(METRIC(all[PG_BATCHES]), (double)pg.read_batches);
    metric_set(METRIC(all[PG_TRANSACTIONS]), (double)pg.transactions);
    watch_collect_pg(&observe->watch, "hub", &pg);
    if (observe->realm_pg) {
        pg_statistics(observe->realm_pg, &pg);
        watch_collect_pg(&observe->watch, "realm", &pg);
    }
    watch_collect_tracer(&observe->watch, observe->tracer);
}

enum status observe_open_tracer(struct observe *observe, struct fibers *fibers,
                                const char *endpoint, const char *sample_ratio, struct fault *fault)
{
    const struct tracer_options options = {
        .endpoint = endpoint,
        .sample_ratio = sample_ratio,
        .service = "pek-hub",
        .version = PEK_VERSION,
        .realm = "",
    };

    return tracer_open(fibers, &options, &observe->tracer, fault);
}

enum status observe_init(struct observe *observe, struct registry *registry,
                         struct session_cache *sessions, struct pg *pg)
{
    /* What was said before counts. */
    observe->registry = registry;
    observe->sessions = sessions;
    observe->pg = pg;
    observe->collector.collect = collect;
    enum status status = metrics_new(&observe->metrics);
    if (!status)
        status = metrics_add(observe->metrics, defs, METRICS, observe->all);
    if (!status)
        status = metrics_add_process(observe->metrics, "pek-hub", PEK_VERSION);
    if (!status)
        status = watch_init(&observe->watch, observe->metrics);
    if (!status)
        metrics_collector_add(observe->metrics, &observe->collector);
    return status;
}

/* ---- realms -------------------------------------------------------------------------------------- */

static struct realm_limits *limits_of(struct observe *observe, const struct instance *instance)
{
    static struct realm_limits none;

    if (!observe->realms)
        observe->realms = calloc(REGISTRY_INSTANCES_MAX, sizeof(*observe->realms));
    /* Without memory all realms share one. */
    struct realm_limits *limits = observe->realms ? &observe->realms[instance->slot] : &none;
    if (limits->generation != instance->generation)
        *limits = (struct realm_limits){.generation = instance->generation};
    return limits;
}

void observe_status(struct observe *observe, const struct instance *instance)
{
    uint64_t suppressed;

    if (log_limit_admits(&limits_of(observe, instance)->status, clock_monotonic_us(), &suppressed))
        log_event(instance->status == INSTANCE_SERVING ? LOG_INFO : LOG_WARN, "instance.status",
                  log_str("instance", instance->realm),
                  log_str("status", instance_status_name(instance->status)),
                  log_str("problem", instance->problem),
                  log_int("suppressed", (int64_t)suppressed));
}

void observe_replica(struct observe *observe, const struct instance *instance, const char *problem)
{
    uint64_t suppressed;

    if (log_limit_admits(&limits_of(observe, instance)->replica, clock_monotonic_us(), &suppressed))
        log_event(LOG_WARN, "instance.replica", log_str("instance", instance->realm),
                  log_str("problem", problem), log_int("suppressed", (int64_t)suppressed));
}

/* What joins a line with those of the realms that were asked. */
static struct log_scope scope_of(const struct rpc_trace *trace)
{
    bool sampled;
    return (struct log_scope){.request_id = trace->request_id,
                              .trace_id = rpc_traceparent_id(trace->parent, &sampled)};
}

void observe_token_failure(void *arg, const struct instance *instance,
                           const struct rpc_trace *trace, const struct fault *fault)
{
    struct observe *observe = arg;
    const struct log_scope scope = scope_of(trace);
    uint64_t suppressed;

    if (log_limit_admits(&limits_of(observe, instance)->token, clock_monotonic_us(), &suppressed))
        log_event(LOG_WARN, "instance.no_grant", log_in(&scope),
                  log_str("instance", instance->realm),
                  log_str("status", status_name(fault->status)), log_str("reason", fault->reason),
                  log_str("message", fault->text), log_int("suppressed", (int64_t)suppressed));
}

void observe_people_failure(void *arg, const struct instance *instance, const struct fault *fault)
{
    struct observe *observe = arg;
    uint64_t suppressed;

    if (log_limit_admits(&limits_of(observe, instance)->people, clock_monotonic_us(), &suppressed))
        log_event(LOG_WARN, "people.not_told", log_str("instance", instance->realm),
                  log_str("status", status_name(fault->status)), log_str("message", fault->text),
                  log_int("suppressed", (int64_t)suppressed));
}

void observe_people_again(void *arg, const struct instance *instance, bool is_realms)
{
    (void)arg;
    log_event(
        LOG_WARN, "people.told_again", log_str("instance", instance->realm),
        log_str("message", is_realms ? "its database went back" : "the hub's database went back"));
}

void observe_notifications_failure(void *arg, const struct instance *instance,
                                   const struct fault *fault)
{
    struct observe *observe = arg;
    uint64_t suppressed;

    if (log_limit_admits(&limits_of(observe, instance)->notifications, clock_monotonic_us(),
                         &suppressed))
        log_event(LOG_WARN, "notifications.not_collected", log_str("instance", instance->realm),
                  log_str("status", status_name(fault->status)), log_str("message", fault->text),
                  log_int("suppressed", (int64_t)suppressed));
}

void observe_notifications_refused(void *arg, const struct instance *instance, size_t count,
                                   const struct fault *fault)
{
    struct observe *observe = arg;
    uint64_t suppressed;

    if (log_limit_admits(&limits_of(observe, instance)->refused, clock_monotonic_us(), &suppressed))
        log_event(LOG_WARN, "notifications.refused", log_str("instance", instance->realm),
                  log_int("count", (int64_t)count), log_str("field", fault->field),
                  log_str("message", fault->text), log_int("suppressed", (int64_t)suppressed));
}

void observe_name_keys_failure(void *arg, const struct fault *fault)
{
    struct observe *observe = arg;
    uint64_t suppressed;

    if (log_limit_admits(&observe->name_keys, clock_monotonic_us(), &suppressed))
        log_event(LOG_WARN, "people.not_ordered", log_str("status", status_name(fault->status)),
                  log_str("field", fault->field), log_str("message", fault->text),
                  log_int("suppressed", (int64_t)suppressed));
}

void observe_registry_problem(void *arg, const char *realm, const struct fault *fault)
{
    struct observe *observe = arg;
    const struct instance *instance = registry_find(observe->registry, slice_str(realm));
    uint64_t suppressed;

    if (log_limit_admits(instance ? &limits_of(observe, instance)->problem : &observe->problems,
                         clock_monotonic_us(), &suppressed))
        log_event(LOG_WARN, "registry.problem", log_str("instance", realm),
                  log_str("status", status_name(fault->status)), log_str("field", fault->field),
                  log_str("message", fault->text), log_int("suppressed", (int64_t)suppressed));
}

void observe_registry_follow(void *arg, const struct instance_row *row)
{
    (void)arg;
    log_event(LOG_INFO, "registry.followed", log_str("instance", row->realm),
              log_str("status", row->removed    ? "REMOVED"
                                : row->draining ? "DRAINING"
                                                : "ACTIVE"),
              log_str("target", row->target ? row->target : ""), log_str("by", row->by));
}

void observe_registry_change(void *arg, const struct rpc_trace *trace, struct slice who,
                             const char *realm, const char *status)
{
    const struct log_scope scope = scope_of(trace);

    (void)arg;
    log_event(LOG_INFO, "registry.changed", log_in(&scope), log_slice("user", who),
              log_str("instance", realm), log_str("status", status));
}

void observe_redis(void *arg, bool up, const char *reason)
{
    struct observe *observe = arg;
    uint64_t suppressed;

    if (log_limit_admits(&observe->redis, clock_monotonic_us(), &suppressed))
        log_event(up ? LOG_INFO : LOG_WARN, "redis.changed", log_bool("up", up),
                  log_str("reason", reason), log_int("suppressed", (int64_t)suppressed));
}

void observe_keep_house(struct observe *observe)
{
    for (size_t i = 0; observe->registry && i < observe->registry->count; i++) {
        const struct instance *instance = observe->registry->instances[i];
        if (limits_of(observe, instance)->status.suppressed)
            observe_status(observe, instance);
    }
}

void observe_done(struct observe *observe)
{
    observe->watch = (struct watch){0};
    observe->metrics = metrics_free(observe->metrics);
    free(observe->realms);
    observe->realms = NULL;
}

static void count_legs(struct observe *observe, const struct fanout *fanout)
{
    for (size_t i = 0; i < fanout->count; i++) {
        const struct leg *leg = &fanout->legs[i];
        if (!leg->instance || leg->state != LEG_DONE)
            continue;
        const char *realm = leg->instance->realm;
        const char *status = leg->stopped ? "STOPPED" : status_name(leg->fault.status);
        metric_add(METRIC(observe->all[REALM_CALLS], realm, status), 1);
        metric_observe(METRIC(observe->all[REALM_SECONDS], realm), (double)leg->elapsed_us / 1e6);
    }
}

/* Errors of the system are worth a look, refusals are everyday. */
static enum log_level level_of(enum status status)
{
    switch (status) {
    case STATUS_INTERNAL:
    case STATUS_UNKNOWN:
    case STATUS_DATA_LOSS: return LOG_ERROR;
    case STATUS_UNAVAILABLE:
    case STATUS_DEADLINE_EXCEEDED: return LOG_WARN;
    default: return LOG_INFO;
    }
}

/* What a realm did wrong is said also when the others made the answer. */
static void say_leg(struct observe *observe, const struct log_scope *scope,
                    const struct transcode_method *method, const struct leg *leg)
{
    uint64_t suppressed;

    if (log_limit_admits(&limits_of(observe, leg->instance)->answer, clock_monotonic_us(),
                         &suppressed))
        log_event(level_of(leg->fault.status), "realm.failed", log_in(scope),
                  log_str("instance", leg->instance->realm), log_slice("method", method->path),
                  log_str("status", status_name(leg->fault.status)), log_str("row", leg->row),
                  log_str("message", leg->fault.text), log_int("suppressed", (int64_t)suppressed));
}

static void say_legs(struct observe *observe, const struct log_scope *scope,
                     const struct transcode_method *method, const struct fanout *fanout)
{
    for (size_t i = 0; i < fanout->count; i++) {
        const struct leg *leg = &fanout->legs[i];
        if (leg->instance && leg->state == LEG_DONE && !leg->stopped &&
            outcome_unreachable(outcome_of(leg->fault.status)))
            say_leg(observe, scope, method, leg);
    }
}

void observe_asked(void *arg, const struct fanout *fanout)
{
    struct observe *observe = arg;
    const struct log_scope scope = scope_of(&fanout->trace);

    count_legs(observe, fanout);
    say_legs(observe, &scope, fanout->method, fanout);
}

void observe_api(void *arg, struct http_request *request, const struct transcode_method *method,
                 const struct session *session, const struct fanout *fanout,
                 const struct fault *fault)
{
    struct observe *observe = arg;
    int64_t elapsed_us = clock_monotonic_us() - http_started_us(request);
    const char *status = status_name(fault->status);
    const struct log_scope scope = scope_of(&fanout->trace);

    metric_add(METRIC(observe->all[REQUESTS], method->path.ptr, status), 1);
    metric_observe(METRIC(observe->all[REQUEST_SECONDS], method->path.ptr),
                   (double)elapsed_us / 1e6);
    count_legs(observe, fanout);
    say_legs(observe, &scope, method, fanout);
    log_event(level_of(fault->status), "api.finished", log_in(&scope),
              log_slice("method", method->path), log_str("status", status),
              log_int("http", http_status_code(request)),
              log_slice("user", session ? session->user_id : slice_make("", 0)),
              log_int("realms", (int64_t)fanout->count), log_ms("elapsed_ms", elapsed_us),
              log_str("message", fault->status ? fault->text : ""));
}

void observe_http(struct observe *observe, const struct http_request *request, const char *part)
{
    char code[16];

    snprintf(code, sizeof(code), "%d", http_status_code(request));
    metric_add(METRIC(observe->all[HTTP_REQUESTS], part, code), 1);
}

void observe_login(void *arg, struct http_request *request, const struct login_event *event)
{
    struct observe *observe = arg;
    const struct log_scope scope = {.request_id = http_request_id(request)};

    metric_add(METRIC(observe->all[LOGINS], event->page, event->reason), 1);
    log_event(level_of(event->status), "login.finished", log_in(&scope),
              log_str("page", event->page), log_str("reason", event->reason),
              log_str("status", status_name(event->status)), log_slice("user", event->user),
              log_str("detail", event->detail));
}

void observe_certificate(void *arg, const struct fault *problem)
{
    (void)arg;
    if (problem)
        log_event(LOG_ERROR, "https.certificate_refused", log_str("message", problem->text));
    else
        log_event(LOG_INFO, "https.certificate_renewed");
}
