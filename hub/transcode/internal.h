/* What the files of hub/transcode share. Private. */
#ifndef PEK_HUB_TRANSCODE_INTERNAL_H
#define PEK_HUB_TRANSCODE_INTERNAL_H

#include <upb/def.h>
#include <upb/msg_internal.h>
#include <upb/reflection.h>
#include <upb/upb.h>

#include <string.h>

#include "hub/transcode/transcode.h"
#include "shared/base/arena.h"

#define TRANSCODE_METHODS_MAX 1024
#define TRANSCODE_INTERNAL_FIELDS_MAX 256
#define TRANSCODE_PLANS_MAX 1024
#define TRANSCODE_ENUMS_MAX 1024
#define TRANSCODE_REQUEST_MESSAGES_MAX 10000
#define TRANSCODE_BYTES_MAX (64u * 1024 * 1024) /* of what is kept from the descriptors */

enum json_kind {
    JSON_BOOL,
    JSON_INT32,
    JSON_UINT32,
    JSON_INT64,
    JSON_UINT64,
    JSON_FLOAT,
    JSON_DOUBLE,
    JSON_STRING,
    JSON_BYTES,
    JSON_ENUM,
    JSON_NULL, /* google.protobuf.NullValue */
    JSON_TIME,
    JSON_DURATION,
    JSON_MASK,
    JSON_MESSAGE,
};

/* The values of an enum as JSON has them: (pek.json_name), or what the proto calls them. */
struct enum_names {
    const upb_EnumDef *def;
    size_t count;
    struct enum_name {
        int32_t number;
        const char *json;
    } * names; /* ascending by number, one a number */
};

/* Where a message has a field, known at start: upb's reflection asks the descriptors anew for each, which was a sixth of the
 * hub's time in a page of a list. */
struct field_place {
    const upb_MiniTable_Field *mini;
    size_t bytes;
};

struct json_field {
    const upb_FieldDef *field;
    struct field_place place;
    struct field_place parts[2]; /* of a Timestamp and a Duration: seconds, nanos */
    struct slice key;            /* with quotes and colon */
    enum json_kind kind;
    bool has_presence, is_repeated;
    const struct plan *below;        /* of a message; NULL for well-known types */
    const struct enum_names *names;  /* of an enum */
    const struct json_field *of_map; /* of a map: how the two fields of an entry are written */
};

/* What is done with a message type's fields: the internal ones are cleared, its own, then those of the
 * messages below; the others are written as JSON. */
struct plan {
    const upb_MessageDef *def;
    bool needed;
    bool has_map;                                      /* or may have one */
    enum { PLAN_UNSEEN, PLAN_OPEN, PLAN_CLOSED } walk; /* of the types of requests, at start */
    const upb_FieldDef **internal;
    size_t internal_count;
    struct plan_child {
        const upb_FieldDef *field;
        struct plan *plan;
    } * children;
    size_t child_count;
    struct json_field *json; /* in the order of the proto */
    size_t json_count;
};

struct method_entry {
    struct transcode_method method; /* first: what the outside holds */
    const struct plan *response_plan;
};

struct transcode {
    struct arena arena;
    upb_DefPool *pool;
    struct route_table *routes;
    struct method_entry *methods;
    size_t method_count;
    const upb_FieldDef **internal_fields; /* sorted by address */
    size_t internal_count;
    struct plan **plans;
    size_t plan_count;
    struct enum_names *enums;
    size_t enum_count;
};

struct transcode_request {
    const struct transcode *transcode;
    const struct transcode_method *method;
    upb_Arena *arena;
    upb_Message *message;
    bool mask_is_implied; /* the update mask is the body's fields */
    uint64_t shown;       /* see transcode_request_shown */
};

/* What an average item's message takes in the arena besides its bytes; more is taken as needed. */
#define ITEM_ARENA_BYTES 1536

/* One allocation: this, the arena's first block, and the bytes, which strings of the message point into. */
struct transcode_item {
    const struct transcode *transcode;
    const struct method_entry *entry;
    upb_Arena *arena;
    upb_Message *message;
    bool cleared;
    size_t byte_count;
    struct slice sort_key, identity[TRANSCODE_IDENTITY_MAX], realm; /* of the bytes */
    _Alignas(max_align_t) char block[ITEM_ARENA_BYTES];
    char bytes[];
};

/* As upb_Message_Has; for what has presence. */
static inline bool field_is_set(const upb_Message *message, const struct field_place *place)
{
    if (place->mini->presence < 0)
        return _upb_getoneofcase_field(message, place->mini) == place->mini->number;
    if (place->mini->presence > 0)
        return _upb_hasbit_field(message, place->mini);
    return _upb_has_submsg_nohasbit(message, place->mini->offset);
}

