#include "worker/realm/hub_keys.h"

#include <errno.h>
#include <stdio.h>

#include "shared/base/clock.h"
#include "shared/fiber/fiber.h"

/* A file's text, read on whatever thread. */
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

static enum status take_keys(struct hub_keys *hub_keys, const struct reading *reading,
                             struct fault *fault)
{
    static const struct slice pem = SLICE_LIT("-----BEGIN");
    struct slice text = slice_make(reading->text, reading->len);
    if (reading->error)
        return fault_set(fault, STATUS_UNAVAILABLE, NULL, "cannot read %s: %s", reading->path,
                         strerrordesc_np(reading->error));
    if (!slice_starts_with(text, pem))
        return jwt_keys_replace_from_jwks(&hub_keys->keys, text, fault);
    struct es256_key *key;
    enum status status = es256_key_from_public_pem(text, &key, fault);
    if (status != STATUS_OK)
        return status;
    struct jwt_keys keys;
    jwt_keys_init(&keys);
    status = jwt_keys_add(&keys, key);
    es256_key_free(key);
    if (status == STATUS_OK) {
        jwt_keys_done(&hub_keys->keys);
        hub_keys->keys = keys;
    }
    return status;
}

enum status hub_keys_init(struct hub_keys *hub_keys, const char *path, struct fault *fault)
{
    struct reading reading = {.path = path};
    *hub_keys = (struct hub_keys){.path = path};
    jwt_keys_init(&hub_keys->keys);
    read_file(&reading);
    return take_keys(hub_keys, &reading, fault);
}

void hub_keys_done(struct hub_keys *hub_keys)
{
    jwt_keys_done(&hub_keys->keys);
}

enum status hub_keys_refresh(void *arg)
{
    struct hub_keys *hub_keys = arg;
    if (clock_monotonic_us() < hub_keys->refresh_from_us)
        return STATUS_UNAVAILABLE;
    hub_keys->refresh_from_us = deadline_after_ms(HUB_KEYS_REFRESH_MIN_MS);
    struct reading reading = {.path = hub_keys->path};
    enum status status = fiber_offload(read_file, &reading);
    return status == STATUS_OK ? take_keys(hub_keys, &reading, NULL) : status;
}
