/* server: what the connections of one role have in common: where they lead, whether anybody is there, and whether it answers.
 *
 * A struct pg has one for the primary, and where one was named one for a standby. Who is behind it changes with each failover.
 */
#ifndef PEK_SHARED_PG_SERVER_H
#define PEK_SHARED_PG_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

#include "shared/base/list.h"
#include "shared/pg/pg.h"

#define PG_ERROR_BYTES_MAX 512

struct connection;

/* Whose data it is, whichever server has it: all connections of a struct pg lead to one cluster, and to its newest timeline. */
struct cluster {
    int64_t system;         /* the system identifier, which initdb gives; 0: not known */
    unsigned long timeline; /* the newest that was met; a promotion begins one */
    int64_t mark;    /* of its promotion, as the database notes it (migrate.c); 0: not known */
    int64_t primary; /* when it was started, in us: of two that were promoted at once, the one;
                               0: of a standby, and not known */
};

/* Where a connection string leads. With one host or none libpq reads the string itself; of several each
 * attempt names one, so that a dead one costs connect_timeout and not the whole list for ever. */
struct connect_hosts {
    char *hosts, *addresses, *ports; /* comma separated; NULL when not given */
    size_t count;
};

/* What is connected to: a primary for everything, and where one was named a standby for reads (standby.c). */
enum pg_role { PG_PRIMARY, PG_STANDBY, PG_ROLES };
struct server {
    struct pg *pg;
    enum pg_role role;
    char *conninfo; /* NULL: none was named */
    struct connect_hosts hosts;
    size_t host_good; /* of the connection that came up last */
    struct list
        connections; /* all; those past a pooler are with the others, in the list of pg_whole's */
    size_t up;       /* connections, of all kinds */
    bool away;       /* none is up, and an attempt found none of the hosts */
    bool
        is_behind; /* the standby that was met last is of the cluster, and has not replayed enough */
    bool left;     /* and what a pooler still had was given up for that */
    bool was_up;   /* one was */
    int64_t away_us; /* since when none is up */
    int64_t
        elsewhere_us; /* when one that was met was of another cluster, while none was up; 0: never */
    char error[PG_ERROR_BYTES_MAX]; /* why a connection was given up last */
    struct list peers;              /* those that the connections that are up lead to */
};

/* health.c: one address, and the connections of a server that lead to it. It is there as long as one is. */
struct peer {
    struct list node;
    struct server *server;
    struct list connections;
    struct sockaddr_storage address;
    socklen_t len;
    uv_timer_t
        timer; /* while it is asked something: until it is silent, or the probe must have been answered */
    uv_poll_t *probe; /* NULL: there is none */
    int probe_fd;
    int64_t probed_us;  /* since when */
    int64_t heard_us;   /* when it said something last, on whichever connection */
    int64_t silence_ms; /* after which it is probed */
};

/* The last connection went, or (`looked`) no host has another; the first is up. */
void server_away(struct server *server, bool looked);
void server_back(struct server *server);
/* It is there again, or another is: nobody waits before the next attempt. */
void server_look(struct server *server);
/* Gives up the connections that are up; each begins anew with the next host. */
void server_leave(struct server *server, const char *reason);
/* None is up, and what is found there is of another cluster. */
bool server_is_elsewhere(const struct server *server);
/* The setting that leads there: "database", "database_listen", "database_standby". */
const char *server_setting(const struct server *server);
/* trouble_tell, of a connection there; names the setting when it is not `database`. Of a refusal: pg_refuse. */
void server_tell(struct server *server, enum pg_trouble_kind kind, const char *reason);

/* False when the connection was dropped, since it leads to another cluster than that of the database, to an earlier timeline, or past a pooler
 * to another primary than the pooler does. When its timeline is later than all before, or `database` leads to another primary than before, the
 * others are dropped that are not of this. */
bool cluster_admit(struct connection *connection);

/* health.c: a connection came up, or goes; it is asked something, or has said something. */
void peer_join(struct connection *connection);
void peer_quit(struct connection *connection);
void peer_asked(struct connection *connection);
void peer_heard(struct connection *connection);
/* Whether it lives, at this moment. */
bool peer_is_asked(const struct peer *peer);
/* A standby behind a pooler in transaction mode, which answers in its place, and whom nothing goes past. Whatever is asked of it begins with what
 * is answered at once: only then is it known to live. */
bool peer_is_hidden(const struct peer *peer);

#endif
