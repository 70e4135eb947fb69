#include "hub/http/addresses.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "hub/http/field.h"
#include "shared/base/siphash.h"

#define IPV6_NETWORK_BYTES 8 /* a /64 */

struct address_entry {
    struct list node;
    struct address network;
    struct address_table *table;
    size_t held, bytes;
};

static const uint8_t ipv4_prefix[12] = {[10] = 0xff, [11] = 0xff};

static bool is_ipv4(const struct address *address)
{
    return memcmp(address->bytes, ipv4_prefix, sizeof(ipv4_prefix)) == 0;
}

struct address address_network(const struct address *address)
{
    struct address network = *address;

    if (!is_ipv4(address))
        memset(network.bytes + IPV6_NETWORK_BYTES, 0, sizeof(network.bytes) - IPV6_NETWORK_BYTES);
    return network;
}

/* ---- text ---------------------------------------------------------------------------------------- */

bool address_parse_plain(struct slice text, struct address *ret_address)
{
    char plain[INET6_ADDRSTRLEN];
    struct in_addr in;
    struct in6_addr in6;

    if (text.len == 0 || text.len >= sizeof(plain) || memchr(text.ptr, '\0', text.len))
        return false;
    memcpy(plain, text.ptr, text.len);
    plain[text.len] = '\0';
    if (inet_pton(AF_INET, plain, &in) == 1) {
        memcpy(ret_address->bytes, ipv4_prefix, sizeof(ipv4_prefix));
        memcpy(ret_address->bytes + sizeof(ipv4_prefix), &in, sizeof(in));
        return true;
    }
    if (inet_pton(AF_INET6, plain, &in6) != 1)
        return false;
    memcpy(ret_address->bytes, &in6, sizeof(in6));
    return true;
}

static struct slice up_to(struct slice text, char end)
{
    const char *at = text.len ? memchr(text.ptr, end, text.len) : NULL;
    return at ? slice_make(text.ptr, (size_t)(at - text.ptr)) : text;
}

bool address_parse(struct slice text, struct address *ret_address)
{
    if (text.len > 0 && text.ptr[0] == '[') {
        if (!memchr(text.ptr, ']', text.len))
            return false;
        text = up_to(slice_make(text.ptr + 1, text.len - 1), ']');
    } else if (text.len > 0 && memchr(text.ptr, '.', text.len) &&
               memchr(text.ptr, ':', text.len) == memrchr(text.ptr, ':', text.len)) {
        text = up_to(text, ':'); /* IPv4 with a port; IPv6 that ends as IPv4 has more colons */
    }
    return address_parse_plain(up_to(text, '%'), ret_address);
}

bool address_is_proxy(const struct address_table *table, const struct address *address)
{
    for (size_t i = 0; i < table->proxy_count; i++) {
        if (memcmp(&table->proxies[i], address, sizeof(*address)) == 0)
            return true;
    }
    return false;
}

bool address_of_client(const struct address_table *table, struct slice peer, struct slice chain,
                       struct address *ret_address, struct slice *ret_text)
{
    for (bool more = chain.ptr != NULL; more;) {
        const char *comma = memrchr(chain.ptr, ',', chain.len);
        size_t begin = comma ? (size_t)(comma + 1 - chain.ptr) : 0;
        struct slice hop = trim(slice_make(chain.ptr + begin, chain.len - begin));
        struct address address;

        more = comma != NULL;
        chain.len = comma ? begin - 1 : 0;
        if (!address_parse(hop, &address)) {
            hop = peer; /* who passed that on answers for it */
            if (!address_parse(hop, &address))
                return false;
        } else if (address_is_proxy(table, &address)) {
            peer = hop;
            continue;
        }
        *ret_address = address;
        *ret_text = hop;
        return true;
    }
    return false;
}

/* ---- the table ----------------------------------------------------------------------------------- */

