/* Whatever a browser or a provider says, the parsers keep their promises. */
#include <stdlib.h>

#include "bazel/fuzz/fuzz.h"
#include "hub/login/oauth.h"
#include "hub/login/ticket.h"
#include "hub/login/username.h"

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void judge_answers(struct slice text, struct arena *arena)
{
    static const struct oauth_options options = {.issuer = "", .client_id = "c"};
    struct oauth_login login;
    struct oauth_token token = {.subject = slice_make("", 0)};
    struct oauth_user user;
    struct fault fault = {0};

    oauth_login_new(SLICE_LIT("k"), &login);
    if (oauth_token_parse(&options, &login, 200, text, 0, arena, &token, &fault) == STATUS_OK)
        must(token.access_token[0] && strlen(token.access_token) <= OAUTH_TOKEN_BYTES_MAX);
    if (oauth_userinfo_parse(&token, 200, text, arena, &user, &fault) == STATUS_OK)
        must(user.subject.len > 0 && user.subject.len <= OAUTH_SUBJECT_BYTES_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_make(data, size);
    struct slice fields[2], username;
    struct oauth_callback callback;
    struct arena arena;

    arena_init(&arena, (size_t)8 << 20);
    if (oauth_callback_parse(text, &arena, &callback, NULL) == STATUS_OK)
        must(callback.code.len <= OAUTH_CODE_BYTES_MAX);
    judge_answers(text, &arena);
    must(ticket_open(SLICE_LIT("k"), "login", text, 0, &arena, fields, 2) != STATUS_OK);
    if (username_check(text, &arena, &username, NULL) == STATUS_OK)
        must(username.len <= USERNAME_CHARS_MAX);
    arena_done(&arena);
    return 0;
}
