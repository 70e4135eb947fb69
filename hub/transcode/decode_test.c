/* Bodies, queries and paths to messages, and messages to JSON, by vectors. */
#include "hub/transcode/fixture.h"

/* The JSON of the message as if it were the answer: for methods that answer what they are asked. */
static const char *echo(const char *line, const char *body)
{
    struct route_match match;
    struct transcode_request *request = NULL;
    if (make(odd, line, slice_str(body), &match, &request) != STATUS_OK)
        return fault.text;
    struct slice bytes;
    struct transcode_item *item = NULL;
    assert_int_equal(transcode_request_bytes(request, &bytes), STATUS_OK);
    assert_int_equal(transcode_item_new(odd, match.rule->target, bytes, &item), STATUS_OK);
    buffer_reset(&out);
    assert_int_equal(transcode_item_json(item, NULL, &out, NULL), STATUS_OK);
    buffer_append_char(&out, '\0');
    transcode_item_free(item);
    transcode_request_free(request);
    return out.ptr;
}

/* What is set in the body, in the echo; or the error. */
static void assert_echo(const char *body, const char *part)
{
    assert_has(echo("POST /odd", body), part);
}

static void assert_refused(const char *line, const char *body, const char *field, const char *text)
{
    struct route_match match;
    struct transcode_request *request = NULL;
    enum status status = make(odd, line, slice_str(body), &match, &request);
    if (status != STATUS_INVALID_ARGUMENT)
        fail_msg("%s %s gave %s", line, body, status_name(status));
    assert_null(request);
    assert_int_equal(fault.status, status);
    if (strcmp(fault.text, text) != 0 || strcmp(fault.field, field) != 0)
        fail_msg("%s %s: field \"%s\", text: %s", line, body, fault.field, fault.text);
}

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

