#include "shared/jwt/jwt_cache.h"

#include "shared/jwt/jwt_fixture.h"

struct cached {
    struct fixture *fixture;
    struct jwt_cache cache;
};

static void open_cache(struct cached *cached, void **state, size_t tokens_max)
{
    cached->fixture = *state;
    assert_int_equal(jwt_cache_init(&cached->cache, tokens_max), STATUS_OK);
}

static enum status look(struct cached *cached, struct slice token, int64_t now_s,
                        struct jwt_claims *ret_claims)
{
    struct fixture *fixture = cached->fixture;
    fixture->fault = (struct fault){0};
    return jwt_cache_verify(&cached->cache, &fixture->keys, &fixture->expect, token,
                            &fixture->arena, now_s, ret_claims, &fixture->fault);
}

static void a_repeated_token_is_a_hit_with_the_same_claims(void **state)
{
    struct cached cached;
    open_cache(&cached, state, 8);
    struct fixture *fixture = cached.fixture;
    fixture->claims.sid = SLICE_LIT("session-1");
    struct slice token = good_token(fixture);
    struct jwt_claims first, second;
    assert_int_equal(look(&cached, token, NOW, &first), STATUS_OK);
    assert_int_equal(cached.cache.misses, 1);
    assert_int_equal(look(&cached, token, NOW, &second), STATUS_OK);
    assert_int_equal(cached.cache.hits, 1);
    assert_int_equal(cached.cache.misses, 1);
    /* Copies: neither the token nor the cache is needed any more. */
    jwt_cache_done(&cached.cache);
    assert_true(slice_equal_str(second.sub, "alice"));
    assert_true(slice_equal_str(second.iss, ISS));
    assert_true(slice_equal_str(second.aud, AUD));
    assert_true(slice_equal_str(second.sid, "session-1"));
    assert_true(slice_equal(second.jti, first.jti));
    assert_true(slice_equal(second.kid, first.kid));
    assert_int_equal(second.cnf_x5t_s256.len, 0);
    assert_int_equal(second.exp, NOW + 60);
    assert_int_equal(second.iat, NOW);
}

static void a_remembered_token_expires_all_the_same(void **state)
{
    struct cached cached;
    open_cache(&cached, state, 8);
    struct slice token = good_token(cached.fixture);
    struct jwt_claims got;
    assert_int_equal(look(&cached, token, NOW, &got), STATUS_OK);
    assert_int_equal(look(&cached, token, NOW + 89, &got), STATUS_OK);
    assert_int_equal(look(&cached, token, NOW + 90, &got), STATUS_UNAUTHENTICATED);
    assert_string_equal(cached.fixture->fault.reason, JWT_REASON_EXPIRED);
    assert_int_equal(look(&cached, token, NOW - 31, &got), STATUS_UNAUTHENTICATED);
    jwt_cache_done(&cached.cache);
}

static void what_is_expected_is_part_of_the_key(void **state)
{
    struct cached cached;
    open_cache(&cached, state, 8);
    struct jwt_expect *expect = &cached.fixture->expect;
    const struct jwt_expect good = *expect;
    struct slice token = good_token(cached.fixture);
    struct jwt_claims got;
    assert_int_equal(look(&cached, token, NOW, &got), STATUS_OK);
    expect->typ = JWT_TYP_INSTANCE;
    assert_int_equal(look(&cached, token, NOW, &got), STATUS_UNAUTHENTICATED);
    *expect = good;
    expect->aud = SLICE_LIT("worker-conference");
    assert_int_equal(look(&cached, token, NOW, &got), STATUS_UNAUTHENTICATED);
    *expect = good;
    expect->iss = SLICE_LIT("https://other.example");
    assert_int_equal(look(&cached, token, NOW, &got), STATUS_UNAUTHENTICATED);
    *expect = good;
    expect->lifetime_max_s = 59;
    assert_int_equal(look(&cached, token, NOW, &got), STATUS_UNAUTHENTICATED);
    *expect = good;
    expect->sid_required = true;
    assert_int_equal(look(&cached, token, NOW, &got), STATUS_UNAUTHENTICATED);
    assert_int_equal(cached.cache.hits, 0);
    jwt_cache_done(&cached.cache);
}

static void a_change_of_keys_forgets_what_they_verified(void **state)
{
    struct cached cached;
    open_cache(&cached, state, 8);
    struct fixture *fixture = cached.fixture;
    struct slice token = good_token(fixture);
    struct jwt_claims got;
    assert_int_equal(look(&cached, token, NOW, &got), STATUS_OK);
    struct es256_key *next = NULL;
    assert_int_equal(es256_key_generate(&next), STATUS_OK);
    assert_int_equal(jwt_keys_set_signer(&fixture->keys, next), STATUS_OK);
    assert_int_equal(jwt_keys_remove(&fixture->keys, slice_str(es256_key_kid(fixture->key))),
                     STATUS_OK);
    assert_int_equal(look(&cached, token, NOW, &got), STATUS_UNAUTHENTICATED);
    assert_true(jwt_key_is_unknown(&fixture->fault));
    es256_key_free(next);
    jwt_cache_done(&cached.cache);
}

static void refusals_are_not_remembered(void **state)
{
    struct cached cached;
    open_cache(&cached, state, 8);
    struct fixture *fixture = cached.fixture;
    struct slice token = good_token(fixture);
    struct jwt_claims got = {.iat = -1};
    assert_int_equal(look(&cached, token, NOW - 1000, &got), STATUS_UNAUTHENTICATED);
    assert_int_equal(look(&cached, slice_make(token.ptr, token.len - 1), NOW, &got),
                     STATUS_UNAUTHENTICATED);
    assert_int_equal(look(&cached, slice_str(NULL), NOW, &got), STATUS_UNAUTHENTICATED);
    assert_int_equal(got.iat, -1);
    assert_int_equal(cached.cache.lru.count, 0);
    assert_int_equal(look(&cached, token, NOW, &got), STATUS_OK);
    jwt_cache_done(&cached.cache);
}

static void the_cache_is_bounded(void **state)
{
    struct cached cached;
    open_cache(&cached, state, 2);
    struct slice tokens[3];
    struct jwt_claims got;
    for (size_t i = 0; i < 3; i++) {
        tokens[i] = good_token(cached.fixture);
        assert_int_equal(look(&cached, tokens[i], NOW, &got), STATUS_OK);
    }
    assert_int_equal(cached.cache.lru.count, 2);
    assert_int_equal(look(&cached, tokens[2], NOW, &got), STATUS_OK);
    assert_int_equal(cached.cache.hits, 1);
    assert_int_equal(look(&cached, tokens[0], NOW, &got), STATUS_OK);
    assert_int_equal(cached.cache.hits, 1);
    jwt_cache_done(&cached.cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_repeated_token_is_a_hit_with_the_same_claims),
        TEST(a_remembered_token_expires_all_the_same),
        TEST(what_is_expected_is_part_of_the_key),
        TEST(a_change_of_keys_forgets_what_they_verified),
        TEST(refusals_are_not_remembered),
        TEST(the_cache_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
