/* commands: what an operator does with a realm besides serving it. Each answers an exit code. */
#ifndef PEK_WORKER_COMMANDS_H
#define PEK_WORKER_COMMANDS_H

#include "worker/settings.h"

int command_migrate(const struct settings *settings);
int command_bootstrap(const struct settings *settings);
int command_keygen(const struct settings *settings);
/* Says what would go, and without `confirm` nothing does. */
int command_prune_audit(const struct settings *settings);
/* 1 when an invariant does not hold, or could not be asked. */
int command_verify(const struct settings *settings);
int command_token(const struct settings *settings);

#endif
