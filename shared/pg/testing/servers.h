/* servers: what tests of several PostgreSQL servers do with them.
 *
 * Up to three of them, of which the first has the table `counter` with one row; who follows whom a test says. What reads and
 * changes that row, who was listened to and what was told of it is here, so that a test says no more than what happens.
 */
#ifndef PEK_SHARED_PG_TESTING_SERVERS_H
#define PEK_SHARED_PG_TESTING_SERVERS_H

#include "tests/support/fiber_run.h"

extern struct pg_cluster *primary, *standby, *third; /* NULL: was not started */

/* The first `count` of them; what cmocka wants of a setup, 0 or -1. */
int servers_start(size_t count);
int servers_stop(void **state);
/* A connection string to both (`second` may be NULL), of the superuser; `port` NULL: PostgreSQL's. */
#define SERVERS_CONNINFO_BYTES 256
void servers_conninfo(const struct pg_cluster *first, const struct pg_cluster *second,
                      const char *port, char ret_conninfo[SERVERS_CONNINFO_BYTES]);

/* ---- the counter ---- */

extern const struct pg_statement count_up, look;

struct seen {
    int64_t n;
    bool at_standby;
};
PEK_MUST_CHECK enum status see(struct fiber_run *run, enum pg_lane lane, struct seen *ret_seen);
/* It is read, or the test fails. */
struct seen must_see(struct fiber_run *run, enum pg_lane lane);
/* As the superuser, past everything that is tested. */
int64_t counted(const struct pg_cluster *cluster);

/* Conditions of fiber_run_until: a long read is answered by a standby; a change is taken and all is ready; no primary is found. */
bool reads_at_standby(struct fiber_run *run);
bool writes(struct fiber_run *run);
bool is_alone(struct fiber_run *run);
bool is_ready_alone(struct fiber_run *run);
/* The standby receives nothing. */
bool standby_hears_nobody(struct fiber_run *run);
/* The SQL's first value is true there. */
bool is_true_at(const struct pg_cluster *cluster, const char *sql);

/* ---- who may come in ---- */

/* Who is connected stays so, and nobody comes in. */
void close_door(const struct pg_cluster *cluster, bool closed);
/* The backends of this program, of a kind; "%": of all. Separated by blanks. */
void backends_of(const struct pg_cluster *cluster, const char *kind, char *ret_pids, size_t bytes);
void end_backends(const char *pids);

/* ---- what is told ---- */

/* The last trouble whose text has `of` in it, and how many there were. */
extern struct told {
    const char *of;
    char text[256];
    unsigned count;
} told;
void tell_of(const char *of);
void on_told(void *arg, const struct pg_trouble *trouble);
bool is_told(struct fiber_run *run);

/* The only listener: whether it listens, and what it heard. */
extern struct heard {
    bool listens;
    unsigned count;
    char payload[32];
} heard;
bool is_listening(struct fiber_run *run);
bool has_heard(struct fiber_run *run);
/* Runs the body with a listener, which may not listen yet. */
void run_listening(struct fiber_run *run, struct pg *pg, const char *channel,
                   void (*body)(struct fiber_run *run));

#endif
