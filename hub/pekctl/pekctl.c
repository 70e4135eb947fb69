#include "hub/pekctl/pekctl.h"

#include <errno.h>
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hub/config.h"
#include "hub/pekctl/arguments.h"
#include "hub/pekctl/import.h"
#include "hub/pekctl/live.h"
#include "hub/pekctl/output.h"
#include "hub/registry/instance_rules.h"
#include "shared/base/version.h"
#include "shared/json/json_writer.h"

#define PARAMS_MAX 7
#define LIVE_JSON_BYTES_MAX ((size_t)1 << 20)
#define WHO "pekctl" /* in updated_by */
#define MERGE_WAIT_MS 10000
#define MERGE_POLL_MS 100

/* Those that can be asked. */
static const char active_instances[] =
    "SELECT realm, target, tls_name, ca_pem FROM hub.instance"
    " WHERE status <> 'REMOVED' AND target IS NOT NULL ORDER BY realm";

/* $1 with those that were removed, $2 what was asked, as JSON. */
static const char list_instances[] =
    "SELECT i.realm, i.name, coalesce(i.target, 'in the hub') AS target, i.status AS wanted,"
    "       coalesce(l.state, 'not asked') AS live,"
    "       coalesce(nullif(l.version, ''), i.worker_version) AS version,"
    "       coalesce(l.ms || ' ms', '') AS elapsed, coalesce(l.problem, CASE WHEN i.local"
    "         THEN 'its hub knows: GET /readyz' ELSE '' END) AS problem,"
    "       to_char(i.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS updated,"
    "       i.updated_by, array_to_string(i.capabilities, ' ') AS capabilities"
    "  FROM hub.instance AS i LEFT JOIN json_to_recordset($2::json)"
    "       AS l (realm text, state text, version text, ms int, problem text) USING (realm)"
    " WHERE $1::boolean OR i.status <> 'REMOVED' ORDER BY i.realm";

static const char list_users[] =
    "SELECT id, coalesce(username, '') AS username, name, CASE WHEN is_admin THEN 'yes' ELSE 'no' "
    "END AS admin,"
    "       CASE WHEN disabled_at IS NULL THEN 'no' ELSE 'yes' END AS disabled,"
    "       coalesce(to_char(last_login_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), "
    "'never')"
    "           AS last_login, coalesce(merged_into, '') AS merged_into"
    "  FROM hub.user_account ORDER BY id";

/* $1 the merge's id, or none for all that were applied. The hub's row has no counts: it says in words what it moved. */
static const char list_merges[] =
    "SELECT m.from_user, m.into_user, t.realm, t.state, t.memberships, t.combined, t.posts,"
    "       t.policies, t.leads, t.statements, t.note"
    "  FROM hub.user_merge AS m CROSS JOIN LATERAL ("
    "    SELECT 0 AS place, 'the hub' AS realm, CASE WHEN m.dry_run THEN 'would' ELSE 'done' END"
    "             AS state, '' AS memberships, '' AS combined, '' AS posts, '' AS policies,"
    "           '' AS leads, '' AS statements, m.moved AS note"
    "    UNION ALL"
    "    SELECT 1, i.realm, CASE WHEN r.done_time IS NULL THEN 'waiting' WHEN m.dry_run"
    "             THEN 'would' ELSE 'done' END, coalesce(r.memberships::text, ''),"
    "           coalesce(r.combined::text, ''), coalesce(r.posts::text, ''),"
    "           coalesce(r.policies::text, ''), coalesce(r.leads::text, ''),"
    "           coalesce(r.statements::text, ''), coalesce(r.problem, '')"
    "      FROM hub.instance AS i LEFT JOIN hub.user_merge_realm AS r"
    "        ON r.merge_id = m.id AND r.realm = i.realm"
    "     WHERE i.status <> 'REMOVED') AS t"
    " WHERE CASE WHEN $1::bigint IS NULL THEN NOT m.dry_run ELSE m.id = $1::bigint END"
    " ORDER BY m.id, t.place, t.realm";

static const char waiting_merge[] =
    "SELECT FROM hub.user_merge_pending AS p WHERE p.id = $1::bigint AND NOT EXISTS ("
    "  SELECT FROM hub.user_merge_realm AS r WHERE r.merge_id = p.id AND r.realm = p.realm"
    "    AND r.problem <> '')";

static const char set_admin[] = "UPDATE hub.user_account SET is_admin = $2::boolean WHERE id = $1 "
                                "OR username = $1 RETURNING id";

