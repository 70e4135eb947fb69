/* HTTP to messages and back, by vectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hub/transcode/odd_descriptors_embedded.h"
#include "hub/transcode/transcode.h"
#include "protos/descriptor_set.h"

static struct transcode *odd, *pek;
static struct arena arena;
static struct buffer out;
static struct fault fault;

static int setup_all(void **state)
{
    (void)state;
    arena_init(&arena, 1u << 24);
    buffer_init(&out, 1u << 24);
    struct fault why = {0};
    if (transcode_new(slice_make(odd_descriptors, odd_descriptors_len), &odd, &why) != STATUS_OK ||
        transcode_new(slice_make(pek_descriptor_set, pek_descriptor_set_len), &pek, &why) !=
            STATUS_OK) {
        print_error("%s\n", why.text);
        return -1;
    }
    return 0;
}

static int teardown_all(void **state)
{
    (void)state;
    odd = transcode_free(odd);
    pek = transcode_free(pek);
    arena_done(&arena);
    buffer_done(&out);
    return 0;
}

static int reset(void **state)
{
    (void)state;
    arena_reset(&arena);
    buffer_reset(&out);
    fault = (struct fault){0};
    return 0;
}

/* ---- helpers ------------------------------------------------------------------------------------- */

/* "PATCH /path?query" and a body, matched and made a request of. */
static enum status make(const struct transcode *transcode, const char *line, struct slice body,
                        struct route_match *match, struct transcode_request **ret_request)
{
    struct slice target = slice_str(line);
    struct slice verb = slice_cut(&target, ' ');
    struct slice path = slice_cut(&target, '?');
    if (route_match(transcode_routes(transcode), verb, path, &arena, match, NULL) != ROUTE_FOUND)
        fail_msg("no route: %s", line);
    fault = (struct fault){0};
    return transcode_request_new(transcode, match, target, body, ret_request, &fault);
}

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
    assert_int_equal(transcode_item_json(item, NULL, &out), STATUS_OK);
    buffer_append_char(&out, '\0');
    transcode_item_free(item);
    transcode_request_free(request);
    return out.ptr;
}

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("%s is not in %s", part, text);
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

/* ---- methods ------------------------------------------------------------------------------------- */

static const struct transcode_method *find(const struct transcode *transcode, const char *path)
{
    const struct transcode_method *method = transcode_find(transcode, slice_str(path));
    assert_non_null(method);
    return method;
}

static void methods_know_what_their_options_say(void **state)
{
    (void)state;
    const struct transcode_method *list = find(pek, "/pek.group.v1.GroupService/ListGroups");
    assert_true(list->server_streaming);
    assert_int_equal(list->realms, TRANSCODE_ALL);
    assert_int_equal(list->idempotency, TRANSCODE_NO_SIDE_EFFECTS);
    assert_true(slice_equal_str(list->collection, "groups"));
    assert_true(slice_equal_str(list->service, "pek.group.v1.GroupService"));
    assert_true(slice_equal_str(list->name, "ListGroups"));
    assert_non_null(list->sort_key);
    assert_int_equal(list->identity_count, 2);
    assert_non_null(list->realm);
    assert_non_null(list->page_size);
    assert_non_null(list->page_token);
    assert_non_null(list->after);
    assert_null(list->update_mask);
    assert_non_null(list->item_realm);
    assert_false(list->is_public);

    const struct transcode_method *update = find(pek, "/pek.group.v1.GroupService/UpdateGroup");
    assert_int_equal(update->idempotency, TRANSCODE_IDEMPOTENT);
    assert_int_equal(update->realms, TRANSCODE_ONE);
    assert_non_null(update->update_mask);
    assert_null(update->after);
    const struct transcode_method *issue = find(pek, "/pek.instance.v1.InstanceService/IssueToken");
    assert_true(issue->is_public);
    assert_int_equal(issue->realms, TRANSCODE_INTERNAL);
    assert_int_equal(find(odd, "/odd.OddService/Echo")->request_bytes_max, 100000);
    assert_null(transcode_find(pek, SLICE_LIT("/pek.group.v1.GroupService/Nothing")));
}

