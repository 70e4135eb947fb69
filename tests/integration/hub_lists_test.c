/* The hub's own lists are paged as those of realms are. */
#include "tests/integration/federation.h"

#include <stdlib.h>

#define SESSIONS 25

static void open_with_sessions(struct federation *f)
{
    federation_open(f, NULL);
    pg_cluster_execute(federation_cluster,
                       "INSERT INTO hub.session (id, user_id, expires_at, last_seen_at)"
                       " SELECT 'session-number-' || lpad(n::text, 3, '0'), 'alice',"
                       "        now() + interval '1 h', now() - interval '1 minute' * (n / 3)"
                       "   FROM generate_series(2, 25) n");
}

static size_t count(const char *text, const char *of)
{
    size_t found = 0;
    for (const char *at = strstr(text, of); at; at = strstr(at + 1, of))
        found++;
    return found;
}

/* From page to page to the end: the values of `member`, a space behind each. */
static char *walk(struct federation *f, const char *path, int page_size, const char *member)
{
    char token[1024] = "", query[2048], begin[64];
    struct buffer all;
    buffer_init(&all, 65536);
    snprintf(begin, sizeof(begin), "\"%s\":\"", member);
    do {
        snprintf(query, sizeof(query), "%s%cpageSize=%d%s%s", path, strchr(path, '?') ? '&' : '?',
                 page_size, token[0] ? "&pageToken=" : "", token);
        struct answer answer = federation_get(f, query);
        assert_int_equal(answer.code, 200);
        size_t items = 0;
        for (const char *at = strstr(answer.text, begin); at; at = strstr(at + 1, begin), items++) {
            const char *value = at + strlen(begin);
            buffer_append(&all, value, strcspn(value, "\""));
            buffer_append_char(&all, ' ');
        }
        assert_in_range(items, 1, page_size);
        answer_string(&answer, "nextPageToken", token, sizeof(token));
        if (token[0])
            assert_int_equal(items, page_size);
        /* No realm was asked. */
        assert_true(answer_has(&answer, "\"federation\":{\"instances\":[]}"));
        assert_true(answer_has(&answer, "\"unreachable\":[]"));
        answer_free(&answer);
    } while (token[0]);
    buffer_append_char(&all, '\0');
    assert_false(all.failed);
    char *text = strdup(all.ptr);
    buffer_done(&all);
    return text;
}

static void sessions_are_walked_whole_in_pages_of_any_size(void **state)
{
    static const int sizes[] = {1, 2, 5, 24, 25, 26, 100};
    struct federation f;
    (void)state;
    open_with_sessions(&f);
    char *whole = walk(&f, "/api/v1/sessions", 100, "id");
    assert_int_equal(count(whole, " "), SESSIONS);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char *pages = walk(&f, "/api/v1/sessions", sizes[i], "id");
        assert_string_equal(pages, whole);
        free(pages);
    }
    free(whole);
    federation_close(&f);
}

static void instances_are_walked_whole_in_pages_of_any_size(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, NULL);
    for (int size = 1; size <= 4; size++) {
        char *pages = walk(&f, "/api/v1/instances", size, "realm");
        assert_string_equal(pages, "a b c ");
        free(pages);
    }
    federation_close(&f);
}

#define PEOPLE 30

/* Those of two realms of hers, and one whom she meets in neither. */
static void open_with_people(struct federation *f)
{
    federation_begin(f);
    pg_cluster_execute(
        federation_cluster,
        "INSERT INTO hub.user_account (id, username, name)"
        " SELECT 'u' || n, 'user-' || n, 'Kör ' || n % 4 FROM generate_series(1, 31) AS n;"
        "INSERT INTO hub.user_realm (user_id, realm) SELECT 'u' || n, r"
        "  FROM generate_series(1, 30) AS n, unnest(ARRAY['a', 'b']) AS r WHERE n % 2 = 0 OR r = "
        "'b';"
        "INSERT INTO hub.user_realm (user_id, realm) VALUES ('alice', 'a'), ('alice', 'b'), "
        "('u31', 'c')");
    f->c->unknown = true;
    federation_open_hub(f, "", NULL);
    char left[16];
    FEDERATION_WAIT_FOR(
        f, strcmp((pg_cluster_query(federation_cluster,
                                    "SELECT count(*) FROM hub.profile WHERE keys_version = ''",
                                    left, sizeof(left)),
                   left),
                  "0") == 0);
}

static void people_are_walked_whole_in_pages_of_any_size(void **state)
{
    static const int sizes[] = {1, 7, 29, 30};
    struct federation f;
    (void)state;
    open_with_people(&f);
    char *whole = walk(&f, "/api/v1/users?q=kor", 100, "id");
    assert_int_equal(count(whole, " "), PEOPLE);
    assert_int_equal(strncmp(whole, "u12 u16 u20 u24 u28 u4 u8 u1 ", 29), 0);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char *pages = walk(&f, "/api/v1/users?q=kor", sizes[i], "id");
        assert_string_equal(pages, whole);
        free(pages);
    }
    free(whole);
    federation_close(&f);
}

