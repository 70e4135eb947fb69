/* Who counts for what: addresses, chains of proxies, and the table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hub/http/addresses.h"

#define HELD_MAX 3
#define BYTES_MAX 1000000

static struct address_table table;

static int setup(void **state)
{
    static const char *const proxies[] = {"10.0.0.1", "2001:DB8:0:0::1"};
    struct fault fault = {0};
    (void)state;
    return address_table_init(&table, HELD_MAX, BYTES_MAX, proxies, 2, &fault) ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    address_table_done(&table);
    return 0;
}

static struct address parsed(const char *text)
{
    struct address address;
    if (!address_parse(slice_str(text), &address))
        fail_msg("%s is no address", text);
    return address;
}

static void addresses_are_read_in_every_spelling(void **state)
{
    static const char *const same[][2] = {
        {"192.0.2.1", "::ffff:192.0.2.1"},         {"192.0.2.1", "192.0.2.1:8080"},
        {"192.0.2.1", "0:0:0:0:0:ffff:192.0.2.1"}, {"192.0.2.1", "[::ffff:c000:201]:80"},
        {"2001:db8::1", "[2001:DB8:0::1]:443"},    {"fe80::1", "fe80::1%eth0"},
    };
    static const char *const none[] = {"",     "unknown",   "_hidden", "192.0.2",
                                       "[::1", "1.2.3.4.5", "::g"};
    struct address address;
    (void)state;
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        struct address one = parsed(same[i][0]), other = parsed(same[i][1]);
        assert_memory_equal(&one, &other, sizeof(one));
    }
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        assert_false(address_parse(slice_str(none[i]), &address));
    assert_false(address_parse(slice_make("1.2.3.4\0x", 9), &address));
}

static void client_is_the_last_hop_that_is_no_proxy(void **state)
{
    static const struct {
        const char *chain, *client;
    } cases[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"6.6.6.6, 192.0.2.1", "192.0.2.1"}, /* what the client made up stands before it */
        {"192.0.2.1, 10.0.0.1", "192.0.2.1"},
        {"6.6.6.6, 192.0.2.1 ,10.0.0.1,\t2001:db8::1", "192.0.2.1"},
        {"192.0.2.1, 10.0.0.2", "10.0.0.2"}, /* not one of ours */
        {"10.0.0.1", NULL},
        {"10.0.0.1, 2001:db8::1", NULL},
        {NULL, NULL},
        /* No address: whoever passed it on counts, who connected at the last. */
        {"192.0.2.1, unknown", "10.0.0.1"},
        {"junk", "10.0.0.1"},
        {"192.0.2.1, unknown, 2001:db8::1", "2001:db8::1"},
        {", 2001:db8::1", "2001:db8::1"},
        {"192.0.2.1,", "10.0.0.1"},
        {",", "10.0.0.1"},
        {"", "10.0.0.1"},
    };
    const struct slice peer = SLICE_LIT("10.0.0.1");
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct address client, expected;
        struct slice text;
        struct slice chain = cases[i].chain ? slice_str(cases[i].chain) : (struct slice){0};
        bool found = address_of_client(&table, peer, chain, &client, &text);
        if (found != (cases[i].client != NULL))
            fail_msg("\"%s\"", cases[i].chain ? cases[i].chain : "nothing");
        if (!found)
            continue;
        expected = parsed(cases[i].client);
        assert_memory_equal(&client, &expected, sizeof(client));
        assert_true(slice_equal_str(text, cases[i].client));
    }
}

static void address_holds_its_most_and_no_more(void **state)
{
    struct address one = parsed("192.0.2.1"), other = parsed("192.0.2.2");
    struct address_hold holds[HELD_MAX + 1] = {0}, others = {0};
    (void)state;
    for (size_t i = 0; i < HELD_MAX; i++)
        assert_int_equal(address_hold(&table, &one, &holds[i]), STATUS_OK);
    assert_int_equal(address_hold(&table, &one, &holds[HELD_MAX]), STATUS_RESOURCE_EXHAUSTED);
    assert_null(holds[HELD_MAX].entry);
    assert_int_equal(address_hold(&table, &other, &others), STATUS_OK);
    address_release(&holds[0]);
    address_release(&holds[0]);
    assert_int_equal(address_held(&table, &one), HELD_MAX - 1);
    assert_int_equal(address_hold(&table, &one, &holds[HELD_MAX]), STATUS_OK);
    for (size_t i = 0; i <= HELD_MAX; i++)
        address_release(&holds[i]);
    address_release(&others);
    assert_int_equal(address_held(&table, &one), 0);
}

