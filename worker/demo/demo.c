#include <stdio.h>

#include "pek/group/v1/group.rpc.h"
#include "shared/base/clock.h"
#include "shared/log/log.h"
#include "shared/row/row.h"
#include "worker/demo/demo_members.h"
#include "worker/demo/demo_semesters.h"
#include "worker/instance/instance.h"
#include "worker/policy/policy_store.h"
#include "worker/realm/bootstrap.h"

#define DEMO_TIMEOUT_MS 120000
#define DEMO_NOTIFICATIONS 60 /* of a realm, which are told when the hub starts */
#define DEMO_ARENA_BYTES_MAX ((size_t)4 << 20)

void demo_group_id(const struct demo_group *group, char ret_id[DEMO_GROUP_ID_BYTES])
{
    size_t org = group->parent[0] ? strcspn(group->parent, "@") : strlen(group->slug);
    snprintf(ret_id, DEMO_GROUP_ID_BYTES, "%.*s@%s", (int)org,
             group->parent[0] ? group->parent : group->slug, group->slug);
}

/* ---- through the services ---- */

enum status demo_sign_in(struct demo *demo, const char *user, struct demo_caller *ret_caller)
{
    struct instance instance = {.realm = demo->program->settings.realm,
                                .keys = &demo->program->ring.keys};
    struct slice token;
    int64_t expires_s = 0;
    PEK_TRY(instance_issue_token(&instance, slice_str(user), slice_make("", 0), &demo->arena,
                                 clock_wall_s(), &token, &expires_s));
    int len =
        snprintf(ret_caller->header, sizeof(ret_caller->header), "Bearer %.*s", SLICE_ARG(token));
    ret_caller->authorization =
        (struct rpc_pair){SLICE_LIT("authorization"), slice_make(ret_caller->header, (size_t)len)};
    return STATUS_OK;
}

static enum status is_filled(struct demo *demo, bool *ret_filled)
{
    char id[DEMO_GROUP_ID_BYTES];
    group_v1_get_group_request req = GROUP_V1_GET_GROUP_REQUEST_INIT;
    group_v1_group *res;
    demo_group_id(&demo->realm->groups[demo->realm->group_count - 1], id);
    req.id = id;
    enum status status = group_v1_get_group_call(demo->channel, &req, &demo->god.authorization, 1,
                                                 &demo->cancel, &demo->arena, &res, &demo->fault);
    *ret_filled = status == STATUS_OK;
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status make_group(struct demo *demo, const struct demo_group *group)
{
    group_v1_create_group_request req = GROUP_V1_CREATE_GROUP_REQUEST_INIT;
    group_v1_group *res;
    req.parent_id = row_string(group->parent);
    req.slug = row_string(group->slug);
    req.name = row_string(group->name);
    req.description = row_string(group->description);
    req.purpose = (group_v1_purpose)group->purpose;
    req.is_community = group->flags & DEMO_COMMUNITY;
    req.is_resort = group->flags & DEMO_RESORT;
    req.is_task_force = group->flags & DEMO_TASK_FORCE;
    req.has_transitive_membership = group->flags & DEMO_TRANSITIVE;
    enum status status =
        group_v1_create_group_call(demo->channel, &req, &demo->god.authorization, 1, &demo->cancel,
                                   &demo->arena, &res, &demo->fault);
    /* Of a run that was interrupted. */
    demo->goes_on |= status == STATUS_ALREADY_EXISTS;
    if (status == STATUS_ALREADY_EXISTS)
        return STATUS_OK;
    if (status != STATUS_OK)
        return status;
    demo->made++;
    if (!(group->flags & DEMO_ARCHIVED))
        return STATUS_OK;
    group_v1_archive_group_request archive = GROUP_V1_ARCHIVE_GROUP_REQUEST_INIT;
    archive.id = res->id;
    return group_v1_archive_group_call(demo->channel, &archive, &demo->god.authorization, 1,
                                       &demo->cancel, &demo->arena, &res, &demo->fault);
}

/* ---- policies ---- */

static enum status make_policies(struct pg_transaction *transaction, void *arg)
{
    struct demo *demo = arg;
    return policy_store_ensure(transaction, DEMO_MEMBER, false, NULL, DEMO_MEMBER_ACTIONS,
                               &demo->arena);
}

static enum status assign_policies(struct pg_transaction *transaction, void *arg)
{
    struct demo *demo = arg;
    const struct demo_realm *realm = demo->realm;
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < realm->assignment_count; i++)
        status = policy_store_assign_named(transaction, realm->assignments[i].policy,
                                           realm->assignments[i].user, realm->god, &demo->fault);
    for (int n = 1; status == STATUS_OK && n <= DEMO_USERS; n += realm->every_nth_user) {
        char user[24];
        snprintf(user, sizeof(user), "user-%03d", n);
        status =
            policy_store_assign_named(transaction, DEMO_MEMBER, user, realm->god, &demo->fault);
    }
    return status;
}

