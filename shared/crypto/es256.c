#include "shared/crypto/es256.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include "shared/crypto/crypto.h"
#include "shared/crypto/encode.h"

/* A point in the uncompressed form: 4, x, y. */
#define POINT_BYTES (1 + 2 * ES256_COORDINATE_BYTES)
#define COORDINATE_CHARS BASE64URL_CHARS(ES256_COORDINATE_BYTES)
/* SEQUENCE of two INTEGERs, each up to 33 bytes. */
#define DER_SIGNATURE_BYTES_MAX 72

struct es256_key {
    atomic_uint refs;
    bool is_private;
    EVP_PKEY *pkey;
    EVP_MD_CTX *sign;   /* initialised once, copied per signature; NULL for a public key */
    EVP_MD_CTX *verify; /* the same per check */
    char *public_pem;
    char x[COORDINATE_CHARS + 1]; /* base64url */
    char y[COORDINATE_CHARS + 1];
    char kid[ES256_KID_CHARS + 1];
};

static enum status coordinate_of(const EVP_PKEY *pkey, const char *param, char *ret_chars)
{
    BIGNUM *number = NULL;
    uint8_t bytes[ES256_COORDINATE_BYTES];
    if (EVP_PKEY_get_bn_param(pkey, param, &number) != 1 ||
        BN_bn2binpad(number, bytes, sizeof(bytes)) != (int)sizeof(bytes)) {
        BN_free(number);
        return STATUS_INTERNAL;
    }
    BN_free(number);
    base64url_encode(slice_make(bytes, sizeof(bytes)), ret_chars);
    return STATUS_OK;
}

/* RFC 7638 section 3: the required members only, in the order of their names, without blanks. */
static void thumbprint(const char *x, const char *y, char *ret_kid)
{
    char json[sizeof("{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"\",\"y\":\"\"}") +
              2 * COORDINATE_CHARS];
    int len = snprintf(json, sizeof(json),
                       "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", x, y);
    assert(len == (int)sizeof(json) - 1);
    struct sha256 digest = sha256(slice_make(json, (size_t)len));
    base64url_encode(slice_make(digest.bytes, sizeof(digest.bytes)), ret_kid);
}

static enum status public_pem_of(const EVP_PKEY *pkey, char **ret_pem)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *bytes = NULL;
    char *pem = NULL;
    if (bio && PEM_write_bio_PUBKEY(bio, pkey) == 1) {
        long len = BIO_get_mem_data(bio, &bytes);
        pem = calloc(1, (size_t)len + 1);
        if (pem)
            memcpy(pem, bytes, (size_t)len);
    }
    BIO_free(bio);
    if (!pem)
        return STATUS_INTERNAL;
    *ret_pem = pem;
    return STATUS_OK;
}

static enum status contexts_of(struct es256_key *key)
{
    key->verify = EVP_MD_CTX_new();
    if (!key->verify ||
        EVP_DigestVerifyInit_ex(key->verify, NULL, "SHA2-256", NULL, NULL, key->pkey, NULL) != 1)
        return STATUS_INTERNAL;
    if (!key->is_private)
        return STATUS_OK;
    key->sign = EVP_MD_CTX_new();
    if (!key->sign ||
        EVP_DigestSignInit_ex(key->sign, NULL, "SHA2-256", NULL, NULL, key->pkey, NULL) != 1)
        return STATUS_INTERNAL;
    return STATUS_OK;
}

/* Takes `pkey` over, also on failure. */
static enum status key_wrap(EVP_PKEY *pkey, bool is_private, struct es256_key **ret_key)
{
    struct es256_key *key = calloc(1, sizeof(*key));
    if (!key) {
        EVP_PKEY_free(pkey);
        return STATUS_INTERNAL;
    }
    atomic_init(&key->refs, 1);
    key->pkey = pkey;
    key->is_private = is_private;
    enum status status = coordinate_of(pkey, OSSL_PKEY_PARAM_EC_PUB_X, key->x);
    if (status == STATUS_OK)
        status = coordinate_of(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, key->y);
    if (status == STATUS_OK)
        status = public_pem_of(pkey, &key->public_pem);
    if (status == STATUS_OK)
        status = contexts_of(key);
    if (status != STATUS_OK) {
        ERR_clear_error();
        es256_key_free(key);
        return status;
    }
    thumbprint(key->x, key->y, key->kid);
    *ret_key = key;
    return STATUS_OK;
}

enum status es256_key_generate(struct es256_key **ret_key)
{
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    if (!pkey) {
        ERR_clear_error();
        return STATUS_INTERNAL;
    }
    return key_wrap(pkey, true, ret_key);
}

