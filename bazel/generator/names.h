/* names: how things of a proto are called in C.
 *
 * protobuf-c's own names ("Pek__Group__V1__GetGroupRequest", "pek__group__v1__get_group_request") follow
 * its compiler's rules, which these repeat: pieces joined by "__", and an underscore where a capital
 * follows what is not one ("HTTPThing" is "httpthing"). Ours drop the leading "pek" of a package below
 * it and join by one underscore: "group_v1_get_group_request"; package `pek` itself keeps it: "pek_cursor".
 *
 * All results live in the arena; NULL when it is full.
 */
#ifndef PEK_BAZEL_GENERATOR_NAMES_H
#define PEK_BAZEL_GENERATOR_NAMES_H

#include "upb/def.h"

#include "shared/base/arena.h"

/* protobuf-c's, from a full proto name. */
const char *names_type(struct arena *arena, const char *full_name);
const char *names_lower(struct arena *arena, const char *full_name);
const char *names_upper(struct arena *arena, const char *full_name);

/* A field as a member of protobuf-c's struct: in lower case. */
const char *names_member(struct arena *arena, const char *field);

/* Ours, from a full proto name of package `pek` or below it. */
const char *names_short(struct arena *arena, const char *full_name);
const char *names_short_upper(struct arena *arena, const char *full_name);

/* The C type of a message: ours when `file` declares it, protobuf-c's when it comes from elsewhere. */
const char *names_message(struct arena *arena, const upb_FileDef *file,
                          const upb_MessageDef *message);

/* "group_v1_get_group": ours, of a method within its package (two services share the name space). */
const char *names_method(struct arena *arena, const upb_MethodDef *method);
/* "get_group" */
const char *names_verb(struct arena *arena, const upb_MethodDef *method);

/* "GROUP_V1_PURPOSE_CIRCLE"; a value that repeats the enum's name says it once. */
const char *names_enum_value(struct arena *arena, const upb_EnumValueDef *value);

/* "pek/group/v1/group.proto" → "pek/group/v1/group" + suffix */
const char *names_output(struct arena *arena, const upb_FileDef *file, const char *suffix);
/* "PEK_GROUP_V1_GROUP_RPC_H" for ".rpc.h" */
const char *names_guard(struct arena *arena, const upb_FileDef *file, const char *suffix);

/* Package `pek` or below it: what the generator writes for. */
bool names_ours(const upb_FileDef *file);

#endif
