#include "hub/api/resume.h"

#include "hub/session/choice.h"

/* It leads on in a request line of HTTP/1.1, beside a path and filters. */
#define LINE_REST_BYTES 1536
_Static_assert(PAGE_TOKEN_BYTES_MAX + LINE_REST_BYTES <= HTTP_LINE_BYTES_MAX, "a token has a line");

static enum status hash_question(struct api_call *call, struct resume *resume)
{
    unsigned char fingerprint[TRANSCODE_FINGERPRINT_BYTES];

    enum status status = transcode_request_fingerprint(call->request, fingerprint);
    if (status)
        return status;
    const struct slice parts[] = {
        call->method->path,
        slice_make(fingerprint, sizeof(fingerprint)),
        call->session ? call->session->user_id : slice_make("", 0),
        transcode_request_realm(call->request),
    };
    resume->question = page_question_of(parts, sizeof(parts) / sizeof(parts[0]));
    return STATUS_OK;
}

enum status resume_open(struct api_call *call, struct slice token, struct resume *ret_resume,
                        struct fault *fault)
{
    const struct api_page_keys *keys = call->api->options.page_keys;
    struct resume resume = {.given = token.len > 0};
    enum status status = hash_question(call, &resume);

    if (status)
        return fault_set(fault, status, NULL, "out of memory");
    if (resume.given)
        status = STATUS_INVALID_ARGUMENT;
    for (size_t i = 0; status && i < keys->count; i++)
        status = page_token_open(keys->keys[i], &resume.question, token, call->arena, &resume.last,
                                 &resume.realms, fault);
    if (status)
        return status;
    *fault = (struct fault){0}; /* what a newer key said of the token */
    resume.began = resume.last;
    *ret_resume = resume;
    return STATUS_OK;
}

/* Each part forgives a tenth of the patience: a realm that is merely farther away than the others stays in. */
#define FORGIVEN(patience_us) ((patience_us) / 10)

/* What it took of the list's earlier parts counts on. */
static void carry_on(const struct api_call *call, const struct page_realm *realm, struct leg *leg)
{
    int64_t patience_us = call_patience_us(call);
    int64_t waited_us = patience_us * realm->waited / PAGE_WAITED_ALL - FORGIVEN(patience_us);

    leg->given_before = realm->given;
    leg->waited_us = waited_us > 0 ? waited_us : 0;
    leg->spent = leg->waited_us > 0;
}

static enum status add_realm(struct api_call *call, const struct page_realm *realm, bool named)
{
    struct instance *instance = registry_find(call->api->options.registry, realm->name);
    struct fault fault;

    if (instance && !realm->out) {
        enum status status = fanout_add(&call->fanout, instance, named, slice_make("", 0));
        if (!status)
            carry_on(call, realm, &call->fanout.legs[call->fanout.count - 1]);
        return status;
    }
    if (instance)
        (void)fault_set_reason(&fault, STATUS_UNAVAILABLE, "REALM_LEFT_OUT", NULL,
                               "realm %.*s broke earlier in this list; a new list has it again",
                               SLICE_ARG(realm->name));
    else
        (void)fault_set_reason(&fault, STATUS_UNAVAILABLE, "REALM_REMOVED", NULL,
                               "realm %.*s left the federation", SLICE_ARG(realm->name));
    return fanout_add_failed(&call->fanout, realm->name, &fault);
}

/* Those for which the list had no room are named on each of its pages. */
static enum status keep_rest(struct api_call *call, const struct resume *resume)
{
    if (resume->realms.not_asked.len == 0 || !call->session)
        return STATUS_OK;
    return session_members_from(call->session, resume->realms.not_asked, call->arena, &call->rest,
                                &call->rest_count);
}

enum status resume_add_legs(struct api_call *call, const struct resume *resume, struct fault *fault)
{
    bool named = transcode_request_realm(call->request).len > 0;
    bool anew = !resume->given || call->method->realms == TRANSCODE_HUB;
    enum status status = STATUS_OK;

