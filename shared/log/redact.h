/* redact: finds the parts of a text that must not be seen. The rules are told in log.h. */
#ifndef PEK_SHARED_LOG_REDACT_H
#define PEK_SHARED_LOG_REDACT_H

#include <stdbool.h>

#include "shared/base/slice.h"

#define REDACTED "[redacted]"

/* Set `rest` to the text, the others to false. */
struct redact {
    struct slice rest;
    bool value_due; /* redact's: what is next is the value of a secret's key … */
    bool quoted;    /* … up to a quote */
};

struct redact_piece {
    struct slice text;
    bool secret; /* write REDACTED instead */
};

/* Takes the next piece off `rest`; false at its end. Time is linear over a whole text. */
bool redact_next(struct redact *redact, struct redact_piece *ret_piece);

#endif
