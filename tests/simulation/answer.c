/* What a realm answers, and what it does instead. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "grpc/health/v1/health.pb-c.h"
#include "pek/group/v1/group.rpc.h"
#include "pek/instance/v1/instance.rpc.h"
#include "shared/base/clock.h"
#include "tests/simulation/browser.h"
#include "tests/simulation/channel.h"

#define MS INT64_C(1000)
#define ARENA_BYTES_MAX (1u << 20)
/* A realm that never takes longer for a step never uses up its patience. */
#define QUICK_US (2 * MS)
#define SLOW_US_MAX (900 * MS)
#define TOKEN_FORM "t-%zu-%zu-%" PRIu64 "-%" PRId64
/* A call is made once, and so many times again. */
#define RENEWALS_MAX 1

enum kind { ISSUE_TOKEN, GET_INFO, WATCH_POLICIES, HEALTH_WATCH, HEALTH_CHECK, LIST, GET, CREATE };

static const char *const paths[] = {
    [ISSUE_TOKEN] = "/pek.instance.v1.InstanceService/IssueToken",
    [GET_INFO] = "/pek.instance.v1.InstanceService/GetInfo",
    [WATCH_POLICIES] = "/pek.instance.v1.InstanceService/WatchPolicies",
    [HEALTH_WATCH] = "/grpc.health.v1.Health/Watch",
    [HEALTH_CHECK] = "/grpc.health.v1.Health/Check",
    [LIST] = "/pek.group.v1.GroupService/ListGroups",
    [GET] = "/pek.group.v1.GroupService/GetGroup",
    [CREATE] = "/pek.group.v1.GroupService/CreateGroup",
};

static enum kind kind_of(struct slice path)
{
    size_t kind = 0;

    while (kind < sizeof(paths) / sizeof(paths[0]) && !slice_equal_str(path, paths[kind]))
        kind++;
    if (kind == sizeof(paths) / sizeof(paths[0]))
        abort();
    return (enum kind)kind;
}

static struct slice metadata(const struct rpc_call_options *options, const char *key)
{
    for (size_t i = 0; i < options->metadata_count; i++)
        if (slice_equal_str(options->metadata[i].key, key))
            return options->metadata[i].value;
    return (struct slice){0};
}

static char *text(const char *string)
{
    union {
        const char *in;
        char *out;
    } either = {.in = string};
    return either.out;
}

static bool draws(struct realm *realm, unsigned percent)
{
    return !realm->world->healed && random_chance(&realm->world->random, percent);
}

/* Until its next word; one that is slow is so for the hub to see. */
static int64_t pause_us(struct realm *realm)
{
    struct random *random = &realm->world->random;

    if (realm->world->crowd)
        return CROWD_ANSWER_MS * MS;
    if (!draws(realm, realm->slow_percent)) /* often at once: while the call is being made */
        return random_chance(random, 20) ? 0 : random_between(random, 0, QUICK_US);
    realm_blame(realm);
    return random_between(random, QUICK_US,
                          random_chance(random, 20) ? 8 * SLOW_US_MAX : SLOW_US_MAX);
}

static void say(struct answer *answer, const ProtobufCMessage *message, int64_t delay_us)
{
    uint8_t bytes[1024];
    size_t len = protobuf_c_message_get_packed_size(message);

    if (len > sizeof(bytes))
        abort();
    protobuf_c_message_pack(message, bytes);
    answer_say(answer, bytes, len, delay_us);
}

static void answer_with(struct answer *answer, const ProtobufCMessage *message)
{
    say(answer, message, pause_us(answer->realm));
    answer_end(answer, STATUS_OK, 0);
}

static void say_group(struct answer *answer, const struct item *item, const char *realm,
                      int64_t delay_us)
{
    group_v1_group group = GROUP_V1_GROUP_INIT;

    group.realm = text(realm);
    group.id = text(item->id);
    group.name = text(item->id);
    group.etag = text("1");
    group.sort_key.data = (uint8_t *)text(item->key);
    group.sort_key.len = strlen(item->key);
    say(answer, &group.base, delay_us);
}

/* ---- what goes wrong ----------------------------------------------------------------------------- */

/* Any status but OK and UNAUTHENTICATED, which has a rule of its own; those that say that a realm is away are the most frequent. */
static enum status bad_status(struct random *random)
{
    static const enum status often[] = {STATUS_UNAVAILABLE, STATUS_UNAVAILABLE,
                                        STATUS_RESOURCE_EXHAUSTED, STATUS_DEADLINE_EXCEEDED};

