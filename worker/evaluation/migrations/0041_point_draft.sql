-- What subgroups propose for the scoreboard of the group above them, and where points came from.
SET LOCAL ROLE pek_owner;

CREATE TABLE pek.point_draft (
    realm         text COLLATE "C" NOT NULL DEFAULT current_setting('pek.realm'),
    -- The group above, whose scoreboard it is.
    group_id      text COLLATE "C" NOT NULL,
    scoreboard_id bigint NOT NULL,
    subgroup_id   text COLLATE "C" NOT NULL,
    update_time   timestamptz NOT NULL DEFAULT now(),
    -- 0 where there is no row: nothing was written.
    revision      bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (realm, scoreboard_id, subgroup_id),
    CONSTRAINT point_draft_scoreboard_fkey FOREIGN KEY (realm, group_id, scoreboard_id)
        REFERENCES pek.scoreboard (realm, group_id, id),
    CONSTRAINT point_draft_subgroup_fkey FOREIGN KEY (realm, subgroup_id) REFERENCES pek.realm_group (realm, id)
);
SELECT pek.isolate('pek.point_draft');

-- Unlike points they hold nobody's membership: a proposal must not keep a group from letting somebody go.
CREATE TABLE pek.point_draft_cell (
    realm         text COLLATE "C" NOT NULL DEFAULT current_setting('pek.realm'),
    scoreboard_id bigint NOT NULL,
    subgroup_id   text COLLATE "C" NOT NULL,
    user_id       text COLLATE "C" NOT NULL,
    guideline_id  bigint NOT NULL,
    points        integer NOT NULL CHECK (points BETWEEN 0 AND 100),
    PRIMARY KEY (realm, scoreboard_id, subgroup_id, user_id, guideline_id),
    CONSTRAINT point_draft_cell_draft_fkey FOREIGN KEY (realm, scoreboard_id, subgroup_id)
        REFERENCES pek.point_draft (realm, scoreboard_id, subgroup_id),
    CONSTRAINT point_draft_cell_guideline_fkey FOREIGN KEY (realm, scoreboard_id, guideline_id)
        REFERENCES pek.guideline (realm, scoreboard_id, id) ON DELETE CASCADE
);
CREATE INDEX point_draft_cell_user ON pek.point_draft_cell (realm, user_id);
CREATE INDEX point_draft_cell_guideline ON pek.point_draft_cell (realm, scoreboard_id, guideline_id);
SELECT pek.isolate('pek.point_draft_cell');

-- What was taken over is in the draft that it came from, whatever it was changed to.
ALTER TABLE pek.point
    ADD COLUMN origin_group_id text COLLATE "C",
    ADD CONSTRAINT point_origin_fkey FOREIGN KEY (realm, scoreboard_id, origin_group_id, user_id, guideline_id)
        REFERENCES pek.point_draft_cell (realm, scoreboard_id, subgroup_id, user_id, guideline_id);
GRANT INSERT (origin_group_id), UPDATE (origin_group_id) ON pek.point TO pek_app;

-- By member; cells are "guideline points - …", in the order of the guidelines.
CREATE VIEW pek.drafted_points WITH (security_invoker = true) AS
SELECT d.realm, d.scoreboard_id, d.subgroup_id, g.name AS subgroup_name, c.user_id, p.display_name, c.cells,
       p.sort_key || '\x00'::bytea || convert_to(p.id, 'UTF8') AS sort_key
  FROM pek.point_draft AS d
  JOIN pek.realm_group AS g ON g.realm = d.realm AND g.id = d.subgroup_id
 CROSS JOIN LATERAL (
       SELECT c.user_id, string_agg(c.guideline_id || ' ' || c.points || ' -', ' ' ORDER BY u.position) AS cells
         FROM pek.point_draft_cell AS c
         JOIN pek.guideline AS u ON u.realm = c.realm AND u.scoreboard_id = c.scoreboard_id AND u.id = c.guideline_id
        WHERE c.realm = d.realm AND c.scoreboard_id = d.scoreboard_id AND c.subgroup_id = d.subgroup_id
        GROUP BY c.user_id) AS c
  JOIN pek.person AS p ON p.realm = d.realm AND p.id = c.user_id;

-- As before; cells have the group that they came from, or "-".
CREATE OR REPLACE VIEW pek.scoreboard_points WITH (security_invoker = true) AS
SELECT m.realm, m.scoreboard_id, m.user_id, m.display_name, m.sort_key, coalesce(c.cells, '') COLLATE "default" AS cells,
       least(c.work, b.work_max)::integer AS work, least(c.responsibility, b.responsibility_max)::integer AS responsibility,
       pek.point_total(c.work, c.responsibility, b.work_max, b.responsibility_max, b.total_max, b.least) AS total
  FROM pek.scoreboard AS b
  JOIN pek.scoreboard_member AS m ON m.realm = b.realm AND m.scoreboard_id = b.id
 CROSS JOIN LATERAL (
       SELECT string_agg(concat_ws(' ', p.guideline_id, p.points, coalesce(p.origin_group_id, '-')), ' ' ORDER BY u.position)
                  AS cells,
              coalesce(sum(p.points) FILTER (WHERE u.category = 1), 0) AS work,
              coalesce(sum(p.points) FILTER (WHERE u.category = 2), 0) AS responsibility
         FROM pek.point AS p
         JOIN pek.guideline AS u ON u.realm = p.realm AND u.scoreboard_id = p.scoreboard_id AND u.id = p.guideline_id
        WHERE p.realm = m.realm AND p.scoreboard_id = m.scoreboard_id AND p.user_id = m.user_id) AS c;

GRANT SELECT ON pek.point_draft, pek.point_draft_cell, pek.drafted_points TO pek_app;
GRANT INSERT (group_id, scoreboard_id, subgroup_id, revision), UPDATE (update_time, revision) ON pek.point_draft TO pek_app;
GRANT INSERT (scoreboard_id, subgroup_id, user_id, guideline_id, points), UPDATE (points) ON pek.point_draft_cell TO pek_app;

-- ---- two accounts of one person ----

-- As before, and what was proposed for them: of a cell that both have, the more, with where that came from.
CREATE OR REPLACE FUNCTION pek.merge_cells(old text, new text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO pek.point_draft_cell AS c (scoreboard_id, subgroup_id, user_id, guideline_id, points)
    SELECT o.scoreboard_id, o.subgroup_id, new, o.guideline_id, o.points FROM pek.point_draft_cell AS o WHERE o.user_id = old
        ON CONFLICT (realm, scoreboard_id, subgroup_id, user_id, guideline_id) DO UPDATE
       SET points = greatest(c.points, EXCLUDED.points);
    INSERT INTO pek.point AS p (group_id, scoreboard_id, user_id, guideline_id, points, origin_group_id)
    SELECT o.group_id, o.scoreboard_id, new, o.guideline_id, o.points, o.origin_group_id
      FROM pek.point AS o WHERE o.user_id = old
        ON CONFLICT (realm, scoreboard_id, user_id, guideline_id) DO UPDATE
       SET points = EXCLUDED.points, origin_group_id = EXCLUDED.origin_group_id WHERE EXCLUDED.points > p.points;
    UPDATE pek.point_comment AS c SET user_id = new WHERE c.user_id = old;
    UPDATE pek.point_comment AS c SET written_by = new WHERE c.written_by = old;
    DELETE FROM pek.point AS p WHERE p.user_id = old;
    DELETE FROM pek.point_draft_cell AS c WHERE c.user_id = old;
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
