/* peer: unix sockets without TLS, where the kernel says whose the other end is. Private to shared/rpc.
 *
 * On one machine a certificate proves no more than the user that a program runs as, which the kernel knows (SO_PEERCRED). gRPC
 * does not ask: so accept4 (accept.c) and connect (here) are the program's own, and close what is somebody else's before a byte
 * was said. The dynamic linker binds the libraries' calls to the program's own symbols. connect looks at the paths only that were
 * named here; every other address is connected to as ever.
 *
 * All of it is the process's. From any thread.
 */
#ifndef PEK_SHARED_RPC_PEER_H
#define PEK_SHARED_RPC_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/status.h"

/* Paths at a time: more than a federation has realms. */
#define PEER_PATHS_MAX 1024

/* Whether the other end of a connected unix socket is this user's. */
bool peer_is(int fd, uint32_t uid);
/* From here on connecting to the socket at this path succeeds only where a program of this user listens; of several users who were
 * named the last one. RESOURCE_EXHAUSTED at PEER_PATHS_MAX, INVALID_ARGUMENT for a path that is not absolute, or too long for a socket. */
PEK_MUST_CHECK enum status peer_expect(const char *path, uint32_t uid);
/* Once for each peer_expect: after the last one the path is anybody's. */
void peer_forget(const char *path);

#endif
