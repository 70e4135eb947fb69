#include "hub/registry/replica.h"

#include <stdio.h>

#include "hub/registry/instance_rules.h"
#include "shared/base/clock.h"
#include "shared/base/utf8.h"

static void tell(struct instance *instance, const char *problem)
{
    const struct registry_options *options = &instance->registry->options;

    if (options->on_replica)
        options->on_replica(options->arg, instance, problem);
}

static bool is_fresh(const struct instance *instance)
{
    return instance->refusal[0] &&
           clock_monotonic_us() - instance->refusal_us < INSTANCE_REFUSAL_MS * INT64_C(1000);
}

void replica_refused(void *arg, const char *address, const struct fault *fault)
{
    struct instance *instance = arg;
    char text[sizeof(fault->text) + 2 * INSTANCE_ADDRESS_BYTES_MAX];
    char problem[sizeof(instance->refusal)];

    snprintf(text, sizeof(text), "%.*s does not accept this hub's tokens: %s",
             INSTANCE_ADDRESS_BYTES_MAX, address, fault->text);
    snprintf(problem, sizeof(problem), "%.*s",
             SLICE_ARG(utf8_prefix(slice_str(text), sizeof(problem) - 1)));
    bool told = is_fresh(instance) && strcmp(problem, instance->refusal) == 0;
    memcpy(instance->refusal, problem, sizeof(problem));
    instance->refusal_us = clock_monotonic_us();
    if (!told)
        tell(instance, problem);
}

/* Of the first address of the target to which there is no connection. */
static void find_away(const struct instance *instance,
                      char ret_problem[INSTANCE_PROBLEM_BYTES_MAX + 1])
{
    char address[INSTANCE_ADDRESS_BYTES_MAX + 1];
    int family;
    struct slice rest = target_addresses(instance->target, &family);

    ret_problem[0] = 0;
    while (family && rest.len > 0 && !ret_problem[0])
        if (target_address(family, slice_cut(&rest, ','), address) &&
            !rpc_channel_reaches(instance->channel, address))
            snprintf(ret_problem, INSTANCE_PROBLEM_BYTES_MAX, "there is no connection to %s",
                     address);
}

void replica_look(struct instance *instance)
{
    char problem[sizeof(instance->away)];
    int64_t now_us = clock_monotonic_us();

    find_away(instance, problem);
    if (strcmp(problem, instance->away) != 0) {
        memcpy(instance->away, problem, sizeof(problem));
        instance->away_us = now_us;
        instance->away_told = false;
    }
    if (!problem[0] || instance->away_told ||
        now_us - instance->away_us < INSTANCE_REPLICA_AWAY_MS * INT64_C(1000))
        return;
    instance->away_told = true;
    tell(instance, problem);
}

const char *instance_problem(const struct instance *instance)
{
    if (instance->problem[0])
        return instance->problem;
    if (is_fresh(instance))
        return instance->refusal;
    return instance->away_told ? instance->away : "";
}
