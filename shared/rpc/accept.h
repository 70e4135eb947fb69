/* accept: a port that outlives a want of descriptors. Private to shared/rpc.
 *
 * gRPC 1.51 gives its listener up, for good and in silence, when accept4 fails with anything but EAGAIN and EINTR:
 * one moment without a free descriptor, which anybody who reaches the port can bring about before a certificate was
 * looked at, and the process serves nobody any more. It has no limit of connections, and takes no connection that
 * somebody else accepted over TLS. So this file defines accept4 itself: the dynamic linker binds the libraries' calls to
 * the program's own symbol. Ours never fails for want of descriptors or because of one connection:
 *
 *   more than the limit           accepted and closed at once
 *   no descriptor left            a spare one is given up, the connection taken on it and closed, the spare made anew
 *   the connection is gone, …     the next one
 *
 * Always on to the end of the backlog: gRPC's poller is edge-triggered and would not hear of the rest.
 * Before accept_limit nothing is changed. From any thread.
 */
#ifndef PEK_SHARED_RPC_ACCEPT_H
#define PEK_SHARED_RPC_ACCEPT_H

#include <stddef.h>
#include <stdint.h>

#include "shared/base/fault.h"

/* Bounds the connections of this process and keeps RPC_DESCRIPTORS_KEPT descriptors for all else. Raises the soft limit
 * of descriptors where it must. FAILED_PRECONDITION, field "connections_max", when the hard one does not allow so many. */
PEK_MUST_CHECK enum status accept_limit(size_t connections_max, struct fault *fault);

/* From here on connections to unix sockets are taken from this user alone; those of others are closed at once. */
void accept_user(uint32_t uid);

#endif
