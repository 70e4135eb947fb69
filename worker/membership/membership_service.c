/* MembershipService: what it reads, what it changes, and its table. */
#include "worker/membership/membership_service.h"

#include "pek/options.rpc.h"
#include "shared/row/mask.h"
#include "shared/service/change.h"
#include "shared/service/read.h"
#include "worker/domain/domain.h"
#include "worker/domain/group_id.h"
#include "worker/membership/leader.h"
#include "worker/membership/member_points.h"
#include "worker/membership/membership_list.h"
#include "worker/membership/membership_notice.h"
#include "worker/membership/membership_people.h"
#include "worker/membership/post_store.h"

/* ---- what the changes have in common ---- */

static const char *const actions[MEMBERSHIP_STEPS] = {
    [MEMBERSHIP_APPLY] = "membership.apply",
    [MEMBERSHIP_ACCEPT] = "membership.accept",
    [MEMBERSHIP_REJECT] = "membership.reject",
    [MEMBERSHIP_PROMOTE] = "membership.promote",
    [MEMBERSHIP_INACTIVATE] = "membership.inactivate",
    [MEMBERSHIP_REACTIVATE] = "membership.reactivate",
    [MEMBERSHIP_ARCHIVE] = "membership.archive",
    [MEMBERSHIP_UNARCHIVE] = "membership.unarchive",
    [MEMBERSHIP_ADD] = "membership.add",
    [MEMBERSHIP_LEAVE] = "membership.leave",
};

/* An application that ends by the applicant was not turned down. */
static const char *action_of(const struct change *change, enum membership_step step,
                             const struct membership_people *people)
{
    bool own = slice_equal_str(people->users[0], change->actor);
    return step == MEMBERSHIP_REJECT && own ? "membership.withdraw" : actions[step];
}

struct step {
    enum membership_step step;
    const char *group_id;
    const char *field;                /* of the people, in a fault */
    const char *etag;                 /* of one person's membership */
    membership_v1_member_status *add; /* ADD: as what */
    struct person_told told;          /* ADD: what the hub says of them */
};

/* Where the step leads all of them, or why somebody cannot take it. */
static enum status take_step(struct change *change, const struct step *step,
                             const struct membership_group *group,
                             const struct membership_people *people, enum membership_status *ret_to)
{
    for (size_t i = 0; i < people->count; i++) {
        enum status status = membership_take(step->step, group, &people->states[i], step->field,
                                             ret_to, change->fault);
        const struct fault said = *change->fault;
        if (status != STATUS_OK && people->count > 1)
            return fault_set_reason(change->fault, status, said.reason, said.field, "%.*s: %s",
                                    SLICE_ARG(people->users[i]), said.text);
        PEK_TRY(status);
    }
    return STATUS_OK;
}

static bool serves(enum membership_status status)
{
    return status == MEMBERSHIP_NEWBIE || status == MEMBERSHIP_ACTIVE;
}

/* When they leave, if that is set, or MEMBERSHIP_OPEN: who becomes a former member of an organisation stays in its groups. */
static int64_t planned_end(const membership_v1_membership *membership)
{
    const Google__Protobuf__Timestamp *end = membership->end_time;
    bool leaves = end && membership->next_status == MEMBERSHIP_V1_MEMBER_STATUS_ARCHIVED;
    return leaves ? end->seconds * 1000000 + end->nanos / 1000 : MEMBERSHIP_OPEN;
}

/* People of a group below an organisation who leave it with that: now (MEMBERSHIP_NO_DAY), or on the day that has taken the place of
 * `former_us`. */
struct leaving {
    const char *group_id;
    char *users[MEMBERSHIP_BATCH_MAX];
    int64_t ends_us[MEMBERSHIP_BATCH_MAX]; /* now, or open: all, or none */
    size_t count;
    int64_t former_us;
};

/* The people, and what is read of them, without those whom it changes nothing for. */
static void keep_leaving(const struct change *change, const struct leaving *leaving,
                         struct membership_people *people, struct membership_days *days)
{
    size_t kept = 0;
    for (size_t i = 0; i < people->count; i++) {
        if (!serves(people->states[i].status) ||
            (days && !membership_follow(&days[i].list, days[i].now_us, leaving->former_us,
                                        leaving->ends_us[i], change->actor)))
            continue;
        people->users[kept] = people->users[i];
        people->states[kept] = people->states[i];
        people->memberships[kept] = people->memberships[i];
        if (days)
            days[kept] = days[i];
        kept++;
    }
    people->count = kept;
}

