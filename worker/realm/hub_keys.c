#include "worker/realm/hub_keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/clock.h"

/* A document, from wherever. On the heap: it is too large for a fiber's stack. */
struct reading {
    const char *path;
    char text[JWT_JWKS_BYTES_MAX + 1];
    size_t len;
    int error;
};

static void read_file(void *arg)
{
    struct reading *reading = arg;
    FILE *file = fopen(reading->path, "re");
    reading->error = file ? 0 : errno;
    if (!file)
        return;
    reading->len = fread(reading->text, 1, sizeof(reading->text), file);
    if (ferror(file))
        reading->error = EIO;
    fclose(file);
}

/* ---- what was read ---- */

static enum status add_pem(struct jwt_keys *keys, struct slice pem, struct fault *fault)
{
    struct es256_key *key;
    enum status status = es256_key_from_public_pem(pem, &key, fault);
    if (status != STATUS_OK)
        return status;
    status = jwt_keys_add(keys, key);
    es256_key_free(key);
    return status == STATUS_OK ? status : fault_set(fault, status, NULL, "too many keys");
}

/* PEM blocks one after the other: each goes up to where the next begins. */
static enum status take_pems(struct jwt_keys *keys, struct slice text, struct fault *fault)
{
    static const struct slice begin = SLICE_LIT("-----BEGIN");
    struct jwt_keys next;
    enum status status = STATUS_OK;
    jwt_keys_init(&next);
    while (status == STATUS_OK && text.len > 0) {
        const char *end = text.len > begin.len ? memmem(text.ptr + begin.len, text.len - begin.len,
                                                        begin.ptr, begin.len)
                                               : NULL;
        size_t len = end ? (size_t)(end - text.ptr) : text.len;
        status = add_pem(&next, slice_make(text.ptr, len), fault);
        text = slice_make(text.ptr + len, text.len - len);
    }
    if (status == STATUS_OK)
        jwt_keys_replace(keys, &next);
    else
        jwt_keys_done(&next);
    return status;
}

static enum status take_text(struct hub_keys *hub_keys, struct slice text, struct fault *fault)
{
    if (slice_starts_with(text, SLICE_LIT("-----BEGIN")))
        return take_pems(&hub_keys->keys, text, fault);
    if (text.len == 0)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, NULL,
                         "the file is empty: it has the hub's public keys, as PEM or as a JWK set");
    return jwt_keys_replace_from_jwks(&hub_keys->keys, text, fault);
}

static enum status take_reading(struct hub_keys *hub_keys, const struct reading *reading,
                                struct fault *fault)
{
    if (reading->error)
        return fault_set(fault, STATUS_UNAVAILABLE, NULL, "cannot read %s: %s", reading->path,
                         strerrordesc_np(reading->error));
    return take_text(hub_keys, slice_make(reading->text, reading->len), fault);
}

/* ---- reading ---- */

static enum status ask_address(struct hub_keys *hub_keys, struct fault *fault)
{
    const struct fetch_request request = {
        .url = hub_keys->source.url,
        .timeout_ms = HUB_KEYS_TIMEOUT_MS,
        .body_bytes_max = JWT_JWKS_BYTES_MAX,
    };
    struct fetch_response response;
    struct cancel cancel;
    struct arena arena;
    arena_init(&arena, 2 * JWT_JWKS_BYTES_MAX);
    cancel_init(&cancel, deadline_after_ms(HUB_KEYS_TIMEOUT_MS));
    enum status status =
        fetch(hub_keys->source.fetcher, &request, &cancel, &arena, &response, fault);
    if (status == STATUS_OK && response.code != 200)
        status = fault_set(fault, STATUS_UNAVAILABLE, NULL, "the hub answered %d", response.code);
    /* A private key set or PEM has no business at that address. */
    if (status == STATUS_OK)
        status = jwt_keys_replace_from_jwks(&hub_keys->keys, response.body, fault);
    arena_done(&arena);
    return status;
}

static enum status read_again(struct hub_keys *hub_keys, struct fault *fault)
{
    if (!hub_keys->source.path[0])
        return ask_address(hub_keys, fault);
    struct reading *reading = calloc(1, sizeof(*reading));
    if (!reading)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    reading->path = hub_keys->source.path;
    enum status status = fiber_offload(read_file, reading);
    if (status == STATUS_OK)
        status = take_reading(hub_keys, reading, fault);
    free(reading);
    return status;
}

enum status hub_keys_init(struct hub_keys *hub_keys, const struct hub_keys_source *source,
                          struct fault *fault)
{
    *hub_keys = (struct hub_keys){.source = *source};
    jwt_keys_init(&hub_keys->keys);
    fiber_gate_init(&hub_keys->gate, 1, HUB_KEYS_WAITING_MAX);
    if (!source->path[0])
        return STATUS_OK;
    struct reading *reading = calloc(1, sizeof(*reading));
    if (!reading)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    reading->path = source->path;
    read_file(reading);
    enum status status = take_reading(hub_keys, reading, fault);
    free(reading);
    return status;
}

void hub_keys_done(struct hub_keys *hub_keys)
{
    jwt_keys_done(&hub_keys->keys);
}

static enum status refresh(struct hub_keys *hub_keys, bool patient, struct fault *fault)
{
    uint64_t before = hub_keys->refreshes;
    enum status status =
        fiber_gate_enter(&hub_keys->gate, deadline_after_ms(2 * HUB_KEYS_TIMEOUT_MS));
    if (status != STATUS_OK)
        return fault_set(fault, STATUS_UNAVAILABLE, NULL, "the keys are being read");
    /* Whoever was before us in the gate may have read them for us. */
    if (hub_keys->refreshes == before) {
        if (patient && clock_monotonic_us() < hub_keys->refresh_from_us) {
            status = fault_set(fault, STATUS_UNAVAILABLE, NULL, "the keys were read just now");
        } else {
            status = read_again(hub_keys, fault);
            hub_keys->refreshes += status == STATUS_OK;
            hub_keys->failures += status != STATUS_OK;
            /* A refresh by the clock says nothing about a key that is published after it. */
            if (patient)
                hub_keys->refresh_from_us = deadline_after_ms(
                    status == STATUS_OK ? HUB_KEYS_REFRESH_MIN_MS : HUB_KEYS_RETRY_MIN_MS);
        }
    }
    fiber_gate_leave(&hub_keys->gate);
    return status == STATUS_OK ? status : STATUS_UNAVAILABLE;
}

enum status hub_keys_refresh(void *arg)
{
    return refresh(arg, true, NULL);
}

enum status hub_keys_refresh_now(struct hub_keys *hub_keys, struct fault *fault)
{
    return refresh(hub_keys, false, fault);
}
