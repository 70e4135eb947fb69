#include "worker/group/group.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "shared/text/address.h"
#include "shared/text/text.h"

/* ---- names and texts ---- */

const char *const group_profile_fields[GROUP_PROFILE_FIELDS] = {
    "name", "description", "webpage", "mail", "purpose",
};

const char *const group_flag_fields[GROUP_FLAG_FIELDS] = {
    "is_community",    "is_resort",
    "is_task_force",   "has_transitive_membership",
    "users_can_apply", "archived_members_visible",
};

enum status group_check_purpose(group_v1_purpose purpose, const char *field, struct fault *fault)
{
    if (protobuf_c_enum_descriptor_get_value(&pek__group__v1__purpose__descriptor, (int)purpose))
        return STATUS_OK;
    return fault_set(fault, STATUS_INVALID_ARGUMENT, field, "purpose is none of the known ones");
}

static enum status put(struct arena *arena, struct slice text, char **ret_text)
{
    char *copy = arena_strndup(arena, text.ptr, text.len);
    if (!copy)
        return STATUS_RESOURCE_EXHAUSTED;
    *ret_text = copy;
    return STATUS_OK;
}

enum status group_profile_make(unsigned fields, const char *prefix, struct arena *arena,
                               group_v1_group *group, struct fault *fault)
{
    char field[FAULT_FIELD_BYTES_MAX];
    struct slice text;
    if (fields & GROUP_DESCRIPTION) {
        snprintf(field, sizeof(field), "%sdescription", prefix);
        PEK_TRY(text_normalise_prose(slice_str(group->description), TEXT_DESCRIPTION_CHARS_MAX,
                                     field, arena, &text, fault));
        PEK_TRY(put(arena, text, &group->description));
    }
    if (fields & GROUP_WEBPAGE && group->webpage[0]) {
        snprintf(field, sizeof(field), "%swebpage", prefix);
        PEK_TRY(text_check_webpage(slice_str(group->webpage), TEXT_WEBPAGE_CHARS_MAX, field, arena,
                                   &text, fault));
        PEK_TRY(put(arena, text, &group->webpage));
    }
    if (fields & GROUP_MAIL && group->mail[0]) {
        snprintf(field, sizeof(field), "%smail", prefix);
        PEK_TRY(text_check_mail(slice_str(group->mail), TEXT_MAIL_CHARS_MAX, field, arena, &text,
                                fault));
        PEK_TRY(put(arena, text, &group->mail));
    }
    snprintf(field, sizeof(field), "%spurpose", prefix);
    return fields & GROUP_PURPOSE ? group_check_purpose(group->purpose, field, fault) : STATUS_OK;
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

enum status group_check_new(const char *id, const struct group_node *path, size_t path_count,
                            struct fault *fault)
{
    for (size_t i = 0; i < path_count; i++)
        if (strcmp(path[i].id, id) == 0)
            return fault_set_reason(fault, STATUS_ALREADY_EXISTS, GROUP_REASON_ID_TAKEN, "slug",
                                    "a group above it has that id");
    return group_check_under(path, path_count, 1, "parent_id", fault);
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

enum status group_check_active(const group_v1_group *group, struct fault *fault)
{
    if (group->is_archived)
        return fault_set_reason(fault, STATUS_FAILED_PRECONDITION, GROUP_REASON_ARCHIVED, NULL,
                                "%s is archived", group->id);
    return STATUS_OK;
}
