/* TLS by OpenSSL, HTTP/1.1 only, with certificate and key read again when their files change. */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>

#include "hub/http/internal.h"

#define TLS_POLL_MS 1000

struct http_tls_files {
    struct http_server *server;
    char *certificate_path, *key_path;
    void (*on_reload)(void *arg, const struct fault *problem);
    void *arg;
    uv_fs_poll_t watches[2];
    uv_work_t work;
    SSL_CTX *fresh; /* made on a pool thread */
    struct fault problem;
    bool watching, working, again;
};

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *in, unsigned in_len, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    (void)ssl, (void)arg;
    /* HTTP/2 is never offered: h2o 2.2.5 does not survive rapid resets. */
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, out_len, ours, sizeof(ours) - 1, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
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
        SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
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

static void load_work(uv_work_t *work)
{
    struct http_tls_files *files = work->data;
    files->problem = (struct fault){0};
    files->fresh = NULL;
    (void)context_load(files, &files->fresh, &files->problem);
}

static void load_start(struct http_tls_files *files);

static void load_done(uv_work_t *work, int status)
{
    struct http_tls_files *files = work->data;
    struct http_server *server = files->server;
    (void)status;
    files->working = false;
    server->handles_open--;
    if (files->fresh) {
        SSL_CTX_free(server->accept.ssl_ctx); /* connections have references of their own */
        server->accept.ssl_ctx = files->fresh;
        files->fresh = NULL;
    }
    if (files->again && files->watching)
        load_start(files);
    else if (files->on_reload)
        files->on_reload(files->arg, files->problem.status != STATUS_OK ? &files->problem : NULL);
}

static void load_start(struct http_tls_files *files)
{
    files->again = files->working;
    if (files->working)
        return;
    files->work.data = files;
    files->working = uv_queue_work(files->server->loop, &files->work, load_work, load_done) == 0;
    files->server->handles_open += files->working;
}

static void on_change(uv_fs_poll_t *watch, int status, const uv_stat_t *before,
                      const uv_stat_t *after)
{
    (void)before, (void)after;
    if (status == 0) /* gone for a moment while it is replaced: the next poll sees it */
        load_start(watch->data);
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
    enum status status = context_load(files, &server->accept.ssl_ctx, fault);
    if (status != STATUS_OK)
        return status;
    const char *const paths[] = {files->certificate_path, files->key_path};
    for (size_t i = 0; i < 2; i++) {
        uv_fs_poll_init(server->loop, &files->watches[i]);
        files->watches[i].data = files;
        server->handles_open++;
        uv_fs_poll_start(&files->watches[i], on_change, paths[i], TLS_POLL_MS);
        uv_unref((uv_handle_t *)&files->watches[i]);
    }
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
    for (size_t i = 0; files->watching && i < 2; i++)
        uv_close((uv_handle_t *)&files->watches[i], on_watch_close);
    files->watching = false;
    files->on_reload = NULL;
}

void tls_free(struct http_server *server)
{
    if (!server->tls)
        return;
    SSL_CTX_free(server->accept.ssl_ctx);
    free(server->tls->certificate_path);
    free(server->tls->key_path);
    free(server->tls);
    server->tls = NULL;
}
