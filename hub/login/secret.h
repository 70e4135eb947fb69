/* secret: a short secret from a file, such as a mounted Kubernetes secret. Blocking: at start. */
#ifndef PEK_HUB_LOGIN_SECRET_H
#define PEK_HUB_LOGIN_SECRET_H

#include "shared/base/fault.h"

#define SECRET_BYTES_MAX 1024

/* The first line of the file, on the heap; ends with secret_free. INVALID_ARGUMENT (fault on `field`) when it
 * cannot be read, is empty, or is too long. */
PEK_MUST_CHECK enum status secret_load(const char *path, const char *field, char **ret_secret,
                                       struct fault *fault);
/* Wipes it. Takes NULL, returns NULL. */
char *secret_free(char *secret);

#endif
