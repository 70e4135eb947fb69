/* What connection strings and error codes mean; no server. */
#include "shared/pg/connect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "shared/base/clock.h"

static void assert_is_name(const char *conninfo, bool want)
{
    bool is_name = !want;
    char *options = NULL;
    assert_int_equal(connect_inspect(conninfo, &is_name, &options), STATUS_OK);
    if (is_name != want)
        fail_msg("%s", conninfo);
    free(options);
}

static void only_names_need_a_look_up(void **state)
{
    (void)state;
    assert_is_name("", false);
    assert_is_name("host=/var/run/postgresql", false);
    assert_is_name("host=@abstract", false);
    assert_is_name("host=127.0.0.1", false);
    assert_is_name("host=::1,10.0.0.7", false);
    assert_is_name("postgresql://[::1]:5432/db", false);
    assert_is_name("host=localhost", true);
    assert_is_name("host=10.0.0.7,db.example.org", true);
    assert_is_name("postgresql://user@db.example.org/db", true);
    assert_is_name("host=db.example.org hostaddr=10.0.0.7", false);
    assert_is_name("host=10.0.0.7.in-addr.a-name-that-is-longer-than-any-numeric-address.arpa",
                   true);
}

static void options_of_the_string_are_kept(void **state)
{
    (void)state;
    bool is_name;
    char *options = NULL;
    assert_int_equal(connect_inspect("options='-c geqo=off' dbname=x", &is_name, &options),
                     STATUS_OK);
    assert_string_equal(options, "-c geqo=off");
    free(options);
    assert_int_equal(connect_inspect("host", &is_name, &options), STATUS_INVALID_ARGUMENT);
}

static void sqlstates_become_statuses(void **state)
{
    (void)state;
    assert_int_equal(sqlstate_status("23505", NULL), STATUS_ALREADY_EXISTS);
    assert_int_equal(sqlstate_status("23503", NULL), STATUS_FAILED_PRECONDITION);
    assert_int_equal(sqlstate_status("P0001", NULL), STATUS_FAILED_PRECONDITION);
    assert_int_equal(sqlstate_status("22P02", NULL), STATUS_INVALID_ARGUMENT);
    assert_int_equal(sqlstate_status("40P01", NULL), STATUS_ABORTED);
    assert_int_equal(sqlstate_status("42501", NULL), STATUS_PERMISSION_DENIED);
    assert_int_equal(sqlstate_status("42601", NULL), STATUS_INTERNAL);
    assert_int_equal(sqlstate_status("23502", NULL), STATUS_INTERNAL);
    assert_int_equal(sqlstate_status("53300", NULL), STATUS_UNAVAILABLE);
    assert_int_equal(sqlstate_status("53100", NULL), STATUS_UNAVAILABLE); /* disk full */
    assert_int_equal(sqlstate_status("57P01", NULL), STATUS_UNAVAILABLE);
    assert_int_equal(sqlstate_status("08006", NULL), STATUS_UNAVAILABLE);
    assert_int_equal(sqlstate_status("", NULL), STATUS_UNAVAILABLE);
}

static void a_cancelled_query_is_told_from_a_late_one(void **state)
{
    (void)state;
    struct cancel cancel;
    cancel_init(&cancel, DEADLINE_NONE);
    assert_int_equal(sqlstate_status("57014", &cancel), STATUS_DEADLINE_EXCEEDED);
    assert_int_equal(sqlstate_status("57014", NULL), STATUS_DEADLINE_EXCEEDED);
    cancel_fire(&cancel);
    assert_int_equal(sqlstate_status("57014", &cancel), STATUS_CANCELLED);
}

static void a_full_disk_is_no_reason_to_reconnect(void **state)
{
    (void)state;
    assert_true(sqlstate_is_loss("57P01"));
    assert_true(sqlstate_is_loss("08006"));
    assert_true(sqlstate_is_loss(""));
    assert_false(sqlstate_is_loss("53100"));
    assert_false(sqlstate_is_loss("57014"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_names_need_a_look_up),
        cmocka_unit_test(options_of_the_string_are_kept),
        cmocka_unit_test(sqlstates_become_statuses),
        cmocka_unit_test(a_cancelled_query_is_told_from_a_late_one),
        cmocka_unit_test(a_full_disk_is_no_reason_to_reconnect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