static void ipv6_client_counts_by_its_network(void **state)
{
    static const char *const of_one[] = {"2001:db8:1:1::1", "2001:db8:1:1::2", "2001:db8:1:1:f::9"};
    struct address_hold holds[HELD_MAX] = {0}, more = {0};
    struct address fourth = parsed("2001:db8:1:1:abcd::"), neighbour = parsed("2001:db8:1:2::1");
    (void)state;
    for (size_t i = 0; i < HELD_MAX; i++) {
        struct address address = parsed(of_one[i]);
        assert_int_equal(address_hold(&table, &address, &holds[i]), STATUS_OK);
    }
    assert_int_equal(address_hold(&table, &fourth, &more), STATUS_RESOURCE_EXHAUSTED);
    assert_int_equal(address_hold(&table, &neighbour, &more), STATUS_OK);
    address_release(&more);
    for (size_t i = 0; i < HELD_MAX; i++)
        address_release(&holds[i]);
}

static void there_is_room_for_who_comes_next_however_many_hold_much(void **state)
{
    struct address_hold holds[200] = {0};
    char text[32];
    (void)state;
    for (size_t i = 0; i < 200; i++) {
        snprintf(text, sizeof(text), "192.0.2.%zu", i);
        struct address address = parsed(text);
        assert_int_equal(address_hold(&table, &address, &holds[i]), STATUS_OK);
        size_t bytes = 0;
        for (; !address_is_over(&holds[i]); bytes += 10)
            address_weigh(&holds[i], bytes);
        assert_true(bytes >= BYTES_MAX / ADDRESS_SHARE / (i + 2));
        for (size_t k = 0; k < i; k++) { /* the others have to leave some */
            for (; address_is_over(&holds[k]); address_weigh(&holds[k], holds[k].bytes - 10))
                ;
        }
        assert_true(table.bytes < BYTES_MAX);
    }
    for (size_t i = 0; i < 200; i++)
        address_release(&holds[i]);
    assert_int_equal(table.bytes, 0);
}

static void who_holds_little_does_not_pay_for_the_address(void **state)
{
    struct address address = parsed("192.0.2.1");
    struct address_hold much = {0}, little = {0}, handed = {0};
    (void)state;
    assert_int_equal(address_hold(&table, &address, &much), STATUS_OK);
    assert_int_equal(address_hold(&table, &address, &little), STATUS_OK);
    address_weigh(&little, 100);
    address_weigh(&much, BYTES_MAX / 2);
    assert_true(address_is_over(&much));
    assert_false(address_is_over(&little));
    address_hand_over(&much, &handed);
    assert_false(address_is_over(&much));
    assert_true(address_is_over(&handed));
    address_release(&handed);
    assert_int_equal(table.bytes, 100);
    assert_int_equal(address_held(&table, &address), 1);
    address_release(&little);
    address_weigh(&little, 100); /* of nobody */
    assert_int_equal(table.bytes, 0);
}

static void proxy_that_is_no_address_is_refused_by_name(void **state)
{
    static const char *const proxies[] = {"10.0.0.1", "proxy.example"};
    struct address_table other;
    struct fault fault = {0};
    (void)state;
    assert_int_equal(address_table_init(&other, 1, BYTES_MAX, proxies, 2, &fault),
                     STATUS_INVALID_ARGUMENT);
    assert_string_equal(fault.field, "trusted_proxies");
    assert_non_null(strstr(fault.text, "proxy.example"));
    address_table_done(&other);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(addresses_are_read_in_every_spelling),
        TEST(client_is_the_last_hop_that_is_no_proxy),
        TEST(address_holds_its_most_and_no_more),
        TEST(ipv6_client_counts_by_its_network),
        TEST(there_is_room_for_who_comes_next_however_many_hold_much),
        TEST(who_holds_little_does_not_pay_for_the_address),
        TEST(proxy_that_is_no_address_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
