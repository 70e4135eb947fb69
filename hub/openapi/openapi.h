/* openapi: the OpenAPI 3.1 document of the HTTP interface, from the same descriptors that it is served by.
 *
 * Made once at start and served as /openapi.json, for people and for programs that make clients of it: every
 * schema and operation has a name, messages that are given (Group) are told from those that are taken (GroupInput,
 * GroupPatch), each answer and each header that can come is there. Every route is in it; fields with
 * (pek.field).internal are not. (pek.field).required, .output_only and .bounds become what JSON schema calls them.
 * Comments of the protos become summaries and descriptions when the descriptor set holds source info. What no proto
 * declares (errors, headers) is in components.json.
 */
#ifndef PEK_HUB_OPENAPI_OPENAPI_H
#define PEK_HUB_OPENAPI_OPENAPI_H

#include "hub/transcode/transcode.h"

#define OPENAPI_BYTES_MAX (8u * 1024 * 1024)

struct openapi_options {
    const char *title, *version, *description;
    const char *license;                /* its SPDX identifier */
    const char *cookie, *cookie_secure; /* names of the session cookie without and with https */
    /* More paths: a JSON object as `paths` has it. Empty for none. */
    struct slice paths;
};

/* Appends the document to `out`. `descriptor_set` is what `transcode` was made of, or one with source info of
 * the same files. RESOURCE_EXHAUSTED when it does not fit. */
PEK_MUST_CHECK enum status openapi_write(const struct transcode *transcode,
                                         struct slice descriptor_set,
                                         const struct openapi_options *options, struct buffer *out);

#endif
