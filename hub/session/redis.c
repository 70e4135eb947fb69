#include "hub/session/redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/session/redis_address.h"
#include "hub/session/redis_link.h"
#include "shared/base/clock.h"
#include "shared/crypto/crypto.h"
#include "shared/crypto/encode.h"

#define TICK_MS 100
#define BEAT_RANDOM_BYTES 8
#define BEAT_MARK_S "60"

enum state {
    REDIS_DOWN,       /* until retry_us */
    REDIS_RESOLVING,  /* libuv looks the name of a sentinel or server up */
    REDIS_ASKING,     /* a sentinel for the master */
    REDIS_CONNECTING, /* both connections and the subscription are under way */
    REDIS_UP,
};

/* A sentinel's ends before the others begin. */
enum end { END_ASKS, END_LISTENS, END_SENTINEL, ENDS };

/* On the heap: the answer may come after its fiber has gone. */
struct question {
    struct fiber_event answered;
    bool is_answered, abandoned, failed, marked;
};

struct redis {
    struct fibers *fibers;
    struct redis_events events;
    struct redis_address address;
    char *ca, *certificate, *key;
    char channel[REDIS_NAME_BYTES_MAX + 1];
    char beat[REDIS_NAME_BYTES_MAX + BEAT_RANDOM_BYTES * 2 + 8]; /* the channel that is only ours */
    enum state state;
    struct redis_link *ends[ENDS];
    size_t turn;              /* of the sentinels */
    struct redis_host server; /* of this attempt: a sentinel, or the server itself */
    bool asks_sentinel;       /* `server` is one */
    /* Of each name, the address that was tried last: of the hosts of `address`, and of the master that a sentinel said. */
    struct sockaddr_storage tried[REDIS_SENTINELS_MAX + 1];
    size_t sentinel_replies;
    SSL_CTX *context;                  /* of this attempt; NULL without TLS */
    char told[REDIS_REASON_BYTES_MAX]; /* since it was up: the last reason that on_down had */
    /* Of what was sent to END_ASKS and is not answered, in order: who waits, NULL for nobody. A ring. */
    struct question *pending[REDIS_PENDING_MAX];
    size_t pending_head, pending_count;
    int64_t retry_us, retry_ms;    /* DOWN: when, and how long the next pause is */
    int64_t since_us;              /* of the state */
    int64_t beat_sent_us, beat_us; /* last sent, last that came back */
    uv_timer_t timer;
    uv_getaddrinfo_t resolving;
    bool resolver_busy, closing;
    unsigned handles; /* of libuv, still to be closed; memory is freed after the last */
};

/* ---- up and down ------------------------------------------------------------------------------- */

static void answer_next(struct redis *redis, const redisReply *reply)
{
    struct question *question = redis->pending[redis->pending_head];

    redis->pending_head = (redis->pending_head + 1) % REDIS_PENDING_MAX;
    redis->pending_count--;
    if (!question)
        return;
    if (question->abandoned) {
        free(question);
        return;
    }
    question->is_answered = true;
    question->failed = !reply || reply->type != REDIS_REPLY_INTEGER;
    question->marked = !question->failed && reply->integer > 0;
    fiber_event_signal(&question->answered);
}

static void go_down(struct redis *redis, const char *reason)
{
    bool was_up = redis->state == REDIS_UP, is_news = was_up || strcmp(reason, redis->told) != 0;

    redis->state = REDIS_DOWN;
    redis->turn++;
    redis->retry_us = deadline_after_ms(redis->retry_ms);
    redis->retry_ms =
        redis->retry_ms * 2 < REDIS_RETRY_MAX_MS ? redis->retry_ms * 2 : REDIS_RETRY_MAX_MS;
    for (size_t i = 0; i < ENDS; i++)
        redis->ends[i] = redis_link_close(redis->ends[i]);
    SSL_CTX_free(redis->context);
    redis->context = NULL;
    while (redis->pending_count > 0)
        answer_next(redis, NULL);
    if (redis->closing || !is_news)
        return;
    snprintf(redis->told, sizeof(redis->told), "%s", reason);
    redis->events.on_down(redis->events.arg, redis->told);
}

