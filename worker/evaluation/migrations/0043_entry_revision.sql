-- Entries that two people change at once: the second is told.
SET LOCAL ROLE pek_owner;

ALTER TABLE pek.entry_request ADD COLUMN revision bigint NOT NULL DEFAULT 1;
GRANT UPDATE (revision) ON pek.entry_request TO pek_app;

-- 0: nothing was said yet.
CREATE OR REPLACE VIEW pek.scoreboard_entry WITH (security_invoker = true) AS
SELECT b.realm, b.group_id, b.id AS scoreboard_id, m.user_id, m.display_name, coalesce(e.type, 1::smallint) AS type,
       coalesce(e.justification, '') AS justification, coalesce(e.recommendation, 0::smallint) AS recommendation,
       coalesce(e.recommended_by, '') AS recommended_by, coalesce(e.finalized, false) AS finalized, m.sort_key,
       coalesce(e.revision, 0) AS revision
  FROM pek.scoreboard AS b
  JOIN pek.scoreboard_member AS m ON m.realm = b.realm AND m.scoreboard_id = b.id
  LEFT JOIN pek.entry_request AS e ON e.realm = b.realm AND e.scoreboard_id = b.id AND e.user_id = m.user_id;

RESET ROLE;
