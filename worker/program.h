/* program: a loop, its fibers and a realm, for whatever a worker does with them.
 *
 * program_run makes them, runs `body` on a fiber, and takes them down again when it returns.
 */
#ifndef PEK_WORKER_PROGRAM_H
#define PEK_WORKER_PROGRAM_H

#include <uv.h>

#include "shared/base/fault.h"
#include "shared/fiber/fiber.h"
#include "shared/jwt/jwt_keyring.h"
#include "shared/rpc/rpc.h"
#include "worker/realm/hub_keys.h"
#include "worker/realm/realm.h"
#include "worker/settings.h"

struct program {
    struct settings settings; /* a copy, which a SIGHUP changes */
    uv_loop_t loop;
    struct fibers *fibers;
    struct jwt_keyring ring; /* the realm's own keys */
    struct fetcher *fetcher; /* for the hub's, when an address has them */
    struct hub_keys hub_keys;
    struct tracer *tracer; /* NULL for none */
    struct realm *realm;
    /* After each statement; the body's to set, NULL before. */
    void (*on_statement)(struct program *program, const struct pg_ended *ended);
    /* After each call. */
    void (*finished)(struct program *program, struct rpc_ctx *ctx, const struct fault *outcome,
                     int64_t elapsed_us);
    int (*body)(struct program *program);
    void *body_arg; /* of the body, for `finished`; NULL while it has none */
    int exit_code;
};

/* The exit code of the body, or 1 after logging why it could not run. */
int program_run(const struct settings *settings, int (*body)(struct program *program),
                void (*finished)(struct program *program, struct rpc_ctx *ctx,
                                 const struct fault *outcome, int64_t elapsed_us));

/* Logs an error with the fault and answers 1: return program_failed("…", status, &fault). */
int program_failed(const char *event, enum status status, const struct fault *fault);

/* The realm's key set from the files of its keys. Reads the disk. */
PEK_MUST_CHECK enum status program_load_keys(const struct settings *settings,
                                             struct jwt_keys *ret_keys, struct fault *fault);

/* A token of a key that was replaced is good as long as any. */
#define PROGRAM_KEYS_KEPT_MS ((JWT_INSTANCE_LIFETIME_S + JWT_LEEWAY_S) * 1000)

/* In a fiber, after SIGHUP: the options that may change, the realm's keys and the hub's. What cannot be
 * read stays as it is, and the log says so. */
void program_reload(struct program *program);
/* In a fiber, every HUB_KEYS_REFRESH_EVERY_MS: the hub's keys again, and no keys of ours beyond their time. */
void program_refresh_keys(struct program *program);

#endif
