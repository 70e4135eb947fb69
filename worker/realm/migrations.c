#include "worker/realm/migrations.h"

#include <string.h>

#include "worker/domain/migration_0004.h"
#include "worker/group/migration_0002.h"
#include "worker/group/migration_0008.h"
#include "worker/group/migration_0022.h"
#include "worker/membership/migration_0011.h"
#include "worker/membership/migration_0015.h"
#include "worker/membership/migration_0016.h"
#include "worker/membership/migration_0017.h"
#include "worker/membership/migration_0018.h"
#include "worker/membership/migration_0020.h"
#include "worker/person/migration_0010.h"
#include "worker/person/migration_0013.h"
#include "worker/policy/migration_0003.h"
#include "worker/policy/migration_0005.h"
#include "worker/policy/migration_0009.h"
#include "worker/policy/migration_0012.h"
#include "worker/policy/migration_0014.h"
#include "worker/policy/migration_0019.h"
#include "worker/realm/migration_0001.h"
#include "worker/realm/migration_0021.h"
#include "worker/search/migration_0006.h"

#define FILES 21

/* As pek.isolate makes it. */
#define REALM_POLICY "(realm = current_setting('pek.realm'::text, true))"

static const char stranger_sql[] =
    "SELECT 'this database is that of ' || string_agg(realm, ', ' ORDER BY realm) || ', and realm '"
    "       || current_setting('pek.realm', true) || ' is not in it: is it the right one? (The "
    "command"
    " bootstrap begins a realm in a database that has others.)'"
    "  FROM public.pek_realm HAVING NOT bool_or(realm = current_setting('pek.realm', true))";

const struct migrations *realm_migrations(void)
{
    /* Filled by each call, with the same: the lengths are no constants of the language. */
    static struct migration files[FILES];
    static const struct migrations migrations = {"pek", files, FILES, REALM_POLICY, stranger_sql};
    const struct migration all[FILES] = {
        {"0001_realm.sql", slice_make(migration_0001_realm, migration_0001_realm_len)},
        {"0002_group.sql", slice_make(migration_0002_group, migration_0002_group_len)},
        {"0003_policy.sql", slice_make(migration_0003_policy, migration_0003_policy_len)},
        {"0004_change.sql", slice_make(migration_0004_change, migration_0004_change_len)},
        {"0005_policy_admin.sql",
         slice_make(migration_0005_policy_admin, migration_0005_policy_admin_len)},
        {"0006_search.sql", slice_make(migration_0006_search, migration_0006_search_len)},
        {"0008_group_archive.sql",
         slice_make(migration_0008_group_archive, migration_0008_group_archive_len)},
        {"0009_policy_bounds.sql",
         slice_make(migration_0009_policy_bounds, migration_0009_policy_bounds_len)},
        {"0010_person.sql", slice_make(migration_0010_person, migration_0010_person_len)},
        {"0011_membership.sql",
         slice_make(migration_0011_membership, migration_0011_membership_len)},
        {"0012_policy_order.sql",
         slice_make(migration_0012_policy_order, migration_0012_policy_order_len)},
        {"0013_person_unnamed.sql",
         slice_make(migration_0013_person_unnamed, migration_0013_person_unnamed_len)},
        {"0014_policy_valid_until.sql",
         slice_make(migration_0014_policy_valid_until, migration_0014_policy_valid_until_len)},
        {"0015_member_policy.sql",
         slice_make(migration_0015_member_policy, migration_0015_member_policy_len)},
        {"0016_group_leader.sql",
         slice_make(migration_0016_group_leader, migration_0016_group_leader_len)},
        {"0017_member_bounds.sql",
         slice_make(migration_0017_member_bounds, migration_0017_member_bounds_len)},
        {"0018_post.sql", slice_make(migration_0018_post, migration_0018_post_len)},
        {"0019_policy_look_up.sql",
         slice_make(migration_0019_policy_look_up, migration_0019_policy_look_up_len)},
        {"0020_membership_pace.sql",
         slice_make(migration_0020_membership_pace, migration_0020_membership_pace_len)},
        {"0021_realm_here.sql",
         slice_make(migration_0021_realm_here, migration_0021_realm_here_len)},
        {"0022_group_history.sql",
         slice_make(migration_0022_group_history, migration_0022_group_history_len)},
    };
    memcpy(files, all, sizeof(files));
    return &migrations;
}

enum status realm_migrate(const char *conninfo, size_t *ret_applied, struct fault *fault)
{
    return migrate_apply(conninfo, realm_migrations(), ret_applied, fault);
}
