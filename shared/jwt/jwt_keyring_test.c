#include "shared/jwt/jwt_keyring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define KEEP_MS 1000
#define KEEP_US (KEEP_MS * INT64_C(1000))

/* Three keys in files of a folder of their own, and a ring. */
struct files {
    char folder[512];
    char paths[3][600], public_path[600];
    struct es256_key *keys[3];
    struct jwt_keyring ring;
};

static int open_files(void **state)
{
    struct files *files = calloc(1, sizeof(*files));
    struct fault fault;
    assert_non_null(files);
    snprintf(files->folder, sizeof(files->folder), "%s/keyring.XXXXXX",
             getenv("TEST_TMPDIR") ? getenv("TEST_TMPDIR") : "/tmp");
    assert_non_null(mkdtemp(files->folder));
    for (size_t i = 0; i < 3; i++) {
        snprintf(files->paths[i], sizeof(files->paths[i]), "%s/%zu.pem", files->folder, i);
        assert_int_equal(es256_key_generate(&files->keys[i]), STATUS_OK);
        assert_int_equal(es256_key_save_private(files->keys[i], files->paths[i], &fault),
                         STATUS_OK);
    }
    snprintf(files->public_path, sizeof(files->public_path), "%s/public.pem", files->folder);
    FILE *file = fopen(files->public_path, "we");
    assert_non_null(file);
    fputs(es256_key_public_pem(files->keys[2]), file);
    fclose(file);
    jwt_keyring_init(&files->ring, KEEP_MS);
    *state = files;
    return 0;
}

static int close_files(void **state)
{
    struct files *files = *state;
    jwt_keyring_done(&files->ring);
    for (size_t i = 0; i < 3; i++) {
        unlink(files->paths[i]);
        es256_key_free(files->keys[i]);
    }
    unlink(files->public_path);
    rmdir(files->folder);
    free(files);
    return 0;
}

static bool accepts(const struct files *files, size_t key)
{
    return jwt_keys_find(&files->ring.keys, slice_str(es256_key_kid(files->keys[key]))) != NULL;
}

static bool signs(const struct files *files, size_t key)
{
    return strcmp(es256_key_kid(files->ring.keys.signer), es256_key_kid(files->keys[key])) == 0;
}

static void take(struct files *files, size_t signer, const char *other, int64_t now_us)
{
    const struct jwt_keyring_files named = {
        .signer = files->paths[signer], .others = &other, .other_count = other ? 1 : 0};
    struct jwt_keys next;
    struct fault fault = {0};
    assert_int_equal(jwt_keyring_read(&named, &next, &fault), STATUS_OK);
    jwt_keyring_take(&files->ring, &next, now_us);
}

static void ring_signs_with_its_file_and_accepts_private_and_public_others(void **state)
{
    struct files *files = *state;
    take(files, 0, files->paths[1], 0);
    assert_true(signs(files, 0) && accepts(files, 1) && !accepts(files, 2));
    take(files, 0, files->public_path, 0);
    assert_true(signs(files, 0) && accepts(files, 2) && !accepts(files, 1));
}

static void replaced_signer_is_accepted_for_its_time_and_not_longer(void **state)
{
    struct files *files = *state;
    take(files, 0, NULL, 0);
    take(files, 1, NULL, 10);
    assert_true(signs(files, 1) && accepts(files, 0));
    assert_false(jwt_keyring_expire(&files->ring, 10 + KEEP_US - 1));
    assert_true(accepts(files, 0));
    assert_true(jwt_keyring_expire(&files->ring, 10 + KEEP_US));
    assert_true(signs(files, 1) && !accepts(files, 0));
}

static void key_that_a_file_names_again_does_not_expire(void **state)
{
    struct files *files = *state;
    take(files, 0, NULL, 0);
    take(files, 1, NULL, 0);
    take(files, 1, files->paths[0], 1);
    assert_false(jwt_keyring_expire(&files->ring, 2 * KEEP_US));
    assert_true(accepts(files, 0));
    take(files, 0, NULL, 2 * KEEP_US);
    assert_true(signs(files, 0) && accepts(files, 1));
    jwt_keyring_expire(&files->ring, 4 * KEEP_US);
    assert_true(signs(files, 0) && !accepts(files, 1));
}

static void ring_that_keeps_nothing_has_only_what_is_named(void **state)
{
    struct files *files = *state;
    files->ring.keep_ms = 0;
    take(files, 0, NULL, 0);
    take(files, 1, NULL, 0);
    assert_true(signs(files, 1) && !accepts(files, 0));
}

static void same_files_again_change_nothing(void **state)
{
    struct files *files = *state;
    take(files, 0, files->paths[1], 0);
    uint64_t generation = files->ring.keys.generation;
    take(files, 0, files->paths[1], 5);
    assert_int_equal(files->ring.keys.generation, generation);
    assert_int_equal(files->ring.retired_count, 0);
    take(files, 1, files->paths[0], 5);
    assert_int_not_equal(files->ring.keys.generation, generation);
    assert_true(signs(files, 1));
}

static void many_rotations_in_a_row_keep_the_latest(void **state)
{
    struct files *files = *state;
    for (size_t i = 0; i < 20; i++)
        take(files, i % 3, NULL, (int64_t)i);
    assert_true(signs(files, 1) && accepts(files, 0) && accepts(files, 2));
    assert_true(files->ring.retired_count <= JWT_KEYRING_RETIRED_MAX);
}

static void unreadable_file_gives_no_keys_and_says_which(void **state)
{
    struct files *files = *state;
    const char *none[] = {"/nonexistent/other.pem"};
    const struct jwt_keyring_files named = {.signer = files->paths[0],
                                            .others = none,
                                            .other_count = 1,
                                            .signer_setting = "key",
                                            .others_setting = "keys_previous"};
    struct jwt_keys next = {.count = 7};
    struct fault fault = {0};
    assert_int_equal(jwt_keyring_read(&named, &next, &fault), STATUS_NOT_FOUND);
    assert_non_null(strstr(fault.text, none[0]));
    assert_string_equal(fault.field, "keys_previous");
    assert_int_equal(next.count, 7);
}

#define KEYRING_TEST(name) cmocka_unit_test_setup_teardown(name, open_files, close_files)

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEYRING_TEST(ring_signs_with_its_file_and_accepts_private_and_public_others),
        KEYRING_TEST(replaced_signer_is_accepted_for_its_time_and_not_longer),
        KEYRING_TEST(key_that_a_file_names_again_does_not_expire),
        KEYRING_TEST(ring_that_keeps_nothing_has_only_what_is_named),
        KEYRING_TEST(same_files_again_change_nothing),
        KEYRING_TEST(many_rotations_in_a_row_keep_the_latest),
        KEYRING_TEST(unreadable_file_gives_no_keys_and_says_which),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
