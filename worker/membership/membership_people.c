#include "worker/membership/membership_people.h"

#include <string.h>

#include "worker/domain/domain.h"
#include "worker/domain/group_id.h"
#include "worker/membership/leader.h"
#include "worker/membership/member_policy.h"

enum status membership_people_no_group(enum status status, const char *id, struct fault *fault)
{
    if (status != STATUS_NOT_FOUND)
        return status;
    return fault_set(fault, status, "group_id", "there is no group %s", id);
}

enum status membership_people_check_user(const char *user, const char *field, struct fault *fault)
{
    if (policy_is_user(user))
        return STATUS_OK;
    return fault_set(fault, STATUS_INVALID_ARGUMENT, field, "'%s' is no user's id", user);
}

enum status membership_people_take(struct change *change, char *const *users, size_t count,
                                   const char *field, struct membership_people *ret_people)
{
    struct arena *arena = change->arena;
    struct slice *ids = arena_zalloc(arena, count + 1, sizeof(*ids));
    struct membership_people people = {.users = ids, .count = count};
    people.states = arena_zalloc(arena, count + 1, sizeof(*people.states));
    people.memberships = arena_zalloc(arena, count + 1, sizeof(*people.memberships));
    if (!ids || !people.states || !people.memberships)
        return STATUS_RESOURCE_EXHAUSTED;
    if (count == 0 || count > MEMBERSHIP_BATCH_MAX)
        return fault_set(change->fault, STATUS_INVALID_ARGUMENT, field, "%s has 1 to %d users",
                         field, MEMBERSHIP_BATCH_MAX);
    for (size_t i = 0; i < count; i++) {
        PEK_TRY(membership_people_check_user(users[i], field, change->fault));
        ids[i] = slice_str(users[i]);
        for (size_t j = 0; j < i; j++)
            if (slice_equal(ids[i], ids[j]))
                return fault_set(change->fault, STATUS_INVALID_ARGUMENT, field, "%s has %s twice",
                                 field, users[i]);
    }
    *ret_people = people;
    return STATUS_OK;
}

enum status membership_people_lock(struct change *change, const char *group_id,
                                   struct membership_people *people,
                                   struct membership_group *ret_group)
{
    struct group_id id;
    PEK_TRY(group_id_parse(group_id, "group_id", change->arena, &id, change->fault));
    people->group_id = id.text;
    PEK_TRY(membership_people_no_group(membership_store_lock_group(change, id.text, ret_group),
                                       id.text, change->fault));
    PEK_TRY(membership_store_hold(change, people, ret_group->is_organisation));
    return membership_store_lock(change, people);
}

enum status membership_people_lock_one(struct change *change, const char *group_id,
                                       const char *user, const char *etag,
                                       struct membership_people *ret_person,
                                       struct membership_group *ret_group)
{
    struct membership_people person;
    char *users[1] = {row_string(user)};
    PEK_TRY(membership_people_take(change, users, 1, "user_id", &person));
    PEK_TRY(membership_people_lock(change, group_id, &person, ret_group));
    if (person.states[0].status == MEMBERSHIP_NONE)
        return fault_set(change->fault, STATUS_NOT_FOUND, "user_id", "there is no such member");
    PEK_TRY(row_check_etag(&membership_v1_membership_row, &person.memberships[0], user, etag,
                           change->fault));
    *ret_person = person;
    return STATUS_OK;
}

enum status membership_people_make(struct change *change, const struct membership_people *people,
                                   const struct person_told *told)
{
    struct arena *arena = change->arena;
    struct person *met = arena_zalloc(arena, people->count + 1, sizeof(*met));
    if (!met)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < people->count; i++) {
        const struct person *person = person_told_of(told, people->users[i]);
        met[i] = person && person->version > 0 ? *person : (struct person){.id = people->users[i]};
        if (met[i].version == 0)
            PEK_TRY(text_name_make(change_domain(change)->collator,
                                   arena_printf(arena, "%.*s", SLICE_ARG(people->users[i])),
                                   "user_id", arena, &met[i].name, change->fault));
    }
    PEK_TRY(domain_lock_limit(change, "members of", people->group_id));
    PEK_TRY(person_store_meet(change->transaction, change->actor, met, people->count, arena,
                              change->fault));
    return membership_store_make(change, people);
}

enum status membership_people_finish(struct change *change, const struct membership_people *people,
                                     const char *action)
{
    PEK_TRY(member_policy_settle(change, people));
    return membership_store_audit(change, people, action);
}

/* As whom it is handed over to: they would lead it when they have left its organisation. */
static enum status check_stays(struct change *change, const struct membership_people *founder)
{
    const struct pg_result *ends;
    PEK_TRY(membership_store_org_ends(change, founder, &ends));
    if (pg_rows(ends) == 0)
        return STATUS_OK;
    return fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION, LEADER_REASON_ENDS,
                            "parent_id",
                            "the end of your membership of the organisation is set, which has to "
                            "be taken back before you lead a group of it");
}

enum status membership_people_found(struct change *change, const char *group_id)
{
    static const struct person_told nobody;
    struct membership_people founder;
    struct membership_group group;
    char *users[1] = {row_string(change->actor)};
    PEK_TRY(membership_people_take(change, users, 1, "user_id", &founder));
    PEK_TRY(membership_people_lock(change, group_id, &founder, &group));
    PEK_TRY(check_stays(change, &founder));
    PEK_TRY(membership_people_make(change, &founder, &nobody));
    PEK_TRY(membership_store_lock(change, &founder));
    PEK_TRY(membership_store_step(change, &founder, MEMBERSHIP_ACTIVE));
    return membership_people_finish(change, &founder, "membership.found");
}
