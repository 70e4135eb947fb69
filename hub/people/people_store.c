#include "hub/people/people_store.h"

#include <string.h>

static enum status run(struct pg_transaction *transaction, const struct pg_statement *statement,
                       const struct pg_param *params, size_t count)
{
    struct pg_result *result;
    PEK_TRY(pg_execute(transaction, statement, params, count, &result));
    pg_result_free(result);
    return STATUS_OK;
}

/* ---- what is to be told ------------------------------------------------------------------------ */

struct noting {
    const char *realm;
    const struct slice *users;
    size_t count;
    bool all;
    struct arena *arena;
};

static enum status note_in(struct pg_transaction *transaction, void *arg)
{
    static const struct pg_statement note = {
        .name = "people_note",
        .sql = "SELECT hub.person_news_add($1, u.id) FROM hub.user_account AS u"
               " WHERE u.id = ANY ($2::text[]) AND u.deleted_at IS NULL"
               "   AND u.merged_into IS NULL"
               "   AND ($3::boolean OR NOT EXISTS (SELECT FROM hub.user_realm AS r"
               "     WHERE r.user_id = u.id AND r.realm = $1)) ORDER BY u.id",
    };
    const struct noting *noting = arg;
    return run(transaction, &note,
               PG_PARAMS(pg_str(noting->realm),
                         pg_text_array(noting->arena, noting->users, noting->count),
                         pg_bool(noting->all)));
}

enum status people_store_note(struct pg *pg, struct cancel *cancel, const char *realm,
                              const struct slice *users, size_t count, bool all)
{
    struct arena arena;
    arena_init(&arena, 1u << 20);
    struct noting noting = {realm, users, count, all, &arena};
    enum status status = pg_transact(pg, cancel, false, note_in, &noting);
    arena_done(&arena);
    return status;
}

enum status people_store_realms(struct pg *pg, struct cancel *cancel, struct pg_result **ret_realms)
{
    static const struct pg_statement realms = {
        .name = "people_realms",
        .sql = "SELECT realm FROM hub.person_news UNION SELECT realm FROM hub.user_merge_pending"
               " UNION SELECT realm FROM hub.people_told WHERE again_after IS NOT NULL",
    };
    return pg_read(pg, PG_POINT_READ, cancel, &realms, NULL, 0, ret_realms);
}

