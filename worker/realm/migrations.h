/* migrations: the tables of a realm, in the order in which they are made. */
#ifndef PEK_WORKER_REALM_MIGRATIONS_H
#define PEK_WORKER_REALM_MIGRATIONS_H

#include "shared/pg/migrate.h"

/* What a realm's program needs of its database, for pg_options.schema as well. */
const struct migrations *realm_migrations(void);

/* Brings the database's schema up to date. Blocks; not for the loop. `conninfo` is of the owner or a superuser
 * (migrations/0001_realm.sql says what each needs). */
PEK_MUST_CHECK enum status realm_migrate(const char *conninfo, size_t *ret_applied,
                                         struct fault *fault);

#endif
