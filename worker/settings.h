/* settings: what a worker can be told, from one table (shared/config). */
#ifndef PEK_WORKER_SETTINGS_H
#define PEK_WORKER_SETTINGS_H

#include "shared/config/config.h"

struct settings {
    const char *realm;
    const char *listen;
    bool plaintext;
    int64_t peer_uid; /* -1: none */
    const char *tls_ca, *tls_certificate, *tls_key;
    const char *database, *database_listen, *database_standby;
    int64_t database_standby_alone_ms;
    const char *database_owner;
    bool migrate;
    const char *instance_key;
    struct config_list instance_keys_previous;
    const char *hub_issuer;
    const char *hub_keys;
    const char *hub_jwks_url, *hub_jwks_ca;
    bool reflection;
    int log_level;
    int64_t drain_timeout_ms;
    const char *metrics_listen;
    const char *otlp_endpoint, *trace_sample_ratio;
    int64_t statistics_every_ms;
    int64_t connection_age_max_ms;
    int64_t read_connections, long_read_connections, transaction_connections;
    int64_t unary_calls_max, streams_max, connections_max;
    const char *user;
    const char *god;
    const char *before; /* prune-audit */
    bool confirm;
    int demo_kind;
    const char *tls_name;
    struct config *config; /* where these came from; set by main, for reloading */
};

/* Indices of the choices of demo_kind. */
enum demo_kind { DEMO_HUB, DEMO_ACME, DEMO_CONFERENCE, DEMO_SMALL };

extern const struct config_program settings_program;

#endif
