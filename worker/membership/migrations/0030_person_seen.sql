-- Who somebody is, as the realm shows it: whether they have a picture, and whether they are still there. The copies in
-- pek.membership are written by triggers and by nobody else, as those of the name.
SET LOCAL ROLE pek_owner;

-- The hub says so. An id whose account is gone stays where it stands, and begins nothing.
ALTER TABLE pek.person ADD COLUMN is_deleted boolean NOT NULL DEFAULT false;
GRANT INSERT (is_deleted), UPDATE (is_deleted) ON pek.person TO pek_app;
ALTER TABLE pek.membership ADD COLUMN avatar_version bigint NOT NULL DEFAULT 0;
GRANT UPDATE (avatar_version) ON pek.membership TO pek_app;

CREATE OR REPLACE FUNCTION pek.membership_name() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    person record;
BEGIN
    SELECT p.display_name, p.folded, p.sort_key, p.avatar_version INTO person FROM pek.person AS p
     WHERE p.realm = NEW.realm AND p.id = NEW.user_id FOR SHARE;
    IF FOUND THEN
        NEW.display_name := person.display_name;
        NEW.folded := person.folded;
        NEW.avatar_version := person.avatar_version;
        NEW.sort_key := substr(NEW.sort_key, 1, 1) || person.sort_key;
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION pek.membership_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE pek.membership AS m
       SET display_name = NEW.display_name, folded = NEW.folded, avatar_version = NEW.avatar_version,
           sort_key = substr(m.sort_key, 1, 1) || NEW.sort_key
     WHERE m.realm = NEW.realm AND m.user_id = NEW.id;
    RETURN NULL;
END $$;
DROP TRIGGER membership_follow ON pek.person;
CREATE TRIGGER membership_follow AFTER UPDATE OF display_name, folded, sort_key, avatar_version ON pek.person
    FOR EACH ROW WHEN ((OLD.display_name, OLD.folded, OLD.sort_key, OLD.avatar_version)
                       IS DISTINCT FROM (NEW.display_name, NEW.folded, NEW.sort_key, NEW.avatar_version))
    EXECUTE FUNCTION pek.membership_follow();

-- What is here already, of all realms: the owner must not be bound by row security for a moment.
ALTER TABLE pek.person NO FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.membership NO FORCE ROW LEVEL SECURITY;
UPDATE pek.person SET is_deleted = true WHERE version > 0 AND folded = '' AND display_name = 'deleted user';
UPDATE pek.membership AS m SET avatar_version = p.avatar_version
  FROM pek.person AS p WHERE p.realm = m.realm AND p.id = m.user_id AND p.avatar_version <> 0;
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE pek.person FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.membership FORCE ROW LEVEL SECURITY;

CREATE OR REPLACE VIEW pek.membership_now WITH (security_invoker = true) AS
SELECT m.realm, m.group_id, m.user_id, m.display_name, m.folded, at.status,
       CASE WHEN at.is_over THEN m.end_time ELSE m.status_time END AS status_time,
       CASE WHEN NOT at.is_over THEN m.end_time END AS end_time,
       CASE WHEN NOT at.is_over THEN m.next_status END AS next_status,
       m.create_time, m.update_time, m.version, m.sort_key,
       CASE WHEN at.status IN (2, 3) THEN m.posts WHEN at.status = 4 THEN m.past_posts ELSE '' END AS posts,
       array_to_string(m.flairs, E'\n') AS flairs, m.avatar_version
  FROM pek.membership AS m
 CROSS JOIN LATERAL (SELECT coalesce(m.end_time <= statement_timestamp(), false) AS is_over) AS clock
 CROSS JOIN LATERAL (SELECT clock.is_over,
                            CASE WHEN clock.is_over THEN m.next_status ELSE m.status END AS status) AS at
 WHERE m.status IS NOT NULL;

CREATE OR REPLACE VIEW pek.member WITH (security_invoker = true) AS
SELECT m.realm, m.group_id, g.name AS group_name, m.user_id, m.display_name, m.folded,
       m.status, m.status_time, m.end_time, m.next_status,
       m.create_time, m.update_time, m.version, m.sort_key, g.sort_key AS group_sort_key,
       EXISTS (SELECT FROM pek.group_policy AS l
                 JOIN pek.policy_holding AS a ON a.realm = l.realm AND a.policy_id = l.policy_id
                WHERE l.realm = m.realm AND l.group_id = m.group_id AND l.kind = 2 AND a.user_id = m.user_id)
           AS is_leader,
       m.posts, m.flairs, m.avatar_version
  FROM pek.membership_now AS m
  JOIN pek.realm_group AS g ON g.realm = m.realm AND g.id = m.group_id;

RESET ROLE;
