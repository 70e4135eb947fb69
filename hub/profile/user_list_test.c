/* People search through the host that the API speaks to, and what PostgreSQL reads for it. alice and bob meet in realm a,
 * alice and dora in both realms, carol is alone in realm b with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <libpq-fe.h>

#include "hub/profile/name_keys.h"
#include "hub/profile/name_keys_store.h"
#include "hub/profile/profile.h"
#include "hub/profile/profile_service.h"
#include "hub/profile/testing/profile_world.h"
#include "hub/profile/user_store.h"

#define USERS_MAX 2000
#define SEES_ALL (1u << 9) /* VIEW_FULL_PROFILE */
#define VIEW_GROUP (1u << 2)

struct desk {
    struct hub_world *h;
    struct profile_world p;
    struct name_keys keys;
    struct rpc_pair as;
    ProtobufCMessage **items;
    size_t count;
};

static void as(struct desk *desk, const char *user)
{
    struct slice token = hub_login(desk->h, &desk->h->one, user);
    char *bearer = arena_printf(desk->h->w->arena, "Bearer %.*s", SLICE_ARG(token));
    desk->as = (struct rpc_pair){SLICE_LIT("authorization"), slice_str(bearer)};
}

static bool keys_are_made(struct hub_world *h)
{
    return strcmp(world_value(h->w, "SELECT count(*) FROM hub.profile"
                                    " WHERE keys_version NOT LIKE 'hu-u-ka-shifted-kn/%%'"),
                  "0") == 0;
}

static void open_keys(struct desk *desk)
{
    const struct name_keys_options options = {.pg = desk->h->pg,
                                              .collator = desk->p.service.collator};
    assert_int_equal(name_keys_open(&desk->keys, desk->h->w->run->fibers, &options), STATUS_OK);
    assert_true(hub_until(desk->h, keys_are_made));
}

static void desk_open(struct hub_world *h, struct desk *desk, const char *user)
{
    *desk = (struct desk){.h = h};
    desk->items = arena_zalloc(h->w->arena, USERS_MAX, sizeof(void *));
    assert_non_null(desk->items);
    world_sql(h->w, "TRUNCATE hub.instance, hub.user_gram; INSERT INTO hub.instance (realm, name, "
                    "target) VALUES"
                    " ('a', 'A', '127.0.0.1:1'), ('b', 'B', '127.0.0.1:2');"
                    "INSERT INTO hub.user_account (id, username, name) VALUES"
                    " ('dora', 'dori', 'Ő Dóra'), ('eve', 'eve.e', 'Nagy Éva');"
                    "INSERT INTO hub.user_realm (user_id, realm) VALUES"
                    " ('alice', 'a'), ('bob', 'a'), ('alice', 'b'), ('carol', 'b'), ('dora', 'a'),"
                    " ('dora', 'b');"
                    "UPDATE hub.profile SET own_names = true, last_name = 'Ördög',"
                    " first_name = 'Alice' WHERE user_id = 'alice';"
                    "UPDATE hub.profile SET own_names = true, last_name = 'Kovács-Őry',"
                    " first_name = 'Boldizsár', nickname = 'Bóbita', cell_phone = '+36201234567',"
                    " room = 'D 1103', visible = 3 WHERE user_id = 'bob'");
    profile_world_open(&desk->p, h);
    as(desk, user);
    open_keys(desk);
}

static void desk_close(struct desk *desk)
{
    name_keys_close(&desk->keys);
    profile_world_close(&desk->p);
}

static const struct rpc_method *list_method(void)
{
    const struct rpc_service *table = &hub_v1_profile_service_table;
    for (size_t i = 0; i < table->method_count; i++)
        if (table->methods[i].response == &pek__hub__v1__user__descriptor)
            return &table->methods[i];
    return NULL;
}

static enum status ask(struct desk *desk, const hub_v1_list_users_request *req)
{
    desk->h->w->fault = (struct fault){0};
    return world_stream(desk->h->w, desk->p.channel, list_method(), &req->base, &desk->as, 1,
                        desk->items, &desk->count);
}

static const hub_v1_user *user_at(const struct desk *desk, size_t i)
{
    return (const hub_v1_user *)(const void *)desk->items[i];
}

