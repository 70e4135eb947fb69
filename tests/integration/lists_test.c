/* Lists over several realms: one order, whatever the page size, and tokens of one question only. */
#include "tests/integration/federation.h"

#define GROUPS_BYTES 8192
#define PAGE_SIZE_MAX 8

/* Ties of every kind: the same key and id in two realms and in three, the same key under two ids. */
static void fill(struct federation *f)
{
    static const struct {
        const char *key, *id, *realms;
    } groups[] = {
        {"k1", "one", "a"},     {"k2", "same", "ab"}, {"k2", "same2", "c"},
        {"k3", "three", "abc"}, {"k4", "four", "c"},  {"k5", "five", "bc"},
        {"k5", "fivf", "a"},    {"k6", "six", "abc"}, {"k7", "seven", "a"},
    };
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
        for (const char *realm = groups[i].realms; *realm; realm++)
            rude_worker_add(&f->realms[*realm - 'a'], groups[i].key, groups[i].id);
}

static const char whole[] = "a/one a/same b/same c/same2 a/three b/three c/three c/four b/five "
                            "c/five a/fivf a/six b/six c/six a/seven";

/* Goes from page to page to the end, and says what it saw. */
static const char *walk(struct federation *f, int page_size, char *ret_all)
{
    char groups[GROUPS_BYTES], token[1024] = "", path[2048];
    size_t pages = 0;
    ret_all[0] = '\0';
    do {
        snprintf(path, sizeof(path), "/api/v1/groups?pageSize=%d%s%s", page_size,
                 token[0] ? "&pageToken=" : "", token);
        struct answer answer = federation_get(f, path);
        assert_int_equal(answer.code, 200);
        answer_groups(&answer, groups, sizeof(groups));
        assert_true(groups[0] != '\0'); /* no token leads to an empty page */
        assert_true(strlen(ret_all) + strlen(groups) + 2 < GROUPS_BYTES);
        snprintf(ret_all + strlen(ret_all), GROUPS_BYTES - strlen(ret_all), "%s%s",
                 ret_all[0] ? " " : "", groups);
        answer_string(&answer, "nextPageToken", token, sizeof(token));
        answer_free(&answer);
        assert_true(++pages < 200);
    } while (token[0]);
    return ret_all;
}

static void every_page_size_walks_the_same_list(void **state)
{
    struct federation f;
    char all[GROUPS_BYTES];
    (void)state;
    federation_open(&f, NULL);
    fill(&f);
    for (int size = 1; size <= PAGE_SIZE_MAX; size++)
        assert_string_equal(walk(&f, size, all), whole);
    assert_string_equal(walk(&f, 100, all), whole);
    federation_close(&f);
}

static void streams_give_the_same_list_and_say_that_it_is_over(void **state)
{
    static const char *const accepts[] = {NDJSON, EVENTS};
    struct federation f;
    char all[GROUPS_BYTES];
    (void)state;
    federation_open(&f, NULL);
    fill(&f);
    for (size_t i = 0; i < 2; i++) {
        struct answer answer = federation_ask(&f, "GET", "/api/v1/groups", accepts[i], NULL);
        assert_string_equal(answer_groups(&answer, all, sizeof(all)), whole);
        assert_true(answer_has(&answer, i ? "event: end\n" : "{\"end\":"));
        assert_true(answer.whole);
        answer_free(&answer);
    }
    federation_close(&f);
}

/* Whatever page a reader was on when the realm went away and came back. */
static void realm_that_was_away_leaves_no_gap_in_its_own_list(void **state)
{
    struct federation f;
    char groups[GROUPS_BYTES], token[1024], path[2048];
    (void)state;
    federation_open(&f, NULL);
    fill(&f);
    struct answer answer = federation_get(&f, "/api/v1/groups?pageSize=3");
    answer_string(&answer, "nextPageToken", token, sizeof(token));
    answer_free(&answer);
    f.b->refusals = 1;
    f.b->status = STATUS_INTERNAL;
    snprintf(path, sizeof(path), "/api/v1/groups?pageSize=3&pageToken=%s", token);
    answer = federation_get(&f, path);
    assert_string_equal(answer_groups(&answer, groups, sizeof(groups)), "c/same2 a/three c/three");
    assert_true(answer_has(&answer, "\"unreachable\":[\"realms/b\"]"));
    answer_free(&answer);
    /* Asked again, it is all there: a token does not know who was away. */
    answer = federation_get(&f, path);
    assert_string_equal(answer_groups(&answer, groups, sizeof(groups)), "c/same2 a/three b/three");
    assert_true(answer_has(&answer, "\"unreachable\":[]"));
    answer_free(&answer);
    federation_close(&f);
}

