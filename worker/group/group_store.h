/* group_store: the SQL of groups.
 *
 * Row security limits every statement to the realm of the connection; none of them names it. Reads share connections
 * (shared/pg); what a change reads and writes goes through its transaction, after group_store_lock_tree where the
 * shape of a tree matters (README.md says why). Statuses are pg's.
 */
#ifndef PEK_WORKER_GROUP_GROUP_STORE_H
#define PEK_WORKER_GROUP_GROUP_STORE_H

#include "pek/group/v1/group.row.h"
#include "shared/service/read.h"
#include "worker/domain/domain.h"
#include "worker/group/group.h"
#include "worker/search/search_store.h"

#define GROUP_ANCESTORS_MAX GROUP_DEPTH_MAX

/* ---- reads ---- */

extern const struct pg_statement group_store_get; /* for read_one */

/* Which groups, in the order of (sort_key, id); for read_list. */
struct group_query {
    struct search search;     /* what names must match */
    struct search_lead lead;  /* no gram: in the order of names, of the scope or of the parent */
    group_v1_purpose purpose; /* unspecified: any */
    const char *parent_id;    /* NULL: any */
    bool include_archived;
};
/* The statements of a list with a lead, without archived groups and with them; for the test that reads their plans. */
extern const struct read_statement group_list_found[2];
PEK_MUST_CHECK enum status group_store_list(const struct read_batch *batch, const void *query,
                                            struct pg_result **ret_rows);
/* From the top level down to the direct parent of the group `id`. */
PEK_MUST_CHECK enum status group_store_ancestors(const struct read_batch *batch, const void *id,
                                                 struct pg_result **ret_rows);
/* The subtree below a group; each batch walks all of it. */
struct group_below_query {
    const char *id;
    bool include_archived;
};
PEK_MUST_CHECK enum status group_store_descendants(const struct read_batch *batch,
                                                   const void *below_query,
                                                   struct pg_result **ret_rows);

/* What happened to a group, the latest first. */
struct group_history_query {
    const char *id;
    bool members; /* also what happened to its members */
};
PEK_MUST_CHECK enum status group_store_history(const struct read_batch *batch,
                                               const void *history_query,
                                               struct pg_result **ret_rows);
/* Its statement, for a test that reads its plan. */
extern const struct pg_statement group_store_list_history;

/* ---- within a change ---- */

/* Nobody else changes the shape of this organisation's tree until the transaction ends. NOT_FOUND when there
 * is no such organisation. */
PEK_MUST_CHECK enum status group_store_lock_tree(struct change *change, struct slice org);
extern const struct pg_statement group_store_lock; /* for change_lock */
/* From the top level down to the group itself. NOT_FOUND when there is none. */
PEK_MUST_CHECK enum status group_store_path(struct change *change, const char *id,
                                            const struct group_node **ret_path, size_t *ret_count);
/* Levels of the group's subtree (1 without subgroups), and how many groups below it are active. */
PEK_MUST_CHECK enum status group_store_below(struct change *change, const char *id,
                                             size_t *ret_height, int64_t *ret_active);

/* ALREADY_EXISTS with a fault on `name` or `slug`. Without a foundation time it is now. */
PEK_MUST_CHECK enum status group_store_insert(struct change *change, const group_v1_group *made,
                                              const struct text_name *name,
                                              group_v1_group *ret_group);
/* Those of `fields`, of enum group_profile_field. ALREADY_EXISTS with a fault on `group.name`. */
PEK_MUST_CHECK enum status group_store_set_profile(struct change *change, unsigned fields,
                                                   const group_v1_group *profile,
                                                   const struct text_name *name,
                                                   group_v1_group *ret_group);
/* Those of `fields`, of enum group_flag_field. */
PEK_MUST_CHECK enum status group_store_set_flags(struct change *change, unsigned fields,
                                                 const group_v1_configure_group_request *flags,
                                                 group_v1_group *ret_group);
/* The group and all below it that are still active, as one archiving; `ret_ids` are those that changed. */
PEK_MUST_CHECK enum status group_store_archive(struct change *change, const char *id,
                                               const struct slice **ret_ids, size_t *ret_count);
/* The group, and with `cascade` what its archiving took along. */
PEK_MUST_CHECK enum status group_store_unarchive(struct change *change, const char *id,
                                                 bool cascade, const struct slice **ret_ids,
                                                 size_t *ret_count);
/* `parent_id` NULL: to the top level. */
PEK_MUST_CHECK enum status group_store_move(struct change *change, const char *id,
                                            const char *parent_id, group_v1_group *ret_group);
extern const struct pg_statement group_store_audit; /* for change_audit */

/* ---- keys that follow the collator: for worker/realm/rekey ---- */

extern const struct pg_statement group_store_names_after, group_store_set_keys;

#endif
