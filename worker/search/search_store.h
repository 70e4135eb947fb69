/* search_store: the names that have a gram, in the order of lists; the SQL of it.
 *
 * pek.search_gram has a row for each gram of each name, by (realm, kind, gram, sort_key, id): the names with a
 * gram are one range of an index, in the order of their sort keys, and reading stops when a page is full. Plain
 * comparisons only, which PostgreSQL takes to an index under row security as well. Triggers keep the rows
 * (migrations/), README.md has the argument and the figures.
 *
 * A list of a domain that is searched:
 *     search_parse(req->q, "q", arena, &search, fault)                              once a call
 *     search_find_lead(pg, lane, cancel, "{group}", &search, others, …, &lead)      once a call
 *     lead.gram.len > 0: a statement FROM SEARCH_FOUND("group") …, else the list as without a search, with the
 *     patterns as one more condition
 */
#ifndef PEK_WORKER_SEARCH_SEARCH_STORE_H
#define PEK_WORKER_SEARCH_SEARCH_STORE_H

#include <stdint.h>

#include "shared/pg/pg.h"
#include "shared/text/search.h"

/* As many names are counted for each gram to learn which is the rarest. */
#define SEARCH_COUNTED_MAX 400
/* So few names are compared one by one sooner than PostgreSQL is asked which gram is rare. */
#define SEARCH_WALKED_MAX 100

/* The gram whose names are looked at, one after the other until the page is full. */
struct search_lead {
    struct slice gram; /* empty: none, the list has a shorter way */
    size_t names;      /* that have it; SEARCH_COUNTED_MAX: so many or more. 0: nothing matches */
};
/* `others`: as many names does the list look at without a lead, because a scope or a parent bounds it;
 * SEARCH_ALL_NAMES when nothing does. So the cost of a search follows the smaller of both, whatever else the realm
 * has. */
#define SEARCH_ALL_NAMES SIZE_MAX
/* How many names the realm has: at most SEARCH_WALKED_MAX, or SEARCH_ALL_NAMES. Counted when a search asks, and believed
 * for SEARCH_SIZE_MS: a realm that grows meanwhile is walked so much longer. */
#define SEARCH_SIZE_MS 10000
struct search_size {
    size_t names;
    int64_t until_us; /* of the monotonic clock; 0: not counted yet */
};
#define SEARCH_COUNT(kind, table)                                                                  \
    {                                                                                              \
        "search_count_" kind,                                                                      \
            "SELECT count(*) FROM (SELECT FROM " table " LIMIT $1::integer) AS counted"            \
    }
PEK_MUST_CHECK enum status search_count(struct pg *pg, enum pg_lane lane, struct cancel *cancel,
                                        const struct pg_statement *count, struct arena *arena,
                                        struct search_size *size);
/* How many names have a gram, of grams that were counted lately: counting costs more than a search that it leads. A
 * gram that is here is believed for SEARCH_GRAM_MS, as to which is rarer and never as to whether there is a name; two that fall
 * on one place take it from each other. Zeroed to begin with; loop thread. */
#define SEARCH_GRAM_MS 60000
#define SEARCH_GRAMS_KNOWN_MAX 1024
struct search_counts {
    struct search_count_known {
        char gram[4 * SEARCH_GRAM_CHARS_MAX];
        uint8_t len;
        uint16_t names;
        int64_t until_us;
    } known[SEARCH_GRAMS_KNOWN_MAX];
};
/* Its statement, for the test that reads the plan. */
extern const struct pg_statement search_count_grams;
/* `kinds` as an array of PostgreSQL: "{group}", and where archived names are found "{group,archived_group}"; `counts` are of these
 * alone. */
PEK_MUST_CHECK enum status search_find_lead(struct pg *pg, enum pg_lane lane, struct cancel *cancel,
                                            const char *kinds, const struct search *search,
                                            size_t others, struct search_counts *counts,
                                            struct arena *arena, struct search_lead *ret_lead);

/* What a list selects FROM: the names of this kind that have the gram $7 and match the patterns $5, from the
 * position ($1, $2) on or ($3 false) behind it, in order, each with its row of `table` as `alias`. A gram that a change of
 * keys left behind has no row. Further conditions follow `AND`; end with ORDER BY s.sort_key, s.id. The OFFSET keeps the
 * planner from any other way: it cannot know how rare a gram is, and a page needs but the first of them. */
