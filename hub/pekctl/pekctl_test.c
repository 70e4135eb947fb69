/* pekctl as it is used, against a real PostgreSQL. */
#include "hub/pekctl/pekctl.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "hub/schema/testing/hub_cluster.h"
#include "shared/rpc/testing/certificates.h"

#define WORDS_MAX_HERE 16

static struct pg_cluster *cluster;

struct said {
    char *out, *err;
    enum pekctl_exit exit_code;
};

static void said_done(struct said *said)
{
    free(said->out);
    free(said->err);
}

/* Words separated by blanks; the database is given in the environment. */
static struct said run(const char *line)
{
    static char *environment[2];
    static char variable[512];
    char text[512], *argv[WORDS_MAX_HERE], *rest = text;
    char program[] = "pekctl";
    struct said said = {0};
    size_t out_len, err_len;
    int argc = 1;

    snprintf(variable, sizeof(variable), "PEK_DATABASE_OWNER=%s", pg_cluster_conninfo(cluster));
    environment[0] = variable;
    snprintf(text, sizeof(text), "%s", line);
    argv[0] = program;
    for (char *word; (word = strsep(&rest, " ")) && argc < WORDS_MAX_HERE;)
        argv[argc++] = word;
    FILE *out = open_memstream(&said.out, &out_len), *err = open_memstream(&said.err, &err_len);
    said.exit_code = pekctl_run(argc, argv, environment, out, err);
    fclose(out);
    fclose(err);
    return said;
}

static void expect(const char *line, enum pekctl_exit exit_code, const char *out, const char *err)
{
    struct said said = run(line);
    if (said.exit_code != exit_code || !strstr(said.out, out) || !strstr(said.err, err))
        fail_msg("%s: ended with %d\n%s%s", line, (int)said.exit_code, said.out, said.err);
    said_done(&said);
}

static const char *value(const char *sql)
{
    static char text[512];
    pg_cluster_query(cluster, sql, text, sizeof(text));
    return text;
}

static int reset(void **state)
{
    (void)state;
    pg_cluster_execute(cluster, "TRUNCATE hub.instance; TRUNCATE hub.user_account CASCADE;"
                                " INSERT INTO hub.user_account (id, username, name) VALUES"
                                " ('alice', 'alice', 'Alíz')");
    return 0;
}

static void instance_goes_through_its_life(void **state)
{
    (void)state;
    expect("instance add worker-a 127.0.0.1:7101 --name A-worker", PEKCTL_DONE,
           "realm worker-a is ACTIVE", "");
    expect("instance list", PEKCTL_DONE, "worker-a  A-worker  127.0.0.1:7101  ACTIVE", "");
    expect("instance drain worker-a", PEKCTL_DONE, "realm worker-a is DRAINING", "");
    assert_string_equal(value("SELECT status || ' ' || updated_by FROM hub.instance"),
                        "DRAINING pekctl");
    expect("instance undrain worker-a", PEKCTL_DONE, "realm worker-a is ACTIVE", "");
    expect("instance remove worker-a --json", PEKCTL_DONE,
           "{\"realm\":\"worker-a\",\"status\":\"REMOVED\"}", "");
    expect("instance list --json", PEKCTL_DONE, "[]", "");
    expect("instance list --all", PEKCTL_DONE, "REMOVED", "");
    expect("instance add worker-a 127.0.0.1:7102", PEKCTL_DONE, "ACTIVE", "");
    assert_string_equal(value("SELECT name || ' ' || target FROM hub.instance"),
                        "A-worker 127.0.0.1:7102");
}

static void instance_that_is_there_is_changed_only_when_asked_to(void **state)
{
    (void)state;
    expect("instance add a h:1", PEKCTL_DONE, "", "");
    expect("instance add a h:2", PEKCTL_REFUSED, "", "--replace");
    assert_string_equal(value("SELECT target FROM hub.instance"), "h:1");
    expect("instance add --replace a h:2", PEKCTL_DONE, "", "");
    assert_string_equal(value("SELECT target FROM hub.instance"), "h:2");
}

/* A file with a certificate; the caller removes it. */
static void write_ca(char *path)
{
    struct certificates authority;
    char pem[8192];
    certificates_open(&authority);
    FILE *from = fopen(authority.ca_path, "r");
    int to = mkstemp(path);
    assert_non_null(from);
    assert_true(to >= 0);
    size_t len = fread(pem, 1, sizeof(pem), from);
    assert_int_equal(write(to, pem, len), len);
    fclose(from);
    close(to);
    certificates_close(&authority);
}

