#include "shared/rpc/reflection.h"

#include <stdlib.h>

#include "grpc/reflection/v1/reflection.pb-c.h"
#include "shared/rpc/descriptor_index.h"
#include "shared/rpc/queue.h"
#include "shared/rpc/server.h"
#include "shared/rpc/system_descriptors.h"

#define REFLECTION_ARENA_BYTES_MAX (1u * 1024 * 1024)

/* One batch is under way in each state but ENDED, and its completion leads to the next. */
enum reflection_state {
    REFLECTION_POSTED,    /* waits for a stream */
    REFLECTION_RECEIVING, /* waits for a question */
    REFLECTION_ANSWERING, /* sends the answer */
    REFLECTION_ENDING,    /* sends the status, or only waits for the end of a broken stream */
};

/* v1 and v1alpha differ in their package only: the messages are the same bytes. */
static const char *const reflection_paths[] = {
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
};
#define REFLECTION_VERSIONS 2

typedef Grpc__Reflection__V1__ServerReflectionRequest reflection_question;
typedef Grpc__Reflection__V1__ServerReflectionResponse reflection_answer;

struct reflection_stream {
    struct reflection *reflection;
    size_t version;
    struct list node; /* open ones */
    struct rpc_tag tag;
    enum reflection_state state;
    bool began; /* initial metadata went out */
    grpc_call *call;
    gpr_timespec deadline;
    grpc_metadata_array metadata;
    grpc_byte_buffer *arriving;
    int was_cancelled;
};

struct reflection {
    struct rpc_server *server;
    struct descriptor_index *index;
    const char **services;
    size_t service_count;
    void *registered[REFLECTION_VERSIONS];
    struct list open;
    size_t open_count;
    bool ending;
    bool deaf[REFLECTION_VERSIONS]; /* as in tunnel_server.c */
};

/* ---- answers ---- */

static void answer_error(reflection_answer *answer, Grpc__Reflection__V1__ErrorResponse *error,
                         char *text)
{
    error->error_code = STATUS_NOT_FOUND;
    error->error_message = text;
    answer->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE;
    answer->error_response = error;
}

static bool answer_services(const struct reflection *reflection, reflection_answer *answer,
                            struct arena *arena)
{
    Grpc__Reflection__V1__ListServiceResponse *list = arena_alloc(arena, sizeof(*list));
    Grpc__Reflection__V1__ServiceResponse *services =
        arena_zalloc(arena, reflection->service_count, sizeof(*services));
    Grpc__Reflection__V1__ServiceResponse **pointers =
        arena_zalloc(arena, reflection->service_count, sizeof(services));
    if (!list || !services || !pointers)
        return false;
    grpc__reflection__v1__list_service_response__init(list);
    for (size_t i = 0; i < reflection->service_count; i++) {
        const char *name = reflection->services[i];
        grpc__reflection__v1__service_response__init(&services[i]);
        services[i].name = arena_strndup(arena, name, strlen(name));
        pointers[i] = &services[i];
    }
    list->n_service = reflection->service_count;
    list->service = pointers;
    answer->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE;
    answer->list_services_response = list;
    return !arena->failed;
}

static bool answer_numbers(const struct reflection *reflection, reflection_answer *answer,
                           char *type, struct arena *arena)
{
    const struct descriptor_index *index = reflection->index;
    Grpc__Reflection__V1__ExtensionNumberResponse *numbers = arena_alloc(arena, sizeof(*numbers));
    if (!numbers)
        return false;
    grpc__reflection__v1__extension_number_response__init(numbers);
    int32_t number;
    size_t count = 0;
    while (descriptor_index_extension_number(index, type, count, &number))
        count++;
    numbers->base_type_name = type;
    numbers->extension_number = arena_zalloc(arena, count, sizeof(int32_t));
    numbers->n_extension_number = count;
    for (size_t i = 0; numbers->extension_number && i < count; i++)
        descriptor_index_extension_number(index, type, i, &numbers->extension_number[i]);
    answer->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ALL_EXTENSION_NUMBERS_RESPONSE;
    answer->all_extension_numbers_response = numbers;
    return !arena->failed;
}