/* As upb_Message_Get; for what has no presence or is set. */
static inline upb_MessageValue field_get(const upb_Message *message,
                                         const struct field_place *place)
{
    upb_MessageValue value = {0};
    memcpy(&value, (const char *)message + place->mini->offset, place->bytes);
    return value;
}

static inline upb_StringView view_of(struct slice slice)
{
    return (upb_StringView){slice.ptr, slice.len};
}

static inline struct slice slice_of(upb_StringView view)
{
    return slice_make(view.data, view.size);
}

/* media.c */
/* The first field of type pek.Media; left as it is when there is none. */
PEK_MUST_CHECK enum status media_load(struct transcode *transcode, const upb_MessageDef *def,
                                      struct transcode_media *ret_media);

/* request.c */
PEK_MUST_CHECK enum status request_check_length(const struct transcode_method *method,
                                                struct slice body, struct fault *fault);

/* asked.c */
/* As asked for, or each letter of it in lower case: ids are written so, and may be asked for in either. */
bool asked_is_spelled(struct slice text, struct slice asked);

/* pool.c */
/* The pool of a FileDescriptorSet in which internal fields have presence, so that a cleared one is left out
 * of JSON that shows defaults. */
PEK_MUST_CHECK enum status pool_new(struct slice descriptor_set, upb_DefPool **ret_pool,
                                    struct fault *fault);
/* An extension of the options of a field or method, read through the pool; NULL when not there. */
const upb_Message *field_option(const upb_DefPool *pool, const upb_FieldDef *field,
                                const char *extension, upb_Arena *arena);
/* The n-th when repeated. */
const upb_Message *method_option(const upb_DefPool *pool, const upb_MethodDef *method,
                                 const char *extension, size_t n, upb_Arena *arena);
bool field_is_internal(const upb_DefPool *pool, const upb_FieldDef *field);
bool field_is_output_only(const upb_DefPool *pool, const upb_FieldDef *field);
bool field_is_immutable(const upb_DefPool *pool, const upb_FieldDef *field);
/* (pek.json_name), or the name that the proto gives the value. NULL without memory. */
const char *enum_value_json_name(const upb_DefPool *pool, const upb_EnumValueDef *value,
                                 struct arena *arena);

/* enum.c */
/* google.protobuf.NullValue, whose JSON is null. */
bool enum_is_null(const upb_FieldDef *field);
/* The names of an enum, made when it is met first. NULL without memory. */
const struct enum_names *enum_names_for(struct transcode *transcode, const upb_EnumDef *def);
/* NULL for a number that is not in the enum. */
const char *enum_json_name(const struct enum_names *names, int32_t number);
/* By the name of JSON or of the proto. */
bool enum_number(const struct transcode *transcode, const upb_EnumDef *def, struct slice name,
                 int32_t *ret_number);
/* Refuses an enum in which a name means two values. */
PEK_MUST_CHECK enum status enums_check(const struct transcode *transcode, struct fault *fault);

/* plan.c */
/* Fills internal_fields; then one plan a message type, on demand. NULL and `arena.failed` without memory. */
bool plans_init(struct transcode *transcode);
struct plan *plan_for(struct transcode *transcode, const upb_MessageDef *def);
void plans_prune(struct transcode *transcode);
bool transcode_is_internal(const struct transcode *transcode, const upb_FieldDef *field);
void plan_clear(const struct plan *plan, upb_Message *message);

/* json.c */
/* Adds a field to the plan; false without memory. */
bool json_plan_field(struct transcode *transcode, struct plan *plan, const upb_FieldDef *field,
                     const struct plan *below);
/* The `shown` ones of the plan's fields, a bit each (TRANSCODE_SHOWN_ALL: all), with their defaults. DATA_LOSS for what has no JSON: then nothing was appended, and `ret_bad` (may be NULL) is
 * the field. */
PEK_MUST_CHECK enum status json_append(const struct transcode *transcode, const struct plan *plan,
                                       const upb_Message *message, uint64_t shown,
                                       struct buffer *out, const upb_FieldDef **ret_bad);
/* A field of the plan alone, null when it is not set; as above. */
PEK_MUST_CHECK enum status json_append_field(const struct transcode *transcode,
                                             const struct plan *plan, const upb_FieldDef *field,
                                             const upb_Message *message, struct buffer *out);
/* The same by upb, which knows the JSON of well-known types, but not (pek.json_name). */
PEK_MUST_CHECK enum status json_by_library(const struct transcode *transcode,
                                           const upb_Message *message, const upb_MessageDef *def,
                                           struct buffer *out);

