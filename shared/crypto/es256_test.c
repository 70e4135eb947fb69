#include "shared/crypto/es256.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "shared/crypto/encode.h"

/* RFC 7515 appendix A.3. */
#define RFC_X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define RFC_Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define RFC_SIGNED                                                                                 \
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmN" \
    "vbS9pc19yb290Ijp0cnVlfQ"
#define RFC_SIGNATURE                                                                              \
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
/* SHA-256 of {"crv":"P-256","kty":"EC","x":…,"y":…}, made without this library. */
#define RFC_KID "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"

static struct slice bytes_of(const char *text, char *room, size_t room_bytes)
{
    size_t len = 0;
    assert_int_equal(base64url_decode(slice_str(text), room, room_bytes, &len), STATUS_OK);
    return slice_make(room, len);
}

static struct es256_key *rfc_key(void)
{
    char x[32], y[32];
    struct es256_key *key = NULL;
    assert_int_equal(
        es256_key_from_coordinates(bytes_of(RFC_X, x, 32), bytes_of(RFC_Y, y, 32), &key),
        STATUS_OK);
    return key;
}

static struct es256_key *new_key(void)
{
    struct es256_key *key = NULL;
    assert_int_equal(es256_key_generate(&key), STATUS_OK);
    return key;
}

static void verify_accepts_the_example_of_rfc_7515(void **state)
{
    (void)state;
    struct es256_key *key = rfc_key();
    char room[64];
    struct slice signature = bytes_of(RFC_SIGNATURE, room, sizeof(room));
    assert_int_equal(es256_verify(key, SLICE_LIT(RFC_SIGNED), signature), STATUS_OK);
    assert_int_equal(es256_verify(key, SLICE_LIT(RFC_SIGNED "x"), signature),
                     STATUS_UNAUTHENTICATED);
    for (size_t i = 0; i < sizeof(room); i++) {
        room[i] ^= 1;
        assert_int_equal(es256_verify(key, SLICE_LIT(RFC_SIGNED), signature),
                         STATUS_UNAUTHENTICATED);
        room[i] ^= 1;
    }
    es256_key_free(key);
}

static void kid_is_the_thumbprint_of_rfc_7638(void **state)
{
    (void)state;
    struct es256_key *key = rfc_key();
    assert_string_equal(es256_key_kid(key), RFC_KID);
    assert_int_equal(strlen(es256_key_kid(key)), ES256_KID_CHARS);
    es256_key_free(key);
}

static void jwk_has_the_public_members_and_no_other(void **state)
{
    (void)state;
    struct es256_key *key = rfc_key();
    struct buffer json;
    buffer_init(&json, 1024);
    assert_int_equal(es256_key_write_jwk(key, &json), STATUS_OK);
    assert_true(slice_equal_str(
        buffer_slice(&json), "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" RFC_X "\",\"y\":\"" RFC_Y
                             "\",\"kid\":\"" RFC_KID "\",\"alg\":\"ES256\",\"use\":\"sig\"}"));
    buffer_done(&json);
    buffer_init(&json, 16);
    assert_int_equal(es256_key_write_jwk(key, &json), STATUS_RESOURCE_EXHAUSTED);
    buffer_done(&json);
    es256_key_free(key);
}

static void a_signature_holds_for_its_key_and_message_only(void **state)
{
    (void)state;
    struct es256_key *key = new_key(), *other = new_key(), *public = NULL;
    assert_int_equal(es256_key_public(key, &public), STATUS_OK);
    assert_true(es256_key_is_private(key));
    assert_false(es256_key_is_private(public));
    assert_string_equal(es256_key_kid(key), es256_key_kid(public));
    assert_string_not_equal(es256_key_kid(key), es256_key_kid(other));
    uint8_t raw[ES256_SIGNATURE_BYTES];
    struct slice signature = slice_make(raw, sizeof(raw));
    for (int i = 0; i < 200; i++) { /* r and s with leading zeroes come by, too */
        char message[16];
        int len = snprintf(message, sizeof(message), "message %d", i);
        assert_int_equal(es256_sign(key, slice_make(message, (size_t)len), raw), STATUS_OK);
        assert_int_equal(es256_verify(public, slice_str(message), signature), STATUS_OK);
    }
    assert_int_equal(es256_verify(public, SLICE_LIT("message"), signature), STATUS_UNAUTHENTICATED);
    assert_int_equal(es256_verify(other, SLICE_LIT("message 199"), signature),
                     STATUS_UNAUTHENTICATED);
    assert_int_equal(es256_sign(public, SLICE_LIT("x"), raw), STATUS_FAILED_PRECONDITION);
    es256_key_free(public);
    es256_key_free(other);
    es256_key_free(key);
}

