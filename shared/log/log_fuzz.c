/* Whatever a text holds, its line is one line of valid JSON, and a token in it does not get out. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "bazel/fuzz/fuzz.h"
#include "shared/json/json_scan.h"
#include "shared/log/log.h"

#define SIGNATURE "MEUCIQDx_2bQv7-Jf0wq9sYd0aX1r5t8u3"
#define JWT "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9." SIGNATURE

/* What log_event wrote. */
static struct slice line_read(int fd, char *bytes, size_t bytes_max)
{
    ssize_t len = read(fd, bytes, bytes_max);
    must(len > 0 && len <= LOG_LINE_BYTES_MAX);
    must(bytes[len - 1] == '\n' && !memchr(bytes, '\n', (size_t)len - 1));
    return slice_make(bytes, (size_t)len - 1);
}

static void must_be_json(struct slice line)
{
    struct arena arena;
    arena_init(&arena, (size_t)1 << 20); /* the scanner takes 64 bytes a colon, in texts too */
    must(json_scan(line, NULL, &arena, NULL) == STATUS_OK);
    arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static int fds[2] = {-1, -1};
    static char bytes[LOG_LINE_BYTES_MAX * 2], mixed[LOG_LINE_BYTES_MAX * 2];
    if (fds[0] < 0) {
        must(pipe2(fds, O_NONBLOCK | O_CLOEXEC) == 0);
        log_open(&(struct log_options){.fd = fds[1], .level = LOG_INFO, .component = "fuzz"});
    }
    /* NUL is written as \u0000, which is JSON but not what the scanner of requests takes. */
    if (len > LOG_LINE_BYTES_MAX || memchr(data, '\0', len))
        return 0;
    struct slice text = slice_make(data, len);
    struct log_scope scope = {.request_id = text};
    log_event(LOG_INFO, "fuzz", log_in(&scope), log_slice("text", text), log_int("n", -1));
    must_be_json(line_read(fds[0], bytes, sizeof(bytes)));

    /* A token behind anything, in front of anything. */
    memcpy(mixed, data, len);
    memcpy(mixed + len, " " JWT " ", sizeof(" " JWT " ") - 1);
    memcpy(mixed + len + sizeof(JWT) + 1, data, len / 4);
    log_event(LOG_INFO, "fuzz",
              log_slice("text", slice_make(mixed, len + sizeof(JWT) + 1 + len / 4)));
    struct slice line = line_read(fds[0], bytes, sizeof(bytes));
    must_be_json(line);
    must(memmem(data, len, SIGNATURE, 12) || !memmem(line.ptr, line.len, SIGNATURE, 12));
    return 0;
}