static bool answer_file(reflection_answer *answer, struct slice file, struct arena *arena)
{
    Grpc__Reflection__V1__FileDescriptorResponse *files = arena_alloc(arena, sizeof(*files));
    ProtobufCBinaryData *bytes = arena_alloc(arena, sizeof(*bytes));
    struct slice copy = arena_copy(arena, file);
    if (!files || !bytes || arena->failed)
        return false;
    grpc__reflection__v1__file_descriptor_response__init(files);
    union {
        const char *in;
        uint8_t *out;
    } data = {.in = copy.ptr};
    bytes->data = data.out;
    bytes->len = copy.len;
    files->n_file_descriptor_proto = 1;
    files->file_descriptor_proto = bytes;
    answer->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE;
    answer->file_descriptor_response = files;
    return true;
}

/* False without memory. */
static bool answer_fill(const struct reflection *reflection, reflection_question *question,
                        reflection_answer *answer, Grpc__Reflection__V1__ErrorResponse *error,
                        struct arena *arena)
{
    static char not_found[] = "not found";
    static char not_known[] = "unknown question";
    const struct descriptor_index *index = reflection->index;
    struct slice file = {0};
    bool found = false;
    int32_t number;
    switch ((int)question->message_request_case) {
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES:
        return answer_services(reflection, answer, arena);
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_ALL_EXTENSION_NUMBERS_OF_TYPE:
        if (descriptor_index_symbol(index, question->all_extension_numbers_of_type, &file) ||
            descriptor_index_extension_number(index, question->all_extension_numbers_of_type, 0,
                                              &number))
            return answer_numbers(reflection, answer, question->all_extension_numbers_of_type,
                                  arena);
        break;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_BY_FILENAME:
        found = descriptor_index_file(index, question->file_by_filename, &file);
        break;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL:
        found = descriptor_index_symbol(index, question->file_containing_symbol, &file);
        break;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_EXTENSION:
        found = descriptor_index_extension(
            index, question->file_containing_extension->containing_type,
            question->file_containing_extension->extension_number, &file);
        break;
    default: answer_error(answer, error, not_known); return true;
    }
    if (found)
        return answer_file(answer, file, arena);
    answer_error(answer, error, not_found);
    return true;
}

/* The answer to a question; false when the question is not one. */
static bool reflect(const struct reflection *reflection, grpc_slice bytes, grpc_slice *ret_answer)
{
    struct arena arena;
    arena_init(&arena, REFLECTION_ARENA_BYTES_MAX);
    ProtobufCMessage *decoded = NULL;
    bool ok = GRPC_SLICE_LENGTH(bytes) <= REFLECTION_QUESTION_BYTES_MAX &&
              rpc_decode(&grpc__reflection__v1__server_reflection_request__descriptor,
                         rpc_message_bytes(&bytes), &arena, &decoded, NULL) == STATUS_OK;
    if (ok) {
        reflection_question *question = (reflection_question *)decoded;
        reflection_answer answer = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__INIT;
        Grpc__Reflection__V1__ErrorResponse error = GRPC__REFLECTION__V1__ERROR_RESPONSE__INIT;
        answer.valid_host = question->host;
        answer.original_request = question;
        ok = answer_fill(reflection, question, &answer, &error, &arena) &&
             rpc_encode(&answer.base, ret_answer) == STATUS_OK;
    }
    arena_done(&arena);
    return ok;
}

/* ---- streams ---- */

static void stream_post(struct reflection *reflection, size_t version);