/* It has answered: nobody looks for it on the next page, and it is not missed there. */
static void realm_without_the_list_is_not_missed_on_the_next_page(void **state)
{
    static const enum status refusals[] = {STATUS_NOT_FOUND, STATUS_PERMISSION_DENIED};
    struct federation f;
    char groups[GROUPS_BYTES], token[1024], path[2048];
    (void)state;
    federation_open(&f, NULL);
    fill(&f);
    for (size_t i = 0; i < 2; i++) {
        f.b->refusals = 1;
        f.b->status = refusals[i];
        struct answer answer = federation_get(&f, "/api/v1/groups?pageSize=2");
        assert_string_equal(answer_groups(&answer, groups, sizeof(groups)), "a/one a/same");
        assert_true(answer_has(&answer, "\"unreachable\":[]"));
        answer_string(&answer, "nextPageToken", token, sizeof(token));
        answer_free(&answer);
        size_t calls = f.b->calls;
        snprintf(path, sizeof(path), "/api/v1/groups?pageSize=3&pageToken=%s", token);
        answer = federation_get(&f, path);
        assert_string_equal(answer_groups(&answer, groups, sizeof(groups)),
                            "c/same2 a/three c/three");
        assert_true(answer_has(&answer, "\"unreachable\":[]"));
        assert_int_equal(f.b->calls, calls);
        answer_free(&answer);
    }
    federation_close(&f);
}

static void add_many(struct rude_worker *realm, char letter, size_t count)
{
    char key[32], id[32];
    for (size_t i = 0; i < count; i++) {
        snprintf(key, sizeof(key), "%c%03zu", letter, i);
        snprintf(id, sizeof(id), "%c%zu", letter, i);
        rude_worker_add(realm, key, id);
    }
}

/* A third of the page in the middle, and some more of the realm whose names come first. */
static void realm_is_asked_for_its_part_and_on_where_a_page_needs_more(void **state)
{
    struct federation f;
    char groups[GROUPS_BYTES];
    (void)state;
    federation_open(&f, NULL);
    add_many(f.a, 'k', 60);
    add_many(f.b, 'l', 60);
    add_many(f.c, 'm', 60);
    struct answer answer = federation_get(&f, "/api/v1/groups?pageSize=20");
    assert_int_equal(answer.code, 200);
    answer_groups(&answer, groups, sizeof(groups));
    assert_non_null(strstr(groups, "a/k0 "));
    assert_true(strlen(groups) > 5 && strcmp(groups + strlen(groups) - 5, "a/k19") == 0);
    assert_true(answer_has(&answer, "\"nextPageToken\":\""));
    answer_free(&answer);
    assert_int_equal(f.a->calls, 2);
    assert_int_equal(f.a->listed, 21);
    assert_int_equal(f.b->calls, 1);
    assert_int_equal(f.b->listed, 11);
    assert_int_equal(f.c->listed, 11);
    federation_close(&f);
}

/* Each page is whole, and no realm is asked for a next page that there is not. */
static void parts_make_the_same_list(void **state)
{
    struct federation f;
    char all[GROUPS_BYTES];
    static char expected[GROUPS_BYTES];
    (void)state;
    federation_open(&f, NULL);
    struct rude_worker *const realms[] = {f.a, f.b, f.c};
    /* Blocks of one realm's that are longer than its part, and mixed ones. */
    for (size_t i = 0; i < 120; i++) {
        char key[32];
        size_t at = i < 30 ? 0 : i < 60 ? i % 3 : i < 90 ? 2 : i % 2;
        snprintf(key, sizeof(key), "k%03zu", i);
        rude_worker_add(realms[at], key, key);
        snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected), "%s%c/%s",
                 i ? " " : "", (int)('a' + at), key);
    }
    const int sizes[] = {1, 2, 7, 20, 40, 60, 99, 100};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        assert_string_equal(walk(&f, sizes[i], all), expected);
    federation_close(&f);
}

