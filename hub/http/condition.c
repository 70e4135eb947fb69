#include "hub/http/condition.h"

bool condition_is_etag(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        if (byte <= ' ' || byte == '"' || byte == 0x7f)
            return false;
    }
    return true;
}

static void skip_blanks(struct slice *rest)
{
    while (rest->len > 0 && (rest->ptr[0] == ' ' || rest->ptr[0] == '\t'))
        *rest = slice_make(rest->ptr + 1, rest->len - 1);
}

/* One `"x"` or `W/"x"`. */
static bool take_etag(struct slice *rest, bool *ret_weak, struct slice *ret_etag)
{
    *ret_weak = slice_starts_with(*rest, SLICE_LIT("W/"));
    if (*ret_weak)
        *rest = slice_make(rest->ptr + 2, rest->len - 2);
    if (rest->len == 0 || rest->ptr[0] != '"')
        return false;
    *rest = slice_make(rest->ptr + 1, rest->len - 1);
    const char *end = rest->len ? memchr(rest->ptr, '"', rest->len) : NULL;
    if (!end)
        return false;
    *ret_etag = slice_make(rest->ptr, (size_t)(end - rest->ptr));
    *rest = slice_make(end + 1, rest->len - ret_etag->len - 1);
    return condition_is_etag(*ret_etag);
}

/* False for what is no list of etags, or has too many. */
static bool take_list(struct condition *condition, struct slice list, bool weak_too)
{
    struct slice etag;
    bool weak;

    for (skip_blanks(&list); list.len > 0; skip_blanks(&list)) {
        if (list.ptr[0] == ',') { /* empty elements are allowed: RFC 9110, 5.6.1 */
            list = slice_make(list.ptr + 1, list.len - 1);
            continue;
        }
        if (!take_etag(&list, &weak, &etag) || condition->count == CONDITION_ETAGS_MAX)
            return false;
        skip_blanks(&list);
        if (list.len > 0 && list.ptr[0] != ',')
            return false;
        /* Nothing has the empty one; to a realm it would mean any. */
        if (etag.len > 0 && (weak_too || !weak))
            condition->etags[condition->count++] = etag;
    }
    return true;
}

enum status condition_read(const struct http_request *http, const char *name, bool weak_too,
                           struct condition *ret_condition, struct fault *fault)
{
    struct condition condition = {0};
    struct slice list = http_header(http, name, 0);

    condition.given = list.ptr != NULL;
    condition.any = slice_equal_str(list, "*");
    if (!condition.any && !take_list(&condition, list, weak_too))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, name,
                         "%s is *, or at most %d etags as \"v1\", with commas between them", name,
                         CONDITION_ETAGS_MAX);
    *ret_condition = condition;
    return STATUS_OK;
}

bool condition_names(const struct condition *condition, struct slice etag)
{
    bool found = condition->any;

    for (size_t i = 0; i < condition->count; i++)
        found |= slice_equal(condition->etags[i], etag);
    return found;
}
