-- Users know their sessions by the browser, and their picture shows at once.
-- compatible: a column with a default, and one more word of what hubs look at again
ALTER TABLE hub.session ADD COLUMN user_agent text NOT NULL DEFAULT '' CHECK (length(user_agent) <= 200);
GRANT INSERT (user_agent) ON hub.session TO pek_app;

-- Sessions remember which picture their user has.
CREATE FUNCTION hub.profile_announce_avatar() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('pek_session', 'user ' || NEW.user_id);
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION hub.profile_announce_avatar() FROM PUBLIC;
CREATE TRIGGER avatar_announced AFTER UPDATE OF avatar_version ON hub.profile
    FOR EACH ROW WHEN (OLD.avatar_version <> NEW.avatar_version)
    EXECUTE FUNCTION hub.profile_announce_avatar();
