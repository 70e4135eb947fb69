#include "hub/profile/profile.h"

#include <string.h>

#include "hub/login/username.h"
#include "shared/text/text.h"

const char *const profile_fields[PROFILE_FIELDS] = {
    "username",  "first_name", "last_name",      "nickname",          "cell_phone", "room",
    "dormitory", "gender",     "student_status", "external_accounts", "visible",
};

static enum status put(struct slice text, struct arena *arena, char **ret_text, struct fault *fault)
{
    char *copy = arena_strndup(arena, text.ptr, text.len);
    if (!copy)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL,
                         "the request needs too much memory");
    *ret_text = copy;
    return STATUS_OK;
}

/* One line of text. */
static enum status make_line(size_t chars_max, const char *field, struct arena *arena, char **line,
                             struct fault *fault)
{
    struct slice text;
    PEK_TRY(text_normalise_name(slice_str(*line), field, arena, &text, fault));
    if (text_chars(text) > chars_max)
        return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, TEXT_REASON_LONG, field,
                                "more than %zu characters", chars_max);
    return put(text, arena, line, fault);
}

static enum status make_optional(size_t chars_max, const char *field, struct arena *arena,
                                 char **line, struct fault *fault)
{
    return (*line)[0] ? make_line(chars_max, field, arena, line, fault) : STATUS_OK;
}

/* E.164: + and 7 to 15 digits, the first of which is not 0. */
static enum status check_phone(const char *phone, struct fault *fault)
{
    size_t digits = phone[0] == '+' ? strspn(phone + 1, "0123456789") : 0;
    if (phone[0] == '\0' ||
        (digits >= 7 && digits <= 15 && phone[1] != '0' && phone[1 + digits] == '\0'))
        return STATUS_OK;
    return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, PROFILE_REASON_PHONE_INVALID,
                            "profile.cell_phone", "a phone number is of the form +36201234567");
}

static enum status make_username(struct arena *arena, hub_v1_profile *profile, struct fault *fault)
{
    struct slice username;
    struct fault ignored;
    enum status status = username_check(slice_str(profile->username), arena, &username, &ignored);
    if (status == STATUS_INVALID_ARGUMENT)
        return fault_set_reason(
            fault, status, PROFILE_REASON_USERNAME_INVALID, "profile.username",
            "a username is %d to %d of a-z, 0-9, '.', '_' and '-', begins with a "
            "letter or digit, and is no reserved word",
            USERNAME_CHARS_MIN, USERNAME_CHARS_MAX);
    PEK_TRY(status);
    return put(username, arena, &profile->username, fault);
}

static enum status check_enum(const ProtobufCEnumDescriptor *type, int value, const char *field,
                              struct fault *fault)
{
    if (protobuf_c_enum_descriptor_get_value(type, value))
        return STATUS_OK;
    return fault_set(fault, STATUS_INVALID_ARGUMENT, field, "it is none of the known ones");
}

static enum status make_account(const hub_v1_external_account *given, struct arena *arena,
                                hub_v1_external_account *ret_account, struct fault *fault)
{
    static const char field[] = "profile.external_accounts";
    *ret_account = *given;
    PEK_TRY(check_enum(&pek__hub__v1__external_account__protocol__descriptor, (int)given->protocol,
                       field, fault));
    if (given->protocol == HUB_V1_EXTERNAL_ACCOUNT_PROTOCOL_UNSPECIFIED)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, field, "an account has no protocol");
    return make_line(PROFILE_ACCOUNT_CHARS_MAX, field, arena, &ret_account->account_name, fault);
}

static bool is_same(const hub_v1_external_account *one, const hub_v1_external_account *other)
{
    return one->protocol == other->protocol && strcmp(one->account_name, other->account_name) == 0;
}

static enum status make_accounts(struct arena *arena, hub_v1_profile *profile, struct fault *fault)
{
    static const char field[] = "profile.external_accounts";
    size_t count = profile->n_external_accounts;
    if (count > PROFILE_ACCOUNTS_MAX)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, field, "more than %d accounts",
                         PROFILE_ACCOUNTS_MAX);
    hub_v1_external_account *made = arena_zalloc(arena, count + 1, sizeof(*made));
    hub_v1_external_account **list = arena_zalloc(arena, count + 1, sizeof(void *));
    if (!made || !list)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL,
                         "the request needs too much memory");
    for (size_t i = 0; i < count; i++) {
        PEK_TRY(make_account(profile->external_accounts[i], arena, &made[i], fault));
        for (size_t j = 0; j < i; j++)
            if (is_same(&made[i], &made[j]))
                return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, TEXT_REASON_TWICE, field,
                                        "an account is there twice");
        list[i] = &made[i];
    }
    profile->external_accounts = list;
    return STATUS_OK;
}

