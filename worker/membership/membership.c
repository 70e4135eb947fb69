#include "worker/membership/membership.h"

#include <assert.h>
#include <string.h>

#include "shared/base/calendar.h"

#define IN(status) (1u << MEMBERSHIP_##status)
#define IS(status, set) ((1u << (status) & (set)) != 0)
#define MEMBERS (IN(NEWBIE) | IN(ACTIVE))

/* ---- steps ---- */

static const struct rule {
    const char *verb;
    unsigned from;             /* bits of the states in which it begins */
    enum membership_status to; /* NONE: what was before */
    bool lets_go;              /* also in an archived group */
} rules[MEMBERSHIP_STEPS] = {
    [MEMBERSHIP_APPLY] = {"applied for", IN(NONE) | IN(ARCHIVED), MEMBERSHIP_APPLIED, false},
    [MEMBERSHIP_ACCEPT] = {"accepted", IN(APPLIED), MEMBERSHIP_NEWBIE, false},
    [MEMBERSHIP_REJECT] = {"rejected", IN(APPLIED), MEMBERSHIP_NONE, true},
    [MEMBERSHIP_PROMOTE] = {"promoted", IN(NEWBIE), MEMBERSHIP_ACTIVE, false},
    [MEMBERSHIP_INACTIVATE] = {"inactivated", MEMBERS, MEMBERSHIP_FORMER, false},
    [MEMBERSHIP_REACTIVATE] = {"reactivated", IN(FORMER), MEMBERSHIP_ACTIVE, false},
    [MEMBERSHIP_ARCHIVE] = {"archived", IN(APPLIED) | MEMBERS | IN(FORMER), MEMBERSHIP_ARCHIVED,
                            true},
    [MEMBERSHIP_UNARCHIVE] = {"unarchived", IN(ARCHIVED), MEMBERSHIP_NONE, false},
    [MEMBERSHIP_ADD] = {"added", IN(NONE) | IN(ARCHIVED), MEMBERSHIP_NEWBIE, false},
    [MEMBERSHIP_LEAVE] = {"left", MEMBERS, MEMBERSHIP_ARCHIVED, true},
};

static const char *const states[] = {"not there",          "an application",    "a newcomer's",
                                     "an active member's", "a former member's", "archived"};

static enum status refuse(enum membership_step step, enum membership_status status,
                          const char *field, struct fault *fault)
{
    if (step == MEMBERSHIP_APPLY || step == MEMBERSHIP_ADD)
        return fault_set_reason(fault, STATUS_ALREADY_EXISTS, MEMBERSHIP_REASON_MEMBER, field,
                                "there is a membership: it is %s", states[status]);
    return fault_set_reason(
        fault, STATUS_ABORTED,
        status == MEMBERSHIP_NONE ? MEMBERSHIP_REASON_NONE : MEMBERSHIP_REASON_STATUS, field,
        "the membership cannot be %s: it is %s", rules[step].verb, states[status]);
}

enum status membership_take(enum membership_step step, const struct membership_group *group,
                            const struct membership_state *state, const char *field,
                            enum membership_status *ret_status, struct fault *fault)
{
    assert(step < MEMBERSHIP_STEPS);
    const struct rule *rule = &rules[step];
    if (group->is_archived && !rule->lets_go)
        return fault_set_reason(fault, STATUS_FAILED_PRECONDITION, MEMBERSHIP_REASON_GROUP_ARCHIVED,
                                "group_id", "the group is archived");
    if (step == MEMBERSHIP_APPLY && !group->users_can_apply)
        return fault_set_reason(fault, STATUS_FAILED_PRECONDITION, MEMBERSHIP_REASON_CLOSED,
                                "group_id", "the group takes no applications");
    if (!IS(state->status, rule->from))
        return refuse(step, state->status, field, fault);
    if (state->too_soon && membership_begins(step))
        return fault_set_reason(fault, STATUS_FAILED_PRECONDITION, MEMBERSHIP_REASON_OFTEN, field,
                                "the membership changed too often today: until tomorrow it can "
                                "only end");
    *ret_status = rule->to == MEMBERSHIP_NONE ? state->before : rule->to;
    return STATUS_OK;
}

