/* plugin: one conversation with protoc: a CodeGeneratorRequest in, a CodeGeneratorResponse out.
 *
 * The request's files are loaded into a upb_DefPool, so that the generator sees messages, services and
 * custom options by reflection. Owned by main; everything in it lives until plugin_done.
 *
 * Source of the field numbers: google/protobuf/compiler/plugin.proto.
 */
#ifndef PEK_BAZEL_GENERATOR_PLUGIN_H
#define PEK_BAZEL_GENERATOR_PLUGIN_H

#include "upb/def.h"

#include "shared/base/buffer.h"
#include "shared/base/slice.h"
#include "shared/base/status.h"

#define PLUGIN_REQUEST_BYTES_MAX (64u * 1024 * 1024)
#define PLUGIN_OUTPUT_BYTES_MAX (4u * 1024 * 1024) /* per generated file */

struct plugin {
    upb_DefPool *pool;     /* the files of the request */
    upb_DefPool *envelope; /* the request and response types themselves */
    upb_Arena *arena;
    const upb_Message *request;
    upb_Message *response;
};

/* Parses the request. On failure `error` has a text; plugin_done is due in both cases. */
PEK_MUST_CHECK enum status plugin_init(struct plugin *plugin, struct slice request,
                                       struct buffer *error);
void plugin_done(struct plugin *plugin);

/* Files that protoc was asked to generate for, in its order; NULL behind the last. */
const upb_FileDef *plugin_file(const struct plugin *plugin, size_t index);

/* Adds a generated file; name and content are copied. */
PEK_MUST_CHECK enum status plugin_add(struct plugin *plugin, const char *name,
                                      struct slice content);
/* Makes protoc fail with `text`; no file is written then. */
PEK_MUST_CHECK enum status plugin_refuse(struct plugin *plugin, struct slice text);
/* The serialised response; valid until plugin_done. */
PEK_MUST_CHECK enum status plugin_response(struct plugin *plugin, struct slice *ret_bytes);

#endif
