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
        .sql = "SELECT realm FROM hub.person_news UNION SELECT realm FROM hub.user_merge_pending",
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
    char *const *known;
    size_t known_count;
    struct arena *arena;
};

/* The realm says that it knows the user. Whom else it names it was not asked about. */
static bool names(const struct told *told, const char *user)
{
    for (size_t i = 0; i < told->known_count; i++)
        if (strcmp(told->known[i], user) == 0)
            return true;
    return false;
}

/* Whoever changes their profile holds it, and then writes news of it for each realm: in that order here as well, or each would
 * wait for the other. News that somebody is writing is newer than what was told, and stays. */
static enum status told_in(struct pg_transaction *transaction, void *arg)
{
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
    PEK_TRY(run(transaction, &know, PG_PARAMS(realm, whom)));
    PEK_TRY(run(transaction, &again, PG_PARAMS(realm, whom)));
    return run(transaction, &forget,
               PG_PARAMS(realm, pg_text_array(told->arena, ids, told->count),
                         pg_text_array(told->arena, versions, told->count)));
}

enum status people_store_told(struct pg *pg, struct cancel *cancel, const char *realm,
                              instance_v1_person *const *people, size_t count, char *const *known,
                              size_t known_count)
{
    struct arena arena;
    enum status status = STATUS_OK;
    arena_init(&arena, 1u << 20);
    for (size_t i = 0; status == STATUS_OK && i < count; i += PEOPLE_TOLD_AT_ONCE) {
        size_t left = count - i;
        struct told told = {.realm = realm,
                            .people = people + i,
                            .count = left < PEOPLE_TOLD_AT_ONCE ? left : PEOPLE_TOLD_AT_ONCE,
                            .known = known,
                            .known_count = known_count,
                            .arena = &arena};
        arena_reset(&arena);
        status = pg_transact(pg, cancel, false, told_in, &told);
    }
    arena_done(&arena);
    return status;
}
