#include "shared/base/listen.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PORT_DIGITS_MAX 5

bool listen_port_is_valid(const char *text)
{
    size_t len = strlen(text);
    return len > 0 && len <= PORT_DIGITS_MAX && strspn(text, "0123456789") == len &&
           strtol(text, NULL, 10) <= UINT16_MAX;
}

bool listen_parse(const char *text, struct sockaddr_storage *ret_address)
{
    char host[INET6_ADDRSTRLEN];
    struct sockaddr_storage address = {0};
    const char *colon = strrchr(text, ':');
    bool six = text[0] == '[';
    if (!colon || (six && colon[-1] != ']') || !listen_port_is_valid(colon + 1))
        return false;
    size_t len = (size_t)(colon - text) - (six ? 2 : 0);
    if (len == 0 || len >= sizeof(host))
        return false;
    memcpy(host, text + six, len);
    host[len] = '\0';
    uint16_t port = htons((uint16_t)strtol(colon + 1, NULL, 10));
    struct sockaddr_in *in4 = (struct sockaddr_in *)&address;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address;
    if (six) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = port;
    } else {
        in4->sin_family = AF_INET;
        in4->sin_port = port;
    }
    if (inet_pton(six ? AF_INET6 : AF_INET, host,
                  six ? (void *)&in6->sin6_addr : (void *)&in4->sin_addr) != 1)
        return false;
    *ret_address = address;
    return true;
}
