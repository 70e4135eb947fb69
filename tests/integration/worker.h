/* worker: a real realm behind a gRPC port, beside the rude ones of a federation.
 *
 *     federation_begin(&f); worker_clear();
 *     worker_open(&w, &f, "d");              alice has GOD there
 *     federation_open_hub(&f, "d=127.0.0.1:PORT", NULL);
 *     …
 *     federation_close(&f); worker_done(&w); worker_close in f.also_stop, between the two
 *
 * All workers share the hub's database, each with its own realm in it.
 */
#ifndef PEK_TESTS_INTEGRATION_WORKER_H
#define PEK_TESTS_INTEGRATION_WORKER_H

#include "shared/jwt/jwt_keys.h"
#include "tests/integration/federation.h"
#include "worker/realm/realm.h"

struct worker {
    const char *name;
    struct jwt_keys keys, hub_keys;
    struct realm *realm;
    struct rpc_server *server;
    char database[512];
    bool ready, granted;
};

/* database_standby of those that are opened; NULL: none. */
extern const char *worker_standby;

/* For cmocka's group setup: federation_setup, and the tables of realms. */
int worker_setup(void **state);
/* Empty tables of realms. */
void worker_clear(void);
void worker_open(struct worker *worker, struct federation *f, const char *name);
/* In a fiber, when the hub has stopped. */
void worker_close(struct worker *worker);
void worker_done(struct worker *worker);

/* A hub over one of them, "d", beside the rude ones. */
struct one {
    struct federation f;
    struct worker d;
};
/* Up to the hub, which one_serve opens: what is written between the two it finds. */
void one_begin(struct one *one);
void one_serve(struct one *one, const char *const *args);
void one_close(struct one *one);

#endif
