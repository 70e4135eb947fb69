/* Lists as any domain gets them, on groups, which are at hand. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shared/base/calendar.h"
#include "shared/service/read.h"
#include "worker/testing/world.h"

#define VIEW_GROUP (1u << 2)
#define MANY 1300
#define LIST_GROUPS "/pek.group.v1.GroupService/ListGroups"

/* More than two batches, in the order of their numbers. */
static void make_many(struct world *w)
{
    world_sql(w,
              "INSERT INTO pek.realm_group"
              " (realm, id, name, unique_key, folded, sort_key, purpose)"
              " SELECT 'a', 'x@g' || lpad(n::text, 4, '0'), 'G ' || n, 'g' || n, 'g ' || n,"
              " decode(lpad(to_hex(n / 900), 8, '0'), 'hex'), 0 FROM generate_series(1, %d) n",
              MANY);
}

static void take_everything_from_bob(struct world *w)
{
    world_sql(w, "DELETE FROM pek.policy_assignment WHERE user_id = 'bob'");
    /* Another's change, as this process hears of it, and longer ago than a scope may be old. */
    policy_cache_forget_all(realm_rights(w->a.realm));
    fiber_sleep_ms(GUARD_AGE_MAX_MS + 100);
}

static void list_ends_where_the_right_to_it_ends(struct world *w)
{
    group_v1_list_groups_request req = GROUP_V1_LIST_GROUPS_REQUEST_INIT;
    size_t count;
    make_many(w);
    /* Items so large that the stream's queue holds back the second batch. */
    world_sql(w, "UPDATE pek.realm_group SET description = repeat('x', 1000)");
    world_grant(w, &w->a, "sees all", "bob", NULL, VIEW_GROUP);
    assert_int_equal(
        world_read_slowly(w, "bob", LIST_GROUPS, &req.base, take_everything_from_bob, &count),
        STATUS_PERMISSION_DENIED);
    /* What was in the queue already; of the batch that waited for room nothing. */
    assert_in_range(count, 1, RPC_STREAM_QUEUE_BYTES / 1000 + 1);
}

static void nothing(struct world *w)
{
    (void)w;
}

static size_t bytes_used(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static size_t before_bytes, waiting_bytes;

/* Until the queue is full, and the handler waits. */
static void note_bytes(struct world *w)
{
    (void)w;
    fiber_sleep_ms(500);
    waiting_bytes = bytes_used();
}

/* The largest rows that there are, all of them in one batch if their number alone counted. */
static void rows_that_wait_for_a_reader_are_few(struct world *w)
{
    group_v1_list_groups_request req = GROUP_V1_LIST_GROUPS_REQUEST_INIT;
    size_t count;
    make_many(w);
    world_god(w, &w->a, "alice");
    world_sql(w, "UPDATE pek.realm_group SET description = repeat('😀', 20000)"
                 " WHERE id BETWEEN 'x@g0101' AND 'x@g0400'");
    before_bytes = bytes_used();
    assert_int_equal(world_read_slowly(w, "alice", LIST_GROUPS, &req.base, note_bytes, &count),
                     STATUS_OK);
    assert_int_equal(count, MANY);
    if (waiting_bytes > before_bytes + READ_BATCH_BYTES + 3 * RPC_STREAM_QUEUE_BYTES)
        fail_msg("%zu bytes wait", waiting_bytes - before_bytes);
}

static void page_ends_where_it_was_asked_to(struct world *w)
{
    static const int32_t sizes[] = {1,
                                    READ_POINT_ROWS_MAX,
                                    READ_POINT_ROWS_MAX + 1,
                                    READ_BATCH_ROWS,
                                    READ_BATCH_ROWS + 1,
                                    MANY,
                                    MANY + 1,
                                    INT32_MAX,
                                    0};
    make_many(w);
    world_god(w, &w->a, "alice");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        group_v1_list_groups_request req = GROUP_V1_LIST_GROUPS_REQUEST_INIT;
        size_t count;
        req.page_size = sizes[i];
        assert_int_equal(world_read_slowly(w, "alice", LIST_GROUPS, &req.base, nothing, &count),
                         STATUS_OK);
        assert_int_equal(count, sizes[i] > 0 && sizes[i] < MANY ? sizes[i] : MANY);
    }
}

