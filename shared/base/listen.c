#include "shared/base/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define PORT_DIGITS_MAX 5

bool listen_port_is_valid(const char *text)
{
    size_t len = strlen(text);
    return len > 0 && len <= PORT_DIGITS_MAX && strspn(text, "0123456789") == len &&
           strtol(text, NULL, 10) <= UINT16_MAX;
}

bool listen_parse(const char *text, struct sockaddr_storage *ret_address)
{
    char host[INET6_ADDRSTRLEN];
    struct sockaddr_storage address = {0};
    const char *colon = strrchr(text, ':');
    bool six = text[0] == '[';
    if (!colon || (six && colon[-1] != ']') || !listen_port_is_valid(colon + 1))
        return false;
    size_t len = (size_t)(colon - text) - (six ? 2 : 0);
    if (len == 0 || len >= sizeof(host))
        return false;
    memcpy(host, text + six, len);
    host[len] = '\0';
    uint16_t port = htons((uint16_t)strtol(colon + 1, NULL, 10));
    struct sockaddr_in *in4 = (struct sockaddr_in *)&address;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address;
    if (six) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = port;
    } else {
        in4->sin_family = AF_INET;
        in4->sin_port = port;
    }
    if (inet_pton(six ? AF_INET6 : AF_INET, host,
                  six ? (void *)&in6->sin6_addr : (void *)&in4->sin_addr) != 1)
        return false;
    *ret_address = address;
    return true;
}

static bool is_any(const struct sockaddr_storage *address)
{
    static const struct in6_addr any6 = IN6ADDR_ANY_INIT;
    return address->ss_family == AF_INET6
               ? memcmp(&((const struct sockaddr_in6 *)address)->sin6_addr, &any6, sizeof(any6)) ==
                     0
               : ((const struct sockaddr_in *)address)->sin_addr.s_addr == htonl(INADDR_ANY);
}

bool listen_is_shared(const char *text, const char *other)
{
    struct sockaddr_storage a, b;
    const char *port = strrchr(text, ':'), *other_port = strrchr(other, ':');
    if (!port || !other_port || strtol(port + 1, NULL, 10) == 0 ||
        strtol(port + 1, NULL, 10) != strtol(other_port + 1, NULL, 10))
        return false;
    if (!listen_parse(text, &a) || !listen_parse(other, &b))
        return strcmp(text, other) == 0;
    return is_any(&a) || is_any(&b) || memcmp(&a, &b, sizeof(a)) == 0;
}

/* ---- trying ------------------------------------------------------------------------------------ */

void listen_end(int fd)
{
    /* The system gives a filter the packet from its TCP header on: byte 13 holds the flags. */
    struct sock_filter no_syn[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x02, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    struct sock_fprog program = {.len = sizeof(no_syn) / sizeof(no_syn[0]), .filter = no_syn};
    (void)setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

enum status listen_refused(const char *text, int error, const char *field, struct fault *fault)
{
    return fault_set(fault, STATUS_UNAVAILABLE, field, "cannot listen on %s: %s", text,
                     strerror(error));
}

int listen_bind(const struct sockaddr *address, socklen_t len, bool shared, int *ret_fd)
{
    int on = 1, fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        (!shared || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0) &&
        bind(fd, address, len) == 0) {
        *ret_fd = fd;
        return 0;
    }
    int error = errno;
    close(fd);
    return error;
}

/* A socket's file that nobody listens on any more is in nobody's way. */
static int try_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char folder[sizeof(address.sun_path)];
    if (strlen(path) >= sizeof(address.sun_path))
        return ENAMETOOLONG;
    memcpy(address.sun_path, path, strlen(path) + 1);
    memcpy(folder, path, strlen(path) + 1);
    char *slash = strrchr(folder, '/');
    if (!slash)
        return EINVAL;
    slash[slash == folder] = '\0';
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return errno;
    /* EAGAIN: somebody listens, and takes nothing at present. */
    bool in_use =
        connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 || errno == EAGAIN;
    close(fd);
    if (in_use)
        return EADDRINUSE;
    return access(folder, W_OK | X_OK) == 0 ? 0 : errno;
}

enum status listen_try(const char *text, bool shared, const char *field, struct fault *fault)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found;
    char host[256];
    if (strncmp(text, "unix:", 5) == 0) {
        int error = try_unix(text + 5);
        return error ? listen_refused(text, error, field, fault) : STATUS_OK;
    }
    const char *colon = strrchr(text, ':');
    bool six = text[0] == '[' && colon && colon[-1] == ']';
    size_t len = colon ? (size_t)(colon - text) - (six ? 2 : 0) : 0;
    if (!colon || len >= sizeof(host))
        return listen_refused(text, EINVAL, field, fault);
    memcpy(host, text + six, len);
    host[len] = '\0';
    int problem = getaddrinfo(len ? host : NULL, colon + 1, &hints, &found);
    if (problem)
        return fault_set(fault, STATUS_UNAVAILABLE, field, "cannot listen on %s: %s", text,
                         gai_strerror(problem));
    int fd = -1, error = listen_bind(found->ai_addr, found->ai_addrlen, shared, &fd);
    freeaddrinfo(found);
    if (fd >= 0)
        close(fd);
    return error ? listen_refused(text, error, field, fault) : STATUS_OK;
}
