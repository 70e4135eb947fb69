/* Whether a database can be used, asked once: for programs that check their configuration. */
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "shared/base/clock.h"
#include "shared/pg/internal.h"

#define PATIENCE_MS 15000
#define LOOK_MS 5

struct probe {
    struct pg *pg;
    struct pg_listener *listener;
    uv_loop_t loop;
    bool listens;
    enum status status;
    const struct server *failed; /* NULL: none */
};

static void on_notify(void *arg, struct slice channel, struct slice payload)
{
    (void)arg, (void)channel, (void)payload;
}

static void on_lost(void *arg)
{
    (void)arg;
}

static void on_listening(void *arg)
{
    ((struct probe *)arg)->listens = true;
}

static bool is_ready(const struct probe *probe)
{
    return pg_is_ready(probe->pg) && !pg_is_without_primary(probe->pg);
}

static bool is_listening(const struct probe *probe)
{
    return probe->listens;
}

static bool has_standby(const struct probe *probe)
{
    const struct server *standby = &probe->pg->servers[PG_STANDBY];
    return standby->up > 0 || !standby->conninfo;
}

/* Each host is tried once: whoever checks a configuration does not wait for a server to come. A standby may be a moment behind what the
 * check itself noted at the primary. */
static bool await(struct probe *probe, const struct server *server,
                  bool (*is_there)(const struct probe *probe), int64_t deadline_us)
{
    while (!is_there(probe)) {
        bool refused = server->pg->refusal[0] != '\0';
        if (refused || (server->away && !server->is_behind) ||
            clock_monotonic_us() >= deadline_us) {
            probe->failed = server;
            probe->status = refused ? STATUS_FAILED_PRECONDITION : STATUS_UNAVAILABLE;
            return false;
        }
        fiber_sleep_ms(LOOK_MS);
    }
    return true;
}

static void look(void *arg)
{
    static const struct pg_listener_events events = {on_notify, on_lost, on_listening};
    struct probe *probe = arg;
    struct pg *pg = probe->pg, *listens = pg->direct ? pg->direct : pg;
    int64_t deadline_us = deadline_after_ms(PATIENCE_MS);
    probe->status = STATUS_OK;
    if (await(probe, &pg->servers[PG_PRIMARY], is_ready, deadline_us))
        probe->status = pg_listen(pg, "pek_probe", &events, probe, &probe->listener);
    if (probe->status == STATUS_OK &&
        await(probe, &listens->servers[PG_PRIMARY], is_listening, deadline_us))
        (void)await(probe, &pg->servers[PG_STANDBY], has_standby, deadline_after_ms(PATIENCE_MS));
    uv_stop(&probe->loop);
}

static enum status run(struct probe *probe, struct fibers *fibers, const struct pg_options *options,
                       struct fault *fault)
{
    enum status status = pg_new(fibers, options, &probe->pg, fault);
    if (status != STATUS_OK)
        return status;
    status = fiber_go(fibers, look, probe);
    while (status == STATUS_OK && fibers_count(fibers) > 0)
        uv_run(&probe->loop, UV_RUN_DEFAULT);
    if (status == STATUS_OK)
        status = probe->status;
    if (status != STATUS_OK) {
        const struct server *failed =
            probe->failed ? probe->failed : &probe->pg->servers[PG_PRIMARY];
        status = fault_set(fault, status, server_setting(failed), "%s",
                           failed->error[0] ? failed->error : "no answer in time");
    }
    pg_listener_free(probe->listener);
    pg_free(probe->pg);
    return status;
}

/* What pg_new would say of it without its setting's name. */
static enum status inspect(const char *setting, const char *conninfo, enum pg_role role,
                           struct fault *fault)
{
    struct connect_hosts hosts;
    struct fault why;
    if (!conninfo || (conninfo[0] == '\0' && strcmp(setting, "database") != 0))
        return STATUS_OK;
    enum status status = connect_inspect(conninfo, role, &hosts, &why);
    if (status != STATUS_OK)
        return fault_set(fault, status, setting, "%s", why.text);
    connect_hosts_done(&hosts);
    return STATUS_OK;
}

enum status pg_probe(const struct pg_options *options, struct fault *fault)
{
    struct probe probe = {.status = STATUS_INTERNAL};
    struct fibers *fibers;
    struct pg_options one = *options;
    PEK_TRY(inspect("database", options->conninfo, PG_PRIMARY, fault));
    PEK_TRY(inspect("database_listen", options->listen_conninfo, PG_PRIMARY, fault));
    PEK_TRY(inspect("database_standby", options->standby_conninfo, PG_STANDBY, fault));
    if (uv_loop_init(&probe.loop) != 0)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, "database", "out of memory");
    one.on_trouble = NULL;
    one.read_max = one.long_read_max = one.transaction_max = 1;
    enum status status = fibers_new(&probe.loop, NULL, &fibers);
    if (status == STATUS_OK) {
        status = run(&probe, fibers, &one, fault);
        fibers_free(fibers);
    }
    /* The first returns at once: the loop was stopped. */
    uv_run(&probe.loop, UV_RUN_DEFAULT);
    uv_run(&probe.loop, UV_RUN_DEFAULT);
    uv_loop_close(&probe.loop);
    return status;
}

/* To be freed; NULL when it says none. */
static char *database_name(const char *conninfo)
{
    PQconninfoOption *parsed = PQconninfoParse(conninfo, NULL);
    char *name = NULL;
    for (const PQconninfoOption *option = parsed; option && option->keyword; option++)
        if (strcmp(option->keyword, "dbname") == 0 && option->val)
            name = strdup(option->val);
    PQconninfoFree(parsed);
    return name;
}

bool pg_names_agree(const char *conninfo, const char *other)
{
    char *name = database_name(conninfo), *other_name = database_name(other);
    bool agree = !name || !other_name || strcmp(name, other_name) == 0;
    free(name);
    free(other_name);
    return agree;
}

enum status pg_check_standby(const char *conninfo, const char *standby, struct fault *fault)
{
    struct connect_hosts hosts;
    if (standby[0] == '\0')
        return STATUS_OK;
    PEK_TRY(connect_inspect(standby, PG_STANDBY, &hosts, fault));
    connect_hosts_done(&hosts);
    return pg_names_agree(conninfo, standby)
               ? STATUS_OK
               : fault_set(fault, STATUS_INVALID_ARGUMENT, NULL, "it is another database");
}
