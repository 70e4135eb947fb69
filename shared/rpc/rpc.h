/* rpc: services and calls, over gRPC or in the process, as straight-line code on fibers.
 *
 *   service   the generated method table of one proto service, with its options (access, limits)
 *   host      runs services: authenticates, decodes, authorises, calls the handler, one fiber a call
 *   server    a gRPC port in front of a host
 *   channel   where calls go: a gRPC target, or a host in this process (no socket; the same bytes, the
 *             same interceptors)
 *   call      one outgoing call: start, next message …, outcome, free
 *
 * The order in an incoming call: deadline → authenticate (before decoding) → size limit → decode and
 * validate (UTF-8, no NUL) → access rules → read mask → handler → what of its answer is sent → one batch → `finished`
 * hook. A method without an
 * access rule, or without handler, is refused when the service is added: the process does not start.
 *
 * Threads: everything here is used on the loop thread of the `struct fibers`, which polls gRPC as well.
 */
#ifndef PEK_SHARED_RPC_RPC_H
#define PEK_SHARED_RPC_RPC_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

#include "shared/base/arena.h"
#include "shared/base/fault.h"
#include "shared/base/slice.h"
#include "shared/fiber/fiber.h"

/* ---- services (generated; see bazel/generator) ------------------------------------------------ */

struct rpc_ctx;
struct rpc_stream; /* the sending end of a server stream, seen from a handler */

enum rpc_access_kind {
    RPC_ACCESS_NONE = 0,      /* refused at start */
    RPC_ACCESS_PUBLIC,        /* anyone, no token looked at */
    RPC_ACCESS_AUTHENTICATED, /* any valid token */
    RPC_ACCESS_TARGET,        /* `action` on what `field` names */
    /* The guard computes what of `action` the caller has; the handler applies it. */
    RPC_ACCESS_FILTER,
    RPC_ACCESS_POLICY,        /* `right` on the policy that `field` names */
    RPC_ACCESS_POLICY_FILTER, /* the handler answers only policies on which the caller has it */
};

/* One (pek.access) option; a method may have several, all must hold. */
struct rpc_access {
    enum rpc_access_kind kind;
    uint32_t action; /* pek.Action number */
    /* Action needed on the realm when `field` is empty; 0: `field` is required. */
    uint32_t realm_action;
    uint32_t right; /* pek.PolicyRight number, of POLICY and POLICY_FILTER */
    /* Request field path "id", "group.parent_id"; of POLICY, and of TARGET on an object. */
    const char *field;
    bool on_user; /* `field` names a user, else a group or a policy */
    /* The value of `field` in a decoded request, "" when absent; generated, NULL without field. */
    const char *(*target)(const void *request);
    /* The user whose own call this rule never stops, "" for the caller; generated, may be NULL. */
    const char *(*self)(const void *request);
};

enum rpc_idempotency { RPC_IDEMPOTENCY_UNKNOWN = 0, RPC_NO_SIDE_EFFECTS, RPC_IDEMPOTENT };

struct rpc_method {
    const char *name; /* "GetGroup" */
    const char *path; /* "/pek.group.v1.GroupService/GetGroup" */
    const ProtobufCMessageDescriptor *request;
    const ProtobufCMessageDescriptor *response;
    bool server_streaming; /* client streaming is refused by the generator */
    enum rpc_idempotency idempotency;
    uint32_t request_bytes_max; /* 0: RPC_REQUEST_BYTES_MAX */
    const struct rpc_access *access;
    size_t access_count;
    /* Where an item of the list stands in its order, as pek.Cursor has it: routing's sort_key (may be empty) and
     * the last of identity. Generated; NULL for a method without identity. */
    void (*position)(const void *item, struct slice *ret_sort_key, const char **ret_id);
    /* Fields of an answer that are always sent, up to a NULL: what it is found, told apart and put in order by. Of the
     * others a call may leave some out; see shown.h. NULL: answers are always whole. */
    const char *const *kept;
    /* Which others are wanted, NULL for all; generated, NULL for a method without read_mask. */
    const struct Google__Protobuf__FieldMask *(*read_mask)(const void *request);
    /* Typed dispatch: unary uses `response`, streaming uses `stream`. `ops` is the service's struct. */
    bool (*implemented)(const void *ops);
    enum status (*dispatch)(const void *ops, struct rpc_ctx *ctx, const void *request,
                            void *response, struct rpc_stream *stream);
};

