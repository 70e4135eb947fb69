/* field: what stands in header fields, whatever version of HTTP brought them. Private to hub/http. */
#ifndef PEK_HUB_HTTP_FIELD_H
#define PEK_HUB_HTTP_FIELD_H

#include <stdbool.h>

#include "shared/base/slice.h"

#define FIELD_HOST_BYTES_MAX 255

/* `name` in any case. */
bool name_is(struct slice name, const char *lower);
/* token of RFC 9110 5.6.2. */
bool is_token_char(unsigned char c);
bool is_token(struct slice text);
/* Without blanks and tabs at both ends. */
struct slice trim(struct slice text);
/* True when the comma-separated list has the word, in any case. */
bool list_has(struct slice list, const char *word);
/* host [":" port] of RFC 9110 7.2, without user and not empty. */
bool host_is_valid(struct slice host);
/* Printable ASCII without blank, '#' and '\': nothing that two readers could take for different paths. */
bool target_is_valid(struct slice target);

/* The next cookie of that name in what is left of a Cookie header; false when there is none. */
bool cookie_find(struct slice *rest, const char *name, struct slice *ret_value);
/* A media type that is `type`, with no charset other than UTF-8, whatever its other parameters say. */
bool media_is(struct slice header, const char *type);
/* Quality 0…1000 that an Accept header gives `type`; 1000 without header (ptr NULL). */
int accept_quality(struct slice header, const char *type);
/* Quality 0…1000 that an Accept-Encoding header gives `coding`; 0 when it likes identity, which is no coding, better (one that
 * it does not name comes last: RFC 9110 12.5.3), and without header (any would be allowed then, but who says nothing often
 * cannot read it). */
int encoding_quality(struct slice header, const char *coding);

#endif
