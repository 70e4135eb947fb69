-- States of logins that came back from the provider: each may come back once, on whichever hub. Written only for
-- a state that a hub sealed and that its own browser brought; the digest is enough to know it again.
CREATE TABLE hub.login_spent (
    state_sha256 text PRIMARY KEY CHECK (state_sha256 ~ '^[A-Za-z0-9_-]{43}$'),
    expires_at timestamptz NOT NULL
);
CREATE INDEX login_spent_by_expiry ON hub.login_spent (expires_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON hub.login_spent TO pek_app;
