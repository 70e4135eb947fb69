/* pekctl: the operator's command: which realms the federation has, and who administers the hub.
 *
 * It speaks to the hub's database as its owner. Every hub follows the database, so that it does not matter whether one
 * runs, or how many. Blocking.
 */
#ifndef PEK_HUB_PEKCTL_PEKCTL_H
#define PEK_HUB_PEKCTL_PEKCTL_H

#include <stdio.h>

enum pekctl_exit {
    PEKCTL_DONE = 0,
    PEKCTL_REFUSED = 1,     /* no such realm or user, or a rule is against it */
    PEKCTL_USAGE = 2,       /* the command line or the configuration is wrong */
    PEKCTL_UNREACHABLE = 3, /* the database cannot be reached, or has not been migrated */
};

enum pekctl_exit pekctl_run(int argc, char *const *argv, char *const *environment, FILE *out,
                            FILE *err);

#endif
