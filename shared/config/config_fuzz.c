/* Any bytes as the file of --config: either the values are right, or there is a mistake to tell; and what
 * --print-config shows of right values is a file that gives them again. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bazel/fuzz/fuzz.h"
#include "shared/config/config.h"

struct values {
    const char *name;
    int64_t count;
    int64_t wait_ms;
    int64_t body_bytes_max;
    bool open;
    int mode;
    struct config_list realms;
};

static const char *const modes[] = {"fast", "safe", NULL};

static const struct config_option options[] = {
    {.name = "name", CONFIG_STRING(struct values, name), .help = "a text"},
    {.name = "count", CONFIG_INT(struct values, count), .min = -5, .max = 5, .help = "a number"},
    {.name = "wait_ms", CONFIG_DURATION_MS(struct values, wait_ms), .help = "a time"},
    {.name = "body_bytes_max", CONFIG_BYTES(struct values, body_bytes_max), .help = "a size"},
    {.name = "open", CONFIG_BOOL(struct values, open), .help = "a truth"},
    {.name = "mode", CONFIG_ENUM(struct values, mode, modes), .help = "a choice"},
    {.name = "realms", CONFIG_LIST(struct values, realms), .help = "a list"},
};

static const struct config_program program = {
    .name = "fuzz",
    .summary = "is fuzzed",
    .values_bytes = sizeof(struct values),
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
};

struct parsed {
    struct config config;
    struct values values;
};

static enum status parse(struct parsed *parsed, struct slice bytes)
{
    char path[32];
    int fd = memfd_create("config", MFD_CLOEXEC);
    must(fd >= 0 && write(fd, bytes.ptr, bytes.len) == (ssize_t)bytes.len);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    char *const argv[] = {(char[]){"fuzz"}, (char[]){"--config"}, path, NULL};
    enum status status = config_parse(&parsed->config, &program, 3, argv, NULL, &parsed->values);
    /* Its path goes with this function, and is not needed any more. */
    parsed->config.file = "fuzz.conf";
    must((status == STATUS_OK) == (parsed->config.mistake_count == 0));
    must((status == STATUS_OK) == (config_mistakes(&parsed->config).len == 0));
    close(fd);
    return status;
}

static void must_be_equal(const struct values *a, const struct values *b)
{
    must(strcmp(a->name, b->name) == 0 && a->count == b->count && a->wait_ms == b->wait_ms &&
         a->body_bytes_max == b->body_bytes_max && a->open == b->open && a->mode == b->mode);
    must(a->realms.count == b->realms.count);
    for (size_t i = 0; i < a->realms.count; i++)
        must(strcmp(a->realms.items[i], b->realms.items[i]) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct parsed first, again;
    struct buffer out;
    buffer_init(&out, (size_t)1 << 20);
    if (parse(&first, slice_make(data, len)) == STATUS_OK) {
        config_print_write(&first.config, &first.values, &out);
        must(!out.failed);
        must(parse(&again, buffer_slice(&out)) == STATUS_OK);
        must_be_equal(&first.values, &again.values);
        config_done(&again.config);
    }
    config_done(&first.config);
    buffer_done(&out);
    return 0;
}
