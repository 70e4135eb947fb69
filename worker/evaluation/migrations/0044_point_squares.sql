-- Scores of everybody in one pass over the cells. Two passes were joined by the user before, and that join is a loop in a loop
-- where nothing is known of the realm's rows yet, as of a new realm in a database that has others.
SET LOCAL ROLE pek_owner;

CREATE OR REPLACE FUNCTION pek.point_squares(of_semester text, who text) RETURNS TABLE (user_id text, squares bigint)
LANGUAGE sql STABLE AS $$
    SELECT g.user_id, sum(g.points * g.points)::bigint
      FROM (SELECT a.user_id, a.group_id, sum(a.points) AS points
              FROM (SELECT v.user_id, v.group_id, v.points FROM pek.counted_points AS v
                     WHERE v.semester IN (of_semester, pek.semester_before(of_semester)) AND (who IS NULL OR v.user_id = who)
                    UNION ALL
                    -- Whoever has a cell is there, also when nothing counts.
                    SELECT p.user_id, p.group_id, 0 FROM pek.scoreboard AS b JOIN pek.point AS p ON p.scoreboard_id = b.id
                     WHERE b.semester IN (of_semester, pek.semester_before(of_semester)) AND (who IS NULL OR p.user_id = who)) AS a
             GROUP BY a.user_id, a.group_id) AS g
     GROUP BY g.user_id
$$;

RESET ROLE;