struct rpc_service {
    const char *name; /* "pek.group.v1.GroupService" */
    const struct rpc_method *methods;
    size_t method_count;
};

#define RPC_REQUEST_BYTES_MAX (64u * 1024)
#define RPC_MESSAGE_BYTES_MAX (4u * 1024 * 1024)
#define RPC_METADATA_BYTES_MAX 8192
#define RPC_ARENA_BYTES_MAX (8u * 1024 * 1024) /* per call */
/* Said with an ABORTED or RESOURCE_EXHAUSTED that no handler gave a text: contention, not a rule. */
#define RPC_RETRY_AFTER_MS 1000

/* ---- inside a handler ------------------------------------------------------------------------- */

struct principal {
    struct slice user;  /* subject of the verified token; empty for PUBLIC methods */
    struct slice realm; /* audience */
    int64_t expires_s;
};

struct arena *rpc_arena(struct rpc_ctx *ctx);   /* lives for the call */
struct arena *rpc_scratch(struct rpc_ctx *ctx); /* reset after each streamed send */
const struct principal *rpc_principal(const struct rpc_ctx *ctx);
struct cancel *rpc_cancel(struct rpc_ctx *ctx);
const struct rpc_method *rpc_method(const struct rpc_ctx *ctx);
void *rpc_data(const struct rpc_ctx *ctx); /* `data` of rpc_host_add */
/* The n-th value of a metadata key (lower case); NULL and empty when there are no more. */
struct slice rpc_metadata(const struct rpc_ctx *ctx, const char *key, size_t n);
/* Verified peer certificate's SHA-256 (raw 32 bytes) when the call came over mutual TLS, else empty. */
struct slice rpc_peer_certificate_sha256(struct rpc_ctx *ctx);
/* 32 hex digits: of the caller's `traceparent` (W3C), else a new one. */
struct slice rpc_trace_id(struct rpc_ctx *ctx);

/* Metadata of a read of one object: the etag of what the caller has. An answer with that etag is sent as its `kept` fields alone,
 * by whichever host knows of this. */
#define RPC_IF_NONE_MATCH "if-none-match"

/* Of a read of one object, for a handler that knows its etag before it has all of it: the caller has it, and what is missing is not
 * sent anyway. */
bool rpc_caller_has(const struct rpc_ctx *ctx, const char *etag);

/* What joins the log lines of all that one request brings about: the metadata `traceparent` and `x-request-id`. A member
 * is empty when there is none. */
struct rpc_trace {
    struct slice parent;
    struct slice request_id;
};
/* As the caller gave them: for calls that this one brings about. */
struct rpc_trace rpc_trace(const struct rpc_ctx *ctx);
/* The trace id of a traceparent, version-trace-parent-flags in lower-case hex (https://www.w3.org/TR/trace-context/), and
 * whether its flags say that the trace is recorded. Empty, and false, when it is none. Every program reads it by this,
 * so that none goes on under another id. */
struct slice rpc_traceparent_id(struct slice traceparent, bool *ret_sampled);
/* What the guard left for the handler (the scope of a FILTER rule); typed by whoever sets it. */
void rpc_attach(struct rpc_ctx *ctx, void *guard_data);
void *rpc_attached(const struct rpc_ctx *ctx);
/* The fault that goes to the caller; the text is public. Returns the status: return rpc_fail(ctx, …). */
struct fault *rpc_fault(struct rpc_ctx *ctx);
enum status rpc_fail(struct rpc_ctx *ctx, enum status status, const char *format, ...)
    PEK_PRINTF(3, 4);
enum status rpc_fail_field(struct rpc_ctx *ctx, enum status status, const char *field,
                           const char *format, ...) PEK_PRINTF(4, 5);

/* Used by the generated typed send: packs `message`, queues it, sleeps while the queue is full
 * (RPC_STREAM_QUEUE_BYTES), resets the scratch arena. CANCELLED when the caller went away, the token
 * expired … : return it. */
