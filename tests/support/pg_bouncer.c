#include "tests/support/pg_bouncer.h"

#include <libpq-fe.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PG_BOUNCER "/usr/sbin/pgbouncer"
#define READY_TRIES 1000 /* of 10 ms */

bool pg_bouncer_is_installed(void)
{
    return access(PG_BOUNCER, X_OK) == 0;
}

static void die(const char *what) __attribute__((noreturn));

static void die(const char *what)
{
    fprintf(stderr, "pg_bouncer: %s\n", what);
    exit(1);
}

static FILE *file_in(const char *folder, const char *name)
{
    char path[96];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "we");
    if (!file)
        die(path);
    return file;
}

/* As the user that the cluster's folder belongs to: pgbouncer refuses root. */
static void child_exec(const char *path, const struct stat *folder)
{
    if (geteuid() == 0 && (setgid(folder->st_gid) != 0 || setuid(folder->st_uid) != 0))
        _exit(126);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* after setuid, which clears it */
    execl(PG_BOUNCER, PG_BOUNCER, "-q", path, (char *)NULL);
    _exit(127);
}

static void write_files(const char *folder, const char *pool_mode, unsigned pool_size)
{
    FILE *users = file_in(folder, "bouncer.users");
    fputs("\"postgres\" \"\"\n\"pek_app\" \"\"\n\"app\" \"\"\n", users);
    fclose(users);
    FILE *ini = file_in(folder, "bouncer.ini");
    fprintf(
        ini,
        "[databases]\npostgres = host=%s\n"
        "[pgbouncer]\nunix_socket_dir = %s\nlisten_port = " PG_BOUNCER_PORT "\n"
        "auth_type = trust\nauth_file = %s/bouncer.users\npool_mode = %s\n"
        "default_pool_size = %u\nserver_login_retry = 1\n", /* docs/operations.md; 15 by itself */
        folder, folder, folder, pool_mode, pool_size);
    fclose(ini);
}

pid_t pg_bouncer_start(const struct pg_cluster *cluster, const char *pool_mode)
{
    return pg_bouncer_start_narrow(cluster, pool_mode, 20); /* its own default */
}

pid_t pg_bouncer_start_narrow(const struct pg_cluster *cluster, const char *pool_mode,
                              unsigned pool_size)
{
    const char *folder = pg_cluster_folder(cluster);
    char path[96], conninfo[192];
    write_files(folder, pool_mode, pool_size);
    snprintf(path, sizeof(path), "%s/bouncer.ini", folder);
    snprintf(conninfo, sizeof(conninfo),
             "host=%s port=" PG_BOUNCER_PORT " user=postgres dbname=postgres", folder);
    struct stat info;
    if (stat(folder, &info) != 0)
        die(folder);
    pid_t pid = fork();
    if (pid == 0)
        child_exec(path, &info);
    /* It tells nobody that it is ready, so it is asked; between two questions its end is awaited. */
    struct pollfd exited = {.fd = pidfd_open(pid, 0), .events = POLLIN};
    bool ready = false;
    for (int try = 0; !ready && try < READY_TRIES && poll(&exited, 1, 10) == 0; try++)
        ready = PQping(conninfo) == PQPING_OK;
    close(exited.fd);
    if (ready)
        return pid;
    die("it did not come up");
}

void pg_bouncer_stop(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}
