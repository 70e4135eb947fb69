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
        .sql = "SELECT DISTINCT realm FROM hub.person_news",
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
    *ret_person = person;
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

enum status people_store_news(struct pg *pg, struct cancel *cancel, const char *realm,
                              struct arena *arena, instance_v1_person ***ret_people,
                              size_t *ret_count)
{
    /* Hungarian order: the family name first. */
    static const struct pg_statement news = {
        .name = "people_news",
        .sql = "SELECT u.id, CASE WHEN p.user_id IS NULL THEN 'deleted user'"
               "   ELSE trim(p.last_name || ' ' || p.first_name) END, n.seq, p.user_id IS NULL"
               "  FROM hub.person_news AS n JOIN hub.user_account AS u ON u.id = n.user_id"
               "  LEFT JOIN hub.profile AS p ON p.user_id = u.id"
               " WHERE n.realm = $1 ORDER BY n.seq LIMIT 100",
    };
    _Static_assert(PEOPLE_BATCH == 100, "the LIMIT above");
    struct pg_result *rows;
    PEK_TRY(pg_read(pg, PG_POINT_READ, cancel, &news, PG_PARAMS(pg_str(realm)), &rows));
    size_t count = pg_rows(rows);
    instance_v1_person **people = arena_zalloc(arena, count + 1, sizeof(*people));
    enum status status = people ? STATUS_OK : STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        status = read_person(rows, i, arena, &people[i]);
    pg_result_free(rows);
    *ret_people = people;
    *ret_count = count;
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

static enum status told_in(struct pg_transaction *transaction, void *arg)
{
    static const struct pg_statement forget = {
        .name = "people_forget",
        .sql =
            "DELETE FROM hub.person_news AS n USING unnest($2::text[], $3::bigint[])"
            "   AS told (id, seq) WHERE n.realm = $1 AND n.user_id = told.id AND n.seq = told.seq",
    };
    /* That makes news of its own, unless it is known already. Held until the end, so that a deletion meanwhile either
     * waits, and then finds the row, or is seen below. */
    static const struct pg_statement know = {
        .name = "people_know",
        .sql = "WITH here AS MATERIALIZED ("
               "    SELECT p.user_id FROM hub.profile AS p WHERE p.user_id = ANY ($2::text[])"
               "     ORDER BY p.user_id FOR SHARE)"
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
    struct slice ids[PEOPLE_BATCH], versions[PEOPLE_BATCH], known[PEOPLE_BATCH];
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
    PEK_TRY(run(transaction, &forget,
                PG_PARAMS(realm, pg_text_array(told->arena, ids, told->count),
                          pg_text_array(told->arena, versions, told->count))));
    PEK_TRY(run(transaction, &know, PG_PARAMS(realm, whom)));
    return run(transaction, &again, PG_PARAMS(realm, whom));
}

enum status people_store_told(struct pg *pg, struct cancel *cancel, const char *realm,
                              instance_v1_person *const *people, size_t count, char *const *known,
                              size_t known_count)
{
    struct arena arena;
    arena_init(&arena, 1u << 20);
    struct told told = {realm, people, count, known, known_count, &arena};
    enum status status = pg_transact(pg, cancel, false, told_in, &told);
    arena_done(&arena);
    return status;
}
