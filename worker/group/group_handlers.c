#include "worker/group/group_handlers.h"

#include "worker/change/change.h"
#include "worker/group/group_message.h"
#include "worker/group/group_store.h"
#include "worker/policy/policy_store.h"

/* ---- what the changes below have in common ---- */

static enum status no_group(struct change *change, enum status status, const char *field,
                            const char *id)
{
    if (status != STATUS_NOT_FOUND)
        return status;
    return fault_set(change->fault, status, field, "there is no group %s", id);
}

/* The group that a request names, locked; with the shape of its tree as well when `tree`. */
static enum status lock_group(struct change *change, const char *id, const char *field,
                              const char *etag, bool tree, struct group_id *ret_id,
                              struct group *ret_group)
{
    struct group_id parsed;
    struct group group = {0};
    enum status status = group_id_parse(id, field, change->arena, &parsed, change->fault);
    if (status != STATUS_OK)
        return status;
    if (tree)
        status = group_store_lock_tree(change->transaction, parsed.org, change->arena);
    if (status == STATUS_OK)
        status = group_store_lock(change->transaction, parsed.text, change->arena, &group);
    if (status != STATUS_OK)
        return no_group(change, status, field, parsed.text);
    status = group_check_etag(&group, etag, change->fault);
    if (status != STATUS_OK)
        return status;
    *ret_id = parsed;
    *ret_group = group;
    return STATUS_OK;
}

static enum status audit(struct change *change, const char *action, const char *id)
{
    struct slice ids = slice_str(id);
    return group_store_audit(change->transaction, change->actor, action, rpc_trace_id(change->ctx),
                             &ids, 1, change->arena);
}

/* Whoever has a statement on the group or below it is forgotten after the commit. */
static enum status rights_change(struct change *change, const char *group)
{
    struct pg_result *users;
    enum status status = policy_store_holders(change->transaction, group, &users);
    return status == STATUS_OK ? change_names_users(change, users) : status;
}

static enum status answer(struct change *change, const struct group *group, void *response)
{
    return group_to_message(group, change->domain->realm, change->arena, response);
}

/* ---- create ---- */

static enum status new_from_request(struct change *change, const group_v1_create_group_request *req,
                                    struct group_new *ret_new)
{
    struct group_new made = {
        .is_community = req->is_community,
        .is_resort = req->is_resort,
        .is_task_force = req->is_task_force,
        .has_transitive_membership = req->has_transitive_membership,
    };
    struct group_id parent = {NULL, SLICE_LIT("")};
    enum status status = STATUS_OK;
    if (req->parent_id[0])
        status = group_id_parse(req->parent_id, "parent_id", change->arena, &parent, change->fault);
    made.parent_id = parent.text;
    if (status == STATUS_OK)
        status = group_name_make(change->domain->collator, req->name, "name", change->arena,
                                 &made.name, change->fault);
    if (status == STATUS_OK)
        status =
            group_id_make(parent.org, req->slug, req->name, change->arena, &made.id, change->fault);
    if (status == STATUS_OK)
        status = group_profile_check(req->description, req->webpage, req->mail, (int)req->purpose,
                                     GROUP_PROFILE_FIELDS, "", change->arena, &made.profile,
                                     change->fault);
    if (status == STATUS_OK)
        status = group_time_from_message(req->foundation_time, "foundation_time",
                                         &made.foundation_us, change->fault);
    if (status == STATUS_OK)
        *ret_new = made;
    return status;
}

static enum status check_parent(struct change *change, const struct group_new *new_group)
{
    struct group_id parent;
    const struct group_node *path = NULL;
    size_t path_count = 0;
    enum status status =
        group_id_parse(new_group->parent_id, "parent_id", change->arena, &parent, change->fault);
    if (status == STATUS_OK)
        status = group_store_lock_tree(change->transaction, parent.org, change->arena);
    if (status == STATUS_OK)
        status =
            group_store_path(change->transaction, parent.text, change->arena, &path, &path_count);
    if (status != STATUS_OK)
        return no_group(change, status, "parent_id", new_group->parent_id);
    return group_check_under(path, path_count, 1, "parent_id", change->fault);
}

/* The group, its creator's rights and those of the managers above, together or not at all. */
static enum status create_group(struct change *change, const void *request, void *response)
{
    struct group_new new_group;
    struct group group = {0};
    enum status status = new_from_request(change, request, &new_group);
    if (status == STATUS_OK && new_group.parent_id)
        status = check_parent(change, &new_group);
    if (status == STATUS_OK)
        status = group_store_insert(change->transaction, &new_group, change->arena, &group,
                                    change->fault);
    if (status == STATUS_OK)
        status =
            policy_store_add_group_god(change->transaction, group.id, change->actor, change->arena);
    if (status == STATUS_OK && group.parent_id)
        status = policy_store_escalate(change->transaction, group.id);
    if (status == STATUS_OK)
        status = rights_change(change, group.id);
    if (status == STATUS_OK)
        status = audit(change, "group.create", group.id);
    return status == STATUS_OK ? answer(change, &group, response) : status;
}