static void json_values_survive_the_round(void **state)
{
    (void)state;
    static const struct {
        const char *body, *part;
    } cases[] = {
        {"{\"text\":\"k\\u00f6r \\ud83d\\ude00 \\\"\\\\\\/\\b\\f\\n\\r\\t\"}",
         "\"text\":\"k\xC3\xB6r \xF0\x9F\x98\x80 \\\"\\\\/\\b\\f\\n\\r\\t\""},
        {"{\"flag\":true}", "\"flag\":true"},
        {"{\"i32\":-2147483648}", "\"i32\":-2147483648"},
        {"{\"i32\":\"17\"}", "\"i32\":17"},
        {"{\"i32\":1e3}", "\"i32\":1000"},
        {"{\"i32\":5.0}", "\"i32\":5"},
        {"{\"i64\":9223372036854775807}", "\"i64\":\"9223372036854775807\""},
        {"{\"i64\":\"-9223372036854775808\"}", "\"i64\":\"-9223372036854775808\""},
        {"{\"u32\":4294967295}", "\"u32\":4294967295"},
        {"{\"u64\":18446744073709551615}", "\"u64\":\"18446744073709551615\""},
        {"{\"s32\":-5,\"f64\":\"7\"}", "\"s32\":-5,\"f64\":\"7\""},
        {"{\"single\":1.5,\"real\":-0.1}", "\"single\":1.5,\"real\":-0.1"},
        {"{\"real\":\"NaN\"}", "\"real\":\"NaN\""},
        {"{\"real\":\"-Infinity\",\"single\":\"Infinity\"}",
         "\"single\":\"Infinity\",\"real\":\"-Infinity\""},
        {"{\"real\":\"2.5\"}", "\"real\":2.5"},
        {"{\"data\":\"aGk=\"}", "\"data\":\"aGk=\""},
        {"{\"data\":\"aGk\"}", "\"data\":\"aGk=\""},
        {"{\"data\":\"_-8\"}", "\"data\":\"/+8=\""},
        {"{\"data\":\"AA==\"}", "\"data\":\"AA==\""},
        {"{\"data\":\"\"}", "\"data\":\"\""},
        {"{\"colour\":\"RED\"}", "\"colour\":\"RED\""},
        {"{\"colour\":2}", "\"colour\":\"GREEN\""},
        {"{\"colour\":\"BLUE\"}", "\"colour\":\"BLUE\""},
        {"{\"colour\":\"COLOUR_BLUE\"}", "\"colour\":\"BLUE\""},
        {"{\"colours\":[3,\"COLOUR_BLUE\"]}", "\"colours\":[\"BLUE\",\"BLUE\"]"},
        {"{\"colour\":-1}", "\"colour\":\"ULTRAVIOLET\""},
        {"{\"inner\":{}}", "\"inner\":{\"text\":\"\",\"number\":0,\"secrets\":[]}"},
        {"{\"inner\":{\"secret\":{\"shown\":\"x\"}}}", "\"secret\":{\"shown\":\"x\"}"},
        {"{\"inners\":[{\"number\":1},{\"number\":2}]}",
         "\"inners\":[{\"text\":\"\",\"number\":1,\"secrets\":[]},"
         "{\"text\":\"\",\"number\":2,\"secrets\":[]}]"},
        {"{\"texts\":[\"a\",\"\",\"b\"] , \"numbers\" : [ 1 , 2 ]}",
         "\"texts\":[\"a\",\"\",\"b\"],\"numbers\":[1,2]"},
        {"{\"colours\":[\"RED\",2]}", "\"colours\":[\"RED\",\"GREEN\"]"},
        {"{\"counts\":{\"a\":1}}", "\"counts\":{\"a\":1}"},
        {"{\"secrets\":{\"-7\":{\"shown\":\"x\"}}}", "\"secrets\":{\"-7\":{\"shown\":\"x\"}}"},
        {"{\"time\":\"2026-02-28T23:59:59.5Z\"}", "\"time\":\"2026-02-28T23:59:59.500Z\""},
        {"{\"time\":\"2024-02-29T00:00:00+02:00\"}", "\"time\":\"2024-02-28T22:00:00Z\""},
        {"{\"time\":\"1969-12-31T23:59:59-00:30\"}", "\"time\":\"1970-01-01T00:29:59Z\""},
        {"{\"time\":\"0001-01-01T00:00:00Z\"}", "\"time\":\"0001-01-01T00:00:00Z\""},
        {"{\"time\":\"9999-12-31T23:59:59.999999999Z\"}",
         "\"time\":\"9999-12-31T23:59:59.999999999Z\""},
        {"{\"times\":[\"1970-01-01T00:00:00Z\"]}", "\"times\":[\"1970-01-01T00:00:00Z\"]"},
        {"{\"span\":\"-1.5s\"}", "\"span\":\"-1.500s\""},
        {"{\"span\":\"-0.5s\"}", "\"span\":\"-0.500s\""},
        {"{\"span\":\"0s\"}", "\"span\":\"0s\""},
        {"{\"mask\":\"text,inner.text\"}", "\"mask\":\"text,inner.text\""},
        {"{\"maybeText\":\"\"}", "\"maybeText\":\"\""},
        {"{\"maybeBig\":\"5\"}", "\"maybeBig\":\"5\""},
        {"{\"maybeFlag\":false}", "\"maybeFlag\":false"},
        {"{\"left\":\"\"}", "\"left\":\"\""},
        {"{\"right\":0}", "\"right\":0"},
        {"{\"snakeCaseName\":\"x\"}", "\"snakeCaseName\":\"x\""},
        {"{\"snake_case_name\":\"x\"}", "\"snakeCaseName\":\"x\""},
        {"{\"text\":null,\"inner\":null,\"texts\":null}", "{\"text\":\"\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_echo(cases[i].body, cases[i].part);
}

#define WHOLE32 "a whole number between -2147483648 and 2147483647"

static const struct {
    const char *body, *field, *text;
} wrong_json[] = {
    {"{\"time\":\"2026-09-01t12:00:00Z\"}", "time",
     "\"time\" must be a time such as 2026-09-01T12:00:00Z"},
    {"{\"time\":\"2026-09-01T12:00:00z\"}", "time",
     "\"time\" must be a time such as 2026-09-01T12:00:00Z"},
    {"{\"mask\":\"text,\"}", "mask", "\"mask\" must be names of fields with commas between them"},
    {"{\"mask\":\",\"}", "mask", "\"mask\" must be names of fields with commas between them"},
    {"[]", "", "the body must be an object"},
    {"\"x\"", "", "the body must be an object"},
    {"{\"nothing\":1}", "nothing", "\"nothing\" is unknown"},
    {"{\"inner\":{\"nothing\":1}}", "inner.nothing", "\"inner.nothing\" is unknown"},
    {"{\"hiddenNumber\":1}", "hidden_number", "\"hiddenNumber\" is unknown"},
    {"{\"hidden_inner\":{}}", "hidden_inner", "\"hidden_inner\" is unknown"},
    {"{\"inner\":{\"secret\":{\"hidden\":\"x\"}}}", "inner.secret.hidden",
     "\"inner.secret.hidden\" is unknown"},
    {"{\"secrets\":{\"1\":{\"hidden\":\"x\"}}}", "secrets.1.hidden",
     "\"secrets.1.hidden\" is unknown"},
    {"{\"[pek.field]\":1}", "[pek.field]", "\"[pek.field]\" is unknown"},
    {"{\"text\":1}", "text", "\"text\" must be a text"},
    {"{\"text\":{}}", "text", "\"text\" must be a text"},
    {"{\"text\":[\"a\"]}", "text", "\"text\" must be a text"},
    {"{\"flag\":\"true\"}", "flag", "\"flag\" must be true or false"},
    {"{\"flag\":1}", "flag", "\"flag\" must be true or false"},
    {"{\"i32\":2147483648}", "i32", "\"i32\" must be " WHOLE32},
    {"{\"i32\":1.5}", "i32", "\"i32\" must be " WHOLE32},
    {"{\"i32\":\"1.0\"}", "i32", "\"i32\" must be " WHOLE32},
    {"{\"i32\":\"\"}", "i32", "\"i32\" must be " WHOLE32},
    {"{\"i32\":\"01\"}", "i32", "\"i32\" must be " WHOLE32},
    {"{\"i32\":true}", "i32", "\"i32\" must be " WHOLE32},
    {"{\"i64\":9223372036854775808}", "i64", "\"i64\" must be a whole number of 64 bits"},
    {"{\"u32\":-1}", "u32", "\"u32\" must be a whole number between 0 and 4294967295"},
    {"{\"u64\":18446744073709551616}", "u64",
     "\"u64\" must be a whole number of 64 bits, not negative"},
    {"{\"single\":1e39}", "single", "\"single\" must be a number of single precision"},
    {"{\"real\":\"abc\"}", "real", "\"real\" must be a number"},
    {"{\"real\":\"\"}", "real", "\"real\" must be a number"},
    {"{\"data\":\"\xC3\xB6\xC3\xB6\"}", "data", "\"data\" must be base64"},
    {"{\"data\":\"aGk!\"}", "data", "\"data\" must be base64"},
    {"{\"data\":\"a\"}", "data", "\"data\" must be base64"},
    {"{\"data\":\"====\"}", "data", "\"data\" must be base64"},
    {"{\"colour\":\"red\"}", "colour", "\"colour\" must be one of the names of its enum"},
    {"{\"colour\":7}", "colour", "\"colour\" must be one of the names of its enum"},
    {"{\"colour\":\"1\"}", "colour", "\"colour\" must be one of the names of its enum"},
    {"{\"inner\":1}", "inner", "\"inner\" must be an object"},
    {"{\"inner\":[]}", "inner", "\"inner\" must be an object"},
    {"{\"inners\":{}}", "inners", "\"inners\" must be a list"},
    {"{\"inners\":[{\"number\":1},{\"number\":\"x\"}]}", "inners[1].number",
     "\"inners[1].number\" must be " WHOLE32},
    {"{\"texts\":[null]}", "texts[0]", "\"texts[0]\" must be a text"},
    {"{\"counts\":[]}", "counts", "\"counts\" must be an object"},
    {"{\"counts\":{\"a\":\"x\"}}", "counts.a", "\"counts.a\" must be " WHOLE32},
    {"{\"secrets\":{\"x\":{}}}", "secrets.x", "\"secrets.x\" must be " WHOLE32},
    {"{\"time\":\"2026-02-29T00:00:00Z\"}", "time",
     "\"time\" must be a time such as 2026-09-01T12:00:00Z"},
    {"{\"time\":\"2026-13-01T00:00:00Z\"}", "time",
     "\"time\" must be a time such as 2026-09-01T12:00:00Z"},
    {"{\"time\":\"2026-01-01\"}", "time", "\"time\" must be a time such as 2026-09-01T12:00:00Z"},
    {"{\"time\":\"2026-01-01T00:00:00\"}", "time",
     "\"time\" must be a time such as 2026-09-01T12:00:00Z"},
    {"{\"time\":\"0000-01-01T00:00:00Z\"}", "time",
     "\"time\" must be a time such as 2026-09-01T12:00:00Z"},
    {"{\"time\":\"2026-01-01T24:00:00Z\"}", "time",
     "\"time\" must be a time such as 2026-09-01T12:00:00Z"},
    {"{\"time\":\"2026-01-01T00:00:00.Z\"}", "time",
     "\"time\" must be a time such as 2026-09-01T12:00:00Z"},
    {"{\"time\":\"2026-01-01T00:00:00Zx\"}", "time",
     "\"time\" must be a time such as 2026-09-01T12:00:00Z"},
    {"{\"time\":0}", "time", "\"time\" must be a time such as 2026-09-01T12:00:00Z"},
    {"{\"span\":\"1\"}", "span", "\"span\" must be a duration such as 1.5s"},
    {"{\"span\":\"315576000001s\"}", "span", "\"span\" must be a duration such as 1.5s"},
    {"{\"mask\":\"a,,b\"}", "mask", "\"mask\" must be names of fields with commas between them"},
    {"{\"maybeBig\":\"x\"}", "maybe_big", "\"maybeBig\" must be a whole number of 64 bits"},
    {"{\"maybe_flag\":1}", "maybe_flag", "\"maybe_flag\" must be true or false"},
    {"{\"left\":\"a\",\"right\":1}", "right",
     "\"right\" excludes another field that is also given"},
};

static void wrong_json_is_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(wrong_json) / sizeof(wrong_json[0]); i++)
        assert_refused("POST /odd", wrong_json[i].body, wrong_json[i].field, wrong_json[i].text);
}

