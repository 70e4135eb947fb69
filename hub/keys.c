#include "hub/keys.h"

#include "shared/base/clock.h"
#include "shared/jwt/jwt.h"

#define PAGE_TOKEN "pek page token"
#define LOGIN_TICKET "pek login ticket"
#define REALM_KEY_KEPT_MS ((JWT_INSTANCE_LIFETIME_S + JWT_LEEWAY_S) * 1000)

void keys_init(struct keys *keys)
{
    *keys = (struct keys){0};
    jwt_keyring_init(&keys->hub, 0);
    jwt_keyring_init(&keys->realm, REALM_KEY_KEPT_MS);
}

void keys_done(struct keys *keys)
{
    jwt_keyring_done(&keys->hub);
    jwt_keyring_done(&keys->realm);
    crypto_wipe(keys->page_keys, sizeof(keys->page_keys));
    crypto_wipe(&keys->login_key, sizeof(keys->login_key));
}

/* ---- reading ----------------------------------------------------------------------------------- */

struct reading {
    struct jwt_keyring_files hub, realm; /* realm.signer NULL: none is hosted */
    struct jwt_keys hub_keys, realm_keys;
    enum status status;
    struct fault fault;
};

static struct reading reading_of(const struct hub_config *config)
{
    return (struct reading){
        .hub = {.signer = config->hub_key,
                .others = config->hub_keys_previous.items,
                .other_count = config->hub_keys_previous.count,
                .signer_setting = "hub_key",
                .others_setting = "hub_keys_previous"},
        .realm = {.signer = config->local_realm[0] ? config->local_instance_key : NULL,
                  .signer_setting = "local_instance_key"},
    };
}

static void read_files(void *arg)
{
    struct reading *reading = arg;

    jwt_keys_init(&reading->realm_keys);
    reading->status = jwt_keyring_read(&reading->hub, &reading->hub_keys, &reading->fault);
    if (reading->status || !reading->realm.signer)
        return;
    reading->status = jwt_keyring_read(&reading->realm, &reading->realm_keys, &reading->fault);
    if (reading->status)
        jwt_keys_done(&reading->hub_keys);
}

/* ---- taking ------------------------------------------------------------------------------------ */

static enum status derive_key(const struct es256_key *key, const char *what, struct sha256 *ret_key)
{
    struct buffer pem;

    buffer_init(&pem, ES256_PEM_BYTES_MAX);
    enum status status = es256_key_write_private_pem(key, &pem);
    if (!status)
        *ret_key = hmac_sha256(buffer_slice(&pem), slice_str(what));
    if (pem.ptr)
        crypto_wipe(pem.ptr, pem.len);
    buffer_done(&pem);
    return status;
}

/* The signer's first: it seals. The same on every hub that has the private key, and not to be had from the
 * public half. */
static enum status derive_keys(struct keys *keys, const struct jwt_keys *from)
{
    enum status status = derive_key(from->signer, PAGE_TOKEN, &keys->page_keys[0]);
    size_t count = 1;

    if (!status)
        status = derive_key(from->signer, LOGIN_TICKET, &keys->login_key);
    for (size_t i = 0; !status && i < from->count && count < API_PAGE_KEYS_MAX; i++) {
        if (from->keys[i] != from->signer && es256_key_is_private(from->keys[i]))
            status = derive_key(from->keys[i], PAGE_TOKEN, &keys->page_keys[count++]);
    }
    for (size_t i = 0; !status && i < count; i++)
        keys->page.keys[i] = slice_make(keys->page_keys[i].bytes, sizeof(keys->page_keys[i].bytes));
    if (!status)
        keys->page.count = count;
    return status;
}

static enum status take(struct keys *keys, struct reading *reading, struct fault *fault)
{
    if (reading->status) {
        *fault = reading->fault;
        return reading->status;
    }
    enum status status = derive_keys(keys, &reading->hub_keys);
    if (status) {
        jwt_keys_done(&reading->hub_keys);
        jwt_keys_done(&reading->realm_keys);
        return fault_set(fault, status, "hub_key", "the hub's key cannot be used");
    }
    int64_t now_us = clock_monotonic_us();
    jwt_keyring_take(&keys->hub, &reading->hub_keys, now_us);
    if (reading->realm.signer)
        jwt_keyring_take(&keys->realm, &reading->realm_keys, now_us);
    return STATUS_OK;
}

enum status keys_open(struct keys *keys, const struct hub_config *config, struct fault *fault)
{
    struct reading reading = reading_of(config);

    read_files(&reading);
    return take(keys, &reading, fault);
}

enum status keys_reload(struct keys *keys, const struct hub_config *config, struct fault *fault)
{
    struct reading reading = reading_of(config);

    if (fiber_offload(read_files, &reading))
        return fault_set(fault, STATUS_UNAVAILABLE, NULL, "no thread to read the keys on");
    return take(keys, &reading, fault);
}

void keys_expire(struct keys *keys)
{
    jwt_keyring_expire(&keys->realm, clock_monotonic_us());
}
