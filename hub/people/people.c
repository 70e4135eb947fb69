#include "hub/people/people.h"

#include <stdlib.h>
#include <string.h>

#include "hub/people/merge_store.h"
#include "hub/people/people_store.h"

#define NOTIFY_CHANNEL "pek_people" /* payload: the realm */
#define ARENA_BYTES_MAX (1u << 20)

/* ---- one realm ---------------------------------------------------------------------------------- */

static enum status note_heard(struct people *people, struct people_of_realm *realm,
                              struct round *round)
{
    struct slice users[PEOPLE_HEARD_MAX];
    size_t count = realm->heard_count;
    for (size_t i = 0; i < count; i++)
        users[i] = arena_copy(&round->arena, slice_str(realm->heard[i]));
    realm->heard_count = 0;
    if (count == 0)
        return STATUS_OK;
    enum status status = round->arena.failed
                             ? STATUS_RESOURCE_EXHAUSTED
                             : people_store_note(people->options.pg, &round->cancel,
                                                 round->instance->realm, users, count, false);
    /* The realm will say again whom nobody told it of. */
    realm->sweep_due |= status != STATUS_OK;
    return status;
}

static enum status call(const struct people *people_of, struct round *round,
                        instance_v1_person **people, size_t count, int64_t version,
                        instance_v1_put_people_response **ret_response)
{
    instance_v1_put_people_request request = INSTANCE_V1_PUT_PEOPLE_REQUEST_INIT;
    struct instance *instance = round->instance;
    PEK_TRY(round_assertion(round, people_of->options.issuer, &request.assertion));
    request.people = people;
    request.n_people = count;
    request.told_before = version;
    return instance_v1_put_people_call(instance->channel, &request, NULL, 0, &round->cancel,
                                       &round->arena, ret_response, &round->fault);
}

/* The realm's answer says by the way what it was told before, which is another version: it may have lost that, or the hub what it
 * told. */
static enum status settle(const struct people *people, struct round *round, int64_t version,
                          int64_t told_before, bool *ret_more)
{
    const struct people_options *options = &people->options;
    enum people_difference difference;
    PEK_TRY(people_store_compare(options->pg, &round->cancel, round->instance->realm, version,
                                 told_before, &difference));
    if (difference == PEOPLE_TOLD_AGAIN && options->on_again)
        options->on_again(options->arg, round->instance, told_before < version);
    *ret_more |= difference != PEOPLE_UNSETTLED;
    return STATUS_OK;
}

/* Nobody, or a batch: news still, until the two agree about what was told before. */
static enum status tell(const struct people *people, struct round *round, instance_v1_person **news,
                        size_t count, bool *ret_more)
{
    struct pg *pg = people->options.pg;
    const char *name = round->instance->realm;
    instance_v1_put_people_response *response;
    int64_t version;
    PEK_TRY(people_store_version(pg, &round->cancel, name, &version));
    PEK_TRY(call(people, round, news, count, version, &response));
    if (response->n_known_users > count)
        return fault_set(&round->fault, STATUS_DATA_LOSS, "known_users",
                         "it names more people than it was told of");
    if (response->told_before > 0 && response->told_before != version)
        return settle(people, round, version, response->told_before, ret_more);
    return people_store_told(pg, &round->cancel, name, news, count, response);
}

static bool sweeps(const struct people_of_realm *realm)
{
    return realm->sweeping || realm->sweep_due;
}

/* The next batch of whom the realm has met and nobody told it of. They are told before the next one; what fails goes on at the
 * batch that failed. */
static enum status sweep(const struct people *people, struct people_of_realm *realm,
                         struct round *round, bool *ret_more)
{
    instance_v1_list_unnamed_people_request request = INSTANCE_V1_LIST_UNNAMED_PEOPLE_REQUEST_INIT;
    instance_v1_list_unnamed_people_response *response;
    struct slice users[PEOPLE_BATCH];
    if (!sweeps(realm))
        return STATUS_OK;
    if (!realm->sweeping) {
        PEK_TRY(tell(people, round, NULL, 0, ret_more));
        realm->sweeping = true;
        realm->sweep_due = false;
        realm->swept[0] = '\0';
    }
    PEK_TRY(round_assertion(round, people->options.issuer, &request.assertion));
    request.after = realm->swept;
    PEK_TRY(instance_v1_list_unnamed_people_call(round->instance->channel, &request, NULL, 0,
                                                 &round->cancel, &round->arena, &response,
                                                 &round->fault));
    size_t count = response->n_users < PEOPLE_BATCH ? response->n_users : PEOPLE_BATCH;
    for (size_t i = 0; i < count; i++)
        users[i] = slice_str(response->users[i]);
    if (count > 0)
        PEK_TRY(people_store_note(people->options.pg, &round->cancel, round->instance->realm, users,
                                  count, true));
    /* A realm that repeats itself, or names whom the hub cannot have, is asked no further. */
    realm->sweeping = count == PEOPLE_BATCH && users[count - 1].len <= PEOPLE_USER_BYTES_MAX &&
                      strcmp(users[count - 1].ptr, realm->swept) > 0;
    if (realm->sweeping)
        memcpy(realm->swept, users[count - 1].ptr, users[count - 1].len + 1);
    *ret_more |= count > 0 || realm->sweep_due;
    return STATUS_OK;
}

