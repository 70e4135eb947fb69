-- What a group says of its members' work in a semester.
SET LOCAL ROLE pek_owner;

-- How points become a total: up to so many by category and in all; less than the least is 0 or the least, whichever is nearer.
ALTER TABLE pek.realm_state
    ADD COLUMN points_work_max integer NOT NULL DEFAULT 30 CHECK (points_work_max BETWEEN 1 AND 1000),
    ADD COLUMN points_responsibility_max integer NOT NULL DEFAULT 20
        CHECK (points_responsibility_max BETWEEN 1 AND 1000),
    ADD COLUMN points_max integer NOT NULL DEFAULT 50 CHECK (points_max BETWEEN 1 AND 1000),
    ADD COLUMN points_least integer NOT NULL DEFAULT 5 CHECK (points_least BETWEEN 1 AND 1000);

CREATE TABLE pek.scoreboard (
    realm        text COLLATE "C" NOT NULL DEFAULT current_setting('pek.realm'),
    id           bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    group_id     text COLLATE "C" NOT NULL,
    semester     text COLLATE "C" NOT NULL CHECK (semester ~ '^20[0-9]{2}-20[0-9]{2}/[12]$'),
    -- 1, and one more for each time that an accepted one was revised.
    version      integer NOT NULL DEFAULT 1 CHECK (version BETWEEN 1 AND 1000),
    -- pek.evaluation.v1.EvaluationStatus
    point_status smallint NOT NULL DEFAULT 1 CHECK (point_status BETWEEN 1 AND 4),
    entry_status smallint NOT NULL DEFAULT 1 CHECK (entry_status BETWEEN 1 AND 4),
    report       text COLLATE "C" NOT NULL DEFAULT '' CHECK (char_length(report) <= 10000),
    submit_time  timestamptz,
    create_time  timestamptz NOT NULL DEFAULT now(),
    update_time  timestamptz NOT NULL DEFAULT now(),
    created_by   text COLLATE "C" NOT NULL,
    revision     bigint NOT NULL DEFAULT 1,
    -- Later semesters before earlier ones, and later versions likewise.
    sort_key     bytea NOT NULL GENERATED ALWAYS AS (
        int4send(-(2 * substr(semester, 1, 4)::integer + substr(semester, 11, 1)::integer)) || int4send(-version)) STORED,
    PRIMARY KEY (realm, id),
    CONSTRAINT scoreboard_version_key UNIQUE (realm, group_id, semester, version),
    CONSTRAINT scoreboard_group_key UNIQUE (realm, group_id, id),
    CONSTRAINT scoreboard_group_fkey FOREIGN KEY (realm, group_id) REFERENCES pek.realm_group (realm, id)
);
CREATE INDEX scoreboard_made ON pek.scoreboard (realm, created_by);
CREATE INDEX scoreboard_order ON pek.scoreboard (realm, group_id, sort_key, (id::text COLLATE "C"));

CREATE TABLE pek.guideline (
    realm             text COLLATE "C" NOT NULL DEFAULT current_setting('pek.realm'),
    id                bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    scoreboard_id     bigint NOT NULL,
    position          integer NOT NULL CHECK (position BETWEEN 1 AND 50),
    name              text COLLATE "C" NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    description       text COLLATE "C" NOT NULL CHECK (char_length(description) <= 2000),
    -- pek.evaluation.v1.PointCategory
    category          smallint NOT NULL CHECK (category BETWEEN 1 AND 2),
    max_per_member    integer NOT NULL CHECK (max_per_member BETWEEN 1 AND 100),
    -- 0: none
    max_per_guideline integer NOT NULL CHECK (max_per_guideline BETWEEN 0 AND 1000000),
    PRIMARY KEY (realm, id),
    CONSTRAINT guideline_scoreboard_key UNIQUE (realm, scoreboard_id, id),
    CONSTRAINT guideline_position_key UNIQUE (realm, scoreboard_id, position) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT guideline_scoreboard_fkey FOREIGN KEY (realm, scoreboard_id) REFERENCES pek.scoreboard (realm, id)
);