static void what_is_not_given_stays(void **state)
{
    static const char kept[] = "SELECT concat_ws(' ', name, target, tls_name, ca_pem IS NOT NULL)"
                               " FROM hub.instance";
    char ca[] = "/tmp/pek-pekctl-ca-XXXXXX", line[200];
    (void)state;
    write_ca(ca);
    snprintf(line, sizeof(line), "instance add a h:1 --name A --tls-name one --ca %s", ca);
    expect(line, PEKCTL_DONE, "", "");
    assert_string_equal(value(kept), "A h:1 one t");
    expect("instance add a h:2 --replace", PEKCTL_DONE, "", "");
    assert_string_equal(value(kept), "A h:2 one t");
    expect("instance remove a", PEKCTL_DONE, "", "");
    expect("instance add a h:3", PEKCTL_DONE, "", "");
    assert_string_equal(value(kept), "A h:3 one t");
    expect("instance add a h:3 --replace --tls-name two", PEKCTL_DONE, "", "");
    assert_string_equal(value(kept), "A h:3 two t");
    expect("instance add a h:3 --replace --ca=", PEKCTL_DONE, "", "");
    assert_string_equal(value(kept), "A h:3 two f");
    expect("instance add a h:3 --replace --tls-name=", PEKCTL_DONE, "", "");
    assert_string_equal(value(kept), "A h:3 f");
    unlink(ca);
}

static void realm_in_the_hub_is_nobody_elses(void **state)
{
    (void)state;
    pg_cluster_execute(cluster,
                       "INSERT INTO hub.instance (realm, name, local) VALUES ('hub', 'hub', true)");
    expect("instance add hub h:1", PEKCTL_REFUSED, "", "hub");
    expect("instance add hub h:1 --replace", PEKCTL_REFUSED, "", "hosted in the hub");
    expect("instance list", PEKCTL_DONE, "in the hub", "");
    expect("instance drain hub", PEKCTL_DONE, "realm hub is DRAINING", "");
    expect("instance remove hub", PEKCTL_DONE, "realm hub is REMOVED", "");
    expect("instance remove hub", PEKCTL_REFUSED, "", "hub is not registered");
    expect("instance remove nowhere", PEKCTL_REFUSED, "", "nowhere is not registered");
    /* Nobody's now, so a worker may have it. */
    expect("instance add hub h:1", PEKCTL_DONE, "realm hub is ACTIVE", "");
    assert_string_equal(value("SELECT local || ' ' || target FROM hub.instance"), "false h:1");
}

static void one_realm_too_many_is_refused(void **state)
{
    (void)state;
    pg_cluster_execute(cluster, "INSERT INTO hub.instance (realm, name, target) SELECT 'r' || n,"
                                " 'r', 'h:1' FROM generate_series(1, 1000) n");
    expect("instance add one-more h:1", PEKCTL_REFUSED, "", "at most 1000 realms");
    expect("instance add --json one-more h:1", PEKCTL_REFUSED, "",
           "\"status\":\"FAILED_PRECONDITION\"");
}

static void ca_is_stored_and_must_be_a_certificate(void **state)
{
    struct certificates ca;
    struct certificate_paths paths;
    char line[256];
    (void)state;
    certificates_open(&ca);
    certificates_issue(&ca, "worker", "a", &paths);
    snprintf(line, sizeof(line), "instance add a h:1 --ca %s --tls-name x", ca.ca_path);
    expect(line, PEKCTL_DONE, "ACTIVE", "");
    assert_string_equal(value("SELECT left(ca_pem, 27) || tls_name FROM hub.instance"),
                        "-----BEGIN CERTIFICATE-----x");
    snprintf(line, sizeof(line), "instance add b h:1 --ca %s", paths.key);
    expect(line, PEKCTL_USAGE, "", "certificates as PEM");
    certificates_close(&ca);
    expect("instance add b h:1 --ca /nowhere", PEKCTL_USAGE, "", "/nowhere cannot be read");
}

/* With the hub's configuration each worker is asked, as the hubs do. */
static void list_tells_what_is_and_not_only_what_is_wanted(void **state)
{
    char path[] = "/tmp/pekctl_test.XXXXXX", line[128];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    (void)state;
    FILE *file = fdopen(mkstemp(path), "w");
    fprintf(file, "database = \"%s\"\nhub_key = /nowhere\n", pg_cluster_conninfo(cluster));
    fclose(file);
    /* It takes connections, and never answers. */
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    snprintf(line, sizeof(line), "instance add mute 127.0.0.1:%d", ntohs(address.sin_port));
    expect(line, PEKCTL_DONE, "", "");
    expect("instance add gone 127.0.0.1:1", PEKCTL_DONE, "", "");
    pg_cluster_execute(cluster,
                       "INSERT INTO hub.instance (realm, name, local) VALUES ('hub', 'hub', true)");
    snprintf(line, sizeof(line), "instance list --config %s", path);
    struct said said = run(line);
    assert_int_equal(said.exit_code, PEKCTL_DONE);
    if (!strstr(said.out, "gone   gone  127.0.0.1:1      ACTIVE  UNREACHABLE") ||
        !strstr(said.out, "nothing listens at its address") ||
        !strstr(strstr(said.out, "mute"), "UNREACHABLE") ||
        !strstr(said.out, "in the hub       ACTIVE  not asked") || !strstr(said.out, "GET /readyz"))
        fail_msg("%s", said.out);
    said_done(&said);
    /* One that has no certificate to ask with does not pretend to know. */
    expect("instance list", PEKCTL_DONE, "127.0.0.1:1      ACTIVE  not asked", "");
    close(fd);
    unlink(path);
}

