-- in_post_types and in_posts. common_post has the types that every group has: `kind` is pek.membership.v1.PostKind, 0 of the leader,
-- NULL of what is no post here.

-- ---- types ----

CREATE TEMPORARY TABLE type_in ON COMMIT DROP AS
SELECT t.line_no, t.id AS said, pg_temp.as_id(t.id) AS id, c.id IS NOT NULL AS is_common, k.target::bigint AS known, g.target AS group_id,
       n.text AS name, n.unique_key, n.sort_key, NULL::bigint AS here, false AS made, NULL::text AS reason
  FROM in_post_types AS t
  LEFT JOIN common_post AS c ON c.id = pg_temp.as_id(t.id)
  LEFT JOIN clean_post_name AS n USING (line_no)
  LEFT JOIN group_of AS g ON g.id = pg_temp.as_id(t.group_id)
  LEFT JOIN pek.import_key AS k ON k.kind = 'post_types' AND k.source_id = pg_temp.as_id(t.id);
UPDATE type_in AS t SET here = p.id
  FROM pek.post_type AS p WHERE p.group_id = t.group_id AND p.kind = 5 AND p.unique_key = t.unique_key;

UPDATE type_in AS t SET reason = w.reason
  FROM (SELECT i.line_no, CASE
          WHEN i.id IS NULL THEN 'its id is no number'
          WHEN row_number() OVER (PARTITION BY i.id ORDER BY i.line_no) > 1 THEN 'another row has its id'
          WHEN i.known IS NOT NULL OR i.is_common THEN NULL
          WHEN coalesce(r.group_id, '') = '' THEN 'it is of no group, and none that every group has'
          WHEN i.group_id IS NULL THEN 'its group was not taken'
          WHEN i.name IS NULL OR char_length(i.name) > 30 THEN 'its name is not 1 to 30 characters that can be stored' END AS reason
          FROM type_in AS i JOIN in_post_types AS r USING (line_no)) AS w
 WHERE w.line_no = t.line_no AND w.reason IS NOT NULL;
-- A group has a name once: later ones are the first.
UPDATE type_in AS t SET made = true
  FROM (SELECT i.line_no, row_number() OVER (PARTITION BY i.group_id, i.unique_key ORDER BY i.id) AS place
          FROM type_in AS i WHERE i.reason IS NULL AND i.known IS NULL AND NOT i.is_common AND i.here IS NULL) AS w
 WHERE w.line_no = t.line_no AND w.place = 1;
UPDATE type_in AS t SET made = false, reason = 'its group has 50 types of posts'
  FROM (SELECT i.line_no, row_number() OVER (PARTITION BY i.group_id ORDER BY i.id)
               + (SELECT count(*) FROM pek.post_type AS p WHERE p.group_id = i.group_id AND p.kind = 5) AS place
          FROM type_in AS i WHERE i.made) AS w
 WHERE w.line_no = t.line_no AND w.place > 50;

INSERT INTO pek.post_type (group_id, kind, name, unique_key, sort_key, actions)
SELECT t.group_id, 5, t.name, t.unique_key, t.sort_key, 0 FROM type_in AS t WHERE t.made;
UPDATE type_in AS t SET here = p.id
  FROM pek.post_type AS p
 WHERE t.here IS NULL AND p.group_id = t.group_id AND p.kind = 5 AND p.unique_key = t.unique_key AND t.reason IS NULL;
-- Of one that was not made for want of room, the others of its name are not here, either.
UPDATE type_in SET reason = 'its group has 50 types of posts'
 WHERE reason IS NULL AND known IS NULL AND NOT is_common AND here IS NULL;
INSERT INTO pek.import_key (kind, source_id, target)
SELECT 'post_types', t.id, t.here::text FROM type_in AS t WHERE t.reason IS NULL AND t.known IS NULL AND NOT t.is_common;

INSERT INTO outcome (file, line_no, id, what, reason)
SELECT 'post_types', t.line_no, t.said, CASE WHEN t.reason IS NOT NULL THEN 3 WHEN t.made THEN 1 ELSE 2 END, t.reason FROM type_in AS t;

-- ---- posts ----

CREATE TEMPORARY TABLE post_in ON COMMIT DROP AS
SELECT p.line_no, p.id AS said, pg_temp.as_id(p.id) AS id, k.source_id IS NOT NULL AS known, m.group_id, m.user_id, m.status, m.made AS is_new,
       c.id AS common, c.kind, t.target::bigint AS own, y.group_id AS own_group, NULL::bigint AS type_id, false AS made, false AS is_here,
       NULL::text AS reason
  FROM in_posts AS p
  LEFT JOIN member_of AS m ON m.id = pg_temp.as_id(p.membership_id)
  LEFT JOIN common_post AS c ON c.id = pg_temp.as_id(p.post_type_id)
  LEFT JOIN pek.import_key AS t ON t.kind = 'post_types' AND t.source_id = pg_temp.as_id(p.post_type_id)
  LEFT JOIN pek.post_type AS y ON y.id = t.target::bigint
  LEFT JOIN pek.import_key AS k ON k.kind = 'posts' AND k.source_id = pg_temp.as_id(p.id);