    return random_chance(random, 60) ? often[random_next(random) % 4]
                                     : (enum status)random_between(random, 1, 15);
}

static void fail(struct answer *answer, int64_t delay_us)
{
    struct random *random = &answer->realm->world->random;

    realm_blame(answer->realm);
    answer_end(answer, bad_status(random), delay_us);
    if (answer->outcome.status == STATUS_RESOURCE_EXHAUSTED)
        fault_set_retry(&answer->outcome, random_between(random, 1, 5000));
    world_log(answer->realm->world, "%s will end request %" PRIu64 " with %s", answer->realm->name,
              answer->request, status_name(answer->outcome.status));
}

/* True when there is no answer to come. */
static bool goes_wrong(struct answer *answer)
{
    struct realm *realm = answer->realm;
    struct random *random = &realm->world->random;

    if (realm->weather == DOWN) {
        realm_blame(realm);
        answer_end(answer, STATUS_UNAVAILABLE, random_between(random, 0, QUICK_US));
        return true;
    }
    if (!draws(realm, realm->faults_percent))
        return false;
    if (random_chance(random, 20)) { /* nothing ever */
        realm_blame(realm);
        return true;
    }
    fail(answer, pause_us(realm));
    return true;
}

/* ---- tokens -------------------------------------------------------------------------------------- */

static struct user *user_of(struct world *world, struct slice id)
{
    for (size_t i = 0; i < world->user_count; i++)
        if (slice_equal_str(id, world->users[i].id))
            return &world->users[i];
    return NULL;
}

static void issue_token(struct answer *answer, struct slice bytes, struct arena *arena)
{
    struct realm *realm = answer->realm;
    struct world *world = realm->world;
    ProtobufCMessage *request;
    instance_v1_issue_token_response response = INSTANCE_V1_ISSUE_TOKEN_RESPONSE_INIT;
    Google__Protobuf__Timestamp expires = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    char token[64];

    if (rpc_decode(&pek__instance__v1__issue_token_request__descriptor, bytes, arena, &request,
                   NULL))
        abort();
    const instance_v1_issue_token_request *asked = (const void *)request;
    const struct user *user = user_of(world, slice_str(asked->person->user_id));
    if (!user) {
        world_blame(world, "%s is asked for a token of nobody", realm->name);
        return;
    }
    size_t index = (size_t)(user - world->users);
    bool brief = draws(realm, 20); /* expires in the middle of what it is used for */
    expires.seconds = clock_wall_s() + (brief ? random_between(&world->random, 2, 70) : 300);
    snprintf(token, sizeof(token), TOKEN_FORM, realm->index, index, realm->epoch, expires.seconds);
    response.token = token;
    response.expire_time = &expires;
    response.known = realm->knows >> index & 1;
    answer_with(answer, &response.base);
}

/* A token is of this realm and this user, or the hub has mixed them up. One of an earlier epoch, or whose time is up, is refused. */
static bool accepts_token(const struct answer *answer, const struct http_request *request,
                          struct slice authorization)
{
    const struct realm *realm = answer->realm;
    size_t of_realm = 0, of_user = 0;
    uint64_t epoch = 0;
    int64_t expires_s = 0;
    char token[96];

    snprintf(token, sizeof(token), "%.*s", SLICE_ARG(authorization));
    if (sscanf(token, "Bearer " TOKEN_FORM, &of_realm, &of_user, &epoch, &expires_s) != 4 ||
        of_realm != realm->index || &realm->world->users[of_user] != request->user)
        world_blame(realm->world, "%s is given %s on behalf of %s", realm->name, token,
                    request->user->id);
    return epoch == realm->epoch && clock_wall_s() < expires_s;
}

/* ---- counting ------------------------------------------------------------------------------------ */

static uint64_t hash(struct slice path, struct slice bytes)
{
    uint64_t sum = path.len;

    for (size_t i = 0; i < bytes.len; i++)
        sum = (sum ^ (unsigned char)bytes.ptr[i]) * UINT64_C(0x100000001b3);
    return sum;
}

