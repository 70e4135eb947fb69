#include "hub/schema/schema.h"

#include <string.h>

#include "hub/schema/migration_0001.h"
#include "hub/schema/migration_0002.h"
#include "hub/schema/migration_0003.h"
#include "hub/schema/migration_0004.h"
#include "hub/schema/migration_0005.h"
#include "hub/schema/migration_0006.h"
#include "hub/schema/migration_0007.h"
#include "hub/schema/migration_0008.h"
#include "hub/schema/migration_0009.h"
#include "hub/schema/migration_0010.h"
#include "hub/schema/migration_0011.h"
#include "hub/schema/migration_0012.h"
#include "hub/schema/migration_0013.h"
#include "hub/schema/migration_0014.h"
#include "hub/schema/migration_0017.h"
#include "hub/schema/migration_0018.h"
#include "hub/schema/migration_0019.h"
#include "hub/schema/migration_0020.h"
#include "hub/schema/migration_0021.h"
#include "hub/schema/migration_0022.h"
#include "hub/schema/migration_0023.h"
#include "shared/service/change.h"

const struct migrations *hub_migrations(void)
{
    const struct migration all[] = {
        {"0001_hub.sql", slice_make(hub_0001_hub_sql, hub_0001_hub_sql_len)},
        {"0002_login.sql", slice_make(hub_0002_login_sql, hub_0002_login_sql_len)},
        {"0003_session.sql", slice_make(hub_0003_session_sql, hub_0003_session_sql_len)},
        {"0004_instance.sql", slice_make(hub_0004_instance_sql, hub_0004_instance_sql_len)},
        {"0005_grants.sql", slice_make(hub_0005_grants_sql, hub_0005_grants_sql_len)},
        {"0006_profile.sql", slice_make(hub_0006_profile_sql, hub_0006_profile_sql_len)},
        {"0007_change.sql", slice_make(hub_0007_change_sql, hub_0007_change_sql_len)},
        {"0008_people.sql", slice_make(hub_0008_people_sql, hub_0008_people_sql_len)},
        {"0009_local_realm.sql",
         slice_make(hub_0009_local_realm_sql, hub_0009_local_realm_sql_len)},
        {"0010_user.sql", slice_make(hub_0010_user_sql, hub_0010_user_sql_len)},
        {"0011_export.sql", slice_make(hub_0011_export_sql, hub_0011_export_sql_len)},
        {"0012_notification.sql",
         slice_make(hub_0012_notification_sql, hub_0012_notification_sql_len)},
        {"0013_user_merge.sql", slice_make(hub_0013_user_merge_sql, hub_0013_user_merge_sql_len)},
        {"0014_export_notification.sql",
         slice_make(hub_0014_export_notification_sql, hub_0014_export_notification_sql_len)},
        {"0017_import.sql", slice_make(hub_0017_import_sql, hub_0017_import_sql_len)},
        {"0018_account_key.sql",
         slice_make(hub_0018_account_key_sql, hub_0018_account_key_sql_len)},
        {"0019_user_grams_of_four.sql",
         slice_make(hub_0019_user_grams_of_four_sql, hub_0019_user_grams_of_four_sql_len)},
        {"0020_instance_count.sql",
         slice_make(hub_0020_instance_count_sql, hub_0020_instance_count_sql_len)},
        {"0021_session_user_agent.sql",
         slice_make(hub_0021_session_user_agent_sql, hub_0021_session_user_agent_sql_len)},
        {"0022_notification_picture.sql",
         slice_make(hub_0022_notification_picture_sql, hub_0022_notification_picture_sql_len)},
        {"0023_people_told.sql",
         slice_make(hub_0023_people_told_sql, hub_0023_people_told_sql_len)},
    };
    /* Filled by each call, with the same: the lengths are no constants of the language. */
    static struct migration files[sizeof(all) / sizeof(all[0])];
    static const struct migrations migrations = {"hub", files, sizeof(files) / sizeof(files[0])};
    memcpy(files, all, sizeof(files));
    return &migrations;
}

/* Rights are what a session's cookie gives: they do not change while a call lasts. */
struct service hub_service(struct pg *pg)
{
    static const struct change_keys keys = CHANGE_KEYS("hub.idempotency");
    return (struct service){.pg = pg, .keys = &keys};
}
