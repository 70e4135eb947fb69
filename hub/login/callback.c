/* To the provider and back: /auth/login and /auth/callback. */
#include "hub/login/internal.h"
#include "hub/login/ticket.h"
#include "hub/login/user_store.h"
#include "shared/base/clock.h"

#define TICKET_KIND "login"

/* A site that is reached over HTTPS, but not by this request: whoever is on the wire could read the cookies. Also
 * what a proxy looks like that is not among the trusted ones. */
static bool refuse_clear(struct login *login, struct http_request *request)
{
    struct fault fault;

    if (http_is_secure(request) ||
        !slice_starts_with(slice_str(login->options.public_url), SLICE_LIT("https://")))
        return false;
    (void)fault_set_reason(&fault, STATUS_FAILED_PRECONDITION, "NOT_OVER_HTTPS", NULL,
                           "Ez az oldal csak HTTPS-en át használható.");
    const struct login_event event = {"login", fault.reason, fault.status, slice_make("", 0), ""};
    login_finished(login, request, &event);
    login_reply_fault(request, &fault, slice_make("", 0));
    return true;
}

void login_to_provider(struct login *login, struct http_request *request)
{
    const struct login_options *options = &login->options;
    struct arena *arena = http_arena(request);
    struct slice return_to = login_query_parameter(request, "return_to", LOGIN_RETURN_BYTES_MAX);
    struct oauth_login running;
    struct fault fault = {0};
    struct slice url = slice_make("", 0), ticket;

    if (refuse_clear(login, request))
        return;
    if (!login_return_is_safe(return_to))
        return_to = SLICE_LIT("/");
    oauth_login_new(options->key, &running);
    const struct slice fields[] = {slice_str(running.state), return_to};
    enum status status =
        ticket_seal(options->key, TICKET_KIND, clock_wall_s() + LOGIN_STATE_LIFETIME_S, fields, 2,
                    arena, &ticket);
    if (!status)
        status = oauth_authorize_url(&options->oauth, &running, arena, &url);
    if (status) {
        (void)fault_set(&fault, status, NULL, "A bejelentkezést most nem lehet elkezdeni.");
        login_reply_fault(request, &fault, return_to);
        return;
    }
    login_set_cookie(request, LOGIN_COOKIE, ticket, LOGIN_STATE_LIFETIME_S);
    login_redirect(request, url);
}

/* A login on its way back. */
struct arrival {
    struct login *login;
    struct http_request *request;
    struct oauth_callback callback;
    struct oauth_login running;
    struct slice return_to; /* "" until the ticket said it */
    struct slice user_id;   /* "" until known */
    bool matched;           /* the state is this browser's, and was not spent */
    const char *detail;     /* what a call to the provider died of */
    bool registering;
};

/* The ticket that this browser got from /auth/login must hold the state that the URL brings. */
static enum status match_state(struct arrival *arrival, struct fault *fault)
{
    struct login *login = arrival->login;
    bool expired = false;
    struct slice ticket;
    size_t n;

    for (n = 0; (ticket = login_cookie(arrival->request, LOGIN_COOKIE, n)).ptr; n++) {
        struct slice fields[2];
        enum status status = ticket_open(login->options.key, TICKET_KIND, ticket, clock_wall_s(),
                                         http_arena(arrival->request), fields, 2);
        expired |= status == STATUS_DEADLINE_EXCEEDED;
        if (status || !crypto_equal(fields[0], arrival->callback.state) ||
            oauth_login_again(login->options.key, fields[0], &arrival->running))
            continue;
        arrival->return_to = fields[1];
        return STATUS_OK;
    }
    if (n == 0)
        return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, "STATE_OF_NO_LOGIN", NULL,
                                "Ebben a böngészőben nem kezdődött bejelentkezés, vagy túl sokáig "
                                "tartott. A sütiket engedélyezni kell.");
    if (expired)
        return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, "STATE_EXPIRED", NULL,
                                "A bejelentkezés túl sokáig tartott.");
    return fault_set_reason(
        fault, STATUS_INVALID_ARGUMENT, "STATE_MISMATCH", NULL,
        "Ez a bejelentkezés máshol kezdődött, vagy azóta egy másik is elkezdődött.");
}

static enum status spend_state(struct arrival *arrival, struct fault *fault)
{
    struct login *login = arrival->login;

    /* Twice the lifetime: clocks of hubs and database may differ. */
    enum status status =
        user_store_spend(login->options.pg, http_cancel(arrival->request),
                         slice_str(arrival->running.state), 2 * LOGIN_STATE_LIFETIME_S);
    if (status == STATUS_ALREADY_EXISTS)
        return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, "STATE_REPLAYED", NULL,
                                "Ez a bejelentkezés már befejeződött.");
    if (status)
        return fault_set_reason(fault, status, "STATE_STORE", NULL,
                                "A bejelentkezést most nem lehet tárolni.");
    return STATUS_OK;
}

/* A call to the provider; what it died of is for the log, what the person reads is in general words. */
static enum status call(struct arrival *arrival, const struct fetch_request *request,
                        struct fetch_response *ret_response, struct fault *fault)
{
    struct arena *arena = http_arena(arrival->request);
    struct fault cause = {0};

