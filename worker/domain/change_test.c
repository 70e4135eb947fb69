#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shared/base/clock.h"
#include "worker/domain/domain.h"
#include "worker/testing/world.h"

static enum status create(struct world *w, const char *user, const char *key, const char *slug,
                          const char *name, struct fault *fault, group_v1_group **ret_group)
{
    group_v1_create_group_request req = GROUP_V1_CREATE_GROUP_REQUEST_INIT;
    req.slug = (char *)(uintptr_t)slug;
    req.name = (char *)(uintptr_t)name;
    const struct rpc_pair *metadata = world_metadata(w, &w->a, user, CHANGE_KEY_METADATA, key);
    return group_v1_create_group_call(w->a.channel, &req, metadata, key ? 2 : 1, WORLD_REST(w),
                                      ret_group, fault);
}

static void repeated_key_gives_the_first_answer_and_one_effect(struct world *w)
{
    group_v1_group *first, *second;
    world_god(w, &w->a, "alice");
    assert_int_equal(create(w, "alice", "k1", "x", "X", &w->fault, &first), STATUS_OK);
    world_sql(w, "UPDATE pek.realm_group SET name = 'other', version = 9");
    assert_int_equal(create(w, "alice", "k1", "x", "X", &w->fault, &second), STATUS_OK);
    assert_string_equal(second->name, "X");
    assert_string_equal(second->etag, first->etag);
    assert_string_equal(second->realm, "a");
    assert_int_equal(second->sort_key.len, first->sort_key.len);
    assert_string_equal(
        world_value(w, "SELECT count(*) FROM pek.audit_log WHERE action LIKE 'group.%%'"), "1");
}

static void key_of_another_request_is_refused(struct world *w)
{
    group_v1_group *res;
    world_god(w, &w->a, "alice");
    assert_int_equal(create(w, "alice", "k1", "x", "X", &w->fault, &res), STATUS_OK);
    assert_int_equal(create(w, "alice", "k1", "y", "Y", &w->fault, &res),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, "IDEMPOTENCY_KEY_REUSED");
    /* The same bytes for another method are another request. */
    group_v1_archive_group_request archive = GROUP_V1_ARCHIVE_GROUP_REQUEST_INIT;
    archive.id = (char *)(uintptr_t) "x@x";
    assert_int_equal(
        group_v1_archive_group_call(w->a.channel, &archive,
                                    world_metadata(w, &w->a, "alice", CHANGE_KEY_METADATA, "k1"), 2,
                                    WORLD_REST(w), &res, &w->fault),
        STATUS_FAILED_PRECONDITION);
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.realm_group"), "1");
}

static void keys_of_two_users_are_two_keys(struct world *w)
{
    group_v1_group *res;
    world_god(w, &w->a, "alice");
    world_god(w, &w->a, "zoe");
    assert_int_equal(create(w, "alice", "k1", "x", "X", &w->fault, &res), STATUS_OK);
    assert_int_equal(create(w, "zoe", "k1", "y", "Y", &w->fault, &res), STATUS_OK);
    assert_string_equal(res->id, "y@y");
}

/* The realm answers, and what needs no room works: so it is none that is away, and it is not this program's fault either. */
static void change_without_room_says_so(struct world *w)
{
    group_v1_group *res;
    world_god(w, &w->a, "alice");
    world_sql(w, "CREATE FUNCTION pek.full_disk() RETURNS trigger LANGUAGE plpgsql AS $$"
                 " BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$;"
                 " CREATE TRIGGER full_disk BEFORE INSERT ON pek.audit_log"
                 " FOR EACH ROW EXECUTE FUNCTION pek.full_disk()");
    assert_int_equal(create(w, "alice", "k1", "x", "X", &w->fault, &res),
                     STATUS_RESOURCE_EXHAUSTED);
    assert_string_equal(w->fault.reason, CHANGE_NO_ROOM);
    /* What COMMIT alone finds out is no other. */
    world_sql(w, "DROP TRIGGER full_disk ON pek.audit_log;"
                 " CREATE CONSTRAINT TRIGGER full_disk AFTER INSERT ON pek.audit_log"
                 " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION pek.full_disk()");
    assert_int_equal(create(w, "alice", "k1", "x", "X", &w->fault, &res),
                     STATUS_RESOURCE_EXHAUSTED);
    assert_string_equal(w->fault.reason, CHANGE_NO_ROOM);
    world_sql(w, "DROP TRIGGER full_disk ON pek.audit_log; DROP FUNCTION pek.full_disk()");
    assert_int_equal(create(w, "alice", "k1", "x", "X", &w->fault, &res), STATUS_OK);
}