static enum status leave_group_below(struct change *change, const struct leaving *leaving)
{
    struct membership_people people;
    struct membership_group group;
    struct membership_days *days = NULL;
    const int64_t end_us = leaving->ends_us[0];
    PEK_TRY(membership_people_take(change, leaving->users, leaving->count, "user_id", &people));
    PEK_TRY(membership_people_lock(change, leaving->group_id, &people, &group));
    if (end_us != MEMBERSHIP_NO_DAY)
        PEK_TRY(membership_store_days(change, &people, "", "", &days));
    keep_leaving(change, leaving, &people, days);
    if (people.count == 0)
        return STATUS_OK;
    if (end_us != MEMBERSHIP_OPEN)
        PEK_TRY(leader_let_go(change, &people, "user_id", !days || end_us <= days[0].now_us));
    /* Nobody is among others who are archived. */
    if (!days && slice_equal_str(people.users[0], change->actor))
        PEK_TRY(member_points_check_judged(change, &people, "user_id"));
    PEK_TRY(days ? membership_store_set_periods(change, &people, days)
                 : membership_store_step(change, &people, MEMBERSHIP_ARCHIVED));
    return membership_people_finish(change, &people,
                                    end_us == MEMBERSHIP_OPEN ? "membership.setDates"
                                                              : "membership.leaveOrganisation");
}

/* One person leaves however many groups others brought them into. */
static enum status check_below(struct change *change, const struct membership_people *people,
                               const struct pg_result *rows)
{
    if (people->count <= 1 || pg_rows(rows) <= MEMBERSHIP_BELOW_PEOPLE_MAX)
        return STATUS_OK;
    return fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION, MEMBERSHIP_REASON_BELOW,
                            "group_id",
                            "groups below the organisation are left with it, %d memberships of "
                            "several people at most: fewer people at a time",
                            MEMBERSHIP_BELOW_PEOPLE_MAX);
}

/* Who leaves an organisation leaves the groups below it that day; and when the day becomes another one, or none, there as well. */
static enum status leave_below(struct change *change, const struct membership_people *people,
                               const struct membership_group *group, int64_t former_us,
                               int64_t end_us)
{
    const struct pg_result *rows;
    bool none = former_us == MEMBERSHIP_OPEN && end_us == MEMBERSHIP_OPEN;
    if (!group->is_organisation || none)
        return STATUS_OK;
    PEK_TRY(membership_store_below(change, people, &rows));
    PEK_TRY(check_below(change, people, rows));
    for (size_t i = 0; i < pg_rows(rows);) {
        struct leaving leaving = {.group_id = pg_get_str(rows, i, 0), .former_us = former_us};
        for (; i < pg_rows(rows) && strcmp(pg_get_str(rows, i, 0), leaving.group_id) == 0; i++) {
            leaving.users[leaving.count] = row_string(pg_get_str(rows, i, 1));
            leaving.ends_us[leaving.count++] = end_us;
        }
        PEK_TRY(leave_group_below(change, &leaving));
    }
    return STATUS_OK;
}

/* Who comes in while the end of their membership of the organisation is set leaves that day, as those who were there. */
static enum status end_with_organisation(struct change *change, struct membership_people *people)
{
    const struct pg_result *rows;
    struct leaving leaving = {.group_id = people->group_id, .former_us = MEMBERSHIP_OPEN};
    PEK_TRY(membership_store_org_ends(change, people, &rows));
    if (pg_rows(rows) == 0)
        return STATUS_OK;
    for (size_t i = 0; i < pg_rows(rows); i++) {
        leaving.users[leaving.count] = row_string(pg_get_str(rows, i, 0));
        leaving.ends_us[leaving.count++] = pg_get_int(rows, i, 1);
    }
    PEK_TRY(leave_group_below(change, &leaving));
    return membership_store_lock(change, people);
}

/* The people who are not applicants: nothing below an organisation rests on an application to it. */
static enum status without_applicants(struct change *change, const struct membership_people *people,
                                      struct membership_people *ret_people)
{
    struct slice *users = arena_zalloc(change->arena, people->count + 1, sizeof(*users));
    if (!users)
        return STATUS_RESOURCE_EXHAUSTED;
    *ret_people = (struct membership_people){.group_id = people->group_id, .users = users};
    for (size_t i = 0; i < people->count; i++)
        if (people->states[i].status != MEMBERSHIP_APPLIED)
            users[ret_people->count++] = people->users[i];
    return STATUS_OK;
}

