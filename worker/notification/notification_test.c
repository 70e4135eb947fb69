/* Who is told of what, and how the hub collects it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pek/instance/v1/instance.rpc.h"
#include "pek/membership/v1/post.rpc.h"
#include "worker/notification/notification_store.h"
#include "worker/testing/member_world.h"

/* "created>dan(bob) ": kind, recipient and subject of what is in the outbox of realm a, without the group's doing before. */
static const char *outbox(struct world *w)
{
    return world_value(
        w, "SELECT "
           "coalesce(string_agg((ARRAY['created','accepted','rejected','promoted','inactivated',"
           "'reactivated','archived','unarchived','added','dates','given','taken','leads','led'])["
           "kind]"
           " || CASE WHEN retracts THEN '-' ELSE '' END || '>' || recipient"
           " || CASE WHEN subject = recipient THEN '' ELSE '(' || subject || ')' END"
           " || CASE WHEN detail = '' THEN '' ELSE ' ' || detail END, ', ' ORDER BY id), '')"
           " FROM pek.notification WHERE realm = 'a'");
}

/* What is there then. */
static void assert_told(struct world *w, const char *expected)
{
    assert_string_equal(outbox(w), expected);
    world_sql(w, "DELETE FROM pek.notification");
}

/* dan leads o@a, of which eve is a member; alice is GOD and ann manages. */
static void make_group(struct world *w)
{
    make_members(w);
    assert_int_equal(step(w, "ann", "AddMember", "dan"), STATUS_OK);
    assert_int_equal(step(w, "ann", "AddMember", "eve"), STATUS_OK);
    assert_int_equal(step(w, "alice", "HandOverLeadership", "dan"), STATUS_OK);
    assert_told(w, "added>dan, added>eve, leads>dan");
}

/* ---- who is told ---- */

static void application_is_told_to_the_leader_alone(struct world *w)
{
    make_group(w);
    assert_int_equal(step(w, "bob", "ApplyForMembership", ""), STATUS_OK);
    assert_string_equal(outbox(w), "created>dan(bob)");
    assert_string_equal(world_value(w, "SELECT actor || ' ' || group_id || ' ' || title"
                                       " FROM pek.notification"),
                        "bob o@a Árok Part");
    /* Refused, it is told to nobody. */
    assert_int_equal(step(w, "bob", "ApplyForMembership", ""), STATUS_ALREADY_EXISTS);
    assert_told(w, "created>dan(bob)");
}

static void group_without_a_leader_takes_applications(struct world *w)
{
    make_members(w);
    assert_int_equal(step(w, "bob", "ApplyForMembership", ""), STATUS_OK);
    assert_told(w, "");
}

static void each_step_is_told_to_the_member_alone(struct world *w)
{
    static const struct {
        const char *method, *told;
    } steps[] = {
        {"AcceptMember", "accepted>bob"},        {"PromoteMember", "promoted>bob"},
        {"InactivateMember", "inactivated>bob"}, {"ReactivateMember", "reactivated>bob"},
        {"ArchiveMember", "archived>bob"},       {"UnarchiveMember", "unarchived>bob"},
    };
    make_group(w);
    assert_int_equal(step(w, "bob", "ApplyForMembership", ""), STATUS_OK);
    assert_told(w, "created>dan(bob)");
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        assert_int_equal(step(w, "ann", steps[i].method, "bob"), STATUS_OK);
        assert_told(w, steps[i].told);
    }
    membership_v1_set_member_dates_request dates = MEMBERSHIP_V1_SET_MEMBER_DATES_REQUEST_INIT;
    membership_v1_membership *res;
    dates.group_id = text("o@a");
    dates.user_id = text("bob");
    dates.end_date = text("2199-07-01");
    assert_int_equal(WORLD_RPC(w, membership_v1, set_member_dates, "ann", dates, res), STATUS_OK);
    assert_told(w, "dates>bob");
    /* No day is given: nothing happens. */
    dates.end_date = text("");
    assert_int_equal(WORLD_RPC(w, membership_v1, set_member_dates, "ann", dates, res), STATUS_OK);
    assert_told(w, "");
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.audit_log"
                                       " WHERE action = 'membership.setDates'"),
                        "1");
}

