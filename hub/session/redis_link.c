#include "hub/session/redis_link.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "shared/base/buffer.h"

#define READ_BYTES 4096

struct redis_link {
    struct redis_link_events events;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    };
    uv_connect_t connecting;
    uv_write_t write;
    bool connected, is_writing, closed;
    redisReader *reader;
    size_t unfinished; /* bytes of the answer that is not whole yet */
    SSL *ssl;          /* NULL without TLS; between two BIOs in memory */
    /* In clear, to be sent; on its way, as it leaves. Exchanged without TLS. */
    struct buffer out, wire;
    char in[READ_BYTES], clear[READ_BYTES];
    char reason[REDIS_REASON_BYTES_MAX];
};

/* ---- the end ------------------------------------------------------------------------------------- */

static void end(struct redis_link *link, const char *reason)
{
    if (link->closed || link->reason[0])
        return;
    snprintf(link->reason, sizeof(link->reason), "%s", reason);
    link->events.on_end(link->events.arg, link, link->reason);
}

static void end_by_tls(struct redis_link *link)
{
    char reason[REDIS_REASON_BYTES_MAX];
    long verified = SSL_get_verify_result(link->ssl);
    const char *words = ERR_reason_error_string(ERR_peek_error());
    if (verified != X509_V_OK)
        snprintf(reason, sizeof(reason), "its certificate is not accepted: %s",
                 X509_verify_cert_error_string(verified));
    else
        snprintf(reason, sizeof(reason), "TLS: %s", words ? words : "it closed the connection");
    ERR_clear_error();
    end(link, reason);
}

static void on_closed(uv_handle_t *handle)
{
    struct redis_link *link = handle->data;
    buffer_done(&link->out);
    buffer_done(&link->wire);
    redisReaderFree(link->reader);
    SSL_free(link->ssl);
    free(link);
}

struct redis_link *redis_link_close(struct redis_link *link)
{
    if (!link)
        return NULL;
    link->closed = true;
    uv_close(&link->handle, on_closed);
    return NULL;
}

/* ---- sending ------------------------------------------------------------------------------------- */

static void on_written(uv_write_t *write, int status);

/* A step of it, or nothing when it is over. False when TLS broke. */
static bool shake_hands(struct redis_link *link)
{
    if (SSL_is_init_finished(link->ssl))
        return true;
    ERR_clear_error();
    int result = SSL_do_handshake(link->ssl);
    return result == 1 || SSL_get_error(link->ssl, result) == SSL_ERROR_WANT_READ;
}

/* What is in `out`, and what OpenSSL has to say itself, to `wire`. */
static void encrypt(struct redis_link *link)
{
    BIO *cipher = SSL_get_wbio(link->ssl);
    size_t len;
    if (link->out.len > 0 && SSL_is_init_finished(link->ssl) &&
        SSL_write_ex(link->ssl, link->out.ptr, link->out.len, &len) == 1)
        buffer_reset(&link->out);
    len = BIO_ctrl_pending(cipher);
    char *room = len > 0 ? buffer_reserve(&link->wire, len) : NULL;
    if (room && BIO_read_ex(cipher, room, len, &len) == 1)
        link->wire.len += len;
}

/* An error of the socket is found by reading. */
static void flush(struct redis_link *link)
{
    if (!link->connected || link->is_writing || link->closed)
        return;
    buffer_reset(&link->wire);
    if (link->ssl) {
        encrypt(link);
    } else {
        struct buffer empty = link->wire;
        link->wire = link->out;
        link->out = empty;
    }
    if (link->wire.len == 0)
        return;
    uv_buf_t bytes = uv_buf_init(link->wire.ptr, (unsigned)link->wire.len);
    link->is_writing = uv_write(&link->write, &link->stream, &bytes, 1, on_written) == 0;
}

static void on_written(uv_write_t *write, int status)
{
    struct redis_link *link = write->data;
    link->is_writing = false;
    if (status == 0)
        flush(link);
}

bool redis_link_send(struct redis_link *link, int argc, const char **argv, const size_t *lens)
{
    char *command = NULL;
    long long len = link->reason[0] ? -1 : redisFormatCommandArgv(&command, argc, argv, lens);
    bool fits = len >= 0 && (size_t)len <= REDIS_LINK_BYTES_MAX - link->out.len;
    if (fits)
        buffer_append(&link->out, command, (size_t)len);
    if (command)
        redisFreeCommand(command);
    flush(link);
    return fits && !link->out.failed;
}

/* ---- receiving ----------------------------------------------------------------------------------- */

static void take_clear(struct redis_link *link, const char *bytes, size_t len)
{
    void *reply = NULL;
    link->unfinished += len;
    int result = redisReaderFeed(link->reader, bytes, len);
    while (result == REDIS_OK && !link->closed && !link->reason[0] &&
           (result = redisReaderGetReply(link->reader, &reply)) == REDIS_OK && reply) {
        link->unfinished = link->reader->len - link->reader->pos;
        link->events.on_reply(link->events.arg, link, reply);
        freeReplyObject(reply);
    }
    if (result != REDIS_OK || link->unfinished > REDIS_LINK_BYTES_MAX)
        end(link, "what it says is not Redis' protocol");
}

