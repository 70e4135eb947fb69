/* redis_address: where the Redis of the hubs is, as `redis_url` says it.
 *
 *     redis://[[user]:password@]host[:port][/database]                      one server
 *     redis-sentinel://[[user]:password@]host[:port],host[:port]…/name[/database]
 *                                           the master that these sentinels know by that name
 *     rediss://…, rediss-sentinel://…       the same over TLS
 *     unix:/path                            a socket of this machine
 *
 * Without a port it is 6379, of a sentinel 26379. A host that is an IPv6 address stands in brackets. User and password are taken as they stand, up to the last @.
 */
#ifndef PEK_HUB_SESSION_REDIS_ADDRESS_H
#define PEK_HUB_SESSION_REDIS_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/fault.h"
#include "shared/base/slice.h"

#define REDIS_SENTINELS_MAX 8
#define REDIS_DATABASE_MAX 1000
#define REDIS_NAME_BYTES_MAX 255 /* of host, user, password, master, channel */
#define REDIS_PATH_BYTES_MAX 107 /* of a socket, which a struct sockaddr_un has to hold */

struct redis_host {
    char name[REDIS_NAME_BYTES_MAX + 1]; /* or a path */
    uint16_t port;                       /* 0: a path */
};

struct redis_address {
    bool tls;
    struct redis_host hosts[REDIS_SENTINELS_MAX]; /* sentinels when there is a master's name */
    size_t host_count;
    char master[REDIS_NAME_BYTES_MAX + 1]; /* "" for none: the host is the server */
    char user[REDIS_NAME_BYTES_MAX + 1], password[REDIS_NAME_BYTES_MAX + 1];
    int database;
};

/* INVALID_ARGUMENT, with a fault of field "redis_url" that says what is wrong and never a password. */
PEK_MUST_CHECK enum status redis_address_parse(struct slice url, struct redis_address *ret_address,
                                               struct fault *fault);
/* What a sentinel says: a host and a port. */
bool redis_host_parse(struct slice name, struct slice port, struct redis_host *ret_host);

#endif