/* Every position of the list, given from outside, goes on where it says. */
static void positions_go_on_across_batches(struct world *w)
{
    group_v1_list_groups_request req = GROUP_V1_LIST_GROUPS_REQUEST_INIT;
    Pek__Cursor after = PEK__CURSOR__INIT;
    group_v1_group *at;
    make_many(w);
    world_god(w, &w->a, "alice");
    assert_int_equal(world_get(w, "alice", "x@g0499", &at), STATUS_OK);
    after.sort_key = at->sort_key;
    after.id = at->id;
    req.after = &after;
    req.page_size = 2;
    assert_string_equal(world_list(w, "alice", &req), "x@g0500 x@g0501");
    after.inclusive = true;
    assert_string_equal(world_list(w, "alice", &req), "x@g0499 x@g0500");
    /* A position whose row is gone is a position all the same. */
    world_sql(w, "DELETE FROM pek.membership WHERE group_id = 'x@g0499'; DELETE FROM "
                 "pek.realm_group WHERE id = 'x@g0499'");
    assert_string_equal(world_list(w, "alice", &req), "x@g0500 x@g0501");
}

static void row_that_cannot_be_read_is_named(struct world *w)
{
    group_v1_list_groups_request req = GROUP_V1_LIST_GROUPS_REQUEST_INIT;
    make_many(w);
    world_god(w, &w->a, "alice");
    world_sql(w, "ALTER TABLE pek.realm_group DROP CONSTRAINT realm_group_foundation_time_check;"
                 "UPDATE pek.realm_group SET foundation_time = 'infinity' WHERE id = 'x@g0003'");
    assert_string_equal(world_list(w, "alice", &req), "x@g0001 x@g0002 DATA_LOSS");
    assert_string_equal(w->fault.text, "group x@g0003 cannot be read: its foundation_time");
    group_v1_group *res;
    assert_int_equal(world_get(w, "alice", "x@g0003", &res), STATUS_DATA_LOSS);
    assert_int_equal(world_get(w, "alice", "x@g0004", &res), STATUS_OK);
    world_sql(w,
              "UPDATE pek.realm_group SET foundation_time = now();"
              "ALTER TABLE pek.realm_group ADD CONSTRAINT realm_group_foundation_time_check CHECK"
              " (foundation_time BETWEEN '0001-01-01Z' AND '9999-12-31 23:59:59.999999Z')");
}

/* ---- times at the door ---- */

static enum status found(struct world *w, int64_t seconds, int32_t nanos, group_v1_group **ret)
{
    static unsigned number;
    group_v1_create_group_request req = GROUP_V1_CREATE_GROUP_REQUEST_INIT;
    Google__Protobuf__Timestamp time = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    time.seconds = seconds;
    time.nanos = nanos;
    req.slug = arena_printf(w->arena, "t%u", number++);
    req.name = req.slug;
    req.foundation_time = &time;
    return WORLD_CALL(w, create_group, "alice", req, *ret);
}

static void times_are_stored_exactly_and_never_rounded_up(struct world *w)
{
    static const int64_t seconds[] = {
        CALENDAR_SECONDS_MIN, CALENDAR_SECONDS_MAX, -9025257601, 9025257600, -1, 0};
    static const int32_t nanos[] = {0, 999, 1000, 999999999};
    group_v1_group *made, *read;
    world_god(w, &w->a, "alice");
    for (size_t s = 0; s < sizeof(seconds) / sizeof(seconds[0]); s++)
        for (size_t n = 0; n < sizeof(nanos) / sizeof(nanos[0]); n++) {
            assert_int_equal(found(w, seconds[s], nanos[n], &made), STATUS_OK);
            assert_int_equal(made->foundation_time->seconds, seconds[s]);
            assert_int_equal(made->foundation_time->nanos, nanos[n] / 1000 * 1000);
            assert_int_equal(world_get(w, "alice", made->id, &read), STATUS_OK);
            assert_int_equal(read->foundation_time->seconds, seconds[s]);
            assert_int_equal(read->foundation_time->nanos, nanos[n] / 1000 * 1000);
        }
    assert_int_equal(found(w, CALENDAR_SECONDS_MIN - 1, 999999999, &made), STATUS_INVALID_ARGUMENT);
    assert_string_equal(w->fault.field, "foundation_time");
    assert_int_equal(found(w, CALENDAR_SECONDS_MAX + 1, 0, &made), STATUS_INVALID_ARGUMENT);
    assert_int_equal(found(w, 0, -1, &made), STATUS_INVALID_ARGUMENT);
    assert_int_equal(found(w, 0, 1000000000, &made), STATUS_INVALID_ARGUMENT);
    assert_string_equal(
        world_value(w, "SELECT max(foundation_time) FROM pek.realm_group WHERE realm = 'a'"),
        "9999-12-31 23:59:59.999999+00");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(list_ends_where_the_right_to_it_ends),
        WORLD_TEST(rows_that_wait_for_a_reader_are_few),
        WORLD_TEST(page_ends_where_it_was_asked_to),
        WORLD_TEST(positions_go_on_across_batches),
        WORLD_TEST(row_that_cannot_be_read_is_named),
        WORLD_TEST(times_are_stored_exactly_and_never_rounded_up),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
