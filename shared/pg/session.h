/* session: what a new connection sets and what it must show before anyone uses it.
 *
 * After the login and before pipeline mode, one question after the other: the settings, the encoding and the role, the
 * schema's version and its row security, whether the database is this program's, and behind a pooler whether the session is this connection's own. What the program must
 * not go on with is a refusal (pg.h), anything else ends the attempt. Settings are made by a query and not by
 * libpq's `options`, which a pooler does not pass on.
 *
 * Behind a pooler in transaction mode (pg_options.listen_conninfo) no session is anybody's own. What is asked is then one
 * transaction, with the settings for it alone, and `settings.statement` makes them at the beginning of each that follows.
 */
#ifndef PEK_SHARED_PG_SESSION_H
#define PEK_SHARED_PG_SESSION_H

#include <libpq-fe.h>

#include "shared/pg/pg.h"
#include "shared/pg/server.h"

struct connection;

/* Settings of one kind of connection: as text[] literals, and as a statement that makes them for a transaction and gives $1 back first. */
struct session_settings {
    char *names, *values, *sql;
    struct pg_statement statement;
};

enum session_step {
    SESSION_KIND, /* in transaction mode only, as SESSION_BEGIN and SESSION_END */
    SESSION_BEGIN,
    SESSION_SET,
    SESSION_VERSION,
    SESSION_TIMELINE, /* where the database remembers them */
    SESSION_STRANGER,
    SESSION_PINNED, /* behind a pooler in session mode */
    SESSION_END,
    SESSION_STEPS,
};

struct session {
    enum session_step step;
    PGresult *answer; /* to the question that was asked last */
    int backend_pid;  /* which PQbackendPID is not, behind a pooler */
    struct cluster
        cluster; /* as the server shows it, from SESSION_SET on, and of a standby as its tables do */
    unsigned long timeline; /* as the server alone shows it */
    unsigned long asked;    /* of which its tables are asked: the newest that was met */
    bool has_timelines;     /* the database remembers which it has been in: migrate.c */
    char mark[24];          /* set in the session, of its own */
};

/* `first` and `second` together; INVALID_ARGUMENT for a value that would need quoting. */
PEK_MUST_CHECK enum status session_settings_init(struct session_settings *settings,
                                                 const struct pg_setting *first, size_t first_count,
                                                 const struct pg_setting *second,
                                                 size_t second_count);
void session_settings_done(struct session_settings *settings);

/* True when somebody stands between who is to lend one session for good: PostgreSQL itself gives its own pid. */
bool session_is_pooled(const struct connection *connection);
/* Fails, and with it all that follows up to the Sync, in a session without the mark ($1). */
extern const struct pg_statement session_guard;
/* Fails where the pooler has linked to what is no primary any more (no standby: 55000), or of another timeline or cluster than $1
 * (session_cluster): it keeps connections whose server was demoted, and may be led elsewhere. */
const struct pg_statement *session_cluster_guard(const struct connection *connection);
bool session_is_cluster_guard(const struct pg_statement *statement);
#define SESSION_CLUSTER_BYTES_MAX 64
void session_cluster(const struct connection *connection, char ret_text[SESSION_CLUSTER_BYTES_MAX]);
/* $1 of settings.statement, whose first column it is: where the pooler gives this client the answers to another's questions
 * (pgbouncer 1.18, when that one's batch was cut by the end of the one before), the first answer is not it. `at` the
 * command's place in the ring. */
#define SESSION_ECHO_BYTES_MAX 40
void session_echo(const struct connection *connection, unsigned at,
                  char ret_text[SESSION_ECHO_BYTES_MAX]);
bool session_is_echo(const struct connection *connection, unsigned at, const PGresult *answer);
/* connection_refuse: the session is shared. */
void session_refuse_shared(struct connection *connection);

/* From LINK_CHECKING, ending in connection_came_up, connection_drop or connection_refuse. */
void session_begin(struct connection *connection);
/* When the socket is readable or writable. */
void session_continue(struct connection *connection);
void session_reset(struct session *session);

#endif
