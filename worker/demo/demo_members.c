#include "worker/demo/demo_members.h"

#include <stdio.h>

#include "pek/membership/v1/membership.rpc.h"
#include "pek/membership/v1/post.rpc.h"
#include "shared/row/row.h"

/* Of each group: so many active members at least and so many more, and of the others. */
#define ACTIVE_MIN 5
#define ACTIVE_MORE 20
#define NEWBIES 2
#define APPLICANTS 2
#define PEOPLE_MAX (ACTIVE_MIN + ACTIVE_MORE + NEWBIES + APPLICANTS)
/* From one member of a group to the next, among the demo's users. */
#define MEMBER_STRIDE 3

struct people {
    char names[PEOPLE_MAX][16];
    char *ids[PEOPLE_MAX];
};

static void pick(struct people *people, unsigned number)
{
    for (unsigned i = 0; i < PEOPLE_MAX; i++) {
        people->ids[i] = people->names[i];
        snprintf(people->names[i], sizeof(people->names[i]), "user-%03u",
                 (number + i * MEMBER_STRIDE) % DEMO_USERS + 1);
    }
}

/* Of a run that was interrupted, it is there. */
static enum status done(enum status status)
{
    return status == STATUS_ALREADY_EXISTS || status == STATUS_ABORTED ? STATUS_OK : status;
}

#define DEMO_CALL(demo, method, caller, req, res)                                                  \
    done(membership_v1_##method##_call((demo)->channel, &(req), &(caller)->authorization, 1,       \
                                       &(demo)->cancel, &(demo)->arena, &(res), &(demo)->fault))

static enum status add(struct demo *demo, const char *group_id, char **users, size_t count,
                       membership_v1_member_status as)
{
    membership_v1_batch_add_members_request req = MEMBERSHIP_V1_BATCH_ADD_MEMBERS_REQUEST_INIT;
    membership_v1_batch_add_members_response *res;
    req.group_id = row_string(group_id);
    req.user_ids = users;
    req.n_user_ids = count;
    req.status = as;
    return DEMO_CALL(demo, batch_add_members, &demo->god, req, res);
}

static enum status apply(struct demo *demo, const char *group_id, const char *user)
{
    membership_v1_apply_for_membership_request req =
        MEMBERSHIP_V1_APPLY_FOR_MEMBERSHIP_REQUEST_INIT;
    membership_v1_membership *res;
    struct demo_caller caller;
    PEK_TRY(demo_sign_in(demo, user, &caller));
    req.group_id = row_string(group_id);
    return DEMO_CALL(demo, apply_for_membership, &caller, req, res);
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
    return DEMO_CALL(demo, give_post, &demo->god, req, res);
}

/* A post of the group's own. */
static enum status give_own(struct demo *demo, const char *group_id, char *user, const char *name)
{
    membership_v1_create_post_type_request req = MEMBERSHIP_V1_CREATE_POST_TYPE_REQUEST_INIT;
    membership_v1_post_type *type = NULL;
    req.group_id = row_string(group_id);
    req.name = row_string(name);
    PEK_TRY(DEMO_CALL(demo, create_post_type, &demo->god, req, type));
    return type ? give(demo, group_id, user, MEMBERSHIP_V1_POST_KIND_UNSPECIFIED, type->id)
                : STATUS_OK;
}

static enum status give_posts(struct demo *demo, const char *group_id, struct people *people,
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
    PEK_TRY(add(demo, group_id, users, 1, MEMBERSHIP_V1_MEMBER_STATUS_ACTIVE));
    req.group_id = leave.group_id = row_string(group_id);
    req.user_id = users[0];
    PEK_TRY(DEMO_CALL(demo, hand_over_leadership, &demo->god, req, res));
    return DEMO_CALL(demo, leave_group, &demo->god, leave, res);
}

enum status demo_add_members(struct demo *demo, const char *group_id, unsigned number, bool leads)
{
    membership_v1_inactivate_member_request former = MEMBERSHIP_V1_INACTIVATE_MEMBER_REQUEST_INIT;
    membership_v1_archive_member_request gone = MEMBERSHIP_V1_ARCHIVE_MEMBER_REQUEST_INIT;
    membership_v1_membership *res;
    struct people people;
    unsigned active = ACTIVE_MIN + number % ACTIVE_MORE;
    pick(&people, number);
    PEK_TRY(add(demo, group_id, people.ids, active, MEMBERSHIP_V1_MEMBER_STATUS_ACTIVE));
    PEK_TRY(add(demo, group_id, people.ids + active, NEWBIES, MEMBERSHIP_V1_MEMBER_STATUS_NEWBIE));
    former.group_id = gone.group_id = row_string(group_id);
    former.user_id = people.ids[1];
    gone.user_id = people.ids[2];
    PEK_TRY(DEMO_CALL(demo, inactivate_member, &demo->god, former, res));
    PEK_TRY(DEMO_CALL(demo, archive_member, &demo->god, gone, res));
    for (unsigned i = 0; i < APPLICANTS; i++)
        PEK_TRY(apply(demo, group_id, people.ids[active + NEWBIES + i]));
    PEK_TRY(give_posts(demo, group_id, &people, number));
    return leads ? demo_hand_over(demo, group_id, people.ids[0]) : STATUS_OK;
}
