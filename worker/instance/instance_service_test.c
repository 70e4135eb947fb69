#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pek/instance/v1/instance.rpc.h"
#include "shared/base/clock.h"
#include "worker/testing/world.h"

static enum status issue(struct world *w, struct slice assertion,
                         instance_v1_issue_token_response **ret_response)
{
    instance_v1_issue_token_request req = INSTANCE_V1_ISSUE_TOKEN_REQUEST_INIT;
    req.assertion = arena_strndup(w->arena, assertion.ptr, assertion.len);
    w->fault = (struct fault){0};
    return instance_v1_issue_token_call(w->a.channel, &req, NULL, 0, WORLD_REST(w), ret_response,
                                        &w->fault);
}

static struct slice assertion(struct world *w, const char *user)
{
    return world_assertion(w, &w->hub_keys, JWT_TYP_ASSERTION, WORLD_HUB, "a", user, 60);
}

/* ---- tokens ---- */

static void assertion_buys_a_token_that_the_guard_takes(struct world *w)
{
    instance_v1_issue_token_response *res;
    group_v1_get_group_request get = GROUP_V1_GET_GROUP_REQUEST_INIT;
    group_v1_group *group;
    world_god(w, &w->a, "alice");
    world_grant(w, &w->a, "Member", "alice", NULL, 4);
    assert_int_equal(world_create(w, "alice", "", "o", "O"), STATUS_OK);
    assert_int_equal(issue(w, assertion(w, "alice"), &res), STATUS_OK);
    assert_true(res->known);
    assert_int_equal(res->n_policies, 4);
    assert_string_equal(res->policies[0], "GOD");
    assert_string_equal(res->policies[1], "Member");
    assert_string_equal(res->policies[2], "GOD in o@o");
    assert_string_equal(res->policies[3], "Members of o@o");
    int64_t left_s = res->expire_time->seconds - clock_wall_s();
    assert_true(left_s > JWT_INSTANCE_LIFETIME_S - 5 && left_s <= JWT_INSTANCE_LIFETIME_S);
    const struct rpc_pair pair = {SLICE_LIT("authorization"),
                                  slice_str(arena_printf(w->arena, "Bearer %s", res->token))};
    get.id = (char *)(uintptr_t) "o@o";
    assert_int_equal(
        group_v1_get_group_call(w->a.channel, &get, &pair, 1, WORLD_REST(w), &group, &w->fault),
        STATUS_OK);
}

static void stranger_gets_a_token_but_is_not_known(struct world *w)
{
    instance_v1_issue_token_response *res;
    assert_int_equal(issue(w, assertion(w, "dave"), &res), STATUS_OK);
    assert_false(res->known);
    assert_int_equal(res->n_policies, 0);
    assert_true(res->token[0] != '\0');
    /* Who has had one has been here; once is enough. */
    assert_int_equal(issue(w, assertion(w, "dave"), &res), STATUS_OK);
    assert_string_equal(
        world_value(w, "SELECT string_agg(realm || ' ' || user_id, ',') FROM pek.realm_user"),
        "a dave");
}

static void assertion_is_good_for_one_use(struct world *w)
{
    instance_v1_issue_token_response *res;
    struct slice once = assertion(w, "alice");
    assert_int_equal(issue(w, once, &res), STATUS_OK);
    assert_int_equal(issue(w, once, &res), STATUS_UNAUTHENTICATED);
    assert_string_equal(w->fault.field, "jti");
    assert_int_equal(issue(w, assertion(w, "alice"), &res), STATUS_OK);
}

