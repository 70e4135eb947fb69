#include "hub/config.h"

#include <string.h>

#include "shared/base/origin.h"
#include "shared/jwt/jwt_keyring.h"
#include "shared/log/log.h"
#include "shared/trace/trace.h"

/* One address alone has a fifth of held_bytes_max; a body's buffer is its size, and the head stands beside it. */
#define BODIES_HELD_MIN 8
#define OPTION(kind, member) CONFIG_##kind(struct hub_config, member)

static const struct config_option options[] = {
    {.name = "listen",
     OPTION(STRING, listen),
     .fallback = "127.0.0.1:8080",
     .help = "address and port of the web site; port 0 picks one"},
    {.name = "listen_shared",
     OPTION(BOOL, listen_shared),
     .fallback = "false",
     .help = "several hubs of one user on this machine listen there, and the system spreads "
             "connections "
             "(SO_REUSEPORT)"},
    {.name = "public_url",
     OPTION(STRING, public_url),
     .fallback = "",
     .help = "origin that browsers see, as https://pek.example; empty takes the Host header"},
    {.name = "issuer",
     OPTION(STRING, issuer),
     .fallback = "hub",
     .min = 1,
     .max = 64,
     .help = "name in the tokens that this hub signs"},
    {.name = "database",
     OPTION(STRING, database),
     .required = true,
     .secret = true,
     .help = "PostgreSQL of the hub, libpq keywords or URI, as the application role"},
    {.name = "database_listen",
     OPTION(STRING, database_listen),
     .fallback = "",
     .secret = true,
     .help = "the same past a pooler in transaction mode that `database` leads to; none if empty"},
    {.name = "database_standby",
     OPTION(STRING, database_standby),
     .fallback = "",
     .secret = true,
     .help =
         "the same of its standbys: they answer searches, exports and long lists, and all reads "
         "while there is no primary; none if empty"},
    {.name = "database_standby_alone_ms",
     OPTION(DURATION_MS, database_standby_alone_ms),
     .min = 1,
     .max = 86400000,
     .fallback = "5m",
     .help = "how long all reads come from there; longer only where it is synchronous"},
    {.name = "database_owner",
     OPTION(STRING, database_owner),
     .fallback = "",
     .secret = true,
     .help = "the same as the role that owns the tables; for migrate, disable-user, enable-user"},
    {.name = "hub_key",
     OPTION(PATH, hub_key),
     .required = true,
     .reloadable = true,
     .help = "PEM file of the hub's ES256 key: sessions, assertions, page tokens"},
    {.name = "hub_keys_previous",
     OPTION(LIST, hub_keys_previous),
     .max = JWT_KEYRING_OTHERS_MAX,
     .fallback = "",
     .reloadable = true,
     .help = "PEM files of keys accepted and published beside it: the previous, and the next"},
    {.name = "redis_url",
     OPTION(STRING, redis_url),
     .fallback = "",
     .secret = true,
     .help =
         "Redis shared by all hubs: redis://[[user]:password@]host[:port][/database], rediss:// "
         "with TLS, redis-sentinel://host,host/name and rediss-sentinel://, or unix:/path"},
    {.name = "redis_ca",
     OPTION(PATH, redis_ca),
     .fallback = "",
     .help = "CA of the certificates of rediss:// and rediss-sentinel://; empty takes the system's "
             "authorities"},
    {.name = "redis_certificate",
     OPTION(PATH, redis_certificate),
     .fallback = "",
     .help = "the hub's client certificate for them, where they want one"},
    {.name = "redis_key",
     OPTION(PATH, redis_key),
     .fallback = "",
     .help = "the key of that certificate"},
    {.name = "instances",
     OPTION(LIST, instances),
     .max = CONFIG_LIST_ITEMS_MAX,
     .fallback = "",
     .keyed = true,
     .help =
         "workers to begin with, as realm=address:port or another target, comma-separated; what is "
         "not named stays in the registry (pekctl instance)"},
    {.name = "tls_ca",
     OPTION(PATH, tls_ca),
     .fallback = "",
     .help = "CA of the workers' certificates; empty speaks without TLS"},
    {.name = "tls_certificate",
     OPTION(PATH, tls_certificate),
     .fallback = "",
     .help = "the hub's client certificate for workers"},
    {.name = "tls_key",
     OPTION(PATH, tls_key),
     .fallback = "",
     .help = "the key of that certificate"},
    {.name = "https_certificate",
     OPTION(PATH, https_certificate),
     .fallback = "",
     .help = "certificate of the web site; empty serves plain HTTP"},
    {.name = "https_key",
     OPTION(PATH, https_key),
     .fallback = "",
     .help = "the key of that certificate"},
    {.name = "trusted_proxies",
     OPTION(LIST, trusted_proxies),
     .max = 32,
     .fallback = "",
     .help = "IP addresses of proxies: their forwarding headers are believed, the clients they "
             "name count"},
    {.name = "local_realm",
     OPTION(STRING, local_realm),
     .fallback = "",
     .max = 63,
     .help = "realm hosted in this process, the same in all hubs; empty for none"},
    {.name = "local_database",
     OPTION(STRING, local_database),
     .fallback = "",
     .secret = true,
     .help = "PostgreSQL of that realm; empty takes the hub's"},
    {.name = "local_database_listen",
     OPTION(STRING, local_database_listen),
     .fallback = "",
     .secret = true,
     .help = "as database_listen, for a local_database of its own"},
    {.name = "local_database_standby",
     OPTION(STRING, local_database_standby),
     .fallback = "",
     .secret = true,
     .help = "its standbys, where it is not the hub's"},
    {.name = "local_database_owner",
     OPTION(STRING, local_database_owner),
     .fallback = "",
     .secret = true,
     .help = "the same as the owner role; for migrate"},
    {.name = "local_instance_key",
     OPTION(PATH, local_instance_key),
     .fallback = "",
     .reloadable = true,
     .help = "PEM file of that realm's ES256 key"},
    {.name = "dev_login",
     OPTION(BOOL, dev_login),
     .fallback = "false",
     .help = "GET /auth/dev?user=… logs anyone on loopback in, without a password"},
    {.name = "oauth_client_id",
     OPTION(STRING, oauth_client_id),
     .fallback = "",
     .max = 255,
     .help = "this site at the OAuth provider; empty offers no login there"},
    {.name = "oauth_client_secret_path",
     OPTION(PATH, oauth_client_secret_path),
     .fallback = "",
     .help = "file with the secret that belongs to it, one line"},
    {.name = "oauth_authorize_url",
     OPTION(STRING, oauth_authorize_url),
     .fallback = "https://auth.sch.bme.hu/site/login",
     .help = "where the provider asks people to log in"},
    {.name = "oauth_token_url",
     OPTION(STRING, oauth_token_url),
     .fallback = "https://auth.sch.bme.hu/oauth2/token",
     .help = "where the provider gives tokens for codes"},
    {.name = "oauth_userinfo_url",
     OPTION(STRING, oauth_userinfo_url),
     .fallback = "https://auth.sch.bme.hu/oidc/userinfo",
     .help = "where the provider says who a token's user is"},
    {.name = "oauth_issuer",
     OPTION(STRING, oauth_issuer),
     .fallback = "https://auth.sch.bme.hu",
     .help = "the provider's name in what it signs; empty takes any"},
    {.name = "oauth_scopes",
     OPTION(STRING, oauth_scopes),
     .fallback = "openid profile",
     .max = 1024,
     .help = "what to ask the provider for, separated by blanks"},
    {.name = "oauth_pkce",
     OPTION(BOOL, oauth_pkce),
     .fallback = "true",
     .help = "bind the code to this login by PKCE (S256)"},
    {.name = "oauth_ca",
     OPTION(PATH, oauth_ca),
     .fallback = "",
     .help = "CA of the provider's certificate; empty takes the system's authorities"},
    {.name = "otlp_endpoint",
     OPTION(STRING, otlp_endpoint),
     .fallback = "",
     .help = "OpenTelemetry collector that gets traces over HTTP, as http://127.0.0.1:4318; none "
             "if empty"},
    {.name = "trace_sample_ratio",
     OPTION(STRING, trace_sample_ratio),
     .fallback = "0.01",
     .help = "part of the requests without a traceparent that is recorded, 0 to 1"},
    {.name = "log_level",
     CONFIG_ENUM(struct hub_config, log_level, log_level_names),
     .fallback = "info",
     .reloadable = true,
     .help = "least level of what is logged"},
    {.name = "request_timeout_ms",
     OPTION(DURATION_MS, request_timeout_ms),
     .min = 100,
     .max = 600000,
     .fallback = "10s",
     .help = "a request is answered within this"},
    {.name = "export_timeout_ms",
     OPTION(DURATION_MS, export_timeout_ms),
     .min = 100,
     .max = 3600000,
     .fallback = "60s",
     .help = "a stream without page size ends within this"},
    {.name = "realm_timeout_ms",
     OPTION(DURATION_MS, realm_timeout_ms),
     .min = 50,
     .max = 600000,
     .fallback = "5s",
     .help = "one call to one realm"},
    {.name = "straggler_ms",
     OPTION(DURATION_MS, straggler_ms),
     .min = 10,
     .max = 600000,
     .fallback = "1500ms",
     .help = "how long a list waits for the others after the first realm"},
    {.name = "drain_timeout_ms",
     OPTION(DURATION_MS, drain_timeout_ms),
     .min = 0,
     .max = 600000,
     .fallback = "20s",
     .help = "how long running requests may take after SIGTERM"},
    {.name = "body_bytes_max",
     OPTION(BYTES, body_bytes_max),
     .min = 1024,
     .max = 16 << 20,
     .fallback = "1MiB",
     .help = "largest request body"},
    {.name = "connections_max",
     OPTION(INT, connections_max),
     .unit = "connections",
     .min = 1,
     .max = 100000,
     .fallback = "10000",
     .help = "open connections of browsers"},
    {.name = "connections_per_address_max",
     OPTION(INT, connections_per_address_max),
     .unit = "connections",
     .min = 1,
     .max = 100000,
     .fallback = "200",
     .help =
         "of these, from one address (IPv6: /64); behind a trusted proxy, its requests at a time"},
    {.name = "held_bytes_max",
     OPTION(BYTES, held_bytes_max),
     .min = 16 << 20,
     .max = INT64_C(1) << 40,
     .fallback = "256MiB",
     .help = "what may wait for clients at a time: bodies that are not whole, answers that are not "
             "taken; one address may hold a quarter of what is free of it"},
    {.name = "realm_items_max",
     OPTION(INT, realm_items_max),
     .unit = "items",
     .min = 100,
     .max = 1000000000,
     .fallback = "1000000",
     .help = "most items that one realm may give to one list, over all its pages"},
    {.name = "requests_per_user_max",
     OPTION(INT, requests_per_user_max),
     .unit = "requests",
     .min = 1,
     .max = 10000,
     .fallback = "64",
     .help = "open requests of one user at a time, streams among them"},
    {.name = "writes_per_second",
     OPTION(INT, writes_per_second),
     .unit = "writes",
     .min = 0,
     .max = 10000,
     .fallback = "10",
     .help = "that one user may go on making after writes_burst; 0: no limit"},
    {.name = "writes_burst",
     OPTION(INT, writes_burst),
     .unit = "writes",
     .min = 1,
     .max = 100000,
     .fallback = "100",
     .help = "that one user may make at once"},
    {.name = "searches_per_second",
     OPTION(INT, searches_per_second),
     .unit = "searches",
     .min = 0,
     .max = 10000,
     .fallback = "30",
     .help = "and lists, after searches_burst; 0: no limit"},
    {.name = "searches_burst",
     OPTION(INT, searches_burst),
     .unit = "searches",
     .min = 1,
     .max = 100000,
     .fallback = "300",
     .help = "and lists, that one user may ask for at once"},
    {.name = "cors_origins",
     OPTION(LIST, cors_origins),
     .max = 16,
     .fallback = "",
     .help =
         "other origins whose pages may use the API, as https://app.example; none unless named"},
    {.name = "site_folder",
     OPTION(PATH, site_folder),
     .fallback = "",
     .help = "folder of the web site (web/dist), read at start; empty serves the API alone"},
    {.name = "header_timeout_ms",
     OPTION(DURATION_MS, header_timeout_ms),
     .min = 100,
     .max = 600000,
     .fallback = "10s",
     .help = "the head of a request comes within this; after it a body at 500 bytes a second"},
    {.name = "idle_timeout_ms",
     OPTION(DURATION_MS, idle_timeout_ms),
     .min = 100,
     .max = 3600000,
     .fallback = "60s",
     .help = "a connection without a request is closed after this"},
    {.name = "write_stall_ms",
     OPTION(DURATION_MS, write_stall_ms),
     .min = 100,
     .max = 600000,
     .fallback = "30s",
     .help = "a client that takes nothing of its answer is closed after this"},
    {.name = "events_comment_ms",
     OPTION(DURATION_MS, events_comment_ms),
     .min = 100,
     .max = 600000,
     .fallback = "15s",
     .help = "an event stream that has nothing to say sends a comment this often"},
    {.name = "header_bytes_max",
     OPTION(BYTES, header_bytes_max),
     .min = 1024,
     .max = 1 << 20,
     .fallback = "32KiB",
     .help = "largest head of a request"},
    {.name = "line_bytes_max",
     OPTION(BYTES, line_bytes_max),
     .min = 512,
     .max = 1 << 20,
     .fallback = "8KiB",
     .help = "longest request line, or path of HTTP/2"},
    {.name = "http2_streams_max",
     OPTION(INT, http2_streams_max),
     .unit = "streams",
     .min = 1,
     .max = 10000,
     .fallback = "100",
     .help = "requests at a time on one HTTP/2 connection"},
    {.name = "http2_large_bodies_max",
     OPTION(INT, http2_large_bodies_max),
     .unit = "bodies",
     .min = 1,
     .max = 10000,
     .fallback = "4",
     .help = "of these, sending a body beyond 64 KiB"},
    {.name = "http2_odd_frames_max",
     OPTION(INT, http2_odd_frames_max),
     .unit = "frames",
     .min = 10,
     .max = 1000000,
     .fallback = "1000",
     .help = "frames that bring nothing (pings, settings, empty data) that one connection may send "
             "at once"},
    {.name = "http2_odd_frames_per_second",
     OPTION(INT, http2_odd_frames_per_second),
     .unit = "frames",
     .min = 1,
     .max = 100000,
     .fallback = "100",
     .help = "of these, after http2_odd_frames_max"},
    {.name = "http2_resets_max",
     OPTION(INT, http2_resets_max),
     .unit = "resets",
     .min = 1,
     .max = 1000000,
     .fallback = "200",
     .help = "streams that one connection may reset at once, out of the same account"},
    {.name = "live_streams_max",
     OPTION(INT, live_streams_max),
     .unit = "streams",
     .min = 1,
     .max = 3000,
     .fallback = "2000",
     .help = "open event streams that go on with what is new, as of notifications"},
    {.name = "live_streams_per_user_max",
     OPTION(INT, live_streams_per_user_max),
     .unit = "streams",
     .min = 1,
     .max = 1000,
     .fallback = "8",
     .help = "of these, of one user"},
    {.name = "live_timeout_ms",
     OPTION(DURATION_MS, live_timeout_ms),
     .min = 100,
     .max = 86400000,
     .fallback = "1h",
     .help = "such a stream ends within this, and a browser comes back"},
    {.name = "notification_days",
     OPTION(INT, notification_days),
     .unit = "days",
     .min = 1,
     .max = 3650,
     .fallback = "90",
     .help = "how long notifications are kept"},
    {.name = "notifications_per_user_max",
     OPTION(INT, notifications_per_user_max),
     .unit = "notifications",
     .min = 10,
     .max = 100000,
     .fallback = "1000",
     .help = "of one user; beyond, the realm that has most of them loses its oldest"},
    {.name = "notifications_per_realm_max",
     OPTION(INT, notifications_per_realm_max),
     .unit = "notifications",
     .min = 1000,
     .max = 100000000,
     .fallback = "1000000",
     .help = "of all that one realm told; beyond, its oldest go"},
};

