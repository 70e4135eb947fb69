/* What a profile may hold. */
#include "hub/profile/profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct arena arena;
static struct fault fault;

static int begin(void **state)
{
    (void)state;
    arena_init(&arena, 1u << 20);
    fault = (struct fault){0};
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_done(&arena);
    return 0;
}

static char *string(const char *text)
{
    return arena_strndup(&arena, text, strlen(text));
}

static void refused(unsigned fields, hub_v1_profile *profile, const char *field)
{
    fault = (struct fault){0};
    if (profile_make(fields, &arena, profile, &fault) != STATUS_INVALID_ARGUMENT)
        fail_msg("%s was taken", field);
    assert_string_equal(fault.field, field);
}

static void names_are_stored_in_their_normal_form(void **state)
{
    (void)state;
    hub_v1_profile profile = HUB_V1_PROFILE_INIT;
    profile.last_name = string("  Erdo\xcc\x8bs  ");
    profile.first_name = string("Anna\xc2\xa0 Luca");
    profile.username = string(" Erdos.Anna ");
    assert_int_equal(profile_make(~0u & ~(unsigned)PROFILE_CELL_PHONE, &arena, &profile, &fault),
                     STATUS_OK);
    assert_string_equal(profile.last_name, "Erd\xc5\x91s");
    assert_string_equal(profile.first_name, "Anna Luca");
    assert_string_equal(profile.username, "erdos.anna");
}

static void text_that_cannot_be_shown_or_is_too_long_is_refused(void **state)
{
    (void)state;
    static const struct {
        unsigned bit;
        size_t offset, chars_max;
        const char *field;
    } lines[] = {
        {PROFILE_FIRST_NAME, offsetof(hub_v1_profile, first_name), 100, "profile.first_name"},
        {PROFILE_LAST_NAME, offsetof(hub_v1_profile, last_name), 100, "profile.last_name"},
        {PROFILE_NICKNAME, offsetof(hub_v1_profile, nickname), 50, "profile.nickname"},
        {PROFILE_ROOM, offsetof(hub_v1_profile, room), 20, "profile.room"},
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        hub_v1_profile profile = HUB_V1_PROFILE_INIT;
        char **line = (char **)(void *)((char *)&profile + lines[i].offset);
        char text[128] = {0};
        memset(text, 'x', lines[i].chars_max);
        *line = text;
        assert_int_equal(profile_make(lines[i].bit, &arena, &profile, &fault), STATUS_OK);
        text[lines[i].chars_max] = 'x';
        *line = text;
        refused(lines[i].bit, &profile, lines[i].field);
        *line = string("a\xe2\x80\x8b"
                       "b");
        refused(lines[i].bit, &profile, lines[i].field);
        *line = string("   ");
        refused(lines[i].bit, &profile, lines[i].field);
        *line = string("");
        assert_int_equal(profile_make(lines[i].bit, &arena, &profile, &fault), STATUS_OK);
    }
}

static void phone_is_international_or_empty(void **state)
{
    (void)state;
    static const char *const good[] = {"", "+36201234567", "+1234567", "+123456789012345"};
    static const char *const bad[] = {"06201234567", "+0620123456",       "+36 20 1234567",
                                      "+123456",     "+1234567890123456", "+",
                                      "36201234567", "+3620x234567"};
    hub_v1_profile profile = HUB_V1_PROFILE_INIT;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        profile.cell_phone = string(good[i]);
        assert_int_equal(profile_make(PROFILE_CELL_PHONE, &arena, &profile, &fault), STATUS_OK);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        profile.cell_phone = string(bad[i]);
        refused(PROFILE_CELL_PHONE, &profile, "profile.cell_phone");
    }
}

static void username_is_plain_and_not_reserved(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "ab", "me", "Admin", "a/b", "a\\b", "árpi", ".abc", "a234567890123456789012345678901"};
    hub_v1_profile profile = HUB_V1_PROFILE_INIT;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        profile.username = string(bad[i]);
        refused(PROFILE_USERNAME, &profile, "profile.username");
    }
}

static void choices_are_those_of_the_proto(void **state)
{
    (void)state;
    hub_v1_profile profile = HUB_V1_PROFILE_INIT;
    profile.dormitory = (hub_v1_dormitory)8;
    refused(PROFILE_DORMITORY, &profile, "profile.dormitory");
    profile.gender = (hub_v1_gender)4;
    refused(PROFILE_GENDER, &profile, "profile.gender");
    profile.student_status = (hub_v1_student_status)-1;
    refused(PROFILE_STUDENT_STATUS, &profile, "profile.student_status");
    hub_v1_profile_detail visible[] = {HUB_V1_PROFILE_DETAIL_ROOM, (hub_v1_profile_detail)6};
    profile.visible = visible;
    profile.n_visible = 2;
    refused(PROFILE_VISIBLE, &profile, "profile.visible");
    visible[1] = HUB_V1_PROFILE_DETAIL_UNSPECIFIED;
    refused(PROFILE_VISIBLE, &profile, "profile.visible");
    visible[1] = HUB_V1_PROFILE_DETAIL_EXTERNAL_ACCOUNTS;
    assert_int_equal(profile_make(PROFILE_VISIBLE, &arena, &profile, &fault), STATUS_OK);
    assert_int_equal(profile_visible_bits(&profile), 1 << 1 | 1 << 4);
}

