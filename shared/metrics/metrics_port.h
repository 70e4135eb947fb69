/* metrics_port: metrics and health over HTTP on a port of their own, for a program that has no web site.
 *
 * Answers `GET /metrics`, `GET /healthz` (200 while the loop runs) and `GET /readyz` (200, or 503 while the program is not ready), and
 * nothing else, one request a connection, in HTTP/1.1 with `Connection: close`. It is for a scraper, and for a cluster whose
 * probes have no certificate, on a network that the operator trusts: nobody is asked who they are. Whoever is slow is hung up on, and the number of connections is bounded, so that it costs the program's own calls nothing.
 *
 * Everything on the loop thread.
 */
#ifndef PEK_SHARED_METRICS_METRICS_PORT_H
#define PEK_SHARED_METRICS_METRICS_PORT_H

#include <uv.h>

#include "shared/base/fault.h"
#include "shared/metrics/metrics.h"

#define METRICS_PORT_CONNECTIONS_MAX 16
#define METRICS_PORT_HEAD_BYTES_MAX 4096
#define METRICS_PORT_TIMEOUT_MS 5000 /* from the connection to the end of its answer */
#define METRICS_PORT_BODY_BYTES_MAX (4u << 20)

struct metrics_port;

/* Listens on `listen`, "127.0.0.1:9101" or "[::1]:9101"; port 0 takes a free one. `metrics` outlives the port. INVALID_ARGUMENT
 * for what is no address, UNAVAILABLE where it cannot be listened on. */
PEK_MUST_CHECK enum status metrics_port_open(uv_loop_t *loop, const char *listen,
                                             struct metrics *metrics,
                                             struct metrics_port **ret_port, struct fault *fault);
int metrics_port_number(const struct metrics_port *port);
/* Why the program is not ready, as /readyz says from now on; "" when it is. Not copied. At first it is starting. Takes NULL, for a program that has no such port. */
void metrics_port_set_unready(struct metrics_port *port, const char *why);
/* Frees it when the loop has run once more. Takes NULL, returns NULL. */
struct metrics_port *metrics_port_close(struct metrics_port *port);

#endif