#define SEARCH_FOUND(kind, table, alias)                                                           \
    SEARCH_RANGE(kind, "") "AS s " SEARCH_ROW(table, alias, "false")
/* The same with archived names, whose rows are of a kind of their own: both ranges are merged. */
#define SEARCH_FOUND_ARCHIVED(kind, table, alias)                                                  \
    SEARCH_RANGES(kind) "AS s " SEARCH_ROW(table, alias, "s.is_archived")
#define SEARCH_RANGES(kind)                                                                        \
    "(SELECT * FROM (" SEARCH_RANGE(kind, ", false AS is_archived") "UNION ALL " SEARCH_RANGE(     \
        "archived_" kind, ", true") ") AS s ORDER BY s.sort_key, s.id OFFSET 0) "
#define SEARCH_RANGE(kind, more)                                                                   \
    "(SELECT s.sort_key, s.id, s.folded" more " FROM pek.search_gram AS s"                         \
    "  WHERE s.kind = '" kind "' AND s.gram = $7"                                                  \
    "    AND (s.sort_key, s.id) >= ($1::bytea, $2)"                                                \
    "    AND ($3::boolean OR (s.sort_key, s.id) <> ($1::bytea, $2))"                               \
    "    AND s.folded LIKE ALL ($5::text[])"                                                       \
    "  ORDER BY s.sort_key, s.id OFFSET 0) "
#define SEARCH_ROW(table, alias, is_archived)                                                      \
    "JOIN " table " AS " alias " ON " alias ".id = s.id AND " alias ".is_archived = " is_archived  \
    " AND " alias ".sort_key = s.sort_key AND " alias ".folded = s.folded "

/* ---- making the rows of names that have none ---- */

/* Rows of one kind, and the names that they are of: a table or what is selected of one, with the columns id, folded and sort_key. */
struct search_source {
    struct pg_statement sweep; /* deletes what names had before */
    struct pg_statement fill;  /* adds what names lack */
};
/* The rows of a name come and go together, so the first letter's stands for all. Sorted, so that the index
 * grows in its own order. */
#define SEARCH_SOURCE(kind, table)                                                                 \
    {                                                                                              \
        {"search_sweep_" kind,                                                                     \
         "DELETE FROM pek.search_gram AS s WHERE s.kind = '" kind "' AND NOT EXISTS ("             \
         " SELECT FROM " table " AS named WHERE named.id = s.id"                                   \
         "  AND named.sort_key = s.sort_key AND named.folded = s.folded)"},                        \
        {                                                                                          \
            "search_fill_" kind,                                                                   \
                "INSERT INTO pek.search_gram (kind, gram, sort_key, id, folded) "                  \
                "SELECT '" kind "', grams.gram, named.sort_key, named.id, named.folded"            \
                "  FROM " table " AS named,"                                                       \
                "       LATERAL pek.search_grams(named.folded) AS grams (gram) "                   \
                "WHERE NOT EXISTS (SELECT FROM pek.search_gram AS s WHERE s.kind = '" kind "'"     \
                "   AND s.gram = left(named.folded, 1) AND s.sort_key = named.sort_key"            \
                "   AND s.id = named.id AND s.folded = named.folded) "                             \
                "ORDER BY grams.gram COLLATE \"C\", named.sort_key, named.id "                     \
                "ON CONFLICT DO NOTHING"                                                           \
        }                                                                                          \
    }

/* Of a table whose names may be archived (is_archived). */
#define SEARCH_SOURCES(kind, table)                                                                \
    SEARCH_SOURCE(kind, "(SELECT * FROM " table " WHERE NOT is_archived)"),                        \
        SEARCH_SOURCE("archived_" kind, "(SELECT * FROM " table " WHERE is_archived)")

/* Until the end of the transaction nobody else makes the realm's keys, or the rows that follow from them. */
PEK_MUST_CHECK enum status search_lock_keys(struct pg_transaction *transaction);
/* In a fiber, beside everything else: makes the realm's rows complete unless they are so for `version`, that
 * of the sort keys. One transaction, of seconds for 100 000 names; UNAVAILABLE while another program does the
 * same. After OK searches may be led. */
PEK_MUST_CHECK enum status search_build(struct pg *pg, struct cancel *cancel, const char *version,
                                        const struct search_source *sources, size_t source_count);

#endif
