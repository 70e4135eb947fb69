/* What people are told of: stored once, read by whom it is for, and live. alice and bob are known in realm a, carol in b. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hub/notification/notification_service.h"
#include "hub/notification/notification_store.h"
#include "hub/session/session_service.h"
#include "hub/session/testing/hub_world.h"
#include "shared/base/clock.h"

struct desk {
    struct hub_world *h;
    struct rpc_host *host;
    struct rpc_channel *channel;
    struct notification_service service;
    struct slice token;
    struct rpc_pair as[1];
    enum notification_fate fates[NOTIFICATION_BATCH];
};

static char *text(const char *constant)
{
    return (char *)(uintptr_t)constant;
}

static void as(struct desk *desk, const char *user)
{
    desk->token = hub_login(desk->h, &desk->h->one, user);
    char *bearer = arena_printf(desk->h->w->arena, "Bearer %.*s", SLICE_ARG(desk->token));
    desk->as[0] = (struct rpc_pair){SLICE_LIT("authorization"), slice_str(bearer)};
}

static void desk_open(struct hub_world *h, struct desk *desk, const char *user)
{
    const struct rpc_host_options options = {.interceptor = session_interceptor(&h->one.cache)};
    *desk = (struct desk){.h = h, .service.service = hub_service(h->pg)};
    world_sql(h->w, "INSERT INTO hub.user_realm (user_id, realm) VALUES"
                    " ('alice', 'a'), ('bob', 'a'), ('carol', 'b')");
    assert_int_equal(rpc_host_new(h->w->run->fibers, &options, &desk->host), STATUS_OK);
    assert_int_equal(notification_service_open(desk->host, &desk->service, &h->fault), STATUS_OK);
    assert_int_equal(rpc_channel_new_local(desk->host, &desk->channel), STATUS_OK);
    as(desk, user);
}

static void desk_close(struct desk *desk)
{
    notification_service_close(&desk->service);
    rpc_host_wait(desk->host);
    rpc_channel_free(desk->channel);
    rpc_host_free(desk->host);
}

/* ---- events, as a realm says them ---- */

static notification_v1_event *event(struct desk *desk, unsigned number, const char *recipient)
{
    struct arena *arena = desk->h->w->arena;
    notification_v1_event *made = arena_alloc(arena, sizeof(*made));
    Google__Protobuf__Timestamp *time = arena_alloc(arena, sizeof(*time));
    assert_non_null(made);
    assert_non_null(time);
    notification_v1_event_init(made);
    google__protobuf__timestamp__init(time);
    time->seconds = clock_wall_s() - 5;
    made->id = arena_printf(arena, "00000000-0000-0000-0000-%012u", number);
    made->order = number;
    made->kind = NOTIFICATION_V1_KIND_MEMBERSHIP_ACCEPTED;
    made->recipient = made->subject = text(recipient);
    made->actor = text("alice");
    made->link = text("realms/a/groups/o@o");
    made->title = arena_printf(arena, "G%u", number);
    made->create_time = time;
    return made;
}

static void put(struct desk *desk, const char *realm, notification_v1_event *const *events,
                size_t count)
{
    assert_int_equal(
        notification_store_put(desk->h->pg, &desk->h->w->cancel, realm, events, count, desk->fates),
        STATUS_OK);
}

static void put_one(struct desk *desk, unsigned number, const char *recipient)
{
    notification_v1_event *one = event(desk, number, recipient);
    put(desk, "a", &one, 1);
}

/* ---- reading ---- */

/* "4:G9 3:G7!": id and title, ! of what was seen. */
static const char *list(struct desk *desk, hub_v1_list_notifications_request *req)
{
    struct world *w = desk->h->w;
    ProtobufCMessage *items[256];
    size_t count = 0;
    const char *all = "";
    w->fault = (struct fault){0};
    enum status status = world_stream(
        w, desk->channel,
        rpc_host_method(desk->host, SLICE_LIT("/pek.hub.v1.NotificationService/ListNotifications")),
        &req->base, desk->as, 1, items, &count);
    for (size_t i = 0; i < count; i++) {
        const hub_v1_notification *item = (const hub_v1_notification *)(const void *)items[i];
        all = arena_printf(w->arena, "%s%s%s:%s%s", all, i ? " " : "", item->id, item->title,
                           item->seen ? "!" : "");
    }
    return status ? status_name(status) : all;
}

