/* log: what happened, as one JSON object a line.
 *
 *     log_event(LOG_INFO, "rpc.finished", log_in(&call->scope), log_str("method", method->path),
 *               log_str("status", status_name(status)), log_ms("elapsed_ms", elapsed_us));
 *
 *     {"ts":"2026-11-23T16:00:00.123456Z","level":"info","event":"rpc.finished","component":"pek-hub",
 *      "realm":"worker-acme","trace_id":"4bf9…","request_id":"…","method":"/pek…","status":"OK",
 *      "elapsed_ms":1.234}                                                 (in one line, of course)
 *
 * Programs log, libraries do not: they return a status, and whoever decides what it means logs it, once.
 *
 * A line is at most LOG_LINE_BYTES_MAX bytes with its newline, written by one write(2), so that lines of
 * several threads or processes in one pipe do not mix. What does not fit is cut, the line stays valid JSON
 * and says "cut":true. Bytes that are not UTF-8 become U+FFFD; control characters are escaped.
 *
 * Whoever reads the log may stand still: when a pipe, a socket or a terminal takes no more, or a disk is full, the
 * line is dropped and counted. Logging neither waits for its reader, whether the descriptor is O_NONBLOCK or not, nor
 * fails a request. A file is as quick as its disk.
 *
 * Secrets do not get out. The value of a field whose key is secret-like (log_key_is_secret) is written as
 * "[redacted]", whatever its type. In every other text, of fields and of the scope alike, these parts are
 * replaced: what looks like a JWT, what follows Bearer or Basic, and the value in secret=value (as in the
 * query of a URL). That is a net under the rule not to log secrets, not a licence.
 *
 * Threads: log_open and log_close while there is one thread; everything else from any thread. No malloc;
 * the line is built in thread-local storage. Not for signal handlers.
 */
#ifndef PEK_SHARED_LOG_LOG_H
#define PEK_SHARED_LOG_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/slice.h"
#include "shared/base/status.h"

/* PIPE_BUF of Linux: the most that a pipe takes in one piece. */
#define LOG_LINE_BYTES_MAX 4096
#define LOG_NAME_BYTES_MAX 64

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* ---- life cycle ------------------------------------------------------------------------------- */

struct log_options {
    int fd; /* borrowed, its flags stay; 2 is stderr */
    enum log_level level;
    const char *component; /* "pek-hub"; copied, cut at LOG_NAME_BYTES_MAX */
    const char *realm;     /* "" or NULL when the process has no single one; copied likewise */
};

/* Before log_open lines go to stderr at LOG_INFO without component. */
void log_open(const struct log_options *options);
/* Back to the state before log_open. */
void log_close(void);

/* May change while running (a reload of the configuration). */
void log_level_set(enum log_level level);
bool log_enabled(enum log_level level);
/* "debug", "info", "warn", "error": in the order of enum log_level, NULL at the end; fits a
 * configuration option of type enum. */
extern const char *const log_level_names[];

/* Lines that could not be written since the start of the process. */
uint64_t log_dropped(void);

/* ---- lines ------------------------------------------------------------------------------------ */

/* What the lines of one request have in common; empty members are left out, an empty realm is the
 * process's. The bytes are borrowed and may come from a client: they are escaped and redacted. */
struct log_scope {
    struct slice realm;
    struct slice trace_id;
    struct slice request_id;
};

enum log_field_kind {
    LOG_FIELD_END = 0,
    LOG_FIELD_EVENT,
    LOG_FIELD_SCOPE,
    LOG_FIELD_STR,
    LOG_FIELD_INT,
    LOG_FIELD_BOOL,
    LOG_FIELD_MS,
};

/* Made by the functions below, alive only in the call of log_event. */
struct log_field {
    enum log_field_kind kind;
    const char *key; /* snake_case, a literal */
    union {
        struct slice str;
        int64_t number;
        bool truth;
        const struct log_scope *scope;
    };
};

/* `event` is a dotted name that does not vary ("session.opened"), so that it can be searched and counted;
 * what varies is in fields. The arguments are evaluated only when the level is enabled. */
#define log_event(level, event, ...)                                                               \
    do {                                                                                           \
        if (log_enabled(level))                                                                    \
            log_write((level), (const struct log_field[]){{LOG_FIELD_EVENT, (event), {{0}}},       \
                                                          ##__VA_ARGS__,                           \
                                                          {LOG_FIELD_END, NULL, {{0}}}});          \
    } while (0)

/* NULL writes null. */
static inline struct log_field log_str(const char *key, const char *value)
{
    return (struct log_field){LOG_FIELD_STR, key, .str = slice_str(value)};
}

static inline struct log_field log_slice(const char *key, struct slice value)
{
    return (struct log_field){LOG_FIELD_STR, key, .str = {value.ptr ? value.ptr : "", value.len}};
}

static inline struct log_field log_int(const char *key, int64_t value)
{
    return (struct log_field){LOG_FIELD_INT, key, .number = value};
}

static inline struct log_field log_bool(const char *key, bool value)
{
    return (struct log_field){LOG_FIELD_BOOL, key, .truth = value};
}

/* Given in microseconds, as the clock has them; written in milliseconds with three decimals. */
static inline struct log_field log_ms(const char *key, int64_t value_us)
{
    return (struct log_field){LOG_FIELD_MS, key, .number = value_us};
}

/* The scope's members; comes first or not at all. NULL is an empty scope. */
static inline struct log_field log_in(const struct log_scope *scope)
{
    return (struct log_field){LOG_FIELD_SCOPE, NULL, .scope = scope};
}

/* What log_event expands to: fields up to LOG_FIELD_END, the first is the event. */
void log_write(enum log_level level, const struct log_field *fields);

/* Whether a key ("access_token", "apiKey", "set-cookie") is that of a secret: it has token, authori…,
 * cookie, passw…, passphrase, secret or credential in it, or one of its words is code, key, jwt, assertion
 * or signature, also in the plural. So a status is logged as "status", not as "status_code". */
bool log_key_is_secret(struct slice key);

#endif
