/* What people are told of, from a change in a realm to the browser: a whole hub over one real realm and three that lie. */
#include <stdlib.h>

#include "tests/integration/worker.h"

#define VALUE_BYTES 4096

static void one_open(struct one *one, const char *const *args)
{
    one_begin(one);
    pg_cluster_execute(federation_cluster, "TRUNCATE pek.person, pek.notification CASCADE");
    one_serve(one, args);
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

static void know(const char *user, const char *realm)
{
    char sql[256];
    snprintf(sql, sizeof(sql),
             "INSERT INTO hub.user_realm (user_id, realm) VALUES ('%s', '%s')"
             " ON CONFLICT DO NOTHING",
             user, realm);
    pg_cluster_execute(federation_cluster, sql);
}

/* In the outbox of realm d. */
static void write_event(const char *recipient, const char *title)
{
    char sql[512];
    snprintf(
        sql, sizeof(sql),
        "INSERT INTO pek.notification (realm, kind, recipient, actor, subject, group_id, title)"
        " VALUES ('d', 2, '%s', 'bob', '%s', 'o@o', '%s')",
        recipient, recipient, title);
    pg_cluster_execute(federation_cluster, sql);
}

static void post(struct one *one, const char *path, const char *body, int code)
{
    struct answer answer = federation_ask(&one->f, "POST", path, JSON_BODY, body);
    if (answer.code != code)
        fail_msg("%s: %d %s", path, answer.code, answer.text);
    answer_free(&answer);
}

#define TITLES(user)                                                                               \
    "SELECT coalesce(string_agg(title, ' ' ORDER BY seq), '') FROM hub.notification"               \
    " WHERE user_id = '" user "'"
#define LEFT "SELECT count(*) FROM pek.notification"

/* Whom a leader adds though the realm never saw them, too: the hub asks the realm for them meanwhile. */
static void change_is_told_to_whom_it_concerns(void **state)
{
    struct one one;
    (void)state;
    one_open(&one, NULL);
    post(&one, "/api/v1/realms/d/groups", "{\"slug\":\"o\",\"name\":\"Kör\"}", 200);
    post(&one, "/api/v1/realms/d/groups/o@o/members:add", "{\"userId\":\"bob\"}", 200);
    FEDERATION_WAIT_FOR(&one.f, is(TITLES("bob"), "Kör"));
    FEDERATION_WAIT_FOR(&one.f, is(LEFT, "0"));
    federation_log_in(&one.f, "bob");
    struct answer answer = federation_get(&one.f, "/api/v1/notifications");
    assert_int_equal(answer.code, 200);
    assert_true(answer_has(&answer, "\"kind\":\"MEMBERSHIP_ADDED\""));
    assert_true(answer_has(&answer, "\"link\":\"realms/d/groups/o@o\""));
    assert_true(answer_has(&answer, "\"actorId\":\"alice\""));
    assert_true(answer_has(&answer, "\"realm\":\"d\""));
    assert_true(answer_has(&answer, "\"seen\":false"));
    assert_false(answer_has(&answer, "sortKey"));
    answer_free(&answer);
    answer = federation_get(&one.f, "/api/v1/notifications:countUnseen");
    assert_string_equal(answer.text, "{\"unseen\":1}");
    answer_free(&answer);
    post(&one, "/api/v1/notifications:markSeen", "{\"upTo\":\"1\"}", 200);
    answer = federation_get(&one.f, "/api/v1/notifications?unseen=true");
    assert_true(answer_has(&answer, "\"notifications\":[]"));
    answer_free(&answer);
    assert_string_equal(value(TITLES("alice")), "");
    one_close(&one);
}

/* The realm says again what was stored, as it does when the hub died before it could say so. */
static void event_that_is_said_again_is_stored_once(void **state)
{
    struct federation f;
    (void)state;
    federation_begin(&f);
    know("alice", "a");
    f.a->events = 3;
    f.a->events_again = true;
    federation_open_hub(&f, "", NULL);
    FEDERATION_WAIT_FOR(&f, f.a->events_stored >= 9);
    assert_string_equal(value("SELECT count(*) FROM hub.notification"), "3");
    federation_close(&f);
}

/* What was written while the hub was away, and while the realm was. */
static void outage_is_caught_up_with(void **state)
{
    struct one one;
    (void)state;
    one_open(&one, NULL);
    know("alice", "d");
    pg_cluster_execute(federation_cluster,
                       "INSERT INTO pek.notification (realm, kind, recipient, actor, subject,"
                       " group_id, title) SELECT 'd', 2, 'alice', 'bob', 'alice', 'o@o', 'E' || n"
                       " FROM generate_series(1, 250) n");
    FEDERATION_WAIT_FOR(&one.f, is("SELECT count(*) FROM hub.notification", "250"));
    FEDERATION_WAIT_FOR(&one.f, is(LEFT, "0"));
    assert_string_equal(value("SELECT count(*) FROM hub.notification AS n"
                              " WHERE n.title <> 'E' || n.seq"),
                        "0");
    one_close(&one);
}

/* ---- realms that lie --------------------------------------------------------------------------- */

static void realm_that_floods_costs_the_others_nothing(void **state)
{
    struct one one;
    (void)state;
    one_open(&one, NULL);
    know("alice", "d");
    know("alice", "a");
    one.f.a->events = 100;
    one.f.b->events = 101; /* more than an answer may have */
    one.f.b->events_again = true;
    /* The hub asks when a watch has ended, and begins again. */
    rude_worker_end_watches(one.f.a);
    rude_worker_end_watches(one.f.b);
    FEDERATION_WAIT_FOR(&one.f, one.f.a->events_stored > 0);
    size_t before = one.f.a->collected;
    int64_t began_us = clock_monotonic_us();
    for (int i = 0; i < 5; i++) {
        char title[16];
        snprintf(title, sizeof(title), "D%d", i);
        write_event("alice", title);
        int64_t written_us = clock_monotonic_us();
        FEDERATION_WAIT_FOR(&one.f, is("SELECT count(*) FROM pek.notification", "0") ||
                                        strstr(value("SELECT string_agg(title, ' ')"
                                                     " FROM hub.notification WHERE realm = 'd'"),
                                               title));
        assert_true(clock_monotonic_us() - written_us < 5 * INT64_C(1000000));
    }
    /* A round each half second, however much there is. */
    FEDERATION_WAIT_FOR(&one.f, clock_monotonic_us() - began_us > 2 * INT64_C(1000000));
    int64_t took_ms = (clock_monotonic_us() - began_us) / 1000;
    assert_true((int64_t)(one.f.a->collected - before) <= took_ms / 500 + 2);
    assert_string_equal(value("SELECT count(*) FROM hub.notification WHERE realm = 'b'"), "0");
    one_close(&one);
}

static void assert_refused(const char *to, const char *link, const char *title)
{
    struct federation f;
    federation_begin(&f);
    know("alice", "a");
    know("bob", "b");
    f.a->events = 1;
    f.a->events_again = true;
    f.a->event_to = to;
    f.a->event_link = link;
    f.a->event_title = title;
    federation_open_hub(&f, "", NULL);
    FEDERATION_WAIT_FOR(&f, f.a->events_stored + f.a->events_later >= 1);
    assert_string_equal(value("SELECT count(*) FROM hub.notification"), "0");
    /* Of a user whom it does not know the event waits at the realm; the rest is never asked for again. */
    assert_int_equal(f.a->events_later > 0, to && strcmp(to, "bob") == 0);
    federation_close(&f);
}

static void what_a_realm_may_not_say_is_nobodys(void **state)
{
    (void)state;
    assert_refused("bob", NULL, NULL);
    assert_refused("nobody", NULL, NULL);
    assert_refused(NULL, "realms/b/groups/o@o", NULL);
    assert_refused(NULL, "https://evil.example", NULL);
    assert_refused(NULL, NULL, "left \xe2\x80\xae right");
}

/* ---- live -------------------------------------------------------------------------------------- */

static struct exchange live(struct one *one, const char *last)
{
    char headers[1536];
    snprintf(headers, sizeof(headers), EVENTS "%s%s%s", last ? "Last-Event-ID: " : "",
             last ? last : "", last ? "\r\n" : "");
    return federation_send(&one->f, "GET", "/api/v1/notifications", headers, NULL);
}

static void wait_for_text(struct one *one, struct exchange *exchange, const char *text)
{
    FEDERATION_WAIT_FOR(&one->f, exchange_take(exchange) || exchange_has(exchange, text));
    assert_true(exchange_has(exchange, text));
}

/* The id of the event with this title. */
static void id_of(const struct exchange *exchange, const char *title, char *ret_id, size_t bytes)
{
    char *text = malloc(exchange->in.len + 1);
    assert_non_null(text);
    memcpy(text, exchange->in.ptr, exchange->in.len);
    text[exchange->in.len] = '\0';
    char *found = strstr(text, title);
    assert_non_null(found);
    *found = '\0';
    char *id = NULL;
    for (char *at = text; (at = strstr(at, "id: ")); at++)
        id = at + 4;
    assert_non_null(id);
    snprintf(ret_id, bytes, "%.*s", (int)strcspn(id, "\n"), id);
    free(text);
}

static void live_stream_tells_at_once_and_resumes(void **state)
{
    struct one one;
    char id[1024];
    (void)state;
    one_open(&one, NULL);
    know("alice", "d");
    struct exchange first = live(&one, NULL);
    wait_for_text(&one, &first, "text/event-stream");
    wait_for_text(&one, &first, "retry: ");
    write_event("alice", "first");
    wait_for_text(&one, &first, "\"first\"");
    write_event("alice", "second");
    wait_for_text(&one, &first, "\"second\"");
    id_of(&first, "\"first\"", id, sizeof(id));
    exchange_close(&first);
    write_event("alice", "third");
    struct exchange again = live(&one, id);
    wait_for_text(&one, &again, "\"second\"");
    wait_for_text(&one, &again, "\"third\"");
    assert_false(exchange_has(&again, "\"first\""));
    exchange_close(&again);
    /* With nothing new it waits, and does not say that there is no more. */
    struct exchange waits = live(&one, NULL);
    wait_for_text(&one, &waits, "\"third\"");
    id_of(&waits, "\"third\"", id, sizeof(id));
    exchange_close(&waits);
    waits = live(&one, id);
    wait_for_text(&one, &waits, "retry: ");
    assert_true(exchange_has(&waits, " 200 "));
    /* The position of a page leads nowhere in it. */
    struct answer page = federation_get(&one.f, "/api/v1/notifications?pageSize=1");
    answer_string(&page, "nextPageToken", id, sizeof(id));
    answer_free(&page);
    struct exchange mixed = live(&one, id);
    struct answer answer = federation_receive(&one.f, &mixed);
    assert_int_equal(answer.code, 400);
    answer_free(&answer);
    exchange_close(&waits);
    one_close(&one);
}

static void live_stream_ends_with_the_session_and_a_user_has_so_many(void **state)
{
    struct one one;
    struct exchange streams[2];
    (void)state;
    one_open(&one,
             (const char *[]){"--live-streams-per-user-max=2", "--requests-per-user-max=2", NULL});
    for (size_t i = 0; i < 2; i++) {
        streams[i] = live(&one, NULL);
        wait_for_text(&one, &streams[i], "retry: ");
    }
    struct exchange beyond = live(&one, NULL);
    struct answer answer = federation_receive(&one.f, &beyond);
    assert_int_equal(answer.code, 429);
    answer_free(&answer);
    /* They take no place of what else one asks; bob has his own. */
    answer = federation_get(&one.f, "/api/v1/notifications");
    assert_int_equal(answer.code, 200);
    answer_free(&answer);
    char alice[sizeof(one.f.cookie)];
    memcpy(alice, one.f.cookie, sizeof(alice));
    federation_log_in(&one.f, "bob");
    struct exchange bobs = live(&one, NULL);
    wait_for_text(&one, &bobs, "retry: ");
    memcpy(one.f.cookie, alice, sizeof(alice));
    post(&one, "/auth/logout", "", 204);
    for (size_t i = 0; i < 2; i++) {
        answer = federation_receive(&one.f, &streams[i]);
        assert_true(answer_has(&answer, "event: error"));
        assert_true(answer_has(&answer, "UNAUTHENTICATED"));
        answer_free(&answer);
    }
    exchange_take(&bobs);
    assert_false(bobs.ended);
    exchange_close(&bobs);
    one_close(&one);
    /* Of all together. */
    one_open(&one, (const char *[]){"--live-streams-max=1", NULL});
    streams[0] = live(&one, NULL);
    wait_for_text(&one, &streams[0], "retry: ");
    federation_log_in(&one.f, "bob");
    beyond = live(&one, NULL);
    answer = federation_receive(&one.f, &beyond);
    assert_int_equal(answer.code, 503);
    answer_free(&answer);
    exchange_close(&streams[0]);
    one_close(&one);
}

static void live_stream_ends_when_its_time_is_up_and_with_the_hub(void **state)
{
    struct one one;
    (void)state;
    one_open(&one, (const char *[]){"--live-timeout-ms=1s", NULL});
    know("alice", "d");
    struct exchange stream = live(&one, NULL);
    write_event("alice", "first");
    wait_for_text(&one, &stream, "\"first\"");
    struct answer answer = federation_receive(&one.f, &stream);
    assert_true(answer_has(&answer, "DEADLINE_EXCEEDED"));
    answer_free(&answer);
    one_close(&one);
    one_open(&one, (const char *[]){"--drain-timeout-ms=5s", NULL});
    stream = live(&one, NULL);
    wait_for_text(&one, &stream, "retry: ");
    hub_stop(one.f.hub);
    federation_wait_for_stop(&one.f);
    exchange_take(&stream);
    assert_true(exchange_has(&stream, "UNAVAILABLE"));
    exchange_close(&stream);
    (void)federation_close_stopped(&one.f);
    worker_done(&one.d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(change_is_told_to_whom_it_concerns),
        cmocka_unit_test(event_that_is_said_again_is_stored_once),
        cmocka_unit_test(outage_is_caught_up_with),
        cmocka_unit_test(realm_that_floods_costs_the_others_nothing),
        cmocka_unit_test(what_a_realm_may_not_say_is_nobodys),
        cmocka_unit_test(live_stream_tells_at_once_and_resumes),
        cmocka_unit_test(live_stream_ends_with_the_session_and_a_user_has_so_many),
        cmocka_unit_test(live_stream_ends_when_its_time_is_up_and_with_the_hub),
    };
    return cmocka_run_group_tests(tests, worker_setup, federation_teardown);
}
