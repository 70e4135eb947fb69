/* Files over a real connection: forms, names, what stays in the folder. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/http/fixture.h"
#include "hub/site/files.h"

static struct files files;
static char folder[] = "/tmp/pek-files-XXXXXX";

static void answer(void *arg, struct http_request *request)
{
    const struct file *file = files_find(&files, http_path(request));
    (void)arg;
    struct fault fault = {0};
    if (slice_equal_str(http_path(request), "/gone")) {
        file_reply_instead(files_find(&files, SLICE_LIT("/")), request);
        return;
    }
    if (file && file_reply(file, request, &fault))
        http_reply(request, fault.status == STATUS_FAILED_PRECONDITION ? 412 : 400, NULL, 0,
                   slice_str(fault.field));
    else if (!file)
        http_reply(request, 404, NULL, 0, SLICE_LIT("none"));
}

static void write_file(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static int begin(void **state)
{
    static char large[5000];
    char path[128];
    struct fault fault = {0};
    (void)setup(state);
    memset(large, 'a', sizeof(large) - 1);
    memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/assets", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    write_file("index.html", "<p>site");
    write_file("assets/app-3f9c01b2.js", large);
    write_file("assets/app-3f9c01b2.js.br", "brotli");
    write_file("my-component.css", large);
    write_file("assets/index-DiwrgTda.js", "vite");
    write_file("assets/chunk-B_x-9aQz.js", "vite");
    write_file("report-20250101.html", "a date");
    write_file("release-version10.html", "a word");
    write_file(".secret", "hidden");
    snprintf(path, sizeof(path), "%s/passwd", folder);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_int_equal(files_open(&files, &fault), STATUS_OK);
    if (files_add_folder(&files, folder, &fault) != STATUS_OK)
        fail_msg("%s", fault.text);
    const struct http_options options = {.listen = "127.0.0.1:0"};
    assert_int_equal(http_server_new(fibers, &options, answer, NULL, &server, &fault), STATUS_OK);
    return 0;
}

static int end(void **state)
{
    static const char *const names[] = {"index.html",
                                        "assets/app-3f9c01b2.js",
                                        "assets/app-3f9c01b2.js.br",
                                        "my-component.css",
                                        "assets/index-DiwrgTda.js",
                                        "assets/chunk-B_x-9aQz.js",
                                        "report-20250101.html",
                                        "release-version10.html",
                                        ".secret",
                                        "passwd"};
    char path[128];
    int result = teardown(state);
    files_close(&files);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    snprintf(path, sizeof(path), "%s/assets", folder);
    rmdir(path);
    rmdir(folder);
    return result;
}

static struct client get(const char *path, const char *header)
{
    char text[512];
    int len = snprintf(text, sizeof(text),
                       "GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n%s\r\n", path, header);
    return ask(slice_make(text, (size_t)len));
}

static void expect(const char *path, const char *header, const char *const *has, const char *hasnt)
{
    struct client client = get(path, header);
    for (; *has; has++) {
        if (!client_has(&client, *has))
            fail_msg("%s with %s has no %s: %.*s", path, header, *has, (int)client.in.len,
                     client.in.ptr);
    }
    if (hasnt)
        assert_false(client_has(&client, hasnt));
    client_close(&client);
}

#define HAS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void files_come_in_the_form_that_is_wanted(void **state)
{
    const char *app = "/assets/app-3f9c01b2.js", *css = "/my-component.css";
    (void)state;
    expect("/", "", HAS("200 OK", "text/html; charset=utf-8", "no-cache", "etag: \"", "<p>site"),
           "content-encoding");
    expect(app, "Accept-Encoding: gzip, br\r\n",
           HAS("content-encoding: br\r\n", "text/javascript", "immutable", "vary: accept-encoding",
               "\r\n\r\nbrotli"),
           NULL);
    expect(app, "Accept-Encoding: gzip, br;q=0\r\n", HAS("content-encoding: gzip\r\n"), "aaaaaaaa");
    expect(app, "Accept-Encoding: br;q=0.5, identity\r\n", HAS("Content-Length: 4999\r\n"),
           "content-encoding");
    expect(app, "Accept-Encoding: br;q=0.5, identity;q=0.8, gzip;q=0.9\r\n",
           HAS("content-encoding: gzip\r\n"), NULL);
    expect(app, "Accept-Encoding: deflate\r\nAccept-Encoding: br\r\n",
           HAS("content-encoding: br\r\n"), NULL);
    expect(app, "Accept-Encoding: br;q=0.1\r\n", HAS("content-encoding: br\r\n"), NULL);
    expect(app, "Accept-Encoding: br;q=0.5, identity;q=0.5\r\n", HAS("content-encoding: br\r\n"),
           NULL);
    expect(app, "", HAS("Content-Length: 4999\r\n", "aaaaaaaa"), "content-encoding");
    expect(css, "Accept-Encoding: gzip\r\n", HAS("content-encoding: gzip\r\n", "no-cache"),
           "immutable");
}

/* By the folder: what looks like a hash may be a date, and a hash may look like a word. */
static void assets_are_kept_for_a_year_and_nothing_else(void **state)
{
    (void)state;
    expect("/assets/index-DiwrgTda.js", "", HAS("max-age=31536000, immutable"), "no-cache");
    expect("/assets/chunk-B_x-9aQz.js", "", HAS("max-age=31536000, immutable"), "no-cache");
    expect("/report-20250101.html", "", HAS("cache-control: no-cache\r\n"), "immutable");
    expect("/release-version10.html", "", HAS("cache-control: no-cache\r\n"), "immutable");
}

