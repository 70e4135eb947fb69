/* Keys in files: reading with a check of who else may read, writing whole or not at all. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/crypto/crypto.h"
#include "shared/crypto/es256.h"

#define PATH_BYTES_MAX 4096

static enum status status_from_errno(int error)
{
    if (error == ENOENT || error == ENOTDIR)
        return STATUS_NOT_FOUND;
    return error == EACCES || error == EPERM ? STATUS_PERMISSION_DENIED : STATUS_UNAVAILABLE;
}

static enum status refuse_file(struct fault *fault, int error, const char *path)
{
    return fault_set(fault, status_from_errno(error), NULL, "%s: %s", path, strerror(error));
}

static enum status read_whole(int fd, char *ret_bytes, size_t bytes_max, size_t *ret_len)
{
    size_t len = 0;
    while (len < bytes_max) {
        ssize_t got = read(fd, ret_bytes + len, bytes_max - len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return STATUS_UNAVAILABLE;
        if (got == 0)
            break;
        len += (size_t)got;
    }
    *ret_len = len;
    return STATUS_OK;
}

static enum status key_load(const char *path, bool is_private, struct es256_key **ret_key,
                            struct fault *fault)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return refuse_file(fault, errno, path);
    char pem[ES256_PEM_BYTES_MAX + 1]; /* one more, to see that there is more */
    size_t len = 0;
    struct stat info;
    enum status status = STATUS_OK;
    if (fstat(fd, &info) != 0)
        status = refuse_file(fault, errno, path);
    else if (!S_ISREG(info.st_mode))
        status = fault_set(fault, STATUS_INVALID_ARGUMENT, NULL, "%s: not a file", path);
    else if (is_private && crypto_file_is_exposed(fd))
        status = fault_set(fault, STATUS_PERMISSION_DENIED, NULL,
                           "%s: others may read this private key; chmod 600", path);
    else if (read_whole(fd, pem, sizeof(pem), &len) != STATUS_OK)
        status = refuse_file(fault, errno, path);
    close(fd);
    if (status != STATUS_OK)
        return status;
    struct fault why = {0};
    struct slice text = slice_make(pem, len);
    status = is_private ? es256_key_from_private_pem(text, ret_key, &why)
                        : es256_key_from_public_pem(text, ret_key, &why);
    crypto_wipe(pem, sizeof(pem));
    return status == STATUS_OK ? status : fault_set(fault, status, NULL, "%s: %s", path, why.text);
}

enum status es256_key_load_private(const char *path, struct es256_key **ret_key,
                                   struct fault *fault)
{
    return key_load(path, true, ret_key, fault);
}

enum status es256_key_load_public(const char *path, struct es256_key **ret_key, struct fault *fault)
{
    return key_load(path, false, ret_key, fault);
}

static enum status write_whole(int fd, struct slice bytes)
{
    while (bytes.len) {
        ssize_t put = write(fd, bytes.ptr, bytes.len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return STATUS_UNAVAILABLE;
        bytes = slice_make(bytes.ptr + put, bytes.len - (size_t)put);
    }
    return fsync(fd) == 0 ? STATUS_OK : STATUS_UNAVAILABLE;
}

/* Under a name of its own first; link(2) then gives it its name unless that is taken. */
static enum status save_new(struct slice pem, const char *path, struct fault *fault)
{
    char draft[PATH_BYTES_MAX];
    int len = snprintf(draft, sizeof(draft), "%s.XXXXXX", path);
    if (len < 0 || (size_t)len >= sizeof(draft))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, NULL, "the path is too long");
    int fd = mkostemp(draft, O_CLOEXEC); /* mode 0600 */
    if (fd < 0)
        return refuse_file(fault, errno, path);
    enum status status = STATUS_OK;
    if (write_whole(fd, pem) != STATUS_OK)
        status = refuse_file(fault, errno, path);
    else if (link(draft, path) != 0)
        status = errno == EEXIST ? fault_set(fault, STATUS_ALREADY_EXISTS, NULL,
                                             "%s exists; a key is never overwritten", path)
                                 : refuse_file(fault, errno, path);
    close(fd);
    unlink(draft);
    return status;
}

enum status es256_key_save_private(const struct es256_key *key, const char *path,
                                   struct fault *fault)
{
    struct buffer pem;
    buffer_init(&pem, ES256_PEM_BYTES_MAX);
    enum status status = es256_key_write_private_pem(key, &pem);
    if (status == STATUS_OK)
        status = save_new(buffer_slice(&pem), path, fault);
    else
        fault_set(fault, status, NULL, "the key cannot be written");
    if (pem.ptr)
        crypto_wipe(pem.ptr, pem.cap);
    buffer_done(&pem);
    return status;
}
