/* listen: where a server listens, as configurations write it: an IP address and a port. */
#ifndef PEK_SHARED_BASE_LISTEN_H
#define PEK_SHARED_BASE_LISTEN_H

#include <stdbool.h>
#include <sys/socket.h>

/* "127.0.0.1:8080" or "[::1]:8080"; port 0 is a free one. Names are not looked up. */
bool listen_parse(const char *text, struct sockaddr_storage *ret_address);
/* A decimal port, 0 to 65535. */
bool listen_port_is_valid(const char *text);

#endif
