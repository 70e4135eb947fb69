/* Who may change the registry: every method of it that is not for everybody, as each kind of caller. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hub/registry/registry_service.h"
#include "hub/session/session_service.h"
#include "hub/session/testing/hub_world.h"
#include "pek/hub/v1/session.rpc.h"
#include "shared/row/row.h"
#include "shared/service/change.h"
#include "tests/support/pg_grants.h"

struct office {
    struct hub_world *h;
    struct registry_service service;
    struct rpc_host *host;
    struct rpc_channel *channel;
    size_t changes;
};

static void on_change(void *arg, const struct rpc_trace *trace, struct slice who, const char *realm,
                      const char *status)
{
    struct office *office = arg;
    (void)trace, (void)who, (void)realm, (void)status;
    office->changes++;
}

static void office_open(struct hub_world *h, struct office *office)
{
    const struct rpc_host_options options = {.interceptor = session_interceptor(&h->one.cache)};
    *office = (struct office){.h = h};
    office->service = (struct registry_service){
        .registry = &h->one.registry,
        .service = hub_service(h->pg),
        .listen = "127.0.0.1:8080",
        .is_admin = session_store_is_admin,
        .arg = office,
        .on_change = on_change,
    };
    assert_int_equal(rpc_host_new(h->w->run->fibers, &options, &office->host), STATUS_OK);
    assert_int_equal(registry_service_add(office->host, &office->service, &h->fault), STATUS_OK);
    assert_int_equal(rpc_channel_new_local(office->host, &office->channel), STATUS_OK);
}

static void office_close(struct office *office)
{
    rpc_channel_free(office->channel);
    rpc_host_free(office->host);
}

/* The method with an empty request, as the owner of the cookie. */
static enum status try(struct office *office, const struct rpc_method *method, struct slice token)
{
    struct hub_world *h = office->h;
    ProtobufCMessage *request = arena_zalloc(h->w->arena, 1, method->request->sizeof_message);
    const struct rpc_pair pair = {
        SLICE_LIT("authorization"),
        slice_str(arena_printf(h->w->arena, "Bearer %.*s", SLICE_ARG(token)))};
    ProtobufCMessage *response, *items[REGISTRY_INSTANCES_MAX];
    size_t count;
    assert_non_null(request);
    method->request->message_init(request);
    h->fault = (struct fault){0};
    if (method->server_streaming)
        return world_stream(h->w, office->channel, method, request, &pair, token.len ? 1 : 0, items,
                            &count);
    return rpc_call_unary(office->channel, method, request, &pair, token.len ? 1 : 0,
                          WORLD_REST(h->w), &response, &h->fault);
}

static bool is_for_everybody(const struct rpc_method *method)
{
    return method->access_count == 1 && method->access[0].kind == RPC_ACCESS_AUTHENTICATED;
}

static void only_administrators_may_change_the_registry(struct hub_world *h)
{
    const struct rpc_service *table = &hub_v1_instance_registry_service_table;
    struct slice alice = hub_login(h, &h->one, "alice"), bob = hub_login(h, &h->one, "bob");
    struct office office;
    size_t guarded = 0;

    world_sql(h->w, "UPDATE hub.user_account SET is_admin = (id = 'bob')");
    office_open(h, &office);
    for (size_t i = 0; i < table->method_count; i++) {
        const struct rpc_method *method = &table->methods[i];
        assert_int_equal(try(&office, method, slice_make("", 0)), STATUS_UNAUTHENTICATED);
        if (is_for_everybody(method)) {
            assert_int_equal(try(&office, method, alice), STATUS_OK);
            continue;
        }
        guarded++;
        assert_int_equal(try(&office, method, alice), STATUS_PERMISSION_DENIED);
        /* Nothing named: past the rule, and no further. */
        enum status status = try(&office, method, bob);
        assert_true(status == STATUS_INVALID_ARGUMENT || status == STATUS_NOT_FOUND);
    }
    assert_int_equal(guarded, 4);
    assert_int_equal(office.changes, 0);
    office_close(&office);
}

static void administrator_who_is_one_no_more_is_refused_at_once(struct hub_world *h)
{
    const struct rpc_method *method = &hub_v1_instance_registry_service_table.methods[1];
    struct slice alice = hub_login(h, &h->one, "alice");
    struct office office;

    office_open(h, &office);
    assert_false(is_for_everybody(method));
    world_sql(h->w, "UPDATE hub.user_account SET is_admin = true WHERE id = 'alice'");
    assert_int_equal(try(&office, method, alice), STATUS_INVALID_ARGUMENT);
    world_sql(h->w, "UPDATE hub.user_account SET is_admin = false WHERE id = 'alice'");
    assert_int_equal(try(&office, method, alice), STATUS_PERMISSION_DENIED);
    office_close(&office);
}

