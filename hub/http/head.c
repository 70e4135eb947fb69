#include "hub/http/head.h"

#include <strings.h>

#include "hub/http/field.h"

static int refuse(int code, const char *what, const char **ret_what)
{
    *ret_what = what;
    return code;
}

/* ---- where it ends --------------------------------------------------------------------------------- */

int head_find(struct head_scan *scan, struct slice bytes, const struct head_limits *limits,
              size_t *ret_len, const char **ret_what)
{
    *ret_len = 0;
    for (;;) {
        size_t at = scan->looked_bytes;
        const char *end = at < bytes.len ? memchr(bytes.ptr + at, '\n', bytes.len - at) : NULL;
        size_t line_end = end ? (size_t)(end - bytes.ptr) : bytes.len;
        if (scan->lines == 0 && line_end - scan->line_start > limits->line_bytes_max)
            scan->is_long = true;
        if (line_end >= limits->header_bytes_max)
            return scan->is_long ? refuse(414, HEAD_LONG_ADDRESS, ret_what)
                                 : refuse(431, "the headers are too long", ret_what);
        scan->looked_bytes = end ? line_end + 1 : bytes.len;
        if (!end)
            return 0;
        if (line_end == scan->line_start || bytes.ptr[line_end - 1] != '\r')
            return refuse(400, "a line that does not end in CR LF", ret_what);
        bool empty = line_end - scan->line_start == 1;
        bool before = empty && scan->lines == 0 && scan->line_start == 0; /* RFC 9112 2.2 */
        scan->line_start = line_end + 1;
        if (empty && !before) {
            *ret_len = line_end + 1;
            return 0;
        }
        scan->lines += !before;
    }
}

/* ---- the request line ------------------------------------------------------------------------------ */