static void accounts_are_few_and_none_is_there_twice(void **state)
{
    (void)state;
    hub_v1_external_account accounts[PROFILE_ACCOUNTS_MAX + 1];
    hub_v1_external_account *list[PROFILE_ACCOUNTS_MAX + 1];
    hub_v1_profile profile = HUB_V1_PROFILE_INIT;
    for (size_t i = 0; i < PROFILE_ACCOUNTS_MAX + 1; i++) {
        hub_v1_external_account_init(&accounts[i]);
        accounts[i].protocol = HUB_V1_EXTERNAL_ACCOUNT_PROTOCOL_IRC;
        accounts[i].account_name = arena_printf(&arena, "name-%zu", i);
        list[i] = &accounts[i];
    }
    profile.external_accounts = list;
    profile.n_external_accounts = PROFILE_ACCOUNTS_MAX + 1;
    refused(PROFILE_EXTERNAL_ACCOUNTS, &profile, "profile.external_accounts");
    profile.n_external_accounts = PROFILE_ACCOUNTS_MAX;
    accounts[3].account_name = string("  name-1 ");
    refused(PROFILE_EXTERNAL_ACCOUNTS, &profile, "profile.external_accounts");
    accounts[3].protocol = HUB_V1_EXTERNAL_ACCOUNT_PROTOCOL_GMAIL;
    assert_int_equal(profile_make(PROFILE_EXTERNAL_ACCOUNTS, &arena, &profile, &fault), STATUS_OK);
    accounts[3].protocol = HUB_V1_EXTERNAL_ACCOUNT_PROTOCOL_UNSPECIFIED;
    profile.external_accounts = list;
    refused(PROFILE_EXTERNAL_ACCOUNTS, &profile, "profile.external_accounts");
    accounts[3].protocol = (hub_v1_external_account_protocol)13;
    refused(PROFILE_EXTERNAL_ACCOUNTS, &profile, "profile.external_accounts");
    accounts[3].protocol = HUB_V1_EXTERNAL_ACCOUNT_PROTOCOL_EGGPLANT;
    accounts[3].account_name = string("");
    refused(PROFILE_EXTERNAL_ACCOUNTS, &profile, "profile.external_accounts");
}

static void somebody_has_a_name(void **state)
{
    (void)state;
    static const unsigned both = PROFILE_FIRST_NAME | PROFILE_LAST_NAME;
    hub_v1_profile present = HUB_V1_PROFILE_INIT, wanted = HUB_V1_PROFILE_INIT;
    present.last_name = string("Madonna");
    assert_int_equal(profile_check_names(PROFILE_FIRST_NAME, &wanted, &present, &arena, &fault),
                     STATUS_OK);
    assert_int_equal(profile_check_names(PROFILE_LAST_NAME, &wanted, &present, &arena, &fault),
                     STATUS_INVALID_ARGUMENT);
    assert_int_equal(profile_check_names(both, &wanted, &present, &arena, &fault),
                     STATUS_INVALID_ARGUMENT);
    wanted.first_name = string("Anna");
    assert_int_equal(profile_check_names(both, &wanted, &present, &arena, &fault), STATUS_OK);
}

/* By its name who has deleted their account is told. */
static void nobody_is_called_as_who_has_deleted_their_account(void **state)
{
    (void)state;
    static const struct {
        const char *last, *first;
        unsigned fields;
        const char *field; /* NULL: it is taken */
    } names[] = {
        {"deleted", "user", PROFILE_FIRST_NAME | PROFILE_LAST_NAME, "profile.last_name"},
        {"D\xc3\xa9leted", "USER", PROFILE_LAST_NAME, "profile.last_name"},
        {"deleted", "user", PROFILE_FIRST_NAME, "profile.first_name"},
        {"", "Deleted user", PROFILE_FIRST_NAME, "profile.first_name"},
        {"deleted user", "", PROFILE_LAST_NAME, "profile.last_name"},
        {"deleted", "user", PROFILE_ROOM, NULL}, /* who is called so already */
        {"Deleted", "Users", PROFILE_FIRST_NAME, NULL},
        {"user", "deleted", PROFILE_FIRST_NAME, NULL},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        hub_v1_profile profile = HUB_V1_PROFILE_INIT;
        profile.last_name = string(names[i].last);
        profile.first_name = string(names[i].first);
        fault = (struct fault){0};
        enum status status =
            profile_check_names(names[i].fields, &profile, &profile, &arena, &fault);
        if (status != (names[i].field ? STATUS_INVALID_ARGUMENT : STATUS_OK))
            fail_msg("%zu: %d", i, (int)status);
        if (names[i].field)
            assert_string_equal(fault.field, names[i].field);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(body) cmocka_unit_test_setup_teardown(body, begin, end)
        TEST(names_are_stored_in_their_normal_form),
        TEST(text_that_cannot_be_shown_or_is_too_long_is_refused),
        TEST(phone_is_international_or_empty),
        TEST(username_is_plain_and_not_reserved),
        TEST(choices_are_those_of_the_proto),
        TEST(accounts_are_few_and_none_is_there_twice),
        TEST(somebody_has_a_name),
        TEST(nobody_is_called_as_who_has_deleted_their_account),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
