#include <stdio.h>

#include "hub/http/addresses.h"
#include "hub/login/form.h"
#include "hub/login/internal.h"
#include "shared/base/clock.h"

void login_set_cookie(struct http_request *request, const char *name, struct slice value,
                      long max_age_s)
{
    bool secure = http_is_secure(request);
    char *cookie = arena_printf(
        http_arena(request), "%s%s=%.*s; Path=/; HttpOnly; SameSite=Lax; Max-Age=%ld%s",
        secure ? "__Host-" : "", name, SLICE_ARG(value), max_age_s, secure ? "; Secure" : "");
    if (cookie)
        http_add_header(request, "set-cookie", slice_str(cookie));
}

struct slice login_cookie(struct http_request *request, const char *name, size_t n)
{
    char full[64];

    snprintf(full, sizeof(full), "%s%s", http_is_secure(request) ? "__Host-" : "", name);
    return http_cookie(request, full, n);
}

bool login_has_session(struct login *login, struct http_request *request)
{
    struct session *session;
    struct slice token;
    struct fault unused;

    if (api_find_session(login->options.api, request, &token, &session, &unused))
        return false;
    session_release(session);
    return true;
}

struct slice login_query_parameter(struct http_request *request, const char *name, size_t bytes_max)
{
    struct slice value;

    if (form_find(http_query(request), name, bytes_max, http_arena(request), &value) || !value.ptr)
        return slice_make("", 0);
    return value;
}

void login_redirect(struct http_request *request, struct slice url)
{
    const struct http_header_pair headers[] = {
        {SLICE_LIT("location"), url},
        {SLICE_LIT("cache-control"), SLICE_LIT("no-store")},
        {SLICE_LIT("referrer-policy"), SLICE_LIT("no-referrer")},
    };
    http_reply(request, 303, headers, 3, slice_make("", 0));
}

void login_redirect_back(struct http_request *request, struct slice path)
{
    bool safe = login_return_is_safe(path) && !slice_starts_with(path, SLICE_LIT(LOGIN_PATHS));

    login_redirect(request, safe ? path : SLICE_LIT("/"));
}

void login_reply_page(struct http_request *request, int http_code, const char *referrer,
                      struct buffer *page)
{
    const struct http_header_pair headers[] = {
        {SLICE_LIT("content-type"), SLICE_LIT("text/html; charset=utf-8")},
        {SLICE_LIT("cache-control"), SLICE_LIT("no-store")},
        {SLICE_LIT("content-security-policy"), SLICE_LIT(PAGES_POLICY)},
        {SLICE_LIT("referrer-policy"), slice_str(referrer)},
    };
    http_reply(request, page->failed ? 500 : http_code, headers, 4, buffer_slice(page));
}

/* What the provider said makes no sense: the gateway's fault is not ours. */
static int page_code(enum status status)
{
    return status == STATUS_UNKNOWN ? 502 : status_http(status);
}

static const char *page_title(enum status status)
{
    switch (status) {
    case STATUS_PERMISSION_DENIED: return "Nem léphetsz be";
    case STATUS_RESOURCE_EXHAUSTED: return "Túl sok bejelentkezés";
    case STATUS_UNKNOWN:
    case STATUS_UNAVAILABLE:
    case STATUS_DEADLINE_EXCEEDED: return "A bejelentkezés most nem működik";
    default: return "A bejelentkezés nem sikerült";
    }
}

void login_reply_fault(struct http_request *request, const struct fault *fault,
                       struct slice return_to)
{
    const struct page_error error = {page_title(fault->status), slice_str(fault->text), return_to};
    struct buffer page;

    buffer_init(&page, PAGES_BYTES_MAX);
    page_error_write(&page, &error);
    /* The address of this page may hold a code. */
    login_reply_page(request, page_code(fault->status), "no-referrer", &page);
    buffer_done(&page);
}

enum status login_begin_session(struct login *login, struct http_request *request,
                                struct slice user, struct fault *fault)
{
    struct session_cache *sessions = login->options.sessions;
    struct arena *arena = http_arena(request);
    struct fault unused;
    struct slice old, token;

    enum status status = session_open(sessions, http_cancel(request), user,
                                      http_header(request, "user-agent", 0), arena, &token, fault);
    if (status)
        return status;
    /* Best effort: the browser forgets the old cookie in any case, and it expires. */
    for (size_t n = 0; (old = api_session_token(request, n)).ptr; n++)
        (void)!session_close(sessions, http_cancel(request), old, arena, &unused);
    login_set_cookie(request, API_COOKIE, token, SESSION_LIFETIME_S);
    return STATUS_OK;
}

enum status login_session_fault(enum status status, struct fault *fault)
{
    if (status == STATUS_PERMISSION_DENIED)
        return fault_set_reason(fault, status, "USER_DISABLED", NULL,
                                "A felhasználód le van tiltva.");
    if (status)
        return fault_set_reason(fault, status, "SESSION_STORE", NULL,
                                "A munkamenetet most nem lehet tárolni.");
    return STATUS_OK;
}

void login_finished(struct login *login, struct http_request *request,
                    const struct login_event *event)
{
    if (login->options.finished)
        login->options.finished(login->options.arg, request, event);
}

bool login_rate_allows(struct login *login, struct http_request *request, const char *page)
{
    struct fault fault;
    struct address address = {0};
    struct rate_state state;
    char after[16];

    (void)address_parse(http_peer(request), &address);
    address = address_network(&address);
    if (rate_take(&login->rate, slice_make(address.bytes, sizeof(address.bytes)),
                  clock_monotonic_us(), &state))
        return true;
    (void)fault_set_reason(&fault, STATUS_RESOURCE_EXHAUSTED, "LOGIN_RATE", NULL,
                           "Túl sok bejelentkezés jött a címedről: várj egy percet.");
    const struct login_event event = {page, fault.reason, fault.status, slice_make("", 0), ""};
    login_finished(login, request, &event);
    snprintf(after, sizeof(after), "%u", state.next_after_ms / 1000 + 1);
    http_add_header(request, "retry-after", slice_str(after));
    login_reply_fault(request, &fault, slice_make("", 0));
    return false;
}
