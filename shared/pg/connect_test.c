/* What connection strings and error codes mean; no server. */
#include "shared/pg/connect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shared/base/clock.h"

/* `want` NULL: nothing is to be looked up for the host. */
static void assert_name(const char *conninfo, size_t host, const char *want)
{
    struct connect_hosts hosts;
    char text[CONNECT_HOST_BYTES_MAX];
    assert_int_equal(connect_inspect(conninfo, PG_PRIMARY, &hosts, NULL), STATUS_OK);
    const char *name = connect_name(&hosts, host, text);
    if (!name != !want || (name && want && strcmp(name, want) != 0))
        fail_msg("%s: %s", conninfo, name);
    connect_hosts_done(&hosts);
}

static void only_names_need_a_look_up(void **state)
{
    (void)state;
    assert_name("", 0, NULL);
    assert_name("host=/var/run/postgresql", 0, NULL);
    assert_name("host=@abstract", 0, NULL);
    assert_name("host=127.0.0.1", 0, NULL);
    assert_name("host=::1,10.0.0.7", 0, NULL);
    assert_name("host=::1,10.0.0.7", 1, NULL);
    assert_name("postgresql://[::1]:5432/db", 0, NULL);
    assert_name("host=localhost", 0, "localhost");
    assert_name("host=10.0.0.7,db.example.org", 0, NULL);
    assert_name("host=10.0.0.7,db.example.org", 1, "db.example.org");
    assert_name("postgresql://user@db.example.org/db", 0, "db.example.org");
    assert_name("host=db.example.org hostaddr=10.0.0.7", 0, NULL);
    assert_name("host=10.0.0.7.in-addr.a-name-that-is-longer-than-any-numeric-address.arpa", 0,
                "10.0.0.7.in-addr.a-name-that-is-longer-than-any-numeric-address.arpa");
}

static void what_cannot_be_is_refused_by_its_name(void **state)
{
    static const struct {
        const char *conninfo, *field;
        enum pg_role role;
    } strings[] = {
        {"host", "", PG_PRIMARY},
        {"password=hunter 2", "", PG_PRIMARY},
        {"host=a,b hostaddr=10.0.0.1", "hostaddr", PG_PRIMARY},
        {"host=a,b,c port=1,2", "port", PG_PRIMARY},
        {"host=a target_session_attrs=standby", "target_session_attrs", PG_PRIMARY},
        {"host=a target_session_attrs=read-only", "target_session_attrs", PG_PRIMARY},
        {"host=a target_session_attrs=prefer-standby", "target_session_attrs", PG_PRIMARY},
        {"host=a target_session_attrs=primary", "target_session_attrs", PG_STANDBY},
        {"host=a target_session_attrs=read-write", "target_session_attrs", PG_STANDBY},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
        struct connect_hosts hosts;
        struct fault fault = {0};
        assert_int_equal(connect_inspect(strings[i].conninfo, strings[i].role, &hosts, &fault),
                         STATUS_INVALID_ARGUMENT);
        assert_string_equal(fault.field, strings[i].field);
        assert_null(strstr(fault.text, "hunter"));
        assert_null(strstr(fault.text, "\"2\""));
    }
}

static void several_hosts_are_counted(void **state)
{
    struct connect_hosts hosts;
    (void)state;
    assert_int_equal(connect_inspect("host=/a,/b port=1,2 target_session_attrs=read-write",
                                     PG_PRIMARY, &hosts, NULL),
                     STATUS_OK);
    assert_int_equal(hosts.count, 2);
    assert_string_equal(hosts.ports, "1,2");
    connect_hosts_done(&hosts);
    assert_int_equal(
        connect_inspect("hostaddr=10.0.0.1,10.0.0.2,10.0.0.3", PG_STANDBY, &hosts, NULL),
        STATUS_OK);
    assert_int_equal(hosts.count, 3);
    connect_hosts_done(&hosts);
}

/* Every class of PostgreSQL 15, with the codes that are decided apart. */
static void every_class_of_errors_has_its_status(void **state)
{
    enum { LOSS = 1, TOLD = 2 };
    static const struct {
        const char *sqlstates;
        enum status status;
        int flags;
    } rows[] = {
        /* A fault of this program, of its grants or of the schema. */
        {"01000 02000 03000 09000 0A000 0B000 0F001 0L000 0P000 0Z002 20000 21000 24000 25000 25001"
         " 25006 25P01 25P02 26000 27000 28000 28P01 2B000 2BP01 2D000 2F000 34000 38000 39000"
         " 3B000 3D000 3F000 42000 42501 42601 42703 42804 42883 42P01 42P02 42P05 44000 54000"
         " 54001 55000 55006 55P02 55P04 F0000 HV000 P0000 P0002 P0004 XX000"
         " 53000 53100 53200 53300 53400 58000 58030 58P01",
         STATUS_INTERNAL, TOLD},
        {"22000 22004 22012 22023 22P04 2201B 22025 23000 23502 99999", STATUS_INTERNAL, TOLD},
        {"22001 22003 22007 22008 22015 22021 22P02 22P03 22P05", STATUS_INVALID_ARGUMENT, 0},
        {"23505", STATUS_ALREADY_EXISTS, 0},
        {"23001 23503 23514 23P01 40002 P0001", STATUS_FAILED_PRECONDITION, 0},
        {"40000 40001 40P01 72000", STATUS_ABORTED, 0},
        {"55P03", STATUS_RESOURCE_EXHAUSTED, 0},
        {"57014", STATUS_DEADLINE_EXCEEDED, 0},
        {"08000 08003 08006 08P01 25P03 25P04 57P01 57P02 57P03 57P04 57P05", STATUS_UNAVAILABLE,
         LOSS | TOLD},
        {"40003 57000", STATUS_UNAVAILABLE, TOLD},
        {"XX001 XX002", STATUS_DATA_LOSS, TOLD},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (const char *at = rows[i].sqlstates; *at; at += at[5] ? 6 : 5) {
            char sqlstate[6] = {0};
            memcpy(sqlstate, at, 5);
            if (sqlstate_status(sqlstate, NULL) != rows[i].status ||
                sqlstate_is_loss(sqlstate) != ((rows[i].flags & LOSS) != 0) ||
                sqlstate_is_trouble(sqlstate) != ((rows[i].flags & TOLD) != 0))
                fail_msg("%s: %s", sqlstate, status_name(sqlstate_status(sqlstate, NULL)));
        }
    }
    assert_int_equal(sqlstate_status("", NULL), STATUS_UNAVAILABLE);
    assert_true(sqlstate_is_loss(""));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_names_need_a_look_up),
        cmocka_unit_test(what_cannot_be_is_refused_by_its_name),
        cmocka_unit_test(several_hosts_are_counted),
        cmocka_unit_test(every_class_of_errors_has_its_status),
        cmocka_unit_test(a_cancelled_query_is_told_from_a_late_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
