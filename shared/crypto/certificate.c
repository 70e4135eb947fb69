#include "shared/crypto/certificate.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
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

/* ---- what a person is told ---------------------------------------------------------------------- */

static enum status refuse(const struct certificate_file *file, enum status status, const char *what,
                          struct fault *fault)
{
    if (status == STATUS_UNAVAILABLE)
        return fault_set(fault, status, file->field, "%s cannot be read: %s", file->path,
                         strerror(errno));
    return fault_set(fault, status, file->field, "%s holds no %s as PEM", file->path, what);
}

static enum status open_certificate(const struct certificate_file *file, X509 **ret_certificate,
                                    struct fault *fault)
{
    enum status status = read_certificate(file->path, ret_certificate);
    return status == STATUS_OK ? status : refuse(file, status, "certificate", fault);
}

enum status certificate_check(const struct certificate_file *file, struct fault *fault)
{
    X509 *certificate;
    PEK_TRY(open_certificate(file, &certificate, fault));
    X509_free(certificate);
    return STATUS_OK;
}

enum status certificate_check_time(const struct certificate_file *file, int64_t now_unix_s,
                                   struct fault *fault)
{
    X509 *certificate;
    time_t now = now_unix_s;
    PEK_TRY(open_certificate(file, &certificate, fault));
    const char *problem = "";
    if (X509_cmp_time(X509_get0_notBefore(certificate), &now) >= 0)
        problem = "is not valid yet";
    else if (X509_cmp_time(X509_get0_notAfter(certificate), &now) <= 0)
        problem = "has expired";
    X509_free(certificate);
    return problem[0] ? fault_set(fault, STATUS_FAILED_PRECONDITION, file->field, "%s %s",
                                  file->path, problem)
                      : STATUS_OK;
}

enum status certificate_check_pair(const struct certificate_file *file,
                                   const struct certificate_file *key, struct fault *fault)
{
    X509 *certificate;
    EVP_PKEY *private_key = NULL;
    PEK_TRY(open_certificate(file, &certificate, fault));
    enum status status = read_key(key->path, &private_key);
    if (status != STATUS_OK)
        status = refuse(key, status, "private key without a passphrase", fault);
    else if (X509_check_private_key(certificate, private_key) != 1)
        status = fault_set(fault, STATUS_FAILED_PRECONDITION, key->field, "%s is not the key of %s",
                           key->path, file->field);
    ERR_clear_error();
    EVP_PKEY_free(private_key);
    X509_free(certificate);
    return status;
}

/* The first name of the certificate, "" for none. */
static void first_name(X509 *certificate, char *ret_name, size_t bytes)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    ret_name[0] = '\0';
    for (int i = 0; names && !ret_name[0] && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_DNS)
            snprintf(ret_name, bytes, "%.*s", ASN1_STRING_length(name->d.dNSName),
                     (const char *)ASN1_STRING_get0_data(name->d.dNSName));
    }
    GENERAL_NAMES_free(names);
}

enum status certificate_check_name(const struct certificate_file *file, const char *name,
                                   struct fault *fault)
{
    X509 *certificate;
    char other[256];
    PEK_TRY(open_certificate(file, &certificate, fault));
    bool has = X509_check_host(certificate, name, 0, 0, NULL) == 1 ||
               X509_check_ip_asc(certificate, name, 0) == 1;
    first_name(certificate, other, sizeof(other));
    ERR_clear_error();
    X509_free(certificate);
    if (has)
        return STATUS_OK;
    return fault_set(fault, STATUS_FAILED_PRECONDITION, file->field, "%s names %s, and not %s",
                     file->path, other[0] ? other : "no host", name);
}

/* ---- keys --------------------------------------------------------------------------------------- */

/* Of whatever the file holds first: a certificate, a private key, a public one. NULL for none. */
static EVP_PKEY *read_public(const char *path)
{
    X509 *certificate;
    EVP_PKEY *key = NULL;
    if (read_certificate(path, &certificate) == STATUS_OK) {
        key = X509_get_pubkey(certificate);
        X509_free(certificate);
    } else if (read_key(path, &key) != STATUS_OK) {
        FILE *file = fopen(path, "re");
        key = file ? PEM_read_PUBKEY(file, NULL, no_passphrase, NULL) : NULL;
        if (file)
            fclose(file);
    }
    ERR_clear_error();
    return key;
}

bool certificate_is_same_key(const char *path, const char *other)
{
    EVP_PKEY *a = path[0] ? read_public(path) : NULL, *b = other[0] ? read_public(other) : NULL;
    bool same = a && b && EVP_PKEY_eq(a, b) == 1;
    EVP_PKEY_free(a);
    EVP_PKEY_free(b);
    ERR_clear_error();
    return same;
}
