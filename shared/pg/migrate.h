/* migrate: applies the SQL files embedded in the binary, in order, once each.
 *
 * Blocking (libpq, own connection, owner role): for a command or the start of a process, not for the loop.
 * Under pg_advisory_lock, so that replicas starting together apply each file once. Each file runs in one
 * transaction with its row in pek_migration(name, schema, sha256, applied_at, compatible); an applied file whose checksum
 * differs is FAILED_PRECONDITION and names the file, and so is one in the table that is not here: a newer
 * program's. Everybody may read the table: a program compares it with its own files on each new connection.
 *
 * A file with a line that begins with MIGRATION_COMPATIBLE may be met by programs that do not know it: they go on, and so a
 * release follows the one before it without a pause. It may add what they need not know, and take nothing away that they use: no column, no
 * right, no value that they write. Whoever writes the file says so, and why, in that line; without it older programs refuse.
 *
 * Programs may run meanwhile: a statement that waits for a lock makes all others wait behind it, so a file that has not what it
 * locks within MIGRATE_LOCK_MS is rolled back and tried again, MIGRATE_TRIES times.
 */
#ifndef PEK_SHARED_PG_MIGRATE_H
#define PEK_SHARED_PG_MIGRATE_H

#include "shared/base/fault.h"
#include "shared/base/slice.h"

#define MIGRATION_COMPATIBLE "-- compatible: "
#define MIGRATE_LOCK_MS 200
#define MIGRATE_PAUSE_MS 300
#define MIGRATE_TRIES 240

struct migration {
    const char *name; /* "0001_group.sql" */
    struct slice sql;
};

/* Those of one schema; several schemas may share a database. */
struct migrations {
    const char *schema; /* "pek" */
    const struct migration *files;
    size_t count;
    /* The condition of row security, as pg_get_expr writes it: each table of the schema has one policy, for everybody and
     * everything, that lets rows be read and written by it. NULL: the schema has no row security. */
    const char *policy;
    /* Answers a row with the reason why the database is not this program's although the schema is its, or none. Runs as the
     * program, with its settings. NULL: it is whoever's. */
    const char *stranger_sql;
};

/* `ret_applied` counts the files applied now. */
PEK_MUST_CHECK enum status migrate_apply(const char *conninfo, const struct migrations *migrations,
                                         size_t *ret_applied, struct fault *fault);

/* FAILED_PRECONDITION for a database that is not as these files make it: older, newer and not compatible, or made by other contents.
 * For commands that work on it as its owner. */
PEK_MUST_CHECK enum status migrate_check(const char *conninfo, const struct migrations *migrations,
                                         struct fault *fault);

/* Names of people are UTF-8, and in another encoding PostgreSQL would compare and cut bytes: FAILED_PRECONDITION. */
struct pg_conn;
PEK_MUST_CHECK enum status migrate_check_encoding(struct pg_conn *conn, struct fault *fault);

#endif
