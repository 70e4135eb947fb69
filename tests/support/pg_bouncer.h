/* pg_bouncer: Debian's pgbouncer before a pg_cluster, on a unix socket in the cluster's folder, port
 * PG_BOUNCER_PORT. It dies with the process that started it. Functions end the process with a message when they fail.
 */
#ifndef PEK_TESTS_SUPPORT_PG_BOUNCER_H
#define PEK_TESTS_SUPPORT_PG_BOUNCER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "tests/support/pg_cluster.h"

#define PG_BOUNCER_PORT "6432"

bool pg_bouncer_is_installed(void);
/* `pool_mode` "session", "transaction" or "statement"; any user, on database postgres. */
pid_t pg_bouncer_start(const struct pg_cluster *cluster, const char *pool_mode);
/* The same with so many servers for each user. */
pid_t pg_bouncer_start_narrow(const struct pg_cluster *cluster, const char *pool_mode,
                              unsigned pool_size);
void pg_bouncer_stop(pid_t pid);

#endif
