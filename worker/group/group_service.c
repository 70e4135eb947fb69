/* GroupService: what it reads, what it changes, and its table. */
#include "worker/group/group_service.h"

#include "pek/options.rpc.h"
#include "shared/row/mask.h"
#include "shared/service/read.h"
#include "worker/domain/domain.h"
#include "worker/group/group_store.h"
#include "worker/membership/leader.h"
#include "worker/membership/membership_people.h"
#include "worker/policy/policy_store.h"

/* ---- get ---- */

static enum status get_group(struct rpc_ctx *ctx, const group_v1_get_group_request *req,
                             group_v1_group *res)
{
    struct group_id id;
    PEK_TRY(group_id_parse(req->id, "id", rpc_arena(ctx), &id, rpc_fault(ctx)));
    return read_one(ctx, &group_v1_group_row, &group_store_get, "id", id.text, res);
}

/* ---- lists ---- */

/* How the names that match are found: the realm has so many, of a scope there are so many groups, of a parent's children
 * it is not known. It is no long read where a few names are looked at, or each that is looked at is an item: PostgreSQL
 * takes little for it, and two thirds of that when it has company (shared/pg/lane.c). */
static enum status find_lead(struct rpc_ctx *ctx, struct group_query *query, bool *ret_is_long)
{
    static const struct pg_statement count = SEARCH_COUNT("group", "pek.realm_group");
    struct domain *domain = rpc_data(ctx);
    const struct policy_scope *scope = guard_scope(ctx);
    query->lead = (struct search_lead){SLICE_LIT(""), SEARCH_COUNTED_MAX};
    *ret_is_long = query->search.pattern_count > 0;
    if (!domain->search_is_ready || query->search.gram_count == 0)
        return STATUS_OK;
    PEK_TRY(search_count(domain->service.pg, PG_LONG_READ, rpc_cancel(ctx), &count, rpc_arena(ctx),
                         &domain->group_names));
    size_t others = domain->group_names.names;
    if (query->parent_id && SEARCH_COUNTED_MAX < others)
        others = SEARCH_COUNTED_MAX;
    if (!scope->all && scope->user.len == 0 && scope->group_count < others)
        others = scope->group_count;
    PEK_TRY(search_find_lead(domain->service.pg, PG_LONG_READ, rpc_cancel(ctx),
                             query->include_archived ? "{group,archived_group}" : "{group}",
                             &query->search, others, &domain->group_grams[query->include_archived],
                             rpc_arena(ctx), &query->lead));
    if (query->lead.gram.len == 0) {
        *ret_is_long = others > SEARCH_WALKED_MAX;
        return STATUS_OK;
    }
    /* One word that is its own gram: whatever has it matches. */
    bool is_gram = query->search.pattern_count == 1 && query->search.gram_count == 1;
    bool is_each_found = is_gram && scope->all && !query->parent_id && query->purpose == 0;
    *ret_is_long = query->lead.names >= SEARCH_COUNTED_MAX && !is_each_found;
    if (is_gram)
        query->search.pattern_count = 0;
    return STATUS_OK;
}

static enum status list_groups(struct rpc_ctx *ctx, const group_v1_list_groups_request *req,
                               struct group_v1_list_groups_stream *stream)
{
    (void)stream;
    struct arena *arena = rpc_arena(ctx);
    struct fault *fault = rpc_fault(ctx);
    struct group_query query = {.purpose = req->purpose, .include_archived = req->include_archived};
    bool is_long;
    PEK_TRY(group_check_purpose(req->purpose, "purpose", fault));
    PEK_TRY(search_parse(req->q, "q", arena, &query.search, fault));
    if (req->parent_id[0]) {
        struct group_id parent;
        PEK_TRY(group_id_parse(req->parent_id, "parent_id", arena, &parent, fault));
        query.parent_id = parent.text;
    }
    PEK_TRY(find_lead(ctx, &query, &is_long));
    if (query.lead.names == 0)
        return STATUS_OK;
    const struct read_list list = {
        .type = &group_v1_group_row,
        .request = req,
        READ_PAGE(req),
        .next = group_store_list,
        .arg = &query,
        .is_long = is_long,
    };
    return read_list(ctx, &list);
}

