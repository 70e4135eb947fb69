#include "hub/hub.h"

#include <stdlib.h>

#include "hub/api/api.h"
#include "hub/feeds.h"
#include "hub/front_door.h"
#include "hub/keys.h"
#include "hub/login/login.h"
#include "hub/login/secret.h"
#include "hub/notification/notification_service.h"
#include "hub/observe.h"
#include "hub/profile/name_keys.h"
#include "hub/profile/profile_service.h"
#include "hub/registry/directory.h"
#include "hub/registry/registry_service.h"
#include "hub/schema/schema.h"
#include "hub/session/session_service.h"
#include "hub/site/site.h"
#include "protos/descriptor_set.h"
#include "shared/base/clock.h"
#include "shared/base/version.h"
#include "shared/log/log.h"
#include "shared/pg/pg.h"
#include "shared/report/report.h"
#include "worker/realm/realm.h"

/* How long a start waits for the database and the workers, and how often it looks. */
#define SETTLE_MS_MAX 5000
#define SETTLE_LOOK_MS 2
#define HOUSEKEEPING_EVERY_MS (60 * 1000)

/* In the order of their making; taken apart in the reverse. */
struct hub {
    const struct hub_config *config;
    uv_loop_t *loop;
    struct fibers *fibers;
    struct pg *pg;
    struct keys keys;
    char *oauth_secret;        /* NULL without a provider */
    struct rpc_tls client_tls; /* the files of the configuration */
    struct registry registry;
    struct directory directory;
    struct registry_service registry_service;
    struct profile_service profiles;
    struct session_cache sessions;
    bool sessions_ready;
    struct rpc_host *host; /* the hub's own services */
    struct rpc_channel *host_channel;
    struct realm *realm; /* hosted here; NULL for none */
    struct feeds feeds;
    struct notification_service notifications;
    struct name_keys name_keys;
    struct transcode *transcode;
    struct observe observe;
    struct api api;
    struct login login;
    struct site site;
    uv_timer_t settling, housekeeping;
    bool reloading, reload_again, stopping;
    struct fiber_event wake_stop; /* of the fiber that stops it */
    struct http_server *server;
    bool settled; /* a refusal stops it from now on; before, opening fails */
    bool clean;   /* the drain cut nothing off, and no refusal made it stop */
};

/* ---- requests ---------------------------------------------------------------------------------- */

static void handle(void *arg, struct http_request *request)
{
    struct hub *hub = arg;
    const char *part = "login";
    if (slice_starts_with(http_raw_path(request), SLICE_LIT("/api/"))) {
        part = "api";
        api_handle(&hub->api, request);
    } else if (!login_handle(&hub->login, request)) {
        part = "site";
        site_handle(&hub->site, request);
    }
    observe_http(&hub->observe, request, part);
}

/* ---- what realms say --------------------------------------------------------------------------- */

static void policies_changed(void *arg, struct instance *instance, const char *const *users,
                             size_t count)
{
    struct hub *hub = arg;
    if (hub->sessions_ready)
        session_policies_changed(&hub->sessions, instance, users, count);
    feeds_policies_changed(&hub->feeds, instance, users, count);
}

static void notifications_written(void *arg, struct instance *instance)
{
    feeds_notifications_written(&((struct hub *)arg)->feeds, instance);
}

static void status_changed(void *arg, struct instance *instance)
{
    observe_status(&((struct hub *)arg)->observe, instance);
}

static void replica_told(void *arg, struct instance *instance, const char *problem)
{
    observe_replica(&((struct hub *)arg)->observe, instance, problem);
}

/* ---- opening ----------------------------------------------------------------------------------- */

static enum status open_keys(struct hub *hub, struct fault *fault)
{
    return keys_open(&hub->keys, hub->config, fault);
}

/* "" or why this hub must not go on with a database that it met. */
static const char *refusal(const struct hub *hub)
{
    const char *text = pg_refusal(hub->pg);
    return text[0] || !hub->realm ? text : realm_refusal(hub->realm);
}

static void database_trouble(struct hub *hub, const char *realm, const struct pg_trouble *trouble)
{
    report_database(realm, trouble);
    if (trouble->kind == PG_TROUBLE_REFUSED && hub->settled && !hub->stopping) {
        hub->clean = false;
        hub_stop(hub);
    }
}

static void hub_trouble(void *arg, const struct pg_trouble *trouble)
{
    database_trouble(arg, "", trouble);
}

