#include "worker/semester/semester_store.h"

#include "worker/semester/semester.h"

/* Behind the columns: today in Budapest. */
#define TODAY "now() AT TIME ZONE 'Europe/Budapest'"
#define COLUMNS                                                                                    \
    SEMESTER_V1_SEMESTER_COLUMNS(r)                                                                \
    ", extract(year FROM " TODAY ")::integer, extract(month FROM " TODAY ")::integer "

static enum status read_semester(const struct pg_result *rows, size_t row, struct arena *arena,
                                 void *ret_message, struct fault *fault)
{
    enum { YEAR = SEMESTER_V1_SEMESTER_COLUMN_COUNT, MONTH };
    semester_v1_semester semester;
    PEK_TRY(semester_v1_semester_from_row(rows, row, arena, &semester, fault));
    semester.calendar_semester = arena_alloc(arena, SEMESTER_BYTES + 1);
    semester.open_actions = arena_zalloc(arena, SEMESTER_ACTIONS, sizeof(*semester.open_actions));
    if (!semester.calendar_semester || !semester.open_actions)
        return STATUS_RESOURCE_EXHAUSTED;
    semester_name(
        semester_of_day((int)pg_get_int(rows, row, YEAR), (int)pg_get_int(rows, row, MONTH)),
        semester.calendar_semester);
    for (semester_v1_season_action action = 1; action <= SEMESTER_ACTIONS; action++)
        if (season_rule(semester.season, action) != SEASON_NO)
            semester.open_actions[semester.n_open_actions++] = action;
    *(semester_v1_semester *)ret_message = semester;
    return STATUS_OK;
}

static const char *semester_etag(const void *message)
{
    return ((const semester_v1_semester *)message)->etag;
}

const struct row_type semester_store_row = {
    .noun = "semester",
    .message = SEMESTER_V1_SEMESTER_DESCRIPTOR,
    .read = read_semester,
    .etag = semester_etag,
};

const struct pg_statement semester_store_get = {
    "semester_get",
    "SELECT " COLUMNS "FROM pek.realm_state AS r",
};

const struct pg_statement semester_store_lock = {
    "semester_lock",
    "SELECT " COLUMNS "FROM pek.realm_state AS r WHERE r.realm = $1 FOR NO KEY UPDATE",
};

enum status semester_store_set(struct change *change, const semester_v1_semester *semester,
                               semester_v1_semester *ret_semester)
{
    static const struct pg_statement set = {
        "semester_set",
        "UPDATE pek.realm_state AS r SET semester = $1, season = $2::smallint,"
        " semester_version = r.semester_version + 1, semester_time = now() "
        "RETURNING " COLUMNS,
    };
    return change_row(change, &semester_store_row, &set,
                      PG_PARAMS(pg_str(semester->id), pg_int(change->arena, semester->season)),
                      ret_semester);
}

const struct pg_statement semester_store_audit = {
    "semester_audit",
    "INSERT INTO pek.audit_log (actor, action, target_kind, target_id, trace_id, detail) "
    "SELECT $1, $2, 'semester', r.realm, $3,"
    " jsonb_build_object('semester', r.semester, 'season', r.season) "
    "FROM pek.realm_state AS r WHERE r.realm = ANY ($4::text[])",
};
