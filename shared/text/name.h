/* name: a name as it is stored, and what is derived from it and stored beside it. */
#ifndef PEK_SHARED_TEXT_NAME_H
#define PEK_SHARED_TEXT_NAME_H

#include "shared/base/fault.h"
#include "shared/text/collator.h"

/* Of a unique key and of a sort key: both are indexed, and an index row has 2700 bytes at most. 200 letters of
 * any script need less; 200 ligatures that stand for whole phrases may not. */
#define TEXT_NAME_KEY_BYTES_MAX 1200

struct text_name {
    struct slice name;
    struct slice unique_key;
    struct slice folded;
    struct slice sort_key;
};

/* Of a name as it was typed. Statuses as text.h, and INVALID_ARGUMENT when it cannot be ordered or its keys are too
 * long. */
PEK_MUST_CHECK enum status text_name_make(struct text_collator *collator, const char *name,
                                          const char *field, struct arena *arena,
                                          struct text_name *ret_name, struct fault *fault);
/* Of a name that is stored: what names may be was less strict then, and it is not judged again. */
PEK_MUST_CHECK enum status text_name_make_again(struct text_collator *collator, const char *name,
                                                struct arena *arena, struct text_name *ret_name);

#endif
