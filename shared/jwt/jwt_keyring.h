/* jwt_keyring: a program's own keys, from its files, and how they are rotated while it runs.
 *
 * One file holds the private key that signs; others hold keys that are accepted beside it, private or public:
 * those that signed before, and those that will. Read them again (jwt_keyring_read, on whatever thread) and take
 * what was read (jwt_keyring_take, on the loop thread): tokens of a key that is still named go on being good.
 *
 * For tokens that live minutes nobody need name the key that was replaced: it is kept for `keep_ms`, then
 * forgotten by jwt_keyring_expire. With `keep_ms` 0 only the files count, so that a stolen key is gone as
 * soon as it is named no longer.
 */
#ifndef PEK_SHARED_JWT_JWT_KEYRING_H
#define PEK_SHARED_JWT_JWT_KEYRING_H

#include "shared/jwt/jwt_keys.h"

#define JWT_KEYRING_OTHERS_MAX 8  /* files beside the signer's */
#define JWT_KEYRING_RETIRED_MAX 4 /* of more, the oldest goes early */

struct jwt_keyring_files {
    const char *signer;
    const char *const *others;
    size_t other_count;
    const char *signer_setting, *others_setting; /* that named them: the field of a fault */
};

struct jwt_keyring {
    struct jwt_keys keys; /* may be pointed to for the life of the ring */
    int64_t keep_ms;
    struct jwt_retired {
        struct es256_key *key;
        int64_t until_us; /* monotonic */
    } retired[JWT_KEYRING_RETIRED_MAX];
    size_t retired_count;
};

/* In place, empty. */
void jwt_keyring_init(struct jwt_keyring *ring, int64_t keep_ms);
void jwt_keyring_done(struct jwt_keyring *ring);

/* Reads the disk. `ret_keys` is initialised by this when it succeeds. Statuses and faults of es256_key_load_…;
 * RESOURCE_EXHAUSTED for more than JWT_KEYRING_OTHERS_MAX. */
PEK_MUST_CHECK enum status jwt_keyring_read(const struct jwt_keyring_files *files,
                                            struct jwt_keys *ret_keys, struct fault *fault);
/* The ring has these keys from now on, and for a while the signer that it had. `next` is left empty. */
void jwt_keyring_take(struct jwt_keyring *ring, struct jwt_keys *next, int64_t now_us);
/* Forgets replaced signers whose time is over; true when there was one. */
bool jwt_keyring_expire(struct jwt_keyring *ring, int64_t now_us);

#endif
