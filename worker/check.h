/* check: what a start and `check-config` find out beyond the values: files, pairs of keys, addresses. check-config also looks
 * whether they are free now, valid at this time, and what the database says. */
#ifndef PEK_WORKER_CHECK_H
#define PEK_WORKER_CHECK_H

#include "worker/settings.h"

/* As `probe` of struct config_program. Reads the disk and connects; changes nothing. */
void check_settings(struct config *config, const void *settings);

#endif
