#include "shared/json/json_scan.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

#include "shared/base/siphash.h"
#include "shared/base/utf8.h"
#include "shared/json/escape.h"

const struct json_limits json_limits_default = {
    .depth_max = JSON_DEPTH_MAX,
    .keys_max = JSON_KEYS_MAX,
    .proto_names = true,
};

/* An object or array that is open. */
struct frame {
    bool array;
    size_t object;    /* a number of its own for each object of the text; 0 for an array */
    size_t index;     /* array: of the current item */
    struct slice key; /* object: the current key as struct seen has it, empty before the first */
};

/* A key that an object has. Decoded, and in lowerCamel when the text is a proto message. */
struct seen {
    struct slice key;
    size_t object; /* 0: the slot is free */
};

enum expect {
    EXPECT_VALUE,
    EXPECT_VALUE_OR_END, /* after [ */
    EXPECT_KEY,
    EXPECT_KEY_OR_END, /* after { */
    EXPECT_COMMA_OR_END,
    EXPECT_NOTHING, /* after the value at the top */
};

struct scanner {
    const char *start, *at, *end;
    const struct json_limits *limits;
    struct arena *arena;
    struct fault *fault;
    enum status status;
    enum expect expect;

    struct frame *frames;
    size_t depth;
    size_t object_count;

    struct seen *seen; /* open addressing; never full, see keys_bound */
    size_t seen_mask;
    size_t key_count;
    const uint64_t *seed;
};

/* ---- refusals --------------------------------------------------------------------------------- */

struct path {
    char bytes[FAULT_FIELD_BYTES_MAX];
    size_t len;
};

/* Cuts at the end of the room, at the border of a character. */
static void path_append(struct path *path, struct slice text)
{
    while (text.len > 0) {
        unsigned len = utf8_char_len(text);
        if (len == 0 || path->len + len >= sizeof(path->bytes))
            return;
        bool control = (unsigned char)text.ptr[0] < 0x20 || text.ptr[0] == 0x7F;
        memcpy(path->bytes + path->len, control ? "?" : text.ptr, len);
        path->len += len;
        text = slice_make(text.ptr + len, text.len - len);
    }
}

static void path_append_index(struct path *path, size_t index)
{
    char digits[24];
    size_t at = sizeof(digits);
    digits[--at] = ']';
    do {
        digits[--at] = (char)('0' + index % 10);
        index /= 10;
    } while (index > 0);
    digits[--at] = '[';
    path_append(path, slice_make(digits + at, sizeof(digits) - at));
}

/* Ends the scan; `text` says what is wrong at the current byte. Returns false, as the steps do. */
static bool refuse(struct scanner *scanner, const char *text)
{
    struct path path = {.len = 0};
    for (size_t i = 0; i < scanner->depth; i++) {
        const struct frame *frame = &scanner->frames[i];
        if (frame->array) {
            path_append_index(&path, frame->index);
        } else if (frame->key.len > 0) {
            if (path.len > 0)
                path_append(&path, SLICE_LIT("."));
            path_append(&path, frame->key);
        }
    }
    path.bytes[path.len] = '\0';
    scanner->status =
        fault_set(scanner->fault, STATUS_INVALID_ARGUMENT, path.bytes, "JSON: %s at byte %zu", text,
                  (size_t)(scanner->at - scanner->start));
    return false;
}

static bool refuse_memory(struct scanner *scanner)
{
    scanner->status =
        fault_set(scanner->fault, STATUS_RESOURCE_EXHAUSTED, NULL, "JSON: too large to be checked");
    return false;
}

/* ---- strings ---------------------------------------------------------------------------------- */

/* At the opening quote; the text between the quotes as it is written. */
static bool scan_string(struct scanner *scanner, struct slice *ret_raw)
{
    const char *start = ++scanner->at;
    while (scanner->at < scanner->end) {
        unsigned char byte = (unsigned char)*scanner->at;
        if (byte == '"') {
            *ret_raw = slice_make(start, (size_t)(scanner->at - start));
            scanner->at++;
            return true;
        }
        if (byte == '\\') {
            const char *wrong;
            size_t len =
                escape_len(slice_make(scanner->at, (size_t)(scanner->end - scanner->at)), &wrong);
            if (len == 0)
                return refuse(scanner, wrong);
            scanner->at += len;
        } else if (byte < 0x20) {
            return refuse(scanner, "a control character in a string");
        } else if (byte < 0x80) {
            scanner->at++;
        } else {
            unsigned len =
                utf8_char_len(slice_make(scanner->at, (size_t)(scanner->end - scanner->at)));
            if (len == 0)
                return refuse(scanner, "bytes that are not UTF-8");
            scanner->at += len;
        }
    }
    return refuse(scanner, "a string without end");
}

/* ---- keys ------------------------------------------------------------------------------------- */

