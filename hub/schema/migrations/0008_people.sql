-- What realms are told of people: a row is something that a realm is still to be told. Written in the transaction of the
-- change; gone when the realm has taken it.
CREATE SEQUENCE hub.person_news_seq;
CREATE TABLE hub.person_news (
    realm   text COLLATE "C" NOT NULL,
    user_id text NOT NULL REFERENCES hub.user_account (id) ON UPDATE CASCADE ON DELETE CASCADE,
    -- Of all changes, in their order: the version that a realm compares, so that an older one overwrites nothing.
    seq     bigint NOT NULL DEFAULT nextval('hub.person_news_seq'),
    PRIMARY KEY (realm, user_id)
);

CREATE FUNCTION hub.person_news_add(to_realm text, who text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO hub.person_news AS n (realm, user_id) VALUES (to_realm, who)
        ON CONFLICT (realm, user_id) DO UPDATE SET seq = EXCLUDED.seq;
    SELECT pg_notify('pek_people', to_realm);
$$;

-- A name changed, or its owner is gone: every realm that knows them is told.
CREATE FUNCTION hub.person_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    who text := CASE TG_OP WHEN 'DELETE' THEN OLD.user_id ELSE NEW.user_id END;
BEGIN
    PERFORM hub.person_news_add(r.realm, who) FROM hub.user_realm AS r WHERE r.user_id = who;
    RETURN NULL;
END $$;
CREATE TRIGGER person_renamed AFTER UPDATE OF first_name, last_name ON hub.profile
    FOR EACH ROW WHEN (OLD.first_name <> NEW.first_name OR OLD.last_name <> NEW.last_name)
    EXECUTE FUNCTION hub.person_changed();
CREATE TRIGGER person_gone AFTER DELETE ON hub.profile FOR EACH ROW EXECUTE FUNCTION hub.person_changed();

-- A realm that knows somebody new is told who that is.
CREATE FUNCTION hub.person_met() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM hub.person_news_add(NEW.realm, NEW.user_id);
    RETURN NULL;
END $$;
CREATE TRIGGER person_met AFTER INSERT ON hub.user_realm FOR EACH ROW EXECUTE FUNCTION hub.person_met();

INSERT INTO hub.person_news (realm, user_id) SELECT realm, user_id FROM hub.user_realm;

REVOKE EXECUTE ON FUNCTION hub.person_news_add(text, text), hub.person_changed(), hub.person_met() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hub.person_news_add(text, text) TO pek_app;
GRANT USAGE ON SEQUENCE hub.person_news_seq TO pek_app;
GRANT SELECT, INSERT (realm, user_id), UPDATE (seq), DELETE ON hub.person_news TO pek_app;
