/* What a realm stores about one person, as they get it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <malloc.h>

#include "shared/service/read.h"
#include "worker/export/export_service.h"
#include "worker/testing/policy_world.h"

#define EXPORT "/pek.export.v1.ExportService/ExportUser"

struct part {
    const export_v1_record *records[WORLD_ITEMS_MAX];
    size_t count;
};

static struct part part;

static void export_of(struct world *w, const char *user)
{
    const export_v1_export_user_request req = EXPORT_V1_EXPORT_USER_REQUEST_INIT;
    const struct rpc_method *method = rpc_host_method(realm_host(w->a.realm), SLICE_LIT(EXPORT));
    ProtobufCMessage **items = arena_zalloc(w->arena, WORLD_ITEMS_MAX, sizeof(*items));
    assert_non_null(items);
    assert_int_equal(
        world_stream(w, w->a.channel, method, &req.base, WORLD_AS(w, user), items, &part.count),
        STATUS_OK);
    for (size_t i = 0; i < part.count; i++) {
        part.records[i] = (const export_v1_record *)items[i];
        assert_string_equal(part.records[i]->realm, "a");
    }
}

static const char *value_of(const export_v1_record *record, const char *key)
{
    for (size_t i = 0; i < record->n_values; i++)
        if (strcmp(record->values[i]->key, key) == 0)
            return record->values[i]->value;
    return "-";
}

/* "value value …" of all records of the kind, in their order; "" for none. */
static const char *values(struct world *w, const char *kind, const char *key)
{
    const char *text = "";
    for (size_t i = 0; i < part.count; i++)
        if (strcmp(part.records[i]->kind, kind) == 0)
            text = arena_printf(w->arena, "%s%s%s", text, text[0] ? " " : "",
                                value_of(part.records[i], key));
    return text;
}

static void everything_about_one_is_told_and_nothing_about_others(struct world *w)
{
    const char *clerk;
    world_god(w, &w->a, "alice");
    assert_int_equal(world_create(w, "alice", "", "o", "O"), STATUS_OK);
    assert_int_equal(policy_world_child(w, "alice", policy_world_id(w, "GOD"), "Clerk", false,
                                        (struct given){"o@o", "bob", 4}, &clerk),
                     STATUS_OK);
    assert_int_equal(policy_world_assign(w, "alice", clerk, "bob"), STATUS_OK);
    export_of(w, "bob");
    assert_string_equal(values(w, "policy_assignment", "policyName"), "Clerk");
    assert_string_equal(values(w, "policy_assignment", "assignedBy"), "alice");
    assert_string_equal(values(w, "policy_statement_about", "groupId"), "o@o");
    assert_string_equal(values(w, "audit_about", "action"), "policy.assign");
    assert_string_equal(values(w, "audit", "action"), "");
    assert_string_equal(values(w, "membership", "groupId"), "");
    export_of(w, "alice");
    assert_string_equal(values(w, "membership", "groupName"), "O");
    assert_string_equal(values(w, "membership_period", "status"), "ACTIVE");
    assert_string_equal(values(w, "policy_made", "name"), "Clerk");
    assert_string_equal(values(w, "policy_assignment_given", "userId"), "bob");
    assert_string_equal(values(w, "audit", "action"),
                        "group.create membership.found policy.create policy.assign");
    assert_string_equal(values(w, "idempotency", "key"), "");
    /* Of a stranger nothing, and never anything of another realm. */
    export_of(w, "nobody");
    assert_int_equal(part.count, 0);
    world_sql(w, "INSERT INTO pek.realm_user (realm, user_id) VALUES ('b', 'nobody')");
    export_of(w, "nobody");
    assert_int_equal(part.count, 0);
}

/* More than a batch, each once, in order. */
static void long_part_comes_whole_and_in_order(struct world *w)
{
    world_sql(w, "INSERT INTO pek.audit_log (realm, actor, action, target_kind, target_id)"
                 " SELECT 'a', CASE n %% 2 WHEN 0 THEN 'bob' ELSE 'eve' END, 'x', 'x', n::text"
                 "  FROM generate_series(1, 2600) n");
    export_of(w, "bob");
    assert_int_equal(part.count, 1300);
    for (size_t i = 0; i < part.count; i++) {
        char expected[16];
        snprintf(expected, sizeof(expected), "%zu", 2 * (i + 1));
        assert_string_equal(value_of(part.records[i], "targetId"), expected);
        if (i > 0)
            assert_true(strcmp(part.records[i - 1]->id, part.records[i]->id) < 0);
    }
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

/* As large as rows are, 20 KB each. */
static void rows_that_wait_for_a_reader_are_few(struct world *w)
{
    const export_v1_export_user_request req = EXPORT_V1_EXPORT_USER_REQUEST_INIT;
    size_t count;
    world_sql(w, "INSERT INTO pek.audit_log (realm, actor, action, target_kind, target_id, detail)"
                 " SELECT 'a', 'bob', 'x', 'x', n::text, to_jsonb(repeat('😀', 5000))"
                 "  FROM generate_series(1, 500) n");
    before_bytes = bytes_used();
    assert_int_equal(world_read_slowly(w, "bob", EXPORT, &req.base, note_bytes, &count), STATUS_OK);
    assert_int_equal(count, 500);
    if (waiting_bytes > before_bytes + READ_BATCH_BYTES + 3 * RPC_STREAM_QUEUE_BYTES)
        fail_msg("%zu bytes wait", waiting_bytes - before_bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(everything_about_one_is_told_and_nothing_about_others),
        WORLD_TEST(long_part_comes_whole_and_in_order),
        WORLD_TEST(rows_that_wait_for_a_reader_are_few),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
