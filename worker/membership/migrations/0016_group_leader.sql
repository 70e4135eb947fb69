-- Who leads a group: the holder of the policy `GOD in GROUP`, which is found by what it is for, as that of the members.
SET LOCAL ROLE pek_owner;

-- 2: GOD in GROUP
ALTER TABLE pek.group_policy DROP CONSTRAINT group_policy_kind_check,
    ADD CONSTRAINT group_policy_kind_check CHECK (kind BETWEEN 1 AND 2);

-- Rows of all realms: the owner must not be bound by row security for a moment. Those that the realm made.
ALTER TABLE pek.policy NO FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.policy_statement NO FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.group_policy NO FORCE ROW LEVEL SECURITY;
INSERT INTO pek.group_policy (realm, group_id, kind, policy_id)
SELECT p.realm, s.group_id, 2, p.id
  FROM pek.policy AS p
  JOIN pek.policy_statement AS s ON s.realm = p.realm AND s.policy_id = p.id
 WHERE p.name = 'GOD in ' || s.group_id AND p.made_by IS NULL AND s.resource = 'GROUP' AND s.user_id IS NULL
   AND s.actions = 2047;
ALTER TABLE pek.policy FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.policy_statement FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.group_policy FORCE ROW LEVEL SECURITY;

CREATE OR REPLACE VIEW pek.member WITH (security_invoker = true) AS
SELECT m.realm, m.group_id, g.name AS group_name, m.user_id, p.display_name, p.folded,
       now_is.status, now_is.begin_time AS status_time, now_is.end_time, now_is.next_status,
       m.create_time, m.update_time, m.version, m.sort_key, g.sort_key AS group_sort_key,
       EXISTS (SELECT FROM pek.group_policy AS l
                 JOIN pek.policy_holding AS a ON a.realm = l.realm AND a.policy_id = l.policy_id
                WHERE l.realm = m.realm AND l.group_id = m.group_id AND l.kind = 2 AND a.user_id = m.user_id)
           AS is_leader
  FROM pek.membership AS m
  JOIN pek.realm_group AS g ON g.realm = m.realm AND g.id = m.group_id
  JOIN pek.person AS p ON p.realm = m.realm AND p.id = m.user_id
 CROSS JOIN LATERAL (
    SELECT s.status, s.begin_time, s.end_time,
           (SELECT n.status FROM pek.membership_period AS n
             WHERE n.realm = s.realm AND n.group_id = s.group_id AND n.user_id = s.user_id AND n.seq = s.next_seq)
               AS next_status
      FROM pek.membership_period AS s
     WHERE s.realm = m.realm AND s.group_id = m.group_id AND s.user_id = m.user_id
       AND s.begin_time <= statement_timestamp() AND (s.end_time IS NULL OR s.end_time > statement_timestamp())
     ORDER BY s.seq DESC LIMIT 1) AS now_is;

RESET ROLE;
