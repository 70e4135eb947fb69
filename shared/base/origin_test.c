#include "shared/base/origin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void origin_is_what_a_browser_writes(void **state)
{
    static const char *const good[] = {"https://pek.example", "http://127.0.0.1:8080",
                                       "https://a-b.c:8443", "http://[::1]:8080",
                                       "http://localhost"};
    static const char *const bad[] = {
        "",
        "https://",
        "httpfoo",
        "httpx://a.example",
        "https:/pek.example",
        "HTTPS://pek.example",
        "https://PEK.example",
        "https://pek.example/",
        "https://pek.example/x",
        "https://pek.example?x",
        "https://pek.example#x",
        "https://user@pek.example",
        "https://pek.example:443",
        "http://pek.example:80",
        "https://pek.example:",
        "https://pek.example:08443",
        "https://pek.example:70000",
        "https://pek.example:84x",
        "https://.example",
        "https://*.example",
        "https://p\xc3\xa9k.example",
        "https://[::1",
        "https://[]",
        "null",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(origin_is_valid(good[i]));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (origin_is_valid(bad[i]))
            print_error("'%s' was taken\n", bad[i]);
        assert_false(origin_is_valid(bad[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(origin_is_what_a_browser_writes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