static const char *listed(struct desk *desk, bool unseen)
{
    hub_v1_list_notifications_request req = HUB_V1_LIST_NOTIFICATIONS_REQUEST_INIT;
    req.unseen = unseen;
    return list(desk, &req);
}

static int unseen(struct desk *desk)
{
    hub_v1_count_unseen_request req = HUB_V1_COUNT_UNSEEN_REQUEST_INIT;
    hub_v1_count_unseen_response *res;
    assert_int_equal(hub_v1_count_unseen_call(desk->channel, &req, desk->as, 1,
                                              WORLD_REST(desk->h->w), &res, &desk->h->fault),
                     STATUS_OK);
    return res->unseen;
}

static enum status mark(struct desk *desk, char *const *ids, size_t count, const char *up_to,
                        int *ret_unseen)
{
    hub_v1_mark_seen_request req = HUB_V1_MARK_SEEN_REQUEST_INIT;
    hub_v1_mark_seen_response *res;
    req.ids = (char **)(uintptr_t)ids;
    req.n_ids = count;
    req.up_to = text(up_to);
    desk->h->fault = (struct fault){0};
    enum status status = hub_v1_mark_seen_call(desk->channel, &req, desk->as, 1,
                                               WORLD_REST(desk->h->w), &res, &desk->h->fault);
    if (status == STATUS_OK)
        *ret_unseen = res->unseen;
    return status;
}

/* ---- storing ---- */

static void event_is_stored_once_however_often_it_is_said(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "bob");
    notification_v1_event *events[] = {event(&desk, 1, "bob"), event(&desk, 2, "bob"),
                                       event(&desk, 1, "bob")};
    put(&desk, "a", events, 3);
    put(&desk, "a", events, 2);
    assert_int_equal(desk.fates[0], NOTIFICATION_STORED);
    assert_string_equal(listed(&desk, false), "2:G2 1:G1");
    /* Another realm's event of the same id is another one. */
    world_sql(h->w, "INSERT INTO hub.user_realm (user_id, realm) VALUES ('bob', 'b')");
    put(&desk, "b", events, 1);
    assert_string_equal(listed(&desk, false), "3:G1 2:G2 1:G1");
    desk_close(&desk);
}

static void realm_speaks_of_people_whom_it_knows(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "carol");
    notification_v1_event *events[] = {event(&desk, 1, "bob"), event(&desk, 2, "carol"),
                                       event(&desk, 3, "nobody")};
    put(&desk, "a", events, 3);
    assert_int_equal(desk.fates[0], NOTIFICATION_STORED);
    assert_int_equal(desk.fates[1], NOTIFICATION_WAITS);
    assert_int_equal(desk.fates[2], NOTIFICATION_NO_USER);
    assert_string_equal(listed(&desk, false), "");
    /* Once it is known to know her. */
    world_sql(h->w, "INSERT INTO hub.user_realm (user_id, realm) VALUES ('carol', 'a')");
    put(&desk, "a", events, 3);
    assert_string_equal(listed(&desk, false), "1:G2");
    world_sql(h->w, "SELECT hub.delete_user('bob')");
    put(&desk, "a", events, 3);
    assert_int_equal(desk.fates[0], NOTIFICATION_NO_USER);
    desk_close(&desk);
}

static void retraction_takes_back_what_came_before_it(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "alice");
    notification_v1_event *before = event(&desk, 5, "alice"), *other = event(&desk, 6, "alice"),
                          *taken = event(&desk, 7, "bob"), *after = event(&desk, 8, "alice");
    before->subject = after->subject = taken->subject = text("bob");
    other->subject = text("carol");
    taken->retracts = true;
    notification_v1_event *events[] = {before, other, taken, after};
    for (int i = 0; i < 2; i++) { /* also when it is said again */
        put(&desk, "a", events, 4);
        assert_string_equal(listed(&desk, false), "3:G8 2:G6");
        assert_int_equal(unseen(&desk), 2);
    }
    /* Another realm takes back nothing of this one's. */
    taken->order = 100;
    put(&desk, "b", &taken, 1);
    assert_string_equal(listed(&desk, false), "3:G8 2:G6");
    put(&desk, "a", &taken, 1);
    assert_string_equal(listed(&desk, false), "2:G6");
    desk_close(&desk);
}

