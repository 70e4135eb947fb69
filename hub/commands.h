/* commands: what an operator does with a hub besides serving it. Each blocks, and runs as the owner of the tables
 * (`database_owner`, or `database` where that is empty): the hub's own role may do none of it. */
#ifndef PEK_HUB_COMMANDS_H
#define PEK_HUB_COMMANDS_H

#include "hub/config.h"
#include "shared/base/fault.h"

/* `migrate`: brings the tables of the hub, and of the realm that it hosts, up to date. */
PEK_MUST_CHECK enum status hub_migrate(const struct hub_config *config, struct fault *fault);
/* `disable-user` and `enable-user`, by id or username; NOT_FOUND. Every hub hears of it. */
PEK_MUST_CHECK enum status hub_set_user_disabled(const struct hub_config *config, const char *who,
                                                 bool disabled, struct fault *fault);

#endif