static void administrators_are_made_and_unmade(void **state)
{
    (void)state;
    expect("user admin alice", PEKCTL_DONE, "user alice is administrator", "");
    expect("user list", PEKCTL_DONE, "alice  alice     Alíz  yes", "");
    expect("user unadmin alice", PEKCTL_DONE, "", "");
    expect("user list --json", PEKCTL_DONE, "\"admin\":\"no\"", "");
    expect("user admin nobody", PEKCTL_REFUSED, "", "nobody is no user");
}

/* No realm is there to be asked: the hub's own part, and what says so. */
static void accounts_are_merged_when_it_is_asked_for(void **state)
{
    (void)state;
    pg_cluster_execute(cluster, "INSERT INTO hub.user_account (id, username, name)"
                                " VALUES ('alicia', 'alicia', 'Alíz')");
    expect("user merge alicia alice", PEKCTL_DONE, "the hub  would", "");
    expect("user merges --json", PEKCTL_DONE, "[]", "");
    expect("user list", PEKCTL_DONE, "alicia  alicia", "");
    expect("user merge alicia alice --apply", PEKCTL_DONE, "the hub  done", "");
    expect("user merge alicia alice --apply", PEKCTL_DONE, "the hub  done", "");
    expect("user merges", PEKCTL_DONE, "1 usernames", "");
    expect("user list --json", PEKCTL_DONE, "\"merged_into\":\"alice\"", "");
    expect("user merge alicia nobody", PEKCTL_REFUSED, "", "was merged into alice before");
    expect("user merge alicia", PEKCTL_USAGE, "", "it is: pekctl user merge FROM INTO;");
}

static void wrong_command_lines_end_with_2_and_say_why(void **state)
{
    (void)state;
    expect("--help", PEKCTL_DONE, "usage: pekctl", "");
    expect("--help", PEKCTL_DONE, "pek-worker --config FILE --before DATE [--confirm] prune-audit",
           "");
    expect("", PEKCTL_USAGE, "", "the commands are instance, user and import");
    expect("fly", PEKCTL_USAGE, "", "there is no command 'fly': the commands are");
    expect("instance", PEKCTL_USAGE, "", "after 'instance' comes one of: add, list, drain");
    expect("instance fly a", PEKCTL_USAGE, "", "after 'instance' comes one of: add, list");
    expect("instance add a", PEKCTL_USAGE, "", "it is: pekctl instance add REALM TARGET;");
    expect("instance list a", PEKCTL_USAGE, "", "it is: pekctl instance list;");
    expect("import", PEKCTL_USAGE, "", "it is: pekctl import FOLDER;");
    expect("instance list --fast", PEKCTL_USAGE, "", "no option --fast");
    expect("instance add a h:1 --name", PEKCTL_USAGE, "", "takes a value");
    expect("instance add a h:1 b c", PEKCTL_USAGE, "", "too many");
    expect("--version", PEKCTL_DONE, "pekctl ", "");
    expect("instance add A h:1", PEKCTL_USAGE, "", "realm: ");
    expect("instance add a nowhere", PEKCTL_USAGE, "", "target: ");
}

static void database_that_is_not_there_ends_with_3(void **state)
{
    (void)state;
    expect("instance list --database=host=/nowhere", PEKCTL_UNREACHABLE, "", "pekctl: database");
    pg_cluster_execute(cluster, "CREATE DATABASE empty");
    char conninfo[256], line[512];
    pg_cluster_conninfo_for(cluster, NULL, "empty", conninfo, sizeof(conninfo));
    /* Words are separated by blanks here: libpq takes a URI as well. */
    char *host = strstr(conninfo, "host=");
    assert_non_null(host);
    host += strlen("host=");
    snprintf(line, sizeof(line),
             "instance list --database postgresql:///empty?user=postgres&host=%.*s",
             (int)strcspn(host, " "), host);
    expect(line, PEKCTL_UNREACHABLE, "", "run pek-hub migrate");
}

static int setup(void **state)
{
    (void)state;
    cluster = hub_cluster_start();
    return cluster ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    cluster = pg_cluster_stop(cluster);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(instance_goes_through_its_life, reset),
        cmocka_unit_test_setup(what_is_not_given_stays, reset),
        cmocka_unit_test_setup(instance_that_is_there_is_changed_only_when_asked_to, reset),
        cmocka_unit_test_setup(realm_in_the_hub_is_nobody_elses, reset),
        cmocka_unit_test_setup(one_realm_too_many_is_refused, reset),
        cmocka_unit_test_setup(ca_is_stored_and_must_be_a_certificate, reset),
        cmocka_unit_test_setup(list_tells_what_is_and_not_only_what_is_wanted, reset),
        cmocka_unit_test_setup(administrators_are_made_and_unmade, reset),
        cmocka_unit_test_setup(accounts_are_merged_when_it_is_asked_for, reset),
        cmocka_unit_test_setup(wrong_command_lines_end_with_2_and_say_why, reset),
        cmocka_unit_test_setup(database_that_is_not_there_ends_with_3, reset),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
