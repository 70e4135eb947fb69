#include "shared/base/fault.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Where a text cut at `len` bytes must end so that no character is cut in two. */
static size_t utf8_border(const char *text, size_t len)
{
    size_t start = len;
    while (start > 0 && len - start < 3 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0)
        return len;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t want = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    size_t have = len - start + 1;
    return have < want ? start - 1 : len;
}

static void copy_cut(char *to, size_t to_bytes, const char *from)
{
    size_t len = from ? strnlen(from, to_bytes) : 0;
    if (len == to_bytes)
        len = utf8_border(from, to_bytes - 1);
    if (len > 0)
        memcpy(to, from, len);
    to[len] = '\0';
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
    if (len < 0)
        fault->text[0] = '\0';
    else if ((size_t)len >= sizeof(fault->text))
        fault->text[utf8_border(fault->text, sizeof(fault->text) - 1)] = '\0';
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
