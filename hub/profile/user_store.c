#include "hub/profile/user_store.h"

#include "pek/hub/v1/profile.row.h"

/* Behind the row's own columns. */
#define COLUMN_USERNAME HUB_V1_USER_COLUMN_COUNT
#define COLUMN_DISPLAY_NAME (HUB_V1_USER_COLUMN_COUNT + 1)

/* ---- reading ---- */

static enum status read_user(const struct pg_result *rows, size_t row, struct arena *arena,
                             void *ret_message, struct fault *fault)
{
    struct slice username = pg_get_slice(rows, row, COLUMN_USERNAME);
    struct slice display_name = pg_get_slice(rows, row, COLUMN_DISPLAY_NAME);
    hub_v1_user user;
    PEK_TRY(hub_v1_user_from_row(rows, row, arena, &user, fault));
    user.username = arena_strndup(arena, username.ptr, username.len);
    user.display_name = arena_strndup(arena, display_name.ptr, display_name.len);
    if (arena->failed)
        return STATUS_RESOURCE_EXHAUSTED;
    *(hub_v1_user *)ret_message = user;
    return STATUS_OK;
}

const struct row_type user_store_row = {
    .noun = "user",
    .message = &pek__hub__v1__user__descriptor,
    .read = read_user,
};

/* ---- who matches ---- */

/* The realms of the user `$n`, as hub.share_realm has them. */
#define REALMS_OF(user)                                                                            \
    "(SELECT r.realm FROM hub.user_realm AS r"                                                     \
    "   JOIN hub.instance AS i ON i.realm = r.realm AND i.status <> 'REMOVED'"                     \
    "  WHERE r.user_id = " user ") AS mine "

/* By their names, in each realm of the caller: the first that fill a page. */
#define NAMED                                                                                      \
    "SELECT named.sort_key, named.user_id FROM " REALMS_OF(                                        \
        "$4") "CROSS JOIN LATERAL ("                                                               \
              " SELECT g.sort_key, g.user_id FROM hub.user_gram AS g"                              \
              "  WHERE g.realm = mine.realm AND g.gram = $6"                                       \
              "    AND (g.sort_key, g.user_id) >= ($1::bytea, $2)"                                 \
              "    AND ($3::boolean OR (g.sort_key, g.user_id) <> ($1::bytea, $2))"                \
              "    AND g.folded LIKE ALL ($5::text[])"                                             \
              "  ORDER BY g.sort_key, g.user_id LIMIT $7::integer) AS named "

/* Whose details the caller sees. Everybody in a realm has a gram that is empty. OFFSET 0: each is looked up, however few rows
 * there are at the moment. */
#define SEEN                                                                                       \
    "(SELECT $4 AS id UNION"                                                                       \
    " SELECT r.id FROM unnest($8::text[], $9::text[]) AS s (realm, id) CROSS JOIN LATERAL ("       \
    "   SELECT a.user_id COLLATE \"C\" AS id FROM hub.user_realm AS a"                             \
    "    WHERE a.user_id = s.id AND a.realm = s.realm OFFSET 0) AS r UNION"                        \
    " SELECT g.user_id FROM unnest($10::text[]) AS s (realm) CROSS JOIN LATERAL ("                 \
    "   SELECT a.user_id FROM hub.user_gram AS a WHERE a.realm = s.realm AND a.gram = ''"          \
    "      AND (a.sort_key, a.user_id) >= ($1::bytea, $2) OFFSET 0) AS g) AS seen "
