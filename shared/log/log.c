#include "shared/log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/utf8.h"
#include "shared/log/redact.h"

/* Of one text, so that a long one does not take the place of the fields after it. */
#define LOG_TEXT_BYTES_MAX 1536
#define LOG_STDERR 2

/* How each line ends; its room is kept free while fields are added. */
#define LINE_END "}\n"
#define LINE_END_CUT ",\"cut\":true}\n"

const char *const log_level_names[] = {"debug", "info", "warn", "error", NULL};

static struct {
    int fd;
    int own_fd; /* what is written to instead, where there is one; else -1 */
    _Atomic int level;
    char component[LOG_NAME_BYTES_MAX];
    char realm[LOG_NAME_BYTES_MAX];
    _Atomic uint64_t dropped;
} log_state = {.fd = LOG_STDERR, .own_fd = -1, .level = LOG_INFO};

/* ---- life cycle ------------------------------------------------------------------------------- */

static void name_copy(char name[LOG_NAME_BYTES_MAX], const char *from)
{
    snprintf(name, LOG_NAME_BYTES_MAX, "%s", from ? from : "");
}

/* A description of a pipe or a terminal that does not wait: the one that was given is shared, and others may want to wait. A
 * socket has no second one, and that of a file would begin at its beginning. */
static int description_of(int fd)
{
    char path[32];
    struct stat what;
    if (fstat(fd, &what) != 0 || !(S_ISFIFO(what.st_mode) || S_ISCHR(what.st_mode)))
        return -1;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static void own_fd_set(int own_fd)
{
    if (log_state.own_fd >= 0)
        close(log_state.own_fd);
    log_state.own_fd = own_fd;
}

void log_open(const struct log_options *options)
{
    log_state.fd = options->fd;
    own_fd_set(description_of(options->fd));
    name_copy(log_state.component, options->component);
    name_copy(log_state.realm, options->realm);
    log_level_set(options->level);
}

void log_close(void)
{
    log_open(&(struct log_options){.fd = LOG_STDERR, .level = LOG_INFO});
    own_fd_set(-1);
}

void log_level_set(enum log_level level)
{
    atomic_store_explicit(&log_state.level, (int)level, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&log_state.level, memory_order_relaxed);
}

uint64_t log_dropped(void)
{
    return atomic_load_explicit(&log_state.dropped, memory_order_relaxed);
}

/* ---- the line --------------------------------------------------------------------------------- */

struct line {
    char *bytes;
    size_t len;
    size_t len_max; /* without what ends the line */
    bool cut;
};

static bool put(struct line *line, const char *bytes, size_t len)
{
    if (len > line->len_max - line->len)
        return false;
    memcpy(line->bytes + line->len, bytes, len);
    line->len += len;
    return true;
}

static bool put_format(struct line *line, const char *format, ...) PEK_PRINTF(2, 3);

static bool put_format(struct line *line, const char *format, ...)
{
    char text[32];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return len >= 0 && (size_t)len < sizeof(text) && put(line, text, (size_t)len);
}

/* The character that `rest` begins with, escaped where JSON or a terminal wants it; `*ret_len` is how many
 * bytes it has in the text. */
static bool put_char(struct line *line, struct slice rest, size_t *ret_len)
{
    unsigned char byte = (unsigned char)rest.ptr[0];
    unsigned len = utf8_char_len(rest);
    *ret_len = len > 0 ? len : 1;
    if (byte == '"' || byte == '\\') {
        char escaped[2] = {'\\', (char)byte};
        return put(line, escaped, sizeof(escaped));
    }
    if (byte == '\n')
        return put(line, "\\n", 2);
    if (byte < 0x20 || byte == 0x7F)
        return put_format(line, "\\u%04x", byte);
    if (len == 0)
        return put(line, UTF8_REPLACEMENT, sizeof(UTF8_REPLACEMENT) - 1);
    /* U+0080 to U+009F: terminals take them for commands too. */
    if (byte == 0xC2 && (unsigned char)rest.ptr[1] < 0xA0)
        return put_format(line, "\\u%04x", (unsigned char)rest.ptr[1]);
    return put(line, rest.ptr, len);
}

static bool is_plain(char c)
{
    return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

/* As much of the text as fits; false when that is not all. */
static bool put_escaped(struct line *line, struct slice text)
{
    while (text.len > 0) {
        size_t taken = 0;
        while (taken < text.len && is_plain(text.ptr[taken]))
            taken++;
        size_t room = line->len_max - line->len;
        if (taken > room) {
            put(line, text.ptr, room);
            return false;
        }
        if (taken > 0)
            put(line, text.ptr, taken);
        else if (!put_char(line, text, &taken))
            return false;
        text = slice_make(text.ptr + taken, text.len - taken);
    }
    return true;
}

/* A JSON string. False when not even an empty one fits; a text that was cut marks the line. */
static bool put_text(struct line *line, struct slice text)
{
    if (line->len_max - line->len < 2)
        return false;
    size_t line_max = line->len_max;
    put(line, "\"", 1);
    line->len_max = line_max - 1;
    if (line->len_max - line->len > LOG_TEXT_BYTES_MAX)
        line->len_max = line->len + LOG_TEXT_BYTES_MAX;

    struct redact redact = {.rest = text};
    struct redact_piece piece;
    bool fits = true;
    while (fits && redact_next(&redact, &piece)) {
        fits = piece.secret ? put(line, REDACTED, sizeof(REDACTED) - 1)
                            : put_escaped(line, piece.text);
    }
    line->cut |= !fits;
    line->len_max = line_max;
    return put(line, "\"", 1);
}

static bool put_value(struct line *line, const struct log_field *field)
{
    if (log_key_is_secret(slice_str(field->key)))
        return put(line, "\"" REDACTED "\"", sizeof(REDACTED) + 1);
    switch (field->kind) {
    case LOG_FIELD_STR: return field->str.ptr ? put_text(line, field->str) : put(line, "null", 4);
    case LOG_FIELD_INT: return put_format(line, "%" PRId64, field->number);
    case LOG_FIELD_BOOL: return put_format(line, "%s", field->truth ? "true" : "false");
    case LOG_FIELD_MS: {
        uint64_t us = field->number < 0 ? -(uint64_t)field->number : (uint64_t)field->number;
        return put_format(line, "%s%" PRIu64 ".%03u", field->number < 0 ? "-" : "", us / 1000,
                          (unsigned)(us % 1000));
    }
    case LOG_FIELD_END:
    case LOG_FIELD_EVENT:
    case LOG_FIELD_SCOPE: break;
    }
    return false;
}

static bool put_key(struct line *line, const char *key)
{
    return put(line, ",\"", 2) && put_escaped(line, slice_str(key)) && put(line, "\":", 2);
}

/* All of a field or nothing, except that a text may be cut. */
static void keep_if(struct line *line, size_t before, bool fits)
{
    if (!fits) {
        line->len = before;
        line->cut = true;
    }
}

static void put_field(struct line *line, const struct log_field *field)
{
    size_t before = line->len;
    keep_if(line, before, put_key(line, field->key) && put_value(line, field));
}

/* A field of every line; left out when empty. */
static void put_named(struct line *line, const char *key, struct slice text)
{
    size_t before = line->len;
    if (text.len > 0)
        keep_if(line, before, put_key(line, key) && put_text(line, text));
}

/* ---- what each line begins with --------------------------------------------------------------- */

static void put_head(struct line *line, enum log_level level)
{
    /* Breaking a time down costs more than the rest of the line: once a second is enough. */
    static _Thread_local struct {
        int64_t second;
        char text[24];
    } day = {.second = -1};
    int64_t now_us = clock_wall_us();
    int64_t second = now_us / 1000000;
    if (second != day.second) {
        time_t seconds = (time_t)second;
        struct tm parts;
        gmtime_r(&seconds, &parts);
        strftime(day.text, sizeof(day.text), "%Y-%m-%dT%H:%M:%S", &parts);
        day.second = second;
    }
    put(line, "{\"ts\":\"", 7);
    put(line, day.text, strlen(day.text));
    put_format(line, ".%06uZ\"", (unsigned)(now_us % 1000000));
    put_named(line, "level", slice_str(log_level_names[level]));
}

static void put_scope(struct line *line, const struct log_scope *scope)
{
    static const struct log_scope empty;
    if (!scope)
        scope = &empty;
    put_named(line, "component", slice_str(log_state.component));
    put_named(line, "realm", scope->realm.len > 0 ? scope->realm : slice_str(log_state.realm));
    put_named(line, "trace_id", scope->trace_id);
    put_named(line, "request_id", scope->request_id);
}

_Static_assert(LOG_LINE_BYTES_MAX <= PIPE_BUF, "where a pipe has room, there is room for a line");

/* In one write: a line that is not whole is worth nothing, but its rest is written all the same, so that
 * the next line begins at the beginning. A descriptor that waits is asked first: a pipe or socket that says that it has room takes a line. */
static void write_line(const char *bytes, size_t len)
{
    struct pollfd to = {.fd = log_state.own_fd >= 0 ? log_state.own_fd : log_state.fd,
                        .events = POLLOUT};
    while (len > 0) {
        ssize_t written = poll(&to, 1, 0) != 0 ? write(to.fd, bytes, len) : 0;
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            atomic_fetch_add_explicit(&log_state.dropped, 1, memory_order_relaxed);
            return;
        }
        bytes += written;
        len -= (size_t)written;
    }
}

void log_write(enum log_level level, const struct log_field *fields)
{
    static _Thread_local char bytes[LOG_LINE_BYTES_MAX];
    struct line line = {.bytes = bytes, .len_max = sizeof(bytes) - sizeof(LINE_END_CUT) + 1};
    int saved_errno = errno;

    const struct log_field *field = fields + 1;
    put_head(&line, level);
    put_named(&line, "event", slice_str(fields[0].key));
    put_scope(&line, field->kind == LOG_FIELD_SCOPE ? field->scope : NULL);
    for (; field->kind != LOG_FIELD_END; field++) {
        if (field->kind != LOG_FIELD_SCOPE)
            put_field(&line, field);
    }
    line.len_max = sizeof(bytes);
    if (line.cut)
        put(&line, LINE_END_CUT, sizeof(LINE_END_CUT) - 1);
    else
        put(&line, LINE_END, sizeof(LINE_END) - 1);
    write_line(bytes, line.len);
    errno = saved_errno;
}
