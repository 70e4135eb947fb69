#include "tests/support/redis_server.h"

#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 10000

struct redis_server {
    char folder[64];
    char socket[96];
    char url[112];
    char password[64];
    char config[96];
    bool is_sentinel;
    pid_t pid;
};

static void give_up(const char *what) __attribute__((noreturn));

static void give_up(const char *what)
{
    fprintf(stderr, "redis_server: %s\n", what);
    exit(1);
}

static int try_connect(const struct redis_server *server)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", server->socket);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

void redis_server_launch(struct redis_server *server)
{
    pid_t parent = getpid();
    server->pid = fork();
    if (server->pid < 0)
        give_up("cannot fork");
    if (server->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent || !freopen("/dev/null", "we", stdout))
            _exit(1);
        execlp("redis-server", "redis-server", server->config,
               server->is_sentinel ? "--sentinel" : (char *)NULL, (char *)NULL);
        _exit(127);
    }
    for (int waited_ms = 0; waited_ms < PATIENCE_MS; waited_ms += 5) {
        int fd = try_connect(server);
        if (fd >= 0) {
            close(fd);
            return;
        }
        if (waitpid(server->pid, NULL, WNOHANG) != 0)
            give_up("it ended; is redis-server installed?");
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    give_up("it does not answer");
}

static struct redis_server *start(const char *password, bool is_sentinel, const char *lines)
{
    struct redis_server *server = calloc(1, sizeof(*server));

    if (!server)
        give_up("no memory");
    /* The path of a unix socket is short: not below a test's own folder. */
    snprintf(server->folder, sizeof(server->folder), "/tmp/pek-redis.XXXXXX");
    if (!mkdtemp(server->folder))
        give_up("no folder");
    snprintf(server->socket, sizeof(server->socket), "%s/socket", server->folder);
    snprintf(server->url, sizeof(server->url), "unix:%s", server->socket);
    snprintf(server->config, sizeof(server->config), "%s/redis.conf", server->folder);
    snprintf(server->password, sizeof(server->password), "%s", password ? password : "");
    server->is_sentinel = is_sentinel;
    FILE *config = fopen(server->config, "we");
    if (!config)
        give_up("no configuration");
    fprintf(config, "port 0\nunixsocket %s\ndir %s\n", server->socket, server->folder);
    if (!is_sentinel)
        fputs("save \"\"\nappendonly no\n", config);
    if (server->password[0])
        fprintf(config, "requirepass %s\n", server->password);
    fputs(lines, config);
    if (fclose(config) != 0)
        give_up("no configuration");
    redis_server_launch(server);
    return server;
}

struct redis_server *redis_server_start(const char *password)
{
    return start(password, false, "");
}

struct redis_server *redis_server_start_as(const char *password, const char *lines)
{
    return start(password, false, lines);
}

struct redis_server *redis_server_start_sentinel(const char *lines)
{
    return start(NULL, true, lines);
}

/* Below those that the system gives to who connects: a server that is down for a while must find its own free again. */
int redis_server_free_port(void)
{
    for (int try = 0; try < 1000; try++) {
        uint16_t random;
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || getrandom(&random, sizeof(random), 0) != sizeof(random))
            give_up("no port");
        address.sin_port = htons((uint16_t)(20000 + random % 12000));
        bool is_free = bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
        close(fd);
        if (is_free)
            return ntohs(address.sin_port);
    }
    give_up("no free port");
}

static int entry_remove(const char *path, const struct stat *stat, int type, struct FTW *ftw)
{
    (void)stat, (void)type, (void)ftw;
    return remove(path);
}

void redis_server_kill(struct redis_server *server)
{
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
    server->pid = 0;
    unlink(server->socket);
}

struct redis_server *redis_server_stop(struct redis_server *server)
{
    if (!server)
        return NULL;
    if (server->pid > 0)
        redis_server_kill(server);
    nftw(server->folder, entry_remove, 4, FTW_DEPTH | FTW_PHYS);
    free(server);
    return NULL;
}

const char *redis_server_url(const struct redis_server *server)
{
    return server->url;
}

void redis_server_pause(struct redis_server *server)
{
    kill(server->pid, SIGSTOP);
}

void redis_server_resume(struct redis_server *server)
{
    kill(server->pid, SIGCONT);
}

void redis_server_command(struct redis_server *server, const char *command)
{
    char line[192], answer[16] = "";
    int len =
        server->password[0] ? snprintf(line, sizeof(line), "AUTH %s\r\n", server->password) : 0;
    int fd = try_connect(server);

    len += snprintf(line + len, sizeof(line) - (size_t)len, "%s\r\n", command);
    if (fd < 0 || write(fd, line, (size_t)len) != len ||
        read(fd, answer, sizeof(answer) - 1) <= 0 || strncmp(answer, "+OK", 3) != 0)
        give_up(command);
    close(fd);
}
