#include "bazel/generator/names.h"

#include <ctype.h>

#include "shared/base/buffer.h"

#define NAME_BYTES_MAX 1024

enum style { STYLE_CAMEL, STYLE_LOWER, STYLE_UPPER };

static void append_camel(struct buffer *out, struct slice piece)
{
    bool upper_next = true;
    for (size_t i = 0; i < piece.len; i++) {
        unsigned char c = (unsigned char)piece.ptr[i];
        if (c == '_') {
            upper_next = true;
            continue;
        }
        buffer_append_char(out, upper_next ? (char)toupper(c) : (char)c);
        upper_next = false;
    }
}

static void append_words(struct buffer *out, struct slice piece, int (*cased)(int))
{
    bool was_upper = true;
    for (size_t i = 0; i < piece.len; i++) {
        unsigned char c = (unsigned char)piece.ptr[i];
        bool upper = isupper(c) != 0;
        if (upper && !was_upper)
            buffer_append_char(out, '_');
        buffer_append_char(out, (char)cased(c));
        was_upper = upper;
    }
}

static const char *join(struct arena *arena, struct slice full_name, enum style style,
                        const char *separator)
{
    struct buffer out;
    buffer_init(&out, NAME_BYTES_MAX);
    while (full_name.len > 0) {
        struct slice piece = slice_cut(&full_name, '.');
        if (out.len > 0)
            buffer_append_str(&out, separator);
        if (style == STYLE_CAMEL)
            append_camel(&out, piece);
        else
            append_words(&out, piece, style == STYLE_LOWER ? tolower : toupper);
    }
    const char *name = out.failed ? NULL : arena_strndup(arena, out.ptr, out.len);
    buffer_done(&out);
    return name;
}

const char *names_type(struct arena *arena, const char *full_name)
{
    return join(arena, slice_str(full_name), STYLE_CAMEL, "__");
}

const char *names_lower(struct arena *arena, const char *full_name)
{
    return join(arena, slice_str(full_name), STYLE_LOWER, "__");
}

const char *names_upper(struct arena *arena, const char *full_name)
{
    return join(arena, slice_str(full_name), STYLE_UPPER, "__");
}

const char *names_member(struct arena *arena, const char *field)
{
    char *member = arena_strndup(arena, field, strlen(field));
    for (char *c = member; c != NULL && *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    return member;
}

/* Without "pek." when what follows is a package (in lower case) rather than a type. */
static struct slice without_root(const char *full_name)
{
    struct slice name = slice_str(full_name);
    const struct slice root = SLICE_LIT("pek.");
    if (slice_starts_with(name, root) && name.len > root.len &&
        !isupper((unsigned char)name.ptr[root.len]))
        return slice_make(name.ptr + root.len, name.len - root.len);
    return name;
}

const char *names_short(struct arena *arena, const char *full_name)
{
    return join(arena, without_root(full_name), STYLE_LOWER, "_");
}

const char *names_short_upper(struct arena *arena, const char *full_name)
{
    return join(arena, without_root(full_name), STYLE_UPPER, "_");
}

const char *names_message(struct arena *arena, const upb_FileDef *file,
                          const upb_MessageDef *message)
{
    const char *full_name = upb_MessageDef_FullName(message);
    return upb_MessageDef_File(message) == file ? names_short(arena, full_name)
                                                : names_type(arena, full_name);
}

const char *names_verb(struct arena *arena, const upb_MethodDef *method)
{
    return join(arena, slice_str(upb_MethodDef_Name(method)), STYLE_LOWER, "_");
}

const char *names_method(struct arena *arena, const upb_MethodDef *method)
{
    const upb_FileDef *file = upb_ServiceDef_File(upb_MethodDef_Service(method));
    const char *full_name =
        arena_printf(arena, "%s.%s", upb_FileDef_Package(file), upb_MethodDef_Name(method));
    return full_name == NULL ? NULL : names_short(arena, full_name);
}

/* "READY" of "HTTP_STATE_READY" in enum HTTPState: where words end in the type's name is a matter of taste. */
static const char *without_type(const char *value, const char *type)
{
    const char *at = value;
    for (; *type != '\0'; at++) {
        if (toupper((unsigned char)*type) == *at)
            type++;
        else if (*at != '_')
            return value;
    }
    return at[0] == '_' && at[1] != '\0' ? at + 1 : value;
}

const char *names_enum_value(struct arena *arena, const upb_EnumValueDef *value)
{
    const upb_EnumDef *type = upb_EnumValueDef_Enum(value);
    const char *prefix = names_short_upper(arena, upb_EnumDef_FullName(type));
    return prefix == NULL
               ? NULL
               : arena_printf(arena, "%s_%s", prefix,
                              without_type(upb_EnumValueDef_Name(value), upb_EnumDef_Name(type)));
}

const char *names_output(struct arena *arena, const upb_FileDef *file, const char *suffix)
{
    struct slice path = slice_str(upb_FileDef_Name(file));
    const struct slice extension = SLICE_LIT(".proto");
    if (path.len > extension.len &&
        memcmp(path.ptr + path.len - extension.len, extension.ptr, extension.len) == 0)
        path.len -= extension.len;
    return arena_printf(arena, "%.*s%s", SLICE_ARG(path), suffix);
}

const char *names_guard(struct arena *arena, const upb_FileDef *file, const char *suffix)
{
    char *guard = arena_printf(arena, "%s", names_output(arena, file, suffix));
    for (char *c = guard; c != NULL && *c != '\0'; c++)
        *c = isalnum((unsigned char)*c) ? (char)toupper((unsigned char)*c) : '_';
    return guard;
}

bool names_ours(const upb_FileDef *file)
{
    const char *package = upb_FileDef_Package(file);
    return package != NULL && (strcmp(package, "pek") == 0 || strncmp(package, "pek.", 4) == 0);
}
