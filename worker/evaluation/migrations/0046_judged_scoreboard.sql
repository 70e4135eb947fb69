-- What judges have to judge: of each group and semester the last version.
SET LOCAL ROLE pek_owner;

CREATE VIEW pek.judged_scoreboard WITH (security_invoker = true) AS
SELECT b.realm, b.group_id, g.name AS group_name, b.id AS scoreboard_id, b.semester, b.version, b.point_status, b.entry_status,
       b.submit_time, g.sort_key, g.parent_id, g.org || '@' || g.org AS organisation_id
  FROM pek.scoreboard AS b
  JOIN pek.realm_group AS g ON g.realm = b.realm AND g.id = b.group_id AND NOT g.is_archived
 WHERE NOT EXISTS (SELECT FROM pek.scoreboard AS l
                    WHERE l.realm = b.realm AND l.group_id = b.group_id AND l.semester = b.semester AND l.version > b.version);
GRANT SELECT ON pek.judged_scoreboard TO pek_app;

RESET ROLE;