static void realm_trouble_told(void *arg, const struct pg_trouble *trouble)
{
    database_trouble(arg, ((struct hub *)arg)->config->local_realm, trouble);
}

/* As a worker does; what it measures of the calls are the hub's metrics of realms. */
static void realm_finished(void *arg, struct rpc_ctx *ctx, const struct fault *outcome,
                           int64_t elapsed_us)
{
    report_call(((const struct hub *)arg)->config->local_realm, ctx, outcome, elapsed_us);
}

static void notifications_dropped(void *arg, size_t count)
{
    report_dropped(((const struct hub *)arg)->config->local_realm, count);
}

/* Of the hub's database, and of that of the realm hosted here. */
static void statement_ended(void *arg, const struct pg_ended *ended)
{
    watch_statement(&((struct hub *)arg)->observe.watch, ended);
}

static enum status open_tracer(struct hub *hub, struct fault *fault)
{
    return observe_open_tracer(&hub->observe, hub->fibers, hub->config->otlp_endpoint,
                               hub->config->trace_sample_ratio, fault);
}

static enum status open_database(struct hub *hub, struct fault *fault)
{
    const struct pg_options options = {
        .conninfo = hub->config->database,
        .listen_conninfo = hub->config->database_listen,
        .standby_conninfo = hub->config->database_standby,
        .standby_alone_ms = hub->config->database_standby_alone_ms,
        .full_is_away = true,
        .schema = hub_migrations(),
        .on_trouble = hub_trouble,
        .on_statement = statement_ended,
        .arg = hub,
    };

    return pg_new(hub->fibers, &options, &hub->pg, fault);
}

/* The realm in this process trusts the hub's key as every worker does. */
static enum status open_realm(struct hub *hub, struct fault *fault)
{
    const struct hub_config *config = hub->config;
    const struct realm_options options = {
        .realm = config->local_realm,
        .conninfo = config->local_database[0] ? config->local_database : config->database,
        .listen_conninfo =
            config->local_database[0] ? config->local_database_listen : config->database_listen,
        .standby_conninfo =
            config->local_database[0] ? config->local_database_standby : config->database_standby,
        .standby_alone_ms = config->database_standby_alone_ms,
        .keys = &hub->keys.realm.keys,
        .hub_keys = &hub->keys.hub.keys,
        .hub_issuer = config->issuer,
        .version = PEK_VERSION,
        .finished = realm_finished,
        .finished_arg = hub,
        .on_trouble = realm_trouble_told,
        .on_statement = statement_ended,
        .trouble_arg = hub,
        .tracer = hub->observe.tracer,
        .on_dropped = notifications_dropped,
    };

    if (!config->local_realm[0])
        return STATUS_OK;
    PEK_TRY(realm_open(hub->fibers, &options, &hub->realm, fault));
    return registry_add_local(&hub->registry, config->local_realm, realm_host(hub->realm), fault);
}

/* The workers come out of the database. */
static enum status open_workers(struct hub *hub, struct fault *fault)
{
    const struct hub_config *config = hub->config;
    const struct directory_options options = {
        .pg = hub->pg,
        .registry = &hub->registry,
        .local_realm = config->local_realm,
        .local_host = hub->realm ? realm_host(hub->realm) : NULL,
        .seeds = config->instances.items,
        .seed_count = config->instances.count,
        .listen = config->listen,
        .tls = config->tls_ca[0] ? &hub->client_tls : NULL,
        .arg = &hub->observe,
        .on_problem = observe_registry_problem,
        .on_follow = observe_registry_follow,
    };

    hub->client_tls =
        (struct rpc_tls){config->tls_ca, config->tls_certificate, config->tls_key, NULL};
    return directory_open(&hub->directory, &options, fault);
}

static enum status open_sessions(struct hub *hub, struct fault *fault)
{
    const struct session_options options = {
        .service = hub_service(hub->pg),
        .registry = &hub->registry,
        .keys = &hub->keys.hub.keys,
        .issuer = hub->config->issuer,
        .redis = {hub->config->redis_url, hub->config->redis_ca, hub->config->redis_certificate,
                  hub->config->redis_key},
        .arg = &hub->observe,
        .on_token_failure = observe_token_failure,
        .on_redis = observe_redis,
    };
    struct rpc_host_options host_options = {0};

