/* addresses: how much one client may hold of the server at a time, by its network address.
 *
 * What is held is a connection, and a request of HTTP/2, of a client that connects itself, so that a hundred streams on one
 * connection are no way around the limit; or a request, of a client behind a trusted proxy:
 * the proxy's connections carry requests of many people, so they count for nobody, and each request counts for the
 * client that the proxy names, until its answer is sent. What a proxy asks for itself (a health check) is never refused here.
 *
 *     struct address_hold hold = {0};
 *     status = address_hold(table, address, &hold)   at an accepted connection, or at the head of a proxied request
 *     address_release(&hold)                         at its end; twice does no harm
 *
 * An IPv6 client counts by its /64, which is the least that a network gives to one customer (RFC 6177): with a
 * limit an address it would have 2^64 times the limit. IPv4 in IPv6 counts as IPv4.
 *
 * Memory that waits for a client weighs on its hold: a body that is not whole, an answer that is not taken. `bytes_max` is for all
 * together, and an address may hold a quarter of what is free of it. So one alone has a fifth; the more fill it, the
 * less each may, and there is always room for who comes next, as much as any of them has four times over. Above its share the address
 * pays itself, with what holds at least as much as its others do on average.
 *
 * Memory: an entry an address that holds something now, so never more than there are connections and requests. The
 * hash is keyed: nobody can choose addresses that meet in one bucket. On the loop thread.
 */
#ifndef PEK_HUB_HTTP_ADDRESSES_H
#define PEK_HUB_HTTP_ADDRESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/fault.h"
#include "shared/base/list.h"
#include "shared/base/slice.h"

#define ADDRESS_BUCKETS 1024
#define ADDRESS_SHARE 4 /* an address may hold a quarter of what all together leave free */

/* IPv6, or IPv4 as ::ffff:a.b.c.d. */
struct address {
    uint8_t bytes[16];
};

struct address_table {
    size_t held_max;         /* by one address */
    size_t bytes_max, bytes; /* that weigh on all holds together */
    struct address *proxies;
    size_t proxy_count;
    uint64_t key[2];
    struct list buckets[ADDRESS_BUCKETS];
};

/* Zeroed: nothing is held. */
struct address_hold {
    struct address_entry *entry;
    size_t bytes; /* see address_weigh */
};

/* INVALID_ARGUMENT, with a fault that names "trusted_proxies", for one that is no address. The table stays at its place. */
PEK_MUST_CHECK enum status address_table_init(struct address_table *table, size_t held_max,
                                              size_t bytes_max, const char *const *proxies,
                                              size_t proxy_count, struct fault *fault);
/* Nothing may be held any more. A zeroed table is fine. */
void address_table_done(struct address_table *table);

/* "192.0.2.1", "2001:db8::1", and nothing else. */
bool address_parse_plain(struct slice text, struct address *ret_address);
/* "192.0.2.1", "2001:db8::1", also with a port ("192.0.2.1:80", "[2001:db8::1]:80") or a zone, which are left out. */
bool address_parse(struct slice text, struct address *ret_address);
/* What counts as one client: an IPv4 address, or the /64 of an IPv6 one. */
struct address address_network(const struct address *address);
bool address_is_proxy(const struct address_table *table, const struct address *address);

/* The client in a chain of x-forwarded-for, "client, proxy, proxy": the last hop that is no trusted proxy, since each
 * proxy appends whom it saw, and what stands before that the client may have made up. False when there is none (`chain`
 * is nothing, or names proxies only): the request is the proxy's own. Where a hop is no address ("unknown", empty) the
 * proxy that passed it on counts as the client: `peer` connected, and is the last of them. Those clients share one
 * limit; to take them for the proxy itself would give them none. `chain` is all lines joined. `ret_text` is the hop as
 * it was sent. */
bool address_of_client(const struct address_table *table, struct slice peer, struct slice chain,
                       struct address *ret_address, struct slice *ret_text);

/* RESOURCE_EXHAUSTED when the address holds its most already, or there is no memory. */
PEK_MUST_CHECK enum status address_hold(struct address_table *table, const struct address *address,
                                        struct address_hold *hold);
/* The same for whoever holds `of`; nothing when nobody is known to. */
PEK_MUST_CHECK enum status address_hold_also(struct address_table *table,
                                             const struct address_hold *of,
                                             struct address_hold *hold);
void address_release(struct address_hold *hold);
/* What `from` holds is `to`'s from now on, whose own is released. */
void address_hand_over(struct address_hold *from, struct address_hold *to);
/* So many bytes wait for its client now. A hold of nobody weighs nothing. */
void address_weigh(struct address_hold *hold, size_t bytes);
/* True when it has to give up what it holds. */
bool address_is_over(const struct address_hold *hold);
size_t address_held(const struct address_table *table, const struct address *address);

#endif
