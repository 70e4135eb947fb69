/* origin: an origin of the web, as browsers write it. */
#ifndef PEK_SHARED_BASE_ORIGIN_H
#define PEK_SHARED_BASE_ORIGIN_H

#include <stdbool.h>

#define ORIGIN_BYTES_MAX 255

/* "https://pek.example", "http://127.0.0.1:8080": scheme and host in lower case, a port only when it is not the scheme's
 * own, nothing behind it. What is compared with an Origin header must be written so: a browser writes no other form.
 * Source: RFC 6454, section 6.2. */
bool origin_is_valid(const char *origin);

#endif
