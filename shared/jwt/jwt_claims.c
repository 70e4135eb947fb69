#include "shared/jwt/jwt_claims.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jwt.h>

#include "shared/crypto/crypto.h"
#include "shared/crypto/encode.h"
#include "shared/jwt/jwt_json.h"

/* The strings that are known, one row each. */
static const struct string_claim {
    const char *name;
    size_t offset; /* in struct jwt_claims */
    size_t bytes_max;
    bool required; /* to sign */
} string_claims[] = {
    {"iss", offsetof(struct jwt_claims, iss), JWT_CLAIM_BYTES_MAX, true},
    {"aud", offsetof(struct jwt_claims, aud), JWT_CLAIM_BYTES_MAX, true},
    {"sub", offsetof(struct jwt_claims, sub), JWT_SUB_BYTES_MAX, true},
    {"jti", offsetof(struct jwt_claims, jti), JWT_CLAIM_BYTES_MAX, true},
    {"sid", offsetof(struct jwt_claims, sid), JWT_CLAIM_BYTES_MAX, false},
};

static const struct time_claim {
    const char *name;
    size_t offset;
    bool required;
} time_claims[] = {
    {"iat", offsetof(struct jwt_claims, iat), true},
    {"nbf", offsetof(struct jwt_claims, nbf), false},
    {"exp", offsetof(struct jwt_claims, exp), true},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct slice *string_of(struct jwt_claims *claims, const struct string_claim *row)
{
    return (struct slice *)(void *)((char *)claims + row->offset);
}

static const struct slice *string_in(const struct jwt_claims *claims,
                                     const struct string_claim *row)
{
    return (const struct slice *)(const void *)((const char *)claims + row->offset);
}

static int64_t *time_of(struct jwt_claims *claims, const struct time_claim *row)
{
    return (int64_t *)(void *)((char *)claims + row->offset);
}

static int64_t time_in(const struct jwt_claims *claims, const struct time_claim *row)
{
    return *(const int64_t *)(const void *)((const char *)claims + row->offset);
}

enum status jwt_refuse(struct fault *fault, const char *reason, const char *text)
{
    return fault_set_reason(fault, STATUS_UNAUTHENTICATED, reason, NULL, "%s", text);
}

static enum status refuse_shape(struct fault *fault, const char *claim)
{
    return fault_set_reason(fault, STATUS_UNAUTHENTICATED, JWT_REASON_MALFORMED, NULL,
                            "the token's claim %s is malformed", claim);
}

static enum status refuse_claim(struct fault *fault, const char *claim)
{
    return fault_set_reason(fault, STATUS_UNAUTHENTICATED, JWT_REASON_CLAIM, NULL,
                            "the token's claim %s is not acceptable", claim);
}

static enum status out_of_arena(struct fault *fault)
{
    return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "no memory left for the token");
}

static void claim_set_free(jwt_t **set)
{
    jwt_free(*set);
}

static void string_free(char **string)
{
    free(*string);
}

static bool is_thumbprint(struct slice text)
{
    struct sha256 digest;
    size_t len = 0;
    return base64url_decode(text, digest.bytes, sizeof(digest.bytes), &len) == STATUS_OK &&
           len == sizeof(digest.bytes);
}

static enum status parse_string(jwt_t *set, const struct string_claim *row, struct arena *arena,
                                struct jwt_claims *claims, struct fault *fault)
{
    errno = 0;
    const char *value = jwt_get_grant(set, row->name);
    if (!value && errno == ENOENT)
        return STATUS_OK;
    if (!value || !slice_is_printable(slice_str(value), row->bytes_max))
        return refuse_shape(fault, row->name);
    struct slice copy = arena_copy(arena, slice_str(value));
    if (!copy.ptr)
        return out_of_arena(fault);
    *string_of(claims, row) = copy;
    return STATUS_OK;
}

static enum status parse_time(jwt_t *set, const struct time_claim *row, struct jwt_claims *claims,
                              struct fault *fault)
{
    errno = 0;
    long value = jwt_get_grant_int(set, row->name);
    if (errno == ENOENT)
        return STATUS_OK;
    /* libjwt gives 0 for a claim that is there but no integer. */
    if (errno != 0 || value <= 0 || value > JWT_TIME_MAX_S)
        return refuse_shape(fault, row->name);
    *time_of(claims, row) = value;
    return STATUS_OK;
}

/* "cnf" is an object; of its members only the certificate's thumbprint is known here. */
static enum status parse_confirmation(jwt_t *set, struct arena *arena, struct jwt_claims *claims,
                                      struct fault *fault)
{
    errno = 0;
    if (!jwt_get_grant(set, "cnf") && errno == ENOENT)
        return STATUS_OK;
    __attribute__((cleanup(string_free))) char *json = jwt_get_grants_json(set, "cnf");
    __attribute__((cleanup(claim_set_free))) jwt_t *members = NULL;
    if (!json || json[0] != '{' || jwt_new(&members) != 0 ||
        jwt_add_grants_json(members, json) != 0)
        return refuse_shape(fault, "cnf");
    errno = 0;
    const char *value = jwt_get_grant(members, "x5t#S256");
    if (!value && errno == ENOENT)
        return STATUS_OK;
    if (!value || !is_thumbprint(slice_str(value)))
        return refuse_shape(fault, "cnf");
    struct slice copy = arena_copy(arena, slice_str(value));
    if (!copy.ptr)
        return out_of_arena(fault);
    claims->cnf_x5t_s256 = copy;
    return STATUS_OK;
}

