/* What realms are told of people: a whole hub over one real realm, which speaks to it about whom it knows. */
#include "tests/integration/worker.h"

#define VALUE_BYTES 4096

static void one_open(struct one *one, const char *before)
{
    one_begin(one);
    pg_cluster_execute(federation_cluster,
                       "TRUNCATE pek.person CASCADE;"
                       "INSERT INTO hub.user_account (id, username, name) VALUES"
                       " ('carol', 'carol', 'Csáky Karola'), ('dan', 'dan', 'Dudás Dániel')");
    if (before)
        pg_cluster_execute(federation_cluster, before);
    one_serve(one, NULL);
    for (size_t i = 0; i < FEDERATION_REALMS; i++)
        one->f.realms[i].unknown = true;
}

static const char *value(const char *sql)
{
    static char text[VALUE_BYTES];
    pg_cluster_query(federation_cluster, sql, text, sizeof(text));
    return text;
}

static bool is(const char *sql, const char *expected)
{
    return strcmp(value(sql), expected) == 0;
}

#define PERSON(id) "SELECT display_name FROM pek.person WHERE realm = 'd' AND id = '" id "'"
#define MEET(id)                                                                                   \
    "INSERT INTO pek.person (realm, id, display_name, folded, sort_key)"                           \
    " VALUES ('d', '" id "', '" id "', '" id "', '');"

static void make_known(const char *user)
{
    char sql[512];
    snprintf(sql, sizeof(sql),
             "INSERT INTO pek.policy_assignment (realm, policy_id, user_id, assigned_by)"
             " SELECT 'd', id, '%s', 'alice' FROM pek.policy WHERE realm = 'd' AND name = 'GOD'",
             user);
    pg_cluster_execute(federation_cluster, sql);
}

/* Nobody logged in: the realm says that something about them changed, and the hub asks it whether it knows them. */
static void who_becomes_known_is_named_and_counted_among_the_realms_people(void **state)
{
    struct one one;
    (void)state;
    one_open(&one, NULL);
    assert_string_equal(value(PERSON("carol")), "");
    make_known("carol");
    FEDERATION_WAIT_FOR(&one.f, is(PERSON("carol"), "Csáky Karola"));
    FEDERATION_WAIT_FOR(&one.f, is("SELECT string_agg(realm, ' ') FROM hub.user_realm"
                                   " WHERE user_id = 'carol'",
                                   "d"));
    /* What it said of somebody whom it does not know is forgotten. */
    FEDERATION_WAIT_FOR(&one.f, is("SELECT count(*) FROM hub.person_news", "0"));
    assert_string_equal(value(PERSON("dan")), "");
    one_close(&one);
}

/* Their profiles are held while what finds them is made: whoever changes theirs waits for a few others at most. */
static void people_become_known_a_few_at_a_time(void **state)
{
    struct one one;
    (void)state;
    one_open(&one, "INSERT INTO hub.user_account (id, username, name)"
                   " SELECT 'u' || n, 'user' || n, 'Kis ' || n FROM generate_series(1, 35) AS n");
    pg_cluster_execute(federation_cluster,
                       "INSERT INTO pek.policy_assignment (realm, policy_id, user_id, assigned_by)"
                       " SELECT 'd', p.id, 'u' || n, 'alice'"
                       "   FROM pek.policy AS p, generate_series(1, 35) AS n"
                       "  WHERE p.realm = 'd' AND p.name = 'GOD'");
    FEDERATION_WAIT_FOR(&one.f, is("SELECT count(*) FROM hub.user_realm"
                                   " WHERE realm = 'd' AND user_id LIKE 'u%'",
                                   "35"));
    assert_string_equal(value("SELECT max(n) <= 10 FROM (SELECT count(*) AS n FROM hub.user_realm"
                              "  WHERE user_id LIKE 'u%' GROUP BY xmin::text) AS together"),
                        "t");
    one_close(&one);
}

static void changed_name_and_deletion_reach_the_realm(void **state)
{
    struct one one;
    (void)state;
    one_open(&one, NULL);
    make_known("carol");
    FEDERATION_WAIT_FOR(&one.f, is(PERSON("carol"), "Csáky Karola"));
    pg_cluster_execute(federation_cluster,
                       "UPDATE hub.profile SET first_name = 'Katalin' WHERE user_id = 'carol'");
    FEDERATION_WAIT_FOR(&one.f, is(PERSON("carol"), "Csáky Katalin"));
    pg_cluster_execute(federation_cluster, "SELECT hub.delete_user('carol')");
    FEDERATION_WAIT_FOR(&one.f, is(PERSON("carol"), "deleted user"));
    assert_string_equal(value("SELECT folded FROM pek.person WHERE id = 'carol'"), "");
    one_close(&one);
}

