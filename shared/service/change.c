#include "shared/service/change.h"

#include "shared/crypto/crypto.h"

struct change_result {
    struct change_result *next;
    struct pg_result *rows;
};

/* One run of change_run, over all tries of its transaction. */
struct run {
    struct change change;
    const ProtobufCMessage *request;
    ProtobufCMessage *response;
    change_body body;
    struct slice key; /* empty: none given */
    struct sha256 digest;
    /* ABORTED by a rule of ours, as a stale etag, which no repetition can mend. */
    bool aborted_for_good;
    bool replayed;
};

/* ---- idempotency keys ---- */

enum status change_check_key(struct slice key, struct fault *fault)
{
    if (!key.ptr || slice_is_printable(key, CHANGE_KEY_BYTES_MAX))
        return STATUS_OK;
    return fault_set(fault, STATUS_INVALID_ARGUMENT, CHANGE_KEY_METADATA,
                     "an idempotency key is 1 to %d printable characters", CHANGE_KEY_BYTES_MAX);
}

/* The request without what the hub adds to it (`told`), which is another each time. */
static enum status take_asked(struct run *run, const ProtobufCMessage **ret_asked)
{
    const ProtobufCMessageDescriptor *type = run->request->descriptor;
    const ProtobufCFieldDescriptor *told =
        protobuf_c_message_descriptor_get_field_by_name(type, "told");
    *ret_asked = run->request;
    if (!told || told->type != PROTOBUF_C_TYPE_MESSAGE || told->label == PROTOBUF_C_LABEL_REPEATED)
        return STATUS_OK;
    char *copy = arena_alloc(run->change.arena, type->sizeof_message);
    if (!copy)
        return STATUS_RESOURCE_EXHAUSTED;
    memcpy(copy, run->request, type->sizeof_message);
    *(const void **)(void *)(copy + told->offset) = NULL;
    *ret_asked = (const ProtobufCMessage *)(const void *)copy;
    return STATUS_OK;
}

static enum status take_key(struct run *run)
{
    struct rpc_ctx *ctx = run->change.ctx;
    run->key = rpc_metadata(ctx, CHANGE_KEY_METADATA, 0);
    if (!run->key.ptr)
        return STATUS_OK;
    if (rpc_metadata(ctx, CHANGE_KEY_METADATA, 1).ptr)
        return rpc_fail_field(ctx, STATUS_INVALID_ARGUMENT, CHANGE_KEY_METADATA,
                              "there are two idempotency keys");
    PEK_TRY(change_check_key(run->key, run->change.fault));
    const ProtobufCMessage *asked;
    PEK_TRY(take_asked(run, &asked));
    size_t len = protobuf_c_message_get_packed_size(asked);
    uint8_t *bytes = arena_alloc(run->change.arena, len);
    if (!bytes)
        return STATUS_RESOURCE_EXHAUSTED;
    protobuf_c_message_pack(asked, bytes);
    run->digest = sha256(slice_make(bytes, len));
    return STATUS_OK;
}

static struct slice digest_bytes(const struct run *run)
{
    return slice_make(run->digest.bytes, sizeof(run->digest.bytes));
}

/* The stored answer becomes the response. */
static enum status replay(struct run *run, const struct pg_result *row)
{
    struct change *change = &run->change;
    struct slice method = pg_get_slice(row, 0, 0);
    struct slice digest = pg_get_bytea(row, 0, 1, change->arena);
    struct slice bytes = pg_get_bytea(row, 0, 2, change->arena);
    if (!slice_equal_str(method, rpc_method(change->ctx)->path) ||
        !slice_equal(digest, digest_bytes(run)))
        return fault_set_reason(change->fault, STATUS_FAILED_PRECONDITION, "IDEMPOTENCY_KEY_REUSED",
                                NULL, "this idempotency key was used for another request");
    ProtobufCMessage *stored;
    enum status status =
        rpc_decode(run->response->descriptor, bytes, change->arena, &stored, change->fault);
    if (status != STATUS_OK)
        return STATUS_INTERNAL;
    memcpy(run->response, stored, run->response->descriptor->sizeof_message);
    return STATUS_OK;
}