/* A wrong password, a read-only replica: as good as none. Only the code: some errors repeat what was sent, and that may
 * be a password. */
static void go_down_refused(struct redis *redis, const char *who, const char *error)
{
    char reason[REDIS_REASON_BYTES_MAX];

    snprintf(reason, sizeof(reason), "%s answered %.*s", who, (int)strcspn(error, " :'`"), error);
    go_down(redis, reason);
}

static void on_end(void *arg, struct redis_link *link, const char *reason)
{
    struct redis *redis = arg;
    char text[REDIS_REASON_BYTES_MAX];

    snprintf(text, sizeof(text), "%s%s", link == redis->ends[END_SENTINEL] ? "a sentinel: " : "",
             reason);
    go_down(redis, text);
}

static void came_up(struct redis *redis)
{
    redis->state = REDIS_UP;
    redis->retry_ms = REDIS_RETRY_MIN_MS;
    redis->told[0] = '\0';
    redis->events.on_up(redis->events.arg);
}

/* ---- what comes -------------------------------------------------------------------------------- */

static bool is_message(const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3)
        return false;
    for (size_t i = 0; i < 3; i++) {
        if (reply->element[i]->type != REDIS_REPLY_STRING)
            return false; /* a subscription that was confirmed */
    }
    return true;
}

static void take_message(struct redis *redis, const redisReply *reply)
{
    if (strcmp(reply->element[1]->str, redis->beat) == 0) {
        redis->beat_us = clock_monotonic_us();
        if (redis->state == REDIS_CONNECTING)
            came_up(redis);
    } else {
        redis->events.on_message(redis->events.arg,
                                 slice_make(reply->element[2]->str, reply->element[2]->len));
    }
}

static void on_reply(void *arg, struct redis_link *link, const redisReply *reply)
{
    struct redis *redis = arg;

    if (reply->type == REDIS_REPLY_ERROR)
        go_down_refused(redis, "it", reply->str);
    else if (link == redis->ends[END_LISTENS] && is_message(reply))
        take_message(redis, reply);
    else if (link == redis->ends[END_ASKS] && redis->pending_count > 0)
        answer_next(redis, reply);
}

/* ---- what is sent ------------------------------------------------------------------------------ */

/* Never waits; false when nothing was sent. `question` NULL when nobody waits. */
static bool send_to(struct redis *redis, enum end end, struct question *question, int argc,
                    const char **argv, const size_t *lens)
{
    if (!redis->ends[end] || (end == END_ASKS && redis->pending_count == REDIS_PENDING_MAX) ||
        !redis_link_send(redis->ends[end], argc, argv, lens))
        return false;
    if (end == END_ASKS)
        redis->pending[(redis->pending_head + redis->pending_count++) % REDIS_PENDING_MAX] =
            question;
    return true;
}

#define WORDS_MAX 5

/* NULL ends them. */
static void send_words(struct redis *redis, enum end end, const char *const words[WORDS_MAX + 1])
{
    const char *argv[WORDS_MAX];
    size_t lens[WORDS_MAX];
    int argc = 0;

    for (; argc < WORDS_MAX && words[argc]; argc++) {
        argv[argc] = words[argc];
        lens[argc] = strlen(words[argc]);
    }
    (void)send_to(redis, end, NULL, argc, argv, lens);
}

#define SEND(redis, end, ...)                                                                      \
    send_words(redis, end, (const char *const[WORDS_MAX + 1]){__VA_ARGS__})

static void beat(struct redis *redis)
{
    redis->beat_sent_us = clock_monotonic_us();
    SEND(redis, END_ASKS, "SET", redis->beat, "1", "EX", BEAT_MARK_S);
    SEND(redis, END_ASKS, "PUBLISH", redis->beat, "1");
}

/* ---- connecting -------------------------------------------------------------------------------- */

