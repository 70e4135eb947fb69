/* connect: how a connection comes to be, and how a query on it is cancelled. */
#ifndef PEK_SHARED_PG_CONNECT_H
#define PEK_SHARED_PG_CONNECT_H

#include "shared/pg/connection.h"

/* From LINK_WAITING: an attempt, ending in connection_came_up or connection_drop. */
void connect_begin(struct connection *connection);
/* In LINK_TRYING, when the socket is ready. */
void connect_continue(struct connection *connection);

/* True when a host in `conninfo` must be looked up, which blocks. INVALID_ARGUMENT when it does not
 * parse. `ret_options` is the server options that it asks for, of malloc, never NULL. */
PEK_MUST_CHECK enum status connect_inspect(const char *conninfo, bool *ret_host_is_name,
                                           char **ret_options);

/* connection.c, for connect.c */
bool connection_watch(struct connection *connection, int events);
void connection_unwatch(struct connection *connection);
void connection_came_up(struct connection *connection);
void connection_start_timer(struct connection *connection, int64_t ms);
/* The memory stays while a pool thread uses it. */
void connection_hold(struct connection *connection);
void connection_let_go(struct connection *connection);

#endif
