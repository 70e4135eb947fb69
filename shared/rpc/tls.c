#include "shared/rpc/tls.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/base/list.h"

/* How often gRPC looks whether the files changed; running connections keep what they began with. */
#define TLS_REFRESH_S 10

static enum status tls_check(const struct rpc_tls *tls, struct fault *fault)
{
    const char *const paths[] = {tls->ca_path, tls->certificate_path, tls->key_path};
    static const char *const what[] = {"CA certificate", "certificate", "private key"};
    for (size_t i = 0; i < 3; i++) {
        if (!paths[i])
            return fault_set(fault, STATUS_FAILED_PRECONDITION, NULL,
                             "TLS needs a CA certificate, a certificate and a private key");
        /* gRPC would only log it and then refuse every handshake. */
        if (access(paths[i], R_OK) != 0)
            return fault_set(fault, STATUS_UNAVAILABLE, NULL, "the %s cannot be read", what[i]);
    }
    return STATUS_OK;
}

static grpc_tls_credentials_options *tls_options(const struct rpc_tls *tls)
{
    grpc_tls_certificate_provider *files = grpc_tls_certificate_provider_file_watcher_create(
        tls->key_path, tls->certificate_path, tls->ca_path, TLS_REFRESH_S);
    grpc_tls_credentials_options *options = grpc_tls_credentials_options_create();
    grpc_tls_credentials_options_set_certificate_provider(options, files);
    grpc_tls_credentials_options_watch_root_certs(options);
    grpc_tls_credentials_options_watch_identity_key_cert_pairs(options);
    grpc_tls_certificate_provider_release(files);
    return options;
}

enum status tls_server_credentials(const struct rpc_tls *tls,
                                   grpc_server_credentials **ret_credentials, struct fault *fault)
{
    if (!tls) {
        *ret_credentials = grpc_insecure_server_credentials_create();
        return STATUS_OK;
    }
    enum status status = tls_check(tls, fault);
    if (status != STATUS_OK)
        return status;
    grpc_tls_credentials_options *options = tls_options(tls);
    grpc_tls_credentials_options_set_cert_request_type(
        options, GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    *ret_credentials = grpc_tls_server_credentials_create(options);
    return STATUS_OK;
}

/* ---- of channels ---- */

#define TLS_FILES 3

struct tls_credentials {
    struct list node; /* of `shared` */
    size_t users;
    grpc_channel_credentials *grpc;
    char *paths[TLS_FILES]; /* NULL: plain text */
};

static struct list shared = {&shared, &shared};

static bool is_of(const struct tls_credentials *credentials, const char *const paths[TLS_FILES])
{
    for (size_t i = 0; i < TLS_FILES; i++) {
        const char *path = credentials->paths[i];
        if (path && paths[i] ? strcmp(path, paths[i]) != 0 : path != paths[i])
            return false;
    }
    return true;
}

static struct tls_credentials *credentials_find(const char *const paths[TLS_FILES])
{
    LIST_FOR_EACH (node, &shared) {
        struct tls_credentials *credentials = LIST_ENTRY(node, struct tls_credentials, node);
        if (is_of(credentials, paths))
            return credentials;
    }
    return NULL;
}

static void credentials_free(struct tls_credentials *credentials)
{
    list_remove(&credentials->node);
    if (credentials->grpc)
        grpc_channel_credentials_release(credentials->grpc);
    for (size_t i = 0; i < TLS_FILES; i++)
        free(credentials->paths[i]);
    free(credentials);
}

static struct tls_credentials *credentials_new(const struct rpc_tls *tls,
                                               const char *const paths[TLS_FILES])
{
    struct tls_credentials *credentials = calloc(1, sizeof(*credentials));
    if (!credentials)
        return NULL;
    list_append(&shared, &credentials->node);
    for (size_t i = 0; i < TLS_FILES && tls; i++) {
        credentials->paths[i] = strdup(paths[i]);
        if (!credentials->paths[i]) {
            credentials_free(credentials);
            return NULL;
        }
    }
    if (!tls) {
        credentials->grpc = grpc_insecure_credentials_create();
        return credentials;
    }
    grpc_tls_credentials_options *options = tls_options(tls);
    grpc_tls_credentials_options_set_verify_server_cert(options, 1);
    credentials->grpc = grpc_tls_credentials_create(options);
    return credentials;
}

enum status tls_credentials_take(const struct rpc_tls *tls,
                                 struct tls_credentials **ret_credentials, struct fault *fault)
{
    const char *paths[TLS_FILES] = {0};
    if (tls) {
        PEK_TRY(tls_check(tls, fault));
        paths[0] = tls->ca_path;
        paths[1] = tls->certificate_path;
        paths[2] = tls->key_path;
    }
    struct tls_credentials *credentials = credentials_find(paths);
    if (!credentials)
        credentials = credentials_new(tls, paths);
    if (!credentials)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    credentials->users++;
    *ret_credentials = credentials;
    return STATUS_OK;
}

grpc_channel_credentials *tls_credentials_grpc(const struct tls_credentials *credentials)
{
    return credentials->grpc;
}

void tls_credentials_give_back(struct tls_credentials *credentials)
{
    if (--credentials->users == 0)
        credentials_free(credentials);
}