PEK_MUST_CHECK enum status rpc_stream_send(struct rpc_stream *stream,
                                           const ProtobufCMessage *message);
#define RPC_STREAM_QUEUE_BYTES (256u * 1024)
/* Whether the next message would be taken without sleep; and sleeps until it would: as rpc_stream_send does itself. */
bool rpc_stream_has_room(struct rpc_stream *stream);
PEK_MUST_CHECK enum status rpc_stream_wait(struct rpc_stream *stream);
/* The stream of this call, for code that answers any streaming method: what it sends must be the method's. */
struct rpc_stream *rpc_stream(struct rpc_ctx *ctx);

/* ---- host ------------------------------------------------------------------------------------- */

struct rpc_host;
struct tracer; /* shared/trace */

/* What a host asks of its program. All run on the call's fiber and may wait. */
struct rpc_interceptor {
    void *arg;
    /* From metadata to principal; not called for PUBLIC methods. */
    enum status (*authenticate)(void *arg, struct rpc_ctx *ctx, struct principal *ret_principal);
    /* All access rules of the method; not called for PUBLIC or AUTHENTICATED ones. */
    enum status (*authorize)(void *arg, struct rpc_ctx *ctx, const void *request);
    /* After the answer left; never waits. */
    void (*finished)(void *arg, struct rpc_ctx *ctx, const struct fault *outcome,
                     int64_t elapsed_us);
};

struct rpc_host_options {
    struct rpc_interceptor interceptor;
    size_t unary_max;            /* calls at a time; default 2048 */
    size_t stream_max;           /* open streams at a time; default 4096 */
    int64_t deadline_default_ms; /* for callers that gave none; default 30000 */
    /* Each call is a span, also in rpc_cancel; outlives the host. NULL: none is recorded. */
    struct tracer *tracer;
    const char *realm; /* that the spans name; NULL: none */
};

PEK_MUST_CHECK enum status rpc_host_new(struct fibers *fibers,
                                        const struct rpc_host_options *options,
                                        struct rpc_host **ret_host);
/* No call may be open. Closes a loop handle: run the loop once more afterwards. Takes NULL, returns NULL. */
struct rpc_host *rpc_host_free(struct rpc_host *host);
/* `ops` and `data` outlive the host. Refuses duplicates, NULL handlers and methods without access rule
 * with a fault that names the method. Generated typed wrappers call this. */
PEK_MUST_CHECK enum status rpc_host_add(struct rpc_host *host, const struct rpc_service *service,
                                        const void *ops, void *data, struct fault *fault);
/* NULL when unknown. */
const struct rpc_method *rpc_host_method(const struct rpc_host *host, struct slice path);
size_t rpc_host_open_calls(const struct rpc_host *host);   /* unary and streams */
size_t rpc_host_open_streams(const struct rpc_host *host); /* of these */
/* In a fiber, until none is open, which rpc_host_free wants: one whose caller has left goes on, a COMMIT to its deadline. */
void rpc_host_wait(const struct rpc_host *host);
/* Visits every service added (reflection, matrix tests). */
void rpc_host_each(const struct rpc_host *host,
                   void (*visit)(void *arg, const struct rpc_service *service), void *arg);

/* ---- gRPC runtime, server ---------------------------------------------------------------------- */

/* The gRPC library and its completion queue, polled from the loop. A process may have several, all on one
 * thread; gRPC is started by the first one, not before. */
struct rpc_runtime;
PEK_MUST_CHECK enum status rpc_runtime_new(struct fibers *fibers, struct rpc_runtime **ret_runtime);
/* All servers and channels freed before. Closes loop handles: run the loop once more afterwards. Takes NULL,
 * returns NULL. */
struct rpc_runtime *rpc_runtime_free(struct rpc_runtime *runtime);

/* PEM file paths; all three or none. Reloaded when the files change. */
struct rpc_tls {
    /* Copied. Of a channel they name the same files for as long as it lives: those who say the same paths share what was read,
     * which is looked at every 10 s. */
    const char *ca_path, *certificate_path, *key_path;
    /* Channel: the name the server's certificate must carry; NULL: from target. */
    const char *server_name;
};

