#include "worker/check.h"

#include <string.h>

#include "shared/base/clock.h"
#include "shared/base/listen.h"
#include "shared/crypto/certificate.h"
#include "shared/jwt/jwt_keys.h"
#include "shared/pg/pg.h"
#include "worker/program.h"
#include "worker/realm/migrations.h"

static void check_keys(struct config *config, const struct settings *s)
{
    struct jwt_keys keys;
    struct fault fault = {0};
    if (s->instance_key[0]) {
        if (program_load_keys(s, &keys, &fault) == STATUS_OK)
            jwt_keys_done(&keys);
        else
            config_mistake(config, "instance_key: %s", fault.text);
    }
    if (!s->hub_keys[0])
        return;
    const struct hub_keys_source source = {.path = s->hub_keys};
    struct hub_keys hub = {0};
    jwt_keys_init(&hub.keys);
    fault = (struct fault){0};
    if (hub_keys_init(&hub, &source, &fault) != STATUS_OK)
        config_mistake(config, "hub_keys: %s", fault.text);
    jwt_keys_done(&hub.keys);
}

static void check_certificate(struct config *config, const struct settings *s)
{
    if (!s->tls_certificate[0])
        return;
    switch (certificate_matches(s->tls_certificate, s->tls_key)) {
    case STATUS_OK: break;
    case STATUS_FAILED_PRECONDITION:
        config_mistake(config, "tls_key is not the key of tls_certificate");
        break;
    default: config_mistake(config, "tls_certificate and tls_key cannot both be read as PEM");
    }
    const char *const files[][2] = {{"tls_certificate", s->tls_certificate}, {"tls_ca", s->tls_ca}};
    for (size_t i = 0; i < 2; i++) {
        const char *problem = certificate_problem(files[i][1], clock_wall_s());
        if (problem[0])
            config_mistake(config, "%s %s", files[i][0], problem);
    }
}

/* gRPC looks names up. */
static bool is_grpc_address(const char *address)
{
    const char *colon = strrchr(address, ':');
    if (strncmp(address, "unix:", 5) == 0)
        return address[5] == '/';
    return colon && colon != address && listen_port_is_valid(colon + 1);
}

void check_settings(struct config *config, const void *settings)
{
    const struct settings *s = settings;
    const struct pg_options pg = {.conninfo = s->database, .schema = realm_migrations()};
    struct sockaddr_storage address;
    struct fault fault = {0};
    check_keys(config, s);
    check_certificate(config, s);
    if (s->metrics_listen[0] && !listen_parse(s->metrics_listen, &address))
        config_mistake(config, "metrics_listen: '%s' is no IP address and port", s->metrics_listen);
    if (!is_grpc_address(s->listen))
        config_mistake(config, "listen: '%s' is neither host:port nor unix:/path", s->listen);
    if (pg_probe(&pg, &fault) != STATUS_OK)
        config_mistake(config, "database: %s", fault.text);
}