/* An encrypted key is refused rather than asked for at a terminal. */
static int no_passphrase(char *buffer, int size, int writing, void *arg)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

static bool is_p256(const EVP_PKEY *pkey)
{
    char group[32];
    return EVP_PKEY_is_a(pkey, "EC") &&
           EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) == 1 &&
           strcmp(group, SN_X9_62_prime256v1) == 0;
}

/* That the numbers are what the kind of key promises. */
static bool is_sound(EVP_PKEY *pkey, bool is_private)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    bool sound = context && EVP_PKEY_public_check(context) == 1 &&
                 (!is_private || EVP_PKEY_pairwise_check(context) == 1);
    EVP_PKEY_CTX_free(context);
    return sound;
}

static enum status key_from_pem(struct slice pem, bool is_private, struct es256_key **ret_key,
                                struct fault *fault)
{
    if (pem.len > ES256_PEM_BYTES_MAX)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, NULL, "key is larger than %d bytes",
                         ES256_PEM_BYTES_MAX);
    if (!is_private && pem.len && memmem(pem.ptr, pem.len, "PRIVATE KEY", 11))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, NULL,
                         "a private key stands where a public one belongs");
    BIO *bio = BIO_new_mem_buf(pem.len ? pem.ptr : "", (int)pem.len);
    if (!bio)
        return fault_set(fault, STATUS_INTERNAL, NULL, "out of memory");
    EVP_PKEY *pkey = is_private ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL)
                                : PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    bool good = pkey && is_p256(pkey) && is_sound(pkey, is_private);
    ERR_clear_error();
    if (!good) {
        EVP_PKEY_free(pkey);
        return fault_set(fault, STATUS_INVALID_ARGUMENT, NULL,
                         "not an unencrypted %s key on P-256 in PEM",
                         is_private ? "private" : "public");
    }
    enum status status = key_wrap(pkey, is_private, ret_key);
    return status == STATUS_OK ? status : fault_set(fault, status, NULL, "the key is unusable");
}

enum status es256_key_from_private_pem(struct slice pem, struct es256_key **ret_key,
                                       struct fault *fault)
{
    return key_from_pem(pem, true, ret_key, fault);
}

enum status es256_key_from_public_pem(struct slice pem, struct es256_key **ret_key,
                                      struct fault *fault)
{
    return key_from_pem(pem, false, ret_key, fault);
}

static EVP_PKEY *pkey_from_point(const uint8_t point[POINT_BYTES])
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    EVP_PKEY *pkey = NULL;
    if (context && build &&
        OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, SN_X9_62_prime256v1,
                                        0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, POINT_BYTES) == 1 &&
        (params = OSSL_PARAM_BLD_to_param(build)) != NULL && EVP_PKEY_fromdata_init(context) == 1 &&
        EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, params) == 1 &&
        !is_sound(pkey, false)) {
        EVP_PKEY_free(pkey);
        pkey = NULL;
    }
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(context);
    ERR_clear_error();
    return pkey;
}

enum status es256_key_from_coordinates(struct slice x, struct slice y, struct es256_key **ret_key)
{
    if (x.len != ES256_COORDINATE_BYTES || y.len != ES256_COORDINATE_BYTES)
        return STATUS_INVALID_ARGUMENT;
    uint8_t point[POINT_BYTES] = {POINT_CONVERSION_UNCOMPRESSED};
    memcpy(point + 1, x.ptr, x.len);
    memcpy(point + 1 + ES256_COORDINATE_BYTES, y.ptr, y.len);
    EVP_PKEY *pkey = pkey_from_point(point);
    if (!pkey)
        return STATUS_INVALID_ARGUMENT;
    return key_wrap(pkey, false, ret_key);
}

enum status es256_key_public(const struct es256_key *key, struct es256_key **ret_key)
{
    uint8_t x[ES256_COORDINATE_BYTES], y[ES256_COORDINATE_BYTES];
    size_t x_len = 0, y_len = 0;
    enum status status = base64url_decode(slice_str(key->x), x, sizeof(x), &x_len);
    if (status == STATUS_OK)
        status = base64url_decode(slice_str(key->y), y, sizeof(y), &y_len);
    if (status != STATUS_OK)
        return STATUS_INTERNAL;
    return es256_key_from_coordinates(slice_make(x, x_len), slice_make(y, y_len), ret_key);
}

struct es256_key *es256_key_ref(struct es256_key *key)
{
    atomic_fetch_add_explicit(&key->refs, 1, memory_order_relaxed);
    return key;
}

