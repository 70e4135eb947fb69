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
#include "hub/site/pages.h"
#include "shared/base/clock.h"
#include "shared/base/listen.h"
#include "shared/crypto/certificate.h"
#include "shared/pg/pg.h"
#include "worker/realm/migrations.h"

static void check_keys(struct config *config, const struct hub_config *hub)
{
    struct keys keys;
    struct fault fault = {0};
    char *secret = NULL;

    keys_init(&keys);
    if (keys_open(&keys, hub, &fault))
        config_mistake_fault(config, &fault);
    keys_done(&keys);
    if (hub->oauth_client_id[0] &&
        secret_load(hub->oauth_client_secret_path, "oauth_client_secret_path", &secret, &fault))
        config_mistake_fault(config, &fault);
    secret_free(secret);
}

/* Whoever has a key that is used for two things is both. */
static void check_signing_key(struct config *config, const struct hub_config *hub,
                              const char *field, const char *path)
{
    const struct certificate_file others[] = {
        {"hub_key", hub->hub_key},     {"tls_key", hub->tls_key},   {"tls_ca", hub->tls_ca},
        {"https_key", hub->https_key}, {"oauth_ca", hub->oauth_ca}, {"redis_key", hub->redis_key},
    };

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (strcmp(field, others[i].field) != 0 && certificate_is_same_key(path, others[i].path))
            config_mistake(config, "%s: it is the key of %s; it needs one of its own", field,
                           others[i].field);
}

/* One of our own is for `key`, and names `name`; NULL: it has none, or may name whom it will. */
static void check_certificate(struct config *config, const struct certificate_file *file,
                              const struct certificate_file *key, const char *name)
{
    struct fault fault = {0};

    if (!file->path[0])
        return;
    enum status status = config_is_checked(config)
                             ? certificate_check_time(file, clock_wall_s(), &fault)
                             : certificate_check(file, &fault);
    if (!status && key)
        status = certificate_check_pair(file, key, &fault);
    if (!status && name)
        status = certificate_check_name(file, name, &fault);
    if (status)
        config_mistake_fault(config, &fault);
}

/* The host that browsers ask for; NULL for none, or when a proxy asks for them. */
static const char *public_host(const struct hub_config *hub, char *ret_host, size_t bytes)
{
    const char *host = strstr(hub->public_url, "://");

    if (!host || hub->trusted_proxies.count > 0)
        return NULL;
    host += 3;
    size_t len = host[0] == '[' ? strcspn(++host, "]") : strcspn(host, ":/");
    snprintf(ret_host, bytes, "%.*s", (int)len, host);
    return ret_host;
}

static void check_certificates(struct config *config, const struct hub_config *hub)
{
    const struct certificate_file realms = {"tls_certificate", hub->tls_certificate},
                                  realms_key = {"tls_key", hub->tls_key},
                                  site = {"https_certificate", hub->https_certificate},
                                  site_key = {"https_key", hub->https_key},
                                  realms_ca = {"tls_ca", hub->tls_ca},
                                  oauth_ca = {"oauth_ca", hub->oauth_ca},
                                  redis_ca = {"redis_ca", hub->redis_ca},
                                  redis = {"redis_certificate", hub->redis_certificate},
                                  redis_key = {"redis_key", hub->redis_key};
    char host[INSTANCE_TARGET_BYTES_MAX + 1], realm[REALM_BYTES_MAX + 1];

    check_certificate(config, &realms, &realms_key, NULL);
    check_certificate(config, &site, &site_key, public_host(hub, host, sizeof(host)));
    check_certificate(config, &realms_ca, NULL, NULL);
    check_certificate(config, &oauth_ca, NULL, NULL);
    check_certificate(config, &redis_ca, NULL, NULL);
    check_certificate(config, &redis, redis_key.path[0] ? &redis_key : NULL, NULL);
    /* With a worker's the hub would be let in, and whoever has that worker could be the hub. */
    for (size_t i = 0; realms.path[0] && i < hub->instances.count; i++) {
        const char *item = hub->instances.items[i];
        struct fault fault = {0};
        snprintf(realm, sizeof(realm), "%.*s", (int)strcspn(item, "="), item);
        if (!certificate_check_name(&realms, realm, &fault))
            config_mistake(config, "tls_certificate: %s is that of realm %s, and not the hub's",
                           realms.path, realm);
    }
    check_signing_key(config, hub, "hub_key", hub->hub_key);
    if (hub->local_realm[0])
        check_signing_key(config, hub, "local_instance_key", hub->local_instance_key);
}

/* What the server, the announcer and the site would refuse when they open. */
static void check_parts(struct config *config, const struct hub_config *hub)
{
    struct address address;
    struct files files = {0};
    struct pages pages;
    struct fault fault = {0};

    for (size_t i = 0; i < hub->trusted_proxies.count; i++)
        if (!address_parse_plain(slice_str(hub->trusted_proxies.items[i]), &address))
            config_mistake(config, "trusted_proxies: '%s' is no IP address",
                           hub->trusted_proxies.items[i]);
    const struct redis_options redis = {hub->redis_url, hub->redis_ca, hub->redis_certificate,
                                        hub->redis_key};
    if (hub->redis_url[0] && redis_check(&redis, &fault))
        config_mistake_fault(config, &fault);
    if (!hub->site_folder[0])
        return;
    if (files_open(&files, &fault) || files_add_folder(&files, hub->site_folder, &fault) ||
        pages_find(&files, &pages, &fault))
        config_mistake(config, "site_folder '%s': %s", hub->site_folder, fault.text);
    files_close(&files);
}

