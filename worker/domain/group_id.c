#include "worker/domain/group_id.h"

#include <string.h>

#include "shared/text/text.h"

/* Words that a path of the web site or of the API could be mistaken for. */
static const char *const reserved_slugs[] = {
    "admin", "all",  "api",  "auth", "descendants", "hub",    "login",  "logout",    "me",
    "new",   "null", "none", "root", "realm",       "realms", "search", "undefined",
};

static enum status no_memory(struct fault *fault)
{
    return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "the request needs too much memory");
}

enum status group_id_parse(const char *id, const char *field, struct arena *arena,
                           struct group_id *ret_id, struct fault *fault)
{
    size_t len = strlen(id);
    if (len == 0)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, field, "group id is empty");
    if (len > 2 * TEXT_SLUG_CHARS_MAX + 1)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, field, "group id is too long");
    char *text = arena_strndup(arena, id, len);
    if (!text)
        return no_memory(fault);
    for (char *c = text; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    struct slice slug = slice_make(text, len);
    struct slice org = slice_cut(&slug, '@');
    if (!text_is_slug(org) || !text_is_slug(slug))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, field,
                         "group id is not of the form organisation@name");
    *ret_id = (struct group_id){text, org};
    return STATUS_OK;
}

static enum status check_new_slug(struct slice slug, struct fault *fault)
{
    if (!text_is_slug(slug))
        return fault_set_reason(
            fault, STATUS_INVALID_ARGUMENT, GROUP_ID_REASON_SLUG, "slug",
            "slug is not 1 to 63 of a-z, 0-9, _ and -, beginning with a letter or digit");
    for (size_t i = 0; i < sizeof(reserved_slugs) / sizeof(reserved_slugs[0]); i++)
        if (slice_equal_str(slug, reserved_slugs[i]))
            return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, GROUP_ID_REASON_SLUG, "slug",
                                    "slug '%s' is reserved", reserved_slugs[i]);
    return STATUS_OK;
}

enum status group_id_make(struct slice org, const char *slug, const char *name, struct arena *arena,
                          struct group_id *ret_id, struct fault *fault)
{
    struct slice chosen = slice_str(slug);
    if (chosen.len == 0) {
        enum status status = text_slug(slice_str(name), "name", arena, &chosen, fault);
        if (status != STATUS_OK)
            return status;
    }
    enum status status = check_new_slug(chosen, fault);
    if (status != STATUS_OK)
        return status;
    if (org.len == 0)
        org = chosen;
    char *text = arena_printf(arena, "%.*s@%.*s", SLICE_ARG(org), SLICE_ARG(chosen));
    if (!text)
        return no_memory(fault);
    *ret_id = (struct group_id){text, slice_make(text, org.len)};
    return STATUS_OK;
}
