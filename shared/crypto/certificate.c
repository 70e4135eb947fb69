#include "shared/crypto/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <time.h>

static enum status read_certificate(const char *path, X509 **ret_certificate)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return STATUS_UNAVAILABLE;
    X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    ERR_clear_error();
    if (!certificate)
        return STATUS_INVALID_ARGUMENT;
    *ret_certificate = certificate;
    return STATUS_OK;
}

/* Nobody sits there to be asked. */
static int no_passphrase(char *text, int text_bytes, int writing, void *arg)
{
    (void)text;
    (void)text_bytes;
    (void)writing;
    (void)arg;
    return -1;
}

static enum status read_key(const char *path, EVP_PKEY **ret_key)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return STATUS_UNAVAILABLE;
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, no_passphrase, NULL);
    fclose(file);
    ERR_clear_error();
    if (!key)
        return STATUS_INVALID_ARGUMENT;
    *ret_key = key;
    return STATUS_OK;
}

const char *certificate_problem(const char *path, int64_t now_unix_s)
{
    X509 *certificate;
    time_t now = now_unix_s;
    if (read_certificate(path, &certificate) != STATUS_OK)
        return "cannot be read as PEM";
    const char *problem = "";
    if (X509_cmp_time(X509_get0_notBefore(certificate), &now) >= 0)
        problem = "is not valid yet";
    else if (X509_cmp_time(X509_get0_notAfter(certificate), &now) <= 0)
        problem = "has expired";
    X509_free(certificate);
    return problem;
}

enum status certificate_expiry(const char *path, int64_t *ret_unix_s)
{
    X509 *certificate;
    struct tm tm = {0};
    enum status status = read_certificate(path, &certificate);
    if (status != STATUS_OK)
        return status;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) == 1)
        *ret_unix_s = timegm(&tm);
    else
        status = STATUS_INVALID_ARGUMENT;
    X509_free(certificate);
    return status;
}

enum status certificate_matches(const char *path, const char *key_path)
{
    X509 *certificate;
    EVP_PKEY *key = NULL;
    enum status status = read_certificate(path, &certificate);
    if (status != STATUS_OK)
        return status;
    status = read_key(key_path, &key);
    if (status == STATUS_OK && X509_check_private_key(certificate, key) != 1)
        status = STATUS_FAILED_PRECONDITION;
    ERR_clear_error();
    EVP_PKEY_free(key);
    X509_free(certificate);
    return status;
}
