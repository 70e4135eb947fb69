#include "shared/rpc/tls.h"

#include <unistd.h>

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

enum status tls_channel_credentials(const struct rpc_tls *tls,
                                    grpc_channel_credentials **ret_credentials, struct fault *fault)
{
    if (!tls) {
        *ret_credentials = grpc_insecure_credentials_create();
        return STATUS_OK;
    }
    enum status status = tls_check(tls, fault);
    if (status != STATUS_OK)
        return status;
    grpc_tls_credentials_options *options = tls_options(tls);
    grpc_tls_credentials_options_set_verify_server_cert(options, 1);
    *ret_credentials = grpc_tls_credentials_create(options);
    return STATUS_OK;
}
