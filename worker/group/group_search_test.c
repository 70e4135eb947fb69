/* Searches among groups: that the index finds what a plain comparison finds, and that it is what PostgreSQL
 * reads, as the role that row security binds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libpq-fe.h>

#include "shared/text/text.h"
#include "worker/group/group_store.h"
#include "worker/testing/world.h"

#define VIEW_GROUP (1u << 2)

/* ---- the same names as by comparing each ---- */

#define NAMES 160
#define SEARCHES 120

static unsigned random_state;

static unsigned random_below(unsigned limit)
{
    random_state = random_state * 1103515245u + 12345u;
    return (random_state >> 16) % limit;
}

/* Few letters, so that words meet; letters that fold to others, wildcards, and some of four bytes. */
static const char *random_text(struct world *w, unsigned chars_max)
{
    static const char *const letters[] = {"a", "á", "b", "o", "ö", "ő", "O", "%", "_",  "\\", "'",
                                          "s", "z", "ß", "ﬁ", "1", "2", " ", "🎉", "語", "{",  "\""};
    const char *text = "";
    for (unsigned chars = 1 + random_below(chars_max); chars > 0; chars--)
        text = arena_printf(w->arena, "%s%s", text,
                            letters[random_below(sizeof(letters) / sizeof(letters[0]))]);
    assert_non_null(text);
    return text;
}

static void rename_at_random(struct world *w, const char *id)
{
    group_v1_update_group_request req = GROUP_V1_UPDATE_GROUP_REQUEST_INIT;
    group_v1_group body = GROUP_V1_GROUP_INIT, *res;
    body.id = (char *)(uintptr_t)id;
    body.name = (char *)(uintptr_t)random_text(w, 9);
    req.group = &body;
    enum status status = WORLD_CALL(w, update_group, "alice", req, res);
    if (status != STATUS_NOT_FOUND && status != STATUS_ALREADY_EXISTS &&
        status != STATUS_INVALID_ARGUMENT)
        assert_int_equal(status, STATUS_OK);
}

static void make_random_groups(struct world *w)
{
    world_god(w, &w->a, "alice");
    assert_int_equal(world_create(w, "alice", "", "o", "Szervezet"), STATUS_OK);
    for (unsigned i = 0; i < NAMES; i++) {
        const char *slug = arena_printf(w->arena, "g%u", i);
        enum status status = world_create(w, "alice",
                                          i % 3 ? "o@o"
                                          : i   ? "o@g0"
                                                : "o@o",
                                          slug, random_text(w, 9));
        if (status != STATUS_ALREADY_EXISTS && status != STATUS_INVALID_ARGUMENT)
            assert_int_equal(status, STATUS_OK);
    }
    for (unsigned i = 0; i < NAMES; i += 4)
        rename_at_random(w, arena_printf(w->arena, "o@g%u", i));
    world_sql(w, "UPDATE pek.realm_group SET is_archived = true WHERE id LIKE '%%7'");
    /* What only somebody else can have. */
    world_sql(w,
              "INSERT INTO pek.realm_group (realm, id, name, unique_key, folded, sort_key, purpose)"
              " SELECT 'b', id, name, unique_key, folded, sort_key, purpose FROM pek.realm_group");
}

/* By strpos, which is no pattern, no index and no code of the worker's. */
static const char *expected(struct world *w, const char *q, const char *condition)
{
    struct slice folded;
    const char *words = "true";
    assert_int_equal(text_fold(slice_str(q), w->arena, &folded), STATUS_OK);
    while (folded.len > 0) {
        struct slice word = slice_cut(&folded, ' ');
        if (word.len > 0)
            words = arena_printf(w->arena, "%s AND strpos(folded, $word$%.*s$word$) > 0", words,
                                 SLICE_ARG(word));
    }
    return world_value(w,
                       "SELECT coalesce(string_agg(id, ' ' ORDER BY sort_key, id), '')"
                       " FROM pek.realm_group WHERE realm = 'a' AND %s AND %s",
                       words, condition);
}

