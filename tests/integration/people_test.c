/* What realms are told of people: a whole hub over one real realm, which speaks to it about whom it knows. */
#include "tests/integration/worker.h"

#define VALUE_BYTES 4096

struct one {
    struct federation f;
    struct worker d;
};

static void stop(struct federation *f)
{
    struct one *one = f->arg;
    worker_close(&one->d);
}

static void one_open(struct one *one, const char *before)
{
    char instances[64];
    federation_begin(&one->f);
    worker_clear();
    worker_open(&one->d, &one->f, "d");
    pg_cluster_execute(federation_cluster,
                       "TRUNCATE pek.person CASCADE;"
                       "INSERT INTO hub.user_account (id, username, name) VALUES"
                       " ('carol', 'carol', 'Csáky Karola'), ('dan', 'dan', 'Dudás Dániel')");
    if (before)
        pg_cluster_execute(federation_cluster, before);
    one->f.also_stop = stop;
    one->f.arg = one;
    snprintf(instances, sizeof(instances), "d=127.0.0.1:%d", rpc_server_port(one->d.server));
    federation_open_hub(&one->f, instances, NULL);
    for (size_t i = 0; i < FEDERATION_REALMS; i++)
        one->f.realms[i].unknown = true;
}

static void one_close(struct one *one)
{
    federation_close(&one->f);
    worker_done(&one->d);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_becomes_known_is_named_and_counted_among_the_realms_people),
        cmocka_unit_test(changed_name_and_deletion_reach_the_realm),
        cmocka_unit_test(what_was_missed_is_made_up_for),
        cmocka_unit_test(realm_learns_and_claims_nobody_else),
    };
    return cmocka_run_group_tests(tests, worker_setup, federation_teardown);
}