    hub->sessions_ready = true;
    PEK_TRY(session_cache_init(&hub->sessions, hub->fibers, &options, fault));
    host_options.interceptor = session_interceptor(&hub->sessions);
    host_options.tracer = hub->observe.tracer;
    enum status status = rpc_host_new(hub->fibers, &host_options, &hub->host);
    if (!status)
        status = session_service_add(hub->host, &hub->sessions, fault);
    if (!status)
        status = profile_service_add(hub->host, &hub->profiles, fault);
    if (!status)
        status = notification_service_open(hub->host, &hub->notifications, fault);
    if (!status)
        status = registry_service_add(hub->host, &hub->registry_service, fault);
    if (!status)
        status = rpc_channel_new_local(hub->host, &hub->host_channel);
    if (status && !fault->status)
        (void)fault_set(fault, status, NULL, "the hub's services cannot be hosted");
    return status;
}

static enum status open_names(struct hub *hub, struct fault *fault)
{
    enum status status = text_collator_new(&hub->profiles.collator);
    if (status)
        return fault_set(fault, status, NULL, "names cannot be ordered");
    const struct name_keys_options options = {
        .pg = hub->pg,
        .collator = hub->profiles.collator,
        .arg = &hub->observe,
        .on_failure = observe_name_keys_failure,
    };
    status = name_keys_open(&hub->name_keys, hub->fibers, &options);
    return status ? fault_set(fault, status, NULL, "names cannot be ordered") : STATUS_OK;
}

static enum status open_federation(struct hub *hub, struct fault *fault)
{
    const struct registry_options options = {
        .keys = &hub->keys.hub.keys,
        .issuer = hub->config->issuer,
        .arg = hub,
        .on_policies = policies_changed,
        .on_notifications = notifications_written,
        .on_status = status_changed,
        .on_replica = replica_told,
    };
    registry_init(&hub->registry, hub->fibers, &options);
    hub->observe.registry = &hub->registry;
    hub->profiles = (struct profile_service){
        .service = hub_service(hub->pg),
        .collator = hub->profiles.collator,
        .budget = &hub->api.budget,
        .realms_wait_ms = hub->config->straggler_ms,
        .arg = &hub->observe,
        .on_asked = observe_asked,
    };
    hub->notifications.service = hub_service(hub->pg);
    hub->registry_service = (struct registry_service){
        .service = hub_service(hub->pg),
        .registry = &hub->registry,
        .listen = hub->config->listen,
        .is_admin = session_store_is_admin,
        .on_change = observe_registry_change,
    };
    PEK_TRY(open_sessions(hub, fault));
    PEK_TRY(open_realm(hub, fault));
    PEK_TRY(open_workers(hub, fault));
    return feeds_open(&hub->feeds, hub->fibers, hub->config, hub->pg, &hub->registry, &hub->realm,
                      &hub->observe, fault);
}

static enum status open_api(struct hub *hub, struct fault *fault)
{
    const struct hub_config *config = hub->config;
    struct slice descriptors = slice_make(pek_descriptor_set, pek_descriptor_set_len);
    PEK_TRY(transcode_new(descriptors, &hub->transcode, fault));
    hub->profiles.transcode = hub->transcode;
    const struct api_options options = {
        .transcode = hub->transcode,
        .registry = &hub->registry,
        .sessions = &hub->sessions,
        .hub_channel = hub->host_channel,
        .page_keys = &hub->keys.page,
        .public_origin = config->public_url,
        .cors_origins = config->cors_origins.items,
        .cors_origin_count = config->cors_origins.count,
        .request_timeout_ms = config->request_timeout_ms,
        .export_timeout_ms = config->export_timeout_ms,
        .live_timeout_ms = config->live_timeout_ms,
        .realm_timeout_ms = config->realm_timeout_ms,
        .straggler_ms = config->straggler_ms,
        .events_comment_ms = config->events_comment_ms,
        .realm_items_max = (uint64_t)config->realm_items_max,
        .limits = front_door_limits(config),
        .people_arg = hub->pg,
        .tell = people_tell,
        .named = people_named,
        .known_in = people_known_in,
        .tracer = hub->observe.tracer,
        .arg = &hub->observe,
        .finished = observe_api,
    };
    enum status status = api_init(&hub->api, &options);
    if (status)
        return fault_set(fault, status, NULL, "the shares of users cannot be kept");
    status = observe_init(&hub->observe, &hub->registry, &hub->sessions, hub->pg);
    if (status)
        return fault_set(fault, status, NULL, "metrics cannot be kept");
    hub->observe.realm_pg = hub->realm ? realm_pg(hub->realm) : NULL;
    hub->observe.https_certificate = config->https_certificate;
    hub->observe.realms_certificate = config->tls_certificate;
    const struct site_options site = {
        .api = &hub->api,
        .transcode = hub->transcode,
        .descriptor_set = descriptors,
        .keys = &hub->keys.hub.keys,
        .metrics = hub->observe.metrics,
        .pg = hub->pg,
        .folder = config->site_folder,
    };
    return site_open(&hub->site, &site, fault);
}