static const char *found(struct world *w, const char *user, const char *q, const char *parent,
                         bool archived)
{
    group_v1_list_groups_request req = GROUP_V1_LIST_GROUPS_REQUEST_INIT;
    req.q = (char *)(uintptr_t)q;
    req.parent_id = (char *)(uintptr_t)parent;
    req.include_archived = archived;
    return world_list(w, user, &req);
}

/* A word or two, often a piece of a name that is there. */
static const char *random_search(struct world *w)
{
    const char *text = random_text(w, 1 + random_below(5));
    if (random_below(2))
        text = world_value(w,
                           "SELECT substr(name, %u, %u) FROM pek.realm_group WHERE realm = 'a'"
                           " ORDER BY id OFFSET %u LIMIT 1",
                           1 + random_below(4), 1 + random_below(6), random_below(NAMES / 2));
    if (random_below(4) == 0)
        text = arena_printf(w->arena, "%s %s", text, random_text(w, 2));
    return text;
}

static void finds_what_comparing_each_name_finds(struct world *w)
{
    size_t hits = 0;
    random_state = 42;
    make_random_groups(w);
    /* bob sees some of them. */
    for (unsigned i = 0; i < 30; i++) {
        const char *id = world_value(w,
                                     "SELECT coalesce(max(id), '') FROM pek.realm_group"
                                     " WHERE realm = 'a' AND id = 'o@g%u'",
                                     4 * i);
        if (id[0]) /* no other group had its name */
            world_grant(w, &w->a, id, "bob", id, VIEW_GROUP);
    }
    for (unsigned i = 0; i < SEARCHES; i++) {
        arena_reset(w->arena);
        const char *q = random_search(w);
        const char *want = expected(w, q, "NOT is_archived");
        hits += want[0] != '\0';
        if (strcmp(found(w, "alice", q, "", false), want) != 0)
            fail_msg("'%s' finds '%s', not '%s'", q, found(w, "alice", q, "", false), want);
        assert_string_equal(found(w, "alice", q, "", true), expected(w, q, "true"));
        assert_string_equal(found(w, "alice", q, "o@g0", false),
                            expected(w, q, "parent_id = 'o@g0' AND NOT is_archived"));
        assert_string_equal(
            found(w, "bob", q, "", true),
            expected(w, q, "id IN (SELECT 'o@g' || 4 * n FROM generate_series(0, 29) AS n)"));
    }
    assert_in_range(hits, SEARCHES / 4, SEARCHES - 1);
}

static void pages_of_a_search_join_without_gap(struct world *w)
{
    group_v1_list_groups_request req = GROUP_V1_LIST_GROUPS_REQUEST_INIT;
    Pek__Cursor after = PEK__CURSOR__INIT;
    random_state = 7;
    make_random_groups(w);
    req.q = (char *)(uintptr_t) "o";
    req.page_size = 3;
    const char *all = "", *page;
    while (*(page = world_list(w, "alice", &req))) {
        all = arena_printf(w->arena, "%s%s%s", all, *all ? " " : "", page);
        const char *last = strrchr(page, ' ') ? strrchr(page, ' ') + 1 : page;
        group_v1_group *got;
        assert_int_equal(world_get(w, "alice", last, &got), STATUS_OK);
        after.sort_key = got->sort_key;
        after.id = got->id;
        req.after = &after;
    }
    assert_string_equal(all, expected(w, "o", "NOT is_archived"));
}