static void internal_methods_have_no_route(void **state)
{
    (void)state;
    assert_int_equal(route_match(transcode_routes(odd), SLICE_LIT("GET"), SLICE_LIT("/hidden"),
                                 &arena, NULL, NULL),
                     ROUTE_UNKNOWN);
    for (size_t i = 0; i < route_table_count(transcode_routes(pek)); i++) {
        const struct transcode_method *method = route_table_rule(transcode_routes(pek), i)->target;
        assert_int_not_equal(method->realms, TRANSCODE_INTERNAL);
    }
}

static void bad_descriptor_sets_are_refused(void **state)
{
    (void)state;
    struct transcode *none = NULL;
    assert_int_equal(transcode_new(SLICE_LIT("not one"), &none, &fault), STATUS_INVALID_ARGUMENT);
    /* Cut at any byte: refused, or fewer files; never a crash. */
    for (size_t len = 1; len < odd_descriptors_len; len += 97) {
        if (transcode_new(slice_make(odd_descriptors, len), &none, NULL) == STATUS_OK)
            none = transcode_free(none);
    }
    assert_null(none);
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

static void wrong_json_is_refused_by_name(void **state)
{
    (void)state;
#define WHOLE32 "a whole number between -2147483648 and 2147483647"
    static const struct {
        const char *body, *field, *text;
    } cases[] = {
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
        {"{\"time\":\"2026-01-01\"}", "time",
         "\"time\" must be a time such as 2026-09-01T12:00:00Z"},
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
        {"{\"mask\":\"a,,b\"}", "mask",
         "\"mask\" must be names of fields with commas between them"},
        {"{\"maybeBig\":\"x\"}", "maybe_big", "\"maybeBig\" must be a whole number of 64 bits"},
        {"{\"maybe_flag\":1}", "maybe_flag", "\"maybe_flag\" must be true or false"},
        {"{\"left\":\"a\",\"right\":1}", "right",
         "\"right\" excludes another field that is also given"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_refused("POST /odd", cases[i].body, cases[i].field, cases[i].text);
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
        {"GET /odd?text=%zz", "", "a query parameter is not percent-encoded UTF-8 text"},
        {"GET /odd?text=%ff", "", "a query parameter is not percent-encoded UTF-8 text"},
        {"GET /odd?text=%00", "", "a query parameter is not percent-encoded UTF-8 text"},
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

/* ---- what the federation uses -------------------------------------------------------------------- */

static void request_is_asked_of_each_realm(void **state)
{
    (void)state;
    struct route_match match;
    struct transcode_request *request = NULL;
    assert_int_equal(make(pek, "GET /api/v1/groups?q=k%C3%B6r&pageSize=5&page_token=t",
                          (struct slice){0}, &match, &request),
                     STATUS_OK);
    assert_ptr_equal(transcode_request_method(request), match.rule->target);
    assert_int_equal(transcode_request_realm(request).len, 0);
    assert_int_equal(transcode_request_page_size(request), 5);
    assert_true(slice_equal_str(transcode_request_page_token(request), "t"));

    unsigned char hash[3][TRANSCODE_FINGERPRINT_BYTES];
    assert_int_equal(transcode_request_fingerprint(request, hash[0]), STATUS_OK);
    assert_int_equal(transcode_request_page_size(request), 5);
    assert_int_equal(transcode_request_set_realm(request, SLICE_LIT("worker-acme")), STATUS_OK);
    assert_int_equal(transcode_request_set_page_size(request, 6), STATUS_OK);
    assert_int_equal(transcode_request_set_page_token(request, SLICE_LIT("")), STATUS_OK);
    assert_int_equal(
        transcode_request_set_after(request, SLICE_LIT("\x01\x00\xff"), SLICE_LIT("a@b"), true),
        STATUS_OK);
    assert_int_equal(transcode_request_fingerprint(request, hash[1]), STATUS_OK);
    assert_memory_equal(hash[0], hash[1], TRANSCODE_FINGERPRINT_BYTES);

    struct slice first, second;
    assert_int_equal(transcode_request_bytes(request, &first), STATUS_OK);
    static const char expected[] = "\x0a\x0bworker-acme\x12\x04k\xC3\xB6r\x30\x06"
                                   "\x42\x0c\x0a\x03\x01\x00\xff\x12\x03"
                                   "a@b\x18\x01";
    assert_int_equal(first.len, sizeof(expected) - 1);
    assert_memory_equal(first.ptr, expected, first.len);
    assert_int_equal(transcode_request_set_realm(request, SLICE_LIT("hub")), STATUS_OK);
    assert_int_equal(transcode_request_bytes(request, &second), STATUS_OK);
    assert_int_equal(second.len, first.len - strlen("worker-acme") + strlen("hub"));
    assert_memory_equal(first.ptr, expected, first.len); /* still there */
    transcode_request_free(request);

    assert_int_equal(make(pek, "GET /api/v1/groups?q=other", (struct slice){0}, &match, &request),
                     STATUS_OK);
    assert_int_equal(transcode_request_fingerprint(request, hash[2]), STATUS_OK);
    assert_memory_not_equal(hash[0], hash[2], TRANSCODE_FINGERPRINT_BYTES);
    transcode_request_free(request);
}

static void items_are_read_once_and_shown_without_their_key(void **state)
{
    (void)state;
    const struct transcode_method *list = find(pek, "/pek.group.v1.GroupService/ListGroups");
    struct slice bytes = SLICE_LIT("\x0a\x03hub\x12\x03"
                                   "a@b\x1a\x04K\xC3\xB6r\x30\x04\xa2\x01\x03\x05\x00\x06");
    struct transcode_item *item = NULL;
    assert_int_equal(transcode_item_new(pek, list, bytes, &item), STATUS_OK);
    assert_true(slice_equal(transcode_item_sort_key(item), SLICE_LIT("\x05\x00\x06")));
    assert_true(slice_equal_str(transcode_item_identity(item, 0), "hub"));
    assert_true(slice_equal_str(transcode_item_identity(item, 1), "a@b"));
    assert_int_equal(transcode_item_identity(item, 2).len, 0);
    assert_true(slice_equal_str(transcode_item_realm(item), "hub"));
    assert_int_equal(transcode_item_json(item, NULL, &out), STATUS_OK);
    buffer_append_char(&out, '\0');
    assert_string_equal(
        out.ptr, "{\"realm\":\"hub\",\"id\":\"a@b\",\"name\":\"K\xC3\xB6r\",\"description\":\"\","
                 "\"parentId\":\"\","
                 "\"purpose\":\"CIRCLE\",\"webpage\":\"\",\"mail\":\"\",\"isCommunity\":false,"
                 "\"isResort\":false,"
                 "\"isTaskForce\":false,\"hasTransitiveMembership\":false,\"isArchived\":false,"
                 "\"usersCanApply\":false,\"archivedMembersVisible\":false,\"etag\":\"\"}");
    transcode_item_free(item);
}

static void internal_fields_are_cleared_at_every_depth(void **state)
{
    (void)state;
    const struct transcode_method *method = find(odd, "/odd.OddService/Inner");
    /* inner { secret { hidden } secrets { hidden } }, inners { secret { hidden } }, secrets { 1: { hidden } },
     * hidden_number, hidden_inner { text } */
#define SECRET "\x12\x06hidden"
    struct slice bytes =
        SLICE_LIT("\x6a\x14\x1a\x08" SECRET "\x22\x08" SECRET "\x72\x0a\x1a\x08" SECRET
                  "\x9a\x01\x0c\x08\x01\x12\x08" SECRET "\xe8\x01\x05\xf2\x01\x08\x0a"
                  "\x06hidden");
    struct transcode_item *item = NULL;
    assert_int_equal(transcode_item_new(odd, method, bytes, &item), STATUS_OK);
    assert_int_equal(transcode_item_json(item, NULL, &out), STATUS_OK);
    buffer_append_char(&out, '\0');
    assert_null(strstr(out.ptr, "hidden"));
    assert_has(out.ptr, "\"inner\":{\"text\":\"\",\"number\":0,\"secret\":{\"shown\":\"\"},"
                        "\"secrets\":[{\"shown\":\"\"}]}");
    assert_has(out.ptr, "\"secrets\":{\"1\":{\"shown\":\"\"}}");
    transcode_item_free(item);
}

static void response_body_is_the_field_it_names(void **state)
{
    (void)state;
    struct route_match one, many;
    assert_int_equal(route_match(transcode_routes(odd), SLICE_LIT("GET"), SLICE_LIT("/odd/inner"),
                                 &arena, &one, NULL),
                     ROUTE_FOUND);
    assert_int_equal(route_match(transcode_routes(odd), SLICE_LIT("GET"), SLICE_LIT("/odd/inners"),
                                 &arena, &many, NULL),
                     ROUTE_FOUND);
    const struct transcode_method *method = one.rule->target;
    struct transcode_item *item = NULL;
    assert_int_equal(transcode_item_new(odd, method,
                                        SLICE_LIT("\x6a\x02\x10\x05\x72\x02\x10\x06\x72"
                                                  "\x02\x10\x07"),
                                        &item),
                     STATUS_OK);
    assert_int_equal(transcode_item_json(item, one.rule, &out), STATUS_OK);
    buffer_append_char(&out, '\n');
    assert_int_equal(transcode_item_json(item, many.rule, &out), STATUS_OK);
    buffer_append_char(&out, '\0');
    assert_string_equal(out.ptr, "{\"text\":\"\",\"number\":5,\"secrets\":[]}\n"
                                 "[{\"text\":\"\",\"number\":6,\"secrets\":[]},"
                                 "{\"text\":\"\",\"number\":7,\"secrets\":[]}]");
    transcode_item_free(item);
}

static void garbage_is_no_item(void **state)
{
    (void)state;
    const struct transcode_method *list = find(pek, "/pek.group.v1.GroupService/ListGroups");
    static const struct slice garbage[] = {
        {"\x0a", 1},
        {"\x0a\x05hub", 5},
        {"\x0a\x02\xff\xfe", 4},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11},
        {"\x0b\x0b\x0b", 3},
    };
    for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
        struct transcode_item *item = NULL;
        assert_int_equal(transcode_item_new(pek, list, garbage[i], &item), STATUS_DATA_LOSS);
        assert_null(item);
    }
    /* A time that has no text. */
    struct transcode_item *item = NULL;
    assert_int_equal(transcode_item_new(pek, list,
                                        SLICE_LIT("\x3a\x0b\x08\xff\xff\xff\xff\xff\xff\xff"
                                                  "\xff\x7f\x00"),
                                        &item),
                     STATUS_DATA_LOSS);
    assert_int_equal(transcode_item_new(pek, list,
                                        SLICE_LIT("\x3a\x0a\x08\xff\xff\xff\xff\xff\xff\xff"
                                                  "\xff\x7f"),
                                        &item),
                     STATUS_OK);
    assert_int_equal(transcode_item_json(item, NULL, &out), STATUS_DATA_LOSS);
    transcode_item_free(item);
}

static void large_items_fit_and_small_buffers_say_so(void **state)
{
    (void)state;
    const struct transcode_method *list = find(pek, "/pek.group.v1.GroupService/ListGroups");
    static char bytes[20004];
    memset(bytes, 'x', sizeof(bytes));
    memcpy(bytes, "\x1a\xa0\x9c\x01", 4);
    struct transcode_item *item = NULL;
    assert_int_equal(transcode_item_new(pek, list, slice_make(bytes, 20004), &item), STATUS_OK);
    assert_int_equal(transcode_item_json(item, NULL, &out), STATUS_OK);
    assert_true(out.len > 20000);
    assert_int_equal(out.ptr[out.len - 1], '}');
    struct buffer small;
    buffer_init(&small, 1000);
    assert_int_equal(transcode_item_json(item, NULL, &small), STATUS_RESOURCE_EXHAUSTED);
    buffer_done(&small);
    transcode_item_free(item);
}

static void request_bytes_are_judged(void **state)
{
    (void)state;
    const struct transcode_method *get = find(pek, "/pek.group.v1.GroupService/GetGroup");
    struct transcode_request *request = NULL;
    assert_int_equal(transcode_request_decode(pek, get, SLICE_LIT("\x0a\x03hub"), &request, &fault),
                     STATUS_OK);
    assert_true(slice_equal_str(transcode_request_realm(request), "hub"));
    assert_int_equal(transcode_request_page_size(request), 0);
    assert_int_equal(transcode_request_set_page_size(request, 5), STATUS_OK); /* it has none */
    transcode_request_free(request);
    assert_int_equal(transcode_request_decode(pek, get, SLICE_LIT("\x0a\x09hub"), &request, &fault),
                     STATUS_INVALID_ARGUMENT);
}

/* ---- errors -------------------------------------------------------------------------------------- */

static void errors_have_their_fixed_form(void **state)
{
    (void)state;
    struct fault denied;
    fault_set(&denied, STATUS_PERMISSION_DENIED, "group.parent_id", "no \"right\"");
    transcode_error_json(&denied, 0, false, &out);
    buffer_append_char(&out, '\0');
    assert_string_equal(
        out.ptr, "{\"error\":{\"code\":403,\"status\":\"PERMISSION_DENIED\",\"message\":\"no "
                 "\\\"right\\\"\",\"details\":[{\"@type\":\"type.googleapis.com/"
                 "google.rpc.ErrorInfo\",\"reason\":\"PERMISSION_DENIED\",\"domain\":\"pek\","
                 "\"metadata\":{\"field\":\"group.parentId\"}}]}}");
    buffer_reset(&out);
    fault_set_reason(&denied, STATUS_UNAVAILABLE, "REALM_DOWN", NULL, "gone");
    transcode_error_json(&denied, 502, true, &out);
    buffer_append_char(&out, '\0');
    assert_string_equal(out.ptr,
                        "{\"type\":\"about:blank\",\"title\":\"UNAVAILABLE\",\"status\":502,"
                        "\"detail\":\"gone\",\"details\":[{\"@type\":\"type.googleapis.com/"
                        "google.rpc.ErrorInfo\",\"reason\":\"REALM_DOWN\",\"domain\":\"pek\","
                        "\"metadata\":{}}]}");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, reset)
    const struct CMUnitTest tests[] = {
        TEST(methods_know_what_their_options_say),
        TEST(internal_methods_have_no_route),
        TEST(bad_descriptor_sets_are_refused),
        TEST(answers_show_defaults_and_hide_what_is_internal),
        TEST(json_values_survive_the_round),
        TEST(wrong_json_is_refused_by_name),
        TEST(what_is_no_strict_json_is_refused),
        TEST(too_large_bodies_are_refused),
        TEST(query_parameters_set_fields),
        TEST(wrong_query_parameters_are_refused_by_name),
        TEST(path_and_body_meet_in_one_message),
        TEST(update_mask_comes_from_the_body_of_a_patch),
        TEST(request_is_asked_of_each_realm),
        TEST(items_are_read_once_and_shown_without_their_key),
        TEST(internal_fields_are_cleared_at_every_depth),
        TEST(response_body_is_the_field_it_names),
        TEST(garbage_is_no_item),
        TEST(large_items_fit_and_small_buffers_say_so),
        TEST(request_bytes_are_judged),
        TEST(errors_have_their_fixed_form),
    };
    return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
