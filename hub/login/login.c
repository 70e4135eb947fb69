#include "hub/login/login.h"

#include "hub/route/percent.h"
#include "shared/base/clock.h"

bool login_return_is_safe(struct slice path)
{
    if (path.len == 0 || path.len > LOGIN_RETURN_BYTES_MAX || path.ptr[0] != '/')
        return false;
    if (path.len > 1 && (path.ptr[1] == '/' || path.ptr[1] == '\\'))
        return false;
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.ptr[i];
        if (c <= ' ' || c >= 0x7f || c == '\\')
            return false;
    }
    return true;
}

/* The first parameter of that name, decoded into the arena; empty when there is none. */
static struct slice query_parameter(struct http_request *request, const char *name)
{
    struct slice rest = http_query(request);

    while (rest.len > 0) {
        struct slice value = slice_cut(&rest, '&');
        struct slice key = slice_cut(&value, '=');
        char *decoded = arena_alloc(http_arena(request), value.len + 1);
        size_t len;
        if (decoded && slice_equal_str(key, name) &&
            percent_decode(value, PERCENT_PLUS_IS_SPACE, decoded, &len))
            return slice_make(decoded, len);
    }
    return slice_make("", 0);
}

static void set_cookie(struct http_request *request, struct slice token, long max_age_s)
{
    bool secure = http_is_secure(request);
    char *cookie =
        arena_printf(http_arena(request), "%s=%.*s; Path=/; HttpOnly; SameSite=Lax; Max-Age=%ld%s",
                     secure ? API_COOKIE_SECURE : API_COOKIE, SLICE_ARG(token), max_age_s,
                     secure ? "; Secure" : "");
    if (cookie)
        http_add_header(request, "set-cookie", slice_str(cookie));
}

static void redirect(struct http_request *request, struct slice to)
{
    const struct http_header_pair headers[] = {
        {SLICE_LIT("location"), login_return_is_safe(to) ? to : SLICE_LIT("/")},
        {SLICE_LIT("cache-control"), SLICE_LIT("no-store")},
    };
    http_reply(request, 303, headers, 2, slice_make("", 0));
}

static bool is_loopback(struct slice peer)
{
    return slice_starts_with(peer, SLICE_LIT("127.")) || slice_equal_str(peer, "::1");
}

static void log_in_dev(struct login *login, struct http_request *request)
{
    struct fault fault = {0};
    struct slice token = {"", 0};
    struct slice user = query_parameter(request, "user");

    if (!login->dev || !is_loopback(http_peer(request)) ||
        http_header(request, "x-forwarded-for", 0).ptr ||
        http_header(request, "forwarded", 0).ptr) {
        (void)fault_set(&fault, STATUS_NOT_FOUND, NULL, "there is no such path");
        api_reply_fault(request, &fault, 0);
        return;
    }
    if (user.len == 0)
        (void)fault_set(&fault, STATUS_INVALID_ARGUMENT, "user", "say who: /auth/dev?user=alice");
    else
        fault.status = session_open(login->sessions, http_cancel(request), user,
                                    http_arena(request), &token, &fault);
    if (fault.status) {
        api_reply_fault(request, &fault, 0);
        return;
    }
    set_cookie(request, token, SESSION_LIFETIME_S);
    redirect(request, query_parameter(request, "return_to"));
}

static void log_out(struct login *login, struct http_request *request)
{
    struct slice token = api_session_token(request);
    struct fault fault = {0};

    enum status status = api_check_origin(login->api, request, &fault);
    /* Without a session there is nothing to end: the cookie goes all the same. */
    if (!status && token.len) {
        status = session_close(login->sessions, http_cancel(request), token, http_arena(request),
                               &fault);
        if (status == STATUS_UNAUTHENTICATED)
            status = STATUS_OK;
    }
    if (status) {
        api_reply_fault(request, &fault, 0);
        return;
    }
    set_cookie(request, slice_make("", 0), 0);
    http_reply(request, 204, NULL, 0, slice_make("", 0));
}

bool login_handle(struct login *login, struct http_request *request)
{
    static const struct {
        const char *path, *verb;
        void (*handle)(struct login *login, struct http_request *request);
    } pages[] = {
        {"/auth/dev", "GET", log_in_dev},
        {"/auth/logout", "POST", log_out},
    };
    struct slice path = http_raw_path(request);

    http_cancel(request)->deadline_us = deadline_after_ms(LOGIN_TIMEOUT_MS);
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        struct fault fault;
        if (!slice_equal_str(path, pages[i].path))
            continue;
        if (slice_equal_str(http_method(request), pages[i].verb)) {
            pages[i].handle(login, request);
            return true;
        }
        http_add_header(request, "allow", slice_str(pages[i].verb));
        (void)fault_set_reason(&fault, STATUS_UNIMPLEMENTED, "METHOD_NOT_ALLOWED", NULL,
                               "this path takes %s", pages[i].verb);
        api_reply_fault(request, &fault, 405);
        return true;
    }
    return false;
}