bool membership_ends(enum membership_step step)
{
    return step == MEMBERSHIP_INACTIVATE || step == MEMBERSHIP_ARCHIVE || step == MEMBERSHIP_LEAVE;
}

bool membership_begins(enum membership_step step)
{
    return !membership_ends(step) && step != MEMBERSHIP_REJECT;
}

enum status membership_check_open(const struct membership_group *group, struct fault *fault)
{
    if (!group->is_archived)
        return STATUS_OK;
    return fault_set_reason(fault, STATUS_FAILED_PRECONDITION, MEMBERSHIP_REASON_GROUP_ARCHIVED,
                            "group_id", "the group is archived");
}

enum status membership_check_serves(const struct membership_group *group,
                                    const struct membership_state *state, struct fault *fault)
{
    PEK_TRY(membership_check_open(group, fault));
    if (IS(state->status, MEMBERS))
        return STATUS_OK;
    return fault_set_reason(fault, STATUS_ABORTED, MEMBERSHIP_REASON_STATUS, "user_id",
                            "only a member leads the group or has a post: the membership is %s",
                            states[state->status]);
}

/* ---- days ---- */

enum status membership_check_date(const char *date, const char *field, struct fault *fault)
{
    static const char form[] = "0000-00-00";
    int part[3] = {0}, n = 0;
    bool fits = strlen(date) == sizeof(form) - 1;
    for (size_t i = 0; fits && form[i]; i++) {
        if (form[i] == '-') {
            fits = date[i] == '-';
            n++;
        } else {
            fits = date[i] >= '0' && date[i] <= '9';
            part[n] = 10 * part[n] + (date[i] - '0');
        }
    }
    if (fits && part[0] >= 1901 && part[0] <= 2199 && part[1] >= 1 && part[1] <= 12 &&
        part[2] >= 1 && part[2] <= calendar_days_of_month(part[0], part[1]))
        return STATUS_OK;
    return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, MEMBERSHIP_REASON_DATE, field,
                            "%s is a day as 2027-01-31, of the years 1901 to 2199", field);
}

/* The period that has this moment in it. */
static size_t present(const struct membership_periods *list, int64_t now_us)
{
    size_t at = 0;
    for (size_t i = 0; i < list->count; i++)
        if (list->periods[i].begin_us <= now_us && list->periods[i].end_us > now_us)
            at = i;
    return at;
}

/* The first period of the membership that `at` belongs to: a former member's is that of what they were before. */
static size_t first_of(const struct membership_periods *list, size_t at)
{
    size_t first = at;
    while (first > 0 && IS(list->periods[first - 1].status, MEMBERS))
        first--;
    return first;
}

static enum status no_member(const struct membership_period *period, struct fault *fault)
{
    return fault_set_reason(fault, STATUS_ABORTED, MEMBERSHIP_REASON_STATUS, "user_id",
                            "the membership has no days to set: it is %s", states[period->status]);
}

enum status membership_set_begin(struct membership_periods *list, int64_t now_us, int64_t begin_us,
                                 struct fault *fault)
{
    struct membership_period *periods = list->periods;
    size_t at = present(list, now_us), first = first_of(list, at), before = first;
    if (!IS(periods[at].status, MEMBERS | IN(FORMER)))
        return no_member(&periods[at], fault);
    if (begin_us > now_us || begin_us > periods[first].end_us)
        return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, MEMBERSHIP_REASON_DATE,
                                "begin_date",
                                "begin_date is later than what the membership became next");
    while (before > 0 && !IS(periods[before - 1].status, MEMBERS))
        before--;
    if (before > 0 && begin_us < periods[before - 1].end_us)
        return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, MEMBERSHIP_REASON_DATE,
                                "begin_date", "begin_date lies in an earlier membership of theirs");
    for (size_t i = before; i < first; i++) {
        if (periods[i].begin_us > begin_us)
            periods[i].begin_us = begin_us;
        if (periods[i].end_us > begin_us || i + 1 == first)
            periods[i].end_us = begin_us;
    }
    periods[first].begin_us = begin_us;
    return STATUS_OK;
}

