/* tls: credentials of mutual TLS from files that may change. Private to shared/rpc. */
#ifndef PEK_SHARED_RPC_TLS_H
#define PEK_SHARED_RPC_TLS_H

#include <grpc/grpc_security.h>

#include "shared/rpc/rpc.h"

/* NULL `tls` gives credentials of plain text. UNAVAILABLE, with a fault, when a file cannot be read. */
PEK_MUST_CHECK enum status tls_server_credentials(const struct rpc_tls *tls,
                                                  grpc_server_credentials **ret_credentials,
                                                  struct fault *fault);

/* Of a channel. Those of the same three paths are the same: gRPC has a thread for each that looks after the files. */
struct tls_credentials;
PEK_MUST_CHECK enum status tls_credentials_take(const struct rpc_tls *tls,
                                                struct tls_credentials **ret_credentials,
                                                struct fault *fault);
/* Borrowed. */
grpc_channel_credentials *tls_credentials_grpc(const struct tls_credentials *credentials);
void tls_credentials_give_back(struct tls_credentials *credentials);

#endif
