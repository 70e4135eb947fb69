#include "worker/demo/demo_members.h"

#include <assert.h>
#include <stdio.h>

#include "pek/membership/v1/membership.rpc.h"
#include "pek/membership/v1/post.rpc.h"
#include "shared/row/row.h"

/* Of each group: so many active members at least and so many more, and of the others. */
#define ACTIVE_MIN 5
#define ACTIVE_MORE 20
#define NEWBIES 2
#define APPLICANTS 2
/* From one member of a group to the next, among the demo's users. */
#define MEMBER_STRIDE 3
static_assert(ACTIVE_MIN + ACTIVE_MORE - 1 + NEWBIES + APPLICANTS < DEMO_PEOPLE_MAX,
              "all of a group's people have a place");

void demo_pick(unsigned number, struct demo_people *ret_people)
{
    ret_people->active = ACTIVE_MIN + number % ACTIVE_MORE;
    ret_people->newbies = NEWBIES;
    ret_people->applicants = APPLICANTS;
    for (unsigned i = 0; i < DEMO_PEOPLE_MAX; i++) {
        ret_people->ids[i] = ret_people->names[i];
        snprintf(ret_people->names[i], sizeof(ret_people->names[i]), "user-%03u",
                 (number + i * MEMBER_STRIDE) % DEMO_USERS + 1);
    }
}

enum status demo_done(const struct demo *demo, enum status status)
{
    switch (status) {
    case STATUS_ALREADY_EXISTS:
    case STATUS_ABORTED: return STATUS_OK;
    case STATUS_FAILED_PRECONDITION:
    case STATUS_NOT_FOUND: return demo->goes_on ? STATUS_OK : status;
    default: return status;
    }
}

static enum status add(struct demo *demo, const char *group_id, char **users, size_t count,
                       membership_v1_member_status as)
{
    membership_v1_batch_add_members_request req = MEMBERSHIP_V1_BATCH_ADD_MEMBERS_REQUEST_INIT;
    membership_v1_batch_add_members_response *res;
    req.group_id = row_string(group_id);
    req.user_ids = users;
    req.n_user_ids = count;
    req.status = as;
    return DEMO_CALL(demo, membership_v1, batch_add_members, &demo->god, req, res);
}

static enum status apply(struct demo *demo, const char *group_id, const char *user)
{
    membership_v1_apply_for_membership_request req =
        MEMBERSHIP_V1_APPLY_FOR_MEMBERSHIP_REQUEST_INIT;
    membership_v1_membership *res;
    struct demo_caller caller;
    PEK_TRY(demo_sign_in(demo, user, &caller));
    req.group_id = row_string(group_id);
    return DEMO_CALL(demo, membership_v1, apply_for_membership, &caller, req, res);
}

static enum status give(struct demo *demo, const char *group_id, char *user,
                        membership_v1_post_kind kind, const char *type)
{
    membership_v1_give_post_request req = MEMBERSHIP_V1_GIVE_POST_REQUEST_INIT;
    membership_v1_membership *res;
    req.group_id = row_string(group_id);
    req.user_id = user;
    req.kind = kind;
    req.post_type_id = row_string(type);
    return DEMO_CALL(demo, membership_v1, give_post, &demo->god, req, res);
}

/* A post of the group's own. */
static enum status give_own(struct demo *demo, const char *group_id, char *user, const char *name)
{
    membership_v1_create_post_type_request req = MEMBERSHIP_V1_CREATE_POST_TYPE_REQUEST_INIT;
    membership_v1_post_type *type = NULL;
    req.group_id = row_string(group_id);
    req.name = row_string(name);
    PEK_TRY(DEMO_CALL(demo, membership_v1, create_post_type, &demo->god, req, type));
    return type ? give(demo, group_id, user, MEMBERSHIP_V1_POST_KIND_UNSPECIFIED, type->id)
                : STATUS_OK;
}

static enum status give_posts(struct demo *demo, const char *group_id, struct demo_people *people,
                              unsigned number)
{
    static const char *const own[] = {"Csapos", "PR felelős", "Raktáros"};
    PEK_TRY(give(demo, group_id, people->ids[3], MEMBERSHIP_V1_POST_KIND_LEADER_ASSISTANT, ""));
    PEK_TRY(give(demo, group_id, people->ids[4], MEMBERSHIP_V1_POST_KIND_EVALUATION_HELPER, ""));
    PEK_TRY(give(demo, group_id, people->ids[0], MEMBERSHIP_V1_POST_KIND_FINANCIAL_OFFICER, ""));
    return give_own(demo, group_id, people->ids[4], own[number % 3]);
}

enum status demo_hand_over(struct demo *demo, const char *group_id, const char *user)
{
    membership_v1_hand_over_leadership_request req =
        MEMBERSHIP_V1_HAND_OVER_LEADERSHIP_REQUEST_INIT;
    membership_v1_leave_group_request leave = MEMBERSHIP_V1_LEAVE_GROUP_REQUEST_INIT;
    membership_v1_membership *res;
    char *users[1] = {row_string(user)};
    PEK_TRY(demo_add_active(demo, group_id, users, 1));
    req.group_id = leave.group_id = row_string(group_id);
    req.user_id = users[0];
    PEK_TRY(DEMO_CALL(demo, membership_v1, hand_over_leadership, &demo->god, req, res));
    return DEMO_CALL(demo, membership_v1, leave_group, &demo->god, leave, res);
}

enum status demo_add_active(struct demo *demo, const char *group_id, char **users, size_t count)
{
    return add(demo, group_id, users, count, MEMBERSHIP_V1_MEMBER_STATUS_ACTIVE);
}

enum status demo_add_members(struct demo *demo, const char *group_id, unsigned number, bool leads)
{
    membership_v1_inactivate_member_request former = MEMBERSHIP_V1_INACTIVATE_MEMBER_REQUEST_INIT;
    membership_v1_archive_member_request gone = MEMBERSHIP_V1_ARCHIVE_MEMBER_REQUEST_INIT;
    membership_v1_membership *res;
    struct demo_people people;
    demo_pick(number, &people);
    char **newbies = people.ids + people.active, **applicants = newbies + people.newbies;
    PEK_TRY(demo_add_active(demo, group_id, people.ids, people.active));
    PEK_TRY(add(demo, group_id, newbies, people.newbies, MEMBERSHIP_V1_MEMBER_STATUS_NEWBIE));
    former.group_id = gone.group_id = row_string(group_id);
    former.user_id = people.ids[DEMO_FORMER];
    gone.user_id = people.ids[DEMO_GONE];
    PEK_TRY(DEMO_CALL(demo, membership_v1, inactivate_member, &demo->god, former, res));
    PEK_TRY(DEMO_CALL(demo, membership_v1, archive_member, &demo->god, gone, res));
    for (size_t i = 0; i < people.applicants; i++)
        PEK_TRY(apply(demo, group_id, applicants[i]));
    PEK_TRY(give_posts(demo, group_id, &people, number));
    return leads ? demo_hand_over(demo, group_id, people.ids[0]) : STATUS_OK;
}