static void only_the_hubs_assertion_for_this_realm_counts(struct world *w)
{
    instance_v1_issue_token_response *res;
    const struct {
        const struct jwt_keys *keys;
        const char *typ, *issuer, *audience;
        int64_t lifetime_s;
    } cases[] = {
        {&w->a.keys, JWT_TYP_ASSERTION, WORLD_HUB, "a", 60},
        {&w->hub_keys, JWT_TYP_INSTANCE, WORLD_HUB, "a", 60},
        {&w->hub_keys, JWT_TYP_SESSION, WORLD_HUB, "a", 60},
        {&w->hub_keys, JWT_TYP_ASSERTION, "other", "a", 60},
        {&w->hub_keys, JWT_TYP_ASSERTION, WORLD_HUB, "b", 60},
        {&w->hub_keys, JWT_TYP_ASSERTION, WORLD_HUB, "a", 61},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(issue(w,
                               world_assertion(w, cases[i].keys, cases[i].typ, cases[i].issuer,
                                               cases[i].audience, "alice", cases[i].lifetime_s),
                               &res),
                         STATUS_UNAUTHENTICATED);
    assert_int_equal(issue(w, SLICE_LIT(""), &res), STATUS_UNAUTHENTICATED);
    assert_int_equal(issue(w, SLICE_LIT("a.b.c"), &res), STATUS_UNAUTHENTICATED);
    assert_int_equal(issue(w, assertion(w, WORLD_HUB), &res), STATUS_PERMISSION_DENIED);
}

/* ---- info ---- */

static void info_names_realm_collator_and_services(struct world *w)
{
    instance_v1_get_info_request req = INSTANCE_V1_GET_INFO_REQUEST_INIT;
    instance_v1_info *res;
    assert_int_equal(
        instance_v1_get_info_call(w->a.channel, &req, NULL, 0, WORLD_REST(w), &res, &w->fault),
        STATUS_OK);
    assert_string_equal(res->realm, "a");
    assert_string_equal(res->version, "test");
    assert_true(strncmp(res->collator_version, "hu-u-ka-shifted-kn/", 19) == 0);
    bool has_group = false;
    for (size_t i = 0; i < res->n_services; i++)
        has_group |= strcmp(res->services[i], "pek.group.v1.GroupService") == 0;
    assert_true(has_group);
}

/* ---- people ---- */

static enum status put(struct world *w, const char *subject, int64_t told_before,
                       instance_v1_person *person, instance_v1_put_people_response **ret_response)
{
    instance_v1_put_people_request req = INSTANCE_V1_PUT_PEOPLE_REQUEST_INIT;
    struct slice token = assertion(w, subject);
    req.assertion = arena_strndup(w->arena, token.ptr, token.len);
    req.people = &person;
    req.n_people = person != NULL;
    req.told_before = told_before;
    w->fault = (struct fault){0};
    return instance_v1_put_people_call(w->a.channel, &req, NULL, 0, WORLD_REST(w), ret_response,
                                       &w->fault);
}

static const char *known_as(struct world *w)
{
    return world_value(w, "SELECT coalesce(string_agg(id || '=' || display_name || '/' || folded"
                          " || '/' || version, ' '), '') FROM pek.person");
}

static void people_are_kept_of_those_who_are_known_and_never_older(struct world *w)
{
    instance_v1_person person = INSTANCE_V1_PERSON_INIT;
    instance_v1_put_people_response *res;
    person.user_id = (char *)(uintptr_t) "dan";
    person.display_name = (char *)(uintptr_t) "Őri Dániel";
    person.version = 3;
    assert_int_equal(put(w, WORLD_HUB, 1, &person, &res), STATUS_OK);
    assert_int_equal(res->told_before, 1);
    assert_int_equal(res->n_known_users, 0);
    assert_string_equal(known_as(w), "");
    world_grant(w, &w->a, "Member", "dan", NULL, 4);
    assert_int_equal(put(w, WORLD_HUB, 3, &person, &res), STATUS_OK);
    assert_int_equal(res->told_before, 3);
    assert_int_equal(res->n_known_users, 1);
    assert_string_equal(res->known_users[0], "dan");
    assert_string_equal(known_as(w), "dan=Őri Dániel/ori daniel/3");
    person.display_name = (char *)(uintptr_t) "Older";
    person.version = 2;
    assert_int_equal(put(w, WORLD_HUB, 3, &person, &res), STATUS_OK);
    assert_int_equal(res->told_before, 3);
    assert_int_equal(res->n_known_users, 1);
    assert_string_equal(known_as(w), "dan=Őri Dániel/ori daniel/3");
    /* A name that no list could show stops nobody. */
    person.display_name = (char *)(uintptr_t) "\xe2\x80\x8b";
    person.version = 4;
    assert_int_equal(put(w, WORLD_HUB, 3, &person, &res), STATUS_OK);
    assert_int_equal(res->told_before, 3);
    assert_string_equal(known_as(w), "dan=dan/dan/4");
    person.display_name = (char *)(uintptr_t) "deleted user";
    person.is_deleted = true;
    person.version = 5;
    assert_int_equal(put(w, WORLD_HUB, 4, &person, &res), STATUS_OK);
    assert_int_equal(res->told_before, 4);
    assert_string_equal(known_as(w), "dan=deleted user//5");
    assert_int_equal(put(w, WORLD_HUB, 5, NULL, &res), STATUS_OK);
    assert_int_equal(res->told_before, 5);
    /* A hub that knows of another one has to tell everything again first. */
    person.version = 6;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(put(w, WORLD_HUB, 4, &person, &res), STATUS_OK);
        assert_int_equal(res->told_before, 5);
    }
}