enum status jwt_claims_parse(struct slice json, struct arena *arena, struct jwt_claims *ret_claims,
                             struct fault *fault)
{
    static const char malformed[] = "the token's claims are malformed";
    /* libjwt reads a string: what is behind a NUL would go unseen. */
    if (!json.len || memchr(json.ptr, '\0', json.len) || !jwt_json_is_shallow(json))
        return jwt_refuse(fault, JWT_REASON_MALFORMED, malformed);
    __attribute__((cleanup(claim_set_free))) jwt_t *set = NULL;
    if (jwt_new(&set) != 0)
        return fault_set(fault, STATUS_INTERNAL, NULL, "out of memory");
    if (jwt_add_grants_json(set, json.ptr) != 0)
        return jwt_refuse(fault, JWT_REASON_MALFORMED, malformed);
    struct jwt_claims claims = {0};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < COUNT(string_claims) && status == STATUS_OK; i++)
        status = parse_string(set, &string_claims[i], arena, &claims, fault);
    for (size_t i = 0; i < COUNT(time_claims) && status == STATUS_OK; i++)
        status = parse_time(set, &time_claims[i], &claims, fault);
    if (status == STATUS_OK)
        status = parse_confirmation(set, arena, &claims, fault);
    if (status == STATUS_OK)
        *ret_claims = claims;
    return status;
}

enum status jwt_claims_check_times(const struct jwt_claims *claims, const struct jwt_expect *expect,
                                   int64_t now_s, struct fault *fault)
{
    /* Times are at most JWT_TIME_MAX_S: nothing here can overflow. */
    if (now_s >= claims->exp + expect->leeway_s)
        return jwt_refuse(fault, JWT_REASON_EXPIRED, "the token has expired");
    if (claims->iat > now_s + expect->leeway_s)
        return refuse_claim(fault, "iat");
    if (claims->nbf > now_s + expect->leeway_s)
        return refuse_claim(fault, "nbf");
    return STATUS_OK;
}

enum status jwt_claims_check(const struct jwt_claims *claims, const struct jwt_expect *expect,
                             int64_t now_s, struct fault *fault)
{
    if (!slice_equal(claims->iss, expect->iss))
        return refuse_claim(fault, "iss");
    if (!slice_equal(claims->aud, expect->aud))
        return refuse_claim(fault, "aud");
    if (!claims->iat)
        return refuse_claim(fault, "iat");
    if (claims->exp <= claims->iat || claims->exp - claims->iat > expect->lifetime_max_s)
        return refuse_claim(fault, "exp");
    enum status status = jwt_claims_check_times(claims, expect, now_s, fault);
    if (status != STATUS_OK)
        return status;
    if (expect->sub_required && !claims->sub.len)
        return refuse_claim(fault, "sub");
    if (expect->jti_required && !claims->jti.len)
        return refuse_claim(fault, "jti");
    if (expect->sid_required && !claims->sid.len)
        return refuse_claim(fault, "sid");
    return STATUS_OK;
}

/* That what is to be signed would be accepted. */
static bool is_writable(const struct jwt_claims *claims)
{
    for (size_t i = 0; i < COUNT(string_claims); i++) {
        const struct string_claim *row = &string_claims[i];
        struct slice value = *string_in(claims, row);
        if (value.len ? !slice_is_printable(value, row->bytes_max) : row->required)
            return false;
    }
    for (size_t i = 0; i < COUNT(time_claims); i++) {
        int64_t value = time_in(claims, &time_claims[i]);
        if (value < 0 || value > JWT_TIME_MAX_S || (value == 0 && time_claims[i].required))
            return false;
    }
    return claims->exp > claims->iat &&
           (!claims->cnf_x5t_s256.len || is_thumbprint(claims->cnf_x5t_s256));
}

static int add_string(jwt_t *set, const struct string_claim *row, struct slice value)
{
    char text[JWT_CLAIM_BYTES_MAX + 1];
    memcpy(text, value.ptr, value.len);
    text[value.len] = '\0';
    return jwt_add_grant(set, row->name, text);
}

/* {"cnf":{"x5t#S256":"…"}}; base64url needs no escape. */
static int add_confirmation(jwt_t *set, struct slice thumbprint)
{
    char json[96];
    int len =
        snprintf(json, sizeof(json), "{\"cnf\":{\"x5t#S256\":\"%.*s\"}}", SLICE_ARG(thumbprint));
    return len > 0 && (size_t)len < sizeof(json) ? jwt_add_grants_json(set, json) : EINVAL;
}

enum status jwt_claims_write(const struct jwt_claims *claims, struct arena *arena,
                             struct slice *ret_json)
{
    if (!is_writable(claims))
        return STATUS_INVALID_ARGUMENT;
    __attribute__((cleanup(claim_set_free))) jwt_t *set = NULL;
    if (jwt_new(&set) != 0)
        return STATUS_INTERNAL;
    int error = 0;
    for (size_t i = 0; i < COUNT(string_claims) && !error; i++) {
        struct slice value = *string_in(claims, &string_claims[i]);
        if (value.len)
            error = add_string(set, &string_claims[i], value);
    }
    for (size_t i = 0; i < COUNT(time_claims) && !error; i++) {
        int64_t value = time_in(claims, &time_claims[i]);
        if (value)
            error = jwt_add_grant_int(set, time_claims[i].name, (long)value);
    }
    if (!error && claims->cnf_x5t_s256.len)
        error = add_confirmation(set, claims->cnf_x5t_s256);
    __attribute__((cleanup(string_free))) char *json =
        error ? NULL : jwt_get_grants_json(set, NULL);
    if (!json)
        return STATUS_INTERNAL;
    struct slice copy = arena_copy(arena, slice_str(json));
    if (!copy.ptr)
        return STATUS_RESOURCE_EXHAUSTED;
    *ret_json = copy;
    return STATUS_OK;
}