/* Of an instance that is in trouble. */
static const char *problem_told(struct office *office, struct slice token)
{
    struct hub_world *h = office->h;
    hub_v1_list_instances_request req = HUB_V1_LIST_INSTANCES_REQUEST_INIT;
    ProtobufCMessage *items[REGISTRY_INSTANCES_MAX];
    size_t count = 0;
    const struct rpc_pair pair = {
        SLICE_LIT("authorization"),
        slice_str(arena_printf(h->w->arena, "Bearer %.*s", SLICE_ARG(token)))};
    assert_int_equal(world_stream(h->w, office->channel,
                                  &hub_v1_instance_registry_service_table.methods[0], &req.base,
                                  &pair, 1, items, &count),
                     STATUS_OK);
    assert_true(count > 0);
    return ((hub_v1_instance *)items[0])->problem;
}

static void only_administrators_are_told_of_addresses(struct hub_world *h)
{
    struct slice alice = hub_login(h, &h->one, "alice"), bob = hub_login(h, &h->one, "bob");
    struct instance *instance = h->one.registry.instances[0];
    struct office office;

    world_sql(h->w, "UPDATE hub.user_account SET is_admin = (id = 'bob')");
    office_open(h, &office);
    instance->status = INSTANCE_UNREACHABLE;
    snprintf(instance->problem, sizeof(instance->problem), "10.0.0.2:7101 refused");
    assert_string_equal(problem_told(&office, bob), "10.0.0.2:7101 refused");
    assert_string_equal(problem_told(&office, alice), "");
    office_close(&office);
}

/* A repeated key gives the first answer; without one the realm is there already. */
static void instance_is_added_once_and_written_down(struct hub_world *h)
{
    hub_v1_add_instance_request req = HUB_V1_ADD_INSTANCE_REQUEST_INIT;
    hub_v1_instance_change *res;
    struct slice bob = hub_login(h, &h->one, "bob");
    struct office office;
    const struct rpc_pair pairs[] = {
        {SLICE_LIT("authorization"),
         slice_str(arena_printf(h->w->arena, "Bearer %.*s", SLICE_ARG(bob)))},
        {SLICE_LIT(CHANGE_KEY_METADATA), SLICE_LIT("k1")},
    };

    world_sql(h->w, "TRUNCATE hub.instance; UPDATE hub.user_account SET is_admin = (id = 'bob')");
    office_open(h, &office);
    req.realm = row_string("acme");
    req.target = row_string("127.0.0.1:7101");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(hub_v1_add_instance_call(office.channel, &req, pairs, 2, WORLD_REST(h->w),
                                                  &res, &h->fault),
                         STATUS_OK);
        assert_string_equal(res->status, "ACTIVE");
    }
    assert_int_equal(office.changes, 1);
    assert_int_equal(
        hub_v1_add_instance_call(office.channel, &req, pairs, 1, WORLD_REST(h->w), &res, &h->fault),
        STATUS_ALREADY_EXISTS);
    assert_string_equal(world_value(h->w, "SELECT string_agg(concat_ws('|', actor, action,"
                                          " target_id, detail->>'target', detail->>'status'), ' ')"
                                          " FROM hub.audit_log"),
                        "bob|instance.add|acme|127.0.0.1:7101|ACTIVE");
    office_close(&office);
}

/* A worker that moves is the one that it was. */
static void replaced_instance_keeps_what_is_not_given(struct hub_world *h)
{
    hub_v1_add_instance_request req = HUB_V1_ADD_INSTANCE_REQUEST_INIT;
    hub_v1_instance_change *res;
    struct slice bob = hub_login(h, &h->one, "bob");
    struct office office;
    const struct rpc_pair pair = {
        SLICE_LIT("authorization"),
        slice_str(arena_printf(h->w->arena, "Bearer %.*s", SLICE_ARG(bob)))};

    world_sql(h->w, "TRUNCATE hub.instance; UPDATE hub.user_account SET is_admin = (id = 'bob');"
                    " INSERT INTO hub.instance (realm, name, target, tls_name, ca_pem)"
                    " VALUES ('acme', 'Acme', 'h:1', 'tls', 'its own')");
    office_open(h, &office);
    req.realm = row_string("acme");
    req.target = row_string("127.0.0.1:7102");
    req.replace = true;
    assert_int_equal(
        hub_v1_add_instance_call(office.channel, &req, &pair, 1, WORLD_REST(h->w), &res, &h->fault),
        STATUS_OK);
    assert_string_equal(
        world_value(h->w,
                    "SELECT concat_ws('|', name, target, tls_name, ca_pem) FROM hub.instance"),
        "Acme|127.0.0.1:7102|tls|its own");
    office_close(&office);
}

