#include "worker/realm/realm.h"

#include <stdlib.h>

#include "shared/base/clock.h"
#include "shared/text/collator.h"
#include "worker/domain/domain.h"
#include "worker/evaluation/comment_service.h"
#include "worker/evaluation/draft_service.h"
#include "worker/evaluation/entry_service.h"
#include "worker/evaluation/point_rules_service.h"
#include "worker/evaluation/score_service.h"
#include "worker/evaluation/scoreboard_service.h"
#include "worker/evaluation/season.h"
#include "worker/evaluation/spreadsheet_service.h"
#include "worker/export/export_service.h"
#include "worker/group/group_service.h"
#include "worker/instance/instance_service.h"
#include "worker/membership/membership_service.h"
#include "worker/membership/post_service.h"
#include "worker/notification/notification_service.h"
#include "worker/notification/notification_store.h"
#include "worker/policy/policy_service.h"
#include "worker/realm/migrations.h"
#include "worker/realm/rekey.h"
#include "worker/semester/semester_service.h"

#define SETTLE_RETRY_MS 1000
#define KEYS_FORGET_EVERY_MS (60 * 60 * 1000)
#define PRUNE_EVERY_MS (60 * 1000)
#define ENDED_EVERY_MS 500 /* whose assignments ended is told to who watches */

struct realm {
    struct fibers *fibers;
    struct domain domain;
    struct instance_service instance;
    struct rpc_host *host;
    struct rpc_interceptor guard;
    void (*finished)(void *arg, struct rpc_ctx *ctx, const struct fault *outcome,
                     int64_t elapsed_us);
    void *finished_arg;
    void (*on_dropped)(void *trouble_arg, size_t notifications);
    void *trouble_arg;
    struct pg_listener *outbox;
    /* The background fiber: ends when `closing` fires, and says so by `ended`. */
    struct cancel closing;
    struct fiber_event wake; /* by closing or by the clock only */
    struct fiber_event ended;
    bool running;
    bool instance_made;
    bool settled; /* the database is this realm's */
};

bool realm_name_is_valid(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return len > 0 && len <= REALM_NAME_BYTES_MAX && name[len] == '\0' && name[0] != '-';
}

/* ---- the background fiber ---- */

/* False when the realm is being closed. */
static bool pause_for(struct realm *realm, int64_t ms)
{
    realm->closing.deadline_us = deadline_after_ms(ms);
    (void)!fiber_event_wait_cancel(&realm->wake, &realm->closing);
    realm->closing.deadline_us = DEADLINE_NONE;
    return !realm->closing.cancelled;
}

/* Of the audit log; see 0025_audit_months.sql. */
static const struct pg_statement make_months = {"realm_audit_months", "SELECT pek.audit_months()"};

static void prune_outbox(struct realm *realm)
{
    size_t dropped = 0;
    /* What is left is dropped the next time. */
    (void)!notification_store_prune(realm->domain.service.pg, &realm->closing, &dropped);
    if (dropped > 0 && realm->on_dropped)
        realm->on_dropped(realm->trouble_arg, dropped);
}

/* The first realm of an empty database has it (0021_realm_here.sql). */
static void settle(struct realm *realm)
{
    static const struct pg_statement take = {
        "realm_state_insert",
        "INSERT INTO pek.realm_state (collator_version) VALUES ('') ON CONFLICT DO NOTHING",
    };
    struct pg *pg = realm->domain.service.pg;
    while (!realm->settled && !realm->closing.cancelled) {
        realm->settled = pg_wait_ready(pg, &realm->closing) == STATUS_OK &&
                         pg_write(pg, &realm->closing, &take, NULL, 0, NULL) == STATUS_OK;
        if (!realm->settled)
            pause_for(realm, SETTLE_RETRY_MS);
    }
}

/* Beside everything else: calls are answered by the keys that are there until others are. */
static void make_keys(struct realm *realm)
{
    struct domain *domain = &realm->domain;
    struct pg *pg = domain->service.pg;
    while (!domain->search_is_ready && !realm->closing.cancelled) {
        enum status status = rekey_names(pg, &realm->closing, domain->collator);
        if (status == STATUS_OK)
            status = rekey_search(pg, &realm->closing, domain->collator);
        domain->search_is_ready = status == STATUS_OK;
        if (!domain->search_is_ready)
            pause_for(realm, SETTLE_RETRY_MS);
    }
}

static void keep_realm(void *arg)
{
    struct realm *realm = arg;
    struct domain *domain = &realm->domain;
    settle(realm);
    make_keys(realm);
    int64_t forget_us = deadline_after_ms(KEYS_FORGET_EVERY_MS);
    int64_t prune_us = deadline_after_ms(PRUNE_EVERY_MS);
    while (pause_for(realm, ENDED_EVERY_MS)) {
        /* The next time begins where one has failed. */
        (void)!policy_cache_forget_ended(domain->rights, &realm->closing);
        if (clock_monotonic_us() >= prune_us) {
            prune_outbox(realm);
            prune_us = deadline_after_ms(PRUNE_EVERY_MS);
        }
        if (clock_monotonic_us() < forget_us)
            continue;
        /* A failure to delete old keys costs nothing but space until the next time; months are made long before. */
        (void)!change_forget_keys(&domain->service, &realm->closing);
        (void)!pg_note(domain->service.pg, &realm->closing, &make_months, NULL, 0, NULL);
        forget_us = deadline_after_ms(KEYS_FORGET_EVERY_MS);
    }
    realm->running = false;
    fiber_event_signal(&realm->ended);
}

