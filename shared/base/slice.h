/* slice: a pointer and a length, by value; borrowed bytes, never owned, not NUL-terminated.
 *
 * The bytes live as long as what they were taken from (arena, message, literal). A zero slice is empty.
 */
#ifndef PEK_SHARED_BASE_SLICE_H
#define PEK_SHARED_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
    const char *ptr;
    size_t len;
};

/* printf("%.*s", SLICE_ARG(s)) */
#define SLICE_ARG(s) (int)(s).len, (s).ptr
#define SLICE_LIT(literal) ((struct slice){(literal), sizeof(literal) - 1})

static inline struct slice slice_make(const void *ptr, size_t len)
{
    return (struct slice){ptr, len};
}

/* NULL gives the empty slice. */
static inline struct slice slice_str(const char *str)
{
    return (struct slice){str, str ? strlen(str) : 0};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool slice_equal_str(struct slice a, const char *b)
{
    return slice_equal(a, slice_str(b));
}

static inline bool slice_starts_with(struct slice s, struct slice prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

/* 1 to bytes_max bytes of printable ASCII, none of them a blank: what a token, a key or a metadata value may be. */
bool slice_is_printable(struct slice s, size_t bytes_max);

/* Order of unsigned bytes; a prefix comes first. */
int slice_compare(struct slice a, struct slice b);

/* Cuts `*rest` at the first `separator`: returns what is before it and moves `*rest` behind it (to empty
 * when there is none). */
struct slice slice_cut(struct slice *rest, char separator);

#endif