/* The gRPC library's own error lines (a refused handshake, a port that is taken), which name addresses:
 * for the log only. From any thread. Without a sink they are dropped. Once, before any runtime. */
void rpc_library_log(void (*sink)(const char *text));

struct rpc_server_options {
    const char *listen;        /* "127.0.0.1:7101", "unix:/path"; port 0 picks one */
    const struct rpc_tls *tls; /* NULL: plain text; else client certificates are required */
    /* Of a unix socket: the user whose connections are taken, as the kernel has it (SO_PEERCRED); NULL: anybody's. Holds for all unix
     * sockets of the process. */
    const uint32_t *peer_uid;
    bool reflection;
    /* google.protobuf.FileDescriptorSet with imports, for reflection. */
    struct slice descriptor_set;
    int64_t connection_age_max_ms; /* usually RPC_CONNECTION_AGE_MS; 0: no end */
    /* Of all ports of the process together; 0: RPC_CONNECTIONS_MAX. At least so many are taken, and at most
     * RPC_DESCRIPTORS_KEPT / 2 more; those above are closed at once. */
    size_t connections_max;
};
#define RPC_CONNECTION_AGE_MS (30 * 60 * 1000)
#define RPC_CONNECTIONS_MAX 1024
/* Descriptors that connections leave for the database, files and the library. */
#define RPC_DESCRIPTORS_KEPT 256
/* Since the start of the process: connections closed because there were too many, no descriptor was left, or they were not
 * `peer_uid`'s. */
uint64_t rpc_connections_refused(void);

struct rpc_server;
/* Serves what the host has by now; services added later are not reached through this port. Begins SERVING. */
PEK_MUST_CHECK enum status rpc_server_new(struct rpc_runtime *runtime, struct rpc_host *host,
                                          const struct rpc_server_options *options,
                                          struct rpc_server **ret_server, struct fault *fault);
int rpc_server_port(const struct rpc_server *server);
/* grpc.health.v1: "" and every service name of the host; watchers are told, and who has a tunnel here sends calls to other servers, if
 * there are any. */
void rpc_server_set_serving(struct rpc_server *server, bool serving);
/* In a fiber: NOT_SERVING, GOAWAY, waits for open calls until `deadline_us`, then cancels the rest. OK when
 * nothing had to be cancelled, else DEADLINE_EXCEEDED. */
enum status rpc_server_drain(struct rpc_server *server, int64_t deadline_us);
/* After a drain. Takes NULL, returns NULL. */
struct rpc_server *rpc_server_free(struct rpc_server *server);

/* ---- channels and calls ------------------------------------------------------------------------ */

struct rpc_channel;
/* "127.0.0.1:7101", "dns:///…", "unix:…", "ipv4:a,b", "xds:///…". Connects when first used. Of several servers each call goes to the
 * next that is there; one that ends is left at once, one that hangs within 4 s, its calls UNAVAILABLE. */
PEK_MUST_CHECK enum status rpc_channel_new(struct rpc_runtime *runtime, const char *target,
                                           const struct rpc_tls *tls,
                                           struct rpc_channel **ret_channel, struct fault *fault);
/* To the unix socket at an absolute path, without TLS: only where a program of the user `uid` listens, as the kernel has it. Else its
 * calls end UNAVAILABLE. Of several channels to one path the user that was named last holds. INVALID_ARGUMENT for a path that is
 * not absolute, or too long for a socket. */
PEK_MUST_CHECK enum status rpc_channel_new_peer(struct rpc_runtime *runtime, const char *path,
                                                uint32_t uid, struct rpc_channel **ret_channel,
                                                struct fault *fault);
PEK_MUST_CHECK enum status rpc_channel_new_local(struct rpc_host *host,
                                                 struct rpc_channel **ret_channel);
/* From here on the calls that one turn of the loop makes travel together, in one message to the server and one back, with a server
 * that can take them so; to others, in this process, and without memory for it they go as before. Nobody sees a difference but in the
 * CPU: each call has its own token, metadata, deadline, limits and cancellation. Of several servers that one is asked that has the
 * fewest calls to answer. tunnel.h has the limits. */
