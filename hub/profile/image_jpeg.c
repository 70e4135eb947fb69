/* JPEG: markers, most of which begin a segment that says how long it is; behind the header of a scan come compressed bytes in which
 * 0xFF is followed by zero or by a restart marker. */
#include <string.h>

#include "hub/profile/image.h"

enum marker {
    SOF0 = 0xC0, /* baseline, extended, progressive */
    SOF2 = 0xC2,
    DHT = 0xC4,
    SOF15 = 0xCF,
    RST0 = 0xD0,
    RST7 = 0xD7,
    SOI = 0xD8,
    EOI = 0xD9,
    SOS = 0xDA,
    DQT = 0xDB,
    DRI = 0xDD,
    APP0 = 0xE0,
    APP1 = 0xE1,
    APP2 = 0xE2,
    APP14 = 0xEE,
    APP15 = 0xEF,
    COM = 0xFE,
};

#define MARKER_BYTES 2
#define JFIF_BYTES 14 /* of the data, without a thumbnail */
#define EXIF_BYTES 6  /* "Exif" and two zeros */
#define TAG_ORIENTATION 0x0112
#define TYPE_SHORT 3

struct jpeg {
    bool has_frame, has_tables, has_scan, has_orientation;
};

static unsigned read_u16(const unsigned char *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static bool begins_with(const unsigned char *data, size_t len, const char *text, size_t text_len)
{
    return len >= text_len && memcmp(data, text, text_len) == 0;
}

/* ---- Exif ---- */

struct tiff {
    const unsigned char *at;
    size_t len;
    bool big_endian;
};

static unsigned tiff_u16(const struct tiff *tiff, size_t at)
{
    const unsigned char *p = tiff->at + at;
    return tiff->big_endian ? read_u16(p) : (unsigned)p[1] << 8 | p[0];
}

static size_t tiff_u32(const struct tiff *tiff, size_t at)
{
    size_t first = tiff_u16(tiff, at), second = tiff_u16(tiff, at + 2);
    return tiff->big_endian ? first << 16 | second : second << 16 | first;
}

/* 1 to 8; 1, upright, of what does not say. */
static unsigned orientation_of(const unsigned char *data, size_t len)
{
    struct tiff tiff = {data, len, len > 0 && data[0] == 'M'};
    if (!begins_with(data, len, "MM\0*", 4) && !begins_with(data, len, "II*\0", 4))
        return 1;
    size_t directory = len >= 8 ? tiff_u32(&tiff, 4) : len;
    if (len < 2 || directory > len - 2)
        return 1;
    size_t count = tiff_u16(&tiff, directory), at = directory + 2;
    for (size_t i = 0; i < count && at + 12 <= len; i++, at += 12) {
        if (tiff_u16(&tiff, at) != TAG_ORIENTATION || tiff_u16(&tiff, at + 2) != TYPE_SHORT)
            continue;
        unsigned value = tiff_u16(&tiff, at + 8);
        return value >= 1 && value <= 8 ? value : 1;
    }
    return 1;
}

/* An Exif segment with nothing but the orientation. */
static void put_orientation(struct image_copy *copy, struct jpeg *jpeg, unsigned orientation)
{
    unsigned char segment[] = {
        0xFF, APP1, 0, 34,         'E', 'x', 'i', 'f', 0, 0,
        'M',  'M',  0, '*',        0,   0,   0,   8,   0, 1,
        0x01, 0x12, 0, TYPE_SHORT, 0,   0,   0,   1,   0, (unsigned char)orientation,
        0,    0,    0, 0,          0,   0,
    };
    _Static_assert(sizeof(segment) <= IMAGE_GROWTH_BYTES_MAX, "it is put once");
    if (orientation == 1 || jpeg->has_orientation)
        return;
    jpeg->has_orientation = true;
    memcpy(copy->out + copy->out_len, segment, sizeof(segment));
    copy->out_len += sizeof(segment);
}

/* ---- segments ---- */

/* ISO/IEC 10918-1 B.2.2: precision, height, width, components. */
static enum status take_frame(struct image_copy *copy, struct jpeg *jpeg, const unsigned char *data,
                              size_t len, struct image *image)
{
    if (jpeg->has_frame || len < 6 || data[0] != 8 ||
        (data[5] != 1 && data[5] != 3 && data[5] != 4) || len != 6 + 3 * (size_t)data[5])
        return image_refuse(copy, "the frame of the JPEG is none that browsers show");
    jpeg->has_frame = true;
    image->height = read_u16(data + 1);
    image->width = read_u16(data + 3);
    return image_check_size(copy, image->width, image->height);
}

/* How much of an application's segment a browser needs: its data's first bytes, or 0. */
static size_t kept_of(unsigned marker, const unsigned char *data, size_t len)
{
    if (marker == APP0 && begins_with(data, len, "JFIF", 5) && len >= JFIF_BYTES)
        return JFIF_BYTES;
    if ((marker == APP2 && begins_with(data, len, "ICC_PROFILE", 12)) ||
        (marker == APP14 && begins_with(data, len, "Adobe", 5)))
        return len;
    return 0;
}

static void take_application(struct image_copy *copy, struct jpeg *jpeg, unsigned marker,
                             const unsigned char *data, size_t len)
{
    size_t keep = kept_of(marker, data, len);
    size_t begin = copy->out_len;
    if (marker == APP1 && begins_with(data, len, "Exif\0", EXIF_BYTES))
        put_orientation(copy, jpeg, orientation_of(data + EXIF_BYTES, len - EXIF_BYTES));
    image_take(copy, MARKER_BYTES + 2 + keep, keep > 0);
    image_take(copy, len - keep, false);
    if (keep > 0 && keep < len) { /* the thumbnail is gone, and the size of it */
        unsigned char *out = copy->out + begin;
        out[2] = 0;
        out[3] = JFIF_BYTES + 2;
        out[MARKER_BYTES + 2 + 12] = 0;
        out[MARKER_BYTES + 2 + 13] = 0;
    }
}

/* The compressed bytes of a scan, to the marker that ends it. */
static enum status take_scan(struct image_copy *copy, struct jpeg *jpeg)
{
    const unsigned char *end = copy->at;
    if (!jpeg->has_frame || !jpeg->has_tables)
        return image_refuse(copy, "the JPEG has pixels before it says what they are");
    jpeg->has_scan = true;
    do {
        size_t left = copy->left - (size_t)(end - copy->at);
        end = left > 1 ? memchr(end, 0xFF, left - 1) : NULL;
        if (!end)
            return image_refuse(copy, "the JPEG is cut off");
        if (end[1] != 0 && (end[1] < RST0 || end[1] > RST7))
            break;
        end += MARKER_BYTES;
    } while (true);
    image_take(copy, (size_t)(end - copy->at), true);
    return STATUS_OK;
}

static enum status take_segment(struct image_copy *copy, struct jpeg *jpeg, unsigned marker,
                                struct image *image)
{
    size_t len = copy->left >= MARKER_BYTES + 2 ? read_u16(copy->at + MARKER_BYTES) : 0;
    if (len < 2 || len > copy->left - MARKER_BYTES)
        return image_refuse(copy, "the JPEG is cut off");
    const unsigned char *data = copy->at + MARKER_BYTES + 2;
    size_t data_len = len - 2;
    if (marker >= APP0 && marker <= APP15) {
        take_application(copy, jpeg, marker, data, data_len);
        return STATUS_OK;
    }
    if (marker >= SOF0 && marker <= SOF2)
        PEK_TRY(take_frame(copy, jpeg, data, data_len, image));
    else if (marker != DHT && marker != DQT && marker != DRI && marker != SOS && marker != COM)
        return image_refuse(copy, "the JPEG has a part that no browser knows");
    jpeg->has_tables |= marker == DQT;
    image_take(copy, MARKER_BYTES + len, marker != COM);
    return marker == SOS ? take_scan(copy, jpeg) : STATUS_OK;
}

enum status image_jpeg(struct image_copy *copy, struct image *image)
{
    struct jpeg jpeg = {0};
    if (copy->left < MARKER_BYTES || copy->at[0] != 0xFF || copy->at[1] != SOI)
        return image_refuse(copy, "it is no JPEG");
    image_take(copy, MARKER_BYTES, true);
    do {
        while (copy->left > MARKER_BYTES && copy->at[0] == 0xFF && copy->at[1] == 0xFF)
            image_take(copy, 1, false); /* fill bytes */
        if (copy->left < MARKER_BYTES || copy->at[0] != 0xFF)
            return image_refuse(copy, "the JPEG is cut off");
        if (copy->at[1] == EOI)
            break;
        PEK_TRY(take_segment(copy, &jpeg, copy->at[1], image));
    } while (true);
    image_take(copy, MARKER_BYTES, true);
    if (!jpeg.has_scan)
        return image_refuse(copy, "the JPEG has no pixels");
    return copy->left == 0 ? STATUS_OK
                           : image_refuse(copy, "something follows the end of the JPEG");
}
