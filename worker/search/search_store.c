#include "worker/search/search_store.h"

#include "shared/base/clock.h"

#define PARAMS(...)                                                                                \
    (const struct pg_param[]){__VA_ARGS__},                                                        \
        sizeof((const struct pg_param[]){__VA_ARGS__}) / sizeof(struct pg_param)

const struct pg_statement search_rarest_gram = {
    "search_rarest_gram",
    "SELECT grams.position, (SELECT count(*) FROM (SELECT FROM pek.search_gram AS s"
    "  WHERE s.kind = $1 AND s.gram = grams.gram LIMIT $3::integer) AS counted) AS names "
    "FROM unnest($2::text[]) WITH ORDINALITY AS grams (gram, position) "
    "ORDER BY names, grams.position LIMIT 1",
};

enum status search_find_lead(struct pg *pg, enum pg_lane lane, struct cancel *cancel,
                             const char *kind, const struct search *search, size_t others,
                             struct arena *arena, struct search_lead *ret_lead)
{
    static const struct search_lead none = {{"", 0}, SEARCH_COUNTED_MAX};
    if (search->gram_count == 0 || others <= SEARCH_WALKED_MAX) {
        *ret_lead = none;
        return STATUS_OK;
    }
    if (search->gram_count == 1 && others == SEARCH_ALL_NAMES) {
        *ret_lead = (struct search_lead){search->grams[0], SEARCH_COUNTED_MAX};
        return STATUS_OK;
    }
    struct pg_result *result;
    enum status status =
        pg_read(pg, lane, cancel, &search_rarest_gram,
                PARAMS(pg_str(kind), pg_text_array(arena, search->grams, search->gram_count),
                       pg_int(arena, SEARCH_COUNTED_MAX)),
                &result);
    if (status != STATUS_OK)
        return status;
    size_t names = (size_t)pg_get_int(result, 0, 1);
    if (others == SEARCH_ALL_NAMES || (names < others && names < SEARCH_COUNTED_MAX))
        *ret_lead = (struct search_lead){search->grams[pg_get_int(result, 0, 0) - 1], names};
    else
        *ret_lead = none;
    pg_result_free(result);
    return STATUS_OK;
}

enum status search_count(struct pg *pg, enum pg_lane lane, struct cancel *cancel,
                         const struct pg_statement *count, struct arena *arena,
                         struct search_size *size)
{
    struct pg_result *result;
    if (clock_monotonic_us() < size->until_us)
        return STATUS_OK;
    enum status status =
        pg_read(pg, lane, cancel, count, PARAMS(pg_int(arena, SEARCH_WALKED_MAX + 1)), &result);
    if (status != STATUS_OK)
        return status;
    size_t names = (size_t)pg_get_int(result, 0, 0);
    pg_result_free(result);
    size->names = names > SEARCH_WALKED_MAX ? SEARCH_ALL_NAMES : names;
    size->until_us = deadline_after_ms(SEARCH_SIZE_MS);
    return STATUS_OK;
}

/* ---- making the rows of names that have none ---- */

struct build {
    const char *version;
    const struct search_source *sources;
    size_t source_count;
};

static enum status run(struct pg_transaction *transaction, const struct pg_statement *statement)
{
    struct pg_result *result;
    enum status status = pg_execute(transaction, statement, NULL, 0, &result);
    if (status == STATUS_OK)
        pg_result_free(result);
    return status;
}

/* Nobody is locked out meanwhile: swept is only what no name has any more, which nobody else touches, and who
 * writes a name writes its rows. A name that is changed at the same moment may leave rows of its former self;
 * SEARCH_ROW does not find it by them. */
static enum status build(struct pg_transaction *transaction, void *arg)
{
    static const struct pg_statement take = {
        "search_take_version",
        "UPDATE pek.realm_state SET search_version = $1 WHERE search_version <> $1",
    };
    const struct build *what = arg;
    struct pg_result *result;
    enum status status = pg_execute(transaction, &take, PARAMS(pg_str(what->version)), &result);
    if (status != STATUS_OK)
        return status;
    size_t sources = pg_affected(result) == 0 ? 0 : what->source_count;
    pg_result_free(result);
    for (size_t i = 0; status == STATUS_OK && i < sources; i++) {
        status = run(transaction, &what->sources[i].sweep);
        if (status == STATUS_OK)
            status = run(transaction, &what->sources[i].fill);
    }
    return status;
}

enum status search_build(struct pg *pg, struct cancel *cancel, const char *version,
                         const struct search_source *sources, size_t source_count)
{
    struct build what = {version, sources, source_count};
    return pg_transact(pg, cancel, false, build, &what);
}
