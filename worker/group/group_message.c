#include "worker/group/group_message.h"

#define US_PER_S 1000000

/* protobuf-c's string fields are not const, though it does not write to them. */
static char *text(const char *string)
{
    union {
        const char *in;
        char *out;
    } either = {.in = string};
    return either.out;
}

static Google__Protobuf__Timestamp *timestamp(int64_t us, struct arena *arena)
{
    Google__Protobuf__Timestamp *time = arena_alloc(arena, sizeof(*time));
    if (!time)
        return NULL;
    google__protobuf__timestamp__init(time);
    int64_t rest = us % US_PER_S;
    /* Nanos count forward from the second, also before 1970. */
    if (rest < 0)
        rest += US_PER_S;
    time->seconds = (us - rest) / US_PER_S;
    time->nanos = (int32_t)(rest * 1000);
    return time;
}

enum status group_to_message(const struct group *group, const char *realm, struct arena *arena,
                             group_v1_group *ret_message)
{
    ret_message->realm = text(realm);
    ret_message->id = text(group->id);
    ret_message->name = text(group->name);
    ret_message->description = text(group->description);
    ret_message->parent_id = text(group->parent_id ? group->parent_id : "");
    ret_message->purpose = (group_v1_purpose)group->purpose;
    ret_message->foundation_time = timestamp(group->foundation_us, arena);
    ret_message->webpage = text(group->webpage);
    ret_message->mail = text(group->mail);
    ret_message->is_community = group->is_community;
    ret_message->is_resort = group->is_resort;
    ret_message->is_task_force = group->is_task_force;
    ret_message->has_transitive_membership = group->has_transitive_membership;
    ret_message->is_archived = group->is_archived;
    ret_message->users_can_apply = group->users_can_apply;
    ret_message->archived_members_visible = group->archived_members_visible;
    ret_message->create_time = timestamp(group->create_us, arena);
    ret_message->update_time = timestamp(group->update_us, arena);
    ret_message->etag = text(group_etag(group, arena));
    ret_message->sort_key.len = group->sort_key.len;
    ret_message->sort_key.data = (uint8_t *)text(group->sort_key.ptr);
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

enum status group_time_from_message(const Google__Protobuf__Timestamp *time, const char *field,
                                    int64_t *ret_us, struct fault *fault)
{
    /* The range of google.protobuf.Timestamp: years 1 to 9999. */
    static const int64_t seconds_min = -62135596800, seconds_max = 253402300799;
    if (!time) {
        *ret_us = GROUP_TIME_NONE;
        return STATUS_OK;
    }
    if (time->seconds < seconds_min || time->seconds > seconds_max || time->nanos < 0 ||
        time->nanos > 999999999)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, field, "%s is no point in time", field);
    *ret_us = time->seconds * US_PER_S + time->nanos / 1000;
    return STATUS_OK;
}
