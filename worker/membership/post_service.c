/* PostService: what it reads, what it changes, and its table. */
#include "worker/membership/post_service.h"

#include <string.h>

#include "pek/options.rpc.h"
#include "shared/service/read.h"
#include "worker/domain/domain.h"
#include "worker/domain/group_id.h"
#include "worker/membership/leader.h"
#include "worker/membership/membership_notice.h"
#include "worker/membership/membership_people.h"
#include "worker/membership/post_store.h"

/* ---- types ---- */

static enum status list_post_types(struct rpc_ctx *ctx,
                                   const membership_v1_list_post_types_request *req,
                                   struct membership_v1_list_post_types_stream *stream)
{
    struct membership_list_group group;
    struct group_id id;
    (void)stream;
    PEK_TRY(group_id_parse(req->group_id, "group_id", rpc_arena(ctx), &id, rpc_fault(ctx)));
    PEK_TRY(membership_people_no_group(membership_store_list_group(ctx, id.text, &group), id.text,
                                       rpc_fault(ctx)));
    const struct read_list list = {
        .type = &membership_v1_post_type_row,
        .request = req,
        READ_PAGE(req),
        .next = post_store_types,
        .arg = &id.text,
    };
    return read_list(ctx, &list);
}

/* The group of a change that is not about members, held as it is. */
static enum status lock_group(struct change *change, const char *group_id, const char **ret_id)
{
    struct membership_group group;
    struct group_id id;
    PEK_TRY(group_id_parse(group_id, "group_id", change->arena, &id, change->fault));
    PEK_TRY(membership_people_no_group(membership_store_lock_group(change, id.text, &group),
                                       id.text, change->fault));
    *ret_id = id.text;
    return membership_check_open(&group, change->fault);
}

/* Nobody gives what they do not have: of a group whose leader has it all this says nothing new. */
static enum status check_has(struct change *change, const char *group_id, uint32_t actions)
{
    struct guard *guard = change_domain(change)->guard;
    bool has = true;
    for (uint32_t action = 1; has && action < POLICY_ACTION_GOD; action++)
        if (actions & policy_action_bit(action))
            PEK_TRY(guard_allows(guard, change->ctx, action, group_id, &has));
    if (has)
        return STATUS_OK;
    return fault_set(change->fault, STATUS_PERMISSION_DENIED, "actions",
                     "a post brings no right that you do not have on the group");
}

CHANGE_METHOD(create_post_type, membership_v1_create_post_type_request, membership_v1_post_type)
{
    const char *group_id;
    struct text_name name;
    uint32_t actions;
    PEK_TRY(post_make_type(req, change_domain(change)->collator, change->arena, &name, &actions,
                           change->fault));
    PEK_TRY(lock_group(change, req->group_id, &group_id));
    PEK_TRY(check_has(change, group_id, actions));
    PEK_TRY(post_store_make_type(change, group_id, &name, actions, res));
    const struct slice id = slice_str(res->id);
    return change_audit(change, &post_store_audit, "postType.create", &id, 1);
}

CHANGE_METHOD(delete_post_type, membership_v1_delete_post_type_request, Google__Protobuf__Empty)
{
    const char *group_id, *holder;
    struct post_type type;
    (void)res;
    if (!policy_is_id(req->id))
        return fault_set(change->fault, STATUS_INVALID_ARGUMENT, "id", "id is no post type's id");
    PEK_TRY(lock_group(change, req->group_id, &group_id));
    PEK_TRY(post_store_own_type(change, group_id, req->id, "id", &type));
    PEK_TRY(post_store_holder(change, group_id, &type, &holder));
    if (holder)
        return fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION, POST_REASON_IN_USE, "id",
                                "%s has this post, which has to be taken first", holder);
    const struct slice id = slice_str(type.id);
    PEK_TRY(change_audit(change, &post_store_audit, "postType.delete", &id, 1));
    return post_store_delete_type(change, group_id, &type);
}

/* ---- posts ---- */

/* One member and a type of their group, locked. */
struct post_change {
    struct membership_people person;
    struct membership_group group;
    struct post_type type;
};

/* Rights are the leader's to give, who edits members and may hand the group over. */
static enum status check_giver(struct change *change, const struct post_change *post)
{
    if (post->type.kind == MEMBERSHIP_V1_POST_KIND_OWN && post->type.actions == 0)
        return STATUS_OK;
    return leader_check_caller(change, post->person.group_id, NULL,
                               "only the leader of the group gives and takes this post");
}

