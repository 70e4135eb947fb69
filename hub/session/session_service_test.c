/* The caller's own sessions, through the host that the API speaks to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hub/session/session_service.h"
#include "hub/session/testing/hub_world.h"
#include "pek/hub/v1/session.rpc.h"
#include "shared/base/clock.h"

struct desk {
    struct hub_world *h;
    struct rpc_host *host;
    struct rpc_channel *channel;
};

static void desk_open(struct hub_world *h, struct desk *desk)
{
    const struct rpc_host_options options = {.interceptor = session_interceptor(&h->one.cache)};
    desk->h = h;
    assert_int_equal(rpc_host_new(h->w->run->fibers, &options, &desk->host), STATUS_OK);
    assert_int_equal(session_service_add(desk->host, &h->one.cache, &h->fault), STATUS_OK);
    assert_int_equal(rpc_channel_new_local(desk->host, &desk->channel), STATUS_OK);
}

static void desk_close(struct desk *desk)
{
    rpc_channel_free(desk->channel);
    rpc_host_free(desk->host);
}

static struct rpc_pair *as(struct desk *desk, struct slice token)
{
    struct rpc_pair *pair = arena_zalloc(desk->h->w->arena, 1, sizeof(*pair));
    char *bearer = arena_printf(desk->h->w->arena, "Bearer %.*s", SLICE_ARG(token));
    *pair = (struct rpc_pair){SLICE_LIT("authorization"), slice_str(bearer)};
    return pair;
}

#define SHOWN_MAX 8

struct shown {
    const hub_v1_session_summary *sessions[SHOWN_MAX];
    size_t count;
};

static enum status ask(struct desk *desk, struct slice token,
                       const hub_v1_list_sessions_request *req, struct shown *ret_shown)
{
    const struct rpc_method *method =
        rpc_host_method(desk->host, SLICE_LIT("/pek.hub.v1.SessionService/ListSessions"));
    ProtobufCMessage **items = arena_zalloc(desk->h->w->arena, WORLD_ITEMS_MAX, sizeof(*items));
    assert_non_null(items);
    enum status status = world_stream(desk->h->w, desk->channel, method, &req->base,
                                      token.len ? as(desk, token) : NULL, token.len ? 1 : 0, items,
                                      &ret_shown->count);
    assert_true(ret_shown->count <= SHOWN_MAX);
    for (size_t i = 0; i < ret_shown->count; i++)
        ret_shown->sessions[i] = (const hub_v1_session_summary *)items[i];
    return status;
}

static struct shown list_of(struct desk *desk, struct slice token)
{
    const hub_v1_list_sessions_request req = HUB_V1_LIST_SESSIONS_REQUEST_INIT;
    struct shown shown;
    assert_int_equal(ask(desk, token, &req, &shown), STATUS_OK);
    return shown;
}

static enum status revoke_one(struct desk *desk, struct slice token, const char *id)
{
    hub_v1_revoke_session_request req = HUB_V1_REVOKE_SESSION_REQUEST_INIT;
    hub_v1_revoke_session_response *res;
    req.id = (char *)(uintptr_t)id;
    desk->h->fault = (struct fault){0};
    return hub_v1_revoke_session_call(desk->channel, &req, as(desk, token), 1,
                                      WORLD_REST(desk->h->w), &res, &desk->h->fault);
}

static int revoke_all(struct desk *desk, struct slice token, bool keep)
{
    hub_v1_revoke_all_sessions_request req = HUB_V1_REVOKE_ALL_SESSIONS_REQUEST_INIT;
    hub_v1_revoke_all_sessions_response *res;
    req.keep_current = keep;
    assert_int_equal(hub_v1_revoke_all_sessions_call(desk->channel, &req, as(desk, token), 1,
                                                     WORLD_REST(desk->h->w), &res, &desk->h->fault),
                     STATUS_OK);
    return res->revoked;
}

static void list_shows_ones_own_running_sessions_and_which_is_this(struct hub_world *h)
{
    struct desk desk;
    struct slice phone = hub_login(h, &h->one, "alice"), laptop = hub_login(h, &h->one, "alice");
    desk_open(h, &desk);
    hub_login(h, &h->one, "bob");
    world_sql(h->w,
              "INSERT INTO hub.session (id, user_id, expires_at, revoked_at, last_seen_at) VALUES"
              " ('expired-session-id', 'alice', now(), NULL, now()),"
              " ('revoked-session-id', 'alice', now() + interval '1 h', now(), now()),"
              " ('idle-session-id-00', 'alice', now() + interval '1 h', NULL,"
              "  now() - interval '3 h')");
    struct shown res = list_of(&desk, laptop);
    assert_int_equal(res.count, 2);
    int current = res.sessions[0]->current ? 0 : 1;
    assert_true(res.sessions[current]->current && !res.sessions[1 - current]->current);
    for (size_t i = 0; i < 2; i++) {
        const hub_v1_session_summary *summary = res.sessions[i];
        assert_int_equal(strlen(summary->id), SESSION_HANDLE_CHARS);
        assert_true(summary->create_time->seconds <= clock_wall_s() + 1);
        assert_true(summary->expire_time->seconds > clock_wall_s());
        assert_int_equal(summary->last_seen_time->seconds, summary->create_time->seconds);
        assert_string_equal(summary->user_agent, "curl/8.0 (test)");
        /* What is shown is neither the cookie nor the id in it. */
        assert_string_equal(world_value(h->w,
                                        "SELECT count(*)::text FROM hub.session WHERE id = '%s'",
                                        summary->id),
                            "0");
        assert_int_equal(hub_find(h, &h->one, slice_str(summary->id)), STATUS_UNAUTHENTICATED);
    }
    res = list_of(&desk, phone);
    assert_true(res.sessions[1 - current]->current && !res.sessions[current]->current);
    desk_close(&desk);
}