/* As a change of all keys, or two changes at once, may leave them. */
static void a_row_that_is_no_longer_true_finds_nothing(struct world *w)
{
    world_god(w, &w->a, "alice");
    assert_int_equal(world_create(w, "alice", "", "o", "Kör"), STATUS_OK);
    assert_int_equal(world_create(w, "alice", "", "p", "Kar"), STATUS_OK);
    /* A realm of fewer is not searched by its rows. */
    world_sql(w,
              "INSERT INTO pek.realm_group (realm, id, name, unique_key, folded, sort_key, purpose)"
              " SELECT 'a', 'n@' || n, n::text, n::text, n::text, convert_to(n::text, 'UTF8'), 1"
              " FROM generate_series(0, %d) AS n",
              SEARCH_WALKED_MAX);
    world_sql(w, "INSERT INTO pek.search_gram SELECT realm, kind, gram, '\\x01', id, folded"
                 " FROM pek.search_gram WHERE id = 'o@o'");
    world_sql(w, "INSERT INTO pek.search_gram SELECT realm, kind, 'kor', sort_key, id, 'kor'"
                 " FROM pek.search_gram WHERE id = 'p@p' AND gram = 'kar'");
    world_sql(w, "INSERT INTO pek.search_gram VALUES ('a', 'group', 'kor', '\\x02', 'q@q', 'kor')");
    assert_string_equal(found(w, "alice", "kör", "", false), "o@o");
    /* Of a program that does not know where archived names' rows are. */
    world_sql(w, "INSERT INTO pek.search_gram SELECT realm, 'archived_group', gram, sort_key, id,"
                 " folded FROM pek.search_gram WHERE id = 'o@o'");
    assert_string_equal(found(w, "alice", "kör", "", true), "o@o");
    world_sql(w, "UPDATE pek.realm_group SET is_archived = true WHERE id = 'o@o';"
                 "INSERT INTO pek.search_gram SELECT realm, 'group', gram, sort_key, id, folded"
                 " FROM pek.search_gram WHERE id = 'o@o' ON CONFLICT DO NOTHING");
    assert_string_equal(found(w, "alice", "kör", "", false), "");
}

/* ---- the plan ---- */

/* Groups of a realm. */
#define FEW 400
#define MANY 4000

static PGconn *connect_as_app(struct world *w, const char *plans)
{
    char conninfo[512];
    pg_cluster_conninfo_for(w->cluster, "pek_app", NULL, conninfo, sizeof(conninfo));
    size_t len = strlen(conninfo);
    snprintf(conninfo + len, sizeof(conninfo) - len,
             " options='-c pek.realm=a -c plan_cache_mode=%s'", plans);
    PGconn *conn = PQconnectdb(conninfo);
    assert_int_equal(PQstatus(conn), CONNECTION_OK);
    return conn;
}

static const char *ask(struct world *w, PGconn *conn, const char *sql)
{
    PGresult *result = PQexec(conn, sql);
    const char *lines = "";
    if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(conn));
    for (int i = 0; i < PQntuples(result); i++)
        lines = arena_printf(w->arena, "%s%s\n", lines, PQgetvalue(result, i, 0));
    PQclear(result);
    return lines;
}

/* Names from..to of each realm, all at once: kor and a number of n, an SQL expression. */
static void make_many(struct world *w, int from, int to, const char *number)
{
    world_sql(w,
              "ALTER TABLE pek.realm_group DISABLE TRIGGER search_insert;"
              "INSERT INTO pek.realm_group (realm, id, name, unique_key, folded, sort_key, purpose)"
              " SELECT realm, 'x@g' || n, n::text, 'kor ' || n, 'kor ' || %s,"
              " convert_to('kor ' || n, 'UTF8'), 0"
              " FROM generate_series(%d, %d) AS n, unnest(ARRAY['a', 'b']) AS realm;"
              "ALTER TABLE pek.realm_group ENABLE TRIGGER search_insert;"
              "INSERT INTO pek.search_gram SELECT realm, 'group', gram, sort_key, id, folded"
              " FROM pek.realm_group, pek.search_grams(folded) AS gram ON CONFLICT DO NOTHING;"
              "ANALYZE",
              number, from, to);
}

