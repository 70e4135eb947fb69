#include "hub/site/files.h"

#include <brotli/encode.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/http/condition.h"
#include "shared/crypto/crypto.h"
#include "shared/crypto/encode.h"

#define FILES_DEPTH_MAX 16
#define FILES_GZIP_LEVEL 9
#define FILES_BROTLI_QUALITY 9 /* of 11: the last steps are slow */
#define ETAG_DIGEST_BYTES 12
#define INDEX "index.html"

static const char *const codings[] = {[FILE_BROTLI] = "br", [FILE_GZIP] = "gzip"};
static const char *const suffixes[] = {[FILE_BROTLI] = ".br", [FILE_GZIP] = ".gz"};

/* ---- names --------------------------------------------------------------------------------------- */

static const struct {
    const char *suffix, *type;
    bool shrinks;
} types[] = {
    {".html", "text/html; charset=utf-8", true},
    {".js", "text/javascript; charset=utf-8", true},
    {".mjs", "text/javascript; charset=utf-8", true},
    {".css", "text/css; charset=utf-8", true},
    {".json", "application/json", true},
    {".map", "application/json", true},
    {".webmanifest", "application/manifest+json", true},
    {".svg", "image/svg+xml", true},
    {".txt", "text/plain; charset=utf-8", true},
    {".xml", "application/xml", true},
    {".wasm", "application/wasm", true},
    {".ico", "image/x-icon", true},
    {".png", "image/png", false},
    {".jpg", "image/jpeg", false},
    {".webp", "image/webp", false},
    {".avif", "image/avif", false},
    {".woff2", "font/woff2", false},
    {"", "application/octet-stream", false},
};

static bool ends_with(struct slice text, const char *end)
{
    size_t len = strlen(end);
    return text.len >= len && memcmp(text.ptr + text.len - len, end, len) == 0;
}

static size_t type_of(struct slice path)
{
    size_t i = 0;
    while (!ends_with(path, types[i].suffix))
        i++;
    return i;
}

/* A hash in a name cannot be told from a date or a word; a folder can. */
static bool is_kept(struct slice path)
{
    return slice_starts_with(path, SLICE_LIT(FILES_KEPT_FOLDER));
}

/* ---- adding -------------------------------------------------------------------------------------- */

enum status files_open(struct files *files, struct fault *fault)
{
    arena_init(&files->arena, FILES_BYTES_MAX);
    files->items = arena_zalloc(&files->arena, FILES_MAX, sizeof(files->items[0]));
    files->gzip = gzip_new(FILES_GZIP_LEVEL);
    return files->items && files->gzip
               ? STATUS_OK
               : fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
}

void files_close(struct files *files)
{
    files->gzip = gzip_free(files->gzip);
    if (files->items)
        arena_done(&files->arena);
    files->items = NULL;
    files->count = 0;
}

static struct file *find_name(const struct files *files, struct slice path)
{
    for (size_t i = 0; path.len > 0 && i < files->count; i++) {
        if (slice_equal(files->items[i].path, path))
            return &files->items[i];
    }
    return NULL;
}

/* The folder of "/x/index.html", as "/x/"; what is no index is itself. */
static struct slice address_of(const struct file *file)
{
    struct slice path = file->path;
    if (ends_with(path, "/" INDEX))
        path.len -= strlen(INDEX);
    return path;
}

const struct file *files_find(const struct files *files, struct slice path)
{
    for (size_t i = 0; path.len > 0 && i < files->count; i++) {
        if (slice_equal(address_of(&files->items[i]), path))
            return &files->items[i];
    }
    return NULL;
}

static void set_body(struct file *file, enum file_coding coding, struct slice body)
{
    struct sha256 digest = sha256(body);
    char hex[2 * ETAG_DIGEST_BYTES + 1] = "";

    hex_encode(slice_make(digest.bytes, ETAG_DIGEST_BYTES), hex);
    snprintf(file->etags[coding], FILES_ETAG_BYTES, "\"%s\"", hex);
    file->bodies[coding] = body;
}

/* False when there is no room, or the result is no shorter. */
static bool brotli_body(struct slice body, struct arena *arena, struct slice *ret_body)
{
    size_t len = body.len;
    uint8_t *out = arena_alloc(arena, len);
    if (!out ||
        !BrotliEncoderCompress(FILES_BROTLI_QUALITY, BROTLI_DEFAULT_WINDOW, BROTLI_MODE_TEXT,
                               body.len, (const uint8_t *)body.ptr, &len, out))
        return false;
    *ret_body = slice_make(out, len);
    return true;
}