    enum status status = fetch(arrival->login->fetcher, request, http_cancel(arrival->request),
                               arena, ret_response, &cause);
    if (!status)
        return STATUS_OK;
    arrival->detail = arena_printf(arena, "%s", cause.text);
    if (status == STATUS_DEADLINE_EXCEEDED)
        return fault_set_reason(fault, status, "PROVIDER_SLOW", NULL,
                                "A szolgáltató nem válaszolt időben.");
    if (status == STATUS_OUT_OF_RANGE)
        return fault_set_reason(fault, STATUS_UNKNOWN, "PROVIDER_ANSWER_TOO_LONG", NULL,
                                "A szolgáltató válasza túl hosszú.");
    return fault_set_reason(fault, status, "PROVIDER_UNREACHABLE", NULL,
                            "A szolgáltató nem érhető el.");
}

static enum status exchange_code(struct arrival *arrival, struct oauth_token *ret_token,
                                 struct fault *fault)
{
    const struct oauth_options *oauth = &arrival->login->options.oauth;
    struct arena *arena = http_arena(arrival->request);
    struct fetch_response response;
    struct fetch_request request = {
        .url = oauth->token_url,
        .timeout_ms = LOGIN_CALL_TIMEOUT_MS,
        .body_bytes_max = OAUTH_ANSWER_BYTES_MAX,
    };

    enum status status =
        oauth_token_form(oauth, &arrival->running, arrival->callback.code, arena, &request.form);
    if (!status)
        status = oauth_basic(oauth, arena, &request.user, &request.password);
    if (status)
        return fault_set(fault, status, NULL, "Most nincs elég memória.");
    status = call(arrival, &request, &response, fault);
    if (status)
        return status;
    return oauth_token_parse(oauth, &arrival->running, response.code, response.body, clock_wall_s(),
                             arena, ret_token, fault);
}

static enum status ask_who(struct arrival *arrival, const struct oauth_token *token,
                           struct oauth_user *ret_user, struct fault *fault)
{
    struct fetch_response response;
    const struct fetch_request request = {
        .url = arrival->login->options.oauth.userinfo_url,
        .bearer = token->access_token,
        .timeout_ms = LOGIN_CALL_TIMEOUT_MS,
        .body_bytes_max = OAUTH_ANSWER_BYTES_MAX,
    };

    enum status status = call(arrival, &request, &response, fault);
    if (status)
        return status;
    return oauth_userinfo_parse(token, response.code, response.body, http_arena(arrival->request),
                                ret_user, fault);
}

static enum status log_in(struct arrival *arrival, const struct oauth_user *user,
                          struct fault *fault)
{
    const struct login_options *options = &arrival->login->options;
    struct http_request *request = arrival->request;
    struct user_row row;

    enum status status = user_store_find(options->pg, http_cancel(request), user->subject,
                                         http_arena(request), &row);
    if (status == STATUS_NOT_FOUND) {
        arrival->registering = true;
        return login_begin_registration(arrival->login, request, user, arrival->return_to, fault);
    }
    if (status)
        return fault_set_reason(fault, status, "USER_STORE", NULL,
                                "A felhasználókat most nem lehet elérni.");
    arrival->user_id = row.id;
    if (row.disabled)
        return fault_set_reason(fault, STATUS_PERMISSION_DENIED, "USER_DISABLED", NULL,
                                "A felhasználód le van tiltva.");
    if (user->name.len > 0) {
        status = user_store_set_name(options->pg, http_cancel(request), row.id, user->name);
        if (status)
            return fault_set_reason(fault, status, "USER_STORE", NULL,
                                    "A felhasználókat most nem lehet elérni.");
    }
    return login_session_fault(login_begin_session(arrival->login, request, row.id, fault), fault);
}

static enum status arrive(struct arrival *arrival, struct fault *fault)
{
    const struct oauth_options *oauth = &arrival->login->options.oauth;
    struct oauth_token token;
    struct oauth_user user;

    enum status status = oauth_callback_parse(
        http_query(arrival->request), http_arena(arrival->request), &arrival->callback, fault);
    if (!status)
        status = match_state(arrival, fault);
    if (!status)
        status = spend_state(arrival, fault);
    if (status)
        return status;
    arrival->matched = true;
    /* From here on the ticket is worth nothing, whatever becomes of the login. */
    login_set_cookie(arrival->request, LOGIN_COOKIE, slice_make("", 0), 0);
    status = oauth_callback_check(oauth, &arrival->callback, fault);
    if (!status)
        status = exchange_code(arrival, &token, fault);
    if (!status)
        status = ask_who(arrival, &token, &user, fault);
    if (!status)
        status = log_in(arrival, &user, fault);
    return status;
}

void login_from_provider(struct login *login, struct http_request *request)
{
    struct arrival arrival = {
        .login = login, .request = request, .return_to = slice_make("", 0), .detail = ""};
    struct fault fault = {0};

    if (!login_rate_allows(login, request, "callback"))
        return;
    http_cancel(request)->deadline_us = deadline_after_ms(LOGIN_CALLBACK_TIMEOUT_MS);
    enum status status = arrive(&arrival, &fault);
    const char *reason = fault.reason[0] ? fault.reason : status_name(status);
    const struct login_event event = {
        .page = "callback",
        .reason = status                ? reason
                  : arrival.registering ? "NEW_USER"
                                        : "LOGGED_IN",
        .status = status,
        .user = arrival.user_id,
        .detail = arrival.detail,
    };
    login_finished(login, request, &event);
    /* The back button, or a second tab, after a login that succeeded: nothing is asked for that is not there. */
    if (status && !arrival.matched && login_has_session(login, request))
        login_redirect(request, SLICE_LIT("/"));
    else if (status)
        login_reply_fault(request, &fault, arrival.return_to);
    else if (arrival.registering)
        login_redirect(request, SLICE_LIT(PAGES_REGISTER_PATH));
    else
        login_redirect_back(request, arrival.return_to);
}
