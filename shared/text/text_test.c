#include "shared/text/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shared/base/utf8.h"

#define FOR_EACH(item, list) for (size_t item = 0; item < sizeof(list) / sizeof((list)[0]); item++)

static int arena_make(void **state)
{
    static struct arena arena;
    arena_init(&arena, 32u * 1024 * 1024);
    *state = &arena;
    return 0;
}

static int arena_remove(void **state)
{
    arena_done(*state);
    return 0;
}

static void assert_slice(struct slice got, const char *expected)
{
    assert_int_equal(got.len, strlen(expected));
    assert_memory_equal(got.ptr, expected, got.len);
}

static void assert_name(struct arena *arena, const char *name, const char *expected)
{
    struct slice got;
    assert_int_equal(text_normalise_name(slice_str(name), "name", arena, &got, NULL), STATUS_OK);
    assert_slice(got, expected);
}

static void assert_name_refused(struct arena *arena, struct slice name)
{
    struct fault fault = {0};
    struct slice got = {0};
    assert_int_equal(text_normalise_name(name, "group.name", arena, &got, &fault),
                     STATUS_INVALID_ARGUMENT);
    assert_string_equal(fault.field, "group.name");
    assert_true(fault.text[0] != '\0');
    assert_null(got.ptr);
}

static void name_is_stored_composed_trimmed_and_collapsed(void **state)
{
    assert_name(*state, "KIR Dev", "KIR Dev");
    assert_name(*state, "  KIR \xc2\xa0  Dev\xe3\x80\x80 ", "KIR Dev");
    assert_name(*state, "o\xcc\x8b", "ő");
    assert_name(*state, "Ne\xcc\x81pta\xcc\x81ncosok", "Néptáncosok");
    assert_name(*state, "c++", "c++");
    assert_name(*state, "' % _ \\ \"", "' % _ \\ \"");
    assert_name(*state, "日本語 🍆", "日本語 🍆");
    assert_name(*state, "ﬁ Ⅳ", "ﬁ Ⅳ"); /* compatibility characters are kept */
}

static void name_rejects_empty_and_blank(void **state)
{
    assert_name_refused(*state, slice_str(NULL));
    assert_name_refused(*state, SLICE_LIT(""));
    assert_name_refused(*state, SLICE_LIT(" "));
    assert_name_refused(*state, SLICE_LIT("\xc2\xa0\xe2\x80\x83 "));
}

static void name_rejects_control_characters_wherever_they_are(void **state)
{
    struct slice bad[] = {
        SLICE_LIT("a\nb"),      SLICE_LIT("a\n"),           SLICE_LIT("\ta"),
        SLICE_LIT("a\rb"),      SLICE_LIT("a\0b"),          SLICE_LIT("\0"),
        SLICE_LIT("a\x1b["),    SLICE_LIT("a\x7f"),         SLICE_LIT("a\xc2\x85"),
        SLICE_LIT("a\xc2\x9f"), SLICE_LIT("a\xe2\x80\xa8"), SLICE_LIT("a\xe2\x80\xa9"),
    };
    FOR_EACH (i, bad)
        assert_name_refused(*state, bad[i]);
}

static void name_rejects_what_cannot_be_seen(void **state)
{
    const char *bad[] = {
        "\u200b",  "a\u200bb", "a\u200c", "a\u200d",  "a\ufeff", "\u2060x",     "a\u202eb",
        "a\u202a", "a\u2066b", "a\u2069", "a\u200e",  "a\u200f", "a\u061c",     "so\u00adft",
        "a\u180e", "a\u3164",  "a\u115f", "a\u034f",  "❤\ufe0f", "a\U000e0041", "a\U000e0100",
        "a\u2064", "a\ufff9",  "\u2800",  "a\u2800b", "\ufffc",  "\U0001d159",
    };
    FOR_EACH (i, bad)
        assert_name_refused(*state, slice_str(bad[i]));
}

static void name_rejects_what_is_no_character(void **state)
{
    const char *bad[] = {"a\ufffe",    "\ufdd0",  "\U0001ffff", "\U0010ffff", "\ue000",
                         "\U000f0000", "\u0301a", " \u0301",    "\u20dd"};
    FOR_EACH (i, bad)
        assert_name_refused(*state, slice_str(bad[i]));
}

