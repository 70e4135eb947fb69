/* fault: a status with what a caller may be told about it.
 *
 * Filled by whoever refuses, once; passed up unchanged. `text` is public: no secret, no SQL, no path of
 * this machine. `field` is the proto field path in snake_case ("group.name") when one input field is to
 * blame. `reason` is the UPPER_SNAKE_CASE reason of google.rpc.ErrorInfo; empty means status_name().
 *
 * A fault is plain memory (no ownership); zero-initialised means OK.
 */
#ifndef PEK_SHARED_BASE_FAULT_H
#define PEK_SHARED_BASE_FAULT_H

#include <stdint.h>

#include "shared/base/status.h"

#define FAULT_TEXT_BYTES_MAX 256
#define FAULT_FIELD_BYTES_MAX 96
#define FAULT_REASON_BYTES_MAX 64

struct fault {
    enum status status;
    char reason[FAULT_REASON_BYTES_MAX];
    char field[FAULT_FIELD_BYTES_MAX];
    char text[FAULT_TEXT_BYTES_MAX];
    int64_t retry_after_ms; /* when it is worth asking again, unchanged; 0: nothing is said */
};

/* Sets all of `fault` (may be NULL: then only the status is passed on) and returns `status`, so that a
 * refusal is one line: return fault_set(fault, STATUS_INVALID_ARGUMENT, "name", "name is empty");
 * `field` may be NULL. Longer texts are cut, and what is no UTF-8 is left out. */
enum status fault_set(struct fault *fault, enum status status, const char *field,
                      const char *format, ...) PEK_PRINTF(4, 5);

/* The same with an ErrorInfo reason. */
enum status fault_set_reason(struct fault *fault, enum status status, const char *reason,
                             const char *field, const char *format, ...) PEK_PRINTF(5, 6);

/* Adds when to ask again. Returns the status. */
enum status fault_set_retry(struct fault *fault, int64_t retry_after_ms);

#endif
