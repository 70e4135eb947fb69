/* observe: what the hub says of itself: one log line and the metrics of each request, and a few lines of what realms
 * do (log_limit.h: what a peer can bring about at will is said so often, and then counted). */
#ifndef PEK_HUB_OBSERVE_H
#define PEK_HUB_OBSERVE_H

#include "hub/api/api.h"
#include "hub/login/login.h"
#include "hub/registry/instance_store.h"
#include "shared/log/log_limit.h"
#include "shared/metrics/metrics.h"
#include "shared/pg/pg.h"
#include "shared/report/watch.h"

/* Of one instance, by its slot. */
struct realm_limits {
    uint64_t generation;
    struct log_limit status, replica, token, answer, problem, people, notifications, refused;
};

struct observe {
    struct metrics *metrics;
    struct registry *registry;
    struct session_cache *sessions;
    struct http_server *server; /* NULL until it listens */
    struct pg *pg;
    const char *https_certificate, *realms_certificate; /* files; NULL or "" for none */
    struct metrics_collector collector;
    struct metric *all[32];
    struct watch watch;
    struct pg *realm_pg;                         /* of the realm hosted here; NULL for none */
    struct tracer *tracer;                       /* NULL for none */
    struct realm_limits *realms;                 /* by slot; made when first needed */
    struct log_limit problems, redis, name_keys; /* of no one realm */
};

/* Before all that is traced; the hub stops it, and frees it behind all that was. */
PEK_MUST_CHECK enum status observe_open_tracer(struct observe *observe, struct fibers *fibers,
                                               const char *endpoint, const char *sample_ratio,
                                               struct fault *fault);
PEK_MUST_CHECK enum status observe_init(struct observe *observe, struct registry *registry,
                                        struct session_cache *sessions, struct pg *pg);
void observe_done(struct observe *observe);

/* After each request: `part` of the site is "api", "login" or "site". */
void observe_http(struct observe *observe, const struct http_request *request, const char *part);
/* These also before observe_init, if zeroed. Where there is an `arg`, it is the struct observe: they are what the options of the
 * parts want. */
void observe_status(struct observe *observe, const struct instance *instance);
void observe_replica(struct observe *observe, const struct instance *instance, const char *problem);
/* Keys of people's names could not be made. */
void observe_name_keys_failure(void *arg, const struct fault *fault);
/* A realm could not be told of people. */
void observe_people_failure(void *arg, const struct instance *instance, const struct fault *fault);
/* It is told everything again. */
void observe_people_again(void *arg, const struct instance *instance, bool is_realms);
/* A realm's notifications could not be collected; some of them are nobody's, or cannot be. */
void observe_notifications_failure(void *arg, const struct instance *instance,
                                   const struct fault *fault);
void observe_notifications_refused(void *arg, const struct instance *instance, size_t count,
                                   const struct fault *fault);
/* A realm gave no token. */
void observe_token_failure(void *arg, const struct instance *instance,
                           const struct rpc_trace *trace, const struct fault *fault);
/* A row of the registry cannot be used, or (realm "") the table cannot be read. */
void observe_registry_problem(void *arg, const char *realm, const struct fault *fault);
/* A row of the registry is followed, whoever changed it. */
void observe_registry_follow(void *arg, const struct instance_row *row);
/* An administrator changed it. */
void observe_registry_change(void *arg, const struct rpc_trace *trace, struct slice who,
                             const char *realm, const char *status);
void observe_redis(void *arg, bool up, const char *reason);
/* The certificate of HTTPS was read anew; `problem` is NULL when it is used from now on. */
void observe_certificate(void *arg, const struct fault *problem);
/* Now and then: how it is with realms of which the last word was not written. */
void observe_keep_house(struct observe *observe);

/* `finished` of struct api_options; `arg` is the struct observe. */
void observe_api(void *arg, struct http_request *request, const struct transcode_method *method,
                 const struct session *session, const struct fanout *fanout,
                 const struct fault *fault);

/* `on_asked` of struct profile_service, likewise. */
void observe_asked(void *arg, const struct fanout *fanout);

/* `finished` of struct login_options, likewise. */
void observe_login(void *arg, struct http_request *request, const struct login_event *event);

#endif