/* Makes the forms that it lacks. */
static void compress(struct files *files, struct file *file)
{
    struct slice body = file->bodies[FILE_PLAIN], small;

    if (!types[type_of(file->path)].shrinks || body.len < HTTP_GZIP_BYTES_MIN)
        return;
    if (!file->bodies[FILE_GZIP].ptr && gzip_body(files->gzip, body, &files->arena, &small))
        set_body(file, FILE_GZIP, small);
    if (!file->bodies[FILE_BROTLI].ptr && brotli_body(body, &files->arena, &small))
        set_body(file, FILE_BROTLI, small);
}

static enum status check_room(const struct files *files, struct fault *fault)
{
    if (files->count == FILES_MAX)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "site_folder", "more than %d files",
                         FILES_MAX);
    if (files->arena.failed)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "site_folder",
                         "the site is larger than %u MiB", FILES_BYTES_MAX >> 20);
    return STATUS_OK;
}

static enum status add_plain(struct files *files, struct slice path, struct slice body,
                             struct fault *fault)
{
    PEK_TRY(check_room(files, fault));
    struct file *file = &files->items[files->count++];
    file->path = arena_copy(&files->arena, path);
    file->type = types[type_of(path)].type;
    set_body(file, FILE_PLAIN, body);
    return STATUS_OK;
}

enum status files_add(struct files *files, struct slice path, struct slice body,
                      struct fault *fault)
{
    if (find_name(files, path))
        return STATUS_OK;
    PEK_TRY(add_plain(files, path, body, fault));
    compress(files, &files->items[files->count - 1]);
    return files->arena.failed ? check_room(files, fault) : STATUS_OK;
}

/* ---- the folder ---------------------------------------------------------------------------------- */

static enum status unreadable(const char *path, struct fault *fault)
{
    return fault_set(fault, STATUS_INVALID_ARGUMENT, "site_folder", "%s: %s", path[0] ? path : "/",
                     strerror(errno));
}

static enum status read_file(struct files *files, int folder, const char *name, size_t len,
                             struct slice *ret_body)
{
    char *bytes = arena_alloc(&files->arena, len + 1);
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    size_t got = 0;

    while (bytes && fd >= 0 && got < len) {
        ssize_t n = read(fd, bytes + got, len - got);
        if (n <= 0)
            break;
        got += (size_t)n;
    }
    if (fd >= 0)
        close(fd);
    *ret_body = slice_make(bytes, got);
    return bytes && got == len ? STATUS_OK : STATUS_INVALID_ARGUMENT;
}

static enum status add_folder(struct files *files, int folder, const char *path, int depth,
                              struct fault *fault);

static enum status add_entry(struct files *files, int folder, const char *path, const char *name,
                             int depth, struct fault *fault)
{
    char full[FILES_PATH_BYTES_MAX + 1];
    struct stat stat;
    struct slice body;

    int len = snprintf(full, sizeof(full), "%s/%s", path, name);
    if (len >= (int)sizeof(full))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "site_folder", "%s: a name too long",
                         path);
    if (fstatat(folder, name, &stat, AT_SYMLINK_NOFOLLOW) != 0)
        return unreadable(full, fault);
    if (S_ISDIR(stat.st_mode)) {
        int inner = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return inner < 0 ? unreadable(full, fault)
                         : add_folder(files, inner, full, depth + 1, fault);
    }
    if (!S_ISREG(stat.st_mode))
        return STATUS_OK;
    if (read_file(files, folder, name, (size_t)stat.st_size, &body))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "site_folder",
                         "%s cannot be read, or all together is larger than %u MiB", full,
                         FILES_BYTES_MAX >> 20);
    return add_plain(files, slice_str(full), body, fault);
}

/* Closes `folder`. */
static enum status add_folder(struct files *files, int folder, const char *path, int depth,
                              struct fault *fault)
{
    enum status status = STATUS_OK;
    DIR *dir = fdopendir(folder);

