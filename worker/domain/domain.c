#include "worker/domain/domain.h"

static const void *scope(struct rpc_ctx *ctx)
{
    return guard_scope(ctx);
}

static enum status check_again(struct service *service, struct rpc_ctx *ctx, const void *request)
{
    const struct domain *domain = (const struct domain *)service;
    return guard_again(domain->guard, ctx, request);
}

static void committed(const struct change *change, const ProtobufCMessage *response)
{
    const struct domain *domain = change_domain(change);
    (void)response;
    if (change->everybody)
        policy_cache_forget_all(domain->rights);
    for (size_t i = 0; !change->everybody && i < change->user_count; i++)
        policy_cache_forget(domain->rights, change->users[i]);
}

struct service domain_service(struct pg *pg)
{
    static const struct change_keys keys = CHANGE_KEYS("pek.idempotency");
    static const struct service_rights rights = {scope, check_again};
    return (struct service){.pg = pg, .rights = &rights, .keys = &keys, .committed = committed};
}

enum status domain_lock_limit(struct change *change, const char *limit, const char *of)
{
    static const struct pg_statement lock = {
        "domain_lock_limit",
        "SELECT pg_advisory_xact_lock(hashtextextended("
        "concat_ws(' ', 'pek.limit', current_setting('pek.realm'), $1::text, $2::text), 0))",
    };
    return pg_apply(change->transaction, &lock, PG_PARAMS(pg_str(limit), pg_str(of)), NULL);
}