/* By details as well. The switches are the bits of Profile.visible; 9 and 11 are SCH_MAIL and GMAIL. */
#define DETAILED                                                                                   \
    "SELECT d.sort_key, d.id FROM ("                                                               \
    " SELECT p.sort_key, p.user_id COLLATE \"C\" AS id, concat_ws(' ', p.folded,"                  \
    "        CASE WHEN p.user_id = $4 OR p.visible & 1 <> 0 THEN p.cell_phone END,"                \
    "        CASE WHEN p.user_id = $4 OR p.visible & 2 <> 0 THEN p.folded_room END,"               \
    "        CASE WHEN p.user_id = $4 OR p.visible & 16 <> 0 THEN ("                               \
    "          SELECT string_agg(lower(e.account_name), ' ') FROM hub.external_account AS e"       \
    "           WHERE e.user_id = p.user_id AND e.protocol IN (9, 11)) END) AS known"              \
    "   FROM " SEEN "CROSS JOIN LATERAL (SELECT * FROM hub.profile AS q"                           \
    "     WHERE q.user_id = seen.id COLLATE \"default\" AND q.folded <> '' OFFSET 0) AS p) AS d"   \
    " WHERE (d.sort_key, d.id) >= ($1::bytea, $2)"                                                 \
    "   AND ($3::boolean OR (d.sort_key, d.id) <> ($1::bytea, $2))"                                \
    "   AND d.known LIKE ALL ($5::text[]) "

/* $1 key, $2 id, $3 inclusive, $4 caller, $5 patterns, $6 gram, $7 limit; details are seen of: $8 and $9 in realms
 * people, $10 everybody in realms. */
const struct pg_statement user_store_found = {
    "user_found",
    "SELECT " HUB_V1_USER_COLUMNS(
        p) ", u.username, btrim(p.last_name || ' ' || p.first_name)"
           "  FROM (SELECT DISTINCT any_one.sort_key, any_one.user_id"
           "          FROM (" NAMED "UNION ALL " DETAILED ") AS any_one"
           "         ORDER BY 1, 2 LIMIT $7::integer) AS found"
           "  JOIN hub.profile AS p ON p.user_id = found.user_id COLLATE \"default\""
           "  JOIN hub.user_account AS u ON u.id = p.user_id"
           " ORDER BY found.sort_key, found.user_id",
};

const struct pg_statement user_store_rarest = {
    "user_rarest",
    "SELECT grams.gram, (SELECT count(*) FROM (SELECT FROM " REALMS_OF(
        "$2") "CROSS JOIN LATERAL (SELECT FROM hub.user_gram AS g"
              "  WHERE g.realm = mine.realm AND g.gram = grams.gram COLLATE \"C\""
              "  LIMIT $3::integer) AS one LIMIT $3::integer) AS counted) AS names"
              "  FROM unnest($1::text[]) WITH ORDINALITY AS grams (gram, position)"
              " ORDER BY names, grams.position LIMIT 1",
};

enum status user_store_find_lead(struct rpc_ctx *ctx, struct pg *pg, struct user_query *query)
{
    const struct search *search = &query->search;
    struct arena *arena = rpc_arena(ctx);
    struct pg_result *rows;
    query->lead = search->gram_count > 0 ? search->grams[0] : SLICE_LIT("");
    if (search->gram_count < 2)
        return STATUS_OK;
    PEK_TRY(pg_read(pg, PG_LONG_READ, rpc_cancel(ctx), &user_store_rarest,
                    PG_PARAMS(pg_text_array(arena, search->grams, search->gram_count),
                              pg_str(query->me), pg_int(arena, USER_COUNTED_MAX)),
                    &rows));
    query->lead = arena_copy(arena, pg_get_slice(rows, 0, 0));
    pg_result_free(rows);
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

enum status user_store_list(const struct read_batch *batch, const void *query,
                            struct pg_result **ret_rows)
{
    const struct user_query *wanted = query;
    const struct search *search = &wanted->search;
    const struct details_seen *seen = &wanted->seen;
    struct arena *arena = batch->arena;
    return read_rows(batch, &user_store_found,
                     PG_PARAMS(READ_POSITION(batch), pg_str(wanted->me),
                               pg_text_array(arena, search->patterns, search->pattern_count),
                               pg_text(wanted->lead), pg_int(arena, (int64_t)batch->limit),
                               pg_text_array(arena, seen->realms, seen->count),
                               pg_text_array(arena, seen->users, seen->count),
                               pg_text_array(arena, seen->all, seen->all_count)),
                     ret_rows);
}
