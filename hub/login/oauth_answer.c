/* What the provider's answers are worth: token, ID token, userinfo. */
#include "hub/login/oauth.h"

#include <jansson.h>
#include <strings.h>

#include "shared/json/json_scan.h"
#include "shared/text/text.h"

static void value_free(json_t **value)
{
    json_decref(*value);
}

#define CLEANUP_JSON __attribute__((cleanup(value_free)))

static enum status refuse(struct fault *fault, const char *reason, const char *text)
{
    return fault_set_reason(fault, STATUS_UNKNOWN, reason, NULL, "%s", text);
}

static enum status out_of_memory(struct fault *fault)
{
    return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "Most nincs elég memória.");
}

/* An object, and nothing that could hurt the recursive parser. NULL otherwise. */
static json_t *parse_object(struct slice text, struct arena *arena)
{
    static const struct json_limits limits = {OAUTH_ANSWER_DEPTH_MAX, OAUTH_ANSWER_KEYS_MAX, false};

    if (text.len > OAUTH_ANSWER_BYTES_MAX || json_scan(text, &limits, arena, NULL) != STATUS_OK)
        return NULL;
    json_t *value = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
    if (value && !json_is_object(value)) {
        json_decref(value);
        return NULL;
    }
    return value;
}

/* Empty for what is absent or no string. */
static struct slice string_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    return json_is_string(value) ? slice_make(json_string_value(value), json_string_length(value))
                                 : slice_make("", 0);
}

/* ---- token ------------------------------------------------------------------------------------- */

static bool audience_is(const json_t *claims, const char *client_id)
{
    const json_t *audience = json_object_get(claims, "aud");

    if (json_is_string(audience))
        return slice_equal_str(string_of(claims, "aud"), client_id);
    for (size_t i = 0; i < json_array_size(audience); i++) {
        const json_t *one = json_array_get(audience, i);
        if (json_is_string(one) && strcmp(json_string_value(one), client_id) == 0)
            return true;
    }
    return false;
}

static enum status check_id_token(const struct oauth_options *options,
                                  const struct oauth_login *login, struct slice token,
                                  int64_t now_s, struct arena *arena, struct slice *ret_subject,
                                  struct fault *fault)
{
    struct slice payload;

    (void)slice_cut(&token, '.');
    if (token.len > OAUTH_ANSWER_BYTES_MAX ||
        base64url_decode_in(arena, slice_cut(&token, '.'), &payload) != STATUS_OK)
        return refuse(fault, "ID_TOKEN_MALFORMED", "A szolgáltató azonosító tokenje hibás.");
    CLEANUP_JSON json_t *claims = parse_object(payload, arena);
    if (!claims)
        return refuse(fault, "ID_TOKEN_MALFORMED", "A szolgáltató azonosító tokenje hibás.");
    if (options->issuer[0] && !slice_equal_str(string_of(claims, "iss"), options->issuer))
        return refuse(fault, "ID_TOKEN_ISSUER", "Az azonosító token más szolgáltatóé.");
    if (!audience_is(claims, options->client_id))
        return refuse(fault, "ID_TOKEN_AUDIENCE", "Az azonosító token nem ennek az oldalnak szól.");
    if (!slice_equal_str(string_of(claims, "nonce"), login->nonce))
        return refuse(fault, "ID_TOKEN_NONCE",
                      "Az azonosító token másik bejelentkezéshez tartozik.");
    const json_t *expiry = json_object_get(claims, "exp");
    if (!json_is_integer(expiry) || json_integer_value(expiry) <= now_s - OAUTH_LEEWAY_S)
        return refuse(fault, "ID_TOKEN_EXPIRED", "A szolgáltató azonosító tokenje lejárt.");
    struct slice subject = string_of(claims, "sub");
    if (!slice_is_printable(subject, OAUTH_SUBJECT_BYTES_MAX))
        return refuse(fault, "ID_TOKEN_SUBJECT",
                      "A szolgáltató azonosító tokenje nem mondja meg, ki vagy.");
    *ret_subject = arena_copy(arena, subject);
    return ret_subject->ptr ? STATUS_OK : out_of_memory(fault);
}

