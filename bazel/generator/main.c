/* protoc-gen-pek: protoc --pek_out=DIR writes P.rpc.h and P.rpc.c beside each P.proto of package pek, and
 * P.row.h and P.row.c where a message has pek.row.
 *
 * The wire protocol is protoc's: a CodeGeneratorRequest on stdin, a CodeGeneratorResponse on stdout. What is
 * wrong with a proto goes into the response, and protoc prints it; what is wrong with the conversation
 * goes to stderr with exit code 1. */
#include <stdio.h>
#include <stdlib.h>

#include "bazel/generator/check.h"
#include "bazel/generator/emit.h"
#include "bazel/generator/names.h"
#include "bazel/generator/plugin.h"
#include "bazel/generator/rows.h"

#define READ_BYTES 65536
#define REFUSALS_BYTES_MAX (256u * 1024)
#define ARENA_BYTES_MAX (64u * 1024 * 1024)

static enum status read_all(FILE *in, struct buffer *out)
{
    for (;;) {
        char *room = buffer_reserve(out, READ_BYTES);
        if (room == NULL)
            return STATUS_RESOURCE_EXHAUSTED;
        size_t got = fread(room, 1, READ_BYTES, in);
        out->len += got;
        if (got < READ_BYTES)
            return ferror(in) ? STATUS_INTERNAL : STATUS_OK;
    }
}

static enum status generate_one(struct plugin *plugin, const upb_FileDef *file, struct arena *arena,
                                const char *suffix,
                                void (*emit)(const upb_FileDef *, struct arena *, struct buffer *))
{
    struct buffer out;
    buffer_init(&out, PLUGIN_OUTPUT_BYTES_MAX);
    emit(file, arena, &out);
    const char *name = names_output(arena, file, suffix);
    enum status status = STATUS_RESOURCE_EXHAUSTED;
    if (!out.failed && !arena->failed)
        status = plugin_add(plugin, name, buffer_slice(&out));
    buffer_done(&out);
    return status;
}

static enum status generate_file(struct plugin *plugin, const upb_FileDef *file,
                                 struct arena *arena)
{
    bool rows = false;
    enum status status = generate_one(plugin, file, arena, ".rpc.h", emit_header);
    if (status == STATUS_OK)
        status = generate_one(plugin, file, arena, ".rpc.c", emit_source);
    if (status == STATUS_OK)
        status = rows_in_file(file, arena, &rows);
    if (status == STATUS_OK && rows)
        status = generate_one(plugin, file, arena, ".row.h", emit_row_header);
    if (status == STATUS_OK && rows)
        status = generate_one(plugin, file, arena, ".row.c", emit_row_source);
    return status;
}

static enum status generate(struct plugin *plugin, struct arena *arena, struct buffer *refusals)
{
    const upb_FileDef *file;
    for (size_t i = 0; (file = plugin_file(plugin, i)) != NULL; i++) {
        if (!names_ours(file))
            continue;
        enum status status = check_file(file, arena, refusals);
        if (status != STATUS_OK)
            return status;
    }
    if (refusals->len > 0)
        return plugin_refuse(plugin, slice_make(refusals->ptr, refusals->len - 1));
    for (size_t i = 0; (file = plugin_file(plugin, i)) != NULL; i++) {
        if (!names_ours(file))
            continue;
        enum status status = generate_file(plugin, file, arena);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status converse(struct plugin *plugin, struct slice request, struct buffer *text)
{
    enum status status = plugin_init(plugin, request, text);
    if (status != STATUS_OK)
        return status;
    struct arena arena;
    arena_init(&arena, ARENA_BYTES_MAX);
    struct slice response;
    status = generate(plugin, &arena, text);
    if (status == STATUS_OK)
        status = plugin_response(plugin, &response);
    if (status == STATUS_OK &&
        (fwrite(response.ptr, 1, response.len, stdout) != response.len || fflush(stdout) != 0))
        status = STATUS_INTERNAL;
    arena_done(&arena);
    return status;
}

int main(void)
{
    struct buffer request;
    struct buffer text;
    struct plugin plugin = {0};
    buffer_init(&request, PLUGIN_REQUEST_BYTES_MAX);
    buffer_init(&text, REFUSALS_BYTES_MAX);
    enum status status = read_all(stdin, &request);
    if (status == STATUS_OK)
        status = converse(&plugin, buffer_slice(&request), &text);
    if (status != STATUS_OK)
        fprintf(stderr, "protoc-gen-pek: %s: %.*s\n", status_name(status), (int)text.len,
                text.ptr == NULL ? "" : text.ptr);
    plugin_done(&plugin);
    buffer_done(&text);
    buffer_done(&request);
    return status == STATUS_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