    if (anew)
        status = call_add_legs(call, fault);
    else if (!call->api->options.registry->loaded)
        status = fault_set(fault, STATUS_UNAVAILABLE, NULL, "the realms are not known yet");
    if (!anew && !status &&
        (keep_rest(call, resume) ||
         fanout_make_room(&call->fanout, call->arena, resume->realms.count)))
        status = fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    for (size_t i = 0; !anew && !status && i < resume->realms.count; i++) {
        if (add_realm(call, &resume->realms.realms[i], named))
            status = fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "too many realms");
    }
    for (size_t i = 0; !status && i < call->fanout.count; i++) {
        struct leg *leg = &call->fanout.legs[i];
        leg->patience_us = call_patience_us(call) - leg->waited_us;
    }
    return status;
}

/* What the token that was given says of a leg; they are in its order. */
static const struct page_realm *told_of(const struct api_call *call, const struct resume *resume,
                                        size_t leg)
{
    return resume->given && call->method->realms != TRANSCODE_HUB ? &resume->realms.realms[leg]
                                                                  : NULL;
}

bool resume_is_apart(const struct api_call *call, const struct resume *resume, size_t leg)
{
    const struct page_realm *realm = told_of(call, resume, leg);

    return realm && realm->apart;
}

struct resume_place resume_place(const struct api_call *call, const struct resume *resume,
                                 size_t leg, bool same_over_realms)
{
    const struct page_position *last = &resume->last;
    const struct page_realm *realm = told_of(call, resume, leg);

    if (realm && realm->apart)
        return (struct resume_place){realm->sort_key, realm->id, false};
    return (struct resume_place){last->sort_key, last->id,
                                 !same_over_realms &&
                                     slice_compare(call->fanout.legs[leg].realm, last->realm) > 0};
}

enum status resume_set_requests(struct api_call *call, const struct resume *resume, size_t size,
                                bool same_over_realms)
{
    struct transcode_request *request = call->request;
    enum status status = transcode_request_set_page_token(request, slice_make("", 0));

    if (!status && size)
        status = transcode_request_set_page_size(request, (int32_t)size);
    for (size_t i = 0; !status && i < call->fanout.count; i++) {
        struct resume_place place = resume_place(call, resume, i, same_over_realms);
        if (resume->given)
            status =
                transcode_request_set_after(request, place.sort_key, place.id, place.inclusive);
        if (!status)
            status = transcode_request_bytes(request, &call->fanout.legs[i].request);
    }
    return status;
}

size_t resume_share(const struct api_call *call, size_t size, bool same_over_realms)
{
    const struct transcode_method *method = call->method;
    size_t asked = 0, root = 1;

    for (size_t i = 0; i < call->fanout.count; i++)
        asked += call->fanout.legs[i].state < LEG_DONE;
    if (asked < 2 || method->realms != TRANSCODE_ALL || !method->page_size || !method->after ||
        method->identity_count == 0 || same_over_realms)
        return 0;
    while ((root + 1) * (root + 1) <= size)
        root++;
    size_t part = (size + asked - 1) / asked + root;
    return part < size ? part : 0;
}

enum status resume_ask_on(struct api_call *call, struct leg *leg, struct slice sort_key,
                          struct slice id, size_t size)
{
    struct slice bytes = {"", 0};

    enum status status = transcode_request_set_page_size(call->request, (int32_t)size);
    if (!status)
        status = transcode_request_set_after(call->request, sort_key, id, false);
    if (!status)
        status = transcode_request_bytes(call->request, &bytes);
    if (!status)
        leg_ask_on(leg, bytes);
    return status;
}

struct page_realm resume_realm(const struct api_call *call, size_t at, bool gives)
{
    const struct leg *leg = &call->fanout.legs[at];
    uint64_t given = leg->given_before + leg->given + gives;
    int64_t waited = leg->waited_us * PAGE_WAITED_ALL / call_patience_us(call);

    return (struct page_realm){
        .name = leg->realm,
        .given = given < UINT32_MAX ? (uint32_t)given : UINT32_MAX,
        .waited = (uint16_t)(waited < PAGE_WAITED_ALL ? waited : PAGE_WAITED_ALL),
    };
}

struct slice resume_seal(const struct api_call *call, const struct resume *resume,
                         const struct page_position *position, const struct page_realms *realms,
                         struct arena *arena)
{
    struct slice token;

    if (call->method->identity_count == 0 || call->method->is_whole || !position->realm.len ||
        page_token_seal(call->api->options.page_keys->keys[0], &resume->question, position, realms,
                        arena, &token))
        return slice_make("", 0);
    return token;
}
