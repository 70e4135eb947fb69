-- Who has a score, as it is wanted in a spreadsheet. Who deleted their account has no name to be listed by.
SET LOCAL ROLE pek_owner;

-- The groups are those of the semester alone, though the score has the one before in it.
CREATE VIEW pek.scored_user WITH (security_invoker = true) AS
SELECT h.realm, h.semester, h.user_id, p.display_name, h.score,
       coalesce((SELECT string_agg(c.group_name, ', ' ORDER BY c.sort_key, c.group_id) FROM pek.counted_points AS c
                  WHERE c.realm = h.realm AND c.user_id = h.user_id AND c.semester = h.semester AND c.points > 0), '')
           AS groups,
       p.sort_key
  FROM pek.point_history AS h
  JOIN pek.person AS p ON p.realm = h.realm AND p.id = h.user_id
 WHERE h.score > 0 AND NOT p.is_deleted;

GRANT SELECT ON pek.scored_user TO pek_app;

RESET ROLE;
