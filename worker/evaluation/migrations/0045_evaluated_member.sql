-- Who may get points, said once: for lists of members, what is set, what is revised and what is taken over from drafts.
SET LOCAL ROLE pek_owner;

-- A group's own newcomers and active members, and nobody whose account was deleted. Who is shown as a member through a group
-- below it is none of its own.
CREATE VIEW pek.evaluated_member WITH (security_invoker = true) AS
SELECT m.realm, m.group_id, m.user_id, p.display_name,
       p.sort_key || '\x00'::bytea || convert_to(p.id, 'UTF8') AS sort_key
  FROM pek.membership_now AS m
  JOIN pek.person AS p ON p.realm = m.realm AND p.id = m.user_id
 WHERE m.status IN (2, 3) AND NOT p.is_deleted;

-- As before: who has points or an entry, and of the current semester who may get points.
CREATE OR REPLACE VIEW pek.scoreboard_member WITH (security_invoker = true) AS
SELECT m.realm, b.id AS scoreboard_id, m.user_id, p.display_name, m.sort_key
  FROM pek.scoreboard AS b
  JOIN pek.realm_state AS r ON r.realm = b.realm
  JOIN pek.membership AS m ON m.realm = b.realm AND m.group_id = b.group_id
  JOIN pek.person AS p ON p.realm = m.realm AND p.id = m.user_id
 WHERE (r.semester = b.semester AND EXISTS (
            SELECT FROM pek.evaluated_member AS e
             WHERE e.realm = m.realm AND e.group_id = m.group_id AND e.user_id = m.user_id))
    OR EXISTS (SELECT FROM pek.point AS c
                WHERE c.realm = b.realm AND c.scoreboard_id = b.id AND c.user_id = m.user_id)
    OR EXISTS (SELECT FROM pek.entry_request AS e
                WHERE e.realm = b.realm AND e.scoreboard_id = b.id AND e.user_id = m.user_id);

-- Cells that propose something: 0 proposes nothing. Their standing is pek.evaluation.v1.DraftStanding.
CREATE VIEW pek.drafted_cell WITH (security_invoker = true) AS
SELECT c.realm, d.group_id, c.scoreboard_id, c.subgroup_id, c.user_id, c.guideline_id, c.points,
       (CASE WHEN above.user_id IS NULL THEN 2 WHEN below.user_id IS NULL THEN 3 ELSE 1 END)::smallint AS standing
  FROM pek.point_draft_cell AS c
  JOIN pek.point_draft AS d
    ON d.realm = c.realm AND d.scoreboard_id = c.scoreboard_id AND d.subgroup_id = c.subgroup_id
  LEFT JOIN pek.evaluated_member AS above
    ON above.realm = c.realm AND above.group_id = d.group_id AND above.user_id = c.user_id
  LEFT JOIN pek.evaluated_member AS below
    ON below.realm = c.realm AND below.group_id = c.subgroup_id AND below.user_id = c.user_id
 WHERE c.points > 0;

-- By member, as before. A draft is listed while the subgroup is right below the group and not archived.
CREATE OR REPLACE VIEW pek.drafted_points WITH (security_invoker = true) AS
SELECT d.realm, d.scoreboard_id, d.subgroup_id, g.name AS subgroup_name, c.user_id, p.display_name, c.cells,
       p.sort_key || '\x00'::bytea || convert_to(p.id, 'UTF8') AS sort_key, c.standing,
       coalesce(g.parent_id = d.group_id AND NOT g.is_archived, false) AS is_listed
  FROM pek.point_draft AS d
  JOIN pek.realm_group AS g ON g.realm = d.realm AND g.id = d.subgroup_id
 CROSS JOIN LATERAL (
       SELECT c.user_id, c.standing,
              string_agg(c.guideline_id || ' ' || c.points || ' -', ' ' ORDER BY u.position) AS cells
         FROM pek.drafted_cell AS c
         JOIN pek.guideline AS u ON u.realm = c.realm AND u.scoreboard_id = c.scoreboard_id AND u.id = c.guideline_id
        WHERE c.realm = d.realm AND c.scoreboard_id = d.scoreboard_id AND c.subgroup_id = d.subgroup_id
        GROUP BY c.user_id, c.standing) AS c
  JOIN pek.person AS p ON p.realm = d.realm AND p.id = c.user_id;

GRANT SELECT ON pek.evaluated_member, pek.drafted_cell TO pek_app;

RESET ROLE;