static void name_has_few_marks_on_one_letter(void **state)
{
#define EIGHT_MARKS "\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301"
    assert_name(*state, "xq" EIGHT_MARKS, "xq" EIGHT_MARKS);
    assert_name(*state, "q" EIGHT_MARKS "q\u0301", "q" EIGHT_MARKS "q\u0301");
    assert_name_refused(*state, SLICE_LIT("xq" EIGHT_MARKS "\u0301"));
}

static void name_rejects_invalid_utf8(void **state)
{
    const char *bad[] = {"\xff",
                         "a\x80",
                         "a\xc3",
                         "\xc0\xaf",
                         "\xe0\x80\xaf",
                         "\xed\xa0\x80",
                         "\xed\xbf\xbf",
                         "\xed\xa0\xbd\xed\xb8\x80",
                         "\xf4\x90\x80\x80",
                         "\xf8\x88\x80\x80\x80",
                         "\xf0\x9f\x8d"};
    FOR_EACH (i, bad) {
        assert_name_refused(*state, slice_str(bad[i]));
        struct slice got;
        assert_int_equal(text_fold(slice_str(bad[i]), *state, &got), STATUS_INVALID_ARGUMENT);
        assert_int_equal(text_unique_key(slice_str(bad[i]), *state, &got), STATUS_INVALID_ARGUMENT);
    }
}

static void name_has_at_most_200_characters_not_bytes(void **state)
{
    char name[4 * (TEXT_NAME_CHARS_MAX + 1) + 1] = "";
    for (int i = 0; i < TEXT_NAME_CHARS_MAX; i++)
        memcpy(name + 4 * i, "🍆", 5);
    assert_name(*state, name, name);
    memcpy(name + 4 * TEXT_NAME_CHARS_MAX, "x", 2);
    assert_name_refused(*state, slice_str(name));
    /* Counted after composing, trimming and collapsing. */
    char loose[3 * TEXT_NAME_CHARS_MAX + 8] = "  ";
    for (int i = 0; i < TEXT_NAME_CHARS_MAX; i++)
        memcpy(loose + 2 + 3 * i, "o\xcc\x8b", 4);
    struct slice got;
    assert_int_equal(text_normalise_name(slice_str(loose), NULL, *state, &got, NULL), STATUS_OK);
    assert_int_equal(text_chars(got), TEXT_NAME_CHARS_MAX);
    assert_int_equal(got.len, 2 * TEXT_NAME_CHARS_MAX);
}

static void oversize_input_is_refused_at_once(void **state)
{
    static char large[TEXT_BYTES_MAX + 1];
    memset(large, 'a', sizeof(large));
    assert_name_refused(*state, slice_make(large, sizeof(large)));
    assert_name_refused(*state,
                        slice_make(large, sizeof(large) - 1)); /* of a length that is read */
    struct slice got;
    assert_int_equal(text_fold(slice_make(large, sizeof(large)), *state, &got),
                     STATUS_INVALID_ARGUMENT);
    assert_int_equal(text_like_escape(slice_make(large, sizeof(large)), *state, &got),
                     STATUS_INVALID_ARGUMENT);
    assert_int_equal(text_fold(slice_make(large, sizeof(large) - 1), *state, &got), STATUS_OK);
}

static void a_full_arena_is_reported(void **state)
{
    (void)state;
    for (size_t bytes_max = 0; bytes_max < 64; bytes_max++) {
        struct arena small;
        arena_init(&small, bytes_max);
        struct slice got;
        struct fault fault = {0};
        enum status status = text_normalise_name(SLICE_LIT("Ne\xcc\x81pta\xcc\x81ncosok köre"),
                                                 "name", &small, &got, &fault);
        assert_int_equal(status, STATUS_RESOURCE_EXHAUSTED);
        assert_int_equal(fault.status, status);
        arena_done(&small);
    }
}

static void assert_prose(struct arena *arena, const char *prose, const char *expected)
{
    struct slice got;
    assert_int_equal(text_normalise_prose(slice_str(prose), 100, "description", arena, &got, NULL),
                     STATUS_OK);
    assert_slice(got, expected);
}

