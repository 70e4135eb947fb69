#include "worker/settings.h"

#include <string.h>

#include "shared/jwt/jwt_keyring.h"
#include "shared/log/log.h"
#include "shared/trace/trace.h"
#include "worker/realm/realm.h"

static const char *const demo_kinds[] = {"hub", "acme", "conference", "small", NULL};

static const struct config_option options[] = {
    {.name = "realm",
     CONFIG_STRING(struct settings, realm),
     .max = REALM_NAME_BYTES_MAX,
     .help = "the realm that is served, as worker-acme"},
    {.name = "listen",
     CONFIG_STRING(struct settings, listen),
     .fallback = "127.0.0.1:7101",
     .help = "gRPC address, host:port or unix:/path; port 0 takes a free one"},
    {.name = "plaintext",
     CONFIG_BOOL(struct settings, plaintext),
     .help = "no TLS, for development on loopback, and for a unix socket with peer_uid"},
    {.name = "peer_uid",
     CONFIG_INT(struct settings, peer_uid),
     .fallback = "-1",
     .min = -1,
     .max = UINT32_MAX - 1,
     .help = "number of the user that the hub runs as: of a unix socket without TLS, only its "
             "connections are taken"},
    {.name = "tls_ca",
     CONFIG_PATH(struct settings, tls_ca),
     .help = "PEM of the authority that client certificates must come from"},
    {.name = "tls_certificate",
     CONFIG_PATH(struct settings, tls_certificate),
     .help = "PEM of the server's certificate chain"},
    {.name = "tls_key",
     CONFIG_PATH(struct settings, tls_key),
     .help = "PEM of the server's private key"},
    {.name = "database",
     CONFIG_STRING(struct settings, database),
     .secret = true,
     .fallback = "host=/var/run/postgresql dbname=pek user=pek_app",
     .help = "libpq connection string of the application role"},
    {.name = "database_listen",
     CONFIG_STRING(struct settings, database_listen),
     .secret = true,
     .help = "the same past a pooler in transaction mode that `database` leads to; none if empty"},
    {.name = "database_standby",
     CONFIG_STRING(struct settings, database_standby),
     .secret = true,
     .help =
         "the same of its standbys: they answer searches, exports and long lists, and all reads "
         "while there is no primary; none if empty"},
    {.name = "database_standby_alone_ms",
     CONFIG_DURATION_MS(struct settings, database_standby_alone_ms),
     .min = 1,
     .max = 86400000,
     .fallback = "5m",
     .help = "how long all reads come from there; longer only where it is synchronous"},
    {.name = "database_owner",
     CONFIG_STRING(struct settings, database_owner),
     .secret = true,
     .help = "libpq connection string of the owner or a superuser, for migrations"},
    {.name = "migrate",
     CONFIG_BOOL(struct settings, migrate),
     .help = "bring the schema up to date before serving"},
    {.name = "instance_key",
     CONFIG_PATH(struct settings, instance_key),
     .reloadable = true,
     .help = "PEM of the private key that signs this realm's tokens"},
    {.name = "instance_keys_previous",
     CONFIG_LIST(struct settings, instance_keys_previous),
     .max = JWT_KEYRING_OTHERS_MAX,
     .reloadable = true,
     .help = "PEM files of keys whose tokens are accepted, too: other replicas' while a key is "
             "rotated"},
    {.name = "hub_issuer",
     CONFIG_STRING(struct settings, hub_issuer),
     .fallback = "hub",
     .max = 64,
     .help = "issuer of the hub's assertions"},
    {.name = "hub_keys",
     CONFIG_PATH(struct settings, hub_keys),
     .help = "file of the hub's public keys, JWKS or PEM; read again when a key is not known"},
    {.name = "hub_jwks_url",
     CONFIG_STRING(struct settings, hub_jwks_url),
     .help = "instead of hub_keys: where the hub publishes them, https://…/.well-known/jwks.json"},
    {.name = "hub_jwks_ca",
     CONFIG_PATH(struct settings, hub_jwks_ca),
     .help = "PEM of the authorities that hub_jwks_url's certificate may come from; the system's "
             "if empty"},
    {.name = "reflection",
     CONFIG_BOOL(struct settings, reflection),
     .fallback = "true",
     .help = "serve gRPC reflection"},
    {.name = "log_level",
     CONFIG_ENUM(struct settings, log_level, log_level_names),
     .fallback = "info",
     .reloadable = true,
     .help = "least level that is logged"},
    {.name = "drain_timeout_ms",
     CONFIG_DURATION_MS(struct settings, drain_timeout_ms),
     .max = 600000,
     .fallback = "10s",
     .help = "how long open calls may go on after SIGTERM"},
    {.name = "metrics_listen",
     CONFIG_STRING(struct settings, metrics_listen),
     .help =
         "IP address and port of GET /metrics, /healthz and /readyz, as 127.0.0.1:9101; none if "
         "empty. It asks nobody who they are"},
    {.name = "otlp_endpoint",
     CONFIG_STRING(struct settings, otlp_endpoint),
     .help = "OpenTelemetry collector that gets traces over HTTP, as http://127.0.0.1:4318; none "
             "if empty"},
    {.name = "trace_sample_ratio",
     CONFIG_STRING(struct settings, trace_sample_ratio),
     .fallback = "0.01",
     .help = "part of the traces that begin here which is recorded, 0 to 1; of others whoever "
             "began them decides"},
    {.name = "statistics_every_ms",
     CONFIG_DURATION_MS(struct settings, statistics_every_ms),
     .max = 86400000,
     .fallback = "60s",
     .help = "time between statistics in the log; 0 for none"},
    {.name = "connection_age_max_ms",
     CONFIG_DURATION_MS(struct settings, connection_age_max_ms),
     .max = 86400000,
     .fallback = "30m",
     .help = "age at which a client is asked to reconnect"},
    {.name = "read_connections",
     CONFIG_INT(struct settings, read_connections),
     .min = 1,
     .max = 32,
     .fallback = "4",
     .unit = "connections",
     .help = "PostgreSQL connections shared by point reads"},
    {.name = "long_read_connections",
     CONFIG_INT(struct settings, long_read_connections),
     .min = 1,
     .max = 32,
     .fallback = "2",
     .unit = "connections",
     .help = "PostgreSQL connections shared by searches and exports"},
    {.name = "transaction_connections",
     CONFIG_INT(struct settings, transaction_connections),
     .min = 1,
     .max = 64,
     .fallback = "8",
     .unit = "connections",
     .help = "PostgreSQL connections for changes"},
    {.name = "unary_calls_max",
     CONFIG_INT(struct settings, unary_calls_max),
     .min = 1,
     .max = 8192,
     .fallback = "2048",
     .unit = "calls",
     .help = "unary calls at a time"},
    {.name = "streams_max",
     CONFIG_INT(struct settings, streams_max),
     .min = 1,
     .max = 8192,
     .fallback = "4096",
     .unit = "streams",
     .help = "open streams at a time"},
    {.name = "connections_max",
     CONFIG_INT(struct settings, connections_max),
     .min = 8,
     .max = 65000,
     .fallback = "1024",
     .unit = "connections",
     .help = "open connections at the gRPC port; needs 256 more open files (ulimit -n)"},
    {.name = "user",
     CONFIG_STRING(struct settings, user),
     .max = 64,
     .help = "for the command token: whose"},
    {.name = "god",
     CONFIG_STRING(struct settings, god),
     .max = 64,
     .help = "for the command bootstrap: who gets all rights on the realm"},
    {.name = "before",
     CONFIG_STRING(struct settings, before),
     .max = 10,
     .help = "for the command prune-audit: a day, as 2026-09-01; what is older goes"},
    {.name = "confirm",
     CONFIG_BOOL(struct settings, confirm),
     .fallback = "false",
     .help = "for the command prune-audit: do it; else it says what would go"},
    {.name = "demo_kind",
     CONFIG_ENUM(struct settings, demo_kind, demo_kinds),
     .help = "for the command demo: which of the demo realms"},
    {.name = "tls_name",
     CONFIG_STRING(struct settings, tls_name),
     .max = 255,
     .help = "what tls_certificate names when that is not the realm, as in pekctl instance add "
             "--tls-name"},
};

