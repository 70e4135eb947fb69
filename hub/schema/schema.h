/* schema: the hub's tables, in the order in which they are made, and its services over them. */
#ifndef PEK_HUB_SCHEMA_SCHEMA_H
#define PEK_HUB_SCHEMA_SCHEMA_H

#include "shared/pg/migrate.h"
#include "shared/service/service.h"

/* What the hub needs of its database, for pg_options.schema as well. */
const struct migrations *hub_migrations(void);

/* What the data of a service of the hub begins with. */
struct service hub_service(struct pg *pg);

#endif