static void prose_keeps_lines_and_joined_emoji(void **state)
{
    assert_prose(*state, "", "");
    assert_prose(*state, " \r\n ", "");
    assert_prose(*state, "one\r\ntwo\rthree\n\nfour", "one\ntwo\nthree\n\nfour");
    assert_prose(*state, "a\r\r\nb\n\rc", "a\n\nb\n\nc");
    assert_prose(*state, "\n\ta\t b \n", "a\t b");
    assert_prose(*state, "e\xcc\x81", "é");
    assert_prose(*state, "👩\u200d💻 ❤\ufe0f", "👩\u200d💻 ❤\ufe0f");
}

static void prose_rejects_controls_directions_and_excess(void **state)
{
    struct slice bad[] = {SLICE_LIT("a\0b"),     SLICE_LIT("a\x1b[0m"), SLICE_LIT("a\u202eb"),
                          SLICE_LIT("a\u2066b"), SLICE_LIT("a\ufdd0"),  SLICE_LIT("a\xff"),
                          SLICE_LIT("123456")};
    FOR_EACH (i, bad) {
        struct fault fault = {0};
        struct slice got;
        assert_int_equal(text_normalise_prose(bad[i], 5, "description", *state, &got, &fault),
                         STATUS_INVALID_ARGUMENT);
        assert_string_equal(fault.field, "description");
    }
    assert_prose(*state, "12345", "12345");
}

static void assert_same_key(struct arena *arena, const char *a, const char *b, bool same)
{
    struct slice first, second;
    assert_int_equal(text_unique_key(slice_str(a), arena, &first), STATUS_OK);
    assert_int_equal(text_unique_key(slice_str(b), arena, &second), STATUS_OK);
    assert_int_equal(slice_equal(first, second), same);
}

static void names_equal_after_form_case_and_blanks_have_one_key(void **state)
{
    assert_same_key(*state, "ő", "o\xcc\x8b", true);
    assert_same_key(*state, "Kir-Dev", "KIR-DEV", true);
    assert_same_key(*state, " KIR   Dev ", "kir dev", true);
    assert_same_key(*state,
                    "KIR\xc2\xa0"
                    "Dev",
                    "kir dev", true);
    assert_same_key(*state, "ÁRVÍZTŰRŐ", "árvíztűrő", true);
    assert_same_key(*state, "STRASSE", "straße", true);
    assert_same_key(*state, "ΣΊΣΥΦΟΣ", "σίσυφος", true);
    /* Accents and inner blanks tell names apart. */
    assert_same_key(*state, "kör", "kor", false);
    assert_same_key(*state, "öt", "őt", false);
    assert_same_key(*state, "kirdev", "kir dev", false);
    assert_same_key(*state, "a_b", "axb", false);
    assert_same_key(*state, "I", "ı", false); /* not Turkish */
}

static void assert_fold(struct arena *arena, const char *text, const char *expected)
{
    struct slice got, again;
    assert_int_equal(text_fold(slice_str(text), arena, &got), STATUS_OK);
    assert_slice(got, expected);
    assert_int_equal(text_fold(got, arena, &again), STATUS_OK);
    assert_true(slice_equal(got, again));
}

static void folding_makes_one_of_o_and_its_accents(void **state)
{
    assert_fold(*state, "o", "o");
    assert_fold(*state, "ó", "o");
    assert_fold(*state, "Ö", "o");
    assert_fold(*state, "ő", "o");
    assert_fold(*state, "O\xcc\x8b", "o");
    assert_fold(*state, "árvíztűrő tükörfúrógép", "arvizturo tukorfurogep");
    assert_fold(*state, "ÁRVÍZTŰRŐ TÜKÖRFÚRÓGÉP", "arvizturo tukorfurogep");
    assert_fold(*state, "ARVIZTURO", "arvizturo");
}

static void folding_drops_what_a_searcher_would_not_type(void **state)
{
    assert_fold(*state, "  Kovács \n Béla ", "kovacs bela");
    assert_fold(*state, "ﬁx Ⅳ m²", "fix iv m2");
    assert_fold(*state, "so\u00adft\u200b", "soft");
    assert_fold(*state, "❤\ufe0f", "❤");
    assert_fold(*state, "straße", "strasse");
    assert_fold(*state, "İstanbul", "istanbul");
    assert_fold(*state, "%_\\", "%_\\"); /* escaping is another matter */
    assert_fold(*state, "", "");
    /* Parts of letters elsewhere stay. */
    assert_fold(*state, "が", "が");
    assert_fold(*state, "한글", "한글");
    assert_fold(*state, "हिन्दी", "हिन्दी");
}

