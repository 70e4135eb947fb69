/* Profiles over HTTP: what one person sees of another, and what they may change. */
#include "tests/integration/federation.h"

#include <stdlib.h>

#define PATCH_ME "PATCH", "/api/v1/users/me/profile"

/* alice and bob are known in realm a; carol in realm b only, where alice is not. */
static void open_with_people(struct federation *f)
{
    federation_begin(f);
    pg_cluster_execute(federation_cluster,
                       "INSERT INTO hub.user_account (id, username, name) VALUES"
                       " ('carol', 'carol', 'Csáky Karola');"
                       "UPDATE hub.user_account SET name = 'Bokros Boldizsár' WHERE id = 'bob';"
                       "INSERT INTO hub.user_realm (user_id, realm) VALUES"
                       " ('alice', 'a'), ('bob', 'a'), ('carol', 'b')");
    f->b->unknown = true;
    f->c->unknown = true;
    federation_open_hub(f, "", NULL);
}

/* Asks, and gives the code; what it says is in `ret_answer`, which is freed by the next. */
static int ask(struct federation *f, const char *verb, const char *path, const char *headers,
               const char *body, struct answer *ret_answer)
{
    if (ret_answer->raw.ptr)
        answer_free(ret_answer);
    *ret_answer = federation_ask(f, verb, path, headers, body);
    assert_true(ret_answer->whole);
    return ret_answer->code;
}

static void person_sees_and_changes_their_own(void **state)
{
    struct federation f;
    struct answer answer = {0};
    (void)state;
    open_with_people(&f);
    federation_log_in(&f, "bob");
    assert_int_equal(ask(&f, "GET", "/api/v1/users/me/profile", NULL, NULL, &answer), 200);
    assert_true(answer_has(&answer, "\"view\":\"OWN\""));
    assert_true(answer_has(&answer, "\"lastName\":\"Bokros\""));
    assert_non_null(strstr(answer.raw.ptr, "etag: \""));
    assert_int_equal(
        ask(&f, PATCH_ME, JSON_BODY,
            "{\"nickname\":\"Bobi\",\"cellPhone\":\"+36201234567\",\"dormitory\":\"SCH\","
            "\"visible\":[\"CELL_PHONE\",\"ROOM\"],\"externalAccounts\":["
            "{\"protocol\":\"IRC\",\"accountName\":\"bob\"}]}",
            &answer),
        200);
    assert_true(answer_has(&answer, "\"visible\":[\"CELL_PHONE\",\"ROOM\"]"));
    assert_true(answer_has(&answer, "{\"protocol\":\"IRC\",\"accountName\":\"bob\"}"));
    assert_int_equal(ask(&f, PATCH_ME, JSON_BODY, "{\"externalAccounts\":[]}", &answer), 200);
    assert_false(answer_has(&answer, "IRC"));
    assert_true(answer_has(&answer, "\"cellPhone\":\"+36201234567\""));
    /* What a GET gave may be sent back. */
    char *whole = strdup(answer.text);
    assert_int_equal(ask(&f, PATCH_ME, JSON_BODY, whole, &answer), 200);
    assert_string_equal(answer.text, whole);
    free(whole);
    answer_free(&answer);
    federation_close(&f);
}

static void change_that_cannot_be_names_its_field(void **state)
{
    static const struct {
        const char *headers, *body, *field;
        int code;
    } changes[] = {
        {JSON_BODY, "{\"cellPhone\":\"06201234567\"}", "cellPhone", 400},
        {JSON_BODY, "{\"visible\":[\"HOME_ADDRESS\"]}", "visible", 400},
        {JSON_BODY, "{\"dormitory\":\"HILTON\"}", "dormitory", 400},
        {JSON_BODY, "{\"motherName\":\"x\"}", "motherName", 400},
        {JSON_BODY, "{\"id\":\"alice\"}", "id", 400},
        {JSON_BODY, "{\"view\":\"FULL\"}", "view", 400},
        {JSON_BODY, "{\"username\":\"me\"}", "username", 400},
        {JSON_BODY, "{\"username\":\"alice\"}", "USERNAME_TAKEN", 409},
        {JSON_BODY "If-Match: \"v9\"\r\n", "{\"nickname\":\"x\"}", "PRECONDITION_FAILED", 412},
        {"", "{\"nickname\":\"x\"}", "content-type", 415},
    };
    struct federation f;
    struct answer answer = {0};
    (void)state;
    open_with_people(&f);
    federation_log_in(&f, "bob");
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        int code = ask(&f, PATCH_ME, changes[i].headers, changes[i].body, &answer);
        if (code != changes[i].code || !answer_has(&answer, changes[i].field))
            fail_msg("%s: %d %s", changes[i].body, code, answer.text);
    }
    assert_int_equal(ask(&f, "GET", "/api/v1/users/me/profile", NULL, NULL, &answer), 200);
    assert_true(answer_has(&answer, "\"username\":\"bob\""));
    answer_free(&answer);
    federation_close(&f);
}

