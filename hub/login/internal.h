/* What the pages of login share. Private to hub/login. */
#ifndef PEK_HUB_LOGIN_INTERNAL_H
#define PEK_HUB_LOGIN_INTERNAL_H

#include "hub/login/login.h"
#include "hub/login/pages.h"

/* ---- reply.c: cookies and answers -------------------------------------------------------------- */

/* `name` gets "__Host-" over HTTPS. max_age_s 0 takes the cookie away. */
void login_set_cookie(struct http_request *request, const char *name, struct slice value,
                      long max_age_s);
/* The n-th of that name; ptr NULL when there are no more. Over HTTPS only those with "__Host-": another site could
 * have set the others. */
struct slice login_cookie(struct http_request *request, const char *name, size_t n);
/* Whether this browser is logged in already: a login page that comes a second time leads home then. */
bool login_has_session(struct login *login, struct http_request *request);
/* 303 to a URL that is known to be right. */
void login_redirect(struct http_request *request, struct slice url);
/* The same to a path of this site; to "/" when it is not one, or one of login's own. */
void login_redirect_back(struct http_request *request, struct slice path);
/* An HTML page; `referrer` is its referrer policy. */
void login_reply_page(struct http_request *request, int http_code, const char *referrer,
                      struct buffer *page);
/* The page for a refusal; takes its HTTP code from the fault. */
void login_reply_fault(struct http_request *request, const struct fault *fault,
                       struct slice return_to);
/* Opens a session for `user`, ends the one this browser had, sets the cookie. */
PEK_MUST_CHECK enum status login_begin_session(struct login *login, struct http_request *request,
                                               struct slice user, struct fault *fault);
/* What the person reads of a session that could not be opened. */
PEK_MUST_CHECK enum status login_session_fault(enum status status, struct fault *fault);
/* False when this address has come too often; it is answered then. */
bool login_rate_allows(struct login *login, struct http_request *request, const char *page);
void login_finished(struct login *login, struct http_request *request,
                    const struct login_event *event);
/* The parameter of the query, "" when it is absent or malformed. */
struct slice login_query_parameter(struct http_request *request, const char *name,
                                   size_t bytes_max);

/* ---- the pages --------------------------------------------------------------------------------- */

/* callback.c */
void login_to_provider(struct login *login, struct http_request *request);
void login_from_provider(struct login *login, struct http_request *request);
/* register.c: sends a new user on to the registration page. */
PEK_MUST_CHECK enum status login_begin_registration(struct login *login,
                                                    struct http_request *request,
                                                    const struct oauth_user *user,
                                                    struct slice return_to, struct fault *fault);
void login_show_registration(struct login *login, struct http_request *request);
void login_take_registration(struct login *login, struct http_request *request);

#endif