static void names_are_of_now_and_of_people_whom_the_realm_knows(struct hub_world *h)
{
    struct desk desk;
    hub_v1_list_notifications_request req = HUB_V1_LIST_NOTIFICATIONS_REQUEST_INIT;
    static const char shown[] =
        "SELECT concat_ws('/', actor_name, subject_name, actor_avatar_version)"
        "  FROM hub.notification_shown";
    desk_open(h, &desk, "bob");
    notification_v1_event *one = event(&desk, 1, "bob");
    one->subject = text("carol");
    put(&desk, "a", &one, 1);
    assert_string_equal(world_value(h->w, shown), "Alice//0");
    world_sql(h->w, "UPDATE hub.profile SET last_name = 'Kis', first_name = 'Aliz'"
                    ", avatar_version = 7 WHERE user_id = 'alice';"
                    " INSERT INTO hub.user_realm (user_id, realm) VALUES ('carol', 'a')");
    assert_string_equal(world_value(h->w, shown), "Kis Aliz/Carol/7");
    world_sql(h->w, "DELETE FROM hub.user_realm WHERE user_id = 'alice' AND realm = 'a'");
    assert_string_equal(world_value(h->w, shown), "/Carol/0");
    world_sql(h->w, "INSERT INTO hub.user_realm (user_id, realm) VALUES ('alice', 'a')");
    world_sql(h->w, "SELECT hub.delete_user('alice')");
    assert_string_equal(world_value(h->w, shown), "deleted user/Carol/0");
    assert_string_equal(list(&desk, &req), "1:G1");
    desk_close(&desk);
}

struct putter {
    struct desk *desk;
    bool done;
    struct fiber_event ended;
};

static void put_another(void *arg)
{
    struct putter *putter = arg;
    put_one(putter->desk, 2, "bob");
    putter->done = true;
    fiber_event_signal(&putter->ended);
}

/* What two hubs store at once for one user comes one behind the other: none becomes visible before a position that was read. */
static void what_is_stored_for_a_user_becomes_visible_in_order(struct hub_world *h)
{
    static const struct pg_statement first = {
        "first",
        "WITH inbox AS (INSERT INTO hub.notification_inbox (user_id) VALUES ('bob')) SELECT 1",
    };
    static const struct pg_statement moved = {
        "moved",
        "UPDATE hub.notification_inbox SET last_seq = 7 WHERE user_id = 'bob'",
    };
    struct desk desk;
    struct putter putter = {.desk = &desk};
    struct pg_transaction *transaction;
    desk_open(h, &desk, "bob");
    assert_int_equal(pg_begin(h->pg, &h->w->cancel, false, &transaction), STATUS_OK);
    assert_int_equal(pg_apply(transaction, &first, NULL, 0, NULL), STATUS_OK);
    assert_int_equal(pg_apply(transaction, &moved, NULL, 0, NULL), STATUS_OK);
    assert_int_equal(fiber_go(h->w->run->fibers, put_another, &putter), STATUS_OK);
    fiber_sleep_ms(100);
    assert_false(putter.done);
    assert_int_equal(pg_commit(transaction), STATUS_OK);
    while (!putter.done)
        assert_int_equal(fiber_event_wait(&putter.ended, h->w->cancel.deadline_us), STATUS_OK);
    assert_string_equal(listed(&desk, false), "8:G2");
    desk_close(&desk);
}

/* ---- reading and marking ---- */

static void each_reads_their_own_and_in_pages(struct hub_world *h)
{
    struct desk desk;
    hub_v1_list_notifications_request req = HUB_V1_LIST_NOTIFICATIONS_REQUEST_INIT;
    Pek__Cursor after = PEK__CURSOR__INIT;
    uint8_t key[8];
    desk_open(h, &desk, "bob");
    for (unsigned i = 1; i <= 5; i++)
        put_one(&desk, i, i == 3 ? "alice" : "bob");
    req.page_size = 2;
    assert_string_equal(list(&desk, &req), "4:G5 3:G4");
    uint64_t place = __builtin_bswap64((uint64_t)INT64_MAX - 3);
    memcpy(key, &place, 8);
    after.sort_key = (ProtobufCBinaryData){8, key};
    after.id = text("3");
    req.after = &after;
    assert_string_equal(list(&desk, &req), "2:G2 1:G1");
    after.inclusive = true;
    assert_string_equal(list(&desk, &req), "3:G4 2:G2");
    as(&desk, "alice");
    assert_string_equal(listed(&desk, false), "1:G3");
    as(&desk, "carol");
    assert_string_equal(listed(&desk, false), "");
    desk.as[0].value = SLICE_LIT("Bearer x");
    assert_string_equal(listed(&desk, false), "UNAUTHENTICATED");
    desk_close(&desk);
}

