-- Entry requests, comments on cells, and how points are counted by semester.
SET LOCAL ROLE pek_owner;

-- ---- how points are counted ----

ALTER TABLE pek.realm_state
    -- Of a person over all groups of the realm.
    ADD COLUMN points_score_max integer NOT NULL DEFAULT 100 CHECK (points_score_max BETWEEN 1 AND 1000),
    ADD COLUMN points_version bigint NOT NULL DEFAULT 1,
    ADD COLUMN points_time timestamptz NOT NULL DEFAULT now();
GRANT UPDATE (points_work_max, points_responsibility_max, points_max, points_least, points_score_max, points_version,
              points_time) ON pek.realm_state TO pek_app;

-- A scoreboard is counted as its semester was, whatever the realm's settings are by now.
ALTER TABLE pek.scoreboard
    ADD COLUMN work_max integer NOT NULL DEFAULT 30 CHECK (work_max BETWEEN 1 AND 1000),
    ADD COLUMN responsibility_max integer NOT NULL DEFAULT 20 CHECK (responsibility_max BETWEEN 1 AND 1000),
    ADD COLUMN total_max integer NOT NULL DEFAULT 50 CHECK (total_max BETWEEN 1 AND 1000),
    ADD COLUMN least integer NOT NULL DEFAULT 5 CHECK (least BETWEEN 1 AND 1000);
ALTER TABLE pek.scoreboard ALTER COLUMN work_max DROP DEFAULT, ALTER COLUMN responsibility_max DROP DEFAULT,
    ALTER COLUMN total_max DROP DEFAULT, ALTER COLUMN least DROP DEFAULT;
CREATE INDEX scoreboard_semester ON pek.scoreboard (realm, semester);
GRANT INSERT (work_max, responsibility_max, total_max, least), UPDATE (work_max, responsibility_max, total_max, least)
    ON pek.scoreboard TO pek_app;

-- ---- entries ----

-- No row: a KDO, of which nothing was said.
CREATE TABLE pek.entry_request (
    realm          text COLLATE "C" NOT NULL DEFAULT current_setting('pek.realm'),
    group_id       text COLLATE "C" NOT NULL,
    scoreboard_id  bigint NOT NULL,
    user_id        text COLLATE "C" NOT NULL,
    -- pek.evaluation.v1.EntryType
    type           smallint NOT NULL DEFAULT 1 CHECK (type BETWEEN 1 AND 3),
    justification  text COLLATE "C" NOT NULL DEFAULT '' CHECK (char_length(justification) <= 5000),
    -- 0: the judge said nothing.
    recommendation smallint NOT NULL DEFAULT 0 CHECK (recommendation BETWEEN 0 AND 3),
    recommended_by text COLLATE "C" NOT NULL DEFAULT '',
    finalized      boolean NOT NULL DEFAULT false,
    PRIMARY KEY (realm, scoreboard_id, user_id),
    CONSTRAINT entry_request_scoreboard_fkey FOREIGN KEY (realm, group_id, scoreboard_id)
        REFERENCES pek.scoreboard (realm, group_id, id),
    CONSTRAINT entry_request_membership_fkey FOREIGN KEY (realm, group_id, user_id)
        REFERENCES pek.membership (realm, group_id, user_id)
);
CREATE INDEX entry_request_user ON pek.entry_request (realm, user_id, group_id);
CREATE INDEX entry_request_recommended ON pek.entry_request (realm, recommended_by) WHERE recommended_by <> '';
-- What is blanked when groups write no more.
CREATE INDEX entry_request_blanked ON pek.entry_request (realm) WHERE type = 1 AND justification <> '';
SELECT pek.isolate('pek.entry_request');

-- Who is in a scoreboard: the group's newcomers and active members, and whoever has points or an entry in it.
CREATE OR REPLACE VIEW pek.scoreboard_member WITH (security_invoker = true) AS
SELECT m.realm, b.id AS scoreboard_id, m.user_id, p.display_name, m.sort_key
  FROM pek.scoreboard AS b
  JOIN pek.membership AS m ON m.realm = b.realm AND m.group_id = b.group_id
  JOIN pek.person AS p ON p.realm = m.realm AND p.id = m.user_id
 WHERE EXISTS (SELECT FROM pek.membership_period AS s
                WHERE s.realm = m.realm AND s.group_id = m.group_id AND s.user_id = m.user_id
                  AND s.status IN (2, 3) AND s.begin_time <= now() AND (s.end_time IS NULL OR s.end_time > now()))
    OR EXISTS (SELECT FROM pek.point AS c
                WHERE c.realm = b.realm AND c.scoreboard_id = b.id AND c.user_id = m.user_id)
    OR EXISTS (SELECT FROM pek.entry_request AS e
                WHERE e.realm = b.realm AND e.scoreboard_id = b.id AND e.user_id = m.user_id);