static void verify_refuses_other_lengths_zero_and_numbers_beyond_the_order(void **state)
{
    (void)state;
    struct es256_key *key = new_key();
    uint8_t raw[ES256_SIGNATURE_BYTES + 1] = {0};
    assert_int_equal(es256_sign(key, SLICE_LIT("m"), raw), STATUS_OK);
    for (size_t len = 0; len <= sizeof(raw); len++)
        assert_int_equal(es256_verify(key, SLICE_LIT("m"), slice_make(raw, len)),
                         len == ES256_SIGNATURE_BYTES ? STATUS_OK : STATUS_UNAUTHENTICATED);
    uint8_t zero[ES256_SIGNATURE_BYTES] = {0};
    assert_int_equal(es256_verify(key, SLICE_LIT("m"), slice_make(zero, sizeof(zero))),
                     STATUS_UNAUTHENTICATED);
    uint8_t ones[ES256_SIGNATURE_BYTES];
    memset(ones, 0xff, sizeof(ones));
    assert_int_equal(es256_verify(key, SLICE_LIT("m"), slice_make(ones, sizeof(ones))),
                     STATUS_UNAUTHENTICATED);
    es256_key_free(key);
}

static void verify_accepts_the_mirrored_s_as_the_header_says(void **state)
{
    (void)state;
    struct es256_key *key = new_key();
    uint8_t raw[ES256_SIGNATURE_BYTES];
    assert_int_equal(es256_sign(key, SLICE_LIT("m"), raw), STATUS_OK);
    BIGNUM *order = NULL;
    BN_hex2bn(&order, "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551");
    BIGNUM *s = BN_bin2bn(raw + 32, 32, NULL);
    assert_int_equal(BN_sub(s, order, s), 1);
    assert_int_equal(BN_bn2binpad(s, raw + 32, 32), 32);
    assert_int_equal(es256_verify(key, SLICE_LIT("m"), slice_make(raw, sizeof(raw))), STATUS_OK);
    BN_free(s);
    BN_free(order);
    es256_key_free(key);
}

static void coordinates_off_the_curve_are_refused(void **state)
{
    (void)state;
    struct es256_key *key = NULL;
    char x[32], y[32], zero[32] = {0};
    struct slice xs = bytes_of(RFC_X, x, 32), ys = bytes_of(RFC_Y, y, 32);
    struct slice none = slice_make(zero, 32);
    assert_int_equal(es256_key_from_coordinates(xs, xs, &key), STATUS_INVALID_ARGUMENT);
    assert_int_equal(es256_key_from_coordinates(none, none, &key), STATUS_INVALID_ARGUMENT);
    assert_int_equal(es256_key_from_coordinates(xs, slice_make(y, 31), &key),
                     STATUS_INVALID_ARGUMENT);
    y[31] ^= 1;
    assert_int_equal(es256_key_from_coordinates(xs, ys, &key), STATUS_INVALID_ARGUMENT);
    assert_null(key);
}

static void pem_goes_round(void **state)
{
    (void)state;
    struct es256_key *key = new_key(), *again = NULL, *public = NULL;
    struct buffer pem;
    buffer_init(&pem, ES256_PEM_BYTES_MAX);
    assert_int_equal(es256_key_write_private_pem(key, &pem), STATUS_OK);
    assert_int_equal(es256_key_from_private_pem(buffer_slice(&pem), &again, NULL), STATUS_OK);
    assert_string_equal(es256_key_kid(key), es256_key_kid(again));
    assert_int_equal(es256_key_from_public_pem(slice_str(es256_key_public_pem(key)), &public, NULL),
                     STATUS_OK);
    assert_string_equal(es256_key_kid(key), es256_key_kid(public));
    buffer_reset(&pem);
    assert_int_equal(es256_key_write_private_pem(public, &pem), STATUS_FAILED_PRECONDITION);
    buffer_done(&pem);
    es256_key_free(public);
    es256_key_free(again);
    es256_key_free(key);
}