/* How often a realm is asked the same for one request. */
static void count_try(struct answer *answer, struct http_request *request,
                      const struct rpc_call_options *options, bool is_change)
{
    struct world *world = request->world;
    struct asked *asked = &request->asked[answer->realm->index];
    uint64_t question = hash(options->path, options->request);

    if (asked->question != question)
        *asked = (struct asked){.question = question};
    if (asked->tries++ == asked->renewals)
        world->calls_first += asked->tries == 1;
    else
        world->calls_again++;
    if (is_change && asked->tries > 1 + asked->renewals)
        world_blame(world, "%s is asked for a change a second time", answer->realm->name);
    if (asked->tries > 1 + FANOUT_RETRIES_MAX + asked->renewals)
        world_blame(world, "%s is asked the same %u times for request %" PRIu64,
                    answer->realm->name, asked->tries, request->number);
    if (asked->renewals > RENEWALS_MAX)
        world_blame(world, "%s is asked with a token that it refused", answer->realm->name);
    if (world->calls_again > RETRY_BUDGET_BURST + world->calls_first * RETRY_BUDGET_PERCENT / 100)
        world_blame(world, "%" PRIu64 " retries of %" PRIu64 " calls", world->calls_again,
                    world->calls_first);
    if (options->deadline_us > request->cancel.deadline_us)
        world_blame(world, "a call to %s may take longer than its request", answer->realm->name);
}

/* ---- groups -------------------------------------------------------------------------------------- */

enum lie { DISORDER, REPEAT, FOREIGN, NO_ID, GARBAGE, LIES };

/* In place of an item; what follows is never looked at. */
static void lie(struct answer *answer, const struct item *before, const struct item *item)
{
    struct realm *realm = answer->realm;
    const struct item nameless = {.key = "~"};

    realm_blame(realm);
    enum lie what = (enum lie)random_between(&realm->world->random, 0, LIES - 1);
    world_log(realm->world, "%s lies to request %" PRIu64 ": %d", realm->name, answer->request,
              (int)what);
    if (what == DISORDER && before)
        say_group(answer, &realm->items[0], realm->name, 0);
    else if (what == REPEAT && before)
        say_group(answer, before, realm->name, 0);
    else if (what == FOREIGN || what == DISORDER)
        say_group(answer, item, "elsewhere", 0);
    else if (what == NO_ID)
        say_group(answer, &nameless, realm->name, 0);
    else
        answer_say(answer, "\x0a\xff\xff\xff\xff\x0f", 6, 0);
    answer_end(answer, STATUS_OK, 0);
}

static size_t first_of(const struct realm *realm, const Pek__Cursor *after)
{
    struct item position = {.key = ""};
    size_t at = 0;

    if (!after)
        return 0;
    snprintf(position.key, sizeof(position.key), "%.*s", (int)after->sort_key.len,
             (const char *)after->sort_key.data);
    snprintf(position.id, sizeof(position.id), "%s", after->id);
    while (at < realm->item_count &&
           item_compare(&realm->items[at], &position) < (after->inclusive ? 0 : 1))
        at++;
    return at;
}

static void list_groups(struct answer *answer, struct slice bytes, struct arena *arena)
{
    struct realm *realm = answer->realm;
    struct random *random = &realm->world->random;
    ProtobufCMessage *decoded;

    if (rpc_decode(&pek__group__v1__list_groups_request__descriptor, bytes, arena, &decoded, NULL))
        abort();
    const group_v1_list_groups_request *asked = (const void *)decoded;
    size_t first = first_of(realm, asked->after), count = realm->item_count - first;
    if (asked->page_size > 0 && count > (size_t)asked->page_size)
        count = (size_t)asked->page_size;
    /* In the middle of it: it breaks off, falls silent or lies. */
    size_t breaks_at = draws(realm, realm->faults_percent)
                           ? (size_t)random_between(random, 0, (int64_t)count)
                           : SIZE_MAX;
    world_log(realm->world, "%s is asked for %d behind %s by request %" PRIu64 ", and has %zu",
              realm->name, asked->page_size, asked->after ? asked->after->id : "nothing",
              answer->request, count);
    int64_t delay_us = pause_us(realm);
    for (size_t i = 0; i < count; i++) {
        if (i == breaks_at && random_chance(random, 50)) {
            lie(answer, i ? &realm->items[first + i - 1] : NULL, &realm->items[first + i]);
            return;
        }
        if (i == breaks_at)
            break;
        say_group(answer, &realm->items[first + i], realm->name, delay_us);
        delay_us = random_chance(random, 20) ? pause_us(realm) : 0;
    }
    if (breaks_at == SIZE_MAX)
        answer_end(answer, STATUS_OK, delay_us);
    else if (random_chance(random, 70))
        fail(answer, delay_us);
    else
        realm_blame(realm); /* silence */
}

