/* options: what methods, messages and fields say about themselves, read from custom options into plain structs.
 *
 * protos/pek/options.proto and google/api/http.proto say what each field means. Enum values are kept by
 * name, so that their numbers stand in the proto only. Strings are never NULL: "" when unset.
 */
#ifndef PEK_BAZEL_GENERATOR_OPTIONS_H
#define PEK_BAZEL_GENERATOR_OPTIONS_H

#include "upb/def.h"

#include "shared/base/arena.h"
#include "shared/base/status.h"

struct option_enum {
    const char *name; /* "" when unset (number 0) */
    int32_t number;
};

struct option_access {
    struct option_enum action;
    struct option_enum realm_action;
    const char *group;
    const char *user;
    const char *policy;
    struct option_enum right;
    const char *self;
    bool filter;
    bool authenticated;
    bool public;
};

struct option_http {
    const char *verb; /* "get", "put", "post", "delete", "patch"; else what it is, or "" */
    const char *path;
    const char *body;
};

struct method_options {
    const struct option_access *access;
    size_t access_count;
    struct option_enum realms; /* of pek.routing */
    const char *collection;
    const char *sort_key;
    const char *const *identity;
    size_t identity_count;
    uint32_t items_max; /* of pek.routing */
    bool document;      /* likewise */
    struct option_combine {
        struct option_enum function; /* unset: nothing is combined */
        const char *field, *name;
        uint32_t max;
    } combine; /* likewise */
    uint32_t request_bytes_max;
    const struct option_http *http; /* additional bindings behind the first */
    size_t http_count;
    int32_t idempotency; /* google.protobuf.MethodOptions.IdempotencyLevel */
};

/* `pool` holds the method. RESOURCE_EXHAUSTED when the arena is full; the options of a file that protoc
 * accepted always parse. */
PEK_MUST_CHECK enum status options_read(const upb_DefPool *pool, const upb_MethodDef *method,
                                        struct arena *arena, struct method_options *ret_options);

/* Of a message. */
struct row_options {
    const char *table;  /* "" when it is not read from rows */
    const char *schema; /* of the table */
};
PEK_MUST_CHECK enum status row_options_read(const upb_DefPool *pool, const upb_MessageDef *message,
                                            struct arena *arena, struct row_options *ret_options);

/* Of a field. */
struct field_options {
    const char *column; /* "" when unset */
    bool internal;
    bool computed;
    bool etag;
    bool brief;
};
PEK_MUST_CHECK enum status field_options_read(const upb_DefPool *pool, const upb_FieldDef *field,
                                              struct arena *arena,
                                              struct field_options *ret_options);

#endif