static void what_a_browser_says_that_it_is_is_bounded(struct hub_world *h)
{
    char agent[SESSION_USER_AGENT_BYTES_MAX + 100];
    struct slice token;

    memset(agent, 'x', sizeof(agent));
    assert_int_equal(session_open(&h->one.cache, &h->w->cancel, SLICE_LIT("alice"),
                                  slice_make(agent, sizeof(agent)), h->w->arena, &token, &h->fault),
                     STATUS_OK);
    assert_string_equal(world_value(h->w, "SELECT max(length(user_agent))::text FROM hub.session"),
                        "200");
}

/* From any position, in pages of any size: the last used first, none twice, none left out. */
static void list_goes_on_behind_any_position(struct hub_world *h)
{
    struct desk desk;
    struct slice token = hub_login(h, &h->one, "alice");
    desk_open(h, &desk);
    world_sql(h->w, "INSERT INTO hub.session (id, user_id, expires_at, last_seen_at)"
                    " SELECT 'session-number-00' || n, 'alice', now() + interval '1 h',"
                    "        now() - interval '1 minute' * (n / 2) FROM generate_series(1, 6) n");
    struct shown all = list_of(&desk, token);
    assert_int_equal(all.count, 7);
    for (size_t i = 1; i < all.count; i++)
        assert_true(all.sessions[i - 1]->last_seen_time->seconds >=
                    all.sessions[i]->last_seen_time->seconds);
    for (size_t from = 0; from < all.count; from++)
        for (int inclusive = 0; inclusive < 2; inclusive++) {
            hub_v1_list_sessions_request req = HUB_V1_LIST_SESSIONS_REQUEST_INIT;
            Pek__Cursor after = PEK__CURSOR__INIT;
            struct shown page;
            after.sort_key = all.sessions[from]->sort_key;
            after.id = all.sessions[from]->id;
            after.inclusive = inclusive;
            req.after = &after;
            req.page_size = 2;
            assert_int_equal(ask(&desk, token, &req, &page), STATUS_OK);
            size_t first = from + !inclusive, left = all.count - first;
            assert_int_equal(page.count, left < 2 ? left : 2);
            for (size_t i = 0; i < page.count; i++)
                assert_string_equal(page.sessions[i]->id, all.sessions[first + i]->id);
        }
    hub_v1_list_sessions_request req = HUB_V1_LIST_SESSIONS_REQUEST_INIT;
    struct shown page;
    req.page_size = -1;
    assert_int_equal(ask(&desk, token, &req, &page), STATUS_INVALID_ARGUMENT);
    assert_string_equal(h->w->fault.field, "page_size");
    desk_close(&desk);
}