/* Their ids, in order. */
static const char *found(struct desk *desk, const char *q)
{
    hub_v1_list_users_request req = HUB_V1_LIST_USERS_REQUEST_INIT;
    const char *ids = "";
    req.q = row_string(q);
    assert_int_equal(ask(desk, &req), STATUS_OK);
    for (size_t i = 0; i < desk->count; i++)
        ids = arena_printf(desk->h->w->arena, "%s%s%s", ids, i ? " " : "", user_at(desk, i)->id);
    return ids;
}

static enum status update(struct desk *desk, hub_v1_profile *profile)
{
    hub_v1_update_profile_request req = HUB_V1_UPDATE_PROFILE_REQUEST_INIT;
    hub_v1_profile *res;
    req.user = row_string("me");
    req.profile = profile;
    desk->h->fault = (struct fault){0};
    return hub_v1_update_profile_call(desk->p.channel, &req, &desk->as, 1, WORLD_REST(desk->h->w),
                                      &res, &desk->h->fault);
}

/* ---- what is found ---- */

static void every_word_is_in_a_name_a_nickname_or_the_username(struct hub_world *h)
{
    static const char *const of_bob[] = {"kovacs",    "ŐRY",  "zsar bold",   "BOB.n bobita",
                                         "b b b kov", "-ory", "bobita ory n"};
    struct desk desk;
    desk_open(h, &desk, "alice");
    for (size_t i = 0; i < sizeof(of_bob) / sizeof(of_bob[0]); i++)
        assert_string_equal(found(&desk, of_bob[i]), "bob");
    /* No word stands in two of the names. */
    assert_string_equal(found(&desk, "oryboldi"), "");
    assert_string_equal(found(&desk, "kovacs zsuzsa"), "");
    assert_string_equal(found(&desk, "%"), "");
    assert_string_equal(found(&desk, "bob_n"), "");
    /* Carol has a family name that nobody said, and Hungarian has ö before ő. */
    assert_string_equal(found(&desk, ""), "carol bob dora alice");
    assert_string_equal(found(&desk, "o"), "carol bob dora alice");
    assert_string_equal(user_at(&desk, 1)->display_name, "Kovács-Őry Boldizsár");
    assert_string_equal(user_at(&desk, 1)->username, "bob.n");
    assert_string_equal(user_at(&desk, 1)->first_name, "Boldizsár");
    assert_string_equal(user_at(&desk, 1)->last_name, "Kovács-Őry");
    assert_string_equal(user_at(&desk, 1)->nickname, "Bóbita");
    desk_close(&desk);
}

static void stranger_is_not_found(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "bob");
    assert_string_equal(found(&desk, "carol"), "");
    assert_string_equal(found(&desk, "eva"), "");
    assert_string_equal(found(&desk, ""), "bob dora alice");
    as(&desk, "eve");
    assert_string_equal(found(&desk, ""), "eve");
    assert_string_equal(found(&desk, "bob"), "");
    /* Of a realm that is gone nobody is known by it. */
    as(&desk, "carol");
    assert_string_equal(found(&desk, ""), "carol dora alice");
    world_sql(h->w, "UPDATE hub.instance SET status = 'REMOVED' WHERE realm = 'b'");
    assert_string_equal(found(&desk, ""), "carol");
    desk_close(&desk);
}

static void deleted_user_is_not_found(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "alice");
    assert_string_equal(found(&desk, "bob"), "bob");
    world_sql(h->w, "SELECT hub.delete_user('bob')");
    assert_string_equal(found(&desk, "bob"), "");
    assert_string_equal(found(&desk, "deleted"), "");
    assert_string_equal(found(&desk, ""), "carol dora alice");
    assert_string_equal(
        world_value(h->w, "SELECT count(*) FROM hub.user_gram WHERE user_id = 'bob'"), "0");
    desk_close(&desk);
}

/* Realms that are asked say whom they know: as the hub has it. */
static void make_known(struct hub_world *h)
{
    static const char *const in_a[] = {"alice", "bob", "dora"}, *const in_b[] = {"alice", "carol",
                                                                                 "dora"};
    for (size_t i = 0; i < 3; i++) {
        world_grant(h->w, &h->w->a, "Known", in_a[i], NULL, VIEW_GROUP);
        world_grant(h->w, &h->w->b, "Known", in_b[i], NULL, VIEW_GROUP);
    }
}

