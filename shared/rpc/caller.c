/* What is known of the caller beside its token: its certificate and its trace. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "shared/rpc/incoming.h"
#include "shared/trace/trace.h"

#define TRACE_ID_BYTES 32

static const uint8_t certificate_none[32];

/* Parsing a certificate costs more than all the rest of a small call, and nearly every call of a worker comes
 * from the same hub: the certificate seen last is remembered, by its bytes. */
#define CERTIFICATE_REMEMBERED_BYTES_MAX 8192

static _Thread_local struct {
    size_t len; /* 0: none yet */
    char pem[CERTIFICATE_REMEMBERED_BYTES_MAX];
    uint8_t sha256[32];
} remembered;

static bool certificate_parse(struct slice pem, uint8_t ret_sha256[32])
{
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    unsigned bytes = 0;
    bool ok = certificate && X509_digest(certificate, EVP_sha256(), ret_sha256, &bytes) == 1;
    X509_free(certificate);
    BIO_free(bio);
    return ok && bytes == 32;
}

static bool certificate_hash(struct slice pem, uint8_t ret_sha256[32])
{
    bool known = remembered.len > 0 && slice_equal(pem, slice_make(remembered.pem, remembered.len));
    if (!known && !certificate_parse(pem, ret_sha256))
        return false;
    if (known) {
        memcpy(ret_sha256, remembered.sha256, sizeof(remembered.sha256));
    } else if (pem.len <= sizeof(remembered.pem)) {
        remembered.len = pem.len;
        memcpy(remembered.pem, pem.ptr, pem.len);
        memcpy(remembered.sha256, ret_sha256, sizeof(remembered.sha256));
    }
    return true;
}

struct slice rpc_peer_certificate_sha256(struct rpc_ctx *ctx)
{
    struct slice known = slice_make(ctx->certificate_sha256, sizeof(ctx->certificate_sha256));
    if (memcmp(known.ptr, certificate_none, known.len) != 0)
        return known;
    struct slice pem = ctx->transport->peer_certificate(ctx, &ctx->arena);
    if (pem.len == 0 || pem.len > RPC_MESSAGE_BYTES_MAX)
        return (struct slice){0};
    uint8_t sha256[32];
    if (!certificate_hash(pem, sha256))
        return (struct slice){0};
    memcpy(ctx->certificate_sha256, sha256, sizeof(sha256));
    return known;
}

struct slice rpc_traceparent_id(struct slice traceparent, bool *ret_sampled)
{
    struct slice trace, parent;
    *ret_sampled = false;
    return traceparent_read(traceparent, &trace, &parent, ret_sampled) ? trace : (struct slice){0};
}

struct slice rpc_trace_id(struct rpc_ctx *ctx)
{
    bool sampled;
    if (ctx->trace_id[0] == '\0') {
        struct slice id = rpc_traceparent_id(rpc_metadata(ctx, "traceparent", 0), &sampled);
        if (id.len > 0)
            (void)snprintf(ctx->trace_id, sizeof(ctx->trace_id), "%.*s", SLICE_ARG(id));
        else
            rpc_host_new_trace_id(ctx->entry->host, ctx->trace_id);
    }
    return slice_make(ctx->trace_id, TRACE_ID_BYTES);
}

struct rpc_trace rpc_trace(const struct rpc_ctx *ctx)
{
    return (struct rpc_trace){rpc_metadata(ctx, "traceparent", 0),
                              rpc_metadata(ctx, "x-request-id", 0)};
}

size_t rpc_trace_pairs(const struct rpc_trace *trace,
                       struct rpc_pair ret_pairs[RPC_TRACE_PAIRS_MAX])
{
    size_t count = 0;
    if (trace->parent.len > 0)
        ret_pairs[count++] = (struct rpc_pair){SLICE_LIT("traceparent"), trace->parent};
    if (trace->request_id.len > 0)
        ret_pairs[count++] = (struct rpc_pair){SLICE_LIT("x-request-id"), trace->request_id};
    return count;
}
