/* pages: the addresses that the web site shows by itself.
 *
 * The site is one page, whose script shows what the address says. So a link into it, and a reload, must bring that page, while what
 * is no address of the site stays a 404. The site says which are: `pages.txt` in its folder, which its build writes from the table of
 * its routes. A line is a path, in which a segment `*` stands for any one that is not empty.
 */
#ifndef PEK_HUB_SITE_PAGES_H
#define PEK_HUB_SITE_PAGES_H

#include "hub/site/files.h"

#define PAGES_FILE "/pages.txt"
#define PAGES_INDEX "/index.html"

struct pages {
    const struct file *index; /* NULL: there is no site */
    struct slice templates;   /* the text of PAGES_FILE */
};

/* Of a folder that was read. INVALID_ARGUMENT when it lacks one of the two files, or a line is no path. */
PEK_MUST_CHECK enum status pages_find(const struct files *files, struct pages *ret_pages,
                                      struct fault *fault);
/* Whether a path, decoded, is one of them. False without a site. */
bool pages_has(const struct pages *pages, struct slice path);
/* Whether it is one of them once its last slash is taken off, as people type it. */
bool pages_has_before_slash(const struct pages *pages, struct slice path);

#endif
