#include "hub/registry/instance_rules.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

#include "shared/base/number.h"

/* What sockaddr_un has room for. */
#define TARGET_PATH_BYTES_MAX 107

bool realm_is_valid(const char *realm)
{
    size_t len = strlen(realm);

    if (len == 0 || len > REALM_BYTES_MAX || realm[0] == '-')
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!islower((unsigned char)realm[i]) && !isdigit((unsigned char)realm[i]) &&
            realm[i] != '-')
            return false;
    }
    return true;
}

struct slice target_addresses(const char *target, int *ret_family)
{
    static const struct {
        const char *name;
        int family;
        bool server; /* that is asked for names, up to a slash */
    } schemes[] = {{"dns://", 0, true},
                   {"dns:", 0, false},
                   {"ipv4:", AF_INET, false},
                   {"ipv6:", AF_INET6, false}};
    struct slice rest = slice_str(target);

    *ret_family = 0;
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        struct slice name = slice_str(schemes[i].name);
        if (!slice_starts_with(rest, name))
            continue;
        *ret_family = schemes[i].family;
        rest = slice_make(rest.ptr + name.len, rest.len - name.len);
        if (schemes[i].server)
            (void)slice_cut(&rest, '/');
        return rest;
    }
    return rest;
}

/* Host and port of an address; false for one that has none. */
static bool split_address(struct slice address, struct slice *ret_host, struct slice *ret_port)
{
    const char *colon = address.len ? memrchr(address.ptr, ':', address.len) : NULL;
    if (!colon)
        return false;
    *ret_host = slice_make(address.ptr, (size_t)(colon - address.ptr));
    *ret_port = slice_make(colon + 1, address.len - ret_host->len - 1);
    /* An IPv6 address stands in brackets. */
    return ret_host->len == 0 || address.ptr[0] == '[' || !memchr(address.ptr, ':', ret_host->len);
}

static bool port_is_valid(struct slice port)
{
    unsigned value = 0;

    if (port.len == 0 || port.len > 5)
        return false;
    for (size_t i = 0; i < port.len; i++) {
        if (!isdigit((unsigned char)port.ptr[i]))
            return false;
        value = value * 10 + (unsigned)(port.ptr[i] - '0');
    }
    return value >= 1 && value <= 65535;
}

bool target_is_peer(const char *target, uint32_t *ret_uid, const char **ret_path)
{
    static const struct slice scheme = SLICE_LIT("peer:");
    struct slice rest = slice_str(target);
    int64_t uid;

    if (!slice_starts_with(rest, scheme))
        return false;
    rest = slice_make(rest.ptr + scheme.len, rest.len - scheme.len);
    struct slice number = slice_cut(&rest, ':');
    /* The last number is nobody's: it says "no user" elsewhere. */
    if (!number_parse(number, &uid) || uid < 0 || uid >= UINT32_MAX || rest.len == 0 ||
        rest.len > TARGET_PATH_BYTES_MAX || rest.ptr[0] != '/')
        return false;
    *ret_uid = (uint32_t)uid;
    *ret_path = rest.ptr;
    return true;
}

static bool address_is_valid(struct slice address)
{
    struct slice host, port;

    return split_address(address, &host, &port) && host.len > 0 && port_is_valid(port) &&
           !memchr(host.ptr, '/', host.len);
}

bool target_address(int family, struct slice address,
                    char ret_address[INSTANCE_ADDRESS_BYTES_MAX + 1])
{
    char text[INET6_ADDRSTRLEN];
    unsigned char bytes[sizeof(struct in6_addr)];
    struct slice host, port;
    bool brackets = family == AF_INET6;

    if (!split_address(address, &host, &port) || !port_is_valid(port))
        return false;
    if (brackets && (host.len < 2 || host.ptr[0] != '[' || host.ptr[host.len - 1] != ']'))
        return false;
    if (brackets)
        host = slice_make(host.ptr + 1, host.len - 2);
    if (host.len >= sizeof(text))
        return false;
    snprintf(text, sizeof(text), "%.*s", SLICE_ARG(host));
    if (inet_pton(family, text, bytes) != 1 || !inet_ntop(family, bytes, text, sizeof(text)))
        return false;
    while (port.ptr[0] == '0')
        port = slice_make(port.ptr + 1, port.len - 1);
    snprintf(ret_address, INSTANCE_ADDRESS_BYTES_MAX + 1, brackets ? "[%s]:%.*s" : "%s:%.*s", text,
             SLICE_ARG(port));
    return true;
}