/* Whatever was told before: the feed's word of a change is newer than what a token's request said of the person before it. */
static void avatar_and_token_tell_the_same_of_a_person(void **state)
{
    struct one one;
    (void)state;
    one_open(&one, NULL);
    make_known("carol");
    federation_log_in(&one.f, "carol");
    struct answer answer = federation_get(&one.f, "/api/v1/realms/d/groups");
    assert_int_equal(answer.code, 200);
    answer_free(&answer);
    FEDERATION_WAIT_FOR(&one.f, is(PERSON("carol"), "Csáky Karola"));
    FEDERATION_WAIT_FOR(&one.f, is("SELECT count(*) FROM hub.person_news", "0"));
    pg_cluster_execute(
        federation_cluster,
        "INSERT INTO hub.avatar (user_id, content_type, width, height, data, version)"
        " VALUES ('carol', 'image/png', 1, 1, 'x', 17)");
    FEDERATION_WAIT_FOR(&one.f,
                        is("SELECT avatar_version FROM pek.person WHERE id = 'carol'", "17"));
    assert_true(is("SELECT p.version > h.person_version FROM pek.person AS p"
                   "  JOIN hub.profile AS h ON h.user_id = p.id COLLATE \"default\""
                   " WHERE p.id = 'carol'",
                   "t"));
    pg_cluster_execute(federation_cluster, "SELECT hub.delete_user('carol')");
    FEDERATION_WAIT_FOR(&one.f, is(PERSON("carol"), "deleted user"));
    assert_string_equal(value("SELECT avatar_version FROM pek.person WHERE id = 'carol'"), "0");
    one_close(&one);
}

/* What changed while no hub was there, or was lost on the way, is made up for. */
static void what_was_missed_is_made_up_for(void **state)
{
    struct one one;
    (void)state;
    one_open(&one,
             MEET("carol") MEET("nobody") MEET(
                 "dan") "INSERT INTO hub.user_realm (user_id, realm) VALUES ('dan', 'd');"
                        "DELETE FROM hub.person_news;"
                        "INSERT INTO pek.policy_assignment (realm, policy_id, user_id, assigned_by)"
                        " SELECT 'd', id, unnest(ARRAY['carol', 'dan', 'nobody']), 'alice'"
                        "  FROM pek.policy WHERE realm = 'd' AND name = 'GOD'");
    FEDERATION_WAIT_FOR(&one.f, is(PERSON("carol"), "Csáky Karola"));
    FEDERATION_WAIT_FOR(&one.f, is(PERSON("dan"), "Dudás Dániel"));
    /* Whom the hub does not have stays as they were met. */
    assert_string_equal(value(PERSON("nobody")), "nobody");
    one_close(&one);
}

/* As its database was when the realm knew dan and was told of nobody else. */
#define REALM_WENT_BACK                                                                            \
    "UPDATE pek.people_told SET version = 5 WHERE realm = 'd';"                                    \
    "UPDATE pek.person SET display_name = 'Older', is_deleted = false, version = 5"                \
    " WHERE realm = 'd' AND id IN ('carol', 'dan');"

/* bob, carol and dan are known, and dan has deleted himself. */
static void three_open(struct one *one)
{
    one_open(one, NULL);
    make_known("bob");
    make_known("carol");
    make_known("dan");
    FEDERATION_WAIT_FOR(&one->f, is("SELECT count(*) FROM hub.user_realm WHERE realm = 'd'"
                                    "   AND user_id IN ('bob', 'carol', 'dan')",
                                    "3"));
    pg_cluster_execute(federation_cluster, "SELECT hub.delete_user('dan')");
    FEDERATION_WAIT_FOR(&one->f, is(PERSON("dan"), "deleted user"));
    FEDERATION_WAIT_FOR(&one->f, is("SELECT count(*) FROM hub.person_news", "0"));
}

static void rename_bob(const char *name)
{
    char sql[128];
    snprintf(sql, sizeof(sql), "UPDATE hub.profile SET first_name = '%s' WHERE user_id = 'bob'",
             name);
    pg_cluster_execute(federation_cluster, sql);
}

