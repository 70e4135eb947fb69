/* fiber_run: a test body on a fiber, with a loop, a pg and a server behind it.
 *
 *     static void body(struct fiber_run *run) { … pg_read(run->pg, …) … }
 *     fiber_run_pg(cluster, &(struct pg_options){0}, body);
 */
#ifndef PEK_TESTS_SUPPORT_FIBER_RUN_H
#define PEK_TESTS_SUPPORT_FIBER_RUN_H

#include <uv.h>

#include "shared/base/arena.h"
#include "shared/fiber/fiber.h"
#include "shared/pg/pg.h"
#include "tests/support/pg_cluster.h"

struct fiber_run {
    uv_loop_t loop;
    struct fibers *fibers;
    struct pg *pg; /* ready when the body begins; NULL with fiber_run */
    struct pg_cluster *cluster;
    struct arena arena;
    void (*body)(struct fiber_run *run);
    void *arg; /* the test's */
};

/* Each returns when the body has ended, which must be the last of its fibers, and the loop has closed every handle. `options->conninfo` NULL is
 * the cluster's. */
void fiber_run(void (*body)(struct fiber_run *run));
void fiber_run_pg(struct pg_cluster *cluster, const struct pg_options *options,
                  void (*body)(struct fiber_run *run));

/* In a body: runs `count` fibers `part(run, index)` at once and returns when all have ended. */
void fiber_run_parallel(struct fiber_run *run, size_t count,
                        void (*part)(struct fiber_run *run, size_t index));
/* In a body: lets the loop turn until `condition`, at most ten seconds. True when it came. */
bool fiber_run_until(struct fiber_run *run, bool (*condition)(struct fiber_run *run));

#endif
