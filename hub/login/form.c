#include "hub/login/form.h"

#include "hub/route/percent.h"

enum status form_find(struct slice form, const char *name, size_t bytes_max, struct arena *arena,
                      struct slice *ret_value)
{
    struct slice found = {0};

    while (form.len > 0) {
        struct slice value = slice_cut(&form, '&');
        struct slice key = slice_cut(&value, '=');
        size_t len;

        if (!slice_equal_str(key, name))
            continue;
        if (found.ptr)
            return STATUS_INVALID_ARGUMENT;
        /* Three characters to a byte at most. */
        if (value.len > 3 * bytes_max)
            return STATUS_RESOURCE_EXHAUSTED;
        char *decoded = arena_alloc(arena, value.len + 1);
        if (!decoded)
            return STATUS_RESOURCE_EXHAUSTED;
        if (!percent_decode(value, PERCENT_PLUS_IS_SPACE, decoded, &len))
            return STATUS_INVALID_ARGUMENT;
        if (len > bytes_max)
            return STATUS_RESOURCE_EXHAUSTED;
        decoded[len] = 0;
        found = slice_make(decoded, len);
    }
    *ret_value = found;
    return STATUS_OK;
}

void form_encode(struct buffer *out, struct slice value)
{
    static const char digits[] = "0123456789ABCDEF";
    static const char unreserved[] = "-._~";

    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
            memchr(unreserved, c, sizeof(unreserved) - 1)) {
            buffer_append_char(out, (char)c);
            continue;
        }
        const char escape[] = {'%', digits[c >> 4], digits[c & 15]};
        buffer_append(out, escape, sizeof(escape));
    }
}

void form_append(struct buffer *out, const char *name, struct slice value)
{
    if (out->len > 0 && out->ptr[out->len - 1] != '?' && out->ptr[out->len - 1] != '&')
        buffer_append_char(out, '&');
    buffer_append_str(out, name);
    buffer_append_char(out, '=');
    form_encode(out, value);
}
