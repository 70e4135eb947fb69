#include "worker/export/export_service.h"

static enum status send_part(struct rpc_ctx *ctx, const export_v1_export_user_request *req,
                             struct export_v1_export_user_stream *stream)
{
    const struct domain *domain = rpc_data(ctx);
    const struct export_part part = {domain->realm, 1, export_kinds, export_kind_count};
    (void)req;
    (void)stream;
    return export_user(ctx, &part);
}

enum status export_service_add(struct rpc_host *host, struct domain *domain, struct fault *fault)
{
    static const struct export_v1_export_service methods = {.export_user = send_part};
    return export_v1_export_service_add(host, &methods, domain, fault);
}
