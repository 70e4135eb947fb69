/* runtime: the gRPC library and its completion queue, polled from the loop. Private to shared/rpc.
 *
 * Every handover between gRPC and this program goes through the functions here, so that there is one place
 * where a sanitizer is told of it, and one that knows what happens when. `done` of a tag is called on
 * the loop thread, outside any fiber, and never from inside one of these functions: first the caller has
 * returned to the loop. See README.md for how the loop learns that something completed.
 *
 * All runtimes of a process belong to one thread.
 */
#ifndef PEK_SHARED_RPC_RUNTIME_H
#define PEK_SHARED_RPC_RUNTIME_H

#include <grpc/grpc.h>

#include "shared/base/list.h"
#include "shared/rpc/deadlines.h"
#include "shared/rpc/rpc.h"

/* One thing asked of gRPC; embedded in a call, it lives until `done`. */
struct rpc_tag {
    void (*done)(struct rpc_tag *tag, bool ok);
};

/* True when `done` will be called; false when gRPC refused the batch, which is a mistake of ours or a queue
 * that was shut down. */
PEK_MUST_CHECK bool rpc_runtime_batch(struct rpc_runtime *runtime, grpc_call *call,
                                      const grpc_op *ops, size_t op_count, struct rpc_tag *tag);
/* What the call waits for completes as failed. */
void rpc_runtime_cancel(struct rpc_runtime *runtime, grpc_call *call);

struct rpc_request_slot {
    grpc_call **call;
    grpc_metadata_array *metadata;
    gpr_timespec *deadline;     /* registered methods */
    grpc_byte_buffer **payload; /* registered methods; NULL: not read */
    grpc_call_details *details; /* any other method */
};
/* Asks for the next call of a registered method, or of any other when `method` is NULL. */
PEK_MUST_CHECK bool rpc_runtime_request(struct rpc_runtime *runtime, grpc_server *server,
                                        void *method, const struct rpc_request_slot *slot,
                                        struct rpc_tag *tag);
void rpc_runtime_shutdown_server(struct rpc_runtime *runtime, grpc_server *server,
                                 struct rpc_tag *tag);

/* Something that is sent once for all that a turn has for it. */
struct rpc_flush {
    struct list node; /* list_init before the first use */
    void (*run)(struct rpc_flush *flush);
};
/* `run` is called once at the end of this turn, outside any fiber. Harmless when it was asked for already. */
void rpc_runtime_flush_later(struct rpc_runtime *runtime, struct rpc_flush *flush);

/* Of the calls that go out and that gRPC does not end at their time. */
struct deadlines *rpc_runtime_deadlines(const struct rpc_runtime *runtime);

grpc_completion_queue *rpc_runtime_queue(const struct rpc_runtime *runtime);
struct fibers *rpc_runtime_fibers(const struct rpc_runtime *runtime);
/* Both clocks are CLOCK_MONOTONIC. */
gpr_timespec rpc_time_from_us(int64_t deadline_us);
/* DEADLINE_NONE for a time that never comes. */
int64_t rpc_time_to_us(gpr_timespec time);

/* The bytes of a received message, taken out of the buffer, which is destroyed; false for NULL. Short ones are
 * copied, so that a few bytes that wait in a queue do not hold a whole read buffer. */
bool rpc_message_take(grpc_byte_buffer *buffer, grpc_slice *ret_message);

#endif
