/* Whether a database can be used, asked once: for programs that check their configuration. */
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "shared/base/clock.h"
#include "shared/pg/connect.h"

#define PATIENCE_MS 5000

struct probe {
    struct pg *pg;
    struct pg_listener *listener;
    struct fiber_event listening;
    uv_loop_t loop;
    struct cancel cancel;
    enum status status;
};

/* What the first try meets is the answer: whoever checks a configuration does not wait for a server to come. */
static void end_at_trouble(void *arg, const struct pg_trouble *trouble)
{
    struct probe *probe = arg;
    if (trouble->kind == PG_TROUBLE_CONNECTION || probe->listener)
        cancel_fire(&probe->cancel);
}

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
    fiber_event_signal(&((struct probe *)arg)->listening);
}

static void wait_until_ready(void *arg)
{
    static const struct pg_listener_events events = {on_notify, on_lost, on_listening};
    struct probe *probe = arg;
    probe->status = pg_wait_ready(probe->pg, &probe->cancel);
    if (probe->status == STATUS_OK)
        probe->status = pg_listen(probe->pg, "pek_probe", &events, probe, &probe->listener);
    if (probe->status == STATUS_OK)
        probe->status = fiber_event_wait_cancel(&probe->listening, &probe->cancel);
    uv_stop(&probe->loop);
}

static enum status run(struct probe *probe, struct fibers *fibers, const struct pg_options *options,
                       struct fault *fault)
{
    enum status status = pg_new(fibers, options, &probe->pg, fault);
    if (status != STATUS_OK)
        return status;
    status = fiber_go(fibers, wait_until_ready, probe);
    while (status == STATUS_OK && fibers_count(fibers) > 0)
        uv_run(&probe->loop, UV_RUN_DEFAULT);
    if (status == STATUS_OK)
        status = probe->status;
    const char *why = pg_refusal(probe->pg);
    if (status != STATUS_OK)
        status = fault_set(fault, why[0] ? STATUS_FAILED_PRECONDITION : status, NULL, "%s",
                           why[0] ? why : pg_last_error(probe->pg));
    pg_listener_free(probe->listener);
    pg_free(probe->pg);
    return status;
}

enum status pg_probe(const struct pg_options *options, struct fault *fault)
{
    struct probe probe = {.status = STATUS_INTERNAL};
    struct fibers *fibers;
    struct pg_options one = *options;
    if (uv_loop_init(&probe.loop) != 0)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    cancel_init(&probe.cancel, deadline_after_ms(PATIENCE_MS));
    one.standby_conninfo = NULL; /* it may be away */
    one.on_trouble = end_at_trouble;
    one.arg = &probe;
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
