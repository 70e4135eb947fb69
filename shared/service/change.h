/* change: how a handler changes something: one transaction with everything that belongs to it. A realm's and the hub's
 * do it alike.
 *
 *     CHANGE_METHOD(archive_group, group_v1_archive_group_request, group_v1_group)
 *     {
 *         PEK_TRY(lock_group(change, req->id, "id", req->etag, res));     // there, and of the version known
 *         PEK_TRY(group_check_archive(res, …, change->fault));            // a rule, without SQL
 *         PEK_TRY(group_store_archive(change, …, res));                   // the SQL
 *         return change_audit(change, &group_audit, "group.archive", …);  // who did what
 *     }
 *
 * defines the handler `archive_group` of the service's table. Its body has `change`, the request `req` and the
 * answer `res`, and may run several times: it starts from nothing. Around it there are
 *   - the transaction, run again as a whole when PostgreSQL could not serialise it;
 *   - the idempotency key of the caller (metadata `idempotency-key`): the key, the request's digest and the
 *     answer are stored in the same transaction. The same key with the same request gives the stored
 *     answer and changes nothing; with another request or method it is refused. Two at the same time wait
 *     for one another on the key's row;
 *   - after the commit and before the answer: service.committed, as which a realm forgets the rights of the users named.
 *
 * A refused change leaves nothing, so its key may be used again. Everything that the body asks for by `change` lives in
 * the arena or is given back when the transaction ends, so that a body may return at any line.
 */
#ifndef PEK_SHARED_SERVICE_CHANGE_H
#define PEK_SHARED_SERVICE_CHANGE_H

#include "shared/row/row.h"
#include "shared/service/service.h"

#define CHANGE_KEY_METADATA "idempotency-key"
#define CHANGE_KEY_BYTES_MAX 128
#define CHANGE_NO_ROOM "NO_ROOM"       /* reason: the database has no room, as on a full disk */
#define CHANGE_NO_PRIMARY "NO_PRIMARY" /* reason: reads come from a standby until one is promoted */
#define CHANGE_RETRY_MS 1000
#define CHANGE_KEY_AGE_MAX_S 86400 /* an older key may be used again */
#define CHANGE_USERS_MAX 1000      /* named by one change; of more, everybody is forgotten */

/* Where idempotency keys are kept: a table with the columns (user_id, key) unique, method, request_sha256, response and
 * create_time. CHANGE_KEYS("pek.idempotency") are the statements. */
struct change_keys {
    struct pg_statement claim, find, store, forget;
};
#define CHANGE_KEYS(table)                                                                         \
    {                                                                                              \
        .claim = {"idempotency_claim",                                                             \
                  "INSERT INTO " table " (user_id, key, method, request_sha256) "                  \
                  "VALUES ($1, $2, $3, $4::bytea) ON CONFLICT DO NOTHING"},                        \
        .find = {"idempotency_find", "SELECT method, request_sha256, response FROM " table         \
                                     " WHERE user_id = $1 AND key = $2 AND response IS NOT NULL"}, \
        .store = {"idempotency_store",                                                             \
                  "UPDATE " table " SET response = $3::bytea WHERE user_id = $1 AND key = $2"},    \
        .forget = {"idempotency_forget",                                                           \
                   "DELETE FROM " table " WHERE (user_id, key) IN ("                               \
                   " SELECT user_id, key FROM " table                                              \
                   " WHERE create_time < now() - interval '1 day' LIMIT 1000)"},                   \
    }
/* What a key may be: absent (NULL), or 1 to CHANGE_KEY_BYTES_MAX printable characters. INVALID_ARGUMENT: also for an empty
 * one, since whoever sent it believes in its protection. */
PEK_MUST_CHECK enum status change_check_key(struct slice key, struct fault *fault);

struct change_result; /* rows that live until the transaction ends */

struct change {
    struct rpc_ctx *ctx;
    struct service *service;
    struct pg_transaction *transaction;
    struct arena *arena;
    struct fault *fault;
    const char *actor; /* the caller, NUL-terminated */

    struct slice *users; /* whose rights change */
    size_t user_count;
    bool everybody;
    struct change_result *results;
};

#define CHANGE_METHOD(method, request_type, response_type)                                         \
    static enum status method##_in(struct change *change, const request_type *req,                 \
                                   response_type *res);                                            \
    static enum status method##_body(struct change *change, const void *request, void *response)   \
    {                                                                                              \
        return method##_in(change, request, response);                                             \
    }                                                                                              \
    static enum status method(struct rpc_ctx *ctx, const request_type *req, response_type *res)    \
    {                                                                                              \
        return change_run(ctx, &req->base, &res->base, method##_body);                             \
    }                                                                                              \
    static enum status method##_in(struct change *change, const request_type *req,                 \
                                   response_type *res)

typedef enum status (*change_body)(struct change *change, const void *request, void *response);
/* rpc_data(ctx) must begin with a struct service. CHANGE_METHOD calls it. */
PEK_MUST_CHECK enum status change_run(struct rpc_ctx *ctx, const ProtobufCMessage *request,
                                      ProtobufCMessage *response, change_body body);

/* ---- in a body ---- */

/* A statement; its rows live until the transaction ends. `ret_rows` may be NULL. */
PEK_MUST_CHECK enum status change_execute(struct change *change,
                                          const struct pg_statement *statement,
                                          const struct pg_param *params, size_t param_count,
                                          const struct pg_result **ret_rows);
/* A statement whose row (row_take) becomes the message. NOT_FOUND, and no fault, when there is none. */
PEK_MUST_CHECK enum status change_row(struct change *change, const struct row_type *type,
                                      const struct pg_statement *statement,
                                      const struct pg_param *params, size_t param_count,
                                      void *ret_message);
/* A row that a request names, locked by a statement whose $1 is its id: NOT_FOUND on `field`, ABORTED when the caller
 * knows another version (`etag` is empty when they do not mind). */
PEK_MUST_CHECK enum status change_lock(struct change *change, const struct row_type *type,
                                       const struct pg_statement *lock, const char *field,
                                       const char *id, const char *etag, void *ret_message);

/* A row of the audit log for each of the ids, with the row as it is now. The statement inserts them:
 * $1 actor, $2 action, $3 trace id, $4 text[] of ids. */
PEK_MUST_CHECK enum status change_audit(struct change *change, const struct pg_statement *audit,
                                        const char *action, const struct slice *ids, size_t count);

/* Names a user whose rights change; those that a statement finds, in its column 0. */
PEK_MUST_CHECK enum status change_names_user(struct change *change, struct slice user);
PEK_MUST_CHECK enum status change_names_users(struct change *change,
                                              const struct pg_statement *statement,
                                              const struct pg_param *params, size_t param_count);

/* ---- beside changes ---- */

/* Deletes keys older than CHANGE_KEY_AGE_MAX_S, a batch at a time; for a timer. */
PEK_MUST_CHECK enum status change_forget_keys(const struct service *service, struct cancel *cancel);

#endif