/* The target exists, and `ret_id` is its id as stored: for a caller who may see more than what is there. */
static enum status existing(struct rpc_ctx *ctx, const char *id, const char *field,
                            struct group_id *ret_id)
{
    group_v1_group group;
    PEK_TRY(group_id_parse(id, field, rpc_arena(ctx), ret_id, rpc_fault(ctx)));
    return read_one(ctx, &group_v1_group_row, &group_store_get, field, ret_id->text, &group);
}

static enum status list_ancestors(struct rpc_ctx *ctx, const group_v1_list_ancestors_request *req,
                                  struct group_v1_list_ancestors_stream *stream)
{
    (void)stream;
    struct group_id id;
    PEK_TRY(existing(ctx, req->id, "id", &id));
    const struct read_list list = {
        .type = &group_v1_group_row,
        .request = req,
        .next = group_store_ancestors,
        .arg = id.text,
        .once_rows_max = GROUP_ANCESTORS_MAX,
    };
    return read_list(ctx, &list);
}

static enum status list_descendants(struct rpc_ctx *ctx,
                                    const group_v1_list_descendants_request *req,
                                    struct group_v1_list_descendants_stream *stream)
{
    (void)stream;
    struct group_id id;
    PEK_TRY(existing(ctx, req->id, "id", &id));
    const struct group_below_query below = {id.text, req->include_archived};
    const struct read_list list = {
        .type = &group_v1_group_row,
        .request = req,
        READ_PAGE(req),
        .next = group_store_descendants,
        .arg = &below,
        .is_long = true,
    };
    return read_list(ctx, &list);
}

static enum status list_group_history(struct rpc_ctx *ctx,
                                      const group_v1_list_group_history_request *req,
                                      struct group_v1_list_group_history_stream *stream)
{
    const struct domain *domain = rpc_data(ctx);
    struct group_history_query query = {0};
    struct group_id id;
    (void)stream;
    PEK_TRY(existing(ctx, req->group_id, "group_id", &id));
    query.id = id.text;
    PEK_TRY(guard_allows(domain->guard, ctx, PEK_ACTION_EDIT_MEMBERS, id.text, &query.members));
    const struct read_list list = {
        .type = &group_v1_history_entry_row,
        .request = req,
        READ_PAGE(req),
        .next = group_store_history,
        .arg = &query,
    };
    return read_list(ctx, &list);
}

/* ---- what the changes below have in common ---- */

static enum status no_group(struct change *change, enum status status, const char *field,
                            const char *id)
{
    if (status != STATUS_NOT_FOUND)
        return status;
    return row_missing(&group_v1_group_row, field, id, change->fault);
}

/* The group that a request names, of the version that the caller knows. */
static enum status lock_group(struct change *change, const char *id, const char *field,
                              const char *etag, group_v1_group *ret_group)
{
    struct group_id parsed;
    PEK_TRY(group_id_parse(id, field, change->arena, &parsed, change->fault));
    return change_lock(change, &group_v1_group_row, &group_store_lock, field, parsed.text, etag,
                       ret_group);
}

/* With the shape of its tree, which is locked first. */
static enum status lock_in_tree(struct change *change, const char *id, const char *etag,
                                struct group_id *ret_id, group_v1_group *ret_group)
{
    PEK_TRY(group_id_parse(id, "id", change->arena, ret_id, change->fault));
    PEK_TRY(no_group(change, group_store_lock_tree(change, ret_id->org), "id", ret_id->text));
    return change_lock(change, &group_v1_group_row, &group_store_lock, "id", ret_id->text, etag,
                       ret_group);
}

static enum status audit(struct change *change, const char *action, const char *id)
{
    struct slice ids = slice_str(id);
    return change_audit(change, &group_store_audit, action, &ids, 1);
}

/* Whoever has a statement on the group or below it is forgotten after the commit. */
static enum status rights_change(struct change *change, const char *group)
{
    return change_names_users(change, &policy_store_holders, PG_PARAMS(pg_str(group)));
}

/* The path to where a group goes: empty for the top level. */
static enum status path_to_parent(struct change *change, const struct group_id *parent,
                                  const struct group_node **ret_path, size_t *ret_count)
{
    *ret_path = NULL;
    *ret_count = 0;
    if (!parent->text)
        return STATUS_OK;
    return no_group(change, group_store_path(change, parent->text, ret_path, ret_count),
                    "parent_id", parent->text);
}

