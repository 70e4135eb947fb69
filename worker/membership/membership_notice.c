#include "worker/membership/membership_notice.h"

#include <string.h>

#include "worker/membership/leader.h"
#include "worker/notification/notification_store.h"

static enum status users_of(struct change *change, const struct pg_result *rows,
                            struct slice **ret_users, size_t *ret_count)
{
    size_t count = pg_rows(rows);
    struct slice *users = arena_zalloc(change->arena, count + 1, sizeof(*users));
    if (!users)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < count; i++)
        users[i] = pg_get_slice(rows, i, 0);
    *ret_users = users;
    *ret_count = count;
    return STATUS_OK;
}

static enum status tell_leaders(struct change *change, const struct membership_people *people)
{
    const struct notice notice = {.kind = NOTIFICATION_V1_KIND_MEMBERSHIP_CREATED,
                                  .group_id = people->group_id};
    const struct pg_result *rows;
    struct slice *leaders;
    size_t count;
    PEK_TRY(leader_list(change, people->group_id, &rows));
    PEK_TRY(users_of(change, rows, &leaders, &count));
    return notification_store_tell_about(change, &notice, leaders, count, people->users,
                                         people->count);
}

enum status membership_notice_step(struct change *change, enum membership_step step,
                                   const struct membership_people *people)
{
    static const notification_v1_kind kinds[MEMBERSHIP_STEPS] = {
        [MEMBERSHIP_ACCEPT] = NOTIFICATION_V1_KIND_MEMBERSHIP_ACCEPTED,
        [MEMBERSHIP_REJECT] = NOTIFICATION_V1_KIND_MEMBERSHIP_REJECTED,
        [MEMBERSHIP_PROMOTE] = NOTIFICATION_V1_KIND_MEMBERSHIP_PROMOTED,
        [MEMBERSHIP_INACTIVATE] = NOTIFICATION_V1_KIND_MEMBERSHIP_INACTIVATED,
        [MEMBERSHIP_REACTIVATE] = NOTIFICATION_V1_KIND_MEMBERSHIP_REACTIVATED,
        [MEMBERSHIP_ARCHIVE] = NOTIFICATION_V1_KIND_MEMBERSHIP_ARCHIVED,
        [MEMBERSHIP_UNARCHIVE] = NOTIFICATION_V1_KIND_MEMBERSHIP_UNARCHIVED,
        [MEMBERSHIP_ADD] = NOTIFICATION_V1_KIND_MEMBERSHIP_ADDED,
        /* APPLY is told to the leaders, LEAVE is one's own doing. */
    };
    const struct notice notice = {.kind = kinds[step], .group_id = people->group_id};
    const struct notice applied = {.kind = NOTIFICATION_V1_KIND_MEMBERSHIP_CREATED,
                                   .group_id = people->group_id,
                                   .retracts = true};
    if (step == MEMBERSHIP_APPLY)
        return tell_leaders(change, people);
    if (step == MEMBERSHIP_REJECT)
        PEK_TRY(notification_store_take_back(change, &applied, people->users, people->count));
    return notice.kind ? notification_store_tell(change, &notice, people->users, people->count)
                       : STATUS_OK;
}

enum status membership_notice_dates(struct change *change, const struct membership_people *person)
{
    const struct notice notice = {.kind = NOTIFICATION_V1_KIND_MEMBERSHIP_DATES_SET,
                                  .group_id = person->group_id};
    return notification_store_tell(change, &notice, person->users, person->count);
}

/* Its name; of one that every group has, what the kind is called in JSON. */
static const char *name_of(const struct post_type *type)
{
    static const char prefix[] = "POST_KIND_";
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(
        &pek__membership__v1__post_kind__descriptor, type->kind);
    if (type->kind == MEMBERSHIP_V1_POST_KIND_OWN || !value)
        return type->name;
    return value->name + strlen(prefix);
}

enum status membership_notice_post(struct change *change, const struct membership_people *person,
                                   const struct post_type *type, bool given)
{
    const struct notice notice = {
        .kind = given ? NOTIFICATION_V1_KIND_POST_GIVEN : NOTIFICATION_V1_KIND_POST_TAKEN,
        .group_id = person->group_id,
        .detail = name_of(type),
    };
    return notification_store_tell(change, &notice, person->users, person->count);
}

enum status membership_notice_leader(struct change *change, const struct membership_people *person,
                                     const struct pg_result *former)
{
    const struct notice given = {.kind = NOTIFICATION_V1_KIND_LEADERSHIP_GIVEN,
                                 .group_id = person->group_id};
    const struct notice taken = {.kind = NOTIFICATION_V1_KIND_LEADERSHIP_TAKEN,
                                 .group_id = person->group_id};
    struct slice *users;
    size_t count, others = 0;
    PEK_TRY(users_of(change, former, &users, &count));
    for (size_t i = 0; i < count; i++)
        if (!slice_equal(users[i], person->users[0]))
            users[others++] = users[i];
    /* Who led it already learns nothing new. */
    if (others == count)
        PEK_TRY(notification_store_tell(change, &given, person->users, 1));
    return notification_store_tell_about(change, &taken, users, others, person->users, 1);
}
