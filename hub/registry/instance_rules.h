/* instance_rules: what may be written into the registry. Pure; for the admin API and pekctl alike. */
#ifndef PEK_HUB_REGISTRY_INSTANCE_RULES_H
#define PEK_HUB_REGISTRY_INSTANCE_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "hub/registry/instance_store.h"
#include "hub/registry/registry.h"
#include "shared/base/slice.h"

#define INSTANCE_TARGET_BYTES_MAX 255
#define INSTANCE_CA_BYTES_MAX 65536

bool realm_is_valid(const char *realm);
/* INVALID_ARGUMENT naming the field: a realm, an address as gRPC takes it ("host:port", "dns:///host:port", "dns://server:port/host:port",
 * "ipv4:a:1,b:1", "ipv6:[a]:1,[b]:1", "unix:/path", "xds:///name"), which may lead to several replicas of the realm's worker, or "peer:UID:/path", names of bounded length, a CA that is PEM with at least one certificate;
 * neither CA nor TLS name with "peer:", which has no TLS. */
PEK_MUST_CHECK enum status instance_row_check(const struct instance_row *row, struct fault *fault);
/* What a target has behind its scheme: addresses with commas between them. `ret_family` is AF_INET or AF_INET6 of those that list
 * addresses of several replicas, else 0. */
struct slice target_addresses(const char *target, int *ret_family);
/* One of those that are listed, as the system writes it: "10.0.0.1:7101", "[fd00::1]:7101". False for a name, and for one of the other family. */
bool target_address(int family, struct slice address,
                    char ret_address[INSTANCE_ADDRESS_BYTES_MAX + 1]);
/* `target` has the address `listen` ("127.0.0.1:8080") of this very process, as far as can be said by looking: the same
 * port on the same host, or on loopback where `listen` is loopback or every address. */
bool target_is_listen(const char *target, const char *listen);

/* Takes "peer:UID:/path" apart: a unix socket without TLS on this machine, of a worker that runs as the user of that number.
 * False for every other target. */
bool target_is_peer(const char *target, uint32_t *ret_uid, const char **ret_path);

#endif