/* PEM of a key of another kind, NUL-terminated. */
static void foreign_pem(EVP_PKEY *pkey, bool is_private, const char *passphrase, char *ret_pem,
                        int pem_bytes)
{
    assert_non_null(pkey);
    BIO *bio = BIO_new(BIO_s_mem());
    if (is_private)
        assert_int_equal(PEM_write_bio_PrivateKey(bio, pkey, passphrase ? EVP_aes_128_cbc() : NULL,
                                                  NULL, 0, NULL, (void *)(uintptr_t)passphrase),
                         1);
    else
        assert_int_equal(PEM_write_bio_PUBKEY(bio, pkey), 1);
    int len = BIO_read(bio, ret_pem, pem_bytes - 1);
    assert_true(len > 0);
    ret_pem[len] = '\0';
    BIO_free(bio);
    EVP_PKEY_free(pkey);
}

static void other_kinds_of_key_are_refused(void **state)
{
    (void)state;
    char pem[ES256_PEM_BYTES_MAX];
    struct es256_key *key = NULL;
    struct fault fault = {0};
    foreign_pem(EVP_EC_gen("P-384"), true, NULL, pem, sizeof(pem));
    assert_int_equal(es256_key_from_private_pem(slice_str(pem), &key, &fault),
                     STATUS_INVALID_ARGUMENT);
    assert_true(strlen(fault.text) > 0);
    foreign_pem(EVP_EC_gen("P-384"), false, NULL, pem, sizeof(pem));
    assert_int_equal(es256_key_from_public_pem(slice_str(pem), &key, NULL),
                     STATUS_INVALID_ARGUMENT);
    foreign_pem(EVP_EC_gen("secp256k1"), false, NULL, pem, sizeof(pem));
    assert_int_equal(es256_key_from_public_pem(slice_str(pem), &key, NULL),
                     STATUS_INVALID_ARGUMENT);
    foreign_pem(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), false, NULL, pem, sizeof(pem));
    assert_int_equal(es256_key_from_public_pem(slice_str(pem), &key, NULL),
                     STATUS_INVALID_ARGUMENT);
    foreign_pem(EVP_RSA_gen(1024), false, NULL, pem, sizeof(pem));
    assert_int_equal(es256_key_from_public_pem(slice_str(pem), &key, NULL),
                     STATUS_INVALID_ARGUMENT);
    foreign_pem(EVP_EC_gen("P-256"), true, "passphrase", pem, sizeof(pem));
    assert_int_equal(es256_key_from_private_pem(slice_str(pem), &key, NULL),
                     STATUS_INVALID_ARGUMENT);
    assert_null(key);
}

static void text_that_is_no_key_is_refused(void **state)
{
    (void)state;
    struct es256_key *key = NULL;
    struct fault fault = {0};
    assert_int_equal(es256_key_from_private_pem(slice_str(NULL), &key, NULL),
                     STATUS_INVALID_ARGUMENT);
    assert_int_equal(
        es256_key_from_public_pem(SLICE_LIT("-----BEGIN PUBLIC KEY-----\n"), &key, NULL),
        STATUS_INVALID_ARGUMENT);
    static char large[ES256_PEM_BYTES_MAX + 1];
    assert_int_equal(es256_key_from_public_pem(slice_make(large, sizeof(large)), &key, NULL),
                     STATUS_INVALID_ARGUMENT);
    char pem[ES256_PEM_BYTES_MAX];
    foreign_pem(EVP_EC_gen("P-256"), true, NULL, pem, sizeof(pem));
    assert_int_equal(es256_key_from_public_pem(slice_str(pem), &key, &fault),
                     STATUS_INVALID_ARGUMENT);
    assert_non_null(strstr(fault.text, "private key"));
    assert_null(key);
}

