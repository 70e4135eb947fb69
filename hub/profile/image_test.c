#include "hub/profile/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "shared/base/buffer.h"

#define PNG "image/png"
#define JPEG "image/jpeg"
#define FILE_BYTES_MAX (1u << 20)

struct file {
    struct arena arena;
    struct buffer bytes;
    struct image image;
    struct fault fault;
};

static int setup(void **state)
{
    struct file *file = calloc(1, sizeof(*file));
    arena_init(&file->arena, 1u << 22);
    buffer_init(&file->bytes, FILE_BYTES_MAX);
    *state = file;
    return file ? 0 : -1;
}

static int teardown(void **state)
{
    struct file *file = *state;
    buffer_done(&file->bytes);
    arena_done(&file->arena);
    free(file);
    return 0;
}

static enum status clean(struct file *file, const char *type)
{
    file->fault = (struct fault){0};
    enum status status =
        image_clean(buffer_slice(&file->bytes), type, &file->arena, &file->image, &file->fault);
    if (status != STATUS_OK)
        assert_string_equal(file->fault.field, "media");
    return status;
}

static void assert_refused(struct file *file, const char *type, const char *why)
{
    assert_int_equal(clean(file, type), STATUS_INVALID_ARGUMENT);
    if (!strstr(file->fault.text, why))
        fail_msg("%s: %s", why, file->fault.text);
}

/* Cleaned it is as it was. */
static void assert_kept_as_it_is(struct file *file, const char *type)
{
    if (clean(file, type) != STATUS_OK)
        fail_msg("%s", file->fault.text);
    assert_true(slice_equal(file->image.bytes, buffer_slice(&file->bytes)));
}

static bool has(struct slice bytes, const char *text, size_t len)
{
    return memmem(bytes.ptr, bytes.len, text, len) != NULL;
}

/* ---- PNG ---- */

static void put_u32(struct buffer *out, uint32_t value)
{
    const unsigned char bytes[] = {(unsigned char)(value >> 24), (unsigned char)(value >> 16),
                                   (unsigned char)(value >> 8), (unsigned char)value};
    buffer_append(out, bytes, sizeof(bytes));
}

static void put_chunk(struct file *file, const char *type, const void *data, size_t len)
{
    put_u32(&file->bytes, (uint32_t)len);
    size_t from = file->bytes.len;
    buffer_append(&file->bytes, type, 4);
    buffer_append(&file->bytes, data, len);
    put_u32(&file->bytes,
            (uint32_t)crc32(0, (const unsigned char *)file->bytes.ptr + from, (uInt)(len + 4)));
}

static void put_png_header(struct file *file, uint32_t width, uint32_t height, int depth,
                           int colour)
{
    unsigned char data[13] = {0};
    buffer_reset(&file->bytes);
    buffer_append(&file->bytes, "\x89PNG\r\n\x1A\n", 8);
    for (int i = 0; i < 4; i++) {
        data[i] = (unsigned char)(width >> (24 - 8 * i));
        data[4 + i] = (unsigned char)(height >> (24 - 8 * i));
    }
    data[8] = (unsigned char)depth;
    data[9] = (unsigned char)colour;
    put_chunk(file, "IHDR", data, sizeof(data));
}

/* A white pixel of one byte. */
static void put_pixels(struct file *file)
{
    unsigned char packed[64];
    uLongf len = sizeof(packed);
    assert_int_equal(compress(packed, &len, (const unsigned char *)"\0\xFF", 2), Z_OK);
    put_chunk(file, "IDAT", packed, len);
}

static void put_png(struct file *file)
{
    put_png_header(file, 1, 1, 8, 0);
    put_pixels(file);
    put_chunk(file, "IEND", "", 0);
}

