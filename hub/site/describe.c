/* describe: writes /openapi.json, as this tree's hub serves it, to standard output. */
#include <stdio.h>

#include "hub/openapi/openapi.h"
#include "hub/site/site.h"
#include "protos/descriptor_set.h"

int main(void)
{
    struct slice descriptors = slice_make(pek_descriptor_set, pek_descriptor_set_len);
    struct transcode *transcode = NULL;
    struct fault fault = {0};
    struct buffer document;

    buffer_init(&document, OPENAPI_BYTES_MAX);
    enum status status = transcode_new(descriptors, &transcode, &fault);
    if (!status)
        status = site_describe(transcode, descriptors, &document);
    struct slice text = buffer_slice(&document);
    if (!status && fwrite(text.ptr, 1, text.len, stdout) != text.len)
        status = STATUS_UNAVAILABLE;
    if (status)
        fprintf(stderr, "describe: %s %s\n", status_name(status), fault.text);
    buffer_done(&document);
    transcode_free(transcode);
    return status != STATUS_OK;
}
