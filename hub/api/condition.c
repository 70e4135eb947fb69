#include "hub/api/condition.h"

#include "shared/crypto/crypto.h"
#include "shared/crypto/encode.h"

#define PART_BYTES 4
#define PART_CHARS (2 * PART_BYTES) /* in hex */
#define OWNER_CHARS (2 * PART_CHARS)

/* ---- whose it is ------------------------------------------------------------------------------- */

static void hash_part(struct slice one, struct slice other, char ret_hex[PART_CHARS + 1])
{
    const struct slice parts[] = {one, other};
    struct sha256 digest = sha256_of_parts(parts, 2);

    hex_encode(slice_make(digest.bytes, PART_BYTES), ret_hex);
}

/* The same path may lead to another realm's thing, and "me" is somebody else for another caller. */
static void hash_owner(const struct api_call *call, struct slice realm,
                       char ret_hex[PART_CHARS + 1])
{
    hash_part(realm, call->session ? call->session->user_id : slice_make("", 0), ret_hex);
}

/* "1f3a9c0b5d2e7a61.12": realm and caller, id, and the realm's own etag. */
static const char *tag_of(const struct api_call *call, const struct leg *leg)
{
    char owner[PART_CHARS + 1], id[PART_CHARS + 1];

    hash_owner(call, leg->realm, owner);
    hash_part(leg->realm, transcode_item_id(leg->item), id);
    return arena_printf(call->arena, "%s%s.%.*s", owner, id,
                        SLICE_ARG(transcode_item_etag(leg->item)));
}

/* Whether it is such a tag, and not an etag as bodies have it. */
static bool has_owner(struct slice tag)
{
    for (size_t i = 0; i < OWNER_CHARS && i < tag.len; i++) {
        if (!memchr("0123456789abcdef", tag.ptr[i], 16))
            return false;
    }
    return tag.len > OWNER_CHARS && tag.ptr[OWNER_CHARS] == '.';
}

/* Leaves what the realm understands: without the owner, and without what is another's. */
static void drop_owners(const struct api_call *call, struct condition *condition)
{
    struct slice realm = call->method->realms == TRANSCODE_HUB
                             ? SLICE_LIT(FANOUT_HUB)
                             : transcode_request_realm(call->request);
    char owner[PART_CHARS + 1];
    size_t kept = 0;

    hash_owner(call, realm, owner);
    for (size_t i = 0; i < condition->count; i++) {
        struct slice tag = condition->etags[i];
        bool owned = has_owner(tag);
        if (owned && !slice_starts_with(tag, slice_str(owner)))
            continue;
        size_t skip = owned ? OWNER_CHARS + 1 : 0;
        condition->etags[kept++] = slice_make(tag.ptr + skip, tag.len - skip);
    }
    condition->count = kept;
}

enum status condition_fail(struct fault *fault)
{
    return fault_set_reason(fault, STATUS_FAILED_PRECONDITION, API_PRECONDITION_FAILED, "if-match",
                            "it has another etag");
}

/* ---- changes ----------------------------------------------------------------------------------- */

enum status condition_of_change(struct api_call *call, struct condition *ret_condition,
                                struct fault *fault)
{
    const struct route_rule *rule = call->match.rule;
    struct slice given = transcode_request_etag(call->request, rule);

    if (http_header(call->http, "if-none-match", 0).ptr)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "if-none-match",
                         "If-None-Match is for reading");
    enum status status = condition_read(call->http, "if-match", false, ret_condition, fault);
    if (status || !ret_condition->given || ret_condition->any)
        return status;
    if (!transcode_request_takes_etag(call->request, rule))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "if-match",
                         "this method changes nothing that has an etag");
    drop_owners(call, ret_condition);
    if (ret_condition->count == 0)
        return condition_fail(fault);
    if (given.len == 0)
        return STATUS_OK;
    if (!condition_names(ret_condition, given))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "if-match",
                         "the body has another etag than If-Match");
    ret_condition->etags[0] = given;
    ret_condition->count = 1;
    return STATUS_OK;
}

bool condition_is_refusal(const struct fault *fault)
{
    const char *dot = strrchr(fault->field, '.');

    return fault->status == STATUS_ABORTED && strcmp(dot ? dot + 1 : fault->field, "etag") == 0;
}

/* ---- reads ------------------------------------------------------------------------------------- */

/* The realm's own etag in the one tag that is of this realm and caller; empty when there is none, or several. */
static struct slice own_etag(const struct api_call *call, const struct condition *condition,
                             struct slice realm)
{
    char owner[PART_CHARS + 1];
    struct slice etag = slice_make("", 0);
    size_t count = 0;

    hash_owner(call, realm, owner);
    for (size_t i = 0; i < condition->count; i++) {
        struct slice tag = condition->etags[i];
        if (!has_owner(tag) || !slice_starts_with(tag, slice_str(owner)))
            continue;
        etag = slice_make(tag.ptr + OWNER_CHARS + 1, tag.len - OWNER_CHARS - 1);
        count++;
    }
    return count == 1 ? etag : slice_make("", 0);
}

void condition_offer(struct api_call *call)
{
    struct condition condition;
    struct fault later; /* the answer says what is wrong */

    if (condition_read(call->http, "if-none-match", true, &condition, &later))
        return;
    for (size_t i = 0; condition.count > 0 && i < call->fanout.count; i++)
        leg_offer(&call->fanout.legs[i], own_etag(call, &condition, call->fanout.legs[i].realm));
}

bool condition_is_of_another(const struct api_call *call, const struct leg *leg)
{
    struct condition condition;
    struct fault later;

    if (!leg_is_offered(leg) ||
        condition_read(call->http, "if-none-match", true, &condition, &later))
        return false;
    const char *tag = tag_of(call, leg);
    return !tag || !condition_names(&condition, slice_str(tag));
}

/* ---- answers ----------------------------------------------------------------------------------- */

int condition_of_answer(struct api_call *call, const struct leg *leg, struct fault *fault)
{
    struct slice verb = http_method(call->http), etag = transcode_item_etag(leg->item);
    bool reads = slice_equal_str(verb, "GET") || slice_equal_str(verb, "HEAD");
    struct condition none_match, match;

    if (etag.len == 0 || !condition_is_etag(etag))
        return 200;
    const char *tag = tag_of(call, leg);
    const char *quoted = tag ? arena_printf(call->arena, "\"%s\"", tag) : NULL;
    if (quoted)
        http_add_header(call->http, "etag", slice_str(quoted));
    if (!reads || !tag)
        return 200;
    if (condition_read(call->http, "if-none-match", true, &none_match, fault) ||
        condition_read(call->http, "if-match", false, &match, fault))
        return api_http_code(fault);
    if (match.given && !condition_names(&match, slice_str(tag)) && !condition_names(&match, etag)) {
        (void)condition_fail(fault);
        return 412;
    }
    return none_match.given && condition_names(&none_match, slice_str(tag)) ? 304 : 200;
}