static void png_is_what_it_is(void **state)
{
    struct file *file = *state;
    put_png_header(file, 640, 480, 8, 3);
    put_chunk(file, "gAMA", "\0\0\x8F\x0B", 4);
    put_chunk(file, "PLTE", "\1\2\3\4\5\6", 6);
    put_chunk(file, "tRNS", "\x7F", 1);
    put_pixels(file);
    put_pixels(file);
    put_chunk(file, "IEND", "", 0);
    assert_kept_as_it_is(file, PNG);
    assert_int_equal(file->image.width, 640);
    assert_int_equal(file->image.height, 480);
}

static void png_loses_what_tells_of_its_owner(void **state)
{
    struct file *file = *state;
    put_png(file);
    struct slice plain = arena_copy(&file->arena, buffer_slice(&file->bytes));
    put_png_header(file, 1, 1, 8, 0);
    put_chunk(file, "tEXt", "Author\0Bob", 10);
    /* A profile has a name; and what shows colours holds no more than that takes. */
    put_chunk(file, "iCCP", "Bob\0\0x", 6);
    put_chunk(file, "gAMA",
              "\0\0\x8F\x0B"
              "Bob",
              7);
    put_chunk(file, "eXIf", "MM\0*GPS", 7);
    put_chunk(file, "tIME", "\x07\xEA\1\1\1\1\1", 7);
    put_pixels(file);
    put_chunk(file, "iTXt", "where\0here", 10);
    put_chunk(file, "IEND", "", 0);
    assert_int_equal(clean(file, PNG), STATUS_OK);
    assert_true(slice_equal(file->image.bytes, plain));
}

static void png_that_is_none_is_refused(void **state)
{
    struct file *file = *state;
    put_png(file);
    assert_refused(file, JPEG, "no JPEG");
    buffer_append(&file->bytes, "<script>", 8);
    assert_refused(file, PNG, "follows the end");
    put_png(file);
    file->bytes.ptr[file->bytes.len - 20] ^= 1;
    assert_refused(file, PNG, "check sum");
    put_png_header(file, 1, 1, 8, 0);
    put_chunk(file, "IEND", "", 0);
    assert_refused(file, PNG, "no pixels");
    put_png_header(file, 1, 1, 8, 3);
    put_pixels(file);
    assert_refused(file, PNG, "not where");
    put_png_header(file, 1, 1, 8, 0);
    put_pixels(file);
    put_chunk(file, "tEXt", "a\0b", 3);
    put_pixels(file);
    assert_refused(file, PNG, "not where");
    put_png_header(file, 1, 1, 8, 0);
    put_chunk(file, "EVIL", "x", 1);
    assert_refused(file, PNG, "no browser knows");
    buffer_reset(&file->bytes);
    buffer_append(&file->bytes, "\x89PNG\r\n\x1A\n", 8);
    put_pixels(file);
    assert_refused(file, PNG, "begin with its header");
    buffer_reset(&file->bytes);
    assert_refused(file, PNG, "no PNG");
}

static void png_has_a_size_and_colours_that_there_are(void **state)
{
    static const struct {
        uint32_t width, height;
        int depth, colour;
        const char *why;
    } headers[] = {
        {0, 1, 8, 0, "pixels"},  {1, 4097, 8, 0, "pixels"}, {0x7FFFFFFF, 1, 8, 0, "pixels"},
        {1, 1, 3, 0, "colours"}, {1, 1, 16, 3, "colours"},  {1, 1, 4, 2, "colours"},
        {1, 1, 8, 1, "colours"}, {1, 1, 8, 7, "colours"},   {1, 1, 0, 0, "colours"},
    };
    struct file *file = *state;
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        put_png_header(file, headers[i].width, headers[i].height, headers[i].depth,
                       headers[i].colour);
        put_pixels(file);
        put_chunk(file, "IEND", "", 0);
        assert_refused(file, PNG, headers[i].why);
    }
}

/* ---- JPEG ---- */

static void put_segment(struct file *file, int marker, const void *data, size_t len)
{
    const unsigned char head[] = {0xFF, (unsigned char)marker, (unsigned char)((len + 2) >> 8),
                                  (unsigned char)(len + 2)};
    buffer_append(&file->bytes, head, sizeof(head));
    buffer_append(&file->bytes, data, len);
}

