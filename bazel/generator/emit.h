/* emit: writes P.rpc.h, P.rpc.c, P.row.h and P.row.c of a file that check_file did not refuse.
 *
 * Output goes to a buffer, names to the arena; check `failed` of both behind the call.
 */
#ifndef PEK_BAZEL_GENERATOR_EMIT_H
#define PEK_BAZEL_GENERATOR_EMIT_H

#include "upb/def.h"

#include "shared/base/arena.h"
#include "shared/base/buffer.h"

void emit_header(const upb_FileDef *file, struct arena *arena, struct buffer *out);
void emit_source(const upb_FileDef *file, struct arena *arena, struct buffer *out);
void emit_row_header(const upb_FileDef *file, struct arena *arena, struct buffer *out);
void emit_row_source(const upb_FileDef *file, struct arena *arena, struct buffer *out);

/* The line that opens each. */
void emit_banner(const upb_FileDef *file, struct buffer *out);
/* The signature of the typed client call or of the typed send, without ";". */
void emit_call_signature(const upb_MethodDef *method, struct arena *arena, struct buffer *out);
void emit_send_signature(const upb_MethodDef *method, struct arena *arena, struct buffer *out);
void emit_add_signature(const upb_ServiceDef *service, struct arena *arena, struct buffer *out);

#endif