static const struct config_command commands[] = {
    {"serve", "serve the realm over gRPC (also without a command)"},
    {"migrate", "bring the schema up to date"},
    {"bootstrap", "make the realm's GOD policy and assign it to --god USER"},
    {"verify", "ask the tables of the realm whether all that must hold does; exit code 1 when not"},
    {"prune-audit", "take what is older than --before DAY out of the audit log, with --confirm"},
    {"keygen", "make the file of --instance-key, unless it is there"},
    {"token", "print a token for --user USER, signed with the instance key (development)"},
    {"demo", "fill the realm with the demo data of --demo-kind, once"},
};

static bool is_command(const struct config *config, const char *name)
{
    return strcmp(config->command ? config->command : "serve", name) == 0;
}

static bool is_trustworthy(const char *url)
{
    static const char *const beginnings[] = {"https://", "http://127.0.0.1:", "http://127.0.0.1/",
                                             "http://[::1]:", "http://[::1]/"};
    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++)
        if (strncmp(url, beginnings[i], strlen(beginnings[i])) == 0)
            return true;
    return false;
}

static void check_tracing(struct config *config, const struct settings *s)
{
    struct fault fault;
    if (tracer_check(s->otlp_endpoint, s->trace_sample_ratio, &fault) != STATUS_OK)
        config_mistake_fault(config, &fault);
}