enum status group_handle_create(struct rpc_ctx *ctx, const group_v1_create_group_request *req,
                                group_v1_group *res)
{
    return change_run(ctx, &req->base, &res->base, create_group);
}

/* ---- update, configure ---- */

/* Without a mask: what the body has. */
static unsigned fields_present(const group_v1_group *body)
{
    return (body->name[0] ? (unsigned)GROUP_NAME : 0) |
           (body->description[0] ? (unsigned)GROUP_DESCRIPTION : 0) |
           (body->webpage[0] ? (unsigned)GROUP_WEBPAGE : 0) |
           (body->mail[0] ? (unsigned)GROUP_MAIL : 0) |
           (body->purpose ? (unsigned)GROUP_PURPOSE : 0);
}

static enum status update_group(struct change *change, const void *request, void *response)
{
    const group_v1_update_group_request *req = request;
    const group_v1_group *body = req->group;
    struct group_id id;
    struct group group = {0};
    struct group_name name = {0};
    struct group_profile profile;
    unsigned fields = fields_present(body);
    enum status status = STATUS_OK;
    if (body->realm[0] && strcmp(body->realm, change->domain->realm) != 0)
        return fault_set(change->fault, STATUS_INVALID_ARGUMENT, "group.realm",
                         "this is another realm");
    if (req->update_mask && req->update_mask->n_paths > 0)
        status = group_fields_from_mask(req->update_mask->paths, req->update_mask->n_paths,
                                        GROUP_PROFILE_FIELDS, &fields, change->fault);
    if (status == STATUS_OK)
        status =
            group_profile_check(body->description, body->webpage, body->mail, (int)body->purpose,
                                fields, "group.", change->arena, &profile, change->fault);
    if (status == STATUS_OK && fields & GROUP_NAME)
        status = group_name_make(change->domain->collator, body->name, "group.name", change->arena,
                                 &name, change->fault);
    if (status == STATUS_OK)
        status = lock_group(change, body->id, "group.id", body->etag, false, &id, &group);
    if (status == STATUS_OK)
        status = group_check_active(&group, change->fault);
    if (status == STATUS_OK && fields != 0) {
        status = group_store_set_profile(change->transaction, id.text, fields, &name, &profile,
                                         change->arena, &group, change->fault);
        if (status == STATUS_OK)
            status = audit(change, "group.update", group.id);
    }
    return status == STATUS_OK ? answer(change, &group, response) : status;
}

enum status group_handle_update(struct rpc_ctx *ctx, const group_v1_update_group_request *req,
                                group_v1_group *res)
{
    if (!req->group)
        return rpc_fail_field(ctx, STATUS_INVALID_ARGUMENT, "group", "group is required");
    return change_run(ctx, &req->base, &res->base, update_group);
}

static enum status configure_group(struct change *change, const void *request, void *response)
{
    const group_v1_configure_group_request *req = request;
    unsigned fields,
        values = (req->is_community ? (unsigned)GROUP_IS_COMMUNITY : 0) |
                 (req->is_resort ? (unsigned)GROUP_IS_RESORT : 0) |
                 (req->is_task_force ? (unsigned)GROUP_IS_TASK_FORCE : 0) |
                 (req->has_transitive_membership ? (unsigned)GROUP_HAS_TRANSITIVE_MEMBERSHIP : 0) |
                 (req->users_can_apply ? (unsigned)GROUP_USERS_CAN_APPLY : 0) |
                 (req->archived_members_visible ? (unsigned)GROUP_ARCHIVED_MEMBERS_VISIBLE : 0);
    struct group_id id;
    struct group group = {0};
    /* A flag that is not set looks like one set to false: the mask has to say which are meant. */
    if (!req->update_mask || req->update_mask->n_paths == 0)
        return fault_set(change->fault, STATUS_INVALID_ARGUMENT, "update_mask",
                         "update_mask must name the flags to set");
    enum status status = group_fields_from_mask(req->update_mask->paths, req->update_mask->n_paths,
                                                GROUP_FLAG_FIELDS, &fields, change->fault);
    if (status == STATUS_OK)
        status = lock_group(change, req->id, "id", req->etag, false, &id, &group);
    if (status == STATUS_OK)
        status = group_check_active(&group, change->fault);
    if (status == STATUS_OK)
        status = group_store_set_flags(change->transaction, id.text, fields, values, change->arena,
                                       &group);
    if (status == STATUS_OK)
        status = audit(change, "group.configure", group.id);
    return status == STATUS_OK ? answer(change, &group, response) : status;
}

enum status group_handle_configure(struct rpc_ctx *ctx, const group_v1_configure_group_request *req,
                                   group_v1_group *res)
{
    return change_run(ctx, &req->base, &res->base, configure_group);
}

/* ---- archive, unarchive ---- */

