/* condition: what If-Match and If-None-Match say (RFC 9110, 8.8.3, 13.1.1 and 13.1.2), of whatever is asked for. */
#ifndef PEK_HUB_HTTP_CONDITION_H
#define PEK_HUB_HTTP_CONDITION_H

#include "hub/http/http.h"

#define CONDITION_ETAGS_MAX 8

struct condition {
    bool given, any;                         /* the header is there; it is "*" */
    struct slice etags[CONDITION_ETAGS_MAX]; /* without quotes; of If-Match only the strong ones */
    size_t count;
};

/* Visible ASCII without the quote, or a byte of another character. */
bool condition_is_etag(struct slice text);
/* The header of that name; nothing is given when it is not there. With `weak_too` also the weak ones count, as for
 * If-None-Match. INVALID_ARGUMENT, naming the header, for what is neither * nor a list of etags. */
PEK_MUST_CHECK enum status condition_read(const struct http_request *http, const char *name,
                                          bool weak_too, struct condition *ret_condition,
                                          struct fault *fault);
/* Whether one of them is this. */
bool condition_names(const struct condition *condition, struct slice etag);

#endif