static void revoking_ends_that_session_and_only_ones_own(struct hub_world *h)
{
    struct desk desk;
    struct slice phone = hub_login(h, &h->one, "alice"), laptop = hub_login(h, &h->one, "alice");
    struct slice bobs = hub_login(h, &h->one, "bob");
    desk_open(h, &desk);
    const char *bobs_id = list_of(&desk, bobs).sessions[0]->id;
    struct shown res = list_of(&desk, laptop);
    const char *other = res.sessions[res.sessions[0]->current ? 1 : 0]->id;
    const char *mine = res.sessions[res.sessions[0]->current ? 0 : 1]->id;
    assert_int_equal(revoke_one(&desk, laptop, bobs_id), STATUS_NOT_FOUND);
    assert_int_equal(revoke_one(&desk, laptop, "00000000000000000000000000000000"),
                     STATUS_NOT_FOUND);
    assert_int_equal(revoke_one(&desk, laptop, "' OR true --"), STATUS_NOT_FOUND);
    assert_int_equal(revoke_one(&desk, laptop, ""), STATUS_INVALID_ARGUMENT);
    assert_int_equal(revoke_one(&desk, laptop, other), STATUS_OK);
    assert_int_equal(hub_find(h, &h->one, phone), STATUS_UNAUTHENTICATED);
    assert_int_equal(hub_find(h, &h->one, bobs), STATUS_OK);
    assert_int_equal(list_of(&desk, laptop).count, 1);
    assert_int_equal(revoke_one(&desk, laptop, mine), STATUS_OK);
    assert_int_equal(revoke_one(&desk, laptop, mine), STATUS_UNAUTHENTICATED);
    desk_close(&desk);
}

static void revoking_all_spares_this_one_when_told_to(struct hub_world *h)
{
    struct desk desk;
    struct slice tokens[3];
    desk_open(h, &desk);
    for (size_t i = 0; i < 3; i++)
        tokens[i] = hub_login(h, &h->one, "alice");
    assert_int_equal(revoke_all(&desk, tokens[1], true), 2);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(hub_find(h, &h->one, tokens[i]),
                         i == 1 ? STATUS_OK : STATUS_UNAUTHENTICATED);
    assert_int_equal(revoke_all(&desk, tokens[1], false), 1);
    assert_int_equal(hub_find(h, &h->one, tokens[1]), STATUS_UNAUTHENTICATED);
    desk_close(&desk);
}

static void without_a_session_there_is_no_list(struct hub_world *h)
{
    hub_v1_list_sessions_request req = HUB_V1_LIST_SESSIONS_REQUEST_INIT;
    struct shown shown;
    struct desk desk;
    desk_open(h, &desk);
    assert_int_equal(ask(&desk, slice_make("", 0), &req, &shown), STATUS_UNAUTHENTICATED);
    desk_close(&desk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HUB_TEST(list_shows_ones_own_running_sessions_and_which_is_this),
        HUB_TEST(what_a_browser_says_that_it_is_is_bounded),
        HUB_TEST(list_goes_on_behind_any_position),
        HUB_TEST(revoking_ends_that_session_and_only_ones_own),
        HUB_TEST(revoking_all_spares_this_one_when_told_to),
        HUB_TEST(without_a_session_there_is_no_list),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
