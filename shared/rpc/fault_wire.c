#include "shared/rpc/fault_wire.h"

#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "shared/base/arena.h"
#include "shared/rpc/rpc.h"

#define TYPE_ERROR_INFO "type.googleapis.com/google.rpc.ErrorInfo"
#define TYPE_RETRY_INFO "type.googleapis.com/google.rpc.RetryInfo"
#define TYPE_BAD_REQUEST "type.googleapis.com/google.rpc.BadRequest"

#define DETAILS_MAX 3
/* A realm that says more is not believed. */
#define RETRY_AFTER_MS_MAX (60 * 60 * 1000)

const char *rpc_status_text(enum status status)
{
    switch (status) {
    case STATUS_OK: return "";
    case STATUS_CANCELLED: return "the call was cancelled";
    case STATUS_INVALID_ARGUMENT: return "the request is not valid";
    case STATUS_DEADLINE_EXCEEDED: return "the answer took too long";
    case STATUS_NOT_FOUND: return "not found";
    case STATUS_ALREADY_EXISTS: return "it exists already";
    case STATUS_PERMISSION_DENIED: return "not permitted";
    case STATUS_RESOURCE_EXHAUSTED: return "busy at present, try again in a moment";
    case STATUS_FAILED_PRECONDITION: return "not possible in the present state";
    case STATUS_ABORTED: return "it was changed at the same time, try again";
    case STATUS_OUT_OF_RANGE: return "out of range";
    case STATUS_UNIMPLEMENTED: return "no such method";
    case STATUS_UNAVAILABLE: return "not reachable at present";
    case STATUS_UNAUTHENTICATED: return "the caller could not be identified";
    case STATUS_DATA_LOSS:
    case STATUS_INTERNAL:
    case STATUS_UNKNOWN:
    default: return "internal error";
    }
}

/* The slice points into a message that is packed and dropped at once; protobuf-c has no const fields. */
static char *text(const char *in)
{
    union {
        const char *in;
        char *out;
    } cast = {.in = in};
    return cast.out;
}

static void any_pack(Google__Protobuf__Any *any, const char *type, const ProtobufCMessage *message,
                     uint8_t *bytes)
{
    google__protobuf__any__init(any);
    any->type_url = text(type);
    any->value.data = bytes;
    any->value.len = protobuf_c_message_pack(message, bytes);
}

grpc_slice fault_wire_pack(const struct fault *fault)
{
    if (fault->status == STATUS_OK)
        return grpc_empty_slice();
    Google__Rpc__Status status = GOOGLE__RPC__STATUS__INIT;
    Google__Rpc__ErrorInfo info = GOOGLE__RPC__ERROR_INFO__INIT;
    Google__Rpc__BadRequest__FieldViolation violation =
        GOOGLE__RPC__BAD_REQUEST__FIELD_VIOLATION__INIT;
    Google__Rpc__BadRequest__FieldViolation *violations[] = {&violation};
    Google__Rpc__BadRequest bad_request = GOOGLE__RPC__BAD_REQUEST__INIT;
    Google__Protobuf__Duration delay = GOOGLE__PROTOBUF__DURATION__INIT;
    Google__Rpc__RetryInfo retry = GOOGLE__RPC__RETRY_INFO__INIT;
    Google__Protobuf__Any any[DETAILS_MAX];
    Google__Protobuf__Any *details[DETAILS_MAX] = {&any[0], &any[1], &any[2]};
    /* Each holds texts of a fault, which are bounded, and a few bytes of framing. */
    uint8_t bytes[DETAILS_MAX][sizeof(struct fault) + 64];

    status.code = (int32_t)fault->status;
    status.message = text(fault->text);
    info.reason = text(fault->reason[0] ? fault->reason : status_name(fault->status));
    info.domain = text(FAULT_WIRE_DOMAIN);
    any_pack(&any[0], TYPE_ERROR_INFO, &info.base, bytes[0]);
    status.n_details = 1;
    status.details = details;
    if (fault->field[0]) {
        violation.field = text(fault->field);
        violation.description = text(fault->text);
        bad_request.n_field_violations = 1;
        bad_request.field_violations = violations;
        any_pack(&any[1], TYPE_BAD_REQUEST, &bad_request.base, bytes[1]);
        status.n_details = 2;
    }
    if (fault->retry_after_ms > 0) {
        delay.seconds = fault->retry_after_ms / 1000;
        delay.nanos = (int32_t)(fault->retry_after_ms % 1000) * 1000000;
        retry.retry_delay = &delay;
        any_pack(&any[status.n_details], TYPE_RETRY_INFO, &retry.base, bytes[2]);
        status.n_details++;
    }
    grpc_slice packed = grpc_slice_malloc(protobuf_c_message_get_packed_size(&status.base));
    protobuf_c_message_pack(&status.base, GRPC_SLICE_START_PTR(packed));
    return packed;
}