ANALYZE post_in;

CREATE TEMPORARY TABLE leader_here ON COMMIT DROP AS
SELECT l.group_id, l.policy_id, a.user_id
  FROM pek.group_policy AS l LEFT JOIN pek.policy_holding AS a ON a.policy_id = l.policy_id WHERE l.kind = 2;
ANALYZE leader_here;

UPDATE post_in AS p SET reason = w.reason
  FROM (SELECT i.line_no, CASE
          WHEN i.id IS NULL THEN 'its id is no number'
          WHEN row_number() OVER (PARTITION BY i.id ORDER BY i.line_no) > 1 THEN 'another row has its id'
          WHEN i.known THEN NULL
          WHEN i.user_id IS NULL THEN 'its membership was not taken'
          WHEN i.common IS NULL AND i.own_group IS NULL THEN 'its type was not taken'
          WHEN i.own_group <> i.group_id THEN 'its type is another group''s'
          WHEN i.common = 66 THEN 'PéK admins are made by hand, of those who are to be'
          WHEN i.common IN (6, 104) THEN NULL
          WHEN i.kind = 4 AND i.status IN (2, 3, 4) THEN NULL
          WHEN i.status NOT IN (2, 3) THEN 'its member is neither a newcomer nor active' END AS reason
          FROM post_in AS i) AS w
 WHERE w.line_no = p.line_no AND w.reason IS NOT NULL;

-- Who leads: of several the one who was given it last, as the number tells; nobody where somebody leads already.
UPDATE post_in AS p SET reason = 'somebody else leads the group'
  FROM (SELECT i.line_no, row_number() OVER (PARTITION BY i.group_id ORDER BY i.id DESC) AS place
          FROM post_in AS i WHERE i.kind = 0 AND i.reason IS NULL AND NOT i.known) AS w
 WHERE w.line_no = p.line_no
   AND CASE WHEN EXISTS (SELECT FROM leader_here AS l WHERE l.group_id = p.group_id AND l.user_id IS NOT NULL)
            THEN NOT EXISTS (SELECT FROM leader_here AS l WHERE l.group_id = p.group_id AND l.user_id = p.user_id)
            ELSE w.place > 1 END;
-- The leader's membership has no end that is planned, and the leader's policy may have been deleted.
UPDATE post_in AS p SET reason = 'its membership has an end, or nobody can lead the group'
 WHERE p.kind = 0 AND p.reason IS NULL AND NOT p.known
   AND (NOT EXISTS (SELECT FROM leader_here AS l WHERE l.group_id = p.group_id)
        OR EXISTS (SELECT FROM pek.membership AS m WHERE m.group_id = p.group_id AND m.user_id = p.user_id AND m.end_time > now()));
UPDATE post_in AS p SET is_here = true
 WHERE p.kind = 0 AND p.reason IS NULL AND NOT p.known
   AND EXISTS (SELECT FROM leader_here AS l WHERE l.group_id = p.group_id AND l.user_id = p.user_id);
UPDATE post_in AS p SET made = true WHERE p.kind = 0 AND p.reason IS NULL AND NOT p.known AND NOT p.is_here;
INSERT INTO pek.policy_assignment (policy_id, user_id, assigned_by)
SELECT l.policy_id, p.user_id, 'operator' FROM post_in AS p JOIN leader_here AS l USING (group_id) WHERE p.kind = 0 AND p.made;
INSERT INTO pek.audit_log (actor, action, target_kind, target_id, detail)
SELECT 'operator', 'group.handOver', 'group', p.group_id, jsonb_build_object('user_id', p.user_id, 'leaders', jsonb_build_array())
  FROM post_in AS p WHERE p.kind = 0 AND p.made;
UPDATE post_in AS p SET reason = 'who leads the group has not led it before'
 WHERE p.kind = 4 AND p.reason IS NULL AND NOT p.known
   AND EXISTS (SELECT FROM pek.group_policy AS l JOIN pek.policy_holding AS a ON a.policy_id = l.policy_id
                WHERE l.kind = 2 AND l.group_id = p.group_id AND a.user_id = p.user_id);

-- The types that every group has, where somebody has one.
INSERT INTO pek.post_type (group_id, kind, name, unique_key, sort_key, actions)
SELECT DISTINCT p.group_id, p.kind, '', '', ''::bytea, c.actions
  FROM post_in AS p JOIN common_post AS c ON c.id = p.common WHERE p.reason IS NULL AND NOT p.known AND p.kind BETWEEN 1 AND 4
    ON CONFLICT DO NOTHING;
