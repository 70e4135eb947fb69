#include "hub/pekctl/import.h"

#include "hub/import/user_import.h"
#include "hub/pekctl/output.h"
#include "shared/pg/migrate.h"
#include "worker/import/import.h"
#include "worker/realm/migrations.h"

/* Two operators at a time would make somebody twice. */
static const char hub_begin[] =
    "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0;"
    " SET LOCAL jit = off; SET LOCAL lock_timeout = '60s';"
    " SELECT pg_advisory_xact_lock(hashtextextended('pek.import', 0))";

static enum status end(struct staging *staging, bool apply)
{
    return staging_run(staging, apply ? "COMMIT" : "ROLLBACK");
}

static enum status pass_account(struct staging *hub, struct staging *realm)
{
    char counts[2048], reasons[4096];
    snprintf(counts, sizeof(counts),
             "COPY (SELECT row_number() OVER (), c.* FROM (%s) AS c) TO STDOUT", staging_counts);
    snprintf(reasons, sizeof(reasons),
             "COPY (SELECT row_number() OVER (), r.* FROM (%s) AS r) TO STDOUT", staging_reasons);
    PEK_TRY(staging_pass(hub, counts, realm, "COPY counted FROM STDIN"));
    return staging_pass(hub, reasons, realm, "COPY reasoned FROM STDIN");
}

static enum status move_users(struct staging *hub, struct staging *realm,
                              const struct import_job *job)
{
    PEK_TRY(staging_run(hub, hub_begin));
    PEK_TRY(user_import(hub, job->realm));
    PEK_TRY(staging_pass(hub, user_import_out, realm, import_users_in));
    PEK_TRY(pass_account(hub, realm));
    return end(hub, job->apply);
}

static enum status ask(struct staging *staging, const char *sql, PGresult **ret_rows)
{
    PGresult *rows = PQexec(staging->connection, sql);
    if (PQresultStatus(rows) == PGRES_TUPLES_OK) {
        *ret_rows = rows;
        return STATUS_OK;
    }
    PQclear(rows);
    return fault_set(staging->fault, STATUS_UNAVAILABLE, NULL, "%s",
                     PQerrorMessage(staging->connection));
}

/* What was done is said when it is done. */
static enum status end_and_tell(struct staging *realm, const struct import_job *job)
{
    PGresult *counts = NULL, *reasons = NULL;
    enum status status = ask(realm, staging_counts, &counts);
    if (status == STATUS_OK)
        status = ask(realm, staging_reasons, &reasons);
    if (status == STATUS_OK)
        status = end(realm, job->apply);
    if (status == STATUS_OK) {
        output_rows(job->out, counts, job->json);
        if (!job->json)
            fputc('\n', job->out);
        output_rows(job->out, reasons, job->json);
        if (!job->json)
            fputs(job->apply ? "\nthis was done\n" : "\nnothing was done; with --apply this is\n",
                  job->out);
    }
    PQclear(counts);
    PQclear(reasons);
    return status;
}

static enum status run_connected(struct staging *hub, struct staging *realm,
                                 const struct import_job *job, struct text_collator *collator)
{
    PEK_TRY(import_begin(realm, job->realm, collator));
    PEK_TRY(move_users(hub, realm, job));
    PEK_TRY(import_move(realm, collator));
    return end_and_tell(realm, job);
}

enum status import_run(const struct import_job *job, struct fault *fault)
{
    struct text_collator *collator;
    PEK_TRY(migrate_check(job->realm_database, realm_migrations(), fault));
    if (text_collator_new(&collator))
        return fault_set(fault, STATUS_INTERNAL, NULL, "ICU has no Hungarian order");
    PGconn *connection = PQconnectdb(job->realm_database);
    struct staging hub = {job->hub, job->folder, fault};
    struct staging realm = {connection, job->folder, fault};
    enum status status = PQstatus(connection) == CONNECTION_OK
                             ? run_connected(&hub, &realm, job, collator)
                             : fault_set(fault, STATUS_UNAVAILABLE, "--realm-database", "%s",
                                         PQerrorMessage(connection));
    PQfinish(connection); /* without COMMIT nothing happened */
    text_collator_free(collator);
    return status;
}
