/* check: what the generator refuses, so that no program is built with it.
 *
 * Each refusal is one line "file: Service.Method: why" (or "file: Message: why") in the buffer; nothing is
 * generated when there is one. README.md lists them.
 */
#ifndef PEK_BAZEL_GENERATOR_CHECK_H
#define PEK_BAZEL_GENERATOR_CHECK_H

#include "upb/def.h"

#include "bazel/generator/options.h"
#include "shared/base/buffer.h"

#define CHECK_DEPTH_MAX 32 /* messages within messages */

/* All rules over a file. RESOURCE_EXHAUSTED when the arena is full; a refusal is not a failure. */
PEK_MUST_CHECK enum status check_file(const upb_FileDef *file, struct arena *arena,
                                      struct buffer *refusals);

/* The rules of one option each; used by check_file. */
struct check {
    const upb_MethodDef *method;
    const struct method_options *options;
    struct buffer *refusals;
};

void check_access(const struct check *check);
void check_routing(const struct check *check);
void check_http(const struct check *check);

/* Of a message with pek.row; fine without. */
PEK_MUST_CHECK enum status check_row(const upb_MessageDef *message, bool nested,
                                     struct arena *arena, struct buffer *refusals);

/* One refusal of the method. */
void check_refuse(const struct check *check, const char *format, ...) PEK_PRINTF(2, 3);

/* The field that a path such as "group.parent_id" names, through singular messages; NULL when there is
 * none. The last one may be of any type. */
const upb_FieldDef *check_field(const upb_MessageDef *message, struct slice path);

#endif