    if (!dir || depth > FILES_DEPTH_MAX) {
        status = unreadable(path, fault);
        dir ? closedir(dir) : close(folder);
        return status;
    }
    for (const struct dirent *entry; !status && (entry = readdir(dir));) {
        if (entry->d_name[0] != '.')
            status = add_entry(files, folder, path, entry->d_name, depth, fault);
    }
    closedir(dir);
    return status;
}

/* "x.js.gz" beside "x.js" is a form of it, and no file any more. */
static void join_codings(struct files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        for (int coding = FILE_BROTLI; coding < FILE_PLAIN; coding++) {
            struct slice path = files->items[i].path;
            if (!ends_with(path, suffixes[coding]))
                continue;
            path.len -= strlen(suffixes[coding]);
            struct file *plain = find_name(files, path);
            if (!plain)
                continue;
            set_body(plain, (enum file_coding)coding, files->items[i].bodies[FILE_PLAIN]);
            files->items[i].path = (struct slice){0};
        }
    }
}

enum status files_add_folder(struct files *files, const char *folder, struct fault *fault)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return unreadable("", fault);
    enum status status = add_folder(files, fd, "", 0, fault);
    if (status)
        return status;
    join_codings(files);
    for (size_t i = 0; i < files->count; i++)
        compress(files, &files->items[i]);
    return files->arena.failed ? check_room(files, fault) : STATUS_OK;
}

/* ---- answering ----------------------------------------------------------------------------------- */

/* Any form of the file will do. */
static bool is_named(const struct file *file, const struct condition *condition)
{
    for (size_t i = 0; i < FILE_CODINGS; i++) {
        struct slice quoted = slice_str(file->etags[i]);
        if (quoted.len > 2 &&
            condition_names(condition, slice_make(quoted.ptr + 1, quoted.len - 2)))
            return true;
    }
    return false;
}

static enum file_coding choose(const struct file *file, const struct http_request *request)
{
    int best = FILE_PLAIN, best_quality = 0;

    for (int coding = FILE_BROTLI; coding < FILE_PLAIN; coding++) {
        int quality = file->bodies[coding].ptr ? http_encoding(request, codings[coding]) : 0;
        if (quality > best_quality) {
            best = coding;
            best_quality = quality;
        }
    }
    return (enum file_coding)best;
}

/* Of a page: what it needs and nothing else, so that a text that became markup somewhere can load and run nothing. */
static struct slice policy_of(const struct file *file)
{
    return ends_with(file->path, ".html") ? SLICE_LIT(FILES_PAGE_POLICY)
                                          : SLICE_LIT("default-src 'none'; frame-ancestors 'none'");
}

static void reply(const struct file *file, struct http_request *request, int code)
{
    enum file_coding coding = choose(file, request);
    struct slice kept = is_kept(file->path) ? SLICE_LIT("public, max-age=31536000, immutable")
                                            : SLICE_LIT("no-cache");
    struct http_header_pair headers[] = {
        {SLICE_LIT("etag"), slice_str(file->etags[coding])},
        {SLICE_LIT("cache-control"), code == 404 ? SLICE_LIT("no-store") : kept},
        {SLICE_LIT("vary"), SLICE_LIT("accept-encoding")},
        {SLICE_LIT("content-security-policy"), policy_of(file)},
        {SLICE_LIT("content-type"), slice_str(file->type)},
        {SLICE_LIT("content-encoding"), slice_str(coding == FILE_PLAIN ? "" : codings[coding])},
    };
    size_t first = code == 404 ? 1 : 0; /* an etag is of what is there */
    size_t count = code == 304 ? 4 : coding == FILE_PLAIN ? 5 : 6;

    http_reply_static(request, code, headers + first, count - first, file->bodies[coding]);
}

enum status file_reply(const struct file *file, struct http_request *request, struct fault *fault)
{
    struct condition match, none_match;
    PEK_TRY(condition_read(request, "if-match", false, &match, fault));
    PEK_TRY(condition_read(request, "if-none-match", true, &none_match, fault));
    if (match.given && !is_named(file, &match))
        return fault_set(fault, STATUS_FAILED_PRECONDITION, "if-match", "it has another etag");
    reply(file, request, none_match.given && is_named(file, &none_match) ? 304 : 200);
    return STATUS_OK;
}

void file_reply_instead(const struct file *file, struct http_request *request)
{
    reply(file, request, 404);
}
