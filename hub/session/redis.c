#include "hub/session/redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "hub/session/redis_socket.h"
#include "shared/base/clock.h"
#include "shared/crypto/crypto.h"
#include "shared/crypto/encode.h"

#define TICK_MS 100
#define BEAT_RANDOM_BYTES 8

enum state {
    REDIS_DOWN,       /* until retry_us */
    REDIS_RESOLVING,  /* libuv looks the name up */
    REDIS_CONNECTING, /* both connections and the subscription are under way */
    REDIS_UP,
};

enum end { END_ASKS, END_LISTENS, ENDS };

struct address {
    char host[REDIS_NAME_BYTES_MAX + 1]; /* or a path */
    char user[REDIS_NAME_BYTES_MAX + 1], password[REDIS_NAME_BYTES_MAX + 1];
    int port; /* 0: a path */
    int database;
};

struct redis {
    struct fibers *fibers;
    struct redis_events events;
    struct address address;
    char channel[REDIS_NAME_BYTES_MAX + 1];
    char beat[REDIS_NAME_BYTES_MAX + BEAT_RANDOM_BYTES * 2 + 8]; /* the channel that is only ours */
    enum state state;
    redisAsyncContext *ends[ENDS];
    size_t pending;
    int64_t retry_us, retry_ms;    /* DOWN: when, and how long the next pause is */
    int64_t since_us;              /* of the state */
    int64_t beat_sent_us, beat_us; /* last sent, last that came back */
    uv_timer_t timer;
    uv_getaddrinfo_t resolving;
    bool resolver_busy, closing;
    unsigned handles; /* of libuv, still to be closed; the link is freed after the last */
};

/* ---- addresses --------------------------------------------------------------------------------- */

static bool put(char *to, struct slice from)
{
    if (from.len > REDIS_NAME_BYTES_MAX)
        return false;
    memcpy(to, from.ptr, from.len);
    to[from.len] = '\0';
    return true;
}

static bool number(struct slice text, int max, int *ret_number)
{
    int value = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        value = value * 10 + (text.ptr[i] - '0');
        if (value > max)
            return false;
    }
    *ret_number = value;
    return text.len > 0;
}

static const char *last_of(struct slice text, char c)
{
    return text.len ? memrchr(text.ptr, c, text.len) : NULL;
}

static bool parse_authority(struct slice text, struct address *address)
{
    const char *at = last_of(text, '@');

    if (at) {
        struct slice user = slice_make(text.ptr, (size_t)(at - text.ptr)), password;
        text = slice_make(at + 1, text.len - user.len - 1);
        password = user;
        user = slice_cut(&password, ':');
        if (!put(address->user, user) || !put(address->password, password))
            return false;
    }
    const char *colon = last_of(text, ':');
    address->port = REDIS_PORT;
    if (colon) {
        struct slice port = slice_make(colon + 1, text.len - (size_t)(colon - text.ptr) - 1);
        if (!number(port, 65535, &address->port) || address->port == 0)
            return false;
        text.len = (size_t)(colon - text.ptr);
    }
    return text.len > 0 && put(address->host, text);
}

static bool parse(struct slice url, struct address *address)
{
    static const struct slice redis = SLICE_LIT("redis://"), local = SLICE_LIT("unix:");

    if (slice_starts_with(url, local)) {
        struct slice path = slice_make(url.ptr + local.len, url.len - local.len);
        return path.len > 0 && path.ptr[0] == '/' && put(address->host, path);
    }
    if (!slice_starts_with(url, redis))
        return false;
    struct slice database = slice_make(url.ptr + redis.len, url.len - redis.len);
    struct slice authority = slice_cut(&database, '/');
    return parse_authority(authority, address) &&
           (database.len == 0 || number(database, 1000, &address->database));
}

bool redis_url_is_valid(const char *url)
{
    struct address address;
    return parse(slice_str(url), &address);
}

/* ---- up and down ------------------------------------------------------------------------------- */

static void go_down(struct redis *redis, const char *reason)
{
    bool was_up = redis->state == REDIS_UP;

    redis->state = REDIS_DOWN;
    redis->retry_us = deadline_after_ms(redis->retry_ms);
    redis->retry_ms =
        redis->retry_ms * 2 < REDIS_RETRY_MAX_MS ? redis->retry_ms * 2 : REDIS_RETRY_MAX_MS;
    for (size_t i = 0; i < ENDS; i++) {
        redisAsyncContext *context = redis->ends[i];
        redis->ends[i] = NULL;
        if (!context)
            continue;
        context->data = NULL;
        redisAsyncFree(context); /* answers what was asked with NULL */
    }
    if (was_up)
        redis->events.on_down(redis->events.arg, reason);
}

