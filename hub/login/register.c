/* The first login: /auth/register, where a new user chooses a username. */
#include "hub/login/form.h"
#include "hub/login/internal.h"
#include "hub/login/ticket.h"
#include "hub/login/user_store.h"
#include "hub/login/username.h"
#include "shared/base/clock.h"

#define TICKET_KIND "register"

/* Who the provider said this browser's person is; sealed in a ticket meanwhile. */
struct newcomer {
    struct slice subject, name, return_to;
};

enum status login_begin_registration(struct login *login, struct http_request *request,
                                     const struct oauth_user *user, struct slice return_to,
                                     struct fault *fault)
{
    const struct slice fields[] = {user->subject, user->name, return_to};
    struct slice ticket;

    enum status status =
        ticket_seal(login->options.key, TICKET_KIND, clock_wall_s() + LOGIN_REGISTER_LIFETIME_S,
                    fields, 3, http_arena(request), &ticket);
    if (status)
        return fault_set(fault, status, NULL, "A regisztrációt most nem lehet elkezdeni.");
    login_set_cookie(request, LOGIN_REGISTER_COOKIE, ticket, LOGIN_REGISTER_LIFETIME_S);
    return STATUS_OK;
}

static enum status find_newcomer(struct login *login, struct http_request *request,
                                 struct newcomer *ret_newcomer, struct fault *fault)
{
    struct slice ticket, fields[3];

    for (size_t n = 0; (ticket = login_cookie(request, LOGIN_REGISTER_COOKIE, n)).ptr; n++)
        if (!ticket_open(login->options.key, TICKET_KIND, ticket, clock_wall_s(),
                         http_arena(request), fields, 3)) {
            *ret_newcomer = (struct newcomer){fields[0], fields[1], fields[2]};
            return STATUS_OK;
        }
    return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, "REGISTRATION_EXPIRED", NULL,
                            "A felhasználónév választása túl sokáig tartott, vagy már megtörtént.");
}

static void show(struct http_request *request, int http_code, const struct newcomer *newcomer,
                 struct slice username, struct slice mistake)
{
    const struct page_register form = {newcomer->name, username, mistake};
    struct buffer page;

    buffer_init(&page, PAGES_BYTES_MAX);
    page_register_write(&page, &form);
    /* With "no-referrer" browsers would send this form with "Origin: null". */
    login_reply_page(request, http_code, "same-origin", &page);
    buffer_done(&page);
}

void login_show_registration(struct login *login, struct http_request *request)
{
    struct slice candidates[USERNAME_CANDIDATES];
    struct newcomer newcomer;
    struct fault fault = {0};
    struct slice username = slice_make("", 0);

    if (find_newcomer(login, request, &newcomer, &fault)) {
        if (login_has_session(login, request))
            login_redirect(request, SLICE_LIT("/"));
        else
            login_reply_fault(request, &fault, slice_make("", 0));
        return;
    }
    /* A proposal is a courtesy: without one the field is empty. */
    if (!username_candidates(newcomer.name, http_arena(request), candidates))
        (void)!user_store_free_username(login->options.pg, http_cancel(request), candidates,
                                        USERNAME_CANDIDATES, http_arena(request), &username);
    show(request, 200, &newcomer, username, slice_make("", 0));
}

/* SameSite keeps the ticket out of requests of other sites; this keeps out other origins of the same site. */
static enum status check_origin(const struct login *login, const struct http_request *request,
                                struct fault *fault)
{
    struct slice site = http_header(request, "sec-fetch-site", 0);
    struct slice origin = http_header(request, "origin", 0);

    if ((site.ptr && !slice_equal_str(site, "same-origin")) ||
        (origin.ptr && !slice_equal_str(origin, login->options.public_url)))
        return fault_set_reason(fault, STATUS_PERMISSION_DENIED, "CROSS_ORIGIN", NULL,
                                "Az űrlapot egy másik oldal küldte.");
    return STATUS_OK;
}

static enum status read_form(struct http_request *request, struct slice *ret_username,
                             struct fault *fault)
{
    struct slice body = http_body(request);
    struct slice value;

    if (!http_content_is(request, "application/x-www-form-urlencoded") ||
        body.len > LOGIN_FORM_BYTES_MAX ||
        form_find(body, "username", LOGIN_FORM_BYTES_MAX, http_arena(request), &value))
        return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, "FORM_MALFORMED", "username",
                                "Ez nem ennek az oldalnak az űrlapja.");
    *ret_username = value.ptr ? value : slice_make("", 0);
    return STATUS_OK;
}

static enum status create(struct login *login, struct http_request *request,
                          const struct newcomer *newcomer, struct slice username,
                          struct slice *ret_id, struct fault *fault)
{
    struct slice name = newcomer->name.len > 0 ? newcomer->name : username;

    enum status status =
        user_store_create(login->options.pg, http_cancel(request), newcomer->subject, username,
                          name, http_arena(request), ret_id);
    if (status == STATUS_ALREADY_EXISTS)
        return fault_set_reason(fault, status, "USERNAME_TAKEN", "username",
                                "Ez a felhasználónév már foglalt.");
    if (status == STATUS_FAILED_PRECONDITION)
        return fault_set_reason(fault, status, "USER_REGISTERED", NULL,
                                "Már regisztráltál: jelentkezz be.");
    if (status)
        return fault_set_reason(fault, status, "USER_STORE", NULL,
                                "A felhasználókat most nem lehet elérni.");
    return STATUS_OK;
}

static enum status register_user(struct login *login, struct http_request *request,
                                 struct newcomer *newcomer, struct slice *ret_typed,
                                 struct slice *ret_id, struct fault *fault)
{
    struct slice username = slice_make("", 0);

    enum status status = check_origin(login, request, fault);
    if (!status)
        status = find_newcomer(login, request, newcomer, fault);
    if (!status)
        status = read_form(request, ret_typed, fault);
    if (!status)
        status = username_check(*ret_typed, http_arena(request), &username, fault);
    if (!status)
        status = create(login, request, newcomer, username, ret_id, fault);
    if (!status)
        status = login_session_fault(login_begin_session(login, request, *ret_id, fault), fault);
    return status;
}

void login_take_registration(struct login *login, struct http_request *request)
{
    struct newcomer newcomer = {0};
    struct slice typed = slice_make("", 0), id = slice_make("", 0);
    struct fault fault = {0};

    if (!login_rate_allows(login, request, "register"))
        return;
    enum status status = register_user(login, request, &newcomer, &typed, &id, &fault);
    const char *reason = fault.reason[0] ? fault.reason : status_name(status);
    const struct login_event event = {
        .page = "register",
        .reason = status ? reason : "REGISTERED",
        .status = status,
        .user = id,
        .detail = "",
    };
    login_finished(login, request, &event);
    if (!status) {
        login_set_cookie(request, LOGIN_REGISTER_COOKIE, slice_make("", 0), 0);
        login_redirect_back(request, newcomer.return_to);
    } else if (newcomer.subject.len == 0 && strcmp(fault.reason, "REGISTRATION_EXPIRED") == 0 &&
               login_has_session(login, request)) {
        login_redirect(request, SLICE_LIT("/"));
    } else if (newcomer.subject.len > 0 && strcmp(fault.field, "username") == 0) {
        /* What the person can put right in the same form. */
        if (typed.len > USERNAME_CHARS_MAX)
            typed = slice_make("", 0);
        show(request, status_http(status), &newcomer, typed, slice_str(fault.text));
    } else {
        login_reply_fault(request, &fault, newcomer.return_to);
    }
}
