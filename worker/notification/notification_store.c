#include "worker/notification/notification_store.h"

#include <assert.h>

/* ---- within a change ---- */

/* Pairs of a recipient and whom it is about. */
struct pairs {
    struct slice *recipients, *subjects;
    size_t count;
};

static enum status tell(struct change *change, const struct notice *notice,
                        const struct pairs *pairs)
{
    static const struct pg_statement insert = {
        "notification_insert",
        "INSERT INTO pek.notification"
        " (kind, recipient, actor, subject, group_id, title, detail, retracts) "
        "SELECT $1::smallint, p.recipient, $5, p.subject, $2,"
        " coalesce((SELECT left(g.name, 200) FROM pek.realm_group AS g WHERE g.id = $2), ''),"
        " $6, $7::boolean "
        "FROM unnest($3::text[], $4::text[]) WITH ORDINALITY AS p (recipient, subject, place)"
        " WHERE p.recipient <> $5 OR $7::boolean ORDER BY p.place",
    };
    return change_execute(change, &insert,
                          PG_PARAMS(pg_int(change->arena, notice->kind), pg_str(notice->group_id),
                                    pg_text_array(change->arena, pairs->recipients, pairs->count),
                                    pg_text_array(change->arena, pairs->subjects, pairs->count),
                                    pg_str(change->actor),
                                    pg_str(notice->detail ? notice->detail : ""),
                                    pg_bool(notice->retracts)),
                          NULL);
}

static enum status pairs_make(struct change *change, size_t count, struct pairs *ret_pairs)
{
    if (count > NOTIFICATION_CHANGE_MAX)
        return STATUS_INTERNAL;
    struct slice *recipients = arena_zalloc(change->arena, 2 * count + 1, sizeof(*recipients));
    if (!recipients)
        return STATUS_RESOURCE_EXHAUSTED;
    *ret_pairs = (struct pairs){recipients, recipients + count, count};
    return STATUS_OK;
}

enum status notification_store_tell(struct change *change, const struct notice *notice,
                                    const struct slice *recipients, size_t count)
{
    struct pairs pairs;
    PEK_TRY(pairs_make(change, count, &pairs));
    for (size_t i = 0; i < count; i++)
        pairs.recipients[i] = pairs.subjects[i] = recipients[i];
    return count > 0 ? tell(change, notice, &pairs) : STATUS_OK;
}

enum status notification_store_tell_about(struct change *change, const struct notice *notice,
                                          const struct slice *recipients, size_t recipient_count,
                                          const struct slice *subjects, size_t subject_count)
{
    struct pairs pairs;
    size_t count = 0;
    PEK_TRY(pairs_make(change, recipient_count * subject_count, &pairs));
    for (size_t i = 0; i < recipient_count; i++)
        for (size_t j = 0; j < subject_count; j++, count++) {
            pairs.recipients[count] = recipients[i];
            pairs.subjects[count] = subjects[j];
        }
    return count > 0 ? tell(change, notice, &pairs) : STATUS_OK;
}

enum status notification_store_take_back(struct change *change, const struct notice *notice,
                                         const struct slice *subjects, size_t count)
{
    static const struct pg_statement forget = {
        "notification_take_back",
        "DELETE FROM pek.notification AS n WHERE n.kind = $1::smallint AND n.group_id = $2"
        " AND n.subject = ANY ($3::text[]) AND NOT n.retracts",
    };
    PEK_TRY(change_execute(change, &forget,
                           PG_PARAMS(pg_int(change->arena, notice->kind), pg_str(notice->group_id),
                                     pg_text_array(change->arena, subjects, count)),
                           NULL));
    return notification_store_tell(change, notice, subjects, count);
}

/* ---- for the hub ---- */

struct collecting {
    struct arena *arena;
    const notification_v1_collect_notifications_request *request;
    struct pg_result *rows;
};

static struct pg_param ids_param(struct arena *arena, char *const *ids, size_t count)
{
    struct slice *slices = arena_zalloc(arena, count + 1, sizeof(*slices));
    for (size_t i = 0; slices && i < count; i++)
        slices[i] = slice_str(ids[i]);
    return pg_text_array(arena, slices, slices ? count : 0);
}

static enum status collect_in(struct pg_transaction *transaction, void *arg)
{
    static const struct pg_statement forget = {
        "notification_forget",
        "DELETE FROM pek.notification AS n WHERE n.event_id = ANY ($1::uuid[])",
    };
    static const struct pg_statement put_off = {
        "notification_put_off",
        "UPDATE pek.notification AS n SET tries = least(n.tries + 1, 100),"
        " next_time = now() + least(power(2, least(n.tries, 20)) / 4, 600) * interval '1 second' "
        "WHERE n.event_id = ANY ($1::uuid[])",
    };
    static const struct pg_statement due = {
        "notification_due",
        "SELECT n.event_id, n.kind, n.recipient, n.actor, n.subject, n.group_id, n.title, n.detail,"
        " n.create_time, n.retracts, n.id FROM pek.notification AS n "
        "WHERE n.next_time <= now() ORDER BY n.id LIMIT 100",
    };
    _Static_assert(NOTIFICATION_BATCH == 100 && NOTIFICATION_LATER_S_MAX == 600, "as literals");
    struct collecting *collecting = arg;
    const notification_v1_collect_notifications_request *request = collecting->request;
    struct arena *arena = collecting->arena;
    collecting->rows = pg_result_free(collecting->rows);
    if (request->n_stored > 0)
        PEK_TRY(pg_apply(transaction, &forget,
                         PG_PARAMS(ids_param(arena, request->stored, request->n_stored)), NULL));
    if (request->n_later > 0)
        PEK_TRY(pg_apply(transaction, &put_off,
                         PG_PARAMS(ids_param(arena, request->later, request->n_later)), NULL));
    return pg_execute(transaction, &due, NULL, 0, &collecting->rows);
}

enum status notification_store_collect(struct pg *pg, struct cancel *cancel, struct arena *arena,
                                       const notification_v1_collect_notifications_request *request,
                                       struct pg_result **ret_rows)
{
    struct collecting collecting = {.arena = arena, .request = request};
    enum status status = pg_transact(pg, cancel, false, collect_in, &collecting);
    if (status == STATUS_OK)
        *ret_rows = collecting.rows;
    else
        pg_result_free(collecting.rows);
    return status;
}

/* ---- beside changes ---- */

enum status notification_store_prune(struct pg *pg, struct cancel *cancel, size_t *ret_dropped)
{
    static const struct pg_statement prune = {
        "notification_prune",
        "DELETE FROM pek.notification AS n WHERE n.id IN ("
        "  SELECT o.id FROM pek.notification AS o"
        "   WHERE o.create_time < now() - interval '30 days'"
        "      OR o.id <= (SELECT l.id FROM pek.notification AS l"
        "                   ORDER BY l.id DESC OFFSET 100000 LIMIT 1)"
        "   ORDER BY o.id LIMIT 1000)",
    };
    _Static_assert(NOTIFICATION_DAYS_MAX == 30 && NOTIFICATION_KEPT_MAX == 100000 &&
                       NOTIFICATION_PRUNE_ROWS == 1000,
                   "as literals");
    size_t all = 0, count = NOTIFICATION_PRUNE_ROWS;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && count == NOTIFICATION_PRUNE_ROWS) {
        count = 0;
        status = pg_note(pg, cancel, &prune, NULL, 0, &count);
        all += count;
    }
    /* Also of what went before it failed. */
    *ret_dropped = all;
    return status;
}
