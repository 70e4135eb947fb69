#include "shared/pg/server.h"

#include "shared/base/clock.h"
#include "shared/pg/connect.h"
#include "shared/pg/internal.h"

static struct connection *connection_of(struct list *node)
{
    return LIST_ENTRY(node, struct connection, of_server);
}

void server_away(struct server *server)
{
    struct pg *pg = server->pg;
    bool was_away = server->away;
    server->away = true;
    if (server->role == PG_PRIMARY && pg->servers[PG_STANDBY].conninfo && !was_away)
        trouble_tell(pg, PG_TROUBLE_NO_PRIMARY, "", "",
                     "no primary is found: reads come from a standby, changes are refused");
    /* It was there, and a pooler keeps connections whose server is gone. */
    if (pg->pooled && !was_away && server->heard_us > 0)
        server_leave(server, "past the pooler no primary is found");
    pg_came_up(pg); /* that is ready, too */
}

void server_back(struct server *server)
{
    struct pg *pg = server->pg;
    if (!server->away)
        return;
    server->away = false;
    if (server->role == PG_PRIMARY && pg->servers[PG_STANDBY].conninfo)
        trouble_tell(pg, PG_TROUBLE_NO_PRIMARY, "", "", "a primary is found");
    server_look(server);
}

void server_look(struct server *server)
{
    struct pg *pg = pg_whole(server->pg);
    if (server->role == PG_PRIMARY)
        pg->changed_us = clock_monotonic_us();
    LIST_FOR_EACH (node, &pg->servers[server->role].connections)
        if (connection_of(node)->state == LINK_WAITING)
            connection_start_timer(connection_of(node), 0);
}

static void leave(struct connection *connection, const char *reason)
{
    connection_next_host(connection);
    connection_drop(connection, reason);
}

void server_leave(struct server *server, const char *reason)
{
    LIST_FOR_EACH (node, &pg_whole(server->pg)->servers[server->role].connections)
        if (connection_of(node)->state == LINK_UP)
            leave(connection_of(node), reason);
}

void server_begins_timeline(struct server *server, unsigned long timeline)
{
    server->timeline = timeline;
    LIST_FOR_EACH (node, &server->connections) {
        unsigned long other = connection_of(node)->session.timeline;
        if (other > 0 && other < timeline)
            leave(connection_of(node), SERVER_IS_FORMER);
    }
}