/* Periods from `first` up to `at` end on that day, and those that began later never were. */
static void end_on(struct membership_period *periods, size_t first, size_t at, int64_t end_us)
{
    for (size_t i = first; i <= at; i++) {
        if (periods[i].begin_us > end_us)
            periods[i].begin_us = end_us;
        if (periods[i].end_us > end_us || i == at)
            periods[i].end_us = end_us;
    }
}

/* The day on which it ended is another one. */
static enum status correct_end(struct membership_periods *list, size_t at, int64_t now_us,
                               int64_t end_us, enum membership_status end_status,
                               struct fault *fault)
{
    struct membership_period *periods = list->periods;
    size_t first = first_of(list, at);
    if (first == at || end_us == MEMBERSHIP_NO_DAY)
        return no_member(&periods[at], fault);
    if (end_status != MEMBERSHIP_NONE && end_status != periods[at].status)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "end_status",
                         "end_status of a membership that has ended stays what it is");
    if (end_us > now_us)
        return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, MEMBERSHIP_REASON_DATE, "end_date",
                                "end_date of a membership that has ended is not in the future");
    if (end_us < periods[first].begin_us)
        return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, MEMBERSHIP_REASON_DATE, "end_date",
                                "end_date is before the beginning");
    end_on(periods, first, at - 1, end_us);
    periods[at].begin_us = end_us;
    return STATUS_OK;
}

bool membership_follow(struct membership_periods *list, int64_t now_us, int64_t former_us,
                       int64_t end_us, const char *actor)
{
    size_t at = present(list, now_us), first = first_of(list, at);
    int64_t own_us = list->periods[at].end_us;
    bool along = own_us == former_us && own_us != MEMBERSHIP_OPEN;
    enum membership_status to = along ? list->periods[at + 1].status : MEMBERSHIP_ARCHIVED;
    struct fault fault;
    if (end_us == own_us || (end_us > own_us && !along))
        return false;
    if (end_us == MEMBERSHIP_OPEN)
        end_us = MEMBERSHIP_NO_DAY;
    else if (end_us < list->periods[first].begin_us)
        end_us = list->periods[first].begin_us;
    return membership_set_end(list, now_us, end_us, to, actor, &fault) == STATUS_OK;
}

enum status membership_set_end(struct membership_periods *list, int64_t now_us, int64_t end_us,
                               enum membership_status end_status, const char *actor,
                               struct fault *fault)
{
    struct membership_period *periods = list->periods;
    size_t at = present(list, now_us), first = first_of(list, at);
    if (IS(periods[at].status, IN(FORMER) | IN(ARCHIVED)))
        return correct_end(list, at, now_us, end_us, end_status, fault);
    if (!IS(periods[at].status, MEMBERS))
        return no_member(&periods[at], fault);
    if (end_us != MEMBERSHIP_NO_DAY && end_us < periods[first].begin_us)
        return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, MEMBERSHIP_REASON_DATE, "end_date",
                                "end_date is before the beginning");
    list->count = at + 1;
    periods[at].end_us = MEMBERSHIP_OPEN;
    if (end_us == MEMBERSHIP_NO_DAY)
        return STATUS_OK;
    end_on(periods, first, at, end_us);
    periods[list->count++] = (struct membership_period){
        end_status ? end_status : MEMBERSHIP_ARCHIVED, end_us, MEMBERSHIP_OPEN, actor};
    return STATUS_OK;
}
