/* The frame itself: the flags reach the compiler, every library is found, links and answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <curl/curl.h>
#include <grpc/grpc.h>
#include <hiredis/hiredis.h>
#include <jwt.h>
#include <libpq-fe.h>
#include <nghttp2/nghttp2.h>
#include <openssl/evp.h>
#include <protobuf-c/protobuf-c.h>
#include <unicode/ucol.h>
#include <uv.h>
#include <zlib.h>

static void every_library_links_and_answers(void **state)
{
    (void)state;
    UErrorCode icu = U_ZERO_ERROR;
    UCollator *collator = ucol_open("hu-u-ka-shifted-kn", &icu);
    assert_true(U_SUCCESS(icu));
    ucol_close(collator);

    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestInit_ex(digest, EVP_sha256(), NULL), 1);
    EVP_MD_CTX_free(digest);

    jwt_t *jwt = NULL;
    assert_int_equal(jwt_new(&jwt), 0);
    jwt_free(jwt);

    assert_true(PQlibVersion() >= 150000);
    assert_string_equal(protobuf_c_version(), PROTOBUF_C_VERSION);
    assert_non_null(curl_version());
    assert_string_equal(grpc_version_string(), "29.0.0");
    assert_non_null(nghttp2_version(NGHTTP2_VERSION_NUM));
    assert_int_equal(zlibVersion()[0], ZLIB_VERSION[0]);
    assert_int_equal(uv_version() >> 16, UV_VERSION_MAJOR);

    redisReader *reader = redisReaderCreate();
    assert_non_null(reader);
    redisReaderFree(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_library_links_and_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
