/* A program that was led to another realm's database: it does not move in, unless somebody says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "worker/realm/bootstrap.h"
#include "worker/realm/realm.h"
#include "worker/testing/world.h"

#define ROWS_OF_C                                                                                  \
    "SELECT count(*) || ' ' || (SELECT count(*) FROM pek_realm WHERE realm = 'c')"                 \
    " FROM pek.realm_state WHERE realm = 'c'"

static enum status open_c(struct world *w, char ret_refusal[512])
{
    struct realm *realm;
    char conninfo[512];
    const struct realm_options options = {
        .realm = "c",
        .conninfo = conninfo,
        .keys = &w->a.keys,
        .hub_keys = &w->hub_keys,
        .hub_issuer = WORLD_HUB,
        .version = "test",
    };
    pg_cluster_conninfo_for(w->cluster, "pek_app", NULL, conninfo, sizeof(conninfo));
    assert_int_equal(realm_open(w->run->fibers, &options, &realm, &w->fault), STATUS_OK);
    enum status status = realm_wait_ready(realm, &w->cancel);
    snprintf(ret_refusal, 512, "%s", realm_refusal(realm));
    realm_close(realm);
    return status;
}

static void a_database_of_others_is_not_moved_into(struct world *w)
{
    char refusal[512];
    struct fault fault = {0};
    assert_int_equal(open_c(w, refusal), STATUS_FAILED_PRECONDITION);
    assert_non_null(strstr(refusal, "this database is that of a, b, and realm c is not in it"));
    assert_string_equal(world_value(w, ROWS_OF_C), "0 0");
    /* Somebody says so. */
    if (realm_bootstrap(pg_cluster_conninfo(w->cluster), "c", "carol", &fault))
        fail_msg("%s", fault.text);
    assert_string_equal(world_value(w, ROWS_OF_C), "1 1");
    assert_int_equal(open_c(w, refusal), STATUS_OK);
    assert_string_equal(refusal, "");
    world_sql(w, "DELETE FROM pek_realm WHERE realm = 'c'");
}

static void an_empty_database_is_the_first_ones(struct world *w)
{
    char refusal[512];
    world_sql(w, "DELETE FROM pek_realm");
    assert_int_equal(open_c(w, refusal), STATUS_OK);
    assert_string_equal(world_value(w, ROWS_OF_C), "1 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_database_of_others_is_not_moved_into),
        WORLD_TEST(an_empty_database_is_the_first_ones),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
