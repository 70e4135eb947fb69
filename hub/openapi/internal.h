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
#define OPENAPI_REF "#/components/"

struct comment {
    const char *name; /* full name of what it is about */
    struct slice text;
};

/* What a named schema describes. */
enum schema_kind {
    SCHEMA_ENUM,
    SCHEMA_ANSWER, /* a message that is given: whatever has no presence is always there */
    SCHEMA_INPUT, /* a message that is taken: required is what the proto says is, and bounds count */
    SCHEMA_PATCH, /* the same, of a change: nothing is required */
    SCHEMA_BODY,  /* a request without what its path says */
    SCHEMA_PAGE,  /* of a list */
    SCHEMA_LINE,  /* of a list as NDJSON */
    SCHEMA_EVERY, /* answers of all realms */
};

struct schema {
    enum schema_kind kind;
    const void *of; /* upb_EnumDef, upb_MessageDef; from SCHEMA_BODY on struct route_rule */
    const char *name;
};

struct document {
    const struct transcode *transcode;
    const struct openapi_options *options;
    struct json_writer json;
    struct arena arena;
    struct comment *comments;
    size_t comment_count;
    /* What was referred to, in order; written under components. */
    struct schema *schemas;
    size_t schema_count;
    bool broken; /* more schemas than there is room for */
};

/* comments.c */
/* False without memory. */
bool comments_load(struct document *document, struct slice descriptor_set);
struct slice comment_of(const struct document *document, const char *full_name);
/* "description": … when there is one. */
void write_description(struct document *document, const char *full_name);

/* schema.c */
void write_text(struct document *document, const char *key, const char *value);
void open_object(struct document *document, const char *key);
void close_object(struct document *document);
void open_array(struct document *document, const char *key);
/* "$ref": … to what is called so under components. */
void write_ref(struct document *document, const char *folder, const char *name);
/* "$ref": … to the schema, which is then written with the others. */
void write_schema_ref(struct document *document, enum schema_kind kind, const void *of);
/* A schema of the field's value, elements and all; `kind` is that of the message around it. */
void write_field_schema(struct document *document, enum schema_kind kind,
                        const upb_FieldDef *field);
struct transcode_field_rule field_rule_of(struct document *document, const upb_FieldDef *field);
/* The path of the rule says it, and not the body; false without a rule. */
bool field_is_in_path(const struct route_rule *rule, const upb_FieldDef *field);
/* The body of the rule has a field without which it is refused. */
bool body_is_required(struct document *document, const struct route_rule *rule);
/* components.schemas: those of this module, then everything referred to, and what that refers to. */
void write_schemas(struct document *document);

/* example.c */
/* "example": … of the body of the rule. */
void write_body_example(struct document *document, const struct route_rule *rule);

/* operation.c */
/* "getGroup", "getGroupInRealm": of each route its own. */
const char *operation_id(struct document *document, const struct route_rule *rule);
/* The path that begins with the route, unless an earlier one has it. */
void write_path(struct document *document, size_t index);
/* "GroupService" */
const char *service_short(const struct transcode_method *method);

#endif
