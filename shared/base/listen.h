/* listen: where a server listens, as configurations write it, and why it cannot. */
#ifndef PEK_SHARED_BASE_LISTEN_H
#define PEK_SHARED_BASE_LISTEN_H

#include <stdbool.h>
#include <sys/socket.h>

#include "shared/base/fault.h"

/* "127.0.0.1:8080" or "[::1]:8080"; port 0 is a free one. Names are not looked up. */
bool listen_parse(const char *text, struct sockaddr_storage *ret_address);
/* A decimal port, 0 to 65535. */
bool listen_port_is_valid(const char *text);
/* Whether both ask for the same port of the same address, or one of every address. Port 0 is nobody's. */
bool listen_is_shared(const char *text, const char *other);

/* A socket that is bound there: 0 or errno. A port whose connections of before are only closing is free. With `shared` (SO_REUSEPORT)
 * several programs of one user may have it, if all of them ask so; the system spreads connections over those that listen. */
int listen_bind(const struct sockaddr *address, socklen_t len, bool shared, int *ret_fd);

/* No more connections begin at this listener; what is under way arrives as before. Who asks is not answered, and asks again after a second: of whoever listens
 * then. Without it, closing a listener resets what the system accepted since it was last looked at. */
void listen_end(int fd);

/* The one way to say it: UNAVAILABLE, with a fault on `field` (NULL for none) that has errno's words. */
enum status listen_refused(const char *text, int error, const char *field, struct fault *fault);
/* Whether a server could listen there now, alone or (`shared`) as one of several; takes nothing. Also "name:port", which is looked up, and "unix:/path". OK, or
 * listen_refused. Blocks. */
PEK_MUST_CHECK enum status listen_try(const char *text, bool shared, const char *field,
                                      struct fault *fault);

#endif
