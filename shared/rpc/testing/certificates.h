/* certificates: a certificate authority for one test, with files in a temporary folder. */
#ifndef PEK_SHARED_RPC_TESTING_CERTIFICATES_H
#define PEK_SHARED_RPC_TESTING_CERTIFICATES_H

#include "shared/rpc/rpc.h"

struct certificates {
    char folder[64];
    void *key;         /* of the authority */
    void *certificate; /* of the authority */
    char ca_path[128];
};

struct certificate_paths {
    char certificate[128];
    char key[128];
};

void certificates_open(struct certificates *certificates);
/* Files NAME.pem and NAME.key for the host name `common_name`; an existing pair is replaced. */
void certificates_issue(struct certificates *certificates, const char *name,
                        const char *common_name, struct certificate_paths *ret_paths);
void certificates_close(struct certificates *certificates);

#endif
