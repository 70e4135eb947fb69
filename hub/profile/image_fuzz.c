/* Any bytes as either kind of image: nothing crashes, and what is kept of an image is an image of the same size, as it is. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bazel/fuzz/fuzz.h"
#include "hub/profile/image.h"

#define INPUT_BYTES_MAX (1u << 16)

static void try(struct slice input, const char *type, struct arena *arena)
{
    struct image once, twice;
    if (image_clean(input, type, arena, &once, NULL) != STATUS_OK)
        return;
    must(once.width >= 1 && once.width <= IMAGE_SIDE_PIXELS_MAX);
    must(once.height >= 1 && once.height <= IMAGE_SIDE_PIXELS_MAX);
    must(once.bytes.len <= input.len + IMAGE_GROWTH_BYTES_MAX);
    must(image_clean(once.bytes, type, arena, &twice, NULL) == STATUS_OK);
    must(slice_equal(once.bytes, twice.bytes));
    must(once.width == twice.width && once.height == twice.height);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    if (size > INPUT_BYTES_MAX)
        return 0;
    arena_init(&arena, 1u << 20);
    try(slice_make((const char *)data, size), "image/png", &arena);
    try(slice_make((const char *)data, size), "image/jpeg", &arena);
    arena_done(&arena);
    return 0;
}