static void stream_free(struct reflection_stream *stream)
{
    struct reflection *reflection = stream->reflection;
    size_t version = stream->version;
    if (stream->call) {
        list_remove(&stream->node);
        reflection->open_count--;
        grpc_call_unref(stream->call);
    }
    grpc_metadata_array_destroy(&stream->metadata);
    free(stream);
    if (reflection->deaf[version])
        stream_post(reflection, version);
    server_unref(reflection->server);
}

static void stream_batch(struct reflection_stream *stream, enum reflection_state state,
                         const grpc_op *ops, size_t count)
{
    struct rpc_runtime *runtime = stream->reflection->server->runtime;
    stream->state = state;
    if (rpc_runtime_batch(runtime, stream->call, ops, count, &stream->tag))
        return;
    rpc_runtime_cancel(runtime, stream->call);
    stream_free(stream);
}

static void stream_receive(struct reflection_stream *stream)
{
    grpc_op receive = {.op = GRPC_OP_RECV_MESSAGE};
    receive.data.recv_message.recv_message = &stream->arriving;
    stream_batch(stream, REFLECTION_RECEIVING, &receive, 1);
}

static void stream_answer(struct reflection_stream *stream, grpc_slice bytes)
{
    grpc_op ops[2] = {0};
    size_t count = 0;
    if (!stream->began)
        ops[count++].op = GRPC_OP_SEND_INITIAL_METADATA;
    stream->began = true;
    grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&bytes, 1);
    grpc_slice_unref(bytes);
    ops[count].op = GRPC_OP_SEND_MESSAGE;
    ops[count++].data.send_message.send_message = buffer;
    stream_batch(stream, REFLECTION_ANSWERING, ops, count);
    grpc_byte_buffer_destroy(buffer);
}

static void stream_end(struct reflection_stream *stream, grpc_status_code status)
{
    grpc_op ops[3] = {0};
    size_t count = 0;
    if (!stream->began)
        ops[count++].op = GRPC_OP_SEND_INITIAL_METADATA;
    ops[count].op = GRPC_OP_SEND_STATUS_FROM_SERVER;
    ops[count++].data.send_status_from_server.status = status;
    ops[count].op = GRPC_OP_RECV_CLOSE_ON_SERVER;
    ops[count++].data.recv_close_on_server.cancelled = &stream->was_cancelled;
    stream_batch(stream, REFLECTION_ENDING, ops, count);
}

static void stream_arrived(struct reflection_stream *stream)
{
    struct reflection *reflection = stream->reflection;
    stream_post(reflection, stream->version);
    list_append(&reflection->open, &stream->node);
    bool refuse =
        reflection->open_count++ >= REFLECTION_STREAMS_MAX || reflection->deaf[stream->version];
    if (refuse || reflection->ending)
        stream_end(stream,
                   reflection->ending ? GRPC_STATUS_UNAVAILABLE : GRPC_STATUS_RESOURCE_EXHAUSTED);
    else
        stream_receive(stream);
}

static void stream_received(struct reflection_stream *stream, bool ok)
{
    grpc_slice bytes;
    grpc_slice answer_bytes;
    grpc_byte_buffer *arriving = stream->arriving;
    stream->arriving = NULL;
    if (!rpc_message_take(arriving, &bytes)) {
        stream_end(stream, ok ? GRPC_STATUS_OK : GRPC_STATUS_CANCELLED);
        return;
    }
    bool answered = reflect(stream->reflection, bytes, &answer_bytes);
    grpc_slice_unref(bytes);
    if (answered)
        stream_answer(stream, answer_bytes);
    else
        stream_end(stream, GRPC_STATUS_INVALID_ARGUMENT);
}

static void stream_step(struct rpc_tag *tag, bool ok)
{
    struct reflection_stream *stream = LIST_ENTRY(tag, struct reflection_stream, tag);
    switch (stream->state) {
    case REFLECTION_POSTED:
        if (ok) {
            stream_arrived(stream);
        } else { /* the server goes down */
            stream->call = NULL;
            stream_free(stream);
        }
        break;
    case REFLECTION_RECEIVING: stream_received(stream, ok); break;
    case REFLECTION_ANSWERING:
        if (ok)
            stream_receive(stream);
        else
            stream_end(stream, GRPC_STATUS_CANCELLED);
        break;
    case REFLECTION_ENDING: stream_free(stream); break;
    }
}