/* The line before the next CR LF; false when it holds a control character. The line ends are judged already. */
static bool take_line(struct slice *rest, struct slice *ret_line)
{
    const char *end = memchr(rest->ptr, '\n', rest->len);
    if (!end || end == rest->ptr)
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

bool head_take_target(struct head *head, struct slice target)
{
    if (slice_equal_str(target, "*") && slice_equal_str(head->method, "OPTIONS")) {
        head->path = target;
        return true;
    }
    if (target.len == 0 || target.ptr[0] != '/' || !target_is_valid(target))
        return false;
    bool has_query = memchr(target.ptr, '?', target.len) != NULL;
    head->path = slice_cut(&target, '?');
    head->query = has_query ? target : (struct slice){0};
    return true;
}

static bool take_scheme(struct head *head, struct slice *target)
{
    static const char *const schemes[] = {[SCHEME_HTTP] = "http://", [SCHEME_HTTPS] = "https://"};
    for (enum head_scheme i = SCHEME_HTTP; i <= SCHEME_HTTPS; i++) {
        size_t len = strlen(schemes[i]);
        if (target->len > len && strncasecmp(target->ptr, schemes[i], len) == 0) {
            head->scheme = i;
            *target = slice_make(target->ptr + len, target->len - len);
            return true;
        }
    }
    return false;
}

/* "http://host/path?query"; without path it is "/", or "*" of OPTIONS. */
static bool take_absolute(struct head *head, struct slice target)
{
    if (!take_scheme(head, &target) || !target_is_valid(target))
        return false;
    size_t host_len = 0;
    while (host_len < target.len && target.ptr[host_len] != '/' && target.ptr[host_len] != '?')
        host_len++;
    head->host = slice_make(target.ptr, host_len);
    target = slice_make(target.ptr + host_len, target.len - host_len);
    if (!host_is_valid(head->host))
        return false;
    if (target.len > 0 && target.ptr[0] == '/')
        return head_take_target(head, target);
    bool options = target.len == 0 && slice_equal_str(head->method, "OPTIONS");
    head->path = options ? SLICE_LIT("*") : SLICE_LIT("/");
    head->query = target.len > 0 ? slice_make(target.ptr + 1, target.len - 1) : (struct slice){0};
    return true;
}

static bool take_version(struct head *head, struct slice version)
{
    if (version.len != 8 || memcmp(version.ptr, "HTTP/1.", 7) != 0 || version.ptr[7] < '0' ||
        version.ptr[7] > '9')
        return false;
    head->minor = version.ptr[7] > '0';
    return true;
}

static bool take_request_line(struct head *head, struct slice line)
{
    head->method = slice_cut(&line, ' ');
    struct slice target = slice_cut(&line, ' ');
    return is_token(head->method) && take_version(head, line) &&
           (head_take_target(head, target) || take_absolute(head, target));
}

/* ---- what decides where the request ends ------------------------------------------------------------ */

static bool take_length(struct head *head, struct slice digits)
{
    uint64_t value = 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.ptr[i] < '0' || digits.ptr[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(digits.ptr[i] - '0');
    }
    head->body_bytes = value;
    return digits.len > 0 && digits.len < 19;
}

struct framing {
    size_t hosts, lengths, encodings;
    bool close, keep_alive;
};

static const char *judge_header(struct head *head, const struct head_header *header,
                                struct framing *framing)
{
    if (name_is(header->name, "host")) {
        if (!host_is_valid(header->value))
            return "an invalid Host";
        if (framing->hosts++ == 0 && !head->host.ptr) /* an absolute target's comes first */
            head->host = header->value;
    } else if (name_is(header->name, "content-length")) {
        framing->lengths++;
        if (!take_length(head, header->value))
            return "Content-Length is no number";
    } else if (name_is(header->name, "transfer-encoding")) {
        framing->encodings++;
        if (!name_is(header->value, "chunked"))
            return "a Transfer-Encoding other than chunked";
    } else if (name_is(header->name, "connection")) {
        framing->close |= list_has(header->value, "close");
        framing->keep_alive |= list_has(header->value, "keep-alive");
    } else if (name_is(header->name, "expect")) {
        bool known = name_is(header->value, "100-continue");
        head->expects_continue |= known;
        head->expects_other |= !known;
    }
    return NULL;
}

/* It must be said once and clearly. */
static const char *judge(struct head *head)
{
    struct framing framing = {0};
    for (size_t i = 0; i < head->header_count; i++) {
        const char *unclear = judge_header(head, &head->headers[i], &framing);
        if (unclear)
            return unclear;
    }
    if (framing.lengths + framing.encodings > 1)
        return "the length of the body is given twice";
    if (framing.encodings > 0 && head->minor == 0)
        return "Transfer-Encoding in HTTP/1.0";
    if (framing.hosts > 1 || (framing.hosts == 0 && head->minor == 1))
        return "not exactly one Host";
    head->chunked = framing.encodings > 0;
    head->keep_alive = !framing.close && (head->minor == 1 || framing.keep_alive);
    if (head->minor == 0) /* RFC 9110 10.1.1 */
        head->expects_continue = head->expects_other = false;
    return NULL;
}

/* ---- all of it ------------------------------------------------------------------------------------- */

int head_parse(struct slice bytes, struct head *ret_head, const char **ret_what)
{
    struct head *head = ret_head;
    memset(head, 0, offsetof(struct head, headers));
    head->header_count = 0;
    struct slice rest = bytes, line;
    if (rest.len >= 2 && memcmp(rest.ptr, "\r\n", 2) == 0)
        rest = slice_make(rest.ptr + 2, rest.len - 2);
    if (!take_line(&rest, &line) || !take_request_line(head, line))
        return refuse(400, "a malformed request line", ret_what);
    for (;;) {
        if (!take_line(&rest, &line))
            return refuse(400, "a malformed header", ret_what);
        if (line.len == 0)
            break;
        if (head->header_count == HTTP_HEADERS_MAX)
            return refuse(431, "too many headers", ret_what);
        if (!memchr(line.ptr, ':', line.len))
            return refuse(400, "a malformed header", ret_what);
        struct head_header *header = &head->headers[head->header_count++];
        header->name = slice_cut(&line, ':');
        header->value = trim(line);
        if (!is_token(header->name)) /* also a folded line, which begins with a blank */
            return refuse(400, "a malformed header", ret_what);
    }
    const char *unclear = judge(head);
    return unclear ? refuse(400, unclear, ret_what) : 0;
}
