-- A page of members is read from the memberships alone: each row has the member's name, what they are at present, and their
-- posts. All that are copies, written by triggers and by nobody else.
SET LOCAL ROLE pek_owner;

ALTER TABLE pek.membership
    -- Of pek.person.
    ADD COLUMN display_name text NOT NULL DEFAULT '',
    ADD COLUMN folded text COLLATE "C" NOT NULL DEFAULT '',
    -- Of the period that was the present one when they were written, which it is until end_time; from then on it is the
    -- open one behind it. NULL: there is none yet.
    ADD COLUMN status smallint,
    ADD COLUMN status_time timestamptz,
    ADD COLUMN end_time timestamptz,
    ADD COLUMN next_status smallint,
    -- A line for each post, "KIND ID NAME": all of them, and those that a former member keeps.
    ADD COLUMN posts text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN past_posts text COLLATE "C" NOT NULL DEFAULT '';

-- Of what it is not told the planner expects as many rows as a group has at the mean, which is few, and it would rather read
-- and sort them all than walk an index.
ALTER TABLE pek.membership ALTER COLUMN group_id SET (n_distinct = 20);

-- ---- names ----

-- The row of the person is held, so that a name that is being changed is waited for and not missed.
CREATE FUNCTION pek.membership_name() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    person record;
BEGIN
    SELECT p.display_name, p.folded, p.sort_key INTO person FROM pek.person AS p
     WHERE p.realm = NEW.realm AND p.id = NEW.user_id FOR SHARE;
    IF FOUND THEN
        NEW.display_name := person.display_name;
        NEW.folded := person.folded;
        NEW.sort_key := substr(NEW.sort_key, 1, 1) || person.sort_key;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER membership_name BEFORE INSERT ON pek.membership FOR EACH ROW EXECUTE FUNCTION pek.membership_name();

CREATE OR REPLACE FUNCTION pek.membership_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE pek.membership AS m
       SET display_name = NEW.display_name, folded = NEW.folded, sort_key = substr(m.sort_key, 1, 1) || NEW.sort_key
     WHERE m.realm = NEW.realm AND m.user_id = NEW.id;
    RETURN NULL;
END $$;
DROP TRIGGER membership_follow ON pek.person;
CREATE TRIGGER membership_follow AFTER UPDATE OF display_name, folded, sort_key ON pek.person
    FOR EACH ROW WHEN ((OLD.display_name, OLD.folded, OLD.sort_key)
                       IS DISTINCT FROM (NEW.display_name, NEW.folded, NEW.sort_key))
    EXECUTE FUNCTION pek.membership_follow();

-- ---- what they are ----

-- A period may begin in the statement that writes it: the clock is asked, not when the statement began.
CREATE FUNCTION pek.membership_present() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE pek.membership AS m
       SET (status, status_time, end_time, next_status) = (
           SELECT s.status, s.begin_time, s.end_time, n.status
             FROM pek.membership_period AS s
             LEFT JOIN pek.membership_period AS n
               ON n.realm = s.realm AND n.group_id = s.group_id AND n.user_id = s.user_id AND n.seq = s.next_seq
            WHERE s.realm = m.realm AND s.group_id = m.group_id AND s.user_id = m.user_id
              AND s.begin_time <= clock_timestamp() AND (s.end_time IS NULL OR s.end_time > clock_timestamp())
            ORDER BY s.seq DESC LIMIT 1)
      FROM (SELECT DISTINCT c.realm, c.group_id, c.user_id FROM changed_rows AS c) AS c
     WHERE m.realm = c.realm AND m.group_id = c.group_id AND m.user_id = c.user_id;
    IF EXISTS (SELECT FROM changed_rows AS c JOIN pek.membership_period AS s
                   ON s.realm = c.realm AND s.group_id = c.group_id AND s.user_id = c.user_id AND s.seq = c.seq
                WHERE s.begin_time > clock_timestamp() AND s.end_time IS NOT NULL) THEN
        RAISE EXCEPTION 'a membership has one end that is planned, and is then open';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER present_insert AFTER INSERT ON pek.membership_period
    REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION pek.membership_present();
CREATE TRIGGER present_update AFTER UPDATE ON pek.membership_period
    REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION pek.membership_present();
CREATE TRIGGER present_delete AFTER DELETE ON pek.membership_period
    REFERENCING OLD TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION pek.membership_present();

-- ---- posts ----

CREATE FUNCTION pek.membership_posts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE pek.membership AS m
       SET (posts, past_posts) = (
           SELECT coalesce(string_agg(concat_ws(' ', t.kind, t.id, t.name), E'\n' ORDER BY t.kind, t.sort_key, t.id), ''),
                  coalesce(string_agg(concat_ws(' ', t.kind, t.id, t.name), E'\n' ORDER BY t.sort_key, t.id)
                           FILTER (WHERE t.kind = 4), '')
             FROM pek.post AS o
             JOIN pek.post_type AS t ON t.realm = o.realm AND t.group_id = o.group_id AND t.id = o.type_id
            WHERE o.realm = m.realm AND o.group_id = m.group_id AND o.user_id = m.user_id)
      FROM (SELECT DISTINCT c.realm, c.group_id, c.user_id FROM changed_rows AS c) AS c
     WHERE m.realm = c.realm AND m.group_id = c.group_id AND m.user_id = c.user_id;
    RETURN NULL;