/* Pages of buffers that a search touches. */
static int cost_by(struct world *w, PGconn *conn, const char *statement, const char *gram,
                   const char *pattern)
{
    int pages = 0;
    const char *plan =
        ask(w, conn,
            arena_printf(w->arena,
                         "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF)"
                         " EXECUTE %s ('', '', true, 0, '{%s}', 21, '%s', NULL)",
                         statement, pattern, gram));
    if (strstr(plan, "Seq Scan") || strstr(plan, "->  Sort") || strstr(plan, "Incremental Sort") ||
        strstr(plan, "Bitmap") || !strstr(plan, "Index Scan using search_gram_pkey") ||
        !strstr(plan, "Index Scan using realm_group_"))
        fail_msg("the plan is another one:\n%s", plan);
    const char *buffers = strstr(plan, "Buffers: shared hit=");
    assert_non_null(buffers);
    assert_int_equal(sscanf(buffers, "Buffers: shared hit=%d", &pages), 1);
    return pages;
}

static int cost_of(struct world *w, PGconn *conn, const char *gram, const char *pattern)
{
    return cost_by(w, conn, "found", gram, pattern);
}

static void prepare(struct world *w, PGconn *conn)
{
    ask(w, conn, arena_printf(w->arena, "PREPARE found AS %s", group_list_found[0].whole.sql));
    ask(w, conn, arena_printf(w->arena, "PREPARE every AS %s", group_list_found[1].whole.sql));
    ask(w, conn, arena_printf(w->arena, "PREPARE counted AS %s", search_count_grams.sql));
}

static void search_reads_the_index_and_stops_when_the_page_is_full(struct world *w)
{
    PGconn *conn = connect_as_app(w, "force_generic_plan");
    prepare(w, conn);
    make_many(w, 1, FEW, "n");
    int fruitless = cost_of(w, conn, "xyz", "%xyz%"), common = cost_of(w, conn, "kor", "%kor%"),
        letter = cost_of(w, conn, "k", "%k%"), rare = cost_of(w, conn, "399", "%399%");
    make_many(w, FEW + 1, MANY, "n");
    ask(w, conn, "DEALLOCATE ALL");
    prepare(w, conn);
    /* Ten times the names: an index may be a level deeper, for each row that is looked up. */
    assert_in_range(cost_of(w, conn, "xyz", "%xyz%"), 1, fruitless + 1);
    assert_in_range(cost_of(w, conn, "kor", "%kor%"), 21, common + 22);
    assert_in_range(cost_of(w, conn, "k", "%k%"), 21, letter + 22);
    /* Fourteen names have 399 by now, one has 1399. */
    assert_in_range(cost_of(w, conn, "399", "%1399%"), 1, rare + 14);
    assert_in_range(fruitless, 1, 4);
    assert_in_range(common, 21, 21 * 4);
    /* The first by name are archived: they are not walked, and found in their order by who asks for them. */
    world_sql(w, "UPDATE pek.realm_group SET is_archived = true WHERE id LIKE 'x@g1%%'");
    world_sql(w, "VACUUM ANALYZE");
    assert_in_range(cost_of(w, conn, "kor", "%kor%"), 21, common + 22);
    assert_in_range(cost_by(w, conn, "every", "kor", "%kor%"), 21, common + 26);
    const char *plan = ask(w, conn, "EXPLAIN EXECUTE counted ('{group}', '{kor,xyz}', 400)");
    if (strstr(plan, "Seq Scan") || !strstr(plan, "Index Only Scan using search_gram_pkey"))
        fail_msg("the plan is another one:\n%s", plan);
    PQfinish(conn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(finds_what_comparing_each_name_finds),
        WORLD_TEST(pages_of_a_search_join_without_gap),
        WORLD_TEST(a_row_that_is_no_longer_true_finds_nothing),
        WORLD_TEST(search_reads_the_index_and_stops_when_the_page_is_full),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
