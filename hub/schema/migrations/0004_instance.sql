-- The registry: which realms the federation has and where. Every hub follows this table by NOTIFY pek_hub_instance,
-- whoever changes it: pekctl, the admin API of any hub, or a person in psql.
CREATE TABLE hub.instance (
    realm text PRIMARY KEY CHECK (realm ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    -- Hosted in the hubs' own process; has no address then.
    local boolean NOT NULL DEFAULT false,
    target text CHECK (length(target) BETWEEN 1 AND 255 AND target ~ '^[!-~]+$'),
    -- REMOVED rows stay: they say that a realm was there, and keep configuration from bringing it back.
    status text NOT NULL DEFAULT 'ACTIVE' CHECK (status IN ('ACTIVE', 'DRAINING', 'REMOVED')),
    -- What its certificate must name when that is not the realm, and who must have issued it when that is not the CA of
    -- the hub's configuration (PEM).
    tls_name text CHECK (length(tls_name) BETWEEN 1 AND 255),
    ca_pem text CHECK (length(ca_pem) <= 65536),
    -- Came from a hub's configuration and nobody changed it since: follows the configuration.
    seeded boolean NOT NULL DEFAULT false,
    -- What it said of itself when a hub asked last.
    worker_version text NOT NULL DEFAULT '',
    capabilities text[] NOT NULL DEFAULT '{}',
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    updated_by text NOT NULL DEFAULT current_user CHECK (length(updated_by) <= 200),
    CONSTRAINT instance_target CHECK (local = (target IS NULL))
);

CREATE FUNCTION hub.instance_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        NEW.version := OLD.version + 1;
        NEW.updated_at := now();
    END IF;
    IF NEW.status <> 'REMOVED' THEN
        -- One at a time, so that two cannot both be the sixteenth.
        PERFORM pg_advisory_xact_lock(hashtext('hub.instance'));
        IF (SELECT count(*) FROM hub.instance WHERE status <> 'REMOVED' AND realm <> NEW.realm) >= 16 THEN
            RAISE EXCEPTION 'a federation has at most 16 realms; remove one first'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'instance_count_max', TABLE = 'instance', SCHEMA = 'hub';
        END IF;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER instance_changes BEFORE INSERT OR UPDATE OF realm, name, local, target, status, tls_name, ca_pem
    ON hub.instance FOR EACH ROW EXECUTE FUNCTION hub.instance_changes();

CREATE FUNCTION hub.instance_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('pek_hub_instance', '');
    RETURN NULL;
END $$;
-- Not for what workers say of themselves: hubs write that.
CREATE TRIGGER instance_changed AFTER INSERT OR DELETE OR UPDATE OF realm, name, local, target, status, tls_name, ca_pem
    ON hub.instance FOR EACH STATEMENT EXECUTE FUNCTION hub.instance_changed();

GRANT SELECT, INSERT, UPDATE, DELETE ON hub.instance TO pek_app;

-- Who may change the registry through the API. Given and taken by pekctl only.
ALTER TABLE hub.user_account ADD COLUMN is_admin boolean NOT NULL DEFAULT false;
