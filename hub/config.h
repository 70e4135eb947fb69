/* config: everything that can be said to pek-hub; see `pek-hub --help` for each. */
#ifndef PEK_HUB_CONFIG_H
#define PEK_HUB_CONFIG_H

#include "shared/config/config.h"

struct hub_config {
    const char *listen;
    bool listen_shared;
    const char *public_url;
    const char *issuer;
    const char *database, *database_listen, *database_standby;
    int64_t database_standby_alone_ms;
    const char *database_owner;
    const char *hub_key;
    struct config_list hub_keys_previous;
    const char *redis_url, *redis_ca, *redis_certificate, *redis_key; /* "" for none */
    struct config_list instances;                                     /* "realm=target" */
    const char *tls_ca, *tls_certificate, *tls_key;
    const char *https_certificate, *https_key;
    struct config_list trusted_proxies;
    const char *local_realm; /* "" for none */
    const char *local_database, *local_database_listen, *local_database_standby;
    const char *local_database_owner, *local_instance_key;
    struct config_list cors_origins;
    const char *site_folder; /* "" for none */
    bool dev_login;
    const char *oauth_authorize_url, *oauth_token_url, *oauth_userinfo_url, *oauth_issuer;
    const char *oauth_client_id, *oauth_client_secret_path, *oauth_scopes, *oauth_ca;
    bool oauth_pkce;
    int log_level;
    const char *otlp_endpoint, *trace_sample_ratio;
    int64_t request_timeout_ms, export_timeout_ms, realm_timeout_ms, straggler_ms, drain_timeout_ms;
    int64_t body_bytes_max, connections_max, connections_per_address_max, held_bytes_max;
    int64_t realm_items_max;
    int64_t requests_per_user_max, live_streams_max, live_streams_per_user_max;
    int64_t live_timeout_ms;
    int64_t notification_days, notifications_per_user_max, notifications_per_realm_max;
    int64_t writes_per_second, writes_burst, searches_per_second, searches_burst;
    int64_t header_timeout_ms, idle_timeout_ms, write_stall_ms, events_comment_ms;
    int64_t header_bytes_max, line_bytes_max;
    int64_t http2_streams_max, http2_large_bodies_max, http2_resets_max;
    int64_t http2_odd_frames_max, http2_odd_frames_per_second;
};

extern const struct config_program hub_program;

#endif
