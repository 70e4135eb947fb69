/* What the files of hub/openapi share. Private. */
#ifndef PEK_HUB_OPENAPI_INTERNAL_H
#define PEK_HUB_OPENAPI_INTERNAL_H

#include <upb/def.h>

#include "hub/openapi/openapi.h"
#include "shared/base/arena.h"
#include "shared/json/json_writer.h"

#define OPENAPI_SCHEMAS_MAX 1024
#define OPENAPI_COMMENTS_MAX 8192
#define OPENAPI_QUERY_DEPTH_MAX 3
#define OPENAPI_ARENA_BYTES_MAX (16u * 1024 * 1024)

struct comment {
    const char *name; /* full name of what it is about */
    struct slice text;
};

struct document {
    const struct transcode *transcode;
    const struct openapi_options *options;
    struct json_writer json;
    struct arena arena;
    struct comment *comments;
    size_t comment_count;
    /* Types that were referred to, in order; written under components. */
    const upb_MessageDef **messages;
    size_t message_count;
    const upb_EnumDef **enums;
    size_t enum_count;
};

/* comments.c */
/* False without memory. */
bool comments_load(struct document *document, struct slice descriptor_set);
struct slice comment_of(const struct document *document, const char *full_name);
/* "description": … when there is one. */
void write_description(struct document *document, const char *full_name);

/* schema.c */
/* A schema of the field's value, elements and all. */
void write_field_schema(struct document *document, const upb_FieldDef *field);
/* The same without the list around it. */
void write_value_schema(struct document *document, const upb_FieldDef *field);
void write_message_ref(struct document *document, const upb_MessageDef *def);
/* An object of all fields but internal ones and those whose proto names are in `without`. */
void write_message_schema(struct document *document, const upb_MessageDef *def,
                          const char *const *without, size_t without_count);
/* components.schemas of everything referred to, and of what that refers to. */
void write_schemas(struct document *document);

#endif
