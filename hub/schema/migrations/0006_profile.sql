-- People: what they are called, what they say of themselves, and what others may see of it.

-- What is left of somebody who deleted themself: the row, so that history and what refers to it stay. It has no
-- name, no way to log in, and is never enabled again.
ALTER TABLE hub.user_account
    ADD COLUMN deleted_at timestamptz,
    ADD COLUMN username_changed_at timestamptz,
    ALTER COLUMN username DROP NOT NULL,
    ADD CONSTRAINT user_account_username CHECK ((username IS NULL) = (deleted_at IS NOT NULL)),
    ADD CONSTRAINT user_account_deleted CHECK (
        deleted_at IS NULL OR (authsch_id IS NULL AND NOT is_admin AND disabled_at IS NOT NULL));

-- Every username that anybody ever had. A row never goes, also not with its user: an old name leads to whom it was
-- given to, or nowhere, but never to somebody else.
CREATE TABLE hub.username (
    username text COLLATE "C" PRIMARY KEY,
    user_id  text REFERENCES hub.user_account (id) ON UPDATE CASCADE ON DELETE SET NULL,
    since    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX username_by_user ON hub.username (user_id);

-- One for each user that is not deleted.
CREATE TABLE hub.profile (
    user_id        text PRIMARY KEY REFERENCES hub.user_account (id) ON UPDATE CASCADE ON DELETE CASCADE,
    first_name     text NOT NULL DEFAULT '' CHECK (char_length(first_name) <= 100),
    last_name      text NOT NULL DEFAULT '' CHECK (char_length(last_name) <= 100),
    nickname       text NOT NULL DEFAULT '' CHECK (char_length(nickname) <= 50),
    cell_phone     text NOT NULL DEFAULT '' CHECK (cell_phone ~ '^(\+[1-9][0-9]{6,14})?$'),
    room           text NOT NULL DEFAULT '' CHECK (char_length(room) <= 20),
    dormitory      smallint NOT NULL DEFAULT 0 CHECK (dormitory BETWEEN 0 AND 7),
    gender         smallint NOT NULL DEFAULT 0 CHECK (gender BETWEEN 0 AND 3),
    student_status smallint NOT NULL DEFAULT 0 CHECK (student_status BETWEEN 0 AND 3),
    -- Bits, of pek.hub.v1.ProfileDetail: what others may see at all. Nothing, until the person says so.
    visible        integer NOT NULL DEFAULT 0 CHECK (visible BETWEEN 0 AND 31),
    -- The person wrote the names; until then they follow the login provider's.
    own_names      boolean NOT NULL DEFAULT false,
    create_time    timestamptz NOT NULL DEFAULT now(),
    update_time    timestamptz NOT NULL DEFAULT now(),
    -- The etag: counts changes.
    version        bigint NOT NULL DEFAULT 1
);

CREATE TABLE hub.external_account (
    user_id      text NOT NULL REFERENCES hub.profile (user_id) ON UPDATE CASCADE ON DELETE CASCADE,
    -- As the person has them in order.
    position     smallint NOT NULL CHECK (position BETWEEN 1 AND 20),
    protocol     smallint NOT NULL CHECK (protocol BETWEEN 1 AND 12),
    account_name text NOT NULL CHECK (char_length(account_name) BETWEEN 1 AND 100),
    PRIMARY KEY (user_id, position),
    UNIQUE (user_id, protocol, account_name)
);

-- Whose username it is, or was; NULL when nobody's who is still here. Ids come first: no username can be another's
-- id, and a new id is random.
CREATE FUNCTION hub.user_named(who text) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
    SELECT coalesce(
        (SELECT u.id FROM hub.user_account AS u WHERE u.id = who AND u.deleted_at IS NULL),
        (SELECT u.id FROM hub.username AS n JOIN hub.user_account AS u ON u.id = n.user_id
          WHERE n.username = lower(who COLLATE "C") AND u.deleted_at IS NULL))
$$;

-- Two users meet in a realm of the federation that both are known in.
CREATE FUNCTION hub.share_realm(one text, other text) RETURNS boolean
    LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
    SELECT EXISTS (
        SELECT FROM hub.user_realm AS a
          JOIN hub.user_realm AS b ON b.realm = a.realm AND b.user_id = other
          JOIN hub.instance AS i ON i.realm = a.realm AND i.status <> 'REMOVED'
         WHERE a.user_id = one)
$$;

-- A username is taken for ever by whom it was given to first, whoever writes hub.user_account.
CREATE FUNCTION hub.username_take() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO hub.username (username, user_id) VALUES (NEW.username, NEW.id) ON CONFLICT DO NOTHING;
    IF (SELECT user_id FROM hub.username WHERE username = NEW.username) IS DISTINCT FROM NEW.id
       OR EXISTS (SELECT FROM hub.user_account WHERE id = NEW.username AND id <> NEW.id) THEN
        RAISE EXCEPTION 'username % was given to another user', NEW.username
            USING ERRCODE = 'unique_violation', CONSTRAINT = 'username_pkey', TABLE = 'username', SCHEMA = 'hub';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER username_take AFTER INSERT OR UPDATE OF username ON hub.user_account
    FOR EACH ROW WHEN (NEW.username IS NOT NULL) EXECUTE FUNCTION hub.username_take();

-- Hungarian order: the family name is the first word.
CREATE FUNCTION hub.profile_follow() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    family text := CASE WHEN NEW.name LIKE '% %' THEN left(split_part(NEW.name, ' ', 1), 100) ELSE '' END;
    given text := left(CASE WHEN NEW.name LIKE '% %' THEN substr(NEW.name, strpos(NEW.name, ' ') + 1)
                            ELSE NEW.name END, 100);
BEGIN
    INSERT INTO hub.profile AS p (user_id, first_name, last_name) VALUES (NEW.id, given, family)
        ON CONFLICT (user_id) DO UPDATE
            SET first_name = given, last_name = family, update_time = now(), version = p.version + 1
          WHERE NOT p.own_names;
    RETURN NULL;
END $$;
CREATE TRIGGER profile_insert AFTER INSERT ON hub.user_account
    FOR EACH ROW WHEN (NEW.deleted_at IS NULL) EXECUTE FUNCTION hub.profile_follow();
CREATE TRIGGER profile_name AFTER UPDATE OF name ON hub.user_account
    FOR EACH ROW WHEN (NEW.deleted_at IS NULL AND OLD.name <> NEW.name) EXECUTE FUNCTION hub.profile_follow();

-- Sessions remember what their user is called: hubs look again. The sessions themselves go on.
CREATE FUNCTION hub.user_announce_renamed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('pek_session', 'user ' || NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER user_renamed AFTER UPDATE OF name, username ON hub.user_account
    FOR EACH ROW WHEN (OLD.name <> NEW.name OR OLD.username <> NEW.username)
    EXECUTE FUNCTION hub.user_announce_renamed();

INSERT INTO hub.username (username, user_id, since) SELECT username, id, created_at FROM hub.user_account;
INSERT INTO hub.profile (user_id, first_name, last_name, create_time, update_time)
SELECT id,
       left(CASE WHEN name LIKE '% %' THEN substr(name, strpos(name, ' ') + 1) ELSE name END, 100),
       CASE WHEN name LIKE '% %' THEN left(split_part(name, ' ', 1), 100) ELSE '' END,
       created_at, created_at
  FROM hub.user_account;

-- Idempotent. With the rights of whoever migrates: the hub's own role may do this, and nothing like it.
CREATE FUNCTION hub.delete_user(who text) RETURNS void LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM hub.profile WHERE user_id = who;
    UPDATE hub.user_account
       SET deleted_at = now(), disabled_at = coalesce(disabled_at, now()), name = 'deleted user', username = NULL,
           authsch_id = NULL, is_admin = false
     WHERE id = who AND deleted_at IS NULL;
END $$;

REVOKE EXECUTE ON FUNCTION hub.user_named(text), hub.share_realm(text, text), hub.delete_user(text),
    hub.username_take(), hub.profile_follow(), hub.user_announce_renamed() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hub.user_named(text), hub.share_realm(text, text), hub.delete_user(text) TO pek_app;
GRANT UPDATE (name, username, username_changed_at) ON hub.user_account TO pek_app;
GRANT SELECT, INSERT (user_id, first_name, last_name),
      UPDATE (first_name, last_name, nickname, cell_phone, room, dormitory, gender, student_status, visible, own_names,
              update_time, version)
   ON hub.profile TO pek_app;
GRANT SELECT, INSERT (user_id, position, protocol, account_name), DELETE ON hub.external_account TO pek_app;
-- What was given is neither changed nor taken back.
GRANT SELECT, INSERT (username, user_id) ON hub.username TO pek_app;
