/* Whatever people do to policies, in whatever order: nobody ever gets a right from somebody who did not have it, and
 * the tree keeps its rules. Sequences of generated operations, each by a generated user. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/rights/policy.h"
#include "worker/testing/policy_world.h"

#define SEEDS 4
#define OPERATIONS 150 /* a seed */
#define DONE_MIN 100   /* of all seeds: fewer, and the test has looked at nothing but refusals */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ONE_OF(array) ((array)[chance(COUNT(array))])

static const char *const users[] = {"u0", "u1", "u2", "u3", "u4"};
static const char *const groups[] = {"o@o", "o@a", "o@b", "o@c", "o@d"};

/* ---- chance ---- */

static uint64_t state;

static uint64_t chance(uint64_t below)
{
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) % below;
}

static uint32_t some_actions(void)
{
    uint32_t bits = (uint32_t)chance(2048);
    return chance(3) ? bits | 16 : bits;
}

static struct given some_given(void)
{
    struct given given = {.actions = some_actions() & (chance(2) ? 2047u : 21u)};
    given.group = chance(5) ? ONE_OF(groups) : NULL;
    given.user = chance(5) ? NULL : ONE_OF(users);
    if (!given.actions)
        given.actions = 4;
    return given;
}

/* ---- who may what ---- */

/* Targets: the realm, each group, each user, each group with each user. */
#define TARGETS ((1 + COUNT(groups)) * (1 + COUNT(users)))

struct matrix {
    uint32_t rights[COUNT(users)][TARGETS];
};

static size_t index_of(const char *const *array, size_t count, const char *value)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(array[i], value) == 0)
            return i;
    return count;
}

/* A statement's actions, for every target that meets its restrictions. */
static void add_rights(uint32_t rights[TARGETS], const char *group, const char *user,
                       uint32_t actions)
{
    for (size_t g = 0; g <= COUNT(groups); g++)
        for (size_t u = 0; u <= COUNT(users); u++) {
            bool meets_group = !group || (g > 0 && strcmp(groups[g - 1], group) == 0);
            bool meets_user = !user || (u > 0 && strcmp(users[u - 1], user) == 0);
            if (meets_group && meets_user)
                rights[g * (1 + COUNT(users)) + u] |= actions;
        }
}

static struct matrix *read_matrix(struct world *w)
{
    static const struct pg_statement all = {
        "property_rows",
        "SELECT a.user_id, s.group_id, s.user_id, s.actions FROM pek.policy_assignment AS a, "
        "pek.policy_statement AS s WHERE s.policy_id = a.policy_id",
    };
    struct matrix *matrix = calloc(1, sizeof(*matrix));
    struct pg_result *rows;
    assert_non_null(matrix);
    assert_int_equal(pg_read(realm_pg(w->a.realm), PG_POINT_READ, &w->cancel, &all, NULL, 0, &rows),
                     STATUS_OK);
    for (size_t i = 0; i < pg_rows(rows); i++) {
        size_t holder = index_of(users, COUNT(users), pg_get_str(rows, i, 0));
        if (holder < COUNT(users))
            add_rights(matrix->rights[holder],
                       pg_is_null(rows, i, 1) ? NULL : pg_get_str(rows, i, 1),
                       pg_is_null(rows, i, 2) ? NULL : pg_get_str(rows, i, 2),
                       (uint32_t)pg_get_int(rows, i, 3));
    }
    pg_result_free(rows);
    return matrix;
}

/* What anybody has now and had not before, `actor` had before. */
static void check_gains(const struct matrix *before, const struct matrix *after, size_t actor,
                        const char *operation)
{
    for (size_t u = 0; u < COUNT(users); u++)
        for (size_t t = 0; t < TARGETS; t++) {
            uint32_t gained = after->rights[u][t] & ~before->rights[u][t];
            if (gained & ~before->rights[actor][t])
                fail_msg("%s by %s gave %s rights %x on target %zu, which they had not", operation,
                         users[actor], users[u], gained & ~before->rights[actor][t], t);
        }
}

/* ---- operations ---- */

