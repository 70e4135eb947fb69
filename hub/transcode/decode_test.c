/* Bodies, queries and paths to messages, and messages to JSON, by vectors. */
#include "hub/transcode/fixture.h"

/* ---- JSON in and out ----------------------------------------------------------------------------- */

static void answers_show_defaults_and_hide_what_is_internal(void **state)
{
    (void)state;
    assert_string_equal(
        echo("POST /odd", "{}"),
        "{\"text\":\"\",\"flag\":false,\"i32\":0,\"i64\":\"0\",\"u32\":0,\"u64\":\"0\",\"s32\":0,"
        "\"f64\":\"0\",\"single\":0,\"real\":0,\"data\":\"\",\"colour\":\"NO_COLOUR\",\"inners\":[]"
        ","
        "\"texts\":[],\"numbers\":[],\"colours\":[],\"counts\":{},\"secrets\":{},\"times\":[],"
        "\"snakeCaseName\":\"\"}");
    assert_string_equal(echo("POST /odd", ""), echo("POST /odd", " {} "));
}

#define WHOLE32 "a whole number between -2147483648 and 2147483647"

static void too_large_bodies_are_refused(void **state)
{
    (void)state;
    static char body[200000];
    struct route_match match;
    struct transcode_request *request = NULL;
    int len = snprintf(body, sizeof(body), "{\"text\":\"%0100000d\"}", 0);
    assert_int_equal(make(odd, "POST /odd", slice_make(body, (size_t)len), &match, &request),
                     STATUS_RESOURCE_EXHAUSTED);
    assert_string_equal(fault.text, "the body has 100011 bytes, at most 100000 are taken");
    /* Of a method that says nothing, 64 KiB. */
    len = snprintf(body, sizeof(body), "{\"text\":\"%070000d\"}", 0);
    assert_int_equal(make(odd, "PATCH /update", slice_make(body, (size_t)len), &match, &request),
                     STATUS_RESOURCE_EXHAUSTED);
    assert_string_equal(fault.text, "the body has 70011 bytes, at most 65536 are taken");
    len = snprintf(body, sizeof(body), "{\"inners\":[{}");
    for (int i = 0; i < 20000; i++)
        len += snprintf(body + len, sizeof(body) - (size_t)len, ",{}");
    len += snprintf(body + len, sizeof(body) - (size_t)len, "]}");
    assert_int_equal(make(odd, "POST /odd", slice_make(body, (size_t)len), &match, &request),
                     STATUS_INVALID_ARGUMENT);
    assert_string_equal(fault.field, "inners[10000]");
}

/* ---- path, query, body --------------------------------------------------------------------------- */