/* One of `instances`, beside those before it. */
static void check_instance(struct config *config, const struct hub_config *hub, size_t index)
{
    const char *item = hub->instances.items[index], *target = strchr(item, '=') + 1;
    char realm[REALM_BYTES_MAX + 2]; /* one that is too long stays so */
    struct fault fault = {0};

    snprintf(realm, sizeof(realm), "%.*s", (int)(target - 1 - item), item);
    const struct instance_row row = {.realm = realm, .target = target};
    if (instance_row_check(&row, &fault))
        config_mistake(config, "instances: '%s': %s", item, fault.text);
    else if (strcmp(realm, hub->local_realm) == 0)
        config_mistake(config, "instances: '%s': realm %s is local_realm already", item, realm);
    else if (target_is_listen(target, hub->listen))
        config_mistake(config, "instances: '%s': that is this hub itself", item);
    for (size_t i = 0; i < index; i++) {
        const char *other = hub->instances.items[i];
        if (strncmp(item, other, (size_t)(target - item)) == 0)
            config_mistake(config, "instances: realm %s is named twice", realm);
        else if (strcmp(target, strchr(other, '=') + 1) == 0)
            config_mistake(config, "instances: '%s' and '%s' are one worker", other, item);
    }
}

static void check_addresses(struct config *config, const struct hub_config *hub)
{
    struct sockaddr_storage address;

    if (!listen_parse(hub->listen, &address))
        config_mistake(config, "listen: '%s' is no IP address and port", hub->listen);
    if (hub->local_realm[0] && !realm_is_valid(hub->local_realm))
        config_mistake(config,
                       "local_realm: '%s' is no realm, which is 1 to %d of a-z, 0-9 and "
                       "'-', and does not begin with '-'",
                       hub->local_realm, REALM_BYTES_MAX);
    for (size_t i = 0; i < hub->instances.count; i++)
        check_instance(config, hub, i);
}

/* What may be otherwise in a moment: a start meets it by itself, and says the same. */
static void check_surroundings(struct config *config, const struct hub_config *hub)
{
    bool has_own = hub->local_database[0] != '\0';
    const struct pg_setting realm = {"pek.realm", hub->local_realm};
    const struct pg_options own = {.conninfo = hub->database,
                                   .listen_conninfo = hub->database_listen,
                                   .standby_conninfo = hub->database_standby,
                                   .schema = hub_migrations()},
                            realms = {.conninfo = has_own ? hub->local_database : hub->database,
                                      .listen_conninfo = has_own ? hub->local_database_listen
                                                                 : hub->database_listen,
                                      .standby_conninfo =
                                          has_own ? hub->local_database_standby : NULL,
                                      .settings = &realm,
                                      .setting_count = 1,
                                      .schema = realm_migrations()};
    struct fault fault = {0};

    if (listen_try(hub->listen, hub->listen_shared, "listen", &fault))
        config_mistake_fault(config, &fault);
    enum status status = pg_probe(&own, &fault);
    if (status)
        config_mistake_fault(config, &fault);
    /* What is one with the hub's is not said twice. */
    if (hub->local_realm[0] && (has_own || !status) && pg_probe(&realms, &fault))
        config_mistake(config, "local_%s: %s", fault.field, fault.text);
}

static void check_standbys(struct config *config, const struct hub_config *hub)
{
    struct fault fault = {0};

    if (pg_check_standby(hub->database, hub->database_standby, &fault))
        config_mistake(config, "database_standby: %s", fault.text);
    if (pg_check_standby(hub->local_database, hub->local_database_standby, &fault))
        config_mistake(config, "local_database_standby: %s", fault.text);
    if (hub->local_database_standby[0] && !hub->local_database[0])
        config_mistake(config, "local_database_standby needs local_database; the hub's standbys "
                               "are in database_standby");
}

void check_hub_config(struct config *config, const void *values)
{
    const struct hub_config *hub = values;

    check_keys(config, hub);
    check_certificates(config, hub);
    check_addresses(config, hub);
    check_parts(config, hub);
    if (!pg_names_agree(hub->database, hub->database_owner))
        config_mistake(config, "database_owner: it is another database than that of `database`");
    if (!pg_names_agree(hub->database, hub->database_listen))
        config_mistake(config, "database_listen: it is another database than that of `database`");
    if (!pg_names_agree(hub->local_database, hub->local_database_listen))
        config_mistake(config, "local_database_listen: it is another database than that of "
                               "`local_database`");
    if (!pg_names_agree(hub->local_database, hub->local_database_owner))
        config_mistake(config, "local_database_owner: it is another database than that of "
                               "`local_database`");
    check_standbys(config, hub);
    if (config_is_checked(config))
        check_surroundings(config, hub);
}
