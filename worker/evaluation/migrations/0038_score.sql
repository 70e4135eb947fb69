-- What points come to: totals, and the score of a person.
SET LOCAL ROLE pek_owner;

-- The semester before: 2024-2025/2 is behind 2024-2025/1, and that behind 2023-2024/2.
CREATE FUNCTION pek.semester_before(semester text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE substr(semester, 11, 1) WHEN '2' THEN substr(semester, 1, 10) || '1'
           ELSE (substr(semester, 1, 4)::integer - 1) || '-' || substr(semester, 1, 4) || '/2' END
$$;

-- Of one member in one scoreboard: each category up to its maximum, and the sum up to that of all. Less than the least ($6) is 0
-- or the least, whichever is nearer, and 0 when both are as near.
CREATE FUNCTION pek.point_total(work bigint, responsibility bigint, work_max integer, responsibility_max integer,
                                total_max integer, least_total integer)
RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN s.points >= least_total THEN least(s.points, total_max)
                WHEN 2 * s.points > least_total THEN least_total ELSE 0 END::integer
      FROM (SELECT least(work, work_max) + least(responsibility, responsibility_max) AS points) AS s
$$;

-- What counts: of each group and semester the last version whose points were accepted.
CREATE VIEW pek.counted_points WITH (security_invoker = true) AS
SELECT b.realm, t.user_id, b.semester, b.group_id, g.name AS group_name,
       pek.point_total(t.work, t.responsibility, b.work_max, b.responsibility_max, b.total_max, b.least) AS points, g.sort_key
  FROM (SELECT p.realm, p.scoreboard_id, p.user_id, coalesce(sum(p.points) FILTER (WHERE u.category = 1), 0) AS work,
               coalesce(sum(p.points) FILTER (WHERE u.category = 2), 0) AS responsibility
          FROM pek.point AS p
          JOIN pek.guideline AS u ON u.realm = p.realm AND u.id = p.guideline_id
         GROUP BY p.realm, p.scoreboard_id, p.user_id) AS t
  JOIN pek.scoreboard AS b ON b.realm = t.realm AND b.id = t.scoreboard_id
  JOIN pek.realm_group AS g ON g.realm = b.realm AND g.id = b.group_id
 WHERE b.point_status = 3
   AND NOT EXISTS (SELECT FROM pek.scoreboard AS l
                    WHERE l.realm = b.realm AND l.group_id = b.group_id AND l.semester = b.semester
                      AND l.version > b.version AND l.point_status = 3);

-- Of a semester and the one before it, over all groups: the sum of the squares of what each gave in both. Everybody who has a
-- cell in either is there, with 0 when nothing counts. `who` NULL: of everybody.
CREATE FUNCTION pek.point_squares(of_semester text, who text) RETURNS TABLE (user_id text, squares bigint)
LANGUAGE sql STABLE AS $$
    SELECT m.user_id, coalesce(c.squares, 0)
      FROM (SELECT DISTINCT p.user_id FROM pek.scoreboard AS b JOIN pek.point AS p ON p.scoreboard_id = b.id
             WHERE b.semester IN (of_semester, pek.semester_before(of_semester)) AND (who IS NULL OR p.user_id = who)) AS m
      LEFT JOIN (SELECT g.user_id, sum(g.points * g.points)::bigint AS squares
                   FROM (SELECT v.user_id, sum(v.points) AS points FROM pek.counted_points AS v
                          WHERE v.semester IN (of_semester, pek.semester_before(of_semester))
                            AND (who IS NULL OR v.user_id = who)
                          GROUP BY v.user_id, v.group_id) AS g
                  GROUP BY g.user_id) AS c ON c.user_id = m.user_id
$$;

-- Scores of closed semesters, as they were then.
CREATE TABLE pek.point_history (
    realm     text COLLATE "C" NOT NULL DEFAULT current_setting('pek.realm'),
    user_id   text COLLATE "C" NOT NULL,
    semester  text COLLATE "C" NOT NULL CHECK (semester ~ '^20[0-9]{2}-20[0-9]{2}/[12]$'),
    score     integer NOT NULL CHECK (score BETWEEN 0 AND score_max),
    -- What it could have been.
    score_max integer NOT NULL,
    -- Later semesters before earlier ones.
    sort_key  bytea NOT NULL GENERATED ALWAYS AS (
        int4send(-(2 * substr(semester, 1, 4)::integer + substr(semester, 11, 1)::integer))) STORED,
    PRIMARY KEY (realm, semester, user_id)
);
CREATE INDEX point_history_user ON pek.point_history (realm, user_id, sort_key, semester);
SELECT pek.isolate('pek.point_history');
REVOKE EXECUTE ON FUNCTION pek.semester_before(text), pek.point_squares(text, text),
    pek.point_total(bigint, bigint, integer, integer, integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pek.semester_before(text), pek.point_squares(text, text),
    pek.point_total(bigint, bigint, integer, integer, integer, integer) TO pek_app;
GRANT SELECT ON pek.point_history, pek.counted_points TO pek_app;
GRANT DELETE, INSERT (user_id, semester, score, score_max) ON pek.point_history TO pek_app;

-- ---- two accounts of one person ----

ALTER FUNCTION pek.merge_evaluations(text, text) RENAME TO merge_cells;

-- Of semesters that either of them has a score in, the score of what is theirs together.
CREATE FUNCTION pek.merge_evaluations(old text, new text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    had jsonb := (SELECT jsonb_object_agg(h.semester, h.score_max) FROM pek.point_history AS h WHERE h.user_id IN (old, new));
BEGIN
    PERFORM pek.merge_cells(old, new);
    DELETE FROM pek.point_history AS h WHERE h.user_id IN (old, new);
    INSERT INTO pek.point_history (user_id, semester, score, score_max)
    SELECT new, h.key, least(h.value::integer, trunc(sqrt(s.squares))), h.value::integer
      FROM jsonb_each_text(had) AS h CROSS JOIN LATERAL pek.point_squares(h.key, new) AS s;
END $$;
REVOKE EXECUTE ON FUNCTION pek.merge_evaluations(text, text) FROM PUBLIC;

RESET ROLE;
