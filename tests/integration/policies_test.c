/* Lists of policies and of who holds them, through the hub, from two real realms. */
#include "tests/integration/worker.h"

#define NAMES_BYTES 8192
#define POLICIES 60 /* of each realm, besides its GOD */
#define HOLDERS 130

struct two {
    struct federation f;
    struct worker d, e;
};

static void stop(struct federation *f)
{
    struct two *two = f->arg;
    worker_close(&two->d);
    worker_close(&two->e);
}

/* Policies of both realms by turns, but that number 10 is made at the same time under the same id; many hold the
 * first one of d. */
static void fill(void)
{
    char sql[1024];
    for (int i = 0; i < 2; i++) {
        const char *realm = i ? "e" : "d";
        snprintf(sql, sizeof(sql),
                 "INSERT INTO pek.policy (realm, id, name, unique_key, parent_id, create_time)"
                 " OVERRIDING SYSTEM VALUE SELECT '%s', 1000 + n, 'P' || n, 'p' || n,"
                 " (SELECT id FROM pek.policy WHERE realm = '%s' AND name = 'GOD'),"
                 " timestamptz '2040-01-01Z' + n * interval '1 second'"
                 " + CASE n WHEN 10 THEN 0 ELSE %d END * interval '1 millisecond'"
                 " FROM generate_series(1, %d) AS n",
                 realm, realm, i, POLICIES);
        pg_cluster_execute(federation_cluster, sql);
    }
    snprintf(sql, sizeof(sql),
             "INSERT INTO pek.policy_assignment (realm, policy_id, user_id, assigned_by)"
             " SELECT 'd', 1001, 'u' || n, 'alice' FROM generate_series(1, %d) AS n",
             HOLDERS);
    pg_cluster_execute(federation_cluster, sql);
}

static void two_open(struct two *two)
{
    char instances[64];
    federation_begin(&two->f);
    worker_clear();
    worker_open(&two->d, &two->f, "d");
    worker_open(&two->e, &two->f, "e");
    fill();
    two->f.also_stop = stop;
    two->f.arg = two;
    snprintf(instances, sizeof(instances), "d=127.0.0.1:%d,e=127.0.0.1:%d",
             rpc_server_port(two->d.server), rpc_server_port(two->e.server));
    federation_open_hub(&two->f, instances, NULL);
    /* The rude ones have nobody. */
    for (size_t i = 0; i < FEDERATION_REALMS; i++)
        two->f.realms[i].unknown = true;
}

static void two_close(struct two *two)
{
    federation_close(&two->f);
    worker_done(&two->d);
    worker_done(&two->e);
}

static const char *expected(const char *sql)
{
    static char names[NAMES_BYTES];
    pg_cluster_query(federation_cluster, sql, names, sizeof(names));
    return names;
}

/* "u1 u2" of each "userId" in it. */
static const char *answer_users(const struct answer *answer, char *ret_text, size_t bytes)
{
    static const char mark[] = "{\"userId\":\"";
    size_t len = 0;
    ret_text[0] = '\0';
    for (const char *at = answer->text; (at = strstr(at, mark)); at++) {
        const char *user = at + strlen(mark);
        len += (size_t)snprintf(ret_text + len, bytes - len, "%s%.*s", len ? " " : "",
                                (int)strcspn(user, "\""), user);
        assert_true(len < bytes);
    }
    return ret_text;
}

struct listed {
    const char *path;
    const char *(*names)(const struct answer *answer, char *ret_text, size_t bytes);
    const char *in_order; /* SQL */
    size_t count;
};
static const struct listed lists[] = {
    {"/api/v1/policies", answer_groups,
     "SELECT string_agg(realm || '/' || id, ' ' ORDER BY create_time, id, realm) FROM pek.policy",
     2 * (POLICIES + 1)},
    {"/api/v1/realms/e/policies", answer_groups,
     "SELECT string_agg(realm || '/' || id, ' ' ORDER BY create_time, id) FROM pek.policy"
     " WHERE realm = 'e'",
     POLICIES + 1},
    {"/api/v1/realms/d/policies/1001/assignments", answer_users,
     "SELECT string_agg(user_id, ' ' ORDER BY user_id) FROM pek.policy_assignment"
     " WHERE realm = 'd' AND policy_id = 1001",
     HOLDERS},
};
#define LISTS (sizeof(lists) / sizeof(lists[0]))

static size_t count_of(const char *names)
{
    size_t count = names[0] != '\0';
    for (; *names; names++)
        count += *names == ' ';
    return count;
}

/* Goes from page to page to the end; each has `size` but for the last, which is never empty. */
static const char *walk(struct federation *f, const struct listed *list, const char *query,
                        size_t size, char *ret_all)
{
    char names[NAMES_BYTES], token[1024] = "", path[2048];
    size_t left = list->count;
    ret_all[0] = '\0';
    do {
        snprintf(path, sizeof(path), "%s?%s%s%s", list->path, query, token[0] ? "&pageToken=" : "",
                 token);
        struct answer answer = federation_get(f, path);
        if (answer.code != 200)
            fail_msg("%s: %d %s", path, answer.code, answer.text);
        list->names(&answer, names, sizeof(names));
        assert_int_equal(count_of(names), left < size ? left : size);
        left -= count_of(names);
        snprintf(ret_all + strlen(ret_all), NAMES_BYTES - strlen(ret_all), "%s%s",
                 ret_all[0] ? " " : "", names);
        answer_string(&answer, "nextPageToken", token, sizeof(token));
        answer_free(&answer);
    } while (token[0]);
    return ret_all;
}

