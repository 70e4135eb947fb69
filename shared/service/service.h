/* service: what the handlers of a program that stores things have in common. The data of its services (the last argument
 * but one of …_service_add) begins with it:
 *
 *     struct domain { struct service service; const char *realm; … };
 *
 * shared/service/read.h answers with what is stored, shared/service/change.h changes it.
 */
#ifndef PEK_SHARED_SERVICE_SERVICE_H
#define PEK_SHARED_SERVICE_SERVICE_H

#include "shared/pg/pg.h"
#include "shared/rpc/rpc.h"

struct service;
struct change;

/* How long what the host's interceptor allowed holds, for a list that lasts. */
struct service_rights {
    /* What of a list the caller may see, typed by whoever guards. */
    const void *(*scope)(struct rpc_ctx *ctx);
    /* Between two batches: the rules of the method are asked again. */
    enum status (*check_again)(struct service *service, struct rpc_ctx *ctx, const void *request);
};

struct service {
    struct pg *pg;
    const struct service_rights *rights; /* NULL: they hold as long as a call lasts */
    const struct change_keys *keys;      /* of changes; see change.h */
    /* A change committed, and is about to be answered. Not one that is answered from its key. May be NULL. */
    void (*committed)(const struct change *change, const ProtobufCMessage *response);
};

#endif
