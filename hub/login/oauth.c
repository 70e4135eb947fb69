#include "hub/login/oauth.h"

#include "hub/login/form.h"

#define CALLBACK_VALUE_BYTES_MAX OAUTH_CODE_BYTES_MAX

/* ---- one login --------------------------------------------------------------------------------- */

static void derive(struct slice key, const char *label, struct slice state, char *ret_chars)
{
    const struct slice parts[] = {slice_str(label), state};
    struct sha256 digest = sha256_of_parts(parts, 2);
    struct sha256 mac = hmac_sha256(key, slice_make(digest.bytes, sizeof(digest.bytes)));

    base64url_encode(slice_make(mac.bytes, sizeof(mac.bytes)), ret_chars);
}

static void derive_all(struct slice key, struct oauth_login *login)
{
    struct slice state = slice_str(login->state);

    derive(key, "oauth nonce", state, login->nonce);
    derive(key, "oauth verifier", state, login->verifier);
}

void oauth_login_new(struct slice key, struct oauth_login *ret_login)
{
    unsigned char random[SHA256_BYTES];

    crypto_random(random, sizeof(random));
    base64url_encode(slice_make(random, sizeof(random)), ret_login->state);
    derive_all(key, ret_login);
}

enum status oauth_login_again(struct slice key, struct slice state, struct oauth_login *ret_login)
{
    if (state.len != OAUTH_SECRET_CHARS)
        return STATUS_INVALID_ARGUMENT;
    memcpy(ret_login->state, state.ptr, state.len);
    ret_login->state[state.len] = 0;
    derive_all(key, ret_login);
    return STATUS_OK;
}

void oauth_challenge(struct slice verifier, char ret_challenge[OAUTH_SECRET_CHARS + 1])
{
    struct sha256 digest = sha256(verifier);

    base64url_encode(slice_make(digest.bytes, sizeof(digest.bytes)), ret_challenge);
}

static enum status keep(struct buffer *text, struct arena *arena, struct slice *ret_text)
{
    struct slice copy = {0};

    if (!text->failed)
        copy = arena_copy(arena, buffer_slice(text));
    buffer_done(text);
    if (!copy.ptr)
        return STATUS_RESOURCE_EXHAUSTED;
    *ret_text = copy;
    return STATUS_OK;
}

enum status oauth_authorize_url(const struct oauth_options *options,
                                const struct oauth_login *login, struct arena *arena,
                                struct slice *ret_url)
{
    struct buffer url;

    buffer_init(&url, OAUTH_URL_BYTES_MAX);
    buffer_append_str(&url, options->authorize_url);
    if (!strchr(options->authorize_url, '?'))
        buffer_append_char(&url, '?');
    form_append(&url, "response_type", SLICE_LIT("code"));
    form_append(&url, "client_id", slice_str(options->client_id));
    form_append(&url, "redirect_uri", slice_str(options->redirect_uri));
    form_append(&url, "scope", slice_str(options->scopes));
    form_append(&url, "state", slice_str(login->state));
    form_append(&url, "nonce", slice_str(login->nonce));
    if (options->pkce) {
        char challenge[OAUTH_SECRET_CHARS + 1];
        oauth_challenge(slice_str(login->verifier), challenge);
        form_append(&url, "code_challenge", slice_str(challenge));
        form_append(&url, "code_challenge_method", SLICE_LIT("S256"));
    }
    return keep(&url, arena, ret_url);
}

/* ---- the way back ------------------------------------------------------------------------------ */

enum status oauth_callback_parse(struct slice query, struct arena *arena,
                                 struct oauth_callback *ret_callback, struct fault *fault)
{
    struct oauth_callback callback;
    const struct {
        const char *name;
        struct slice *value;
    } parameters[] = {
        {"state", &callback.state},
        {"code", &callback.code},
        {"error", &callback.error},
        {"iss", &callback.issuer},
    };

    for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++) {
        enum status status = form_find(query, parameters[i].name, CALLBACK_VALUE_BYTES_MAX, arena,
                                       parameters[i].value);
        if (status)
            return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, "CALLBACK_MALFORMED",
                                    parameters[i].name,
                                    "Ezen a címen nem érhet véget bejelentkezés.");
    }
    *ret_callback = callback;
    return STATUS_OK;
}

static enum status provider_error(struct slice error, struct fault *fault)
{
    if (slice_equal_str(error, "access_denied"))
        return fault_set_reason(fault, STATUS_PERMISSION_DENIED, "PROVIDER_DENIED", NULL,
                                "A bejelentkezést a szolgáltatónál elutasították.");
    if (slice_equal_str(error, "temporarily_unavailable") || slice_equal_str(error, "server_error"))
        return fault_set_reason(fault, STATUS_UNAVAILABLE, "PROVIDER_UNAVAILABLE", NULL,
                                "A szolgáltató most senkit nem tud beléptetni.");
    return fault_set_reason(fault, STATUS_UNKNOWN, "PROVIDER_ERROR", NULL,
                            "A szolgáltató nem tudott beléptetni.");
}

enum status oauth_callback_check(const struct oauth_options *options,
                                 const struct oauth_callback *callback, struct fault *fault)
{
    if (callback->issuer.ptr && options->issuer[0] &&
        !slice_equal_str(callback->issuer, options->issuer))
        return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, "CALLBACK_ISSUER", NULL,
                                "A válasz más szolgáltatótól jött.");
    if (callback->error.ptr)
        return provider_error(callback->error, fault);
    if (callback->code.len == 0)
        return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, "CALLBACK_WITHOUT_CODE", NULL,
                                "A szolgáltató nem küldött kódot.");
    return STATUS_OK;
}

enum status oauth_token_form(const struct oauth_options *options, const struct oauth_login *login,
                             struct slice code, struct arena *arena, struct slice *ret_form)
{
    struct buffer form;

    buffer_init(&form, 3 * OAUTH_CODE_BYTES_MAX + OAUTH_URL_BYTES_MAX);
    form_append(&form, "grant_type", SLICE_LIT("authorization_code"));
    form_append(&form, "code", code);
    form_append(&form, "redirect_uri", slice_str(options->redirect_uri));
    if (options->pkce)
        form_append(&form, "code_verifier", slice_str(login->verifier));
    return keep(&form, arena, ret_form);
}

static const char *encode(const char *text, struct arena *arena)
{
    struct slice encoded = {0};
    struct buffer out;

    buffer_init(&out, OAUTH_URL_BYTES_MAX);
    form_encode(&out, slice_str(text));
    buffer_append_char(&out, 0);
    return keep(&out, arena, &encoded) ? NULL : encoded.ptr;
}

enum status oauth_basic(const struct oauth_options *options, struct arena *arena,
                        const char **ret_user, const char **ret_password)
{
    const char *user = encode(options->client_id, arena);
    const char *password = encode(options->client_secret, arena);

    if (!user || !password)
        return STATUS_RESOURCE_EXHAUSTED;
    *ret_user = user;
    *ret_password = password;
    return STATUS_OK;
}
