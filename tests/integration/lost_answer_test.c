/* A real realm whose answers get lost between its COMMIT and the hub: what a client that asks again gets. */
#include "shared/service/change.h"
#include "tests/chaos/cutter.h"
#include "tests/integration/worker.h"

#define CREATE "{\"slug\":\"simonyi\",\"name\":\"Simonyi\"}"
#define GROUPS_PATH "/api/v1/realms/d/groups"
#define WITH_KEY JSON_BODY "Idempotency-Key: once\r\n"

/* Realm d behind a cutter. */
struct cut {
    struct federation f;
    struct worker worker;
    struct cutter cutter;
};

static void stop(struct federation *f)
{
    struct cut *c = f->arg;
    worker_close(&c->worker);
    cutter_close(&c->cutter);
}

static void cut_open(struct cut *c)
{
    char instance[64];
    federation_begin(&c->f);
    worker_clear();
    worker_open(&c->worker, &c->f, "d");
    assert_int_equal(cutter_open(&c->cutter, &c->f.loop, rpc_server_port(c->worker.server)),
                     STATUS_OK);
    c->f.also_stop = stop;
    c->f.arg = c;
    snprintf(instance, sizeof(instance), "d=127.0.0.1:%d", c->cutter.port);
    federation_open_hub(&c->f, instance, NULL);
}

static void cut_close(struct cut *c)
{
    federation_close(&c->f);
    worker_done(&c->worker);
}

static bool counted(const char *sql, const char *expected)
{
    char value[64];
    pg_cluster_query(federation_cluster, sql, value, sizeof(value));
    return strcmp(value, expected) == 0;
}

/* Commits a change whose answer never arrives; what the browser gets is its code. */
static int create_and_lose_the_answer(struct cut *c)
{
    struct answer answer = federation_get(&c->f, GROUPS_PATH); /* token and connection are there */
    assert_int_equal(answer.code, 200);
    answer_free(&answer);
    c->cutter.loses_answers = true;
    struct exchange exchange = federation_send(&c->f, "POST", GROUPS_PATH, WITH_KEY, CREATE);
    /* The row is there before the realm, on this loop, has said so. */
    FEDERATION_WAIT_FOR(&c->f, c->cutter.lost_bytes > 0 &&
                                   counted("SELECT count(*) FROM pek.realm_group", "1"));
    cutter_cut(&c->cutter);
    c->cutter.loses_answers = false;
    answer = federation_receive(&c->f, &exchange);
    int code = answer.code;
    answer_free(&answer);
    return code;
}

/* As a client does: while the realm is not reachable, or it was asked too often, again. */
static struct answer ask_until_reached(struct cut *c, const char *headers, const char *body)
{
    struct answer answer = {.code = 503};
    for (int64_t until_us = deadline_after_ms(FEDERATION_WAIT_MS);
         answer.code == 503 || answer.code == 429;) {
        assert_true(clock_monotonic_us() < until_us);
        answer = federation_ask(&c->f, "POST", GROUPS_PATH, headers, body);
        if (answer.code == 503 || answer.code == 429)
            answer_free(&answer);
    }
    return answer;
}

static void lost_answer_is_unknown_and_the_same_key_brings_it_back(void **state)
{
    static struct cut c;
    (void)state;
    cut_open(&c);
    assert_int_equal(create_and_lose_the_answer(&c), 503);
    assert_true(c.cutter.lost_bytes > 0);
    struct answer answer = ask_until_reached(&c, WITH_KEY, CREATE);
    assert_int_equal(answer.code, 200);
    assert_true(answer_has(&answer, "\"id\":\"simonyi@simonyi\""));
    answer_free(&answer);
    assert_true(counted("SELECT count(*) FROM pek.realm_group", "1"));
    assert_true(counted("SELECT count(*) FROM pek.idempotency", "1"));
    assert_true(counted("SELECT count(*) FROM pek.audit_log WHERE action = 'group.create'", "1"));
    cut_close(&c);
}

static void without_the_key_it_is_found_to_be_there_already(void **state)
{
    static struct cut c;
    (void)state;
    cut_open(&c);
    assert_int_equal(create_and_lose_the_answer(&c), 503);
    struct answer answer = ask_until_reached(&c, JSON_BODY, CREATE);
    assert_int_equal(answer.code, 409);
    answer_free(&answer);
    assert_true(counted("SELECT count(*) FROM pek.realm_group", "1"));
    cut_close(&c);
}

/* The realm's disk is full: it says so as often as it is asked, is not taken for one that is away, and the same key does it once
 * there is room. */
static void change_without_room_is_unavailable_and_reads_go_on(void **state)
{
    static struct cut c;
    struct answer answer;
    (void)state;
    cut_open(&c);
    pg_cluster_execute(federation_cluster,
                       "CREATE FUNCTION pek.full_disk() RETURNS trigger LANGUAGE plpgsql AS $$"
                       " BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100';"
                       " END $$;"
                       " CREATE TRIGGER full_disk BEFORE INSERT ON pek.audit_log"
                       " FOR EACH ROW EXECUTE FUNCTION pek.full_disk()");
    for (int i = 0; i < 12; i++) { /* more than open a breaker */
        answer = federation_ask(&c.f, "POST", GROUPS_PATH, WITH_KEY, CREATE);
        assert_int_equal(answer.code, 503);
        assert_true(answer_has(&answer, "\"reason\":\"" CHANGE_NO_ROOM "\""));
        answer_free(&answer);
    }
    answer = federation_get(&c.f, GROUPS_PATH);
    assert_int_equal(answer.code, 200);
    answer_free(&answer);
    pg_cluster_execute(federation_cluster,
                       "DROP TRIGGER full_disk ON pek.audit_log; DROP FUNCTION pek.full_disk()");
    answer = federation_ask(&c.f, "POST", GROUPS_PATH, WITH_KEY, CREATE);
    assert_int_equal(answer.code, 200);
    answer_free(&answer);
    cut_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lost_answer_is_unknown_and_the_same_key_brings_it_back),
        cmocka_unit_test(without_the_key_it_is_found_to_be_there_already),
        cmocka_unit_test(change_without_room_is_unavailable_and_reads_go_on),
    };
    return cmocka_run_group_tests(tests, worker_setup, federation_teardown);
}
