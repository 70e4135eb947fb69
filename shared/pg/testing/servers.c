#include "shared/pg/testing/servers.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct pg_cluster *primary, *standby, *third;

int servers_start(size_t count)
{
    struct pg_cluster **const all[] = {&primary, &standby, &third};
    for (size_t i = 0; i < count; i++)
        if (!(*all[i] = pg_cluster_start()))
            return -1;
    pg_cluster_execute(primary, "CREATE TABLE counter AS SELECT 0::bigint AS n");
    return 0;
}

int servers_stop(void **state)
{
    (void)state;
    primary = pg_cluster_stop(primary);
    standby = pg_cluster_stop(standby);
    third = pg_cluster_stop(third);
    return 0;
}

void servers_conninfo(const struct pg_cluster *first, const struct pg_cluster *second,
                      const char *port, char ret_conninfo[SERVERS_CONNINFO_BYTES])
{
    snprintf(ret_conninfo, SERVERS_CONNINFO_BYTES,
             "host=%s%s%s port=%s user=postgres dbname=postgres", pg_cluster_folder(first),
             second ? "," : "", second ? pg_cluster_folder(second) : "", port ? port : "5432");
}

/* ---- the counter ---- */

const struct pg_statement count_up = {"count_up", "UPDATE counter SET n = n + 1"};
const struct pg_statement look = {"look", "SELECT n, pg_is_in_recovery() FROM counter"};

enum status see(struct fiber_run *run, enum pg_lane lane, struct seen *ret_seen)
{
    struct pg_result *rows;
    PEK_TRY(pg_read(run->pg, lane, NULL, &look, NULL, 0, &rows));
    *ret_seen = (struct seen){pg_get_int(rows, 0, 0), pg_get_bool(rows, 0, 1)};
    pg_result_free(rows);
    return STATUS_OK;
}

struct seen must_see(struct fiber_run *run, enum pg_lane lane)
{
    struct seen seen;
    enum status status = see(run, lane, &seen);
    if (status != STATUS_OK)
        fail_msg("%s %s", status_name(status), pg_last_error(run->pg));
    return seen;
}

int64_t counted(const struct pg_cluster *cluster)
{
    char text[24];
    pg_cluster_query(cluster, "SELECT n FROM counter", text, sizeof(text));
    return strtoll(text, NULL, 10);
}

bool reads_at_standby(struct fiber_run *run)
{
    struct seen seen;
    return see(run, PG_LONG_READ, &seen) == STATUS_OK && seen.at_standby;
}

bool writes(struct fiber_run *run)
{
    return pg_write(run->pg, NULL, &count_up, NULL, 0, NULL) == STATUS_OK && pg_is_ready(run->pg);
}

bool is_alone(struct fiber_run *run)
{
    return pg_is_without_primary(run->pg);
}

bool is_ready_alone(struct fiber_run *run)
{
    return is_alone(run) && pg_is_ready(run->pg);
}

bool is_true_at(const struct pg_cluster *cluster, const char *sql)
{
    char text[8];
    pg_cluster_query(cluster, sql, text, sizeof(text));
    return text[0] == 't';
}

bool standby_hears_nobody(struct fiber_run *run)
{
    (void)run;
    return is_true_at(standby, "SELECT count(*) = 0 FROM pg_stat_wal_receiver");
}

/* ---- who may come in ---- */

void close_door(const struct pg_cluster *cluster, bool closed)
{
    char names[2][128];
    snprintf(names[0], sizeof(names[0]), "%s/.s.PGSQL.5432", pg_cluster_folder(cluster));
    snprintf(names[1], sizeof(names[1]), "%s/closed", pg_cluster_folder(cluster));
    assert_int_equal(rename(names[!closed], names[closed]), 0);
}

void backends_of(const struct pg_cluster *cluster, const char *kind, char *ret_pids, size_t bytes)
{
    char sql[192];
    snprintf(sql, sizeof(sql),
             "SELECT string_agg(pid::text, ' ') FROM pg_stat_activity"
             " WHERE application_name LIKE 'pek %s'",
             kind);
    pg_cluster_query(cluster, sql, ret_pids, bytes);
}

void end_backends(const char *pids)
{
    struct slice rest = slice_str(pids);
    while (rest.len > 0)
        assert_int_equal(kill((pid_t)strtol(slice_cut(&rest, ' ').ptr, NULL, 10), SIGTERM), 0);
}

/* ---- what is told ---- */

struct told told = {.of = ""};

void tell_of(const char *of)
{
    told = (struct told){.of = of};
}

void on_told(void *arg, const struct pg_trouble *trouble)
{
    (void)arg;
    if (!strstr(trouble->text, told.of))
        return;
    snprintf(told.text, sizeof(told.text), "%s", trouble->text);
    told.count++;
}

bool is_told(struct fiber_run *run)
{
    (void)run;
    return told.count > 0;
}

struct heard heard;

static void on_notify(void *arg, struct slice channel, struct slice payload)
{
    (void)arg, (void)channel;
    snprintf(heard.payload, sizeof(heard.payload), "%.*s", (int)payload.len, payload.ptr);
    heard.count++;
}

static void on_lost(void *arg)
{
    (void)arg;
    heard.listens = false;
}

static void on_listening(void *arg)
{
    (void)arg;
    heard.listens = true;
}

bool is_listening(struct fiber_run *run)
{
    (void)run;
    return heard.listens;
}

bool has_heard(struct fiber_run *run)
{
    (void)run;
    return heard.count > 0;
}

void run_listening(struct fiber_run *run, struct pg *pg, const char *channel,
                   void (*body)(struct fiber_run *run))
{
    static const struct pg_listener_events events = {on_notify, on_lost, on_listening};
    struct pg_listener *listener;
    heard = (struct heard){0};
    assert_int_equal(pg_listen(pg, channel, &events, NULL, &listener), STATUS_OK);
    body(run);
    pg_listener_free(listener);
}
