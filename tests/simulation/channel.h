/* channel: what a realm says on a call, as its script has it. Made by answer.c when the call begins, given out by channel.c. */
#ifndef PEK_TESTS_SIMULATION_CHANNEL_H
#define PEK_TESTS_SIMULATION_CHANNEL_H

#include "shared/rpc/outgoing.h"
#include "tests/simulation/world.h"

#define NEVER INT64_MAX

struct answer {
    struct rpc_call call;
    struct list node; /* in the realm's calls, while it is open */
    struct realm *realm;
    uint64_t request; /* of the browser that it is made for; 0: the hub's own */
    struct message {
        grpc_slice bytes;
        int64_t at_us;
    } * messages; /* in the order of time */
    size_t count, room, taken, told;
    int64_t began_us;
    int64_t end_us; /* when `outcome` follows; NEVER: it does not */
    struct fault outcome;
    int64_t deadline_us;
    bool told_end;
    bool lasts; /* a watch */
};

/* Decides what the realm answers. */
void answer_make(struct answer *answer, const struct rpc_call_options *options);

/* One more message, `delay_us` after the one before, or after now. */
void answer_say(struct answer *answer, const void *bytes, size_t len, int64_t delay_us);
/* How it ends, `delay_us` after the last message. */
void answer_end(struct answer *answer, enum status status, int64_t delay_us);

#endif
