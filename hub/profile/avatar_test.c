/* Avatars through the host that the API speaks to: alice and bob meet in realm a, carol is alone in realm b. */
#include "hub/profile/avatar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hub/profile/image.h"
#include "hub/profile/profile_service.h"
#include "hub/session/session_service.h"
#include "hub/session/testing/hub_world.h"

/* One white pixel. */
static const unsigned char png[] = {
    0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0x00, 0x00, 0x00, 0x0D, 0x49, 0x48,
    0x44, 0x52, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x00, 0x00,
    0x00, 0x3A, 0x7E, 0x9B, 0x55, 0x00, 0x00, 0x00, 0x0A, 0x49, 0x44, 0x41, 0x54, 0x78,
    0x9C, 0x63, 0xF8, 0x0F, 0x00, 0x01, 0x01, 0x01, 0x00, 0xB1, 0x38, 0xF6, 0x14, 0x00,
    0x00, 0x00, 0x00, 0x49, 0x45, 0x4E, 0x44, 0xAE, 0x42, 0x60, 0x82,
};
#define PNG_BYTES sizeof(png)

struct desk {
    struct hub_world *h;
    struct rpc_host *host;
    struct rpc_channel *channel;
    struct profile_service service;
    struct rpc_pair as;
    hub_v1_avatar *res;
};

static void as(struct desk *desk, const char *user)
{
    struct slice token = hub_login(desk->h, &desk->h->one, user);
    char *bearer = arena_printf(desk->h->w->arena, "Bearer %.*s", SLICE_ARG(token));
    desk->as = (struct rpc_pair){SLICE_LIT("authorization"), slice_str(bearer)};
}

static void desk_open(struct hub_world *h, struct desk *desk, const char *user)
{
    const struct rpc_host_options options = {.interceptor = session_interceptor(&h->one.cache)};
    *desk = (struct desk){.h = h};
    desk->service.service = hub_service(h->pg);
    world_sql(h->w, "TRUNCATE hub.instance; INSERT INTO hub.instance (realm, name, target) VALUES"
                    " ('a', 'A', '127.0.0.1:1'), ('b', 'B', '127.0.0.1:2');"
                    " INSERT INTO hub.user_realm (user_id, realm) VALUES"
                    " ('alice', 'a'), ('bob', 'a'), ('carol', 'b')");
    assert_int_equal(rpc_host_new(h->w->run->fibers, &options, &desk->host), STATUS_OK);
    assert_int_equal(profile_service_add(desk->host, &desk->service, &h->fault), STATUS_OK);
    assert_int_equal(rpc_channel_new_local(desk->host, &desk->channel), STATUS_OK);
    as(desk, user);
}

static void desk_close(struct desk *desk)
{
    rpc_channel_free(desk->channel);
    rpc_host_free(desk->host);
}

static enum status get(struct desk *desk, const char *user)
{
    hub_v1_get_avatar_request req = HUB_V1_GET_AVATAR_REQUEST_INIT;
    req.user = row_string(user);
    desk->h->fault = (struct fault){0};
    return hub_v1_get_avatar_call(desk->channel, &req, &desk->as, 1, WORLD_REST(desk->h->w),
                                  &desk->res, &desk->h->fault);
}

static enum status put(struct desk *desk, const char *user, const char *type, const void *bytes,
                       size_t len)
{
    hub_v1_put_avatar_request req = HUB_V1_PUT_AVATAR_REQUEST_INIT;
    Pek__Media media = PEK__MEDIA__INIT;
    media.content_type = row_string(type);
    media.data = (ProtobufCBinaryData){len, (uint8_t *)(uintptr_t)bytes};
    req.user = row_string(user);
    req.media = &media;
    desk->h->fault = (struct fault){0};
    return hub_v1_put_avatar_call(desk->channel, &req, &desk->as, 1, WORLD_REST(desk->h->w),
                                  &desk->res, &desk->h->fault);
}

static enum status put_png(struct desk *desk, const char *user)
{
    return put(desk, user, "image/png", png, PNG_BYTES);
}

static enum status delete (struct desk *desk, const char *user) {
    hub_v1_delete_avatar_request req = HUB_V1_DELETE_AVATAR_REQUEST_INIT;
    hub_v1_delete_avatar_response * res;
    req.user = row_string(user);
    desk->h->fault = (struct fault){0};
    return hub_v1_delete_avatar_call(desk->channel, &req, &desk->as, 1, WORLD_REST(desk->h->w),
                                     &res, &desk->h->fault);
}

static int version_of(struct desk *desk, const char *user)
{
    return (int)strtol(world_value(desk->h->w,
                                   "SELECT avatar_version FROM hub.profile WHERE user_id = '%s'",
                                   user),
                       NULL, 10);
}

static void avatar_is_seen_by_whoever_sees_the_names(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "bob");
    assert_int_equal(get(&desk, "me"), STATUS_NOT_FOUND);
    assert_int_equal(put_png(&desk, "me"), STATUS_OK);
    assert_string_equal(desk.res->user_id, "bob");
    assert_string_equal(desk.res->content_type, "image/png");
    assert_int_equal(desk.res->width, 1);
    assert_null(desk.res->media);
    static const char *const seers[] = {"bob", "alice"};
    for (size_t i = 0; i < 2; i++) {
        as(&desk, seers[i]);
        assert_int_equal(get(&desk, "BOB.N"), STATUS_OK);
        assert_int_equal(desk.res->media->data.len, PNG_BYTES);
        assert_memory_equal(desk.res->media->data.data, png, PNG_BYTES);
        assert_string_equal(desk.res->media->content_type, "image/png");
    }
    /* A stranger hears what everybody hears of who has none, and of who is not there. */
    as(&desk, "carol");
    static const char *const none[] = {"bob", "bob.n", "alice", "nobody", "me", ""};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        assert_int_equal(get(&desk, none[i]), STATUS_NOT_FOUND);
        assert_string_equal(h->fault.text, "there is no such avatar");
    }
    desk_close(&desk);
}

