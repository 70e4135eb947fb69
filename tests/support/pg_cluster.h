/* pg_cluster: a private PostgreSQL for one test binary, the newest that is installed.
 *
 * A new cluster in a folder of its own under TMPDIR, on a unix socket there and nowhere else, without fsync,
 * trusting whoever reaches the socket. As root it runs as user postgres, or nobody, since PostgreSQL
 * refuses root. It dies with the process that started it, even when that crashes. Every function but
 * pg_cluster_start and pg_cluster_stop ends the process with a message when it fails: a test has nothing to
 * do without its server.
 */
#ifndef PEK_TESTS_SUPPORT_PG_CLUSTER_H
#define PEK_TESTS_SUPPORT_PG_CLUSTER_H

#include <stddef.h>

struct pg_cluster;

/* Returns when the server answers; NULL with a message on stderr when it does not come up. */
struct pg_cluster *pg_cluster_start(void);
/* Takes NULL, returns NULL. Removes the folder. */
struct pg_cluster *pg_cluster_stop(struct pg_cluster *cluster);

/* libpq's, as superuser `postgres` on database `postgres`. Lives as long as the cluster. */
const char *pg_cluster_conninfo(const struct pg_cluster *cluster);
/* The same for another role or database; `user` and `database` may be NULL for `postgres`. */
void pg_cluster_conninfo_for(const struct pg_cluster *cluster, const char *user,
                             const char *database, char *ret_conninfo, size_t bytes);

/* Runs SQL, of any number of statements, as superuser. */
void pg_cluster_execute(const struct pg_cluster *cluster, const char *sql);
/* The first column of the first row, "" when there is none. */
void pg_cluster_query(const struct pg_cluster *cluster, const char *sql, char *ret_value,
                      size_t bytes);

/* The same in another database. */
void pg_cluster_query_in(const struct pg_cluster *cluster, const char *database, const char *sql,
                         char *ret_value, size_t bytes);

/* Runs one of PostgreSQL's programs ("pg_dump") to its end, as the user that the server runs as. The folder holds
 * the socket, and is that user's to write in; it goes with the cluster. */
#define PG_CLUSTER_ARGS_MAX 24
void pg_cluster_run(const struct pg_cluster *cluster, const char *program, const char *const *args);
const char *pg_cluster_folder(const struct pg_cluster *cluster);

/* Faults. `kill` ends the server as a crash does: at once and without a checkpoint; `pause` and `resume`
 * stop the postmaster and all backends as a hung machine would. `launch` after `down` or `kill` returns
 * when the server answers again. */
void pg_cluster_down(struct pg_cluster *cluster);
void pg_cluster_kill(struct pg_cluster *cluster);
void pg_cluster_launch(struct pg_cluster *cluster);
void pg_cluster_restart(struct pg_cluster *cluster);
/* Restarts it; from then on it listens there, too, at port 5432. */
void pg_cluster_listen(struct pg_cluster *cluster, const char *address);
/* Throws the cluster's data away and makes it a hot standby of the other; promote makes a standby a primary. */
void pg_cluster_follow(struct pg_cluster *cluster, const struct pg_cluster *primary);
void pg_cluster_promote(struct pg_cluster *cluster);
void pg_cluster_pause(struct pg_cluster *cluster);
void pg_cluster_resume(struct pg_cluster *cluster);

#endif