struct run {
    struct arguments arguments;
    FILE *out;
    PGconn *conn;
    char *ca_pem;
    const struct hub_config *config; /* NULL without --config */
    const char *realm_database;      /* NULL for none */
    struct fault fault;
};

/* ---- the database -------------------------------------------------------------------------------- */

static enum pekctl_exit query_failed(struct run *run, const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    if (state && (strncmp(state, "22", 2) == 0 || strncmp(state, "23", 2) == 0)) {
        (void)fault_set(&run->fault, STATUS_FAILED_PRECONDITION, NULL, "%s", text ? text : state);
        return PEKCTL_REFUSED;
    }
    /* 3F000, 42P01, 42703: a schema, table or column that a migration makes. */
    bool old = state && (strcmp(state, "3F000") == 0 || strcmp(state, "42P01") == 0 ||
                         strcmp(state, "42703") == 0);
    (void)fault_set(&run->fault, STATUS_UNAVAILABLE, NULL, "%s",
                    old    ? "the database is not up to date; run pek-hub migrate"
                    : text ? text
                           : PQerrorMessage(run->conn));
    return PEKCTL_UNREACHABLE;
}

/* NULL when it failed: then the fault and `ret_exit` are set. */
static PGresult *query(struct run *run, const char *sql, int count, const char *const *params,
                       enum pekctl_exit *ret_exit)
{
    PGresult *result = PQexecParams(run->conn, sql, count, NULL, params, NULL, NULL, 0);

    if (PQresultStatus(result) == PGRES_TUPLES_OK)
        return result;
    *ret_exit = query_failed(run, result);
    PQclear(result);
    return NULL;
}

/* A statement that answers a row when it changed something. */
static enum pekctl_exit change(struct run *run, const char *sql, int count,
                               const char *const *params, enum status none, const char *none_text)
{
    enum pekctl_exit exit_code = PEKCTL_DONE;
    PGresult *result = query(run, sql, count, params, &exit_code);

    if (!result)
        return exit_code;
    if (PQntuples(result) == 0) {
        (void)fault_set(&run->fault, none, NULL, "%s %s", params[0], none_text);
        exit_code = PEKCTL_REFUSED;
    }
    PQclear(result);
    return exit_code;
}

static enum pekctl_exit list(struct run *run, const char *sql, int count, const char *const *params)
{
    enum pekctl_exit exit_code = PEKCTL_DONE;
    PGresult *rows = query(run, sql, count, params, &exit_code);

    if (rows)
        output_rows(run->out, rows, run->arguments.json);
    PQclear(rows);
    return exit_code;
}

/* ---- commands ------------------------------------------------------------------------------------ */

static enum status read_ca(struct run *run)
{
    const char *path = run->arguments.ca;
    FILE *file = fopen(path, "re");
    char *pem = malloc(INSTANCE_CA_BYTES_MAX + 2);
    size_t len = file && pem ? fread(pem, 1, INSTANCE_CA_BYTES_MAX + 1, file) : 0;
    bool fine = file && pem && !ferror(file);

    if (!fine)
        (void)fault_set(&run->fault, STATUS_INVALID_ARGUMENT, "--ca", "%s cannot be read: %s", path,
                        strerror(errno));
    if (file)
        fclose(file);
    run->ca_pem = pem;
    if (!fine)
        return run->fault.status;
    pem[len] = 0;
    return STATUS_OK;
}

static enum pekctl_exit add(struct run *run)
{
    const struct arguments *a = &run->arguments;

    if (a->ca && a->ca[0] && read_ca(run))
        return PEKCTL_USAGE;
    const struct instance_row row = {
        .realm = a->words[2],
        .name = a->name,
        .target = a->words[3],
        .tls_name = a->tls_name && a->tls_name[0] ? a->tls_name : NULL,
        .ca_pem = run->ca_pem,
    };
    if (instance_row_check(&row, &run->fault))
        return PEKCTL_USAGE;
    const char *params[PARAMS_MAX] = {row.realm,
                                      row.name,
                                      row.target,
                                      a->tls_name,
                                      a->ca && !a->ca[0] ? "" : row.ca_pem,
                                      WHO,
                                      a->replace ? "true" : "false"};
    enum pekctl_exit exit_code =
        change(run, instance_store_add.sql, PARAMS_MAX, params, STATUS_ALREADY_EXISTS,
               a->replace ? "is hosted in the hub" : "is there already; --replace changes it");
    if (exit_code == PEKCTL_DONE)
        output_change(run->out, "realm", row.realm, "ACTIVE", a->json);
    return exit_code;
}

