-- compatible: a program before this one goes on taking the organisation from the id, which differs only of groups that were moved out of it
-- The organisation of a group is the top of its tree, said once: for who leaves with whom, and for who accepts. An id tells where a
-- group was made; a group that was moved to the top level is an organisation of its own, and what is below it belongs to it.
SET LOCAL ROLE pek_owner;

-- One look-up for each level above the group; the OFFSET keeps the planner from another way. No tree is as deep as 16.
CREATE VIEW pek.group_organisation WITH (security_invoker = true) AS
SELECT g.realm, g.id AS group_id,
       (WITH RECURSIVE up (id, parent_id, distance) AS (
            SELECT g.id, g.parent_id, 0
            UNION ALL
            SELECT a.id, a.parent_id, up.distance + 1
              FROM up CROSS JOIN LATERAL (SELECT p.id, p.parent_id FROM pek.realm_group AS p
                                           WHERE p.realm = g.realm AND p.id = up.parent_id OFFSET 0) AS a
             WHERE up.distance < 16)
        SELECT up.id FROM up WHERE up.parent_id IS NULL) AS organisation_id
  FROM pek.realm_group AS g;
GRANT SELECT ON pek.group_organisation TO pek_app;

CREATE OR REPLACE VIEW pek.judged_scoreboard WITH (security_invoker = true) AS
SELECT b.realm, b.group_id, g.name AS group_name, b.id AS scoreboard_id, b.semester, b.version, b.point_status, b.entry_status,
       b.submit_time, g.sort_key, g.parent_id,
       (SELECT o.organisation_id FROM pek.group_organisation AS o WHERE o.realm = g.realm AND o.group_id = g.id) AS organisation_id
  FROM pek.scoreboard AS b
  JOIN pek.realm_group AS g ON g.realm = b.realm AND g.id = b.group_id AND NOT g.is_archived
 WHERE NOT EXISTS (SELECT FROM pek.scoreboard AS l
                    WHERE l.realm = b.realm AND l.group_id = b.group_id AND l.semester = b.semester AND l.version > b.version);

RESET ROLE;
