/* reflection: grpc.reflection.v1 and v1alpha, for grpcurl and the like. Private to shared/rpc.
 *
 * The one bidirectional stream of the system, so it is not a method of a host. What it answers never
 * changes, so it needs no fiber: each question is answered where it arrives. */
#ifndef PEK_SHARED_RPC_REFLECTION_H
#define PEK_SHARED_RPC_REFLECTION_H

#include "shared/rpc/rpc.h"

struct reflection;

/* Streams at a time; more are RESOURCE_EXHAUSTED. */
#define REFLECTION_STREAMS_MAX 16
#define REFLECTION_QUESTION_BYTES_MAX 4096

/* Before the server starts. `descriptor_set` is a google.protobuf.FileDescriptorSet. */
PEK_MUST_CHECK enum status reflection_new(struct rpc_server *server, struct slice descriptor_set,
                                          struct reflection **ret_reflection, struct fault *fault);
/* After the server started: asks for the first streams. NULL is harmless, here and below. */
void reflection_start(struct reflection *reflection);
/* Ends the streams; they have no end of their own. */
void reflection_end(struct reflection *reflection);
/* After the server was drained. Returns NULL. */
struct reflection *reflection_free(struct reflection *reflection);

#endif
