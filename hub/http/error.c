#include "hub/http/internal.h"

static const struct {
    int code;
    const char *phrase, *status;
    const char *reason; /* NULL: the status */
} codes[] = {
    {200, "OK", "OK"},
    {201, "Created", "OK"},
    {202, "Accepted", "OK"},
    {204, "No Content", "OK"},
    {206, "Partial Content", "OK"},
    {302, "Found", "OK"},
    {303, "See Other", "OK"},
    {304, "Not Modified", "OK"},
    {307, "Temporary Redirect", "OK"},
    {308, "Permanent Redirect", "OK"},
    {400, "Bad Request", "INVALID_ARGUMENT"},
    {401, "Unauthorized", "UNAUTHENTICATED"},
    {403, "Forbidden", "PERMISSION_DENIED"},
    {404, "Not Found", "NOT_FOUND"},
    {405, "Method Not Allowed", "UNIMPLEMENTED"},
    {406, "Not Acceptable", "INVALID_ARGUMENT"},
    {408, "Request Timeout", "DEADLINE_EXCEEDED"},
    {409, "Conflict", "ABORTED"},
    {412, "Precondition Failed", "FAILED_PRECONDITION"},
    {413, "Content Too Large", "RESOURCE_EXHAUSTED", "REQUEST_TOO_LARGE"},
    {414, "URI Too Long", "INVALID_ARGUMENT"},
    {415, "Unsupported Media Type", "INVALID_ARGUMENT"},
    {417, "Expectation Failed", "INVALID_ARGUMENT"},
    {421, "Misdirected Request", "INVALID_ARGUMENT"},
    {429, "Too Many Requests", "RESOURCE_EXHAUSTED"},
    {431, "Request Header Fields Too Large", "INVALID_ARGUMENT"},
    {499, "Client Closed Request", "CANCELLED"},
    {500, "Internal Server Error", "INTERNAL"},
    {501, "Not Implemented", "UNIMPLEMENTED"},
    {502, "Bad Gateway", "UNAVAILABLE"},
    {503, "Service Unavailable", "UNAVAILABLE"},
    {504, "Gateway Timeout", "DEADLINE_EXCEEDED"},
};

static size_t code_index(int code)
{
    size_t i = 0;
    while (i + 1 < sizeof(codes) / sizeof(codes[0]) && codes[i].code != code)
        i++;
    return i;
}

const char *reason_phrase(int code)
{
    size_t i = code_index(code);
    return codes[i].code == code ? codes[i].phrase : "Status";
}

size_t error_body(int code, const char *what, char *out, size_t cap)
{
    size_t i = code_index(code);
    const char *status = codes[i].status, *reason = codes[i].reason ? codes[i].reason : status;
    int len = snprintf(out, cap,
                       "{\"error\":{\"code\":%d,\"status\":\"%s\",\"message\":\"%s\",\"details\":"
                       "[{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\",\"reason\":\"%s\","
                       "\"domain\":\"pek\",\"metadata\":{}}]}}",
                       code, status, what, reason);
    return len > 0 && (size_t)len < cap ? (size_t)len : 0;
}

size_t error_page(int code, const char *what, char *out, size_t cap)
{
    int len = snprintf(out, cap,
                       "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
                       "<meta name=\"viewport\" content=\"width=device-width\">\n"
                       "<meta name=\"color-scheme\" content=\"light dark\">\n"
                       "<link rel=\"icon\" href=\"/icon.svg\">\n<title>%d %s</title>\n"
                       "<h1>%s</h1>\n<p>%s</p>\n"
                       "<p><a href=\"/\">PÉK: home page · főoldal</a></p>\n</html>\n",
                       code, reason_phrase(code), reason_phrase(code), what);
    return len > 0 && (size_t)len < cap ? (size_t)len : 0;
}
