#include "hub/login/username.h"

#include "shared/text/text.h"

static const char *const reserved[] = {
    "abuse",    "admin",     "administrator", "anonymous", "api",      "auth",       "authsch",
    "callback", "deleted",   "group",         "groups",    "help",     "hostmaster", "hub",
    "info",     "kir-dev",   "kirdev",        "login",     "logout",   "me",         "moderator",
    "nobody",   "noreply",   "null",          "operator",  "pek",      "postmaster", "profile",
    "realm",    "realms",    "register",      "root",      "security", "self",       "session",
    "settings", "static",    "status",        "support",   "system",   "undefined",  "user",
    "users",    "webmaster", "worker",
};

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_reserved(struct slice username)
{
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
        if (slice_equal_str(username, reserved[i]))
            return true;
    return false;
}

static struct slice trim(struct slice text)
{
    while (text.len > 0 && text.ptr[0] == ' ')
        text = slice_make(text.ptr + 1, text.len - 1);
    while (text.len > 0 && text.ptr[text.len - 1] == ' ')
        text.len--;
    return text;
}

enum status username_check(struct slice typed, struct arena *arena, struct slice *ret_username,
                           struct fault *fault)
{
    struct slice text = trim(typed);
    char lower[USERNAME_CHARS_MAX];

    if (text.len < USERNAME_CHARS_MIN || text.len > USERNAME_CHARS_MAX)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "username",
                         "A felhasználónév %d–%d karakterből áll.", USERNAME_CHARS_MIN,
                         USERNAME_CHARS_MAX);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
        if (!is_alphanumeric(lower[i]) && !(i > 0 && (c == '.' || c == '_' || c == '-')))
            return fault_set(fault, STATUS_INVALID_ARGUMENT, "username",
                             "A felhasználónévben ékezet nélküli betű, számjegy, és nem az elején "
                             "pont, kötőjel vagy aláhúzás lehet.");
    }
    if (is_reserved(slice_make(lower, text.len)))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "username", "Ez a név nem választható.");
    struct slice copy = arena_copy(arena, slice_make(lower, text.len));
    if (!copy.ptr)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "Most nincs elég memória.");
    *ret_username = copy;
    return STATUS_OK;
}

enum status username_candidates(struct slice name, struct arena *arena,
                                struct slice ret_candidates[USERNAME_CANDIDATES])
{
    struct slice candidates[USERNAME_CANDIDATES];
    struct slice slug;
    struct fault unused;
    const int suffix_chars_max = 3;

    if (text_slug(name, NULL, arena, &slug, &unused) != STATUS_OK ||
        slug.len < USERNAME_CHARS_MIN || is_reserved(slug))
        slug = SLICE_LIT("member");
    if (slug.len > USERNAME_CHARS_MAX)
        slug.len = USERNAME_CHARS_MAX;
    candidates[0] = slug;
    if (slug.len > (size_t)(USERNAME_CHARS_MAX - suffix_chars_max))
        slug.len = (size_t)(USERNAME_CHARS_MAX - suffix_chars_max);
    for (int i = 1; i < USERNAME_CANDIDATES; i++)
        candidates[i] = slice_str(arena_printf(arena, "%.*s-%d", SLICE_ARG(slug), i + 1));
    if (arena->failed)
        return STATUS_RESOURCE_EXHAUSTED;
    for (int i = 0; i < USERNAME_CANDIDATES; i++)
        ret_candidates[i] = candidates[i];
    return STATUS_OK;
}
