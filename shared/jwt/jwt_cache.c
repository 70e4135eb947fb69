#include "shared/jwt/jwt_cache.h"

#include <stdlib.h>
#include <string.h>

#include "shared/base/clock.h"
#include "shared/crypto/crypto.h"
#include "shared/jwt/jwt_claims.h"

struct entry {
    struct lru_entry lru;     /* first: freed as one */
    struct jwt_claims claims; /* strings in `bytes` */
    char bytes[];
};

static void entry_free(struct lru_entry *entry)
{
    free(LIST_ENTRY(entry, struct entry, lru));
}

enum status jwt_cache_init(struct jwt_cache *cache, size_t tokens_max)
{
    cache->hits = cache->misses = 0;
    return lru_init(&cache->lru, tokens_max, entry_free);
}

void jwt_cache_done(struct jwt_cache *cache)
{
    lru_done(&cache->lru);
}

/* The token and everything that decided about it except the time. */
static struct sha256 key_of(const struct jwt_keys *keys, const struct jwt_expect *expect,
                            struct slice token)
{
    const int64_t numbers[] = {
        expect->leeway_s,     expect->lifetime_max_s, expect->sub_required,
        expect->jti_required, expect->sid_required,   (int64_t)keys->generation,
    };
    const struct slice parts[] = {
        token,
        slice_str(expect->typ),
        expect->iss,
        expect->aud,
        slice_make(numbers, sizeof(numbers)),
    };
    return sha256_of_parts(parts, sizeof(parts) / sizeof(parts[0]));
}

#define CLAIM_STRINGS 7
static void strings_of(struct jwt_claims *claims, struct slice *ret_strings[CLAIM_STRINGS])
{
    struct slice *strings[] = {
        &claims->iss, &claims->aud,          &claims->sub, &claims->jti,
        &claims->sid, &claims->cnf_x5t_s256, &claims->kid,
    };
    _Static_assert(sizeof(strings) == CLAIM_STRINGS * sizeof(strings[0]), "all strings");
    memcpy(ret_strings, strings, sizeof(strings));
}

static size_t strings_bytes(struct slice *strings[CLAIM_STRINGS])
{
    size_t bytes = 0;
    for (size_t i = 0; i < CLAIM_STRINGS; i++)
        bytes += strings[i]->len;
    return bytes;
}

/* Moves the strings to `bytes`. */
static void strings_move(struct slice *strings[CLAIM_STRINGS], char *bytes)
{
    for (size_t i = 0; i < CLAIM_STRINGS; i++) {
        if (!strings[i]->len)
            continue;
        memcpy(bytes, strings[i]->ptr, strings[i]->len);
        strings[i]->ptr = bytes;
        bytes += strings[i]->len;
    }
}

static enum status copy_out(const struct jwt_claims *claims, struct arena *arena,
                            struct jwt_claims *ret_claims, struct fault *fault)
{
    struct jwt_claims copy = *claims;
    struct slice *strings[CLAIM_STRINGS];
    strings_of(&copy, strings);
    char *bytes = arena_alloc(arena, strings_bytes(strings));
    if (!bytes)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "no memory left for the token");
    strings_move(strings, bytes);
    *ret_claims = copy;
    return STATUS_OK;
}

/* Not remembering is no failure: the token is verified again next time. */
static void remember(struct jwt_cache *cache, struct slice key, const struct jwt_expect *expect,
                     const struct jwt_claims *claims, int64_t now_s)
{
    struct jwt_claims copy = *claims;
    struct slice *strings[CLAIM_STRINGS];
    strings_of(&copy, strings);
    struct entry *entry = malloc(sizeof(*entry) + strings_bytes(strings));
    if (!entry)
        return;
    strings_move(strings, entry->bytes);
    entry->claims = copy;
    int64_t left_s = claims->exp + expect->leeway_s - now_s;
    enum status ignored =
        lru_insert(&cache->lru, key, clock_monotonic_us() + left_s * 1000000, &entry->lru);
    (void)ignored;
}

enum status jwt_cache_verify(struct jwt_cache *cache, const struct jwt_keys *keys,
                             const struct jwt_expect *expect, struct slice token,
                             struct arena *arena, int64_t now_s, struct jwt_claims *ret_claims,
                             struct fault *fault)
{
    if (!token.len || token.len > JWT_TOKEN_BYTES_MAX) /* not worth a digest */
        return jwt_verify(keys, expect, token, arena, now_s, ret_claims, fault);
    struct sha256 digest = key_of(keys, expect, token);
    struct slice key = slice_make(digest.bytes, sizeof(digest.bytes));
    struct lru_entry *found = lru_find(&cache->lru, key);
    if (found) {
        const struct entry *entry = LIST_ENTRY(found, struct entry, lru);
        enum status status = jwt_claims_check_times(&entry->claims, expect, now_s, fault);
        if (status == STATUS_OK)
            status = copy_out(&entry->claims, arena, ret_claims, fault);
        cache->hits += status == STATUS_OK;
        return status;
    }
    cache->misses++;
    struct jwt_claims claims;
    enum status status = jwt_verify(keys, expect, token, arena, now_s, &claims, fault);
    if (status != STATUS_OK)
        return status;
    remember(cache, key, expect, &claims, now_s);
    *ret_claims = claims;
    return STATUS_OK;
}
