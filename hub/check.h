/* check: what `check-config` finds out beyond the values: files, pairs of keys, addresses, the database. */
#ifndef PEK_HUB_CHECK_H
#define PEK_HUB_CHECK_H

#include "hub/config.h"

/* As `probe` of struct config_program. Reads the disk and connects; changes nothing. */
void check_hub_config(struct config *config, const void *values);

#endif
