/* The JSON of proto3, value by value: what is taken and what it becomes, what is refused and which field is named.
 *
 * The rules are those of https://protobuf.dev/programming-guides/json. Where the hub is stricter on purpose, or takes
 * more, the row says so in the words of docs/api.md, which has to have them.
 */
#include "hub/transcode/fixture.h"

#define DOCUMENT "docs/api.md"
#define DOCUMENT_BYTES_MAX 65536
#define ANY NULL /* the fault of the text as a whole, which shared/json/json_scan_test.c knows */

/* Of docs/api.md. */
#define NO_NUL "A text holds no U+0000."
#define KNOWN_NUMBER "The number of an enum is one that the enum has."
#define PLAIN_QUOTED                                                                               \
    "A whole number in quotes is digits and a sign: no fraction, exponent or leading zero."
#define EXACT "A whole number that is written with a fraction or an exponent is at most 2^53."
#define SHALLOW "Objects and lists are nested 32 deep at most."
#define SHORT_NUMBER "A number has 127 characters at most."
#define PROTO_PATH "A path in a field mask may be spelled as in the proto."
#define SHORT_NAME "The short name of an enum value is taken as well as the proto's."

/* What is wanted instead. */
#define WHOLE32 "a whole number between -2147483648 and 2147483647"
#define WHOLE64 "a whole number of 64 bits"
#define TIME "a time such as 2026-09-01T12:00:00Z"
#define SPAN "a duration such as 1.5s"
#define MASK "at most 100 names of fields with commas between them"
#define ENUM "one of the names of its enum"
#define TEXT "a text"
#define BOOL "true or false"
#define REAL "a number"
#define BASE64 "base64"
#define OBJECT "an object"

enum stance {
    TAKEN,
    REFUSED,
    STRICTER, /* refused, and others take it */
    LAXER,    /* taken, and others refuse it */
};

