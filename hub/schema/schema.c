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
#include "shared/service/change.h"

#define FILES 9

const struct migrations *hub_migrations(void)
{
    /* Filled by each call, with the same: the lengths are no constants of the language. */
    static struct migration files[FILES];
    static const struct migrations migrations = {"hub", files, FILES};
    const struct migration all[FILES] = {
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
    };
    memcpy(files, all, sizeof(files));
    return &migrations;
}

/* Rights are what a session's cookie gives: they do not change while a call lasts. */
struct service hub_service(struct pg *pg)
{
    static const struct change_keys keys = CHANGE_KEYS("hub.idempotency");
    return (struct service){.pg = pg, .keys = &keys};
}
