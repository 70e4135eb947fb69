/* hub_cluster: a private PostgreSQL that has the hub's tables. */
#ifndef PEK_HUB_SCHEMA_TESTING_HUB_CLUSTER_H
#define PEK_HUB_SCHEMA_TESTING_HUB_CLUSTER_H

#include "tests/support/pg_cluster.h"

/* As pg_cluster_start; ends with pg_cluster_stop. */
struct pg_cluster *hub_cluster_start(void);

#endif
