#include "shared/crypto/crypto.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shared/crypto/encode.h"

static void assert_hex(const struct sha256 *digest, const char *expected)
{
    char hex[2 * SHA256_BYTES + 1];
    hex_encode(slice_make(digest->bytes, SHA256_BYTES), hex);
    assert_string_equal(hex, expected);
}

static void sha256_gives_the_digests_of_fips_180(void **state)
{
    (void)state;
    struct sha256 digest = sha256(SLICE_LIT("abc"));
    assert_hex(&digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    digest = sha256(slice_str(NULL));
    assert_hex(&digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void sha256_of_parts_tells_apart_what_only_concatenates_alike(void **state)
{
    (void)state;
    struct slice whole[] = {SLICE_LIT("ab"), SLICE_LIT("c")};
    struct slice other[] = {SLICE_LIT("a"), SLICE_LIT("bc")};
    struct sha256 a = sha256_of_parts(whole, 2);
    struct sha256 b = sha256_of_parts(other, 2);
    assert_false(sha256_equal(&a, &b));
    struct sha256 again = sha256_of_parts(whole, 2);
    assert_true(sha256_equal(&a, &again));
    /* Eight bytes of length before each. */
    struct sha256 spelled = sha256(slice_make("\0\0\0\0\0\0\0\2ab\0\0\0\0\0\0\0\1c", 19));
    assert_true(sha256_equal(&a, &spelled));
}

static void hmac_gives_the_codes_of_rfc_4231(void **state)
{
    (void)state;
    struct sha256 mac = hmac_sha256(SLICE_LIT("Jefe"), SLICE_LIT("what do ya want for nothing?"));
    assert_hex(&mac, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    char key[131];
    memset(key, 0xaa, sizeof(key));
    mac = hmac_sha256(slice_make(key, sizeof(key)),
                      SLICE_LIT("Test Using Larger Than Block-Size Key - Hash Key First"));
    assert_hex(&mac, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void hmac_with_an_empty_key_does_not_use_the_key_before(void **state)
{
    (void)state;
    struct sha256 keyed = hmac_sha256(SLICE_LIT("secret"), slice_str(NULL));
    struct sha256 mac = hmac_sha256(slice_str(NULL), slice_str(NULL));
    assert_false(sha256_equal(&keyed, &mac));
    assert_hex(&mac, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void equal_looks_at_length_and_every_byte(void **state)
{
    (void)state;
    assert_true(crypto_equal(SLICE_LIT("token"), SLICE_LIT("token")));
    assert_false(crypto_equal(SLICE_LIT("token"), SLICE_LIT("tokem")));
    assert_false(crypto_equal(SLICE_LIT("token"), SLICE_LIT("Token")));
    assert_false(crypto_equal(SLICE_LIT("token"), SLICE_LIT("tokens")));
    assert_true(crypto_equal(slice_str(NULL), SLICE_LIT("")));
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, 8);
}

static void random_ids_are_all_unlike(void **state)
{
    static unsigned char ids[5000][8];
    (void)state;
    for (size_t i = 0; i < 5000; i++)
        crypto_random_id(ids[i], sizeof(ids[i]));
    qsort(ids, 5000, sizeof(ids[0]), compare_ids);
    for (size_t i = 1; i < 5000; i++)
        assert_memory_not_equal(ids[i], ids[i - 1], sizeof(ids[i]));
}

static void random_bytes_differ_each_time(void **state)
{
    (void)state;
    uint8_t first[32] = {0}, second[32] = {0}, zero[32] = {0};
    crypto_random(first, sizeof(first));
    crypto_random(second, sizeof(second));
    assert_memory_not_equal(first, second, sizeof(first));
    assert_memory_not_equal(first, zero, sizeof(first));
}

static void wipe_leaves_zeroes(void **state)
{
    (void)state;
    char secret[] = "secret";
    crypto_wipe(secret, sizeof(secret));
    assert_memory_equal(secret, "\0\0\0\0\0\0\0", sizeof(secret));
}

static void *digest_many(void *arg)
{
    struct sha256 *last = arg;
    for (int i = 0; i < 1000; i++) {
        *last = hmac_sha256(SLICE_LIT("Jefe"), SLICE_LIT("what do ya want for nothing?"));
        (void)sha256(SLICE_LIT("abc"));
    }
    return NULL;
}

static void threads_do_not_disturb_each_other(void **state)
{
    (void)state;
    pthread_t threads[4];
    struct sha256 macs[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, digest_many, &macs[i]), 0);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_hex(&macs[i], "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_gives_the_digests_of_fips_180),
        cmocka_unit_test(sha256_of_parts_tells_apart_what_only_concatenates_alike),
        cmocka_unit_test(hmac_gives_the_codes_of_rfc_4231),
        cmocka_unit_test(hmac_with_an_empty_key_does_not_use_the_key_before),
        cmocka_unit_test(equal_looks_at_length_and_every_byte),
        cmocka_unit_test(random_bytes_differ_each_time),
        cmocka_unit_test(random_ids_are_all_unlike),
        cmocka_unit_test(wipe_leaves_zeroes),
        cmocka_unit_test(threads_do_not_disturb_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
