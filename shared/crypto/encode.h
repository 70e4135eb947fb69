/* encode: base64url without padding (RFC 4648 section 5, as JOSE uses it) and hexadecimal.
 *
 * Decoding is strict: one text for one sequence of bytes. Refused are padding, white space, the
 * other base64 alphabet, a length of 1 modulo 4, and unused trailing bits that are not zero. So a
 * decoded signature cannot be written in a second way.
 *
 * The pointers into buffers of the caller are sized with the macros below; nothing is
 * NUL-terminated except where it says so. Any thread.
 */
#ifndef PEK_SHARED_CRYPTO_ENCODE_H
#define PEK_SHARED_CRYPTO_ENCODE_H

#include <stddef.h>

#include "shared/base/arena.h"
#include "shared/base/slice.h"
#include "shared/base/status.h"

/* Characters for `bytes` bytes; bytes for `chars` characters (exact for valid input). */
#define BASE64URL_CHARS(bytes) (((bytes) / 3) * 4 + ((bytes) % 3 ? (bytes) % 3 + 1 : 0))
#define BASE64URL_BYTES(chars) (((chars) / 4) * 3 + ((chars) % 4 ? (chars) % 4 - 1 : 0))

/* Writes BASE64URL_CHARS(bytes.len) characters and a NUL behind them. */
void base64url_encode(struct slice bytes, char *ret_chars);
/* Writes BASE64URL_BYTES(text.len) bytes, which must fit `bytes_max`. INVALID_ARGUMENT when `text`
 * is not canonical, RESOURCE_EXHAUSTED when it does not fit; *ret_bytes_len is untouched then,
 * ret_bytes not. */
PEK_MUST_CHECK enum status base64url_decode(struct slice text, void *ret_bytes, size_t bytes_max,
                                            size_t *ret_bytes_len);
/* The same in an arena, with a NUL behind. RESOURCE_EXHAUSTED at its ceiling. */
PEK_MUST_CHECK enum status base64url_encode_in(struct arena *arena, struct slice bytes,
                                               struct slice *ret_text);
PEK_MUST_CHECK enum status base64url_decode_in(struct arena *arena, struct slice text,
                                               struct slice *ret_bytes);

/* Writes 2 * bytes.len lower-case digits and a NUL behind them. */
void hex_encode(struct slice bytes, char *ret_chars);

#endif
