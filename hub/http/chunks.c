#include "hub/http/chunks.h"

#include "hub/http/field.h"
#include "shared/base/number.h"

enum state {
    SIZE,            /* digits */
    EXT_BLANK,       /* blanks that ';' must follow */
    EXT_NAME_FIRST,  /* behind ';' */
    EXT_NAME,        /* at least one character of it is there */
    EXT_NAME_END,    /* blanks behind it */
    EXT_VALUE_FIRST, /* behind '=' */
    EXT_TOKEN,
    EXT_QUOTED,
    EXT_ESCAPED,
    EXT_QUOTED_END,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER, /* the first character of a line */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    LAST_LF,
    BAD,
};

static bool is_blank(unsigned char c)
{
    return c == ' ' || c == '\t';
}

static bool is_text(unsigned char c)
{
    return c >= 0x20 ? c != 0x7f : c == '\t';
}

static enum state take_size(struct chunks *chunks, unsigned char c)
{
    int value = number_hex_digit((char)c);
    if (value >= 0) {
        chunks->left_bytes = chunks->left_bytes * 16 + (unsigned)value;
        return ++chunks->digits <= CHUNKS_DIGITS_MAX ? SIZE : BAD;
    }
    if (chunks->digits == 0)
        return BAD;
    if (c == '\r')
        return SIZE_LF;
    if (c == ';')
        return EXT_NAME_FIRST;
    return is_blank(c) ? EXT_BLANK : BAD;
}

/* *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ), RFC 9112 7.1.1 */
static enum state take_extension(enum state state, unsigned char c)
{
    switch (state) {
    case EXT_BLANK: return is_blank(c) ? EXT_BLANK : c == ';' ? EXT_NAME_FIRST : BAD;
    case EXT_NAME_FIRST: return is_blank(c) ? EXT_NAME_FIRST : is_token_char(c) ? EXT_NAME : BAD;
    case EXT_NAME:
        if (is_token_char(c))
            return EXT_NAME;
        if (is_blank(c))
            return EXT_NAME_END;
        return c == '\r' ? SIZE_LF : c == '=' ? EXT_VALUE_FIRST : c == ';' ? EXT_NAME_FIRST : BAD;
    case EXT_NAME_END:
        if (is_blank(c))
            return EXT_NAME_END;
        return c == '=' ? EXT_VALUE_FIRST : c == ';' ? EXT_NAME_FIRST : BAD;
    case EXT_VALUE_FIRST:
        if (is_blank(c))
            return EXT_VALUE_FIRST;
        return c == '"' ? EXT_QUOTED : is_token_char(c) ? EXT_TOKEN : BAD;
    case EXT_QUOTED:
        return c == '"' ? EXT_QUOTED_END : c == '\\' ? EXT_ESCAPED : is_text(c) ? EXT_QUOTED : BAD;
    case EXT_ESCAPED: return is_text(c) ? EXT_QUOTED : BAD;
    default: /* EXT_TOKEN, EXT_QUOTED_END */
        if (state == EXT_TOKEN && is_token_char(c))
            return EXT_TOKEN;
        return c == '\r' ? SIZE_LF : c == ';' ? EXT_NAME_FIRST : is_blank(c) ? EXT_BLANK : BAD;
    }
}

static enum state take_trailer(enum state state, unsigned char c)
{
    switch (state) {
    case TRAILER: return c == '\r' ? LAST_LF : is_token_char(c) ? TRAILER_NAME : BAD;
    case TRAILER_NAME: return c == ':' ? TRAILER_VALUE : is_token_char(c) ? TRAILER_NAME : BAD;
    case TRAILER_VALUE: return c == '\r' ? TRAILER_LF : is_text(c) ? TRAILER_VALUE : BAD;
    default: /* TRAILER_LF */ return c == '\n' ? TRAILER : BAD;
    }
}

/* One character that is no data. */
static enum state take_char(struct chunks *chunks, unsigned char c)
{
    enum state state = (enum state)chunks->state;
    switch (state) {
    case SIZE: return take_size(chunks, c);
    case SIZE_LF:
        if (c != '\n')
            return BAD;
        chunks->digits = 0;
        return chunks->left_bytes > 0 ? DATA : TRAILER;
    case DATA_CR: return c == '\r' ? DATA_LF : BAD;
    case DATA_LF: return c == '\n' ? SIZE : BAD;
    case LAST_LF: chunks->done = c == '\n'; return BAD; /* nothing follows */
    case TRAILER:
    case TRAILER_NAME:
    case TRAILER_VALUE:
    case TRAILER_LF: chunks->extra_bytes++; return take_trailer(state, c);
    default: chunks->extra_bytes++; return take_extension(state, c);
    }
}

static void take_data(struct chunks *chunks, struct slice *bytes, struct buffer *body)
{
    size_t len = bytes->len < chunks->left_bytes ? bytes->len : (size_t)chunks->left_bytes;
    buffer_append(body, bytes->ptr, len);
    *bytes = slice_make(bytes->ptr + len, bytes->len - len);
    chunks->left_bytes -= len;
    if (chunks->left_bytes == 0)
        chunks->state = DATA_CR;
}

int chunks_take(struct chunks *chunks, struct slice *bytes, struct buffer *body,
                size_t body_bytes_max, const char **ret_what)
{
    while (bytes->len > 0 && !chunks->done) {
        if (chunks->state == DATA) {
            take_data(chunks, bytes, body);
            continue;
        }
        chunks->state = (int)take_char(chunks, (unsigned char)bytes->ptr[0]);
        *bytes = slice_make(bytes->ptr + 1, bytes->len - 1);
        if (chunks->state == BAD && !chunks->done) {
            *ret_what = "a malformed chunk";
            return 400;
        }
        if (chunks->state == DATA && chunks->left_bytes > body_bytes_max - body->len) {
            *ret_what = "the body is too long";
            return 413;
        }
        if (chunks->extra_bytes > CHUNKS_EXTRA_BYTES_MAX) {
            *ret_what = "too many chunk extensions or trailers";
            return 400;
        }
    }
    if (body->failed) {
        *ret_what = "no memory for the body";
        return 503;
    }
    return 0;
}