static void what_is_no_strict_json_is_refused(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{",
        "{\"text\":\"a\"} x",
        "{\"text\":\"a\",\"text\":\"b\"}",
        "{'text':1}",
        "{\"text\":\"\xff\"}",
        "{\"text\":\"\\ud800\"}",
        "{\"text\":\"\\u0000\"}",
        "{\"i32\":01}",
        "{\"i32\":1,}",
        "{\"real\":1e999}",
        "{\"snakeCaseName\":\"a\",\"snake_case_name\":\"b\"}",
        "{\"flag\":True}",
        "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}",
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct route_match match;
        struct transcode_request *request = NULL;
        assert_int_equal(make(odd, "POST /odd", slice_str(bodies[i]), &match, &request),
                         STATUS_INVALID_ARGUMENT);
        assert_true(fault.text[0]);
    }
}

static void too_large_bodies_are_refused(void **state)
{
    (void)state;
    static char body[200000];
    struct route_match match;
    struct transcode_request *request = NULL;
    int len = snprintf(body, sizeof(body), "{\"text\":\"%0100000d\"}", 0);
    assert_int_equal(make(odd, "POST /odd", slice_make(body, (size_t)len), &match, &request),
                     STATUS_RESOURCE_EXHAUSTED);
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
        {"GET /odd?text=%zz", "text", Q("text", "is not percent-encoded UTF-8 text")},
        {"GET /odd?text=%ff", "text", Q("text", "is not percent-encoded UTF-8 text")},
        {"GET /odd?text=%00", "text", Q("text", "is not percent-encoded UTF-8 text")},
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

static void update_mask_comes_from_the_body_of_a_patch(void **state)
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
        {"PATCH /update/x?updateMask=*", "{\"text\":\"a\"}", "*"},
        {"PATCH /update", "{\"text\":\"a\",\"etag\":\"1\"}", "text"},
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
         "the update mask names \"*\", which is no field of Everything"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(mask_of(cases[i].line, cases[i].body), cases[i].mask);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, reset)
    const struct CMUnitTest tests[] = {
        TEST(answers_show_defaults_and_hide_what_is_internal),
        TEST(json_values_survive_the_round),
        TEST(wrong_json_is_refused_by_name),
        TEST(what_is_no_strict_json_is_refused),
        TEST(too_large_bodies_are_refused),
        TEST(query_parameters_set_fields),
        TEST(wrong_query_parameters_are_refused_by_name),
        TEST(path_and_body_meet_in_one_message),
        TEST(update_mask_comes_from_the_body_of_a_patch),
    };
    return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