static void query_parameters_set_fields(void **state)
{
    (void)state;
    static const struct {
        const char *line, *part;
    } cases[] = {
        {"GET /odd?text=a+b%21&", "\"text\":\"a b!\""},
        {"GET /odd?text=", "\"text\":\"\""},
        {"GET /odd?text", "\"text\":\"\""},
        {"GET /odd?flag=true&i32=-5&u64=18446744073709551615", "\"flag\":true,\"i32\":-5"},
        {"GET /odd?colour=RED", "\"colour\":\"RED\""},
        {"GET /odd?colour=BLUE&colours=COLOUR_BLUE", "\"colour\":\"BLUE\""},
        {"GET /odd?colour=2", "\"colour\":\"GREEN\""},
        {"GET /odd?inner.text=x&inner.number=3", "\"inner\":{\"text\":\"x\",\"number\":3"},
        {"GET /odd?inner.secret.shown=x", "\"secret\":{\"shown\":\"x\"}"},
        {"GET /odd?texts=a&texts=b", "\"texts\":[\"a\",\"b\"]"},
        {"GET /odd?numbers=1&text=x&numbers=2", "\"numbers\":[1,2]"},
        {"GET /odd?time=2026-01-01T00%3A00%3A00%2B01%3A00", "\"time\":\"2025-12-31T23:00:00Z\""},
        {"GET /odd?times=1970-01-01T00:00:00Z", "\"times\":[\"1970-01-01T00:00:00Z\"]"},
        {"GET /odd?span=2s&mask=text,flag", "\"span\":\"2s\",\"mask\":\"text,flag\""},
        {"GET /odd?maybeText=x&maybe_flag=true", "\"maybeText\":\"x\",\"maybeFlag\":true"},
        {"GET /odd?snakeCaseName=x", "\"snakeCaseName\":\"x\""},
        {"GET /odd?snake_case_name=x", "\"snakeCaseName\":\"x\""},
        {"GET /odd?data=aGk", "\"data\":\"aGk=\""},
        {"GET /odd?real=1e3&right=0", "\"real\":1000"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_has(echo(cases[i].line, ""), cases[i].part);
}

static void wrong_query_parameters_are_refused_by_name(void **state)
{
    (void)state;
#define Q(name, what) "query parameter \"" name "\" " what
    static const struct {
        const char *line, *field, *text;
    } cases[] = {
        {"GET /odd?nothing=1", "nothing", Q("nothing", "is unknown")},
        {"GET /odd?=1", "", Q("", "is unknown")},
        {"GET /odd?inner.nothing=1", "inner.nothing", Q("inner.nothing", "is unknown")},
        {"GET /odd?texts.a=1", "texts.a", Q("texts.a", "is unknown")},
        {"GET /odd?text.=1", "text.", Q("text.", "is unknown")},
        {"GET /odd?hiddenNumber=1", "hiddenNumber", Q("hiddenNumber", "is unknown")},
        {"GET /odd?hidden_inner.text=1", "hidden_inner.text", Q("hidden_inner.text", "is unknown")},
        {"GET /odd?inner.secret.hidden=1", "inner.secret.hidden",
         Q("inner.secret.hidden", "is unknown")},
        {"GET /odd?snakeCaseName=a&snake_case_name=b", "snake_case_name",
         Q("snake_case_name", "is given twice")},
        {"GET /odd?text=a&text=b", "text", Q("text", "is given twice")},
        {"GET /odd?i32=x", "i32", Q("i32", "must be " WHOLE32)},
        {"GET /odd?i32=", "i32", Q("i32", "must be " WHOLE32)},
        {"GET /odd?i32=1.0", "i32", Q("i32", "must be " WHOLE32)},
        {"GET /odd?flag=TRUE", "flag", Q("flag", "must be true or false")},
        {"GET /odd?flag", "flag", Q("flag", "must be true or false")},
        {"GET /odd?colour=PINK", "colour", Q("colour", "must be one of the names of its enum")},
        {"GET /odd?inner=x", "inner", Q("inner", "cannot be given in a query")},
        {"GET /odd?counts=x", "counts", Q("counts", "cannot be given in a query")},
        {"GET /odd?left=a&right=1", "right", Q("right", "excludes another one")},
        {"GET /odd?text=%zz", "text",
         Q("text", "is not percent-encoded UTF-8 text without control characters")},
        {"GET /odd?text=%ff", "text",
         Q("text", "is not percent-encoded UTF-8 text without control characters")},
        {"GET /odd?text=%09", "text",
         Q("text", "is not percent-encoded UTF-8 text without control characters")},
        {"GET /odd?text=%00", "text",
         Q("text", "is not percent-encoded UTF-8 text without control characters")},
        {"POST /odd?text=a", "text", Q("text", "is not expected: everything is in the body")},
        {"PUT /odd/a/b?text=a", "text", Q("text", "is given by the path already")},
        {"PUT /odd/a/b?inner.text=a", "inner.text",
         Q("inner.text", "is given by the path already")},
        {"PUT /odd/a/b?inner.number=1", "inner.number",
         Q("inner.number", "is not expected: it is in the body")},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_refused(cases[i].line, cases[i].line[0] == 'P' ? "{}" : "", cases[i].field,
                       cases[i].text);
}

static void path_and_body_meet_in_one_message(void **state)
{
    (void)state;
    const char *both = echo("PUT /odd/a@b/c%2Fd?flag=true", "{\"number\":5}");
    assert_has(both, "\"text\":\"a@b\"");
    assert_has(both, "\"flag\":true");
    assert_has(both, "\"inner\":{\"text\":\"c/d\",\"number\":5");
    assert_has(echo("PUT /odd/a/b", "{\"text\":\"b\"}"), "\"inner\":{\"text\":\"b\"");
    /* An id may be asked for in capitals, and is told in lower case: not the other way round. */
    assert_has(echo("PUT /odd/a/B", "{\"text\":\"b\"}"), "\"inner\":{\"text\":\"B\"");
    assert_refused("PUT /odd/a/b", "{\"text\":\"B\"}", "inner.text",
                   "\"text\" in the body differs from the path");
    assert_refused("PUT /odd/a/b", "{\"text\":\"x\"}", "inner.text",
                   "\"text\" in the body differs from the path");
    assert_has(echo("PUT /odd/numbers/7/true", "[{\"number\":1}]"), "\"i32\":7");
    assert_has(echo("PUT /odd/numbers/7/true", "[{\"number\":1}]"), "\"number\":1");
    assert_has(echo("PUT /odd-text", "\"x\""), "\"text\":\"x\"");
    assert_has(echo("QUERY /odd", "{\"text\":\"x\"}"), "\"text\":\"x\"");
    assert_refused("PUT /odd/numbers/x/true", "[]", "i32", "\"i32\" in the path must be " WHOLE32);
    assert_refused("PUT /odd/numbers/1/true", "[{\"number\":\"x\"}]", "inners[0].number",
                   "\"[0].number\" must be " WHOLE32);
    assert_refused("PUT /odd/a/b", "{\"secret\":{\"hidden\":\"x\"}}", "inner.secret.hidden",
                   "\"secret.hidden\" is unknown");
    assert_refused("PUT /odd/a/b", "", "inner", "a JSON body is missing");
    assert_refused("GET /odd", "{}", "", "no body is expected");
}

/* The request's message as JSON, by way of a method whose answer it is. */
static const char *mask_of(const char *line, const char *body)
{
    struct route_match match;
    struct transcode_request *request = NULL;
    if (make(odd, line, slice_str(body), &match, &request) != STATUS_OK)
        return fault.text;
    struct slice bytes;
    assert_int_equal(transcode_request_bytes(request, &bytes), STATUS_OK);
    /* update_mask is field 3: its paths stand in the bytes as they are. */
    buffer_reset(&out);
    struct slice rest = bytes;
    while (rest.len > 2) {
        size_t len = (unsigned char)rest.ptr[1]; /* all fields here are short and delimited */
        assert_true(len < 128 && len + 2 <= rest.len);
        if (rest.ptr[0] == (3 << 3 | 2)) {
            for (size_t i = 0; i < len; i += 2 + (unsigned char)rest.ptr[2 + i + 1]) {
                buffer_append_str(&out, out.len > 0 ? "," : "");
                buffer_append(&out, rest.ptr + 2 + i + 2, (unsigned char)rest.ptr[2 + i + 1]);
            }
        }
        rest = slice_make(rest.ptr + 2 + len, rest.len - 2 - len);
    }
    buffer_append_char(&out, '\0');
    transcode_request_free(request);
    return out.ptr;
}

static void update_mask_comes_from_the_body(void **state)
{
    (void)state;
    static const struct {
        const char *line, *body, *mask;
    } cases[] = {
        {"PATCH /update/x", "{\"text\":\"a\",\"snakeCaseName\":\"b\"}", "text,snake_case_name"},
        {"PATCH /update/x", "{\"inner\":{\"text\":\"a\",\"number\":0}}", "inner.text,inner.number"},
        {"PATCH /update/x", "{\"inners\":[{\"text\":\"a\"}],\"counts\":{\"a\":1}}",
         "inners,counts"},
        {"PATCH /update/x", "{\"time\":\"1970-01-01T00:00:00Z\",\"maybeText\":null}",
         "time,maybe_text"},
        {"PATCH /update/x", "{}", ""},
        {"PATCH /update/x?updateMask=flag,inner.text", "{\"text\":\"a\"}", "flag,inner.text"},
        {"PATCH /update/x?update_mask=snakeCaseName,snake_case_name", "{}",
         "snake_case_name,snake_case_name"},
        {"PATCH /update/x?updateMask=*", "{\"text\":\"a\"}",
         "an update mask names its fields: * is not taken"},
        {"PATCH /update", "{\"text\":\"a\",\"etag\":\"1\"}", "text"},
        {"POST /update", "{\"text\":\"\",\"etag\":\"1\"}", "text"},
        {"PATCH /update", "{\"everything\":{\"flag\":true},\"updateMask\":\"everything.text\"}",
         "everything.text"},
        {"PATCH /update/x?updateMask=nothing", "{}",
         "the update mask names \"nothing\", which is no field of Everything"},
        {"PATCH /update/x?updateMask=hiddenNumber", "{}",
         "the update mask names \"hiddenNumber\", which is no field of Everything"},
        {"PATCH /update/x?updateMask=inner.secret.hidden", "{}",
         "the update mask names \"inner.secret.hidden\", which is no field of Everything"},
        {"PATCH /update/x?updateMask=inners.text", "{}",
         "the update mask names \"inners.text\", which is no field of Everything"},
        {"PATCH /update/x?updateMask=text,*", "{}",
         "an update mask names its fields: * is not taken"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(mask_of(cases[i].line, cases[i].body), cases[i].mask);
}

/* Page tokens are bound to it, and lead on at a hub of another release: never change one. */
static void question_is_the_same_in_every_release(void **state)
{
    static const struct {
        const char *line, *hash;
    } questions[] = {
        {"GET /api/v1/groups", "\xf8\x8e\xb7\x18\x2f\xa2\xaa\x68\x39\xd7\x57\xab\xdd\xc6\xfc\xb0"
                               "\x31\x3f\x43\x09\x08\x5a\x80\x1a\xb6\x0b\xe1\x7b\xd4\xe0\x7c\xf5"},
        {"GET /api/v1/groups?q=k%C3%B6r&pageSize=7",
         "\x9c\x4a\x0d\x4f\xf2\x2c\x34\x88\xb4\xdb\x3a\x6e\xb6\x36\xb6\x77"
         "\x51\x70\xbd\x56\xaa\xd3\xcd\x90\x6e\xc3\x1f\x23\xc3\x74\xb8\x28"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
        struct route_match match;
        struct transcode_request *request = NULL;
        unsigned char hash[TRANSCODE_FINGERPRINT_BYTES];
        assert_int_equal(make(pek, questions[i].line, (struct slice){0}, &match, &request),
                         STATUS_OK);
        assert_int_equal(transcode_request_fingerprint(request, hash), STATUS_OK);
        assert_memory_equal(hash, questions[i].hash, sizeof(hash));
        transcode_request_free(request);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, reset)
    const struct CMUnitTest tests[] = {
        TEST(answers_show_defaults_and_hide_what_is_internal),
        TEST(too_large_bodies_are_refused),
        TEST(query_parameters_set_fields),
        TEST(wrong_query_parameters_are_refused_by_name),
        TEST(path_and_body_meet_in_one_message),
        TEST(update_mask_comes_from_the_body),
        TEST(question_is_the_same_in_every_release),
    };
    return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
