#include "shared/report/report.h"

#include "shared/log/log.h"

static bool is_everyday(enum status status)
{
    return status == STATUS_OK || status == STATUS_CANCELLED || status == STATUS_NOT_FOUND ||
           status == STATUS_PERMISSION_DENIED;
}

static enum log_level level_of(const struct rpc_ctx *ctx, enum status status, bool is_slow)
{
    bool is_sampled;
    if (status == STATUS_INTERNAL || status == STATUS_UNKNOWN || status == STATUS_UNAVAILABLE ||
        status == STATUS_DATA_LOSS)
        return LOG_ERROR;
    if (is_slow && !rpc_method(ctx)->server_streaming)
        return LOG_WARN;
    (void)rpc_traceparent_id(rpc_trace(ctx).parent, &is_sampled);
    return is_slow || is_sampled || !is_everyday(status) ? LOG_INFO : LOG_DEBUG;
}

void report_call(const char *realm, struct rpc_ctx *ctx, const struct fault *outcome,
                 int64_t elapsed_us)
{
    enum log_level level = level_of(ctx, outcome->status, elapsed_us > REPORT_SLOW_CALL_US);
    if (!log_enabled(level))
        return; /* nearly every call */
    const struct log_scope scope = {.realm = slice_str(realm),
                                    .trace_id = rpc_trace_id(ctx),
                                    .request_id = rpc_trace(ctx).request_id};
    log_event(level, "rpc.finished", log_in(&scope), log_str("method", rpc_method(ctx)->path),
              log_str("status", status_name(outcome->status)), log_str("text", outcome->text),
              log_ms("elapsed_ms", elapsed_us));
}

void report_database(const char *realm, const struct pg_trouble *trouble)
{
    static const char *const events[] = {
        [PG_TROUBLE_CONNECTION] = "database.connection",
        [PG_TROUBLE_STATEMENT] = "database.statement",
        [PG_TROUBLE_REFUSED] = "database.refused",
        [PG_TROUBLE_NO_PRIMARY] = "database.primary",
        [PG_TROUBLE_ELSEWHERE] = "database.elsewhere",
    };
    bool is_passing =
        trouble->kind == PG_TROUBLE_CONNECTION || trouble->kind == PG_TROUBLE_NO_PRIMARY;
    const struct log_scope scope = {.realm = slice_str(realm)};

    log_event(is_passing ? LOG_WARN : LOG_ERROR, events[trouble->kind], log_in(&scope),
              log_str("sqlstate", trouble->sqlstate), log_str("statement", trouble->statement),
              log_str("text", trouble->text), log_int("untold", (int64_t)trouble->untold));
}

void report_dropped(const char *realm, size_t notifications)
{
    const struct log_scope scope = {.realm = slice_str(realm)};

    log_event(LOG_WARN, "notifications.dropped", log_in(&scope),
              log_int("count", (int64_t)notifications),
              log_str("text", "no hub collected them in time"));
}
