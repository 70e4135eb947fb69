/* json_scan: judges JSON from outside, before anything decodes it.
 *
 * upb's decoder is for JSON that is honest; this is the door before it. It accepts exactly RFC 8259 and
 * refuses besides, with INVALID_ARGUMENT:
 *     nesting deeper than depth_max, more than keys_max keys in all
 *     the same key twice in one object, also when written with escapes
 *     text that is not UTF-8, half of a surrogate pair, and \u0000 (a text column cannot hold it)
 *     numbers beyond the range of a double, or longer than JSON_NUMBER_BYTES_MAX
 *     anything after the value; an empty text
 * No recursion: the depth of the input costs no stack. Time is linear in the input; the hash of keys is
 * seeded, so that they cannot be made to collide.
 *
 * A refusal fills the fault: `field` is the path of the value to blame ("group.members[3].userId", keys in
 * lowerCamel, empty for the whole), the text says what and at which byte, and quotes nothing but that path.
 */
#ifndef PEK_SHARED_JSON_JSON_SCAN_H
#define PEK_SHARED_JSON_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/base/arena.h"
#include "shared/base/fault.h"
#include "shared/base/slice.h"

#define JSON_DEPTH_MAX 32
#define JSON_KEYS_MAX 10000
#define JSON_NUMBER_BYTES_MAX 128
#define JSON_SCAN_DEPTH_LIMIT 256 /* depth_max is at most this */

struct json_limits {
    size_t depth_max; /* the outermost object or array has depth 1 */
    size_t keys_max;
    /* The text is a proto message: parent_id and parentId are one field, so both together are a
     * duplicate key. */
    bool proto_names;
};

/* What requests get: JSON_DEPTH_MAX, JSON_KEYS_MAX, proto_names. */
extern const struct json_limits json_limits_default;

/* OK, INVALID_ARGUMENT, or RESOURCE_EXHAUSTED when the arena is at its ceiling: at most 64 bytes a colon are
 * taken, for keys_max of them at most, and 64 a level of depth_max. NULL limits are json_limits_default. `fault` may be NULL. */
PEK_MUST_CHECK enum status json_scan(struct slice text, const struct json_limits *limits,
                                     struct arena *arena, struct fault *fault);

#endif
