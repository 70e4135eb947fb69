/* Whatever a browser or a provider says, the parsers keep their promises. */
#include <string.h>

#include "bazel/fuzz/fuzz.h"
#include "hub/login/oauth.h"
#include "hub/login/ticket.h"
#include "hub/login/username.h"
#include "shared/base/utf8.h"
#include "shared/text/text.h"

#define INPUT_BYTES_MAX (OAUTH_ANSWER_BYTES_MAX / 4)

static struct oauth_login login;

static void judge_token(struct slice text, struct arena *arena)
{
    static const struct oauth_options options = {.issuer = "https://sso", .client_id = "c"};
    struct oauth_token token = {.subject = slice_make("", 0)};
    struct fault fault = {0};
    enum status status = oauth_token_parse(&options, &login, 200, text, 0, arena, &token, &fault);
    if (status != STATUS_OK) {
        must(fault.status == status && fault.text[0] && (fault.reason[0] || arena->failed));
        return;
    }
    must(token.access_token[0] && strlen(token.access_token) <= OAUTH_TOKEN_BYTES_MAX);
    must(token.subject.len <= OAUTH_SUBJECT_BYTES_MAX);
}

static void judge_user(struct slice text, struct arena *arena)
{
    const struct oauth_token token = {.subject = slice_make("", 0)};
    const struct oauth_token other = {.subject = SLICE_LIT("somebody else")};
    struct oauth_user user;
    struct fault fault = {0};
    if (oauth_userinfo_parse(&token, 200, text, arena, &user, &fault) != STATUS_OK) {
        must(fault.text[0] != '\0');
        return;
    }
    must(user.subject.len > 0 && user.subject.len <= OAUTH_SUBJECT_BYTES_MAX);
    must(utf8_valid(user.name) && text_chars(user.name) <= TEXT_NAME_CHARS_MAX);
    if (!slice_equal(user.subject, other.subject))
        must(oauth_userinfo_parse(&other, 200, text, arena, &user, &fault) == STATUS_UNKNOWN);
}

/* The claims of an ID token, as the provider would send them; NONCE is the one of this login. */
static void judge_claims(struct slice text, struct arena *arena)
{
    struct slice nonce = slice_cut(&text, '\n'), encoded;
    const char *claims =
        slice_equal_str(nonce, "nonce")
            ? arena_printf(arena, "{\"nonce\":\"%s\",%.*s", login.nonce, SLICE_ARG(text))
            : arena_strndup(arena, text.ptr, text.len);
    must(claims && base64url_encode_in(arena, slice_str(claims), &encoded) == STATUS_OK);
    const char *answer = arena_printf(
        arena, "{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"id_token\":\"e30.%.*s.\"}",
        SLICE_ARG(encoded));
    must(answer != NULL);
    judge_token(slice_str(answer), arena);
}

static void judge_callback(struct slice text, struct arena *arena)
{
    static const struct oauth_options options = {.issuer = "https://sso", .client_id = "c"};
    struct oauth_callback callback;
    struct fault fault = {0};
    if (oauth_callback_parse(text, arena, &callback, NULL) != STATUS_OK)
        return;
    must(callback.code.len <= OAUTH_CODE_BYTES_MAX);
    enum status status = oauth_callback_check(&options, &callback, &fault);
    must(status != STATUS_OK || callback.code.len > 0);
    must(status == STATUS_OK || (fault.text[0] && utf8_valid(slice_str(fault.text))));
}

/* Any bytes as each; after "claims" and a line end as those. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_make(data, size), behind = text;
    struct slice fields[2], username, again;
    struct arena arena;

    if (size > INPUT_BYTES_MAX)
        return 0;
    if (!login.state[0])
        oauth_login_new(SLICE_LIT("k"), &login);
    arena_init(&arena, (size_t)8 << 20);
    if (slice_equal_str(slice_cut(&behind, '\n'), "claims"))
        judge_claims(behind, &arena);
    judge_callback(text, &arena);
    judge_token(text, &arena);
    judge_user(text, &arena);
    must(ticket_open(SLICE_LIT("k"), "login", text, 0, &arena, fields, 2) != STATUS_OK);
    if (username_check(text, &arena, &username, NULL) == STATUS_OK) {
        must(username.len <= USERNAME_CHARS_MAX);
        must(username_check(username, &arena, &again, NULL) == STATUS_OK);
        must(slice_equal(username, again));
    }
    arena_done(&arena);
    return 0;
}
