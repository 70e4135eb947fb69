#include "hub/pekctl/output.h"

#include "shared/json/json_writer.h"

#define OUTPUT_BYTES_MAX (4u * 1024 * 1024)
#define COLUMNS_MAX 16

static void print_json(FILE *file, struct json_writer *json, struct buffer *buffer)
{
    if (json_writer_finish(json) == STATUS_OK)
        fprintf(file, "%.*s\n", (int)buffer->len, buffer->ptr);
    buffer_done(buffer);
}

/* Characters of UTF-8 text: bytes that do not continue one. */
static int width_of(const char *text)
{
    int width = 0;
    for (; *text; text++)
        width += (*text & 0xC0) != 0x80;
    return width;
}

static void print_cell(FILE *out, const char *text, int width, bool last)
{
    fprintf(out, "%s%*s", text, last ? 0 : width - width_of(text) + 2, "");
}

static void print_table(FILE *out, const PGresult *rows)
{
    int widths[COLUMNS_MAX] = {0};
    int columns = PQnfields(rows) < COLUMNS_MAX ? PQnfields(rows) : COLUMNS_MAX;

    for (int c = 0; c < columns; c++) {
        widths[c] = width_of(PQfname(rows, c));
        for (int r = 0; r < PQntuples(rows); r++) {
            int width = width_of(PQgetvalue(rows, r, c));
            widths[c] = width > widths[c] ? width : widths[c];
        }
    }
    for (int r = -1; r < PQntuples(rows); r++) {
        for (int c = 0; c < columns; c++)
            print_cell(out, r < 0 ? PQfname(rows, c) : PQgetvalue(rows, r, c), widths[c],
                       c == columns - 1);
        fputc('\n', out);
    }
}

void output_rows(FILE *out, const PGresult *rows, bool json)
{
    struct buffer buffer;
    struct json_writer writer;

    if (!json) {
        print_table(out, rows);
        return;
    }
    buffer_init(&buffer, OUTPUT_BYTES_MAX);
    json_writer_init(&writer, &buffer);
    json_array(&writer);
    for (int r = 0; r < PQntuples(rows); r++) {
        json_object(&writer);
        for (int c = 0; c < PQnfields(rows); c++) {
            json_key(&writer, PQfname(rows, c));
            if (PQgetisnull(rows, r, c))
                json_null(&writer);
            else
                json_str(&writer, PQgetvalue(rows, r, c));
        }
        json_object_end(&writer);
    }
    json_array_end(&writer);
    print_json(out, &writer, &buffer);
}

void output_change(FILE *out, const char *what, const char *name, const char *status, bool json)
{
    struct buffer buffer;
    struct json_writer writer;

    if (!json) {
        fprintf(out, "%s %s is %s\n", what, name, status);
        return;
    }
    buffer_init(&buffer, OUTPUT_BYTES_MAX);
    json_writer_init(&writer, &buffer);
    json_object(&writer);
    json_key(&writer, what), json_str(&writer, name);
    json_key(&writer, "status"), json_str(&writer, status);
    json_object_end(&writer);
    print_json(out, &writer, &buffer);
}

void output_fault(FILE *err, const struct fault *fault, bool json)
{
    struct buffer buffer;
    struct json_writer writer;

    if (!json) {
        fprintf(err, "pekctl: %s%s%s\n", fault->field, fault->field[0] ? ": " : "", fault->text);
        return;
    }
    buffer_init(&buffer, OUTPUT_BYTES_MAX);
    json_writer_init(&writer, &buffer);
    json_object(&writer);
    json_key(&writer, "error");
    json_object(&writer);
    json_key(&writer, "status"), json_str(&writer, status_name(fault->status));
    json_key(&writer, "field"), json_str(&writer, fault->field);
    json_key(&writer, "message"), json_str(&writer, fault->text);
    json_object_end(&writer);
    json_object_end(&writer);
    print_json(err, &writer, &buffer);
}