enum status address_table_init(struct address_table *table, size_t held_max, size_t bytes_max,
                               const char *const *proxies, size_t proxy_count, struct fault *fault)
{
    *table = (struct address_table){.held_max = held_max, .bytes_max = bytes_max};
    for (size_t i = 0; i < ADDRESS_BUCKETS; i++)
        list_init(&table->buckets[i]);
    if (getrandom(table->key, sizeof(table->key), 0) != (ssize_t)sizeof(table->key))
        return fault_set(fault, STATUS_UNAVAILABLE, NULL, "no random bytes");
    table->proxies = calloc(proxy_count + 1, sizeof(table->proxies[0]));
    if (!table->proxies)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    for (size_t i = 0; i < proxy_count; i++) {
        if (!address_parse_plain(slice_str(proxies[i]), &table->proxies[i]))
            return fault_set(fault, STATUS_INVALID_ARGUMENT, "trusted_proxies",
                             "\"%s\" is no IP address", proxies[i]);
        table->proxy_count++;
    }
    return STATUS_OK;
}

void address_table_done(struct address_table *table)
{
    for (size_t i = 0; table->proxies && i < ADDRESS_BUCKETS; i++)
        assert(list_empty(&table->buckets[i]));
    free(table->proxies);
    table->proxies = NULL;
}

static size_t bucket_of(const struct address_table *table, const struct address *network)
{
    return siphash(table->key, slice_make(network->bytes, sizeof(network->bytes))) %
           ADDRESS_BUCKETS;
}

static struct address_entry *find(const struct address_table *table, const struct address *network)
{
    const struct list *bucket = &table->buckets[bucket_of(table, network)];

    LIST_FOR_EACH (it, bucket) {
        struct address_entry *entry = LIST_ENTRY(it, struct address_entry, node);
        if (memcmp(&entry->network, network, sizeof(*network)) == 0)
            return entry;
    }
    return NULL;
}

enum status address_hold(struct address_table *table, const struct address *address,
                         struct address_hold *hold)
{
    struct address network = address_network(address);
    struct address_entry *entry = find(table, &network);

    assert(!hold->entry);
    if (entry && entry->held >= table->held_max)
        return STATUS_RESOURCE_EXHAUSTED;
    if (!entry) {
        entry = malloc(sizeof(*entry));
        if (!entry)
            return STATUS_RESOURCE_EXHAUSTED;
        *entry = (struct address_entry){.network = network, .table = table};
        list_append(&table->buckets[bucket_of(table, &network)], &entry->node);
    }
    entry->held++;
    hold->entry = entry;
    return STATUS_OK;
}

enum status address_hold_also(struct address_table *table, const struct address_hold *of,
                              struct address_hold *hold)
{
    return of->entry ? address_hold(table, &of->entry->network, hold) : STATUS_OK;
}

void address_release(struct address_hold *hold)
{
    struct address_entry *entry = hold->entry;

    address_weigh(hold, 0);
    hold->entry = NULL;
    if (!entry || --entry->held > 0)
        return;
    list_remove(&entry->node);
    free(entry);
}

void address_hand_over(struct address_hold *from, struct address_hold *to)
{
    address_release(to);
    *to = *from;
    *from = (struct address_hold){0};
}

void address_weigh(struct address_hold *hold, size_t bytes)
{
    if (!hold->entry || bytes == hold->bytes)
        return;
    hold->entry->bytes += bytes - hold->bytes;
    hold->entry->table->bytes += bytes - hold->bytes;
    hold->bytes = bytes;
}

bool address_is_over(const struct address_hold *hold)
{
    if (hold->bytes == 0)
        return false;
    const struct address_entry *entry = hold->entry;
    const struct address_table *table = entry->table;
    size_t free_bytes = table->bytes < table->bytes_max ? table->bytes_max - table->bytes : 0;
    return entry->bytes > free_bytes / ADDRESS_SHARE && hold->bytes >= entry->bytes / entry->held;
}

size_t address_held(const struct address_table *table, const struct address *address)
{
    struct address network = address_network(address);
    const struct address_entry *entry = find(table, &network);

    return entry ? entry->held : 0;
}