static const struct row {
    enum stance stance;
    const char *rule; /* of docs/api.md */
    const char *body;
    const char *field; /* that the fault names */
    const char *says;  /* part of the answer, or the fault's text */
} table[] = {
    /* texts and their escapes */
    {TAKEN, NULL, "{\"text\":\"k\\u00f6r \\ud83d\\ude00 \\\"\\\\\\/\\b\\f\\n\\r\\t\"}", "",
     "\"text\":\"k\xC3\xB6r \xF0\x9F\x98\x80 \\\"\\\\/\\b\\f\\n\\r\\t\""},
    {TAKEN, NULL, "{\"text\":null,\"inner\":null,\"texts\":null}", "", "{\"text\":\"\""},
    {TAKEN, NULL, "{\"text\":\"\\ud83d\\ude00\"}", "", "\"text\":\"😀\""},
    {TAKEN, NULL, "{\"text\":\"\\t\"}", "", "\"text\":\"\\t\""},
    {REFUSED, NULL, "{\"text\":1}", "text", "\"text\" must be " TEXT},
    {REFUSED, NULL, "{\"text\":{}}", "text", "\"text\" must be " TEXT},
    {REFUSED, NULL, "{\"text\":[\"a\"]}", "text", "\"text\" must be " TEXT},
    {REFUSED, NULL, "{\"text\":\"\xff\"}", ANY, ANY},
    {REFUSED, NULL, "{\"text\":\"\\ud800\"}", ANY, ANY},
    {REFUSED, NULL, "{\"text\":\"\\ud800x\"}", ANY, ANY},
    {REFUSED, NULL, "{\"text\":\"\\udc00\"}", ANY, ANY},
    {REFUSED, NULL, "{\"text\":\"\\ud83d\\ud83d\"}", ANY, ANY},
    {REFUSED, NULL, "{\"text\":\"\\x41\"}", ANY, ANY},
    {REFUSED, NULL, "{\"text\":\"a\tb\"}", ANY, ANY},
    {REFUSED, NULL, "{\"text\":true}", "text", "\"text\" must be " TEXT},
    {STRICTER, NO_NUL, "{\"text\":\"\\u0000\"}", ANY, ANY},
    /* true and false */
    {TAKEN, NULL, "{\"flag\":true}", "", "\"flag\":true"},
    {TAKEN, NULL, "{\"flag\":null}", "", "\"flag\":false"},
    {REFUSED, NULL, "{\"flag\":\"true\"}", "flag", "\"flag\" must be " BOOL},
    {REFUSED, NULL, "{\"flag\":1}", "flag", "\"flag\" must be " BOOL},
    {REFUSED, NULL, "{\"flag\":\"false\"}", "flag", "\"flag\" must be " BOOL},
    {REFUSED, NULL, "{\"flag\":0}", "flag", "\"flag\" must be " BOOL},
    /* whole numbers */
    {TAKEN, NULL, "{\"i32\":-2147483648}", "", "\"i32\":-2147483648"},
    {TAKEN, NULL, "{\"i32\":\"17\"}", "", "\"i32\":17"},
    {TAKEN, NULL, "{\"i32\":1e3}", "", "\"i32\":1000"},
    {TAKEN, NULL, "{\"i32\":5.0}", "", "\"i32\":5"},
    {TAKEN, NULL, "{\"i64\":9223372036854775807}", "", "\"i64\":\"9223372036854775807\""},
    {TAKEN, NULL, "{\"i64\":\"-9223372036854775808\"}", "", "\"i64\":\"-9223372036854775808\""},
    {TAKEN, NULL, "{\"u32\":4294967295}", "", "\"u32\":4294967295"},
    {TAKEN, NULL, "{\"u64\":18446744073709551615}", "", "\"u64\":\"18446744073709551615\""},
    {TAKEN, NULL, "{\"s32\":-5,\"f64\":\"7\"}", "", "\"s32\":-5,\"f64\":\"7\""},
    {TAKEN, NULL, "{\"i32\":2147483647}", "", "\"i32\":2147483647"},
    {TAKEN, NULL, "{\"i32\":-0}", "", "\"i32\":0"},
    {TAKEN, NULL, "{\"i32\":null}", "", "\"i32\":0"},
    {TAKEN, NULL, "{\"i32\":2.147483647e9}", "", "\"i32\":2147483647"},
    {TAKEN, NULL, "{\"i64\":\"9223372036854775807\"}", "", "\"i64\":\"9223372036854775807\""},
    {TAKEN, NULL, "{\"i64\":-9223372036854775808}", "", "\"i64\":\"-9223372036854775808\""},
    {TAKEN, NULL, "{\"i64\":9007199254740993}", "", "\"i64\":\"9007199254740993\""},
    {TAKEN, NULL, "{\"i64\":9.007199254740992e15}", "", "\"i64\":\"9007199254740992\""},
    {TAKEN, NULL, "{\"u32\":\"0\"}", "", "\"u32\":0"},
    {TAKEN, NULL, "{\"u64\":\"18446744073709551615\"}", "", "\"u64\":\"18446744073709551615\""},
    {REFUSED, NULL, "{\"i32\":2147483648}", "i32", "\"i32\" must be " WHOLE32},
    {REFUSED, NULL, "{\"i32\":1.5}", "i32", "\"i32\" must be " WHOLE32},
    {REFUSED, NULL, "{\"i32\":\"\"}", "i32", "\"i32\" must be " WHOLE32},
    {REFUSED, NULL, "{\"i32\":true}", "i32", "\"i32\" must be " WHOLE32},
    {REFUSED, NULL, "{\"i64\":9223372036854775808}", "i64", "\"i64\" must be " WHOLE64},
    {REFUSED, NULL, "{\"u32\":-1}", "u32",
     "\"u32\" must be a whole number between 0 and 4294967295"},
    {REFUSED, NULL, "{\"u64\":18446744073709551616}", "u64",
     "\"u64\" must be a whole number of 64 bits, not negative"},
    {REFUSED, NULL, "{\"i32\":-2147483649}", "i32", "\"i32\" must be " WHOLE32},
    {REFUSED, NULL, "{\"i32\":2.147483648e9}", "i32", "\"i32\" must be " WHOLE32},
    {REFUSED, NULL, "{\"i32\":\" 1\"}", "i32", "\"i32\" must be " WHOLE32},
    {REFUSED, NULL, "{\"i32\":\"1 \"}", "i32", "\"i32\" must be " WHOLE32},
    {REFUSED, NULL, "{\"i32\":\"+1\"}", "i32", "\"i32\" must be " WHOLE32},
    {REFUSED, NULL, "{\"i32\":\"0x1\"}", "i32", "\"i32\" must be " WHOLE32},
    {REFUSED, NULL, "{\"i32\":\"NaN\"}", "i32", "\"i32\" must be " WHOLE32},
    {REFUSED, NULL, "{\"i32\":{}}", "i32", "\"i32\" must be " WHOLE32},
    {REFUSED, NULL, "{\"i32\":[1]}", "i32", "\"i32\" must be " WHOLE32},
    {REFUSED, NULL, "{\"i32\":0.5}", "i32", "\"i32\" must be " WHOLE32},
    {REFUSED, NULL, "{\"i64\":-9223372036854775809}", "i64", "\"i64\" must be " WHOLE64},
    {REFUSED, NULL, "{\"i64\":\"9223372036854775808\"}", "i64", "\"i64\" must be " WHOLE64},
    {REFUSED, NULL, "{\"i64\":1.5}", "i64", "\"i64\" must be " WHOLE64},
    {REFUSED, NULL, "{\"u32\":4294967296}", "u32",
     "\"u32\" must be a whole number between 0 and 4294967295"},
    {REFUSED, NULL, "{\"u64\":-1}", "u64",
     "\"u64\" must be a whole number of 64 bits, not negative"},
    {STRICTER, PLAIN_QUOTED, "{\"i32\":\"1.0\"}", "i32", "\"i32\" must be " WHOLE32},
    {STRICTER, PLAIN_QUOTED, "{\"i32\":\"01\"}", "i32", "\"i32\" must be " WHOLE32},
    {STRICTER, PLAIN_QUOTED, "{\"i32\":\"1e3\"}", "i32", "\"i32\" must be " WHOLE32},
    {STRICTER, EXACT, "{\"i64\":1e18}", "i64", "\"i64\" must be " WHOLE64},
    /* real numbers */
    {TAKEN, NULL, "{\"single\":1.5,\"real\":-0.1}", "", "\"single\":1.5,\"real\":-0.1"},
    {TAKEN, NULL, "{\"real\":\"NaN\"}", "", "\"real\":\"NaN\""},
    {TAKEN, NULL, "{\"real\":\"-Infinity\",\"single\":\"Infinity\"}", "",
     "\"single\":\"Infinity\",\"real\":\"-Infinity\""},
    {TAKEN, NULL, "{\"real\":\"2.5\"}", "", "\"real\":2.5"},
    {TAKEN, NULL, "{\"real\":1.7976931348623157e308}", "", "\"real\":1.7976931348623157e+308"},
    {TAKEN, NULL, "{\"real\":5e-324}", "", "\"real\":4.94065645841247e-324"},
    {TAKEN, NULL, "{\"real\":\"1e3\"}", "", "\"real\":1000"},
    {TAKEN, NULL, "{\"single\":\"-Infinity\"}", "", "\"single\":\"-Infinity\""},
    {TAKEN, NULL, "{\"single\":3.4028235e38}", "", "\"single\":3.40282347e+38"},
    {REFUSED, NULL, "{\"single\":1e39}", "single",
     "\"single\" must be a number of single precision"},
    {REFUSED, NULL, "{\"real\":\"abc\"}", "real", "\"real\" must be " REAL},
    {REFUSED, NULL, "{\"real\":\"\"}", "real", "\"real\" must be " REAL},
    {REFUSED, NULL, "{\"real\":NaN}", ANY, ANY},
    {REFUSED, NULL, "{\"real\":Infinity}", ANY, ANY},
    {REFUSED, NULL, "{\"real\":\"nan\"}", "real", "\"real\" must be " REAL},
    {REFUSED, NULL, "{\"real\":\"inf\"}", "real", "\"real\" must be " REAL},
    {REFUSED, NULL, "{\"real\":\"+1\"}", "real", "\"real\" must be " REAL},
    {REFUSED, NULL, "{\"real\":\" 1\"}", "real", "\"real\" must be " REAL},
    {REFUSED, NULL, "{\"real\":\".5\"}", "real", "\"real\" must be " REAL},
    {REFUSED, NULL, "{\"real\":true}", "real", "\"real\" must be " REAL},
    {REFUSED, NULL, "{\"real\":\"1e999\"}", "real", "\"real\" must be " REAL},
    {REFUSED, NULL, "{\"single\":3.4028236e38}", "single",
     "\"single\" must be a number of single precision"},
    {REFUSED, NULL, "{\"single\":3.5e38}", "single",
     "\"single\" must be a number of single precision"},
    {STRICTER, SHORT_NUMBER,
     "{\"real\":"
     "111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111"
     "11111111111111111111111111111111111}",
     ANY, ANY},
    /* bytes */
    {TAKEN, NULL, "{\"data\":\"aGk=\"}", "", "\"data\":\"aGk=\""},
    {TAKEN, NULL, "{\"data\":\"aGk\"}", "", "\"data\":\"aGk=\""},
    {TAKEN, NULL, "{\"data\":\"_-8\"}", "", "\"data\":\"/+8=\""},
    {TAKEN, NULL, "{\"data\":\"AA==\"}", "", "\"data\":\"AA==\""},
    {TAKEN, NULL, "{\"data\":\"\"}", "", "\"data\":\"\""},
    {TAKEN, NULL, "{\"data\":\"_w\"}", "", "\"data\":\"/w==\""},
    {TAKEN, NULL, "{\"data\":\"_w==\"}", "", "\"data\":\"/w==\""},
    {TAKEN, NULL, "{\"data\":\"-_-_\"}", "", "\"data\":\"+/+/\""},
    {TAKEN, NULL, "{\"data\":null}", "", "\"data\":\"\""},
    {REFUSED, NULL, "{\"data\":\"\xC3\xB6\xC3\xB6\"}", "data", "\"data\" must be " BASE64},
    {REFUSED, NULL, "{\"data\":\"aGk!\"}", "data", "\"data\" must be " BASE64},
    {REFUSED, NULL, "{\"data\":\"a\"}", "data", "\"data\" must be " BASE64},
    {REFUSED, NULL, "{\"data\":\"====\"}", "data", "\"data\" must be " BASE64},
    {REFUSED, NULL, "{\"data\":\"aG k=\"}", "data", "\"data\" must be " BASE64},
    {REFUSED, NULL, "{\"data\":\"aGk=\\n\"}", "data", "\"data\" must be " BASE64},
    {REFUSED, NULL, "{\"data\":\"=aGk\"}", "data", "\"data\" must be " BASE64},
    {REFUSED, NULL, "{\"data\":1}", "data", "\"data\" must be " BASE64},
    /* enums */
    {TAKEN, NULL, "{\"colour\":\"RED\"}", "", "\"colour\":\"RED\""},
    {TAKEN, NULL, "{\"colour\":2}", "", "\"colour\":\"GREEN\""},
    {TAKEN, NULL, "{\"colour\":\"COLOUR_BLUE\"}", "", "\"colour\":\"BLUE\""},
    {TAKEN, NULL, "{\"colours\":[3,\"COLOUR_BLUE\"]}", "", "\"colours\":[\"BLUE\",\"BLUE\"]"},
    {TAKEN, NULL, "{\"colour\":-1}", "", "\"colour\":\"ULTRAVIOLET\""},
    {TAKEN, NULL, "{\"colours\":[\"RED\",2]}", "", "\"colours\":[\"RED\",\"GREEN\"]"},
    {TAKEN, NULL, "{\"colour\":\"NO_COLOUR\"}", "", "\"colour\":\"NO_COLOUR\""},
    {TAKEN, NULL, "{\"colour\":null}", "", "\"colour\":\"NO_COLOUR\""},
    {LAXER, SHORT_NAME, "{\"colour\":\"BLUE\"}", "", "\"colour\":\"BLUE\""},
    {REFUSED, NULL, "{\"colour\":\"red\"}", "colour", "\"colour\" must be " ENUM},
    {REFUSED, NULL, "{\"colour\":\"1\"}", "colour", "\"colour\" must be " ENUM},
    {REFUSED, NULL, "{\"colour\":\"\"}", "colour", "\"colour\" must be " ENUM},
    {REFUSED, NULL, "{\"colour\":1.5}", "colour", "\"colour\" must be " ENUM},
    {REFUSED, NULL, "{\"colour\":true}", "colour", "\"colour\" must be " ENUM},
    {REFUSED, NULL, "{\"colour\":2147483648}", "colour", "\"colour\" must be " ENUM},
    {STRICTER, KNOWN_NUMBER, "{\"colour\":7}", "colour", "\"colour\" must be " ENUM},
    {STRICTER, KNOWN_NUMBER, "{\"colours\":[7]}", "colours[0]", "\"colours[0]\" must be " ENUM},
    /* messages, lists, maps */
    {TAKEN, NULL, "{\"inner\":{}}", "", "\"inner\":{\"text\":\"\",\"number\":0,\"secrets\":[]}"},
    {TAKEN, NULL, "{\"inner\":{\"secret\":{\"shown\":\"x\"}}}", "", "\"secret\":{\"shown\":\"x\"}"},
    {TAKEN, NULL, "{\"inners\":[{\"number\":1},{\"number\":2}]}", "",
     "\"inners\":[{\"text\":\"\",\"number\":1,\"secrets\":[]},"
     "{\"text\":\"\",\"number\":2,\"secrets\":[]}]"},
    {TAKEN, NULL, "{\"texts\":[\"a\",\"\",\"b\"] , \"numbers\" : [ 1 , 2 ]}", "",
     "\"texts\":[\"a\",\"\",\"b\"],\"numbers\":[1,2]"},
    {TAKEN, NULL, "{\"counts\":{\"a\":1}}", "", "\"counts\":{\"a\":1}"},
    {TAKEN, NULL, "{\"secrets\":{\"-7\":{\"shown\":\"x\"}}}", "",
     "\"secrets\":{\"-7\":{\"shown\":\"x\"}}"},
    {TAKEN, NULL, "{\"texts\":[]}", "", "\"texts\":[]"},
    {TAKEN, NULL, "{\"counts\":{\"\":1}}", "", "\"counts\":{\"\":1}"},
    {REFUSED, NULL, "{\"inner\":{\"nothing\":1}}", "inner.nothing", "\"inner.nothing\" is unknown"},
    {REFUSED, NULL, "{\"inner\":{\"secret\":{\"hidden\":\"x\"}}}", "inner.secret.hidden",
     "\"inner.secret.hidden\" is unknown"},
    {REFUSED, NULL, "{\"secrets\":{\"1\":{\"hidden\":\"x\"}}}", "secrets.1.hidden",
     "\"secrets.1.hidden\" is unknown"},
    {REFUSED, NULL, "{\"inner\":1}", "inner", "\"inner\" must be " OBJECT},
    {REFUSED, NULL, "{\"inner\":[]}", "inner", "\"inner\" must be " OBJECT},
    {REFUSED, NULL, "{\"inners\":{}}", "inners", "\"inners\" must be a list"},
    {REFUSED, NULL, "{\"inners\":[{\"number\":1},{\"number\":\"x\"}]}", "inners[1].number",
     "\"inners[1].number\" must be " WHOLE32},
    {REFUSED, NULL, "{\"texts\":[null]}", "texts[0]", "\"texts[0]\" must be " TEXT},
    {REFUSED, NULL, "{\"counts\":[]}", "counts", "\"counts\" must be " OBJECT},
    {REFUSED, NULL, "{\"counts\":{\"a\":\"x\"}}", "counts.a", "\"counts.a\" must be " WHOLE32},
    {REFUSED, NULL, "{\"secrets\":{\"x\":{}}}", "secrets.x", "\"secrets.x\" must be " WHOLE32},
    {REFUSED, NULL, "{\"inners\":[null]}", "inners[0]", "\"inners[0]\" must be " OBJECT},
    {REFUSED, NULL, "{\"inner\":\"x\"}", "inner", "\"inner\" must be " OBJECT},
    {REFUSED, NULL, "{\"texts\":\"a\"}", "texts", "\"texts\" must be a list"},
    {REFUSED, NULL, "{\"counts\":{\"a\":null}}", "counts.a", "\"counts.a\" must be " WHOLE32},
    {REFUSED, NULL, "{\"counts\":{\"a\":1,\"a\":2}}", ANY, ANY},
    {REFUSED, NULL, "{\"numbers\":[1,[2]]}", "numbers[1]", "\"numbers[1]\" must be " WHOLE32},
    {REFUSED, NULL, "{\"secrets\":{\"01\":{}}}", "secrets.01", "\"secrets.01\" must be " WHOLE32},
    {REFUSED, NULL, "{\"counts\":null,\"counts\":{}}", ANY, ANY},
    /* times */
    {TAKEN, NULL, "{\"time\":\"2026-02-28T23:59:59.5Z\"}", "",
     "\"time\":\"2026-02-28T23:59:59.500Z\""},
    {TAKEN, NULL, "{\"time\":\"2024-02-29T00:00:00+02:00\"}", "",
     "\"time\":\"2024-02-28T22:00:00Z\""},
    {TAKEN, NULL, "{\"time\":\"1969-12-31T23:59:59-00:30\"}", "",
     "\"time\":\"1970-01-01T00:29:59Z\""},
    {TAKEN, NULL, "{\"time\":\"0001-01-01T00:00:00Z\"}", "", "\"time\":\"0001-01-01T00:00:00Z\""},
    {TAKEN, NULL, "{\"time\":\"9999-12-31T23:59:59.999999999Z\"}", "",
     "\"time\":\"9999-12-31T23:59:59.999999999Z\""},
    {TAKEN, NULL, "{\"times\":[\"1970-01-01T00:00:00Z\"]}", "",
     "\"times\":[\"1970-01-01T00:00:00Z\"]"},
    {TAKEN, NULL, "{\"time\":\"2026-09-01T12:00:00.123456789Z\"}", "",
     "\"time\":\"2026-09-01T12:00:00.123456789Z\""},
    {TAKEN, NULL, "{\"time\":\"2026-09-01T12:00:00.12Z\"}", "",
     "\"time\":\"2026-09-01T12:00:00.120Z\""},
    {TAKEN, NULL, "{\"time\":null}", "", "\"text\":\"\""},
    {TAKEN, NULL, "{\"time\":\"2000-02-29T00:00:00Z\"}", "", "\"time\":\"2000-02-29T00:00:00Z\""},
    {REFUSED, NULL, "{\"time\":\"2026-09-01t12:00:00Z\"}", "time", "\"time\" must be " TIME},
    {REFUSED, NULL, "{\"time\":\"2026-09-01T12:00:00z\"}", "time", "\"time\" must be " TIME},
    {REFUSED, NULL, "{\"time\":\"2026-02-29T00:00:00Z\"}", "time", "\"time\" must be " TIME},
    {REFUSED, NULL, "{\"time\":\"2026-13-01T00:00:00Z\"}", "time", "\"time\" must be " TIME},
    {REFUSED, NULL, "{\"time\":\"2026-01-01\"}", "time", "\"time\" must be " TIME},
    {REFUSED, NULL, "{\"time\":\"2026-01-01T00:00:00\"}", "time", "\"time\" must be " TIME},
    {REFUSED, NULL, "{\"time\":\"0000-01-01T00:00:00Z\"}", "time", "\"time\" must be " TIME},
    {REFUSED, NULL, "{\"time\":\"2026-01-01T24:00:00Z\"}", "time", "\"time\" must be " TIME},
    {REFUSED, NULL, "{\"time\":\"2026-01-01T00:00:00.Z\"}", "time", "\"time\" must be " TIME},
    {REFUSED, NULL, "{\"time\":\"2026-01-01T00:00:00Zx\"}", "time", "\"time\" must be " TIME},
    {REFUSED, NULL, "{\"time\":0}", "time", "\"time\" must be " TIME},
    {REFUSED, NULL, "{\"time\":\"2026-09-01 12:00:00Z\"}", "time", "\"time\" must be " TIME},
    {REFUSED, NULL, "{\"time\":\"2026-09-01T12:00:00.1234567890Z\"}", "time",
     "\"time\" must be " TIME},
    {REFUSED, NULL, "{\"time\":\"2026-06-30T23:59:60Z\"}", "time", "\"time\" must be " TIME},
    {REFUSED, NULL, "{\"time\":\"10000-01-01T00:00:00Z\"}", "time", "\"time\" must be " TIME},
    {REFUSED, NULL, "{\"time\":\"0001-01-01T00:00:00+00:01\"}", "time", "\"time\" must be " TIME},
    {REFUSED, NULL, "{\"time\":\"9999-12-31T23:59:59-00:01\"}", "time", "\"time\" must be " TIME},
    {REFUSED, NULL, "{\"time\":\"2026-01-01T00:00:00+0100\"}", "time", "\"time\" must be " TIME},
    {REFUSED, NULL, "{\"time\":\"\"}", "time", "\"time\" must be " TIME},
    {REFUSED, NULL, "{\"time\":{\"seconds\":1}}", "time", "\"time\" must be " TIME},
    {REFUSED, NULL, "{\"time\":\"2100-02-29T00:00:00Z\"}", "time", "\"time\" must be " TIME},
    /* durations */
    {TAKEN, NULL, "{\"span\":\"-1.5s\"}", "", "\"span\":\"-1.500s\""},
    {TAKEN, NULL, "{\"span\":\"-0.5s\"}", "", "\"span\":\"-0.500s\""},
    {TAKEN, NULL, "{\"span\":\"0s\"}", "", "\"span\":\"0s\""},
    {TAKEN, NULL, "{\"span\":\"315576000000s\"}", "", "\"span\":\"315576000000s\""},
    {TAKEN, NULL, "{\"span\":\"-315576000000s\"}", "", "\"span\":\"-315576000000s\""},
    {TAKEN, NULL, "{\"span\":\"0.000000001s\"}", "", "\"span\":\"0.000000001s\""},
    {REFUSED, NULL, "{\"span\":\"1\"}", "span", "\"span\" must be " SPAN},
    {REFUSED, NULL, "{\"span\":\"315576000001s\"}", "span", "\"span\" must be " SPAN},
    {REFUSED, NULL, "{\"span\":\"-315576000001s\"}", "span", "\"span\" must be " SPAN},
    {REFUSED, NULL, "{\"span\":\"0.0000000001s\"}", "span", "\"span\" must be " SPAN},
    {REFUSED, NULL, "{\"span\":\"1.s\"}", "span", "\"span\" must be " SPAN},
    {REFUSED, NULL, "{\"span\":\"1m\"}", "span", "\"span\" must be " SPAN},
    {REFUSED, NULL, "{\"span\":\"+1s\"}", "span", "\"span\" must be " SPAN},
    {REFUSED, NULL, "{\"span\":1}", "span", "\"span\" must be " SPAN},
    {REFUSED, NULL, "{\"span\":\"s\"}", "span", "\"span\" must be " SPAN},
    {REFUSED, NULL, "{\"span\":\"1e3s\"}", "span", "\"span\" must be " SPAN},
    {REFUSED, NULL, "{\"span\":\"--1s\"}", "span", "\"span\" must be " SPAN},
    /* field masks */
    {TAKEN, NULL, "{\"mask\":\"text,inner.text\"}", "", "\"mask\":\"text,inner.text\""},
    {TAKEN, NULL, "{\"mask\":\"\"}", "", "\"mask\":\"\""},
    {TAKEN, NULL, "{\"mask\":\"snakeCaseName\"}", "", "\"mask\":\"snakeCaseName\""},
    {LAXER, PROTO_PATH, "{\"mask\":\"snake_case_name\"}", "", "\"mask\":\"snakeCaseName\""},
    {REFUSED, NULL, "{\"mask\":\"text,\"}", "mask", "\"mask\" must be " MASK},
    {REFUSED, NULL, "{\"mask\":\",\"}", "mask", "\"mask\" must be " MASK},
    {REFUSED, NULL, "{\"mask\":\"a,,b\"}", "mask", "\"mask\" must be " MASK},
    {REFUSED, NULL, "{\"mask\":[\"text\"]}", "mask", "\"mask\" must be names of fields"},
    {REFUSED, NULL, "{\"mask\":\",text\"}", "mask", "\"mask\" must be " MASK},
    /* wrappers */
    {TAKEN, NULL, "{\"maybeText\":\"\"}", "", "\"maybeText\":\"\""},
    {TAKEN, NULL, "{\"maybeBig\":\"5\"}", "", "\"maybeBig\":\"5\""},
    {TAKEN, NULL, "{\"maybeFlag\":false}", "", "\"maybeFlag\":false"},
    {TAKEN, NULL, "{\"maybeText\":null}", "", "\"text\":\"\""},
    {TAKEN, NULL, "{\"maybeBig\":9223372036854775807}", "", "\"maybeBig\":\"9223372036854775807\""},
    {REFUSED, NULL, "{\"maybeBig\":\"x\"}", "maybe_big", "\"maybeBig\" must be " WHOLE64},
    {REFUSED, NULL, "{\"maybe_flag\":1}", "maybe_flag", "\"maybe_flag\" must be " BOOL},
    {REFUSED, NULL, "{\"maybeText\":{\"value\":\"x\"}}", "maybe_text",
     "\"maybeText\" must be " TEXT},
    {REFUSED, NULL, "{\"maybeText\":5}", "maybe_text", "\"maybeText\" must be " TEXT},
    /* oneofs */
    {TAKEN, NULL, "{\"left\":\"\"}", "", "\"left\":\"\""},
    {TAKEN, NULL, "{\"right\":0}", "", "\"right\":0"},
    {TAKEN, NULL, "{\"left\":null,\"right\":1}", "", "\"right\":1"},
    {TAKEN, NULL, "{\"left\":\"a\",\"right\":null}", "", "\"left\":\"a\""},
    {REFUSED, NULL, "{\"left\":\"a\",\"right\":1}", "right",
     "\"right\" excludes another field that is also given"},
    {REFUSED, NULL, "{\"right\":1,\"left\":\"a\"}", "left",
     "\"left\" excludes another field that is also given"},
    /* names of fields */
    {TAKEN, NULL, "{\"snakeCaseName\":\"x\"}", "", "\"snakeCaseName\":\"x\""},
    {TAKEN, NULL, "{\"snake_case_name\":\"x\"}", "", "\"snakeCaseName\":\"x\""},
    {REFUSED, NULL, "{\"nothing\":1}", "nothing", "\"nothing\" is unknown"},
    {REFUSED, NULL, "{\"hiddenNumber\":1}", "hidden_number", "\"hiddenNumber\" is unknown"},
    {REFUSED, NULL, "{\"hidden_inner\":{}}", "hidden_inner", "\"hidden_inner\" is unknown"},
    {REFUSED, NULL, "{\"snakeCaseName\":\"a\",\"snake_case_name\":\"b\"}", ANY, ANY},
    {REFUSED, NULL, "{\"Text\":\"x\"}", "Text", "\"Text\" is unknown"},
    {REFUSED, NULL, "{\"snakecasename\":\"x\"}", "snakecasename", "\"snakecasename\" is unknown"},
    {REFUSED, NULL, "{\"\":1}", "", "\"\" is unknown"},
    {REFUSED, NULL, "{\"31\":\"x\"}", "31", "\"31\" is unknown"},
    /* what is JSON at all */
    {REFUSED, NULL, "[]", "", "the body must be " OBJECT},
    {REFUSED, NULL, "\"x\"", "", "the body must be " OBJECT},
    {REFUSED, NULL, "{\"[pek.field]\":1}", "[pek.field]", "\"[pek.field]\" is unknown"},
    {REFUSED, NULL, "{", ANY, ANY},
    {REFUSED, NULL, "{\"text\":\"a\"} x", ANY, ANY},
    {REFUSED, NULL, "{\"text\":\"a\",\"text\":\"b\"}", ANY, ANY},
    {REFUSED, NULL, "{'text':1}", ANY, ANY},
    {REFUSED, NULL, "{\"i32\":01}", ANY, ANY},
    {REFUSED, NULL, "{\"i32\":1,}", ANY, ANY},
    {REFUSED, NULL, "{\"real\":1e999}", ANY, ANY},
    {REFUSED, NULL, "{\"flag\":True}", ANY, ANY},
    {REFUSED, NULL, "null", ANY, ANY},
    {REFUSED, NULL, "1", ANY, ANY},
    {REFUSED, NULL, "true", ANY, ANY},
    {REFUSED, NULL, "{\"flag\":true,}", ANY, ANY},
    {REFUSED, NULL, "{\"flag\" true}", ANY, ANY},
    {REFUSED, NULL, "{flag:true}", ANY, ANY},
    {REFUSED, NULL, "/* */{}", ANY, ANY},
    {REFUSED, NULL, "{}{}", ANY, ANY},
    {REFUSED, NULL, "\xEF\xBB\xBF{}", ANY, ANY},
    {REFUSED, NULL, "{\"numbers\":[1,]}", ANY, ANY},
    {REFUSED, NULL, "{\"numbers\":[,1]}", ANY, ANY},
    {REFUSED, NULL, "{\"i32\":.5}", ANY, ANY},
    {REFUSED, NULL, "{\"i32\":+1}", ANY, ANY},
    {REFUSED, NULL, "{\"i32\":1.}", ANY, ANY},
    {REFUSED, NULL, "{\"i32\":0x1}", ANY, ANY},
    {REFUSED, NULL, "{\"i32\":-}", ANY, ANY},
    {STRICTER, SHALLOW,
     "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}", ANY, ANY},
};