static enum status open_login(struct hub *hub, struct fault *fault)
{
    const struct hub_config *config = hub->config;
    struct login_options options = {
        .sessions = &hub->sessions,
        .api = &hub->api,
        .pg = hub->pg,
        .key = slice_make(hub->keys.login_key.bytes, sizeof(hub->keys.login_key.bytes)),
        .public_url = config->public_url,
        .dev = config->dev_login,
        .ca_path = config->oauth_ca,
        .arg = &hub->observe,
        .finished = observe_login,
    };

    if (config->oauth_client_id[0]) {
        PEK_TRY(secret_load(config->oauth_client_secret_path, "oauth_client_secret_path",
                            &hub->oauth_secret, fault));
        options.oauth = front_door_oauth(config, hub->oauth_secret);
    }
    return login_open(&hub->login, hub->fibers, &options, fault);
}

static enum status open_server(struct hub *hub, struct fault *fault)
{
    PEK_TRY(front_door_open(hub->fibers, hub->config, handle, hub, &hub->server, fault));
    hub->observe.server = hub->server;
    return STATUS_OK;
}

static bool is_settled(const struct hub *hub)
{
    if (!pg_is_ready(hub->pg) || !hub->registry.loaded ||
        (hub->realm && !realm_is_ready(hub->realm)))
        return false;
    for (size_t i = 0; i < hub->registry.count; i++) {
        const struct instance *instance = hub->registry.instances[i];
        /* The first that a realm says of policies is that all may have changed: tokens of before
         * that would be asked for twice. */
        if (instance->status == INSTANCE_UNKNOWN ||
            (instance->status == INSTANCE_SERVING && instance->policy_changes == 0))
            return false;
    }
    return true;
}

static void look_again(uv_timer_t *timer)
{
    (void)timer;
}

/* Whoever connects finds sessions, the local realm and the workers there, also right after a restart. Not for
 * ever: a hub that cannot reach its database says so when asked, and is there when it can. One that must not go on
 * with it does not open. */
static enum status settle(struct hub *hub, struct fault *fault)
{
    int64_t until_us = deadline_after_ms(SETTLE_MS_MAX);
    uv_timer_init(hub->loop, &hub->settling);
    uv_timer_start(&hub->settling, look_again, SETTLE_LOOK_MS, SETTLE_LOOK_MS);
    while (!is_settled(hub) && !refusal(hub)[0] && clock_monotonic_us() < until_us)
        uv_run(hub->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&hub->settling, NULL);
    hub->settled = true;
    return refusal(hub)[0]
               ? fault_set(fault, STATUS_FAILED_PRECONDITION, "database", "%s", refusal(hub))
               : STATUS_OK;
}

/* ---- reloading --------------------------------------------------------------------------------- */

static void run_reload(void *arg)
{
    struct hub *hub = arg;
    struct fault fault = {0};
    do {
        hub->reload_again = false;
        if (keys_reload(&hub->keys, hub->config, &fault)) {
            log_event(LOG_ERROR, "hub.keys_not_reloaded", log_str("message", fault.text));
            continue;
        }
        if (hub->sessions_ready)
            session_keys_changed(&hub->sessions);
        log_event(LOG_INFO, "hub.keys_reloaded",
                  log_str("kid", es256_key_kid(hub->keys.hub.keys.signer)),
                  log_int("accepted", (int64_t)hub->keys.hub.keys.count));
    } while (hub->reload_again);
    hub->reloading = false;
    fiber_event_signal(&hub->wake_stop);
}

void hub_reload(struct hub *hub)
{
    log_level_set((enum log_level)hub->config->log_level);
    if (hub->stopping)
        return;
    hub->reload_again = hub->reloading;
    if (hub->reloading)
        return;
    hub->reloading = true;
    if (fiber_go(hub->fibers, run_reload, hub))
        hub->reloading = false;
}

