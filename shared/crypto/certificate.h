/* certificate: what a program wants to know of the certificates that it was given. */
#ifndef PEK_SHARED_CRYPTO_CERTIFICATE_H
#define PEK_SHARED_CRYPTO_CERTIFICATE_H

#include <stdint.h>

#include "shared/base/status.h"

/* When the first certificate of a PEM file is valid no longer, in seconds since 1970. Reads the disk. UNAVAILABLE where the file
 * cannot be read, INVALID_ARGUMENT where it holds no certificate. */
PEK_MUST_CHECK enum status certificate_expiry(const char *path, int64_t *ret_unix_s);

/* "", or what is wrong with the first certificate of the file at this time: for a line of check-config. Reads the disk. */
const char *certificate_problem(const char *path, int64_t now_unix_s);

/* Whether the file's first certificate is for the private key of `key_path`. FAILED_PRECONDITION when it is not; the
 * others as above, INVALID_ARGUMENT also for a file without a private key. Reads the disk. */
PEK_MUST_CHECK enum status certificate_matches(const char *path, const char *key_path);

#endif