/* `address` NULL for a unix socket. False when the link is down again. */
static bool open_end(struct redis *redis, enum end end, const struct sockaddr *address,
                     void (*on_its_reply)(void *arg, struct redis_link *link,
                                          const redisReply *reply))
{
    const struct redis_link_events events = {redis, on_its_reply, on_end};

    redis->ends[end] = redis_link_open(fibers_loop(redis->fibers), address, redis->server.name,
                                       redis->context, &events);
    if (!redis->ends[end]) {
        go_down(redis, "cannot connect");
        return false;
    }
    if (redis->address.password[0] && redis->address.user[0])
        SEND(redis, end, "AUTH", redis->address.user, redis->address.password);
    else if (redis->address.password[0])
        SEND(redis, end, "AUTH", redis->address.password);
    return true;
}

static void connect_ends(struct redis *redis, const struct sockaddr *address)
{
    char database[16];

    redis->state = REDIS_CONNECTING;
    redis->since_us = clock_monotonic_us();
    if (!open_end(redis, END_ASKS, address, on_reply) ||
        !open_end(redis, END_LISTENS, address, on_reply))
        return;
    snprintf(database, sizeof(database), "%d", redis->address.database);
    if (redis->address.database)
        SEND(redis, END_ASKS, "SELECT", database);
    SEND(redis, END_LISTENS, "SUBSCRIBE", redis->channel, redis->beat);
}

static void look_up(struct redis *redis, const struct redis_host *host);

static struct slice word(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING ? slice_make(reply->str, reply->len)
                                             : (struct slice){0};
}

/* A sentinel without a password answers AUTH with an error, and the question after it all the same. */
static void on_sentinel_reply(void *arg, struct redis_link *link, const redisReply *reply)
{
    struct redis *redis = arg;
    struct redis_host master;
    bool is_auth = redis->sentinel_replies++ == 0 && redis->address.password[0];

    (void)link;
    if (is_auth)
        return;
    if (reply->type == REDIS_REPLY_ERROR) {
        go_down_refused(redis, "a sentinel", reply->str);
    } else if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
               !redis_host_parse(word(reply->element[0]), word(reply->element[1]), &master)) {
        go_down(redis, "a sentinel knows no master of that name");
    } else {
        redis->ends[END_SENTINEL] = redis_link_close(redis->ends[END_SENTINEL]);
        redis->asks_sentinel = false;
        look_up(redis, &master);
    }
}

static void ask_sentinel(struct redis *redis, const struct sockaddr *address)
{
    redis->state = REDIS_ASKING;
    redis->since_us = clock_monotonic_us();
    redis->sentinel_replies = 0;
    if (open_end(redis, END_SENTINEL, address, on_sentinel_reply))
        SEND(redis, END_SENTINEL, "SENTINEL", "get-master-addr-by-name", redis->address.master);
}

static void link_closed(struct redis *redis)
{
    if (--redis->handles > 0)
        return;
    free(redis->ca);
    free(redis->certificate);
    free(redis->key);
    free(redis);
}

/* Of the addresses of a name the one behind that which was tried last, whatever their order is now. */
static const struct sockaddr *next_address(const struct addrinfo *found,
                                           struct sockaddr_storage *tried)
{
    const struct addrinfo *next = found;
    for (const struct addrinfo *at = found; at->ai_next; at = at->ai_next)
        if (memcmp(at->ai_addr, tried, at->ai_addrlen) == 0)
            next = at->ai_next;
    memset(tried, 0, sizeof(*tried));
    memcpy(tried, next->ai_addr, next->ai_addrlen);
    return (const struct sockaddr *)tried;
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct redis *redis = request->data;
    bool is_listed = redis->asks_sentinel || !redis->address.master[0];
    size_t name = is_listed ? redis->turn % redis->address.host_count : REDIS_SENTINELS_MAX;