static enum status parse_parent(struct change *change, const char *parent_id,
                                struct group_id *ret_parent)
{
    *ret_parent = (struct group_id){NULL, SLICE_LIT("")};
    if (!parent_id[0])
        return STATUS_OK;
    return group_id_parse(parent_id, "parent_id", change->arena, ret_parent, change->fault);
}

/* ---- create ---- */

/* What is asked for, as it is to be stored. */
static enum status group_to_be(struct change *change, const group_v1_create_group_request *req,
                               const struct group_id *parent, struct text_name *ret_name,
                               group_v1_group *ret_group)
{
    group_v1_group group = GROUP_V1_GROUP_INIT;
    struct group_id id;
    PEK_TRY(text_name_make(change_domain(change)->collator, req->name, "name", change->arena,
                           ret_name, change->fault));
    PEK_TRY(group_id_make(parent->org, req->slug, req->name, change->arena, &id, change->fault));
    PEK_TRY(row_check_time(req->foundation_time, "foundation_time", change->fault));
    group.id = row_string(id.text);
    if (parent->text)
        group.parent_id = row_string(parent->text);
    group.description = req->description;
    group.webpage = req->webpage;
    group.mail = req->mail;
    group.purpose = req->purpose;
    group.foundation_time = req->foundation_time;
    group.is_community = req->is_community;
    group.is_resort = req->is_resort;
    group.is_task_force = req->is_task_force;
    group.has_transitive_membership = req->has_transitive_membership;
    PEK_TRY(group_profile_make(~0u, "", change->arena, &group, change->fault));
    *ret_group = group;
    return STATUS_OK;
}

/* The group, its creator's rights and those of the managers above, together or not at all. */
CHANGE_METHOD(create_group, group_v1_create_group_request, group_v1_group)
{
    struct group_id parent;
    struct text_name name;
    group_v1_group made;
    const struct group_node *path;
    size_t path_count;
    PEK_TRY(parse_parent(change, req->parent_id, &parent));
    PEK_TRY(group_to_be(change, req, &parent, &name, &made));
    if (parent.text) {
        PEK_TRY(
            no_group(change, group_store_lock_tree(change, parent.org), "parent_id", parent.text));
        PEK_TRY(path_to_parent(change, &parent, &path, &path_count));
        PEK_TRY(group_check_new(made.id, path, path_count, change->fault));
    }
    PEK_TRY(group_store_insert(change, &made, &name, res));
    PEK_TRY(policy_store_add_group_god(change->transaction, res->id, change->actor, change->arena,
                                       change->fault));
    if (parent.text)
        PEK_TRY(policy_store_escalate(change->transaction, res->id));
    PEK_TRY(rights_change(change, res->id));
    PEK_TRY(audit(change, "group.create", res->id));
    return membership_people_found(change, res->id);
}

/* ---- update, configure ---- */

static enum status check_realm(struct change *change, const group_v1_group *body)
{
    if (!body)
        return fault_set(change->fault, STATUS_INVALID_ARGUMENT, "group", "group is required");
    if (body->realm[0] && strcmp(body->realm, change_domain(change)->realm) != 0)
        return fault_set(change->fault, STATUS_INVALID_ARGUMENT, "group.realm",
                         "this is another realm");
    return STATUS_OK;
}

CHANGE_METHOD(update_group, group_v1_update_group_request, group_v1_group)
{
    unsigned fields;
    struct text_name name = {0};
    PEK_TRY(check_realm(change, req->group));
    group_v1_group profile = *req->group;
    PEK_TRY(mask_take(req->update_mask, &req->group->base, group_profile_fields,
                      GROUP_PROFILE_FIELDS, &fields, change->fault));
    PEK_TRY(group_profile_make(fields, "group.", change->arena, &profile, change->fault));
    if (fields & GROUP_NAME)
        PEK_TRY(text_name_make(change_domain(change)->collator, profile.name, "group.name",
                               change->arena, &name, change->fault));
    PEK_TRY(lock_group(change, profile.id, "group.id", profile.etag, res));
    PEK_TRY(group_check_active(res, change->fault));
    if (fields == 0)
        return STATUS_OK;
    profile.id = res->id;
    PEK_TRY(group_store_set_profile(change, fields, &profile, &name, res));
    return audit(change, "group.update", res->id);
}