static void phone_and_room_find_their_owner_for_the_owner_alone(struct hub_world *h)
{
    static const char *const details[] = {"1103", "+3620", "d 110", "kovacs 4567 1103"};
    struct desk desk;
    desk_open(h, &desk, "alice");
    make_known(h);
    for (size_t i = 0; i < sizeof(details) / sizeof(details[0]); i++)
        assert_string_equal(found(&desk, details[i]), "");
    as(&desk, "bob");
    for (size_t i = 0; i < sizeof(details) / sizeof(details[0]); i++)
        assert_string_equal(found(&desk, details[i]), "bob");
    assert_string_equal(found(&desk, "d"), "bob dora alice");
    /* Hidden from others, not from oneself. */
    world_sql(h->w, "UPDATE hub.profile SET visible = 0 WHERE user_id = 'bob'");
    assert_string_equal(found(&desk, "1103"), "bob");
    desk_close(&desk);
}

/* And whoever has the full view of them, in a realm of both, as far as it is not hidden. */
static void detail_finds_whoever_the_searcher_has_the_full_view_of(struct hub_world *h)
{
    static const char *const details[] = {"1103", "+3620", "kovacs 4567", "bob@example"};
    struct desk desk;
    desk_open(h, &desk, "alice");
    world_sql(h->w, "UPDATE hub.profile SET visible = 31 WHERE user_id = 'bob';"
                    "INSERT INTO hub.external_account VALUES ('bob', 1, 11, 'Bob@example.org'),"
                    " ('bob', 2, 1, 'bob4567')");
    make_known(h);
    world_grant(h->w, &h->w->a, "Sees", "alice", NULL, SEES_ALL);
    world_grant(h->w, &h->w->b, "Sees", "carol", NULL, SEES_ALL);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(found(&desk, details[i]), "bob");
    /* An account that is no address, and what is said by no digit. */
    assert_string_equal(found(&desk, "bob4567"), "");
    assert_string_equal(found(&desk, "example"), "");
    world_sql(h->w, "UPDATE hub.profile SET visible = 2 WHERE user_id = 'bob'");
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(found(&desk, details[i]), i == 0 ? "bob" : "");
    world_sql(h->w, "UPDATE hub.profile SET visible = 31 WHERE user_id = 'bob'");
    /* carol sees everybody, in a realm that bob is not in. */
    as(&desk, "carol");
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(found(&desk, details[i]), "");
    /* On him alone; and it is over when it is taken back. */
    world_sql(h->w, "INSERT INTO hub.user_realm (user_id, realm) VALUES ('carol', 'a')");
    world_grant(h->w, &h->w->a, "Of bob", "carol", NULL, VIEW_GROUP);
    world_sql(h->w,
              "UPDATE pek.policy_statement AS s SET user_id = 'bob', resource = 'USER',"
              "  actions = %u FROM pek.policy AS p WHERE p.id = s.policy_id"
              "   AND p.name = 'Of bob'",
              SEES_ALL);
    as(&desk, "carol");
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(found(&desk, details[i]), "bob");
    world_sql(h->w, "DELETE FROM pek.policy_assignment WHERE user_id = 'carol'");
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(found(&desk, details[i]), "");
    desk_close(&desk);
}

static void what_cannot_be_searched_is_refused(struct hub_world *h)
{
    hub_v1_list_users_request req = HUB_V1_LIST_USERS_REQUEST_INIT;
    struct desk desk;
    desk_open(h, &desk, "alice");
    req.q = row_string("a b c d e f g h i j k l m n o p q");
    assert_int_equal(ask(&desk, &req), STATUS_INVALID_ARGUMENT);
    assert_string_equal(h->w->fault.field, "q");
    req.q = row_string("");
    req.page_size = -1;
    assert_int_equal(ask(&desk, &req), STATUS_INVALID_ARGUMENT);
    assert_string_equal(h->w->fault.field, "page_size");
    desk_close(&desk);
}

