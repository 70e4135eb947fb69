/* hub: everything one hub process is made of, put together and taken apart in order.
 *
 *     hub_open(loop, config) → runs on the loop → hub_stop (a fiber drains) → loop ends → hub_close
 */
#ifndef PEK_HUB_HUB_H
#define PEK_HUB_HUB_H

#include <uv.h>

#include "hub/config.h"
#include "shared/base/fault.h"

struct hub;

/* Starts everything; it serves when this returns. `config` outlives the hub. */
PEK_MUST_CHECK enum status hub_open(uv_loop_t *loop, const struct hub_config *config,
                                    struct hub **ret_hub, struct fault *fault);
/* Of the web site: what `listen` says, or what was picked for port 0. */
int hub_port(const struct hub *hub);
/* Drains in a fiber: answers what runs, refuses what comes, then stops the loop. Idempotent. */
void hub_stop(struct hub *hub);
/* After SIGHUP, when `config` may have changed: reads the key files again, in a fiber. A mistake changes nothing
 * and is logged. */
void hub_reload(struct hub *hub);
/* After the loop stopped. True when nothing had to be cut off. Takes NULL. */
bool hub_close(struct hub *hub);

#endif
