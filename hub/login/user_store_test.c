/* user_store against PostgreSQL, as the role that the hub has */
#include "hub/login/user_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "hub/schema/testing/hub_cluster.h"
#include "tests/support/fiber_run.h"

#define RACERS 8

static struct pg_cluster *cluster;

static int start(void **state)
{
    (void)state;
    cluster = hub_cluster_start();
    return cluster ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    cluster = pg_cluster_stop(cluster);
    return 0;
}

static int forget_all(void **state)
{
    (void)state;
    pg_cluster_execute(cluster, "TRUNCATE hub.user_account, hub.login_spent CASCADE");
    return 0;
}

static void run(void (*body)(struct fiber_run *run))
{
    char conninfo[512];

    pg_cluster_conninfo_for(cluster, "pek_app", NULL, conninfo, sizeof(conninfo));
    fiber_run_pg(cluster, &(struct pg_options){.conninfo = conninfo}, body);
}

static void assert_answer(const char *sql, const char *expected)
{
    char value[128];

    pg_cluster_query(cluster, sql, value, sizeof(value));
    assert_string_equal(value, expected);
}

static enum status create(struct fiber_run *run, const char *subject, const char *username,
                          struct slice *ret_id)
{
    return user_store_create(run->pg, NULL, slice_str(subject), slice_str(username),
                             SLICE_LIT("Teszt Elek"), &run->arena, ret_id);
}

static void spend_twice(struct fiber_run *run)
{
    assert_int_equal(user_store_spend(run->pg, NULL, SLICE_LIT("one"), 60), STATUS_OK);
    assert_int_equal(user_store_spend(run->pg, NULL, SLICE_LIT("one"), 60), STATUS_ALREADY_EXISTS);
    assert_int_equal(user_store_spend(run->pg, NULL, SLICE_LIT("other"), 60), STATUS_OK);
}

static void state_is_spent_once(void **state)
{
    (void)state;
    run(spend_twice);
    assert_answer("SELECT count(*) FROM hub.login_spent", "2");
}

static enum status outcomes[RACERS];

static void spend_one(struct fiber_run *run, size_t index)
{
    outcomes[index] = user_store_spend(run->pg, NULL, SLICE_LIT("race"), 60);
}

static void race_to_spend(struct fiber_run *run)
{
    size_t won = 0;

    fiber_run_parallel(run, RACERS, spend_one);
    for (size_t i = 0; i < RACERS; i++) {
        won += outcomes[i] == STATUS_OK;
        assert_true(outcomes[i] == STATUS_OK || outcomes[i] == STATUS_ALREADY_EXISTS);
    }
    assert_int_equal(won, 1);
}

static void state_is_spent_by_one_of_many(void **state)
{
    (void)state;
    run(race_to_spend);
}

static void spend_after_others_expired(struct fiber_run *run)
{
    assert_int_equal(user_store_spend(run->pg, NULL, SLICE_LIT("new"), 60), STATUS_OK);
}

static void expired_states_go_a_few_at_a_time(void **state)
{
    (void)state;
    /* One that runs, and more expired ones than go at once. */
    pg_cluster_execute(cluster, "INSERT INTO hub.login_spent SELECT rpad(i::text, 43, 'x'),"
                                " now() + CASE i WHEN 0 THEN 60 ELSE -1 END * interval '1 s'"
                                " FROM generate_series(0, 130) i");
    run(spend_after_others_expired);
    assert_answer("SELECT count(*) FROM hub.login_spent WHERE expires_at < now()", "30");
    assert_answer("SELECT count(*) FROM hub.login_spent WHERE expires_at > now()", "2");
}

static void create_and_find(struct fiber_run *run)
{
    struct user_row row = {0};
    struct slice id;

    assert_int_equal(user_store_find(run->pg, NULL, SLICE_LIT("sub"), &run->arena, &row),
                     STATUS_NOT_FOUND);
    assert_int_equal(create(run, "sub", "elek", &id), STATUS_OK);
    assert_int_equal(id.len, USER_ID_CHARS);
    assert_int_equal(user_store_find(run->pg, NULL, SLICE_LIT("sub"), &run->arena, &row),
                     STATUS_OK);
    assert_true(slice_equal(row.id, id));
    assert_false(row.disabled);
    assert_int_equal(user_store_set_name(run->pg, NULL, id, SLICE_LIT("Új Név")), STATUS_OK);
    pg_cluster_execute(cluster, "UPDATE hub.user_account SET disabled_at = now()");
    assert_int_equal(user_store_find(run->pg, NULL, SLICE_LIT("sub"), &run->arena, &row),
                     STATUS_OK);
    assert_true(row.disabled);
}