/* hiredis frees the context after this. */
static void end_is_gone(const redisAsyncContext *context, const char *reason)
{
    struct redis *redis = context->data;

    if (!redis)
        return;
    for (size_t i = 0; i < ENDS; i++) {
        if (redis->ends[i] == context)
            redis->ends[i] = NULL;
    }
    go_down(redis, reason);
}

static void on_connect(const redisAsyncContext *context, int status)
{
    if (status != REDIS_OK)
        end_is_gone(context, "cannot connect");
}

static void on_disconnect(const redisAsyncContext *context, int status)
{
    end_is_gone(context, status == REDIS_OK ? "the connection was closed" : context->errstr);
}

static void came_up(struct redis *redis)
{
    redis->state = REDIS_UP;
    redis->retry_ms = REDIS_RETRY_MIN_MS;
    redis->events.on_up(redis->events.arg);
}

static void on_message(redisAsyncContext *context, void *data, void *arg)
{
    struct redis *redis = arg;
    const redisReply *reply = data;

    if (!context->data || !reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != 3)
        return;
    for (size_t i = 0; i < 3; i++) {
        if (reply->element[i]->type != REDIS_REPLY_STRING)
            return; /* a subscription that was confirmed */
    }
    if (strcmp(reply->element[1]->str, redis->beat) == 0) {
        redis->beat_us = clock_monotonic_us();
        if (redis->state == REDIS_CONNECTING)
            came_up(redis);
    } else {
        redis->events.on_message(redis->events.arg,
                                 slice_make(reply->element[2]->str, reply->element[2]->len));
    }
}

static void on_reply(redisAsyncContext *context, void *data, void *arg)
{
    struct redis *redis = arg;
    const redisReply *reply = data;

    redis->pending--;
    /* A wrong password, a read-only replica: as good as none. */
    if (context->data && reply && reply->type == REDIS_REPLY_ERROR)
        go_down(redis, "it answered with an error");
}

/* Never waits; false when nothing was sent. */
static bool send_to(struct redis *redis, enum end end, redisCallbackFn *callback, void *arg,
                    int argc, const char **argv, const size_t *lens)
{
    if (!redis->ends[end] || redis->pending >= REDIS_PENDING_MAX ||
        redisAsyncCommandArgv(redis->ends[end], callback, arg, argc, argv, lens) != REDIS_OK)
        return false;
    redis->pending++;
    return true;
}

static void send_words(struct redis *redis, enum end end, int argc, const char **argv)
{
    size_t lens[3];

    for (int i = 0; i < argc; i++)
        lens[i] = strlen(argv[i]);
    (void)send_to(redis, end, on_reply, redis, argc, argv, lens);
}

static void beat(struct redis *redis)
{
    redis->beat_sent_us = clock_monotonic_us();
    send_words(redis, END_ASKS, 3, (const char *[]){"PUBLISH", redis->beat, "1"});
}

/* ---- connecting -------------------------------------------------------------------------------- */

static void introduce(struct redis *redis, enum end end)
{
    const struct address *address = &redis->address;
    char database[16];

    if (address->password[0] && address->user[0])
        send_words(redis, end, 3, (const char *[]){"AUTH", address->user, address->password});
    else if (address->password[0])
        send_words(redis, end, 2, (const char *[]){"AUTH", address->password});
    if (address->database) {
        snprintf(database, sizeof(database), "%d", address->database);
        send_words(redis, end, 2, (const char *[]){"SELECT", database});
    }
}

/* `host` is numeric, or a path when there is no port. */
static void connect_ends(struct redis *redis, const char *host)
{
    redis->state = REDIS_CONNECTING;
    redis->since_us = clock_monotonic_us();
    for (size_t i = 0; i < ENDS; i++) {
        redisAsyncContext *context = redis->address.port
                                         ? redisAsyncConnect(host, redis->address.port)
                                         : redisAsyncConnectUnix(host);
        if (!context || context->err || !redis_socket_attach(context, fibers_loop(redis->fibers))) {
            if (context)
                redisAsyncFree(context);
            go_down(redis, "cannot connect");
            return;
        }
        context->data = redis;
        redis->ends[i] = context;
        redisAsyncSetConnectCallback(context, on_connect);
        redisAsyncSetDisconnectCallback(context, on_disconnect);
        introduce(redis, (enum end)i);
    }
    if (redisAsyncCommand(redis->ends[END_LISTENS], on_message, redis, "SUBSCRIBE %s %s",
                          redis->channel, redis->beat) != REDIS_OK)
        go_down(redis, "cannot subscribe");
}

