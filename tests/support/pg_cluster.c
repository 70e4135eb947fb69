#include "tests/support/pg_cluster.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <grp.h>
#include <libpq-fe.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define BIN_PATTERN "/usr/lib/postgresql/*/bin/postgres"
#define READY_TRIES 3000 /* of 10 ms */

struct pg_cluster {
    char folder[64];
    char data[80];
    char conninfo[192];
    uid_t uid; /* whom the server runs as; 0: as ourselves */
    gid_t gid;
    pid_t pid;        /* the postmaster, 0 when down */
    char address[32]; /* that it listens at besides its socket, port 5432; "": none */
};

static void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

static void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("pg_cluster: ", stderr);
    vfprintf(stderr, format, args);
    fputs("\n", stderr);
    va_end(args);
    exit(1);
}

/* The path of one of PostgreSQL's programs, of the newest release that is installed. */
static void program_path(char *ret_path, size_t bytes, const char *program)
{
    static long newest;
    glob_t found;
    if (newest == 0 && glob(BIN_PATTERN, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            long release = strtol(found.gl_pathv[i] + strcspn(BIN_PATTERN, "*"), NULL, 10);
            newest = release > newest ? release : newest;
        }
        globfree(&found);
    }
    if (newest == 0)
        die("PostgreSQL is not installed: ./dev setup does");
    snprintf(ret_path, bytes, "/usr/lib/postgresql/%ld/bin/%s", newest, program);
}

/* Only what is safe between fork and exec. */
static void child_exec(const struct pg_cluster *cluster, int log_fd, char *const argv[])
{
    if (cluster->uid != 0 &&
        (setgroups(0, NULL) != 0 || setgid(cluster->gid) != 0 || setuid(cluster->uid) != 0))
        _exit(126);
    /* After setuid, which clears it. SIGQUIT is PostgreSQL's immediate shutdown. */
    prctl(PR_SET_PDEATHSIG, SIGQUIT);
    setsid(); /* a Ctrl-C at the test is the test's to handle */
    dup2(log_fd, STDOUT_FILENO);
    dup2(log_fd, STDERR_FILENO);
    if (chdir("/") != 0)
        _exit(126);
    execv(argv[0], argv);
    _exit(127);
}

static pid_t spawn(const struct pg_cluster *cluster, char *const argv[])
{
    char log[96];
    snprintf(log, sizeof(log), "%s/log", cluster->folder);
    int log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (log_fd < 0)
        return -1;
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        if (getppid() != parent)
            _exit(125);
        child_exec(cluster, log_fd, argv);
    }
    close(log_fd);
    return pid;
}

static void print_log(const struct pg_cluster *cluster)
{
    char log[96];
    char line[512];
    snprintf(log, sizeof(log), "%s/log", cluster->folder);
    FILE *file = fopen(log, "re");
    if (!file)
        return;
    while (fgets(line, sizeof(line), file))
        fprintf(stderr, "postgres: %s", line);
    fclose(file);
}

static bool run_to_end(const struct pg_cluster *cluster, char *const argv[])
{
    pid_t pid = spawn(cluster, argv);
    int status = -1;
    if (pid > 0 && waitpid(pid, &status, 0) == pid && status == 0)
        return true;
    print_log(cluster);
    return false;
}

static bool run_initdb(struct pg_cluster *cluster)
{
    char data[96];
    char bin[128];
    program_path(bin, sizeof(bin), "initdb");
    snprintf(data, sizeof(data), "--pgdata=%s", cluster->data);
    char user[] = "--username=postgres";
    char no_sync[] = "--no-sync";
    char auth[] = "--auth=trust";
    char encoding[] = "--encoding=UTF8";
    char locale[] = "--locale=C.UTF-8";
    char *argv[] = {bin, data, user, no_sync, auth, encoding, locale, NULL};
    return run_to_end(cluster, argv);
}

/* The server tells nobody that it is ready, so it is asked; between two questions its end is awaited. */
static bool wait_until_ready(struct pg_cluster *cluster)
{
    struct pollfd exited = {.fd = pidfd_open(cluster->pid, 0), .events = POLLIN};
    bool ready = false;
    for (int try = 0; !ready && try < READY_TRIES; try++) {
        if (poll(&exited, 1, 10) > 0) {
            waitpid(cluster->pid, NULL, 0);
            cluster->pid = 0;
            break;
        }
        ready = PQping(cluster->conninfo) == PQPING_OK;
    }
    close(exited.fd);
    return ready;
}