static void every_position_leads_on(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "alice");
    world_sql(h->w,
              "INSERT INTO hub.user_account (id, username, name)"
              " SELECT 'u' || n, 'user' || n, 'Kis ' || n %% 3 FROM generate_series(1, 9) AS n;"
              "INSERT INTO hub.user_realm SELECT 'u' || n, r"
              " FROM generate_series(1, 9) AS n, unnest(ARRAY['a', 'b']) AS r"
              " WHERE n %% 2 = 0 OR r = 'b'");
    assert_true(hub_until(h, keys_are_made));
    assert_string_equal(found(&desk, ""), "carol u3 u6 u9 u1 u4 u7 u2 u5 u8 bob dora alice");
    size_t all_count = desk.count;
    const hub_v1_user *all[16];
    for (size_t i = 0; i < all_count; i++)
        all[i] = user_at(&desk, i);
    for (size_t from = 0; from < all_count; from++)
        for (int inclusive = 0; inclusive < 2; inclusive++) {
            hub_v1_list_users_request req = HUB_V1_LIST_USERS_REQUEST_INIT;
            Pek__Cursor after = PEK__CURSOR__INIT;
            after.sort_key = all[from]->sort_key;
            after.id = all[from]->id;
            after.inclusive = inclusive;
            req.after = &after;
            req.page_size = 2;
            assert_int_equal(ask(&desk, &req), STATUS_OK);
            size_t first = from + !inclusive, left = all_count - first;
            assert_int_equal(desk.count, left < 2 ? left : 2);
            for (size_t i = 0; i < desk.count; i++)
                assert_string_equal(user_at(&desk, i)->id, all[first + i]->id);
        }
    desk_close(&desk);
}

/* ---- names that change ---- */

static void changed_name_is_found_at_once(struct hub_world *h)
{
    hub_v1_profile nick = HUB_V1_PROFILE_INIT, username = HUB_V1_PROFILE_INIT;
    struct desk desk;
    desk_open(h, &desk, "bob");
    name_keys_close(&desk.keys); /* the change itself does it */
    nick.nickname = row_string("Űrhajós");
    assert_int_equal(update(&desk, &nick), STATUS_OK);
    assert_string_equal(found(&desk, "urhajo"), "bob");
    assert_string_equal(found(&desk, "bobita"), "");
    username.username = row_string("bobby");
    assert_int_equal(update(&desk, &username), STATUS_OK);
    assert_string_equal(found(&desk, "bobby"), "bob");
    assert_string_equal(found(&desk, "bob.n"), "");
    open_keys(&desk);
    /* By whatever statement. */
    world_sql(h->w, "UPDATE hub.user_account SET name = 'Zúgó Carol' WHERE id = 'carol'");
    assert_true(hub_until(h, keys_are_made));
    as(&desk, "alice");
    assert_string_equal(found(&desk, "zugo"), "carol");
    assert_string_equal(found(&desk, ""), "bob dora alice carol");
    desk_close(&desk);
}

static void whoever_comes_to_a_realm_or_leaves_it_is_found_accordingly(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "bob");
    assert_string_equal(found(&desk, "eve"), "");
    world_sql(h->w, "INSERT INTO hub.user_realm (user_id, realm) VALUES ('eve', 'a')");
    assert_string_equal(found(&desk, "eve"), "eve");
    world_sql(h->w, "DELETE FROM hub.user_realm WHERE user_id = 'eve'");
    assert_string_equal(found(&desk, "eve"), "");
    desk_close(&desk);
}

static void name_that_has_no_order_is_refused(struct hub_world *h)
{
    static char phrase[PROFILE_NAME_CHARS_MAX * 3 + 1];
    hub_v1_profile long_name = HUB_V1_PROFILE_INIT;
    struct desk desk;
    desk_open(h, &desk, "bob");
    for (size_t i = 0; i + 3 < sizeof(phrase); i += 3)
        memcpy(phrase + i, "\xEF\xB7\xBA", 3); /* one character that is ordered as eighteen */
    long_name.last_name = phrase;
    assert_int_equal(update(&desk, &long_name), STATUS_INVALID_ARGUMENT);
    assert_string_equal(h->fault.field, "profile.last_name");
    /* Written by other means it is found by the username. */
    world_sql(h->w, "UPDATE hub.profile SET last_name = '%s' WHERE user_id = 'bob'", phrase);
    assert_true(hub_until(h, keys_are_made));
    assert_string_equal(found(&desk, "bob.n"), "bob");
    desk_close(&desk);
}