/* Claims the key, waiting for whoever else is just using it; or the answer is there. What was in the way may be gone by then, as old keys
 * are deleted: then once more. */
static enum status claim_key(struct run *run)
{
    struct change *change = &run->change;
    const struct change_keys *keys = change->service->keys;
    struct pg_param user = pg_str(change->actor), key = pg_text(run->key),
                    method = pg_str(rpc_method(change->ctx)->path),
                    digest = pg_bytea(digest_bytes(run));
    enum status status = STATUS_ABORTED;
    for (int try = 0; status == STATUS_ABORTED && try < 2; try++) {
        struct pg_result *result;
        size_t claimed;
        PEK_TRY(pg_apply(change->transaction, &keys->claim, PG_PARAMS(user, key, method, digest),
                         &claimed));
        if (claimed == 1)
            return STATUS_OK;
        PEK_TRY(pg_execute(change->transaction, &keys->find, PG_PARAMS(user, key), &result));
        if (pg_rows(result) == 1)
            status = replay(run, result);
        pg_result_free(result);
    }
    run->replayed = status == STATUS_OK;
    return status;
}

static enum status store_answer(struct run *run)
{
    struct change *change = &run->change;
    size_t len = protobuf_c_message_get_packed_size(run->response);
    uint8_t *bytes = arena_alloc(change->arena, len + 1);
    if (!bytes)
        return STATUS_RESOURCE_EXHAUSTED;
    protobuf_c_message_pack(run->response, bytes);
    struct pg_result *result;
    enum status status = pg_execute(
        change->transaction, &change->service->keys->store,
        PG_PARAMS(pg_str(change->actor), pg_text(run->key), pg_bytea(slice_make(bytes, len))),
        &result);
    if (status == STATUS_OK)
        pg_result_free(result);
    return status;
}

enum status change_forget_keys(const struct service *service, struct cancel *cancel)
{
    _Static_assert(CHANGE_KEY_AGE_MAX_S == 86400, "the interval in CHANGE_KEYS");
    enum status status = STATUS_OK;
    for (size_t deleted = 1; status == STATUS_OK && deleted > 0;)
        status = pg_note(service->pg, cancel, &service->keys->forget, NULL, 0, &deleted);
    return status;
}

/* ---- in a body ---- */

enum status change_execute(struct change *change, const struct pg_statement *statement,
                           const struct pg_param *params, size_t param_count,
                           const struct pg_result **ret_rows)
{
    struct change_result *result = arena_zalloc(change->arena, 1, sizeof(*result));
    if (!result)
        return STATUS_RESOURCE_EXHAUSTED;
    PEK_TRY(pg_execute(change->transaction, statement, params, param_count, &result->rows));
    result->next = change->results;
    change->results = result;
    if (ret_rows)
        *ret_rows = result->rows;
    return STATUS_OK;
}

enum status change_row(struct change *change, const struct row_type *type,
                       const struct pg_statement *statement, const struct pg_param *params,
                       size_t param_count, void *ret_message)
{
    const struct pg_result *rows;
    PEK_TRY(change_execute(change, statement, params, param_count, &rows));
    return row_take(type, rows, change->arena, ret_message, change->fault);
}

enum status change_lock(struct change *change, const struct row_type *type,
                        const struct pg_statement *lock, const char *field, const char *id,
                        const char *etag, void *ret_message)
{
    enum status status = change_row(change, type, lock, PG_PARAMS(pg_str(id)), ret_message);
    if (status == STATUS_NOT_FOUND)
        return row_missing(type, field, id, change->fault);
    PEK_TRY(status);
    return row_check_etag(type, ret_message, id, etag, change->fault);
}

enum status change_audit(struct change *change, const struct pg_statement *audit,
                         const char *action, const struct slice *ids, size_t count)
{
    return change_execute(change, audit,
                          PG_PARAMS(pg_str(change->actor), pg_str(action),
                                    pg_text(rpc_trace_id(change->ctx)),
                                    pg_text_array(change->arena, ids, count)),
                          NULL);
}

