#include "shared/jwt/jwt_fixture.h"

#include <stdlib.h>

static struct es256_key *new_key(void)
{
    struct es256_key *key = NULL;
    assert_int_equal(es256_key_generate(&key), STATUS_OK);
    return key;
}

static struct slice kid_of(struct es256_key *key)
{
    return slice_str(es256_key_kid(key));
}

static void only_listed_keys_are_found(void **state)
{
    struct fixture *fixture = *state;
    struct es256_key *other = new_key();
    assert_ptr_equal(jwt_keys_find(&fixture->keys, kid_of(fixture->key)), fixture->key);
    assert_null(jwt_keys_find(&fixture->keys, kid_of(other)));
    assert_null(jwt_keys_find(&fixture->keys, slice_str(NULL)));
    assert_null(jwt_keys_find(&fixture->keys, slice_make(es256_key_kid(fixture->key), 42)));
    es256_key_free(other);
}

static void rotation_refuses_no_token_until_the_old_key_goes(void **state)
{
    struct fixture *fixture = *state;
    struct jwt_keys *keys = &fixture->keys;
    struct es256_key *old = fixture->key, *next = new_key();
    struct slice before = good_token(fixture);
    struct jwt_claims got;
    assert_int_equal(jwt_keys_add(keys, next), STATUS_OK);
    assert_int_equal(jwt_keys_set_signer(keys, next), STATUS_OK);
    assert_int_equal(keys->count, 2);
    struct slice after = good_token(fixture);
    assert_int_equal(verify_at(fixture, before, NOW, &got), STATUS_OK);
    assert_true(slice_equal(got.kid, kid_of(old)));
    assert_int_equal(verify_at(fixture, after, NOW, &got), STATUS_OK);
    assert_true(slice_equal(got.kid, kid_of(next)));
    assert_int_equal(jwt_keys_remove(keys, kid_of(next)), STATUS_FAILED_PRECONDITION);
    assert_int_equal(jwt_keys_remove(keys, kid_of(old)), STATUS_OK);
    assert_int_equal(jwt_keys_remove(keys, kid_of(old)), STATUS_NOT_FOUND);
    assert_refused(fixture, before, JWT_REASON_KEY_UNKNOWN);
    assert_int_equal(verify_at(fixture, after, NOW, &got), STATUS_OK);
    es256_key_free(next);
}

static void every_change_and_no_other_call_gives_a_new_generation(void **state)
{
    struct fixture *fixture = *state;
    struct jwt_keys *keys = &fixture->keys;
    struct es256_key *other = new_key();
    uint64_t generation = keys->generation;
    assert_int_equal(jwt_keys_add(keys, fixture->key), STATUS_OK);
    assert_int_equal(jwt_keys_remove(keys, SLICE_LIT("unknown")), STATUS_NOT_FOUND);
    assert_int_equal(keys->generation, generation);
    assert_int_equal(jwt_keys_add(keys, other), STATUS_OK);
    assert_true(keys->generation > generation);
    generation = keys->generation;
    assert_int_equal(jwt_keys_remove(keys, kid_of(other)), STATUS_OK);
    assert_true(keys->generation > generation);
    struct jwt_keys second;
    jwt_keys_init(&second);
    assert_int_not_equal(second.generation, keys->generation);
    jwt_keys_done(&second);
    es256_key_free(other);
}

static void a_public_key_cannot_sign_until_its_private_half_comes(void **state)
{
    struct fixture *fixture = *state;
    struct es256_key *public = NULL;
    assert_int_equal(es256_key_public(fixture->key, &public), STATUS_OK);
    struct jwt_keys keys;
    jwt_keys_init(&keys);
    assert_int_equal(jwt_keys_set_signer(&keys, public), STATUS_INVALID_ARGUMENT);
    assert_int_equal(keys.count, 0);
    assert_int_equal(jwt_keys_add(&keys, public), STATUS_OK);
    assert_int_equal(jwt_keys_set_signer(&keys, fixture->key), STATUS_OK);
    assert_int_equal(keys.count, 1);
    assert_ptr_equal(keys.signer, fixture->key);
    assert_ptr_equal(keys.keys[0], fixture->key);
    jwt_keys_done(&keys);
    assert_null(keys.signer);
    es256_key_free(public);
}

