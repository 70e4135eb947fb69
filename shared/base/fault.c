#include "shared/base/fault.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "shared/base/utf8.h"

/* Leaves out what is no UTF-8: a character that the end or a format such as %.64s has cut, bytes that somebody sent. With one
 * such byte neither gRPC nor JSON would carry the fault. */
static void keep_characters(char *text, size_t len)
{
    size_t kept = 0, char_len;
    for (size_t i = 0; i < len; i += char_len ? char_len : 1) {
        char_len = utf8_char_len(slice_make(text + i, len - i));
        memmove(text + kept, text + i, char_len);
        kept += char_len;
    }
    text[kept] = '\0';
}

static void copy_cut(char *to, size_t to_bytes, const char *from)
{
    size_t len = from ? strnlen(from, to_bytes - 1) : 0;
    if (len > 0)
        memcpy(to, from, len);
    keep_characters(to, len);
}

static void fault_fill(struct fault *fault, enum status status, const char *reason,
                       const char *field, const char *format, va_list args)
    __attribute__((format(printf, 5, 0)));

static void fault_fill(struct fault *fault, enum status status, const char *reason,
                       const char *field, const char *format, va_list args)
{
    fault->status = status;
    fault->retry_after_ms = 0;
    copy_cut(fault->reason, sizeof(fault->reason), reason);
    copy_cut(fault->field, sizeof(fault->field), field);
    int len = vsnprintf(fault->text, sizeof(fault->text), format, args);
    if (len >= (int)sizeof(fault->text))
        len = sizeof(fault->text) - 1;
    keep_characters(fault->text, len > 0 ? (size_t)len : 0);
}

enum status fault_set(struct fault *fault, enum status status, const char *field,
                      const char *format, ...)
{
    if (fault) {
        va_list args;
        va_start(args, format);
        fault_fill(fault, status, NULL, field, format, args);
        va_end(args);
    }
    return status;
}

enum status fault_set_reason(struct fault *fault, enum status status, const char *reason,
                             const char *field, const char *format, ...)
{
    if (fault) {
        va_list args;
        va_start(args, format);
        fault_fill(fault, status, reason, field, format, args);
        va_end(args);
    }
    return status;
}

enum status fault_set_retry(struct fault *fault, int64_t retry_after_ms)
{
    fault->retry_after_ms = retry_after_ms;
    return fault->status;
}
