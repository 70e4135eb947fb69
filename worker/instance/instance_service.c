#include "worker/instance/instance_service.h"

#include "pek/instance/v1/instance.rpc.h"
#include "shared/base/clock.h"
#include "worker/person/person_store.h"
#include "worker/person/person_told.h"
#include "worker/person/user_merge.h"
#include "worker/rights/rights_store.h"

/* Users told of in one event; of more, everybody. */
#define WATCH_USERS_MAX 256
#define SERVICES_MAX 64

/* ---- tokens ---- */

/* It was refused for a key of the hub's that may have come meanwhile: it is worth another look. */
static bool has_new_keys(struct instance_service *service, struct rpc_ctx *ctx, enum status status)
{
    if (status != STATUS_UNAUTHENTICATED || !jwt_key_is_unknown(rpc_fault(ctx)) ||
        !service->refresh_hub_keys || service->refresh_hub_keys(service->refresh_arg) != STATUS_OK)
        return false;
    *rpc_fault(ctx) = (struct fault){0};
    return true;
}

static enum status take_assertion(struct rpc_ctx *ctx, const char *assertion,
                                  struct slice *ret_user)
{
    struct instance_service *service = rpc_data(ctx);
    struct slice token = slice_str(assertion);
    enum status status = instance_take_assertion(&service->instance, token, rpc_arena(ctx),
                                                 clock_wall_s(), ret_user, rpc_fault(ctx));
    if (!has_new_keys(service, ctx, status))
        return status;
    return instance_take_assertion(&service->instance, token, rpc_arena(ctx), clock_wall_s(),
                                   ret_user, rpc_fault(ctx));
}

enum status instance_service_check_told(struct instance_service *service, struct rpc_ctx *ctx,
                                        const ProtobufCMessage *request)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(request->descriptor, "told");
    if (!field || field->descriptor != &pek__instance__v1__people_told__descriptor)
        return STATUS_OK;
    const instance_v1_people_told *told =
        *(instance_v1_people_told *const *)(const void *)((const char *)request + field->offset);
    if (!told)
        return STATUS_OK;
    struct slice assertion = slice_str(told->assertion);
    struct slice people = slice_make(told->people.data, told->people.len);
    enum status status = instance_check_told(&service->instance, assertion, people, rpc_arena(ctx),
                                             clock_wall_s(), rpc_fault(ctx));
    if (!has_new_keys(service, ctx, status))
        return status;
    return instance_check_told(&service->instance, assertion, people, rpc_arena(ctx),
                               clock_wall_s(), rpc_fault(ctx));
}

/* The user's policies: hints for the hub, and the sign that the user is known here. */
static enum status add_policies(struct rpc_ctx *ctx, struct slice user,
                                instance_v1_issue_token_response *res)
{
    struct instance_service *service = rpc_data(ctx);
    struct arena *arena = rpc_arena(ctx);
    struct pg_result *rows;
    enum status status = rights_store_names(service->pg, rpc_cancel(ctx), user, &rows);
    if (status != STATUS_OK)
        return status;
    size_t count = pg_rows(rows);
    res->policies = arena_zalloc(arena, count + 1, sizeof(*res->policies));
    for (size_t i = 0; res->policies && i < count; i++)
        res->policies[i] = arena_printf(arena, "%s", pg_get_str(rows, i, 0));
    pg_result_free(rows);
    res->n_policies = count;
    res->known = count > 0;
    if (arena->failed)
        return STATUS_RESOURCE_EXHAUSTED;
    if (res->known)
        return STATUS_OK;
    bool is_member = false;
    status = person_store_is_member(service->pg, rpc_cancel(ctx), user, &is_member);
    res->known = is_member;
    return status;
}

struct putting {
    const struct person *people;
    size_t count;
    struct arena *arena;
    int64_t version;                 /* of the newest */
    int64_t hub_before, told_before; /* as the hub knows, and as it is known here */
    struct pg_result *known;
};

static enum status note_in(struct pg_transaction *transaction, void *arg)
{
    struct putting *putting = arg;
    putting->known = pg_result_free(putting->known);
    return person_store_put(transaction, putting->people, putting->count, putting->arena,
                            &putting->known);
}