static void nobody_is_told_of_what_they_did_themselves(struct world *w)
{
    make_group(w);
    assert_int_equal(step(w, "eve", "LeaveGroup", ""), STATUS_OK);
    assert_told(w, "");
    /* The leader applies nowhere; who manages adds themselves. */
    assert_int_equal(step(w, "ann", "AddMember", "ann"), STATUS_OK);
    assert_told(w, "");
    /* A refused change leaves nothing, and the same key says it once. */
    assert_int_equal(step(w, "ann", "PromoteMember", "ann"), STATUS_ABORTED);
    for (int i = 0; i < 2; i++)
        assert_int_equal(call(w, "ann", "AddMember", "o@a", "gus", "", "key", NULL), STATUS_OK);
    assert_told(w, "added>gus");
}

static void ended_application_takes_back_what_the_leader_was_told(struct world *w)
{
    make_group(w);
    /* Not collected yet. */
    assert_int_equal(step(w, "bob", "ApplyForMembership", ""), STATUS_OK);
    assert_int_equal(step(w, "cyd", "ApplyForMembership", ""), STATUS_OK);
    assert_int_equal(step(w, "bob", "WithdrawApplication", ""), STATUS_OK);
    assert_told(w, "created>dan(cyd), created->bob");
    /* By the leader, who is told of nothing; the applicant is. */
    assert_int_equal(step(w, "dan", "RejectMember", "cyd"), STATUS_OK);
    assert_told(w, "created->cyd, rejected>cyd");
}

static void batch_tells_each(struct world *w)
{
    char *users[] = {text("bob"), text("cyd")};
    membership_v1_batch_add_members_request add = MEMBERSHIP_V1_BATCH_ADD_MEMBERS_REQUEST_INIT;
    membership_v1_batch_add_members_response *added;
    membership_v1_batch_archive_members_request archive =
        MEMBERSHIP_V1_BATCH_ARCHIVE_MEMBERS_REQUEST_INIT;
    membership_v1_batch_archive_members_response *archived;
    make_group(w);
    add.group_id = archive.group_id = text("o@a");
    add.user_ids = archive.user_ids = users;
    add.n_user_ids = archive.n_user_ids = 2;
    assert_int_equal(WORLD_RPC(w, membership_v1, batch_add_members, "ann", add, added), STATUS_OK);
    assert_told(w, "added>bob, added>cyd");
    assert_int_equal(WORLD_RPC(w, membership_v1, batch_archive_members, "ann", archive, archived),
                     STATUS_OK);
    assert_told(w, "archived>bob, archived>cyd");
}

/* Who leaves the organisation leaves the groups below: they are told of the one. */
static void organisation_is_told_of_and_not_each_group_below(struct world *w)
{
    make_group(w);
    assert_int_equal(call(w, "ann", "AddMember", "o@o", "eve", "", NULL, NULL), STATUS_OK);
    assert_int_equal(call(w, "ann", "ArchiveMember", "o@o", "eve", "", NULL, NULL), STATUS_OK);
    assert_string_equal(state(w, "o@a", "eve"), "X");
    assert_told(w, "added>eve, archived>eve");
}

static void leadership_and_posts_are_told(struct world *w)
{
    membership_v1_give_post_request give = MEMBERSHIP_V1_GIVE_POST_REQUEST_INIT;
    membership_v1_take_post_request take = MEMBERSHIP_V1_TAKE_POST_REQUEST_INIT;
    membership_v1_membership *res;
    make_group(w);
    give.group_id = take.group_id = text("o@a");
    give.user_id = take.user_id = text("eve");
    give.kind = take.kind = MEMBERSHIP_V1_POST_KIND_FINANCIAL_OFFICER;
    assert_int_equal(WORLD_RPC(w, membership_v1, give_post, "dan", give, res), STATUS_OK);
    assert_int_equal(WORLD_RPC(w, membership_v1, take_post, "dan", take, res), STATUS_OK);
    assert_told(w, "given>eve FINANCIAL_OFFICER, taken>eve FINANCIAL_OFFICER");
    /* By the leader: the other one is told. From above: both are. */
    assert_int_equal(step(w, "dan", "HandOverLeadership", "eve"), STATUS_OK);
    assert_told(w, "leads>eve");
    assert_int_equal(step(w, "alice", "HandOverLeadership", "dan"), STATUS_OK);
    assert_told(w, "leads>dan, led>eve(dan)");
    /* Who leads already is told nothing. */
    assert_int_equal(step(w, "alice", "HandOverLeadership", "dan"), STATUS_OK);
    assert_told(w, "");
}

