/* As many realms as one request may ask, and more. */
#include "tests/integration/federation.h"

#include <stdlib.h>

#include "hub/federation/fanout.h"
#include "hub/federation/page_token.h"

#define MORE_MAX (FANOUT_LEGS_MAX - FEDERATION_REALMS + 2)
#define NAME_BYTES 48
#define ITEMS 10 /* of each realm */
#define GROUPS_BYTES 65536
#define PAGES_MAX 100

/* Beside a, b and c, and behind them in the order of names; each as long as names may be when there are so many. */
static struct rude_worker *more;
static char names[MORE_MAX][NAME_BYTES];
static size_t more_count;

static struct rude_worker *worker_at(struct federation *f, size_t i)
{
    return i < FEDERATION_REALMS ? &f->realms[i] : &more[i - FEDERATION_REALMS];
}

static void stop_more(struct federation *f)
{
    (void)f;
    for (size_t i = 0; i < more_count; i++)
        rude_worker_stop(&more[i]);
}

static void close_more(struct federation *f)
{
    (void)f;
    for (size_t i = 0; i < more_count; i++)
        rude_worker_close(&more[i]);
}

/* So many realms in all, each with ITEMS groups: realm after realm has the next. The hub knows that all of them know alice. */
static void open_realms(struct federation *f, size_t count)
{
    char instances[4096] = "", key[16], sql[256];
    size_t len = 0;
    federation_begin(f);
    more_count = count - FEDERATION_REALMS;
    more = calloc(more_count, sizeof(*more));
    assert_non_null(more);
    for (size_t i = 0; i < more_count; i++) {
        snprintf(names[i], sizeof(names[i]), "realm-of-department%02zu", i);
        rude_worker_reset(&more[i]);
        more[i].realm = names[i];
        assert_int_equal(rude_worker_open(&more[i], f->fibers, f->runtime), STATUS_OK);
        len += (size_t)snprintf(instances + len, sizeof(instances) - len, "%s%s=127.0.0.1:%d",
                                i ? "," : "", names[i], more[i].port);
    }
    assert_true(len < sizeof(instances));
    for (size_t i = 0; i < count; i++) {
        snprintf(sql, sizeof(sql),
                 "INSERT INTO hub.user_realm (user_id, realm) VALUES ('alice', '%s')",
                 worker_at(f, i)->realm);
        pg_cluster_execute(federation_cluster, sql);
        for (size_t n = 0; n < ITEMS; n++) {
            snprintf(key, sizeof(key), "k%04zu", n * count + i);
            rude_worker_add(worker_at(f, i), key, key);
        }
    }
    f->also_stop = stop_more;
    f->also_close = close_more;
    federation_open_hub(f, instances, NULL);
}

static void close_realms(struct federation *f)
{
    federation_close(f);
    free(more);
    more = NULL;
}

static size_t items_in(const char *groups)
{
    size_t items = groups[0] != '\0';
    for (; *groups; groups++)
        items += *groups == ' ';
    return items;
}

/* From page to page to the end: that the items come in their order, and that each page has `text`. Returns how many came. */
static size_t walk(struct federation *f, const char *text)
{
    static char groups[GROUPS_BYTES], token[PAGE_TOKEN_BYTES_MAX + 1];
    char path[PAGE_TOKEN_BYTES_MAX + 256], last[16] = "";
    size_t items = 0, pages = 0;
    token[0] = '\0';
    do {
        snprintf(path, sizeof(path), "/api/v1/groups?pageSize=20%s%s",
                 token[0] ? "&pageToken=" : "", token);
        struct answer answer = federation_get(f, path);
        assert_int_equal(answer.code, 200);
        assert_true(answer_has(&answer, text));
        answer_groups(&answer, groups, sizeof(groups));
        items += items_in(groups);
        for (const char *at = groups; (at = strstr(at, "/k")); at++) {
            assert_true(strncmp(at + 1, last, 5) > 0);
            snprintf(last, sizeof(last), "%.5s", at + 1);
        }
        answer_string(&answer, "nextPageToken", token, sizeof(token));
        answer_free(&answer);
        assert_true(++pages < PAGES_MAX);
    } while (token[0]);
    return items;
}