static void begin_jpeg(struct file *file)
{
    buffer_reset(&file->bytes);
    buffer_append(&file->bytes, "\xFF\xD8", 2);
}

static void put_frame(struct file *file, int marker, unsigned height, unsigned width)
{
    const unsigned char data[] = {8,
                                  (unsigned char)(height >> 8),
                                  (unsigned char)height,
                                  (unsigned char)(width >> 8),
                                  (unsigned char)width,
                                  1,
                                  1,
                                  0x11,
                                  0};
    put_segment(file, marker, data, sizeof(data));
}

/* What follows the markers of applications in a grey image. */
static void put_jpeg_body(struct file *file, int frame, unsigned height, unsigned width)
{
    unsigned char table[65] = {0}, codes[18] = {0, 1};
    memset(table + 1, 1, 64);
    put_segment(file, 0xDB, table, sizeof(table));
    put_frame(file, frame, height, width);
    put_segment(file, 0xC4, codes, sizeof(codes));
    codes[0] = 0x10;
    put_segment(file, 0xC4, codes, sizeof(codes));
    put_segment(file, 0xDA, "\1\1\0\0\x3F\0", 6);
    buffer_append(&file->bytes, "\x3F\xFF\0\xFF\xD0\x3F\xFF\xD9", 8);
}

static void put_jpeg(struct file *file)
{
    begin_jpeg(file);
    put_segment(file, 0xE0, "JFIF\0\1\1\0\0\1\0\1\0\0", 14);
    put_jpeg_body(file, 0xC0, 8, 8);
}

static void jpeg_is_what_it_is(void **state)
{
    struct file *file = *state;
    put_jpeg(file);
    assert_kept_as_it_is(file, JPEG);
    begin_jpeg(file);
    put_segment(file, 0xEE, "Adobe\0\x64\0\0\0\0\1", 12);
    put_segment(file, 0xE2, "ICC_PROFILE\0\1\1profile", 21);
    put_jpeg_body(file, 0xC2, 600, 800);
    assert_kept_as_it_is(file, JPEG);
    assert_int_equal(file->image.width, 800);
    assert_int_equal(file->image.height, 600);
}

/* Exif with a place, and the orientation in either order of bytes. */
static void put_exif(struct file *file, bool big_endian, int orientation)
{
    unsigned char big[] = "Exif\0\0MM\0*\0\0\0\x08\0\2\x88\x25\0\4\0\0\0\1\0\0\0\x26"
                          "\1\x12\0\3\0\0\0\1\0\6\0\0GPS here";
    unsigned char little[] = "Exif\0\0II*\0\x08\0\0\0\2\0\x25\x88\4\0\1\0\0\0\x26\0\0\0"
                             "\x12\1\3\0\1\0\0\0\6\0\0\0GPS here";
    big[6 + 8 + 2 + 12 + 9] = (unsigned char)orientation;
    little[6 + 8 + 2 + 12 + 8] = (unsigned char)orientation;
    _Static_assert(sizeof(big) == sizeof(little), "the same in either order");
    put_segment(file, 0xE1, big_endian ? big : little, sizeof(big) - 1);
}

