#include "worker/evaluation/scoreboard_notice.h"

#include "worker/membership/leader.h"
#include "worker/notification/notification_store.h"

/* The semester, and those of the two statuses that became `status`; NULL when none did. */
static const char *detail(struct arena *arena, const evaluation_v1_scoreboard *before,
                          const evaluation_v1_scoreboard *scoreboard,
                          evaluation_v1_evaluation_status status)
{
    bool points = scoreboard->point_status == status && before->point_status != status,
         entries = scoreboard->entry_status == status && before->entry_status != status;
    if (!points && !entries)
        return NULL;
    return arena_printf(arena, "%s%s%s", scoreboard->semester, points ? " POINTS" : "",
                        entries ? " ENTRIES" : "");
}

static enum status tell_leader(struct change *change, const char *led, const struct notice *notice)
{
    const struct pg_result *rows;
    PEK_TRY(leader_list(change, led, &rows));
    size_t count = pg_rows(rows);
    struct slice *leaders = arena_zalloc(change->arena, count + 1, sizeof(*leaders));
    if (!leaders)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < count; i++)
        leaders[i] = pg_get_slice(rows, i, 0);
    return notification_store_tell(change, notice, leaders, count);
}

enum status scoreboard_notice_submitted(struct change *change, const struct scoreboard_now *now,
                                        const evaluation_v1_scoreboard *before,
                                        const evaluation_v1_scoreboard *scoreboard)
{
    const struct notice notice = {
        .kind = NOTIFICATION_V1_KIND_EVALUATION_SUBMITTED,
        .group_id = scoreboard->group_id,
        .detail =
            detail(change->arena, before, scoreboard, EVALUATION_V1_EVALUATION_STATUS_SUBMITTED),
    };
    if (now->season != SEMESTER_V1_SEASON_EVALUATION || !now->parent_id[0])
        return STATUS_OK;
    return tell_leader(change, now->parent_id, &notice);
}

enum status scoreboard_notice_judged(struct change *change, const evaluation_v1_scoreboard *before,
                                     const evaluation_v1_scoreboard *scoreboard)
{
    static const struct {
        evaluation_v1_evaluation_status status;
        notification_v1_kind kind;
    } kinds[] = {
        {EVALUATION_V1_EVALUATION_STATUS_ACCEPTED, NOTIFICATION_V1_KIND_EVALUATION_ACCEPTED},
        {EVALUATION_V1_EVALUATION_STATUS_REJECTED, NOTIFICATION_V1_KIND_EVALUATION_REJECTED},
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const struct notice notice = {
            .kind = kinds[i].kind,
            .group_id = scoreboard->group_id,
            .detail = detail(change->arena, before, scoreboard, kinds[i].status),
        };
        if (notice.detail)
            PEK_TRY(tell_leader(change, scoreboard->group_id, &notice));
    }
    return change->arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}
