#include "shared/base/origin.h"

#include <string.h>

#include "shared/base/listen.h"

static size_t host_length(const char *host)
{
    if (host[0] != '[')
        return strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789.-");
    size_t len = 1 + strspn(host + 1, "abcdef0123456789:.");
    return len > 1 && host[len] == ']' ? len + 1 : 0;
}

bool origin_is_valid(const char *origin)
{
    static const struct {
        const char *prefix, *port;
    } schemes[] = {{"https://", "443"}, {"http://", "80"}};
    if (strlen(origin) > ORIGIN_BYTES_MAX)
        return false;
    for (size_t i = 0; i < 2; i++) {
        size_t prefix = strlen(schemes[i].prefix);
        if (strncmp(origin, schemes[i].prefix, prefix) != 0)
            continue;
        const char *host = origin + prefix;
        size_t len = host_length(host);
        const char *port = host + len;
        if (len == 0 || host[0] == '.' || host[0] == '-')
            return false;
        return port[0] == '\0' ||
               (port[0] == ':' && port[1] != '0' && listen_port_is_valid(port + 1) &&
                strcmp(port + 1, schemes[i].port) != 0);
    }
    return false;
}
