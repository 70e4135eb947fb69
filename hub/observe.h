/* observe: what the hub says of itself: one log line and the metrics of each request. */
#ifndef PEK_HUB_OBSERVE_H
#define PEK_HUB_OBSERVE_H

#include "hub/api/api.h"
#include "hub/login/login.h"
#include "shared/metrics/metrics.h"
#include "shared/pg/pg.h"

struct observe {
    struct metrics *metrics;
    struct registry *registry;
    struct session_cache *sessions;
    struct http_server *server; /* NULL until it listens */
    struct pg *pg;
    const char *https_certificate, *realms_certificate; /* files; NULL or "" for none */
    struct metrics_collector collector;
    struct metric *all[32];
};

PEK_MUST_CHECK enum status observe_init(struct observe *observe, struct registry *registry,
                                        struct session_cache *sessions, struct pg *pg);
void observe_done(struct observe *observe);

/* After each request: `part` of the site is "api", "login" or "site". */
void observe_http(struct observe *observe, const struct http_request *request, const char *part);

/* `finished` of struct api_options; `arg` is the struct observe. */
void observe_api(void *arg, struct http_request *request, const struct transcode_method *method,
                 const struct session *session, const struct fanout *fanout,
                 const struct fault *fault);

/* What a database had to say: `on_trouble` of struct pg_options. Also before observe_init. */
void observe_database(const struct pg_trouble *trouble);

/* `finished` of struct login_options, likewise. */
void observe_login(void *arg, struct http_request *request, const struct login_event *event);

#endif
