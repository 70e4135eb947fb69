#include "hub/front_door.h"

#include <string.h>

#include "hub/observe.h"
#include "shared/log/log.h"

enum status front_door_open(struct fibers *fibers, const struct hub_config *config,
                            void (*handler)(void *arg, struct http_request *request), void *arg,
                            struct http_server **ret_server, struct fault *fault)
{
    const struct http_tls tls = {config->https_certificate, config->https_key, observe_certificate,
                                 NULL};
    const struct http_options options = {
        .listen = config->listen,
        .listen_shared = config->listen_shared,
        .body_bytes_max = (size_t)config->body_bytes_max,
        .connections_max = (size_t)config->connections_max,
        .connections_per_address_max = (size_t)config->connections_per_address_max,
        .held_bytes_max = (size_t)config->held_bytes_max,
        .line_bytes_max = (size_t)config->line_bytes_max,
        .header_bytes_max = (size_t)config->header_bytes_max,
        .header_timeout_ms = config->header_timeout_ms,
        .idle_timeout_ms = config->idle_timeout_ms,
        .write_stall_ms = config->write_stall_ms,
        .http2_streams_max = (size_t)config->http2_streams_max,
        .http2_large_bodies_max = (size_t)config->http2_large_bodies_max,
        .http2_odd_frames_max = (size_t)config->http2_odd_frames_max,
        .http2_odd_frames_per_s = (size_t)config->http2_odd_frames_per_second,
        .http2_resets_max = (size_t)config->http2_resets_max,
        .tls = config->https_certificate[0] ? &tls : NULL,
        .strict_transport =
            config->https_certificate[0] || strncmp(config->public_url, "https://", 8) == 0,
        .trusted_proxies = config->trusted_proxies.items,
        .trusted_proxy_count = config->trusted_proxies.count,
    };
    enum status status = http_server_new(fibers, &options, handler, arg, ret_server, fault);
    if (status)
        return status;
    log_event(LOG_INFO, "hub.listening", log_str("listen", config->listen),
              log_int("port", http_server_port(*ret_server)));
    return STATUS_OK;
}

struct api_limits front_door_limits(const struct hub_config *config)
{
    return (struct api_limits){
        .writes_per_second = (uint32_t)config->writes_per_second,
        .writes_burst = (uint32_t)config->writes_burst,
        .searches_per_second = (uint32_t)config->searches_per_second,
        .searches_burst = (uint32_t)config->searches_burst,
        .requests_per_user_max = (size_t)config->requests_per_user_max,
        .live_streams_max = (size_t)config->live_streams_max,
        .live_streams_per_user_max = (size_t)config->live_streams_per_user_max,
    };
}

struct oauth_options front_door_oauth(const struct hub_config *config, const char *client_secret)
{
    return (struct oauth_options){
        .authorize_url = config->oauth_authorize_url,
        .token_url = config->oauth_token_url,
        .userinfo_url = config->oauth_userinfo_url,
        .issuer = config->oauth_issuer,
        .client_id = config->oauth_client_id,
        .client_secret = client_secret,
        .scopes = config->oauth_scopes,
        .pkce = config->oauth_pkce,
    };
}
