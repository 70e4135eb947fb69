-- Accepted entry cards as before, but of who deleted their account: they have no name to be listed by, as in scored_user.
SET LOCAL ROLE pek_owner;

-- Of a semester the latest version that was accepted counts, also while the next one is being written.
CREATE OR REPLACE VIEW pek.accepted_entry WITH (security_invoker = true) AS
SELECT e.realm, b.semester, e.user_id, m.display_name, e.group_id, g.name AS group_name, e.type, e.justification,
       g.sort_key || '\x00'::bytea || convert_to(g.id, 'UTF8') || '\x00'::bytea || int2send(e.type) || m.sort_key
           AS sort_key
  FROM (SELECT DISTINCT ON (b.realm, b.group_id, b.semester) b.realm, b.group_id, b.semester, b.id
          FROM pek.scoreboard AS b WHERE b.entry_status = 3
         ORDER BY b.realm, b.group_id, b.semester, b.version DESC) AS b
  JOIN pek.entry_request AS e ON e.realm = b.realm AND e.scoreboard_id = b.id AND e.type IN (2, 3)
  JOIN pek.membership AS m ON m.realm = e.realm AND m.group_id = e.group_id AND m.user_id = e.user_id
  JOIN pek.person AS p ON p.realm = m.realm AND p.id = m.user_id AND NOT p.is_deleted
  JOIN pek.realm_group AS g ON g.realm = e.realm AND g.id = e.group_id;

RESET ROLE;