static void get_group(struct answer *answer, struct slice bytes, struct arena *arena)
{
    struct realm *realm = answer->realm;
    ProtobufCMessage *decoded;

    if (rpc_decode(&pek__group__v1__get_group_request__descriptor, bytes, arena, &decoded, NULL))
        abort();
    const group_v1_get_group_request *asked = (const void *)decoded;
    for (size_t i = 0; i < realm->item_count; i++) {
        if (strcmp(realm->items[i].id, asked->id) != 0)
            continue;
        say_group(answer, &realm->items[i], realm->name, pause_us(realm));
        answer_end(answer, STATUS_OK, 0);
        return;
    }
    answer_end(answer, STATUS_NOT_FOUND, pause_us(realm));
}

/* Of a client's request: it must be one that runs. */
static void answer_request(struct answer *answer, enum kind kind,
                           const struct rpc_call_options *options, struct arena *arena)
{
    struct realm *realm = answer->realm;
    struct http_request *request = browser_find(realm->world, answer->request);
    const struct item made = {.key = "made", .id = "made"};

    if (!request) {
        world_blame(realm->world, "%s is asked for a request that is over", realm->name);
        return;
    }
    count_try(answer, request, options, kind == CREATE);
    if (!accepts_token(answer, request, metadata(options, "authorization"))) {
        request->asked[realm->index].renewals++;
        answer_end(answer, STATUS_UNAUTHENTICATED,
                   random_between(&realm->world->random, 0, QUICK_US));
        return;
    }
    if (goes_wrong(answer))
        return;
    if (kind == LIST)
        list_groups(answer, options->request, arena);
    else if (kind == GET)
        get_group(answer, options->request, arena);
    else {
        say_group(answer, &made, realm->name, pause_us(realm));
        answer_end(answer, STATUS_OK, 0);
    }
}

/* ---- what the registry asks ---------------------------------------------------------------------- */

static void get_info(struct answer *answer)
{
    char *services[] = {text("pek.instance.v1.InstanceService"), text("pek.group.v1.GroupService")};
    instance_v1_info info = INSTANCE_V1_INFO_INIT;

    info.realm = answer->realm->name;
    info.version = text("1");
    info.services = services;
    info.n_services = 2;
    answer_with(answer, &info.base);
}

/* A first event, and now and then another: of somebody, or of everybody. */
static void watch_policies(struct answer *answer)
{
    struct realm *realm = answer->realm;
    struct random *random = &realm->world->random;
    instance_v1_policy_event first = INSTANCE_V1_POLICY_EVENT_INIT;
    int64_t events = realm->world->calm ? 0 : random_between(random, 0, 4);

    first.reset = true;
    say(answer, &first.base, random_between(random, 0, QUICK_US));
    for (int64_t i = 0; i < events; i++) {
        instance_v1_policy_event event = INSTANCE_V1_POLICY_EVENT_INIT;
        char *users[] = {realm->world->users[random_next(random) % realm->world->user_count].id};
        event.users = users;
        event.n_users = 1;
        say(answer, random_chance(random, 50) ? &event.base : &first.base,
            random_between(random, 0, 9000 * MS));
    }
}

static void tell_health(struct answer *answer, bool ends)
{
    Grpc__Health__V1__HealthCheckResponse health = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;

    health.status = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
    say(answer, &health.base, random_between(&answer->realm->world->random, 0, QUICK_US));
    if (ends)
        answer_end(answer, STATUS_OK, 0);
}

void answer_make(struct answer *answer, const struct rpc_call_options *options)
{
    enum kind kind = kind_of(options->path);
    struct slice id = metadata(options, "x-request-id");
    struct arena arena;

    arena_init(&arena, ARENA_BYTES_MAX);
    answer->lasts = kind == WATCH_POLICIES || kind == HEALTH_WATCH;
    if (kind >= LIST) {
        answer->request = strtoull(id.len > 1 ? id.ptr + 1 : "0", NULL, 10);
        answer_request(answer, kind, options, &arena);
    } else if (!goes_wrong(answer)) {
        switch (kind) {
        case ISSUE_TOKEN: issue_token(answer, options->request, &arena); break;
        case GET_INFO: get_info(answer); break;
        case WATCH_POLICIES: watch_policies(answer); break;
        default: tell_health(answer, kind == HEALTH_CHECK); break;
        }
    }
    arena_done(&arena);
}