/* ---- collecting ---- */

static enum status collect_as(struct world *w, const char *user, char *const *stored,
                              size_t stored_count, char *const *later, size_t later_count,
                              notification_v1_collect_notifications_response **ret_res)
{
    notification_v1_collect_notifications_request req =
        NOTIFICATION_V1_COLLECT_NOTIFICATIONS_REQUEST_INIT;
    struct slice assertion =
        world_assertion(w, &w->hub_keys, JWT_TYP_ASSERTION, WORLD_HUB, "a", user, 60);
    req.assertion = arena_strndup(w->arena, assertion.ptr, assertion.len);
    req.stored = (char **)(uintptr_t)stored;
    req.n_stored = stored_count;
    req.later = (char **)(uintptr_t)later;
    req.n_later = later_count;
    w->fault = (struct fault){0};
    return notification_v1_collect_notifications_call(w->a.channel, &req, NULL, 0, WORLD_REST(w),
                                                      ret_res, &w->fault);
}

/* The recipients, joined by a space. */
static const char *collect(struct world *w, char *const *stored, size_t stored_count,
                           char *const *later, size_t later_count,
                           notification_v1_collect_notifications_response **ret_res)
{
    const char *text_of = "";
    assert_int_equal(collect_as(w, WORLD_HUB, stored, stored_count, later, later_count, ret_res),
                     STATUS_OK);
    for (size_t i = 0; i < (*ret_res)->n_events; i++)
        text_of = arena_printf(w->arena, "%s%s%s", text_of, i ? " " : "",
                               (*ret_res)->events[i]->recipient);
    return text_of;
}

static void write_events(struct world *w, const char *recipients)
{
    world_sql(
        w,
        "INSERT INTO pek.notification (realm, kind, recipient, actor, subject, group_id, title)"
        " SELECT 'a', 9, r, 'ann', r, 'o@a', 'A' FROM unnest('{%s}'::text[]) AS r",
        recipients);
}

static void event_stays_until_it_is_acknowledged(struct world *w)
{
    notification_v1_collect_notifications_response *res, *again;
    write_events(w, "bob,cyd,dan");
    assert_string_equal(collect(w, NULL, 0, NULL, 0, &res), "bob cyd dan");
    const notification_v1_event *event = res->events[1];
    assert_int_equal(event->kind, NOTIFICATION_V1_KIND_MEMBERSHIP_ADDED);
    assert_string_equal(event->link, "realms/a/groups/o@a");
    assert_string_equal(event->actor, "ann");
    assert_true(event->create_time->seconds > 0);
    assert_string_equal(collect(w, NULL, 0, NULL, 0, &again), "bob cyd dan");
    assert_string_equal(again->events[1]->id, event->id);
    /* Any of them, not all up to one: what commits late has a number among those that went. */
    char *ids[] = {res->events[0]->id, res->events[2]->id};
    assert_string_equal(collect(w, ids, 2, NULL, 0, &again), "cyd");
    assert_string_equal(collect(w, ids, 2, NULL, 0, &again), "cyd");
}

