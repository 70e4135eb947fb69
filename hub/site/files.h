/* files: what is served as it is: a folder that is read once at start, and what is built in.
 *
 * A path is looked up among those that were found, so that none leads out of the folder; links are not followed, and
 * names that begin with a dot are left out. "/" and "/x/" are their index.html, which has no other address. `name.br` and `name.gz`
 * beside a name are the same, compressed, and nothing else; they are made at start where there are none and it pays. A new
 * version of the site is a new start of the hub.
 *
 * Every file has an ETag. What lies in FILES_KEPT_FOLDER is kept by browsers for a year: it must get a new name whenever it changes,
 * as build tools see to with a hash in the name. The others are asked for again each time, and answered 304 when they are the same.
 */
#ifndef PEK_HUB_SITE_FILES_H
#define PEK_HUB_SITE_FILES_H

#include "hub/http/gzip.h"
#include "hub/http/http.h"

#define FILES_MAX 2000
#define FILES_BYTES_MAX (64u * 1024 * 1024) /* of all, with what is made of them */
#define FILES_PATH_BYTES_MAX 255
#define FILES_KEPT_FOLDER "/assets/" /* of the site: where Vite puts what it built */
#define FILES_ETAG_BYTES 40
/* Pictures besides: those of the style sheets (data:), and one that was chosen but not sent yet (blob:). */
#define FILES_PAGE_POLICY                                                                          \
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; connect-src "       \
    "'self'; "                                                                                     \
    "img-src 'self' data: blob:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

enum file_coding { FILE_BROTLI, FILE_GZIP, FILE_PLAIN, FILE_CODINGS };

struct file {
    struct slice path; /* "/assets/app.js" */
    const char *type;
    struct slice bodies[FILE_CODINGS];
    char etags[FILE_CODINGS][FILES_ETAG_BYTES]; /* with quotes */
};

/* In place, after zeroing. */
struct files {
    struct arena arena;
    struct gzip *gzip;
    struct file *items;
    size_t count;
};

PEK_MUST_CHECK enum status files_open(struct files *files, struct fault *fault);
/* Also of a zeroed one. */
void files_close(struct files *files);
/* The body is not copied. The first of a path stays: what is built in is added behind the folder. */
PEK_MUST_CHECK enum status files_add(struct files *files, struct slice path, struct slice body,
                                     struct fault *fault);
/* All of a folder. Blocks: at start only. INVALID_ARGUMENT for one that cannot be read, or is too large. */
PEK_MUST_CHECK enum status files_add_folder(struct files *files, const char *folder,
                                            struct fault *fault);
/* What is at an address; NULL when nothing is. */
const struct file *files_find(const struct files *files, struct slice path);
/* Answers a GET or HEAD, unless INVALID_ARGUMENT: a header that is no condition; FAILED_PRECONDITION: If-Match names none of
 * the file's forms (412). */
PEK_MUST_CHECK enum status file_reply(const struct file *file, struct http_request *request,
                                      struct fault *fault);
/* Answers 404 with it, whatever the conditions: in place of what is not there. */
void file_reply_instead(const struct file *file, struct http_request *request);

#endif