/* methods.c */
/* Fills methods and routes from the files that the set names. */
PEK_MUST_CHECK enum status methods_load(struct transcode *transcode, struct slice descriptor_set,
                                        struct fault *fault);

/* field.c */
/* A field by lowerCamelCase or proto name; NULL when unknown. Internal ones are found. */
const upb_FieldDef *field_find(const upb_MessageDef *def, struct slice spelled);
/* "a.b.c" from `def`, each but the last a singular message; NULL when it does not fit. */
const upb_FieldDef *field_resolve(const upb_MessageDef *def, struct slice path);
/* Sets the field at the path, making the messages on the way. The value is in `arena`. */
bool field_set_path(upb_Message *message, const upb_MessageDef *def, struct slice path,
                    upb_MessageValue value, upb_Arena *arena);
/* Message that holds the last field of `path`, NULL when one on the way is unset. */
const upb_Message *field_holder(const upb_Message *message, const upb_MessageDef *def,
                                struct slice path);
bool bytes_copy(upb_Arena *arena, struct slice bytes, struct slice *ret_copy);

/* value.c */
enum value_source { VALUE_PARAMETER, VALUE_JSON_STRING, VALUE_JSON_BARE /* number, true, false */ };
/* Text to a value of the field's type (of an element, when repeated): scalars, enums by name or number,
 * Timestamp, Duration, FieldMask and wrappers. NULL, or what the text should have been ("true or false").
 * Strings are not copied. */
const char *value_parse(const struct transcode *transcode, const upb_FieldDef *field,
                        struct slice text, enum value_source source, upb_Arena *arena,
                        upb_MessageValue *ret_value);
/* Whether value_parse can make a value of this type at all. */
bool value_is_textual(const upb_FieldDef *field);

/* mask.c */
/* Comma-separated paths to the FieldMask message. */
const char *mask_parse(struct slice text, upb_Arena *arena, upb_Message *mask,
                       const upb_MessageDef *mask_def);
bool mask_add(upb_Message *mask, const upb_MessageDef *mask_def, struct slice path,
              upb_Arena *arena);
/* Every path names a field of `target`, no internal one; rewrites each to proto names. */
PEK_MUST_CHECK enum status mask_check(const struct transcode *transcode, upb_Message *mask,
                                      const upb_MessageDef *mask_def, const upb_MessageDef *target,
                                      const char *mask_name, upb_Arena *arena, struct fault *fault);

/* Every path of a read mask names a field of the plan; rewrites each to its proto name, and gives their bits. */
PEK_MUST_CHECK enum status mask_shown(const struct plan *plan, upb_Message *mask,
                                      const upb_MessageDef *mask_def, const char *mask_name,
                                      upb_Arena *arena, uint64_t *ret_shown, struct fault *fault);

/* request.c */
/* The message that an update mask speaks of: the body's field, or the request itself. */
const upb_MessageDef *mask_target(const struct transcode_method *method,
                                  const struct route_rule *rule);

/* given_back.c */
/* A mask that the client wrote names no field that only the realm sets. */
PEK_MUST_CHECK enum status given_back_check(struct transcode_request *request,
                                            const struct route_rule *rule, struct fault *fault);

/* entries.c: whether no map of the message has an entry with more than key and value. False also for what is no message. */
bool entries_are_plain(const upb_MessageDef *def, struct slice bytes, size_t depth_max);

/* item.c */
/* The message of this type in it: itself, or the element of a list whose field `key` is `value` (NULL: only itself). */
bool item_find(const struct transcode_item *item, const upb_MessageDef *def, const char *key,
               struct slice value, const upb_Message **ret_message, const struct plan **ret_plan);

/* body.c */
/* JSON to the message, or to its field `field`. `mask` collects the paths set (without those in `bound`);
 * may be NULL. */
struct body_options {
    const upb_FieldDef *field; /* NULL: the whole message */
    const struct route_rule *rule;
    upb_Message *mask;
    const upb_MessageDef *mask_def;
};
PEK_MUST_CHECK enum status body_decode(const struct transcode *transcode, struct slice json,
                                       const upb_MessageDef *def, upb_Message *message,
                                       const struct body_options *options, upb_Arena *arena,
                                       struct fault *fault);

/* query.c */
PEK_MUST_CHECK enum status query_decode(const struct transcode *transcode, struct slice query,
                                        const upb_MessageDef *def, upb_Message *message,
                                        const struct route_rule *rule, upb_Arena *arena,
                                        struct fault *fault);

/* error.c */
/* "group.parent_id" to "group.parentId". */
struct slice path_lower_camel(struct slice path, char out[FAULT_FIELD_BYTES_MAX]);

#endif