static void what_cannot_be_stored_waits_and_holds_up_nothing(struct world *w)
{
    notification_v1_collect_notifications_response *res;
    write_events(w, "bob,cyd");
    assert_string_equal(collect(w, NULL, 0, NULL, 0, &res), "bob cyd");
    char *later[] = {res->events[0]->id};
    assert_string_equal(collect(w, NULL, 0, later, 1, &res), "cyd");
    assert_string_equal(world_value(w, "SELECT string_agg(tries || ' ' ||"
                                       " (next_time > now()), ',' ORDER BY id)"
                                       " FROM pek.notification"),
                        "1 true,0 false");
    world_sql(w, "UPDATE pek.notification SET next_time = now() - interval '1 second'");
    assert_string_equal(collect(w, NULL, 0, NULL, 0, &res), "bob cyd");
    /* The wait grows, up to ten minutes. */
    world_sql(w, "UPDATE pek.notification SET tries = 99");
    assert_string_equal(collect(w, NULL, 0, later, 1, &res), "cyd");
    assert_string_equal(world_value(w, "SELECT bool_and(next_time < now() + interval '601 s')"
                                       " FROM pek.notification"),
                        "t");
}

static void only_the_hub_collects(struct world *w)
{
    notification_v1_collect_notifications_response *res;
    char *bad[] = {text("'); DROP TABLE x; --")};
    char *many[NOTIFICATION_BATCH + 1];
    write_events(w, "bob");
    assert_int_equal(collect_as(w, "bob", NULL, 0, NULL, 0, &res), STATUS_PERMISSION_DENIED);
    assert_int_equal(collect_as(w, WORLD_HUB, bad, 1, NULL, 0, &res), STATUS_INVALID_ARGUMENT);
    assert_string_equal(w->fault.field, "stored");
    for (size_t i = 0; i <= NOTIFICATION_BATCH; i++)
        many[i] = text("00000000-0000-0000-0000-000000000000");
    assert_int_equal(collect_as(w, WORLD_HUB, NULL, 0, many, NOTIFICATION_BATCH + 1, &res),
                     STATUS_INVALID_ARGUMENT);
    assert_string_equal(w->fault.field, "later");
    /* Another realm's events are not there, and are not acknowledged. */
    world_sql(w, "INSERT INTO pek.notification (realm, event_id, kind, recipient, actor, subject,"
                 " group_id, title) VALUES ('b', '11111111-1111-1111-1111-111111111111', 9, 'cyd',"
                 " 'ann', 'cyd', 'o@a', 'A')");
    char *other[] = {text("11111111-1111-1111-1111-111111111111")};
    assert_string_equal(collect(w, other, 1, NULL, 0, &res), "bob");
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.notification WHERE realm = 'b'"),
                        "1");
}

static void batch_is_bounded_and_in_order(struct world *w)
{
    notification_v1_collect_notifications_response *res = NULL;
    world_sql(w, "INSERT INTO pek.notification (realm, kind, recipient, actor, subject, group_id,"
                 " title) SELECT 'a', 9, 'u' || n, 'ann', 'u' || n, 'o@a', 'A'"
                 " FROM generate_series(1, 250) n");
    for (size_t done = 0; done < 250; done += res->n_events) {
        char *stored[NOTIFICATION_BATCH];
        size_t count = res ? res->n_events : 0;
        for (size_t i = 0; i < count; i++)
            stored[i] = res->events[i]->id;
        (void)collect(w, stored, count, NULL, 0, &res);
        assert_int_equal(res->n_events, done < 200 ? NOTIFICATION_BATCH : 50);
        assert_string_equal(res->events[0]->recipient, arena_printf(w->arena, "u%zu", done + 1));
    }
}

/* ---- the outbox that nobody collects ---- */

static void outbox_drops_what_is_too_old_and_says_how_much(struct world *w)
{
    size_t dropped = 0;
    write_events(w, "bob,cyd,dan");
    assert_int_equal(notification_store_prune(realm_pg(w->a.realm), &w->cancel, &dropped),
                     STATUS_OK);
    assert_int_equal(dropped, 0);
    world_sql(w, "UPDATE pek.notification SET create_time = now() - interval '31 days'"
                 " WHERE recipient <> 'dan'");
    assert_int_equal(notification_store_prune(realm_pg(w->a.realm), &w->cancel, &dropped),
                     STATUS_OK);
    assert_int_equal(dropped, 2);
    assert_string_equal(outbox(w), "added>dan");
}

