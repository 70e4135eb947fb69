-- Members: a row for each person and group, and for each of those what they were, from when until when.
SET LOCAL ROLE pek_owner;

CREATE TABLE pek.membership (
    realm       text COLLATE "C" NOT NULL DEFAULT current_setting('pek.realm'),
    group_id    text COLLATE "C" NOT NULL,
    user_id     text COLLATE "C" NOT NULL,
    -- \x00 of an application, \x01 of what was accepted; behind it the person's.
    sort_key    bytea NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now(),
    update_time timestamptz NOT NULL DEFAULT now(),
    -- The etag: counts changes.
    version     bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (realm, group_id, user_id),
    CONSTRAINT membership_group_fkey FOREIGN KEY (realm, group_id)
        REFERENCES pek.realm_group (realm, id) ON DELETE RESTRICT,
    CONSTRAINT membership_person_fkey FOREIGN KEY (realm, user_id)
        REFERENCES pek.person (realm, id) ON DELETE RESTRICT
);
CREATE INDEX membership_order ON pek.membership (realm, group_id, sort_key, user_id);
CREATE INDEX membership_user ON pek.membership (realm, user_id, group_id);

-- Each period begins where the one before it ends, so there is neither gap nor overlap, and exactly the last one is
-- open. One that ends on a day to come has its successor already: time alone makes it the present one.
CREATE TABLE pek.membership_period (
    realm      text COLLATE "C" NOT NULL DEFAULT current_setting('pek.realm'),
    group_id   text COLLATE "C" NOT NULL,
    user_id    text COLLATE "C" NOT NULL,
    seq        integer NOT NULL CONSTRAINT membership_period_seq_check CHECK (seq BETWEEN 1 AND 200),
    next_seq   integer NOT NULL GENERATED ALWAYS AS (seq + 1) STORED,
    -- pek.membership.v1.MemberStatus
    status     smallint NOT NULL CHECK (status BETWEEN 1 AND 5),
    begin_time timestamptz NOT NULL
               CHECK (begin_time BETWEEN timestamptz '1900-01-01 00:00:00Z' AND timestamptz '2200-01-01 00:00:00Z'),
    end_time   timestamptz CHECK (end_time >= begin_time),
    changed_by text COLLATE "C" NOT NULL,
    PRIMARY KEY (realm, group_id, user_id, seq),
    CONSTRAINT membership_period_begin_key UNIQUE (realm, group_id, user_id, seq, begin_time),
    CONSTRAINT membership_period_membership_fkey FOREIGN KEY (realm, group_id, user_id)
        REFERENCES pek.membership (realm, group_id, user_id) ON DELETE CASCADE,
    CONSTRAINT membership_period_next_fkey FOREIGN KEY (realm, group_id, user_id, next_seq, end_time)
        REFERENCES pek.membership_period (realm, group_id, user_id, seq, begin_time)
        DEFERRABLE INITIALLY DEFERRED
);
CREATE UNIQUE INDEX membership_period_open ON pek.membership_period (realm, group_id, user_id) WHERE end_time IS NULL;

SELECT pek.isolate('pek.membership');
SELECT pek.isolate('pek.membership_period');

-- Members as they are now, for pek.membership.v1.Membership; with the rights and the realm of who asks.
CREATE VIEW pek.member WITH (security_invoker = true) AS
SELECT m.realm, m.group_id, g.name AS group_name, m.user_id, p.display_name, p.folded,
       now_is.status, now_is.begin_time AS status_time, now_is.end_time, now_is.next_status,
       m.create_time, m.update_time, m.version, m.sort_key, g.sort_key AS group_sort_key
  FROM pek.membership AS m
  JOIN pek.realm_group AS g ON g.realm = m.realm AND g.id = m.group_id
  JOIN pek.person AS p ON p.realm = m.realm AND p.id = m.user_id
 CROSS JOIN LATERAL (
    SELECT s.status, s.begin_time, s.end_time,
           (SELECT n.status FROM pek.membership_period AS n
             WHERE n.realm = s.realm AND n.group_id = s.group_id AND n.user_id = s.user_id AND n.seq = s.next_seq)
               AS next_status
      FROM pek.membership_period AS s
     WHERE s.realm = m.realm AND s.group_id = m.group_id AND s.user_id = m.user_id
       AND s.begin_time <= statement_timestamp() AND (s.end_time IS NULL OR s.end_time > statement_timestamp())
     ORDER BY s.seq DESC LIMIT 1) AS now_is;

-- Lists of members follow a person's name.
CREATE FUNCTION pek.membership_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE pek.membership AS m SET sort_key = substr(m.sort_key, 1, 1) || NEW.sort_key
     WHERE m.realm = NEW.realm AND m.user_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER membership_follow AFTER UPDATE OF sort_key ON pek.person
    FOR EACH ROW WHEN (OLD.sort_key <> NEW.sort_key) EXECUTE FUNCTION pek.membership_follow();

-- Whoever is a member somewhere is known to the realm, and the hub hears of it as of a policy.
CREATE TRIGGER tell_insert AFTER INSERT ON pek.membership
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION pek.tell_assigned();

REVOKE EXECUTE ON FUNCTION pek.membership_follow() FROM PUBLIC;
GRANT SELECT, INSERT (group_id, user_id, sort_key), UPDATE (sort_key, update_time, version), DELETE
   ON pek.membership TO pek_app;
-- What was is changed only where a manager corrects it.
GRANT SELECT, INSERT (group_id, user_id, seq, status, begin_time, end_time, changed_by),
      UPDATE (begin_time, end_time), DELETE ON pek.membership_period TO pek_app;
GRANT SELECT ON pek.member TO pek_app;

RESET ROLE;
