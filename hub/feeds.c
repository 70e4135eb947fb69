#include "hub/feeds.h"

/* The realm in this process answers before it has its database; a worker that has none says so. */
static bool may_be_asked(void *arg, const struct instance *instance)
{
    const struct feeds *feeds = arg;

    return instance->target || !*feeds->realm || realm_is_ready(*feeds->realm);
}

static void not_told(void *arg, const struct instance *instance, const struct fault *fault)
{
    const struct feeds *feeds = arg;

    observe_people_failure(feeds->observe, instance, fault);
}

static void told_again(void *arg, const struct instance *instance, bool is_realms)
{
    const struct feeds *feeds = arg;

    observe_people_again(feeds->observe, instance, is_realms);
}

static void not_collected(void *arg, const struct instance *instance, const struct fault *fault)
{
    const struct feeds *feeds = arg;

    observe_notifications_failure(feeds->observe, instance, fault);
}

static void refused(void *arg, const struct instance *instance, size_t count,
                    const struct fault *fault)
{
    const struct feeds *feeds = arg;

    observe_notifications_refused(feeds->observe, instance, count, fault);
}

/* The hub asks the realm whether it knows them. */
static void unknown(void *arg, struct instance *instance, const char *const *users, size_t count)
{
    struct feeds *feeds = arg;

    people_heard(&feeds->people, instance, users, count);
}

enum status feeds_open(struct feeds *feeds, struct fibers *fibers, const struct hub_config *config,
                       struct pg *pg, struct registry *registry, struct realm *const *realm,
                       struct observe *observe, struct fault *fault)
{
    const struct people_options people = {
        .pg = pg,
        .registry = registry,
        .issuer = slice_str(config->issuer),
        .arg = feeds,
        .is_ready = may_be_asked,
        .on_failure = not_told,
        .on_again = told_again,
    };
    const struct collector_options collector = {
        .pg = pg,
        .registry = registry,
        .issuer = slice_str(config->issuer),
        .bounds = {config->notification_days, config->notifications_per_user_max,
                   config->notifications_per_realm_max},
        .arg = feeds,
        .is_ready = may_be_asked,
        .on_failure = not_collected,
        .on_refused = refused,
        .on_unknown = unknown,
    };

    feeds->observe = observe;
    feeds->realm = realm;
    enum status status = people_open(&feeds->people, fibers, &people);
    if (status)
        return fault_set(fault, status, NULL, "realms cannot be told of people");
    status = collector_open(&feeds->collector, fibers, &collector);
    return status ? fault_set(fault, status, NULL, "notifications cannot be collected") : STATUS_OK;
}

void feeds_close(struct feeds *feeds)
{
    collector_close(&feeds->collector);
    people_close(&feeds->people);
}

void feeds_policies_changed(struct feeds *feeds, struct instance *instance,
                            const char *const *users, size_t count)
{
    people_heard(&feeds->people, instance, users, count);
    if (count == 0) /* its watch begins, among others */
        collector_kick(&feeds->collector, instance);
}

void feeds_notifications_written(struct feeds *feeds, struct instance *instance)
{
    collector_kick(&feeds->collector, instance);
}