static void outbox_keeps_so_many_and_the_newest(struct world *w)
{
    size_t dropped = 0;
    world_sql(w,
              "INSERT INTO pek.notification (realm, kind, recipient, actor, subject, group_id,"
              " title) SELECT 'a', 9, 'u' || n, 'ann', 'u' || n, 'o@a', 'A'"
              " FROM generate_series(1, %d) n",
              NOTIFICATION_KEPT_MAX + 1500);
    assert_int_equal(notification_store_prune(realm_pg(w->a.realm), &w->cancel, &dropped),
                     STATUS_OK);
    assert_int_equal(dropped, 1500);
    assert_string_equal(
        world_value(w, "SELECT recipient FROM pek.notification ORDER BY id LIMIT 1"), "u1501");
}

/* ---- telling the hub that there is something ---- */

static instance_v1_policy_event *next_event(struct world *w, struct rpc_call *call,
                                            struct fiber_event *event)
{
    struct slice bytes;
    ProtobufCMessage *message;
    while (!rpc_call_next(call, &bytes)) {
        assert_false(rpc_call_ended(call, NULL));
        assert_int_equal(fiber_event_wait(event, w->cancel.deadline_us), STATUS_OK);
    }
    assert_int_equal(
        rpc_decode(INSTANCE_V1_POLICY_EVENT_DESCRIPTOR, bytes, w->arena, &message, &w->fault),
        STATUS_OK);
    return (instance_v1_policy_event *)(void *)message;
}

/* Also of what another process writes: psql here. Of the other realm in the same database nothing is told. */
static void watch_tells_that_there_is_something(struct world *w)
{
    instance_v1_watch_policies_request req = INSTANCE_V1_WATCH_POLICIES_REQUEST_INIT;
    struct fiber_event event = {0};
    struct rpc_call *call_of;
    uint8_t bytes[2048];
    struct slice assertion =
        world_assertion(w, &w->hub_keys, JWT_TYP_ASSERTION, WORLD_HUB, "a", WORLD_HUB, 60);
    req.assertion = arena_strndup(w->arena, assertion.ptr, assertion.len);
    const struct rpc_call_options options = {
        .path = SLICE_LIT("/pek.instance.v1.InstanceService/WatchPolicies"),
        .request = slice_make(bytes, protobuf_c_message_pack(&req.base, bytes)),
        .deadline_us = w->cancel.deadline_us,
        .server_streaming = true,
        .event = &event,
    };
    assert_int_equal(rpc_call_start(w->a.channel, &options, &call_of), STATUS_OK);
    assert_true(next_event(w, call_of, &event)->reset);
    world_sql(w, "INSERT INTO pek.policy (realm, name, unique_key) VALUES ('a', 'x', 'x')");
    write_events(w, "bob");
    instance_v1_policy_event *told = next_event(w, call_of, &event);
    assert_true(told->notifications);
    assert_int_equal(told->n_users, 0);
    rpc_call_free(call_of);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(application_is_told_to_the_leader_alone),
        WORLD_TEST(group_without_a_leader_takes_applications),
        WORLD_TEST(each_step_is_told_to_the_member_alone),
        WORLD_TEST(nobody_is_told_of_what_they_did_themselves),
        WORLD_TEST(ended_application_takes_back_what_the_leader_was_told),
        WORLD_TEST(batch_tells_each),
        WORLD_TEST(organisation_is_told_of_and_not_each_group_below),
        WORLD_TEST(leadership_and_posts_are_told),
        WORLD_TEST(event_stays_until_it_is_acknowledged),
        WORLD_TEST(what_cannot_be_stored_waits_and_holds_up_nothing),
        WORLD_TEST(only_the_hub_collects),
        WORLD_TEST(batch_is_bounded_and_in_order),
        WORLD_TEST(outbox_drops_what_is_too_old_and_says_how_much),
        WORLD_TEST(outbox_keeps_so_many_and_the_newest),
        WORLD_TEST(watch_tells_that_there_is_something),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
