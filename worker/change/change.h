/* change: how a handler changes something: one transaction with everything that belongs to it.
 *
 *     static enum status create_group(ctx, req, res)
 *     {
 *         return change_run(ctx, &req->base, &res->base, create_in_transaction);
 *     }
 *
 * The body does the work: it reads and writes through the stores, says what it did (audit rows), and names
 * the users whose rights it changed. change_run adds
 *   - the transaction, run again as a whole when PostgreSQL could not serialise it;
 *   - the idempotency key of the caller (metadata `idempotency-key`): the key, the request's digest and the
 *     answer are stored in the same transaction. The same key with the same request gives the stored
 *     answer and changes nothing; with another request or method it is refused. Two at the same time wait
 *     for one another on the key's row;
 *   - after the commit and before the answer: the rights of the users named are forgotten.
 *
 * A refused change leaves nothing, so its key may be used again.
 */
#ifndef PEK_WORKER_CHANGE_CHANGE_H
#define PEK_WORKER_CHANGE_CHANGE_H

#include "shared/rpc/rpc.h"
#include "worker/change/domain.h"

#define CHANGE_KEY_METADATA "idempotency-key"
#define CHANGE_KEY_BYTES_MAX 128
#define CHANGE_KEY_AGE_MAX_S 86400 /* an older key may be used again */
#define CHANGE_USERS_MAX 1000      /* named by one change; of more, everybody is forgotten */

struct change {
    struct rpc_ctx *ctx;
    const struct domain *domain;
    struct pg_transaction *transaction;
    struct arena *arena;
    struct fault *fault;
    const char *actor; /* the caller, NUL-terminated */

    struct slice *users; /* whose rights change */
    size_t user_count;
    bool everybody;
};

/* `request` and `response` are those of the handler. May be called several times: starts from nothing. */
typedef enum status (*change_body)(struct change *change, const void *request, void *response);

/* rpc_data(ctx) must be a struct domain. */
PEK_MUST_CHECK enum status change_run(struct rpc_ctx *ctx, const ProtobufCMessage *request,
                                      ProtobufCMessage *response, change_body body);

/* Names users (column 0 of the rows) whose rights change; frees the rows. */
PEK_MUST_CHECK enum status change_names_users(struct change *change, struct pg_result *rows);

/* Deletes keys older than CHANGE_KEY_AGE_MAX_S, a batch at a time; for a timer. */
PEK_MUST_CHECK enum status change_forget_keys(struct pg *pg, struct cancel *cancel);

#endif
