#include "worker/person/user_merge.h"

#include <string.h>

struct merging {
    const struct user_merge *merge;
    struct user_merge_moved moved;
    bool was_merged;
};

static enum status merge_in(struct pg_transaction *transaction, void *arg)
{
    static const struct pg_statement statement = {
        "user_merge",
        "SELECT (m->>'memberships')::bigint, (m->>'combined')::bigint, (m->>'posts')::bigint,"
        " (m->>'policies')::bigint, (m->>'leads')::bigint, (m->>'statements')::bigint"
        "  FROM pek.merge_user($1, $2, $3::boolean) AS m",
    };
    struct merging *merging = arg;
    const struct user_merge *merge = merging->merge;
    struct pg_result *rows;
    enum status status = pg_execute(
        transaction, &statement,
        PG_PARAMS(pg_str(merge->from_user), pg_str(merge->into_user), pg_bool(merge->dry_run)),
        &rows);
    merging->was_merged = status != STATUS_OK && user_merge_is_reason(transaction);
    PEK_TRY(status);
    merging->moved = (struct user_merge_moved){
        pg_get_int(rows, 0, 0), pg_get_int(rows, 0, 1), pg_get_int(rows, 0, 2),
        pg_get_int(rows, 0, 3), pg_get_int(rows, 0, 4), pg_get_int(rows, 0, 5),
    };
    pg_result_free(rows);
    return STATUS_OK;
}

enum status user_merge_run(struct pg *pg, struct cancel *cancel, const struct user_merge *merge,
                           struct user_merge_moved *ret_moved, struct fault *fault)
{
    struct merging merging = {.merge = merge};
    enum status status = pg_transact(pg, cancel, false, merge_in, &merging);
    if (status == STATUS_OK)
        *ret_moved = merging.moved;
    if (!merging.was_merged)
        return status;
    return fault_set_reason(fault, STATUS_FAILED_PRECONDITION, USER_MERGED, "from_user",
                            "%s was merged into another account before, or is what %s became",
                            merge->from_user, merge->into_user);
}

bool user_merge_is_reason(const struct pg_transaction *transaction)
{
    return strcmp(pg_constraint(transaction), "user_merged") == 0;
}