static void known_file_is_not_sent_again(void **state)
{
    const struct file *file = files_find(&files, SLICE_LIT("/assets/app-3f9c01b2.js"));
    char header[256];
    (void)state;
    assert_string_not_equal(file->etags[FILE_GZIP], file->etags[FILE_PLAIN]);
    snprintf(header, sizeof(header), "Accept-Encoding: gzip\r\nIf-None-Match: \"x\", W/%s\r\n",
             file->etags[FILE_GZIP]);
    expect("/assets/app-3f9c01b2.js", header, HAS("304 Not Modified", "etag: ", "immutable"),
           "Content-Length");
    expect("/assets/app-3f9c01b2.js", "If-None-Match: \"x\"\r\n", HAS("200 OK"), NULL);
    /* As the API reads them. */
    expect("/assets/app-3f9c01b2.js", "If-None-Match: , \"x\" ,\r\n", HAS("200 OK"), NULL);
    expect("/assets/app-3f9c01b2.js", "If-None-Match: *\r\n", HAS("304 Not Modified"), NULL);
    expect("/assets/app-3f9c01b2.js", "If-Match: *\r\n", HAS("200 OK"), NULL);
    expect("/assets/app-3f9c01b2.js", "If-None-Match: *, \"x\"\r\n",
           HAS("400 Bad Request", "if-none-match"), NULL);
    expect("/assets/app-3f9c01b2.js", "If-None-Match: x\r\n", HAS("400 Bad Request"), NULL);
    expect("/assets/app-3f9c01b2.js", "If-Match: \"x\"\r\n",
           HAS("412 Precondition Failed", "if-match"), NULL);
    snprintf(header, sizeof(header), "If-None-Match: \"x\"\r\nX: y\r\nIf-None-Match: %s\r\n",
             file->etags[FILE_PLAIN]);
    expect("/assets/app-3f9c01b2.js", header, HAS("304 Not Modified"), NULL);
}

static void nothing_leads_out_of_the_folder(void **state)
{
    static const char *const paths[] = {
        "/.secret",
        "/passwd",
        "/../etc/passwd",
        "/assets/../index.html",
        "/assets/%2e%2e/index.html",
        "/assets%2f..%2findex.html",
        "//etc/passwd",
        "/assets",
        "/assets/",
        "/index.html%00",
        "/index.html", /* has its folder's address, and no other */
        "/assets/app-3f9c01b2.js.br",
        "/Index.html",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        expect(paths[i], "", HAS("404 Not Found"), NULL);
}

static void page_may_load_this_site_alone_and_run_its_files(void **state)
{
    static const char policy[] =
        "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; "
        "font-src 'self'; connect-src 'self'; img-src 'self' data: blob:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'\r\n";
    (void)state;
    expect("/", "", HAS("200 OK", policy), "unsafe");
    expect("/gone", "", HAS("404 Not Found", policy), "unsafe");
    expect("/my-component.css", "",
           HAS("content-security-policy: default-src 'none'; frame-ancestors 'none'\r\n"), "self");
}

static void page_in_place_of_another_is_not_remembered(void **state)
{
    char header[64];
    (void)state;
    expect("/gone", "", HAS("404 Not Found", "text/html", "cache-control: no-store", "<p>site"),
           "etag");
    snprintf(header, sizeof(header), "If-None-Match: %s\r\n",
             files_find(&files, SLICE_LIT("/"))->etags[FILE_PLAIN]);
    expect("/", header, HAS("304 Not Modified"), NULL);
    expect("/gone", header, HAS("404 Not Found", "<p>site"), NULL);
    expect("/gone", "If-Match: \"x\"\r\n", HAS("404 Not Found"), NULL);
}

static void folder_that_is_none_is_refused(void **state)
{
    struct files none = {0};
    struct fault fault = {0};
    (void)state;
    assert_int_equal(files_open(&none, &fault), STATUS_OK);
    assert_int_equal(files_add_folder(&none, "/nonexistent", &fault), STATUS_INVALID_ARGUMENT);
    assert_string_equal(fault.field, "site_folder");
    files_close(&none);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(files_come_in_the_form_that_is_wanted),
        TEST(assets_are_kept_for_a_year_and_nothing_else),
        TEST(page_may_load_this_site_alone_and_run_its_files),
        TEST(page_in_place_of_another_is_not_remembered),
        TEST(known_file_is_not_sent_again),
        TEST(nothing_leads_out_of_the_folder),
        TEST(folder_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
