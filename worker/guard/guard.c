#include "worker/guard/guard.h"

#include <stdlib.h>
#include <strings.h>

#include "shared/base/clock.h"
#include "shared/base/number.h"
#include "shared/base/utf8.h"
#include "shared/crypto/encode.h"
#include "shared/jwt/jwt.h"
#include "shared/jwt/jwt_cache.h"

struct guard {
    const char *realm;
    const struct jwt_keys *keys;
    struct policy_cache *cache;
    struct jwt_cache tokens;
    uint64_t denied;
};

/* What a call carries from the guard to its handler. */
struct attached {
    struct policy_scope scope;
    uint64_t generation; /* of the cache, before the rules were asked */
    int64_t again_us;    /* when to look whether that is still so */
    bool saw_some;       /* the scope was not empty */
};

enum status guard_new(const char *realm, const struct jwt_keys *keys, struct policy_cache *cache,
                      struct guard **ret_guard)
{
    struct guard *guard = calloc(1, sizeof(*guard));
    if (!guard)
        return STATUS_RESOURCE_EXHAUSTED;
    *guard = (struct guard){.realm = realm, .keys = keys, .cache = cache};
    enum status status = jwt_cache_init(&guard->tokens, JWT_CACHE_TOKENS_MAX);
    if (status != STATUS_OK) {
        free(guard);
        return status;
    }
    *ret_guard = guard;
    return STATUS_OK;
}

struct guard *guard_free(struct guard *guard)
{
    if (guard) {
        jwt_cache_done(&guard->tokens);
        free(guard);
    }
    return NULL;
}

void guard_statistics(const struct guard *guard, struct guard_statistics *ret_statistics)
{
    *ret_statistics = (struct guard_statistics){
        .token_hits = guard->tokens.hits,
        .token_misses = guard->tokens.misses,
        .denied = guard->denied,
    };
}

/* ---- who ---- */

/* RFC 8705: a token with a certificate in it is the token of that connection's certificate only. One without
 * is not bound: it was not issued over mutual TLS. */
static enum status check_binding(struct rpc_ctx *ctx, const struct jwt_claims *claims)
{
    if (claims->cnf_x5t_s256.len == 0)
        return STATUS_OK;
    struct slice certificate = rpc_peer_certificate_sha256(ctx), text = {0};
    if (certificate.len > 0 &&
        base64url_encode_in(rpc_arena(ctx), certificate, &text) == STATUS_OK &&
        slice_equal(text, claims->cnf_x5t_s256))
        return STATUS_OK;
    return fault_set_reason(rpc_fault(ctx), STATUS_UNAUTHENTICATED, JWT_REASON_CLAIM, "cnf",
                            "the token belongs to another client certificate");
}

static enum status authenticate(void *arg, struct rpc_ctx *ctx, struct principal *ret_principal)
{
    static const struct slice scheme = SLICE_LIT("Bearer ");
    struct guard *guard = arg;
    struct slice token = rpc_metadata(ctx, "authorization", 0);
    /* Two tokens are one too many: which of them counts would be a matter of taste. */
    if (token.len <= scheme.len || strncasecmp(token.ptr, scheme.ptr, scheme.len) != 0 ||
        rpc_metadata(ctx, "authorization", 1).len > 0)
        return fault_set_reason(rpc_fault(ctx), STATUS_UNAUTHENTICATED, JWT_REASON_MISSING, NULL,
                                "authorization needs one bearer token");
    const struct jwt_expect expect = {
        .typ = JWT_TYP_INSTANCE,
        .iss = slice_str(guard->realm),
        .aud = slice_str(guard->realm),
        .leeway_s = JWT_LEEWAY_S,
        .lifetime_max_s = JWT_INSTANCE_LIFETIME_S,
        .sub_required = true,
        .jti_required = true,
    };
    struct jwt_claims claims;
    token = slice_make(token.ptr + scheme.len, token.len - scheme.len);
    PEK_TRY(jwt_cache_verify(&guard->tokens, guard->keys, &expect, token, rpc_arena(ctx),
                             clock_wall_s(), &claims, rpc_fault(ctx)));
    PEK_TRY(check_binding(ctx, &claims));
    *ret_principal = (struct principal){claims.sub, claims.aud, claims.exp};
    return STATUS_OK;
}

/* ---- whether ---- */

