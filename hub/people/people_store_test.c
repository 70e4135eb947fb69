/* What was told is noted beside people who change their profiles: neither waits for the other for long, and never both. */
#include "hub/people/people_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hub/session/testing/hub_world.h"
#include "shared/base/clock.h"

static const struct pg_statement news_of_alice = {"test_news",
                                                  "SELECT hub.person_news_add('a', 'alice')"};
static const struct pg_statement rename_alice = {
    "test_rename", "UPDATE hub.profile SET first_name = 'Aliz' WHERE user_id = 'alice'"};

struct telling {
    struct hub_world *h;
    instance_v1_person **people;
    size_t count;
    enum status status;
    bool done;
};

static void read_news(struct telling *telling)
{
    struct cancel cancel;
    cancel_init(&cancel, DEADLINE_NONE);
    assert_int_equal(people_store_news(telling->h->pg, &cancel, "a", telling->h->w->arena,
                                       &telling->people, &telling->count),
                     STATUS_OK);
}

/* The realm knows both. */
static void tell(void *arg)
{
    static char alice[] = "alice", bob[] = "bob", *known[] = {alice, bob};
    struct telling *telling = arg;
    struct cancel cancel;
    cancel_init(&cancel, DEADLINE_NONE);
    telling->status =
        people_store_told(telling->h->pg, &cancel, "a", telling->people, telling->count, known, 2);
    telling->done = true;
}

static void execute(struct pg_transaction *transaction, const struct pg_statement *statement)
{
    struct pg_result *result;
    assert_int_equal(pg_execute(transaction, statement, NULL, 0, &result), STATUS_OK);
    pg_result_free(result);
}

static struct pg_transaction *begin(struct hub_world *h, struct cancel *cancel)
{
    struct pg_transaction *transaction;
    cancel_init(cancel, DEADLINE_NONE);
    assert_int_equal(pg_begin(h->pg, cancel, false, &transaction), STATUS_OK);
    return transaction;
}

static const char *news(struct hub_world *h)
{
    return world_value(h->w, "SELECT coalesce(string_agg(user_id, ' ' ORDER BY user_id), '')"
                             " FROM hub.person_news WHERE realm = 'a'");
}

static void news_that_is_being_written_is_not_waited_for(struct hub_world *h)
{
    struct telling telling = {.h = h};
    struct cancel cancel;
    world_sql(h->w,
              "DELETE FROM hub.user_realm; DELETE FROM hub.person_news;"
              "INSERT INTO hub.user_realm (user_id, realm) VALUES ('alice', 'a'), ('bob', 'a')");
    read_news(&telling);
    assert_int_equal(telling.count, 2);
    struct pg_transaction *changing = begin(h, &cancel);
    execute(changing, &news_of_alice);
    tell(&telling);
    assert_int_equal(telling.status, STATUS_OK);
    assert_int_equal(pg_commit(changing), STATUS_OK);
    assert_string_equal(news(h), "alice");
}

static bool somebody_waits(struct hub_world *h)
{
    return strcmp(world_value(h->w, "SELECT count(*) FROM pg_locks WHERE NOT granted"), "0") != 0;
}

/* As a change of a profile does: it holds the profile, and then writes the news. */
static void profile_that_is_being_changed_is_held_before_its_news(struct hub_world *h)
{
    struct telling telling = {.h = h};
    struct cancel cancel;
    world_sql(h->w,
              "DELETE FROM hub.user_realm; DELETE FROM hub.person_news;"
              "INSERT INTO hub.person_news (realm, user_id) VALUES ('a', 'alice'), ('a', 'bob')");
    read_news(&telling);
    struct pg_transaction *changing = begin(h, &cancel);
    execute(changing, &rename_alice);
    assert_int_equal(fiber_go(h->w->run->fibers, tell, &telling), STATUS_OK);
    assert_true(hub_until(h, somebody_waits));
    execute(changing, &news_of_alice);
    assert_int_equal(pg_commit(changing), STATUS_OK);
    while (!telling.done)
        fiber_sleep_ms(1);
    assert_int_equal(telling.status, STATUS_OK);
    assert_string_equal(world_value(h->w, "SELECT string_agg(user_id, ' ' ORDER BY user_id)"
                                          " FROM hub.user_realm WHERE realm = 'a'"),
                        "alice bob");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HUB_TEST(news_that_is_being_written_is_not_waited_for),
        HUB_TEST(profile_that_is_being_changed_is_held_before_its_news),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
