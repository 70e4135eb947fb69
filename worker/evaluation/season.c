#include "worker/evaluation/season.h"

#include <string.h>

#include "worker/evaluation/entry_store.h"
#include "worker/evaluation/score_store.h"

static enum status recount(struct change *change, const char *name, bool always)
{
    struct semester semester, next;
    char next_name[SEMESTER_BYTES + 1];
    PEK_TRY(score_store_recount(change, name, always));
    if (!semester_parse(name, &semester) || !semester_next(semester, &next))
        return STATUS_OK;
    semester_name(next, next_name);
    return score_store_recount(change, next_name, false);
}

enum status season_recount(struct change *change, const char *semester)
{
    return recount(change, semester, false);
}

enum status season_moved(struct change *change, const struct season_move *move)
{
    bool leaves = strcmp(move->semester_before, move->semester) != 0;
    if (move->season != SEMESTER_V1_SEASON_APPLICATION)
        PEK_TRY(entry_store_blank(change));
    if (leaves && move->season_before != SEMESTER_V1_SEASON_OFFSEASON)
        PEK_TRY(recount(change, move->semester_before, false));
    if (move->season == SEMESTER_V1_SEASON_OFFSEASON)
        PEK_TRY(recount(change, move->semester, true));
    return STATUS_OK;
}