/* A flag that is not set looks like one set to false: the mask has to say which are meant. Of JSON the hub makes it. */
CHANGE_METHOD(configure_group, group_v1_configure_group_request, group_v1_group)
{
    unsigned fields;
    PEK_TRY(mask_take(req->update_mask, NULL, group_flag_fields, GROUP_FLAG_FIELDS, &fields,
                      change->fault));
    PEK_TRY(lock_group(change, req->id, "id", req->etag, res));
    PEK_TRY(group_check_active(res, change->fault));
    PEK_TRY(group_store_set_flags(change, fields, req, res));
    return audit(change, "group.configure", res->id);
}

/* ---- archive, unarchive ---- */

/* The audit rows of all that changed, and the group as it is now. */
static enum status tell_archived(struct change *change, const char *action, const char *id,
                                 const struct slice *ids, size_t count, group_v1_group *res)
{
    PEK_TRY(change_audit(change, &group_store_audit, action, ids, count));
    return change_row(change, &group_v1_group_row, &group_store_get, PG_PARAMS(pg_str(id)), res);
}

CHANGE_METHOD(archive_group, group_v1_archive_group_request, group_v1_group)
{
    struct group_id id;
    const struct slice *ids;
    size_t height, count;
    int64_t active;
    PEK_TRY(lock_in_tree(change, req->id, req->etag, &id, res));
    if (res->is_archived)
        return STATUS_OK;
    PEK_TRY(group_store_below(change, id.text, &height, &active));
    PEK_TRY(group_check_archive(active, req->cascade, change->fault));
    PEK_TRY(group_store_archive(change, id.text, &ids, &count));
    return tell_archived(change, "group.archive", id.text, ids, count, res);
}

CHANGE_METHOD(unarchive_group, group_v1_unarchive_group_request, group_v1_group)
{
    struct group_id id;
    const struct slice *ids;
    const struct group_node *path;
    size_t path_count, count;
    PEK_TRY(lock_in_tree(change, req->id, req->etag, &id, res));
    if (!res->is_archived)
        return STATUS_OK;
    PEK_TRY(group_store_path(change, id.text, &path, &path_count));
    /* All above must be active; the depth is what it was. */
    PEK_TRY(group_check_under(path, path_count - 1, 0, "id", change->fault));
    PEK_TRY(group_store_unarchive(change, id.text, req->cascade, &ids, &count));
    PEK_TRY(leader_check_stays(change, ids, count));
    return tell_archived(change, "group.unarchive", id.text, ids, count, res);
}

/* ---- move ---- */

CHANGE_METHOD(move_group, group_v1_move_group_request, group_v1_group)
{
    struct group_id id, parent;
    const struct group_node *path;
    size_t path_count, height;
    int64_t active;
    if (req->to_top_level == (req->parent_id[0] != '\0'))
        return fault_set(change->fault, STATUS_INVALID_ARGUMENT, "parent_id",
                         "it goes under a parent_id, or to the top level (to_top_level)");
    PEK_TRY(lock_in_tree(change, req->id, req->etag, &id, res));
    PEK_TRY(group_check_active(res, change->fault));
    PEK_TRY(parse_parent(change, req->parent_id, &parent));
    PEK_TRY(path_to_parent(change, &parent, &path, &path_count));
    PEK_TRY(group_store_below(change, id.text, &height, &active));
    PEK_TRY(group_check_move(&id, path, path_count, height, change->fault));
    if (strcmp(res->parent_id, parent.text ? parent.text : "") == 0)
        return STATUS_OK;
    /* Those who lose their escalations, and those who get some. */
    PEK_TRY(rights_change(change, id.text));
    PEK_TRY(group_store_move(change, id.text, parent.text, res));
    PEK_TRY(policy_store_escalate_again(change->transaction, id.text));
    PEK_TRY(rights_change(change, id.text));
    return audit(change, "group.move", id.text);
}

/* ---- the service ---- */

enum status group_service_add(struct rpc_host *host, struct domain *domain, struct fault *fault)
{
    static const struct group_v1_group_service service = {
        .get_group = get_group,
        .list_groups = list_groups,
        .create_group = create_group,
        .update_group = update_group,
        .configure_group = configure_group,
        .archive_group = archive_group,
        .unarchive_group = unarchive_group,
        .move_group = move_group,
        .list_ancestors = list_ancestors,
        .list_descendants = list_descendants,
        .list_group_history = list_group_history,
    };
    return group_v1_group_service_add(host, &service, domain, fault);
}
