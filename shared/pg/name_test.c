/* One name that has the addresses of all servers, in the order that whoever answers for names pleases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <netdb.h>

#include "shared/base/clock.h"
#include "shared/pg/testing/servers.h"

#define NAME "servers.test"

static char addresses[2][32];
static bool turned;

/* In the place of libc's, which asks files and servers; libuv must see it. */
__attribute__((visibility("default"))) int getaddrinfo(const char *name, const char *service,
                                                       const struct addrinfo *hints,
                                                       struct addrinfo **ret_found)
{
    int (*libc)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    *(void **)&libc = dlsym(RTLD_NEXT, "getaddrinfo");
    if (!name || strcmp(name, NAME) != 0)
        return libc(name, service, hints, ret_found);
    int error = libc(addresses[turned], service, hints, ret_found);
    return error ? error : libc(addresses[!turned], service, hints, &(*ret_found)->ai_next);
}

/* Of this process, so that nobody else has them. */
static int start(void **state)
{
    struct pg_cluster **const all[] = {&primary, &standby};
    (void)state;
    if (servers_start(2) != 0)
        return -1;
    pg_cluster_follow(standby, primary);
    for (size_t i = 0; i < 2; i++) {
        unsigned pid = (unsigned)getpid();
        snprintf(addresses[i], sizeof(addresses[i]), "127.%u.%u.%zu", 1 + pid / 256 % 250,
                 pid % 256, 1 + i);
        pg_cluster_listen(*all[i], addresses[i]);
    }
    turned = false;
    return 0;
}

static void run_with(bool first_is_standby, bool reads, void (*body)(struct fiber_run *run))
{
    static const char conninfo[] = "host=" NAME " user=postgres dbname=postgres";
    turned = first_is_standby;
    tell_of("no primary is found");
    fiber_run_pg(primary,
                 &(struct pg_options){.conninfo = conninfo,
                                      .standby_conninfo = reads ? conninfo : NULL,
                                      .on_trouble = on_told},
                 body);
}

static void writes_body(struct fiber_run *run)
{
    assert_true(fiber_run_until(run, writes));
    assert_int_equal(told.count, 0);
    /* Who answers for names need not keep an order; whoever loses its connection finds the primary again. */
    turned = !turned;
    pg_cluster_execute(primary, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                                " WHERE application_name LIKE 'pek %'");
    assert_true(fiber_run_until(run, writes));
}

static void both_body(struct fiber_run *run)
{
    assert_true(fiber_run_until(run, reads_at_standby));
    writes_body(run);
    assert_true(fiber_run_until(run, reads_at_standby));
}

static void all_are_found_in_any_order(void **state)
{
    (void)state;
    for (int first_is_standby = 0; first_is_standby < 2; first_is_standby++) {
        run_with(first_is_standby, false, writes_body);
        run_with(first_is_standby, true, both_body);
    }
}

static void hung_body(struct fiber_run *run)
{
    assert_true(fiber_run_until(run, reads_at_standby));
    assert_true(fiber_run_until(run, writes));
    pg_cluster_pause(primary);
    int64_t begin_us = clock_monotonic_us();
    bool at_standby = must_see(run, PG_POINT_READ).at_standby;
    int64_t took_ms = (clock_monotonic_us() - begin_us) / 1000;
    pg_cluster_promote(standby);
    bool is_back = fiber_run_until(run, writes);
    pg_cluster_resume(primary);
    print_message("a read answered %lld ms after the primary hung\n", (long long)took_ms);
    assert_true(at_standby && took_ms < 4500);
    assert_true(is_back);
}

static void a_hung_one_does_not_hide_the_others(void **state)
{
    (void)state;
    run_with(false, true, hung_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_are_found_in_any_order, start, servers_stop),
        cmocka_unit_test_setup_teardown(a_hung_one_does_not_hide_the_others, start, servers_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