static void keys_of_another_version_are_made_again(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "alice");
    name_keys_close(&desk.keys);
    world_sql(h->w, "UPDATE hub.profile SET keys_version = 'hu/1', sort_key = '\\x01',"
                    " folded = 'former'");
    assert_string_equal(found(&desk, "former"), "alice bob carol dora");
    open_keys(&desk);
    assert_string_equal(found(&desk, "former"), "");
    assert_string_equal(found(&desk, ""), "carol bob dora alice");
    assert_string_equal(world_value(h->w, "SELECT count(DISTINCT keys_version) FROM hub.profile"),
                        "1");
    desk_close(&desk);
}

/* Whoever changes their profile meanwhile waits for these, not for all others. */
static void keys_are_made_for_a_few_at_a_time(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "alice");
    world_sql(h->w, "INSERT INTO hub.user_account (id, username, name)"
                    " SELECT 'u' || n, 'user' || n, 'Kis ' || n FROM generate_series(1, 35) AS n");
    assert_true(hub_until(h, keys_are_made));
    assert_string_equal(world_value(h->w,
                                    "SELECT max(n) <= %d FROM (SELECT count(*) AS n"
                                    "  FROM hub.profile GROUP BY xmin::text) AS together",
                                    NAME_KEYS_BATCH),
                        "t");
    desk_close(&desk);
}

/* ---- what it costs ---- */

#define FEW 400
#define MANY 4000

/* People from..to of both realms, with two names of which one is a number. */
static void make_many(struct hub_world *h, int from, int to)
{
    world_sql(
        h->w,
        "SET session_replication_role = replica;"
        "INSERT INTO hub.user_account (id, username, name)"
        " SELECT 'm' || n, 'kor' || n, 'kor' FROM generate_series(%d, %d) AS n;"
        "INSERT INTO hub.profile (user_id, last_name, folded, sort_key, keys_version)"
        " SELECT 'm' || n, 'kor', 'kor m' || n, convert_to('kor ' || n, 'UTF8'), 'x'"
        " FROM generate_series(%d, %d) AS n;"
        "INSERT INTO hub.user_realm SELECT 'm' || n, r FROM generate_series(%d, %d) AS n,"
        " unnest(ARRAY['a', 'b']) AS r;"
        "INSERT INTO hub.user_gram SELECT r.realm, grams.gram, p.sort_key, p.user_id, p.folded"
        " FROM hub.user_realm AS r JOIN hub.profile AS p USING (user_id),"
        " hub.search_grams(p.folded) AS grams (gram) WHERE p.keys_version = 'x'"
        " ON CONFLICT DO NOTHING;"
        "SET session_replication_role = origin; ANALYZE",
        from, to, from, to, from, to);
}

static const char *ask_sql(struct hub_world *h, PGconn *conn, const char *sql)
{
    PGresult *result = PQexec(conn, sql);
    const char *lines = "";
    if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(conn));
    for (int i = 0; i < PQntuples(result); i++)
        lines = arena_printf(h->w->arena, "%s%s\n", lines, PQgetvalue(result, i, 0));
    PQclear(result);
    return lines;
}

/* Pages of buffers that a search of bob's touches. */
static int cost_of(struct hub_world *h, PGconn *conn, const char *gram, const char *pattern)
{
    int pages = 0;
    const char *plan = ask_sql(
        h, conn,
        arena_printf(h->w->arena,
                     "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF)"
                     " EXECUTE found ('', '', true, 'bob', '{%s}', '%s', 21, '{}', '{}', '{}')",
                     pattern, gram));
    if (strstr(plan, "Seq Scan on user_gram") || strstr(plan, "Seq Scan on user_realm") ||
        strstr(plan, "Seq Scan on profile") || strstr(plan, "user_gram_by_user") ||
        !strstr(plan, "using user_gram_pkey"))
        fail_msg("the plan is another one:\n%s", plan);
    const char *buffers = strstr(plan, "Buffers: shared hit=");
    assert_non_null(buffers);
    assert_int_equal(sscanf(buffers, "Buffers: shared hit=%d", &pages), 1);
    return pages;
}

