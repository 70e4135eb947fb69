#include "tests/support/redis_server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
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
    const char *password;
    pid_t pid;
};

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
        execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", server->socket,
               "--save", "", "--appendonly", "no", "--dir", server->folder, "--requirepass",
               server->password ? server->password : "", (char *)NULL);
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

struct redis_server *redis_server_start(const char *password)
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
    server->password = password;
    redis_server_launch(server);
    return server;
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
    rmdir(server->folder);
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

void redis_server_flush(struct redis_server *server)
{
    static const char command[] = "FLUSHALL\r\n";
    char answer[16] = "";
    int fd = try_connect(server);

    if (fd < 0 || write(fd, command, sizeof(command) - 1) != (ssize_t)(sizeof(command) - 1) ||
        read(fd, answer, sizeof(answer) - 1) <= 0 || strncmp(answer, "+OK", 3) != 0)
        give_up("cannot flush");
    close(fd);
}