static void a_set_holds_a_bounded_number_of_keys(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 1; i <= JWT_KEYS_MAX; i++) {
        struct es256_key *key = new_key();
        assert_int_equal(jwt_keys_add(&fixture->keys, key),
                         i < JWT_KEYS_MAX ? STATUS_OK : STATUS_RESOURCE_EXHAUSTED);
        es256_key_free(key);
    }
    assert_int_equal(fixture->keys.count, JWT_KEYS_MAX);
}

/* The set's JWKS as a slice in the arena. */
static struct slice jwks_of(struct fixture *fixture, const struct jwt_keys *keys)
{
    struct buffer json;
    buffer_init(&json, JWT_JWKS_BYTES_MAX);
    assert_int_equal(jwt_keys_write_jwks(keys, &json), STATUS_OK);
    struct slice copy = arena_copy(&fixture->arena, buffer_slice(&json));
    buffer_done(&json);
    return copy;
}

static void a_worker_learns_the_keys_of_a_hub(void **state)
{
    struct fixture *fixture = *state;
    struct es256_key *next = new_key();
    assert_int_equal(jwt_keys_add(&fixture->keys, next), STATUS_OK);
    struct jwt_keys learned;
    jwt_keys_init(&learned);
    struct fault fault = {0};
    struct slice json = jwks_of(fixture, &fixture->keys);
    assert_null(memmem(json.ptr, json.len, "\"d\"", 3));
    assert_int_equal(jwt_keys_replace_from_jwks(&learned, json, &fault), STATUS_OK);
    assert_int_equal(learned.count, 2);
    assert_null(learned.signer);
    assert_string_equal(es256_key_kid(learned.keys[0]), es256_key_kid(fixture->key));
    struct jwt_claims got;
    assert_int_equal(jwt_verify(&learned, &fixture->expect, good_token(fixture), &fixture->arena,
                                NOW, &got, NULL),
                     STATUS_OK);
    /* The same again changes nothing, fewer keys do. */
    uint64_t generation = learned.generation;
    assert_int_equal(jwt_keys_replace_from_jwks(&learned, json, &fault), STATUS_OK);
    assert_int_equal(learned.generation, generation);
    assert_int_equal(jwt_keys_remove(&fixture->keys, kid_of(next)), STATUS_OK);
    json = jwks_of(fixture, &fixture->keys);
    assert_int_equal(jwt_keys_replace_from_jwks(&learned, json, &fault), STATUS_OK);
    assert_int_equal(learned.count, 1);
    assert_true(learned.generation > generation);
    jwt_keys_done(&learned);
    es256_key_free(next);
}

static void replacing_keeps_the_signer(void **state)
{
    struct fixture *fixture = *state;
    struct jwt_keys others;
    jwt_keys_init(&others);
    struct es256_key *other = new_key();
    assert_int_equal(jwt_keys_add(&others, other), STATUS_OK);
    struct slice json = jwks_of(fixture, &others);
    assert_int_equal(jwt_keys_replace_from_jwks(&fixture->keys, json, NULL), STATUS_OK);
    assert_int_equal(fixture->keys.count, 2);
    assert_ptr_equal(fixture->keys.signer, fixture->key);
    struct jwt_claims got;
    assert_int_equal(verify_at(fixture, good_token(fixture), NOW, &got), STATUS_OK);
    es256_key_free(other);
    jwt_keys_done(&others);
}

#define RFC_X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define RFC_Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define RFC_KID "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"
#define EC "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" RFC_X "\",\"y\":\"" RFC_Y "\""