/* Of dns://SERVER/…: gRPC looks up no name to find the server that looks up names. */
static bool server_is_valid(const char *target)
{
    static const struct slice scheme = SLICE_LIT("dns://");
    char literal[INSTANCE_ADDRESS_BYTES_MAX + 1];
    struct slice rest = slice_str(target);

    if (!slice_starts_with(rest, scheme))
        return true;
    rest = slice_make(rest.ptr + scheme.len, rest.len - scheme.len);
    struct slice server = slice_cut(&rest, '/');
    return server.len == 0 || target_address(AF_INET, server, literal) ||
           target_address(AF_INET6, server, literal);
}

static bool target_is_valid(const char *target)
{
    static const struct slice unix_scheme = SLICE_LIT("unix:"), xds_scheme = SLICE_LIT("xds:///");
    struct slice all = slice_str(target);
    uint32_t uid;
    const char *path;
    char literal[INSTANCE_ADDRESS_BYTES_MAX + 1];
    int family;

    if (!slice_is_printable(all, INSTANCE_TARGET_BYTES_MAX))
        return false;
    struct slice rest = target_addresses(target, &family);
    if (!server_is_valid(target) || rest.len == 0 || (!family && memchr(rest.ptr, ',', rest.len)))
        return false;
    if (slice_starts_with(all, unix_scheme))
        return all.len > unix_scheme.len && all.len - unix_scheme.len <= TARGET_PATH_BYTES_MAX;
    if (slice_starts_with(all, xds_scheme))
        return all.len > xds_scheme.len;
    if (slice_starts_with(all, SLICE_LIT("peer:")))
        return target_is_peer(target, &uid, &path);
    if (rest.ptr[rest.len - 1] == ',')
        return false;
    while (rest.len > 0) {
        struct slice address = slice_cut(&rest, ',');
        if (!address_is_valid(address) || (family && !target_address(family, address, literal)))
            return false;
    }
    return true;
}

static bool is_loopback(struct slice host)
{
    return slice_starts_with(host, SLICE_LIT("127.")) || slice_equal_str(host, "localhost") ||
           slice_equal_str(host, "[::1]");
}

static bool is_any(struct slice host)
{
    return host.len == 0 || slice_equal_str(host, "0.0.0.0") || slice_equal_str(host, "[::]");
}

bool target_is_listen(const char *target, const char *listen)
{
    struct slice host, port, own_host, own_port;
    int family;

    if (!split_address(slice_str(listen), &own_host, &own_port))
        return false;
    for (struct slice rest = target_addresses(target, &family); rest.len > 0;) {
        if (!split_address(slice_cut(&rest, ','), &host, &port) || !slice_equal(port, own_port))
            continue;
        if (slice_equal(host, own_host) || is_any(host) ||
            (is_loopback(host) && (is_loopback(own_host) || is_any(own_host))))
            return true;
    }
    return false;
}

static bool is_pem_certificate(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    bool is = certificate != NULL;

    X509_free(certificate);
    BIO_free(bio);
    return is;
}

static size_t characters(const char *text)
{
    size_t count = 0;

    for (; *text; text++)
        count += ((unsigned char)*text & 0xC0) != 0x80; /* all but the bytes that go on */
    return count;
}

enum status instance_row_check(const struct instance_row *row, struct fault *fault)
{
    uint32_t uid;
    const char *path;

    if (!realm_is_valid(row->realm))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "realm",
                         "a realm is 1 to %d of a-z, 0-9 and '-', and does not begin with '-'",
                         REALM_BYTES_MAX);
    if (!row->target || !target_is_valid(row->target))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "target",
                         "a target is host:port, dns:///host:port, dns://server:port/host:port, "
                         "ipv4:address:port,…, ipv6:[address]:port,…, xds:///name, unix:/path or "
                         "peer:UID:/path");
    if (target_is_peer(row->target, &uid, &path) && (row->tls_name || row->ca_pem))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, row->tls_name ? "tls_name" : "ca_pem",
                         "a target peer:UID:/path has no TLS");
    if (row->name && characters(row->name) > INSTANCE_NAME_CHARACTERS_MAX)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "name", "a name has at most %d characters",
                         INSTANCE_NAME_CHARACTERS_MAX);
    if (row->tls_name &&
        (row->tls_name[0] == 0 || strlen(row->tls_name) > INSTANCE_TARGET_BYTES_MAX))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "tls_name", "a TLS name has 1 to %d bytes",
                         INSTANCE_TARGET_BYTES_MAX);
    if (row->ca_pem &&
        (strlen(row->ca_pem) > INSTANCE_CA_BYTES_MAX || !is_pem_certificate(row->ca_pem)))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "ca_pem",
                         "a CA is one or more certificates as PEM, at most %d bytes",
                         INSTANCE_CA_BYTES_MAX);
    return STATUS_OK;
}
