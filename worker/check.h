/* check: what `check-config` finds out beyond the values: files, pairs of keys, addresses, the database. */
#ifndef PEK_WORKER_CHECK_H
#define PEK_WORKER_CHECK_H

#include "worker/settings.h"

/* As `probe` of struct config_program. Reads the disk and connects; changes nothing. */
void check_settings(struct config *config, const void *settings);

#endif
