#include "tests/integration/federation.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/crypto/es256.h"

#define ANSWER_BYTES_MAX (64u * 1024 * 1024)
#define OPTION_BYTES_MAX 4096
#define TICK_MS 1

struct pg_cluster *federation_cluster;
char federation_key_path[128];
static char folder[64], database[512], owner[512];

/* ---- once a binary ------------------------------------------------------------------------------ */

static void parse(struct federation *f, const char *const *args)
{
    static char *const no_environment[] = {NULL};
    char *argv[FEDERATION_ARGS_MAX];
    int argc = 0;
    for (; args[argc]; argc++) {
        assert_true(argc + 1 < FEDERATION_ARGS_MAX);
        argv[argc] = (char *)(uintptr_t)args[argc];
    }
    argv[argc] = NULL;
    if (config_parse(&f->config, &hub_program, argc, argv, no_environment, &f->values))
        fail_msg("%.*s", SLICE_ARG(config_mistakes(&f->config)));
}

static void write_key(void)
{
    struct es256_key *key;
    struct buffer pem;
    buffer_init(&pem, ES256_PEM_BYTES_MAX);
    assert_int_equal(es256_key_generate(&key), STATUS_OK);
    assert_int_equal(es256_key_write_private_pem(key, &pem), STATUS_OK);
    es256_key_free(key);
    FILE *file = fopen(federation_key_path, "w");
    assert_non_null(file);
    assert_int_equal(fchmod(fileno(file), 0600), 0);
    assert_int_equal(fwrite(pem.ptr, 1, pem.len, file), pem.len);
    fclose(file);
    buffer_done(&pem);
}

static const char *option(char text[OPTION_BYTES_MAX], const char *name, const char *value)
{
    int len = snprintf(text, OPTION_BYTES_MAX, "--%s=%s", name, value);
    assert_true(len > 0 && len < OPTION_BYTES_MAX);
    return text;
}