static bool server_launch(struct pg_cluster *cluster)
{
    static const char *const settings[] = {
        "fsync=off",           "full_page_writes=off",   "autovacuum=off",
        "max_connections=100", "shared_buffers=32MB",    "wal_level=replica",
        "max_wal_senders=4",   "log_min_messages=fatal", "unix_socket_permissions=0777",
    };
    enum { COUNT = sizeof(settings) / sizeof(settings[0]) };
    char bin[128];
    char dash_d[] = "-D";
    char dash_k[] = "-k";
    char dash_c[] = "-c";
    char values[COUNT][48];
    char listen[64];
    char *argv[8 + 2 * COUNT];
    size_t count = 0;
    program_path(bin, sizeof(bin), "postgres");
    argv[count++] = bin;
    argv[count++] = dash_d;
    argv[count++] = cluster->data;
    argv[count++] = dash_k;
    argv[count++] = cluster->folder;
    snprintf(listen, sizeof(listen), "listen_addresses=%s", cluster->address);
    argv[count++] = dash_c;
    argv[count++] = listen;
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(values[i], sizeof(values[i]), "%s", settings[i]);
        argv[count++] = dash_c;
        argv[count++] = values[i];
    }
    argv[count] = NULL;
    cluster->pid = spawn(cluster, argv);
    if (cluster->pid < 0)
        return false;
    if (wait_until_ready(cluster))
        return true;
    print_log(cluster);
    return false;
}

static void server_end(struct pg_cluster *cluster, int signal_number)
{
    if (cluster->pid == 0)
        return;
    kill(cluster->pid, signal_number);
    waitpid(cluster->pid, NULL, 0);
    cluster->pid = 0;
}

static bool choose_user(struct pg_cluster *cluster)
{
    if (geteuid() != 0)
        return true;
    static const char *const names[] = {"postgres", "nobody"};
    struct passwd entry;
    struct passwd *user = NULL;
    char strings[1024];
    for (size_t i = 0; !user && i < 2; i++)
        if (getpwnam_r(names[i], &entry, strings, sizeof(strings), &user) != 0)
            user = NULL;
    if (!user)
        return false;
    cluster->uid = user->pw_uid;
    cluster->gid = user->pw_gid;
    return chown(cluster->folder, cluster->uid, cluster->gid) == 0;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
    (void)info;
    (void)type;
    (void)ftw;
    return remove(path);
}

struct pg_cluster *pg_cluster_start(void)
{
    struct pg_cluster *cluster = calloc(1, sizeof(*cluster));
    if (!cluster)
        return NULL;
    const char *tmp = getenv("TMPDIR");
    if (!tmp || strlen(tmp) > 32) /* a socket's path must fit 107 bytes */
        tmp = "/tmp";
    snprintf(cluster->folder, sizeof(cluster->folder), "%s/pek-pg-XXXXXX", tmp);
    if (!mkdtemp(cluster->folder)) {
        perror("pg_cluster: mkdtemp");
        free(cluster);
        return NULL;
    }
    chmod(cluster->folder, 0755);
    snprintf(cluster->data, sizeof(cluster->data), "%s/data", cluster->folder);
    pg_cluster_conninfo_for(cluster, NULL, NULL, cluster->conninfo, sizeof(cluster->conninfo));
    if (choose_user(cluster) && run_initdb(cluster) && server_launch(cluster))
        return cluster;
    fputs("pg_cluster: the server did not come up\n", stderr);
    return pg_cluster_stop(cluster);
}

