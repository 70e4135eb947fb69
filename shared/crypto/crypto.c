#include "shared/crypto/crypto.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sys/stat.h>

/* What a thread keeps between calls; freed with the thread. */
struct contexts {
    EVP_MD_CTX *digest;
    EVP_MAC_CTX *mac;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t contexts_key;
static EVP_MD *sha256_algorithm;
static EVP_MAC *hmac_algorithm;

/* Without digests and randomness there is no safe way on, and no caller that could do better. */
static void must(bool done)
{
    if (!done)
        abort();
}

static void contexts_free(void *arg)
{
    struct contexts *contexts = arg;
    EVP_MD_CTX_free(contexts->digest);
    EVP_MAC_CTX_free(contexts->mac);
    free(contexts);
}

static void fetch_algorithms(void)
{
    sha256_algorithm = EVP_MD_fetch(NULL, "SHA2-256", NULL);
    hmac_algorithm = EVP_MAC_fetch(NULL, "HMAC", NULL);
    must(sha256_algorithm && hmac_algorithm);
    must(pthread_key_create(&contexts_key, contexts_free) == 0);
}

static struct contexts *contexts_of_thread(void)
{
    must(pthread_once(&once, fetch_algorithms) == 0);
    struct contexts *contexts = pthread_getspecific(contexts_key);
    if (contexts)
        return contexts;
    contexts = calloc(1, sizeof(*contexts));
    must(contexts);
    contexts->digest = EVP_MD_CTX_new();
    contexts->mac = EVP_MAC_CTX_new(hmac_algorithm);
    must(contexts->digest && contexts->mac);
    must(pthread_setspecific(contexts_key, contexts) == 0);
    return contexts;
}

struct sha256 sha256(struct slice bytes)
{
    EVP_MD_CTX *context = contexts_of_thread()->digest;
    struct sha256 digest;
    must(EVP_DigestInit_ex2(context, sha256_algorithm, NULL) == 1);
    must(EVP_DigestUpdate(context, bytes.ptr, bytes.len) == 1);
    must(EVP_DigestFinal_ex(context, digest.bytes, NULL) == 1);
    return digest;
}

struct sha256 sha256_of_parts(const struct slice *parts, size_t part_count)
{
    EVP_MD_CTX *context = contexts_of_thread()->digest;
    struct sha256 digest;
    must(EVP_DigestInit_ex2(context, sha256_algorithm, NULL) == 1);
    for (size_t i = 0; i < part_count; i++) {
        uint8_t length[8];
        for (size_t b = 0; b < sizeof(length); b++)
            length[b] = (uint8_t)((uint64_t)parts[i].len >> (8 * (sizeof(length) - 1 - b)));
        must(EVP_DigestUpdate(context, length, sizeof(length)) == 1);
        must(EVP_DigestUpdate(context, parts[i].ptr, parts[i].len) == 1);
    }
    must(EVP_DigestFinal_ex(context, digest.bytes, NULL) == 1);
    return digest;
}

struct sha256 hmac_sha256(struct slice key, struct slice bytes)
{
    EVP_MAC_CTX *context = contexts_of_thread()->mac;
    char name[] = "SHA2-256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
        OSSL_PARAM_construct_end(),
    };
    /* A NULL key would mean the one of the call before. */
    const unsigned char *key_bytes = (const unsigned char *)(key.len ? key.ptr : "");
    struct sha256 mac;
    size_t mac_len = 0;
    must(EVP_MAC_init(context, key_bytes, key.len, params) == 1);
    must(EVP_MAC_update(context, (const unsigned char *)bytes.ptr, bytes.len) == 1);
    must(EVP_MAC_final(context, mac.bytes, &mac_len, sizeof(mac.bytes)) == 1);
    assert(mac_len == sizeof(mac.bytes));
    return mac;
}

bool crypto_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool sha256_equal(const struct sha256 *a, const struct sha256 *b)
{
    return CRYPTO_memcmp(a->bytes, b->bytes, SHA256_BYTES) == 0;
}

void crypto_random(void *ret_bytes, size_t len)
{
    must(RAND_bytes_ex(NULL, ret_bytes, len, 0) == 1);
}

void crypto_random_id(void *ret_bytes, size_t len)
{
    static _Thread_local struct {
        unsigned char bytes[CRYPTO_RANDOM_ID_BYTES_MAX * 32];
        size_t left;
    } drawn;
    must(len <= CRYPTO_RANDOM_ID_BYTES_MAX);
    if (drawn.left < len) {
        crypto_random(drawn.bytes, sizeof(drawn.bytes));
        drawn.left = sizeof(drawn.bytes);
    }
    drawn.left -= len;
    memcpy(ret_bytes, drawn.bytes + drawn.left, len);
}

bool crypto_file_is_exposed(int fd)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return true;
    mode_t others = info.st_uid == 0 ? S_IRWXO | S_IWGRP : S_IRWXO | S_IRWXG;
    return (info.st_mode & others) != 0;
}

void crypto_wipe(void *bytes, size_t len)
{
    OPENSSL_cleanse(bytes, len);
}
