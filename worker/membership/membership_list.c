#include "worker/membership/membership_list.h"

#include <string.h>

#include "pek/options.rpc.h"
#include "shared/service/read.h"
#include "worker/domain/domain.h"
#include "worker/domain/group_id.h"
#include "worker/membership/membership_people.h"
#include "worker/person/person_store.h"

#define BIT(status) (1u << MEMBERSHIP_##status)
#define STATUSES_ALL (BIT(APPLIED) | BIT(NEWBIE) | BIT(ACTIVE) | BIT(FORMER) | BIT(ARCHIVED))

/* The bits that a request asks for; 0 when it does not say. */
static enum status take_statuses(const membership_v1_member_status *statuses, size_t count,
                                 unsigned *ret_bits, struct fault *fault)
{
    unsigned bits = 0;
    for (size_t i = 0; i < count; i++) {
        if ((int)statuses[i] < 1 || (int)statuses[i] > (int)MEMBERSHIP_ARCHIVED)
            return fault_set(fault, STATUS_INVALID_ARGUMENT, "statuses",
                             "statuses has one that is none of the known ones");
        bits |= 1u << statuses[i];
    }
    *ret_bits = bits;
    return STATUS_OK;
}

/* What the caller sees of a group: archived members only where everybody does, or when an editor asks for them. */
static unsigned seen_statuses(unsigned asked, bool edits, bool archived_members_visible)
{
    unsigned usual = BIT(NEWBIE) | BIT(ACTIVE) | BIT(FORMER);
    if (edits)
        usual |= BIT(APPLIED);
    if (archived_members_visible)
        usual |= BIT(ARCHIVED);
    if (!asked)
        return usual;
    return asked & (edits ? STATUSES_ALL : usual);
}

static enum status complete_member(const struct pg_result *rows, size_t row, struct arena *arena,
                                   void *item)
{
    membership_v1_membership *membership = item;
    /* Who is a member by a group below shows and counts here, and has no post. */
    if (strcmp(membership->group_id, pg_get_str(rows, row, MEMBERSHIP_COLUMN_EXTRA + 1)) != 0)
        membership->is_leader = false;
    else
        PEK_TRY(membership_store_posts(rows, row, arena, membership));
    membership->via = arena_printf(arena, "%s", pg_get_str(rows, row, MEMBERSHIP_COLUMN_EXTRA));
    membership->group_id =
        arena_printf(arena, "%s", pg_get_str(rows, row, MEMBERSHIP_COLUMN_EXTRA + 1));
    membership->group_name =
        arena_printf(arena, "%s", pg_get_str(rows, row, MEMBERSHIP_COLUMN_EXTRA + 2));
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

enum status membership_list_members(struct rpc_ctx *ctx,
                                    const membership_v1_list_members_request *req,
                                    struct membership_v1_list_members_stream *stream)
{
    const struct domain *domain = rpc_data(ctx);
    struct arena *arena = rpc_arena(ctx);
    struct fault *fault = rpc_fault(ctx);
    struct membership_query query = {0};
    struct membership_list_group group;
    struct group_id id;
    unsigned asked;
    bool edits;
    (void)stream;
    PEK_TRY(group_id_parse(req->group_id, "group_id", arena, &id, fault));
    PEK_TRY(take_statuses(req->statuses, req->n_statuses, &asked, fault));
    PEK_TRY(search_parse(req->q, "q", arena, &query.search, fault));
    PEK_TRY(guard_allows(domain->guard, ctx, PEK_ACTION_EDIT_MEMBERS, id.text, &edits));
    PEK_TRY(membership_people_no_group(membership_store_list_group(ctx, id.text, &group), id.text,
                                       fault));
    query.group_id = id.text;
    query.is_transitive = group.is_transitive;
    if (query.is_transitive)
        PEK_TRY(guard_scope_of(domain->guard, ctx, PEK_ACTION_VIEW_GROUP, &query.viewed));
    query.statuses = seen_statuses(asked, edits, group.archived_members_visible);
    if (!asked || asked & BIT(APPLIED))
        query.self = rpc_principal(ctx)->user;
    const struct read_list list = {
        .type = &membership_v1_membership_row,
        .request = req,
        READ_PAGE(req),
        .next = membership_store_members,
        .arg = &query,
        .complete = complete_member,
    };
    return read_list(ctx, &list);
}

static enum status complete_membership(const struct pg_result *rows, size_t row,
                                       struct arena *arena, void *item)
{
    PEK_TRY(membership_store_posts(rows, row, arena, item));
    return membership_store_history(rows, row, arena, item);
}

/* Who is not known here, or not to the caller, is to the letter who does not exist. */
static enum status check_shared(struct rpc_ctx *ctx, struct slice user)
{
    const struct domain *domain = rpc_data(ctx);
    bool knows;
    PEK_TRY(person_store_knows_both(domain->service.pg, rpc_cancel(ctx), rpc_principal(ctx)->user,
                                    user, &knows));
    return knows ? STATUS_OK
                 : rpc_fail_field(ctx, STATUS_NOT_FOUND, "user_id", "there is no user %.*s",
                                  SLICE_ARG(user));
}

enum status membership_list_of_user(struct rpc_ctx *ctx,
                                    const membership_v1_list_memberships_request *req,
                                    struct membership_v1_list_memberships_stream *stream)
{
    struct slice me = rpc_principal(ctx)->user;
    struct membership_of_query query = {.user_id = req->user_id};
    unsigned asked;
    (void)stream;
    if (req->user_id[0] == '\0' || strcmp(req->user_id, GUARD_ME) == 0)
        query.user_id = arena_strndup(rpc_arena(ctx), me.ptr, me.len);
    if (!query.user_id)
        return STATUS_RESOURCE_EXHAUSTED;
    PEK_TRY(membership_people_check_user(query.user_id, "user_id", rpc_fault(ctx)));
    PEK_TRY(take_statuses(req->statuses, req->n_statuses, &asked, rpc_fault(ctx)));
    /* An application is between the applicant and the group. */
    bool own = slice_equal_str(me, query.user_id);
    query.statuses = own ? STATUSES_ALL : STATUSES_ALL & ~BIT(APPLIED);
    if (!own)
        PEK_TRY(check_shared(ctx, slice_str(query.user_id)));
    if (asked)
        query.statuses &= asked;
    const struct read_list list = {
        .type = &membership_v1_membership_row,
        .request = req,
        READ_PAGE(req),
        .next = membership_store_of_user,
        .arg = &query,
        .complete = complete_membership,
    };
    return read_list(ctx, &list);
}