static void jpeg_loses_what_tells_of_its_owner_and_stays_upright(void **state)
{
    static const char thumbnail[] = "JFIF\0\1\1\0\0\1\0\1\1\1RGB";
    static const char exif[] = "\xFF\xE1\0\x22"
                               "Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0";
    struct file *file = *state;
    for (int big_endian = 0; big_endian < 2; big_endian++) {
        begin_jpeg(file);
        put_segment(file, 0xE0, thumbnail, sizeof(thumbnail) - 1);
        put_exif(file, big_endian, 6);
        put_exif(file, big_endian, 3);
        put_segment(file, 0xE1, "http://ns.adobe.com/xap/1.0/\0Bob", 32);
        put_segment(file, 0xED, "Photoshop 3.0\0Bob", 17);
        put_segment(file, 0xFE, "by Bob", 6);
        put_jpeg_body(file, 0xC0, 8, 8);
        assert_int_equal(clean(file, JPEG), STATUS_OK);
        struct slice cleaned = arena_copy(&file->arena, file->image.bytes);
        assert_false(has(cleaned, "GPS", 3));
        assert_false(has(cleaned, "Bob", 3));
        assert_false(has(cleaned, "RGB", 3));
        assert_true(has(cleaned, exif, sizeof(exif) - 1));
        /* As if it had been so. */
        buffer_reset(&file->bytes);
        buffer_append_slice(&file->bytes, cleaned);
        assert_kept_as_it_is(file, JPEG);
    }
    begin_jpeg(file);
    put_exif(file, true, 1);
    put_jpeg_body(file, 0xC0, 8, 8);
    assert_int_equal(clean(file, JPEG), STATUS_OK);
    assert_false(has(file->image.bytes, "Exif", 4));
}

static void jpeg_that_is_none_is_refused(void **state)
{
    struct file *file = *state;
    put_jpeg(file);
    assert_refused(file, PNG, "no PNG");
    buffer_append(&file->bytes, "\0", 1);
    assert_refused(file, JPEG, "follows the end");
    begin_jpeg(file);
    buffer_append(&file->bytes, "\xFF\xD9", 2);
    assert_refused(file, JPEG, "no pixels");
    begin_jpeg(file);
    put_segment(file, 0xDA, "\1\1\0\0\x3F\0", 6);
    assert_refused(file, JPEG, "before it says");
    begin_jpeg(file);
    put_frame(file, 0xC0, 8, 8);
    put_frame(file, 0xC0, 8, 8);
    assert_refused(file, JPEG, "frame");
    begin_jpeg(file);
    put_frame(file, 0xC3, 8, 8);
    assert_refused(file, JPEG, "no browser knows");
    begin_jpeg(file);
    put_segment(file, 0xC0, "\x0C\0\x08\0\x08\1\1\x11\0", 9);
    assert_refused(file, JPEG, "frame");
    static const unsigned sizes[][2] = {{0, 8}, {8, 0}, {4097, 8}, {8, 65535}};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        begin_jpeg(file);
        put_jpeg_body(file, 0xC0, sizes[i][0], sizes[i][1]);
        assert_refused(file, JPEG, "pixels");
    }
}

/* Wherever a file ends early, it is none. */
static void file_that_is_cut_off_is_refused(void **state)
{
    struct file *file = *state;
    for (int kind = 0; kind < 2; kind++) {
        begin_jpeg(file);
        if (kind == 0) {
            put_png(file);
        } else {
            put_exif(file, false, 6);
            put_jpeg_body(file, 0xC0, 8, 8);
        }
        assert_int_equal(clean(file, kind ? JPEG : PNG), STATUS_OK);
        size_t whole = file->bytes.len;
        for (size_t len = 0; len < whole; len++) {
            /* Of exactly that length, so that a sanitizer sees what is read behind it. */
            char *cut = malloc(len + 1);
            memcpy(cut, file->bytes.ptr, len);
            struct image image;
            struct fault fault = {0};
            assert_int_equal(
                image_clean(slice_make(cut, len), kind ? JPEG : PNG, &file->arena, &image, &fault),
                STATUS_INVALID_ARGUMENT);
            free(cut);
            arena_reset(&file->arena);
        }
    }
}

#define IMAGE_TEST(body) cmocka_unit_test_setup_teardown(body, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IMAGE_TEST(png_is_what_it_is),
        IMAGE_TEST(png_loses_what_tells_of_its_owner),
        IMAGE_TEST(png_that_is_none_is_refused),
        IMAGE_TEST(png_has_a_size_and_colours_that_there_are),
        IMAGE_TEST(jpeg_is_what_it_is),
        IMAGE_TEST(jpeg_loses_what_tells_of_its_owner_and_stays_upright),
        IMAGE_TEST(jpeg_that_is_none_is_refused),
        IMAGE_TEST(file_that_is_cut_off_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