/* The first detail of a type, decoded; NULL when there is none. */
static const ProtobufCMessage *detail_find(const Google__Rpc__Status *status, const char *type_url,
                                           const ProtobufCMessageDescriptor *type,
                                           struct arena *arena)
{
    ProtobufCMessage *message = NULL;
    for (size_t i = 0; i < status->n_details; i++) {
        const Google__Protobuf__Any *any = status->details[i];
        if (strcmp(any->type_url, type_url) == 0 &&
            rpc_decode(type, slice_make(any->value.data, any->value.len), arena, &message, NULL) ==
                STATUS_OK)
            return message;
    }
    return NULL;
}

/* 0 for what is no delay. */
static int64_t delay_ms(const Google__Protobuf__Duration *delay)
{
    int64_t most_s = RETRY_AFTER_MS_MAX / 1000;

    if (delay->seconds < 0 || delay->seconds >= most_s || delay->nanos < 0 ||
        delay->nanos > 999999999)
        return 0;
    return delay->seconds * 1000 + delay->nanos / 1000000;
}

static bool unpack_ours(enum status status, struct slice details, struct arena *arena,
                        struct fault *ret_fault)
{
    ProtobufCMessage *decoded = NULL;
    if (details.len == 0 || details.len > FAULT_WIRE_BYTES_MAX ||
        rpc_decode(&google__rpc__status__descriptor, details, arena, &decoded, NULL) != STATUS_OK)
        return false;
    const Google__Rpc__Status *wire = (const Google__Rpc__Status *)decoded;
    const Google__Rpc__ErrorInfo *info = (const Google__Rpc__ErrorInfo *)detail_find(
        wire, TYPE_ERROR_INFO, &google__rpc__error_info__descriptor, arena);
    if (!info || strcmp(info->domain, FAULT_WIRE_DOMAIN) != 0 || wire->code != (int32_t)status)
        return false;
    const Google__Rpc__BadRequest *bad_request = (const Google__Rpc__BadRequest *)detail_find(
        wire, TYPE_BAD_REQUEST, &google__rpc__bad_request__descriptor, arena);
    const char *field = bad_request && bad_request->n_field_violations > 0
                            ? bad_request->field_violations[0]->field
                            : NULL;
    const char *reason = strcmp(info->reason, status_name(status)) == 0 ? NULL : info->reason;
    const Google__Rpc__RetryInfo *retry = (const Google__Rpc__RetryInfo *)detail_find(
        wire, TYPE_RETRY_INFO, &google__rpc__retry_info__descriptor, arena);
    fault_set_reason(ret_fault, status, reason, field, "%s",
                     wire->message[0] ? wire->message : rpc_status_text(status));
    if (retry && retry->retry_delay)
        (void)fault_set_retry(ret_fault, delay_ms(retry->retry_delay));
    return true;
}

void fault_wire_unpack(enum status status, struct slice details, struct fault *ret_fault)
{
    *ret_fault = (struct fault){.status = STATUS_OK};
    if (status == STATUS_OK)
        return;
    struct arena arena;
    arena_init(&arena, 16 * FAULT_WIRE_BYTES_MAX);
    if (!unpack_ours(status, details, &arena, ret_fault))
        fault_set(ret_fault, status, NULL, "%s", rpc_status_text(status));
    arena_done(&arena);
}