struct pg_cluster *pg_cluster_stop(struct pg_cluster *cluster)
{
    if (!cluster)
        return NULL;
    server_end(cluster, SIGQUIT);
    nftw(cluster->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(cluster);
    return NULL;
}

const char *pg_cluster_conninfo(const struct pg_cluster *cluster)
{
    return cluster->conninfo;
}

void pg_cluster_conninfo_for(const struct pg_cluster *cluster, const char *user,
                             const char *database, char *ret_conninfo, size_t bytes)
{
    snprintf(ret_conninfo, bytes, "host=%s user=%s dbname=%s", cluster->folder,
             user ? user : "postgres", database ? database : "postgres");
}

static PGresult *run_sql(const char *conninfo, const char *sql, PGconn **ret_conn)
{
    PGconn *conn = PQconnectdb(conninfo);
    if (PQstatus(conn) != CONNECTION_OK)
        die("%s", PQerrorMessage(conn));
    PGresult *result = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        die("%s: %s", sql, PQerrorMessage(conn));
    *ret_conn = conn;
    return result;
}

void pg_cluster_execute(const struct pg_cluster *cluster, const char *sql)
{
    PGconn *conn;
    PQclear(run_sql(cluster->conninfo, sql, &conn));
    PQfinish(conn);
}

void pg_cluster_query(const struct pg_cluster *cluster, const char *sql, char *ret_value,
                      size_t bytes)
{
    pg_cluster_query_in(cluster, NULL, sql, ret_value, bytes);
}

void pg_cluster_query_in(const struct pg_cluster *cluster, const char *database, const char *sql,
                         char *ret_value, size_t bytes)
{
    PGconn *conn;
    char conninfo[192];
    pg_cluster_conninfo_for(cluster, NULL, database, conninfo, sizeof(conninfo));
    PGresult *result = run_sql(conninfo, sql, &conn);
    bool any = PQntuples(result) > 0 && PQnfields(result) > 0;
    snprintf(ret_value, bytes, "%s", any ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    PQfinish(conn);
}

void pg_cluster_down(struct pg_cluster *cluster)
{
    server_end(cluster, SIGINT);
}

void pg_cluster_kill(struct pg_cluster *cluster)
{
    server_end(cluster, SIGQUIT);
}

void pg_cluster_launch(struct pg_cluster *cluster)
{
    if (!server_launch(cluster))
        die("the server did not come up");
}

void pg_cluster_run(const struct pg_cluster *cluster, const char *program, const char *const *args)
{
    char path[128];
    char *argv[PG_CLUSTER_ARGS_MAX + 2] = {path};
    program_path(path, sizeof(path), program);
    for (size_t i = 0; args[i]; i++) {
        if (i == PG_CLUSTER_ARGS_MAX)
            die("%s: too many arguments", program);
        argv[i + 1] = (char *)(uintptr_t)args[i];
    }
    if (!run_to_end(cluster, argv))
        die("%s failed", program);
}

const char *pg_cluster_folder(const struct pg_cluster *cluster)
{
    return cluster->folder;
}

void pg_cluster_follow(struct pg_cluster *cluster, const struct pg_cluster *primary)
{
    server_end(cluster, SIGQUIT);
    nftw(cluster->data, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    /* -R leaves standby.signal and the way to the primary. */
    pg_cluster_run(cluster, "pg_basebackup",
                   (const char *[]){"-D", cluster->data, "-d", primary->conninfo, "-R", "-X",
                                    "stream", "-c", "fast", "--no-sync", NULL});
    pg_cluster_launch(cluster);
}

void pg_cluster_promote(struct pg_cluster *cluster)
{
    pg_cluster_execute(cluster, "SELECT pg_promote(true, 60)");
}

void pg_cluster_restart(struct pg_cluster *cluster)
{
    pg_cluster_down(cluster);
    pg_cluster_launch(cluster);
}

void pg_cluster_listen(struct pg_cluster *cluster, const char *address)
{
    snprintf(cluster->address, sizeof(cluster->address), "%s", address);
    pg_cluster_restart(cluster);
}

/* The postmaster and the backends that it has forked. */
static void signal_all(const struct pg_cluster *cluster, int signal_number)
{
    char path[64];
    int child;
    kill(cluster->pid, signal_number);
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)cluster->pid, (int)cluster->pid);
    FILE *file = fopen(path, "re");
    if (!file)
        die("%s: %s", path, strerror(errno));
    while (fscanf(file, "%d", &child) == 1)
        kill(child, signal_number);
    fclose(file);
}

void pg_cluster_pause(struct pg_cluster *cluster)
{
    signal_all(cluster, SIGSTOP);
}

void pg_cluster_resume(struct pg_cluster *cluster)
{
    signal_all(cluster, SIGCONT);
}
