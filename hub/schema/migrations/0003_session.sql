-- Sessions that end, and how every hub hears of it: in the transaction that ends them, whoever did it.

-- What names a session outside: 128 bits of the SHA-256 of its id.
CREATE FUNCTION hub.session_handle(id text) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    RETURN left(encode(sha256(convert_to(id, 'UTF8')), 'hex'), 32);

CREATE FUNCTION hub.session_announce_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('pek_session', 'session ' || hub.session_handle(OLD.id));
    RETURN NULL;
END $$;

CREATE TRIGGER session_revoked AFTER UPDATE OF revoked_at ON hub.session
    FOR EACH ROW WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL)
    EXECUTE FUNCTION hub.session_announce_end();

-- Not for the sweep of what expired by itself.
CREATE TRIGGER session_deleted AFTER DELETE ON hub.session
    FOR EACH ROW WHEN (OLD.revoked_at IS NULL AND OLD.expires_at > now())
    EXECUTE FUNCTION hub.session_announce_end();

-- A user that is disabled has no session any more, also after being enabled again.
CREATE FUNCTION hub.user_announce_disabled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE hub.session SET revoked_at = now() WHERE user_id = NEW.id AND revoked_at IS NULL;
    PERFORM pg_notify('pek_session', 'user ' || NEW.id);
    RETURN NULL;
END $$;

CREATE TRIGGER user_disabled AFTER UPDATE OF disabled_at ON hub.user_account
    FOR EACH ROW WHEN (OLD.disabled_at IS NULL AND NEW.disabled_at IS NOT NULL)
    EXECUTE FUNCTION hub.user_announce_disabled();

-- By id or username; true, or NULL when there is no such user. Idempotent.
CREATE FUNCTION hub.set_user_disabled(who text, disabled boolean) RETURNS boolean
    LANGUAGE sql AS $$
    UPDATE hub.user_account AS u
       SET disabled_at = CASE WHEN disabled THEN coalesce(u.disabled_at, now()) END
     WHERE u.id = (SELECT id FROM hub.user_account
                    WHERE id = who OR username = who ORDER BY id = who DESC LIMIT 1)
    RETURNING true
$$;
