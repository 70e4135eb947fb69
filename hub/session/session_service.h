/* session_service: pek.hub.v1.SessionService, and who may call the hub's own services.
 *
 * The hub's services run on a host of their own, in this process. A call carries the cookie's token as bearer;
 * the host finds the session by it, as the API did: there is no second way in.
 */
#ifndef PEK_HUB_SESSION_SESSION_SERVICE_H
#define PEK_HUB_SESSION_SESSION_SERVICE_H

#include "hub/session/session.h"

/* How long GetSession waits for realms that have not given a token yet. */
#define SESSION_REALMS_WAIT_MS 1500

/* authenticate and finished of the hub's own host; `arg` is the session cache. */
struct rpc_interceptor session_interceptor(struct session_cache *cache);
PEK_MUST_CHECK enum status session_service_add(struct rpc_host *host, struct session_cache *cache,
                                               struct fault *fault);

#endif