static void user_is_made_and_found_by_subject(void **state)
{
    (void)state;
    run(create_and_find);
    assert_answer("SELECT name FROM hub.user_account", "Új Név");
}

/* The provider's subject of an account that was merged leads to the one that it became, as its own does. */
static void find_both_subjects(struct fiber_run *run)
{
    struct slice first, second;
    struct user_row found;
    char sql[256];
    assert_int_equal(create(run, "sub-1", "elek", &first), STATUS_OK);
    assert_int_equal(create(run, "sub-2", "bela", &second), STATUS_OK);
    snprintf(sql, sizeof(sql), "SELECT hub.merge_user('%.*s', '%.*s', false)", SLICE_ARG(first),
             SLICE_ARG(second));
    pg_cluster_execute(cluster, sql);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(user_store_find(run->pg, NULL, i ? SLICE_LIT("sub-2") : SLICE_LIT("sub-1"),
                                         &run->arena, &found),
                         STATUS_OK);
        assert_true(slice_equal(found.id, second));
        assert_false(found.disabled);
    }
}

static void both_logins_of_a_merged_account_lead_to_one(void **state)
{
    (void)state;
    run(find_both_subjects);
}

static void create_what_is_taken(struct fiber_run *run)
{
    struct slice first, id = {"untouched", 9};

    assert_int_equal(create(run, "sub-1", "elek", &first), STATUS_OK);
    assert_int_equal(create(run, "sub-2", "elek", &id), STATUS_ALREADY_EXISTS);
    assert_int_equal(create(run, "sub-1", "bela", &id), STATUS_FAILED_PRECONDITION);
    pg_cluster_execute(cluster, "UPDATE hub.user_account SET id = 'alice'");
    assert_int_equal(create(run, "sub-3", "alice", &id), STATUS_ALREADY_EXISTS);
    assert_true(slice_equal_str(id, "untouched"));
}

static void username_subject_and_id_belong_to_one_user(void **state)
{
    (void)state;
    run(create_what_is_taken);
    assert_answer("SELECT count(*) FROM hub.user_account", "1");
}

static void look_for_a_free_one(struct fiber_run *run)
{
    const struct slice candidates[] = {SLICE_LIT("elek"), SLICE_LIT("elek-2"), SLICE_LIT("elek-3")};
    struct slice id, username;

    assert_int_equal(user_store_free_username(run->pg, NULL, candidates, 3, &run->arena, &username),
                     STATUS_OK);
    assert_true(slice_equal_str(username, "elek"));
    assert_int_equal(create(run, "sub-1", "elek", &id), STATUS_OK);
    pg_cluster_execute(cluster, "UPDATE hub.user_account SET id = 'elek-2'");
    assert_int_equal(user_store_free_username(run->pg, NULL, candidates, 3, &run->arena, &username),
                     STATUS_OK);
    assert_true(slice_equal_str(username, "elek-3"));
    assert_int_equal(user_store_free_username(run->pg, NULL, candidates, 2, &run->arena, &username),
                     STATUS_OK);
    assert_int_equal(username.len, 0);
}

static void first_username_that_nobody_has_is_free(void **state)
{
    (void)state;
    run(look_for_a_free_one);
}

#define TEST(name) cmocka_unit_test_setup(name, forget_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(state_is_spent_once),
        TEST(state_is_spent_by_one_of_many),
        TEST(expired_states_go_a_few_at_a_time),
        TEST(user_is_made_and_found_by_subject),
        TEST(username_subject_and_id_belong_to_one_user),
        TEST(first_username_that_nobody_has_is_free),
        TEST(both_logins_of_a_merged_account_lead_to_one),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