/* Realm a is none that could say yes: that it was not heard is said. */
static void another_sees_names_only_and_changes_nothing(void **state)
{
    /* What is not seen is as what is not there. */
    static const char seen[] =
        "{\"id\":\"bob\",\"view\":\"BASIC\",\"username\":\"bob\",\"firstName\":\"Boldizsár\","
        "\"lastName\":\"Bokros\",\"nickname\":\"\",\"cellPhone\":\"\",\"room\":\"\","
        "\"dormitory\":\"UNKNOWN\",\"gender\":\"UNKNOWN\",\"studentStatus\":\"UNKNOWN\","
        "\"externalAccounts\":[],\"visible\":[],\"etag\":\"\",\"unreachable\":[\"realms/"
        "a\"],\"avatarVersion\":\"0\"}";
    struct federation f;
    struct answer answer = {0};
    (void)state;
    open_with_people(&f);
    pg_cluster_execute(federation_cluster,
                       "UPDATE hub.profile SET cell_phone = '+36201234567', room = '1103',"
                       " visible = 31 WHERE user_id = 'bob'");
    assert_int_equal(ask(&f, "GET", "/api/v1/users/bob/profile", NULL, NULL, &answer), 200);
    assert_string_equal(answer.text, seen);
    assert_null(strstr(answer.raw.ptr, "etag:"));
    assert_non_null(strstr(answer.raw.ptr, "federation-incomplete: a\r\n"));
    assert_int_equal(
        ask(&f, "PATCH", "/api/v1/users/bob/profile", JSON_BODY, "{\"nickname\":\"x\"}", &answer),
        403);
    answer_free(&answer);
    federation_close(&f);
}

static void who_is_not_seen_is_to_the_byte_who_is_not_there(void **state)
{
    static const char *const verbs[] = {"GET", "PATCH"};
    struct federation f;
    struct answer nobody = {0}, carol = {0};
    (void)state;
    open_with_people(&f);
    for (size_t i = 0; i < 2; i++) {
        const char *headers = i ? JSON_BODY : NULL, *body = i ? "{\"nickname\":\"x\"}" : NULL;
        assert_int_equal(ask(&f, verbs[i], "/api/v1/users/nobody/profile", headers, body, &nobody),
                         404);
        assert_int_equal(ask(&f, verbs[i], "/api/v1/users/carol/profile", headers, body, &carol),
                         404);
        assert_string_equal(nobody.text, carol.text);
    }
    answer_free(&nobody);
    answer_free(&carol);
    federation_close(&f);
}

static bool commit_sleeps(void)
{
    char count[8];
    pg_cluster_query(federation_cluster,
                     "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'", count,
                     sizeof(count));
    return strcmp(count, "1") == 0;
}

/* As while a synchronous standby is away. */
static void a_hub_stops_when_a_change_has_ended_that_nobody_waits_for(void **state)
{
    struct federation f;
    (void)state;
    federation_begin(&f);
    pg_cluster_execute(federation_cluster,
                       "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS"
                       " $$ BEGIN PERFORM pg_sleep(1.5); RETURN NULL; END $$;"
                       "CREATE CONSTRAINT TRIGGER slow AFTER UPDATE OF nickname ON hub.profile"
                       " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow()");
    federation_open_hub(&f, "", NULL);
    federation_log_in(&f, "bob");
    struct exchange exchange = federation_send(&f, "PATCH", "/api/v1/users/me/profile", JSON_BODY,
                                               "{\"nickname\":\"Bobi\"}");
    FEDERATION_WAIT_FOR(&f, commit_sleeps());
    exchange_close(&exchange);
    federation_close(&f);
    pg_cluster_execute(federation_cluster, "DROP FUNCTION slow() CASCADE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(person_sees_and_changes_their_own),
        cmocka_unit_test(change_that_cannot_be_names_its_field),
        cmocka_unit_test(another_sees_names_only_and_changes_nothing),
        cmocka_unit_test(who_is_not_seen_is_to_the_byte_who_is_not_there),
        cmocka_unit_test(a_hub_stops_when_a_change_has_ended_that_nobody_waits_for),
    };
    return cmocka_run_group_tests(tests, federation_setup, federation_teardown);
}
