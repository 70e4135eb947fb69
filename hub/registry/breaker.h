/* breaker: stops asking a realm that does not answer, and finds out when it does again.
 *
 * CLOSED    calls go out; the last BREAKER_WINDOW outcomes are kept, and when BREAKER_FAILURES of them failed
 *           the breaker opens.
 * OPEN      calls are refused at once until the pause is over: BREAKER_PAUSE_MIN_MS, doubled each time up to
 *           BREAKER_PAUSE_MAX_MS (so that a healed realm is back within 5 s).
 * HALF_OPEN one call, the probe, goes out; its outcome closes or opens again.
 *
 * What was admitted before it opened last says nothing more, in whatever state: a long answer that ends well is no probe.
 *
 * Whoever knows for sure that the realm is not there (a heartbeat that nobody answered) trips it: then every call
 * is refused, without probes, until the same one says that it is back.
 *
 * Only what says that the realm is not there is a failure (UNAVAILABLE, deadline), never a refusal. A connection that ends, or one replica
 * of several, ends all calls that it had: of calls that were under way when one was lost, another one that is lost says nothing more. Pure: the
 * caller gives the time. Plain memory, zero-initialised is closed.
 */
#ifndef PEK_HUB_REGISTRY_BREAKER_H
#define PEK_HUB_REGISTRY_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#define BREAKER_WINDOW 10
#define BREAKER_FAILURES 5
#define BREAKER_PAUSE_MIN_MS 500
#define BREAKER_PAUSE_MAX_MS 4000

/* How an admitted call ended. */
enum breaker_word {
    BREAKER_SILENT,   /* by us, or in a way that says nothing: a probe may be tried again */
    BREAKER_ANSWERED, /* well or not */
    BREAKER_LATE,     /* by its deadline */
    BREAKER_LOST,     /* nobody was there */
};

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

struct breaker {
    enum breaker_state state;
    uint16_t failures; /* a bit an outcome, newest lowest; 1 is a failure */
    int64_t pause_ms;
    int64_t probe_after_us; /* monotonic */
    int64_t lost_us;        /* when a call was lost last */
    int64_t opened_us;      /* when failures opened it last */
    bool tripped;           /* OPEN until breaker_heal */
    uint64_t opened;        /* how often, for metrics */
};

/* May a call go out now? True in HALF_OPEN makes it the probe: its outcome must be told. */
bool breaker_admit(struct breaker *breaker, int64_t now_us);
/* Whether breaker_admit would say no now; changes nothing. */
bool breaker_refuses(const struct breaker *breaker, int64_t now_us);
/* The outcome of a call that was admitted at `began_us`. */
void breaker_told(struct breaker *breaker, enum breaker_word word, int64_t began_us,
                  int64_t now_us);
/* The realm is known to be gone, and known to be back. Idempotent; healing touches only what was tripped. */
void breaker_trip(struct breaker *breaker);
void breaker_heal(struct breaker *breaker);

#endif