static void keys_for_other_uses_are_skipped(void **state)
{
    (void)state;
    struct jwt_keys keys;
    jwt_keys_init(&keys);
    struct fault fault = {0};
    assert_int_equal(
        jwt_keys_replace_from_jwks(
            &keys,
            SLICE_LIT("{\"keys\":[{\"kty\":\"RSA\",\"n\":\"x\",\"e\":\"AQAB\",\"x5c\":[\"MII\"]},"
                      "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"\",\"y\":\"\"},"
                      "{" EC ",\"use\":\"enc\"},{" EC ",\"alg\":\"ECDH-ES\"},"
                      "{" EC ",\"key_ops\":[\"verify\"]}],\"more\":1}"),
            &fault),
        STATUS_OK);
    assert_int_equal(keys.count, 1);
    assert_string_equal(es256_key_kid(keys.keys[0]), RFC_KID);
    jwt_keys_done(&keys);
}

static void a_bad_document_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    static const char *const bad[] = {
        "",
        "{}",
        "[]",
        "{\"keys\":{}}",
        "{\"keys\":[]}",
        "{\"keys\":[1]}",
        "{\"keys\":[{" EC "}]",
        "{\"keys\":[{" EC "}]}x",
        "{\"keys\":[],\"keys\":[{" EC "}]}",
        "{\"keys\":[{" EC ",\"kty\":\"EC\"}]}",
        "{\"keys\":[{" EC ",\"kid\":\"1\"}]}",
        "{\"keys\":[{" EC ",\"kid\":1}]}",
        "{\"keys\":[{" EC ",\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"}]}",
        "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AA\"},{" EC "}]}",
        "{\"keys\":[{\"kty\":\"RSA\"}]}",
        "{\"keys\":[{" EC ",\"use\":\"enc\"}]}",
        "{\"keys\":[{" EC ",\"alg\":\"ES384\"}]}",
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" RFC_X "\"}]}",
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" RFC_X "\",\"y\":\"" RFC_X "\"}]}",
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" RFC_X "=\",\"y\":\"" RFC_Y "\"}]}",
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"" RFC_Y "\"}]}",
        "{\"keys\":[{" EC ",\"x5c\":[[1]]}]}",
    };
    uint64_t generation = fixture->keys.generation;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct fault fault = {0};
        assert_int_equal(jwt_keys_replace_from_jwks(&fixture->keys, slice_str(bad[i]), &fault),
                         STATUS_INVALID_ARGUMENT);
        assert_int_equal(fault.status, STATUS_INVALID_ARGUMENT);
        assert_true(fault.text[0] != '\0');
    }
    static char large[JWT_JWKS_BYTES_MAX + 1];
    assert_int_equal(
        jwt_keys_replace_from_jwks(&fixture->keys, slice_make(large, sizeof(large)), NULL),
        STATUS_RESOURCE_EXHAUSTED);
    assert_int_equal(fixture->keys.generation, generation);
    assert_int_equal(fixture->keys.count, 1);
}

static void a_document_of_too_many_keys_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct jwt_keys keys;
    jwt_keys_init(&keys);
    for (size_t i = 0; i < JWT_KEYS_MAX; i++) {
        struct es256_key *key = new_key();
        assert_int_equal(jwt_keys_add(&keys, key), STATUS_OK);
        es256_key_free(key);
    }
    struct slice json = jwks_of(fixture, &keys);
    /* One place is the signer's. */
    assert_int_equal(jwt_keys_replace_from_jwks(&fixture->keys, json, NULL),
                     STATUS_RESOURCE_EXHAUSTED);
    assert_int_equal(fixture->keys.count, 1);
    jwt_keys_done(&keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(only_listed_keys_are_found),
        TEST(rotation_refuses_no_token_until_the_old_key_goes),
        TEST(every_change_and_no_other_call_gives_a_new_generation),
        TEST(a_public_key_cannot_sign_until_its_private_half_comes),
        TEST(a_set_holds_a_bounded_number_of_keys),
        TEST(a_worker_learns_the_keys_of_a_hub),
        TEST(replacing_keeps_the_signer),
        TEST(keys_for_other_uses_are_skipped),
        TEST(a_bad_document_changes_nothing),
        TEST(a_document_of_too_many_keys_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
