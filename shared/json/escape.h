/* escape: what stands behind a backslash in a JSON string. */
#ifndef PEK_SHARED_JSON_ESCAPE_H
#define PEK_SHARED_JSON_ESCAPE_H

#include "shared/base/slice.h"

/* The length of the escape that `rest` begins with, both halves of a surrogate pair together; 0 when it is
 * none or stands for no character that a text may have: then `*ret_wrong` says why. */
size_t escape_len(struct slice rest, const char **ret_wrong);

/* Writes the UTF-8 of an escape that escape_len took, and moves `*at` behind it; how many bytes: never more
 * than the escape has, at most 4. */
size_t escape_decode(const char **at, const char *end, char *to);

#endif
