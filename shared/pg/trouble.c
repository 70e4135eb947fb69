#include "shared/base/clock.h"
#include "shared/pg/internal.h"

/* FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/ */
static uint64_t hash(uint64_t start, const char *text)
{
    for (; *text; text++)
        start = (start ^ (unsigned char)*text) * 1099511628211u;
    return start * 1099511628211u;
}

void trouble_tell(struct pg *pg, enum pg_trouble_kind kind, const char *sqlstate,
                  const char *statement, const char *text)
{
    struct troubles *troubles = &pg->troubles;
    int64_t now_us = clock_monotonic_us();
    pg_note_error(pg, text ? text : "");
    if (!troubles->tell || pg->error[0] == '\0')
        return;
    uint64_t key = hash(hash(14695981039346656037u + kind, sqlstate), statement);
    if (kind != PG_TROUBLE_STATEMENT) /* whose text may hold values */
        key = hash(key, pg->error);
    size_t at = 0;
    for (size_t i = 0; i < PG_TROUBLES_MAX; i++) {
        if (troubles->lately[i].key == key) {
            at = i;
            break;
        }
        if (troubles->lately[i].told_us < troubles->lately[at].told_us)
            at = i;
    }
    bool is_seldom = kind == PG_TROUBLE_ELSEWHERE && troubles->lately[at].key == key;
    int64_t every_us = is_seldom ? PG_ELSEWHERE_EVERY_US : PG_TROUBLE_EVERY_US;
    /* When every place is taken by a fresh one, this one counts as one more of the oldest. */
    if (troubles->lately[at].told_us > 0 && now_us - troubles->lately[at].told_us < every_us) {
        troubles->lately[at].untold++;
        return;
    }
    const struct pg_trouble trouble = {kind, sqlstate, statement, pg->error,
                                       troubles->lately[at].untold};
    troubles->lately[at].key = key;
    troubles->lately[at].told_us = now_us;
    troubles->lately[at].untold = 0;
    troubles->tell(troubles->arg, &trouble);
}