static enum status merge_user(const struct people *people, struct round *round,
                              const struct merge *merge,
                              instance_v1_merge_user_response **ret_moved)
{
    instance_v1_merge_user_request request = INSTANCE_V1_MERGE_USER_REQUEST_INIT;
    PEK_TRY(round_assertion(round, people->options.issuer, &request.assertion));
    request.from_user = merge->from_user;
    request.into_user = merge->into_user;
    request.dry_run = merge->dry_run;
    return instance_v1_merge_user_call(round->instance->channel, &request, NULL, 0, &round->cancel,
                                       &round->arena, ret_moved, &round->fault);
}

/* Accounts that became one. That the realm cannot do one is for whoever merged them to see (`pekctl user merges`): it keeps
 * nobody else from being told of. */
static enum status tell_merges(const struct people *people, struct round *round)
{
    struct pg *pg = people->options.pg;
    const char *name = round->instance->realm;
    struct merge merge = {.id = "0"};
    for (int i = 0; i < PEOPLE_MERGES_A_ROUND; i++) {
        instance_v1_merge_user_response *moved;
        enum status status =
            merge_store_next(pg, &round->cancel, name, merge.id, &round->arena, &merge);
        if (status != STATUS_OK || instance_check(round->instance, NULL) != STATUS_OK)
            return status == STATUS_NOT_FOUND ? STATUS_OK : status;
        status = merge_user(people, round, &merge, &moved);
        if (status == STATUS_OK) {
            PEK_TRY(merge_store_done(pg, &round->cancel, name, merge.id, moved));
            continue;
        }
        PEK_TRY(merge_store_failed(pg, &round->cancel, name, merge.id,
                                   round->fault.status ? round->fault.text : status_name(status)));
        if (status == STATUS_UNAVAILABLE || status == STATUS_DEADLINE_EXCEEDED ||
            status == STATUS_CANCELLED)
            return status;
        round->fault = (struct fault){0};
    }
    return STATUS_OK;
}

/* One batch. */
static enum status tell_names(struct people *people, struct round *round, bool *ret_more)
{
    struct people_of_realm *realm = &people->realms[round->instance->slot];
    struct pg *pg = people->options.pg;
    const char *name = round->instance->realm;
    instance_v1_person **news;
    size_t count;
    PEK_TRY(note_heard(people, realm, round));
    PEK_TRY(people_store_again(pg, &round->cancel, name, ret_more));
    PEK_TRY(people_store_news(pg, &round->cancel, name, &round->arena, &news, &count));
    if (count == 0 || instance_check(round->instance, &round->fault) != STATUS_OK)
        return STATUS_OK;
    *ret_more |= count == PEOPLE_BATCH;
    return tell(people, round, news, count, ret_more);
}

/* Merges are the last: what one of them takes is nobody's time but its own. */
static enum status tell_batch(void *arg, struct round *round, bool *ret_more)
{
    struct people *people = arg;
    PEK_TRY(tell_names(people, round, ret_more));
    PEK_TRY(sweep(people, &people->realms[round->instance->slot], round, ret_more));
    return tell_merges(people, round);
}

/* ---- with a request that names them --------------------------------------------------------------- */

static enum status pack(const ProtobufCMessage *message, struct arena *arena,
                        ProtobufCBinaryData *ret_bytes)
{
    ProtobufCBinaryData bytes = {protobuf_c_message_get_packed_size(message), NULL};
    bytes.data = arena_alloc(arena, bytes.len + 1);
    if (!bytes.data)
        return STATUS_RESOURCE_EXHAUSTED;
    protobuf_c_message_pack(message, bytes.data);
    *ret_bytes = bytes;
    return STATUS_OK;
}

enum status people_tell(void *pg, struct cancel *cancel, struct instance *instance,
                        const struct slice *users, size_t count, struct arena *arena,
                        struct slice *ret_told, struct fault *fault)
{
    instance_v1_people people = INSTANCE_V1_PEOPLE_INIT;
    instance_v1_people_told told = INSTANCE_V1_PEOPLE_TOLD_INIT;
    ProtobufCBinaryData bytes;
    struct slice assertion;
    enum status status =
        people_store_find(pg, cancel, users, count, arena, &people.people, &people.n_people);
    if (status != STATUS_OK)
        return fault_set(fault, status, NULL, "the hub cannot look at who they are");
    PEK_TRY(pack(&people.base, arena, &told.people));
    if (instance_sign_told(instance, slice_make(told.people.data, told.people.len), arena,
                           &assertion) != STATUS_OK)
        return fault_set(fault, STATUS_INTERNAL, NULL, "the hub cannot sign what it says");
    told.assertion = arena_strndup(arena, assertion.ptr, assertion.len);
    if (!told.assertion)
        return STATUS_RESOURCE_EXHAUSTED;
    PEK_TRY(pack(&told.base, arena, &bytes));
    *ret_told = slice_make(bytes.data, bytes.len);
    return STATUS_OK;
}

