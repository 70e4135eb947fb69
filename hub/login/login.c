#include "hub/login/login.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "hub/login/internal.h"
#include "shared/base/clock.h"

/* "." and ".." as browsers read them: also with %2e. */
static bool is_dot_segment(struct slice segment)
{
    size_t dots = 0;

    while (segment.len > 0) {
        size_t step = segment.ptr[0] == '.' ? 1 : 3;
        if (step == 3 && (segment.len < 3 || strncasecmp(segment.ptr, "%2e", 3) != 0))
            return false;
        segment = slice_make(segment.ptr + step, segment.len - step);
        dots++;
    }
    return dots == 1 || dots == 2;
}

/* Browsers take dot segments out before they ask: "/x/..//evil.example" would be "//evil.example" then. */
static bool has_dot_segment(struct slice path)
{
    path = slice_cut(&path, '?');
    path = slice_cut(&path, '#');
    while (path.len > 0)
        if (is_dot_segment(slice_cut(&path, '/')))
            return true;
    return false;
}

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
    return !has_dot_segment(path);
}

/* ---- life cycle -------------------------------------------------------------------------------- */

enum status login_open(struct login *login, struct fibers *fibers,
                       const struct login_options *options, struct fault *fault)
{
    static const char path[] = "/auth/callback";

    *login = (struct login){.options = *options};
    enum status status =
        rate_init(&login->rate, LOGIN_PER_SECOND, LOGIN_BURST, LOGIN_ADDRESSES_MAX);
    if (status)
        return fault_set(fault, status, NULL, "out of memory");
    if (!options->oauth.client_id || !options->oauth.client_id[0])
        return STATUS_OK;
    size_t bytes = strlen(options->public_url) + sizeof(path);
    char *uri = malloc(bytes);
    if (!uri)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    snprintf(uri, bytes, "%s%s", options->public_url, path);
    login->redirect_uri = uri;
    login->options.oauth.redirect_uri = uri;
    return fetcher_new(fibers, options->ca_path, &login->fetcher, fault);
}

void login_close(struct login *login)
{
    login->fetcher = fetcher_free(login->fetcher);
    rate_done(&login->rate);
    free(login->redirect_uri);
    *login = (struct login){0};
}

/* ---- pages without a provider ------------------------------------------------------------------ */

static bool is_loopback(struct slice peer)
{
    return slice_starts_with(peer, SLICE_LIT("127.")) || slice_equal_str(peer, "::1");
}

/* A name of this machine. Any other may have been made to point here (DNS rebinding): the page that it came with
 * would read the answers as its own. */
static bool is_loopback_host(struct slice host)
{
    struct slice name = slice_cut(&host, ':');

    if (slice_equal_str(name, "["))
        return slice_starts_with(host, SLICE_LIT(":1]"));
    if (name.len == strlen("localhost") && strncasecmp(name.ptr, "localhost", name.len) == 0)
        return true;
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] != '.' && (name.ptr[i] < '0' || name.ptr[i] > '9'))
            return false;
    return slice_starts_with(name, SLICE_LIT("127."));
}

/* The host of "https://pek.example:8443", as a Host header has it. */
static bool is_public_host(const struct login *login, struct slice host)
{
    const char *url = login->options.public_url, *authority = strstr(url, "://");

    return authority && host.len == strlen(authority + 3) &&
           strncasecmp(host.ptr, authority + 3, host.len) == 0;
}

/* By somebody at this machine, not by a page of elsewhere in their browser. */
static bool is_at_hand(const struct login *login, struct http_request *request)
{
    struct fault fault = {0};

    return is_loopback(http_peer(request)) && !http_is_forwarded(request) &&
           (is_loopback_host(http_host(request)) || is_public_host(login, http_host(request))) &&
           !api_check_json(request, &fault) &&
           !api_check_origin(login->options.api, request, &fault);
}

static void log_in_dev(struct login *login, struct http_request *request)
{
    struct fault fault = {0};
    struct slice user = login_query_parameter(request, "user", LOGIN_FORM_BYTES_MAX);

    if (!is_at_hand(login, request)) {
        (void)fault_set(&fault, STATUS_NOT_FOUND, NULL, "there is no such path");
        api_reply_fault(request, &fault, 0);
        return;
    }
    if (user.len == 0)
        (void)fault_set(&fault, STATUS_INVALID_ARGUMENT, "user", "say who: /auth/dev?user=alice");
    else
        fault.status = login_begin_session(login, request, user, &fault);
    if (fault.status) {
        api_reply_fault(request, &fault, 0);
        return;
    }
    login_redirect_back(request,
                        login_query_parameter(request, "return_to", LOGIN_RETURN_BYTES_MAX));
}