int federation_setup(void **state)
{
    struct federation *f = calloc(1, sizeof(*f));
    struct fault fault = {0};
    char texts[3][OPTION_BYTES_MAX];
    (void)state;
    assert_non_null(f);
    snprintf(folder, sizeof(folder), "/tmp/pek-integration-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(federation_key_path, sizeof(federation_key_path), "%s/hub.pem", folder);
    write_key();
    federation_cluster = pg_cluster_start();
    assert_non_null(federation_cluster);
    pg_cluster_conninfo_for(federation_cluster, "pek_app", NULL, database, sizeof(database));
    pg_cluster_conninfo_for(federation_cluster, NULL, NULL, owner, sizeof(owner));
    parse(f, (const char *[]){"pek-hub", option(texts[0], "database", database),
                              option(texts[1], "database-owner", owner),
                              option(texts[2], "hub-key", federation_key_path),
                              "--instances=a=127.0.0.1:1", NULL});
    enum status status = hub_migrate(&f->values, &fault);
    if (status)
        fail_msg("%s", fault.text);
    config_done(&f->config);
    free(f);
    return 0;
}

int federation_teardown(void **state)
{
    (void)state;
    unlink(federation_key_path);
    rmdir(folder);
    federation_cluster = pg_cluster_stop(federation_cluster);
    return 0;
}

/* ---- open, close -------------------------------------------------------------------------------- */

static void on_tick(uv_timer_t *timer)
{
    /* Lets uv_run(ONCE) return, so that conditions are looked at. */
    const struct federation *f = timer->data;
    if (f->give_up_us > 0 && clock_monotonic_us() > f->give_up_us)
        uv_stop(timer->loop);
}

void federation_open_hub(struct federation *f, const char *instances, const char *const *args)
{
    char texts[3][OPTION_BYTES_MAX];
    struct fault fault = {0};
    const char *all[FEDERATION_ARGS_MAX] = {
        "pek-hub",
        "--listen=127.0.0.1:0",
        "--dev-login=true",
        "--drain-timeout-ms=0ms",
        option(texts[0], "database", database),
        option(texts[1], "hub-key", federation_key_path),
    };
    size_t count = 6;
    snprintf(texts[2], OPTION_BYTES_MAX,
             "--instances=a=127.0.0.1:%d,b=127.0.0.1:%d,c=127.0.0.1:%d%s%s", f->a->port, f->b->port,
             f->c->port, instances[0] ? "," : "", instances);
    all[count++] = texts[2];
    for (size_t i = 0; args && args[i]; i++) {
        assert_true(count + 1 < FEDERATION_ARGS_MAX);
        all[count++] = args[i];
    }
    parse(f, all);
    if (hub_open(&f->loop, &f->values, &f->hub, &fault))
        fail_msg("%s: %s", fault.field, fault.text);
    federation_log_in(f, "alice");
}

void federation_begin(struct federation *f)
{
    static const char *const names[] = {"a", "b", "c"};
    *f = (struct federation){0};
    f->a = &f->realms[0];
    f->b = &f->realms[1];
    f->c = &f->realms[2];
    pg_cluster_execute(federation_cluster,
                       "SET client_min_messages = warning;"
                       " TRUNCATE hub.user_account, hub.instance, hub.people_told CASCADE;"
                       " INSERT INTO hub.user_account (id, username, name) VALUES"
                       " ('alice', 'alice', 'Alice'), ('bob', 'bob', 'Bob')");
    assert_int_equal(uv_loop_init(&f->loop), 0);
    uv_timer_init(&f->loop, &f->tick);
    f->tick.data = f;
    uv_timer_start(&f->tick, on_tick, TICK_MS, TICK_MS);
    assert_int_equal(fibers_new(&f->loop, NULL, &f->fibers), STATUS_OK);
    assert_int_equal(rpc_runtime_new(f->fibers, &f->runtime), STATUS_OK);
    for (size_t i = 0; i < FEDERATION_REALMS; i++) {
        rude_worker_reset(&f->realms[i]);
        f->realms[i].realm = names[i];
        assert_int_equal(rude_worker_open(&f->realms[i], f->fibers, f->runtime), STATUS_OK);
    }
}

void federation_open(struct federation *f, const char *const *args)
{
    federation_begin(f);
    federation_open_hub(f, "", args);
}

static void stop_realms(void *arg)
{
    struct federation *f = arg;
    for (size_t i = 0; i < FEDERATION_REALMS; i++)
        rude_worker_stop(&f->realms[i]);
    if (f->also_stop)
        f->also_stop(f);
    f->stopped = true;
}

void federation_close(struct federation *f)
{
    hub_stop(f->hub);
    federation_wait_for_stop(f);
    (void)federation_close_stopped(f);
}

void federation_wait_for_stop(struct federation *f)
{
    /* The hub ends it; a tick does when the hub does not. */
    f->give_up_us = deadline_after_ms(FEDERATION_WAIT_MS);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_true(clock_monotonic_us() < f->give_up_us);
    f->give_up_us = 0;
}

bool federation_close_stopped(struct federation *f)
{
    assert_int_equal(fiber_go(f->fibers, stop_realms, f), STATUS_OK);
    FEDERATION_WAIT_FOR(f, f->stopped && fibers_count(f->fibers) == 0);
    for (size_t i = 0; i < FEDERATION_REALMS; i++)
        rude_worker_close(&f->realms[i]);
    if (f->also_close)
        f->also_close(f);
    f->runtime = rpc_runtime_free(f->runtime);
    f->fibers = fibers_free(f->fibers);
    uv_close((uv_handle_t *)&f->tick, NULL);
    bool clean = hub_close(f->hub);
    while (uv_run(&f->loop, UV_RUN_DEFAULT) != 0)
        continue;
    assert_int_equal(uv_loop_close(&f->loop), 0);
    config_done(&f->config);
    return clean;
}

/* ---- the browser -------------------------------------------------------------------------------- */

struct exchange federation_send(struct federation *f, const char *verb, const char *path,
                                const char *headers, const char *body)
{
    struct exchange exchange = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                        .sin_port = htons((uint16_t)hub_port(f->hub))};
    struct buffer out;
    buffer_init(&out, 1u << 20);
    buffer_init(&exchange.in, ANSWER_BYTES_MAX);
    buffer_printf(&out, "%s %s HTTP/1.1\r\n%sConnection: close\r\n%s", verb, path,
                  headers && strncmp(headers, "Host:", 5) == 0 ? "" : "Host: localhost\r\n",
                  headers ? headers : "");
    if (f->cookie[0] && !(headers && strstr(headers, "Cookie:")))
        buffer_printf(&out, "Cookie: %s\r\n", f->cookie);
    if (body)
        buffer_printf(&out, "Content-Length: %zu\r\n", strlen(body));
    buffer_printf(&out, "\r\n%s", body ? body : "");
    assert_false(out.failed);
    assert_int_equal(
        connect(exchange.fd, (const struct sockaddr *)(const void *)&address, sizeof(address)), 0);
    /* Small against a socket's buffer. */
    assert_int_equal(send(exchange.fd, out.ptr, out.len, MSG_NOSIGNAL), out.len);
    buffer_done(&out);
    return exchange;
}