/* A row of the statement's, by chance: two columns, in the world's arena. False when there is none. */
static bool pick(struct world *w, const struct pg_statement *statement, const char *param,
                 const char *ret_columns[2])
{
    const struct pg_param params[] = {pg_str(param)};
    struct pg_result *rows;
    assert_int_equal(pg_read(realm_pg(w->a.realm), PG_POINT_READ, &w->cancel, statement, params,
                             param ? 1 : 0, &rows),
                     STATUS_OK);
    size_t count = pg_rows(rows), row = count ? chance(count) : 0;
    for (int column = 0; count > 0 && column < 2; column++) {
        ret_columns[column] = arena_printf(w->arena, "%s", pg_get_str(rows, row, column));
        assert_non_null(ret_columns[column]);
    }
    pg_result_free(rows);
    return count > 0;
}

/* Somebody and a policy: mostly one that they hold or administer, else any. */
static void some_actor_and_policy(struct world *w, const char *ret_pair[2])
{
    static const struct pg_statement any = {
        "property_any",
        "SELECT 'u' || n, p.id FROM generate_series(0, 4) AS n, pek.policy AS p ORDER BY 1, 2",
    };
    static const struct pg_statement fitting = {
        "property_fitting",
        "WITH RECURSIVE below (user_id, id, top) AS ("
        "  SELECT a.user_id, a.policy_id, true FROM pek.policy_assignment AS a"
        "    JOIN pek.policy AS p ON p.id = a.policy_id"
        "   WHERE p.can_issue AND a.user_id LIKE 'u%'"
        "  UNION SELECT b.user_id, p.id, false FROM below AS b"
        "    JOIN pek.policy AS p ON p.parent_id = b.id) "
        "SELECT DISTINCT user_id, id FROM below ORDER BY 1, 2",
    };
    if (chance(5) == 0 || !pick(w, &fitting, NULL, ret_pair))
        assert_true(pick(w, &any, NULL, ret_pair));
}

/* One of the policy's, "0" when it has none. */
static const char *some_statement(struct world *w, const char *policy)
{
    static const struct pg_statement of_policy = {
        "property_statements",
        "SELECT s.id, '' FROM pek.policy_statement AS s WHERE s.policy_id = $1::bigint ORDER BY 1",
    };
    const char *columns[2];
    return pick(w, &of_policy, policy, columns) ? columns[0] : "0";
}

/* Mostly one that narrows what the policy has, or what the one above it has; else any. */
static struct given some_fitting_given(struct world *w, const char *policy)
{
    static const struct pg_statement around = {
        "property_around",
        "SELECT coalesce(s.group_id, ''), s.actions FROM pek.policy AS p"
        " JOIN pek.policy_statement AS s ON s.policy_id IN (p.id, p.parent_id)"
        " WHERE p.id = $1::bigint AND s.user_id IS NULL ORDER BY 1, 2",
    };
    const char *columns[2];
    struct given given = some_given();
    if (chance(5) == 0 || !pick(w, &around, policy, columns))
        return given;
    uint32_t actions = (uint32_t)strtoul(columns[1], NULL, 10);
    if (columns[0][0])
        given.group = columns[0];
    given.actions = given.actions & actions ? given.actions & actions : actions;
    return given;
}

static enum status operate(struct world *w, const char *actor, const char *policy, int n,
                           const char **ret_name)
{
    const char *id;
    char name[16];
    switch (chance(12)) {
    case 0:
    case 1:
    case 2:
        *ret_name = "create child";
        snprintf(name, sizeof(name), "N%d", n);
        return policy_world_child(w, actor, policy, name, chance(3) != 0,
                                  some_fitting_given(w, policy), &id);
    case 3:
    case 4:
        *ret_name = "add";
        return policy_world_add(w, actor, policy, some_fitting_given(w, policy), &id);
    case 5:
        *ret_name = "set";
        return policy_world_set(w, actor, policy, some_statement(w, policy), some_actions() | 1,
                                chance(2));
    case 6:
        *ret_name = "drop";
        return policy_world_drop(w, actor, policy, some_statement(w, policy), chance(2));
    case 7:
        *ret_name = "delete";
        return chance(3) ? STATUS_CANCELLED : policy_world_delete(w, actor, policy, chance(2));
    case 8:
    case 9:
    case 10: *ret_name = "assign"; return policy_world_assign(w, actor, policy, ONE_OF(users));
    default: *ret_name = "revoke"; return policy_world_revoke(w, actor, policy, ONE_OF(users));
    }
}

