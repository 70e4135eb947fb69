/* A line of x-forwarded-for: whom a request counts for. The client is a hop of the line, or the peer, and a trusted proxy only
 * where it passed on what is no address; what is an address is one with a port, too. */
#include <string.h>

#include "bazel/fuzz/fuzz.h"
#include "hub/http/addresses.h"

static bool has_odd_hop(struct slice chain)
{
    struct address address;
    for (bool more = true; more;) {
        more = chain.len > 0 && memchr(chain.ptr, ',', chain.len);
        struct slice hop = slice_cut(&chain, ',');
        while (hop.len > 0 && (hop.ptr[0] == ' ' || hop.ptr[0] == '\t'))
            hop = slice_make(hop.ptr + 1, hop.len - 1);
        while (hop.len > 0 && (hop.ptr[hop.len - 1] == ' ' || hop.ptr[hop.len - 1] == '\t'))
            hop.len--;
        if (!address_parse(hop, &address))
            return true;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const proxies[] = {"10.0.0.1", "2001:db8::1"};
    static struct address_table table;
    static bool begun;
    struct slice chain = slice_make(data, size), text, peer = SLICE_LIT("10.0.0.1");
    struct address address, plain, network;
    if (!begun)
        must(address_table_init(&table, 2, SIZE_MAX, proxies, 2, NULL) == STATUS_OK);
    begun = true;
    if (address_of_client(&table, peer, chain, &address, &text)) {
        bool is_peer = slice_equal(text, peer);
        must(is_peer || (text.ptr >= chain.ptr && text.ptr + text.len <= chain.ptr + chain.len));
        must(!address_is_proxy(&table, &address) || has_odd_hop(chain));
        network = address_network(&address);
        plain = address_network(&network);
        must(memcmp(&network, &plain, sizeof(plain)) == 0);
        struct address_hold holds[3] = {0};
        must(address_hold(&table, &address, &holds[0]) == STATUS_OK);
        must(address_hold(&table, &address, &holds[1]) == STATUS_OK);
        must(address_hold(&table, &address, &holds[2]) == STATUS_RESOURCE_EXHAUSTED);
        must(address_held(&table, &address) == 2);
        for (size_t i = 0; i < 3; i++)
            address_release(&holds[i]);
        must(address_held(&table, &address) == 0);
    }
    if (address_parse_plain(chain, &plain))
        must(address_parse(chain, &address) && memcmp(&address, &plain, sizeof(plain)) == 0);
    return 0;
}
