#include "worker/realm/migrations.h"

#include <string.h>

#include "worker/domain/migration_0004.h"
#include "worker/domain/migration_0025.h"
#include "worker/evaluation/migration_0032.h"
#include "worker/evaluation/migration_0033.h"
#include "worker/evaluation/migration_0036.h"
#include "worker/evaluation/migration_0038.h"
#include "worker/evaluation/migration_0039.h"
#include "worker/evaluation/migration_0040.h"
#include "worker/evaluation/migration_0041.h"
#include "worker/evaluation/migration_0043.h"
#include "worker/evaluation/migration_0044.h"
#include "worker/evaluation/migration_0045.h"
#include "worker/evaluation/migration_0046.h"
#include "worker/evaluation/migration_0047.h"
#include "worker/evaluation/migration_0049.h"
#include "worker/evaluation/migration_0051.h"
#include "worker/export/migration_0026.h"
#include "worker/export/migration_0028.h"
#include "worker/export/migration_0037.h"
#include "worker/group/migration_0002.h"
#include "worker/group/migration_0008.h"
#include "worker/group/migration_0022.h"
#include "worker/group/migration_0050.h"
#include "worker/group/migration_0052.h"
#include "worker/import/migration_0035.h"
#include "worker/membership/migration_0011.h"
#include "worker/membership/migration_0015.h"
#include "worker/membership/migration_0016.h"
#include "worker/membership/migration_0017.h"
#include "worker/membership/migration_0018.h"
#include "worker/membership/migration_0020.h"
#include "worker/membership/migration_0023.h"
#include "worker/membership/migration_0029.h"
#include "worker/membership/migration_0030.h"
#include "worker/notification/migration_0024.h"
#include "worker/person/migration_0010.h"
#include "worker/person/migration_0013.h"
#include "worker/person/migration_0054.h"
#include "worker/policy/migration_0003.h"
#include "worker/policy/migration_0005.h"
#include "worker/policy/migration_0009.h"
#include "worker/policy/migration_0012.h"
#include "worker/policy/migration_0014.h"
#include "worker/policy/migration_0019.h"
#include "worker/realm/migration_0001.h"
#include "worker/realm/migration_0021.h"
#include "worker/realm/migration_0027.h"
#include "worker/realm/migration_0053.h"
#include "worker/realm/migration_0055.h"
#include "worker/realm/migration_0056.h"
#include "worker/search/migration_0006.h"
#include "worker/search/migration_0048.h"
#include "worker/semester/migration_0031.h"

/* A file, as //bazel:embed.bzl has it in the program. */
#define MIGRATION(name)                                                                            \
    {                                                                                              \
#name ".sql", slice_make(migration_##name, migration_##name##_len)                         \
    }

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
    const struct migration all[] = {
        MIGRATION(0001_realm),
        MIGRATION(0002_group),
        MIGRATION(0003_policy),
        MIGRATION(0004_change),
        MIGRATION(0005_policy_admin),
        MIGRATION(0006_search),
        MIGRATION(0008_group_archive),
        MIGRATION(0009_policy_bounds),
        MIGRATION(0010_person),
        MIGRATION(0011_membership),
        MIGRATION(0012_policy_order),
        MIGRATION(0013_person_unnamed),
        MIGRATION(0014_policy_valid_until),
        MIGRATION(0015_member_policy),
        MIGRATION(0016_group_leader),
        MIGRATION(0017_member_bounds),
        MIGRATION(0018_post),
        MIGRATION(0019_policy_look_up),
        MIGRATION(0020_membership_pace),
        MIGRATION(0021_realm_here),
        MIGRATION(0022_group_history),
        MIGRATION(0023_member_list),
        MIGRATION(0024_notification),
        MIGRATION(0025_audit_months),
        MIGRATION(0026_export),
        MIGRATION(0027_user_merge),
        MIGRATION(0028_export_notification),
        MIGRATION(0029_one_leader),
        MIGRATION(0030_person_seen),
        MIGRATION(0031_semester),
        MIGRATION(0032_scoreboard),
        MIGRATION(0033_entry),
        MIGRATION(0035_import),
        MIGRATION(0036_accepted_entry),
        MIGRATION(0037_found_by_user),
        MIGRATION(0038_score),
        MIGRATION(0039_scored_user),
        MIGRATION(0040_point_table),
        MIGRATION(0041_point_draft),
        MIGRATION(0043_entry_revision),
        MIGRATION(0044_point_squares),
        MIGRATION(0045_evaluated_member),
        MIGRATION(0046_judged_scoreboard),
        MIGRATION(0047_accepted_entry_names),
        MIGRATION(0048_search_grams_of_four),
        MIGRATION(0049_scoreboard_member),
        MIGRATION(0050_group_archived),
        MIGRATION(0051_comment_order),
        MIGRATION(0052_group_organisation),
        MIGRATION(0053_merge_what_lasts),
        MIGRATION(0054_people_told),
        MIGRATION(0055_merge_follows_organisation),
        MIGRATION(0056_merge_ends_below),
    };
    /* Filled by each call, with the same: the lengths are no constants of the language. */
    static struct migration files[sizeof(all) / sizeof(all[0])];
    static const struct migrations migrations = {"pek", files, sizeof(files) / sizeof(files[0]),
                                                 REALM_POLICY, stranger_sql};
    memcpy(files, all, sizeof(files));
    return &migrations;
}

enum status realm_migrate(const char *conninfo, size_t *ret_applied, struct fault *fault)
{
    return migrate_apply(conninfo, realm_migrations(), ret_applied, fault);
}
