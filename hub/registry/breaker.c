#include "hub/registry/breaker.h"

static void open_again(struct breaker *breaker, int64_t now_us)
{
    int64_t pause_ms = breaker->pause_ms ? breaker->pause_ms * 2 : BREAKER_PAUSE_MIN_MS;

    breaker->pause_ms = pause_ms < BREAKER_PAUSE_MAX_MS ? pause_ms : BREAKER_PAUSE_MAX_MS;
    breaker->probe_after_us = now_us + breaker->pause_ms * 1000;
    breaker->opened_us = now_us;
    breaker->state = BREAKER_OPEN;
    breaker->opened++;
}

bool breaker_refuses(const struct breaker *breaker, int64_t now_us)
{
    return breaker->tripped ||
           (breaker->state != BREAKER_CLOSED && now_us < breaker->probe_after_us);
}

void breaker_trip(struct breaker *breaker)
{
    breaker->opened += breaker->state == BREAKER_CLOSED;
    breaker->state = BREAKER_OPEN;
    breaker->tripped = true;
}

void breaker_heal(struct breaker *breaker)
{
    if (breaker->tripped)
        *breaker = (struct breaker){.opened = breaker->opened};
}

bool breaker_admit(struct breaker *breaker, int64_t now_us)
{
    if (breaker_refuses(breaker, now_us))
        return false;
    if (breaker->state == BREAKER_CLOSED)
        return true;
    /* The probe; when its outcome never comes it is given up after the same pause. */
    breaker->state = BREAKER_HALF_OPEN;
    breaker->probe_after_us = now_us + breaker->pause_ms * 1000;
    return true;
}

/* What the outcome says; SILENT for a call that was lost with another one. */
static enum breaker_word heard(struct breaker *breaker, enum breaker_word word, int64_t began_us,
                               int64_t now_us)
{
    if (word != BREAKER_LOST)
        return word;
    if (began_us < breaker->lost_us)
        return BREAKER_SILENT;
    breaker->lost_us = now_us;
    return word;
}

void breaker_told(struct breaker *breaker, enum breaker_word word, int64_t began_us, int64_t now_us)
{
    const uint16_t window = (1u << BREAKER_WINDOW) - 1;

    word = heard(breaker, word, began_us, now_us);
    bool failed = word == BREAKER_LATE || word == BREAKER_LOST;
    if (breaker->state == BREAKER_OPEN || began_us < breaker->opened_us)
        return; /* a call from before it opened */
    if (breaker->state == BREAKER_HALF_OPEN) {
        if (word == BREAKER_SILENT) {
            breaker->probe_after_us = now_us;
        } else if (failed) {
            open_again(breaker, now_us);
        } else {
            breaker->state = BREAKER_CLOSED;
            breaker->failures = 0;
            breaker->pause_ms = 0;
        }
        return;
    }
    if (word == BREAKER_SILENT)
        return;
    breaker->failures = (uint16_t)((breaker->failures << 1 | failed) & window);
    if (__builtin_popcount(breaker->failures) >= BREAKER_FAILURES) {
        breaker->failures = 0;
        open_again(breaker, now_us);
    }
}