static enum status issue_with(struct world *w, const char *user, instance_v1_person *person)
{
    instance_v1_issue_token_request req = INSTANCE_V1_ISSUE_TOKEN_REQUEST_INIT;
    instance_v1_issue_token_response *res;
    struct slice token = assertion(w, user);
    req.assertion = arena_strndup(w->arena, token.ptr, token.len);
    req.person = person;
    return instance_v1_issue_token_call(w->a.channel, &req, NULL, 0, WORLD_REST(w), &res,
                                        &w->fault);
}

static void whoever_comes_has_their_name_at_once(struct world *w)
{
    instance_v1_person person = INSTANCE_V1_PERSON_INIT;
    person.user_id = (char *)(uintptr_t) "dan";
    person.display_name = (char *)(uintptr_t) "Őri Dániel";
    person.avatar_version = 9;
    person.version = 3;
    /* Of whom the realm does not know it keeps nothing. */
    assert_int_equal(issue_with(w, "dan", &person), STATUS_OK);
    assert_string_equal(known_as(w), "");
    world_grant(w, &w->a, "Member", "dan", NULL, 4);
    assert_int_equal(issue_with(w, "dan", &person), STATUS_OK);
    assert_string_equal(known_as(w), "dan=Őri Dániel/ori daniel/3");
    assert_string_equal(world_value(w, "SELECT avatar_version FROM pek.person"), "9");
    person.display_name = (char *)(uintptr_t) "Older";
    person.version = 2;
    assert_int_equal(issue_with(w, "dan", &person), STATUS_OK);
    /* Nor what is said of another than the assertion is of, or by nobody in particular. */
    person.display_name = (char *)(uintptr_t) "Another";
    person.version = 4;
    person.user_id = (char *)(uintptr_t) "alice";
    world_grant(w, &w->a, "Other", "alice", NULL, 4);
    assert_int_equal(issue_with(w, "dan", &person), STATUS_OK);
    person.user_id = (char *)(uintptr_t) "dan";
    person.version = 0;
    assert_int_equal(issue_with(w, "dan", &person), STATUS_OK);
    assert_string_equal(known_as(w), "dan=Őri Dániel/ori daniel/3");
}

static void only_the_hub_tells_of_people(struct world *w)
{
    instance_v1_person person = INSTANCE_V1_PERSON_INIT;
    instance_v1_put_people_response *res;
    person.user_id = (char *)(uintptr_t) "alice";
    person.version = 1;
    world_god(w, &w->a, "alice");
    assert_int_equal(put(w, "alice", 5, &person, &res), STATUS_PERMISSION_DENIED);
    person.version = 0;
    assert_int_equal(put(w, WORLD_HUB, 5, &person, &res), STATUS_INVALID_ARGUMENT);
    assert_string_equal(w->fault.field, "people");
    assert_string_equal(known_as(w), "");
}

/* ---- watch ---- */

struct watching {
    struct rpc_call *call;
    struct fiber_event event;
};

static void watch(struct world *w, struct slice token, struct watching *watching)
{
    instance_v1_watch_policies_request req = INSTANCE_V1_WATCH_POLICIES_REQUEST_INIT;
    uint8_t bytes[2048];
    req.assertion = arena_strndup(w->arena, token.ptr, token.len);
    assert_true(protobuf_c_message_get_packed_size(&req.base) <= sizeof(bytes));
    const struct rpc_call_options options = {
        .path = SLICE_LIT("/pek.instance.v1.InstanceService/WatchPolicies"),
        .request = slice_make(bytes, protobuf_c_message_pack(&req.base, bytes)),
        .deadline_us = w->cancel.deadline_us,
        .server_streaming = true,
        .event = &watching->event,
    };
    assert_int_equal(rpc_call_start(w->a.channel, &options, &watching->call), STATUS_OK);
}

