/* staging: CSV files of another database in temporary tables, to be moved into ours by SQL, and an account of each row.
 *
 * All of it lives in one transaction of the caller's connection and is gone with it. The files are those that psql writes,
 * `\copy TABLE TO 'TABLE.csv' CSV HEADER`, in UTF-8, with or without a byte order mark. PostgreSQL reads them (COPY): there is no
 * other parser of CSV here. They are somebody else's data: every column is text until SQL has looked at it, by functions that answer NULL
 * for what is none of the kind:
 *
 *     pg_temp.as_id(text) bigint        pg_temp.as_day(text) date           of the years 1900 to 2199
 *     pg_temp.as_number(text) integer   pg_temp.as_time(text) timestamptz   what has no zone is UTC, as Rails stores it
 *     pg_temp.as_flag(text) boolean
 *
 * A file `users` is the table in_users with all columns of its header, and line_no, which counts its rows. Whoever moves a file
 * writes a row into `outcome` for each of its rows: made, there or not taken, and why; and into `remark` what was taken otherwise
 * than it is in the file. staging_add_up holds that against what was read.
 *
 * Blocking; memory does not grow with the files. A status that is not OK comes with a fault, and the transaction is broken.
 */
#ifndef PEK_SHARED_STAGING_STAGING_H
#define PEK_SHARED_STAGING_STAGING_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "shared/base/arena.h"
#include "shared/base/fault.h"
#include "shared/base/slice.h"
#include "shared/text/collator.h"

#define STAGING_HEADER_BYTES_MAX 8192
#define STAGING_COLUMNS_MAX 100
#define STAGING_FILE_BYTES_MAX ((int64_t)4 << 30)
#define STAGING_REASON_IDS 3 /* ids that a line of the report names */

struct staging {
    PGconn *connection; /* in a transaction */
    const char *folder;
    struct fault *fault;
};

struct staging_file {
    const char *name;
    const char
        *required; /* names of columns, separated by a space; a header without one is refused */
    const char *optional; /* these are NULL when the header has them not */
    bool may_be_missing;  /* it is empty then, and `remark` says so */
};

/* The functions and tables above. */
PEK_MUST_CHECK enum status staging_begin(struct staging *staging);
/* INVALID_ARGUMENT with the file's name and what is wrong with it, in PostgreSQL's words and with its line. */
PEK_MUST_CHECK enum status staging_load(struct staging *staging, const struct staging_file *file);
/* Any number of statements. */
PEK_MUST_CHECK enum status staging_run(struct staging *staging, const char *sql);
/* One statement with values, of which none is NULL. */
#define STAGING_PARAMS_MAX 8
PEK_MUST_CHECK enum status staging_apply(struct staging *staging, const char *sql,
                                         const char *const *values, size_t count);

/* ---- texts: what SQL cannot do ---- */

/* A text as it is stored, and the keys of a name; empty where it has none. */
struct staged_text {
    struct slice text, unique_key, folded, sort_key;
};
/* INVALID_ARGUMENT for what cannot be stored. */
typedef enum status (*staging_make)(void *arg, struct slice text, struct arena *arena,
                                    struct staged_text *ret_text);
/* Of `select`, which answers line_no and text, at most STAGING_TEXT_CHARS_MAX of each, into the new table
 * TABLE (line_no, text, unique_key, folded, sort_key). Text is NULL for what cannot be stored; of an empty one there is no row. */
#define STAGING_TEXT_CHARS_MAX 20001
#define STAGING_BATCH_ROWS 200
PEK_MUST_CHECK enum status staging_texts(struct staging *staging, const char *table,
                                         const char *select, staging_make make, void *arg);
/* A name with its keys (shared/text/name.h); arg is the collator. One line without keys. Prose. */
PEK_MUST_CHECK enum status staging_make_name(void *collator, struct slice text, struct arena *arena,
                                             struct staged_text *ret_text);
PEK_MUST_CHECK enum status staging_make_line(void *arg, struct slice text, struct arena *arena,
                                             struct staged_text *ret_text);
PEK_MUST_CHECK enum status staging_make_prose(void *arg, struct slice text, struct arena *arena,
                                              struct staged_text *ret_text);

/* ---- the account ---- */

/* INTERNAL when a file's rows are not made + there + not taken, each once: then nothing may be kept. */
PEK_MUST_CHECK enum status staging_add_up(struct staging *staging);
/* What a statement copies out of one connection goes into the other: "COPY … TO STDOUT", "COPY … FROM STDIN". */
PEK_MUST_CHECK enum status staging_pass(struct staging *from, const char *out, struct staging *to,
                                        const char *in);
/* file, read, made, there, not_taken; and file, rows, what, ids: first three of each reason. In the order in which files were loaded. */
extern const char staging_counts[], staging_reasons[];

#endif
