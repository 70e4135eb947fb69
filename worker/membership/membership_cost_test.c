/* What lists of members and posts cost is their page, whatever else the realm has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "worker/membership/membership_store.h"
#include "worker/membership/post_store.h"
#include "worker/testing/member_world.h"

#define MEMBERS_OF_O 300
#define PAGE 21
/* A member's row and its entry in the index, which may be on a page each; and what is read once. */
#define PAGES_MAX (2 * PAGE + 20)

/* Members, posts for each third from u`first` on, of their own, in group `id`. */
static void fill(struct world *w, const char *id, int members, int first)
{
    world_sql(w,
              "SET pek.realm = 'a';"
              "INSERT INTO pek.person (id, display_name, folded, sort_key)"
              " SELECT 'u' || n, 'U' || n, 'u' || n, decode(md5(n::text), 'hex')"
              "   FROM generate_series(1, %d) n ON CONFLICT DO NOTHING;"
              "INSERT INTO pek.membership (group_id, user_id, sort_key)"
              " SELECT '%s', 'u' || n, '\\x01' FROM generate_series(1, %d) n;"
              "INSERT INTO pek.membership_period (group_id, user_id, seq, status, begin_time,"
              " changed_by) SELECT '%s', 'u' || n, 1, 3, now(), 'x' FROM generate_series(1, %d) n;"
              "INSERT INTO pek.post_type (group_id, kind, name, unique_key, sort_key, actions)"
              " SELECT '%s', 5, 'T' || n, 't' || n, 't', n %% 2 FROM generate_series(1, 10) n;"
              "INSERT INTO pek.post (group_id, user_id, type_id, given_by)"
              " SELECT t.group_id, 'u' || n, t.id, 'x' FROM pek.post_type t,"
              " generate_series(%d, %d, 3) n WHERE t.group_id = '%s' AND t.name <> 'T1'",
              members, id, members, id, members, id, first, members, id);
}

static const char *plan_of(struct world *w, const struct pg_statement *statement, const char *plans,
                           const char *params)
{
    return world_value(w,
                       "SET ROLE pek_app; SET pek.realm = 'a'; SET plan_cache_mode = %s;"
                       " PREPARE asked AS %s;"
                       " EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) EXECUTE asked (%s)",
                       plans, statement->sql, params);
}

/* Pages that the statement touches, as the application. */
static int pages_of(struct world *w, const struct pg_statement *statement, const char *params)
{
    int pages = 0;
    const char *hit =
        strstr(plan_of(w, statement, "force_generic_plan", params), "\"Shared Hit Blocks\": ");
    assert_non_null(hit);
    assert_int_equal(sscanf(hit, "\"Shared Hit Blocks\": %d", &pages), 1);
    return pages;
}

#define LIST "'', '', true, 'o@o', 62, 'ann', '{}', 21, 30"

static const struct {
    const char *name;
    const struct pg_statement *statement;
    const char *params;
    int pages_max;
} asked[] = {
    {"first members", &membership_store_list.whole, LIST, PAGES_MAX},
    {"members from the middle", &membership_store_list.whole,
     "'\\x0180', 'u1', true, 'o@o', 62, 'ann', '{}', 21, 30", PAGES_MAX},
    {"of a group whose members the other list has", &membership_store_list.whole,
     "'', '', true, 'p1@p1', 62, 'ann', '{}', 21, 30", 10},
    {"types of posts", &post_store_list, "'', '', true, 'o@o', 21", 20},
    {"whether one's posts are too many", &post_store_rights, "'u1', 'ann', 99", 60},
};
#define ASKED (sizeof(asked) / sizeof(asked[0]))

static void pages_follow_what_is_told(struct world *w)
{
    int few[ASKED], many;
    make_members(w);
    fill(w, "o@o", MEMBERS_OF_O, 1);
    world_sql(w, "ANALYZE");
    for (size_t i = 0; i < ASKED; i++)
        few[i] = pages_of(w, asked[i].statement, asked[i].params);
    /* Others' groups, of another organisation, with as many members and posts each. */
    world_sql(w, "SET pek.realm = 'a'; INSERT INTO pek.realm_group"
                 " (id, name, unique_key, folded, sort_key, purpose)"
                 " SELECT 'p' || n || '@p' || n, 'P' || n, 'p' || n, '', '', 0"
                 " FROM generate_series(1, 20) n");
    for (int i = 1; i <= 20; i++) {
        char id[16];
        snprintf(id, sizeof(id), "p%d@p%d", i, i);
        fill(w, id, i == 1 ? 3000 : 200, 2);
    }
    world_sql(w, "UPDATE pek.realm_group SET has_transitive_membership = true WHERE id = 'p1@p1'");
    world_sql(w, "ANALYZE");
    for (size_t i = 0; i < ASKED; i++) {
        many = pages_of(w, asked[i].statement, asked[i].params);
        print_message("pages, %s: %d, %d\n", asked[i].name, few[i], many);
        assert_true(few[i] <= asked[i].pages_max);
        /* An index may be a level deeper, for each that is looked up. */
        assert_true(many <= asked[i].pages_max + few[i] / 2);
    }
}

/* Neither periods nor posts nor people are looked up for each member, nor is anything sorted. */
static void page_of_members_is_read_from_one_index(struct world *w)
{
    static const char *const plans[] = {"force_generic_plan", "force_custom_plan"};
    make_members(w);
    fill(w, "o@o", MEMBERS_OF_O, 1);
    world_sql(w, "ANALYZE");
    for (size_t i = 0; i < 2; i++) {
        const char *plan = plan_of(w, &membership_store_list.whole, plans[i], LIST);
        if (!strstr(plan, "\"Index Name\": \"membership_order\"") || strstr(plan, "Sort Key") ||
            strstr(plan, "\"membership_period\"") || strstr(plan, "\"person\"") ||
            strstr(plan, "\"post\""))
            fail_msg("the plan is another one:\n%s", plan);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(pages_follow_what_is_told),
        WORLD_TEST(page_of_members_is_read_from_one_index),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
