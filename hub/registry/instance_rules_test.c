#include "hub/registry/instance_rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

static void rules_refuse_what_is_no_address(void **state)
{
    static const char *const bad[] = {"",
                                      "host",
                                      "host:",
                                      "host:0",
                                      "host:65536",
                                      "host:1x",
                                      "a:1,b:2",
                                      "dns:///a:1,b:2",
                                      "dns://a:1",
                                      "dns://127.0.0.1:53",
                                      "dns://127.0.0.1:53/",
                                      "dns://127.0.0.1/a:1",
                                      "dns://ns.example:53/a:1",
                                      "dns://[::1:53/a:1",
                                      "dns://[127.0.0.1]:53/a:1",
                                      "dns://127.0.0.1:53/a:1/b:1",
                                      "ipv4:",
                                      "ipv4:10.0.0.1:1,",
                                      "ipv4:10.0.0.1:1,,10.0.0.2:1",
                                      "ipv4:10.0.0.1:1,10.0.0.2",
                                      "unix:/a,/b",
                                      "xds:///",
                                      "xds:name",
                                      "a b:1",
                                      ":1",
                                      "::1:1",
                                      "http://host:1",
                                      "ipv4:127.0.0.1:7101,worker:7102",
                                      "ipv4:[::1]:7101",
                                      "ipv6:[::1]:7101,127.0.0.1:7103",
                                      "ipv6:[worker]:7101",
                                      "unix:",
                                      "peer:",
                                      "peer:/w",
                                      "peer:1:",
                                      "peer:1:w",
                                      "peer::/w",
                                      "peer:-1:/w",
                                      "peer:4294967295:/w",
                                      "peer:a:/w",
                                      "peer:1/w"};
    static const char *const good[] = {"host:1",
                                       "127.0.0.1:65535",
                                       "[::1]:7101",
                                       "unix:/run/w",
                                       "dns:///w.example:443",
                                       "dns:w.example:443",
                                       "dns://127.0.0.1:8600/w.example:443",
                                       "dns://[::1]:53/w.example:443",
                                       "ipv4:10.0.0.1:7101",
                                       "peer:0:/run/w",
                                       "peer:4294967294:/run/w",
                                       "ipv4:10.0.0.1:7101,10.0.0.2:7101",
                                       "ipv6:[::1]:7101,[::2]:7101",
                                       "ipv6:[fd00:0:0::1]:7101",
                                       "xds:///worker-acme"};
    struct fault fault;
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const struct instance_row row = {.realm = "a", .target = bad[i]};
        if (instance_row_check(&row, &fault) != STATUS_INVALID_ARGUMENT)
            fail_msg("'%s' passed", bad[i]);
        assert_string_equal(fault.field, "target");
    }
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        const struct instance_row row = {.realm = "a", .target = good[i]};
        if (instance_row_check(&row, &fault))
            fail_msg("'%s' was refused", good[i]);
    }
}

static void rules_refuse_what_is_no_certificate_and_names_that_nobody_asks_for(void **state)
{
    struct fault fault;
    (void)state;
    const struct instance_row ca = {.realm = "a", .target = "h:1", .ca_pem = "-----BEGIN nothing"};
    assert_int_equal(instance_row_check(&ca, &fault), STATUS_INVALID_ARGUMENT);
    assert_string_equal(fault.field, "ca_pem");
    const struct instance_row peer = {.realm = "a", .target = "peer:1:/w", .tls_name = "w"};
    assert_int_equal(instance_row_check(&peer, &fault), STATUS_INVALID_ARGUMENT);
    assert_string_equal(fault.field, "tls_name");
}

static void peer_is_a_user_and_a_path(void **state)
{
    char longest[200];
    uint32_t uid = 7;
    const char *path = NULL;
    (void)state;
    assert_true(target_is_peer("peer:1001:/run/pek/w:1.sock", &uid, &path));
    assert_int_equal(uid, 1001);
    assert_string_equal(path, "/run/pek/w:1.sock");
    assert_false(target_is_peer("unix:/run/w", &uid, &path));
    snprintf(longest, sizeof(longest), "peer:1:/%0106d", 0);
    assert_true(target_is_peer(longest, &uid, &path));
    snprintf(longest, sizeof(longest), "peer:1:/%0107d", 0);
    assert_false(target_is_peer(longest, &uid, &path));
    /* Without a user, too. */
    struct instance_row row = {.realm = "a", .target = longest};
    struct fault fault;
    snprintf(longest, sizeof(longest), "unix:/%0106d", 0);
    assert_int_equal(instance_row_check(&row, &fault), STATUS_OK);
    snprintf(longest, sizeof(longest), "unix:/%0107d", 0);
    assert_int_equal(instance_row_check(&row, &fault), STATUS_INVALID_ARGUMENT);
}

static void own_address_is_known_in_its_forms(void **state)
{
    (void)state;
    assert_true(target_is_listen("127.0.0.1:8080", "127.0.0.1:8080"));
    assert_true(target_is_listen("dns:///localhost:8080", "127.0.0.1:8080"));
    assert_true(target_is_listen("dns://10.0.0.1:53/localhost:8080", "127.0.0.1:8080"));
    assert_true(target_is_listen("[::1]:8080", "0.0.0.0:8080"));
    assert_true(target_is_listen("pek.example:8080", "pek.example:8080"));
    assert_true(target_is_listen("ipv4:10.0.0.7:8080,127.0.0.1:8080", "127.0.0.1:8080"));
    assert_false(target_is_listen("ipv4:10.0.0.7:8080,127.0.0.1:8081", "127.0.0.1:8080"));
    assert_false(target_is_listen("127.0.0.1:8081", "127.0.0.1:8080"));
    assert_false(target_is_listen("10.0.0.7:8080", "127.0.0.1:8080"));
    assert_false(target_is_listen("unix:/run/worker", "127.0.0.1:8080"));
}

static void listed_addresses_are_as_the_system_writes_them(void **state)
{
    char address[INSTANCE_ADDRESS_BYTES_MAX + 1];
    (void)state;
    assert_true(target_address(AF_INET, SLICE_LIT("10.0.0.1:07101"), address));
    assert_string_equal(address, "10.0.0.1:7101");
    assert_true(target_address(AF_INET6, SLICE_LIT("[fd00:0:0::1]:7101"), address));
    assert_string_equal(address, "[fd00::1]:7101");
    assert_false(target_address(AF_INET, SLICE_LIT("worker:7101"), address));
    assert_false(target_address(AF_INET6, SLICE_LIT("10.0.0.1:7101"), address));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_refuse_what_is_no_address),
        cmocka_unit_test(rules_refuse_what_is_no_certificate_and_names_that_nobody_asks_for),
        cmocka_unit_test(peer_is_a_user_and_a_path),
        cmocka_unit_test(own_address_is_known_in_its_forms),
        cmocka_unit_test(listed_addresses_are_as_the_system_writes_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