static void log_out(struct login *login, struct http_request *request)
{
    struct fault fault = {0};
    struct slice token;

    enum status status = api_check_json(request, &fault);
    if (!status)
        status = api_check_origin(login->options.api, request, &fault);
    /* Without a session there is nothing to end: the cookie goes all the same. */
    for (size_t n = 0; !status && (token = api_session_token(request, n)).ptr; n++) {
        status = session_close(login->options.sessions, http_cancel(request), token,
                               http_arena(request), &fault);
        if (status == STATUS_UNAUTHENTICATED)
            status = STATUS_OK;
    }
    if (status) {
        api_reply_fault(request, &fault, 0);
        return;
    }
    login_set_cookie(request, API_COOKIE, slice_make("", 0), 0);
    http_reply(request, 204, NULL, 0, slice_make("", 0));
}

static void show_style(struct login *login, struct http_request *request)
{
    const struct http_header_pair headers[] = {
        {SLICE_LIT("content-type"), SLICE_LIT("text/css; charset=utf-8")},
        {SLICE_LIT("cache-control"), SLICE_LIT("max-age=3600")},
    };
    (void)login;

    http_reply(request, 200, headers, 2, page_style);
}

/* For the web site, which would otherwise learn by an error that nobody is logged in, and not how to. */
static void show_state(struct login *login, struct http_request *request)
{
    const struct http_header_pair headers[] = {
        {SLICE_LIT("content-type"), SLICE_LIT("application/json")},
        {SLICE_LIT("cache-control"), SLICE_LIT("no-store")},
    };
    struct session *session;
    struct slice token;
    struct fault fault = {0};

    enum status status = api_find_session(login->options.api, request, &token, &session, &fault);
    if (!status)
        session_release(session);
    if (status && status != STATUS_UNAUTHENTICATED) {
        api_reply_fault(request, &fault, 0);
        return;
    }
    const char *text =
        arena_printf(http_arena(request), "{\"signedIn\":%s,\"provider\":%s,\"dev\":%s}",
                     status ? "false" : "true", login->fetcher ? "true" : "false",
                     login->options.dev && is_at_hand(login, request) ? "true" : "false");
    http_reply(request, text ? 200 : 500, headers, 2, slice_str(text));
}

/* ---- which page -------------------------------------------------------------------------------- */

struct page {
    const char *path, *verb;
    void (*handle)(struct login *login, struct http_request *request);
    enum { ALWAYS, WITH_DEV, WITH_PROVIDER } when;
};

static const struct page pages[] = {
    {"/auth/login", "GET", login_to_provider, WITH_PROVIDER},
    {"/auth/callback", "GET", login_from_provider, WITH_PROVIDER},
    {PAGES_REGISTER_PATH, "GET", login_show_registration, WITH_PROVIDER},
    {PAGES_REGISTER_PATH, "POST", login_take_registration, WITH_PROVIDER},
    {PAGES_STYLE_PATH, "GET", show_style, WITH_PROVIDER},
    {"/auth/dev", "GET", log_in_dev, WITH_DEV},
    {"/auth/logout", "POST", log_out, ALWAYS},
    {"/auth/state", "GET", show_state, ALWAYS},
};

static bool is_offered(const struct login *login, const struct page *page)
{
    return page->when == ALWAYS || (page->when == WITH_DEV && login->options.dev) ||
           (page->when == WITH_PROVIDER && login->fetcher);
}

bool login_handle(struct login *login, struct http_request *request)
{
    struct slice path = http_raw_path(request), verb = http_method(request);
    const char *allow = NULL;

    http_cancel(request)->deadline_us = deadline_after_ms(LOGIN_TIMEOUT_MS);
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        const struct page *page = &pages[i];
        if (!slice_equal_str(path, page->path) || !is_offered(login, page))
            continue;
        if (slice_equal_str(verb, page->verb)) {
            page->handle(login, request);
            return true;
        }
        allow = allow ? "GET, POST" : page->verb;
    }
    if (!allow)
        return false;
    api_reply_wrong_verb(login->options.api, request, slice_str(allow));
    return true;
}
