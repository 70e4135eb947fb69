/* address: the syntax of web and e-mail addresses that users type. Nothing is looked up.
 *
 * Host names are checked as UTS #46 has it (ICU), so that international names are welcome and what
 * no browser could open is not. Results are NFC, trimmed, in the arena. Any thread.
 *
 * INVALID_ARGUMENT (the fault names `field`), RESOURCE_EXHAUSTED when the arena is full.
 */
#ifndef PEK_SHARED_TEXT_ADDRESS_H
#define PEK_SHARED_TEXT_ADDRESS_H

#include <stddef.h>

#include "shared/base/arena.h"
#include "shared/base/fault.h"
#include "shared/base/slice.h"
#include "shared/base/status.h"

#define TEXT_WEBPAGE_CHARS_MAX 64    /* a group's web page */
#define TEXT_MAIL_CHARS_MAX 64       /* a group's address */
#define TEXT_USER_MAIL_CHARS_MAX 254 /* a person's, RFC 5321 */

/* An absolute http or https address: no user info, a host name with a dot or an IPv4 address, an
 * optional port 1 to 65535; no white space, control or invisible character, backslash, double quote
 * or angle bracket anywhere. At most `chars_max` code points. */
PEK_MUST_CHECK enum status text_check_webpage(struct slice webpage, size_t chars_max,
                                              const char *field, struct arena *arena,
                                              struct slice *ret_webpage, struct fault *fault);

/* local@domain: local is a dot-atom of at most 64 ASCII characters (RFC 5322 without quoting),
 * domain a host name with a dot. At most `chars_max` code points. */
PEK_MUST_CHECK enum status text_check_mail(struct slice mail, size_t chars_max, const char *field,
                                           struct arena *arena, struct slice *ret_mail,
                                           struct fault *fault);

#endif
