#include "worker/group/group.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "shared/text/address.h"
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

/* ---- ids ---- */

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
        return fault_set(
            fault, STATUS_INVALID_ARGUMENT, "slug",
            "slug is not 1 to 63 of a-z, 0-9, _ and -, beginning with a letter or digit");
    for (size_t i = 0; i < sizeof(reserved_slugs) / sizeof(reserved_slugs[0]); i++)
        if (slice_equal_str(slug, reserved_slugs[i]))
            return fault_set(fault, STATUS_INVALID_ARGUMENT, "slug", "slug '%s' is reserved",
                             reserved_slugs[i]);
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

/* ---- names and texts ---- */

enum status group_name_make(struct text_collator *collator, const char *name, const char *field,
                            struct arena *arena, struct group_name *ret_name, struct fault *fault)
{
    struct group_name made;
    enum status status = text_normalise_name(slice_str(name), field, arena, &made.name, fault);
    if (status != STATUS_OK)
        return status;
    status = text_unique_key(made.name, arena, &made.unique_key);
    if (status == STATUS_OK)
        status = text_fold(made.name, arena, &made.folded);
    if (status == STATUS_OK)
        status = text_sort_key(collator, made.name, arena, &made.sort_key);
    if (status != STATUS_OK)
        return fault_set(fault, status, field, "name cannot be ordered");
    if (made.unique_key.len > GROUP_KEY_BYTES_MAX || made.sort_key.len > GROUP_KEY_BYTES_MAX)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, field, "name is too long");
    *ret_name = made;
    return STATUS_OK;
}

static const struct {
    const char *path;
    enum group_field field;
} mask_paths[] = {
    {"name", GROUP_NAME},
    {"description", GROUP_DESCRIPTION},
    {"webpage", GROUP_WEBPAGE},
    {"mail", GROUP_MAIL},
    {"purpose", GROUP_PURPOSE},
    {"is_community", GROUP_IS_COMMUNITY},
    {"is_resort", GROUP_IS_RESORT},
    {"is_task_force", GROUP_IS_TASK_FORCE},
    {"has_transitive_membership", GROUP_HAS_TRANSITIVE_MEMBERSHIP},
    {"users_can_apply", GROUP_USERS_CAN_APPLY},
    {"archived_members_visible", GROUP_ARCHIVED_MEMBERS_VISIBLE},
};

enum status group_fields_from_mask(char *const *paths, size_t count, unsigned allowed,
                                   unsigned *ret_fields, struct fault *fault)
{
    unsigned fields = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned named = 0;
        for (size_t p = 0; p < sizeof(mask_paths) / sizeof(mask_paths[0]); p++)
            if (strcmp(paths[i], mask_paths[p].path) == 0)
                named = (unsigned)mask_paths[p].field & allowed;
        if (!named)
            return fault_set(fault, STATUS_INVALID_ARGUMENT, "update_mask",
                             "'%.64s' cannot be changed here", paths[i]);
        fields |= named;
    }
    *ret_fields = fields;
    return STATUS_OK;
}

enum status group_profile_check(const char *description, const char *webpage, const char *mail,
                                int purpose, unsigned fields, const char *prefix,
                                struct arena *arena, struct group_profile *ret_profile,
                                struct fault *fault)
{
    struct group_profile profile = {SLICE_LIT(""), SLICE_LIT(""), SLICE_LIT(""), purpose};
    char field[FAULT_FIELD_BYTES_MAX];
    enum status status = STATUS_OK;
    if (fields & GROUP_DESCRIPTION) {
        snprintf(field, sizeof(field), "%sdescription", prefix);
        status = text_normalise_prose(slice_str(description), TEXT_DESCRIPTION_CHARS_MAX, field,
                                      arena, &profile.description, fault);
    }
    if (status == STATUS_OK && fields & GROUP_WEBPAGE && webpage[0]) {
        snprintf(field, sizeof(field), "%swebpage", prefix);
        status = text_check_webpage(slice_str(webpage), TEXT_WEBPAGE_CHARS_MAX, field, arena,
                                    &profile.webpage, fault);
    }
    if (status == STATUS_OK && fields & GROUP_MAIL && mail[0]) {
        snprintf(field, sizeof(field), "%smail", prefix);
        status = text_check_mail(slice_str(mail), TEXT_MAIL_CHARS_MAX, field, arena, &profile.mail,
                                 fault);
    }
    if (status != STATUS_OK)
        return status;
    if (fields & GROUP_PURPOSE && (purpose < 0 || purpose > GROUP_PURPOSE_MAX)) {
        snprintf(field, sizeof(field), "%spurpose", prefix);
        return fault_set(fault, STATUS_INVALID_ARGUMENT, field,
                         "purpose is none of the known ones");
    }
    *ret_profile = profile;
    return STATUS_OK;
}

/* ---- the tree ---- */

enum status group_check_under(const struct group_node *path, size_t path_count, size_t height,
                              const char *field, struct fault *fault)
{
    for (size_t i = 0; i < path_count; i++)
        if (path[i].is_archived)
            return fault_set_reason(fault, STATUS_FAILED_PRECONDITION, GROUP_REASON_ARCHIVED, field,
                                    "%s is archived", path[i].id);
    if (path_count + height > GROUP_DEPTH_MAX)
        return fault_set_reason(fault, STATUS_FAILED_PRECONDITION, GROUP_REASON_DEPTH, field,
                                "a tree of groups has at most %d levels", GROUP_DEPTH_MAX);
    return STATUS_OK;
}

enum status group_check_move(const struct group_id *moved, const struct group_node *path,
                             size_t path_count, size_t height, struct fault *fault)
{
    for (size_t i = 0; i < path_count; i++) {
        if (strcmp(path[i].id, moved->text) == 0)
            return fault_set_reason(fault, STATUS_FAILED_PRECONDITION, GROUP_REASON_CYCLE,
                                    "parent_id", "a group cannot be moved under itself");
        struct slice rest = slice_str(path[i].id);
        if (!slice_equal(slice_cut(&rest, '@'), moved->org))
            return fault_set_reason(fault, STATUS_FAILED_PRECONDITION, GROUP_REASON_ORGANISATION,
                                    "parent_id", "a group stays in its organisation");
    }
    return group_check_under(path, path_count, height, "parent_id", fault);
}

enum status group_check_archive(int64_t active_subgroups, bool cascade, struct fault *fault)
{
    if (active_subgroups > 0 && !cascade)
        return fault_set_reason(fault, STATUS_FAILED_PRECONDITION, GROUP_REASON_ACTIVE_SUBGROUPS,
                                "cascade", "%" PRId64 " active subgroups would be archived too",
                                active_subgroups);
    return STATUS_OK;
}

enum status group_check_active(const struct group *group, struct fault *fault)
{
    if (group->is_archived)
        return fault_set_reason(fault, STATUS_FAILED_PRECONDITION, GROUP_REASON_ARCHIVED, NULL,
                                "%s is archived", group->id);
    return STATUS_OK;
}

/* ---- etags ---- */

const char *group_etag(const struct group *group, struct arena *arena)
{
    return arena_printf(arena, "v%" PRId64, group->version);
}

enum status group_check_etag(const struct group *group, const char *etag, struct fault *fault)
{
    char now[24];
    snprintf(now, sizeof(now), "v%" PRId64, group->version);
    if (etag[0] && strcmp(etag, now) != 0)
        return fault_set_reason(fault, STATUS_ABORTED, GROUP_REASON_ETAG, "etag",
                                "%s was changed by somebody else", group->id);
    return STATUS_OK;
}
