-- Users, their sessions, and which realms know them. Nothing of a realm's own data.
-- Run by a superuser, or by a role that owns the database when an administrator made pek_app.
DO $$
BEGIN
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        CREATE ROLE pek_app LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;

CREATE SCHEMA hub;

CREATE TABLE hub.user_account (
    id text PRIMARY KEY CHECK (id ~ '^[a-z0-9][a-z0-9._-]{0,63}$'),
    -- Subject at the OAuth provider; NULL for users of the demo data.
    authsch_id text UNIQUE CHECK (length(authsch_id) BETWEEN 1 AND 64),
    username text NOT NULL UNIQUE CHECK (username ~ '^[a-z0-9._-]{3,30}$'),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    created_at timestamptz NOT NULL DEFAULT now(),
    last_login_at timestamptz,
    disabled_at timestamptz
);

-- One row a login. The cookie carries a signed token with this id; the row is what makes logout and disabling
-- true on every hub.
CREATE TABLE hub.session (
    id text PRIMARY KEY CHECK (length(id) BETWEEN 16 AND 64),
    user_id text NOT NULL REFERENCES hub.user_account (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX session_by_user ON hub.session (user_id);
CREATE INDEX session_by_expiry ON hub.session (expires_at);

-- The federation table: kept from what each realm says when it issues a token.
CREATE TABLE hub.user_realm (
    user_id text NOT NULL REFERENCES hub.user_account (id) ON DELETE CASCADE,
    realm text NOT NULL CHECK (length(realm) BETWEEN 1 AND 63),
    since timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, realm)
);

GRANT USAGE ON SCHEMA hub TO pek_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA hub TO pek_app;