/* Whether somebody changes something then or not. */
static void realm_whose_database_went_back_is_told_everything_again(void **state)
{
    static const char *const then[] = {
        "UPDATE hub.profile SET first_name = 'Róbert' WHERE user_id = 'bob'",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        " AND (query ILIKE 'LISTEN%' OR query LIKE '%pg_listening_channels%')"};
    (void)state;
    for (size_t i = 0; i < sizeof(then) / sizeof(then[0]); i++) {
        struct one one;
        three_open(&one);
        pg_cluster_execute(federation_cluster, REALM_WENT_BACK);
        pg_cluster_execute(federation_cluster, then[i]);
        FEDERATION_WAIT_FOR(&one.f, is(PERSON("carol"), "Csáky Karola"));
        FEDERATION_WAIT_FOR(&one.f, is(PERSON("dan"), "deleted user"));
        one_close(&one);
    }
}

/* Within the minute nothing is told again; and what is told meanwhile hides nothing. */
static void realm_whose_database_goes_back_twice_is_told_everything_again(void **state)
{
    struct one one;
    (void)state;
    three_open(&one);
    pg_cluster_execute(federation_cluster, REALM_WENT_BACK);
    rename_bob("Róbert");
    FEDERATION_WAIT_FOR(&one.f, is(PERSON("dan"), "deleted user"));
    FEDERATION_WAIT_FOR(&one.f, is("SELECT count(*) FROM hub.person_news", "0"));
    pg_cluster_execute(federation_cluster, REALM_WENT_BACK);
    rename_bob("Robi");
    FEDERATION_WAIT_FOR(&one.f, is(PERSON("bob"), "Robi"));
    assert_string_equal(value(PERSON("dan")), "Older");
    pg_cluster_execute(federation_cluster,
                       "UPDATE hub.people_told SET again_time = now() - interval '2 minutes'");
    rename_bob("Robika");
    FEDERATION_WAIT_FOR(&one.f, is(PERSON("dan"), "deleted user"));
    FEDERATION_WAIT_FOR(&one.f, is(PERSON("carol"), "Csáky Karola"));
    one_close(&one);
}

/* carol had another name when the copy was made that the hub has now, and bob changes his. */
static void hub_whose_database_went_back_is_believed(void **state)
{
    struct one one;
    (void)state;
    three_open(&one);
    pg_cluster_execute(federation_cluster,
                       "SET session_replication_role = replica;"
                       "UPDATE hub.profile SET first_name = 'Katalin', person_version = 5"
                       " WHERE user_id = 'carol';"
                       "UPDATE hub.people_told SET version = 10;"
                       "SELECT setval('hub.person_news_seq', 10);"
                       "SET session_replication_role = origin;"
                       "UPDATE hub.profile SET first_name = 'Róbert' WHERE user_id = 'bob'");
    FEDERATION_WAIT_FOR(&one.f, is(PERSON("bob"), "Róbert"));
    FEDERATION_WAIT_FOR(&one.f, is(PERSON("carol"), "Csáky Katalin"));
    one_close(&one);
}

/* A real realm does it, and is asked before what it would do; the rude ones do not know how, which is seen, and keeps nobody
 * from being told of people. */
static void accounts_that_became_one_are_told(void **state)
{
    static const char done[] =
        "SELECT string_agg(concat_ws(' ', m.dry_run, r.realm, r.policies,"
        "  r.memberships), ', ' ORDER BY m.id) FROM hub.user_merge_realm AS r"
        "  JOIN hub.user_merge AS m ON m.id = r.merge_id"
        " WHERE r.done_time IS NOT NULL";
    static const char holders[] = "SELECT string_agg(user_id, ' ' ORDER BY user_id)"
                                  " FROM pek.policy_assignment WHERE realm = 'd'";
    struct one one;
    (void)state;
    one_open(&one, NULL);
    make_known("dan");
    FEDERATION_WAIT_FOR(&one.f, is(PERSON("dan"), "Dudás Dániel"));
    pg_cluster_execute(federation_cluster, "SELECT hub.merge_user('dan', 'carol', true)");
    FEDERATION_WAIT_FOR(&one.f, is(done, "t d 1 0"));
    assert_string_equal(value(holders), "alice dan");
    pg_cluster_execute(federation_cluster, "SELECT hub.merge_user('dan', 'carol', false)");
    FEDERATION_WAIT_FOR(&one.f, is(done, "t d 1 0, f d 1 0"));
    assert_string_equal(value(holders), "alice carol");
    FEDERATION_WAIT_FOR(&one.f, is(PERSON("carol"), "Csáky Karola"));
    assert_string_equal(value(PERSON("dan")), "");
    /* Whoever asks for the former account, or by a name, is led on. */
    static const char *const names[] = {"dan", "carol", "karola"};
    pg_cluster_execute(federation_cluster,
                       "INSERT INTO hub.username (username, user_id) VALUES ('karola', 'carol')");
    for (int i = 0; i < 3; i++) {
        char path[128];
        snprintf(path, sizeof(path), "/api/v1/realms/d/users/%s/memberships", names[i]);
        struct answer answer = federation_get(&one.f, path);
        assert_int_equal(answer.code, 200);
        answer_free(&answer);
    }
    struct answer answer = federation_get(&one.f, "/api/v1/realms/d/users/nobody/memberships");
    assert_int_equal(answer.code, 404);
    answer_free(&answer);
    FEDERATION_WAIT_FOR(&one.f, is("SELECT count(*) FROM hub.user_merge_realm AS r JOIN"
                                   " hub.user_merge AS m ON m.id = r.merge_id"
                                   " WHERE NOT m.dry_run AND r.problem <> ''",
                                   "3"));
    FEDERATION_WAIT_FOR(&one.f, is("SELECT count(*) FROM hub.person_news", "0"));
    one_close(&one);
}