/* One leaves by oneself, which says so in the log. */
static enum status check_others(struct change *change, const struct membership_people *people,
                                const char *field)
{
    for (size_t i = 0; i < people->count; i++)
        if (slice_equal_str(people->users[i], change->actor))
            return fault_set(change->fault, STATUS_PERMISSION_DENIED, field,
                             "your own membership ends by leaving the group");
    return STATUS_OK;
}

/* Who may not take somebody's post does not end it with the membership, either. */
static enum status check_posts(struct change *change, const struct membership_people *people,
                               const char *field)
{
    const char *holder;
    PEK_TRY(post_store_leaders(change, people, &holder));
    if (!holder)
        return STATUS_OK;
    return leader_check_caller(change, people->group_id, field,
                               arena_printf(change->arena,
                                            "%s has a post that only the leader of the group takes",
                                            holder));
}

static enum status run_step(struct change *change, const struct step *step,
                            struct membership_people *people)
{
    struct membership_people members;
    struct membership_group group;
    enum membership_status to;
    bool makes = step->step == MEMBERSHIP_APPLY || step->step == MEMBERSHIP_ADD;
    bool ends_others = membership_ends(step->step) && step->step != MEMBERSHIP_LEAVE;
    if (ends_others)
        PEK_TRY(check_others(change, people, step->field));
    for (size_t i = 0; i < people->count; i++)
        PEK_TRY(person_told_check(&step->told, people->users[i], step->field, change->fault));
    /* Before any row is held, so that nobody waits in a circle. */
    if (membership_begins(step->step))
        PEK_TRY(domain_lock_limit(change, "memberships by", change->actor));
    PEK_TRY(membership_people_lock(change, step->group_id, people, &group));
    PEK_TRY(take_step(change, step, &group, people, &to));
    if (ends_others)
        PEK_TRY(check_posts(change, people, step->field));
    if (membership_ends(step->step))
        PEK_TRY(leader_let_go(change, people, step->field, true));
    if (step->step == MEMBERSHIP_LEAVE)
        PEK_TRY(member_points_check_judged(change, people, step->field));
    if (step->step == MEMBERSHIP_REJECT)
        PEK_TRY(member_points_check_none(change, people, step->field));
    if (step->etag && people->states[0].status != MEMBERSHIP_NONE)
        PEK_TRY(row_check_etag(&membership_v1_membership_row, &people->memberships[0],
                               people->memberships[0].user_id, step->etag, change->fault));
    if (makes) {
        PEK_TRY(membership_people_make(change, people, &step->told));
        /* Somebody else may have been faster between the two. */
        PEK_TRY(membership_store_lock(change, people));
        PEK_TRY(take_step(change, step, &group, people, &to));
    }
    if (membership_begins(step->step))
        PEK_TRY(membership_store_begin(change, people, step->field));
    PEK_TRY(without_applicants(change, people, &members));
    const int64_t planned_us = planned_end(&people->memberships[0]);
    if (step->add)
        to = (enum membership_status) * step->add;
    if (step->step != MEMBERSHIP_REJECT)
        PEK_TRY(membership_store_step(change, people, to));
    else if (to == MEMBERSHIP_NONE)
        PEK_TRY(membership_store_forget(change, people));
    else
        PEK_TRY(membership_store_undo(change, people));
    if (step->step == MEMBERSHIP_REJECT && to == MEMBERSHIP_NONE)
        people->memberships[0].status = MEMBERSHIP_V1_MEMBER_STATUS_UNSPECIFIED;
    PEK_TRY(membership_people_finish(change, people, action_of(change, step->step, people)));
    PEK_TRY(membership_notice_step(change, step->step, people));
    /* What else they become replaces the end that was set. */
    bool leaves = step->step == MEMBERSHIP_ARCHIVE || step->step == MEMBERSHIP_LEAVE;
    PEK_TRY(leave_below(change, &members, &group, planned_us,
                        leaves ? MEMBERSHIP_NO_DAY : MEMBERSHIP_OPEN));
    return membership_begins(step->step) ? end_with_organisation(change, people) : STATUS_OK;
}