bool guard_hint_decode(struct slice hint, struct arena *arena, struct slice *ret_name)
{
    if (hint.len == 0 || hint.len > 3 * POLICY_NAME_BYTES_MAX)
        return false;
    char *name = arena_alloc(arena, hint.len);
    size_t len = 0;
    if (!name)
        return false;
    for (size_t i = 0; i < hint.len; i++) {
        name[len] = hint.ptr[i];
        if (hint.ptr[i] == '%') {
            int high = i + 2 < hint.len ? number_hex_digit(hint.ptr[i + 1]) : -1;
            int low = i + 2 < hint.len ? number_hex_digit(hint.ptr[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            name[len] = (char)(high << 4 | low);
            i += 2;
        }
        len++;
    }
    *ret_name = slice_make(name, len);
    /* What is no text of PostgreSQL would make the query fail, and the call with it. */
    return len <= POLICY_NAME_BYTES_MAX && utf8_valid(*ret_name) && !memchr(name, '\0', len);
}

const struct slice *guard_hints(struct rpc_ctx *ctx, size_t *ret_count)
{
    size_t count = 0;
    struct slice *names = arena_zalloc(rpc_arena(ctx), POLICY_HINTS_MAX, sizeof(*names));
    for (size_t n = 0; names && n < POLICY_HINTS_MAX; n++) {
        struct slice hint = rpc_metadata(ctx, GUARD_HINT_KEY, n);
        if (hint.len == 0)
            break;
        if (guard_hint_decode(hint, rpc_arena(ctx), &names[count]))
            count++;
    }
    *ret_count = count;
    return names;
}

static struct policy_asker asker_of(struct rpc_ctx *ctx)
{
    struct policy_asker asker = {.user = rpc_principal(ctx)->user};
    asker.hints = guard_hints(ctx, &asker.hint_count);
    return asker;
}

static enum status check_realm(const struct guard *guard, struct rpc_ctx *ctx,
                               const ProtobufCMessage *request)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(request->descriptor, "realm");
    if (!field || field->type != PROTOBUF_C_TYPE_STRING ||
        field->label == PROTOBUF_C_LABEL_REPEATED)
        return STATUS_OK;
    const char *realm = *(const char *const *)(const void *)((const char *)request + field->offset);
    if (realm && realm[0] && strcmp(realm, guard->realm) != 0)
        return rpc_fail_field(ctx, STATUS_INVALID_ARGUMENT, "realm", "this is another realm");
    return STATUS_OK;
}

/* The same words whether the target exists or not. */
static enum status deny(struct guard *guard, struct rpc_ctx *ctx)
{
    guard->denied++;
    return rpc_fail(ctx, STATUS_PERMISSION_DENIED, "you may not do this here");
}

static enum status check_target(struct guard *guard, struct rpc_ctx *ctx,
                                const struct policy_asker *asker, const struct rpc_access *rule,
                                const void *request)
{
    uint32_t action = rule->action;
    struct policy_target target = {NULL, NULL};
    if (rule->field) {
        const char *value = rule->target(request);
        if (value && value[0]) {
            value = policy_group_id(value, rpc_arena(ctx));
            if (!value)
                return STATUS_RESOURCE_EXHAUSTED;
            if (rule->on_user)
                target.user = rule->target(request);
            else
                target.group = value;
        } else if (rule->realm_action) {
            action = rule->realm_action;
        } else {
            return rpc_fail_field(ctx, STATUS_INVALID_ARGUMENT, rule->field, "%s is required",
                                  rule->field);
        }
    }
    bool allowed = false;
    PEK_TRY(policy_cache_allows(guard->cache, rpc_cancel(ctx), asker, policy_action_bit(action),
                                &target, rpc_arena(ctx), &allowed));
    return allowed ? STATUS_OK : deny(guard, ctx);
}

static enum status check_filter(struct guard *guard, struct rpc_ctx *ctx,
                                const struct policy_asker *asker, const struct rpc_access *rule)
{
    struct attached *attached = rpc_attached(ctx);
    struct policy_scope *scope = &attached->scope;
    PEK_TRY(policy_cache_scope(guard->cache, rpc_cancel(ctx), asker,
                               policy_action_bit(rule->action), rpc_arena(ctx), scope));
    bool some = scope->all || scope->user.len > 0 || scope->group_count > 0;
    /* Who sees nothing gets a list with nothing; who loses what they saw learns that the list is not whole. */
    bool lost = attached->saw_some && !some;
    attached->saw_some |= some;
    return lost ? deny(guard, ctx) : STATUS_OK;
}

/* ---- policies ---- */

static enum status check_policy(struct guard *guard, struct rpc_ctx *ctx,
                                const struct rpc_access *rule, const void *request)
{
    const char *id = rule->target(request);
    struct policy_standing standing;
    if (!policy_is_id(id))
        return rpc_fail_field(ctx, STATUS_INVALID_ARGUMENT, rule->field, "%s is no policy's id",
                              rule->field);
    PEK_TRY(policy_cache_standing(guard->cache, rpc_cancel(ctx), rpc_principal(ctx)->user, id,
                                  &standing));
    return standing_allows(&standing, rule->right) ? STATUS_OK : deny(guard, ctx);
}

static enum status check_policies(struct guard *guard, struct rpc_ctx *ctx)
{
    struct policy_standing standing;
    struct attached *attached = rpc_attached(ctx);
    PEK_TRY(policy_cache_standing(guard->cache, rpc_cancel(ctx), rpc_principal(ctx)->user, "0",
                                  &standing));
    /* A list of everything does not become another list in its middle. */
    if (attached->scope.all && !standing.god)
        return deny(guard, ctx);
    attached->scope.all = standing.god;
    return STATUS_OK;
}

/* The rule is about a user, and that is the caller, who then sees all that a list has of them. */
static bool is_own(struct rpc_ctx *ctx, const struct rpc_access *rule, const void *request)
{
    struct attached *attached = rpc_attached(ctx);
    const char *user = rule->self ? rule->self(request) : NULL;
    bool own = user && (user[0] == '\0' || strcmp(user, GUARD_ME) == 0 ||
                        slice_equal_str(rpc_principal(ctx)->user, user));
    if (own && rule->kind == RPC_ACCESS_FILTER)
        attached->scope = (struct policy_scope){.all = true};
    return own;
}

static enum status check_rule(struct guard *guard, struct rpc_ctx *ctx,
                              const struct policy_asker *asker, const struct rpc_access *rule,
                              const void *request)
{
    switch (rule->kind) {
    case RPC_ACCESS_PUBLIC:
    case RPC_ACCESS_AUTHENTICATED: return STATUS_OK;
    case RPC_ACCESS_TARGET: return check_target(guard, ctx, asker, rule, request);
    case RPC_ACCESS_FILTER: return check_filter(guard, ctx, asker, rule);
    case RPC_ACCESS_POLICY: return check_policy(guard, ctx, rule, request);
    case RPC_ACCESS_POLICY_FILTER: return check_policies(guard, ctx);
    case RPC_ACCESS_NONE:
    default: return deny(guard, ctx);
    }
}

static enum status check_rules(struct guard *guard, struct rpc_ctx *ctx, const void *request)
{
    const struct rpc_method *method = rpc_method(ctx);
    struct policy_asker asker = asker_of(ctx);
    for (size_t i = 0; i < method->access_count; i++) {
        const struct rpc_access *rule = &method->access[i];
        if (!is_own(ctx, rule, request))
            PEK_TRY(check_rule(guard, ctx, &asker, rule, request));
    }
    return STATUS_OK;
}

static enum status authorize(void *arg, struct rpc_ctx *ctx, const void *request)
{
    struct guard *guard = arg;
    struct attached *attached = arena_zalloc(rpc_arena(ctx), 1, sizeof(*attached));
    if (!attached)
        return STATUS_RESOURCE_EXHAUSTED;
    rpc_attach(ctx, attached);
    attached->generation = policy_cache_generation(guard->cache);
    attached->again_us = deadline_after_ms(GUARD_AGE_MAX_MS);
    PEK_TRY(check_realm(guard, ctx, request));
    return check_rules(guard, ctx, request);
}

struct rpc_interceptor guard_interceptor(struct guard *guard)
{
    return (struct rpc_interceptor){
        .arg = guard, .authenticate = authenticate, .authorize = authorize};
}

const struct policy_scope *guard_scope(struct rpc_ctx *ctx)
{
    const struct attached *attached = rpc_attached(ctx);
    return attached ? &attached->scope : NULL;
}

enum status guard_allows(struct guard *guard, struct rpc_ctx *ctx, uint32_t action,
                         const char *group, bool *ret_allowed)
{
    const struct policy_asker asker = asker_of(ctx);
    const struct policy_target target = {.group = group};
    return policy_cache_allows(guard->cache, rpc_cancel(ctx), &asker, policy_action_bit(action),
                               &target, rpc_arena(ctx), ret_allowed);
}

enum status guard_scope_of(struct guard *guard, struct rpc_ctx *ctx, uint32_t action,
                           struct policy_scope *ret_scope)
{
    const struct policy_asker asker = asker_of(ctx);
    return policy_cache_scope(guard->cache, rpc_cancel(ctx), &asker, policy_action_bit(action),
                              rpc_arena(ctx), ret_scope);
}

enum status guard_again(struct guard *guard, struct rpc_ctx *ctx, const void *request)
{
    struct attached *attached = rpc_attached(ctx);
    if (clock_wall_s() > rpc_principal(ctx)->expires_s + JWT_LEEWAY_S)
        return rpc_fail(ctx, STATUS_UNAUTHENTICATED, "the token has expired");
    if (!attached)
        return STATUS_OK; /* a method for anybody has no rules that could change */
    struct policy_cache_statistics cache;
    policy_cache_statistics(guard->cache, &cache);
    uint64_t generation = policy_cache_generation(guard->cache);
    bool stale = !cache.listening || attached->generation != generation;
    if (!stale || clock_monotonic_us() < attached->again_us)
        return STATUS_OK;
    attached->generation = generation;
    attached->again_us = deadline_after_ms(GUARD_AGE_MAX_MS);
    return check_rules(guard, ctx, request);
}