static void refused_change_leaves_its_key_free(struct world *w)
{
    group_v1_group *res;
    world_god(w, &w->a, "alice");
    assert_int_equal(create(w, "alice", NULL, "x", "X", &w->fault, &res), STATUS_OK);
    assert_int_equal(create(w, "alice", "k1", "x", "Más", &w->fault, &res), STATUS_ALREADY_EXISTS);
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.idempotency"), "0");
    assert_int_equal(create(w, "alice", "k1", "y", "Y", &w->fault, &res), STATUS_OK);
}

static void malformed_key_is_refused(struct world *w)
{
    char key[CHANGE_KEY_BYTES_MAX + 2];
    group_v1_group *res;
    world_god(w, &w->a, "alice");
    memset(key, 'k', sizeof(key));
    key[sizeof(key) - 1] = '\0';
    assert_int_equal(create(w, "alice", key, "x", "X", &w->fault, &res), STATUS_INVALID_ARGUMENT);
    assert_int_equal(create(w, "alice", "a b", "x", "X", &w->fault, &res), STATUS_INVALID_ARGUMENT);
    assert_int_equal(create(w, "alice", "", "x", "X", &w->fault, &res), STATUS_INVALID_ARGUMENT);
    assert_string_equal(w->fault.field, CHANGE_KEY_METADATA);
    key[CHANGE_KEY_BYTES_MAX] = '\0';
    assert_int_equal(create(w, "alice", key, "x", "X", &w->fault, &res), STATUS_OK);
}

static struct world *shared_world;
static enum status outcomes[8];
static const char *etags[8];

static void repeat(struct fiber_run *run, size_t index)
{
    group_v1_group *res;
    struct fault fault;
    (void)run;
    outcomes[index] = create(shared_world, "alice", "k1", "x", "X", &fault, &res);
    etags[index] = outcomes[index] == STATUS_OK ? res->etag : "";
}

static void one_key_used_at_once_has_one_effect(struct world *w)
{
    world_god(w, &w->a, "alice");
    shared_world = w;
    fiber_run_parallel(w->run, 8, repeat);
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(outcomes[i], STATUS_OK);
        assert_string_equal(etags[i], "v1");
    }
    assert_string_equal(
        world_value(w, "SELECT count(*) FROM pek.audit_log WHERE action LIKE 'group.%%'"), "1");
}

static bool is_standby_set(struct fiber_run *run)
{
    char is[16];
    (void)run;
    pg_cluster_query(shared_world->cluster, "SHOW synchronous_standby_names", is, sizeof(is));
    return strcmp(is, "nobody") == 0;
}

static enum status archive_other(struct world *w)
{
    group_v1_archive_group_request req = GROUP_V1_ARCHIVE_GROUP_REQUEST_INIT;
    group_v1_group *res;
    req.id = (char *)(uintptr_t) "x@x";
    req.etag = (char *)(uintptr_t) "v9";
    w->cancel.deadline_us = deadline_after_ms(300);
    return group_v1_archive_group_call(w->a.channel, &req, WORLD_AS(w, "alice"), WORLD_REST(w),
                                       &res, &w->fault);
}

static enum status create_again(struct world *w, const char *key)
{
    group_v1_group *res;
    w->cancel.deadline_us = deadline_after_ms(300);
    return create(w, "alice", key, "x", "X", &w->fault, &res);
}

