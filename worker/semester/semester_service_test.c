/* A realm's semester: one at any time, moved by who has everything there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pek/semester/v1/semester.rpc.h"
#include "worker/testing/member_world.h"

static enum status get(struct world *w, const char *as, semester_v1_semester **ret_semester)
{
    semester_v1_get_semester_request req = SEMESTER_V1_GET_SEMESTER_REQUEST_INIT;
    return WORLD_RPC(w, semester_v1, get_semester, as, req, *ret_semester);
}

static enum status set(struct world *w, const char *as, const char *name, semester_v1_season season,
                       const char *etag, semester_v1_semester **ret_semester)
{
    semester_v1_update_semester_request req = SEMESTER_V1_UPDATE_SEMESTER_REQUEST_INIT;
    semester_v1_semester semester = SEMESTER_V1_SEMESTER_INIT, *res;
    semester.id = text(name);
    semester.season = season;
    semester.etag = text(etag);
    req.semester = &semester;
    enum status status = WORLD_RPC(w, semester_v1, update_semester, as, req, res);
    if (status == STATUS_OK && ret_semester)
        *ret_semester = res;
    return status;
}

static void realm_begins_off_season_and_is_moved_by_its_god(struct world *w)
{
    semester_v1_semester *semester, *now;
    world_god(w, &w->a, "alice");
    assert_int_equal(get(w, "dan", &semester), STATUS_OK);
    assert_string_equal(semester->id, "2000-2001/2");
    assert_int_equal(semester->season, SEMESTER_V1_SEASON_OFFSEASON);
    assert_int_equal(semester->n_open_actions, 2);
    assert_string_equal(
        semester->calendar_semester,
        world_value(w,
                    "SELECT y || '-' || y + 1 || '/' || CASE WHEN extract(month FROM d) BETWEEN 2"
                    " AND 8 THEN 2 ELSE 1 END FROM (SELECT d, extract(year FROM d)::integer -"
                    " (extract(month FROM d) < 9)::integer AS y FROM"
                    " (SELECT now() AT TIME ZONE 'Europe/Budapest') AS t (d)) AS s"));
    assert_int_equal(set(w, "dan", "2024-2025/1", 2, "", NULL), STATUS_PERMISSION_DENIED);
    assert_int_equal(set(w, "alice", "2024-2025/1", 2, semester->etag, &now), STATUS_OK);
    assert_string_equal(now->id, "2024-2025/1");
    assert_int_equal(now->season, SEMESTER_V1_SEASON_APPLICATION);
    assert_int_equal(set(w, "alice", "2024-2025/2", 2, semester->etag, NULL), STATUS_ABORTED);
    /* The same again changes nothing, also its etag. */
    assert_int_equal(set(w, "alice", "2024-2025/1", 2, now->etag, &semester), STATUS_OK);
    assert_string_equal(semester->etag, now->etag);
    assert_string_equal(world_value(w, "SELECT string_agg(actor || ' ' || detail, ' ')"
                                       " FROM pek.audit_log WHERE target_kind = 'semester'"),
                        "alice {\"season\": 2, \"semester\": \"2024-2025/1\"}");
    /* Another realm's is its own. */
    assert_string_equal(world_value(w, "SELECT string_agg(realm || ' ' || semester, ' ' ORDER BY"
                                       " realm) FROM pek.realm_state"),
                        "a 2024-2025/1 b 2000-2001/2");
}

static void what_is_no_semester_is_refused_by_name(struct world *w)
{
    static const char *const bad[] = {"", "2024-2026/1", "2024-2025/3", "20242025/1"};
    world_god(w, &w->a, "alice");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(set(w, "alice", bad[i], 1, "", NULL), STATUS_INVALID_ARGUMENT);
        assert_string_equal(w->fault.field, "semester.id");
    }
    assert_int_equal(set(w, "alice", "2024-2025/1", 0, "", NULL), STATUS_INVALID_ARGUMENT);
    assert_string_equal(w->fault.field, "semester.season");
    assert_int_equal(set(w, "alice", "2024-2025/1", 4, "", NULL), STATUS_INVALID_ARGUMENT);
}

/* ---- at once ---- */

#define SETTERS 8
static struct world *shared_world;
static enum status outcomes[SETTERS];
static const char *known_etag;

static void set_in_fiber(struct fiber_run *run, size_t index)
{
    struct world *w = shared_world;
    const char *path = "/pek.semester.v1.SemesterService/UpdateSemester";
    const struct rpc_method *found = rpc_host_method(realm_host(w->a.realm), slice_str(path));
    semester_v1_update_semester_request req = SEMESTER_V1_UPDATE_SEMESTER_REQUEST_INIT;
    semester_v1_semester semester = SEMESTER_V1_SEMESTER_INIT;
    ProtobufCMessage *res;
    struct fault fault = {0};
    (void)run;
    semester.id = arena_printf(w->arena, "20%02zu-20%02zu/1", 10 + index, 11 + index);
    semester.season = SEMESTER_V1_SEASON_EVALUATION;
    semester.etag = text(known_etag);
    req.semester = &semester;
    const char *as = arena_printf(w->arena, "god-%zu", index);
    outcomes[index] = rpc_call_unary(w->a.channel, found, &req.base, WORLD_AS(w, as), WORLD_REST(w),
                                     &res, &fault);
}

static void of_many_at_once_one_moves_it(struct world *w)
{
    semester_v1_semester *semester;
    size_t won = 0;
    shared_world = w;
    world_god(w, &w->a, "god-0");
    for (size_t i = 1; i < SETTERS; i++)
        world_god(w, &w->a, arena_printf(w->arena, "god-%zu", i));
    assert_int_equal(get(w, "god-0", &semester), STATUS_OK);
    known_etag = semester->etag;
    fiber_run_parallel(w->run, SETTERS, set_in_fiber);
    for (size_t i = 0; i < SETTERS; i++) {
        won += outcomes[i] == STATUS_OK;
        assert_true(outcomes[i] == STATUS_OK || outcomes[i] == STATUS_ABORTED);
    }
    assert_int_equal(won, 1);
    assert_string_equal(world_value(w, "SELECT count(*) || ' ' || max(semester_version) FROM"
                                       " pek.realm_state WHERE realm = 'a'"),
                        "1 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(realm_begins_off_season_and_is_moved_by_its_god),
        WORLD_TEST(what_is_no_semester_is_refused_by_name),
        WORLD_TEST(of_many_at_once_one_moves_it),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