/* RFC 6749 section 5.2: 400 with an error, 401 when the client is to blame. */
static enum status token_refused(int http_code, const json_t *answer, struct fault *fault)
{
    if (http_code == 400 && answer && slice_equal_str(string_of(answer, "error"), "invalid_grant"))
        return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, "CODE_REFUSED", NULL,
                                "A szolgáltató nem fogadta el ezt a kódot: hibás, lejárt, vagy már "
                                "felhasználták.");
    if (http_code == 400 || http_code == 401)
        return refuse(fault, "CLIENT_REFUSED",
                      "A szolgáltató nem fogadja el ennek az oldalnak a kéréseit.");
    return refuse(fault, "TOKEN_ANSWER", "A szolgáltató hibával válaszolt.");
}

enum status oauth_token_parse(const struct oauth_options *options, const struct oauth_login *login,
                              int http_code, struct slice body, int64_t now_s, struct arena *arena,
                              struct oauth_token *ret_token, struct fault *fault)
{
    struct oauth_token token = {.subject = slice_make("", 0)};
    CLEANUP_JSON json_t *answer = parse_object(body, arena);

    if (http_code != 200)
        return token_refused(http_code, answer, fault);
    if (!answer)
        return refuse(fault, "TOKEN_ANSWER", "A szolgáltató válasza hibás.");
    struct slice access_token = string_of(answer, "access_token");
    struct slice type = string_of(answer, "token_type");
    if (!slice_is_printable(access_token, OAUTH_TOKEN_BYTES_MAX) || type.len != 6 ||
        strncasecmp(type.ptr, "bearer", 6) != 0)
        return refuse(fault, "TOKEN_ANSWER", "A szolgáltató válaszában nincs hozzáférési token.");
    if (json_object_get(answer, "id_token")) {
        enum status status = check_id_token(options, login, string_of(answer, "id_token"), now_s,
                                            arena, &token.subject, fault);
        if (status)
            return status;
    }
    token.access_token = arena_strndup(arena, access_token.ptr, access_token.len);
    if (!token.access_token)
        return out_of_memory(fault);
    *ret_token = token;
    return STATUS_OK;
}

/* ---- userinfo ---------------------------------------------------------------------------------- */

/* The whole name, or its parts in the order of the language they are in here: family name first. A name that
 * cannot be one is as good as none. */
static struct slice name_of(const json_t *user, struct arena *arena)
{
    struct slice family = string_of(user, "family_name"), given = string_of(user, "given_name");
    struct slice name;

    if (text_normalise_name(string_of(user, "name"), NULL, arena, &name, NULL) == STATUS_OK)
        return name;
    const char *both = arena_printf(arena, "%.*s %.*s", SLICE_ARG(family), SLICE_ARG(given));
    if (both && text_normalise_name(slice_str(both), NULL, arena, &name, NULL) == STATUS_OK)
        return name;
    return slice_make("", 0);
}

enum status oauth_userinfo_parse(const struct oauth_token *token, int http_code, struct slice body,
                                 struct arena *arena, struct oauth_user *ret_user,
                                 struct fault *fault)
{
    if (http_code != 200)
        return refuse(fault, "USERINFO_ANSWER", "A szolgáltató nem mondta meg, ki vagy.");
    CLEANUP_JSON json_t *answer = parse_object(body, arena);
    if (!answer)
        return refuse(fault, "USERINFO_ANSWER", "A szolgáltató válasza hibás.");
    struct slice subject = string_of(answer, "sub");
    if (!slice_is_printable(subject, OAUTH_SUBJECT_BYTES_MAX))
        return refuse(fault, "USERINFO_SUBJECT", "A szolgáltató nem mondta meg, ki vagy.");
    if (token->subject.len > 0 && !slice_equal(token->subject, subject))
        return refuse(fault, "USERINFO_SUBJECT", "A szolgáltató válaszai nem ugyanarról szólnak.");
    struct oauth_user user = {arena_copy(arena, subject), name_of(answer, arena)};
    if (arena->failed)
        return out_of_memory(fault);
    *ret_user = user;
    return STATUS_OK;
}