static enum pekctl_exit set_status(struct run *run, const char *status)
{
    const char *params[] = {run->arguments.words[2], status, WHO};
    enum pekctl_exit exit_code = change(run, instance_store_set_status.sql, 3, params,
                                        STATUS_NOT_FOUND, "is not registered");

    if (exit_code == PEKCTL_DONE)
        output_change(run->out, "realm", params[0], status, run->arguments.json);
    return exit_code;
}

static enum pekctl_exit drain(struct run *run)
{
    return set_status(run, "DRAINING");
}

static enum pekctl_exit undrain(struct run *run)
{
    return set_status(run, "ACTIVE");
}

static enum pekctl_exit remove_instance(struct run *run)
{
    return set_status(run, "REMOVED");
}

static enum status write_live(const struct live *items, size_t count, struct buffer *out)
{
    struct json_writer json;

    json_writer_init(&json, out);
    json_array(&json);
    for (size_t i = 0; i < count; i++) {
        json_object(&json);
        json_key(&json, "realm"), json_str(&json, items[i].row.realm);
        json_key(&json, "state"), json_str(&json, items[i].state);
        json_key(&json, "version"), json_str(&json, items[i].version);
        json_key(&json, "ms");
        if (items[i].elapsed_ms < 0)
            json_null(&json);
        else
            json_int(&json, items[i].elapsed_ms);
        json_key(&json, "problem"), json_str(&json, items[i].problem);
        json_object_end(&json);
    }
    json_array_end(&json);
    buffer_append_char(out, '\0');
    return json_writer_finish(&json);
}

static const char *text_or_null(const PGresult *rows, int row, int column)
{
    return PQgetisnull(rows, row, column) ? NULL : PQgetvalue(rows, row, column);
}

/* All of them at once, into `out` as JSON. */
static enum status ask_rows(struct run *run, const PGresult *rows, struct buffer *out)
{
    const struct hub_config *config = run->config;
    const struct rpc_tls tls = {config->tls_ca, config->tls_certificate, config->tls_key, NULL};
    size_t count = (size_t)PQntuples(rows);
    struct live *items = calloc(count + 1, sizeof(*items));

    if (!items)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < count; i++) {
        items[i].row = (struct instance_row){
            .realm = PQgetvalue(rows, (int)i, 0),
            .target = PQgetvalue(rows, (int)i, 1),
            .tls_name = text_or_null(rows, (int)i, 2),
            .ca_pem = text_or_null(rows, (int)i, 3),
        };
    }
    enum status status = live_ask(items, count, config->tls_ca[0] ? &tls : NULL);
    if (!status)
        status = write_live(items, count, out);
    free(items);
    return status;
}

/* Whoever has no --config has no certificate to ask with: then the table alone is shown, and says so. */
static enum pekctl_exit list_all_instances(struct run *run)
{
    const char *params[] = {run->arguments.all ? "true" : "false", "[]"};
    enum pekctl_exit exit_code = PEKCTL_DONE;
    struct buffer json;

    if (!run->config)
        return list(run, list_instances, 2, params);
    PGresult *rows = query(run, active_instances, 0, NULL, &exit_code);
    if (!rows)
        return exit_code;
    buffer_init(&json, LIVE_JSON_BYTES_MAX);
    if (ask_rows(run, rows, &json)) {
        (void)fault_set(&run->fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
        exit_code = PEKCTL_REFUSED;
    } else {
        params[1] = json.ptr;
        exit_code = list(run, list_instances, 2, params);
    }
    buffer_done(&json);
    PQclear(rows);
    return exit_code;
}

static enum pekctl_exit list_all_users(struct run *run)
{
    return list(run, list_users, 0, NULL);
}

static enum pekctl_exit make_admin(struct run *run, bool admin)
{
    const char *params[] = {run->arguments.words[2], admin ? "true" : "false"};
    enum pekctl_exit exit_code = change(run, set_admin, 2, params, STATUS_NOT_FOUND, "is no user");

