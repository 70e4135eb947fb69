/* The pictures of the demo are such as the hub takes, and stay as they are when the demo is laid out again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hub/profile/image.h"
#include "hub/schema/testing/hub_cluster.h"
#include "shared/crypto/encode.h"

#define SQL_BYTES_MAX (64u * 1024)
#define PICTURES 15

static struct pg_cluster *cluster;
static char text[SQL_BYTES_MAX];

static void lay_out(void)
{
    FILE *file = fopen("deploy/dev/demo_users.sql", "re");
    assert_non_null(file);
    size_t len = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    assert_in_range(len, 1, sizeof(text) - 2);
    text[len] = '\0';
    pg_cluster_execute(cluster, text);
}

static const char *value(const char *sql)
{
    pg_cluster_query(cluster, sql, text, sizeof(text));
    return text;
}

static void demo_has_pictures_that_the_hub_takes(void **state)
{
    struct arena arena;
    (void)state;
    arena_init(&arena, 1u << 20);
    lay_out();
    for (int i = 0; i < PICTURES; i++) {
        char sql[256];
        struct slice picture;
        struct image image;
        struct fault fault = {0};
        snprintf(sql, sizeof(sql),
                 "SELECT translate(encode(data, 'base64'), E'+/=\\n', '-_') FROM hub.avatar"
                 " WHERE width = 63 AND height = 63 ORDER BY user_id OFFSET %d LIMIT 1",
                 i);
        assert_int_equal(base64url_decode_in(&arena, slice_str(value(sql)), &picture), STATUS_OK);
        if (image_clean(picture, "image/png", &arena, &image, &fault) != STATUS_OK)
            fail_msg("%s", fault.text);
        assert_int_equal(image.width, 63);
        assert_int_equal(image.height, 63);
        assert_true(slice_equal(image.bytes, picture));
    }
    arena_done(&arena);
    char before[64];
    pg_cluster_query(cluster, "SELECT count(*) || ' ' || sum(version) FROM hub.avatar", before,
                     sizeof(before));
    lay_out();
    assert_string_equal(value("SELECT count(*) || ' ' || sum(version) FROM hub.avatar"), before);
}

static int setup(void **state)
{
    (void)state;
    cluster = hub_cluster_start();
    return cluster ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    pg_cluster_stop(cluster);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(demo_has_pictures_that_the_hub_takes)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