/* NULL when the call has ended. */
static instance_v1_policy_event *next_event(struct world *w, struct watching *watching)
{
    struct slice bytes;
    ProtobufCMessage *message;
    const struct fault *outcome;
    while (!rpc_call_next(watching->call, &bytes)) {
        if (rpc_call_ended(watching->call, &outcome)) {
            w->fault = *outcome;
            return NULL;
        }
        assert_int_equal(fiber_event_wait(&watching->event, w->cancel.deadline_us), STATUS_OK);
    }
    assert_int_equal(
        rpc_decode(INSTANCE_V1_POLICY_EVENT_DESCRIPTOR, bytes, w->arena, &message, &w->fault),
        STATUS_OK);
    return (instance_v1_policy_event *)(void *)message;
}

/* Skips what was told before and of others. */
static bool told_of(struct world *w, struct watching *watching, const char *user)
{
    instance_v1_policy_event *event;
    while ((event = next_event(w, watching)))
        for (size_t i = 0; i < event->n_users; i++)
            if (strcmp(event->users[i], user) == 0)
                return true;
    return false;
}

static void watcher_hears_of_every_change(struct world *w)
{
    struct watching watching = {0};
    world_god(w, &w->a, "alice");
    world_grant(w, &w->b, "elsewhere", "eve", NULL, 4);
    watch(w, assertion(w, WORLD_HUB), &watching);
    instance_v1_policy_event *first = next_event(w, &watching);
    assert_true(first->reset);
    assert_int_equal(first->n_users, 0);
    world_grant(w, &w->a, "Member", "bob", NULL, 4);
    assert_true(told_of(w, &watching, "bob"));
    world_sql(w, "UPDATE pek.policy_statement SET actions = 5 WHERE actions = 4");
    assert_true(told_of(w, &watching, "bob"));
    assert_int_equal(world_create(w, "alice", "", "o", "O"), STATUS_OK);
    assert_true(told_of(w, &watching, "alice"));
    rpc_call_free(watching.call);
}

/* Skips what is told of notifications alone. */
static bool told_of_reset(struct world *w, struct watching *watching)
{
    instance_v1_policy_event *event;
    while ((event = next_event(w, watching)) && event->notifications && !event->reset)
        continue;
    return event && event->reset;
}

static void watcher_is_reset_when_notifications_may_be_missed(struct world *w)
{
    struct watching watching = {0};
    watch(w, assertion(w, WORLD_HUB), &watching);
    assert_true(told_of_reset(w, &watching));
    world_sql(w,
              "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
              " AND (query ILIKE 'LISTEN%%' OR query LIKE '%%pg_listening_channels%%')");
    assert_true(told_of_reset(w, &watching));
    /* And again when it listens. */
    assert_true(told_of_reset(w, &watching));
    rpc_call_free(watching.call);
}

static void watching_ends_when_the_realm_is_about_to(struct world *w)
{
    struct watching watching = {0};
    watch(w, assertion(w, WORLD_HUB), &watching);
    assert_true(next_event(w, &watching)->reset);
    realm_end_watches(w->a.realm);
    assert_null(next_event(w, &watching));
    assert_int_equal(w->fault.status, STATUS_UNAVAILABLE);
    rpc_call_free(watching.call);
}

static void only_the_hub_watches(struct world *w)
{
    struct watching watching = {0};
    watch(w, assertion(w, "alice"), &watching);
    assert_null(next_event(w, &watching));
    assert_int_equal(w->fault.status, STATUS_PERMISSION_DENIED);
    rpc_call_free(watching.call);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(assertion_buys_a_token_that_the_guard_takes),
        WORLD_TEST(stranger_gets_a_token_but_is_not_known),
        WORLD_TEST(assertion_is_good_for_one_use),
        WORLD_TEST(people_are_kept_of_those_who_are_known_and_never_older),
        WORLD_TEST(whoever_comes_has_their_name_at_once),
        WORLD_TEST(only_the_hub_tells_of_people),
        WORLD_TEST(only_the_hubs_assertion_for_this_realm_counts),
        WORLD_TEST(info_names_realm_collator_and_services),
        WORLD_TEST(watcher_hears_of_every_change),
        WORLD_TEST(watcher_is_reset_when_notifications_may_be_missed),
        WORLD_TEST(watching_ends_when_the_realm_is_about_to),
        WORLD_TEST(only_the_hub_watches),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
