#include "hub/schema/testing/hub_cluster.h"

#include <stdio.h>

#include "hub/schema/schema.h"

struct pg_cluster *hub_cluster_start(void)
{
    struct pg_cluster *cluster = pg_cluster_start();
    size_t applied;
    struct fault fault;

    if (cluster &&
        migrate_apply(pg_cluster_conninfo(cluster), hub_migrations(), &applied, &fault)) {
        fprintf(stderr, "hub_cluster: %s\n", fault.text);
        cluster = pg_cluster_stop(cluster);
    }
    return cluster;
}