static void take_cipher(struct redis_link *link, const char *bytes, size_t len)
{
    size_t done;
    int result = 1;
    ERR_clear_error();
    if (BIO_write_ex(SSL_get_rbio(link->ssl), bytes, len, &done) != 1) {
        end(link, "out of memory");
        return;
    }
    bool alive = shake_hands(link);
    while (alive && !link->closed && !link->reason[0] && SSL_is_init_finished(link->ssl) &&
           (result = SSL_read_ex(link->ssl, link->clear, READ_BYTES, &done)) == 1)
        take_clear(link, link->clear, done);
    if (result != 1)
        alive = SSL_get_error(link->ssl, result) == SSL_ERROR_WANT_READ;
    flush(link); /* also the alert that says what is wrong */
    if (!alive)
        end_by_tls(link);
}

static void on_alloc(uv_handle_t *handle, size_t wanted, uv_buf_t *ret_room)
{
    struct redis_link *link = handle->data;
    (void)wanted;
    *ret_room = uv_buf_init(link->in, READ_BYTES);
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *bytes)
{
    struct redis_link *link = stream->data;
    if (len == UV_EOF)
        end(link, "it closed the connection");
    else if (len < 0)
        end(link, uv_strerror((int)len));
    else if (len > 0 && link->ssl)
        take_cipher(link, bytes->base, (size_t)len);
    else if (len > 0)
        take_clear(link, bytes->base, (size_t)len);
}

/* ---- connecting ---------------------------------------------------------------------------------- */

static void on_connect(uv_connect_t *connecting, int status)
{
    struct redis_link *link = connecting->data;
    if (link->closed)
        return;
    if (status == 0)
        status = uv_read_start(&link->stream, on_alloc, on_read);
    if (status) {
        char reason[REDIS_REASON_BYTES_MAX];
        snprintf(reason, sizeof(reason), "cannot connect: %s", uv_strerror(status));
        end(link, reason);
        return;
    }
    link->connected = true;
    if (link->ssl)
        (void)shake_hands(link); /* begins; what is wrong shows when something comes */
    flush(link);
}

enum status redis_tls_context(const struct redis_tls *tls, SSL_CTX **ret_context,
                              struct fault *fault)
{
    const char *field = NULL;
    ERR_clear_error();
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (!context)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
    if ((tls->ca[0] ? SSL_CTX_load_verify_file(context, tls->ca)
                    : SSL_CTX_set_default_verify_paths(context)) != 1)
        field = "redis_ca";
    else if (tls->certificate[0] &&
             SSL_CTX_use_certificate_chain_file(context, tls->certificate) != 1)
        field = "redis_certificate";
    else if (tls->certificate[0] &&
             SSL_CTX_use_PrivateKey_file(context, tls->key, SSL_FILETYPE_PEM) != 1)
        field = "redis_key";
    if (!field) {
        *ret_context = context;
        return STATUS_OK;
    }
    const char *words = ERR_reason_error_string(ERR_peek_last_error());
    enum status status = fault_set(fault, STATUS_INVALID_ARGUMENT, field, "it cannot be taken: %s",
                                   words ? words : "no such file");
    ERR_clear_error();
    SSL_CTX_free(context);
    return status;
}

static bool begin_tls(struct redis_link *link, const char *host, SSL_CTX *context)
{
    unsigned char ip[sizeof(struct in6_addr)];
    bool is_ip = inet_pton(AF_INET, host, ip) == 1 || inet_pton(AF_INET6, host, ip) == 1;
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    link->ssl = SSL_new(context);
    if (!link->ssl || !in || !out) {
        BIO_free(in);
        BIO_free(out);
        return false;
    }
    SSL_set_bio(link->ssl, in, out);
    SSL_set_connect_state(link->ssl);
    return is_ip ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(link->ssl), host) == 1
                 : SSL_set1_host(link->ssl, host) == 1 &&
                       SSL_set_tlsext_host_name(link->ssl, host) == 1;
}

struct redis_link *redis_link_open(uv_loop_t *loop, const struct sockaddr *address,
                                   const char *host, SSL_CTX *context,
                                   const struct redis_link_events *events)
{
    struct redis_link *link = calloc(1, sizeof(*link));
    if (!link)
        return NULL;
    link->events = *events;
    buffer_init(&link->out, REDIS_LINK_BYTES_MAX);
    buffer_init(&link->wire, 2 * REDIS_LINK_BYTES_MAX);
    link->reader = redisReaderCreate();
    link->connecting.data = link->write.data = link;
    if (address)
        uv_tcp_init(loop, &link->tcp);
    else
        uv_pipe_init(loop, &link->pipe, 0);
    link->handle.data = link;
    if (!link->reader || (context && !begin_tls(link, host, context)))
        return redis_link_close(link);
    if (!address)
        uv_pipe_connect(&link->connecting, &link->pipe, host, on_connect);
    else if (uv_tcp_connect(&link->connecting, &link->tcp, address, on_connect) != 0)
        return redis_link_close(link);
    return link;
}