static void assert_row(const struct row *row)
{
    struct route_match match;
    struct transcode_request *request = NULL;
    if (row->stance == TAKEN || row->stance == LAXER) {
        assert_has(echo("POST /odd", row->body), row->says);
        return;
    }
    if (row->says != ANY) {
        assert_refused("POST /odd", row->body, row->field, row->says);
        return;
    }
    enum status status = make(odd, "POST /odd", slice_str(row->body), &match, &request);
    if (status != STATUS_INVALID_ARGUMENT || !fault.text[0])
        fail_msg("%s gave %s", row->body, status_name(status));
}

static void every_value_is_taken_or_refused_as_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        reset(NULL);
        assert_row(&table[i]);
    }
}

static void what_differs_from_the_rules_is_documented(void **state)
{
    (void)state;
    static char text[DOCUMENT_BYTES_MAX];
    FILE *file = fopen(DOCUMENT, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const struct row *row = &table[i];
        assert_int_equal(row->rule != NULL, row->stance == STRICTER || row->stance == LAXER);
        if (row->rule && !strstr(text, row->rule))
            fail_msg(DOCUMENT " does not say: %s", row->rule);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, reset)
    const struct CMUnitTest tests[] = {
        TEST(every_value_is_taken_or_refused_as_the_table_says),
        TEST(what_differs_from_the_rules_is_documented),
    };
    return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