static enum status read_person(const struct pg_result *rows, size_t row, struct arena *arena,
                               instance_v1_person **ret_person)
{
    instance_v1_person *person = arena_alloc(arena, sizeof(*person));
    if (!person)
        return STATUS_RESOURCE_EXHAUSTED;
    *person = (instance_v1_person)INSTANCE_V1_PERSON_INIT;
    person->user_id = arena_printf(arena, "%s", pg_get_str(rows, row, 0));
    person->display_name = arena_printf(arena, "%s", pg_get_str(rows, row, 1));
    person->version = pg_get_int(rows, row, 2);
    person->is_deleted = pg_get_bool(rows, row, 3);
    person->avatar_version = pg_get_int(rows, row, 4);
    *ret_person = person;
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

/* A realm shows names in Hungarian order: the family name first. */
#define NAME                                                                                       \
    "CASE WHEN p.user_id IS NULL THEN 'deleted user'"                                              \
    " ELSE trim(p.last_name || ' ' || p.first_name) END"

static enum status read_people(const struct pg_result *rows, struct arena *arena,
                               instance_v1_person ***ret_people, size_t *ret_count)
{
    size_t count = pg_rows(rows);
    instance_v1_person **people = arena_zalloc(arena, count + 1, sizeof(*people));
    enum status status = people ? STATUS_OK : STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        status = read_person(rows, i, arena, &people[i]);
    *ret_people = people;
    *ret_count = count;
    return status;
}

enum status people_store_find(struct pg *pg, struct cancel *cancel, const struct slice *users,
                              size_t count, struct arena *arena, instance_v1_person ***ret_people,
                              size_t *ret_count)
{
    static const struct pg_statement find = {
        .name = "people_find",
        .sql = "SELECT u.id, " NAME ", CASE WHEN u.merged_into IS NULL AND u.deleted_at IS NULL"
               "   THEN coalesce(p.person_version, 0) ELSE 0 END, u.deleted_at IS NOT NULL,"
               "       coalesce(p.avatar_version, 0)"
               "  FROM hub.user_account AS u LEFT JOIN hub.profile AS p ON p.user_id = u.id"
               " WHERE u.id = ANY ($1::text[])",
    };
    struct pg_result *rows;
    PEK_TRY(pg_read(pg, PG_POINT_READ, cancel, &find, PG_PARAMS(pg_text_array(arena, users, count)),
                    &rows));
    enum status status = read_people(rows, arena, ret_people, ret_count);
    pg_result_free(rows);
    return status;
}

/* The one text that the statement gives, of a user. */
static enum status read_text(struct pg *pg, struct cancel *cancel,
                             const struct pg_statement *statement, struct slice user,
                             struct arena *arena, struct slice *ret_text)
{
    struct pg_result *rows;
    PEK_TRY(pg_read(pg, PG_POINT_READ, cancel, statement, PG_PARAMS(pg_text(user)), &rows));
    *ret_text = arena_copy(arena, pg_get_slice(rows, 0, 0));
    pg_result_free(rows);
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

enum status people_store_named(struct pg *pg, struct cancel *cancel, struct slice who,
                               struct arena *arena, struct slice *ret_id)
{
    static const struct pg_statement named = {.name = "people_named",
                                              .sql = "SELECT coalesce(hub.user_named($1), '')"};
    return read_text(pg, cancel, &named, who, arena, ret_id);
}

enum status people_store_known_in(struct pg *pg, struct cancel *cancel, struct slice user,
                                  struct arena *arena, struct slice *ret_realms)
{
    static const struct pg_statement known_in = {
        .name = "people_known_in",
        .sql = "SELECT coalesce(string_agg(r.realm, ' '), '') FROM hub.user_realm AS r"
               "  JOIN hub.instance AS i ON i.realm = r.realm AND i.status <> 'REMOVED'"
               " WHERE r.user_id = $1",
    };
    return read_text(pg, cancel, &known_in, user, arena, ret_realms);
}

enum status people_store_news(struct pg *pg, struct cancel *cancel, const char *realm,
                              struct arena *arena, instance_v1_person ***ret_people,
                              size_t *ret_count)
{
    static const struct pg_statement news = {
        .name = "people_news",
        .sql = "SELECT u.id, " NAME ", n.seq, p.user_id IS NULL, coalesce(p.avatar_version, 0)"
               "  FROM hub.person_news AS n JOIN hub.user_account AS u ON u.id = n.user_id"
               "  LEFT JOIN hub.profile AS p ON p.user_id = u.id"
               " WHERE n.realm = $1 ORDER BY n.seq LIMIT 100",
    };
    _Static_assert(PEOPLE_BATCH == 100, "the LIMIT above");
    struct pg_result *rows;
    PEK_TRY(pg_read(pg, PG_POINT_READ, cancel, &news, PG_PARAMS(pg_str(realm)), &rows));
    enum status status = read_people(rows, arena, ret_people, ret_count);
    pg_result_free(rows);
    return status;
}

/* ---- what was told ----------------------------------------------------------------------------- */

struct told {
    const char *realm;
    instance_v1_person *const *people;
    size_t count;
    const instance_v1_put_people_response *answer;
    int64_t newest; /* of all that the realm was told by one call */
    struct arena *arena;
};

/* The realm says that it knows the user. Whom else it names it was not asked about. */
static bool names(const struct told *told, const char *user)
{
    for (size_t i = 0; i < told->answer->n_known_users; i++)
        if (strcmp(told->answer->known_users[i], user) == 0)
            return true;
    return false;
}

/* Whoever changes their profile holds it, and then writes news of it for each realm: in that order here as well, or each would
 * wait for the other. News that somebody is writing is newer than what was told, and stays. */
static enum status told_in(struct pg_transaction *transaction, void *arg)
{
    static const struct pg_statement count = {
        .name = "people_count",
        .sql = "INSERT INTO hub.people_told AS t (realm, version)"
               " SELECT $1, $3::bigint ON CONFLICT (realm) DO UPDATE SET version = EXCLUDED.version"
               "  WHERE t.version = $2::bigint AND t.version < EXCLUDED.version",
    };
    static const struct pg_statement forget = {
        .name = "people_forget",
        .sql = "DELETE FROM hub.person_news AS d WHERE d.realm = $1 AND d.user_id IN ("
               "  SELECT n.user_id FROM hub.person_news AS n"
               "    JOIN unnest($2::text[], $3::bigint[]) AS told (id, seq)"
               "      ON n.user_id = told.id AND n.seq = told.seq"
               "   WHERE n.realm = $1 FOR UPDATE OF n SKIP LOCKED)",
    };
    /* That makes news of its own, unless it is known already. Held until the end, so that a deletion meanwhile either
     * waits, and then finds the row, or is seen below. */
    static const struct pg_statement know = {
        .name = "people_know",
        .sql = "WITH here AS MATERIALIZED ("
               "    SELECT p.user_id FROM hub.profile AS p WHERE p.user_id = ANY ($2::text[])"
               "     ORDER BY p.user_id FOR KEY SHARE)"
               "INSERT INTO hub.user_realm (user_id, realm)"
               " SELECT here.user_id, $1 FROM here ON CONFLICT DO NOTHING",
    };
    static const struct pg_statement again = {
        .name = "people_again",
        .sql = "SELECT hub.person_news_add($1, u.id) FROM hub.user_account AS u"
               " WHERE u.id = ANY ($2::text[])"
               "   AND NOT EXISTS (SELECT FROM hub.profile AS p WHERE p.user_id = u.id)",
    };
    const struct told *told = arg;
    struct slice ids[PEOPLE_TOLD_AT_ONCE], versions[PEOPLE_TOLD_AT_ONCE],
        known[PEOPLE_TOLD_AT_ONCE];
    size_t known_count = 0;
    for (size_t i = 0; i < told->count; i++) {
        const instance_v1_person *person = told->people[i];
        ids[i] = slice_str(person->user_id);
        versions[i] = slice_str(arena_printf(told->arena, "%lld", (long long)person->version));
        if (!person->is_deleted && names(told, person->user_id))
            known[known_count++] = ids[i];
    }
    const struct pg_param realm = pg_str(told->realm);
    const struct pg_param whom = pg_text_array(told->arena, known, known_count);
    const struct pg_param numbers = pg_text_array(told->arena, versions, told->count);
    if (told->answer->told_before > 0)
        PEK_TRY(run(transaction, &count,
                    PG_PARAMS(realm, pg_int(told->arena, told->answer->told_before),
                              pg_int(told->arena, told->newest))));
    PEK_TRY(run(transaction, &know, PG_PARAMS(realm, whom)));
    PEK_TRY(run(transaction, &again, PG_PARAMS(realm, whom)));
    return run(transaction, &forget,
               PG_PARAMS(realm, pg_text_array(told->arena, ids, told->count), numbers));
}

enum status people_store_told(struct pg *pg, struct cancel *cancel, const char *realm,
                              instance_v1_person *const *people, size_t count,
                              const instance_v1_put_people_response *answer)
{
    struct arena arena;
    enum status status = STATUS_OK;
    int64_t newest = 0;
    for (size_t i = 0; i < count; i++)
        newest = people[i]->version > newest ? people[i]->version : newest;
    arena_init(&arena, 1u << 20);
    for (size_t i = 0; status == STATUS_OK && i < count; i += PEOPLE_TOLD_AT_ONCE) {
        size_t left = count - i;
        struct told told = {.realm = realm,
                            .people = people + i,
                            .count = left < PEOPLE_TOLD_AT_ONCE ? left : PEOPLE_TOLD_AT_ONCE,
                            .answer = answer,
                            .newest = newest,
                            .arena = &arena};
        arena_reset(&arena);
        status = pg_transact(pg, cancel, false, told_in, &told);
    }
    arena_done(&arena);
    return status;
}

/* ---- a database that went back ------------------------------------------------------------------- */

enum status people_store_version(struct pg *pg, struct cancel *cancel, const char *realm,
                                 int64_t *ret_version)
{
    static const struct pg_statement version = {
        .name = "people_version",
        .sql =
            "SELECT coalesce((SELECT t.version FROM hub.people_told AS t WHERE t.realm = $1), 1)",
    };
    struct pg_result *rows;
    PEK_TRY(pg_read(pg, PG_POINT_READ, cancel, &version, PG_PARAMS(pg_str(realm)), &rows));
    *ret_version = pg_get_int(rows, 0, 0);
    pg_result_free(rows);
    return STATUS_OK;
}

struct comparing {
    const char *realm;
    int64_t version, told_before;
    struct arena *arena;
    enum people_difference difference;
};

static enum status run_on_row(struct pg_transaction *transaction,
                              const struct pg_statement *statement,
                              const struct comparing *comparing, bool *ret_done)
{
    struct pg_result *result;
    PEK_TRY(
        pg_execute(transaction, statement,
                   PG_PARAMS(pg_str(comparing->realm), pg_int(comparing->arena, comparing->version),
                             pg_int(comparing->arena, comparing->told_before)),
                   &result));
    *ret_done = pg_affected(result) > 0;
    pg_result_free(result);
    return STATUS_OK;
}

/* Another hub that noted or compared meanwhile has changed the version. */
static enum status compare_in(struct pg_transaction *transaction, void *arg)
{
    static const struct pg_statement note = {
        .name = "people_note_told",
        .sql = "INSERT INTO hub.people_told AS t (realm, version)"
               " SELECT $1, $3::bigint WHERE $3::bigint > $2::bigint AND EXISTS ("
               "   SELECT FROM hub.person_news AS n WHERE n.realm = $1 AND n.seq = $3::bigint)"
               " ON CONFLICT (realm) DO UPDATE SET version = EXCLUDED.version"
               " WHERE t.version = $2::bigint",
    };
    static const struct pg_statement differs = {
        .name = "people_differs",
        .sql =
            "INSERT INTO hub.people_told AS t (realm, version, again_time, again_after)"
            " SELECT $1, $3::bigint, now(), ''"
            " ON CONFLICT (realm) DO UPDATE"
            "   SET version = EXCLUDED.version, again_time = EXCLUDED.again_time, again_after = ''"
            " WHERE t.version = $2::bigint AND t.again_time < now() - interval '1 minute'",
    };
    static const struct pg_statement merges = {
        .name = "people_again_merges",
        .sql = "UPDATE hub.user_merge_realm AS d SET done_time = NULL FROM hub.user_merge AS m"
               " WHERE m.id = d.merge_id AND NOT m.dry_run AND d.realm = $1"
               "   AND d.done_time IS NOT NULL",
    };
    struct comparing *comparing = arg;
    bool done;
    comparing->difference = PEOPLE_UNSETTLED;
    PEK_TRY(run_on_row(transaction, &note, comparing, &done));
    if (done) {
        comparing->difference = PEOPLE_NOTED;
        return STATUS_OK;
    }
    PEK_TRY(run_on_row(transaction, &differs, comparing, &done));
    if (!done)
        return STATUS_OK;
    comparing->difference = PEOPLE_TOLD_AGAIN;
    return run(transaction, &merges, PG_PARAMS(pg_str(comparing->realm)));
}

enum status people_store_compare(struct pg *pg, struct cancel *cancel, const char *realm,
                                 int64_t version, int64_t told_before,
                                 enum people_difference *ret_difference)
{
    struct arena arena;
    arena_init(&arena, 1u << 12);
    struct comparing comparing = {realm, version, told_before, &arena, PEOPLE_UNSETTLED};
    enum status status = pg_transact(pg, cancel, false, compare_in, &comparing);
    arena_done(&arena);
    *ret_difference = status == STATUS_OK ? comparing.difference : PEOPLE_UNSETTLED;
    return status;
}

struct repeating {
    const char *realm;
    bool more;
};

static enum status repeat_in(struct pg_transaction *transaction, void *arg)
{
    static const struct pg_statement behind = {
        .name = "people_again_behind",
        .sql = "SELECT t.again_after FROM hub.people_told AS t"
               " WHERE t.realm = $1 AND t.again_after IS NOT NULL FOR UPDATE",
    };
    static const struct pg_statement next = {
        .name = "people_again_next",
        .sql = "WITH page AS MATERIALIZED ("
               "  SELECT u.id FROM hub.user_account AS u WHERE u.id > $2 AND u.merged_into IS NULL"
               "     AND (u.deleted_at IS NOT NULL OR EXISTS ("
               "       SELECT FROM hub.user_realm AS r WHERE r.user_id = u.id AND r.realm = $1))"
               "   ORDER BY u.id LIMIT 100), "
               "news AS (INSERT INTO hub.person_news (realm, user_id)"
               "  SELECT $1, page.id FROM page ORDER BY page.id"
               "  ON CONFLICT (realm, user_id) DO UPDATE SET seq = EXCLUDED.seq) "
               "UPDATE hub.people_told SET again_after = (SELECT max(page.id) FROM page)"
               " WHERE realm = $1",
    };
    _Static_assert(PEOPLE_BATCH == 100, "the LIMIT above");
    struct repeating *repeating = arg;
    struct pg_result *rows;
    enum status status = STATUS_OK;
    PEK_TRY(pg_execute(transaction, &behind, PG_PARAMS(pg_str(repeating->realm)), &rows));
    repeating->more = pg_rows(rows) > 0;
    if (repeating->more)
        status = run(transaction, &next,
                     PG_PARAMS(pg_str(repeating->realm), pg_text(pg_get_slice(rows, 0, 0))));
    pg_result_free(rows);
    return status;
}

enum status people_store_again(struct pg *pg, struct cancel *cancel, const char *realm,
                               bool *ret_more)
{
    struct repeating repeating = {realm, false};
    PEK_TRY(pg_transact(pg, cancel, false, repeat_in, &repeating));
    *ret_more = repeating.more;
    return STATUS_OK;
}
