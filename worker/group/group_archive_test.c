/* Archiving and its undo: what went along comes back, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "shared/row/row.h"
#include "worker/group/group.h"
#include "worker/testing/world.h"

static enum status archive(struct world *w, const char *id, bool cascade)
{
    group_v1_archive_group_request req = GROUP_V1_ARCHIVE_GROUP_REQUEST_INIT;
    group_v1_group *res;
    req.id = row_string(id);
    req.cascade = cascade;
    return WORLD_CALL(w, archive_group, "alice", req, res);
}

static enum status unarchive(struct world *w, const char *id, bool cascade)
{
    group_v1_unarchive_group_request req = GROUP_V1_UNARCHIVE_GROUP_REQUEST_INIT;
    group_v1_group *res;
    req.id = row_string(id);
    req.cascade = cascade;
    enum status status = WORLD_CALL(w, unarchive_group, "alice", req, res);
    if (status == STATUS_OK)
        assert_false(res->is_archived);
    return status;
}

static const char *archived(struct world *w)
{
    return world_value(w, "SELECT coalesce(string_agg(split_part(id, '@', 2), ' ' ORDER BY id), '')"
                          " FROM pek.realm_group WHERE is_archived");
}

/* o over a and b, a over c and d, c over e. */
static void make_tree(struct world *w)
{
    static const char *const groups[][2] = {
        {"", "o"}, {"o@o", "a"}, {"o@o", "b"}, {"o@a", "c"}, {"o@a", "d"}, {"o@c", "e"},
    };
    world_god(w, &w->a, "alice");
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
        assert_int_equal(world_create(w, "alice", groups[i][0], groups[i][1], groups[i][1]),
                         STATUS_OK);
}

static void what_was_archived_before_stays_archived(struct world *w)
{
    make_tree(w);
    assert_int_equal(archive(w, "o@d", false), STATUS_OK);
    assert_int_equal(archive(w, "o@a", true), STATUS_OK);
    assert_string_equal(archived(w), "a c d e");
    assert_int_equal(unarchive(w, "o@a", true), STATUS_OK);
    assert_string_equal(archived(w), "d");
    assert_string_equal(
        world_value(w, "SELECT string_agg(target_id, ' ' ORDER BY target_id) FROM pek.audit_log"
                       " WHERE action = 'group.unarchive'"),
        "o@a o@c o@e");
}

static void without_cascade_one_group_comes_back(struct world *w)
{
    make_tree(w);
    assert_int_equal(archive(w, "o@a", true), STATUS_OK);
    assert_int_equal(unarchive(w, "o@a", false), STATUS_OK);
    assert_string_equal(archived(w), "c d e");
    /* What went along still hangs together. */
    assert_int_equal(unarchive(w, "o@c", true), STATUS_OK);
    assert_string_equal(archived(w), "d");
}

static void two_archivings_of_one_group_are_two(struct world *w)
{
    make_tree(w);
    assert_int_equal(archive(w, "o@a", true), STATUS_OK);
    assert_int_equal(unarchive(w, "o@a", false), STATUS_OK);
    assert_int_equal(unarchive(w, "o@c", false), STATUS_OK);
    /* d and e are left of the first one; the second takes a and c. */
    assert_int_equal(archive(w, "o@a", true), STATUS_OK);
    assert_string_equal(archived(w), "a c d e");
    assert_int_equal(unarchive(w, "o@a", true), STATUS_OK);
    assert_string_equal(archived(w), "d e");
}

static void group_archived_before_archivings_were_counted_comes_back_alone(struct world *w)
{
    make_tree(w);
    world_sql(w, "UPDATE pek.realm_group SET is_archived = true WHERE id IN ('o@a', 'o@c')");
    assert_int_equal(unarchive(w, "o@a", true), STATUS_OK);
    assert_string_equal(archived(w), "c");
}

/* ---- any order of both, against a model of it ---- */

#define GROUPS 12
#define STEPS 120

static unsigned random_state = 20261128;

static unsigned random_below(unsigned limit)
{
    random_state = random_state * 1103515245u + 12345u;
    return (random_state >> 16) % limit;
}

/* Group i is below parent[i] < i; 0 is the organisation. taken_by: which archiving took it, 0 none. */
struct model {
    unsigned parent[GROUPS];
    unsigned taken_by[GROUPS];
    unsigned archivings;
};

static bool is_below(const struct model *model, unsigned group, unsigned top)
{
    while (group != top && group != 0)
        group = model->parent[group];
    return group == top;
}

static enum status model_archive(struct model *model, unsigned group, bool cascade)
{
    if (model->taken_by[group])
        return STATUS_OK;
    for (unsigned i = 0; i < GROUPS && !cascade; i++)
        if (i != group && is_below(model, i, group) && !model->taken_by[i])
            return STATUS_FAILED_PRECONDITION;
    model->archivings++;
    for (unsigned i = 0; i < GROUPS; i++)
        if (is_below(model, i, group) && !model->taken_by[i])
            model->taken_by[i] = model->archivings;
    return STATUS_OK;
}

static enum status model_unarchive(struct model *model, unsigned group, bool cascade)
{
    unsigned archiving = model->taken_by[group];
    if (!archiving)
        return STATUS_OK;
    for (unsigned up = group; up != 0;) {
        up = model->parent[up];
        if (model->taken_by[up])
            return STATUS_FAILED_PRECONDITION;
    }
    for (unsigned i = 0; i < GROUPS; i++)
        if (i == group || (cascade && is_below(model, i, group) && model->taken_by[i] == archiving))
            model->taken_by[i] = 0;
    return STATUS_OK;
}

static const char *slug_of(struct world *w, unsigned group)
{
    return arena_printf(w->arena, "%c", (char)('a' + group));
}

static const char *id_of(struct world *w, unsigned group)
{
    return arena_printf(w->arena, "a@%s", slug_of(w, group));
}

static void any_order_comes_out_as_the_model_has_it(struct world *w)
{
    struct model model = {.archivings = 0};
    world_god(w, &w->a, "alice");
    assert_int_equal(world_create(w, "alice", "", "a", "a"), STATUS_OK);
    for (unsigned i = 1; i < GROUPS; i++) {
        model.parent[i] = random_below(i);
        assert_int_equal(
            world_create(w, "alice", id_of(w, model.parent[i]), slug_of(w, i), slug_of(w, i)),
            STATUS_OK);
    }
    for (unsigned step = 0; step < STEPS; step++) {
        /* Not the organisation, under which nothing would be left to do. */
        unsigned group = 1 + random_below(GROUPS - 1);
        bool cascade = random_below(4) > 0;
        char expected[2 * GROUPS + 1] = "";
        if (random_below(5) < 2)
            assert_int_equal(archive(w, id_of(w, group), cascade),
                             model_archive(&model, group, cascade));
        else
            assert_int_equal(unarchive(w, id_of(w, group), cascade),
                             model_unarchive(&model, group, cascade));
        for (unsigned i = 0; i < GROUPS; i++)
            if (model.taken_by[i])
                snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected), "%s%c",
                         expected[0] ? " " : "", (char)('a' + i));
        assert_string_equal(archived(w), expected);
    }
    assert_true(model.archivings > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(what_was_archived_before_stays_archived),
        WORLD_TEST(without_cascade_one_group_comes_back),
        WORLD_TEST(two_archivings_of_one_group_are_two),
        WORLD_TEST(group_archived_before_archivings_were_counted_comes_back_alone),
        WORLD_TEST(any_order_comes_out_as_the_model_has_it),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