static void check(struct config *config, const void *values)
{
    const struct settings *s = values;
    bool migrate = is_command(config, "migrate"), keygen = is_command(config, "keygen");
    bool serve = is_command(config, "serve"), demo = is_command(config, "demo");
    check_tracing(config, s);
    if (!migrate && !keygen && !realm_name_is_valid(s->realm))
        config_mistake(config, "realm must be given: 1 to 63 of a-z, 0-9 and -");
    if ((serve || demo || keygen || is_command(config, "token")) && !s->instance_key[0])
        config_mistake(config, "instance_key must be given");
    if (serve && (s->hub_keys[0] != '\0') == (s->hub_jwks_url[0] != '\0'))
        config_mistake(config, "hub_keys or hub_jwks_url must be given, not both");
    if (s->hub_jwks_url[0] && !is_trustworthy(s->hub_jwks_url))
        config_mistake(config, "hub_jwks_url must be https, or http on loopback: these keys are "
                               "whom the worker believes");
    if (serve && !s->plaintext && (!s->tls_ca[0] || !s->tls_certificate[0] || !s->tls_key[0]))
        config_mistake(config, "tls_ca, tls_certificate and tls_key must be given, or plaintext");
    bool by_user = s->plaintext && strncmp(s->listen, "unix:", 5) == 0;
    if (by_user != (s->peer_uid >= 0))
        config_mistake(config, "peer_uid must be given for a unix socket with plaintext, and for "
                               "nothing else");
    if (s->plaintext && s->tls_ca[0])
        config_mistake(config, "plaintext and tls_ca exclude each other");
    if ((migrate || s->migrate) && !s->database_owner[0])
        config_mistake(config, "database_owner must be given for a migration");
    if ((demo || is_command(config, "bootstrap")) && !s->database_owner[0])
        config_mistake(config, "database_owner must be given: the application's role makes no "
                               "administrators");
    if (is_command(config, "verify") && !s->database_owner[0])
        config_mistake(config, "database_owner must be given: the application's role does not "
                               "read the audit log");
    if (is_command(config, "prune-audit") && !s->database_owner[0])
        config_mistake(config, "database_owner must be given: the application's role takes nothing "
                               "out of the audit log");
    if (is_command(config, "prune-audit") && !s->before[0])
        config_mistake(config, "before must be given for the command prune-audit");
    if (is_command(config, "token") && !s->user[0])
        config_mistake(config, "user must be given for the command token");
    if (is_command(config, "bootstrap") && !s->god[0])
        config_mistake(config, "god must be given for the command bootstrap");
}

const struct config_program settings_program = {
    .name = "pek-worker",
    .summary = "one realm of the federation: its groups, memberships and policies over gRPC",
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .values_bytes = sizeof(struct settings),
    .commands = commands,
    .command_count = sizeof(commands) / sizeof(commands[0]),
    .check = check,
};