static void pages_and_streams_are_one_list(void **state)
{
    static struct two two;
    char all[NAMES_BYTES];
    (void)state;
    two_open(&two);
    for (size_t i = 0; i < LISTS; i++) {
        const char *whole = expected(lists[i].in_order);
        assert_int_equal(count_of(whole), lists[i].count);
        assert_string_equal(walk(&two.f, &lists[i], "", 20, all), whole);
        assert_string_equal(walk(&two.f, &lists[i], "pageSize=1", 1, all), whole);
        assert_string_equal(walk(&two.f, &lists[i], "pageSize=7", 7, all), whole);
        /* More than there may be is what there may be. */
        assert_string_equal(walk(&two.f, &lists[i], "pageSize=1000", 100, all), whole);
        struct answer answer = federation_ask(&two.f, "GET", lists[i].path, NDJSON, NULL);
        assert_string_equal(lists[i].names(&answer, all, sizeof(all)), whole);
        assert_true(answer_has(&answer, "{\"end\":"));
        answer_free(&answer);
    }
    two_close(&two);
}

static void negative_page_size_is_refused_by_its_name(void **state)
{
    static struct two two;
    char path[256];
    (void)state;
    two_open(&two);
    for (size_t i = 0; i < LISTS; i++) {
        snprintf(path, sizeof(path), "%s?pageSize=-1", lists[i].path);
        struct answer answer = federation_get(&two.f, path);
        assert_int_equal(answer.code, 400);
        assert_true(answer_has(&answer, "pageSize"));
        answer_free(&answer);
    }
    two_close(&two);
}

static void change_of_another_version_fails_its_condition(void **state)
{
    static const char path[] = "/api/v1/realms/d/policies/1001/statements";
    static const char *const bodies[] = {"{\"statement\":{\"actions\":[\"VIEW_GROUP\"]}}",
                                         "{\"statement\":{\"userId\":\"bob\",\"actions\":"
                                         "[\"EDIT_PROFILE\"]}}"};
    static struct two two;
    (void)state;
    two_open(&two);
    struct answer answer =
        federation_ask(&two.f, "POST", path, JSON_BODY "If-Match: \"v1\"\r\n", bodies[0]);
    if (answer.code != 200)
        fail_msg("%d %s", answer.code, answer.text);
    answer_free(&answer);
    answer = federation_ask(&two.f, "POST", path, JSON_BODY "If-Match: \"v1\"\r\n", bodies[1]);
    assert_int_equal(answer.code, 412);
    answer_free(&answer);
    answer = federation_get(&two.f, "/api/v1/realms/d/policies/1001");
    assert_non_null(
        memmem(answer.raw.ptr, answer.raw.len, ".v2.", 4)); /* and what its reader may do */
    answer_free(&answer);
    two_close(&two);
}

/* What a GET of the policy gave: its statements have no address of their own to be read at. */
static void statement_can_be_sent_back(void **state)
{
    static struct two two;
    char path[128], body[1024], id[32];
    (void)state;
    two_open(&two);
    struct answer answer =
        federation_ask(&two.f, "POST", "/api/v1/realms/d/policies/1001/statements", JSON_BODY,
                       "{\"statement\":{\"actions\":[\"VIEW_SCORES\"]}}");
    assert_int_equal(answer.code, 200);
    answer_string(&answer, "id", id, sizeof(id));
    answer_free(&answer);
    struct answer policy = federation_get(&two.f, "/api/v1/realms/d/policies/1001");
    const char *begin = strstr(policy.text, "{\"id\":"), *end = begin ? strchr(begin, '}') : NULL;
    assert_non_null(end);
    snprintf(body, sizeof(body), "%.*s", (int)(end + 1 - begin), begin);
    snprintf(path, sizeof(path), "/api/v1/realms/d/policies/1001/statements/%s", id);
    answer = federation_ask(&two.f, "PATCH", path, JSON_BODY, body);
    assert_int_equal(answer.code, 200);
    assert_string_equal(answer.text, body);
    answer_free(&answer);
    /* Nothing was changed by that; a version of the policy that is not the present one is refused all the same. */
    answer = federation_get(&two.f, "/api/v1/realms/d/policies/1001");
    assert_string_equal(answer.text, policy.text);
    answer_free(&answer);
    answer = federation_ask(&two.f, "PATCH", path, JSON_BODY "If-Match: \"v1\"\r\n", body);
    assert_int_equal(answer.code, 412);
    answer_free(&answer);
    char *actions = strstr(body, "VIEW_SCORES"), *resource = strstr(body, "\"resource\":\"");
    assert_non_null(actions);
    assert_non_null(resource);
    memcpy(actions, "EDIT_SCORES", strlen("EDIT_SCORES"));
    answer = federation_ask(&two.f, "PATCH", path, JSON_BODY, body);
    assert_int_equal(answer.code, 200);
    assert_true(answer_has(&answer, "[\"EDIT_SCORES\"]"));
    answer_free(&answer);
    resource[strlen("\"resource\":\"")] = '#';
    answer = federation_ask(&two.f, "PATCH", path, JSON_BODY, body);
    assert_int_equal(answer.code, 400);
    assert_true(answer_has(&answer, "statement.resource"));
    answer_free(&answer);
    answer_free(&policy);
    two_close(&two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_and_streams_are_one_list),
        cmocka_unit_test(negative_page_size_is_refused_by_its_name),
        cmocka_unit_test(change_of_another_version_fails_its_condition),
        cmocka_unit_test(statement_can_be_sent_back),
    };
    return cmocka_run_group_tests(tests, worker_setup, federation_teardown);
}
