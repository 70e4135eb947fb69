/* GET /users/{user}/score: one number of what several realms say, and whether it is all of it. */
#include "tests/integration/worker.h"

#include <jansson.h>

#define SEMESTER "2024-2025/1"
#define PATH "/api/v1/users/me/score?semester=2024-2025/1"

struct two {
    struct federation f;
    struct worker d, e;
    bool e_closed;
};

static void two_stop(struct federation *f)
{
    struct two *two = f->arg;
    worker_close(&two->d);
    if (!two->e_closed)
        worker_close(&two->e);
}

/* alice has `points` in one group of the realm. */
static void give(struct two *two, const char *realm, int points)
{
    char path[64], sql[2048];
    snprintf(path, sizeof(path), "/api/v1/realms/%s/groups", realm);
    struct answer made =
        federation_ask(&two->f, "POST", path, JSON_BODY, "{\"slug\":\"kor\",\"name\":\"Kör\"}");
    assert_int_equal(made.code, 200);
    answer_free(&made);
    snprintf(sql, sizeof(sql),
             "SET pek.realm = '%s';"
             "INSERT INTO pek.scoreboard (group_id, semester, point_status, created_by, work_max,"
             " responsibility_max, total_max, least)"
             " VALUES ('kor@kor', '" SEMESTER "', 3, 'alice', 100, 100, 100, 5);"
             "INSERT INTO pek.guideline (scoreboard_id, position, name, description, category,"
             " max_per_member, max_per_guideline)"
             " SELECT id, 1, 'Munka', '', 1, 100, 0 FROM pek.scoreboard WHERE realm = '%s';"
             "INSERT INTO pek.point (group_id, scoreboard_id, user_id, guideline_id, points)"
             " SELECT 'kor@kor', scoreboard_id, 'alice', id, %d FROM pek.guideline"
             "  WHERE realm = '%s'",
             realm, realm, points, realm);
    pg_cluster_execute(federation_cluster, sql);
}

/* bob has these rights on the whole realm. */
static void allow(const char *realm, unsigned actions)
{
    char sql[1024];
    snprintf(sql, sizeof(sql),
             "SET pek.realm = '%s'; INSERT INTO pek.policy (name, unique_key) VALUES ('P', 'p');"
             "INSERT INTO pek.policy_statement (policy_id, resource, actions)"
             " SELECT id, 'REALM', %u FROM pek.policy WHERE (realm, name) = ('%s', 'P');"
             "INSERT INTO pek.policy_assignment (policy_id, user_id, assigned_by)"
             " SELECT id, 'bob', 'alice' FROM pek.policy WHERE (realm, name) = ('%s', 'P')",
             realm, actions, realm, realm);
    pg_cluster_execute(federation_cluster, sql);
}

static void two_open(struct two *two, const char *const *args)
{
    char instances[128];
    federation_begin(&two->f);
    worker_clear();
    worker_open(&two->d, &two->f, "d");
    worker_open(&two->e, &two->f, "e");
    two->e_closed = false;
    two->f.also_stop = two_stop;
    two->f.arg = two;
    two->f.a->unknown = two->f.b->unknown = two->f.c->unknown = true;
    snprintf(instances, sizeof(instances), "d=127.0.0.1:%d,e=127.0.0.1:%d",
             rpc_server_port(two->d.server), rpc_server_port(two->e.server));
    federation_open_hub(&two->f, instances, args);
    give(two, "d", 30);
    give(two, "e", 40);
}

static void two_close(struct two *two)
{
    federation_close(&two->f);
    worker_done(&two->d);
    worker_done(&two->e);
}

/* "score complete missing,… : realm/points …" */
static const char *score(struct two *two, const char *path)
{
    static char text[1024];
    json_error_t error;
    struct answer answer = federation_get(&two->f, path);
    if (answer.code != 200) {
        snprintf(text, sizeof(text), "%d", answer.code);
        answer_free(&answer);
        return text;
    }
    assert_true(answer.whole);
    json_t *object = json_loads(answer.text, JSON_REJECT_DUPLICATES, &error);
    if (!object)
        fail_msg("%s: %s", error.text, answer.text);
    snprintf(text, sizeof(text), "%d %s", (int)json_integer_value(json_object_get(object, "score")),
             json_is_true(json_object_get(object, "complete")) ? "complete" : "incomplete");
    const json_t *missing = json_object_get(object, "missing"),
                 *groups = json_object_get(object, "groups");
    for (size_t i = 0; i < json_array_size(missing); i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), " -%s",
                 json_string_value(json_array_get(missing, i)));
    for (size_t i = 0; i < json_array_size(groups); i++) {
        const json_t *item = json_array_get(groups, i);
        snprintf(text + strlen(text), sizeof(text) - strlen(text), " %s/%d",
                 json_string_value(json_object_get(item, "realm")),
                 (int)json_integer_value(json_object_get(item, "points")));
    }
    json_decref(object);
    answer_free(&answer);
    return text;
}

static bool is_known(struct two *two)
{
    return strcmp(score(two, PATH), "50 complete d/30 e/40") == 0;
}