static void what_was_seen_is_marked_for_oneself(struct hub_world *h)
{
    struct desk desk;
    char *some[] = {text("2"), text("999")};
    int left = -1;
    desk_open(h, &desk, "bob");
    for (unsigned i = 1; i <= 4; i++)
        put_one(&desk, i, "bob");
    put_one(&desk, 5, "alice");
    assert_int_equal(unseen(&desk), 4);
    assert_int_equal(mark(&desk, some, 2, "", &left), STATUS_OK);
    assert_int_equal(left, 3);
    assert_string_equal(listed(&desk, false), "4:G4 3:G3 2:G2! 1:G1");
    assert_string_equal(listed(&desk, true), "4:G4 3:G3 1:G1");
    assert_int_equal(mark(&desk, NULL, 0, "3", &left), STATUS_OK);
    assert_int_equal(left, 1);
    assert_string_equal(listed(&desk, true), "4:G4");
    as(&desk, "alice");
    assert_int_equal(unseen(&desk), 1);
    desk_close(&desk);
}

static void mark_that_says_nothing_is_refused_whole(struct hub_world *h)
{
    struct desk desk;
    char *good[] = {text("1")}, *bad[] = {text("1"), text("x")}, *many[101];
    int left;
    desk_open(h, &desk, "bob");
    put_one(&desk, 1, "bob");
    for (size_t i = 0; i < 101; i++)
        many[i] = text("1");
    assert_int_equal(mark(&desk, NULL, 0, "", &left), STATUS_INVALID_ARGUMENT);
    assert_string_equal(h->fault.field, "ids");
    assert_int_equal(mark(&desk, good, 1, "1", &left), STATUS_INVALID_ARGUMENT);
    assert_string_equal(h->fault.field, "up_to");
    assert_int_equal(mark(&desk, bad, 2, "", &left), STATUS_INVALID_ARGUMENT);
    assert_int_equal(mark(&desk, many, 101, "", &left), STATUS_INVALID_ARGUMENT);
    assert_int_equal(mark(&desk, NULL, 0, "1; DROP", &left), STATUS_INVALID_ARGUMENT);
    assert_int_equal(unseen(&desk), 1);
    desk_close(&desk);
}

/* ---- live ---- */

struct live {
    struct rpc_call *call;
    struct fiber_event event;
};

static void live_open(struct desk *desk, struct live *live, uint64_t behind)
{
    struct world *w = desk->h->w;
    hub_v1_list_notifications_request req = HUB_V1_LIST_NOTIFICATIONS_REQUEST_INIT;
    Pek__Cursor after = PEK__CURSOR__INIT;
    uint64_t key = __builtin_bswap64(behind);
    uint8_t *bytes = arena_alloc(w->arena, 128);
    assert_non_null(bytes);
    *live = (struct live){0};
    req.live = true;
    after.sort_key = (ProtobufCBinaryData){8, (uint8_t *)&key};
    after.id = arena_printf(w->arena, "%llu", (unsigned long long)behind);
    req.after = behind ? &after : NULL;
    const struct rpc_call_options options = {
        .path = SLICE_LIT("/pek.hub.v1.NotificationService/ListNotifications"),
        .request = slice_make(bytes, protobuf_c_message_pack(&req.base, bytes)),
        .metadata = desk->as,
        .metadata_count = 1,
        .deadline_us = w->cancel.deadline_us,
        .server_streaming = true,
        .event = &live->event,
    };
    assert_int_equal(rpc_call_start(desk->channel, &options, &live->call), STATUS_OK);
}

/* The next title; or, when it has ended, the status. */
static const char *live_next(struct desk *desk, struct live *live)
{
    struct world *w = desk->h->w;
    struct slice bytes;
    ProtobufCMessage *message;
    const struct fault *outcome;
    while (!rpc_call_next(live->call, &bytes)) {
        if (rpc_call_ended(live->call, &outcome))
            return status_name(outcome->status);
        assert_int_equal(fiber_event_wait(&live->event, w->cancel.deadline_us), STATUS_OK);
    }
    assert_int_equal(
        rpc_decode(&pek__hub__v1__notification__descriptor, bytes, w->arena, &message, &w->fault),
        STATUS_OK);
    return ((const hub_v1_notification *)(const void *)message)->title;
}

