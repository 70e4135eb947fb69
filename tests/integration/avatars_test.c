/* Avatars over HTTP: bytes of a media type both ways. (What uploads are kept of is hub/profile/avatar_test.c.) */
#include "tests/integration/federation.h"

#include <stdlib.h>

#define AVATAR "/api/v1/users/bob/avatar"
#define PNG_BODY "Content-Type: image/png\r\n"
/* As hub.avatar has it; what is in it is for browsers. */
#define DATA "\\x89504e470d0a1a0a3c7363726970743e"
#define DATA_BYTES 16

static void open_with_people(struct federation *f)
{
    federation_begin(f);
    pg_cluster_execute(
        federation_cluster,
        "INSERT INTO hub.user_account (id, username, name) VALUES"
        " ('carol', 'carol', 'Csáky Karola');"
        "INSERT INTO hub.user_realm (user_id, realm) VALUES"
        " ('alice', 'a'), ('bob', 'a'), ('carol', 'b');"
        "INSERT INTO hub.avatar (user_id, content_type, width, height, data, version)"
        " VALUES ('bob', 'image/png', 1, 1, '" DATA "', 7)");
    f->b->unknown = true;
    f->c->unknown = true;
    federation_open_hub(f, "", NULL);
}

static bool has_header(const struct answer *answer, const char *line)
{
    return strcasestr(answer->raw.ptr, line) != NULL;
}

static void avatar_is_an_image_that_does_nothing_by_itself(void **state)
{
    struct federation f;
    (void)state;
    open_with_people(&f);
    struct answer answer = federation_get(&f, AVATAR);
    assert_int_equal(answer.code, 200);
    assert_int_equal(answer.body.len, DATA_BYTES);
    assert_memory_equal(answer.body.ptr, "\x89PNG\r\n\x1A\n<script>", DATA_BYTES);
    assert_true(has_header(&answer, "\r\ncontent-type: image/png\r\n"));
    assert_true(has_header(&answer, "\r\nx-content-type-options: nosniff\r\n"));
    assert_true(has_header(&answer, "\r\ncontent-security-policy: default-src 'none'; sandbox; "));
    assert_false(has_header(&answer, "default-src 'self'"));
    assert_true(has_header(&answer, "\r\ncache-control: private, no-cache\r\n"));
    char etag[128], condition[160];
    const char *at = strcasestr(answer.raw.ptr, "\r\netag: ");
    assert_non_null(at);
    assert_int_equal(sscanf(at, "\r\n%*[^ ] %127[^\r]", etag), 1);
    answer_free(&answer);
    snprintf(condition, sizeof(condition), "If-None-Match: %s\r\n", etag);
    answer = federation_ask(&f, "GET", AVATAR, condition, NULL);
    assert_int_equal(answer.code, 304);
    assert_false(has_header(&answer, "\r\ncontent-type: "));
    assert_int_equal(answer.body.len, 0);
    answer_free(&answer);
    pg_cluster_execute(federation_cluster, "UPDATE hub.avatar SET version = 8");
    answer = federation_ask(&f, "GET", AVATAR, condition, NULL);
    assert_int_equal(answer.code, 200);
    answer_free(&answer);
    answer = federation_ask(&f, "HEAD", AVATAR, NULL, NULL);
    assert_int_equal(answer.code, 200);
    assert_int_equal(answer.body.len, 0);
    answer_free(&answer);
    federation_close(&f);
}

static void stranger_hears_that_there_is_none(void **state)
{
    struct federation f;
    (void)state;
    open_with_people(&f);
    federation_log_in(&f, "carol");
    struct answer hidden = federation_get(&f, AVATAR);
    struct answer none = federation_get(&f, "/api/v1/users/nobody/avatar");
    assert_int_equal(hidden.code, 404);
    assert_string_equal(hidden.text, none.text);
    answer_free(&hidden);
    answer_free(&none);
    federation_close(&f);
}

static void upload_that_cannot_be_is_refused_by_its_own_code(void **state)
{
    static char large[600000];
    static const struct {
        const char *headers, *body, *says;
        int code;
    } uploads[] = {
        {PNG_BODY, "GIF89a", "CONTENT_INVALID", 422},
        {"Content-Type: image/jpeg\r\n", "\xFF\xD8\xFF\xD9", "no pixels", 422},
        {"Content-Type: image/gif\r\n", "GIF89a", "image/png, image/jpeg", 415},
        {JSON_BODY, "{\"media\":{\"contentType\":\"image/png\",\"data\":\"\"}}", "CONTENT_TYPE",
         415},
        {"", "\x89PNG", "CONTENT_TYPE", 415},
        {PNG_BODY "Content-Encoding: gzip\r\n", "\x1F\x8B", "", 415},
        {PNG_BODY, "", "missing", 400},
        {PNG_BODY, large, "REQUEST_TOO_LARGE", 413},
        {PNG_BODY "Origin: https://evil.example\r\n", "GIF89a", "CROSS_ORIGIN", 403},
        {PNG_BODY "If-Match: \"v1\"\r\n", "GIF89a", "if-match", 400},
    };
    struct federation f;
    (void)state;
    memset(large, 'x', sizeof(large) - 1);
    open_with_people(&f);
    federation_log_in(&f, "bob");
    for (size_t i = 0; i < sizeof(uploads) / sizeof(uploads[0]); i++) {
        struct answer answer =
            federation_ask(&f, "PUT", AVATAR, uploads[i].headers, uploads[i].body);
        if (answer.code != uploads[i].code || !answer_has(&answer, uploads[i].says))
            fail_msg("%zu: %d %s", i, answer.code, answer.text);
        answer_free(&answer);
    }
    char version[16];
    pg_cluster_query(federation_cluster, "SELECT version FROM hub.avatar", version,
                     sizeof(version));
    assert_string_equal(version, "7");
    federation_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(avatar_is_an_image_that_does_nothing_by_itself),
        cmocka_unit_test(stranger_hears_that_there_is_none),
        cmocka_unit_test(upload_that_cannot_be_is_refused_by_its_own_code),
    };
    return cmocka_run_group_tests(tests, federation_setup, federation_teardown);
}
