/* status: the one result type of the federation.
 *
 * OK and the sixteen canonical gRPC codes, with their wire name and HTTP code, from one table. Every
 * fallible function of every module answers one of these; translation happens only at the edges
 * (SQLSTATE in shared/pg, gRPC in shared/rpc, HTTP in hub).
 *
 * Source of names and numbers: https://grpc.github.io/grpc/core/md_doc_statuscodes.html; source of the
 * HTTP codes: google/rpc/code.proto.
 */
#ifndef PEK_SHARED_BASE_STATUS_H
#define PEK_SHARED_BASE_STATUS_H

#define PEK_MUST_CHECK __attribute__((warn_unused_result))
#define PEK_PRINTF(format_index, first_index)                                                      \
    __attribute__((format(printf, format_index, first_index)))

/* PEK_TRY(thing_do(…)): passes a failure on. For functions that hold nothing that has to be given back. */
#define PEK_TRY(call)                                                                              \
    do {                                                                                           \
        enum status pek_try_status = (call);                                                       \
        if (pek_try_status != STATUS_OK)                                                           \
            return pek_try_status;                                                                 \
    } while (0)

/*        name                 code  http */
#define STATUS_TABLE(X)                                                                            \
    X(OK, 0, 200)                                                                                  \
    X(CANCELLED, 1, 499)                                                                           \
    X(UNKNOWN, 2, 500)                                                                             \
    X(INVALID_ARGUMENT, 3, 400)                                                                    \
    X(DEADLINE_EXCEEDED, 4, 504)                                                                   \
    X(NOT_FOUND, 5, 404)                                                                           \
    X(ALREADY_EXISTS, 6, 409)                                                                      \
    X(PERMISSION_DENIED, 7, 403)                                                                   \
    X(RESOURCE_EXHAUSTED, 8, 429)                                                                  \
    X(FAILED_PRECONDITION, 9, 400)                                                                 \
    X(ABORTED, 10, 409)                                                                            \
    X(OUT_OF_RANGE, 11, 400)                                                                       \
    X(UNIMPLEMENTED, 12, 501)                                                                      \
    X(INTERNAL, 13, 500)                                                                           \
    X(UNAVAILABLE, 14, 503)                                                                        \
    X(DATA_LOSS, 15, 500)                                                                          \
    X(UNAUTHENTICATED, 16, 401)

enum status {
#define STATUS_ENUM(name, code, http) STATUS_##name = code,
    STATUS_TABLE(STATUS_ENUM)
#undef STATUS_ENUM
};

/* "PERMISSION_DENIED"; "UNKNOWN" for a number outside the table. Static storage. */
const char *status_name(enum status status);

/* 403 for PERMISSION_DENIED; 500 for a number outside the table. */
int status_http(enum status status);

/* A number from the wire: the status, or STATUS_UNKNOWN when it is none of the seventeen. */
enum status status_from_code(long code);

#endif
