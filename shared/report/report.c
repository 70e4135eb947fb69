#include "shared/report/report.h"

#include "shared/log/log.h"

void report_call(const char *realm, struct rpc_ctx *ctx, const struct fault *outcome,
                 int64_t elapsed_us)
{
    const struct rpc_method *method = rpc_method(ctx);
    bool ours = outcome->status == STATUS_INTERNAL || outcome->status == STATUS_UNKNOWN ||
                outcome->status == STATUS_UNAVAILABLE || outcome->status == STATUS_DATA_LOSS;
    bool slow = elapsed_us > REPORT_SLOW_CALL_US && !method->server_streaming;
    const struct log_scope scope = {.realm = slice_str(realm),
                                    .trace_id = rpc_trace_id(ctx),
                                    .request_id = rpc_metadata(ctx, "x-request-id", 0)};

    log_event(ours   ? LOG_ERROR
              : slow ? LOG_WARN
                     : LOG_DEBUG,
              "rpc.finished", log_in(&scope), log_str("method", method->path),
              log_str("status", status_name(outcome->status)), log_str("text", outcome->text),
              log_ms("elapsed_ms", elapsed_us));
}

void report_database(const char *realm, const struct pg_trouble *trouble)
{
    static const char *const events[] = {
        [PG_TROUBLE_CONNECTION] = "database.connection",
        [PG_TROUBLE_STATEMENT] = "database.statement",
        [PG_TROUBLE_REFUSED] = "database.refused",
    };
    const struct log_scope scope = {.realm = slice_str(realm)};

    log_event(trouble->kind == PG_TROUBLE_CONNECTION ? LOG_WARN : LOG_ERROR, events[trouble->kind],
              log_in(&scope), log_str("sqlstate", trouble->sqlstate),
              log_str("statement", trouble->statement), log_str("text", trouble->text),
              log_int("untold", (int64_t)trouble->untold));
}
