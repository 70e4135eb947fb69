#include "shared/rpc/runtime.h"

#include <assert.h>
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/support/log.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "shared/base/clock.h"
#include "shared/fiber/tsan.h"
#include "shared/rpc/queue.h"

/* Up to here a copy is cheaper than what sharing would hold back. */
#define MESSAGE_COPY_BYTES_MAX 2048
/* Completions handled in one go, before the loop looks at its other sockets. */
#define DRAIN_EVENTS_MAX 512
/* gRPC handles one socket event in each look and keeps others that it has fetched, without saying so: only
 * several looks that brought nothing mean that there is nothing. */
#define DRAIN_EMPTY_LOOKS 3
/* At the end of a turn: the first may only take note of a kick. */
#define DRAIN_EMPTY_LOOKS_TURN 2
/* What gRPC's own threads complete makes no descriptor readable. Looked for after 4 ms, then after
 * twice as long each time that nothing was found. */
#define LOOK_MS_MIN 4
#define LOOK_MS_MAX 128
/* Without a descriptor to watch. */
#define LOOK_MS_BLIND 1
/* Epoll instances of a process before the first runtime; one that has more is served blind. */
#define EPOLLS_BEFORE_MAX 64

struct rpc_runtime {
    struct fibers *fibers;
    grpc_completion_queue *queue;
    uv_timer_t timer;
    uv_poll_t poll;
    int watched_fd; /* ours, of gRPC's epoll instance; -1: none, the timer does it alone */
    uint64_t look_ms, look_ms_max;
    struct fibers_hook turn_end;
    struct list flushes; /* due at the end of this turn */
    struct deadlines *deadlines;
    unsigned handles_open;
    bool draining;
    bool used; /* something was given to gRPC since the last look */
};

/* Of the process; `epoll_fd` is gRPC's and lives from the first runtime to the end of the last one. */
static struct {
    size_t runtimes;
    int epoll_fd;
} library = {.epoll_fd = -1};

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

/* ---- gRPC's epoll instance ---- */

struct fd_list {
    int fds[EPOLLS_BEFORE_MAX];
    size_t count;
};

static bool fd_list_has(const struct fd_list *list, int fd)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->fds[i] == fd)
            return true;
    return false;
}

/* The epoll instances that this process has open; false when they cannot be told. */
static bool epolls_list(struct fd_list *ret_list)
{
    DIR *dir = opendir("/proc/self/fd");
    if (!dir)
        return false;
    struct fd_list list = {.count = 0};
    bool fits = true;
    for (const struct dirent *entry; fits && (entry = readdir(dir));) {
        char link[64];
        ssize_t len = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link));
        if (len < 0 || !slice_equal_str(slice_make(link, (size_t)len), "anon_inode:[eventpoll]"))
            continue;
        fits = list.count < EPOLLS_BEFORE_MAX;
        if (fits)
            list.fds[list.count++] = (int)strtol(entry->d_name, NULL, 10);
    }
    closedir(dir);
    if (fits)
        *ret_list = list;
    return fits;
}

/* absl::SetMutexDeadlockDetectionMode, as Debian 12's libabsl names it (20220623, namespace debian3). */
#define ABSL_DETECTION_SYMBOL                                                                      \
    "_ZN4absl7debian329SetMutexDeadlockDetectionModeENS0_15OnDeadlockCycleE"
#define ABSL_DETECTION_IGNORE 0

/* Debian's absl records the order of all locks, a help for debugging that takes a sixth of gRPC's time. Where
 * there is no such function it stays as it is. */
static void lock_order_unrecorded(void)
{
    union {
        void *found;
        void (*set)(int mode);
    } detection;
    void *program = dlopen(NULL, RTLD_LAZY);
    if (!program)
        return;
    detection.found = dlsym(program, ABSL_DETECTION_SYMBOL);
    if (detection.found)
        detection.set(ABSL_DETECTION_IGNORE);
    dlclose(program);
}

/* Starts gRPC. Its poller (epoll1) has one epoll instance for the whole process and does not tell which: it is
 * the one that is there afterwards and was not before. */