static void link_closed(struct redis *redis)
{
    if (--redis->handles == 0)
        free(redis);
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct redis *redis = request->data;
    char host[INET6_ADDRSTRLEN] = "";

    redis->resolver_busy = false;
    if (status == 0 && found && found->ai_family == AF_INET)
        uv_ip4_name((const struct sockaddr_in *)(const void *)found->ai_addr, host, sizeof(host));
    else if (status == 0 && found && found->ai_family == AF_INET6)
        uv_ip6_name((const struct sockaddr_in6 *)(const void *)found->ai_addr, host, sizeof(host));
    uv_freeaddrinfo(found);
    if (redis->closing) {
        link_closed(redis);
        return;
    }
    if (host[0])
        connect_ends(redis, host);
    else
        go_down(redis, "its name is not known");
}

static void begin(struct redis *redis)
{
    static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};

    redis->since_us = clock_monotonic_us();
    redis->beat_sent_us = redis->beat_us = 0;
    if (!redis->address.port) {
        connect_ends(redis, redis->address.host);
        return;
    }
    redis->state = REDIS_RESOLVING;
    redis->resolving.data = redis;
    redis->resolver_busy = uv_getaddrinfo(fibers_loop(redis->fibers), &redis->resolving,
                                          on_resolved, redis->address.host, NULL, &hints) == 0;
    if (!redis->resolver_busy)
        go_down(redis, "its name cannot be looked up");
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

enum status redis_new(struct fibers *fibers, const char *url, const char *channel,
                      const struct redis_events *events, struct redis **ret_redis,
                      struct fault *fault)
{
    unsigned char random[BEAT_RANDOM_BYTES];
    char hex[2 * BEAT_RANDOM_BYTES + 1];
    struct redis *redis = calloc(1, sizeof(*redis));

    if (!redis)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    *redis = (struct redis){.fibers = fibers, .events = *events, .retry_ms = REDIS_RETRY_MIN_MS};
    if (!put(redis->channel, slice_str(channel)) || !parse(slice_str(url), &redis->address)) {
        free(redis);
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "redis_url",
                         "an address is redis://[[user]:password@]host[:port][/database] or "
                         "unix:/path");
    }
    crypto_random(random, sizeof(random));
    hex_encode(slice_make(random, sizeof(random)), hex);
    snprintf(redis->beat, sizeof(redis->beat), "%s:beat:%s", redis->channel, hex);
    uv_timer_init(fibers_loop(fibers), &redis->timer);
    redis->handles = 1;
    redis->timer.data = redis;
    uv_timer_start(&redis->timer, on_tick, TICK_MS, TICK_MS);
    uv_unref((uv_handle_t *)&redis->timer);
    begin(redis);
    *ret_redis = redis;
    return STATUS_OK;
}

static void timer_closed(uv_handle_t *handle)
{
    link_closed(handle->data);
}

struct redis *redis_free(struct redis *redis)
{
    if (!redis)
        return NULL;
    redis->closing = true;
    redis->state = REDIS_DOWN; /* nobody is told */
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
        (void)send_to(redis, END_ASKS, on_reply, redis, 3, words, lens);
}

void redis_mark(struct redis *redis, struct slice key, int64_t lifetime_s)
{
    char lifetime[24];
    int len = snprintf(lifetime, sizeof(lifetime), "%lld", (long long)lifetime_s);
    const char *words[] = {"SET", key.ptr, "1", "EX", lifetime};
    const size_t lens[] = {3, key.len, 1, 2, (size_t)len};

    if (redis->state == REDIS_UP && lifetime_s > 0)
        (void)send_to(redis, END_ASKS, on_reply, redis, 5, words, lens);
}

/* On the heap: the answer may come after its fiber has gone. */
struct question {
    struct redis *redis;
    struct fiber_event answered;
    bool is_answered, abandoned, failed, marked;
};

static void on_answer(redisAsyncContext *context, void *data, void *arg)
{
    struct question *question = arg;
    const redisReply *reply = data;
    (void)context;

    question->redis->pending--;
    if (question->abandoned) {
        free(question);
        return;
    }
    question->is_answered = true;
    question->failed = !reply || reply->type != REDIS_REPLY_INTEGER;
    question->marked = !question->failed && reply->integer > 0;
    fiber_event_signal(&question->answered);
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
    question->redis = redis;
    if (!send_to(redis, END_ASKS, on_answer, question, 2, words, lens)) {
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