static void live_list_goes_on_and_resumes(struct hub_world *h)
{
    struct desk desk;
    struct live live;
    desk_open(h, &desk, "bob");
    put_one(&desk, 1, "bob");
    put_one(&desk, 2, "bob");
    live_open(&desk, &live, 0);
    assert_string_equal(live_next(&desk, &live), "G1");
    assert_string_equal(live_next(&desk, &live), "G2");
    put_one(&desk, 3, "alice");
    put_one(&desk, 4, "bob");
    assert_string_equal(live_next(&desk, &live), "G4");
    rpc_call_free(live.call);
    /* Behind what was seen last: no gap, nothing twice. */
    put_one(&desk, 5, "bob");
    live_open(&desk, &live, 2);
    assert_string_equal(live_next(&desk, &live), "G4");
    assert_string_equal(live_next(&desk, &live), "G5");
    for (unsigned i = 6; i < 6 + 250; i++)
        put_one(&desk, i, "bob");
    for (unsigned i = 6; i < 6 + 250; i++)
        assert_string_equal(live_next(&desk, &live), arena_printf(h->w->arena, "G%u", i));
    rpc_call_free(live.call);
    desk_close(&desk);
}

static void live_list_ends_with_its_session(struct hub_world *h)
{
    struct desk desk;
    struct live live;
    desk_open(h, &desk, "bob");
    put_one(&desk, 1, "bob");
    live_open(&desk, &live, 0);
    assert_string_equal(live_next(&desk, &live), "G1");
    int64_t ended_us = clock_monotonic_us();
    assert_int_equal(
        session_close(&h->one.cache, &h->w->cancel, desk.token, h->w->arena, &h->fault), STATUS_OK);
    assert_string_equal(live_next(&desk, &live), "UNAUTHENTICATED");
    rpc_call_free(live.call);
    /* At another hub, by psql, or with the account. */
    as(&desk, "bob");
    live_open(&desk, &live, 0);
    assert_string_equal(live_next(&desk, &live), "G1");
    assert_int_equal(
        session_close(&h->other.cache, &h->w->cancel, desk.token, h->w->arena, &h->fault),
        STATUS_OK);
    assert_string_equal(live_next(&desk, &live), "UNAUTHENTICATED");
    rpc_call_free(live.call);
    as(&desk, "bob");
    live_open(&desk, &live, 0);
    assert_string_equal(live_next(&desk, &live), "G1");
    world_sql(h->w, "SELECT hub.set_user_disabled('bob', true)");
    assert_string_equal(live_next(&desk, &live), "UNAUTHENTICATED");
    rpc_call_free(live.call);
    assert_true(clock_monotonic_us() - ended_us < 5 * INT64_C(1000000));
    desk_close(&desk);
}

static void live_lists_end_with_the_hub(struct hub_world *h)
{
    struct desk desk;
    struct live live;
    desk_open(h, &desk, "bob");
    put_one(&desk, 1, "bob");
    live_open(&desk, &live, 0);
    assert_string_equal(live_next(&desk, &live), "G1");
    notification_service_end_watches(&desk.service);
    assert_string_equal(live_next(&desk, &live), "UNAVAILABLE");
    rpc_call_free(live.call);
    live_open(&desk, &live, 0);
    assert_string_equal(live_next(&desk, &live), "UNAVAILABLE");
    rpc_call_free(live.call);
    desk_close(&desk);
}

/* ---- bounds ---- */

static void purge(struct desk *desk, int64_t days, int64_t per_user, int64_t per_realm)
{
    const struct notification_bounds bounds = {days, per_user, per_realm};
    bool more = true;
    while (more)
        assert_int_equal(notification_store_purge(desk->h->pg, &desk->h->w->cancel, &bounds, &more),
                         STATUS_OK);
}