    redis->resolver_busy = false;
    if (redis->closing)
        link_closed(redis);
    else if (status || !found)
        go_down(redis, "its name is not known");
    else if (redis->asks_sentinel)
        ask_sentinel(redis, next_address(found, &redis->tried[name]));
    else
        connect_ends(redis, next_address(found, &redis->tried[name]));
    uv_freeaddrinfo(found);
}

static void look_up(struct redis *redis, const struct redis_host *host)
{
    static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    char port[8];

    redis->server = *host;
    redis->state = REDIS_RESOLVING;
    snprintf(port, sizeof(port), "%u", host->port);
    redis->resolving.data = redis;
    redis->resolver_busy = uv_getaddrinfo(fibers_loop(redis->fibers), &redis->resolving,
                                          on_resolved, redis->server.name, port, &hints) == 0;
    if (!redis->resolver_busy)
        go_down(redis, "its name cannot be looked up");
}

static void begin(struct redis *redis)
{
    const struct redis_host *host = &redis->address.hosts[redis->turn % redis->address.host_count];
    const struct redis_tls tls = {redis->ca, redis->certificate, redis->key};
    struct fault fault = {0};

    redis->since_us = clock_monotonic_us();
    redis->beat_sent_us = redis->beat_us = 0;
    redis->asks_sentinel = redis->address.master[0] != '\0';
    if (redis->address.tls && redis_tls_context(&tls, &redis->context, &fault)) {
        char reason[REDIS_REASON_BYTES_MAX];
        snprintf(reason, sizeof(reason), "%s: %s", fault.field, fault.text);
        go_down(redis, reason);
    } else if (host->port) {
        look_up(redis, host);
    } else {
        redis->server = *host;
        connect_ends(redis, NULL);
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct redis *redis = timer->data;
    int64_t now_us = clock_monotonic_us();

    switch (redis->state) {
    case REDIS_DOWN:
        if (now_us >= redis->retry_us)
            begin(redis);
        break;
    case REDIS_RESOLVING: break; /* ends by itself */
    case REDIS_ASKING:
        if (now_us - redis->since_us > REDIS_CONNECT_TIMEOUT_MS * INT64_C(1000))
            go_down(redis, "a sentinel does not answer");
        break;
    case REDIS_CONNECTING:
        /* The first that comes back says that it listens. */
        if (now_us - redis->since_us > REDIS_CONNECT_TIMEOUT_MS * INT64_C(1000))
            go_down(redis, "it does not answer");
        else
            beat(redis);
        break;
    case REDIS_UP:
        if (redis->beat_sent_us - redis->beat_us > 0 &&
            now_us - redis->beat_us > REDIS_SILENCE_MS * INT64_C(1000))
            go_down(redis, "it does not answer");
        else if (now_us - redis->beat_sent_us > REDIS_HEARTBEAT_MS * INT64_C(1000))
            beat(redis);
        break;
    }
}

/* ---- life cycle -------------------------------------------------------------------------------- */

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static enum status read_options(const struct redis_options *options,
                                struct redis_address *ret_address, struct fault *fault)
{
    bool has_ca = or_empty(options->ca)[0], has_key = or_empty(options->key)[0],
         has_certificate = or_empty(options->certificate)[0];

    enum status status = redis_address_parse(slice_str(options->url), ret_address, fault);
    if (status)
        return status;
    if (!ret_address->tls && (has_ca || has_certificate || has_key))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "redis_url",
                         "redis_ca, redis_certificate and redis_key are for rediss:// and "
                         "rediss-sentinel:// alone");
    if (has_certificate != has_key)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "redis_certificate",
                         "redis_certificate and redis_key go together");
    return STATUS_OK;
}

enum status redis_check(const struct redis_options *options, struct fault *fault)
{
    struct redis_address address;

    enum status status = read_options(options, &address, fault);
    crypto_wipe(address.password, sizeof(address.password));
    return status;
}

static void timer_closed(uv_handle_t *handle)
{
    link_closed(handle->data);
}

