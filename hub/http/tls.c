/* TLS by OpenSSL, with certificate and key read again when their files change. */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "hub/http/internal.h"

#define TLS_LOOK_MS 1000

struct http_tls_files {
    struct http_server *server;
    char *certificate_path, *key_path;
    void (*on_reload)(void *arg, const struct fault *problem);
    void *arg;
    uv_timer_t watch;
    uv_work_t work;
    struct stat seen[2]; /* of the files as they were loaded last, or refused */
    SSL_CTX *fresh;      /* made on a pool thread */
    bool changed;
    struct fault problem;
    bool watching, working;
};

/* Whoever names protocols and none of ours has another server in mind (RFC 7301 3.2, RFC 9325 3.7): somebody may have
 * led it here. Who names none is served as HTTP/1.1. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *in, unsigned in_len, void *arg)
{
    static const unsigned char ours[] = "\x02h2\x08http/1.1";
    (void)ssl, (void)arg;
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, out_len, ours, sizeof(ours) - 1, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* Each costs as much as a small request, is answered though nobody reads, and many are taken at once: KeyUpdate, or from TLS 1.2 a new
 * handshake, which is refused. */
static void on_message(int written, int version, int type, const void *bytes, size_t len, SSL *ssl,
                       void *arg)
{
    (void)version, (void)arg;
    struct http_conn *conn = SSL_get_app_data(ssl);
    bool is_type = type == SSL3_RT_HEADER || type == SSL3_RT_INNER_CONTENT_TYPE;
    if (!written && is_type && len > 0 && *(const unsigned char *)bytes == SSL3_RT_HANDSHAKE &&
        conn->shaken)
        conn->ssl_messages++;
}

static enum status context_load(const struct http_tls_files *files, SSL_CTX **ret_context,
                                struct fault *fault)
{
    ERR_clear_error();
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context && SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
        SSL_CTX_use_certificate_chain_file(context, files->certificate_path) == 1 &&
        SSL_CTX_use_PrivateKey_file(context, files->key_path, SSL_FILETYPE_PEM) == 1 &&
        SSL_CTX_check_private_key(context) == 1) {
        SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                         SSL_OP_CIPHER_SERVER_PREFERENCE);
        SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        /* Clients keep their sessions themselves, in tickets: what is kept here would outlive their connections. */
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_num_tickets(context, 1);
        SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
        SSL_CTX_set_msg_callback(context, on_message);
        *ret_context = context;
        return STATUS_OK;
    }
    char why[160];
    ERR_error_string_n(ERR_peek_last_error(), why, sizeof(why));
    ERR_clear_error();
    SSL_CTX_free(context);
    return fault_set(fault, STATUS_INVALID_ARGUMENT, "tls", "certificate or key: %s", why);
}

/* ---- reloading ----------------------------------------------------------------------------------- */

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Before they are read, so that no change is missed. False while one is away, as when it is replaced. */
static bool look(struct http_tls_files *files)
{
    struct stat now[2];
    if (stat(files->certificate_path, &now[0]) != 0 || stat(files->key_path, &now[1]) != 0)
        return false;
    bool changed = !is_same(&now[0], &files->seen[0]) || !is_same(&now[1], &files->seen[1]);
    memcpy(files->seen, now, sizeof(now));
    return changed;
}

static void look_work(uv_work_t *work)
{
    struct http_tls_files *files = work->data;
    files->problem = (struct fault){0};
    files->fresh = NULL;
    files->changed = look(files);
    if (files->changed)
        (void)!context_load(files, &files->fresh, &files->problem);
}

static void look_done(uv_work_t *work, int status)
{
    struct http_tls_files *files = work->data;
    struct http_server *server = files->server;
    (void)status;
    files->working = false;
    server->handles_open--;
    if (files->fresh) {
        SSL_CTX_free(server->tls_context); /* connections have references of their own */
        server->tls_context = files->fresh;
        files->fresh = NULL;
    }
    if (files->changed && files->on_reload)
        files->on_reload(files->arg, files->problem.status != STATUS_OK ? &files->problem : NULL);
}

static void on_look(uv_timer_t *watch)
{
    struct http_tls_files *files = watch->data;
    if (files->working)
        return;
    files->work.data = files;
    files->working = uv_queue_work(files->server->loop, &files->work, look_work, look_done) == 0;
    files->server->handles_open += files->working;
}

/* ---- life ---------------------------------------------------------------------------------------- */

enum status tls_new(struct http_server *server, const struct http_tls *options, struct fault *fault)
{
    struct http_tls_files *files = calloc(1, sizeof(*files));
    if (!files)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, "tls", "no memory");
    server->tls = files;
    files->server = server;
    files->on_reload = options->on_reload;
    files->arg = options->arg;
    files->certificate_path = strdup(options->certificate_path);
    files->key_path = strdup(options->key_path);
    if (!files->certificate_path || !files->key_path)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, "tls", "no memory");
    (void)look(files);
    enum status status = context_load(files, &server->tls_context, fault);
    if (status != STATUS_OK)
        return status;
    uv_timer_init(server->loop, &files->watch);
    files->watch.data = files;
    server->handles_open++;
    uv_timer_start(&files->watch, on_look, TLS_LOOK_MS, TLS_LOOK_MS);
    uv_unref((uv_handle_t *)&files->watch);
    files->watching = true;
    return STATUS_OK;
}