CREATE TABLE pek.point (
    realm         text COLLATE "C" NOT NULL DEFAULT current_setting('pek.realm'),
    group_id      text COLLATE "C" NOT NULL,
    scoreboard_id bigint NOT NULL,
    user_id       text COLLATE "C" NOT NULL,
    guideline_id  bigint NOT NULL,
    points        integer NOT NULL CHECK (points BETWEEN 0 AND 100),
    PRIMARY KEY (realm, scoreboard_id, user_id, guideline_id),
    CONSTRAINT point_guideline_fkey FOREIGN KEY (realm, scoreboard_id, guideline_id)
        REFERENCES pek.guideline (realm, scoreboard_id, id) ON DELETE CASCADE,
    CONSTRAINT point_scoreboard_fkey FOREIGN KEY (realm, group_id, scoreboard_id)
        REFERENCES pek.scoreboard (realm, group_id, id),
    CONSTRAINT point_membership_fkey FOREIGN KEY (realm, group_id, user_id)
        REFERENCES pek.membership (realm, group_id, user_id)
);
CREATE INDEX point_guideline ON pek.point (realm, scoreboard_id, guideline_id);
CREATE INDEX point_user ON pek.point (realm, user_id, group_id);

CREATE TABLE pek.scoreboard_message (
    realm         text COLLATE "C" NOT NULL DEFAULT current_setting('pek.realm'),
    id            bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    scoreboard_id bigint NOT NULL,
    -- Empty: what the realm says of a judgement.
    user_id       text COLLATE "C" NOT NULL,
    text          text COLLATE "C" NOT NULL CHECK (char_length(text) BETWEEN 1 AND 4000),
    create_time   timestamptz NOT NULL DEFAULT now(),
    sort_key      bytea NOT NULL GENERATED ALWAYS AS (int8send(id)) STORED,
    PRIMARY KEY (realm, id),
    CONSTRAINT scoreboard_message_scoreboard_fkey FOREIGN KEY (realm, scoreboard_id)
        REFERENCES pek.scoreboard (realm, id)
);
CREATE INDEX scoreboard_message_by ON pek.scoreboard_message (realm, user_id);
CREATE INDEX scoreboard_message_order ON pek.scoreboard_message (realm, scoreboard_id, sort_key, (id::text COLLATE "C"));

SELECT pek.isolate('pek.scoreboard_message');
SELECT pek.isolate('pek.scoreboard');
SELECT pek.isolate('pek.guideline');
SELECT pek.isolate('pek.point');

-- Who is in a scoreboard: the group's newcomers and active members, and whoever has points in it.
CREATE VIEW pek.scoreboard_member WITH (security_invoker = true) AS
SELECT m.realm, b.id AS scoreboard_id, m.user_id, p.display_name, m.sort_key
  FROM pek.scoreboard AS b
  JOIN pek.membership AS m ON m.realm = b.realm AND m.group_id = b.group_id
  JOIN pek.person AS p ON p.realm = m.realm AND p.id = m.user_id
 WHERE EXISTS (SELECT FROM pek.membership_period AS s
                WHERE s.realm = m.realm AND s.group_id = m.group_id AND s.user_id = m.user_id
                  AND s.status IN (2, 3) AND s.begin_time <= now() AND (s.end_time IS NULL OR s.end_time > now()))
    OR EXISTS (SELECT FROM pek.point AS c
                WHERE c.realm = b.realm AND c.scoreboard_id = b.id AND c.user_id = m.user_id);