static void people_come_as_lines_and_as_events(void **state)
{
    static const char first[] =
        "{\"id\":\"u12\",\"username\":\"user-12\",\"displayName\":\"Kör 0\","
        "\"firstName\":\"0\",\"lastName\":\"Kör\",\"nickname\":\"\",\"avatarVersion\":\"0\"}";
    struct federation f;
    (void)state;
    open_with_people(&f);
    struct answer lines =
        federation_ask(&f, "GET", "/api/v1/users?q=user-%20k%C3%96r", NDJSON, NULL);
    assert_int_equal(lines.code, 200);
    assert_int_equal(count(lines.text, "\"result\":"), PEOPLE);
    assert_true(answer_has(&lines, first));
    assert_true(answer_has(&lines, "\"end\":"));
    answer_free(&lines);
    struct answer events = federation_ask(&f, "GET", "/api/v1/users?q=12", EVENTS, NULL);
    assert_true(answer_has(&events, first));
    assert_int_equal(count(events.text, "user-"), 1);
    answer_free(&events);
    struct answer refused = federation_get(&f, "/api/v1/users?name=x");
    assert_int_equal(refused.code, 400);
    assert_true(answer_has(&refused, "name"));
    answer_free(&refused);
    federation_close(&f);
}

/* 20 without a size, 100 when it is larger than that, and a token wherever there is more. */
static void page_size_is_reduced_and_never_ends_a_list_in_silence(void **state)
{
    static const struct {
        const char *path;
        size_t items;
        bool more;
    } pages[] = {
        {"/api/v1/sessions", 20, true},
        {"/api/v1/sessions?pageSize=0", 20, true},
        {"/api/v1/sessions?pageSize=101", SESSIONS, false},
        {"/api/v1/sessions?pageSize=2147483647", SESSIONS, false},
    };
    struct federation f;
    (void)state;
    open_with_sessions(&f);
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        struct answer answer = federation_get(&f, pages[i].path);
        assert_int_equal(answer.code, 200);
        assert_int_equal(count(answer.text, "\"expireTime\":"), pages[i].items);
        assert_int_equal(!answer_has(&answer, "\"nextPageToken\":\"\""), pages[i].more);
        answer_free(&answer);
    }
    for (int n = 0; n < 150; n++) {
        char id[16];
        snprintf(id, sizeof(id), "g%03d", n);
        rude_worker_add(f.a, id, id);
    }
    struct answer answer = federation_get(&f, "/api/v1/groups?pageSize=150");
    assert_int_equal(count(answer.text, "\"id\":"), 100);
    assert_false(answer_has(&answer, "\"nextPageToken\":\"\""));
    answer_free(&answer);
    federation_close(&f);
}

static void negative_page_size_is_refused_by_its_name(void **state)
{
    static const char *const paths[] = {"/api/v1/groups?pageSize=-1",
                                        "/api/v1/sessions?pageSize=-1",
                                        "/api/v1/instances?pageSize=-2147483648"};
    struct federation f;
    (void)state;
    federation_open(&f, NULL);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct answer answer = federation_get(&f, paths[i]);
        assert_int_equal(answer.code, 400);
        assert_true(answer_has(&answer, "\"pageSize\""));
        answer_free(&answer);
    }
    federation_close(&f);
}

static void streams_have_them_all_and_say_that_it_is_over(void **state)
{
    struct federation f;
    (void)state;
    open_with_sessions(&f);
    struct answer answer = federation_ask(&f, "GET", "/api/v1/sessions", NDJSON, NULL);
    assert_int_equal(count(answer.text, "{\"result\":"), SESSIONS);
    assert_int_equal(count(answer.text, "\"current\":true"), 1);
    assert_true(answer_has(&answer, "{\"end\":"));
    /* What orders it stays inside. */
    assert_false(answer_has(&answer, "sortKey"));
    answer_free(&answer);
    federation_close(&f);
}

/* A token is of one user and one list. */
static void token_of_another_list_is_refused(void **state)
{
    struct federation f;
    char token[1024], path[2048];
    (void)state;
    open_with_sessions(&f);
    struct answer answer = federation_get(&f, "/api/v1/sessions?pageSize=1");
    answer_string(&answer, "nextPageToken", token, sizeof(token));
    answer_free(&answer);
    snprintf(path, sizeof(path), "/api/v1/instances?pageToken=%s", token);
    answer = federation_get(&f, path);
    assert_int_equal(answer.code, 400);
    answer_free(&answer);
    federation_log_in(&f, "bob");
    snprintf(path, sizeof(path), "/api/v1/sessions?pageToken=%s", token);
    answer = federation_get(&f, path);
    assert_int_equal(answer.code, 400);
    answer_free(&answer);
    federation_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sessions_are_walked_whole_in_pages_of_any_size),
        cmocka_unit_test(instances_are_walked_whole_in_pages_of_any_size),
        cmocka_unit_test(people_are_walked_whole_in_pages_of_any_size),
        cmocka_unit_test(people_come_as_lines_and_as_events),
        cmocka_unit_test(page_size_is_reduced_and_never_ends_a_list_in_silence),
        cmocka_unit_test(negative_page_size_is_refused_by_its_name),
        cmocka_unit_test(streams_have_them_all_and_say_that_it_is_over),
        cmocka_unit_test(token_of_another_list_is_refused),
    };
    return cmocka_run_group_tests(tests, federation_setup, federation_teardown);
}
