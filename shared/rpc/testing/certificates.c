#include "shared/rpc/testing/certificates.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

static long next_serial = 1;

static void extension_add(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static X509 *certificate_make(EVP_PKEY *key, const char *common_name, X509 *issuer,
                              EVP_PKEY *issuer_key)
{
    X509 *certificate = X509_new();
    assert_non_null(certificate);
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), next_serial++);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)common_name, -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer ? issuer : certificate));
    if (issuer) {
        char names[128];
        snprintf(names, sizeof(names), "DNS:%s", common_name);
        extension_add(certificate, issuer, NID_subject_alt_name, names);
    } else {
        extension_add(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
    }
    assert_true(X509_sign(certificate, issuer_key, EVP_sha256()) > 0);
    return certificate;
}

static void write_certificate(const char *path, X509 *certificate)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, certificate), 1);
    assert_int_equal(fclose(file), 0);
}

static void write_key(const char *path, EVP_PKEY *key)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(fclose(file), 0);
}

void certificates_open(struct certificates *certificates)
{
    *certificates = (struct certificates){0};
    const char *parent = getenv("TEST_TMPDIR");
    if (!parent || strlen(parent) > 40)
        parent = "/tmp";
    snprintf(certificates->folder, sizeof(certificates->folder), "%s/rpc.XXXXXX", parent);
    assert_non_null(mkdtemp(certificates->folder));
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert_non_null(key);
    certificates->key = key;
    certificates->certificate = certificate_make(key, "pek test authority", NULL, key);
    snprintf(certificates->ca_path, sizeof(certificates->ca_path), "%s/ca.pem",
             certificates->folder);
    write_certificate(certificates->ca_path, certificates->certificate);
}

void certificates_issue(struct certificates *certificates, const char *name,
                        const char *common_name, struct certificate_paths *ret_paths)
{
    *ret_paths = (struct certificate_paths){0};
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert_non_null(key);
    X509 *certificate =
        certificate_make(key, common_name, certificates->certificate, certificates->key);
    snprintf(ret_paths->certificate, sizeof(ret_paths->certificate), "%s/%s.pem",
             certificates->folder, name);
    snprintf(ret_paths->key, sizeof(ret_paths->key), "%s/%s.key", certificates->folder, name);
    write_certificate(ret_paths->certificate, certificate);
    write_key(ret_paths->key, key);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static int entry_remove(const char *path, const struct stat *stat, int type, struct FTW *ftw)
{
    (void)stat, (void)type, (void)ftw;
    return remove(path);
}

void certificates_close(struct certificates *certificates)
{
    assert_int_equal(nftw(certificates->folder, entry_remove, 4, FTW_DEPTH | FTW_PHYS), 0);
    X509_free(certificates->certificate);
    EVP_PKEY_free(certificates->key);
}
