/* Where Redis is: a line of the configuration, or, behind an 's', what a sentinel says of its master (a name and a port, a line each).
 * What is taken has hosts that can be connected to, and written again it is taken as the same; a refusal says why. */
#include <stdio.h>
#include <string.h>

#include "bazel/fuzz/fuzz.h"
#include "hub/session/redis_address.h"

static void must_be_a_host(const struct redis_host *host, bool is_socket)
{
    must(host->name[0] && strlen(host->name) <= REDIS_NAME_BYTES_MAX);
    must(is_socket ? host->port == 0 && host->name[0] == '/' : host->port > 0);
}

static void write_hosts(const struct redis_address *address, char *text, size_t bytes)
{
    for (size_t i = 0, len = 0; i < address->host_count && len < bytes; i++) {
        const struct redis_host *host = &address->hosts[i];
        bool is_bracketed = strchr(host->name, ':') || host->name[0] == '[';
        len += (size_t)snprintf(text + len, bytes - len, "%s%s%s%s:%u", i ? "," : "",
                                is_bracketed ? "[" : "", host->name, is_bracketed ? "]" : "",
                                host->port);
    }
}

static void must_come_again(const struct redis_address *address)
{
    char hosts[4096], url[8192], database[16] = "";
    struct redis_address again;
    struct fault fault;
    bool has_master = address->master[0], has_password = address->password[0];
    write_hosts(address, hosts, sizeof(hosts));
    if (address->database)
        snprintf(database, sizeof(database), "/%d", address->database);
    snprintf(url, sizeof(url), "redis%s%s://%s%s%s%s%s%s%s%s", address->tls ? "s" : "",
             has_master ? "-sentinel" : "", address->user, has_password ? ":" : "",
             address->password, has_password ? "@" : "", hosts, has_master ? "/" : "",
             address->master, database);
    must(redis_address_parse(slice_str(url), &again, &fault) == STATUS_OK);
    must(again.tls == address->tls && again.database == address->database);
    must(again.host_count == address->host_count);
    for (size_t i = 0; i < again.host_count; i++)
        must(strcmp(again.hosts[i].name, address->hosts[i].name) == 0 &&
             again.hosts[i].port == address->hosts[i].port);
    must(strcmp(again.master, address->master) == 0 && strcmp(again.user, address->user) == 0 &&
         strcmp(again.password, address->password) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_make(data, size);
    struct redis_address address;
    struct redis_host host = {0};
    struct fault fault = {0};
    if (size > 0 && data[0] == 's') {
        struct slice port = slice_make(data + 1, size - 1), name = slice_cut(&port, '\n');
        if (redis_host_parse(name, port, &host))
            must_be_a_host(&host, false);
        return 0;
    }
    if (redis_address_parse(text, &address, &fault) != STATUS_OK) {
        must(strcmp(fault.field, "redis_url") == 0 && fault.text[0]);
        return 0;
    }
    bool is_socket = slice_starts_with(text, SLICE_LIT("unix:"));
    must(address.host_count > 0 && address.host_count <= REDIS_SENTINELS_MAX);
    must(address.database >= 0 && address.database <= REDIS_DATABASE_MAX);
    for (size_t i = 0; i < address.host_count; i++)
        must_be_a_host(&address.hosts[i], is_socket);
    if (!is_socket)
        must_come_again(&address);
    return 0;
}