static enum status step_one(struct change *change, const struct step *step, const char *user,
                            membership_v1_membership *res)
{
    struct membership_people people;
    char *users[1] = {row_string(user)};
    PEK_TRY(membership_people_take(change, users, 1, step->field, &people));
    PEK_TRY(run_step(change, step, &people));
    *res = people.memberships[0];
    return STATUS_OK;
}

static enum status step_all(struct change *change, const struct step *step, char *const *users,
                            size_t count, size_t *ret_count, membership_v1_membership ***ret_list)
{
    struct membership_people people;
    PEK_TRY(membership_people_take(change, users, count, step->field, &people));
    PEK_TRY(run_step(change, step, &people));
    membership_v1_membership **list =
        arena_zalloc(change->arena, people.count + 1, sizeof(membership_v1_membership *));
    if (!list)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < people.count; i++)
        list[i] = &people.memberships[i];
    *ret_list = list;
    *ret_count = people.count;
    return STATUS_OK;
}

/* ---- the caller's own ---- */

/* A group that takes nobody is there for those who may see it, and for its members; for nobody else. */
static enum status hide_closed(struct change *change, enum status status, const char *group_id)
{
    bool sees;
    struct group_id id;
    bool none = strcmp(change->fault->reason, MEMBERSHIP_REASON_NONE) == 0;
    if (status != STATUS_FAILED_PRECONDITION && !(status == STATUS_ABORTED && none))
        return status;
    PEK_TRY(group_id_parse(group_id, "group_id", change->arena, &id, change->fault));
    struct fault refused = *change->fault;
    struct membership_group group = {0};
    if (membership_store_lock_group(change, id.text, &group) == STATUS_OK && !group.is_archived &&
        group.users_can_apply)
        return status;
    PEK_TRY(guard_allows(change_domain(change)->guard, change->ctx, PEK_ACTION_VIEW_GROUP, id.text,
                         &sees));
    *change->fault = refused;
    return sees ? status : membership_people_no_group(STATUS_NOT_FOUND, id.text, change->fault);
}

CHANGE_METHOD(apply_for_membership, membership_v1_apply_for_membership_request,
              membership_v1_membership)
{
    const struct step step = {MEMBERSHIP_APPLY, req->group_id, "user_id", NULL, NULL, {0}};
    return hide_closed(change, step_one(change, &step, change->actor, res), req->group_id);
}

CHANGE_METHOD(withdraw_application, membership_v1_withdraw_application_request,
              membership_v1_membership)
{
    const struct step step = {MEMBERSHIP_REJECT, req->group_id, "user_id", NULL, NULL, {0}};
    return hide_closed(change, step_one(change, &step, change->actor, res), req->group_id);
}

CHANGE_METHOD(leave_group, membership_v1_leave_group_request, membership_v1_membership)
{
    const struct step step = {MEMBERSHIP_LEAVE, req->group_id, "user_id", NULL, NULL, {0}};
    return hide_closed(change, step_one(change, &step, change->actor, res), req->group_id);
}

/* ---- a manager's ---- */

