-- Tables of points, and what they come to.
SET LOCAL ROLE pek_owner;

-- Who is in a scoreboard: whoever has points or an entry in it, and, while it is of the current semester, the group's newcomers
-- and active members. Who joined later is in no earlier table.
CREATE OR REPLACE VIEW pek.scoreboard_member WITH (security_invoker = true) AS
SELECT m.realm, b.id AS scoreboard_id, m.user_id, p.display_name, m.sort_key
  FROM pek.scoreboard AS b
  JOIN pek.realm_state AS r ON r.realm = b.realm
  JOIN pek.membership AS m ON m.realm = b.realm AND m.group_id = b.group_id
  JOIN pek.person AS p ON p.realm = m.realm AND p.id = m.user_id
 WHERE (r.semester = b.semester AND EXISTS (
            SELECT FROM pek.membership_period AS s
             WHERE s.realm = m.realm AND s.group_id = m.group_id AND s.user_id = m.user_id
               AND s.status IN (2, 3) AND s.begin_time <= now() AND (s.end_time IS NULL OR s.end_time > now())))
    OR EXISTS (SELECT FROM pek.point AS c
                WHERE c.realm = b.realm AND c.scoreboard_id = b.id AND c.user_id = m.user_id)
    OR EXISTS (SELECT FROM pek.entry_request AS e
                WHERE e.realm = b.realm AND e.scoreboard_id = b.id AND e.user_id = m.user_id);

-- Each of them with what they have. Cells are "guideline points …", in the order of the guidelines.
CREATE VIEW pek.scoreboard_points WITH (security_invoker = true) AS
SELECT m.realm, m.scoreboard_id, m.user_id, m.display_name, m.sort_key, coalesce(c.cells, '') AS cells,
       least(c.work, b.work_max)::integer AS work, least(c.responsibility, b.responsibility_max)::integer AS responsibility,
       pek.point_total(c.work, c.responsibility, b.work_max, b.responsibility_max, b.total_max, b.least) AS total
  FROM pek.scoreboard AS b
  JOIN pek.scoreboard_member AS m ON m.realm = b.realm AND m.scoreboard_id = b.id
 CROSS JOIN LATERAL (
       SELECT string_agg(p.guideline_id || ' ' || p.points, ' ' ORDER BY u.position) AS cells,
              coalesce(sum(p.points) FILTER (WHERE u.category = 1), 0) AS work,
              coalesce(sum(p.points) FILTER (WHERE u.category = 2), 0) AS responsibility
         FROM pek.point AS p
         JOIN pek.guideline AS u ON u.realm = p.realm AND u.scoreboard_id = p.scoreboard_id AND u.id = p.guideline_id
        WHERE p.realm = m.realm AND p.scoreboard_id = m.scoreboard_id AND p.user_id = m.user_id) AS c;
GRANT SELECT ON pek.scoreboard_points TO pek_app;

-- Averages are of who has more than 0.
CREATE FUNCTION pek.scoreboard_totals(of_scoreboard bigint)
RETURNS TABLE (members bigint,
               total_sum bigint, total_scored bigint, total_average numeric, total_highest integer,
               work_sum bigint, work_scored bigint, work_average numeric, work_highest integer,
               responsibility_sum bigint, responsibility_scored bigint, responsibility_average numeric,
               responsibility_highest integer)
LANGUAGE sql STABLE AS $$
    SELECT count(*),
           coalesce(sum(p.total), 0), count(*) FILTER (WHERE p.total > 0),
           coalesce(round(avg(p.total) FILTER (WHERE p.total > 0), 2), 0), coalesce(max(p.total), 0),
           coalesce(sum(p.work), 0), count(*) FILTER (WHERE p.work > 0),
           coalesce(round(avg(p.work) FILTER (WHERE p.work > 0), 2), 0), coalesce(max(p.work), 0),
           coalesce(sum(p.responsibility), 0), count(*) FILTER (WHERE p.responsibility > 0),
           coalesce(round(avg(p.responsibility) FILTER (WHERE p.responsibility > 0), 2), 0),
           coalesce(max(p.responsibility), 0)
      FROM pek.scoreboard_points AS p WHERE p.scoreboard_id = of_scoreboard
$$;
REVOKE EXECUTE ON FUNCTION pek.scoreboard_totals(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pek.scoreboard_totals(bigint) TO pek_app;

RESET ROLE;
