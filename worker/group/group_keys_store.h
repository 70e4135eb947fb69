/* group_keys_store: the SQL of making the keys of all groups again, batch by batch. */
#ifndef PEK_WORKER_GROUP_GROUP_KEYS_STORE_H
#define PEK_WORKER_GROUP_GROUP_KEYS_STORE_H

#include "shared/pg/pg.h"
#include "worker/group/group.h"

/* Up to `limit` groups behind `after_id`, in the order of ids: id and name. */
PEK_MUST_CHECK enum status group_store_names_after(struct pg_transaction *transaction,
                                                   const char *after_id, size_t limit,
                                                   struct arena *arena,
                                                   struct pg_result **ret_ids_and_names);
/* The keys of those groups, unless a group has another name by now or has these keys. */
PEK_MUST_CHECK enum status group_store_set_keys(struct pg_transaction *transaction,
                                                const struct slice *ids,
                                                const struct group_name *names, size_t count,
                                                struct arena *arena);

#endif
