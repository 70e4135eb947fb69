/* fault_wire: a fault as gRPC carries it. Private to shared/rpc.
 *
 * grpc-status and grpc-message, and grpc-status-details-bin with a google.rpc.Status that holds
 * ErrorInfo{reason, domain "pek"} and, when a field is to blame, a BadRequest.
 */
#ifndef PEK_SHARED_RPC_FAULT_WIRE_H
#define PEK_SHARED_RPC_FAULT_WIRE_H

#include <grpc/slice.h>

#include "shared/base/fault.h"
#include "shared/base/slice.h"

#define FAULT_WIRE_KEY "grpc-status-details-bin"
#define FAULT_WIRE_DOMAIN "pek"
/* More than this is not one of ours and is not looked at. */
#define FAULT_WIRE_BYTES_MAX 4096

/* "not found": what anyone may be told of a status when nobody said more. */
const char *rpc_status_text(enum status status);

/* The details; empty for OK. */
grpc_slice fault_wire_pack(const struct fault *fault);

/* What the caller of a call may be told. The text counts only when `details` (empty: none) are of our
 * domain: gRPC's own texts name addresses, another server's may say anything. */
void fault_wire_unpack(enum status status, struct slice details, struct fault *ret_fault);

#endif
