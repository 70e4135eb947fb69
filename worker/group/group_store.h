/* group_store: the SQL of groups.
 *
 * Row security limits every statement to the realm of the connection; none of them names it. Reads outside a
 * transaction share connections (shared/pg); what a change reads and writes goes through its
 * transaction, after group_store_lock_tree where the shape of a tree matters (README.md says why).
 *
 * Groups are copied into the arena. Statuses are pg's; NOT_FOUND when a row that must be there is not, and
 * ALREADY_EXISTS with a fault on `name` or `slug` where those collide.
 */
#ifndef PEK_WORKER_GROUP_GROUP_STORE_H
#define PEK_WORKER_GROUP_GROUP_STORE_H

#include "shared/pg/pg.h"
#include "worker/group/group.h"
#include "worker/policy/policy.h"
#include "worker/search/search_store.h"

#define GROUP_BATCH_ROWS 500        /* of a list, fetched at a time */
#define GROUP_DESCENDANTS_MAX 10000 /* of one answer */

/* ---- reads ---- */

PEK_MUST_CHECK enum status group_store_get(struct pg *pg, struct cancel *cancel, const char *id,
                                           struct arena *arena, struct group *ret_group);

/* Some groups: rows of one result, freed with group_rows_done. */
struct group_rows {
    struct pg_result *result;
    size_t count;
};
/* Strings live as long as the rows, the sort key as long as the arena. */
void group_rows_at(const struct group_rows *rows, size_t index, struct arena *arena,
                   struct group *ret_group);
void group_rows_done(struct group_rows *rows);

/* Which groups, and from where on, in the order of (sort_key, id). */
struct group_query {
    const struct policy_scope *scope; /* those of them that the caller may see */
    struct search search;             /* what names must match */
    struct search_lead lead; /* no gram: in the order of names, of the scope or of the parent */
    int purpose;             /* 0: any */
    const char *parent_id;   /* NULL: any */
    bool include_archived;
    struct slice after_key; /* both empty: from the beginning */
    const char *after_id;
    bool inclusive; /* from that position on, else behind it */
    size_t limit;
};
/* The statement of a list with a lead; for the test that reads its plan. */
extern const struct pg_statement group_list_found;
PEK_MUST_CHECK enum status group_store_list(struct pg *pg, enum pg_lane lane, struct cancel *cancel,
                                            const struct group_query *query, struct arena *arena,
                                            struct group_rows *ret_rows);
/* From the top level down to the direct parent. */
PEK_MUST_CHECK enum status group_store_ancestors(struct pg *pg, struct cancel *cancel,
                                                 const char *id, const struct policy_scope *scope,
                                                 struct arena *arena, struct group_rows *ret_rows);
/* Parents before their children, siblings in order. RESOURCE_EXHAUSTED over GROUP_DESCENDANTS_MAX. */
PEK_MUST_CHECK enum status group_store_descendants(struct pg *pg, struct cancel *cancel,
                                                   const char *id, bool include_archived,
                                                   const struct policy_scope *scope,
                                                   struct arena *arena,
                                                   struct group_rows *ret_rows);

/* ---- within a change ---- */

/* Nobody else changes the shape of this organisation's tree until the transaction ends. NOT_FOUND when there
 * is no such organisation. */
PEK_MUST_CHECK enum status group_store_lock_tree(struct pg_transaction *transaction,
                                                 struct slice org, struct arena *arena);
/* The group, locked against other changes. */
PEK_MUST_CHECK enum status group_store_lock(struct pg_transaction *transaction, const char *id,
                                            struct arena *arena, struct group *ret_group);
/* From the top level down to the group itself. NOT_FOUND when there is none. */
PEK_MUST_CHECK enum status group_store_path(struct pg_transaction *transaction, const char *id,
                                            struct arena *arena, const struct group_node **ret_path,
                                            size_t *ret_count);
/* Levels of the group's subtree (1 without subgroups), and how many groups below it are active. */
PEK_MUST_CHECK enum status group_store_below(struct pg_transaction *transaction, const char *id,
                                             size_t *ret_height, int64_t *ret_active);

struct group_new {
    struct group_id id;
    const char *parent_id; /* NULL: an organisation */
    struct group_name name;
    struct group_profile profile;
    int64_t foundation_us; /* GROUP_TIME_NONE: now */
    bool is_community;
    bool is_resort;
    bool is_task_force;
    bool has_transitive_membership;
};
PEK_MUST_CHECK enum status group_store_insert(struct pg_transaction *transaction,
                                              const struct group_new *new_group,
                                              struct arena *arena, struct group *ret_group,
                                              struct fault *fault);
/* Those of `fields`. */
PEK_MUST_CHECK enum status
group_store_set_profile(struct pg_transaction *transaction, const char *id, unsigned fields,
                        const struct group_name *name, const struct group_profile *profile,
                        struct arena *arena, struct group *ret_group, struct fault *fault);
/* The flags of `fields` become what `values` has. */
PEK_MUST_CHECK enum status group_store_set_flags(struct pg_transaction *transaction, const char *id,
                                                 unsigned fields, unsigned values,
                                                 struct arena *arena, struct group *ret_group);
/* The group and all below it that are still active; `ret_ids` are those that changed. */
PEK_MUST_CHECK enum status group_store_archive(struct pg_transaction *transaction, const char *id,
                                               struct arena *arena, const struct slice **ret_ids,
                                               size_t *ret_count);
PEK_MUST_CHECK enum status group_store_unarchive(struct pg_transaction *transaction, const char *id,
                                                 struct arena *arena, struct group *ret_group);
PEK_MUST_CHECK enum status group_store_move(struct pg_transaction *transaction, const char *id,
                                            const char *parent_id, struct arena *arena,
                                            struct group *ret_group);
/* One audit row for each of the groups, with all of the group as it is now. */
PEK_MUST_CHECK enum status group_store_audit(struct pg_transaction *transaction, const char *actor,
                                             const char *action, struct slice trace_id,
                                             const struct slice *ids, size_t count,
                                             struct arena *arena);

#endif