/* ---- open, close ---- */

static enum status open_pg(struct realm *realm, const struct realm_options *options,
                           struct fault *fault)
{
    const struct pg_setting settings[] = {
        {"pek.realm", options->realm},
        /* No statement here is worth compiling: that took a second of some, by an estimate of rows that were not
         * there. */
        {"jit", "off"},
    };
    const struct pg_options pg = {
        .conninfo = options->conninfo,
        .listen_conninfo = options->listen_conninfo,
        .standby_conninfo = options->standby_conninfo,
        .standby_alone_ms = options->standby_alone_ms,
        .settings = settings,
        .setting_count = sizeof(settings) / sizeof(settings[0]),
        .schema = realm_migrations(),
        .on_trouble = options->on_trouble,
        .on_statement = options->on_statement,
        .arg = options->trouble_arg,
        .read_max = options->read_max,
        .long_read_max = options->long_read_max,
        .transaction_max = options->transaction_max,
    };
    struct pg *made;
    PEK_TRY(pg_new(realm->fibers, &pg, &made, fault));
    realm->domain.service = domain_service(made);
    return STATUS_OK;
}

static void outbox_written(void *arg, struct slice channel, struct slice payload)
{
    struct realm *realm = arg;
    (void)channel;
    if (slice_equal_str(payload, realm->domain.realm))
        instance_service_tell_notifications(&realm->instance);
}

static void outbox_lost(void *arg)
{
    (void)arg; /* outbox_heard makes up for it */
}

/* Something may have been missed before. */
static void outbox_heard(void *arg)
{
    struct realm *realm = arg;
    instance_service_tell_notifications(&realm->instance);
}

static enum status open_outbox(struct realm *realm)
{
    static const struct pg_listener_events events = {outbox_written, outbox_lost, outbox_heard};
    return pg_listen(realm->domain.service.pg, NOTIFICATION_CHANNEL, &events, realm,
                     &realm->outbox);
}

/* A host has one interceptor: the guard decides, what is told of people is the hub's, the program hears of the
 * end. */
static enum status authenticate(void *arg, struct rpc_ctx *ctx, struct principal *ret_principal)
{
    struct realm *realm = arg;
    return realm->guard.authenticate(realm->guard.arg, ctx, ret_principal);
}

static enum status authorize(void *arg, struct rpc_ctx *ctx, const void *request)
{
    struct realm *realm = arg;
    PEK_TRY(realm->guard.authorize(realm->guard.arg, ctx, request));
    return instance_service_check_told(&realm->instance, ctx, request);
}

static void finished(void *arg, struct rpc_ctx *ctx, const struct fault *outcome,
                     int64_t elapsed_us)
{
    struct realm *realm = arg;
    if (realm->finished)
        realm->finished(realm->finished_arg, ctx, outcome, elapsed_us);
}

static enum status open_host(struct realm *realm, const struct realm_options *options,
                             struct fault *fault)
{
    struct domain *domain = &realm->domain;
    domain->season_moved = season_moved;
    const struct rpc_host_options host = {
        .interceptor = {realm, authenticate, authorize, finished},
        .unary_max = options->unary_max,
        .stream_max = options->stream_max,
        .tracer = options->tracer,
        .realm = options->realm,
    };
    realm->guard = guard_interceptor(domain->guard);
    realm->finished = options->finished;
    realm->finished_arg = options->finished_arg;
    enum status status = rpc_host_new(realm->fibers, &host, &realm->host);
    if (status != STATUS_OK)
        return status;
    realm->instance.pg = domain->service.pg;
    realm->instance.rights = domain->rights;
    realm->instance.host = realm->host;
    realm->instance.version = options->version;
    realm->instance.collator = domain->collator;
    realm->instance.collator_version = text_collator_version(domain->collator);
    realm->instance.refresh_hub_keys = options->refresh_hub_keys;
    realm->instance.refresh_arg = options->refresh_arg;
    status = instance_service_add(realm->host, &realm->instance, fault);
    if (status == STATUS_OK)
        status = notification_service_add(realm->host, &realm->instance, fault);
    if (status == STATUS_OK)
        status = group_service_add(realm->host, domain, fault);
    if (status == STATUS_OK)
        status = membership_service_add(realm->host, domain, fault);
    if (status == STATUS_OK)
        status = post_service_add(realm->host, domain, fault);
    if (status == STATUS_OK)
        status = policy_service_add(realm->host, domain, fault);
    if (status == STATUS_OK)
        status = semester_service_add(realm->host, domain, fault);
    if (status == STATUS_OK)
        status = scoreboard_service_add(realm->host, domain, fault);
    if (status == STATUS_OK)
        status = comment_service_add(realm->host, domain, fault);
    if (status == STATUS_OK)
        status = draft_service_add(realm->host, domain, fault);
    if (status == STATUS_OK)
        status = entry_service_add(realm->host, domain, fault);
    if (status == STATUS_OK)
        status = point_rules_service_add(realm->host, domain, fault);
    if (status == STATUS_OK)
        status = spreadsheet_service_add(realm->host, domain, fault);
    if (status == STATUS_OK)
        status = score_service_add(realm->host, domain, fault);
    return status == STATUS_OK ? export_service_add(realm->host, domain, fault) : status;
}