static void lose_standby(struct world *w)
{
    shared_world = w;
    pg_cluster_execute(w->cluster, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    pg_cluster_execute(w->cluster, "SELECT pg_reload_conf()");
    assert_true(fiber_run_until(w->run, is_standby_set));
}

static void find_standby(struct world *w)
{
    pg_cluster_execute(w->cluster, "ALTER SYSTEM RESET synchronous_standby_names");
    pg_cluster_execute(w->cluster, "SELECT pg_reload_conf()");
}

/* Each rests on a row that is on no standby, perhaps. */
static void what_is_so_already_is_told_when_the_standby_has_it(struct world *w)
{
    world_god(w, &w->a, "alice");
    assert_int_equal(create_again(w, "k1"), STATUS_OK);
    assert_int_equal(archive_other(w), STATUS_ABORTED);
    lose_standby(w);
    assert_int_equal(create_again(w, "k1"), STATUS_DEADLINE_EXCEEDED);
    assert_int_equal(create_again(w, "k3"), STATUS_DEADLINE_EXCEEDED);
    assert_int_equal(archive_other(w), STATUS_DEADLINE_EXCEEDED);
    find_standby(w);
    assert_int_equal(create_again(w, "k1"), STATUS_OK);
    assert_int_equal(create_again(w, "k4"), STATUS_ALREADY_EXISTS);
    assert_int_equal(archive_other(w), STATUS_ABORTED);
}

static void old_keys_are_forgotten(struct world *w)
{
    group_v1_group *res;
    world_god(w, &w->a, "alice");
    assert_int_equal(create(w, "alice", "old", "x", "X", &w->fault, &res), STATUS_OK);
    assert_int_equal(create(w, "alice", "new", "y", "Y", &w->fault, &res), STATUS_OK);
    world_sql(w, "UPDATE pek.idempotency SET create_time = now() - interval '2 days'"
                 " WHERE key = 'old'");
    /* Nobody is told of that, so it waits for nobody. */
    const struct service service = domain_service(realm_pg(w->a.realm));
    lose_standby(w);
    assert_int_equal(change_forget_keys(&service, &w->cancel), STATUS_OK);
    find_standby(w);
    assert_string_equal(world_value(w, "SELECT string_agg(key, ' ') FROM pek.idempotency"), "new");
}

/* The row that was in the way is gone when it is looked for. */
static void key_that_is_forgotten_at_that_moment_is_free(struct world *w)
{
    group_v1_group *res;
    world_god(w, &w->a, "alice");
    world_sql(w, "CREATE SEQUENCE pek.claims; GRANT USAGE ON pek.claims TO pek_app;"
                 " CREATE FUNCTION pek.in_the_way() RETURNS trigger LANGUAGE plpgsql AS $$"
                 " BEGIN IF nextval('pek.claims') = 1 THEN RETURN NULL; END IF; RETURN NEW; END $$;"
                 " CREATE TRIGGER in_the_way BEFORE INSERT ON pek.idempotency"
                 " FOR EACH ROW EXECUTE FUNCTION pek.in_the_way()");
    assert_int_equal(create(w, "alice", "k1", "x", "X", &w->fault, &res), STATUS_OK);
    assert_string_equal(world_value(w, "SELECT last_value FROM pek.claims"), "2");
    world_sql(w, "DROP FUNCTION pek.in_the_way() CASCADE; DROP SEQUENCE pek.claims");
}

static void audit_says_who_did_what_to_which_group(struct world *w)
{
    world_god(w, &w->a, "alice");
    assert_int_equal(world_create(w, "alice", "", "x", "Őrült"), STATUS_OK);
    assert_string_equal(
        world_value(w, "SELECT concat_ws('|', realm, actor, action, target_kind, target_id,"
                       " length(trace_id), detail->>'name', detail ? 'sort_key')"
                       " FROM pek.audit_log WHERE action LIKE 'group.%%'"),
        "a|alice|group.create|group|x@x|32|Őrült|f");
}

static void operators_grants_are_audited_once(struct world *w)
{
    world_god(w, &w->a, "alice");
    world_god(w, &w->a, "alice");
    assert_string_equal(
        world_value(w, "SELECT string_agg(concat_ws('|', actor, action, target_id,"
                       " detail->>'name', detail->>'user_id', detail->>'actions'), ' ' ORDER BY id)"
                       " FROM pek.audit_log"),
        "operator|policy.create|1|GOD operator|policy.assign|1|alice");
}

static void refused_change_leaves_no_audit_row(struct world *w)
{
    world_god(w, &w->a, "alice");
    assert_int_equal(world_create(w, "alice", "", "x", "X"), STATUS_OK);
    assert_int_equal(world_create(w, "alice", "", "y", "x"), STATUS_ALREADY_EXISTS);
    assert_string_equal(
        world_value(w, "SELECT count(*) FROM pek.audit_log WHERE action LIKE 'group.%%'"), "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(repeated_key_gives_the_first_answer_and_one_effect),
        WORLD_TEST(key_of_another_request_is_refused),
        WORLD_TEST(keys_of_two_users_are_two_keys),
        WORLD_TEST(change_without_room_says_so),
        WORLD_TEST(refused_change_leaves_its_key_free),
        WORLD_TEST(malformed_key_is_refused),
        WORLD_TEST(one_key_used_at_once_has_one_effect),
        WORLD_TEST(what_is_so_already_is_told_when_the_standby_has_it),
        WORLD_TEST(old_keys_are_forgotten),
        WORLD_TEST(key_that_is_forgotten_at_that_moment_is_free),
        WORLD_TEST(audit_says_who_did_what_to_which_group),
        WORLD_TEST(operators_grants_are_audited_once),
        WORLD_TEST(refused_change_leaves_no_audit_row),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