#define MEMBERS "/api/v1/realms/d/groups/o@o/members"

static struct answer post(struct one *one, const char *path, const char *headers, const char *body)
{
    return federation_ask(&one->f, "POST", path, headers, body);
}

/* The answer itself has the name, and so has the one to a repetition, with which the hub says it again. */
static void who_is_brought_in_is_named_by_the_call(void **state)
{
    struct one one;
    char name[128];
    (void)state;
    one_open(&one, "DELETE FROM hub.user_realm; DELETE FROM hub.person_news;");
    struct answer answer =
        post(&one, "/api/v1/realms/d/groups", JSON_BODY, "{\"slug\":\"o\",\"name\":\"O\"}");
    assert_int_equal(answer.code, 200);
    answer_free(&answer);
    for (int i = 0; i < 2; i++) {
        answer = post(&one, MEMBERS ":add", JSON_BODY "Idempotency-Key: \"twice\"\r\n",
                      "{\"userId\":\"carol\"}");
        assert_int_equal(answer.code, 200);
        assert_string_equal(answer_string(&answer, "displayName", name, sizeof(name)),
                            "Csáky Karola");
        answer_free(&answer);
    }
    answer = post(&one, MEMBERS ":batchAdd", JSON_BODY, "{\"userIds\":[\"dan\",\"bob\"]}");
    assert_int_equal(answer.code, 200);
    assert_true(answer_has(&answer, "\"displayName\":\"Dudás Dániel\""));
    answer_free(&answer);
    /* With a picture later on, wherever a membership is shown. */
    pg_cluster_execute(
        federation_cluster,
        "INSERT INTO hub.avatar (user_id, content_type, width, height, data, version)"
        " VALUES ('carol', 'image/png', 1, 1, 'x', 17)");
    FEDERATION_WAIT_FOR(&one.f,
                        is("SELECT avatar_version FROM pek.person WHERE id = 'carol'", "17"));
    static const char *const lists[] = {MEMBERS "?q=karola",
                                        "/api/v1/realms/d/users/carol/memberships"};
    for (int i = 0; i < 2; i++) {
        answer = federation_get(&one.f, lists[i]);
        assert_int_equal(answer.code, 200);
        assert_true(answer_has(&answer, "\"avatarVersion\":\"17\""));
        answer_free(&answer);
    }
    one_close(&one);
}

static void id_that_nobody_has_is_refused_by_its_field(void **state)
{
    static const struct {
        const char *path, *body, *field;
    } cases[] = {
        {MEMBERS ":add", "{\"userId\":\"karola\"}", "userId"},
        {MEMBERS ":batchAdd", "{\"userIds\":[\"dan\",\"karola\"]}", "userIds"},
        {"/api/v1/realms/d/policies/%s:assign", "{\"userId\":\"karola\"}", "userId"},
    };
    struct one one;
    (void)state;
    one_open(&one, NULL);
    pg_cluster_execute(federation_cluster,
                       "INSERT INTO hub.username (username, user_id) VALUES ('karola', 'carol')");
    struct answer answer =
        post(&one, "/api/v1/realms/d/groups", JSON_BODY, "{\"slug\":\"o\",\"name\":\"O\"}");
    assert_int_equal(answer.code, 200);
    answer_free(&answer);
    char path[128], field[64];
    const char *id = value("SELECT id FROM pek.policy WHERE realm = 'd' AND name = 'GOD in o@o'");
    for (size_t i = 0; i < 3; i++) {
        if (i == 2)
            snprintf(path, sizeof(path), "/api/v1/realms/d/policies/%s:assign", id);
        answer = post(&one, i == 2 ? path : cases[i].path, JSON_BODY, cases[i].body);
        assert_int_equal(answer.code, 400);
        assert_true(answer_has(&answer, "NO_SUCH_USER"));
        assert_string_equal(answer_string(&answer, "field", field, sizeof(field)), cases[i].field);
        answer_free(&answer);
    }
    assert_string_equal(value("SELECT count(*) FROM pek.person WHERE id IN ('karola', 'dan')"),
                        "0");
    /* What the hub adds is not for a client to say. */
    answer =
        post(&one, MEMBERS ":add", JSON_BODY, "{\"userId\":\"dan\",\"told\":{\"people\":\"\"}}");
    assert_int_equal(answer.code, 400);
    answer_free(&answer);
    one_close(&one);
}

