/* connect: how a connection comes to be, and how a query on it is cancelled. */
#ifndef PEK_SHARED_PG_CONNECT_H
#define PEK_SHARED_PG_CONNECT_H

#include "shared/base/fault.h"
#include "shared/pg/connection.h"

/* From LINK_WAITING: an attempt, ending in connection_came_up or connection_drop. */
void connect_begin(struct connection *connection);
/* In LINK_TRYING, when the socket is ready. */
void connect_continue(struct connection *connection);

/* INVALID_ARGUMENT when it does not parse or asks for a server that is not of the role. */
PEK_MUST_CHECK enum status connect_inspect(const char *conninfo, enum pg_role role,
                                           struct connect_hosts *ret_hosts, struct fault *fault);
void connect_hosts_done(struct connect_hosts *hosts);
/* The n-th host, when it is a name, whose addresses must be looked up; NULL: it is none. */
#define CONNECT_HOST_BYTES_MAX 256
const char *connect_name(const struct connect_hosts *hosts, size_t n,
                         char text[CONNECT_HOST_BYTES_MAX]);

/* The connection goes, or is tried anew: what is still under way was for it. */
void connection_leave_cancel(struct connection *connection);
void connection_leave_look_up(struct connection *connection);

/* connection.c, for connect.c */
bool connection_watch(struct connection *connection, int events);
void connection_unwatch(struct connection *connection);
bool connection_flush(struct connection *connection);
void connection_came_up(struct connection *connection);
void connection_start_timer(struct connection *connection, int64_t ms);
/* The memory stays while a name is looked up for it. */
void connection_hold(struct connection *connection);
void connection_let_go(struct connection *connection);

#endif