static enum status begin(struct change *change, const char *group_id, const char *user,
                         const char *etag, membership_v1_post_kind kind, const char *type_id,
                         struct post_change *post)
{
    PEK_TRY(post_check_choice(kind, type_id, change->fault));
    PEK_TRY(membership_people_lock_one(change, group_id, user, etag, &post->person, &post->group));
    group_id = post->person.group_id;
    if (type_id[0])
        PEK_TRY(post_store_own_type(change, group_id, type_id, "post_type_id", &post->type));
    else
        PEK_TRY(post_store_kind_type(change, group_id, kind, &post->type));
    return check_giver(change, post);
}

static enum status finish(struct change *change, struct post_change *post, const char *action,
                          membership_v1_membership *res)
{
    PEK_TRY(membership_store_touch(change, &post->person));
    *res = post->person.memberships[0];
    return membership_people_finish(change, &post->person, action);
}

/* One has it at a time, where the kind says so. */
static enum status check_free(struct change *change, const struct post_change *post)
{
    const char *holder;
    if (post->type.kind == MEMBERSHIP_V1_POST_KIND_OWN || !post_kinds[post->type.kind].one)
        return STATUS_OK;
    PEK_TRY(post_store_holder(change, post->person.group_id, &post->type, &holder));
    if (!holder)
        return STATUS_OK;
    return fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION, POST_REASON_TAKEN, "kind",
                            "%s has this post, and one member has it at a time", holder);
}

/* What others give somebody is bounded. */
static enum status check_room(struct change *change, const struct post_change *post)
{
    bool is_full;
    if (post->type.actions == 0)
        return STATUS_OK;
    PEK_TRY(post_store_is_full(change, &post->person, &is_full));
    if (!is_full)
        return STATUS_OK;
    return fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION, POST_REASON_USER_FULL,
                            "user_id", "%.*s has %d posts with rights from you",
                            SLICE_ARG(post->person.users[0]), POST_RIGHTS_MAX);
}

CHANGE_METHOD(give_post, membership_v1_give_post_request, membership_v1_membership)
{
    struct post_change post;
    bool changed;
    PEK_TRY(domain_lock_limit(change, "posts by", change->actor));
    PEK_TRY(
        begin(change, req->group_id, req->user_id, req->etag, req->kind, req->post_type_id, &post));
    /* It would outlive the right by which they did it. */
    if (post.type.actions && strcmp(req->user_id, change->actor) == 0)
        return fault_set_reason(change->fault, STATUS_PERMISSION_DENIED, "SELF_ASSIGNMENT",
                                "user_id", "nobody gives themselves a post that brings rights");
    PEK_TRY(membership_check_serves(&post.group, &post.person.states[0], change->fault));
    PEK_TRY(person_store_check_there(change->transaction, post.person.users, post.person.count,
                                     "user_id", change->arena, change->fault));
    PEK_TRY(check_has(change, post.person.group_id, post.type.actions));
    PEK_TRY(check_free(change, &post));
    PEK_TRY(check_room(change, &post));
    PEK_TRY(post_store_give(change, &post.person, &post.type, &changed));
    if (!changed)
        return fault_set_reason(change->fault, STATUS_ALREADY_EXISTS, POST_REASON_HELD, "user_id",
                                "%s has this post already", req->user_id);
    if (post.type.actions && !post.type.carries)
        PEK_TRY(post_store_make_policy(change, post.person.group_id, &post.type));
    PEK_TRY(membership_notice_post(change, &post.person, &post.type, true));
    return finish(change, &post, "membership.givePost", res);
}

CHANGE_METHOD(take_post, membership_v1_take_post_request, membership_v1_membership)
{
    struct post_change post;
    bool changed;
    PEK_TRY(
        begin(change, req->group_id, req->user_id, req->etag, req->kind, req->post_type_id, &post));
    PEK_TRY(post_store_take(change, &post.person, &post.type, &changed));
    if (!changed)
        return fault_set_reason(change->fault, STATUS_ABORTED, POST_REASON_NOT_HELD, "user_id",
                                "%s does not have this post", req->user_id);
    PEK_TRY(membership_notice_post(change, &post.person, &post.type, false));
    return finish(change, &post, "membership.takePost", res);
}

/* ---- the service ---- */

enum status post_service_add(struct rpc_host *host, struct domain *domain, struct fault *fault)
{
    static const struct membership_v1_post_service service = {
        .list_post_types = list_post_types,
        .create_post_type = create_post_type,
        .delete_post_type = delete_post_type,
        .give_post = give_post,
        .take_post = take_post,
    };
    return membership_v1_post_service_add(host, &service, domain, fault);
}
