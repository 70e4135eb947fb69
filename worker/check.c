#include "worker/check.h"

#include <string.h>

#include "shared/base/clock.h"
#include "shared/base/listen.h"
#include "shared/crypto/certificate.h"
#include "shared/jwt/jwt_keys.h"
#include "shared/pg/pg.h"
#include "worker/program.h"
#include "worker/realm/migrations.h"

/* Whoever has a key that is used for two things is both. */
static void check_is_own(struct config *config, const struct settings *s,
                         const struct jwt_keys *own, const struct jwt_keys *hub)
{
    const struct certificate_file others[] = {{"tls_key", s->tls_key}, {"tls_ca", s->tls_ca}};
    const char *whose = "";
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (certificate_is_same_key(s->instance_key, others[i].path))
            whose = others[i].field;
    if (jwt_keys_find(hub, slice_str(es256_key_kid(own->signer))))
        whose = "hub_keys";
    if (whose[0])
        config_mistake(config, "instance_key: it is the key of %s; it needs one of its own", whose);
}

static void check_keys(struct config *config, const struct settings *s)
{
    const struct hub_keys_source source = {.path = s->hub_keys};
    struct jwt_keys own;
    struct hub_keys hub = {0};
    struct fault fault = {0};
    jwt_keys_init(&own);
    jwt_keys_init(&hub.keys);
    if (s->hub_keys[0] && hub_keys_init(&hub, &source, &fault) != STATUS_OK)
        config_mistake(config, "hub_keys: %s", fault.text);
    if (s->instance_key[0] && program_load_keys(s, &own, &fault) != STATUS_OK)
        config_mistake(config, "%s: %s", fault.field, fault.text);
    else if (s->instance_key[0])
        check_is_own(config, s, &own, &hub.keys);
    jwt_keys_done(&own);
    jwt_keys_done(&hub.keys);
}

static void check_certificates(struct config *config, const struct settings *s)
{
    const struct certificate_file key = {"tls_key", s->tls_key};
    const char *name = s->tls_name[0] ? s->tls_name : s->realm;
    const struct certificate_file all[] = {{"tls_certificate", s->tls_certificate},
                                           {"tls_ca", s->tls_ca},
                                           {"hub_jwks_ca", s->hub_jwks_ca}};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct fault fault = {0};
        if (!all[i].path[0])
            continue;
        enum status status = config_is_checked(config)
                                 ? certificate_check_time(&all[i], clock_wall_s(), &fault)
                                 : certificate_check(&all[i], &fault);
        if (status == STATUS_OK && i == 0)
            status = certificate_check_pair(&all[i], &key, &fault);
        if (status == STATUS_OK && i == 0)
            status = certificate_check_name(&all[i], name, &fault);
        if (status != STATUS_OK)
            config_mistake_fault(config, &fault);
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

static void check_addresses(struct config *config, const struct settings *s)
{
    struct sockaddr_storage address;
    if (s->metrics_listen[0] && !listen_parse(s->metrics_listen, &address))
        config_mistake(config, "metrics_listen: '%s' is no IP address and port", s->metrics_listen);
    if (!is_grpc_address(s->listen))
        config_mistake(config, "listen: '%s' is neither host:port nor unix:/path", s->listen);
    if (listen_is_shared(s->listen, s->metrics_listen))
        config_mistake(config, "metrics_listen: '%s' is the port of listen", s->metrics_listen);
}

/* What may be otherwise in a moment: a start meets it by itself, and says the same. */
static void check_surroundings(struct config *config, const struct settings *s)
{
    const struct pg_setting realm = {"pek.realm", s->realm};
    const struct pg_options pg = {.conninfo = s->database,
                                  .listen_conninfo = s->database_listen,
                                  .standby_conninfo = s->database_standby,
                                  .settings = &realm,
                                  .setting_count = 1,
                                  .schema = realm_migrations()};
    struct fault fault = {0};
    if (listen_try(s->listen, false, "listen", &fault) != STATUS_OK)
        config_mistake_fault(config, &fault);
    if (s->metrics_listen[0] &&
        listen_try(s->metrics_listen, false, "metrics_listen", &fault) != STATUS_OK)
        config_mistake_fault(config, &fault);
    if (pg_probe(&pg, &fault) != STATUS_OK)
        config_mistake_fault(config, &fault);
}

void check_settings(struct config *config, const void *settings)
{
    const struct settings *s = settings;
    check_keys(config, s);
    check_certificates(config, s);
    check_addresses(config, s);
    if (!pg_names_agree(s->database, s->database_owner))
        config_mistake(config, "database_owner: it is another database than that of `database`");
    if (!pg_names_agree(s->database, s->database_listen))
        config_mistake(config, "database_listen: it is another database than that of `database`");
    struct fault fault = {0};
    if (pg_check_standby(s->database, s->database_standby, &fault) != STATUS_OK)
        config_mistake(config, "database_standby: %s", fault.text);
    if (config_is_checked(config))
        check_surroundings(config, s);
}
