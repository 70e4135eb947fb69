-- compatible: the view has the columns it had, and an index takes the place of another
-- Who is in a scoreboard costs what the group has, whatever else the realm has, and one of them costs one.
SET LOCAL ROLE pek_owner;

-- A realm's large group lets the planner think that all are, and read all memberships of the realm for any.
ALTER TABLE pek.membership ALTER COLUMN group_id SET (n_distinct = -0.02);
ANALYZE pek.membership;

-- As before, but that whether a member counts is asked of each who is looked at (LIMIT), and not collected for everybody in the realm.
CREATE OR REPLACE VIEW pek.scoreboard_member WITH (security_invoker = true) AS
SELECT m.realm, b.id AS scoreboard_id, m.user_id, m.display_name, m.sort_key
  FROM pek.scoreboard AS b
  JOIN pek.realm_state AS r ON r.realm = b.realm
  JOIN pek.membership AS m ON m.realm = b.realm AND m.group_id = b.group_id
 WHERE (r.semester = b.semester AND (
            SELECT true FROM pek.evaluated_member AS e
             WHERE e.realm = m.realm AND e.group_id = m.group_id AND e.user_id = m.user_id LIMIT 1))
    OR (SELECT true FROM pek.point AS c
         WHERE c.realm = b.realm AND c.scoreboard_id = b.id AND c.user_id = m.user_id LIMIT 1)
    OR (SELECT true FROM pek.entry_request AS e
         WHERE e.realm = b.realm AND e.scoreboard_id = b.id AND e.user_id = m.user_id LIMIT 1);

-- Entries of all groups are read group by group.
CREATE INDEX scoreboard_of_semester ON pek.scoreboard (realm, semester, group_id, version);
DROP INDEX pek.scoreboard_semester;

RESET ROLE;