/* ---- the command ---- */

static enum status make_group_with_members(struct demo *demo, size_t at)
{
    const struct demo_group *group = &demo->realm->groups[at];
    char id[DEMO_GROUP_ID_BYTES];
    arena_reset(&demo->arena);
    PEK_TRY(make_group(demo, group));
    if (group->flags & DEMO_ARCHIVED)
        return STATUS_OK;
    demo_group_id(group, id);
    return demo_add_members(demo, id, demo_number(at), group->parent[0] != '\0');
}

/* What of the years past would have been told is told no more: people find the latest, and what comes next is not behind it. */
static enum status forget_old_notifications(struct demo *demo)
{
    static const struct pg_statement forget = {
        "demo_forget_notifications",
        "DELETE FROM pek.notification AS n WHERE n.id <= (SELECT o.id FROM pek.notification AS o"
        " ORDER BY o.id DESC OFFSET $1::integer LIMIT 1)",
    };
    return pg_write(realm_pg(demo->program->realm), &demo->cancel, &forget,
                    PG_PARAMS(pg_int(&demo->arena, DEMO_NOTIFICATIONS)), NULL);
}

/* The last group comes last: where it is, there is nothing to do. */
static enum status fill(struct demo *demo)
{
    const struct demo_realm *realm = demo->realm;
    struct pg *pg = realm_pg(demo->program->realm);
    bool filled = false;
    PEK_TRY(demo_sign_in(demo, realm->god, &demo->god));
    PEK_TRY(realm_wait_ready(demo->program->realm, &demo->cancel));
    PEK_TRY(pg_transact(pg, &demo->cancel, false, make_policies, demo));
    PEK_TRY(is_filled(demo, &filled));
    if (filled)
        return STATUS_OK;
    for (size_t i = 0; i + 1 < realm->group_count; i++)
        PEK_TRY(make_group_with_members(demo, i));
    if (realm->leader.group_id)
        PEK_TRY(demo_hand_over(demo, realm->leader.group_id, realm->leader.user));
    PEK_TRY(pg_transact(pg, &demo->cancel, false, assign_policies, demo));
    PEK_TRY(demo_add_semesters(demo));
    PEK_TRY(forget_old_notifications(demo));
    return make_group_with_members(demo, realm->group_count - 1);
}

static int run_demo(struct program *program)
{
    struct demo demo = {.program = program, .realm = &demo_realms[program->settings.demo_kind]};
    cancel_init(&demo.cancel, deadline_after_ms(DEMO_TIMEOUT_MS));
    arena_init(&demo.arena, DEMO_ARENA_BYTES_MAX);
    enum status status = rpc_channel_new_local(realm_host(program->realm), &demo.channel);
    if (status == STATUS_OK) {
        status = fill(&demo);
        rpc_channel_free(demo.channel);
    }
    arena_done(&demo.arena);
    if (status != STATUS_OK) {
        log_event(LOG_ERROR, "worker.demo_failed",
                  log_str("reason", pg_last_error(realm_pg(program->realm))));
        return program_failed("worker.demo_failed", status, &demo.fault);
    }
    log_event(LOG_INFO, "worker.demo_ready", log_int("groups_made", (int64_t)demo.made));
    return 0;
}

int command_demo(const struct settings *settings)
{
    struct fault fault = {0};
    enum status status = realm_bootstrap(settings->database_owner, settings->realm,
                                         demo_realms[settings->demo_kind].god, &fault);
    if (status != STATUS_OK)
        return program_failed("worker.demo_failed", status, &fault);
    return program_run(settings, run_demo, NULL);
}
