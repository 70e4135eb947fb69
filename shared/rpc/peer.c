#include "shared/rpc/peer.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

struct expected {
    char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
    uint32_t uid;
    unsigned count; /* 0: free */
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct expected all[PEER_PATHS_MAX];

bool peer_is(int fd, uint32_t uid)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.uid == uid;
}

/* With the mutex. NULL when the path is anybody's. */
static struct expected *find(const char *path)
{
    for (size_t i = 0; i < PEER_PATHS_MAX; i++)
        if (all[i].count > 0 && strcmp(all[i].path, path) == 0)
            return &all[i];
    return NULL;
}

static enum status add(const char *path, uint32_t uid)
{
    struct expected *known = find(path);
    for (size_t i = 0; !known && i < PEER_PATHS_MAX; i++)
        if (all[i].count == 0)
            known = &all[i];
    if (!known)
        return STATUS_RESOURCE_EXHAUSTED;
    if (known->count++ == 0)
        memcpy(known->path, path, strlen(path) + 1);
    known->uid = uid;
    return STATUS_OK;
}

enum status peer_expect(const char *path, uint32_t uid)
{
    if (path[0] != '/' || strlen(path) >= sizeof(all[0].path))
        return STATUS_INVALID_ARGUMENT;
    pthread_mutex_lock(&mutex);
    enum status status = add(path, uid);
    pthread_mutex_unlock(&mutex);
    return status;
}

void peer_forget(const char *path)
{
    pthread_mutex_lock(&mutex);
    struct expected *known = find(path);
    if (known)
        known->count--;
    pthread_mutex_unlock(&mutex);
}

/* The path of an address, and the uid expected there; false when it is anybody's. */
static bool is_expected(const struct sockaddr *address, socklen_t len, uint32_t *ret_uid)
{
    char path[sizeof(all[0].path) + 1] = "";
    const size_t start = offsetof(struct sockaddr_un, sun_path);
    if (len <= start || address->sa_family != AF_UNIX)
        return false;
    size_t bytes = len - start < sizeof(path) - 1 ? len - start : sizeof(path) - 1;
    memcpy(path, (const char *)address + start, bytes);
    pthread_mutex_lock(&mutex);
    const struct expected *known = find(path);
    if (known)
        *ret_uid = known->uid;
    pthread_mutex_unlock(&mutex);
    return known != NULL;
}

__attribute__((visibility("default"))) int connect(int fd, const struct sockaddr *address,
                                                   socklen_t len)
{
    uint32_t uid;
    if (syscall(SYS_connect, fd, address, len) != 0)
        return -1;
    /* A unix socket is connected at once, or not at all. */
    if (!is_expected(address, len, &uid) || peer_is(fd, uid))
        return 0;
    shutdown(fd, SHUT_RDWR);
    errno = EPERM; /* otherwise than where nobody listens */
    return -1;
}
