/* What was told is noted beside people who change their profiles: neither waits for the other for long, and never both. */
#include "hub/people/people_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
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
    int64_t told_before;
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
    instance_v1_put_people_response answer = INSTANCE_V1_PUT_PEOPLE_RESPONSE_INIT;
    answer.known_users = known;
    answer.n_known_users = 2;
    answer.told_before = telling->told_before;
    cancel_init(&cancel, DEADLINE_NONE);
    telling->status =
        people_store_told(telling->h->pg, &cancel, "a", telling->people, telling->count, &answer);
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
    /* A realm that does not count what it was told would seem to have lost it when it does. */
    assert_string_equal(world_value(h->w, "SELECT count(*) FROM hub.people_told"), "0");
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

static enum people_difference compare(struct hub_world *h, int64_t version, int64_t told_before)
{
    struct cancel cancel;
    enum people_difference difference;
    cancel_init(&cancel, DEADLINE_NONE);
    assert_int_equal(people_store_compare(h->pg, &cancel, "a", version, told_before, &difference),
                     STATUS_OK);
    return difference;
}

static const char *told_up_to(struct hub_world *h)
{
    return world_value(h->w, "SELECT version FROM hub.people_told");
}

static bool repeat(struct hub_world *h)
{
    struct cancel cancel;
    bool more;
    cancel_init(&cancel, DEADLINE_NONE);
    assert_int_equal(people_store_again(h->pg, &cancel, "a", &more), STATUS_OK);
    return more;
}

#define TOLD_UP_TO_100                                                                             \
    "DELETE FROM hub.person_news; DELETE FROM hub.people_told;"                                    \
    "INSERT INTO hub.people_told (realm, version) VALUES ('a', 100);"

/* bob is not known there. */
static void realm_that_lost_something_is_told_everything_again(struct hub_world *h)
{
    world_sql(h->w,
              "INSERT INTO hub.user_realm (user_id, realm) VALUES ('alice', 'a');"
              "INSERT INTO hub.user_account (id, username, name) VALUES ('dan', 'dan.n', 'D');"
              "INSERT INTO hub.user_merge (from_user, into_user, dry_run, moved)"
              " VALUES ('dan', 'bob', false, '');"
              "INSERT INTO hub.user_merge_realm (merge_id, realm, done_time)"
              " SELECT id, realm, now() FROM hub.user_merge, unnest(ARRAY['a', 'b']) AS realm;"
              "SELECT hub.delete_user('carol');" TOLD_UP_TO_100);
    assert_false(repeat(h));
    assert_int_equal(compare(h, 100, 50), PEOPLE_TOLD_AGAIN);
    assert_true(repeat(h));
    assert_string_equal(news(h), "alice carol");
    assert_string_equal(world_value(h->w, "SELECT string_agg(realm, ' ') FROM hub.user_merge_realm"
                                          " WHERE done_time IS NOT NULL"),
                        "b");
    world_sql(h->w, "DELETE FROM hub.person_news;"
                    "UPDATE hub.people_told SET again_time = now() - interval '2 minutes'");
    /* What another hub found in the same answer. */
    assert_int_equal(compare(h, 100, 50), PEOPLE_UNSETTLED);
    assert_int_equal(compare(h, 50, 20), PEOPLE_TOLD_AGAIN);
    assert_true(repeat(h));
    assert_true(repeat(h));
    assert_false(repeat(h));
    assert_string_equal(news(h), "alice carol");
    /* A realm that would always be told. */
    assert_int_equal(compare(h, 20, 10), PEOPLE_UNSETTLED);
    assert_string_equal(told_up_to(h), "20");
}

