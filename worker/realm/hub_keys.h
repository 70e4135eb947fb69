/* hub_keys: the hub's public keys, from a file that an operator writes, or from the hub's JWKS address.
 *
 * A file is a JWKS document, or PEM of public keys one after the other. Both are read at start (an address that
 * does not answer yet is no mistake: nobody is believed until it does), every HUB_KEYS_REFRESH_EVERY_MS by
 * whoever runs the program, and once more when an assertion names a key that is not known. So a rotation
 * of the hub's keys needs no restart and, as the hub publishes a key before it signs with it, no refused call.
 *
 * However many assertions wait for it, one refresh runs; the next that an unknown key causes may begin
 * HUB_KEYS_REFRESH_MIN_MS after it (HUB_KEYS_RETRY_MIN_MS when it failed): whoever can send assertions cannot make us read more often.
 * An answer that is wrong in any way changes nothing.
 */
#ifndef PEK_WORKER_REALM_HUB_KEYS_H
#define PEK_WORKER_REALM_HUB_KEYS_H

#include "shared/base/fault.h"
#include "shared/fetch/fetch.h"
#include "shared/fiber/fiber.h"
#include "shared/jwt/jwt_keys.h"

#define HUB_KEYS_REFRESH_MIN_MS 5000
#define HUB_KEYS_RETRY_MIN_MS 1000 /* after one that failed: the hub may just be starting */
#define HUB_KEYS_REFRESH_EVERY_MS (60 * 1000)
#define HUB_KEYS_TIMEOUT_MS                                                                        \
    3000 /* of one answer of the address, and of waiting for another's refresh */
#define HUB_KEYS_WAITING_MAX 1024

/* One of the two; both outlive it. */
struct hub_keys_source {
    const char *path; /* "": none */
    const char *url;  /* https://hub.example/.well-known/jwks.json; asked when there is no path */
    struct fetcher *fetcher; /* for the url */
};

struct hub_keys {
    struct hub_keys_source source;
    struct jwt_keys keys;
    int64_t refresh_from_us; /* not before, for an unknown key */
    struct fiber_gate gate;  /* of the one refresh that runs */
    uint64_t refreshes;      /* that succeeded */
    uint64_t failures;
};

/* Reads a file (blocking); an address is asked by the first refresh. */
PEK_MUST_CHECK enum status hub_keys_init(struct hub_keys *hub_keys,
                                         const struct hub_keys_source *source, struct fault *fault);
void hub_keys_done(struct hub_keys *hub_keys);
/* In a fiber, for an unknown key; `arg` is the struct hub_keys. OK: a refresh ended after this was called.
 * UNAVAILABLE when it is too early, or the file or the address gives none. */
enum status hub_keys_refresh(void *arg);
/* In a fiber: the same without the pause, for a clock or an operator. */
PEK_MUST_CHECK enum status hub_keys_refresh_now(struct hub_keys *hub_keys, struct fault *fault);

#endif
