/* PNG: a signature, and chunks of length, type, data and check sum. */
#include <string.h>
#include <zlib.h>

#include "hub/profile/image.h"

static const unsigned char signature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};

#define FRAME_BYTES 12 /* of a chunk, around its data */
#define HEADER_BYTES 13
#define PALETTE_BYTES_MAX (256 * 3)

/* Those that change what a browser shows, with the most that they hold; of all others only what says nothing about the
 * person is left. A colour profile (iCCP) has a name and text of its own: without one a picture is sRGB. */
static const struct kept {
    const char *type;
    size_t bytes_max; /* 0: as the picture is */
} kept[] = {
    {"IHDR", HEADER_BYTES},
    {"PLTE", PALETTE_BYTES_MAX},
    {"IDAT", 0},
    {"IEND", 0},
    {"tRNS", 256},
    {"gAMA", 4},
    {"cHRM", 32},
    {"sRGB", 1},
    {"sBIT", 4},
};

struct png {
    bool has_header, has_palette, has_data, data_ended;
    unsigned colour;
};

static unsigned read_u32(const unsigned char *at)
{
    return (unsigned)at[0] << 24 | (unsigned)at[1] << 16 | (unsigned)at[2] << 8 | at[3];
}

static bool is_type(const unsigned char *chunk, const char *type)
{
    return memcmp(chunk + 4, type, 4) == 0;
}

static bool is_kept(const unsigned char *chunk, size_t len)
{
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        if (is_type(chunk, kept[i].type))
            return kept[i].bytes_max == 0 || len <= kept[i].bytes_max;
    return false;
}

/* Table 11.1: which depths each colour type has, as bits. */
static bool has_depth(unsigned colour, unsigned depth)
{
    static const unsigned depths[] = {
        1 | 2 | 4 | 8 | 16, 0, 8 | 16, 1 | 2 | 4 | 8, 8 | 16, 0, 8 | 16};
    return colour < sizeof(depths) / sizeof(depths[0]) && (depth & (depth - 1)) == 0 &&
           (depths[colour] & depth) != 0;
}

static enum status take_header(struct image_copy *copy, struct png *png, size_t len,
                               struct image *image)
{
    const unsigned char *data = copy->at + 8;
    if (png->has_header || len != HEADER_BYTES)
        return image_refuse(copy, "the header of the PNG is not one");
    png->has_header = true;
    png->colour = data[9];
    image->width = read_u32(data);
    image->height = read_u32(data + 4);
    PEK_TRY(image_check_size(copy, image->width, image->height));
    return has_depth(png->colour, data[8]) && data[10] == 0 && data[11] == 0 && data[12] <= 1
               ? STATUS_OK
               : image_refuse(copy, "the PNG has a kind of colours or compression that none has");
}

/* What the order of chunks asks of the one at the beginning. */
static enum status check_chunk(struct image_copy *copy, struct png *png, size_t len,
                               struct image *image)
{
    const unsigned char *chunk = copy->at;
    if (is_type(chunk, "IHDR"))
        return take_header(copy, png, len, image);
    if (!png->has_header)
        return image_refuse(copy, "the PNG does not begin with its header");
    if (is_type(chunk, "PLTE")) {
        bool fits = !png->has_palette && !png->has_data && len > 0 && len % 3 == 0 &&
                    len <= PALETTE_BYTES_MAX;
        png->has_palette = true;
        return fits ? STATUS_OK : image_refuse(copy, "the palette of the PNG is not one");
    }
    if (is_type(chunk, "IDAT")) {
        if (png->data_ended || (png->colour == 3 && !png->has_palette))
            return image_refuse(copy, "the pixels of the PNG are not where they must be");
        png->has_data = true;
        return STATUS_OK;
    }
    png->data_ended = png->has_data;
    /* Bit 5 of the first letter: a chunk without which there is no image. */
    return is_type(chunk, "IEND") || (chunk[4] & 0x20)
               ? STATUS_OK
               : image_refuse(copy, "the PNG has a part that no browser knows");
}

enum status image_png(struct image_copy *copy, struct image *image)
{
    struct png png = {0};
    bool ended = false;
    if (copy->left < sizeof(signature) || memcmp(copy->at, signature, sizeof(signature)) != 0)
        return image_refuse(copy, "it is no PNG");
    image_take(copy, sizeof(signature), true);
    while (!ended) {
        if (copy->left < FRAME_BYTES || read_u32(copy->at) > copy->left - FRAME_BYTES)
            return image_refuse(copy, "the PNG is cut off");
        size_t len = read_u32(copy->at);
        PEK_TRY(check_chunk(copy, &png, len, image));
        if (crc32(0, copy->at + 4, (uInt)(len + 4)) != read_u32(copy->at + 8 + len))
            return image_refuse(copy, "a check sum in the PNG is wrong");
        ended = is_type(copy->at, "IEND");
        if (ended && (len > 0 || !png.has_data))
            return image_refuse(copy, "the PNG has no pixels");
        image_take(copy, len + FRAME_BYTES, is_kept(copy->at, len));
    }
    return copy->left == 0 ? STATUS_OK : image_refuse(copy, "something follows the end of the PNG");
}