struct es256_key *es256_key_free(struct es256_key *key)
{
    if (!key || atomic_fetch_sub_explicit(&key->refs, 1, memory_order_acq_rel) != 1)
        return NULL;
    EVP_MD_CTX_free(key->sign);
    EVP_MD_CTX_free(key->verify);
    EVP_PKEY_free(key->pkey); /* wipes the private number */
    free(key->public_pem);
    free(key);
    return NULL;
}

bool es256_key_is_private(const struct es256_key *key)
{
    return key->is_private;
}

const char *es256_key_kid(const struct es256_key *key)
{
    return key->kid;
}

const char *es256_key_public_pem(const struct es256_key *key)
{
    return key->public_pem;
}

enum status es256_key_write_private_pem(const struct es256_key *key, struct buffer *ret_pem)
{
    if (!key->is_private)
        return STATUS_FAILED_PRECONDITION;
    BIO *bio = BIO_new(BIO_s_secmem());
    enum status status = STATUS_INTERNAL;
    if (bio && PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL) == 1) {
        char *bytes = NULL;
        long len = BIO_get_mem_data(bio, &bytes);
        buffer_append(ret_pem, bytes, (size_t)len);
        status = ret_pem->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
    }
    BIO_free(bio);
    ERR_clear_error();
    return status;
}

enum status es256_key_write_jwk(const struct es256_key *key, struct buffer *ret_json)
{
    /* Every value is base64url or a word: nothing to escape. */
    buffer_printf(ret_json,
                  "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\",\"kid\":\"%s\","
                  "\"alg\":\"ES256\",\"use\":\"sig\"}",
                  key->x, key->y, key->kid);
    return ret_json->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

/* DER to the two numbers of JOSE. */
static enum status signature_from_der(const uint8_t *der, size_t der_len,
                                      uint8_t ret_signature[ES256_SIGNATURE_BYTES])
{
    ECDSA_SIG *parsed = d2i_ECDSA_SIG(NULL, &der, (long)der_len);
    if (!parsed)
        return STATUS_INTERNAL;
    const int half = ES256_COORDINATE_BYTES;
    bool fits = BN_bn2binpad(ECDSA_SIG_get0_r(parsed), ret_signature, half) == half &&
                BN_bn2binpad(ECDSA_SIG_get0_s(parsed), ret_signature + half, half) == half;
    ECDSA_SIG_free(parsed);
    return fits ? STATUS_OK : STATUS_INTERNAL;
}

/* 0 when the numbers cannot be a signature. */
static size_t signature_to_der(struct slice signature, uint8_t ret_der[DER_SIGNATURE_BYTES_MAX])
{
    const unsigned char *bytes = (const unsigned char *)signature.ptr;
    const int half = ES256_COORDINATE_BYTES;
    BIGNUM *r = BN_bin2bn(bytes, half, NULL);
    BIGNUM *s = BN_bin2bn(bytes + half, half, NULL);
    ECDSA_SIG *parsed = ECDSA_SIG_new();
    int len = 0;
    if (!parsed || !r || !s || ECDSA_SIG_set0(parsed, r, s) != 1) {
        BN_free(r);
        BN_free(s);
    } else {
        uint8_t *end = ret_der;
        len = i2d_ECDSA_SIG(parsed, &end);
    }
    ECDSA_SIG_free(parsed);
    return len > 0 ? (size_t)len : 0;
}

enum status es256_sign(const struct es256_key *key, struct slice message,
                       uint8_t ret_signature[ES256_SIGNATURE_BYTES])
{
    if (!key->is_private)
        return STATUS_FAILED_PRECONDITION;
    uint8_t der[DER_SIGNATURE_BYTES_MAX];
    size_t der_len = sizeof(der);
    enum status status = STATUS_INTERNAL;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context && EVP_MD_CTX_copy_ex(context, key->sign) == 1 &&
        EVP_DigestSign(context, der, &der_len, (const unsigned char *)message.ptr, message.len) ==
            1)
        status = signature_from_der(der, der_len, ret_signature);
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return status;
}

enum status es256_verify(const struct es256_key *key, struct slice message, struct slice signature)
{
    if (signature.len != ES256_SIGNATURE_BYTES)
        return STATUS_UNAUTHENTICATED;
    uint8_t der[DER_SIGNATURE_BYTES_MAX];
    size_t der_len = signature_to_der(signature, der);
    if (!der_len)
        return STATUS_UNAUTHENTICATED;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool holds = context && EVP_MD_CTX_copy_ex(context, key->verify) == 1 &&
                 EVP_DigestVerify(context, der, der_len, (const unsigned char *)message.ptr,
                                  message.len) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return holds ? STATUS_OK : STATUS_UNAUTHENTICATED;
}