/* o@o over o@a over o@b, o@c and o@d under o@o; u0 and u1 hold policies that can issue. */
static void make_start(struct world *w)
{
    const char *id;
    world_god(w, &w->a, "alice");
    const char *god = policy_world_id(w, "GOD");
    assert_int_equal(world_create(w, "alice", "", "o", "O"), STATUS_OK);
    assert_int_equal(world_create(w, "alice", "o@o", "a", "A"), STATUS_OK);
    assert_int_equal(world_create(w, "alice", "o@a", "b", "B"), STATUS_OK);
    assert_int_equal(world_create(w, "alice", "o@o", "c", "C"), STATUS_OK);
    assert_int_equal(world_create(w, "alice", "o@o", "d", "D"), STATUS_OK);
    const struct given wide = {NULL, NULL, 2047 & ~3u}, whole = {"o@o", NULL, 2047};
    assert_int_equal(policy_world_child(w, "alice", god, "Wide", true, wide, &id), STATUS_OK);
    assert_int_equal(policy_world_assign(w, "alice", id, "u0"), STATUS_OK);
    assert_int_equal(policy_world_child(w, "alice", god, "Whole", true, whole, &id), STATUS_OK);
    assert_int_equal(policy_world_assign(w, "alice", id, "u1"), STATUS_OK);
}

/* GOD gives some of what was lost back, so that a sequence does not die out; and moves groups about. */
static void tend(struct world *w)
{
    group_v1_move_group_request req = GROUP_V1_MOVE_GROUP_REQUEST_INIT;
    group_v1_group *res;
    const char *pair[2];
    some_actor_and_policy(w, pair);
    (void)policy_world_assign(w, "alice", pair[1], ONE_OF(users));
    /* Nobody else becomes GOD: what they did then would prove nothing. */
    world_sql(w, "DELETE FROM pek.policy_assignment WHERE user_id <> 'alice' AND policy_id ="
                 " (SELECT id FROM pek.policy WHERE realm = 'a' AND name = 'GOD')");
    req.id = policy_world_text(groups[1 + chance(COUNT(groups) - 1)]);
    req.parent_id = policy_world_text(ONE_OF(groups));
    enum status status = WORLD_CALL(w, move_group, "alice", req, res);
    if (status != STATUS_OK && status != STATUS_FAILED_PRECONDITION)
        fail_msg("move of %s under %s: %s, %s", req.id, req.parent_id, status_name(status),
                 w->fault.text);
}

static int run_sequence(struct world *w, uint64_t seed)
{
    int done = 0;
    state = seed;
    for (int n = 0; n < OPERATIONS; n++) {
        if (n % 20 == 19)
            tend(w);
        const char *pair[2], *name = "";
        some_actor_and_policy(w, pair);
        size_t actor = index_of(users, COUNT(users), pair[0]);
        struct matrix *before = read_matrix(w);
        enum status status = operate(w, pair[0], pair[1], n, &name);
        struct matrix *after = read_matrix(w);
        assert_true(status != STATUS_INTERNAL && status != STATUS_UNKNOWN);
        done += status == STATUS_OK;
        check_gains(before, after, actor, name);
        if (status != STATUS_OK)
            assert_memory_equal(before, after, sizeof(*before));
        free(before);
        free(after);
        assert_string_equal(policy_world_wrongs(w), "");
    }
    return done;
}

static int done_in_all;

static void nobody_gets_what_its_giver_had_not(struct world *w)
{
    static uint64_t seed = 7;
    make_start(w);
    done_in_all += run_sequence(w, seed++);
    assert_string_equal(world_value(w,
                                    "SELECT count(*) FROM pek.policy p JOIN pek.policy q"
                                    " ON q.id = p.parent_id WHERE p.can_issue AND NOT q.can_issue"),
                        "0");
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.policy_assignment"
                                       " WHERE user_id = assigned_by AND user_id LIKE 'u%%'"),
                        "0");
}

static void enough_was_done(struct world *w)
{
    (void)w;
    print_message("%d of %d operations were let through\n", done_in_all, SEEDS * OPERATIONS);
    assert_true(done_in_all >= DONE_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(nobody_gets_what_its_giver_had_not),
        WORLD_TEST(nobody_gets_what_its_giver_had_not),
        WORLD_TEST(nobody_gets_what_its_giver_had_not),
        WORLD_TEST(nobody_gets_what_its_giver_had_not),
        WORLD_TEST(enough_was_done),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