#define STEP_METHOD(method, step_taken)                                                            \
    CHANGE_METHOD(method, membership_v1_##method##_request, membership_v1_membership)              \
    {                                                                                              \
        const struct step step = {step_taken, req->group_id, "user_id", req->etag, NULL, {0}};     \
        return step_one(change, &step, req->user_id, res);                                         \
    }

STEP_METHOD(accept_member, MEMBERSHIP_ACCEPT)
STEP_METHOD(reject_member, MEMBERSHIP_REJECT)
STEP_METHOD(promote_member, MEMBERSHIP_PROMOTE)
STEP_METHOD(inactivate_member, MEMBERSHIP_INACTIVATE)
STEP_METHOD(reactivate_member, MEMBERSHIP_REACTIVATE)
STEP_METHOD(archive_member, MEMBERSHIP_ARCHIVE)
STEP_METHOD(unarchive_member, MEMBERSHIP_UNARCHIVE)

/* What somebody is added as. */
static enum status take_added(membership_v1_member_status status, membership_v1_member_status *ret,
                              struct fault *fault)
{
    *ret = status ? status : MEMBERSHIP_V1_MEMBER_STATUS_ACTIVE;
    if (*ret == MEMBERSHIP_V1_MEMBER_STATUS_NEWBIE || *ret == MEMBERSHIP_V1_MEMBER_STATUS_ACTIVE)
        return STATUS_OK;
    return fault_set(fault, STATUS_INVALID_ARGUMENT, "status", "status is NEWBIE or ACTIVE");
}

CHANGE_METHOD(add_member, membership_v1_add_member_request, membership_v1_membership)
{
    membership_v1_member_status as;
    PEK_TRY(take_added(req->status, &as, change->fault));
    struct step step = {MEMBERSHIP_ADD, req->group_id, "user_id", NULL, &as, {0}};
    PEK_TRY(person_told_take(change_domain(change)->collator, req->told, change->arena, &step.told,
                             change->fault));
    return step_one(change, &step, req->user_id, res);
}

CHANGE_METHOD(batch_accept_members, membership_v1_batch_accept_members_request,
              membership_v1_batch_accept_members_response)
{
    const struct step step = {MEMBERSHIP_ACCEPT, req->group_id, "user_ids", NULL, NULL, {0}};
    return step_all(change, &step, req->user_ids, req->n_user_ids, &res->n_members, &res->members);
}

CHANGE_METHOD(batch_archive_members, membership_v1_batch_archive_members_request,
              membership_v1_batch_archive_members_response)
{
    const struct step step = {MEMBERSHIP_ARCHIVE, req->group_id, "user_ids", NULL, NULL, {0}};
    return step_all(change, &step, req->user_ids, req->n_user_ids, &res->n_members, &res->members);
}

CHANGE_METHOD(batch_add_members, membership_v1_batch_add_members_request,
              membership_v1_batch_add_members_response)
{
    membership_v1_member_status as;
    PEK_TRY(take_added(req->status, &as, change->fault));
    struct step step = {MEMBERSHIP_ADD, req->group_id, "user_ids", NULL, &as, {0}};
    PEK_TRY(person_told_take(change_domain(change)->collator, req->told, change->arena, &step.told,
                             change->fault));
    return step_all(change, &step, req->user_ids, req->n_user_ids, &res->n_members, &res->members);
}

/* ---- days ---- */

enum date_field { BEGIN_DATE = 1 << 0, END_DATE = 1 << 1, END_STATUS = 1 << 2, DATE_FIELDS = 3 };
static const char *const date_fields[] = {"begin_date", "end_date", "end_status"};

static enum status check_dates(const membership_v1_set_member_dates_request *req, unsigned fields,
                               struct fault *fault)
{
    if (fields & BEGIN_DATE)
        PEK_TRY(membership_check_date(req->begin_date, "begin_date", fault));
    if (fields & END_DATE && req->end_date[0])
        PEK_TRY(membership_check_date(req->end_date, "end_date", fault));
    if (fields & END_STATUS && !(fields & END_DATE))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "end_status",
                         "end_status is said with end_date, which it goes with");
    if (req->end_status == 0 || req->end_status == MEMBERSHIP_V1_MEMBER_STATUS_FORMER ||
        req->end_status == MEMBERSHIP_V1_MEMBER_STATUS_ARCHIVED)
        return STATUS_OK;
    return fault_set(fault, STATUS_INVALID_ARGUMENT, "end_status",
                     "end_status is FORMER or ARCHIVED");
}

/* What a step may not do, a day does not, either. */
static enum status check_days(struct change *change, unsigned fields,
                              const struct membership_group *group,
                              const struct membership_days *days)
{
    bool ends_now =
        fields == END_DATE && days->end_us != MEMBERSHIP_NO_DAY && days->end_us <= days->now_us;
    if (!group->is_archived || ends_now)
        return STATUS_OK;
    return fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION,
                            MEMBERSHIP_REASON_GROUP_ARCHIVED, "group_id",
                            "the group is archived: its memberships only end");
}