void rpc_channel_carry(struct rpc_channel *channel);
/* How many calls travelled so. */
uint64_t rpc_channel_carried(const struct rpc_channel *channel);
/* Of a channel that carries: told of each call that a server refused with UNAUTHENTICATED, and of the server's address. Others, that do not, have the
 * next calls. May not use the channel. */
typedef void (*rpc_refused_fn)(void *arg, const char *address, const struct fault *fault);
void rpc_channel_on_refused(struct rpc_channel *channel, rpc_refused_fn refused, void *arg);
/* To how many servers calls travel so: as often it is worth asking again, until one does not refuse the caller. At least 1. */
size_t rpc_channel_servers(const struct rpc_channel *channel);
/* Whether one of them is at the address, "127.0.0.1:7101" or "[::1]:7101"; true when nobody knows. */
bool rpc_channel_reaches(const struct rpc_channel *channel, const char *address);
/* Calls must be freed before. Takes NULL, returns NULL. */
struct rpc_channel *rpc_channel_free(struct rpc_channel *channel);

struct rpc_pair {
    struct slice key,
        value; /* key in lower case; a value with illegal bytes is refused by call_start */
};
/* A trace as metadata of a call; how many pairs it is. */
#define RPC_TRACE_PAIRS_MAX 2
size_t rpc_trace_pairs(const struct rpc_trace *trace,
                       struct rpc_pair ret_pairs[RPC_TRACE_PAIRS_MAX]);
#define RPC_PAIRS_MAX 64

struct rpc_call_options {
    struct slice path;
    struct slice request; /* serialised; copied */
    const struct rpc_pair *metadata;
    size_t metadata_count;
    int64_t deadline_us; /* monotonic; DEADLINE_NONE is refused: every call has one */
    bool server_streaming;
    /* Signalled when a message arrived or the call ended; outlives the call. */
    struct fiber_event *event;
};

struct rpc_call;
/* Never waits. INVALID_ARGUMENT for illegal metadata. A call that cannot reach its target starts, and ends
 * UNAVAILABLE. */
PEK_MUST_CHECK enum status rpc_call_start(struct rpc_channel *channel,
                                          const struct rpc_call_options *options,
                                          struct rpc_call **ret_call);
/* The next message if one is here; valid until the following rpc_call_next or rpc_call_free. At most
 * RPC_CALL_QUEUE_BYTES (and one message) are taken from the network ahead of it: backpressure. */
bool rpc_call_next(struct rpc_call *call, struct slice *ret_message);
#define RPC_CALL_QUEUE_BYTES (256u * 1024)
/* True when all messages were taken and the outcome is known: `ret_outcome` (may be NULL) is then valid until
 * rpc_call_free. A unary OK without exactly one message is INTERNAL. */
bool rpc_call_ended(struct rpc_call *call, const struct fault **ret_outcome);
/* For a log line, not for a caller: what gRPC said of a call that failed, empty otherwise. Valid until
 * rpc_call_free. */
struct slice rpc_call_diagnostic(struct rpc_call *call);
/* Cancels when it has not ended. Takes NULL, returns NULL. */
struct rpc_call *rpc_call_free(struct rpc_call *call);

/* In a fiber: one unary call, straight-line; the generated typed client uses it. The message is unpacked
 * into the arena; RESOURCE_EXHAUSTED when that has no room for it. `fault` gets the outcome. */
PEK_MUST_CHECK enum status rpc_call_unary(struct rpc_channel *channel,
                                          const struct rpc_method *method,
                                          const ProtobufCMessage *request,
                                          const struct rpc_pair *metadata, size_t metadata_count,
                                          struct cancel *cancel, struct arena *arena,
                                          ProtobufCMessage **ret_response, struct fault *fault);

/* Unpacks with the arena as allocator; validates UTF-8 and refuses NUL in every string. */
PEK_MUST_CHECK enum status rpc_decode(const ProtobufCMessageDescriptor *type, struct slice bytes,
                                      struct arena *arena, ProtobufCMessage **ret_message,
                                      struct fault *fault);

#endif
