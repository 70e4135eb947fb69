/* Page tokens. The first byte chooses: 'o', the text of a token, which nobody can have made without the key; 'r', a token
 * that is ours in all but what stands in it; anything else, the parts of a position and of realms, one a line. What is opened is
 * sealed and opened again as the same, and one changed letter is refused. */
#include <string.h>

#include "bazel/fuzz/fuzz.h"
#include "hub/federation/page_token.h"
#include "shared/crypto/crypto.h"
#include "shared/crypto/encode.h"

#define MAC_AT (1 + PAGE_QUESTION_BYTES)
#define BODY_AT (MAC_AT + 16)
#define INPUT_BYTES_MAX 4096

static const struct slice key = {"the hub's key", 13};
static struct page_question question;

static enum status open_token(struct slice token, struct arena *arena,
                              struct page_position *ret_position, struct page_realms *ret_realms)
{
    struct fault fault = {0};
    enum status status =
        page_token_open(key, &question, token, arena, ret_position, ret_realms, &fault);
    if (status == STATUS_INVALID_ARGUMENT)
        must(strcmp(fault.field, "page_token") == 0 && fault.text[0]);
    return status;
}

static void must_be_same(const struct page_realms *a, const struct page_realms *b)
{
    must(a->count == b->count && slice_equal(a->not_asked, b->not_asked));
    for (size_t i = 0; i < a->count; i++)
        must(slice_equal(a->realms[i].name, b->realms[i].name) &&
             a->realms[i].out == b->realms[i].out && a->realms[i].given == b->realms[i].given &&
             a->realms[i].waited == b->realms[i].waited &&
             a->realms[i].apart == b->realms[i].apart &&
             slice_equal(a->realms[i].sort_key, b->realms[i].sort_key) &&
             slice_equal(a->realms[i].id, b->realms[i].id));
}

static void must_be_refused_changed(struct slice token, struct arena *arena)
{
    struct page_position position;
    struct page_realms realms;
    char *changed = arena_strndup(arena, token.ptr, token.len);
    must(changed != NULL);
    size_t at = (size_t)token.ptr[token.len / 2] * 31 % token.len;
    changed[at] = changed[at] == 'A' ? 'B' : 'A';
    must(open_token(slice_make(changed, token.len), arena, &position, &realms) != STATUS_OK);
}

static size_t bytes_of(const struct page_realms *realms)
{
    size_t bytes = 0;
    for (size_t i = 0; i < realms->count; i++)
        bytes +=
            realms->realms[i].name.len + realms->realms[i].sort_key.len + realms->realms[i].id.len;
    return bytes;
}

static void must_come_back(const struct page_position *position, const struct page_realms *realms,
                           struct arena *arena)
{
    struct page_position again;
    struct page_realms realms_again;
    struct slice token;
    if (page_token_seal(key, &question, position, realms, arena, &token) != STATUS_OK) {
        must(position->sort_key.len + position->id.len > PAGE_POSITION_BYTES_MAX / 2 ||
             position->realm.len > PAGE_REALM_BYTES_MAX ||
             realms->not_asked.len > PAGE_REALM_BYTES_MAX ||
             bytes_of(realms) > PAGE_REALMS_BYTES_MAX);
        return;
    }
    must(token.len <= PAGE_TOKEN_BYTES_MAX);
    must(open_token(token, arena, &again, &realms_again) == STATUS_OK);
    must(slice_equal(position->sort_key, again.sort_key) && slice_equal(position->id, again.id) &&
         slice_equal(position->realm, again.realm));
    must_be_same(realms, &realms_again);
    must_be_refused_changed(token, arena);
}

static void try_raw(struct slice body, struct arena *arena)
{
    struct page_position position;
    struct page_realms realms;
    struct slice token;
    char *raw = arena_alloc(arena, BODY_AT + body.len);
    must(raw != NULL);
    raw[0] = 4;
    memcpy(raw + 1, question.bytes, PAGE_QUESTION_BYTES);
    memcpy(raw + BODY_AT, body.ptr, body.len);
    const struct slice parts[] = {slice_make(raw, MAC_AT), body};
    struct sha256 digest = sha256_of_parts(parts, 2);
    struct sha256 mac = hmac_sha256(key, slice_make(digest.bytes, sizeof(digest.bytes)));
    memcpy(raw + MAC_AT, mac.bytes, BODY_AT - MAC_AT);
    must(base64url_encode_in(arena, slice_make(raw, BODY_AT + body.len), &token) == STATUS_OK);
    if (open_token(token, arena, &position, &realms) == STATUS_OK)
        must_come_back(&position, &realms, arena);
}

static void try_parts(struct slice rest, struct arena *arena)
{
    struct page_position position = {0};
    struct page_realms realms = {
        .realms = arena_zalloc(arena, PAGE_REALMS_MAX, sizeof(struct page_realm))};
    must(realms.realms != NULL);
    position.sort_key = slice_cut(&rest, '\n');
    position.id = slice_cut(&rest, '\n');
    position.realm = slice_cut(&rest, '\n');
    realms.not_asked = slice_cut(&rest, '\n');
    while (rest.len > 0 && realms.count < PAGE_REALMS_MAX) {
        struct slice name = slice_cut(&rest, '\n');
        if (name.len == 0 || name.len > 63)
            continue;
        realms.realms[realms.count++] = (struct page_realm){
            .name = name,
            .out = name.ptr[0] & 1,
            .given = (uint32_t)name.ptr[name.len - 1] * 16777619u,
            .waited = (uint16_t)((unsigned char)name.ptr[0] * 257u % (PAGE_WAITED_ALL + 1)),
            .apart = name.ptr[0] & 2,
            .id = name.ptr[0] & 2 ? name : slice_make("", 0),
        };
    }
    must_come_back(&position, &realms, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct page_position position;
    struct page_realms realms;
    struct arena arena;
    if (size == 0 || size > INPUT_BYTES_MAX)
        return 0;
    struct slice input = slice_make(data + 1, size - 1);
    question = page_question_of(&key, 1);
    arena_init(&arena, 1u << 20);
    if (data[0] == 'o')
        must(open_token(input, &arena, &position, &realms) == STATUS_INVALID_ARGUMENT);
    else if (data[0] == 'r')
        try_raw(input, &arena);
    else
        try_parts(input, &arena);
    arena_done(&arena);
    return 0;
}