enum status change_names_user(struct change *change, struct slice user)
{
    if (change->user_count == CHANGE_USERS_MAX)
        change->everybody = true;
    else
        change->users[change->user_count++] = arena_copy(change->arena, user);
    return change->arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

enum status change_names_users(struct change *change, const struct pg_statement *statement,
                               const struct pg_param *params, size_t param_count)
{
    const struct pg_result *rows;
    PEK_TRY(change_execute(change, statement, params, param_count, &rows));
    for (size_t i = 0; i < pg_rows(rows) && !change->everybody; i++)
        PEK_TRY(change_names_user(change, pg_get_slice(rows, i, 0)));
    return STATUS_OK;
}

/* ---- the change ---- */

static enum status run_body(struct run *run, struct pg_transaction *transaction)
{
    struct change *change = &run->change;
    change->transaction = transaction;
    change->user_count = 0;
    change->everybody = false;
    *change->fault = (struct fault){0};
    protobuf_c_message_init(run->response->descriptor, run->response);
    run->aborted_for_good = run->replayed = false;
    pg_settle(transaction);
    if (run->key.len > 0) {
        enum status status = claim_key(run);
        if (status != STATUS_OK || run->replayed)
            return status;
    }
    enum status status = run->body(change, run->request, run->response);
    if (status == STATUS_ABORTED && change->fault->status == STATUS_ABORTED) {
        run->aborted_for_good = true;
        return STATUS_FAILED_PRECONDITION;
    }
    return status == STATUS_OK && run->key.len > 0 ? store_answer(run) : status;
}

static enum status run_once(struct pg_transaction *transaction, void *arg)
{
    struct run *run = arg;
    struct change *change = &run->change;
    enum status status = run_body(run, transaction);
    for (; change->results; change->results = change->results->next)
        pg_result_free(change->results->rows);
    return status;
}

enum status change_run(struct rpc_ctx *ctx, const ProtobufCMessage *request,
                       ProtobufCMessage *response, change_body body)
{
    struct slice user = rpc_principal(ctx)->user;
    struct run run = {
        .change =
            {
                .ctx = ctx,
                .service = rpc_data(ctx),
                .arena = rpc_arena(ctx),
                .fault = rpc_fault(ctx),
                .actor = arena_strndup(rpc_arena(ctx), user.ptr, user.len),
                .users = arena_zalloc(rpc_arena(ctx), CHANGE_USERS_MAX, sizeof(struct slice)),
            },
        .request = request,
        .response = response,
        .body = body,
    };
    struct change *change = &run.change;
    if (!change->actor || !change->users)
        return STATUS_RESOURCE_EXHAUSTED;
    enum status status = take_key(&run);
    if (status != STATUS_OK)
        return status;
    status = pg_transact(change->service->pg, rpc_cancel(ctx), false, run_once, &run);
    if (run.aborted_for_good && status == STATUS_FAILED_PRECONDITION)
        return STATUS_ABORTED;
    if (status != STATUS_OK && pg_lacks_room(change->service->pg))
        return fault_set_reason(change->fault, STATUS_RESOURCE_EXHAUSTED, CHANGE_NO_ROOM, NULL,
                                "nothing can be stored at present, try again later");
    /* The realm is there, and reads are answered: this must not be taken for its absence. */
    if (status == STATUS_UNAVAILABLE && pg_is_without_primary(change->service->pg)) {
        fault_set_reason(change->fault, STATUS_RESOURCE_EXHAUSTED, CHANGE_NO_PRIMARY, NULL,
                         "the database takes no changes at present, try again with the same key");
        return fault_set_retry(change->fault, CHANGE_RETRY_MS);
    }
    if (status != STATUS_OK)
        return status;
    if (change->service->committed && !run.replayed)
        change->service->committed(change, response);
    return STATUS_OK;
}
