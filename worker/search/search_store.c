#include "worker/search/search_store.h"

#include <string.h>

#include "shared/base/clock.h"

#define PARAMS(...)                                                                                \
    (const struct pg_param[]){__VA_ARGS__},                                                        \
        sizeof((const struct pg_param[]){__VA_ARGS__}) / sizeof(struct pg_param)

const struct pg_statement search_count_grams = {
    "search_count_grams",
    "SELECT (SELECT count(*) FROM (SELECT FROM pek.search_gram AS s"
    "  WHERE s.kind = ANY ($1::text[]) AND s.gram = grams.gram LIMIT $3::integer) AS counted) "
    "FROM unnest($2::text[]) WITH ORDINALITY AS grams (gram, position) ORDER BY grams.position",
};

static struct search_count_known *place_of(struct search_counts *counts, struct slice gram)
{
    uint32_t mixed = 2166136261u; /* FNV-1a: whoever makes two meet gains a count */
    for (size_t i = 0; i < gram.len; i++)
        mixed = (mixed ^ (unsigned char)gram.ptr[i]) * 16777619u;
    return &counts->known[mixed % SEARCH_GRAMS_KNOWN_MAX];
}

static bool is_known(const struct search_count_known *place, struct slice gram, int64_t now_us)
{
    return place->until_us > now_us && slice_equal(slice_make(place->gram, place->len), gram);
}

/* False when one of them was not counted lately. What there is to find is not known from here: none is taken for one. */
static bool recall(struct search_counts *counts, const struct search *search, size_t *names)
{
    int64_t now_us = clock_monotonic_us();
    for (size_t i = 0; i < search->gram_count; i++) {
        const struct search_count_known *place = place_of(counts, search->grams[i]);
        if (!is_known(place, search->grams[i], now_us))
            return false;
        names[i] = place->names > 0 ? place->names : 1;
    }
    return true;
}

static void keep(struct search_counts *counts, struct slice gram, size_t names)
{
    struct search_count_known *place = place_of(counts, gram);
    *place = (struct search_count_known){.len = (uint8_t)gram.len,
                                         .names = (uint16_t)names,
                                         .until_us = deadline_after_ms(SEARCH_GRAM_MS)};
    memcpy(place->gram, gram.ptr, gram.len);
}

static enum status count_grams(struct pg *pg, enum pg_lane lane, struct cancel *cancel,
                               const char *kinds, const struct search *search,
                               struct search_counts *counts, struct arena *arena, size_t *names)
{
    struct pg_result *result;
    enum status status =
        pg_read(pg, lane, cancel, &search_count_grams,
                PARAMS(pg_str(kinds), pg_text_array(arena, search->grams, search->gram_count),
                       pg_int(arena, SEARCH_COUNTED_MAX)),
                &result);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < search->gram_count && i < pg_rows(result); i++) {
        names[i] = (size_t)pg_get_int(result, i, 0);
        keep(counts, search->grams[i], names[i]);
    }
    pg_result_free(result);
    return STATUS_OK;
}

enum status search_find_lead(struct pg *pg, enum pg_lane lane, struct cancel *cancel,
                             const char *kinds, const struct search *search, size_t others,
                             struct search_counts *counts, struct arena *arena,
                             struct search_lead *ret_lead)
{
    static const struct search_lead none = {{"", 0}, SEARCH_COUNTED_MAX};
    size_t names[SEARCH_GRAMS_MAX] = {0}, rarest = 0;
    if (search->gram_count == 0 || others <= SEARCH_WALKED_MAX) {
        *ret_lead = none;
        return STATUS_OK;
    }
    if (search->gram_count == 1 && others == SEARCH_ALL_NAMES) {
        *ret_lead = (struct search_lead){search->grams[0], SEARCH_COUNTED_MAX};
        return STATUS_OK;
    }
    if (!recall(counts, search, names)) {
        enum status status = count_grams(pg, lane, cancel, kinds, search, counts, arena, names);
        if (status != STATUS_OK)
            return status;
    }
    for (size_t i = 1; i < search->gram_count; i++)
        rarest = names[i] < names[rarest] ? i : rarest;
    if (others == SEARCH_ALL_NAMES ||
        (names[rarest] < others && names[rarest] < SEARCH_COUNTED_MAX))
        *ret_lead = (struct search_lead){search->grams[rarest], names[rarest]};
    else
        *ret_lead = none;
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

enum status search_lock_keys(struct pg_transaction *transaction)
{
    static const struct pg_statement lock = {
        "search_lock_keys",
        "SELECT pg_advisory_xact_lock("
        "hashtextextended('pek.keys ' || current_setting('pek.realm'), 0))",
    };
    return pg_apply(transaction, &lock, NULL, 0, NULL);
}

/* Nobody is locked out meanwhile: swept is only what no name has any more, which nobody else touches, and who
 * writes a name writes its rows. A name that is changed at the same moment may leave rows of its former self;
 * SEARCH_FOUND does not find it by them. The realm's state, which semester and evaluations hold, is written last. */
static enum status build(struct pg_transaction *transaction, void *arg)
{
    static const struct pg_statement look = {
        "search_look_version",
        "SELECT FROM pek.realm_state WHERE search_version <> $1",
    };
    static const struct pg_statement set = {
        "search_set_version",
        "UPDATE pek.realm_state SET search_version = $1",
    };
    const struct build *what = arg;
    const struct pg_param version = pg_str(what->version);
    size_t wanted;
    PEK_TRY(search_lock_keys(transaction));
    PEK_TRY(pg_apply(transaction, &look, &version, 1, &wanted));
    for (size_t i = 0; wanted > 0 && i < what->source_count; i++) {
        PEK_TRY(pg_apply(transaction, &what->sources[i].sweep, NULL, 0, NULL));
        PEK_TRY(pg_apply(transaction, &what->sources[i].fill, NULL, 0, NULL));
    }
    return wanted > 0 ? pg_apply(transaction, &set, &version, 1, NULL) : STATUS_OK;
}

enum status search_build(struct pg *pg, struct cancel *cancel, const char *version,
                         const struct search_source *sources, size_t source_count)
{
    struct build what = {version, sources, source_count};
    return pg_transact(pg, cancel, false, build, &what);
}
