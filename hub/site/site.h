/* site: what the hub serves besides the API: the web site, health, metrics, its keys, its API's description. */
#ifndef PEK_HUB_SITE_SITE_H
#define PEK_HUB_SITE_SITE_H

#include "hub/api/api.h"
#include "hub/http/http.h"
#include "hub/site/files.h"
#include "hub/site/pages.h"
#include "hub/transcode/transcode.h"
#include "shared/jwt/jwt_keys.h"
#include "shared/metrics/metrics.h"
#include "shared/pg/pg.h"

/* /readyz asks the database no more often than this, and waits no longer than that. */
#define SITE_READINESS_EVERY_MS 1000
#define SITE_READINESS_WAIT_MS 1000
#define SITE_METRICS_BYTES_MAX (4u * 1024 * 1024)

struct site_options {
    const struct api *api;
    const struct transcode *transcode;
    struct slice descriptor_set; /* what the transcode was made of */
    const struct jwt_keys *keys;
    struct metrics *metrics;
    struct pg *pg;
    const char *folder; /* of the web site; "" for none */
};

struct site {
    struct metrics *metrics;
    const struct jwt_keys *keys;
    struct pg *pg;
    enum status readiness; /* of a session's look-up, as asked at `asked_us` */
    int64_t asked_us;
    bool asking;
    const struct api *api;
    struct buffer openapi; /* written once */
    struct files files;
    struct pages pages;
};

/* Appends what /openapi.json says. */
PEK_MUST_CHECK enum status site_describe(const struct transcode *transcode,
                                         struct slice descriptor_set, struct buffer *document);
/* Reads the folder: blocks. */
PEK_MUST_CHECK enum status site_open(struct site *site, const struct site_options *options,
                                     struct fault *fault);
/* Also of a zeroed one. */
void site_close(struct site *site);
/* Answers every path; 404 for those that are not there. */
void site_handle(struct site *site, struct http_request *request);

#endif
