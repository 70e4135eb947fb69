#include "shared/jwt/jwt_keyring.h"

#include <string.h>

void jwt_keyring_init(struct jwt_keyring *ring, int64_t keep_ms)
{
    *ring = (struct jwt_keyring){.keep_ms = keep_ms};
    jwt_keys_init(&ring->keys);
}

void jwt_keyring_done(struct jwt_keyring *ring)
{
    for (size_t i = 0; i < ring->retired_count; i++)
        es256_key_free(ring->retired[i].key);
    ring->retired_count = 0;
    jwt_keys_done(&ring->keys);
}

static enum status add_signer(struct jwt_keys *keys, const struct jwt_keyring_files *files,
                              struct fault *fault)
{
    struct es256_key *key;
    struct fault why;
    enum status status = es256_key_load_private(files->signer, &key, &why);
    if (status != STATUS_OK)
        return fault_set(fault, status, files->signer_setting, "%s", why.text);
    status = jwt_keys_set_signer(keys, key);
    es256_key_free(key);
    return status == STATUS_OK ? status
                               : fault_set(fault, status, files->signer_setting,
                                           "%s cannot be used as a key", files->signer);
}

static enum status add_other(struct jwt_keys *keys, const struct jwt_keyring_files *files,
                             size_t index, struct fault *fault)
{
    const char *path = files->others[index];
    struct es256_key *key;
    struct fault why;
    enum status status = es256_key_load_public(path, &key, NULL);
    if (status != STATUS_OK)
        status = es256_key_load_private(path, &key, &why);
    if (status != STATUS_OK)
        return fault_set(fault, status, files->others_setting, "%s", why.text);
    status = jwt_keys_add(keys, key);
    es256_key_free(key);
    return status == STATUS_OK ? status
                               : fault_set(fault, status, files->others_setting, "too many keys");
}

enum status jwt_keyring_read(const struct jwt_keyring_files *files, struct jwt_keys *ret_keys,
                             struct fault *fault)
{
    struct jwt_keys keys;
    if (files->other_count > JWT_KEYRING_OTHERS_MAX)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, files->others_setting,
                         "at most %d keys beside the first", JWT_KEYRING_OTHERS_MAX);
    jwt_keys_init(&keys);
    enum status status = add_signer(&keys, files, fault);
    for (size_t i = 0; status == STATUS_OK && i < files->other_count; i++)
        status = add_other(&keys, files, i, fault);
    if (status != STATUS_OK) {
        jwt_keys_done(&keys);
        return status;
    }
    *ret_keys = keys;
    return STATUS_OK;
}

/* ---- rotation ---- */

static void drop_retired(struct jwt_keyring *ring, size_t index)
{
    es256_key_free(ring->retired[index].key);
    ring->retired_count--;
    memmove(&ring->retired[index], &ring->retired[index + 1],
            (ring->retired_count - index) * sizeof(ring->retired[0]));
}

static void retire(struct jwt_keyring *ring, struct es256_key *key, int64_t now_us)
{
    if (ring->retired_count == JWT_KEYRING_RETIRED_MAX)
        drop_retired(ring, 0);
    ring->retired[ring->retired_count++] =
        (struct jwt_retired){es256_key_ref(key), now_us + ring->keep_ms * 1000};
}

static bool names(const struct jwt_keys *keys, const struct es256_key *key)
{
    return jwt_keys_find(keys, slice_str(es256_key_kid(key))) != NULL;
}

void jwt_keyring_take(struct jwt_keyring *ring, struct jwt_keys *next, int64_t now_us)
{
    struct es256_key *before = ring->keys.signer;
    if (before && ring->keep_ms > 0)
        retire(ring, before, now_us);
    for (size_t i = ring->retired_count; i-- > 0;) {
        struct es256_key *key = ring->retired[i].key;
        /* A key that a file names needs no keeping, and must not go when the time is over. */
        if (now_us >= ring->retired[i].until_us || names(next, key) ||
            jwt_keys_add(next, key) != STATUS_OK)
            drop_retired(ring, i);
    }
    jwt_keys_replace(&ring->keys, next);
}
_Static_assert(1 + JWT_KEYRING_OTHERS_MAX + JWT_KEYRING_RETIRED_MAX <= JWT_KEYS_MAX,
               "every key of a ring has a place");

bool jwt_keyring_expire(struct jwt_keyring *ring, int64_t now_us)
{
    bool changed = false;
    for (size_t i = ring->retired_count; i-- > 0;) {
        if (now_us < ring->retired[i].until_us)
            continue;
        changed |= jwt_keys_remove(&ring->keys, slice_str(es256_key_kid(ring->retired[i].key))) ==
                   STATUS_OK;
        drop_retired(ring, i);
    }
    return changed;
}
