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
    if (pg_is_null(rows, row, MEMBERSHIP_COLUMN_EXTRA))
        return membership_store_posts(rows, row, arena, membership);
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

/* Most groups have direct members alone: only who has none to tell is asked about. */
static enum status next_members(const struct read_batch *batch, const void *query,
                                struct pg_result **ret_rows)
{
    const struct membership_query *wanted = query;
    const struct domain *domain = rpc_data(batch->ctx);
    struct membership_list_group group;
    struct policy_scope viewed;
    struct pg_result *none;
    PEK_TRY(membership_store_direct(batch, wanted, &none));
    if (pg_rows(none) > 0) {
        *ret_rows = none;
        return STATUS_OK;
    }
    enum status status = membership_people_no_group(
        membership_store_list_group(batch->ctx, wanted->group_id, &group), wanted->group_id,
        rpc_fault(batch->ctx));
    if (status == STATUS_OK && !group.is_transitive) {
        *ret_rows = none;
        return STATUS_OK;
    }
    pg_result_free(none);
    PEK_TRY(status);
    PEK_TRY(guard_scope_of(domain->guard, batch->ctx, PEK_ACTION_VIEW_GROUP, &viewed));
    return membership_store_transitive(batch, wanted, &group, &viewed, ret_rows);
}

enum status membership_list_members(struct rpc_ctx *ctx,
                                    const membership_v1_list_members_request *req,
                                    struct membership_v1_list_members_stream *stream)
{
    const struct domain *domain = rpc_data(ctx);
    struct arena *arena = rpc_arena(ctx);
    struct fault *fault = rpc_fault(ctx);
    struct membership_query query = {0};
    struct group_id id;
    unsigned asked;
    bool edits;
    (void)stream;
    PEK_TRY(group_id_parse(req->group_id, "group_id", arena, &id, fault));
    PEK_TRY(take_statuses(req->statuses, req->n_statuses, &asked, fault));
    PEK_TRY(search_parse(req->q, "q", arena, &query.search, fault));
    PEK_TRY(guard_allows(domain->guard, ctx, PEK_ACTION_EDIT_MEMBERS, id.text, &edits));
    query.group_id = id.text;
    query.statuses_visible = seen_statuses(asked, edits, true);
    query.statuses = seen_statuses(asked, edits, false);
    if (!asked || asked & BIT(APPLIED))
        query.self = rpc_principal(ctx)->user;
    const struct read_list list = {
        .type = &membership_v1_membership_row,
        .request = req,
        READ_PAGE(req),
        .next = next_members,
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
                 : rpc_fail_field(ctx, STATUS_NOT_FOUND, "user_id", "there is no such user");
}

enum status membership_list_of_user(struct rpc_ctx *ctx,
                                    const membership_v1_list_memberships_request *req,
                                    struct membership_v1_list_memberships_stream *stream)
{
    const struct domain *domain = rpc_data(ctx);
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
    /* As in the list of a group: theirs to see, and that of who edits members. */
    query.archived.all = own;
    if (!own)
        PEK_TRY(guard_scope_of(domain->guard, ctx, PEK_ACTION_EDIT_MEMBERS, &query.archived));
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