static void stream_post(struct reflection *reflection, size_t version)
{
    struct reflection_stream *stream = calloc(1, sizeof(*stream));
    reflection->deaf[version] = !stream;
    if (!stream)
        return;
    stream->reflection = reflection;
    stream->version = version;
    stream->state = REFLECTION_POSTED;
    stream->tag.done = stream_step;
    grpc_metadata_array_init(&stream->metadata);
    server_ref(reflection->server);
    struct rpc_request_slot slot = {
        .call = &stream->call, .metadata = &stream->metadata, .deadline = &stream->deadline};
    if (!rpc_runtime_request(reflection->server->runtime, reflection->server->server,
                             reflection->registered[version], &slot, &stream->tag)) {
        stream->call = NULL;
        stream_free(stream);
    }
}

/* ---- life ---- */

static void service_add(void *arg, const struct rpc_service *service)
{
    struct reflection *reflection = arg;
    reflection->services[reflection->service_count++] = service->name;
}

static void service_count(void *arg, const struct rpc_service *service)
{
    (void)service;
    (*(size_t *)arg)++;
}

static bool services_list(struct reflection *reflection)
{
    static const char *const own[] = {"grpc.health.v1.Health",
                                      "grpc.reflection.v1.ServerReflection",
                                      "grpc.reflection.v1alpha.ServerReflection"};
    static const size_t own_count = sizeof(own) / sizeof(own[0]);
    size_t count = own_count;
    rpc_host_each(reflection->server->host, service_count, &count);
    reflection->services = calloc(count, sizeof(const char *));
    if (!reflection->services)
        return false;
    rpc_host_each(reflection->server->host, service_add, reflection);
    for (size_t i = 0; i < own_count; i++)
        reflection->services[reflection->service_count++] = own[i];
    return true;
}

enum status reflection_new(struct rpc_server *server, struct slice descriptor_set,
                           struct reflection **ret_reflection, struct fault *fault)
{
    struct reflection *reflection = calloc(1, sizeof(*reflection));
    if (!reflection)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    reflection->server = server;
    list_init(&reflection->open);
    /* The caller's, and what every server answers beside. */
    const struct slice sets[] = {descriptor_set,
                                 slice_make(system_descriptors, system_descriptors_len)};
    enum status status = descriptor_index_new(sets, 2, &reflection->index);
    if (status == STATUS_OK && !services_list(reflection))
        status = STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; status == STATUS_OK && i < REFLECTION_VERSIONS; i++) {
        reflection->registered[i] = grpc_server_register_method(server->server, reflection_paths[i],
                                                                NULL, GRPC_SRM_PAYLOAD_NONE, 0);
        if (!reflection->registered[i])
            status = STATUS_INTERNAL;
    }
    if (status != STATUS_OK) {
        reflection_free(reflection);
        return fault_set(fault, status, NULL, "reflection: not a descriptor set");
    }
    *ret_reflection = reflection;
    return STATUS_OK;
}

void reflection_start(struct reflection *reflection)
{
    for (size_t i = 0; reflection && i < REFLECTION_VERSIONS; i++)
        stream_post(reflection, i);
}

void reflection_end(struct reflection *reflection)
{
    if (!reflection)
        return;
    reflection->ending = true;
    LIST_FOR_EACH (node, &reflection->open)
        rpc_runtime_cancel(reflection->server->runtime,
                           LIST_ENTRY(node, struct reflection_stream, node)->call);
}

struct reflection *reflection_free(struct reflection *reflection)
{
    if (reflection) {
        descriptor_index_free(reflection->index);
        free(reflection->services);
        free(reflection);
    }
    return NULL;
}
