/* cutter: a TCP proxy that loses what a server says, and cuts connections.
 *
 * It stands between a client and a server on loopback and hands bytes on, both ways, until told otherwise. On the loop
 * of its test; no fiber.
 */
#ifndef PEK_TESTS_CHAOS_CUTTER_H
#define PEK_TESTS_CHAOS_CUTTER_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "shared/base/list.h"
#include "shared/base/status.h"

struct cutter {
    bool loses_answers; /* what the server says is read and dropped */
    size_t lost_bytes;  /* so far */
    int port;

    /* Its own. */
    uv_loop_t *loop;
    uv_tcp_t listener;
    int target_port;
    struct list pairs;
};

PEK_MUST_CHECK enum status cutter_open(struct cutter *cutter, uv_loop_t *loop, int target_port);
/* Resets every connection there is; new ones are taken. */
void cutter_cut(struct cutter *cutter);
/* Run the loop afterwards. */
void cutter_close(struct cutter *cutter);

#endif