static void on_watch_close(uv_handle_t *handle)
{
    struct http_tls_files *files = handle->data;
    files->server->handles_open--;
}

void tls_close(struct http_server *server)
{
    struct http_tls_files *files = server->tls;
    if (files->watching)
        uv_close((uv_handle_t *)&files->watch, on_watch_close);
    files->watching = false;
    files->on_reload = NULL;
}

void tls_free(struct http_server *server)
{
    if (!server->tls)
        return;
    SSL_CTX_free(server->tls_context);
    free(server->tls->certificate_path);
    free(server->tls->key_path);
    free(server->tls);
    server->tls = NULL;
}

/* ---- one connection ------------------------------------------------------------------------------ */

/* OpenSSL reads from what just came and writes to the connection's buffer: no memory of its own in between. */

static int bio_read(BIO *bio, char *bytes, size_t len, size_t *ret_len)
{
    struct http_conn *conn = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (conn->ssl_messages > HTTP_TLS_MESSAGES_MAX)
        return 0; /* an error */
    if (conn->ssl_in.len == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    if (len > conn->ssl_in.len)
        len = conn->ssl_in.len;
    memcpy(bytes, conn->ssl_in.ptr, len);
    conn->ssl_in = slice_make(conn->ssl_in.ptr + len, conn->ssl_in.len - len);
    *ret_len = len;
    return 1;
}

static int bio_write(BIO *bio, const char *bytes, size_t len, size_t *ret_len)
{
    struct http_conn *conn = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    buffer_append(&conn->cipher, bytes, len);
    *ret_len = len;
    return 1;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *bio_method(void)
{
    static BIO_METHOD *method; /* of the process */
    if (!method && (method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "pek"))) {
        BIO_meth_set_read_ex(method, bio_read);
        BIO_meth_set_write_ex(method, bio_write);
        BIO_meth_set_ctrl(method, bio_ctrl);
    }
    return method;
}

bool tls_accept(struct http_conn *conn)
{
    conn->ssl = SSL_new(conn->server->tls_context);
    BIO *bio = bio_method() ? BIO_new(bio_method()) : NULL;
    if (!conn->ssl || !bio) {
        BIO_free(bio);
        return false;
    }
    BIO_set_data(bio, conn);
    BIO_set_init(bio, 1);
    SSL_set_bio(conn->ssl, bio, bio);
    SSL_set_app_data(conn->ssl, conn);
    SSL_set_accept_state(conn->ssl);
    return true;
}

/* The protocol that was agreed on; false when the connection is over. */
static bool shake_hands(struct http_conn *conn)
{
    if (conn->shaken)
        return true;
    int result = SSL_do_handshake(conn->ssl);
    if (conn->cipher.len > 0)
        conn_due(conn);
    if (result != 1) {
        if (SSL_get_error(conn->ssl, result) != SSL_ERROR_WANT_READ) {
            conn->said_goodbye = true; /* OpenSSL has said what is wrong */
            conn_end(conn, true);
        }
        return false;
    }
    conn->shaken = true;
    const unsigned char *name;
    unsigned len;
    SSL_get0_alpn_selected(conn->ssl, &name, &len);
    if (slice_equal_str(slice_make(name, len), "h2") && h2_begin(conn) != STATUS_OK) {
        conn_close(conn);
        return false;
    }
    return true;
}

void tls_take(struct http_conn *conn, struct slice bytes)
{
    char *clear = conn->server->clear_bytes;
    conn->ssl_in = bytes;
    ERR_clear_error();
    while (conn_is_open(conn) && shake_hands(conn)) {
        size_t len = 0;
        int result = SSL_read_ex(conn->ssl, clear, HTTP_READ_BYTES, &len);
        if (result == 1) {
            conn->protocol->take(conn, slice_make(clear, len));
            continue;
        }
        int error = SSL_get_error(conn->ssl, result);
        if (error == SSL_ERROR_ZERO_RETURN)
            conn->protocol->input_ended(conn);
        else if (error != SSL_ERROR_WANT_READ)
            conn_close(conn);
        break;
    }
    conn->ssl_in = (struct slice){0};
    if (conn->cipher.len > 0)
        conn_due(conn);
}

void tls_encrypt(struct http_conn *conn)
{
    struct buffer *out = &conn->out;
    ERR_clear_error();
    while (conn->out_taken < out->len && conn->cipher.len < HTTP_OUT_BYTES) {
        size_t len = 0;
        int result =
            SSL_write_ex(conn->ssl, out->ptr + conn->out_taken, out->len - conn->out_taken, &len);
        if (result != 1) {
            if (SSL_get_error(conn->ssl, result) != SSL_ERROR_WANT_READ)
                conn_close(conn);
            break;
        }
        conn->out_taken += len;
    }
    if (conn->out_taken == out->len) {
        buffer_empty(out);
        conn->out_taken = 0;
    }
}

void tls_say_goodbye(struct http_conn *conn)
{
    conn->said_goodbye = true;
    ERR_clear_error();
    if (SSL_is_init_finished(conn->ssl))
        (void)SSL_shutdown(conn->ssl);
}