static const struct config_command commands[] = {
    {.name = "serve", .help = "run the hub (also without a command)"},
    {.name = "disable-user",
     .help = "log a user out everywhere and let nobody log in as them",
     .args = "USER",
     .arg_count = 1},
    {.name = "enable-user", .help = "undo disable-user", .args = "USER", .arg_count = 1},
    {.name = "migrate", .help = "bring the hub's tables, and those of the local realm, up to date"},
};

/* Secrets and codes go there: in clear only within this machine. */
static bool is_protected(const char *url)
{
    static const char *const prefixes[] = {
        "https://", "http://127.0.0.1:", "http://[::1]:", "http://localhost:"};

    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        size_t len = strlen(prefixes[i]);
        if (strncmp(url, prefixes[i], len) == 0 && url[len])
            return true;
    }
    return false;
}

/* RFC 6749 3.3: visible ASCII but quote and backslash, one blank between two. */
static bool are_scopes(const char *scopes)
{
    bool blank = true;

    for (const char *at = scopes; *at; at++) {
        if ((*at == ' ' && blank) || *at < ' ' || *at > '~' || *at == '"' || *at == '\\')
            return false;
        blank = *at == ' ';
    }
    return !blank;
}

static void check_oauth(struct config *config, const struct hub_config *hub)
{
    const struct {
        const char *name, *url;
    } urls[] = {
        {"oauth_authorize_url", hub->oauth_authorize_url},
        {"oauth_token_url", hub->oauth_token_url},
        {"oauth_userinfo_url", hub->oauth_userinfo_url},
    };

    if (!hub->oauth_client_id[0])
        return;
    if (!hub->oauth_client_secret_path[0])
        config_mistake(config, "oauth_client_id needs oauth_client_secret_path");
    /* The provider sends people back there; what a Host header says is no ground for it. */
    if (!hub->public_url[0])
        config_mistake(config, "oauth_client_id needs public_url");
    if (!are_scopes(hub->oauth_scopes))
        config_mistake(config,
                       "oauth_scopes: '%s' is no list of scopes: visible ASCII without quote "
                       "and backslash, one blank between two",
                       hub->oauth_scopes);
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
        if (!is_protected(urls[i].url))
            config_mistake(config, "%s must be an https URL (http only on loopback)", urls[i].name);
}