enum status realm_open(struct fibers *fibers, const struct realm_options *options,
                       struct realm **ret_realm, struct fault *fault)
{
    if (!realm_name_is_valid(options->realm))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "realm",
                         "a realm's name is 1 to 63 of a-z, 0-9 and -");
    struct realm *realm = calloc(1, sizeof(*realm));
    if (!realm)
        return STATUS_RESOURCE_EXHAUSTED;
    realm->fibers = fibers;
    realm->on_dropped = options->on_dropped;
    realm->trouble_arg = options->trouble_arg;
    realm->domain.realm = options->realm;
    cancel_init(&realm->closing, DEADLINE_NONE);
    enum status status = text_collator_new(&realm->domain.collator);
    if (status == STATUS_OK)
        status = instance_init(&realm->instance.instance, options->realm, options->keys,
                               options->hub_issuer, options->hub_keys);
    realm->instance_made = status == STATUS_OK;
    if (status == STATUS_OK)
        status = open_pg(realm, options, fault);
    if (status == STATUS_OK)
        status = policy_cache_new(realm->domain.service.pg, options->realm, &realm->domain.rights);
    if (status == STATUS_OK)
        status =
            guard_new(options->realm, options->keys, realm->domain.rights, &realm->domain.guard);
    if (status == STATUS_OK)
        status = open_host(realm, options, fault);
    if (status == STATUS_OK)
        status = open_outbox(realm);
    if (status == STATUS_OK) {
        realm->running = true;
        status = fiber_go(fibers, keep_realm, realm);
        realm->running = status == STATUS_OK;
    }
    if (status != STATUS_OK) {
        realm_close(realm);
        return status;
    }
    *ret_realm = realm;
    return STATUS_OK;
}

struct realm *realm_close(struct realm *realm)
{
    if (!realm)
        return NULL;
    cancel_fire(&realm->closing);
    while (realm->running)
        (void)!fiber_event_wait(&realm->ended, DEADLINE_NONE);
    realm->outbox = pg_listener_free(realm->outbox);
    if (realm->host)
        rpc_host_wait(realm->host);
    rpc_host_free(realm->host);
    guard_free(realm->domain.guard);
    policy_cache_free(realm->domain.rights);
    pg_free(realm->domain.service.pg);
    if (realm->instance_made)
        instance_done(&realm->instance.instance);
    text_collator_free(realm->domain.collator);
    free(realm);
    return NULL;
}

void realm_end_watches(struct realm *realm)
{
    instance_service_end_watches(&realm->instance);
}

/* ---- what others ask ---- */

struct rpc_host *realm_host(struct realm *realm)
{
    return realm->host;
}

struct pg *realm_pg(struct realm *realm)
{
    return realm->domain.service.pg;
}

struct policy_cache *realm_rights(struct realm *realm)
{
    return realm->domain.rights;
}

bool realm_is_ready(const struct realm *realm)
{
    return realm->settled && pg_is_ready(realm->domain.service.pg);
}

const char *realm_unready(const struct realm *realm)
{
    const char *why = pg_unready(realm->domain.service.pg);
    return why[0] || realm->settled ? why : "the realm is being opened";
}

bool realm_search_is_ready(const struct realm *realm)
{
    return realm->domain.search_is_ready;
}

enum status realm_wait_ready(struct realm *realm, struct cancel *cancel)
{
    /* Polled: it happens once in the life of a process. */
    while (!realm_is_ready(realm)) {
        enum status status = cancel_status(cancel);
        if (realm_refusal(realm)[0])
            status = STATUS_FAILED_PRECONDITION;
        if (status != STATUS_OK)
            return status;
        fiber_sleep_ms(5);
    }
    return STATUS_OK;
}

const char *realm_refusal(const struct realm *realm)
{
    return pg_refusal(realm->domain.service.pg);
}

const char *realm_trouble(const struct realm *realm)
{
    return realm_is_ready(realm) ? "" : pg_last_error(realm->domain.service.pg);
}

void realm_statistics(const struct realm *realm, struct realm_statistics *ret_statistics)
{
    pg_statistics(realm->domain.service.pg, &ret_statistics->pg);
    policy_cache_statistics(realm->domain.rights, &ret_statistics->policy);
    guard_statistics(realm->domain.guard, &ret_statistics->guard);
}
