#include "shared/pg/statements.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct statements statements;
static char names[STATEMENTS_MAX + 1][16];
static struct pg_statement all[STATEMENTS_MAX + 1];

static int setup(void **state)
{
    (void)state;
    statements_reset(&statements);
    for (size_t i = 0; i <= STATEMENTS_MAX; i++) {
        snprintf(names[i], sizeof(names[i]), "s%zu", i);
        all[i] = (struct pg_statement){names[i], "SELECT 1"};
    }
    return 0;
}

static void a_statement_is_known_by_its_name(void **state)
{
    (void)state;
    char same_name[] = "s7";
    struct pg_statement same = {same_name, "SELECT 1"};
    assert_false(statements_have(&statements, &all[7]));
    assert_true(statements_add(&statements, &all[7]));
    assert_true(statements_have(&statements, &same));
    assert_true(statements_add(&statements, &same));
    assert_int_equal(statements.count, 1);
    statements_remove(&statements, &same);
    assert_false(statements_have(&statements, &all[7]));
    statements_remove(&statements, &same);
    assert_int_equal(statements.count, 0);
}

static void a_full_table_refuses_one_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < STATEMENTS_MAX; i++)
        assert_true(statements_add(&statements, &all[i]));
    assert_false(statements_add(&statements, &all[STATEMENTS_MAX]));
    assert_true(statements_add(&statements, &all[3]));
    statements_remove(&statements, &all[3]);
    assert_true(statements_add(&statements, &all[STATEMENTS_MAX]));
}

/* A full table has every kind of collision: what is left must be found after each removal. */
static void a_removal_loses_no_other(void **state)
{
    (void)state;
    for (size_t i = 0; i < STATEMENTS_MAX; i++)
        assert_true(statements_add(&statements, &all[i]));
    for (size_t gone = 0; gone < STATEMENTS_MAX; gone++) {
        statements_remove(&statements, &all[gone]);
        for (size_t i = 0; i < STATEMENTS_MAX; i++)
            assert_int_equal(statements_have(&statements, &all[i]), i > gone);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_statement_is_known_by_its_name, setup),
        cmocka_unit_test_setup(a_full_table_refuses_one_more, setup),
        cmocka_unit_test_setup(a_removal_loses_no_other, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
