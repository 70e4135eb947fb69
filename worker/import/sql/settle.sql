-- What follows from new memberships and posts: the policies of members, as member_policy_settle gives them, and the audit log, which has
-- each membership whole.
ANALYZE pek.post, pek.membership;
CREATE TEMPORARY TABLE touched ON COMMIT DROP AS
SELECT m.group_id, m.user_id, bool_or(m.made) AS made, bool_or(p.line_no IS NOT NULL) AS given
  FROM member_of AS m LEFT JOIN post_in AS p ON p.made AND p.type_id IS NOT NULL AND p.group_id = m.group_id AND p.user_id = m.user_id
 WHERE m.made OR p.line_no IS NOT NULL GROUP BY m.group_id, m.user_id;
ANALYZE touched;
CREATE TEMPORARY TABLE group_touched ON COMMIT DROP AS SELECT DISTINCT t.group_id FROM touched AS t;
ANALYZE group_touched;

WITH free AS (
    SELECT g.group_id, CASE WHEN EXISTS (SELECT FROM pek.policy AS p WHERE p.unique_key = 'members of ' || g.group_id)
                            THEN ' ' || gen_random_uuid() ELSE '' END AS more
      FROM group_touched AS g
     WHERE NOT EXISTS (SELECT FROM pek.group_policy AS l WHERE l.group_id = g.group_id AND l.kind = 1)
       AND EXISTS (SELECT FROM pek.membership_now AS m WHERE m.group_id = g.group_id AND m.status IN (2, 3))),
made AS (
    INSERT INTO pek.policy (name, unique_key, parent_id, can_issue)
    SELECT 'Members of ' || f.group_id || f.more, 'members of ' || f.group_id || f.more,
           (SELECT s.policy_id FROM pek.policy_statement AS s WHERE s.actions >= 2048), false
      FROM free AS f RETURNING id, name),
linked AS (SELECT made.id, f.group_id FROM made JOIN free AS f ON 'Members of ' || f.group_id || f.more = made.name),
statement AS (
    INSERT INTO pek.policy_statement (policy_id, group_id, resource, actions) SELECT l.id, l.group_id, 'GROUP', 5 FROM linked AS l)
INSERT INTO pek.group_policy (group_id, kind, policy_id) SELECT l.group_id, 1, l.id FROM linked AS l;

WITH here AS (
    SELECT m.group_id, m.user_id,
           (SELECT min(n.begin_time) FROM pek.membership_period AS n
             WHERE n.group_id = m.group_id AND n.user_id = m.user_id
               AND n.begin_time > statement_timestamp() AND n.status NOT IN (2, 3)) AS valid_until
      FROM group_touched AS g JOIN pek.membership_now AS m ON m.group_id = g.group_id AND m.status IN (2, 3))
INSERT INTO pek.policy_assignment (policy_id, user_id, assigned_by, valid_until)
SELECT l.policy_id, h.user_id, 'system', h.valid_until
  FROM here AS h JOIN pek.group_policy AS l ON l.group_id = h.group_id AND l.kind = 1
UNION ALL
SELECT t.policy_id, h.user_id, 'system', h.valid_until
  FROM here AS h JOIN pek.post AS o ON o.group_id = h.group_id AND o.user_id = h.user_id
  JOIN pek.post_type AS t ON t.group_id = o.group_id AND t.id = o.type_id
 WHERE t.policy_id IS NOT NULL
    ON CONFLICT DO NOTHING;

INSERT INTO pek.audit_log (actor, action, target_kind, target_id, detail)
SELECT 'operator', CASE WHEN t.made THEN 'membership.add' ELSE 'membership.givePost' END, 'membership', t.group_id,
       jsonb_build_object('user_id', t.user_id, 'flairs', to_jsonb(m.flairs),
           'posts', (SELECT jsonb_agg(o.type_id ORDER BY o.type_id) FROM pek.post AS o
                      WHERE o.group_id = t.group_id AND o.user_id = t.user_id),
           'periods', (SELECT jsonb_agg(to_jsonb(s) - ARRAY['realm', 'group_id', 'user_id', 'next_seq'] ORDER BY s.seq)
                         FROM pek.membership_period AS s WHERE s.group_id = t.group_id AND s.user_id = t.user_id))
  FROM touched AS t JOIN pek.membership AS m ON m.group_id = t.group_id AND m.user_id = t.user_id;
-- All that waits for the end is asked now, so that a dry run says what the real one would.
SET CONSTRAINTS ALL IMMEDIATE;
