#include "hub/site/pages.h"

#include <string.h>

/* Takes what is before the next `end`, and that itself. False when nothing is left. */
static bool take(struct slice *rest, char end, struct slice *ret_part)
{
    if (!rest->ptr)
        return false;
    const char *at = memchr(rest->ptr, end, rest->len);
    size_t len = at ? (size_t)(at - rest->ptr) : rest->len;
    *ret_part = slice_make(rest->ptr, len);
    *rest = at ? slice_make(at + 1, rest->len - len - 1) : (struct slice){0};
    return true;
}

static bool fits(struct slice template, struct slice path)
{
    struct slice wanted, given;

    while (take(&template, '/', &wanted)) {
        if (!take(&path, '/', &given))
            return false;
        if (slice_equal_str(wanted, "*") ? given.len == 0 : !slice_equal(wanted, given))
            return false;
    }
    return !path.ptr;
}

bool pages_has(const struct pages *pages, struct slice path)
{
    struct slice rest = pages->templates, line;

    while (path.len > 0 && take(&rest, '\n', &line)) {
        if (line.len > 0 && fits(line, path))
            return true;
    }
    return false;
}

bool pages_has_before_slash(const struct pages *pages, struct slice path)
{
    return path.len > 0 && path.ptr[path.len - 1] == '/' &&
           pages_has(pages, slice_make(path.ptr, path.len - 1));
}

enum status pages_find(const struct files *files, struct pages *ret_pages, struct fault *fault)
{
    const struct file *index = files_find(files, SLICE_LIT("/"));
    const struct file *list = files_find(files, SLICE_LIT(PAGES_FILE));
    struct slice line;

    if (!index || !list)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "site_folder",
                         "there is no %s in it: it must be a web site that was built (web/dist)",
                         index ? PAGES_FILE : PAGES_INDEX);
    for (struct slice rest = list->bodies[FILE_PLAIN]; take(&rest, '\n', &line);) {
        if (line.len > 0 && line.ptr[0] != '/')
            return fault_set(fault, STATUS_INVALID_ARGUMENT, "site_folder", "%s: '%.*s' is no path",
                             PAGES_FILE, SLICE_ARG(line));
    }
    *ret_pages = (struct pages){index, list->bodies[FILE_PLAIN]};
    return STATUS_OK;
}
