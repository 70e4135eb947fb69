/* certificate: what a program wants to know of the certificates that it was given.
 *
 * Each reads the disk. A `field` is the setting that names the file; faults say what is wrong with it in the words that a person
 * is told, whoever asks: check-config, or the start. UNAVAILABLE where a file cannot be read, with errno's words;
 * INVALID_ARGUMENT where it holds no such thing as PEM; FAILED_PRECONDITION where it is the wrong one.
 */
#ifndef PEK_SHARED_CRYPTO_CERTIFICATE_H
#define PEK_SHARED_CRYPTO_CERTIFICATE_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/fault.h"

/* A file as a setting names it. */
struct certificate_file {
    const char *field, *path;
};

/* When the first certificate of a PEM file is valid no longer, in seconds since 1970. */
PEK_MUST_CHECK enum status certificate_expiry(const char *path, int64_t *ret_unix_s);

/* Whether the file holds a certificate. */
PEK_MUST_CHECK enum status certificate_check(const struct certificate_file *file,
                                             struct fault *fault);
/* Whether the first of them is valid at this time. */
PEK_MUST_CHECK enum status certificate_check_time(const struct certificate_file *file,
                                                  int64_t now_unix_s, struct fault *fault);
/* Whether it is for the private key of `key`. */
PEK_MUST_CHECK enum status certificate_check_pair(const struct certificate_file *file,
                                                  const struct certificate_file *key,
                                                  struct fault *fault);
/* Whether its subjectAltName has this host name; the fault says which it has. */
PEK_MUST_CHECK enum status certificate_check_name(const struct certificate_file *file,
                                                  const char *name, struct fault *fault);
/* Whether two files are of one key: private keys, public ones or certificates. For keys that must be no other's. False also
 * when one cannot be read or is not there, which is another mistake. */
bool certificate_is_same_key(const char *path, const char *other);

#endif