/* The json_name of a proto field: without underscores, the letter after one in upper case. In place. */
static size_t lower_camel(char *key, size_t len)
{
    size_t kept = 0;
    bool upper = false;
    for (size_t i = 0; i < len; i++) {
        if (key[i] == '_') {
            upper = true;
            continue;
        }
        bool raise = upper && key[i] >= 'a' && key[i] <= 'z';
        key[kept++] = raise ? (char)(key[i] - 'a' + 'A') : key[i];
        upper = false;
    }
    return kept;
}

/* A key as it is compared: mostly the text itself, else decoded in the arena; NULL without memory. */
static struct slice key_normal(struct scanner *scanner, struct slice raw)
{
    bool camel = scanner->limits->proto_names && memchr(raw.ptr, '_', raw.len) != NULL;
    bool escaped = memchr(raw.ptr, '\\', raw.len) != NULL;
    if (!camel && !escaped)
        return raw;
    char *key = arena_alloc(scanner->arena, raw.len);
    if (!key)
        return slice_make(NULL, 0);
    size_t len = 0;
    for (const char *at = raw.ptr, *end = raw.ptr + raw.len; at < end;) {
        if (*at == '\\')
            len += escape_decode(&at, end, key + len);
        else
            key[len++] = *at++;
    }
    return slice_make(key, scanner->limits->proto_names ? lower_camel(key, len) : len);
}

/* False when the object has the key already. */
static bool key_is_new(struct scanner *scanner, size_t object, struct slice key)
{
    uint64_t hash = siphash(scanner->seed, key) ^ object * UINT64_C(0x9E3779B97F4A7C15);
    for (size_t slot = hash & scanner->seen_mask;; slot = (slot + 1) & scanner->seen_mask) {
        struct seen *seen = &scanner->seen[slot];
        if (seen->object == 0) {
            *seen = (struct seen){key, object};
            return true;
        }
        if (seen->object == object && slice_equal(seen->key, key))
            return false;
    }
}

static void skip_blanks(struct scanner *scanner)
{
    while (scanner->at < scanner->end && (*scanner->at == ' ' || *scanner->at == '\n' ||
                                          *scanner->at == '\t' || *scanner->at == '\r'))
        scanner->at++;
}

/* At the opening quote of a key; ends behind the colon. */
static bool scan_key(struct scanner *scanner)
{
    struct frame *frame = &scanner->frames[scanner->depth - 1];
    struct slice raw = SLICE_LIT("");
    if (scanner->key_count == scanner->limits->keys_max)
        return refuse(scanner, "too many keys");
    frame->key = slice_make(NULL, 0);
    if (!scan_string(scanner, &raw))
        return false;
    struct slice key = key_normal(scanner, raw);
    if (!key.ptr)
        return refuse_memory(scanner);
    scanner->key_count++;
    frame->key = key;
    if (!key_is_new(scanner, frame->object, key)) {
        scanner->at = raw.ptr;
        return refuse(scanner, "the same key a second time");
    }
    skip_blanks(scanner);
    if (scanner->at == scanner->end || *scanner->at != ':')
        return refuse(scanner, "no colon after a key");
    scanner->at++;
    scanner->expect = EXPECT_VALUE;
    return true;
}

/* ---- values ----------------------------------------------------------------------------------- */

static void value_done(struct scanner *scanner)
{
    scanner->expect = scanner->depth > 0 ? EXPECT_COMMA_OR_END : EXPECT_NOTHING;
}

static bool container_begin(struct scanner *scanner)
{
    bool array = *scanner->at == '[';
    if (scanner->depth == scanner->limits->depth_max)
        return refuse(scanner, "nested too deep");
    scanner->frames[scanner->depth++] = (struct frame){
        .array = array,
        .object = array ? 0 : ++scanner->object_count,
    };
    scanner->at++;
    scanner->expect = array ? EXPECT_VALUE_OR_END : EXPECT_KEY_OR_END;
    return true;
}

static bool container_end(struct scanner *scanner)
{
    scanner->depth--;
    scanner->at++;
    value_done(scanner);
    return true;
}

/* How many decimal digits stand at `at`. */
static size_t digits_len(const char *at, const char *end)
{
    const char *start = at;
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return (size_t)(at - start);
}

static bool scan_number(struct scanner *scanner)
{
    const char *at = scanner->at, *end = scanner->end;
    bool exponent = false;
    if (*at == '-')
        at++;
    size_t digits = digits_len(at, end);
    if (digits == 0 || (digits > 1 && *at == '0'))
        return refuse(scanner, "a malformed number");
    at += digits;
    if (at < end && *at == '.') {
        digits = digits_len(++at, end);
        if (digits == 0)
            return refuse(scanner, "a malformed number");
        at += digits;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        exponent = true;
        at++;
        if (at < end && (*at == '+' || *at == '-'))
            at++;
        digits = digits_len(at, end);
        if (digits == 0)
            return refuse(scanner, "a malformed number");
        at += digits;
    }
    size_t len = (size_t)(at - scanner->at);
    if (len > JSON_NUMBER_BYTES_MAX)
        return refuse(scanner, "a number with too many digits");
    if (exponent) {
        /* Without an exponent so few digits are always within a double. */
        char text[JSON_NUMBER_BYTES_MAX + 1];
        memcpy(text, scanner->at, len);
        text[len] = '\0';
        if (isinf(strtod(text, NULL)))
            return refuse(scanner, "a number out of range");
    }
    scanner->at = at;
    return true;
}