/* A realm that floods pushes out its own, and so does a group of it: what others told stays. */
static void who_tells_most_loses_the_oldest(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "bob");
    world_sql(
        h->w,
        "INSERT INTO hub.notification_inbox VALUES ('bob', 1000);"
        " INSERT INTO hub.notification (user_id, seq, realm, event_id, event_order, kind,"
        " actor, subject, link, title, detail, event_time, create_time)"
        " SELECT 'bob', n, CASE WHEN n <= 5 THEN 'b' ELSE 'a' END, gen_random_uuid(), n,"
        "  2, 'x', 'bob', 'realms/a/groups/o@' || CASE WHEN n <= 9 THEN 'p' ELSE 'o' || n %% 10 "
        "END,"
        "  'G' || n, '', now(), now() - interval '2 minutes' FROM generate_series(1, 1000) n");
    purge(&desk, 90, 20, 100000);
    assert_string_equal(world_value(h->w, "SELECT string_agg(realm || count, ' ' ORDER BY realm)"
                                          " FROM (SELECT realm, count(*) FROM hub.notification"
                                          " GROUP BY realm) AS n"),
                        "a15 b5");
    assert_string_equal(world_value(h->w, "SELECT count(DISTINCT link) FROM hub.notification"
                                          " WHERE realm = 'a'"),
                        "11");
    /* What just came stays for a minute: another hub may be about to store the same. */
    put_one(&desk, 1, "bob");
    purge(&desk, 90, 10, 100000);
    assert_string_equal(world_value(h->w, "SELECT count(*) FROM hub.notification"), "10");
    desk_close(&desk);
}

static void what_is_too_old_or_too_much_of_a_realm_goes(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "bob");
    for (unsigned i = 1; i <= 6; i++)
        put_one(&desk, i, i <= 3 ? "bob" : "alice");
    world_sql(h->w, "UPDATE hub.notification SET create_time = now() - interval '91 days'"
                    " WHERE title = 'G1';"
                    " UPDATE hub.notification SET create_time = now() - interval '1 hour'"
                    " WHERE title IN ('G2', 'G4')");
    purge(&desk, 90, 1000, 1000);
    assert_string_equal(world_value(h->w, "SELECT string_agg(title, ' ' ORDER BY title)"
                                          " FROM hub.notification"),
                        "G2 G3 G4 G5 G6");
    purge(&desk, 90, 1000, 3);
    assert_string_equal(world_value(h->w, "SELECT string_agg(title, ' ' ORDER BY title)"
                                          " FROM hub.notification"),
                        "G3 G5 G6");
    desk_close(&desk);
}

/* ---- users ---- */

static void deletion_takes_and_merging_keeps_what_was_told(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "alice");
    put_one(&desk, 1, "bob");
    put_one(&desk, 2, "alice");
    put_one(&desk, 3, "bob");
    world_sql(h->w, "SELECT hub.notification_merge('bob', 'alice')");
    assert_string_equal(listed(&desk, false), "3:G3 2:G1 1:G2");
    put_one(&desk, 4, "alice");
    assert_string_equal(listed(&desk, false), "4:G4 3:G3 2:G1 1:G2");
    put_one(&desk, 5, "bob");
    world_sql(h->w, "SELECT hub.delete_user('alice')");
    assert_string_equal(world_value(h->w, "SELECT string_agg(user_id, ' ') FROM hub.notification"),
                        "bob");
    assert_string_equal(
        world_value(h->w, "SELECT string_agg(user_id, ' ') FROM hub.notification_inbox"), "bob");
    desk_close(&desk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HUB_TEST(event_is_stored_once_however_often_it_is_said),
        HUB_TEST(realm_speaks_of_people_whom_it_knows),
        HUB_TEST(retraction_takes_back_what_came_before_it),
        HUB_TEST(what_is_stored_for_a_user_becomes_visible_in_order),
        HUB_TEST(names_are_of_now_and_of_people_whom_the_realm_knows),
        HUB_TEST(each_reads_their_own_and_in_pages),
        HUB_TEST(what_was_seen_is_marked_for_oneself),
        HUB_TEST(mark_that_says_nothing_is_refused_whole),
        HUB_TEST(live_list_goes_on_and_resumes),
        HUB_TEST(live_list_ends_with_its_session),
        HUB_TEST(live_lists_end_with_the_hub),
        HUB_TEST(who_tells_most_loses_the_oldest),
        HUB_TEST(what_is_too_old_or_too_much_of_a_realm_goes),
        HUB_TEST(deletion_takes_and_merging_keeps_what_was_told),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
