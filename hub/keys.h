/* keys: the hub's own keys, those of the realm that it hosts, and what is derived from them.
 *
 * `hub_key` signs sessions and assertions; `hub_keys_previous` are accepted beside it: keys that signed before
 * (until their cookies are a day old), and the one that will, so that other hubs and the workers know it before
 * it does. All are published. A SIGHUP reads the configuration, then the files that it names; what it names no longer
 * is gone, and the sessions of its cookies with it. A realm's replaced key is kept as long as its tokens live.
 *
 * A login that is under way when the first key changes has to begin again.
 *
 * Page tokens are sealed with a key derived from the private half of the first, and opened with that of any: one
 * that is given as a public key only ends the lists that it began.
 */
#ifndef PEK_HUB_KEYS_H
#define PEK_HUB_KEYS_H

#include "hub/api/api.h"
#include "hub/config.h"
#include "shared/crypto/crypto.h"
#include "shared/jwt/jwt_keyring.h"

struct keys {
    struct jwt_keyring hub, realm;
    struct api_page_keys page;
    struct sha256 page_keys[API_PAGE_KEYS_MAX];
    struct sha256 login_key; /* seals login tickets; changes with the first key */
};

/* Empty. */
void keys_init(struct keys *keys);
void keys_done(struct keys *keys);
/* Reads the files that the configuration names: blocking, before the loop runs. */
PEK_MUST_CHECK enum status keys_open(struct keys *keys, const struct hub_config *config,
                                     struct fault *fault);
/* In a fiber: the same on another thread. Nothing changes when one of them cannot be read. */
PEK_MUST_CHECK enum status keys_reload(struct keys *keys, const struct hub_config *config,
                                       struct fault *fault);
/* From time to time: forgets the realm's keys whose tokens have expired. */
void keys_expire(struct keys *keys);

#endif
