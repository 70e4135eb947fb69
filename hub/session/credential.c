#include "hub/session/credential.h"

#include <assert.h>
#include <stdlib.h>

#include "hub/session/choice.h"
#include "pek/instance/v1/instance.rpc.h"
#include "shared/base/buffer.h"
#include "shared/base/clock.h"

#define FETCH_ARENA_BYTES_MAX (128u * 1024)
#define CREDENTIALS_FIRST 4 /* room for so many, and twice as much each time */
#define METADATA_BYTES_MAX (RPC_METADATA_BYTES_MAX - 1024)

static void clear(struct credential *credential)
{
    free(credential->memory);
    credential->memory = NULL;
    credential->pairs = NULL;
    credential->policies = NULL;
    credential->pair_count = 0;
    credential->policy_count = 0;
}

static void forget_permissions(struct credential *credential)
{
    free(credential->permissions);
    credential->permissions = NULL;
    credential->drops++;
}

static void start_over(struct credential *credential, const struct instance *instance)
{
    forget_permissions(credential);
    clear(credential);
    *credential = (struct credential){.slot = instance->slot,
                                      .generation = instance->generation,
                                      .changes = instance->policy_changes,
                                      .drops = credential->drops};
    list_init(&credential->waiters);
}

/* Where the slot's is, or would be. */
static size_t place_of(const struct session *session, size_t slot)
{
    size_t low = 0, high = session->credential_count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (session->credentials[middle]->slot < slot)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct credential *find(const struct session *session, size_t slot)
{
    size_t place = place_of(session, slot);

    return place < session->credential_count && session->credentials[place]->slot == slot
               ? session->credentials[place]
               : NULL;
}

/* What is there, brought up to date: another instance's is none, and one from before the realm's policies changed has
 * no token. NULL when there is nothing. Whoever waits for a credential or fetches it has a reference to its instance,
 * so nobody does when the slot has become another's. */
static struct credential *current(struct session *session, const struct instance *instance)
{
    struct credential *credential = find(session, instance->slot);

    if (!credential)
        return NULL;
    if (credential->generation != instance->generation) {
        assert(!credential->fetching && list_empty(&credential->waiters));
        start_over(credential, instance);
    } else if (credential->changes != instance->policy_changes) {
        credential->changes = instance->policy_changes;
        credential_drop(credential);
    }
    return credential;
}

const struct credential *session_credential(struct session *session,
                                            const struct instance *instance)
{
    static const struct credential none = {
        .fault = {.status = STATUS_RESOURCE_EXHAUSTED, .text = "out of memory"}};
    const struct credential *credential = current(session, instance);

    return credential ? credential : &none;
}

static bool make_room(struct session *session)
{
    if (session->credential_count < session->credential_room)
        return true;
    size_t room = session->credential_room ? 2 * session->credential_room : CREDENTIALS_FIRST;
    struct credential **more = realloc(session->credentials, room * sizeof(struct credential *));
    if (!more)
        return false;
    session->credentials = more;
    session->credential_room = room;
    return true;
}

struct credential *credential_make(struct session *session, const struct instance *instance)
{
    struct credential *credential = current(session, instance);

    if (credential)
        return credential;
    if (!make_room(session))
        return NULL;
    credential = calloc(1, sizeof(*credential));
    if (!credential)
        return NULL;
    start_over(credential, instance);
    size_t place = place_of(session, instance->slot);
    memmove(&session->credentials[place + 1], &session->credentials[place],
            (session->credential_count - place) * sizeof(struct credential *));
    session->credentials[place] = credential;
    session->credential_count++;
    return credential;
}

void credentials_free(struct session *session)
{
    for (size_t i = 0; i < session->credential_count; i++) {
        forget_permissions(session->credentials[i]);
        clear(session->credentials[i]);
        free(session->credentials[i]);
    }
    free(session->credentials);
    session->credentials = NULL;
    session->credential_count = session->credential_room = 0;
}

void credential_drop(struct credential *credential)
{
    credential->asked = false;
    credential->retry_us = 0;
    credential->stale = credential->fetching;
    forget_permissions(credential);
    if (credential->state == CREDENTIAL_FETCHING)
        return;
    credential->state = CREDENTIAL_NONE;
    clear(credential);
}

/* ---- fetching ---------------------------------------------------------------------------------- */

struct fetch {
    struct session *session;
    struct instance *instance;
    struct rpc_trace trace; /* of the request that it began for; in `bytes` */
    char bytes[];
};

/* Policy names as x-policy-hint wants them: bytes outside printable ASCII and '%' percent-encoded. */
static void append_hint(struct buffer *buffer, const char *name)
{
    for (const unsigned char *at = (const unsigned char *)name; *at; at++) {
        if (*at > ' ' && *at < 0x7f && *at != '%')
            buffer_append_char(buffer, (char)*at);
        else
            buffer_printf(buffer, "%%%02X", *at);
    }
}

/* A worker is not trusted with what becomes metadata, nor with when it is asked again: a token that has expired when
 * it comes would be asked for without end, by every request. */
static enum status check(const instance_v1_issue_token_response *response, int64_t *ret_lifetime_s,
                         struct fault *fault)
{
    int64_t now_s = clock_wall_s();
    int64_t expires_s = response->expire_time ? response->expire_time->seconds : 0;

    if (!slice_is_printable(slice_str(response->token), SIZE_MAX))
        return fault_set(fault, STATUS_DATA_LOSS, NULL, "the realm's token is none");
    if (expires_s <= now_s)
        return fault_set(fault, STATUS_DATA_LOSS, NULL,
                         "the realm's token has expired already; do its clock and this one agree?");
    /* No realm makes longer ones; the sum cannot overflow. */
    *ret_lifetime_s =
        expires_s < now_s + JWT_INSTANCE_LIFETIME_S ? expires_s - now_s : JWT_INSTANCE_LIFETIME_S;
    return STATUS_OK;
}

/* Lays "Bearer token", the encoded hints and the plain policy names into one piece of memory. */
static enum status keep(struct credential *credential,
                        const instance_v1_issue_token_response *response)
{
    struct {
        size_t at, len;
    } spans[1 + 2 * CREDENTIAL_HINTS_MAX];
    size_t hints =
        response->n_policies < CREDENTIAL_HINTS_MAX ? response->n_policies : CREDENTIAL_HINTS_MAX;
    size_t count = 0, metadata_bytes = 0;
    struct buffer buffer;

    buffer_init(&buffer, 64u * 1024);
    buffer_printf(&buffer, "Bearer %s", response->token);
    spans[0].at = 0;
    spans[0].len = metadata_bytes = buffer.len;
    for (size_t i = 0; i < hints; i++) {
        size_t at = buffer.len;
        append_hint(&buffer, response->policies[i]);
        metadata_bytes += buffer.len - at + sizeof("x-policy-hint");
        if (metadata_bytes > METADATA_BYTES_MAX)
            break;
        spans[1 + 2 * count].at = at;
        spans[1 + 2 * count].len = buffer.len - at;
        spans[2 + 2 * count].at = buffer.len;
        buffer_append_str(&buffer, response->policies[i]);
        spans[2 + 2 * count].len = buffer.len - spans[2 + 2 * count].at;
        count++;
    }
    if (buffer.failed) {
        buffer_done(&buffer);
        return STATUS_RESOURCE_EXHAUSTED;
    }
    /* In one piece, as large as it is: there are many of them. */
    size_t pairs_bytes = (1 + count) * sizeof(struct rpc_pair);
    size_t policies_bytes = count * sizeof(struct slice);
    char *memory = malloc(pairs_bytes + policies_bytes + buffer.len);
    if (!memory) {
        buffer_done(&buffer);
        return STATUS_RESOURCE_EXHAUSTED;
    }
    char *bytes = memory + pairs_bytes + policies_bytes;
    memcpy(bytes, buffer.ptr, buffer.len);
    buffer_done(&buffer);
    clear(credential);
    credential->memory = memory;
    credential->pairs = (struct rpc_pair *)(void *)memory;
    credential->policies = (struct slice *)(void *)(memory + pairs_bytes);
    credential->pairs[0] = (struct rpc_pair){SLICE_LIT("authorization"),
                                             slice_make(bytes + spans[0].at, spans[0].len)};
    for (size_t i = 0; i < count; i++) {
        credential->pairs[1 + i] =
            (struct rpc_pair){SLICE_LIT("x-policy-hint"),
                              slice_make(bytes + spans[1 + 2 * i].at, spans[1 + 2 * i].len)};
        credential->policies[i] = slice_make(bytes + spans[2 + 2 * i].at, spans[2 + 2 * i].len);
    }
    credential->pair_count = 1 + count;
    credential->policy_count = count;
    return STATUS_OK;
}

static enum status ask(const struct fetch *fetch, struct cancel *cancel, struct arena *arena,
                       instance_v1_issue_token_response **ret_response, struct fault *fault)
{
    const struct session *session = fetch->session;
    instance_v1_issue_token_request request = INSTANCE_V1_ISSUE_TOKEN_REQUEST_INIT;
    instance_v1_person person = INSTANCE_V1_PERSON_INIT;
    struct rpc_pair pairs[RPC_TRACE_PAIRS_MAX];
    struct slice assertion;

    if (instance_assertion(fetch->instance, session->user_id, arena, &assertion))
        return fault_set(fault, STATUS_INTERNAL, NULL, "the hub cannot sign its assertion");
    request.assertion = arena_strndup(arena, assertion.ptr, assertion.len);
    person.user_id = arena_strndup(arena, session->user_id.ptr, session->user_id.len);
    person.display_name = arena_strndup(arena, session->name.ptr, session->name.len);
    person.avatar_version = session->avatar_version;
    person.version = session->person_version;
    request.person = &person;
    if (arena->failed)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    size_t count = rpc_trace_pairs(&fetch->trace, pairs);
    return instance_v1_issue_token_call(fetch->instance->channel, &request, pairs, count, cancel,
                                        arena, ret_response, fault);
}

static enum status ask_and_tell(const struct fetch *fetch, struct cancel *cancel,
                                struct arena *arena,
                                instance_v1_issue_token_response **ret_response,
                                struct fault *fault)
{
    int64_t began_us = clock_monotonic_us();
    enum status status = ask(fetch, cancel, arena, ret_response, fault);
    enum breaker_word word = status == STATUS_UNAVAILABLE         ? BREAKER_LOST
                             : status == STATUS_DEADLINE_EXCEEDED ? BREAKER_LATE
                                                                  : BREAKER_ANSWERED;
    breaker_told(&fetch->instance->breaker, word, began_us, clock_monotonic_us());
    return status;
}

static void finish(struct credential *credential, enum credential_state state)
{
    credential->fetching = false;
    credential->state = state;
    LIST_FOR_EACH (node, &credential->waiters) {
        struct credential_waiter *waiter = LIST_ENTRY(node, struct credential_waiter, node);
        list_remove(node);
        fiber_event_signal(waiter->event);
        waiter->event = NULL;
        waiter->heard = true;
    }
}

/* Whether another replica may answer what this one did not: one that is lost is not met again, of those that refuse each has its turn. */
static bool another_may(const struct instance *instance, enum status status, size_t tries)
{
    if (status == STATUS_UNAUTHENTICATED)
        return tries < rpc_channel_servers(instance->channel);
    return status == STATUS_UNAVAILABLE && tries == 1 && !instance_is_away(instance);
}

static void fetch_once(const struct fetch *fetch, struct arena *arena)
{
    struct session *session = fetch->session;
    struct instance *instance = fetch->instance;
    struct credential *credential = current(session, instance); /* made by begin_fetch */
    const struct session_options *options = &session->cache->options;
    instance_v1_issue_token_response *response = NULL;
    struct cancel cancel;
    struct fault fault = {0};
    int64_t lifetime_s = 0;

    cancel_init(&cancel, deadline_after_ms(CREDENTIAL_TIMEOUT_MS));
    credential->stale = false;
    /* A realm that took long to fail has been left alone for as long. */
    int64_t retry_us = deadline_after_ms(CREDENTIAL_RETRY_MS);
    enum status status;
    size_t tries = 0;
    do
        status = ask_and_tell(fetch, &cancel, arena, &response, &fault);
    while (another_may(instance, status, ++tries));
    (void)current(session, instance); /* is it stale by now? */
    if (!status)
        status = check(response, &lifetime_s, &fault);
    if (!status)
        status = keep(credential, response);
    if (status) {
        session->cache->token_failures++;
        if (!fault.status)
            (void)fault_set(&fault, status, NULL, "the realm's answer is too large");
        if (options->on_token_failure)
            options->on_token_failure(options->arg, instance, &fetch->trace, &fault);
        credential->fault = fault;
        credential->retry_us = retry_us;
        /* A renewal that failed takes nothing away: the token holds until it expires. */
        finish(credential,
               credential->state == CREDENTIAL_READY ? CREDENTIAL_READY : CREDENTIAL_FAILED);
        return;
    }
    session->cache->tokens_issued++;
    credential->expires_s = clock_wall_s() + lifetime_s;
    credential->expires_us = deadline_after_ms(lifetime_s * 1000);
    credential->retry_us = deadline_after_ms(CREDENTIAL_RETRY_MS);
    bool is_news = response->known || credential->member;
    credential->member = response->known;
    credential->asked = true;
    finish(credential, CREDENTIAL_READY);
    /* Before anybody uses it, not only after the wait below. */
    if (credential->stale)
        credential_drop(credential);
    /* What the realm says about whom it knows goes into the federation table, each time anew: it waits for no standby, so a failover may
     * lose it. */
    if (is_news)
        (void)!session_store_note_realm(session->cache->options.service.pg, &cancel,
                                        session->user_id, instance->realm, response->known);
}

static void run_fetch(void *arg)
{
    struct fetch *fetch = arg;
    struct session *session = fetch->session;
    struct instance *instance = fetch->instance;
    struct arena arena;

    arena_init(&arena, FETCH_ARENA_BYTES_MAX);
    fetch_once(fetch, &arena);
    arena_done(&arena);
    free(fetch);
    instance_unref(instance);
    session_background_end(session);
}

static enum status start_fetch(struct session *session, struct instance *instance,
                               const struct rpc_trace *trace)
{
    static const struct rpc_trace none;
    if (!trace)
        trace = &none;
    size_t parent = trace->parent.len, id = trace->request_id.len;
    struct fetch *fetch = malloc(sizeof(*fetch) + parent + id);

    if (!fetch)
        return STATUS_RESOURCE_EXHAUSTED;
    fetch->session = session;
    fetch->instance = instance_ref(instance);
    fetch->trace =
        (struct rpc_trace){slice_make(fetch->bytes, parent), slice_make(fetch->bytes + parent, id)};
    if (parent > 0)
        memcpy(fetch->bytes, trace->parent.ptr, parent);
    if (id > 0)
        memcpy(fetch->bytes + parent, trace->request_id.ptr, id);
    session_background_begin(session);
    enum status status = fiber_go(session->cache->fibers, run_fetch, fetch);
    if (status) {
        free(fetch);
        instance_unref(instance);
        session_background_end(session);
    }
    return status;
}

/* ---- asking for one ---------------------------------------------------------------------------- */

static void begin_fetch(struct session *session, struct instance *instance,
                        const struct rpc_trace *trace, struct credential *credential)
{
    enum credential_state before = credential->state;

    if (before != CREDENTIAL_READY)
        credential->state = CREDENTIAL_FETCHING;
    if (credential->fetching)
        return;
    credential->fetching = true;
    enum status status = start_fetch(session, instance, trace);
    if (!status)
        return;
    credential->fetching = false;
    if (before != CREDENTIAL_READY) {
        credential->state = CREDENTIAL_FAILED;
        (void)fault_set(&credential->fault, STATUS_RESOURCE_EXHAUSTED, NULL,
                        "the hub is too busy to ask for a token");
    }
}

enum credential_state credential_get(struct session *session, struct instance *instance,
                                     const struct rpc_trace *trace,
                                     struct credential_waiter *waiter, struct fiber_event *event)
{
    struct credential *credential = credential_make(session, instance);
    int64_t now_us = clock_monotonic_us();

    if (!credential)
        return CREDENTIAL_FAILED;
    if (credential->state == CREDENTIAL_READY && now_us >= credential->expires_us)
        credential->state = CREDENTIAL_NONE;
    bool heard = waiter && waiter->heard; /* who waited for this failure is told of it */
    if (credential->state == CREDENTIAL_NONE ||
        (now_us >= credential->retry_us &&
         ((credential->state == CREDENTIAL_FAILED && !heard) ||
          (credential->state == CREDENTIAL_READY &&
           now_us >= credential->expires_us - CREDENTIAL_RENEW_S * INT64_C(1000000)))))
        begin_fetch(session, instance, trace, credential);
    if (credential->state == CREDENTIAL_FETCHING && waiter && !waiter->event) {
        waiter->event = event;
        waiter->heard = false;
        list_append(&credential->waiters, &waiter->node);
    }
    return credential->state;
}

void credential_withdraw(struct credential_waiter *waiter)
{
    if (waiter->event)
        list_remove(&waiter->node);
    *waiter = (struct credential_waiter){0};
}

void session_changed_something(struct session *session, const struct instance *instance)
{
    struct credential *credential = current(session, instance);

    if (credential && !credential->member)
        credential_drop(credential);
}

void credential_refused(struct session *session, struct instance *instance)
{
    struct credential *credential = current(session, instance);

    if (!credential)
        return;
    bool asked = credential->asked;
    credential_drop(credential);
    credential->asked = asked;
}

/* Everything in the realm, or in one of its groups, whose leader that makes. */
static bool has_god(const struct credential *credential)
{
    for (size_t i = 0; i < credential->policy_count; i++)
        if (slice_equal_str(credential->policies[i], "GOD") ||
            slice_starts_with(credential->policies[i], SLICE_LIT("GOD in ")))
            return true;
    return false;
}

/* What was remembered is asked for anew: an administrator of a moment ago is none. */
static void ask_anew(struct session *session, struct instance *instance,
                     const struct rpc_trace *trace)
{
    struct credential *credential = current(session, instance);
    if (credential)
        credential_drop(credential);
    (void)credential_get(session, instance, trace, NULL, NULL);
}

static bool answers_god(struct session *session, struct instance *instance,
                        const struct rpc_trace *trace, int64_t deadline_us)
{
    struct credential_waiter waiter = {0};
    struct fiber_event event = {0};
    enum status status = STATUS_OK;
    enum credential_state state = CREDENTIAL_FETCHING;
    while (status == STATUS_OK && state == CREDENTIAL_FETCHING) {
        state = credential_get(session, instance, trace, &waiter, &event);
        if (state == CREDENTIAL_FETCHING)
            status = fiber_event_wait(&event, deadline_us);
    }
    credential_withdraw(&waiter);
    return state == CREDENTIAL_READY && has_god(session_credential(session, instance));
}

const char *session_find_god(struct session *session, const struct rpc_trace *trace,
                             int64_t deadline_us, struct arena *arena)
{
    const struct choice_limits limits = {.realms = SESSION_REALMS_ASKED_MAX,
                                         .name_bytes = SIZE_MAX};
    const char *realm = NULL;
    struct choice choice;
    if (session_choose(session, &limits, arena, &choice))
        return NULL;
    /* All at once: a slow one costs the others nothing. */
    for (size_t i = 0; i < choice.count; i++)
        ask_anew(session, instance_ref(choice.realms[i]), trace);
    for (size_t i = 0; i < choice.count; i++) {
        struct instance *instance = choice.realms[i];
        if (!realm && answers_god(session, instance, trace, deadline_us))
            realm = arena_printf(arena, "%s", instance->realm);
        instance_unref(instance);
    }
    return realm;
}
