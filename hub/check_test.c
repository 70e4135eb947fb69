/* What a start and check-config say of a configuration: real files, certificates, ports and a PostgreSQL. */
#include "hub/check.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/pem.h>

#include "hub/schema/testing/hub_cluster.h"
#include "shared/crypto/es256.h"
#include "shared/rpc/testing/certificates.h"

#define ARGS_MAX 24

static struct pg_cluster *cluster;
static struct certificates authority;
static struct certificate_paths hub, acme, site;
static char hub_key[160], realm_key[160], authority_key[160], database[512];

static void file_in_folder(char *ret_path, size_t bytes, const char *name)
{
    snprintf(ret_path, bytes, "%s/%s", authority.folder, name);
}

static void make_key(const char *path)
{
    struct es256_key *key;
    assert_int_equal(es256_key_generate(&key), STATUS_OK);
    assert_int_equal(es256_key_save_private(key, path, NULL), STATUS_OK);
    es256_key_free(key);
}

static int setup(void **state)
{
    (void)state;
    cluster = hub_cluster_start();
    if (!cluster)
        return -1;
    pg_cluster_conninfo_for(cluster, "pek_app", NULL, database, sizeof(database));
    certificates_open(&authority);
    certificates_issue(&authority, "hub", "pek-hub", &hub);
    certificates_issue(&authority, "acme", "worker-acme", &acme);
    certificates_issue(&authority, "site", "pek.example", &site);
    file_in_folder(hub_key, sizeof(hub_key), "hub_key.pem");
    file_in_folder(realm_key, sizeof(realm_key), "realm_key.pem");
    file_in_folder(authority_key, sizeof(authority_key), "authority.key");
    make_key(hub_key);
    make_key(realm_key);
    FILE *file = fopen(authority_key, "w");
    assert_int_equal(PEM_write_PrivateKey(file, authority.key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
    assert_int_equal(chmod(authority_key, 0600), 0);
    assert_int_equal(chmod(hub.key, 0600), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(hub_key);
    unlink(realm_key);
    unlink(authority_key);
    certificates_close(&authority);
    cluster = pg_cluster_stop(cluster);
    return 0;
}

/* The mistakes of the one program, told by `command` (NULL: a start), with `settings` (pairs of flag and value, then NULL)
 * over what is right. */
static void say(const char *command, const char *const *settings, char *ret_text, size_t bytes)
{
    const char *right[] = {
        "--listen",          "127.0.0.1:0",
        "--database",        database,
        "--hub-key",         hub_key,
        "--tls-ca",          authority.ca_path,
        "--tls-key",         hub.key,
        "--tls-certificate", hub.certificate,
        "--instances",       "worker-acme=127.0.0.1:7101",
    };
    char *argv[ARGS_MAX];
    int argc = 0;
    struct config config;
    struct hub_config values;
    struct config_program program = hub_program;
    program.probe = check_hub_config;
    argv[argc++] = strdup("pek-hub");
    if (command)
        argv[argc++] = strdup(command);
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
        argv[argc++] = strdup(right[i]);
    for (; *settings; settings++)
        argv[argc++] = strdup(*settings);
    (void)!config_parse(&config, &program, argc, argv, NULL, &values);
    snprintf(ret_text, bytes, "%.*s", SLICE_ARG(config_mistakes(&config)));
    config_done(&config);
    while (argc > 0)
        free(argv[--argc]);
}

#define SETTINGS(...) ((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

/* A start says the same of what is wrong for certain; of what may be otherwise in a moment it says nothing here. */
static void finds(bool at_start, const char *const *settings, const char *mistake)
{
    char checked[4096], started[4096];
    say("check-config", settings, checked, sizeof(checked));
    say(NULL, settings, started, sizeof(started));
    if (!strstr(checked, mistake))
        fail_msg("\"%s\" is not in \"%s\"", mistake, checked);
    if (!at_start != !started[0] || (at_start && !strstr(checked, started)))
        fail_msg("a start says \"%s\", check-config \"%s\"", started, checked);
}

static void a_right_configuration_has_no_mistakes(void **state)
{
    char text[4096];
    (void)state;
    say("check-config", SETTINGS(), text, sizeof(text));
    assert_string_equal(text, "");
    say("check-config",
        SETTINGS("--https-certificate", site.certificate, "--https-key", site.key, "--public-url",
                 "https://pek.example:8443"),
        text, sizeof(text));
    assert_string_equal(text, "");
}

/* RFC 6749 3.3; sent as they are, they would be another question, or none. */
static void scopes_are_checked(void **state)
{
    static const char *const wrong[] = {"openid  profile", "openid x\"y", " openid", "openid ",
                                        "open\\id",        "opén",        ""};
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        finds(true,
              SETTINGS("--oauth-client-id", "x", "--oauth-client-secret-path", hub_key,
                       "--public-url", "https://pek.example", "--oauth-scopes", wrong[i]),
              "oauth_scopes: '");
}

static void a_file_that_is_not_there_is_said_so(void **state)
{
    (void)state;
    finds(true, SETTINGS("--tls-ca", "/no/ca"),
          "tls_ca: /no/ca cannot be read: No such file or directory");
    finds(true, SETTINGS("--tls-certificate", "/no/crt"),
          "tls_certificate: /no/crt cannot be read: No such file or directory");
    finds(true, SETTINGS("--tls-key", "/no/key"),
          "tls_key: /no/key cannot be read: No such file or directory");
    finds(true, SETTINGS("--oauth-ca", "/no/ca"), "oauth_ca: /no/ca cannot be read: No such file");
    finds(true, SETTINGS("--hub-key", "/no/key"), "hub_key: /no/key: No such file or directory");
    finds(true,
          SETTINGS("--oauth-client-id", "x", "--public-url", "https://pek.example",
                   "--oauth-client-secret-path", "/no/secret"),
          "oauth_client_secret_path: /no/secret cannot be read: No such file or directory");
    /* One that others may read: here it is a certificate that everybody may. */
    assert_int_equal(chmod(hub.certificate, 0644), 0);
    finds(true,
          SETTINGS("--oauth-client-id", "x", "--public-url", "https://pek.example",
                   "--oauth-client-secret-path", hub.certificate),
          "others may read this secret; chmod 600");
    finds(true, SETTINGS("--tls-ca", hub_key), "holds no certificate as PEM");
    finds(true, SETTINGS("--tls-key", hub.certificate), "holds no private key");
}

static void what_belongs_to_another_is_refused(void **state)
{
    char text[256];
    (void)state;
    snprintf(text, sizeof(text), "tls_key: %s is not the key of tls_certificate", acme.key);
    finds(true, SETTINGS("--tls-key", acme.key), text);
    finds(true, SETTINGS("--tls-certificate", acme.certificate, "--tls-key", acme.key),
          "is that of realm worker-acme, and not the hub's");
    finds(true,
          SETTINGS("--https-certificate", site.certificate, "--https-key", site.key, "--public-url",
                   "https://other.example"),
          "names pek.example, and not other.example");
}

static void one_key_for_two_things_is_refused(void **state)
{
    (void)state;
    finds(true, SETTINGS("--hub-key", hub.key), "hub_key: it is the key of tls_key");
    finds(true, SETTINGS("--local-realm", "hub", "--local-instance-key", hub_key),
          "local_instance_key: it is the key of hub_key");
    finds(true, SETTINGS("--local-realm", "hub", "--local-instance-key", authority_key),
          "local_instance_key: it is the key of tls_ca");
}

static void realms_and_addresses_are_each_somebodys(void **state)
{
    (void)state;
    finds(true, SETTINGS("--instances", "a=h:1,b=h:2,a=h:3"), "instances: realm a is named twice");
    finds(true, SETTINGS("--instances", "a=h:1,ab=h:1"), "'a=h:1' and 'ab=h:1' are one worker");
    finds(true, SETTINGS("--instances", "a=ipv4:h:1,h:2, ab=ipv4:h:1,h:2"),
          "'a=ipv4:h:1,h:2' and 'ab=ipv4:h:1,h:2' are one worker");
    finds(true, SETTINGS("--instances", "a=h:1,h:2"), "'a=h:1,h:2': a target is");
    finds(true, SETTINGS("--database-owner", "dbname=elsewhere"), "database_owner: it is another");
    finds(true, SETTINGS("--database-listen", "dbname=elsewhere"),
          "database_listen: it is another");
    finds(true, SETTINGS("--database-standby", "dbname=elsewhere"),
          "database_standby: it is another");
    finds(true, SETTINGS("--database-standby", "target_session_attrs=primary"),
          "database_standby: target_session_attrs=primary leads to a primary");
    finds(true, SETTINGS("--local-database-standby", "host=h"), "needs local_database");
    finds(true, SETTINGS("--instances", "A=h:1"), "instances: 'A=h:1': a realm is");
    finds(true,
          SETTINGS("--instances", "hub=h:1", "--local-realm", "hub", "--local-instance-key",
                   realm_key),
          "realm hub is local_realm already");
    finds(true, SETTINGS("--instances", "a=127.0.0.1:8081", "--listen", "127.0.0.1:8081"),
          "that is this hub itself");
    finds(true, SETTINGS("--local-realm", "My realm", "--local-instance-key", realm_key),
          "local_realm: 'My realm' is no realm");
}

static void a_body_that_never_finds_room_is_said_so(void **state)
{
    (void)state;
    finds(true, SETTINGS("--held-bytes-max", "16MiB", "--body-bytes-max", "3MiB"),
          "body_bytes_max cannot be more than an eighth of held_bytes_max");
}

static void a_redis_that_cannot_be_is_said_so(void **state)
{
    (void)state;
    finds(true, SETTINGS("--redis-url", "localhost"),
          "redis_url: it begins with redis://, rediss://");
    finds(true, SETTINGS("--redis-url", "redis://:secret@host:0"), "redis_url: a port is a number");
    finds(true, SETTINGS("--redis-url", "redis-sentinel://a,b"), "redis_url: after the sentinels");
    finds(true, SETTINGS("--redis-url", "redis://host", "--redis-ca", authority.ca_path),
          "redis_url: redis_ca, redis_certificate and redis_key are for rediss://");
    finds(true, SETTINGS("--redis-url", "rediss://host", "--redis-ca", hub.key), "redis_ca: ");
    finds(true, SETTINGS("--redis-url", "rediss://host", "--redis-key", hub.key),
          "redis_certificate: redis_certificate and redis_key go together");
    finds(true, SETTINGS("--redis-url", "rediss://host", "--redis-certificate", acme.certificate),
          "redis_certificate: redis_certificate and redis_key go together");
    char text[4096];
    say("check-config",
        SETTINGS("--redis-url", "rediss://host", "--redis-certificate", acme.certificate), text,
        sizeof(text));
    assert_null(strstr(text, "redis_key:"));
    finds(true,
          SETTINGS("--redis-url", "rediss://host", "--redis-certificate", acme.certificate,
                   "--redis-key", site.key),
          "is not the key of redis_certificate");
}

static void surroundings_are_looked_at_by_check_config(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    char text[64], mistake[128];
    (void)state;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    snprintf(text, sizeof(text), "127.0.0.1:%d", ntohs(address.sin_port));
    snprintf(mistake, sizeof(mistake), "listen: cannot listen on %s: Address already in use", text);
    finds(false, SETTINGS("--listen", text), mistake);
    close(fd);
    finds(false, SETTINGS("--database", "host=/nowhere dbname=pek"), "database: ");
    /* The hub's database has no realm's tables. */
    finds(false, SETTINGS("--local-realm", "hub", "--local-instance-key", realm_key),
          "local_database: ");
}

static void a_standby_and_who_listens_are_looked_at_by_check_config(void **state)
{
    struct pg_cluster *standby = pg_cluster_start(), *other = hub_cluster_start();
    char conninfo[512], text[4096];
    (void)state;
    assert_true(standby && other);
    pg_cluster_follow(standby, cluster);
    pg_cluster_conninfo_for(standby, "pek_app", NULL, conninfo, sizeof(conninfo));
    say("check-config", SETTINGS("--database-standby", conninfo), text, sizeof(text));
    assert_string_equal(text, "");
    finds(false, SETTINGS("--database-listen", conninfo), "database_listen: ");
    pg_cluster_conninfo_for(standby, NULL, NULL, conninfo, sizeof(conninfo));
    finds(false, SETTINGS("--database-standby", conninfo),
          "database_standby: row security would not bind this program");
    finds(false, SETTINGS("--database-standby", database), " is no standby");
    finds(false, SETTINGS("--database-standby", "host=/nowhere"), "database_standby: ");
    finds(false, SETTINGS("--database-listen", "host=/nowhere"), "database_listen: ");
    pg_cluster_follow(standby, other);
    pg_cluster_conninfo_for(other, "pek_app", NULL, conninfo, sizeof(conninfo));
    finds(false, SETTINGS("--database-listen", conninfo), " is of another cluster: ");
    pg_cluster_conninfo_for(standby, "pek_app", NULL, conninfo, sizeof(conninfo));
    finds(false, SETTINGS("--database-standby", conninfo), " is of another cluster: ");
    pg_cluster_stop(standby);
    pg_cluster_stop(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_right_configuration_has_no_mistakes),
        cmocka_unit_test(scopes_are_checked),
        cmocka_unit_test(a_file_that_is_not_there_is_said_so),
        cmocka_unit_test(what_belongs_to_another_is_refused),
        cmocka_unit_test(one_key_for_two_things_is_refused),
        cmocka_unit_test(realms_and_addresses_are_each_somebodys),
        cmocka_unit_test(a_body_that_never_finds_room_is_said_so),
        cmocka_unit_test(a_redis_that_cannot_be_is_said_so),
        cmocka_unit_test(surroundings_are_looked_at_by_check_config),
        cmocka_unit_test(a_standby_and_who_listens_are_looked_at_by_check_config),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