static bool scan_word(struct scanner *scanner)
{
    static const struct slice words[] = {{"true", 4}, {"false", 5}, {"null", 4}};
    struct slice rest = slice_make(scanner->at, (size_t)(scanner->end - scanner->at));
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (slice_starts_with(rest, words[i])) {
            scanner->at += words[i].len;
            return true;
        }
    }
    return refuse(scanner, "no value");
}

static bool scan_value(struct scanner *scanner)
{
    char first = *scanner->at;
    struct slice raw;
    bool ok;
    if (first == '{' || first == '[')
        return container_begin(scanner);
    if (first == '"')
        ok = scan_string(scanner, &raw);
    else if (first == '-' || (first >= '0' && first <= '9'))
        ok = scan_number(scanner);
    else
        ok = scan_word(scanner);
    if (!ok)
        return false;
    value_done(scanner);
    return true;
}

/* After a value in an object or array. */
static bool scan_comma_or_end(struct scanner *scanner)
{
    struct frame *frame = &scanner->frames[scanner->depth - 1];
    if (*scanner->at == (frame->array ? ']' : '}'))
        return container_end(scanner);
    if (*scanner->at != ',')
        return refuse(scanner, frame->array ? "no comma or ]" : "no comma or }");
    scanner->at++;
    frame->index++;
    scanner->expect = frame->array ? EXPECT_VALUE : EXPECT_KEY;
    return true;
}

/* ---- the scan --------------------------------------------------------------------------------- */

/* One step further; the next byte is no blank and not the end. */
static bool scan_step(struct scanner *scanner)
{
    switch (scanner->expect) {
    case EXPECT_VALUE_OR_END:
        if (*scanner->at == ']')
            return container_end(scanner);
        return scan_value(scanner);
    case EXPECT_VALUE: return scan_value(scanner);
    case EXPECT_KEY_OR_END:
        if (*scanner->at == '}')
            return container_end(scanner);
        return *scanner->at == '"' ? scan_key(scanner) : refuse(scanner, "no key or }");
    case EXPECT_KEY: return *scanner->at == '"' ? scan_key(scanner) : refuse(scanner, "no key");
    case EXPECT_COMMA_OR_END: return scan_comma_or_end(scanner);
    case EXPECT_NOTHING: return refuse(scanner, "something after the end");
    }
    return refuse(scanner, "no value");
}

static void scan_all(struct scanner *scanner)
{
    do {
        skip_blanks(scanner);
        if (scanner->at == scanner->end) {
            if (scanner->expect != EXPECT_NOTHING)
                refuse(scanner, "the end came too early");
            return;
        }
    } while (scan_step(scanner));
}

/* No more keys than colons; so the tables are allocated once, as large as they can become. */
static size_t keys_bound(struct slice text, size_t keys_max)
{
    size_t count = 0;
    const char *at = text.ptr, *end = text.ptr + text.len;
    while (count < keys_max && at < end && (at = memchr(at, ':', (size_t)(end - at)))) {
        count++;
        at++;
    }
    return count;
}

static uint64_t process_seed[2];
static bool process_seeded;

static void seed_once(void)
{
    process_seeded =
        getrandom(process_seed, sizeof(process_seed), 0) == (ssize_t)sizeof(process_seed);
}

static bool scanner_init(struct scanner *scanner, struct slice text)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    assert(scanner->limits->depth_max <= JSON_SCAN_DEPTH_LIMIT);
    scanner->start = scanner->at = text.ptr;
    scanner->end = text.ptr + text.len;
    size_t keys = keys_bound(text, scanner->limits->keys_max);
    size_t slots = 4;
    while (slots * 3 / 4 <= keys) /* always some free: a search ends there */
        slots *= 2;
    scanner->seen_mask = slots - 1;
    scanner->seen = arena_zalloc(scanner->arena, slots, sizeof(*scanner->seen));
    scanner->frames =
        arena_zalloc(scanner->arena, scanner->limits->depth_max, sizeof(struct frame));
    pthread_once(&once, seed_once);
    scanner->seed = process_seed;
    if (scanner->arena->failed)
        return refuse_memory(scanner);
    if (!process_seeded) {
        scanner->status =
            fault_set(scanner->fault, STATUS_INTERNAL, NULL, "no randomness for the key table");
        return false;
    }
    return true;
}

enum status json_scan(struct slice text, const struct json_limits *limits, struct arena *arena,
                      struct fault *fault)
{
    struct scanner scanner = {
        .limits = limits ? limits : &json_limits_default, .arena = arena, .fault = fault};
    if (text.len == 0)
        text = SLICE_LIT("");
    if (scanner_init(&scanner, text))
        scan_all(&scanner);
    return scanner.status;
}
