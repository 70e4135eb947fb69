/* name_keys: a fiber that makes the keys of names (name_keys_store.h) for which nobody waits.
 *
 * A change of one's profile makes its own keys. All others are made here within milliseconds of their notification: of new users,
 * of names that the login provider changed, of a database of before, and after a new version of ICU. Then all keys are made
 * again beside everything else, a batch a transaction: until it is done, about a second for a thousand, a list has keys of
 * both, and its order is that of either. Of hubs with different versions the one that started last makes them.
 *
 * Loop thread.
 */
#ifndef PEK_HUB_PROFILE_NAME_KEYS_H
#define PEK_HUB_PROFILE_NAME_KEYS_H

#include "shared/pg/pg.h"
#include "shared/text/collator.h"

#define NAME_KEYS_POLL_MS 5000 /* what no notification told of */
#define NAME_KEYS_TIMEOUT_MS 10000

struct name_keys_options {
    struct pg *pg;
    struct text_collator *collator;
    void *arg;
    /* Keys could not be made; it is tried again. */
    void (*on_failure)(void *arg, const struct fault *fault);
};

struct name_keys {
    struct name_keys_options options;
    struct pg_listener *listener;
    struct cancel closing;
    struct fiber_event wake, ended;
    bool running;
};

PEK_MUST_CHECK enum status name_keys_open(struct name_keys *keys, struct fibers *fibers,
                                          const struct name_keys_options *options);
/* In a fiber; waits for its own. Also of what was never opened, if zeroed. */
void name_keys_close(struct name_keys *keys);

#endif
