/* The classes of requests that readers of HTTP/1.1 differ on, after those that llhttp publishes as its cases (connection,
 * content-length, finish, invalid, lenient flags, method, pipelining, sample, transfer-encoding, uri). For each what this server
 * says: the codes of its answers in order, "…" for a request that is not whole and is waited for.
 *
 * Where llhttp, with its lenient flags off, takes what is refused here, or the other way round, the case says so and why.
 */
#include <sys/socket.h>

#include "hub/http/fixture.h"

struct class_case {
    const char *what, *bytes, *codes;
};

#define R "GET / HTTP/1.1\r\nHost: a\r\n"
#define P "POST / HTTP/1.1\r\nHost: a\r\n"
#define CHUNKED P "Transfer-Encoding: chunked\r\n\r\n"
#define NEXT "GET /next HTTP/1.1\r\nHost: a\r\n\r\n"

/* How many answers are there, and what codes they have: "200 400". */
static void codes_of(const struct client *client, char *ret_codes, size_t cap)
{
    size_t len = 0;
    struct slice rest = buffer_slice(&client->in);
    ret_codes[0] = '\0';
    for (const char *at;
         rest.len > 12 && (at = memmem(rest.ptr, rest.len, "HTTP/1.1 ", 9)) && len + 5 < cap;
         rest = slice_make(at + 9, rest.len - (size_t)(at + 9 - rest.ptr)))
        len += (size_t)snprintf(ret_codes + len, cap - len, "%s%.3s", len ? " " : "", at + 9);
}

/* All codes that are wanted have come; then the client ends, and nothing more may come. */
static void assert_class(const struct class_case *c)
{
    char codes[64] = "";
    bool waits = strstr(c->codes, "…") != NULL;
    char wanted[64];
    snprintf(wanted, sizeof(wanted), "%.*s", (int)strcspn(c->codes, "\xe2"), c->codes);
    while (wanted[0] && wanted[strlen(wanted) - 1] == ' ')
        wanted[strlen(wanted) - 1] = '\0';
    struct client client = client_open();
    client_send(&client, slice_str(c->bytes));
    WAIT_FOR((client_take(&client), codes_of(&client, codes, sizeof(codes)),
              strlen(codes) >= strlen(wanted) || client.ended));
    if (waits && client.ended)
        fail_msg("%s: is not waited for: %s", c->what, codes);
    shutdown(client.fd, SHUT_WR);
    READ_TO_END(&client);
    codes_of(&client, codes, sizeof(codes));
    if (strcmp(codes, wanted) != 0)
        fail_msg("%s: %s, and not %s", c->what, codes, c->codes);
    client_close(&client);
}

#define ALL(cases)                                                                                 \
    (void)state;                                                                                   \
    start((struct http_options){0});                                                               \
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)                                  \
    assert_class(&cases[i])

static void connection(void **state)
{
    static const struct class_case cases[] = {
        {"keep-alive is said", R "Connection: keep-alive\r\n\r\n" NEXT, "200 200"},
        {"it is meant", R "\r\n" NEXT, "200 200"},
        {"HTTP/1.0 means close", "GET / HTTP/1.0\r\n\r\n" NEXT, "200"},
        {"HTTP/1.0 says keep-alive", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" NEXT,
         "200 200"},
        {"an empty line between two", R "\r\n\r\n" NEXT, "200 200"},
        /* llhttp takes any number of them. One is what RFC 9112 2.2 asks for. */
        {"two empty lines between two", R "\r\n\r\n\r\n" NEXT, "200 400"},
        {"close", R "Connection: close\r\n\r\n" NEXT, "200"},
        {"close and a tab", R "Connection: close\t\r\n\r\n" NEXT, "200"},
        {"close among others",
         R "Connection: close, token, upgrade, token, keep-alive\r\n\r\n" NEXT, "200"},
        {"close in the second line", R "Connection: x\r\nConnection: Close\r\n\r\n" NEXT, "200"},
        {"closely is not close", R "Connection: closely\r\n\r\n" NEXT, "200 200"},
        {"a CR in it", R "Connection: keep\ralive\r\n\r\n" NEXT, "400"},
        {"a blank before the colon", R "Connection : close\r\n\r\n" NEXT, "400"},
        /* Where llhttp stops for somebody else to go on, nothing is upgraded here: what follows is the next request. */
        {"an upgrade", R "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n" NEXT, "200 200"},
        {"an upgrade with a body",
         P "Connection: upgrade\r\nUpgrade: ws\r\nContent-Length: 4\r\n\r\nabcd" NEXT, "200 200"},
        {"an upgrade to HTTP/2",
         R "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: "
           "AAMAAABk\r\n\r\n" NEXT,
         "200 200"},
        {"an upgrade, and what is no request",
         R "Connection: upgrade\r\nUpgrade: ws\r\n\r\n\x81\x05hello\r\n\r\n", "200 400"},
    };
    ALL(cases);
}

