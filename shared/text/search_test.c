#include "shared/text/search.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct arena arena;
    struct fault fault;
    struct search search;
};

static int open_fixture(void **state)
{
    static struct fixture fixture;
    memset(&fixture, 0, sizeof(fixture));
    arena_init(&fixture.arena, 1u << 20);
    *state = &fixture;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *f = *state;
    arena_done(&f->arena);
    return 0;
}

/* Slices joined by a blank. */
static const char *joined(struct fixture *f, const struct slice *slices, size_t count)
{
    const char *all = "";
    for (size_t i = 0; i < count; i++)
        all = arena_printf(&f->arena, "%s%s%.*s", all, i ? " " : "", SLICE_ARG(slices[i]));
    assert_non_null(all);
    return all;
}

static void assert_search(struct fixture *f, const char *text, const char *patterns,
                          const char *grams)
{
    assert_int_equal(search_parse(text, "q", &f->arena, &f->search, &f->fault), STATUS_OK);
    assert_string_equal(joined(f, f->search.patterns, f->search.pattern_count), patterns);
    assert_string_equal(joined(f, f->search.grams, f->search.gram_count), grams);
}

static void words_are_folded_and_escaped(void **state)
{
    struct fixture *f = *state;
    assert_search(f, "  ÁRVÍZTŰRŐ 100%_\\ ", "%arvizturo% %100\\%\\_\\\\%",
                  "arvi 100% ztur 0%_\\ turo");
}

static void nothing_typed_searches_for_nothing(void **state)
{
    struct fixture *f = *state;
    assert_search(f, "", "", "");
    assert_search(f, " \t ", "", "");
}

static void grams_of_a_word_are_all_of_it(void **state)
{
    struct fixture *f = *state;
    assert_search(f, "a", "%a%", "a");
    assert_search(f, "Kör", "%kor%", "kor");
    assert_search(f, "körö", "%koro%", "koro");
    assert_search(f, "abcdef", "%abcdef%", "abcd cdef");
    assert_search(f, "abcdefg", "%abcdefg%", "abcd defg");
    /* Letters, not bytes. */
    assert_search(f, "🎉🎊日本語", "%🎉🎊日本語%", "🎉🎊日本 🎊日本語");
}

static void every_word_has_a_gram_before_one_has_two(void **state)
{
    struct fixture *f = *state;
    assert_search(f, "abcdef x ghijk", "%abcdef% %x% %ghijk%", "abcd x ghij cdef hijk");
    static const char many[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                               " b c d e f g h i j k l m n o p";
    assert_int_equal(search_parse(many, "q", &f->arena, &f->search, &f->fault), STATUS_OK);
    assert_int_equal(f->search.gram_count, SEARCH_GRAMS_MAX);
    assert_string_equal(joined(f, f->search.grams + 1, 15), "b c d e f g h i j k l m n o p");
}

static void text_that_is_no_search_is_refused(void **state)
{
    struct fixture *f = *state;
    static char text[802];
    static const char *const bad[] = {"a b c d e f g h i j k l m n o p q", "a\xff", text};
    memset(text, 'a', sizeof(text) - 1);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        f->fault = (struct fault){0};
        assert_int_equal(search_parse(bad[i], "filter.q", &f->arena, &f->search, &f->fault),
                         STATUS_INVALID_ARGUMENT);
        assert_string_equal(f->fault.field, "filter.q");
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(words_are_folded_and_escaped),      TEST(nothing_typed_searches_for_nothing),
        TEST(grams_of_a_word_are_all_of_it),     TEST(every_word_has_a_gram_before_one_has_two),
        TEST(text_that_is_no_search_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