GRANT SELECT ON pek.scoreboard_message, pek.scoreboard, pek.guideline, pek.point, pek.scoreboard_member TO pek_app;
GRANT INSERT (group_id, semester, version, point_status, entry_status, report, created_by) ON pek.scoreboard TO pek_app;
GRANT UPDATE (point_status, entry_status, report, submit_time, update_time, revision) ON pek.scoreboard TO pek_app;
GRANT INSERT (scoreboard_id, position, name, description, category, max_per_member, max_per_guideline) ON pek.guideline TO pek_app;
GRANT UPDATE (position, name, description, category, max_per_member, max_per_guideline) ON pek.guideline TO pek_app;
GRANT INSERT (scoreboard_id, user_id, text) ON pek.scoreboard_message TO pek_app;
GRANT DELETE ON pek.guideline TO pek_app;
GRANT INSERT (group_id, scoreboard_id, user_id, guideline_id, points), UPDATE (points) ON pek.point TO pek_app;

-- ---- two accounts of one person ----

-- Of a cell that both have points in, the more: what a guideline gives, one of them had already.
CREATE FUNCTION pek.merge_evaluations(old text, new text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO pek.point AS p (group_id, scoreboard_id, user_id, guideline_id, points)
    SELECT o.group_id, o.scoreboard_id, new, o.guideline_id, o.points FROM pek.point AS o WHERE o.user_id = old
        ON CONFLICT (realm, scoreboard_id, user_id, guideline_id) DO UPDATE
       SET points = greatest(p.points, EXCLUDED.points);
    DELETE FROM pek.point AS p WHERE p.user_id = old;
    UPDATE pek.scoreboard_message AS s SET user_id = new WHERE s.user_id = old;
$$;
REVOKE EXECUTE ON FUNCTION pek.merge_evaluations(text, text) FROM PUBLIC;

-- As before, and what refers to a membership goes along.
CREATE OR REPLACE FUNCTION pek.merge_memberships(old text, new text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    groups text[] := ARRAY(SELECT m.group_id FROM pek.membership AS m WHERE m.user_id = old ORDER BY 1);
    both_in text[] := ARRAY(SELECT m.group_id FROM pek.membership AS m
                             WHERE m.user_id = new AND m.group_id = ANY (groups) ORDER BY 1);
    moved jsonb;
BEGIN
    moved := jsonb_build_object('memberships', cardinality(groups), 'combined', cardinality(both_in),
        'posts', (SELECT count(*) FROM pek.post AS o WHERE o.user_id = old));
    PERFORM pek.merge_audit(old, g.id, jsonb_build_object('merged_into', new)) FROM unnest(groups) AS g (id);
    INSERT INTO pek.membership (group_id, user_id, sort_key, create_time, flairs, paced_until)
    SELECT m.group_id, new, m.sort_key, m.create_time, m.flairs, m.paced_until FROM pek.membership AS m
     WHERE m.user_id = old AND m.group_id <> ALL (both_in) ORDER BY m.group_id;
    UPDATE pek.membership_period AS s SET user_id = new WHERE s.user_id = old AND s.group_id <> ALL (both_in)
       AND s.group_id = ANY (groups);
    PERFORM pek.merge_periods(g.id, old, new) FROM unnest(both_in) AS g (id);
    INSERT INTO pek.post (group_id, user_id, type_id, create_time, given_by)
    SELECT o.group_id, new, o.type_id, o.create_time, o.given_by FROM pek.post AS o WHERE o.user_id = old
        ON CONFLICT DO NOTHING;
    PERFORM pek.merge_evaluations(old, new);
    DELETE FROM pek.membership AS m WHERE m.user_id = old;
    -- Who leads a group has not led it.
    DELETE FROM pek.post AS o USING pek.post_type AS t, pek.group_policy AS l, pek.policy_holding AS a
     WHERE o.user_id = new AND t.group_id = o.group_id AND t.id = o.type_id AND t.kind = 4
       AND l.group_id = o.group_id AND l.kind = 2 AND a.policy_id = l.policy_id AND a.user_id IN (old, new);
    PERFORM pek.merge_audit(new, g.id, jsonb_build_object('merged_from', old)) FROM unnest(groups) AS g (id);
    RETURN moved || jsonb_build_object('both_in', both_in);
END $$;

RESET ROLE;