static void list_over_as_many_realms_as_may_be_is_whole_page_by_page(void **state)
{
    struct federation f;
    (void)state;
    open_realms(&f, FANOUT_LEGS_MAX);
    struct answer answer = federation_get(&f, "/api/v1/groups?pageSize=20");
    assert_int_equal(answer.code, 200);
    size_t listed = 0;
    for (size_t i = 0; i < FANOUT_LEGS_MAX; i++)
        listed += worker_at(&f, i)->listed;
    /* A page of 20, and one to know that there are more, takes one of each and a few: not 21 of each. */
    assert_true(listed <= FANOUT_LEGS_MAX * 5);
    answer_free(&answer);
    assert_int_equal(walk(&f, "\"unreachable\":[]"), FANOUT_LEGS_MAX * ITEMS);

    answer = federation_ask(&f, "GET", "/api/v1/groups", NDJSON, NULL);
    assert_true(answer.whole && answer_has(&answer, "{\"end\":"));
    answer_free(&answer);
    close_realms(&f);
}

static void realm_that_breaks_among_many_is_named_on_every_page(void **state)
{
    struct federation f;
    (void)state;
    open_realms(&f, FANOUT_LEGS_MAX);
    struct rude_worker *broken = worker_at(&f, FANOUT_LEGS_MAX - 1);
    broken->fault = RUDE_GARBAGE;
    char text[64];
    snprintf(text, sizeof(text), "\"unreachable\":[\"realms/%s\"]", broken->realm);
    assert_int_equal(walk(&f, text), (FANOUT_LEGS_MAX - 1) * ITEMS);
    close_realms(&f);
}

static void realms_for_which_there_is_no_room_are_named_wherever_they_may_be_missing(void **state)
{
    struct federation f;
    char text[256];
    (void)state;
    open_realms(&f, FANOUT_LEGS_MAX + 2);
    const char *first = worker_at(&f, FANOUT_LEGS_MAX)->realm;
    const char *second = worker_at(&f, FANOUT_LEGS_MAX + 1)->realm;
    snprintf(text, sizeof(text), "\"unreachable\":[\"realms/%s\",\"realms/%s\"]", first, second);
    assert_int_equal(walk(&f, text), FANOUT_LEGS_MAX * ITEMS);
    assert_int_equal(worker_at(&f, FANOUT_LEGS_MAX)->tokens, 0);

    struct answer answer = federation_get(&f, "/api/v1/groups?pageSize=1");
    snprintf(text, sizeof(text), "{\"realm\":\"%s\",\"outcome\":\"NOT_ASKED\"", first);
    assert_true(answer_has(&answer, text));
    answer_free(&answer);

    /* Nobody knows whether it is there. */
    answer = federation_get(&f, "/api/v1/groups/nowhere@nowhere");
    assert_int_equal(answer.code, 503);
    assert_true(answer_has(&answer, "REALMS_NOT_ASKED"));
    snprintf(text, sizeof(text), "\r\nFederation-Incomplete: %s, %s\r\n", first, second);
    assert_non_null(strcasestr(answer.raw.ptr, text));
    answer_free(&answer);

    answer = federation_get(&f, "/api/v1/session");
    assert_int_equal(answer.code, 200);
    snprintf(text, sizeof(text), "{\"realm\":\"%s\",\"known\":true", first);
    assert_true(answer_has(&answer, text));
    assert_true(answer_has(&answer, "\"error\":\"NOT_ASKED\""));
    answer_free(&answer);

    /* Who names it reaches it. */
    snprintf(text, sizeof(text), "/api/v1/realms/%s/groups?pageSize=100", first);
    answer = federation_get(&f, text);
    assert_int_equal(answer.code, 200);
    char groups[1024];
    assert_int_equal(items_in(answer_groups(&answer, groups, sizeof(groups))), ITEMS);
    answer_free(&answer);
    close_realms(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_over_as_many_realms_as_may_be_is_whole_page_by_page),
        cmocka_unit_test(realm_that_breaks_among_many_is_named_on_every_page),
        cmocka_unit_test(realms_for_which_there_is_no_room_are_named_wherever_they_may_be_missing),
    };
    return cmocka_run_group_tests(tests, federation_setup, federation_teardown);
}