CHANGE_METHOD(set_member_dates, membership_v1_set_member_dates_request, membership_v1_membership)
{
    struct membership_people people;
    struct membership_group group;
    struct membership_days *days;
    unsigned fields;
    PEK_TRY(
        mask_take(req->update_mask, &req->base, date_fields, DATE_FIELDS, &fields, change->fault));
    PEK_TRY(check_dates(req, fields, change->fault));
    fields &= BEGIN_DATE | END_DATE;
    PEK_TRY(membership_people_lock_one(change, req->group_id, req->user_id, req->etag, &people,
                                       &group));
    PEK_TRY(membership_store_days(change, &people, fields & BEGIN_DATE ? req->begin_date : "",
                                  fields & END_DATE ? req->end_date : "", &days));
    if (fields & END_DATE)
        PEK_TRY(check_others(change, &people, "user_id"));
    PEK_TRY(check_days(change, fields, &group, days));
    *res = people.memberships[0];
    if (fields == 0)
        return STATUS_OK;
    const enum membership_status was = people.states[0].status;
    const int64_t planned_us = planned_end(&people.memberships[0]);
    if (fields & END_DATE && req->end_date[0]) {
        PEK_TRY(check_posts(change, &people, "user_id"));
        PEK_TRY(leader_let_go(change, &people, "user_id", days->end_us <= days->now_us));
    }
    if (fields & BEGIN_DATE)
        PEK_TRY(membership_set_begin(&days->list, days->now_us, days->begin_us, change->fault));
    if (fields & END_DATE)
        PEK_TRY(membership_set_end(&days->list, days->now_us, days->end_us,
                                   (enum membership_status)req->end_status, change->actor,
                                   change->fault));
    PEK_TRY(membership_store_set_periods(change, &people, days));
    PEK_TRY(membership_people_finish(change, &people, "membership.setDates"));
    PEK_TRY(membership_notice_dates(change, &people));
    /* Who had left the organisation before does not leave it now: only the day of then is another one. */
    bool leaves = req->end_date[0] && req->end_status != MEMBERSHIP_V1_MEMBER_STATUS_FORMER;
    if (serves(was) && fields & END_DATE)
        PEK_TRY(leave_below(change, &people, &group, planned_us,
                            leaves ? days->end_us : MEMBERSHIP_OPEN));
    PEK_TRY(end_with_organisation(change, &people));
    *res = people.memberships[0];
    return STATUS_OK;
}

CHANGE_METHOD(set_member_flairs, membership_v1_set_member_flairs_request, membership_v1_membership)
{
    struct membership_people people;
    struct membership_group group;
    const struct slice *flairs;
    PEK_TRY(post_make_flairs(req->flairs, req->n_flairs, change->arena, &flairs, change->fault));
    PEK_TRY(membership_people_lock_one(change, req->group_id, req->user_id, req->etag, &people,
                                       &group));
    PEK_TRY(membership_check_open(&group, change->fault));
    PEK_TRY(membership_store_set_flairs(change, &people, flairs, req->n_flairs));
    *res = people.memberships[0];
    return membership_people_finish(change, &people, "membership.setFlairs");
}

/* ---- leadership ---- */

CHANGE_METHOD(hand_over_leadership, membership_v1_hand_over_leadership_request,
              membership_v1_membership)
{
    struct membership_people people;
    struct membership_group group;
    const struct pg_result *former;
    char *users[1] = {req->user_id};
    /* It would outlive the right by which they did it. */
    if (strcmp(req->user_id, change->actor) == 0)
        return fault_set_reason(change->fault, STATUS_PERMISSION_DENIED, "SELF_ASSIGNMENT",
                                "user_id", "nobody makes themselves the leader");
    PEK_TRY(membership_people_take(change, users, 1, "user_id", &people));
    PEK_TRY(membership_people_lock(change, req->group_id, &people, &group));
    PEK_TRY(membership_check_serves(&group, &people.states[0], change->fault));
    PEK_TRY(row_check_etag(&membership_v1_membership_row, &people.memberships[0], req->user_id,
                           req->etag, change->fault));
    PEK_TRY(leader_hand_over(change, &people, &former));
    PEK_TRY(membership_store_lock(change, &people));
    *res = people.memberships[0];
    return membership_notice_leader(change, &people, former);
}

/* ---- the service ---- */

enum status membership_service_add(struct rpc_host *host, struct domain *domain,
                                   struct fault *fault)
{
    static const struct membership_v1_membership_service service = {
        .list_members = membership_list_members,
        .list_memberships = membership_list_of_user,
        .apply_for_membership = apply_for_membership,
        .withdraw_application = withdraw_application,
        .leave_group = leave_group,
        .add_member = add_member,
        .accept_member = accept_member,
        .reject_member = reject_member,
        .promote_member = promote_member,
        .inactivate_member = inactivate_member,
        .reactivate_member = reactivate_member,
        .archive_member = archive_member,
        .unarchive_member = unarchive_member,
        .set_member_dates = set_member_dates,
        .set_member_flairs = set_member_flairs,
        .hand_over_leadership = hand_over_leadership,
        .batch_accept_members = batch_accept_members,
        .batch_archive_members = batch_archive_members,
        .batch_add_members = batch_add_members,
    };
    return membership_v1_membership_service_add(host, &service, domain, fault);
}
