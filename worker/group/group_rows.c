#include "worker/group/group_rows.h"

#include <string.h>

enum column {
    ID,
    PARENT_ID,
    NAME,
    DESCRIPTION,
    WEBPAGE,
    MAIL,
    PURPOSE,
    FOUNDATION,
    CREATED,
    UPDATED,
    VERSION,
    SORT_KEY,
    IS_COMMUNITY,
    IS_RESORT,
    IS_TASK_FORCE,
    HAS_TRANSITIVE_MEMBERSHIP,
    IS_ARCHIVED,
    USERS_CAN_APPLY,
    ARCHIVED_MEMBERS_VISIBLE,
};

void group_from_row(const struct pg_result *result, size_t row, struct arena *arena,
                    struct group *ret_group)
{
    *ret_group = (struct group){
        .id = pg_get_str(result, row, ID),
        .parent_id = pg_is_null(result, row, PARENT_ID) ? NULL : pg_get_str(result, row, PARENT_ID),
        .name = pg_get_str(result, row, NAME),
        .description = pg_get_str(result, row, DESCRIPTION),
        .webpage = pg_get_str(result, row, WEBPAGE),
        .mail = pg_get_str(result, row, MAIL),
        .purpose = (int)pg_get_int(result, row, PURPOSE),
        .foundation_us = pg_get_int(result, row, FOUNDATION),
        .create_us = pg_get_int(result, row, CREATED),
        .update_us = pg_get_int(result, row, UPDATED),
        .version = pg_get_int(result, row, VERSION),
        .sort_key = pg_get_bytea(result, row, SORT_KEY, arena),
        .is_community = pg_get_bool(result, row, IS_COMMUNITY),
        .is_resort = pg_get_bool(result, row, IS_RESORT),
        .is_task_force = pg_get_bool(result, row, IS_TASK_FORCE),
        .has_transitive_membership = pg_get_bool(result, row, HAS_TRANSITIVE_MEMBERSHIP),
        .is_archived = pg_get_bool(result, row, IS_ARCHIVED),
        .users_can_apply = pg_get_bool(result, row, USERS_CAN_APPLY),
        .archived_members_visible = pg_get_bool(result, row, ARCHIVED_MEMBERS_VISIBLE),
    };
}

/* The only row, copied; frees the result. */
enum status group_take(struct pg_result *result, struct arena *arena, struct group *ret_group)
{
    enum status status = STATUS_NOT_FOUND;
    if (pg_rows(result) == 1) {
        struct group group;
        group_from_row(result, 0, arena, &group);
        const char **strings[] = {&group.id,          &group.parent_id, &group.name,
                                  &group.description, &group.webpage,   &group.mail};
        for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
            if (*strings[i])
                *strings[i] = arena_strndup(arena, *strings[i], strlen(*strings[i]));
        status = arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
        if (status == STATUS_OK)
            *ret_group = group;
    }
    pg_result_free(result);
    return status;
}
