/* profile_service: pek.hub.v1.ProfileService. */
#ifndef PEK_HUB_PROFILE_PROFILE_SERVICE_H
#define PEK_HUB_PROFILE_PROFILE_SERVICE_H

#include "hub/federation/fanout.h"
#include "pek/hub/v1/profile.rpc.h"
#include "shared/service/change.h"
#include "shared/text/collator.h"

#define PROFILE_REALMS_ANSWER_BYTES_MAX (1024u * 1024) /* of one realm's answer, as JSON */
#define PROFILE_REALMS_WAIT_MS 2000 /* for all realms together, before somebody deletes themself */

struct profile_service {
    struct service service; /* first: what handlers get begins with it; of hub_service */
    struct text_collator *collator;
    /* What realms are asked by. May be filled in before the first call only. */
    const struct transcode *transcode;
    struct retry_budget *budget;
    int64_t realms_wait_ms; /* for all realms together, before a profile is shown */
    void *arg;
    /* After realms were asked, for log and metrics. May be NULL; never waits. */
    void (*on_asked)(void *arg, const struct fanout *fanout);
};

/* With ExportService (export_service.h), on the host of the hub's own services, whose interceptor is session_interceptor. `service` outlives it. */
PEK_MUST_CHECK enum status
profile_service_add(struct rpc_host *host, struct profile_service *service, struct fault *fault);

/* ---- for its other files ---- */

/* The user that a change names, locked, is the caller; of another who may be seen PERMISSION_DENIED, else NOT_FOUND. */
PEK_MUST_CHECK enum status profile_lock_own(struct change *change, const char *who,
                                            const char *etag, hub_v1_profile *ret_profile);

/* A fan-out of the caller's to realms, which has no legs yet; for realms_wait_ms at most. `pairs` has room for
 * RPC_TRACE_PAIRS_MAX. All but the legs is written. */
void profile_realms_begin(struct rpc_ctx *ctx, const char *path, struct fanout *fanout,
                          struct rpc_pair *pairs);

#endif
