/* tls: credentials of mutual TLS from files that may change. Private to shared/rpc. */
#ifndef PEK_SHARED_RPC_TLS_H
#define PEK_SHARED_RPC_TLS_H

#include <grpc/grpc_security.h>

#include "shared/rpc/rpc.h"

/* NULL `tls` gives credentials of plain text. UNAVAILABLE, with a fault, when a file cannot be read. */
PEK_MUST_CHECK enum status tls_server_credentials(const struct rpc_tls *tls,
                                                  grpc_server_credentials **ret_credentials,
                                                  struct fault *fault);
PEK_MUST_CHECK enum status tls_channel_credentials(const struct rpc_tls *tls,
                                                   grpc_channel_credentials **ret_credentials,
                                                   struct fault *fault);

#endif