static void avatar_is_changed_by_its_owner_alone(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "alice");
    assert_int_equal(put_png(&desk, "bob"), STATUS_PERMISSION_DENIED);
    assert_int_equal(put_png(&desk, "carol"), STATUS_NOT_FOUND);
    assert_int_equal(put_png(&desk, ""), STATUS_INVALID_ARGUMENT);
    as(&desk, "bob");
    assert_int_equal(put_png(&desk, "bob.n"), STATUS_OK);
    as(&desk, "alice");
    assert_int_equal(delete (&desk, "bob"), STATUS_PERMISSION_DENIED);
    as(&desk, "carol");
    assert_int_equal(delete (&desk, "bob"), STATUS_NOT_FOUND);
    assert_string_equal(world_value(h->w, "SELECT count(*) FROM hub.avatar"), "1");
    assert_string_equal(world_value(h->w, "SELECT string_agg(actor || action, ' ')"
                                          " FROM hub.audit_log"),
                        "bobuser.put_avatar");
    desk_close(&desk);
}

static void version_never_goes_back(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "bob");
    int last = 0;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(put_png(&desk, "me"), STATUS_OK);
        assert_true(version_of(&desk, "bob") > last);
        last = version_of(&desk, "bob");
        assert_int_equal(delete (&desk, "me"), STATUS_OK);
        assert_int_equal(version_of(&desk, "bob"), 0);
        assert_int_equal(get(&desk, "me"), STATUS_NOT_FOUND);
    }
    /* Once more changes nothing. */
    const char *profile = world_value(h->w, "SELECT version FROM hub.profile WHERE user_id='bob'");
    assert_int_equal(delete (&desk, "me"), STATUS_OK);
    assert_string_equal(world_value(h->w, "SELECT version FROM hub.profile WHERE user_id = 'bob'"),
                        profile);
    desk_close(&desk);
}

static void every_realm_that_knows_the_owner_is_told(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "bob");
    world_sql(h->w, "INSERT INTO hub.user_realm (user_id, realm) VALUES ('bob', 'b')");
    world_sql(h->w, "TRUNCATE hub.person_news");
    assert_int_equal(put_png(&desk, "me"), STATUS_OK);
    assert_string_equal(world_value(h->w, "SELECT string_agg(realm || user_id, ' ' ORDER BY realm)"
                                          " FROM hub.person_news"),
                        "abob bbob");
    world_sql(h->w, "TRUNCATE hub.person_news");
    assert_int_equal(delete (&desk, "me"), STATUS_OK);
    assert_string_equal(world_value(h->w, "SELECT count(*) FROM hub.person_news"), "2");
    desk_close(&desk);
}

static void what_is_no_avatar_changes_nothing(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "bob");
    char *large = calloc(1, AVATAR_BYTES_MAX + 1);
    assert_non_null(large);
    memcpy(large, png, PNG_BYTES);
    assert_int_equal(put(&desk, "me", "image/png", large, AVATAR_BYTES_MAX + 1),
                     STATUS_INVALID_ARGUMENT);
    assert_string_equal(h->fault.reason, AVATAR_REASON_TOO_LARGE);
    assert_int_equal(put(&desk, "me", "image/png", large, AVATAR_BYTES_MAX),
                     STATUS_INVALID_ARGUMENT);
    assert_string_equal(h->fault.reason, AVATAR_REASON_CONTENT);
    free(large);
    assert_int_equal(put(&desk, "me", "image/gif", png, PNG_BYTES), STATUS_INVALID_ARGUMENT);
    assert_string_equal(h->fault.reason, AVATAR_REASON_TYPE);
    assert_int_equal(put(&desk, "me", "image/jpeg", png, PNG_BYTES), STATUS_INVALID_ARGUMENT);
    assert_string_equal(h->fault.reason, AVATAR_REASON_CONTENT);
    assert_string_equal(h->fault.field, "media");
    assert_int_equal(put(&desk, "me", "image/png", png, 0), STATUS_INVALID_ARGUMENT);
    assert_string_equal(world_value(h->w, "SELECT count(*) FROM hub.avatar"), "0");
    assert_int_equal(version_of(&desk, "bob"), 0);
    desk_close(&desk);
}

static void avatar_goes_with_its_owner(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "bob");
    assert_int_equal(put_png(&desk, "me"), STATUS_OK);
    world_sql(h->w, "SELECT hub.delete_user('bob')");
    assert_string_equal(world_value(h->w, "SELECT count(*) FROM hub.avatar"), "0");
    as(&desk, "alice");
    assert_int_equal(get(&desk, "bob"), STATUS_NOT_FOUND);
    desk_close(&desk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HUB_TEST(avatar_is_seen_by_whoever_sees_the_names),
        HUB_TEST(avatar_is_changed_by_its_owner_alone),
        HUB_TEST(version_never_goes_back),
        HUB_TEST(every_realm_that_knows_the_owner_is_told),
        HUB_TEST(what_is_no_avatar_changes_nothing),
        HUB_TEST(avatar_goes_with_its_owner),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
