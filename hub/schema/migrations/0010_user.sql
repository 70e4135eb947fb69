-- Users as others see them: how they are found, and what they look like.

-- ---- finding them ----

-- Their names are ordered and compared by keys that the hub makes (ICU: shared/text), and are found by a
-- row for every one to three letters that stand together in them, in each realm that they are known in: worker/search/README.md has
-- the argument. Here no row security keeps another index away, but no other one gives a page in order either.

ALTER TABLE hub.profile
    -- Family and first name, nickname and username; and the room. As searches compare them.
    ADD COLUMN folded text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN folded_room text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN sort_key bytea NOT NULL DEFAULT '',
    -- What made them; '' when they are to be made (hub/profile/name_keys.h).
    ADD COLUMN keys_version text COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX profile_by_keys_version ON hub.profile (keys_version, user_id);

CREATE TABLE hub.user_gram (
    realm    text NOT NULL,
    -- '' has everybody.
    gram     text COLLATE "C" NOT NULL CHECK (char_length(gram) <= 3),
    sort_key bytea NOT NULL,
    user_id  text COLLATE "C" NOT NULL,
    folded   text COLLATE "C" NOT NULL,
    PRIMARY KEY (realm, gram, sort_key, user_id)
);
CREATE INDEX user_gram_by_user ON hub.user_gram (user_id, realm);
-- The planner takes every gram for rare: what it would think of a frequent one changes nothing but that it plans
-- anew each time.
ALTER TABLE hub.user_gram ALTER COLUMN gram SET (n_distinct = -1);

-- The grams of what is folded. No word of a search has a space in it.
CREATE FUNCTION hub.search_grams(folded text) RETURNS SETOF text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT DISTINCT substr(folded, start, chars) COLLATE "C"
      FROM generate_series(1, char_length(folded)) AS start, generate_series(1, 3) AS chars
     WHERE start + chars - 1 <= char_length(folded) AND strpos(substr(folded, start, chars), ' ') = 0
    UNION SELECT '' WHERE folded <> ''
$$;

CREATE FUNCTION hub.user_grams_make(who text, in_realm text) RETURNS void LANGUAGE sql AS $$
    DELETE FROM hub.user_gram AS g WHERE g.user_id = who COLLATE "C" AND g.realm = in_realm;
    INSERT INTO hub.user_gram (realm, gram, sort_key, user_id, folded)
    SELECT in_realm, grams.gram, p.sort_key, p.user_id, p.folded
      FROM hub.profile AS p, LATERAL hub.search_grams(p.folded) AS grams (gram) WHERE p.user_id = who;
$$;

-- Whoever changes a name, by whatever statement, leaves keys to be made; the hubs hear of it.
CREATE FUNCTION hub.profile_keys_stale() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.keys_version := '';
    PERFORM pg_notify('pek_name_keys', '');
    RETURN NEW;
END $$;
CREATE TRIGGER keys_stale_insert BEFORE INSERT ON hub.profile FOR EACH ROW EXECUTE FUNCTION hub.profile_keys_stale();
CREATE TRIGGER keys_stale_update BEFORE UPDATE OF first_name, last_name, nickname, room ON hub.profile
    FOR EACH ROW WHEN ((OLD.first_name, OLD.last_name, OLD.nickname, OLD.room)
                       IS DISTINCT FROM (NEW.first_name, NEW.last_name, NEW.nickname, NEW.room))
    EXECUTE FUNCTION hub.profile_keys_stale();

-- With the rights of whoever migrates, as all below: the hub's own role reads grams and writes none.
CREATE FUNCTION hub.username_keys_stale() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE hub.profile SET keys_version = '' WHERE user_id = NEW.id;
    PERFORM pg_notify('pek_name_keys', '');
    RETURN NULL;
END $$;
CREATE TRIGGER username_keys_stale AFTER UPDATE OF username ON hub.user_account
    FOR EACH ROW WHEN (OLD.username <> NEW.username) EXECUTE FUNCTION hub.username_keys_stale();

CREATE FUNCTION hub.user_grams_follow_keys() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM hub.user_gram WHERE user_id = OLD.user_id COLLATE "C";
    ELSE
        PERFORM hub.user_grams_make(r.user_id, r.realm) FROM hub.user_realm AS r WHERE r.user_id = NEW.user_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER grams_update AFTER UPDATE OF folded, sort_key ON hub.profile
    FOR EACH ROW WHEN (OLD.folded <> NEW.folded OR OLD.sort_key <> NEW.sort_key)
    EXECUTE FUNCTION hub.user_grams_follow_keys();
CREATE TRIGGER grams_delete AFTER DELETE ON hub.profile FOR EACH ROW EXECUTE FUNCTION hub.user_grams_follow_keys();