enum status people_named(void *pg, struct cancel *cancel, struct slice who, struct arena *arena,
                         struct slice *ret_id)
{
    return people_store_named(pg, cancel, who, arena, ret_id);
}

enum status people_known_in(void *pg, struct cancel *cancel, struct slice user, struct arena *arena,
                            struct slice *ret_realms)
{
    return people_store_known_in(pg, cancel, user, arena, ret_realms);
}

/* ---- hearing ------------------------------------------------------------------------------------- */

static bool has_heard(const struct people_of_realm *realm, const char *user)
{
    for (size_t i = 0; i < realm->heard_count; i++)
        if (strcmp(realm->heard[i], user) == 0)
            return true;
    return false;
}

void people_heard(struct people *people, struct instance *instance, const char *const *users,
                  size_t count)
{
    if (!people->realms)
        return;
    struct people_of_realm *realm = &people->realms[instance->slot];
    if (realm->generation != instance->generation) {
        realm->heard_count = 0;
        realm->sweep_due = true;
    }
    realm->generation = instance->generation;
    /* Whom there is no room for is among those whom nobody told of, whom the realm is asked for. */
    realm->sweep_due |= realm->heard_count + count > PEOPLE_HEARD_MAX;
    for (size_t i = 0; i < count && realm->heard_count < PEOPLE_HEARD_MAX; i++) {
        size_t len = strlen(users[i]);
        if (len <= PEOPLE_USER_BYTES_MAX && !has_heard(realm, users[i]))
            memcpy(realm->heard[realm->heard_count++], users[i], len + 1);
    }
    realm->sweep_due |= count == 0;
    rounds_kick(&people->rounds, instance);
}

static void on_notify(void *arg, struct slice channel, struct slice payload)
{
    struct people *people = arg;
    struct instance *instance = registry_find(people->options.registry, payload);
    (void)channel;
    if (instance)
        rounds_kick(&people->rounds, instance);
}

static void on_lost(void *arg)
{
    (void)arg; /* on_listening looks at what was missed */
}

static void look_at_all(void *arg)
{
    struct people *people = arg;
    rounds_look(&people->rounds);
}

/* ---- looking: what no notification told of ------------------------------------------------------- */

static void look(void *arg, struct round *round)
{
    struct people *people = arg;
    struct registry *registry = people->options.registry;
    struct pg_result *realms;
    enum status status = people_store_realms(people->options.pg, &round->cancel, &realms);
    for (size_t i = 0; i < registry->count; i++)
        if (sweeps(&people->realms[registry->instances[i]->slot]))
            rounds_kick(&people->rounds, registry->instances[i]);
    if (status != STATUS_OK)
        return;
    for (size_t i = 0; i < pg_rows(realms); i++) {
        struct instance *instance = registry_find(registry, pg_get_slice(realms, i, 0));
        if (instance)
            rounds_kick(&people->rounds, instance);
    }
    pg_result_free(realms);
}

/* ---- open, close --------------------------------------------------------------------------------- */

enum status people_open(struct people *people, struct fibers *fibers,
                        const struct people_options *options)
{
    const struct pg_listener_events events = {
        .on_notify = on_notify, .on_lost = on_lost, .on_listening = look_at_all};
    const struct rounds_options rounds = {
        .registry = options->registry,
        .arena_bytes_max = ARENA_BYTES_MAX,
        .timeout_ms = PEOPLE_TIMEOUT_MS,
        .pause_ms = PEOPLE_PAUSE_MS,
        .poll_ms = PEOPLE_POLL_MS,
        .arg = people,
        .run = tell_batch,
        .look = look,
        .hub_arg = options->arg,
        .is_ready = options->is_ready,
        .on_failure = options->on_failure,
    };
    *people = (struct people){.options = *options};
    people->realms = calloc(REGISTRY_INSTANCES_MAX, sizeof(*people->realms));
    if (!people->realms)
        return STATUS_RESOURCE_EXHAUSTED;
    PEK_TRY(rounds_open(&people->rounds, fibers, &rounds));
    return pg_listen(options->pg, NOTIFY_CHANNEL, &events, people, &people->listener);
}

void people_close(struct people *people)
{
    people->listener = pg_listener_free(people->listener);
    rounds_close(&people->rounds);
    free(people->realms);
    people->realms = NULL;
}