static enum status put_in(struct pg_transaction *transaction, void *arg)
{
    struct putting *putting = arg;
    PEK_TRY(person_store_count_told(transaction, putting->hub_before, putting->version,
                                    putting->arena, &putting->told_before));
    return note_in(transaction, arg);
}

/* What the hub says of whom it asks a token for: as of everybody else whom it tells of, and without waiting for that. */
static enum status note_person(struct rpc_ctx *ctx, struct slice user,
                               const instance_v1_person *told)
{
    struct instance_service *service = rpc_data(ctx);
    struct arena *arena = rpc_arena(ctx);
    struct person person;
    bool has = true;
    if (!told || told->version < 1 || !slice_equal_str(user, told->user_id))
        return STATUS_OK;
    PEK_TRY(person_store_has(service->pg, rpc_cancel(ctx), user, told->version, arena, &has));
    if (has)
        return STATUS_OK;
    PEK_TRY(person_make(service->collator, told, arena, &person));
    struct putting putting = {.people = &person, .count = 1, .arena = arena};
    /* Nobody is told that it is done. */
    enum status status = pg_transact_unsettled(service->pg, rpc_cancel(ctx), note_in, &putting);
    pg_result_free(putting.known);
    return status;
}

static enum status issue_token(struct rpc_ctx *ctx, const instance_v1_issue_token_request *req,
                               instance_v1_issue_token_response *res)
{
    struct instance_service *service = rpc_data(ctx);
    struct arena *arena = rpc_arena(ctx);
    struct slice user, token;
    int64_t expires_s = 0;
    enum status status = take_assertion(ctx, req->assertion, &user);
    if (status != STATUS_OK)
        return status;
    if (instance_is_hub(&service->instance, user))
        return rpc_fail(ctx, STATUS_PERMISSION_DENIED, "the hub is no user");
    status = add_policies(ctx, user, res);
    /* Failing to note it fails no login: the next token notes it. */
    if (status == STATUS_OK)
        (void)!rights_store_been_here(service->pg, rpc_cancel(ctx), user);
    if (status == STATUS_OK && res->known)
        (void)!note_person(ctx, user, req->person);
    if (status == STATUS_OK)
        status = instance_issue_token(&service->instance, user, rpc_peer_certificate_sha256(ctx),
                                      arena, clock_wall_s(), &token, &expires_s);
    if (status != STATUS_OK)
        return status;
    res->token = arena_strndup(arena, token.ptr, token.len);
    res->expire_time = arena_alloc(arena, sizeof(*res->expire_time));
    if (!res->token || !res->expire_time)
        return STATUS_RESOURCE_EXHAUSTED;
    google__protobuf__timestamp__init(res->expire_time);
    res->expire_time->seconds = expires_s;
    return STATUS_OK;
}

/* ---- people ---- */

enum status instance_service_take_hub(struct rpc_ctx *ctx, const char *assertion)
{
    struct instance_service *service = rpc_data(ctx);
    struct slice subject;
    PEK_TRY(take_assertion(ctx, assertion, &subject));
    if (instance_is_hub(&service->instance, subject))
        return STATUS_OK;
    return rpc_fail(ctx, STATUS_PERMISSION_DENIED, "only the hub may call this");
}