/* ---- the hub's role ---- */

/* As PG_GRANTS has it. Whoever needs more adds it here and says why in the migration. */
static const char grants[] =
    "audit_log r: action+ actor+ detail+ target_id+ target_kind+ trace_id+\n"
    "avatar rd: content_type* data* height* update_time= user_id+ version* width*\n"
    "external_account rd: account_name+ position+ protocol+ user_id+\n"
    "idempotency rd: key+ method+ request_sha256+ response= user_id+\n"
    "instance r: ca_pem* capabilities= local* name* realm+ seeded* status= target* tls_name*"
    " updated_by* worker_version=\n"
    "login_spent rd: expires_at* state_sha256+\n"
    "notification rd: actor+ detail+ event_id+ event_order+ event_time+ kind+ link+ realm+"
    " retracted= seen_time= seq+ subject+ title+ user_id+\n"
    "notification_inbox r: last_seq= user_id+\n"
    "notification_shown r:\n"
    "people_told r: again_after* again_time* realm+ version*\n"
    "person_news rd: realm+ seq= user_id+\n"
    "profile r: avatar_version= cell_phone= dormitory= first_name* folded= folded_room= gender= "
    "keys_version= "
    "last_name*"
    " nickname= own_names= room= sort_key="
    " student_status= update_time= user_id+ version= visible=\n"
    "session rd: expires_at+ id+ last_seen_at= revoked_at= user_agent+ user_id+\n"
    "user_account r: authsch_id+ id+ last_login_at= name* username* username_changed_at=\n"
    "user_gram r:\n"
    "user_import r:\n"
    "user_merge r:\n"
    "user_merge_pending r:\n"
    "user_merge_realm r: combined* done_time* leads* memberships* merge_id+ policies* posts*"
    " problem* realm+ statements*\n"
    "user_realm rd: realm+ user_id+\n"
    "username r: user_id+ username+";

static void role_of_the_hub_may_do_what_the_hub_does(struct hub_world *h)
{
    assert_string_equal(world_value(h->w, "%s", PG_GRANTS("hub", "pek_app")), grants);
    assert_string_equal(
        world_value(
            h->w, "SELECT has_function_privilege('pek_app', 'hub.set_user_disabled(text, boolean)',"
                  " 'EXECUTE') OR has_schema_privilege('pek_app', 'hub', 'CREATE')"),
        "f");
}

static void role_of_the_hub_makes_no_administrators(struct hub_world *h)
{
    static const char *const refused[] = {
        "UPDATE hub.user_account SET is_admin = true",
        "INSERT INTO hub.user_account (id, username, name, is_admin) SELECT 'm', 'mmm', 'M', true",
        "UPDATE hub.user_account SET disabled_at = NULL",
        "UPDATE hub.user_account SET authsch_id = 'mine' WHERE id = 'alice'",
        "DELETE FROM hub.user_account",
        "SELECT hub.set_user_disabled('alice', false)",
        "SELECT hub.merge_user('alice', 'bob', false)",
        "INSERT INTO hub.user_merge (from_user, into_user) VALUES ('alice', 'bob')",
        "UPDATE hub.user_account SET merged_into = 'bob' WHERE id = 'alice'",
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        world_sql(h->w,
                  "DO $$ BEGIN SET LOCAL ROLE pek_app; EXECUTE $sql$%s$sql$; RAISE 'done';"
                  " EXCEPTION WHEN insufficient_privilege THEN NULL; END $$",
                  refused[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HUB_TEST(only_administrators_may_change_the_registry),
        HUB_TEST(administrator_who_is_one_no_more_is_refused_at_once),
        HUB_TEST(only_administrators_are_told_of_addresses),
        HUB_TEST(instance_is_added_once_and_written_down),
        HUB_TEST(replaced_instance_keeps_what_is_not_given),
        HUB_TEST(role_of_the_hub_may_do_what_the_hub_does),
        HUB_TEST(role_of_the_hub_makes_no_administrators),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
