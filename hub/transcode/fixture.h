/* fixture: what the tests of hub/transcode share: two descriptor sets, and the way of a request. */
#ifndef PEK_HUB_TRANSCODE_FIXTURE_H
#define PEK_HUB_TRANSCODE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "hub/transcode/transcode.h"

extern struct transcode *odd, *pek;
extern struct arena arena;
extern struct buffer out;
extern struct fault fault;

int setup_all(void **state);
int teardown_all(void **state);
int reset(void **state);

/* "PATCH /path?query" and a body, matched and made a request of. */
enum status make(const struct transcode *transcode, const char *line, struct slice body,
                 struct route_match *match, struct transcode_request **ret_request);
void assert_has(const char *text, const char *part);

/* The JSON of the message as if it were the answer, for methods of `odd` that answer what they are asked; or the text of
 * the fault. Valid until the next. */
const char *echo(const char *line, const char *body);
/* INVALID_ARGUMENT, with this field and text. */
void assert_refused(const char *line, const char *body, const char *field, const char *text);

#endif