enum status redis_new(struct fibers *fibers, const struct redis_options *options,
                      const char *channel, const struct redis_events *events,
                      struct redis **ret_redis, struct fault *fault)
{
    unsigned char random[BEAT_RANDOM_BYTES];
    char hex[2 * BEAT_RANDOM_BYTES + 1];
    struct redis *redis = calloc(1, sizeof(*redis));

    if (!redis)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    *redis = (struct redis){.fibers = fibers,
                            .events = *events,
                            .retry_ms = REDIS_RETRY_MIN_MS,
                            .ca = strdup(or_empty(options->ca)),
                            .certificate = strdup(or_empty(options->certificate)),
                            .key = strdup(or_empty(options->key))};
    enum status status = read_options(options, &redis->address, fault);
    if (!status && (!redis->ca || !redis->certificate || !redis->key ||
                    strlen(channel) > REDIS_NAME_BYTES_MAX))
        status = fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "no memory for a link to Redis");
    redis->handles = 1;
    if (status) {
        link_closed(redis);
        return status;
    }
    crypto_random(random, sizeof(random));
    hex_encode(slice_make(random, sizeof(random)), hex);
    snprintf(redis->channel, sizeof(redis->channel), "%s", channel);
    snprintf(redis->beat, sizeof(redis->beat), "%s:beat:%s", redis->channel, hex);
    uv_timer_init(fibers_loop(fibers), &redis->timer);
    redis->timer.data = redis;
    uv_timer_start(&redis->timer, on_tick, TICK_MS, TICK_MS);
    uv_unref((uv_handle_t *)&redis->timer);
    redis->retry_us = clock_monotonic_us(); /* with the next tick */
    *ret_redis = redis;
    return STATUS_OK;
}

struct redis *redis_free(struct redis *redis)
{
    if (!redis)
        return NULL;
    redis->closing = true; /* nobody is told */
    go_down(redis, "");
    redis->handles += redis->resolver_busy;
    if (redis->resolver_busy)
        uv_cancel((uv_req_t *)&redis->resolving);
    crypto_wipe(redis->address.password, sizeof(redis->address.password));
    uv_close((uv_handle_t *)&redis->timer, timer_closed);
    return NULL;
}

bool redis_is_up(const struct redis *redis)
{
    return redis->state == REDIS_UP;
}

/* ---- messages and marks ------------------------------------------------------------------------ */

void redis_publish(struct redis *redis, struct slice message)
{
    const char *words[] = {"PUBLISH", redis->channel, message.ptr};
    const size_t lens[] = {7, strlen(redis->channel), message.len};

    if (redis->state == REDIS_UP)
        (void)send_to(redis, END_ASKS, NULL, 3, words, lens);
}

void redis_mark(struct redis *redis, struct slice key, int64_t lifetime_s)
{
    char lifetime[24];
    int len = snprintf(lifetime, sizeof(lifetime), "%lld", (long long)lifetime_s);
    const char *words[] = {"SET", key.ptr, "1", "EX", lifetime};
    const size_t lens[] = {3, key.len, 1, 2, (size_t)len};

    if (redis->state == REDIS_UP && lifetime_s > 0)
        (void)send_to(redis, END_ASKS, NULL, 5, words, lens);
}

enum status redis_marked(struct redis *redis, struct slice key, int64_t timeout_ms,
                         bool *ret_marked)
{
    const char *words[] = {"EXISTS", key.ptr};
    const size_t lens[] = {6, key.len};
    struct question *question;

    if (redis->state != REDIS_UP)
        return STATUS_UNAVAILABLE;
    question = calloc(1, sizeof(*question));
    if (!question)
        return STATUS_RESOURCE_EXHAUSTED;
    if (!send_to(redis, END_ASKS, question, 2, words, lens)) {
        free(question);
        return STATUS_UNAVAILABLE;
    }
    enum status status = fiber_event_wait(&question->answered, deadline_after_ms(timeout_ms));
    if (!question->is_answered) {
        question->abandoned = true;
        return status;
    }
    status = question->failed ? STATUS_UNAVAILABLE : STATUS_OK;
    if (!status)
        *ret_marked = question->marked;
    free(question);
    return status;
}