static PGconn *connect_as_hub(struct hub_world *h)
{
    static char conninfo[512];
    pg_cluster_conninfo_for(h->w->cluster, "pek_app", NULL, conninfo, sizeof(conninfo));
    PGconn *conn = PQconnectdb(
        arena_printf(h->w->arena, "%s options='-c plan_cache_mode=force_generic_plan'", conninfo));
    assert_int_equal(PQstatus(conn), CONNECTION_OK);
    return conn;
}

static void detail_that_is_hidden_finds_nobody_else(struct hub_world *h)
{
    /* Phone and room of bob, to alice, who sees his details. */
    static const char phone[] = "EXECUTE found ('', '', true, 'alice', '{%4567%}', '456', 21,"
                                " '{a}', '{bob}', '{}')",
                      room[] = "EXECUTE found ('', '', true, 'alice', '{%1103%}', '110', 21,"
                               " '{}', '{}', '{a}')",
                      /* A realm is believed for its own people. */
        elsewhere[] = "EXECUTE found ('', '', true, 'alice', '{%1103%}', '110', 21,"
                      " '{b}', '{bob}', '{b}')";
    struct desk desk;
    desk_open(h, &desk, "alice");
    PGconn *conn = connect_as_hub(h);
    ask_sql(h, conn, arena_printf(h->w->arena, "PREPARE found AS %s", user_store_found.sql));
    for (int visible = 0; visible < 4; visible++) {
        world_sql(h->w, "UPDATE hub.profile SET visible = %d WHERE user_id = 'bob'", visible);
        assert_string_equal(ask_sql(h, conn, phone), visible & 1 ? "bob\n" : "");
        assert_string_equal(ask_sql(h, conn, room), visible & 2 ? "bob\n" : "");
        assert_string_equal(ask_sql(h, conn, elsewhere), "");
    }
    PQfinish(conn);
    desk_close(&desk);
}

static void search_reads_the_index_and_stops_when_the_page_is_full(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "bob");
    name_keys_close(&desk.keys);
    make_many(h, 1, FEW);
    PGconn *conn = connect_as_hub(h);
    ask_sql(h, conn, arena_printf(h->w->arena, "PREPARE found AS %s", user_store_found.sql));
    int fruitless = cost_of(h, conn, "xyz", "%xyz%"), common = cost_of(h, conn, "kor", "%kor%"),
        letter = cost_of(h, conn, "k", "%k%"), rare = cost_of(h, conn, "399", "%399%");
    make_many(h, FEW + 1, MANY);
    ask_sql(h, conn, "DEALLOCATE ALL");
    ask_sql(h, conn, arena_printf(h->w->arena, "PREPARE found AS %s", user_store_found.sql));
    assert_in_range(cost_of(h, conn, "xyz", "%xyz%"), 1, fruitless + 6);
    assert_in_range(cost_of(h, conn, "kor", "%kor%"), 21, common + 50);
    assert_in_range(cost_of(h, conn, "k", "%k%"), 21, letter + 50);
    assert_in_range(cost_of(h, conn, "399", "%1399%"), 1, rare + 40);
    assert_in_range(common, 21, 21 * 10);
    PQfinish(conn);
    desk_close(&desk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HUB_TEST(every_word_is_in_a_name_a_nickname_or_the_username),
        HUB_TEST(stranger_is_not_found),
        HUB_TEST(deleted_user_is_not_found),
        HUB_TEST(phone_and_room_find_their_owner_for_the_owner_alone),
        HUB_TEST(detail_finds_whoever_the_searcher_has_the_full_view_of),
        HUB_TEST(what_cannot_be_searched_is_refused),
        HUB_TEST(every_position_leads_on),
        HUB_TEST(changed_name_is_found_at_once),
        HUB_TEST(whoever_comes_to_a_realm_or_leaves_it_is_found_accordingly),
        HUB_TEST(name_that_has_no_order_is_refused),
        HUB_TEST(keys_of_another_version_are_made_again),
        HUB_TEST(keys_are_made_for_a_few_at_a_time),
        HUB_TEST(detail_that_is_hidden_finds_nobody_else),
        HUB_TEST(search_reads_the_index_and_stops_when_the_page_is_full),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