/* What a realm took and no hub has noted is news still. */
static void realm_that_was_told_what_the_hub_lost_is_told_everything_again(struct hub_world *h)
{
    world_sql(h->w,
              "INSERT INTO hub.user_realm (user_id, realm) VALUES ('alice', 'a');" TOLD_UP_TO_100
              "INSERT INTO hub.person_news (realm, user_id, seq) VALUES ('a', 'bob', 200)");
    assert_int_equal(compare(h, 100, 200), PEOPLE_NOTED);
    assert_string_equal(told_up_to(h), "200");
    assert_false(repeat(h));
    assert_int_equal(compare(h, 200, 300), PEOPLE_TOLD_AGAIN);
    assert_true(repeat(h));
    assert_string_equal(news(h), "alice bob");
    assert_string_equal(told_up_to(h), "300");
}

/* Its database went back while the hub was in the middle of noting what it had told. */
static void realm_that_went_back_to_what_is_news_still_is_told_again(struct hub_world *h)
{
    world_sql(h->w, TOLD_UP_TO_100
              "INSERT INTO hub.person_news (realm, user_id, seq) VALUES ('a', 'bob', 50)");
    assert_int_equal(compare(h, 100, 50), PEOPLE_TOLD_AGAIN);
}

static void what_is_told_is_counted_where_nobody_counted_meanwhile(struct hub_world *h)
{
    static const char *const counted[] = {"100", "200"};
    for (size_t i = 0; i < 2; i++) {
        struct telling telling = {.h = h};
        world_sql(h->w, TOLD_UP_TO_100
                  "INSERT INTO hub.person_news (realm, user_id, seq) VALUES ('a', 'bob', 200)");
        read_news(&telling);
        telling.told_before = i == 0 ? 99 : 100;
        tell(&telling);
        assert_int_equal(telling.status, STATUS_OK);
        assert_string_equal(told_up_to(h), counted[i]);
    }
}

static void many_are_told_again_batch_after_batch(struct hub_world *h)
{
    static const char *const counts[] = {"100", "151"};
    world_sql(h->w, "INSERT INTO hub.user_account (id, username, name)"
                    " SELECT 'u' || n, 'user' || n, 'Kis Anna' FROM generate_series(1, 150) AS n;"
                    "INSERT INTO hub.user_realm (user_id, realm) SELECT id, 'a'"
                    "  FROM hub.user_account WHERE id LIKE 'u%%' OR id = 'alice';" TOLD_UP_TO_100);
    assert_int_equal(compare(h, 100, 50), PEOPLE_TOLD_AGAIN);
    for (size_t i = 0; i < 2; i++) {
        assert_true(repeat(h));
        assert_string_equal(world_value(h->w, "SELECT count(*) FROM hub.person_news"), counts[i]);
    }
}

#define RENAME_AFTER(seq)                                                                          \
    "SELECT setval('hub.person_news_seq', " seq ");"                                               \
    "UPDATE hub.profile SET first_name = first_name || 'i' WHERE user_id = 'alice'"
#define VERSION "SELECT person_version FROM hub.profile WHERE user_id = 'alice'"

static void versions_are_higher_also_where_sequence_or_clock_went_back(struct hub_world *h)
{
    int64_t before = strtoll(world_value(h->w, VERSION), NULL, 10);
    world_sql(h->w, RENAME_AFTER("20"));
    assert_true(strtoll(world_value(h->w, VERSION), NULL, 10) > before);
    assert_true(before > 1000000 * (clock_wall_s() - 3600));
    world_sql(h->w, RENAME_AFTER("9000000000000000"));
    assert_string_equal(world_value(h->w, VERSION), "9000000000000001");
    world_sql(h->w, "SELECT setval('hub.person_news_seq', 1)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HUB_TEST(news_that_is_being_written_is_not_waited_for),
        HUB_TEST(profile_that_is_being_changed_is_held_before_its_news),
        HUB_TEST(realm_that_lost_something_is_told_everything_again),
        HUB_TEST(realm_that_was_told_what_the_hub_lost_is_told_everything_again),
        HUB_TEST(realm_that_went_back_to_what_is_news_still_is_told_again),
        HUB_TEST(what_is_told_is_counted_where_nobody_counted_meanwhile),
        HUB_TEST(many_are_told_again_batch_after_batch),
        HUB_TEST(versions_are_higher_also_where_sequence_or_clock_went_back),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
