/* openapi: the OpenAPI 3.1 document of the HTTP interface, from the same descriptors that it is served by.
 *
 * Made once at start and served as /openapi.json. Every route is in it, with its parameters, bodies and
 * answers; fields with (pek.field).internal are not. Comments of the protos become descriptions when the
 * descriptor set holds source info.
 */
#ifndef PEK_HUB_OPENAPI_OPENAPI_H
#define PEK_HUB_OPENAPI_OPENAPI_H

#include "hub/transcode/transcode.h"

#define OPENAPI_BYTES_MAX (8u * 1024 * 1024)

struct openapi_options {
    const char *title, *version, *description;
    const char *cookie; /* name of the session cookie */
};

/* Appends the document to `out`. `descriptor_set` is what `transcode` was made of, or one with source info of
 * the same files. RESOURCE_EXHAUSTED when it does not fit. */
PEK_MUST_CHECK enum status openapi_write(const struct transcode *transcode,
                                         struct slice descriptor_set,
                                         const struct openapi_options *options, struct buffer *out);

#endif
