-- A group has one leader. Of several who held the leader's policy before that was so, who was given it last leads; the others
-- have what they have by other policies.
SET LOCAL ROLE pek_owner;

ALTER TABLE pek.group_policy NO FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.policy_assignment NO FORCE ROW LEVEL SECURITY;
DELETE FROM pek.policy_assignment AS a USING pek.group_policy AS l, pek.policy_assignment AS b
 WHERE l.kind = 2 AND l.realm = a.realm AND l.policy_id = a.policy_id
   AND b.realm = a.realm AND b.policy_id = a.policy_id
   AND (b.assign_time, b.user_id) > (a.assign_time, a.user_id);
ALTER TABLE pek.group_policy FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.policy_assignment FORCE ROW LEVEL SECURITY;

RESET ROLE;
