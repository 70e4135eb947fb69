-- Roles, the schema, and what makes a table a tenant table.
--
-- Run by a superuser (then the roles are made here), or by pek_owner when an administrator made the roles and
-- gave it the database:
--     CREATE ROLE pek_owner NOLOGIN; CREATE ROLE pek_app LOGIN; CREATE DATABASE pek OWNER pek_owner;
-- Neither role may be a superuser or BYPASSRLS: row security would not bind it.
DO $$
BEGIN
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        -- Roles belong to the cluster: another database of it may be migrated at the same moment.
        BEGIN
            CREATE ROLE pek_owner NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END;
        BEGIN
            CREATE ROLE pek_app LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END;
        CREATE SCHEMA pek AUTHORIZATION pek_owner;
    ELSE
        CREATE SCHEMA pek;
    END IF;
    IF EXISTS (SELECT FROM pg_roles
                WHERE rolname IN ('pek_owner', 'pek_app') AND (rolsuper OR rolbypassrls)) THEN
        RAISE EXCEPTION 'pek_owner and pek_app must be bound by row security';
    END IF;
END $$;

SET LOCAL ROLE pek_owner;

GRANT USAGE ON SCHEMA pek TO pek_app;

-- Forces row security on a table: rows of other realms do not exist for whoever uses it, its owner
-- included. A connection without the setting pek.realm sees nothing and can add nothing.
CREATE FUNCTION pek.isolate(tenant_table regclass) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('CREATE POLICY realm_isolation ON %s '
                   'USING (realm = current_setting(''pek.realm'', true)) '
                   'WITH CHECK (realm = current_setting(''pek.realm'', true))', tenant_table);
END $$;
REVOKE EXECUTE ON FUNCTION pek.isolate(regclass) FROM PUBLIC;

-- One row a realm: what its stored sort keys were made with.
CREATE TABLE pek.realm_state (
    realm            text COLLATE "C" NOT NULL DEFAULT current_setting('pek.realm')
                     CHECK (realm ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    collator_version text NOT NULL,
    PRIMARY KEY (realm)
);
SELECT pek.isolate('pek.realm_state');
GRANT SELECT, INSERT, UPDATE ON pek.realm_state TO pek_app;

RESET ROLE;
