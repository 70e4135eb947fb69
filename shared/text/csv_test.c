#include "shared/text/csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define CELLS_MAX 4

static void written(const char *text, const char *expected)
{
    struct buffer out;

    buffer_init(&out, 256);
    csv_append(&out, slice_str(text));
    assert_int_equal(out.len, strlen(expected));
    assert_memory_equal(out.ptr ? out.ptr : "", expected, out.len);
    buffer_done(&out);
}

static void what_needs_quotes_has_them_and_formulas_are_none(void **state)
{
    (void)state;
    written("", "");
    written("Kör Béla", "Kör Béla");
    written("a,b", "\"a,b\"");
    written("say \"hi\"", "\"say \"\"hi\"\"\"");
    written("two\nlines", "\"two\nlines\"");
    written("=1+1", "'=1+1");
    written("+36", "'+36");
    written("-5", "'-5");
    written("@cmd", "'@cmd");
    written("\tx", "'\tx");
    written("\rx", "\"'\rx\"");
    written("  =1", "  '=1");
    written("well-known - and 1+1=2", "well-known - and 1+1=2");
    written("-2\r\n\"q\";=cmd|x\n@y", "\"'-2\r\n\"\"q\"\";'=cmd|x\n'@y\"");
    written("a;\t@b", "a;'\t'@b");
    /* What looks as if it had one has one more. */
    written("'=1+1", "''=1+1");
    written("''@x", "'''@x");
    written("'x", "'x");
    written("a;'=1", "a;''=1");
    /* Full-width, and behind what nobody sees. */
    written("＝1+1", "'＝1+1");
    written("＋1＝", "'＋1＝");
    written("－1", "'－1");
    written("＠x", "'＠x");
    written("\u200b=1", "\u200b'=1");
    written("\ufeff\u00a0＝1", "\ufeff\u00a0'＝1");
    written("ő＝1=", "ő＝1=");
    written("\xff=1", "\xff=1");
    written("=HYPERLINK(\"x\",\"y\")", "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\"");
}

/* Rows as "cell|cell;" behind their lines; or the fault. */
static const char *read_all(const char *text, struct arena *arena)
{
    struct csv csv;
    struct slice cells[CELLS_MAX];
    struct fault fault = {0};
    const char *told = "";
    size_t count;

    csv_init(&csv, slice_str(text));
    do {
        if (csv_read(&csv, "points_csv", arena, cells, CELLS_MAX, &count, &fault)) {
            assert_string_equal(fault.field, "points_csv");
            return arena_printf(arena, "%s", fault.text);
        }
        if (count > 0)
            told = arena_printf(arena, "%s%zu:", told, csv.line);
        for (size_t i = 0; i < count; i++)
            told = arena_printf(arena, "%s%.*s%s", told, SLICE_ARG(cells[i]),
                                i + 1 < count ? "|" : ";");
    } while (count > 0);
    return told;
}

static void rows_are_read_as_they_were_written(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 1 << 20);
    assert_string_equal(read_all("", &arena), "");
    assert_string_equal(read_all("\n\r\n", &arena), "");
    assert_string_equal(read_all("a", &arena), "1:a;");
    assert_string_equal(read_all("\xEF\xBB\xBF"
                                 "a,b\r\nc,d\r\n",
                                 &arena),
                        "1:a|b;2:c|d;");
    assert_string_equal(read_all("a,\n,b\n,\n", &arena), "1:a|;2:|b;3:|;");
    assert_string_equal(read_all("a,", &arena), "1:a|;");
    assert_string_equal(read_all("\"a,\"\"b\"\"\",\"two\r\nlines\"\nc", &arena),
                        "1:a,\"b\"|two\r\nlines;3:c;");
    assert_string_equal(read_all("\"\",\"\"\n", &arena), "1:|;");
    assert_string_equal(read_all("'=1,'x,'", &arena), "1:=1|'x|';");
    assert_string_equal(read_all("''=1,''@,'＝,''x", &arena), "1:'=1|'@|＝|''x;");
    /* Lines of an old Macintosh, and lines within a cell. */
    assert_string_equal(read_all("a\rb,c\r\rd", &arena), "1:a;2:b|c;4:d;");
    assert_string_equal(read_all("\"a\rb\r\nc\"\rd", &arena), "1:a\rb\r\nc;4:d;");
    /* Semicolons where the first row has them; a comma is part of a cell then. */
    assert_string_equal(read_all("\xEF\xBB\xBF"
                                 "a;b\r\n1,5;\"x;y\"\r\n;\r\n",
                                 &arena),
                        "1:a|b;2:1,5|x;y;3:|;");
    assert_string_equal(read_all("\"a;b;c\",d\n1,2\n", &arena), "1:a;b;c|d;2:1|2;");
    assert_string_equal(read_all("\"a,b,c\";d\n1;2\n", &arena), "1:a,b,c|d;2:1|2;");
    /* Tabs as they are copied, whatever a name has in it; and a first line that says it. */
    assert_string_equal(read_all("a\tb, c, d\n1\t2\n", &arena), "1:a|b, c, d;2:1|2;");
    assert_string_equal(read_all("\"a\tb\",c\n", &arena), "1:a\tb|c;");
    assert_string_equal(read_all("sep=;\r\na,b;c\r\n", &arena), "2:a,b|c;");
    assert_string_equal(read_all("\xEF\xBB\xBFSEP=,\ra;b;c,d", &arena), "2:a;b;c|d;");
    assert_string_equal(read_all("sep=;a\n", &arena), "1:sep=|a;");
    assert_string_equal(read_all("sep=", &arena), "1:sep=;");
    assert_string_equal(read_all("\r\n\na;b,;c", &arena), "3:a|b,|c;");
    arena_done(&arena);
}

/* Quoted cells take no more memory than they have letters. */
static void many_quoted_cells_are_read(void **state)
{
    struct arena arena;
    struct slice cells[CELLS_MAX];
    struct buffer text;
    struct csv csv;
    size_t count, rows = 0;

    (void)state;
    arena_init(&arena, 1 << 18);
    buffer_init(&text, 1 << 18);
    for (int i = 0; i < 2000; i++)
        buffer_append_str(&text, "\"a\",\"b\"\"\",\"c\",\"d\"\r\n");
    csv_init(&csv, buffer_slice(&text));
    do {
        assert_int_equal(csv_read(&csv, "points_csv", &arena, cells, CELLS_MAX, &count, NULL),
                         STATUS_OK);
        assert_true(count == 0 || slice_equal_str(cells[1], "b\""));
        rows += count > 0;
    } while (count > 0);
    assert_int_equal(rows, 2000);
    buffer_done(&text);
    arena_done(&arena);
}

static void what_is_no_csv_is_refused_by_its_line(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 1 << 20);
    assert_string_equal(read_all("a\nb\"c", &arena), "line 2: a quote stands inside a"
                                                     " cell that does not begin with one");
    assert_string_equal(read_all("\"a\"b", &arena),
                        "line 1: a separator belongs behind a quoted cell");
    assert_string_equal(read_all("\"a\n\n", &arena), "line 3: the quote does not end");
    assert_string_equal(read_all("1,2,3,4,5", &arena), "line 1: there are too many cells");
    assert_string_equal(read_all("1,2,3,4,", &arena), "line 1: there are too many cells");
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_needs_quotes_has_them_and_formulas_are_none),
        cmocka_unit_test(rows_are_read_as_they_were_written),
        cmocka_unit_test(many_quoted_cells_are_read),
        cmocka_unit_test(what_is_no_csv_is_refused_by_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