static void library_start(void)
{
    if (library.runtimes++ > 0) {
        grpc_init();
        return;
    }
    struct fd_list before;
    struct fd_list after;
    gpr_set_log_function(library_log);
    lock_order_unrecorded();
    bool listed = epolls_list(&before);
    grpc_init();
    if (!listed || !epolls_list(&after))
        return;
    size_t found = 0;
    for (size_t i = 0; i < after.count; i++)
        if (!fd_list_has(&before, after.fds[i])) {
            library.epoll_fd = after.fds[i];
            found++;
        }
    if (found != 1)
        library.epoll_fd = -1;
}

static void library_stop(void)
{
    grpc_shutdown_blocking();
    if (--library.runtimes == 0)
        library.epoll_fd = -1;
}

/* ---- the loop looks after the queue ---- */

static void tag_complete(const grpc_event *event)
{
    struct rpc_tag *tag = event->tag;
    tsan_acquire(tag);
    tag->done(tag, event->success != 0);
}

static void on_timer(uv_timer_t *timer);

static void look_after(struct rpc_runtime *runtime, uint64_t ms)
{
    runtime->look_ms = ms > runtime->look_ms_max ? runtime->look_ms_max : ms;
    uv_timer_start(&runtime->timer, on_timer, runtime->look_ms, 0);
}

/* Something was asked or answered: more may follow. */
static void look_soon(struct rpc_runtime *runtime)
{
    if (runtime->look_ms > LOOK_MS_MIN)
        look_after(runtime, LOOK_MS_MIN);
}

/* Handles what has completed; returns how much that was. */
static size_t drain(struct rpc_runtime *runtime, unsigned empty_looks)
{
    const gpr_timespec past = gpr_time_0(GPR_CLOCK_MONOTONIC);
    size_t events = 0;
    unsigned empty = 0;
    assert(!runtime->draining);
    runtime->draining = true;
    while (empty < empty_looks && events < DRAIN_EVENTS_MAX) {
        runtime->used = false;
        grpc_event event = grpc_completion_queue_next(runtime->queue, past, NULL);
        if (event.type == GRPC_OP_COMPLETE) {
            tag_complete(&event);
            events++;
            empty = 0;
        } else {
            empty++;
        }
    }
    runtime->draining = false;
    if (events == DRAIN_EVENTS_MAX)
        look_after(runtime, 0);
    else if (events > 0)
        look_soon(runtime);
    return events;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events;
    drain(poll->data, DRAIN_EMPTY_LOOKS);
}

static void on_timer(uv_timer_t *timer)
{
    struct rpc_runtime *runtime = timer->data;
    uint64_t next_ms = runtime->look_ms > 0 ? runtime->look_ms * 2 : LOOK_MS_MIN;
    if (drain(runtime, DRAIN_EMPTY_LOOKS) > 0)
        next_ms = LOOK_MS_MIN;
    if (!uv_is_active((const uv_handle_t *)timer))
        look_after(runtime, next_ms);
}

/* First what was put off to here; and what the turn gave to gRPC may have completed at once, which makes nothing readable. */
static void on_turn_end(struct fibers_hook *hook)
{
    struct rpc_runtime *runtime = LIST_ENTRY(hook, struct rpc_runtime, turn_end);
    for (struct list *node; (node = list_pop(&runtime->flushes));) {
        struct rpc_flush *flush = LIST_ENTRY(node, struct rpc_flush, node);
        flush->run(flush);
    }
    if (runtime->used)
        drain(runtime, DRAIN_EMPTY_LOOKS_TURN);
}

/* ---- life ---- */

static void on_close(uv_handle_t *handle)
{
    struct rpc_runtime *runtime = handle->data;
    if (--runtime->handles_open == 0)
        free(runtime);
}

