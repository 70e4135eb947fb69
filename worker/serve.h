/* serve: the realm behind a gRPC port, until SIGTERM or SIGINT. */
#ifndef PEK_WORKER_SERVE_H
#define PEK_WORKER_SERVE_H

#include "worker/settings.h"

/* The exit code: 0 when everything open could be finished. */
int serve(const struct settings *settings);

#endif