static void sec1_keys_of_openssl_ecparam_are_read(void **state)
{
    (void)state;
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PrivateKey_traditional(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
    char pem[1024];
    int len = BIO_read(bio, pem, sizeof(pem));
    struct es256_key *key = NULL;
    assert_int_equal(es256_key_from_private_pem(slice_make(pem, (size_t)len), &key, NULL),
                     STATUS_OK);
    es256_key_free(key);
    BIO_free(bio);
    EVP_PKEY_free(pkey);
}

struct folder {
    char path[64];
    char file[80];
};

static int folder_make(void **state)
{
    static struct folder folder;
    snprintf(folder.path, sizeof(folder.path), "/tmp/es256_test.XXXXXX");
    if (!mkdtemp(folder.path))
        return -1;
    snprintf(folder.file, sizeof(folder.file), "%s/key.pem", folder.path);
    *state = &folder;
    return 0;
}

static int folder_remove(void **state)
{
    struct folder *folder = *state;
    unlink(folder->file);
    return rmdir(folder->path); /* fails when a draft was left behind */
}

static void a_saved_key_is_for_its_owner_only_and_never_overwritten(void **state)
{
    struct folder *folder = *state;
    struct es256_key *key = new_key(), *again = NULL, *other = new_key();
    struct fault fault = {0};
    assert_int_equal(es256_key_save_private(key, folder->file, &fault), STATUS_OK);
    struct stat info;
    assert_int_equal(stat(folder->file, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(es256_key_save_private(other, folder->file, &fault), STATUS_ALREADY_EXISTS);
    assert_int_equal(es256_key_load_private(folder->file, &again, &fault), STATUS_OK);
    assert_string_equal(es256_key_kid(again), es256_key_kid(key));
    es256_key_free(again);
    assert_int_equal(chmod(folder->file, 0604), 0);
    assert_int_equal(es256_key_load_private(folder->file, &again, &fault),
                     STATUS_PERMISSION_DENIED);
    assert_int_equal(chmod(folder->file, 0660), 0);
    assert_int_equal(es256_key_load_private(folder->file, &again, &fault),
                     STATUS_PERMISSION_DENIED);
    es256_key_free(other);
    es256_key_free(key);
}

static void a_file_that_cannot_be_read_is_named(void **state)
{
    struct folder *folder = *state;
    struct es256_key *key = NULL;
    struct fault fault = {0};
    assert_int_equal(es256_key_load_public(folder->file, &key, &fault), STATUS_NOT_FOUND);
    assert_non_null(strstr(fault.text, folder->file));
    assert_int_equal(es256_key_load_public(folder->path, &key, &fault), STATUS_INVALID_ARGUMENT);
    FILE *file = fopen(folder->file, "w");
    struct es256_key *source = new_key();
    fputs(es256_key_public_pem(source), file);
    fclose(file);
    assert_int_equal(es256_key_load_public(folder->file, &key, &fault), STATUS_OK);
    assert_string_equal(es256_key_kid(key), es256_key_kid(source));
    es256_key_free(key);
    es256_key_free(source);
}

static void a_key_lives_until_its_last_reference(void **state)
{
    (void)state;
    struct es256_key *key = new_key();
    struct es256_key *second = es256_key_ref(key);
    assert_null(es256_key_free(key));
    uint8_t raw[ES256_SIGNATURE_BYTES];
    assert_int_equal(es256_sign(second, SLICE_LIT("m"), raw), STATUS_OK);
    assert_null(es256_key_free(second));
    assert_null(es256_key_free(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verify_accepts_the_example_of_rfc_7515),
        cmocka_unit_test(kid_is_the_thumbprint_of_rfc_7638),
        cmocka_unit_test(jwk_has_the_public_members_and_no_other),
        cmocka_unit_test(a_signature_holds_for_its_key_and_message_only),
        cmocka_unit_test(verify_refuses_other_lengths_zero_and_numbers_beyond_the_order),
        cmocka_unit_test(verify_accepts_the_mirrored_s_as_the_header_says),
        cmocka_unit_test(coordinates_off_the_curve_are_refused),
        cmocka_unit_test(pem_goes_round),
        cmocka_unit_test(other_kinds_of_key_are_refused),
        cmocka_unit_test(text_that_is_no_key_is_refused),
        cmocka_unit_test(sec1_keys_of_openssl_ecparam_are_read),
        cmocka_unit_test_setup_teardown(a_saved_key_is_for_its_owner_only_and_never_overwritten,
                                        folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(a_file_that_cannot_be_read_is_named, folder_make,
                                        folder_remove),
        cmocka_unit_test(a_key_lives_until_its_last_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