CREATE VIEW pek.scoreboard_entry WITH (security_invoker = true) AS
SELECT b.realm, b.group_id, b.id AS scoreboard_id, m.user_id, m.display_name, coalesce(e.type, 1::smallint) AS type,
       coalesce(e.justification, '') AS justification, coalesce(e.recommendation, 0::smallint) AS recommendation,
       coalesce(e.recommended_by, '') AS recommended_by, coalesce(e.finalized, false) AS finalized, m.sort_key
  FROM pek.scoreboard AS b
  JOIN pek.scoreboard_member AS m ON m.realm = b.realm AND m.scoreboard_id = b.id
  LEFT JOIN pek.entry_request AS e ON e.realm = b.realm AND e.scoreboard_id = b.id AND e.user_id = m.user_id;

GRANT SELECT ON pek.entry_request, pek.scoreboard_entry TO pek_app;
GRANT INSERT (group_id, scoreboard_id, user_id, type, justification, recommendation, recommended_by, finalized),
      UPDATE (type, justification, recommendation, recommended_by, finalized) ON pek.entry_request TO pek_app;

-- ---- comments ----

CREATE TABLE pek.point_comment (
    realm         text COLLATE "C" NOT NULL DEFAULT current_setting('pek.realm'),
    id            bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    scoreboard_id bigint NOT NULL,
    user_id       text COLLATE "C" NOT NULL,
    guideline_id  bigint NOT NULL,
    written_by    text COLLATE "C" NOT NULL,
    text          text COLLATE "C" NOT NULL CHECK (char_length(text) BETWEEN 1 AND 2000),
    closes        boolean NOT NULL,
    create_time   timestamptz NOT NULL DEFAULT now(),
    update_time   timestamptz NOT NULL DEFAULT now(),
    revision      bigint NOT NULL DEFAULT 1,
    sort_key      bytea NOT NULL GENERATED ALWAYS AS (int8send(id)) STORED,
    PRIMARY KEY (realm, id),
    -- A comment goes with its guideline.
    CONSTRAINT point_comment_point_fkey FOREIGN KEY (realm, scoreboard_id, user_id, guideline_id)
        REFERENCES pek.point (realm, scoreboard_id, user_id, guideline_id) ON DELETE CASCADE
);
CREATE INDEX point_comment_cell ON pek.point_comment (realm, scoreboard_id, user_id, guideline_id);
CREATE INDEX point_comment_user ON pek.point_comment (realm, user_id);
CREATE INDEX point_comment_by ON pek.point_comment (realm, written_by);
CREATE INDEX point_comment_order ON pek.point_comment (realm, scoreboard_id, sort_key, (id::text COLLATE "C"));
SELECT pek.isolate('pek.point_comment');
GRANT SELECT, DELETE, INSERT (scoreboard_id, user_id, guideline_id, written_by, text, closes),
      UPDATE (text, update_time, revision) ON pek.point_comment TO pek_app;

-- ---- two accounts of one person ----

-- Of a cell that both have points in, the more: what a guideline gives, one of them had already. Of two entries the one that
-- is more, AB before KB before KDO.
CREATE OR REPLACE FUNCTION pek.merge_evaluations(old text, new text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO pek.point AS p (group_id, scoreboard_id, user_id, guideline_id, points)
    SELECT o.group_id, o.scoreboard_id, new, o.guideline_id, o.points FROM pek.point AS o WHERE o.user_id = old
        ON CONFLICT (realm, scoreboard_id, user_id, guideline_id) DO UPDATE
       SET points = greatest(p.points, EXCLUDED.points);
    UPDATE pek.point_comment AS c SET user_id = new WHERE c.user_id = old;
    UPDATE pek.point_comment AS c SET written_by = new WHERE c.written_by = old;
    DELETE FROM pek.point AS p WHERE p.user_id = old;
    INSERT INTO pek.entry_request AS e
           (group_id, scoreboard_id, user_id, type, justification, recommendation, recommended_by, finalized)
    SELECT o.group_id, o.scoreboard_id, new, o.type, o.justification, o.recommendation, o.recommended_by, o.finalized
      FROM pek.entry_request AS o WHERE o.user_id = old
        ON CONFLICT (realm, scoreboard_id, user_id) DO UPDATE
       SET type = EXCLUDED.type, justification = EXCLUDED.justification, recommendation = EXCLUDED.recommendation,
           recommended_by = EXCLUDED.recommended_by, finalized = EXCLUDED.finalized
     WHERE EXCLUDED.type > e.type;
    DELETE FROM pek.entry_request AS e WHERE e.user_id = old;
    UPDATE pek.scoreboard_message AS s SET user_id = new WHERE s.user_id = old;
$$;

RESET ROLE;