END $$;
CREATE TRIGGER posts_insert AFTER INSERT ON pek.post
    REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION pek.membership_posts();
CREATE TRIGGER posts_delete AFTER DELETE ON pek.post
    REFERENCING OLD TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION pek.membership_posts();

REVOKE EXECUTE ON FUNCTION pek.membership_name(), pek.membership_follow(), pek.membership_present(),
    pek.membership_posts() FROM PUBLIC;

-- ---- what is here already ----

-- Rows of all realms: the owner must not be bound by row security for a moment. Each trigger writes once, as of a change.
ALTER TABLE pek.person NO FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.membership NO FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.membership_period NO FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.post NO FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.post_type NO FORCE ROW LEVEL SECURITY;
UPDATE pek.membership AS m SET display_name = p.display_name, folded = p.folded
  FROM pek.person AS p WHERE p.realm = m.realm AND p.id = m.user_id;
UPDATE pek.membership AS m
   SET status = s.status, status_time = s.begin_time, end_time = s.end_time,
       next_status = (SELECT n.status FROM pek.membership_period AS n
                       WHERE n.realm = s.realm AND n.group_id = s.group_id AND n.user_id = s.user_id
                         AND n.seq = s.next_seq)
  FROM pek.membership_period AS s
 WHERE s.realm = m.realm AND s.group_id = m.group_id AND s.user_id = m.user_id
   AND s.begin_time <= statement_timestamp() AND (s.end_time IS NULL OR s.end_time > statement_timestamp());
UPDATE pek.membership AS m SET posts = o.posts, past_posts = o.past_posts
  FROM (SELECT o.realm, o.group_id, o.user_id,
               string_agg(concat_ws(' ', t.kind, t.id, t.name), E'\n' ORDER BY t.kind, t.sort_key, t.id) AS posts,
               coalesce(string_agg(concat_ws(' ', t.kind, t.id, t.name), E'\n' ORDER BY t.sort_key, t.id)
                        FILTER (WHERE t.kind = 4), '') AS past_posts
          FROM pek.post AS o
          JOIN pek.post_type AS t ON t.realm = o.realm AND t.group_id = o.group_id AND t.id = o.type_id
         GROUP BY o.realm, o.group_id, o.user_id) AS o
 WHERE o.realm = m.realm AND o.group_id = m.group_id AND o.user_id = m.user_id;
SET CONSTRAINTS ALL IMMEDIATE;

-- One index begins with the group, and it has the order of the list: the planner has no other way to a page, and nothing to
-- sort, whatever it thinks of the group. The key serves whoever asks for a user.
ALTER TABLE pek.membership_period DROP CONSTRAINT membership_period_membership_fkey;
ALTER TABLE pek.post DROP CONSTRAINT post_membership_fkey;
ALTER TABLE pek.membership DROP CONSTRAINT membership_pkey, ADD PRIMARY KEY (realm, user_id, group_id);
DROP INDEX pek.membership_user;
ALTER TABLE pek.membership_period ADD CONSTRAINT membership_period_membership_fkey
    FOREIGN KEY (realm, group_id, user_id) REFERENCES pek.membership (realm, group_id, user_id) ON DELETE CASCADE;
ALTER TABLE pek.post ADD CONSTRAINT post_membership_fkey
    FOREIGN KEY (realm, group_id, user_id) REFERENCES pek.membership (realm, group_id, user_id) ON DELETE CASCADE;

ALTER TABLE pek.person FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.membership FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.membership_period FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.post FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.post_type FORCE ROW LEVEL SECURITY;

-- ---- reading ----

-- Memberships and what they are at this moment.
CREATE VIEW pek.membership_now WITH (security_invoker = true) AS
SELECT m.realm, m.group_id, m.user_id, m.display_name, m.folded, at.status,
       CASE WHEN at.is_over THEN m.end_time ELSE m.status_time END AS status_time,
       CASE WHEN NOT at.is_over THEN m.end_time END AS end_time,
       CASE WHEN NOT at.is_over THEN m.next_status END AS next_status,
       m.create_time, m.update_time, m.version, m.sort_key,
       CASE WHEN at.status IN (2, 3) THEN m.posts WHEN at.status = 4 THEN m.past_posts ELSE '' END AS posts,
       array_to_string(m.flairs, E'\n') AS flairs
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
       m.posts, m.flairs
  FROM pek.membership_now AS m
  JOIN pek.realm_group AS g ON g.realm = m.realm AND g.id = m.group_id;

GRANT SELECT ON pek.membership_now TO pek_app;
-- By the triggers, which have the rights of who changes what is copied.
GRANT UPDATE (display_name, folded, status, status_time, end_time, next_status, posts, past_posts)
   ON pek.membership TO pek_app;

-- What posts one has, whatever groups there are.
CREATE INDEX post_user ON pek.post (realm, user_id, group_id, type_id);

RESET ROLE;
