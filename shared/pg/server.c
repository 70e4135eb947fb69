#include "shared/pg/server.h"

#include <string.h>

#include "shared/base/clock.h"
#include "shared/pg/connect.h"
#include "shared/pg/internal.h"

static struct connection *connection_of(struct list *node)
{
    return LIST_ENTRY(node, struct connection, of_server);
}

void server_away(struct server *server, bool looked)
{
    struct pg *pg = server->pg;
    bool was_away = server->away;
    server->away = true;
    if (server->role == PG_PRIMARY && pg->servers[PG_STANDBY].conninfo && !was_away)
        trouble_tell(pg, PG_TROUBLE_NO_PRIMARY, "", "",
                     pg->servers[PG_STANDBY].up > 0
                         ? "no primary is found: reads come from a standby, changes are refused"
                         : "no primary is found, and no standby: nobody is answered");
    /* It was there, and a pooler keeps connections whose server is gone. */
    if (pg->pooled && looked && !server->left && server->was_up) {
        server->left = true;
        server_leave(server, "past the pooler no primary is found");
    }
    pg_came_up(pg); /* that is ready, too */
}

void server_back(struct server *server)
{
    struct pg *pg = server->pg;
    if (!server->away)
        return;
    server->away = server->left = false;
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

void server_leave(struct server *server, const char *reason)
{
    LIST_FOR_EACH (node, &pg_whole(server->pg)->servers[server->role].connections)
        if (connection_of(node)->state == LINK_UP)
            connection_leave(connection_of(node), reason);
}

const char *server_setting(const struct server *server)
{
    return server->pg->pooled           ? "database_listen"
           : server->role == PG_STANDBY ? "database_standby"
                                        : "database";
}

void server_tell(struct server *server, enum pg_trouble_kind kind, const char *reason)
{
    char text[PG_ERROR_BYTES_MAX + 256], advice[192] = "";
    const char *setting = server_setting(server);
    snprintf(server->error, sizeof(server->error), "%.*s", (int)strcspn(reason, "\n"), reason);
    bool is_named = strcmp(setting, "database") != 0;
    if (kind == PG_TROUBLE_ELSEWHERE) {
        server->elsewhere_us = clock_monotonic_us();
        snprintf(advice, sizeof(advice),
                 ". Nothing else is found: lead %s back, or, when the database is there for good,"
                 " start this program anew",
                 setting);
    }
    snprintf(text, sizeof(text), "%s%s%s%s", is_named ? setting : "", is_named ? ": " : "",
             server->error, advice);
    if (kind == PG_TROUBLE_REFUSED)
        pg_refuse(server->pg, text);
    trouble_tell(server->pg, kind, "", "", text);
}

bool server_is_elsewhere(const struct server *server)
{
    return server->up == 0 && server->elsewhere_us > 0 &&
           clock_monotonic_us() - server->elsewhere_us < PG_ELSEWHERE_US;
}

/* ---- the cluster ---- */

/* Two were promoted at once, or the standby has nothing of the timeline yet: its server may show it, its tables do not. A primary
 * without a mark could not note it, or is only read from through a pooler: what it has is its start, or nothing, which is no other. */
static bool is_of_another(const struct connection *connection, const struct cluster *cluster)
{
    const struct session *session = &connection->session;
    const struct cluster *met = &session->cluster;
    bool tells = session->has_timelines && session->step > SESSION_TIMELINE;
    if (!tells || met->timeline != cluster->timeline || cluster->mark == 0)
        return false;
    bool is_marked = met->mark != 0 || connection->server->role == PG_STANDBY;
    return is_marked ? met->mark != cluster->mark : met->primary != cluster->primary;
}

/* NULL when the connection leads to it, and to its newest timeline. */
static const char *reason_against(const struct connection *connection,
                                  const struct cluster *cluster, char text[PG_ERROR_BYTES_MAX])
{
    const struct cluster *met = &connection->session.cluster;
    if (met->system != cluster->system)
        snprintf(text, PG_ERROR_BYTES_MAX,
                 "%s is of another cluster: its system identifier is %lld, and not %lld",
                 PQhost(connection->conn), (long long)met->system, (long long)cluster->system);
    else if (met->timeline < cluster->timeline && connection->server->role == PG_STANDBY)
        snprintf(text, PG_ERROR_BYTES_MAX,
                 "%s shows timeline %lu: it is not used before it shows timeline %lu",
                 PQhost(connection->conn), met->timeline, cluster->timeline);
    else if (met->timeline < cluster->timeline)
        return "this was the primary before another server was promoted";
    else if (is_of_another(connection, cluster))
        snprintf(text, PG_ERROR_BYTES_MAX,
                 connection->server->role == PG_STANDBY
                     ? "%s does not follow the primary, or does not yet: it has not what was noted"
                       " there of timeline %lu"
                     : "%s was promoted beside the primary that this program is at, to the same"
                       " timeline %lu: end one of the two, and make it anew",
                 PQhost(connection->conn), met->timeline);
    else if (met->timeline == cluster->timeline && met->primary && cluster->primary &&
             met->primary != cluster->primary &&
             (connection->server->pg->pooled || connection->state == LINK_UP))
        snprintf(text, PG_ERROR_BYTES_MAX,
                 "%s is another server than the one that database leads to now, or that one was"
                 " started anew",
                 PQhost(connection->conn));
    else
        return NULL;
    return text;
}

static const char *why_not(const struct connection *connection, const struct cluster *cluster,
                           char text[PG_ERROR_BYTES_MAX])
{
    const char *why = reason_against(connection, cluster, text);
    connection->server->is_behind = why && connection->server->role == PG_STANDBY &&
                                    connection->session.cluster.system == cluster->system;
    return why;
}

static void leave_others(struct pg *pg)
{
    char text[PG_ERROR_BYTES_MAX];
    for (size_t i = 0; i < PG_ROLES; i++) {
        LIST_FOR_EACH (node, &pg->servers[i].connections) {
            struct connection *connection = connection_of(node);
            bool is_known = connection->session.cluster.system != 0;
            const char *why = is_known ? why_not(connection, &pg->cluster, text) : NULL;
            if (why)
                connection_leave(connection, why);
        }
    }
}

bool cluster_admit(struct connection *connection)
{
    struct pg *pg = pg_whole(connection->pg);
    struct cluster *cluster = &pg->cluster;
    const struct cluster *met = &connection->session.cluster;
    char text[PG_ERROR_BYTES_MAX];
    bool is_first = cluster->system == 0, leads = connection->server == &pg->servers[PG_PRIMARY];
    bool decides = !pg->cluster_is_sure && leads;
    if (is_first || (decides && met->system != cluster->system))
        *cluster = (struct cluster){.system = met->system};
    pg->cluster_is_sure |= decides;
    const struct cluster known = *cluster;
    if (leads && met->system == cluster->system && met->timeline == cluster->timeline &&
        connection->session.step > SESSION_TIMELINE) {
        /* Of two that were promoted at once, the one that this program is at. */
        if (connection->session.has_timelines &&
            (cluster->mark == 0 || connection->server->up == 0))
            cluster->mark = met->mark;
        if (!is_of_another(connection, cluster))
            cluster->primary = met->primary;
    }
    const char *why = why_not(connection, cluster, text);
    if (why) {
        const struct server *server = connection->server;
        /* Before, another host may be the right one, and a moment away. */
        bool elsewhere = met->system != cluster->system && server == &pg->servers[PG_PRIMARY] &&
                         server->up == 0 &&
                         clock_monotonic_us() - server->away_us >= PG_ELSEWHERE_AFTER_US;
        connection_give_up(connection, elsewhere ? PG_TROUBLE_ELSEWHERE : PG_TROUBLE_CONNECTION,
                           why);
        return false;
    }
    if (met->timeline != known.timeline)
        *cluster =
            (struct cluster){met->system, met->timeline, leads ? met->mark : 0, met->primary};
    bool is_other =
             met->timeline != known.timeline || (known.mark != 0 && cluster->mark != known.mark),
         is_led_elsewhere = is_other || cluster->primary != known.primary;
    if (!is_led_elsewhere && cluster->mark == known.mark)
        return true;
    /* The new primary may have less than the one before was to have. */
    if (is_other)
        pg->flushed.now[0] = pg->flushed.before[0] = pg->end[0] = '\0';
    leave_others(pg);
    if (!is_first && is_led_elsewhere)
        server_look(&pg->servers[PG_PRIMARY]);
    return true;
}
