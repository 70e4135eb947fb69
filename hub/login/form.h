/* form: application/x-www-form-urlencoded, as queries and form bodies have it. */
#ifndef PEK_HUB_LOGIN_FORM_H
#define PEK_HUB_LOGIN_FORM_H

#include "shared/base/arena.h"
#include "shared/base/buffer.h"
#include "shared/base/slice.h"
#include "shared/base/status.h"

/* The value of `name`, decoded into the arena; ptr NULL when it is absent. INVALID_ARGUMENT when it is there
 * twice, or its escapes, control characters or UTF-8 are wrong; RESOURCE_EXHAUSTED when it is longer than
 * `bytes_max` or the arena is full. */
PEK_MUST_CHECK enum status form_find(struct slice form, const char *name, size_t bytes_max,
                                     struct arena *arena, struct slice *ret_value);

/* name=value, with '&' before it unless the buffer is empty or ends with '?' or '&'. */
void form_append(struct buffer *out, const char *name, struct slice value);

/* All but the unreserved characters of RFC 3986 percent-encoded. */
void form_encode(struct buffer *out, struct slice value);

#endif