ANALYZE pek.post_type, pek.policy, pek.policy_statement, pek.group_policy, pek.policy_assignment;
UPDATE post_in AS p SET type_id = coalesce(p.own, t.id)
  FROM post_in AS i LEFT JOIN pek.post_type AS t ON t.group_id = i.group_id AND t.kind = i.kind AND i.kind BETWEEN 1 AND 4
 WHERE i.line_no = p.line_no AND p.reason IS NULL AND NOT p.known;
-- Their policies, as post_store_make_policy makes them.
WITH named AS (
    SELECT t.id, t.group_id, t.actions, c.policy_name || ' of ' || t.group_id AS name
      FROM pek.post_type AS t JOIN common_post AS c ON c.kind = t.kind
     WHERE c.policy_name <> '' AND t.policy_id IS NULL AND EXISTS (SELECT FROM post_in AS p WHERE p.type_id = t.id)),
free AS (
    SELECT n.*, CASE WHEN EXISTS (SELECT FROM pek.policy AS p WHERE p.unique_key = lower(n.name) OR p.name = n.name)
                     THEN ' ' || gen_random_uuid() ELSE '' END AS more FROM named AS n),
made AS (
    INSERT INTO pek.policy (name, unique_key, parent_id, can_issue)
    SELECT f.name || f.more, lower(f.name) || f.more,
           coalesce((SELECT l.policy_id FROM pek.group_policy AS l WHERE l.group_id = f.group_id AND l.kind = 2),
                    (SELECT s.policy_id FROM pek.policy_statement AS s WHERE s.actions >= 2048)), false
      FROM free AS f RETURNING id, name),
linked AS (SELECT made.id AS policy_id, f.* FROM made JOIN free AS f ON f.name || f.more = made.name),
statement AS (
    INSERT INTO pek.policy_statement (policy_id, group_id, resource, actions)
    SELECT l.policy_id, l.group_id, 'GROUP', l.actions FROM linked AS l),
link AS (INSERT INTO pek.group_policy (group_id, kind, policy_id) SELECT l.group_id, 3, l.policy_id FROM linked AS l)
UPDATE pek.post_type AS t SET policy_id = l.policy_id FROM linked AS l WHERE l.id = t.id;

UPDATE post_in AS p SET is_here = true
 WHERE p.type_id IS NOT NULL AND EXISTS (
       SELECT FROM pek.post AS o WHERE o.group_id = p.group_id AND o.user_id = p.user_id AND o.type_id = p.type_id);
-- The financial officer is one.
UPDATE post_in AS p SET reason = 'somebody else has this post'
  FROM (SELECT i.line_no, row_number() OVER (PARTITION BY i.type_id ORDER BY i.is_here DESC, i.id DESC) AS place
          FROM post_in AS i JOIN common_post AS c ON c.id = i.common AND c.one WHERE i.type_id IS NOT NULL) AS w
 WHERE w.line_no = p.line_no AND NOT p.is_here
   AND (w.place > 1 OR EXISTS (SELECT FROM pek.post AS o JOIN pek.membership_now AS n ON n.group_id = o.group_id AND n.user_id = o.user_id
                                WHERE o.type_id = p.type_id AND n.status IN (2, 3)));
-- Two types of one name have become one.
UPDATE post_in AS p SET made = true
  FROM (SELECT i.line_no, row_number() OVER (PARTITION BY i.group_id, i.user_id, i.type_id ORDER BY i.id) AS place
          FROM post_in AS i WHERE i.type_id IS NOT NULL AND i.reason IS NULL AND NOT i.is_here) AS w
 WHERE w.line_no = p.line_no AND w.place = 1;
-- In two parts, as the periods of memberships.
INSERT INTO pek.post (group_id, user_id, type_id, given_by)
SELECT p.group_id, p.user_id, p.type_id, 'operator' FROM post_in AS p WHERE p.made AND p.type_id IS NOT NULL AND p.line_no <= 500;
ANALYZE pek.post;
INSERT INTO pek.post (group_id, user_id, type_id, given_by)
SELECT p.group_id, p.user_id, p.type_id, 'operator' FROM post_in AS p WHERE p.made AND p.type_id IS NOT NULL AND p.line_no > 500;
-- What the membership says is as new as that.
UPDATE post_in AS p SET made = p.is_new WHERE p.common IN (6, 104) AND p.reason IS NULL AND NOT p.known;

INSERT INTO pek.import_key (kind, source_id) SELECT 'posts', p.id FROM post_in AS p WHERE p.reason IS NULL AND NOT p.known;
INSERT INTO outcome (file, line_no, id, what, reason)
SELECT 'posts', p.line_no, p.said, CASE WHEN p.reason IS NOT NULL THEN 3 WHEN p.made THEN 1 ELSE 2 END, p.reason FROM post_in AS p;