static enum status check_visible(const hub_v1_profile *profile, struct fault *fault)
{
    for (size_t i = 0; i < profile->n_visible; i++)
        if (profile->visible[i] == HUB_V1_PROFILE_DETAIL_UNSPECIFIED ||
            !protobuf_c_enum_descriptor_get_value(&pek__hub__v1__profile_detail__descriptor,
                                                  (int)profile->visible[i]))
            return fault_set(fault, STATUS_INVALID_ARGUMENT, "profile.visible",
                             "it is none of the known details");
    return STATUS_OK;
}

static enum status make_texts(unsigned fields, struct arena *arena, hub_v1_profile *profile,
                              struct fault *fault)
{
    if (fields & PROFILE_FIRST_NAME)
        PEK_TRY(make_optional(PROFILE_NAME_CHARS_MAX, "profile.first_name", arena,
                              &profile->first_name, fault));
    if (fields & PROFILE_LAST_NAME)
        PEK_TRY(make_optional(PROFILE_NAME_CHARS_MAX, "profile.last_name", arena,
                              &profile->last_name, fault));
    if (fields & PROFILE_NICKNAME)
        PEK_TRY(make_optional(PROFILE_NICKNAME_CHARS_MAX, "profile.nickname", arena,
                              &profile->nickname, fault));
    if (fields & PROFILE_ROOM)
        PEK_TRY(
            make_optional(PROFILE_ROOM_CHARS_MAX, "profile.room", arena, &profile->room, fault));
    return fields & PROFILE_CELL_PHONE ? check_phone(profile->cell_phone, fault) : STATUS_OK;
}

enum status profile_make(unsigned fields, struct arena *arena, hub_v1_profile *profile,
                         struct fault *fault)
{
    if (fields & PROFILE_USERNAME)
        PEK_TRY(make_username(arena, profile, fault));
    PEK_TRY(make_texts(fields, arena, profile, fault));
    if (fields & PROFILE_DORMITORY)
        PEK_TRY(check_enum(&pek__hub__v1__dormitory__descriptor, (int)profile->dormitory,
                           "profile.dormitory", fault));
    if (fields & PROFILE_GENDER)
        PEK_TRY(check_enum(&pek__hub__v1__gender__descriptor, (int)profile->gender,
                           "profile.gender", fault));
    if (fields & PROFILE_STUDENT_STATUS)
        PEK_TRY(check_enum(&pek__hub__v1__student_status__descriptor, (int)profile->student_status,
                           "profile.student_status", fault));
    if (fields & PROFILE_EXTERNAL_ACCOUNTS)
        PEK_TRY(make_accounts(arena, profile, fault));
    return fields & PROFILE_VISIBLE ? check_visible(profile, fault) : STATUS_OK;
}

enum status profile_check_names(unsigned fields, const hub_v1_profile *wanted,
                                const hub_v1_profile *present, struct arena *arena,
                                struct fault *fault)
{
    const char *first = (fields & PROFILE_FIRST_NAME ? wanted : present)->first_name;
    const char *last = (fields & PROFILE_LAST_NAME ? wanted : present)->last_name;
    struct slice folded;
    if (!(fields & (PROFILE_FIRST_NAME | PROFILE_LAST_NAME)))
        return STATUS_OK;
    if (!first[0] && !last[0])
        return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, TEXT_REASON_EMPTY,
                                "profile.first_name", "first and last name cannot both be empty");
    const char *whole = arena_printf(arena, "%s %s", last, first);
    if (!whole)
        return STATUS_RESOURCE_EXHAUSTED;
    PEK_TRY(text_fold(slice_str(whole), arena, &folded));
    if (!slice_equal_str(folded, PROFILE_DELETED_NAME))
        return STATUS_OK;
    return fault_set(fault, STATUS_INVALID_ARGUMENT,
                     fields & PROFILE_LAST_NAME ? "profile.last_name" : "profile.first_name",
                     "only who has deleted their account is called \"%s\"", PROFILE_DELETED_NAME);
}

unsigned profile_visible_bits(const hub_v1_profile *profile)
{
    unsigned bits = 0;
    for (size_t i = 0; i < profile->n_visible; i++)
        bits |= 1u << ((unsigned)profile->visible[i] - 1);
    return bits;
}