static void score_is_of_all_realms(void **state)
{
    struct two two;
    (void)state;
    two_open(&two, NULL);
    FEDERATION_WAIT_FOR(&two.f, is_known(&two));
    assert_string_equal(score(&two, "/api/v1/realms/e/users/me/score?semester=2024-2025/1"),
                        "40 complete e/40");
    /* The next semester has it in it, and the one after that has not. */
    assert_string_equal(score(&two, "/api/v1/users/me/score?semester=2024-2025/2"),
                        "50 complete d/30 e/40");
    assert_string_equal(score(&two, "/api/v1/users/me/score?semester=2025-2026/1"), "0 complete");
    assert_string_equal(score(&two, "/api/v1/users/me/score?semester=2024-2026/1"), "400");
    assert_string_equal(score(&two, "/api/v1/users/me/score"), "400");
    assert_string_equal(score(&two, "/api/v1/users/me/score?semester=2024-2025/1&pageSize=1"),
                        "400");
    /* As lines, at their end. */
    struct answer lines = federation_ask(&two.f, "GET", PATH, NDJSON, NULL);
    assert_int_equal(lines.code, 200);
    assert_true(answer_has(&lines, "\"score\":50,\"complete\":true,\"missing\":[]"));
    answer_free(&lines);
    /* It is never more than 100. */
    pg_cluster_execute(federation_cluster, "UPDATE pek.point SET points = 90");
    assert_string_equal(score(&two, PATH), "100 complete d/90 e/90");
    two_close(&two);
}

static void realm_that_was_not_heard_makes_it_incomplete(void **state)
{
    static const char *const args[] = {"--straggler-ms=200ms", "--realm-timeout-ms=1s", NULL};
    struct two two;
    (void)state;
    two_open(&two, args);
    FEDERATION_WAIT_FOR(&two.f, is_known(&two));
    /* a has no such service; it knows her, and cannot say. */
    two.f.a->unknown = false;
    federation_log_in(&two.f, "alice");
    FEDERATION_WAIT_FOR(&two.f,
                        strcmp(score(&two, PATH), "50 incomplete -realms/a d/30 e/40") == 0);
    struct answer lines = federation_ask(&two.f, "GET", PATH, NDJSON, NULL);
    assert_true(answer_has(&lines, "\"complete\":false,\"missing\":[\"realms/a\"]"));
    answer_free(&lines);
    two_close(&two);
}

/* Somebody else's is for who sees their full profile; a realm that does not let it be seen is missing. */
static void realm_that_refuses_makes_it_incomplete(void **state)
{
    struct two two;
    (void)state;
    two_open(&two, NULL);
    FEDERATION_WAIT_FOR(&two.f, is_known(&two));
    allow("d", 512); /* VIEW_FULL_PROFILE */
    allow("e", 4);   /* VIEW_GROUP */
    federation_log_in(&two.f, "bob");
    const char *path = "/api/v1/users/alice/score?semester=2024-2025/1";
    assert_string_equal(score(&two, "/api/v1/realms/e/users/alice/score?semester=2024-2025/1"),
                        "403");
    FEDERATION_WAIT_FOR(&two.f, strcmp(score(&two, path), "30 incomplete -realms/e d/30") == 0);
    two_close(&two);
}

/* The realm is not asked, as bob is not in it, and not named, as whom it knows is its own. */
static void realm_that_the_caller_is_not_in_makes_it_incomplete(void **state)
{
    struct two two;
    (void)state;
    two_open(&two, NULL);
    FEDERATION_WAIT_FOR(&two.f, is_known(&two));
    allow("d", 512); /* VIEW_FULL_PROFILE */
    federation_log_in(&two.f, "bob");
    const char *path = "/api/v1/users/alice/score?semester=2024-2025/1";
    FEDERATION_WAIT_FOR(&two.f, strcmp(score(&two, path), "404") != 0);
    assert_string_equal(score(&two, path), "30 incomplete d/30");
    assert_string_equal(score(&two, "/api/v1/realms/d/users/alice/score?semester=2024-2025/1"),
                        "30 complete d/30");
    two_close(&two);
}

/* A realm that the other one is not in has no part in their number, whatever it says. */
static void realm_that_does_not_know_them_is_not_missing(void **state)
{
    struct two two;
    (void)state;
    two_open(&two, NULL);
    FEDERATION_WAIT_FOR(&two.f, is_known(&two));
    allow("d", 4); /* VIEW_GROUP */
    federation_log_in(&two.f, "bob");
    FEDERATION_WAIT_FOR(&two.f, strcmp(score(&two, PATH), "0 complete") == 0);
    federation_log_in(&two.f, "alice");
    FEDERATION_WAIT_FOR(&two.f, strcmp(score(&two, "/api/v1/users/bob/score?semester=2024-2025/1"),
                                       "0 complete") == 0);
    two_close(&two);
}

static void newcomer_has_a_whole_score_of_nothing(void **state)
{
    struct two two;
    (void)state;
    two_open(&two, NULL);
    federation_log_in(&two.f, "bob");
    assert_string_equal(score(&two, PATH), "0 complete");
    assert_string_equal(score(&two, "/api/v1/users/alice/score?semester=2024-2025/1"), "404");
    two_close(&two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(score_is_of_all_realms),
        cmocka_unit_test(realm_that_was_not_heard_makes_it_incomplete),
        cmocka_unit_test(realm_that_refuses_makes_it_incomplete),
        cmocka_unit_test(realm_that_the_caller_is_not_in_makes_it_incomplete),
        cmocka_unit_test(realm_that_does_not_know_them_is_not_missing),
        cmocka_unit_test(newcomer_has_a_whole_score_of_nothing),
    };
    return cmocka_run_group_tests(tests, worker_setup, federation_teardown);
}
