#include <string.h>

#include "hub/hub.h"
#include "hub/migration_0001.h"
#include "hub/migration_0002.h"
#include "hub/migration_0003.h"
#include "hub/migration_0004.h"
#include "hub/migration_0005.h"
#include "hub/migration_0006.h"
#include "shared/pg/migrate.h"
#include "worker/realm/migrations.h"

#define FILES 6

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
    };
    memcpy(files, all, sizeof(files));
    return &migrations;
}

enum status hub_migrate(const struct hub_config *config, struct fault *fault)
{
    size_t applied;
    const char *database = config->database_owner[0] ? config->database_owner : config->database;
    const char *local = config->local_database_owner[0] ? config->local_database_owner : database;

    if (config->local_realm[0]) {
        enum status status = realm_migrate(local, &applied, fault);
        if (status)
            return status;
    }
    return migrate_apply(database, hub_migrations(), &applied, fault);
}
