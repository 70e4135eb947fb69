#include "hub/login/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/crypto/crypto.h"

enum status secret_load(const char *path, const char *field, char **ret_secret, struct fault *fault)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *secret = calloc(1, SECRET_BYTES_MAX + 1);
    ssize_t len = -1;

    if (fd >= 0 && secret && crypto_file_is_exposed(fd)) {
        close(fd);
        free(secret);
        return fault_set(fault, STATUS_PERMISSION_DENIED, field,
                         "%s: others may read this secret; chmod 600", path);
    }
    if (fd >= 0 && secret)
        len = read(fd, secret, SECRET_BYTES_MAX + 1);
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (len > 0 && len <= SECRET_BYTES_MAX) {
        secret[strcspn(secret, "\r\n")] = 0;
        if (secret[0]) {
            *ret_secret = secret;
            return STATUS_OK;
        }
    }
    free(secret);
    if (len < 0)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, field, "%s cannot be read: %s", path,
                         strerror(error));
    return fault_set(fault, STATUS_INVALID_ARGUMENT, field,
                     "the file must hold one line of 1 to %d bytes", SECRET_BYTES_MAX);
}

char *secret_free(char *secret)
{
    if (secret)
        crypto_wipe(secret, strlen(secret));
    free(secret);
    return NULL;
}
