#include "hub/http/head.h"

#include <ctype.h>
#include <strings.h>

#define HOST_BYTES_MAX 255

size_t head_length(struct slice bytes)
{
    /* A line break or two before the request belong to it; see head_parse. */
    const char *end = memmem(bytes.ptr, bytes.len, "\r\n\r\n", 4);
    const char *loose = memmem(bytes.ptr, bytes.len, "\n\n", 2);
    if (loose && (!end || loose < end))
        return (size_t)(loose - bytes.ptr) + 2;
    const char *mixed = memmem(bytes.ptr, bytes.len, "\n\r\n", 3);
    if (mixed && (!end || mixed < end))
        return (size_t)(mixed - bytes.ptr) + 3;
    return end ? (size_t)(end - bytes.ptr) + 4 : 0;
}

static int refuse(int code, const char *what, const char **ret_what)
{
    *ret_what = what;
    return code;
}

static bool is_token(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (!isalnum(c) && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return text.len > 0;
}

static bool all_digits(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
    }
    return text.len > 0 && text.len < 19;
}

static struct slice trim(struct slice text)
{
    while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t'))
        text = slice_make(text.ptr + 1, text.len - 1);
    while (text.len > 0 && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
        text.len--;
    return text;
}

bool name_is(struct slice name, const char *lower)
{
    return name.len == strlen(lower) && strncasecmp(name.ptr, lower, name.len) == 0;
}

/* The line before the next CRLF; false when it ends in a bare LF, or holds a CR or a control character. */
static bool take_line(struct slice *rest, struct slice *ret_line)
{
    const char *end = memchr(rest->ptr, '\n', rest->len);
    if (!end || end == rest->ptr || end[-1] != '\r')
        return false;
    *ret_line = slice_make(rest->ptr, (size_t)(end - rest->ptr) - 1);
    for (size_t i = 0; i < ret_line->len; i++) {
        unsigned char c = (unsigned char)ret_line->ptr[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    *rest = slice_make(end + 1, rest->len - (size_t)(end + 1 - rest->ptr));
    return true;
}

static bool parse_request_line(struct slice line, struct head *head)
{
    head->method = slice_cut(&line, ' ');
    head->target = slice_cut(&line, ' ');
    if (!is_token(head->method) || head->target.len == 0 || head->target.ptr[0] != '/')
        return false;
    for (size_t i = 0; i < head->target.len; i++) {
        unsigned char c = (unsigned char)head->target.ptr[i];
        if (c <= 0x20 || c >= 0x7f || c == '#' || c == '\\')
            return false;
    }
    if (slice_equal_str(line, "HTTP/1.1"))
        head->minor = 1;
    else if (!slice_equal_str(line, "HTTP/1.0"))
        return false;
    return true;
}

static bool host_is_valid(struct slice host)
{
    for (size_t i = 0; i < host.len; i++) {
        unsigned char c = (unsigned char)host.ptr[i];
        if (!isalnum(c) && (c == '\0' || !strchr(".-_:[]", c)))
            return false;
    }
    return host.len <= HOST_BYTES_MAX;
}

/* What decides where the request ends must be said once and clearly. */
static const char *judge_framing(struct head *head)
{
    size_t hosts = 0, lengths = 0, encodings = 0;
    for (size_t i = 0; i < head->header_count; i++) {
        const struct head_header *header = &head->headers[i];
        if (name_is(header->name, "host")) {
            hosts++;
            head->host = header->value;
        } else if (name_is(header->name, "content-length")) {
            lengths++;
            if (!all_digits(header->value))
                return "Content-Length is no number";
        } else if (name_is(header->name, "transfer-encoding")) {
            encodings++;
            if (!name_is(header->value, "chunked"))
                return "a Transfer-Encoding other than chunked";
        }
    }
    if (lengths + encodings > 1)
        return "the length of the body is given twice";
    if (encodings > 0 && head->minor == 0)
        return "Transfer-Encoding in HTTP/1.0";
    if (hosts > 1 || (hosts == 0 && head->minor == 1))
        return "not exactly one Host";
    if (!host_is_valid(head->host))
        return "an invalid Host";
    head->has_body = lengths + encodings > 0;
    return NULL;
}

int head_parse(struct slice bytes, const struct head_limits *limits, struct head *ret_head,
               const char **ret_what)
{
    struct head *head = ret_head;
    head->minor = 0;
    head->header_count = 0;
    head->host = (struct slice){0};
    struct slice rest = bytes, line;
    if (rest.len >= 2 &&
        memcmp(rest.ptr, "\r\n", 2) == 0) /* RFC 9112 2.2: one before the request */
        rest = slice_make(rest.ptr + 2, rest.len - 2);
    const char *line_end = memchr(rest.ptr, '\n', rest.len);
    if (!line_end || (size_t)(line_end - rest.ptr) > limits->line_bytes_max)
        return refuse(414, "the request line is too long", ret_what);
    if (bytes.len > limits->header_bytes_max)
        return refuse(431, "the headers are too long", ret_what);
    if (!take_line(&rest, &line) || !parse_request_line(line, head))
        return refuse(400, "a malformed request line", ret_what);
    for (;;) {
        if (!take_line(&rest, &line))
            return refuse(400, "a malformed header", ret_what);
        if (line.len == 0)
            break;
        if (head->header_count == HTTP_HEADERS_MAX)
            return refuse(431, "too many headers", ret_what);
        const char *colon = memchr(line.ptr, ':', line.len);
        if (!colon)
            return refuse(400, "a malformed header", ret_what);
        struct head_header *header = &head->headers[head->header_count++];
        header->name = slice_cut(&line, ':');
        header->value = trim(line);
        if (!is_token(header->name)) /* also a folded line, which begins with a blank */
            return refuse(400, "a malformed header", ret_what);
    }
    const char *unclear = judge_framing(head);
    return unclear ? refuse(400, unclear, ret_what) : 0;
}

int head_judge_partial(struct slice bytes, const struct head_limits *limits, const char **ret_what)
{
    const char *line_end = memchr(bytes.ptr, '\n', bytes.len);
    if (!line_end && bytes.len > limits->line_bytes_max)
        return refuse(414, "the request line is too long", ret_what);
    if (bytes.len > limits->header_bytes_max)
        return refuse(431, "the headers are too long", ret_what);
    return 0;
}

bool cookie_find(struct slice *rest, const char *name, struct slice *ret_value)
{
    while (rest->len > 0) {
        struct slice value = slice_cut(rest, ';');
        struct slice key = trim(slice_cut(&value, '='));
        if (!slice_equal_str(key, name))
            continue;
        value = trim(value);
        if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"')
            value = slice_make(value.ptr + 1, value.len - 2);
        *ret_value = value;
        return true;
    }
    return false;
}

/* "0.75" to 750; 0 for what is no quality. */
static int parse_quality(struct slice text)
{
    int quality = 0, scale = 1000;
    for (size_t i = 0; i < text.len && i < 5; i++) {
        if (text.ptr[i] == '.' && i == 1)
            continue;
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return 0;
        quality += (text.ptr[i] - '0') * scale;
        scale /= 10;
    }
    return quality > 1000 ? 1000 : quality;
}

/* How particularly the range means the type: 0 not at all, 1 any, 2 any of the kind, 3 it. */
static int range_fits(struct slice range, const char *type)
{
    if (slice_equal_str(range, "*/*"))
        return 1;
    if (name_is(range, type))
        return 3;
    const char *slash = strchr(type, '/');
    size_t kind_len = slash ? (size_t)(slash - type) + 1 : 0;
    return range.len == kind_len + 1 && range.ptr[kind_len] == '*' &&
                   strncasecmp(range.ptr, type, kind_len) == 0
               ? 2
               : 0;
}

int accept_quality(struct slice header, const char *type)
{
    if (!header.ptr)
        return 1000;
    int best_fit = 0, quality = 0;
    while (header.len > 0) {
        struct slice parameters = slice_cut(&header, ',');
        int fit = range_fits(trim(slice_cut(&parameters, ';')), type);
        if (fit <= best_fit)
            continue;
        best_fit = fit;
        quality = 1000;
        while (parameters.len > 0) {
            struct slice value = slice_cut(&parameters, ';');
            if (name_is(trim(slice_cut(&value, '=')), "q"))
                quality = parse_quality(trim(value));
        }
    }
    return quality;
}
