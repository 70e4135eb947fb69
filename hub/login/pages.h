/* pages: the few HTML pages of logging in, as bytes. No script, one style sheet of their own origin; every text is
 * escaped here. */
#ifndef PEK_HUB_LOGIN_PAGES_H
#define PEK_HUB_LOGIN_PAGES_H

#include "shared/base/buffer.h"
#include "shared/base/slice.h"

#define PAGES_BYTES_MAX 16384
#define PAGES_STYLE_PATH "/auth/style.css"
#define PAGES_REGISTER_PATH "/auth/register"
/* No script, no frame, no form to elsewhere, nothing from elsewhere. */
#define PAGES_POLICY                                                                               \
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "                  \
    "frame-ancestors 'none'"

struct page_error {
    const char *title;
    struct slice text;
    struct slice return_to; /* where "try again" returns to; "" for the front page */
};
void page_error_write(struct buffer *out, const struct page_error *page);

struct page_register {
    struct slice name;     /* of the person; may be "" */
    struct slice username; /* what the field holds */
    struct slice mistake;  /* "" when there is none */
};
void page_register_write(struct buffer *out, const struct page_register *page);

extern const struct slice page_style;

#endif