static void forms_that_are_many_times_longer_fit(void **state)
{
    char ligatures[301] = "", blessings[301] = "";
    for (int i = 0; i < 100; i++) {
        memcpy(ligatures + 3 * i, "ﬃ", 4);
        memcpy(blessings + 3 * i, "ﷺ", 4); /* 18 characters when written out */
    }
    struct slice got;
    assert_int_equal(text_unique_key(slice_str(ligatures), *state, &got), STATUS_OK);
    assert_int_equal(got.len, 300);
    assert_memory_equal(got.ptr + 297, "ffi", 3);
    assert_int_equal(text_fold(slice_str(blessings), *state, &got), STATUS_OK);
    assert_int_equal(text_chars(got), 1800);
}

static void white_space_is_trimmed_from_any_bytes(void **state)
{
    static const char *const cases[][2] = {
        {"", ""},
        {" \t\r\n", ""},
        {"\u00a0 a  b\u2003", "a  b"},
        {"\xff ", "\xff"},
        {" \xa0x\xc2", "\xa0x\xc2"},
        {"\u3000ő\u2028", "ő"},
        {"\u200b ", "\u200b"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_true(slice_equal_str(text_trim(slice_str(cases[i][0])), cases[i][1]));
    assert_int_equal(text_trim(slice_make(NULL, 0)).len, 0);
}

static void wildcards_are_escaped_for_like(void **state)
{
    struct slice got;
    assert_int_equal(text_like_escape(SLICE_LIT("a_b%c\\d"), *state, &got), STATUS_OK);
    assert_slice(got, "a\\_b\\%c\\\\d");
    assert_int_equal(text_like_escape(slice_str(NULL), *state, &got), STATUS_OK);
    assert_int_equal(got.len, 0);
    assert_int_equal(text_like_escape(SLICE_LIT("őű"), *state, &got), STATUS_OK);
    assert_slice(got, "őű");
}

static void assert_slug(struct arena *arena, const char *name, const char *expected)
{
    struct slice got;
    assert_int_equal(text_slug(slice_str(name), "name", arena, &got, NULL), STATUS_OK);
    assert_slice(got, expected);
    assert_true(text_is_slug(got));
}

static void a_slug_is_made_of_any_latin_name(void **state)
{
    assert_slug(*state, "Kir-Dev", "kir-dev");
    assert_slug(*state, "Árvíztűrő Tükörfúrógép!", "arvizturo-tukorfurogep");
    assert_slug(*state, "c++", "c");
    assert_slug(*state, "__a__b--c", "a__b-c");
    assert_slug(*state, "  .-B ", "b");
    assert_slug(*state, "7. emelet", "7-emelet");
    assert_slug(*state, "日本 Kör", "kor");
    assert_slug(*state, "x@y", "x-y");
}

static void a_slug_is_cut_without_a_dash_at_its_end(void **state)
{
    char name[80];
    memset(name, 'a', sizeof(name));
    name[79] = '\0';
    struct slice got;
    assert_int_equal(text_slug(slice_str(name), NULL, *state, &got, NULL), STATUS_OK);
    assert_int_equal(got.len, TEXT_SLUG_CHARS_MAX);
    for (size_t blank = 60; blank < 66; blank++) {
        name[blank] = ' ';
        assert_int_equal(text_slug(slice_str(name), NULL, *state, &got, NULL), STATUS_OK);
        assert_true(text_is_slug(got));
        assert_int_equal(got.ptr[got.len - 1], 'a');
        name[blank] = 'a';
    }
}

static void a_name_without_latin_letters_has_no_slug(void **state)
{
    const char *bad[] = {"", "日本", "---", "___", "!?"};
    FOR_EACH (i, bad) {
        struct fault fault = {0};
        struct slice got;
        assert_int_equal(text_slug(slice_str(bad[i]), "group.name", *state, &got, &fault),
                         STATUS_INVALID_ARGUMENT);
        assert_string_equal(fault.field, "group.name");
    }
}

static void slugs_are_recognised(void **state)
{
    (void)state;
    assert_true(text_is_slug(SLICE_LIT("a")));
    assert_true(text_is_slug(SLICE_LIT("0_-x")));
    const char *bad[] = {"", "-a", "_a", "A", "a.b", "a b", "á", "a@b", "a\n"};
    FOR_EACH (i, bad)
        assert_false(text_is_slug(slice_str(bad[i])));
    char longest[TEXT_SLUG_CHARS_MAX + 1];
    memset(longest, 'a', sizeof(longest));
    assert_true(text_is_slug(slice_make(longest, TEXT_SLUG_CHARS_MAX)));
    assert_false(text_is_slug(slice_make(longest, TEXT_SLUG_CHARS_MAX + 1)));
}

/* Random mixtures of what is known to be difficult: forms are stable, and forms of forms, too. */
static void forms_of_random_text_are_stable(void **state)
{
    static const char *const pieces[] = {
        "a",
        "A",
        "o",
        "\xcc\x8b",
        "\xcc\x81",
        "\u0327",
        "\u0345",
        "ᾳ",
        "ß",
        "İ",
        "ı",
        "ﬁ",
        "ǰ",
        "Ω",
        "ς",
        " ",
        "\u00a0",
        "\u1e9e",
        "\u0130\u0307",
        "한",
        "ᄒ",
        "が",
        "\u3099",
        "\u0344",
        "ŉ",
        "\u1fb7",
        "K",
        "\u01c5",
        "-",
        "_",
        "🍆",
    };
    unsigned seed = 7;
    for (int round = 0; round < 3000; round++) {
        char text[64] = "";
        for (int i = 0; i < 8; i++) {
            const char *piece = pieces[rand_r(&seed) % (sizeof(pieces) / sizeof(pieces[0]))];
            size_t len = strlen(text);
            snprintf(text + len, sizeof(text) - len, "%s", piece);
        }
        struct slice once, twice;
        arena_reset(*state);
        assert_int_equal(text_unique_key(slice_str(text), *state, &once), STATUS_OK);
        assert_int_equal(text_unique_key(once, *state, &twice), STATUS_OK);
        assert_true(slice_equal(once, twice));
        assert_int_equal(text_fold(slice_str(text), *state, &once), STATUS_OK);
        assert_int_equal(text_fold(once, *state, &twice), STATUS_OK);
        assert_true(slice_equal(once, twice));
        if (text_normalise_name(slice_str(text), NULL, *state, &once, NULL) != STATUS_OK)
            continue;
        assert_int_equal(text_normalise_name(once, NULL, *state, &twice, NULL), STATUS_OK);
        assert_true(slice_equal(once, twice));
        assert_true(utf8_valid(once));
        assert_same_key(*state, arena_strndup(*state, once.ptr, once.len), text, true);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, arena_make, arena_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(name_is_stored_composed_trimmed_and_collapsed),
        TEST(name_rejects_empty_and_blank),
        TEST(name_rejects_control_characters_wherever_they_are),
        TEST(name_rejects_what_cannot_be_seen),
        TEST(name_rejects_what_is_no_character),
        TEST(name_has_few_marks_on_one_letter),
        TEST(name_rejects_invalid_utf8),
        TEST(name_has_at_most_200_characters_not_bytes),
        TEST(oversize_input_is_refused_at_once),
        TEST(a_full_arena_is_reported),
        TEST(prose_keeps_lines_and_joined_emoji),
        TEST(prose_rejects_controls_directions_and_excess),
        TEST(names_equal_after_form_case_and_blanks_have_one_key),
        TEST(folding_makes_one_of_o_and_its_accents),
        TEST(folding_drops_what_a_searcher_would_not_type),
        TEST(forms_that_are_many_times_longer_fit),
        TEST(white_space_is_trimmed_from_any_bytes),
        TEST(wildcards_are_escaped_for_like),
        TEST(a_slug_is_made_of_any_latin_name),
        TEST(a_slug_is_cut_without_a_dash_at_its_end),
        TEST(a_name_without_latin_letters_has_no_slug),
        TEST(slugs_are_recognised),
        TEST(forms_of_random_text_are_stable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