static enum status archive_group(struct change *change, const void *request, void *response)
{
    const group_v1_archive_group_request *req = request;
    struct group_id id;
    struct group group = {0};
    size_t height = 0;
    int64_t active = 0;
    enum status status = lock_group(change, req->id, "id", req->etag, true, &id, &group);
    if (status != STATUS_OK || group.is_archived)
        return status == STATUS_OK ? answer(change, &group, response) : status;
    status = group_store_below(change->transaction, id.text, &height, &active);
    if (status == STATUS_OK)
        status = group_check_archive(active, req->cascade, change->fault);
    const struct slice *ids = NULL;
    size_t count = 0;
    if (status == STATUS_OK)
        status = group_store_archive(change->transaction, id.text, change->arena, &ids, &count);
    if (status == STATUS_OK)
        status = group_store_audit(change->transaction, change->actor, "group.archive",
                                   rpc_trace_id(change->ctx), ids, count, change->arena);
    if (status == STATUS_OK)
        status = group_store_lock(change->transaction, id.text, change->arena, &group);
    return status == STATUS_OK ? answer(change, &group, response) : status;
}

enum status group_handle_archive(struct rpc_ctx *ctx, const group_v1_archive_group_request *req,
                                 group_v1_group *res)
{
    return change_run(ctx, &req->base, &res->base, archive_group);
}

static enum status unarchive_group(struct change *change, const void *request, void *response)
{
    const group_v1_unarchive_group_request *req = request;
    struct group_id id;
    struct group group = {0};
    const struct group_node *path = NULL;
    size_t path_count = 0;
    enum status status = lock_group(change, req->id, "id", req->etag, true, &id, &group);
    if (status != STATUS_OK || !group.is_archived)
        return status == STATUS_OK ? answer(change, &group, response) : status;
    status = group_store_path(change->transaction, id.text, change->arena, &path, &path_count);
    /* All above must be active; the depth is what it was. */
    if (status == STATUS_OK)
        status = group_check_under(path, path_count - 1, 0, "id", change->fault);
    if (status == STATUS_OK)
        status = group_store_unarchive(change->transaction, id.text, change->arena, &group);
    if (status == STATUS_OK)
        status = audit(change, "group.unarchive", group.id);
    return status == STATUS_OK ? answer(change, &group, response) : status;
}

enum status group_handle_unarchive(struct rpc_ctx *ctx, const group_v1_unarchive_group_request *req,
                                   group_v1_group *res)
{
    return change_run(ctx, &req->base, &res->base, unarchive_group);
}

/* ---- move ---- */

/* The path to where the group goes: empty for the top level. */
static enum status path_to_parent(struct change *change, const char *parent_id,
                                  struct group_id *ret_parent, const struct group_node **ret_path,
                                  size_t *ret_count)
{
    *ret_parent = (struct group_id){NULL, SLICE_LIT("")};
    *ret_path = NULL;
    *ret_count = 0;
    if (!parent_id[0])
        return STATUS_OK;
    enum status status =
        group_id_parse(parent_id, "parent_id", change->arena, ret_parent, change->fault);
    if (status == STATUS_OK)
        status = group_store_path(change->transaction, ret_parent->text, change->arena, ret_path,
                                  ret_count);
    return no_group(change, status, "parent_id", parent_id);
}

static enum status move_group(struct change *change, const void *request, void *response)
{
    const group_v1_move_group_request *req = request;
    struct group_id id, parent;
    struct group group = {0};
    const struct group_node *path = NULL;
    size_t path_count = 0, height = 0;
    int64_t active = 0;
    enum status status = lock_group(change, req->id, "id", req->etag, true, &id, &group);
    if (status == STATUS_OK)
        status = group_check_active(&group, change->fault);
    if (status == STATUS_OK)
        status = path_to_parent(change, req->parent_id, &parent, &path, &path_count);
    if (status == STATUS_OK)
        status = group_store_below(change->transaction, id.text, &height, &active);
    if (status == STATUS_OK)
        status = group_check_move(&id, path, path_count, height, change->fault);
    if (status != STATUS_OK)
        return status;
    if (strcmp(group.parent_id ? group.parent_id : "", parent.text ? parent.text : "") == 0)
        return answer(change, &group, response);
    /* Those who lose their escalations, and those who get some. */
    status = rights_change(change, id.text);
    if (status == STATUS_OK)
        status = group_store_move(change->transaction, id.text, parent.text, change->arena, &group);
    if (status == STATUS_OK)
        status = policy_store_escalate_again(change->transaction, id.text);
    if (status == STATUS_OK)
        status = rights_change(change, id.text);
    if (status == STATUS_OK)
        status = audit(change, "group.move", group.id);
    return status == STATUS_OK ? answer(change, &group, response) : status;
}

enum status group_handle_move(struct rpc_ctx *ctx, const group_v1_move_group_request *req,
                              group_v1_group *res)
{
    return change_run(ctx, &req->base, &res->base, move_group);
}
