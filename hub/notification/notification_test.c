/* What a realm may say that somebody is told of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hub/notification/notification.h"

#define NOW_S 1800000000
#define ID "0f8fad5b-d9cb-469f-a165-70867728950e"
#define LONG                                                                                       \
    "realms/acme/groups/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@b"

static struct arena arena;
static Google__Protobuf__Timestamp when;

static char *text(const char *constant)
{
    return (char *)(uintptr_t)constant;
}

static notification_v1_event good_event(void)
{
    notification_v1_event event = NOTIFICATION_V1_EVENT_INIT;
    when = (Google__Protobuf__Timestamp)GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    when.seconds = NOW_S - 60;
    event.id = text(ID);
    event.kind = NOTIFICATION_V1_KIND_MEMBERSHIP_ACCEPTED;
    event.recipient = event.subject = text("bob");
    event.actor = text("ann.b-c_d");
    event.link = text("realms/acme/groups/kir-dev@kir-dev");
    event.title = text("Kir-Dev Árvíztűrő kör");
    event.detail = text("");
    event.create_time = &when;
    return event;
}

static enum notification_verdict judge(notification_v1_event *event, struct fault *fault)
{
    *fault = (struct fault){0};
    return notification_judge(event, "acme", NOW_S, &arena, fault);
}

static void event_about_the_realms_own_group_is_good(void **state)
{
    struct fault fault;
    notification_v1_event event = good_event();
    (void)state;
    assert_int_equal(judge(&event, &fault), NOTIFICATION_GOOD);
    event.title = text("");
    event.detail = text("gazdaságis");
    assert_int_equal(judge(&event, &fault), NOTIFICATION_GOOD);
}

static void what_is_not_the_realms_to_say_is_refused(void **state)
{
    static const struct {
        const char *field, *value;
    } bad[] = {
        {"id", ""},
        {"id", "17"},
        {"id", "0F8FAD5B-D9CB-469F-A165-70867728950E"},
        {"id", ID "0"},
        {"recipient", ""},
        {"recipient", "Bob"},
        {"recipient", "-bob"},
        {"recipient", "bob'; --"},
        {"actor", "a b"},
        {"subject", "me/../x"},
        {"link", ""},
        {"link", "realms/acme/groups/"},
        {"link", "realms/acme/groups/a"},
        {"link", "realms/acme/groups/a@"},
        {"link", "realms/acme/groups/@b"},
        {"link", "realms/acme/groups/a@b/x"},
        {"link", "realms/acme/groups/a@b?c"},
        {"link", "realms/acme/groups/a@b@c"},
        {"link", LONG},
        {"link", "realms/conference/groups/a@b"},
        {"link", "realms/acme2/groups/a@b"},
        {"link", "realms/acm/groups/a@b"},
        {"link", "https://evil.example/realms/acme/groups/a@b"},
        {"link", "//realms/acme/groups/a@b"},
        {"link", "javascript:alert(1)"},
        {"title", "two\nlines"},
        {"title", "left \xe2\x80\xae right"}, /* a bidi override */
        {"title", " not trimmed"},
        {"title", "broken \xff"},
        {"detail", "\x01"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct fault fault;
        notification_v1_event event = good_event();
        const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(
            &pek__notification__v1__event__descriptor, bad[i].field);
        *(char **)(void *)((char *)&event + field->offset) = text(bad[i].value);
        if (judge(&event, &fault) != NOTIFICATION_REFUSED)
            fail_msg("%s '%s' is taken", bad[i].field, bad[i].value);
        assert_string_equal(fault.field, bad[i].field);
    }
}

static void title_has_its_bound(void **state)
{
    struct fault fault;
    char title[202];
    notification_v1_event event = good_event();
    (void)state;
    memset(title, 'x', 201);
    title[201] = '\0';
    event.title = title;
    assert_int_equal(judge(&event, &fault), NOTIFICATION_REFUSED);
    title[200] = '\0';
    assert_int_equal(judge(&event, &fault), NOTIFICATION_GOOD);
}

static void kind_that_is_not_known_yet_waits(void **state)
{
    static const int never[] = {0, -1, INT32_MIN, INT16_MAX + 1, INT32_MAX};
    struct fault fault;
    notification_v1_event event = good_event();
    (void)state;
    event.kind = (notification_v1_kind)INT16_MAX;
    assert_int_equal(judge(&event, &fault), NOTIFICATION_LATER);
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
        event.kind = (notification_v1_kind)never[i];
        assert_int_equal(judge(&event, &fault), NOTIFICATION_REFUSED);
        assert_string_equal(fault.field, "kind");
    }
}

static void time_that_cannot_be_is_now(void **state)
{
    static const struct {
        int64_t seconds;
        int32_t nanos;
    } impossible[] = {
        {NOW_S + 1, 0},          {INT64_MAX, 0},
        {INT64_MIN, 0},          {NOW_S - NOTIFICATION_AGE_S_MAX - 1, 0},
        {NOW_S - 1, -1},         {0, 0},
        {NOW_S - 1, 1000000000},
    };
    struct fault fault;
    (void)state;
    for (size_t i = 0; i < sizeof(impossible) / sizeof(impossible[0]); i++) {
        notification_v1_event event = good_event();
        when.seconds = impossible[i].seconds;
        when.nanos = impossible[i].nanos;
        assert_int_equal(judge(&event, &fault), NOTIFICATION_GOOD);
        assert_int_equal(when.seconds, NOW_S);
        assert_int_equal(when.nanos, 0);
    }
    notification_v1_event event = good_event();
    assert_int_equal(judge(&event, &fault), NOTIFICATION_GOOD);
    assert_int_equal(when.seconds, NOW_S - 60);
    event.create_time = NULL;
    assert_int_equal(judge(&event, &fault), NOTIFICATION_REFUSED);
}

static void ids_are_numbers(void **state)
{
    (void)state;
    assert_true(notification_is_id("1"));
    assert_true(notification_is_id("999999999999999999"));
    assert_false(notification_is_id(""));
    assert_false(notification_is_id("-1"));
    assert_false(notification_is_id("1x"));
    assert_false(notification_is_id("1000000000000000000"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(event_about_the_realms_own_group_is_good),
        cmocka_unit_test(what_is_not_the_realms_to_say_is_refused),
        cmocka_unit_test(title_has_its_bound),
        cmocka_unit_test(kind_that_is_not_known_yet_waits),
        cmocka_unit_test(time_that_cannot_be_is_now),
        cmocka_unit_test(ids_are_numbers),
    };
    arena_init(&arena, 8u << 20);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_done(&arena);
    return failed;
}
