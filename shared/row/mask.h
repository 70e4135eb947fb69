/* mask: which fields of a message a request means to change.
 *
 * A domain lists what may be changed together, and gives each a bit in the same order:
 *
 *     enum group_profile_field { GROUP_NAME = 1 << 0, GROUP_DESCRIPTION = 1 << 1, … };
 *     static const char *const profile_fields[] = {"name", "description", …};
 */
#ifndef PEK_SHARED_ROW_MASK_H
#define PEK_SHARED_ROW_MASK_H

#include <protobuf-c/protobuf-c.h>

#include "google/protobuf/field_mask.pb-c.h"
#include "shared/base/fault.h"
#include "shared/pg/pg.h"

#define MASK_FIELDS_MAX 32

/* The bits of `allowed` that the mask names. INVALID_ARGUMENT on update_mask for another path. An absent or empty mask
 * means the fields that `body` has set; without a body it is refused. */
PEK_MUST_CHECK enum status mask_take(const Google__Protobuf__FieldMask *mask,
                                     const ProtobufCMessage *body, const char *const *allowed,
                                     size_t allowed_count, unsigned *ret_fields,
                                     struct fault *fault);

/* A parameter of "column = coalesce($n, column)": the value when `field` is among `fields`, else NULL. */
static inline struct pg_param mask_param(unsigned fields, unsigned field, struct pg_param value)
{
    return fields & field ? value : PG_NULL;
}

#endif
