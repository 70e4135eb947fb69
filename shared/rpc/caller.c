/* What is known of the caller beside its token: its certificate and its trace. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "shared/rpc/incoming.h"

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

static bool is_trace_id(struct slice hex)
{
    bool zero = true;
    for (size_t i = 0; i < hex.len; i++) {
        char c = hex.ptr[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
        zero &= c == '0';
    }
    return hex.len == 32 && !zero;
}

/* traceparent: version "-" trace-id "-" parent-id "-" flags; https://www.w3.org/TR/trace-context/ */
struct slice rpc_trace_id(struct rpc_ctx *ctx)
{
    if (ctx->trace_id[0] == '\0') {
        struct slice rest = rpc_metadata(ctx, "traceparent", 0);
        struct slice version = slice_cut(&rest, '-');
        struct slice id = slice_cut(&rest, '-');
        if (version.len == 2 && !slice_equal_str(version, "ff") && is_trace_id(id)) {
            memcpy(ctx->trace_id, id.ptr, id.len);
            ctx->trace_id[id.len] = '\0';
        } else {
            rpc_host_new_trace_id(ctx->entry->host, ctx->trace_id);
        }
    }
    return slice_make(ctx->trace_id, 32);
}