static void content_length(void **state)
{
    static const struct class_case cases[] = {
        {"zeroes before it", P "Content-Length: 003\r\n\r\nabc" NEXT, "200 200"},
        {"any case", P "conTENT-lenGTH: 3\r\n\r\nabc" NEXT, "200 200"},
        {"other headers after it", P "Content-Length: 3\r\nX: y\r\n\r\nabc" NEXT, "200 200"},
        {"blanks around it", P "Content-Length: \t 3 \t\r\n\r\nabc" NEXT, "200 200"},
        {"of a GET", R "Content-Length: 3\r\n\r\nabc" NEXT, "200 200"},
        {"22 digits", P "Content-Length: 1000000000000000000000\r\n\r\n" NEXT, "400"},
        {"2^64", P "Content-Length: 18446744073709551616\r\n\r\n" NEXT, "400"},
        {"two that differ", P "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab" NEXT, "400"},
        /* RFC 9110 8.6 lets a reader take these two; who sends them is broken. llhttp refuses the first as well. */
        {"two alike", P "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc" NEXT, "400"},
        {"two alike in a line", P "Content-Length: 3, 3\r\n\r\nabc" NEXT, "400"},
        {"with a coding", P "Content-Length: 1\r\nTransfer-Encoding: identity\r\n\r\na" NEXT,
         "400"},
        {"with chunks", P "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" NEXT,
         "400"},
        {"the same the other way round",
         P "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" NEXT, "400"},
        {"a blank before the colon", P "Content-Length : 3\r\n\r\nabc" NEXT, "400"},
        {"a blank in it", P "Content-Length: 4 2\r\n\r\nabc" NEXT, "400"},
        {"empty", P "Content-Length:\r\n\r\n" NEXT, "400"},
        {"plus", P "Content-Length: +3\r\n\r\nabc" NEXT, "400"},
        {"minus", P "Content-Length: -3\r\n\r\nabc" NEXT, "400"},
        {"hexadecimal", P "Content-Length: 0x3\r\n\r\nabc" NEXT, "400"},
        {"a fraction", P "Content-Length: 3.0\r\n\r\nabc" NEXT, "400"},
        {"a CR for the hyphen", P "Content\rLength: 3\r\n\r\nabc" NEXT, "400"},
        {"an underscore for the hyphen: another header", P "Content_Length: 3\r\n\r\n" NEXT,
         "200 200"},
        {"no empty line before the body", P "Content-Length: 3\r\n\rabc" NEXT, "400"},
        {"each request has its own",
         P "Content-Length: 3\r\n\r\nabc" P "Content-Length: 1\r\n\r\nx" NEXT, "200 200 200"},
        {"nothing and then a request", P "Content-Length: 0\r\n\r\n" NEXT, "200 200"},
        {"the next request as the body", P "Content-Length: 31\r\n\r\n" NEXT NEXT, "200 200"},
    };
    _Static_assert(sizeof(NEXT) - 1 == 31, "a length in a case above");
    ALL(cases);
}