bool exchange_take(struct exchange *exchange)
{
    char bytes[65536];
    while (!exchange->ended) {
        ssize_t got = recv(exchange->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (got > 0)
            buffer_append(&exchange->in, bytes, (size_t)got);
        else if (got < 0 && errno == EAGAIN)
            break;
        else
            exchange->ended = true;
    }
    return exchange->ended;
}

bool exchange_has(const struct exchange *exchange, const char *text)
{
    return exchange->in.len > 0 &&
           memmem(exchange->in.ptr, exchange->in.len, text, strlen(text)) != NULL;
}

void exchange_close(struct exchange *exchange)
{
    close(exchange->fd);
    buffer_done(&exchange->in);
}

/* Takes the chunks apart; false when the last one is missing. */
static bool take_chunks(const char *at, const char *end, struct buffer *body)
{
    while (at < end) {
        char *after;
        size_t len = strtoul(at, &after, 16);
        if (after == at || end - after < 2)
            return false;
        at = after + 2;
        if (len == 0)
            return true;
        if ((size_t)(end - at) < len + 2)
            return false;
        buffer_append(body, at, len);
        at += len + 2;
    }
    return false;
}

struct answer federation_receive(struct federation *f, struct exchange *exchange)
{
    FEDERATION_WAIT_FOR(f, exchange_take(exchange));
    close(exchange->fd);
    struct answer answer = {.raw = exchange->in, .text = ""};
    buffer_init(&answer.body, ANSWER_BYTES_MAX);
    buffer_append_char(&answer.raw, '\0');
    answer.raw.len--;
    const char *end = answer.raw.ptr + answer.raw.len;
    const char *head_end = strstr(answer.raw.ptr, "\r\n\r\n");
    if (!head_end || sscanf(answer.raw.ptr, "HTTP/1.1 %d", &answer.code) != 1)
        return answer;
    const char *length = strcasestr(answer.raw.ptr, "\r\ncontent-length: ");
    if (length && length < head_end) {
        buffer_append(&answer.body, head_end + 4, (size_t)(end - head_end - 4));
        answer.whole = answer.body.len == strtoul(length + 18, NULL, 10);
    } else if (answer.code == 204 || answer.code == 304) {
        answer.whole = end == head_end + 4;
    } else {
        answer.whole = take_chunks(head_end + 4, end, &answer.body);
    }
    buffer_append_char(&answer.body, '\0');
    answer.body.len--;
    answer.text = answer.body.ptr;
    return answer;
}

void answer_free(struct answer *answer)
{
    buffer_done(&answer->raw);
    buffer_done(&answer->body);
}

struct answer federation_ask(struct federation *f, const char *verb, const char *path,
                             const char *headers, const char *body)
{
    struct exchange exchange = federation_send(f, verb, path, headers, body);
    return federation_receive(f, &exchange);
}

struct answer federation_get(struct federation *f, const char *path)
{
    return federation_ask(f, "GET", path, NULL, NULL);
}

void federation_log_in(struct federation *f, const char *user)
{
    char path[128];
    snprintf(path, sizeof(path), "/auth/dev?user=%s", user);
    struct answer answer = federation_ask(f, "GET", path, "Cookie: none=1\r\n", NULL);
    const char *cookie = strstr(answer.raw.ptr, "pek_session=");
    assert_non_null(cookie);
    snprintf(f->cookie, sizeof(f->cookie), "%.*s", (int)strcspn(cookie, ";\r"), cookie);
    answer_free(&answer);
}

/* ---- what an answer says ------------------------------------------------------------------------ */

bool answer_has(const struct answer *answer, const char *text)
{
    return strstr(answer->text, text) != NULL;
}

const char *answer_groups(const struct answer *answer, char *ret_text, size_t bytes)
{
    static const char mark[] = "{\"realm\":\"", middle[] = "\",\"id\":\"";
    size_t len = 0;
    ret_text[0] = '\0';
    for (const char *at = answer->text; (at = strstr(at, mark)); at++) {
        const char *realm = at + strlen(mark);
        size_t realm_len = strcspn(realm, "\"");
        if (strncmp(realm + realm_len, middle, strlen(middle)) != 0)
            continue;
        const char *id = realm + realm_len + strlen(middle);
        int written = snprintf(ret_text + len, bytes - len, "%s%.*s/%.*s", len ? " " : "",
                               (int)realm_len, realm, (int)strcspn(id, "\""), id);
        assert_true(written > 0 && (size_t)written < bytes - len);
        len += (size_t)written;
    }
    return ret_text;
}

const char *answer_string(const struct answer *answer, const char *name, char *ret_text,
                          size_t bytes)
{
    char mark[64];
    ret_text[0] = '\0';
    snprintf(mark, sizeof(mark), "\"%s\":\"", name);
    for (const char *at = answer->text; (at = strstr(at, mark)); at++) {
        const char *value = at + strlen(mark);
        snprintf(ret_text, bytes, "%.*s", (int)strcspn(value, "\""), value);
    }
    return ret_text;
}