-- The profile is locked until the end: a change of the name meanwhile sees this realm, or is seen here. The name of the trigger
-- comes before `person_met`, so that the lock is the first that is taken.
CREATE FUNCTION hub.user_grams_follow_realm() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM hub.user_gram WHERE user_id = OLD.user_id COLLATE "C" AND realm = OLD.realm;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM FROM hub.profile WHERE user_id = NEW.user_id FOR SHARE;
        PERFORM hub.user_grams_make(NEW.user_id, NEW.realm);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER grams_of_realm AFTER INSERT OR DELETE OR UPDATE OF user_id, realm ON hub.user_realm
    FOR EACH ROW EXECUTE FUNCTION hub.user_grams_follow_realm();

-- ---- what they look like ----

-- Beside the profile, so that nobody reads a picture who wants a name.
CREATE TABLE hub.avatar (
    user_id      text PRIMARY KEY REFERENCES hub.profile (user_id) ON UPDATE CASCADE ON DELETE CASCADE,
    content_type text NOT NULL CHECK (content_type IN ('image/png', 'image/jpeg')),
    width        integer NOT NULL CHECK (width BETWEEN 1 AND 4096),
    height       integer NOT NULL CHECK (height BETWEEN 1 AND 4096),
    -- Half a MiB was given at most; cleaned it may be a little longer (hub/profile/image.h).
    data         bytea NOT NULL CHECK (octet_length(data) BETWEEN 1 AND 524288 + 64),
    update_time  timestamptz NOT NULL DEFAULT now(),
    -- The etag, and hub.profile.avatar_version.
    version      bigint NOT NULL
);
-- It is compressed already.
ALTER TABLE hub.avatar ALTER COLUMN data SET STORAGE EXTERNAL;

-- Of all avatars, so that it never goes back, also not for who takes theirs away and comes with another.
CREATE SEQUENCE hub.avatar_version_seq;
-- 0: none.
ALTER TABLE hub.profile ADD COLUMN avatar_version bigint NOT NULL DEFAULT 0;

-- Whoever writes an avatar, by whatever statement: the profile says so, and every realm that knows them is told.
CREATE FUNCTION hub.avatar_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    who text := CASE TG_OP WHEN 'DELETE' THEN OLD.user_id ELSE NEW.user_id END;
BEGIN
    UPDATE hub.profile SET avatar_version = CASE TG_OP WHEN 'DELETE' THEN 0 ELSE NEW.version END,
                           update_time = now(), version = version + 1
     WHERE user_id = who;
    RETURN NULL;
END $$;
CREATE TRIGGER avatar_changed AFTER INSERT OR UPDATE OR DELETE ON hub.avatar
    FOR EACH ROW EXECUTE FUNCTION hub.avatar_changed();
CREATE TRIGGER person_avatar AFTER UPDATE OF avatar_version ON hub.profile
    FOR EACH ROW WHEN (OLD.avatar_version <> NEW.avatar_version) EXECUTE FUNCTION hub.person_changed();

REVOKE EXECUTE ON FUNCTION hub.avatar_changed() FROM PUBLIC;
GRANT SELECT, INSERT (user_id, content_type, width, height, data, version),
      UPDATE (content_type, width, height, data, update_time, version), DELETE ON hub.avatar TO pek_app;
GRANT UPDATE (avatar_version) ON hub.profile TO pek_app;
GRANT USAGE ON SEQUENCE hub.avatar_version_seq TO pek_app;

-- ---- what realms are told of them ----

-- The number of the change that made the person what they are, of the sequence that hub.person_news has: what is told later of the
-- same or of a later change has a higher one. So it may be told at any time, as with the request for a token.
ALTER TABLE hub.profile ADD COLUMN person_version bigint NOT NULL DEFAULT nextval('hub.person_news_seq');
CREATE FUNCTION hub.person_version_next() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.person_version := nextval('hub.person_news_seq');
    RETURN NEW;
END $$;
CREATE TRIGGER person_version BEFORE UPDATE OF first_name, last_name, avatar_version ON hub.profile
    FOR EACH ROW WHEN ((OLD.first_name, OLD.last_name, OLD.avatar_version)
                       IS DISTINCT FROM (NEW.first_name, NEW.last_name, NEW.avatar_version))
    EXECUTE FUNCTION hub.person_version_next();
REVOKE EXECUTE ON FUNCTION hub.person_version_next() FROM PUBLIC;

-- ---- rights ----

REVOKE EXECUTE ON FUNCTION hub.search_grams(text), hub.user_grams_make(text, text), hub.profile_keys_stale(),
    hub.username_keys_stale(), hub.user_grams_follow_keys(), hub.user_grams_follow_realm() FROM PUBLIC;
GRANT SELECT ON hub.user_gram TO pek_app;
GRANT UPDATE (folded, folded_room, sort_key, keys_version) ON hub.profile TO pek_app;
