#include "shared/rpc/accept.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shared/base/descriptors.h"
#include "shared/rpc/peer.h"
#include "shared/rpc/rpc.h"

/* A new descriptor is the lowest free number: from this one on there are too many. 0: no limit yet. */
static atomic_int descriptors_max;
static atomic_uint_least64_t refused;
/* Whose connections to unix sockets are taken; -1: anybody's. */
static atomic_int_least64_t user = -1;
static pthread_mutex_t spare_mutex = PTHREAD_MUTEX_INITIALIZER;
static int spare = -1;

static int take(int listener, struct sockaddr *address, socklen_t *len, int flags)
{
    return (int)syscall(SYS_accept4, listener, address, len, flags);
}

static void refuse(int fd)
{
    close(fd);
    atomic_fetch_add(&refused, 1);
}

static void spare_open(void)
{
    if (spare < 0)
        spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Of a unix socket that is for one user, somebody else's. */
static bool is_strangers(int fd)
{
    int64_t uid = atomic_load(&user);
    int domain = 0;
    socklen_t len = sizeof(domain);
    return uid >= 0 && getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
           domain == AF_UNIX && !peer_is(fd, (uint32_t)uid);
}

/* The next connection is closed. False when there is none, or no descriptor even for that. */
static bool shed(int listener)
{
    pthread_mutex_lock(&spare_mutex);
    if (spare >= 0)
        close(spare);
    spare = -1;
    int fd = take(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0)
        refuse(fd);
    spare_open();
    pthread_mutex_unlock(&spare_mutex);
    return fd >= 0;
}

static bool is_want(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* Of the connection, not of the listener: accept(2) says to go on. */
static bool is_of_connection(int error)
{
    return error == ECONNABORTED || error == EPROTO || error == EPERM || error == ENETDOWN ||
           error == ENOPROTOOPT || error == EHOSTDOWN || error == ENONET || error == EHOSTUNREACH ||
           error == ENETUNREACH;
}

__attribute__((visibility("default"))) int accept4(int listener, struct sockaddr *address,
                                                   socklen_t *len, int flags)
{
    int limit = atomic_load(&descriptors_max);
    const socklen_t room = len ? *len : 0;

    for (;;) {
        if (len)
            *len = room;
        int fd = take(listener, address, len, flags);
        if (fd >= 0 && is_strangers(fd)) {
            refuse(fd);
            continue;
        }
        if (limit == 0 || (fd >= 0 && fd < limit))
            return fd;
        if (fd >= 0) {
            refuse(fd);
        } else if (is_want(errno)) {
            if (!shed(listener)) {
                errno = EAGAIN;
                return -1;
            }
        } else if (!is_of_connection(errno)) {
            return -1;
        }
    }
}

enum status accept_limit(size_t connections_max, struct fault *fault)
{
    enum status status = descriptors_reserve(connections_max, RPC_DESCRIPTORS_KEPT, fault);
    if (status != STATUS_OK)
        return status;
    pthread_mutex_lock(&spare_mutex);
    spare_open();
    pthread_mutex_unlock(&spare_mutex);
    /* Half of those kept are in use, at most; the other half stays above the connections, free for what comes. */
    atomic_store(&descriptors_max, (int)(connections_max + RPC_DESCRIPTORS_KEPT / 2));
    return STATUS_OK;
}

void accept_user(uint32_t uid)
{
    atomic_store(&user, uid);
}

uint64_t rpc_connections_refused(void)
{
    return atomic_load(&refused);
}
