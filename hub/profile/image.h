/* image: what somebody uploads as their picture, before anybody else's browser sees it.
 *
 * The container is read to its end, by PNG (Third Edition) 5 and ISO/IEC 10918-1 B: each chunk or segment has its length, a PNG its check
 * sums, the size is within IMAGE_SIDE_PIXELS_MAX, nothing follows the end. What a browser does not need to show the
 * picture is left out: a phone writes into it where and when it was taken, and with what. Of Exif the orientation alone
 * stays. The compressed pixels are not decoded; whoever is served them gets them under their own media type, without sniffing and
 * without scripts (hub/api).
 *
 * Without state; any thread.
 */
#ifndef PEK_HUB_PROFILE_IMAGE_H
#define PEK_HUB_PROFILE_IMAGE_H

#include "shared/base/arena.h"
#include "shared/base/fault.h"
#include "shared/base/slice.h"

#define IMAGE_SIDE_PIXELS_MAX 4096
/* Cleaned, an image is so much longer than given at most: an orientation takes more room than the shortest Exif. */
#define IMAGE_GROWTH_BYTES_MAX 64

struct image {
    unsigned width, height;
    struct slice bytes; /* cleaned; in the arena */
};

/* `media_type` is image/png or image/jpeg, and says what it has to be. INVALID_ARGUMENT: the fault's text says what is wrong;
 * RESOURCE_EXHAUSTED when the arena is full. */
PEK_MUST_CHECK enum status image_clean(struct slice given, const char *media_type,
                                       struct arena *arena, struct image *ret_image,
                                       struct fault *fault);

/* ---- the two kinds, for image_clean ---- */

/* What is left of the file, and what is kept of it. */
struct image_copy {
    const unsigned char *at;
    size_t left;
    unsigned char *out; /* as long as the file and IMAGE_GROWTH_BYTES_MAX */
    size_t out_len;
    struct fault *fault;
};
PEK_MUST_CHECK enum status image_refuse(struct image_copy *copy, const char *what);
/* The bytes that are next; `keep`: they are part of the cleaned image. There are so many. */
void image_take(struct image_copy *copy, size_t bytes, bool keep);
PEK_MUST_CHECK enum status image_check_size(struct image_copy *copy, unsigned width,
                                            unsigned height);

PEK_MUST_CHECK enum status image_png(struct image_copy *copy, struct image *image);
PEK_MUST_CHECK enum status image_jpeg(struct image_copy *copy, struct image *image);

#endif
