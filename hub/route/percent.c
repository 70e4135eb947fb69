#include "hub/route/percent.h"

#include "shared/base/number.h"
#include "shared/base/utf8.h"

bool percent_decode(struct slice raw, unsigned rules, char *out, size_t *ret_len)
{
    size_t len = 0;
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.ptr[i];
        if (c == '+' && (rules & PERCENT_PLUS_IS_SPACE)) {
            c = ' ';
        } else if (c == '%') {
            int high = i + 2 < raw.len ? number_hex_digit(raw.ptr[i + 1]) : -1;
            int low = i + 2 < raw.len ? number_hex_digit(raw.ptr[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high * 16 + low);
            if (c == '/' && (rules & PERCENT_KEEP_SLASH)) {
                out[len++] = '%';
                out[len++] = '2';
                c = 'F';
            }
            i += 2;
        }
        if ((unsigned char)c < 0x20 || c == 0x7f)
            return false;
        out[len++] = c;
    }
    if (!utf8_valid(slice_make(out, len)))
        return false;
    *ret_len = len;
    return true;
}