/* Without it the timer alone does the work. */
static void watch_epoll(struct rpc_runtime *runtime)
{
    runtime->watched_fd = -1;
    runtime->look_ms_max = LOOK_MS_BLIND;
    /* Our own descriptor: several runtimes may watch, and gRPC may close its own when it likes. */
    int fd = library.epoll_fd < 0 ? -1 : fcntl(library.epoll_fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (uv_poll_init(fibers_loop(runtime->fibers), &runtime->poll, fd) != 0) {
        close(fd);
        return;
    }
    runtime->poll.data = runtime;
    runtime->handles_open++;
    runtime->watched_fd = fd;
    runtime->look_ms_max = LOOK_MS_MAX;
    uv_poll_start(&runtime->poll, UV_READABLE, on_readable);
    uv_unref((uv_handle_t *)&runtime->poll);
}

enum status rpc_runtime_new(struct fibers *fibers, struct rpc_runtime **ret_runtime)
{
    struct rpc_runtime *runtime = calloc(1, sizeof(*runtime));
    if (!runtime)
        return STATUS_RESOURCE_EXHAUSTED;
    enum status status = deadlines_new(fibers_loop(fibers), &runtime->deadlines);
    if (status != STATUS_OK) {
        free(runtime);
        return status;
    }
    library_start();
    list_init(&runtime->flushes);
    runtime->fibers = fibers;
    runtime->queue = grpc_completion_queue_create_for_next(NULL);
    uv_timer_init(fibers_loop(fibers), &runtime->timer);
    runtime->timer.data = runtime;
    runtime->handles_open = 1;
    uv_unref((uv_handle_t *)&runtime->timer);
    watch_epoll(runtime);
    look_after(runtime, LOOK_MS_MIN);
    runtime->turn_end.run = on_turn_end;
    fibers_hook_add(fibers, &runtime->turn_end);
    *ret_runtime = runtime;
    return STATUS_OK;
}

struct rpc_runtime *rpc_runtime_free(struct rpc_runtime *runtime)
{
    if (!runtime)
        return NULL;
    assert(!runtime->draining);
    fibers_hook_remove(&runtime->turn_end);
    /* Completions still under way are delivered before the queue says that it is shut down. */
    grpc_completion_queue_shutdown(runtime->queue);
    for (;;) {
        grpc_event event =
            grpc_completion_queue_next(runtime->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        if (event.type == GRPC_QUEUE_SHUTDOWN)
            break;
        tag_complete(&event);
    }
    grpc_completion_queue_destroy(runtime->queue);
    deadlines_free(runtime->deadlines);
    uv_close((uv_handle_t *)&runtime->timer, on_close);
    if (runtime->watched_fd >= 0) {
        uv_close((uv_handle_t *)&runtime->poll, on_close);
        close(runtime->watched_fd);
    }
    library_stop();
    return NULL;
}

/* ---- what is given to gRPC ---- */

/* It may have completed by now. */
static void runtime_used(struct rpc_runtime *runtime)
{
    runtime->used = true;
    if (!runtime->draining) {
        fibers_hooks_due(runtime->fibers);
        look_soon(runtime);
    }
}

bool rpc_runtime_batch(struct rpc_runtime *runtime, grpc_call *call, const grpc_op *ops,
                       size_t op_count, struct rpc_tag *tag)
{
    tsan_release(tag);
    runtime_used(runtime);
    return grpc_call_start_batch(call, ops, op_count, tag, NULL) == GRPC_CALL_OK;
}

void rpc_runtime_cancel(struct rpc_runtime *runtime, grpc_call *call)
{
    runtime_used(runtime);
    grpc_call_cancel(call, NULL);
}

bool rpc_runtime_request(struct rpc_runtime *runtime, grpc_server *server, void *method,
                         const struct rpc_request_slot *slot, struct rpc_tag *tag)
{
    tsan_release(tag);
    runtime_used(runtime);
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
    runtime_used(runtime);
    grpc_server_shutdown_and_notify(server, runtime->queue, tag);
}

void rpc_runtime_flush_later(struct rpc_runtime *runtime, struct rpc_flush *flush)
{
    if (!list_empty(&flush->node))
        return;
    list_append(&runtime->flushes, &flush->node);
    fibers_hooks_due(runtime->fibers);
}

struct deadlines *rpc_runtime_deadlines(const struct rpc_runtime *runtime)
{
    return runtime->deadlines;
}

grpc_completion_queue *rpc_runtime_queue(const struct rpc_runtime *runtime)
{
    return runtime->queue;
}

struct fibers *rpc_runtime_fibers(const struct rpc_runtime *runtime)
{
    return runtime->fibers;
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