/* They are compared with what browsers send. */
static void check_origin(struct config *config, const char *name, const char *origin)
{
    if (!origin_is_valid(origin))
        config_mistake(config,
                       "%s: '%s' is no origin as browsers write it: https://pek.example, in lower "
                       "case, with a port only when it is not the usual one, and no path",
                       name, origin);
}

static void check(struct config *config, const void *values)
{
    const struct hub_config *hub = values;
    struct fault fault;

    if ((hub->tls_ca[0] != 0) != (hub->tls_certificate[0] != 0) ||
        (hub->tls_ca[0] != 0) != (hub->tls_key[0] != 0))
        config_mistake(config, "tls_ca, tls_certificate and tls_key go together");
    if ((hub->https_certificate[0] != 0) != (hub->https_key[0] != 0))
        config_mistake(config, "https_certificate and https_key go together");
    if (hub->local_realm[0] && !hub->local_instance_key[0])
        config_mistake(config, "local_realm needs local_instance_key");
    for (size_t i = 0; i < hub->instances.count; i++) {
        const char *equals = strchr(hub->instances.items[i], '=');
        if (!equals || equals == hub->instances.items[i] || !equals[1])
            config_mistake(config, "instances: '%s' is not realm=address:port",
                           hub->instances.items[i]);
    }
    if (hub->public_url[0])
        check_origin(config, "public_url", hub->public_url);
    for (size_t i = 0; i < hub->cors_origins.count; i++)
        check_origin(config, "cors_origins", hub->cors_origins.items[i]);
    if (tracer_check(hub->otlp_endpoint, hub->trace_sample_ratio, &fault))
        config_mistake_fault(config, &fault);
    if (hub->http2_resets_max > hub->http2_odd_frames_max)
        config_mistake(config, "http2_resets_max cannot be more than http2_odd_frames_max");
    if (hub->line_bytes_max > hub->header_bytes_max)
        config_mistake(config, "line_bytes_max cannot be more than header_bytes_max");
    if (hub->body_bytes_max > hub->held_bytes_max / BODIES_HELD_MIN)
        config_mistake(config, "body_bytes_max cannot be more than an eighth of held_bytes_max: "
                               "such a body would never find room");
    check_oauth(config, hub);
}

const struct config_program hub_program = {
    .name = "pek-hub",
    .values_bytes = sizeof(struct hub_config),
    .summary = "one login, one profile and one web site over the realms of the federation",
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .commands = commands,
    .command_count = sizeof(commands) / sizeof(commands[0]),
    .check = check,
};
