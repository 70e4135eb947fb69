#include "shared/base/slice.h"

int slice_compare(struct slice a, struct slice b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common > 0 ? memcmp(a.ptr, b.ptr, common) : 0;
    if (order != 0)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

bool slice_is_printable(struct slice s, size_t bytes_max)
{
    if (s.len == 0 || s.len > bytes_max)
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] <= ' ' || s.ptr[i] > '~')
            return false;
    return true;
}

struct slice slice_cut(struct slice *rest, char separator)
{
    struct slice head = *rest;
    const char *at = rest->len > 0 ? memchr(rest->ptr, separator, rest->len) : NULL;
    if (!at) {
        *rest = slice_make(rest->ptr ? rest->ptr + rest->len : NULL, 0);
        return head;
    }
    head.len = (size_t)(at - rest->ptr);
    *rest = slice_make(at + 1, rest->len - head.len - 1);
    return head;
}