/* What it gave before is there, and the page says who is missing. */
static void realm_that_breaks_when_it_is_asked_on_is_named(void **state)
{
    struct federation f;
    char groups[GROUPS_BYTES];
    (void)state;
    federation_open(&f, NULL);
    add_many(f.a, 'k', 100);
    add_many(f.b, 'l', 3);
    f.a->fault = RUDE_FAIL;
    f.a->fault_after = 28; /* its part of 61; so it breaks among those it is asked for then */
    f.a->status = STATUS_INTERNAL;
    struct answer answer = federation_get(&f, "/api/v1/groups?pageSize=60");
    assert_int_equal(answer.code, 200);
    answer_groups(&answer, groups, sizeof(groups));
    assert_non_null(strstr(groups, "a/k0 "));
    assert_non_null(strstr(groups, "b/l2"));
    assert_true(answer_has(&answer, "\"unreachable\":[\"realms/a\"]"));
    answer_free(&answer);
    assert_int_equal(f.a->calls, 2);
    federation_close(&f);
}

static void assert_refused(struct federation *f, const char *path)
{
    struct answer answer = federation_get(f, path);
    if (answer.code != 400 || !answer_has(&answer, "pageToken"))
        fail_msg("%s: %d %s", path, answer.code, answer.text);
    answer_free(&answer);
}

static void token_is_of_one_user_one_query_and_one_set_of_realms(void **state)
{
    struct federation f;
    char token[1024], path[2048];
    (void)state;
    federation_open(&f, NULL);
    fill(&f);
    struct answer answer = federation_get(&f, "/api/v1/groups?pageSize=2&q=x");
    answer_string(&answer, "nextPageToken", token, sizeof(token));
    assert_true(token[0] != '\0');
    answer_free(&answer);
    snprintf(path, sizeof(path), "/api/v1/groups?pageSize=2&q=y&pageToken=%s", token);
    assert_refused(&f, path);
    snprintf(path, sizeof(path), "/api/v1/realms/a/groups?pageSize=2&q=x&pageToken=%s", token);
    assert_refused(&f, path);
    /* A changed token: another letter in its middle. */
    size_t middle = strlen(token) / 2;
    char was = token[middle];
    token[middle] = was == 'A' ? 'B' : 'A';
    snprintf(path, sizeof(path), "/api/v1/groups?pageSize=2&q=x&pageToken=%s", token);
    assert_refused(&f, path);
    token[middle] = was;
    /* The page size is no part of the question. */
    snprintf(path, sizeof(path), "/api/v1/groups?pageSize=5&q=x&pageToken=%s", token);
    answer = federation_get(&f, path);
    assert_int_equal(answer.code, 200);
    answer_free(&answer);
    federation_log_in(&f, "bob");
    assert_refused(&f, path);
    federation_close(&f);
}

static void realms_that_do_not_know_the_user_are_not_in_the_list(void **state)
{
    struct federation f;
    char groups[GROUPS_BYTES];
    (void)state;
    federation_open(&f, NULL);
    rude_worker_add(f.a, "k1", "one");
    rude_worker_add(f.b, "k2", "two");
    f.b->unknown = true;
    struct answer answer = federation_get(&f, "/api/v1/groups");
    assert_string_equal(answer_groups(&answer, groups, sizeof(groups)), "a/one");
    assert_true(answer_has(&answer, "\"unreachable\":[]"));
    assert_int_equal(f.b->calls, 0);
    answer_free(&answer);
    federation_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_page_size_walks_the_same_list),
        cmocka_unit_test(streams_give_the_same_list_and_say_that_it_is_over),
        cmocka_unit_test(realm_that_was_away_leaves_no_gap_in_its_own_list),
        cmocka_unit_test(realm_without_the_list_is_not_missed_on_the_next_page),
        cmocka_unit_test(realm_is_asked_for_its_part_and_on_where_a_page_needs_more),
        cmocka_unit_test(parts_make_the_same_list),
        cmocka_unit_test(realm_that_breaks_when_it_is_asked_on_is_named),
        cmocka_unit_test(token_is_of_one_user_one_query_and_one_set_of_realms),
        cmocka_unit_test(realms_that_do_not_know_the_user_are_not_in_the_list),
    };
    return cmocka_run_group_tests(tests, federation_setup, federation_teardown);
}