/* A realm that names people whom it was not told of, few or many. */
static void realm_learns_and_claims_nobody_else(void **state)
{
    static const size_t names[] = {1, 2, 1000};
    struct federation f;
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        federation_begin(&f);
        pg_cluster_execute(federation_cluster,
                           "INSERT INTO hub.user_account (id, username, name) VALUES"
                           " ('x0', 'xnull', 'X Null'), ('x1', 'xone', 'X Egy');"
                           "INSERT INTO hub.user_realm (user_id, realm) VALUES ('alice', 'a')");
        for (size_t r = 0; r < FEDERATION_REALMS; r++)
            f.realms[r].names = names[i];
        federation_open_hub(&f, "", NULL);
        const char *left = names[i] > 1 ? "1" : "0"; /* an answer of more than was told is none */
        for (int ticks = 0; ticks < 300; ticks++)
            uv_run(&f.loop, UV_RUN_ONCE);
        FEDERATION_WAIT_FOR(&f, is("SELECT count(*) FROM hub.person_news", left));
        assert_string_equal(value("SELECT string_agg(user_id, ' ') FROM hub.user_realm"), "alice");
        federation_close(&f);
    }
}

/* A realm that many were brought into: it is asked for the next when it was told of those before, and that goes on where it
 * failed. The answers together are more than one round has room for. */
static void whom_nobody_named_are_told_of_batch_after_batch(void **state)
{
    static const size_t have_accounts[] = {50, 250, 450};
    struct federation f;
    char sql[256];
    (void)state;
    federation_begin(&f);
    for (size_t i = 0; i < 3; i++) {
        snprintf(sql, sizeof(sql),
                 "INSERT INTO hub.user_account (id, username, name)"
                 " VALUES ('" RUDE_UNNAMED "', 'user%zu', 'Kis Anna')",
                 have_accounts[i], i);
        pg_cluster_execute(federation_cluster, sql);
    }
    f.a->unknown = true;
    f.a->unnamed = 5000;
    f.a->unnamed_fails = 4;
    f.a->status = STATUS_UNAVAILABLE;
    federation_open_hub(&f, "", NULL);
    FEDERATION_WAIT_FOR(&f, f.a->unnamed_calls == 4);
    assert_int_equal(f.a->told, 2);
    FEDERATION_WAIT_FOR(&f, f.a->told == 3);
    assert_int_equal(f.a->unnamed_begun, 1);
    federation_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_becomes_known_is_named_and_counted_among_the_realms_people),
        cmocka_unit_test(people_become_known_a_few_at_a_time),
        cmocka_unit_test(changed_name_and_deletion_reach_the_realm),
        cmocka_unit_test(avatar_and_token_tell_the_same_of_a_person),
        cmocka_unit_test(what_was_missed_is_made_up_for),
        cmocka_unit_test(realm_whose_database_went_back_is_told_everything_again),
        cmocka_unit_test(realm_whose_database_goes_back_twice_is_told_everything_again),
        cmocka_unit_test(hub_whose_database_went_back_is_believed),
        cmocka_unit_test(who_is_brought_in_is_named_by_the_call),
        cmocka_unit_test(id_that_nobody_has_is_refused_by_its_field),
        cmocka_unit_test(accounts_that_became_one_are_told),
        cmocka_unit_test(realm_learns_and_claims_nobody_else),
        cmocka_unit_test(whom_nobody_named_are_told_of_batch_after_batch),
    };
    return cmocka_run_group_tests(tests, worker_setup, federation_teardown);
}
