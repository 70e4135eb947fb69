#include "hub/profile/image.h"

#include <string.h>

enum status image_refuse(struct image_copy *copy, const char *what)
{
    return fault_set(copy->fault, STATUS_INVALID_ARGUMENT, "media", "%s", what);
}

void image_take(struct image_copy *copy, size_t bytes, bool keep)
{
    if (keep) {
        memcpy(copy->out + copy->out_len, copy->at, bytes);
        copy->out_len += bytes;
    }
    copy->at += bytes;
    copy->left -= bytes;
}

enum status image_check_size(struct image_copy *copy, unsigned width, unsigned height)
{
    if (width > 0 && height > 0 && width <= IMAGE_SIDE_PIXELS_MAX &&
        height <= IMAGE_SIDE_PIXELS_MAX)
        return STATUS_OK;
    return fault_set(copy->fault, STATUS_INVALID_ARGUMENT, "media",
                     "the image is %u x %u pixels: each side is 1 to %d", width, height,
                     IMAGE_SIDE_PIXELS_MAX);
}

enum status image_clean(struct slice given, const char *media_type, struct arena *arena,
                        struct image *ret_image, struct fault *fault)
{
    struct image image = {0};
    struct image_copy copy = {
        .at = (const unsigned char *)given.ptr,
        .left = given.len,
        .out = arena_alloc(arena, given.len + IMAGE_GROWTH_BYTES_MAX),
        .fault = fault,
    };
    if (!copy.out)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL,
                         "the request needs too much memory");
    PEK_TRY(strcmp(media_type, "image/png") == 0 ? image_png(&copy, &image)
                                                 : image_jpeg(&copy, &image));
    image.bytes = slice_make(copy.out, copy.out_len);
    *ret_image = image;
    return STATUS_OK;
}