static void on_housekeeping(uv_timer_t *timer)
{
    struct hub *hub = timer->data;
    keys_expire(&hub->keys);
    observe_keep_house(&hub->observe);
}

static enum status keep_house(struct hub *hub, struct fault *fault)
{
    (void)fault;
    uv_timer_init(hub->loop, &hub->housekeeping);
    hub->housekeeping.data = hub;
    uv_timer_start(&hub->housekeeping, on_housekeeping, HOUSEKEEPING_EVERY_MS,
                   HOUSEKEEPING_EVERY_MS);
    uv_unref((uv_handle_t *)&hub->housekeeping);
    return STATUS_OK;
}

/* ---- stopping ---------------------------------------------------------------------------------- */

/* From the beginning, because it must run also when all fibers are in use. */
static void run_stop(void *arg)
{
    struct hub *hub = arg;
    while (!hub->stopping)
        (void)!fiber_event_wait(&hub->wake_stop, DEADLINE_NONE);
    int64_t until_us = deadline_after_ms(hub->config->drain_timeout_ms);
    notification_service_end_watches(&hub->notifications);
    if (hub->server)
        api_end_streams(&hub->api, until_us);
    hub->clean &= !hub->server || http_server_drain(hub->server, until_us) == STATUS_OK;
    directory_stop(&hub->directory);
    while (hub->reloading)
        (void)!fiber_event_wait(&hub->wake_stop, DEADLINE_NONE);
    feeds_close(&hub->feeds);
    name_keys_close(&hub->name_keys);
    registry_stop(&hub->registry);
    if (hub->sessions_ready)
        session_cache_stop(&hub->sessions);
    if (hub->host)
        rpc_host_wait(hub->host);
    registry_done(&hub->registry);
    hub->observe.realm_pg = NULL;
    hub->realm = realm_close(hub->realm);
    tracer_stop(hub->observe.tracer);
    uv_stop(hub->loop);
}

void hub_stop(struct hub *hub)
{
    if (hub->stopping)
        return;
    hub->stopping = true;
    log_event(LOG_INFO, "hub.stopping");
    fiber_event_signal(&hub->wake_stop);
}

/* ---- opening, all of it ------------------------------------------------------------------------ */

enum status hub_open(uv_loop_t *loop, const struct hub_config *config, struct hub **ret_hub,
                     struct fault *fault)
{
    static enum status (*const steps[])(struct hub * hub, struct fault * fault) = {
        open_keys,       keep_house, open_tracer, open_database, open_names,
        open_federation, open_api,   open_login,  settle,        open_server,
    };
    struct hub *hub = calloc(1, sizeof(*hub));

    if (!hub)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    hub->config = config;
    hub->loop = loop;
    hub->clean = true;
    keys_init(&hub->keys);
    enum status status = fibers_new(loop, NULL, &hub->fibers);
    if (!status)
        status = fiber_go(hub->fibers, run_stop, hub);
    if (status) {
        fibers_free(hub->fibers);
        free(hub);
        return fault_set(fault, status, NULL, "fibers cannot be started");
    }
    for (size_t i = 0; !status && i < sizeof(steps) / sizeof(steps[0]); i++)
        status = steps[i](hub, fault);
    /* The caller stops and closes also what opened only in part. */
    *ret_hub = hub;
    return status;
}

int hub_port(const struct hub *hub)
{
    return http_server_port(hub->server);
}

bool hub_close(struct hub *hub)
{
    if (!hub)
        return true;
    bool clean = hub->clean;
    http_server_free(hub->server);
    login_close(&hub->login);
    secret_free(hub->oauth_secret);
    site_close(&hub->site);
    observe_done(&hub->observe);
    api_done(&hub->api);
    transcode_free(hub->transcode);
    if (hub->sessions_ready)
        session_cache_done(&hub->sessions);
    notification_service_close(&hub->notifications);
    rpc_channel_free(hub->host_channel);
    rpc_host_free(hub->host);
    registry_close_runtime(&hub->registry);
    pg_free(hub->pg);
    tracer_free(hub->observe.tracer);
    text_collator_free(hub->profiles.collator);
    if (hub->housekeeping.data)
        uv_close((uv_handle_t *)&hub->housekeeping, NULL);
    keys_done(&hub->keys);
    fibers_free(hub->fibers);
    uv_run(hub->loop, UV_RUN_DEFAULT);
    free(hub);
    return clean;
}
