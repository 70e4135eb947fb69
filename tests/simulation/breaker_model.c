/* The breaker's rule, written a second time: the linker (--wrap) hands us each call of hub/registry/breaker.c, and both must be of
 * one mind. A list of outcomes instead of bits, and no more of it than the rule has: 5 of the last 10, a pause that doubles from
 * 500 ms to 4 s, one probe in each pause; what was lost with another call says nothing, nor what began before it opened last. */
#include <inttypes.h>
#include <string.h>

#include "hub/registry/registry.h"
#include "tests/simulation/world.h"

#define WINDOW 10
#define FAILURES 5
#define PAUSE_MIN_US (500 * INT64_C(1000))
#define PAUSE_MAX_US (4000 * INT64_C(1000))
#define MODELS_MAX 256

struct model {
    uint64_t generation; /* of its instance */
    enum { CLOSED, WAITS, PROBES } state;
    bool gone; /* tripped */
    bool outcomes[WINDOW];
    unsigned count;
    int64_t pause_us, until_us, lost_us, opened_us;
};

static struct world *world;
static struct model models[MODELS_MAX];

bool __real_breaker_admit(struct breaker *breaker, int64_t now_us);
void __real_breaker_told(struct breaker *breaker, enum breaker_word word, int64_t began_us,
                         int64_t now_us);
void __real_breaker_trip(struct breaker *breaker);
void __real_breaker_heal(struct breaker *breaker);
bool __wrap_breaker_admit(struct breaker *breaker, int64_t now_us);
void __wrap_breaker_told(struct breaker *breaker, enum breaker_word word, int64_t began_us,
                         int64_t now_us);
void __wrap_breaker_trip(struct breaker *breaker);
void __wrap_breaker_heal(struct breaker *breaker);

void breaker_model_begin(struct world *of)
{
    world = of;
    memset(models, 0, sizeof(models));
}

static const struct instance *instance_of(const struct breaker *breaker)
{
    return (const struct instance *)(const void *)((const char *)breaker -
                                                   offsetof(struct instance, breaker));
}

static struct model *model_of(const struct breaker *breaker)
{
    uint64_t generation = instance_of(breaker)->generation;
    struct model *model = &models[generation % MODELS_MAX];

    if (model->generation != generation)
        *model = (struct model){.generation = generation};
    return model;
}

static void compare(const struct breaker *breaker)
{
    static const char *const names[] = {"closed", "open", "half-open"};
    const struct model *model = model_of(breaker);

    if ((int)breaker->state != (int)model->state || breaker->tripped != model->gone)
        world_blame(world, "the breaker of %s is %s, and should be %s", instance_of(breaker)->realm,
                    names[breaker->state], names[model->state]);
}

static void opens(struct model *model, int64_t now_us)
{
    int64_t pause_us = model->pause_us ? 2 * model->pause_us : PAUSE_MIN_US;

    model->pause_us = pause_us < PAUSE_MAX_US ? pause_us : PAUSE_MAX_US;
    model->until_us = now_us + model->pause_us;
    model->opened_us = now_us;
    model->state = WAITS;
    model->count = 0;
}

static unsigned failures(const struct model *model)
{
    unsigned count = 0, kept = model->count < WINDOW ? model->count : WINDOW;

    for (unsigned i = 0; i < kept; i++)
        count += model->outcomes[i];
    return count;
}

bool __wrap_breaker_admit(struct breaker *breaker, int64_t now_us)
{
    struct model *model = model_of(breaker);
    bool admits = !model->gone && (model->state == CLOSED || now_us >= model->until_us);

    if (admits && model->state != CLOSED) {
        model->state = PROBES;
        model->until_us = now_us + model->pause_us;
    }
    bool admitted = __real_breaker_admit(breaker, now_us);
    if (admitted != admits)
        world_blame(world, "the breaker of %s %s a call that it should not",
                    instance_of(breaker)->realm, admitted ? "lets by" : "refuses");
    compare(breaker);
    return admitted;
}

void __wrap_breaker_told(struct breaker *breaker, enum breaker_word word, int64_t began_us,
                         int64_t now_us)
{
    struct model *model = model_of(breaker);
    bool failed = word == BREAKER_LATE || word == BREAKER_LOST;
    bool silent = word == BREAKER_SILENT || (word == BREAKER_LOST && began_us < model->lost_us);

    if (word == BREAKER_LOST && !silent)
        model->lost_us = now_us;
    if (began_us < model->opened_us) {
        /* whatever it says */
    } else if (model->state == PROBES && silent) {
        model->until_us = now_us;
    } else if (model->state == PROBES && failed) {
        opens(model, now_us);
    } else if (model->state == PROBES) {
        *model = (struct model){.generation = model->generation,
                                .lost_us = model->lost_us,
                                .opened_us = model->opened_us};
    } else if (model->state == CLOSED && !silent) {
        model->outcomes[model->count++ % WINDOW] = failed;
        if (failures(model) >= FAILURES)
            opens(model, now_us);
    }
    __real_breaker_told(breaker, word, began_us, now_us);
    compare(breaker);
}

void __wrap_breaker_trip(struct breaker *breaker)
{
    struct model *model = model_of(breaker);

    model->state = WAITS;
    model->gone = true;
    __real_breaker_trip(breaker);
    compare(breaker);
}

void __wrap_breaker_heal(struct breaker *breaker)
{
    struct model *model = model_of(breaker);

    if (model->gone)
        *model = (struct model){.generation = model->generation};
    __real_breaker_heal(breaker);
    compare(breaker);
}
