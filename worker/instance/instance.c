#include "worker/instance/instance.h"

#include <stdlib.h>

#include "shared/base/clock.h"
#include "shared/crypto/crypto.h"
#include "shared/crypto/encode.h"

static void forget(struct lru_entry *entry)
{
    free(entry);
}

enum status instance_init(struct instance *instance, const char *realm, const struct jwt_keys *keys,
                          const char *hub_issuer, const struct jwt_keys *hub_keys)
{
    *instance = (struct instance){
        .realm = realm, .hub_issuer = hub_issuer, .keys = keys, .hub_keys = hub_keys};
    return lru_init(&instance->used, INSTANCE_ASSERTIONS_MAX, forget);
}

void instance_done(struct instance *instance)
{
    lru_done(&instance->used);
}

enum status instance_take_assertion(struct instance *instance, struct slice assertion,
                                    struct arena *arena, int64_t now_s, struct slice *ret_user,
                                    struct fault *fault)
{
    const struct jwt_expect expect = {
        .typ = JWT_TYP_ASSERTION,
        .iss = slice_str(instance->hub_issuer),
        .aud = slice_str(instance->realm),
        .leeway_s = JWT_LEEWAY_S,
        .lifetime_max_s = JWT_ASSERTION_LIFETIME_S,
        .sub_required = true,
        .jti_required = true,
    };
    struct jwt_claims claims;
    enum status status =
        jwt_verify(instance->hub_keys, &expect, assertion, arena, now_s, &claims, fault);
    if (status != STATUS_OK)
        return status;
    if (lru_find(&instance->used, claims.jti))
        return fault_set_reason(fault, STATUS_UNAUTHENTICATED, JWT_REASON_CLAIM, "jti",
                                "the assertion was used before");
    struct lru_entry *entry = calloc(1, sizeof(*entry));
    if (!entry)
        return STATUS_RESOURCE_EXHAUSTED;
    int64_t left_ms = (claims.exp + JWT_LEEWAY_S - now_s + 1) * 1000;
    status = lru_insert(&instance->used, claims.jti, deadline_after_ms(left_ms), entry);
    if (status == STATUS_OK)
        *ret_user = claims.sub;
    return status;
}

enum status instance_check_told(const struct instance *instance, struct slice assertion,
                                struct slice people, struct arena *arena, int64_t now_s,
                                struct fault *fault)
{
    const struct jwt_expect expect = {
        .typ = JWT_TYP_PEOPLE,
        .iss = slice_str(instance->hub_issuer),
        .aud = slice_str(instance->realm),
        .leeway_s = JWT_LEEWAY_S,
        .lifetime_max_s = JWT_ASSERTION_LIFETIME_S,
        .sub_required = true,
        .jti_required = true,
    };
    const struct sha256 digest = sha256(people);
    struct jwt_claims claims;
    struct slice text;
    PEK_TRY(jwt_verify(instance->hub_keys, &expect, assertion, arena, now_s, &claims, fault));
    PEK_TRY(base64url_encode_in(arena, slice_make(digest.bytes, sizeof(digest.bytes)), &text));
    if (slice_equal(claims.jti, text))
        return STATUS_OK;
    return fault_set_reason(fault, STATUS_UNAUTHENTICATED, JWT_REASON_CLAIM, "jti",
                            "the hub signed other people than these");
}

bool instance_is_hub(const struct instance *instance, struct slice user)
{
    return slice_equal_str(user, instance->hub_issuer);
}

enum status instance_issue_token(const struct instance *instance, struct slice user,
                                 struct slice certificate_sha256, struct arena *arena,
                                 int64_t now_s, struct slice *ret_token, int64_t *ret_expires_s)
{
    struct jwt_claims claims = {
        .iss = slice_str(instance->realm),
        .aud = slice_str(instance->realm),
        .sub = user,
        .iat = now_s,
        .exp = now_s + JWT_INSTANCE_LIFETIME_S,
    };
    enum status status = STATUS_OK;
    if (certificate_sha256.len > 0)
        status = base64url_encode_in(arena, certificate_sha256, &claims.cnf_x5t_s256);
    if (status != STATUS_OK)
        return status;
    status = jwt_sign(instance->keys, JWT_TYP_INSTANCE, &claims, arena, ret_token);
    if (status == STATUS_OK)
        *ret_expires_s = claims.exp;
    return status;
}
