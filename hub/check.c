#include "hub/check.h"

#include <stdio.h>
#include <string.h>

#include "hub/http/addresses.h"
#include "hub/hub.h"
#include "hub/keys.h"
#include "hub/login/secret.h"
#include "hub/registry/instance_rules.h"
#include "hub/registry/registry.h"
#include "hub/schema/schema.h"
#include "hub/session/redis.h"
#include "hub/site/files.h"
#include "shared/base/clock.h"
#include "shared/base/listen.h"
#include "shared/crypto/certificate.h"
#include "shared/pg/pg.h"

static void check_keys(struct config *config, const struct hub_config *hub)
{
    struct keys keys;
    struct fault fault = {0};
    char *secret = NULL;

    keys_init(&keys);
    if (keys_open(&keys, hub, &fault))
        config_mistake(config, "%s%s%s", fault.field, fault.field[0] ? ": " : "", fault.text);
    keys_done(&keys);
    if (hub->oauth_client_id[0] &&
        secret_load(hub->oauth_client_secret_path, "oauth_client_secret_path", &secret, &fault))
        config_mistake(config, "oauth_client_secret_path: %s", fault.text);
    secret_free(secret);
}

static void check_pair(struct config *config, const char *certificate, const char *key,
                       const char *names)
{
    if (!certificate[0])
        return;
    enum status status = certificate_matches(certificate, key);
    const char *problem = status ? "" : certificate_problem(certificate, clock_wall_s());
    if (status)
        config_mistake(config, "%s %s", names,
                       status == STATUS_FAILED_PRECONDITION ? "are not a pair"
                                                            : "cannot both be read as PEM");
    if (problem[0])
        config_mistake(config, "%s: the certificate %s", names, problem);
}

static void check_ca(struct config *config, const char *path)
{
    const char *problem = path[0] ? certificate_problem(path, clock_wall_s()) : "";

    if (problem[0])
        config_mistake(config, "tls_ca %s", problem);
}

/* What the server, the announcer and the site would refuse when they open. */
static void check_parts(struct config *config, const struct hub_config *hub)
{
    struct address address;
    struct files files = {0};
    struct fault fault = {0};

    for (size_t i = 0; i < hub->trusted_proxies.count; i++)
        if (!address_parse_plain(slice_str(hub->trusted_proxies.items[i]), &address))
            config_mistake(config, "trusted_proxies: '%s' is no IP address",
                           hub->trusted_proxies.items[i]);
    if (hub->redis_url[0] && !redis_url_is_valid(hub->redis_url))
        config_mistake(config, "redis_url is neither redis://host:port/number nor unix:/path");
    if (!hub->site_folder[0])
        return;
    if (files_open(&files, &fault) || files_add_folder(&files, hub->site_folder, &fault))
        config_mistake(config, "site_folder '%s': %s", hub->site_folder, fault.text);
    files_close(&files);
}

static void check_addresses(struct config *config, const struct hub_config *hub)
{
    struct sockaddr_storage address;
    char realm[REALM_BYTES_MAX + 1];

    if (!listen_parse(hub->listen, &address))
        config_mistake(config, "listen: '%s' is no IP address and port", hub->listen);
    for (size_t i = 0; i < hub->instances.count; i++) {
        const char *item = hub->instances.items[i], *target = strchr(item, '=') + 1;
        struct fault fault = {0};
        snprintf(realm, sizeof(realm), "%.*s", (int)(target - 1 - item), item);
        const struct instance_row row = {.realm = realm, .target = target};
        if (instance_row_check(&row, &fault))
            config_mistake(config, "instances: '%s': %s", item, fault.text);
    }
}

static void check_database(struct config *config, const struct hub_config *hub)
{
    const struct pg_options pg = {.conninfo = hub->database, .schema = hub_migrations()};
    struct fault fault = {0};

    if (pg_probe(&pg, &fault))
        config_mistake(config, "database: %s", fault.text);
}

void check_hub_config(struct config *config, const void *values)
{
    const struct hub_config *hub = values;

    check_keys(config, hub);
    check_pair(config, hub->tls_certificate, hub->tls_key, "tls_certificate and tls_key");
    check_pair(config, hub->https_certificate, hub->https_key, "https_certificate and https_key");
    check_ca(config, hub->tls_ca);
    check_addresses(config, hub);
    check_parts(config, hub);
    check_database(config, hub);
}
