/* feeds: what the hub and its realms tell each other beside the requests of users: who people are (hub/people), and what
 * people are told of (hub/notification). Internal to hub. */
#ifndef PEK_HUB_FEEDS_H
#define PEK_HUB_FEEDS_H

#include "hub/config.h"
#include "hub/notification/collector.h"
#include "hub/observe.h"
#include "hub/people/people.h"
#include "worker/realm/realm.h"

struct feeds {
    struct people people;
    struct collector collector;
    struct observe *observe;
    struct realm *const *realm; /* hosted here; points to NULL for none */
};

/* All of these outlive it. */
PEK_MUST_CHECK enum status feeds_open(struct feeds *feeds, struct fibers *fibers,
                                      const struct hub_config *config, struct pg *pg,
                                      struct registry *registry, struct realm *const *realm,
                                      struct observe *observe, struct fault *fault);
/* In a fiber. Also of one that was never opened, if zeroed. */
void feeds_close(struct feeds *feeds);

/* The realm says that the policies or memberships of these users changed; count 0: or of anybody. */
void feeds_policies_changed(struct feeds *feeds, struct instance *instance,
                            const char *const *users, size_t count);
/* The realm says that it has notifications. */
void feeds_notifications_written(struct feeds *feeds, struct instance *instance);

#endif
