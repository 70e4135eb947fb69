#include "hub/people/merge_store.h"

enum status merge_store_next(struct pg *pg, struct cancel *cancel, const char *realm,
                             const char *after, struct arena *arena, struct merge *ret_merge)
{
    static const struct pg_statement next = {
        .name = "merge_next",
        .sql = "SELECT m.id, m.from_user, m.into_user, m.dry_run FROM hub.user_merge_pending AS m"
               " WHERE m.realm = $1 AND m.id > $2::bigint ORDER BY m.id LIMIT 1",
    };
    struct pg_result *rows;
    PEK_TRY(
        pg_read(pg, PG_POINT_READ, cancel, &next, PG_PARAMS(pg_str(realm), pg_str(after)), &rows));
    enum status status = pg_rows(rows) > 0 ? STATUS_OK : STATUS_NOT_FOUND;
    if (status == STATUS_OK)
        *ret_merge = (struct merge){
            .id = arena_printf(arena, "%s", pg_get_str(rows, 0, 0)),
            .from_user = arena_printf(arena, "%s", pg_get_str(rows, 0, 1)),
            .into_user = arena_printf(arena, "%s", pg_get_str(rows, 0, 2)),
            .dry_run = pg_get_bool(rows, 0, 3),
        };
    pg_result_free(rows);
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : status;
}

enum status merge_store_done(struct pg *pg, struct cancel *cancel, const char *realm,
                             const char *id, const instance_v1_merge_user_response *moved)
{
    static const struct pg_statement done = {
        .name = "merge_done",
        .sql = "INSERT INTO hub.user_merge_realm AS r (merge_id, realm, done_time, memberships,"
               "   combined, posts, policies, leads, statements)"
               " SELECT m.id, $1, now(), $3::bigint, $4::bigint, $5::bigint, $6::bigint,"
               "   $7::bigint, $8::bigint FROM hub.user_merge AS m WHERE m.id = $2::bigint"
               " ON CONFLICT (merge_id, realm) DO UPDATE SET done_time = now(), problem = '',"
               "   memberships = EXCLUDED.memberships, combined = EXCLUDED.combined,"
               "   posts = EXCLUDED.posts, policies = EXCLUDED.policies, leads = EXCLUDED.leads,"
               "   statements = EXCLUDED.statements WHERE r.done_time IS NULL",
    };
    struct arena arena;
    arena_init(&arena, 4096);
    enum status status =
        pg_write(pg, cancel, &done,
                 PG_PARAMS(pg_str(realm), pg_str(id), pg_int(&arena, moved->memberships),
                           pg_int(&arena, moved->combined), pg_int(&arena, moved->posts),
                           pg_int(&arena, moved->policies), pg_int(&arena, moved->leads),
                           pg_int(&arena, moved->statements)),
                 NULL);
    arena_done(&arena);
    return status;
}

enum status merge_store_failed(struct pg *pg, struct cancel *cancel, const char *realm,
                               const char *id, const char *problem)
{
    /* A realm's words: an operator's terminal gets no escapes. */
    static const struct pg_statement failed = {
        .name = "merge_failed",
        .sql = "INSERT INTO hub.user_merge_realm AS r (merge_id, realm, problem)"
               " SELECT m.id, $1,"
               "   left(regexp_replace($3, '[\\u0001-\\u001f\\u007f-\\u009f]', ' ', 'g'), 500)"
               "   FROM hub.user_merge AS m WHERE m.id = $2::bigint"
               " ON CONFLICT (merge_id, realm) DO UPDATE SET problem = EXCLUDED.problem"
               " WHERE r.done_time IS NULL AND r.problem <> EXCLUDED.problem",
    };
    _Static_assert(MERGE_PROBLEM_CHARS_MAX == 500, "as a literal");
    return pg_write(pg, cancel, &failed, PG_PARAMS(pg_str(realm), pg_str(id), pg_str(problem)),
                    NULL);
}