    if (exit_code == PEKCTL_DONE)
        output_change(run->out, "user", params[0], admin ? "administrator" : "no administrator",
                      run->arguments.json);
    return exit_code;
}

static enum pekctl_exit admin(struct run *run)
{
    return make_admin(run, true);
}

static enum pekctl_exit unadmin(struct run *run)
{
    return make_admin(run, false);
}

/* Until every realm has answered, or MERGE_WAIT_MS: whoever has not is told when it can be. */
static enum pekctl_exit wait_for_realms(struct run *run, const char *const *params)
{
    const struct timespec pause = {.tv_nsec = MERGE_POLL_MS * 1000000L};
    enum pekctl_exit exit_code = PEKCTL_DONE;

    for (int waited_ms = 0; waited_ms < MERGE_WAIT_MS; waited_ms += MERGE_POLL_MS) {
        PGresult *rows = query(run, waiting_merge, 1, params, &exit_code);
        int left = rows ? PQntuples(rows) : 0;
        PQclear(rows);
        if (left == 0)
            return exit_code;
        nanosleep(&pause, NULL);
    }
    return exit_code;
}

static enum pekctl_exit merge(struct run *run)
{
    const struct arguments *a = &run->arguments;
    const char *params[] = {a->words[2], a->words[3], a->apply ? "false" : "true"};
    enum pekctl_exit exit_code = PEKCTL_DONE;
    PGresult *result =
        query(run, "SELECT hub.merge_user($1, $2, $3::boolean)", 3, params, &exit_code);

    if (!result)
        return exit_code;
    const char *id[] = {PQgetvalue(result, 0, 0)};
    exit_code = wait_for_realms(run, id);
    if (exit_code == PEKCTL_DONE)
        exit_code = list(run, list_merges, 1, id);
    PQclear(result);
    return exit_code;
}

static enum pekctl_exit list_all_merges(struct run *run)
{
    const char *params[] = {NULL};
    return list(run, list_merges, 1, params);
}

static enum pekctl_exit exit_of(enum status status)
{
    return status == STATUS_OK                 ? PEKCTL_DONE
           : status == STATUS_INVALID_ARGUMENT ? PEKCTL_USAGE
           : status == STATUS_UNAVAILABLE      ? PEKCTL_UNREACHABLE
                                               : PEKCTL_REFUSED;
}

static enum pekctl_exit import_dump(struct run *run)
{
    const struct arguments *a = &run->arguments;
    const struct import_job job = {
        .hub = run->conn,
        .folder = a->words[1],
        .realm = a->realm,
        .realm_database = run->realm_database,
        .apply = a->apply,
        .json = a->json,
        .out = run->out,
    };

    if (!job.realm)
        (void)fault_set(&run->fault, STATUS_INVALID_ARGUMENT, "--realm",
                        "into which realm? give --realm REALM");
    else if (!job.realm_database)
        (void)fault_set(&run->fault, STATUS_INVALID_ARGUMENT, "--realm-database",
                        "which database has the realm? give --realm-database CONNINFO");
    else
        (void)!import_run(&job, &run->fault);
    return exit_of(run->fault.status);
}

static const struct {
    const char *noun, *verb; /* a verb of NULL: there is none */
    const char *operands;    /* what follows: one word each */
    enum pekctl_exit (*run)(struct run *run);
} commands[] = {
    {"instance", "add", "REALM TARGET", add},
    {"instance", "list", "", list_all_instances},
    {"instance", "drain", "REALM", drain},
    {"instance", "undrain", "REALM", undrain},
    {"instance", "remove", "REALM", remove_instance},
    {"user", "list", "", list_all_users},
    {"user", "admin", "USER", admin},
    {"user", "unadmin", "USER", unadmin},
    {"user", "merge", "FROM INTO", merge},
    {"user", "merges", "", list_all_merges},
    {"import", NULL, "FOLDER", import_dump},
};

/* ---- the whole ----------------------------------------------------------------------------------- */

static enum pekctl_exit connect_and_run(struct run *run, const char *conninfo,
                                        enum pekctl_exit (*command)(struct run *run))
{
    enum pekctl_exit exit_code = PEKCTL_UNREACHABLE;

    run->conn = PQconnectdb(conninfo);
    if (PQstatus(run->conn) == CONNECTION_OK)
        exit_code = command(run);
    else
        (void)fault_set(&run->fault, STATUS_UNAVAILABLE, "database", "%s",
                        PQerrorMessage(run->conn));
    PQfinish(run->conn);
    free(run->ca_pem);
    return exit_code;
}

static const char *variable(char *const *environment, const char *name)
{
    size_t len = strlen(name);

    for (; *environment; environment++) {
        if (strncmp(*environment, name, len) == 0 && (*environment)[len] == '=')
            return *environment + len + 1;
    }
    return NULL;
}

/* The hub's own configuration says where its database is. */
static enum pekctl_exit run_configured(struct run *run, char *path, char *const *environment,
                                       enum pekctl_exit (*command)(struct run *run))
{
    char program[] = "pek-hub", option[] = "--config";
    char *argv[] = {program, option, path, NULL};
    struct config config;
    struct hub_config values;
    enum pekctl_exit exit_code = PEKCTL_USAGE;

