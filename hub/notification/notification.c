#include "hub/notification/notification.h"

#include <string.h>

#include "shared/text/text.h"

#define USER_BYTES_MAX 64
#define ID_DIGITS_MAX 18
#define HEX "0123456789abcdef"
#define LOWER "abcdefghijklmnopqrstuvwxyz0123456789"

bool notification_is_event_id(const char *text)
{
    static const size_t groups[] = {8, 4, 4, 4, 12};
    for (size_t i = 0; i < 5; i++) {
        if (strspn(text, HEX) != groups[i] || text[groups[i]] != (i < 4 ? '-' : '\0'))
            return false;
        text += groups[i] + 1;
    }
    return true;
}

bool notification_is_id(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    return digits >= 1 && digits <= ID_DIGITS_MAX && text[digits] == '\0';
}

static bool is_user(const char *text)
{
    size_t len = strspn(text, LOWER "._-");
    return len >= 1 && len <= USER_BYTES_MAX && text[len] == '\0' && strchr("._-", text[0]) == NULL;
}

/* realms/REALM/groups/ORGANISATION@GROUP: the realm's own. */
static bool is_link(const char *link, const char *realm)
{
    static const char realms[] = "realms/", groups[] = "/groups/";
    size_t realm_len = strlen(realm);
    if (strlen(link) > NOTIFICATION_LINK_BYTES_MAX || strncmp(link, realms, strlen(realms)) != 0)
        return false;
    link += strlen(realms);
    if (strncmp(link, realm, realm_len) != 0)
        return false;
    link += realm_len;
    if (strncmp(link, groups, strlen(groups)) != 0)
        return false;
    link += strlen(groups);
    const char *at = strchr(link, '@');
    return at && text_is_slug(slice_make(link, (size_t)(at - link))) &&
           text_is_slug(slice_str(at + 1));
}

/* One line that can be shown, as it would be stored. */
static bool is_line(const char *text, struct arena *arena)
{
    struct slice line;
    struct fault fault;
    return text[0] == '\0' ||
           (text_normalise_name(slice_str(text), NULL, arena, &line, &fault) == STATUS_OK &&
            slice_equal_str(line, text));
}

static bool is_kind(notification_v1_kind kind)
{
    return kind != NOTIFICATION_V1_KIND_UNSPECIFIED &&
           protobuf_c_enum_descriptor_get_value(&pek__notification__v1__kind__descriptor, kind);
}

static enum notification_verdict refuse(struct fault *fault, const char *field, const char *text)
{
    (void)!fault_set(fault, STATUS_DATA_LOSS, field, "%s", text);
    return NOTIFICATION_REFUSED;
}

/* Whatever its clock says. */
static void settle_time(notification_v1_event *event, int64_t now_s)
{
    Google__Protobuf__Timestamp *time = event->create_time;
    if (time->seconds <= now_s && time->seconds >= now_s - NOTIFICATION_AGE_S_MAX &&
        time->nanos >= 0 && time->nanos < 1000000000)
        return;
    time->seconds = now_s;
    time->nanos = 0;
}

enum notification_verdict notification_judge(notification_v1_event *event, const char *realm,
                                             int64_t now_s, struct arena *arena,
                                             struct fault *fault)
{
    if (!notification_is_event_id(event->id))
        return refuse(fault, "id", "it is no UUID");
    if ((int)event->kind <= 0 || (int)event->kind > INT16_MAX)
        return refuse(fault, "kind", "it is of no kind");
    if (!is_user(event->recipient))
        return refuse(fault, "recipient", "it is no user's id");
    if (!is_user(event->actor))
        return refuse(fault, "actor", "it is no user's id");
    if (!is_user(event->subject))
        return refuse(fault, "subject", "it is no user's id");
    if (!is_link(event->link, realm))
        return refuse(fault, "link", "it leads to no group of the realm");
    if (!is_line(event->title, arena))
        return refuse(fault, "title", "it cannot be shown");
    if (!is_line(event->detail, arena))
        return refuse(fault, "detail", "it cannot be shown");
    if (!event->create_time)
        return refuse(fault, "create_time", "it is missing");
    settle_time(event, now_s);
    return is_kind(event->kind) ? NOTIFICATION_GOOD : NOTIFICATION_LATER;
}