static void whole_or_not(void **state)
{
    static const struct class_case cases[] = {
        {"whole", R "\r\n", "200"},
        {"half a body", P "Content-Length: 100\r\n\r\nabc", "…"},
        {"no body yet", P "Content-Length: 100\r\n\r\n", "…"},
        {"half a name", "PUT / HTTP/1.1\r\nContent-Leng", "…"},
        {"half a line end", R "\r", "…"},
        {"half a method", "PU", "…"},
        {"a request and a half",
         R "\r\n"
           "GET /ne",
         "200 …"},
        {"no last chunk", CHUNKED "3\r\nfoo\r\n", "…"},
        {"no last line", CHUNKED "3\r\nfoo\r\n0\r\n", "…"},
        {"half a trailer", CHUNKED "0\r\nX: y", "…"},
    };
    ALL(cases);
}

static void invalid(void **state)
{
    static const struct class_case cases[] = {
        {"ICE", "GET / ICE/1.0\r\nHost: a\r\n\r\n" NEXT, "400"},
        {"IHTTP", "GET / IHTTP/1.0\r\nHost: a\r\n\r\n" NEXT, "400"},
        {"RTSP", "PUT / RTSP/1.0\r\nHost: a\r\n\r\n" NEXT, "400"},
        {"http in lower case", "GET / http/1.1\r\nHost: a\r\n\r\n" NEXT, "400"},
        {"HTTP/5.6", "GET / HTTP/5.6\r\nHost: a\r\n\r\n" NEXT, "400"},
        {"HTTP/0.9 with a version", "GET / HTTP/0.9\r\nHost: a\r\n\r\n" NEXT, "400"},
        {"HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n" NEXT, "400"},
        {"HTTP/01.1", "GET / HTTP/01.1\r\nHost: a\r\n\r\n" NEXT, "400"},
        {"HTTP/1.10", "GET / HTTP/1.10\r\nHost: a\r\n\r\n" NEXT, "400"},
        {"HTTP/1", "GET / HTTP/1\r\nHost: a\r\n\r\n" NEXT, "400"},
        {"HTTP/1.", "GET / HTTP/1.\r\nHost: a\r\n\r\n" NEXT, "400"},
        /* llhttp knows 0.9, 1.0, 1.1 and 2.0. RFC 9110 2.5 has a minor version that is not known read as the last that is. */
        {"HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n" NEXT, "200 200"},
        {"no version", "GET /\r\n\r\n" NEXT, "400"},
        {"headers separated by CR", "GET / HTTP/1.1\r\nHost: a\r\nFoo: 1\rBar: 2\r\n\r\n" NEXT,
         "400"},
        {"headers separated by LF", P "x:x\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" NEXT,
         "400"},
        {"headers separated by CR and something", R "\rZGET /evil: HTTP/1.1\r\nHost: a\r\n\r\n",
         "400"},
        {"an empty value and a CR", P "x:\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" NEXT,
         "400"},
        {"an empty value and an LF", P "x:\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" NEXT,
         "400"},
        {"NUL in a name", R "Fo\x01: 1\r\n\r\n" NEXT, "400"},
        {"a blank in a name", R "Foo Bar: 1\r\n\r\n" NEXT, "400"},
        {"no name", R ": 1\r\n\r\n" NEXT, "400"},
        {"a parenthesis in a name", R "Fo(o: 1\r\n\r\n" NEXT, "400"},
        {"a quote in a name", R "Fo\"o: 1\r\n\r\n" NEXT, "400"},
        {"no colon", R "Foo\r\n\r\n" NEXT, "400"},
        {"a name that is not ASCII", R "F\xc3\xb6: 1\r\n\r\n" NEXT, "400"},
        {"a line that goes on", R "Foo: 1\r\n 2\r\n\r\n" NEXT, "400"},
        {"the same with a tab", R "Foo: 1\r\n\t2\r\n\r\n" NEXT, "400"},
        {"the first line goes on", "GET / HTTP/1.1\r\n Host: a\r\n\r\n" NEXT, "400"},
        {"an empty line that goes on", R "\r\n X: 1\r\n\r\n", "200 400"},
        {"a CR too many", R "Foo: 1\r\r\n\r\n" NEXT, "400"},
        {"a CR too many at the end", R "\r\r\n" NEXT, "400"},
        {"no LF after the first line", "GET / HTTP/1.1\rHost: a\r\n\r\n" NEXT, "400"},
        {"LF alone", "GET / HTTP/1.1\nHost: a\n\n" NEXT, "400"},
        {"LF at the end alone", R "\n" NEXT, "400"},
        {"a blank before the request", " GET / HTTP/1.1\r\nHost: a\r\n\r\n" NEXT, "400"},
        {"an LF before the request", "\n" NEXT, "400"},
        {"two blanks", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n" NEXT, "400"},
        {"two blanks before the version", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n" NEXT, "400"},
        {"a tab for a blank", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n" NEXT, "400"},
        {"a blank at the end of the line", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n" NEXT, "400"},
        {"a control character in a value", R "Foo: \x01\r\n\r\n" NEXT, "400"},
        {"DEL in a value", R "Foo: \x7f\r\n\r\n" NEXT, "400"},
    };
    ALL(cases);
}

static void methods(void **state)
{
    static const struct class_case cases[] = {
        {"PATCH", "PATCH / HTTP/1.1\r\nHost: a\r\n\r\n" NEXT, "200 200"},
        {"with a hyphen", "M-SEARCH / HTTP/1.1\r\nHost: a\r\n\r\n" NEXT, "200 200"},
        /* llhttp has a list of methods. Here it is the route that knows which there are: 405 with Allow, not 400. */
        {"nobody's", "MKA / HTTP/1.1\r\nHost: a\r\n\r\n" NEXT, "200 200"},
        {"in lower case", "get / HTTP/1.1\r\nHost: a\r\n\r\n" NEXT, "200 200"},
        {"SOURCE, which is ICE's", "SOURCE / HTTP/1.1\r\nHost: a\r\n\r\n" NEXT, "200 200"},
        {"empty", " / HTTP/1.1\r\nHost: a\r\n\r\n" NEXT, "400"},
        {"a comma", "GE,T / HTTP/1.1\r\nHost: a\r\n\r\n" NEXT, "400"},
        /* llhttp takes it; nothing is tunnelled here, so an authority is no target. */
        {"CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n" NEXT, "400"},
        {"CONNECT with a body",
         "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nContent-Length: 10\r\n\r\nblarfcicle" NEXT,
         "400"},
        {"another preface of HTTP/2", "PRI * HTTP/1.1\r\nHost: a\r\n\r\n" NEXT, "400"},
        {"OPTIONS of everything", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n" NEXT, "200 200"},
        {"GET of everything", "GET * HTTP/1.1\r\nHost: a\r\n\r\n" NEXT, "400"},
        {"OPTIONS of more than everything", "OPTIONS ** HTTP/1.1\r\nHost: a\r\n\r\n" NEXT, "400"},
        {"HEAD gets no body", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" NEXT, "200 200"},
    };
    ALL(cases);
}

static void targets(void **state)
{
    static const struct class_case cases[] = {
        {"a question mark in the query", "GET /a?b?c HTTP/1.1\r\nHost: a\r\n\r\n" NEXT, "200 200"},
        {"a quote", "GET /with_\"stupid\"_quotes HTTP/1.1\r\nHost: a\r\n\r\n" NEXT, "200 200"},
        {"a bar", "GET /a?b|c HTTP/1.1\r\nHost: a\r\n\r\n" NEXT, "200 200"},
        {"a URI", "GET http://a.example:80/b?c HTTP/1.1\r\nHost: a\r\n\r\n" NEXT, "200 200"},
        {"a URI without a path", "GET http://a.example?b HTTP/1.1\r\nHost: a\r\n\r\n" NEXT,
         "200 200"},
        {"an underscore in the host", "GET http://a_b.example/ HTTP/1.1\r\nHost: a\r\n\r\n" NEXT,
         "200 200"},
        /* llhttp leaves these to whoever asked; RFC 9110 4.2.4 has the first treated as an error. */
        {"a user in the host", "GET http://u:p@a.example/ HTTP/1.1\r\nHost: a\r\n\r\n" NEXT, "400"},
        {"a fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n" NEXT, "400"},
        {"UTF-8 that is not escaped", "GET /\xce\xb4 HTTP/1.1\r\nHost: a\r\n\r\n" NEXT, "400"},
        {"a backslash", "GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n" NEXT, "400"},
        {"a blank", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n" NEXT, "400"},
        {"a tab", "GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n" NEXT, "400"},
        {"no slash", "GET a HTTP/1.1\r\nHost: a\r\n\r\n" NEXT, "400"},
        {"another scheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n" NEXT, "400"},
        {"no authority", "GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n" NEXT, "400"},
        /* llhttp does not look at it. */
        {"no Host", "GET / HTTP/1.1\r\n\r\n" NEXT, "400"},
        {"no Host of a URI", "GET http://a/ HTTP/1.1\r\n\r\n" NEXT, "400"},
        {"two Hosts", R "Host: a\r\n\r\n" NEXT, "400"},
        {"a Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n" NEXT, "400"},
        {"a Host with =", "GET / HTTP/1.1\r\nHost: 0.0.0.0=5000\r\n\r\n" NEXT, "400"},
        {"an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n" NEXT, "400"},
        {"no Host of HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", "200"},
    };
    ALL(cases);
}

static void samples(void **state)
{
    static const struct class_case cases[] = {
        {"an empty line first", "\r\n" NEXT, "200"},
        {"values of blanks", R "X: \t \r\nY:\r\n\r\n" NEXT, "200 200"},
        {"a value of colons", R "aaaaaaaaaaaaa:++:++::\r\n\r\n" NEXT, "200 200"},
        {"a value of UTF-8", R "Test: D\xc3\xbcsseldorf\r\n\r\n" NEXT, "200 200"},
        {"255 in a value", R "Test: \xffValue\r\n\r\n" NEXT, "200 200"},
        {"folded, as certificates were once passed on",
         R "X-SSL:   -----BEGIN\r\n\tMIIF\r\n\r\n" NEXT, "400"},
        {"twenty at once", NEXT NEXT NEXT NEXT NEXT NEXT NEXT NEXT NEXT NEXT,
         "200 200 200 200 200 200 200 200 200 200"},
        {"bodies among them",
         "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd" CHUNKED
         "1\r\na\r\n0\r\n\r\n" NEXT,
         "200 200 200"},
        {"a bad one among them", NEXT "GET /\n\n" NEXT, "200 400"},
    };
    ALL(cases);
}

static void chunked(void **state)
{
    static const struct class_case cases[] = {
        {"lower case", CHUNKED "a\r\n0123456789\r\n0\r\n\r\n" NEXT, "200 200"},
        {"upper case", CHUNKED "A\r\n0123456789\r\n0\r\n\r\n" NEXT, "200 200"},
        {"two, and zeroes at the end", CHUNKED "5\r\nhello\r\n6\r\n world\r\n000\r\n\r\n" NEXT,
         "200 200"},
        {"trailers", CHUNKED "1\r\na\r\n0\r\nVary: *\r\nContent-Type: text/plain\r\n\r\n" NEXT,
         "200 200"},
        {"trailers that would be framing", CHUNKED "0\r\nContent-Length: 30\r\n\r\n" NEXT,
         "200 200"},
        {"extensions", CHUNKED "1;a;b=c;d=\"e\"\r\nx\r\n0;f\r\n\r\n" NEXT, "200 200"},
        {"quotes in extensions", CHUNKED "1;a=\"I \\\"b\\\"; \\\\c\";d\r\nx\r\n0\r\n\r\n" NEXT,
         "200 200"},
        /* llhttp refuses it since a lenient flag was made of it; RFC 9112 7.1.1 has BWS before ';'. */
        {"a blank before an extension", CHUNKED "1 ;a\r\nx\r\n0\r\n\r\n" NEXT, "200 200"},
        {"any case of the word", P "Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n" NEXT, "200 200"},
        {"blanks around the word", P "Transfer-Encoding: \tchunked \r\n\r\n0\r\n\r\n" NEXT,
         "200 200"},
        {"no semicolon", CHUNKED "2 abc\r\naa\r\n0\r\n\r\n" NEXT, "400"},
        {"no extension", CHUNKED "2;\r\naa\r\n0\r\n\r\n" NEXT, "400"},
        {"a quote that is not closed", CHUNKED "1;a=\"b;c\r\nx\r\n0\r\n\r\n" NEXT, "400"},
        {"an LF in quotes", CHUNKED "1;a=\"\n\"\r\nx\r\n0\r\n\r\n" NEXT, "400"},
        {"no size", CHUNKED "\r\nx\r\n0\r\n\r\n" NEXT, "400"},
        {"a size that is none", CHUNKED "g\r\nx\r\n0\r\n\r\n" NEXT, "400"},
        {"a negative size", CHUNKED "-1\r\nx\r\n0\r\n\r\n" NEXT, "400"},
        {"2^64 and one", CHUNKED "10000000000000001\r\nx\r\n0\r\n\r\n" NEXT, "400"},
        {"blanks before a size", CHUNKED " 1\r\nx\r\n0\r\n\r\n" NEXT, "400"},
        {"blanks after a size", CHUNKED "1 \r\nx\r\n0\r\n\r\n" NEXT, "400"},
        {"a blank line in the middle", CHUNKED "1\r\nx\r\n\r\n0\r\n\r\n" NEXT, "400"},
        {"a size that ends in LF", CHUNKED "1\nx\r\n0\r\n\r\n" NEXT, "400"},
        {"a size that ends in CR", CHUNKED "1\rx\r\n0\r\n\r\n" NEXT, "400"},
        {"a size that ends in CR CR", CHUNKED "5\r\r;ABCD\r\n34\r\nE\r\n0\r\n\r\n" NEXT, "400"},
        {"an extension that ends in LF", CHUNKED "1;a\nx\r\n0\r\n\r\n" NEXT, "400"},
        {"data that ends in LF", CHUNKED "1\r\nx\n0\r\n\r\n" NEXT, "400"},
        {"data that ends in nothing", CHUNKED "1\r\nx0\r\n\r\n" NEXT, "400"},
        {"a last line that ends in LF", CHUNKED "0\r\n\n" NEXT, "400"},
        {"a trailer that ends in LF", CHUNKED "0\r\nX: y\n\r\n" NEXT, "400"},
        {"a trailer that goes on", CHUNKED "0\r\nX: y\r\n z\r\n\r\n" NEXT, "400"},
        {"a trailer with a blank in its name", CHUNKED "0\r\nX : y\r\n\r\n" NEXT, "400"},
        {"pigeons", P "Transfer-Encoding: pigeons\r\n\r\n" NEXT, "400"},
        {"identity", P "Transfer-Encoding: identity\r\n\r\n" NEXT, "400"},
        {"empty", P "Transfer-Encoding:\r\n\r\n" NEXT, "400"},
        {"chunked before another", P "Transfer-Encoding: chunked, deflate\r\n\r\n0\r\n\r\n" NEXT,
         "400"},
        {"the same in two lines",
         P "Transfer-Encoding: chunked\r\nTransfer-Encoding: deflate\r\n\r\n0\r\n\r\n" NEXT, "400"},
        {"chunked twice", P "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" NEXT, "400"},
        {"chunkedchunked", P "Transfer-Encoding: chunkedchunked\r\n\r\n0\r\n\r\n" NEXT, "400"},
        {"in quotes", P "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n" NEXT, "400"},
        {"with a parameter", P "Transfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n" NEXT, "400"},
        {"a vertical tab before it",
         P "Transfer-Encoding: \x0b"
           "chunked\r\n\r\n0\r\n\r\n" NEXT,
         "400"},
        {"folded", P "Transfer-Encoding: chunked\r\n  abc\r\n\r\n0\r\n\r\n" NEXT, "400"},
        /* llhttp takes these two and hands the body on; no coding but chunks is known here. */
        {"deflate, then chunked", P "Transfer-Encoding: deflate, chunked\r\n\r\n0\r\n\r\n" NEXT,
         "400"},
        {"the same in two lines, the other way round",
         P "Transfer-Encoding: deflate\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" NEXT, "400"},
        {"in HTTP/1.0",
         "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" NEXT, "400"},
    };
    ALL(cases);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(connection), TEST(content_length), TEST(whole_or_not), TEST(invalid),
        TEST(methods),    TEST(targets),        TEST(samples),      TEST(chunked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
