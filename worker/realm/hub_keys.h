/* hub_keys: the hub's public keys, from a file that the hub or an operator writes.
 *
 * The file is a JWKS document, or the PEM of one public key. It is read at start, and again when an assertion
 * names a key that is not known: so a rotation of the hub's keys needs no restart.
 */
#ifndef PEK_WORKER_REALM_HUB_KEYS_H
#define PEK_WORKER_REALM_HUB_KEYS_H

#include "shared/base/fault.h"
#include "shared/jwt/jwt_keys.h"

#define HUB_KEYS_REFRESH_MIN_MS 5000 /* an unknown key does not make us read more often */

struct hub_keys {
    const char *path;
    struct jwt_keys keys;
    int64_t refresh_from_us;
};

/* Reads the file (blocking). The path outlives it. */
PEK_MUST_CHECK enum status hub_keys_init(struct hub_keys *hub_keys, const char *path,
                                         struct fault *fault);
void hub_keys_done(struct hub_keys *hub_keys);
/* In a fiber; `arg` is the struct hub_keys. UNAVAILABLE when it is too early or the file cannot be read. */
enum status hub_keys_refresh(void *arg);

#endif