/* Column 0 of the rows. */
static enum status take_users(const struct pg_result *rows, struct arena *arena, char ***ret_users,
                              size_t *ret_count)
{
    size_t count = pg_rows(rows);
    char **users = arena_zalloc(arena, count + 1, sizeof(char *));
    for (size_t i = 0; users && i < count; i++)
        users[i] = arena_printf(arena, "%s", pg_get_str(rows, i, 0));
    *ret_users = users;
    *ret_count = count;
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

static enum status put_people(struct rpc_ctx *ctx, const instance_v1_put_people_request *req,
                              instance_v1_put_people_response *res)
{
    struct instance_service *service = rpc_data(ctx);
    struct arena *arena = rpc_arena(ctx);
    struct person *people = arena_zalloc(arena, req->n_people + 1, sizeof(*people));
    struct putting putting = {
        .people = people, .count = req->n_people, .arena = arena, .hub_before = req->told_before};
    PEK_TRY(instance_service_take_hub(ctx, req->assertion));
    if (!people)
        return STATUS_RESOURCE_EXHAUSTED;
    if (req->n_people > PERSON_PUT_MAX)
        return rpc_fail_field(ctx, STATUS_INVALID_ARGUMENT, "people", "people are %d at most",
                              PERSON_PUT_MAX);
    for (size_t i = 0; i < req->n_people; i++) {
        if (!policy_is_user(req->people[i]->user_id) || req->people[i]->version < 1)
            return rpc_fail_field(ctx, STATUS_INVALID_ARGUMENT, "people",
                                  "people[%zu] has no user's id, or no version", i);
        PEK_TRY(person_make(service->collator, req->people[i], arena, &people[i]));
        if (people[i].version > putting.version)
            putting.version = people[i].version;
    }
    enum status status = pg_transact(service->pg, rpc_cancel(ctx), false, put_in, &putting);
    if (status == STATUS_OK)
        status = take_users(putting.known, arena, &res->known_users, &res->n_known_users);
    pg_result_free(putting.known);
    res->told_before = putting.told_before;
    return status;
}

static enum status list_unnamed_people(struct rpc_ctx *ctx,
                                       const instance_v1_list_unnamed_people_request *req,
                                       instance_v1_list_unnamed_people_response *res)
{
    struct instance_service *service = rpc_data(ctx);
    struct pg_result *rows;
    PEK_TRY(instance_service_take_hub(ctx, req->assertion));
    PEK_TRY(person_store_unnamed(service->pg, rpc_cancel(ctx), req->after, &rows));
    enum status status = take_users(rows, rpc_arena(ctx), &res->users, &res->n_users);
    pg_result_free(rows);
    return status;
}

static enum status merge_user(struct rpc_ctx *ctx, const instance_v1_merge_user_request *req,
                              instance_v1_merge_user_response *res)
{
    struct instance_service *service = rpc_data(ctx);
    const struct user_merge merge = {req->from_user, req->into_user, req->dry_run};
    struct user_merge_moved moved;
    PEK_TRY(instance_service_take_hub(ctx, req->assertion));
    if (!policy_is_user(req->from_user))
        return rpc_fail_field(ctx, STATUS_INVALID_ARGUMENT, "from_user",
                              "from_user is no user's id");
    if (!policy_is_user(req->into_user) || strcmp(req->from_user, req->into_user) == 0)
        return rpc_fail_field(ctx, STATUS_INVALID_ARGUMENT, "into_user",
                              "into_user is no user's id, or from_user's");
    PEK_TRY(user_merge_run(service->pg, rpc_cancel(ctx), &merge, &moved, rpc_fault(ctx)));
    res->memberships = moved.memberships;
    res->combined = moved.combined;
    res->posts = moved.posts;
    res->policies = moved.policies;
    res->leads = moved.leads;
    res->statements = moved.statements;
    return STATUS_OK;
}

/* ---- info ---- */

struct names {
    struct arena *arena;
    char **names;
    size_t count;
};

static void add_name(void *arg, const struct rpc_service *service)
{
    struct names *names = arg;
    char *name = arena_printf(names->arena, "%s", service->name);
    if (name && names->count < SERVICES_MAX)
        names->names[names->count++] = name;
}

static enum status get_info(struct rpc_ctx *ctx, const instance_v1_get_info_request *req,
                            instance_v1_info *res)
{
    const struct instance_service *service = rpc_data(ctx);
    struct arena *arena = rpc_arena(ctx);
    struct names names = {arena, arena_zalloc(arena, SERVICES_MAX, sizeof(char *)), 0};
    (void)req;
    if (!names.names)
        return STATUS_RESOURCE_EXHAUSTED;
    rpc_host_each(service->host, add_name, &names);
    res->realm = arena_printf(arena, "%s", service->instance.realm);
    res->version = arena_printf(arena, "%s", service->version);
    res->collator_version = arena_printf(arena, "%s", service->collator_version);
    res->services = names.names;
    res->n_services = names.count;
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

/* ---- watch ---- */

/* Of one open stream: what was not sent yet. */
struct watch {
    struct list node; /* in the service's watches */
    struct policy_watcher watcher;
    struct fiber_event event;
    bool reset;
    bool notifications;
    size_t user_count;
    char users[WATCH_USERS_MAX][JWT_SUB_BYTES_MAX + 1];
};

static void rights_changed(struct policy_watcher *watcher, struct slice user)
{
    struct watch *watch = LIST_ENTRY(watcher, struct watch, watcher);
    fiber_event_signal(&watch->event);
    for (size_t i = 0; i < watch->user_count; i++)
        if (slice_equal_str(user, watch->users[i]))
            return;
    if (user.len == 0 || user.len > JWT_SUB_BYTES_MAX || watch->user_count == WATCH_USERS_MAX) {
        watch->reset = true;
        return;
    }
    memcpy(watch->users[watch->user_count], user.ptr, user.len);
    watch->users[watch->user_count++][user.len] = '\0';
}

static enum status send_event(struct rpc_ctx *ctx, struct watch *watch,
                              struct instance_v1_watch_policies_stream *stream)
{
    instance_v1_policy_event event = INSTANCE_V1_POLICY_EVENT_INIT;
    struct arena *arena = rpc_scratch(ctx);
    event.reset = watch->reset;
    event.notifications = watch->notifications;
    if (!event.reset) {
        event.users = arena_zalloc(arena, watch->user_count + 1, sizeof(*event.users));
        if (!event.users)
            return STATUS_RESOURCE_EXHAUSTED;
        event.n_users = watch->user_count;
        for (size_t i = 0; i < event.n_users; i++)
            event.users[i] = arena_printf(arena, "%s", watch->users[i]);
        if (arena->failed)
            return STATUS_RESOURCE_EXHAUSTED;
    }
    watch->reset = watch->notifications = false;
    watch->user_count = 0;
    return instance_v1_watch_policies_send(stream, &event);
}

static enum status watch_policies(struct rpc_ctx *ctx,
                                  const instance_v1_watch_policies_request *req,
                                  struct instance_v1_watch_policies_stream *stream)
{
    struct instance_service *service = rpc_data(ctx);
    enum status status = instance_service_take_hub(ctx, req->assertion);
    if (status != STATUS_OK)
        return status;
    struct watch *watch = arena_zalloc(rpc_arena(ctx), 1, sizeof(*watch));
    if (!watch)
        return STATUS_RESOURCE_EXHAUSTED;
    watch->reset = true;
    watch->watcher.changed = rights_changed;
    policy_cache_watch(service->rights, &watch->watcher);
    list_append(&service->watches, &watch->node);
    while (status == STATUS_OK) {
        if (service->ending)
            status = rpc_fail(ctx, STATUS_UNAVAILABLE, "the realm is being closed");
        else if (watch->reset || watch->notifications || watch->user_count > 0)
            status = send_event(ctx, watch, stream);
        else
            status = fiber_event_wait_cancel(&watch->event, rpc_cancel(ctx));
    }
    list_remove(&watch->node);
    policy_cache_unwatch(&watch->watcher);
    return status;
}

void instance_service_tell_notifications(struct instance_service *service)
{
    LIST_FOR_EACH (node, &service->watches) {
        struct watch *watch = LIST_ENTRY(node, struct watch, node);
        watch->notifications = true;
        fiber_event_signal(&watch->event);
    }
}

void instance_service_end_watches(struct instance_service *service)
{
    service->ending = true;
    LIST_FOR_EACH (node, &service->watches)
        fiber_event_signal(&LIST_ENTRY(node, struct watch, node)->event);
}

enum status instance_service_add(struct rpc_host *host, struct instance_service *service,
                                 struct fault *fault)
{
    static const struct instance_v1_instance_service ops = {
        .issue_token = issue_token,
        .put_people = put_people,
        .list_unnamed_people = list_unnamed_people,
        .merge_user = merge_user,
        .get_info = get_info,
        .watch_policies = watch_policies,
    };
    list_init(&service->watches);
    return instance_v1_instance_service_add(host, &ops, service, fault);
}
