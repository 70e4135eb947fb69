#include "shared/rpc/runtime.h"

#include <grpc/byte_buffer_reader.h>
#include <grpc/support/log.h>
#include <pthread.h>
#include <stdlib.h>

#include "shared/base/clock.h"
#include "shared/fiber/tsan.h"
#include "shared/rpc/queue.h"

/* Up to here a copy is cheaper than what sharing would hold back. */
#define MESSAGE_COPY_BYTES_MAX 2048

struct rpc_runtime {
    struct fibers *fibers;
    grpc_completion_queue *queue;
    pthread_t thread;
};

static void (*library_sink)(const char *text);

static void library_log(gpr_log_func_args *args)
{
    if (library_sink)
        library_sink(args->message);
}

void rpc_library_log(void (*sink)(const char *text))
{
    library_sink = sink;
}

static void *runtime_run(void *arg)
{
    struct rpc_runtime *runtime = arg;
    for (;;) {
        grpc_event event =
            grpc_completion_queue_next(runtime->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        if (event.type == GRPC_QUEUE_SHUTDOWN)
            return NULL;
        struct rpc_tag *tag = event.tag;
        tsan_acquire(tag);
        tag->done(tag, event.success != 0);
    }
}

enum status rpc_runtime_new(struct fibers *fibers, struct rpc_runtime **ret_runtime)
{
    struct rpc_runtime *runtime = calloc(1, sizeof(*runtime));
    if (!runtime)
        return STATUS_RESOURCE_EXHAUSTED;
    gpr_set_log_function(library_log);
    grpc_init();
    runtime->fibers = fibers;
    runtime->queue = grpc_completion_queue_create_for_next(NULL);
    if (pthread_create(&runtime->thread, NULL, runtime_run, runtime) != 0) {
        grpc_completion_queue_shutdown(runtime->queue);
        grpc_completion_queue_destroy(runtime->queue);
        grpc_shutdown_blocking();
        free(runtime);
        return STATUS_UNAVAILABLE;
    }
    *ret_runtime = runtime;
    return STATUS_OK;
}

struct rpc_runtime *rpc_runtime_free(struct rpc_runtime *runtime)
{
    if (!runtime)
        return NULL;
    /* Completions still under way are delivered before the queue says that it is shut down. */
    grpc_completion_queue_shutdown(runtime->queue);
    pthread_join(runtime->thread, NULL);
    grpc_completion_queue_destroy(runtime->queue);
    grpc_shutdown_blocking();
    free(runtime);
    return NULL;
}

bool rpc_runtime_batch(grpc_call *call, const grpc_op *ops, size_t op_count, struct rpc_tag *tag)
{
    tsan_release(tag);
    return grpc_call_start_batch(call, ops, op_count, tag, NULL) == GRPC_CALL_OK;
}

bool rpc_runtime_request(struct rpc_runtime *runtime, grpc_server *server, void *method,
                         const struct rpc_request_slot *slot, struct rpc_tag *tag)
{
    tsan_release(tag);
    grpc_call_error error;
    if (method)
        error = grpc_server_request_registered_call(server, method, slot->call, slot->deadline,
                                                    slot->metadata, slot->payload, runtime->queue,
                                                    runtime->queue, tag);
    else
        error = grpc_server_request_call(server, slot->call, slot->details, slot->metadata,
                                         runtime->queue, runtime->queue, tag);
    return error == GRPC_CALL_OK;
}

void rpc_runtime_shutdown_server(struct rpc_runtime *runtime, grpc_server *server,
                                 struct rpc_tag *tag)
{
    tsan_release(tag);
    grpc_server_shutdown_and_notify(server, runtime->queue, tag);
}

grpc_completion_queue *rpc_runtime_queue(const struct rpc_runtime *runtime)
{
    return runtime->queue;
}

struct fibers *rpc_runtime_fibers(const struct rpc_runtime *runtime)
{
    return runtime->fibers;
}

void rpc_runtime_post(struct rpc_runtime *runtime, struct fibers_job *job)
{
    fibers_post(runtime->fibers, job);
}

gpr_timespec rpc_time_from_us(int64_t deadline_us)
{
    if (deadline_us == DEADLINE_NONE)
        return gpr_inf_future(GPR_CLOCK_MONOTONIC);
    return (gpr_timespec){
        .tv_sec = deadline_us / 1000000,
        .tv_nsec = (int32_t)(deadline_us % 1000000) * 1000,
        .clock_type = GPR_CLOCK_MONOTONIC,
    };
}

int64_t rpc_time_to_us(gpr_timespec time)
{
    time = gpr_convert_clock_type(time, GPR_CLOCK_MONOTONIC);
    if (time.tv_sec > INT64_MAX / 1000000 - 1)
        return DEADLINE_NONE;
    return time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

bool rpc_message_take(grpc_byte_buffer *buffer, grpc_slice *ret_message)
{
    if (!buffer)
        return false;
    grpc_byte_buffer_reader reader;
    if (!grpc_byte_buffer_reader_init(&reader, buffer)) {
        grpc_byte_buffer_destroy(buffer);
        return false;
    }
    size_t bytes = grpc_byte_buffer_length(buffer);
    grpc_slice first;
    if (bytes > MESSAGE_COPY_BYTES_MAX && grpc_byte_buffer_reader_next(&reader, &first)) {
        if (GRPC_SLICE_LENGTH(first) == bytes) {
            *ret_message = first;
            grpc_byte_buffer_reader_destroy(&reader);
            grpc_byte_buffer_destroy(buffer);
            return true;
        }
        grpc_slice_unref(first);
        grpc_byte_buffer_reader_destroy(&reader);
        grpc_byte_buffer_reader_init(&reader, buffer);
    }
    *ret_message = grpc_byte_buffer_reader_readall(&reader);
    grpc_byte_buffer_reader_destroy(&reader);
    grpc_byte_buffer_destroy(buffer);
    return true;
}