    if (config_parse(&config, &hub_program, 3, argv, environment, &values)) {
        (void)fault_set(&run->fault, STATUS_INVALID_ARGUMENT, "--config", "%.*s",
                        (int)config.mistakes.len, config.mistakes.ptr);
    } else {
        run->config = &values;
        exit_code = connect_and_run(
            run, values.database_owner[0] ? values.database_owner : values.database, command);
        run->config = NULL;
    }
    config_done(&config);
    return exit_code;
}

static enum pekctl_exit find_database_and_run(struct run *run, char *const *environment,
                                              enum pekctl_exit (*command)(struct run *run))
{
    const struct arguments *a = &run->arguments;
    const char *database = a->database ? a->database : variable(environment, "PEK_DATABASE_OWNER");
    const char *file = a->config ? a->config : variable(environment, "PEK_CONFIG");

    run->realm_database =
        a->realm_database ? a->realm_database : variable(environment, "PEK_REALM_DATABASE_OWNER");
    if (a->database || (database && !a->config))
        return connect_and_run(run, database, command);
    if (!file) {
        (void)fault_set(&run->fault, STATUS_INVALID_ARGUMENT, NULL,
                        "which database? give --config FILE or --database CONNINFO");
        return PEKCTL_USAGE;
    }
    char *path = strdup(file);
    enum pekctl_exit exit_code =
        path ? run_configured(run, path, environment, command) : PEKCTL_UNREACHABLE;
    free(path);
    return exit_code;
}

static size_t words_of(const char *operands)
{
    size_t count = operands[0] != '\0';

    for (; *operands; operands++)
        count += *operands == ' ';
    return count;
}

static enum pekctl_exit dispatch(struct run *run, char *const *environment)
{
    const struct arguments *a = &run->arguments;
    const char *noun = a->word_count > 0 ? a->words[0] : "";
    char verbs[128] = "";

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        const char *verb = commands[i].verb, *operands = commands[i].operands;
        size_t named = verb ? 2 : 1, len = strlen(verbs);
        if (strcmp(noun, commands[i].noun) != 0)
            continue;
        if (verb)
            snprintf(verbs + len, sizeof(verbs) - len, "%s%s", len ? ", " : "", verb);
        if (verb && (a->word_count < 2 || strcmp(a->words[1], verb) != 0))
            continue;
        if (a->word_count - named == words_of(operands))
            return find_database_and_run(run, environment, commands[i].run);
        (void)fault_set(&run->fault, STATUS_INVALID_ARGUMENT, NULL,
                        "it is: pekctl %s%s%s%s%s; see pekctl --help", noun, verb ? " " : "",
                        verb ? verb : "", operands[0] ? " " : "", operands);
        return PEKCTL_USAGE;
    }
    if (verbs[0])
        (void)fault_set(&run->fault, STATUS_INVALID_ARGUMENT, NULL,
                        "after '%s' comes one of: %s; see pekctl --help", noun, verbs);
    else
        (void)fault_set(&run->fault, STATUS_INVALID_ARGUMENT, NULL,
                        "%s%s%sthe commands are instance, user and import; see pekctl --help",
                        noun[0] ? "there is no command '" : "", noun, noun[0] ? "': " : "");
    return PEKCTL_USAGE;
}

enum pekctl_exit pekctl_run(int argc, char *const *argv, char *const *environment, FILE *out,
                            FILE *err)
{
    struct run run = {.out = out};
    enum pekctl_exit exit_code = PEKCTL_USAGE;

    enum status status = arguments_parse(argc, argv, &run.arguments, &run.fault);
    if (!status && run.arguments.version) {
        fprintf(out, "pekctl %s\n", PEK_VERSION);
        return PEKCTL_DONE;
    }
    if (!status && run.arguments.help) {
        fputs(arguments_help, out);
        return PEKCTL_DONE;
    }
    if (!status)
        exit_code = dispatch(&run, environment);
    if (exit_code != PEKCTL_DONE)
        output_fault(err, &run.fault, run.arguments.json);
    return exit_code;
}
