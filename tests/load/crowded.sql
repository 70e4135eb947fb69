-- Fills a realm with what years leave behind, so that a statement shows what it costs beside it: 8 000 people, one group with all of
-- them, 200 groups of 40 with an evaluation each, its points, entries, comments and messages, and a subgroup each with the same people
-- and a draft; archived groups; types of posts, posts, policies and what was done. Run as a superuser with pek.realm set, behind groups.sql with 400
-- groups or more. Keys are bytes of the names, which are ASCII: order is not what counts.
INSERT INTO pek.realm_group (id, name, unique_key, folded, sort_key, purpose)
VALUES ('town@town', 'Town', 'town', 'town', '\x01', 3);
INSERT INTO pek.realm_group (id, parent_id, name, unique_key, folded, sort_key, purpose)
VALUES ('town@part', 'town@town', 'Part', 'part', 'part', '\x02', 3);

-- Groups that are no more, and come first by name; the worker makes their keys.
INSERT INTO pek.realm_group (id, parent_id, name, unique_key, folded, sort_key, purpose, is_archived)
SELECT format('bench@a%s', n), 'bench@bench', format('Abbey %s', n), format('abbey %s', n), '', '', 3, true
  FROM generate_series(1, 3000) AS n;

INSERT INTO pek.person (id, display_name, folded, sort_key, version)
SELECT format('town-%s', n), name, lower(name), convert_to(lower(name), 'UTF8'), 1
  FROM generate_series(1, 8000) AS n, LATERAL (SELECT format('Member %s', hashint4(n)) AS name) AS named;

INSERT INTO pek.membership (group_id, user_id, sort_key)
SELECT 'town@town', p.id, '\x01'::bytea || p.sort_key FROM pek.person AS p WHERE p.id LIKE 'town-%'
 UNION ALL
SELECT 'town@part', p.id, '\x01'::bytea || p.sort_key FROM pek.person AS p WHERE p.id LIKE 'town-1__'
 UNION ALL
SELECT format('bench@g%s', g), p.id, '\x01'::bytea || p.sort_key
  FROM generate_series(1, 400) AS g, generate_series(1, 40) AS n
  JOIN pek.person AS p ON true WHERE p.id = format('town-%s', (g % 200 * 97 + n * 13) % 8000 + 1);
UPDATE pek.realm_group SET parent_id = format('bench@g%s', n - 200) FROM generate_series(201, 400) AS n WHERE id = format('bench@g%s', n);

INSERT INTO pek.membership_period (group_id, user_id, seq, status, begin_time, changed_by)
SELECT m.group_id, m.user_id, 1, 3, now(), 'system' FROM pek.membership AS m
 WHERE m.user_id LIKE 'town-%';

INSERT INTO pek.scoreboard (group_id, semester, created_by, work_max, responsibility_max, total_max, least)
SELECT g.id, r.semester, 'system', 30, 20, 50, 5 FROM pek.realm_state AS r, pek.realm_group AS g
 WHERE r.realm = current_setting('pek.realm') AND g.realm = r.realm
   AND (g.id IN ('bench@bench', 'town@town') OR g.id IN (SELECT format('bench@g%s', n) FROM generate_series(1, 200) AS n));

INSERT INTO pek.guideline (scoreboard_id, position, name, description, category, max_per_member, max_per_guideline)
SELECT b.id, n, format('Guideline %s', n), '', 1 + n % 2, 20, 0
  FROM pek.scoreboard AS b, generate_series(1, 5) AS n WHERE b.group_id = 'town@town' OR b.group_id LIKE 'bench@%';

INSERT INTO pek.point (group_id, scoreboard_id, user_id, guideline_id, points)
SELECT m.group_id, u.scoreboard_id, m.user_id, u.id, abs(hashtext(m.user_id || u.id)) % 21
  FROM pek.membership AS m
  JOIN pek.scoreboard AS b ON b.realm = m.realm AND b.group_id = m.group_id
  JOIN pek.guideline AS u ON u.realm = b.realm AND u.scoreboard_id = b.id
 WHERE m.group_id LIKE 'bench@g%' OR (m.group_id = 'town@town' AND u.position = 1);

INSERT INTO pek.entry_request (group_id, scoreboard_id, user_id, type, justification)
SELECT m.group_id, b.id, m.user_id, 2 + b.id % 2, 'Worked.' FROM pek.membership AS m
  JOIN pek.scoreboard AS b ON b.realm = m.realm AND b.group_id = m.group_id
 WHERE m.group_id LIKE 'bench@g%';

INSERT INTO pek.point_comment (scoreboard_id, user_id, guideline_id, written_by, text, closes)
SELECT p.scoreboard_id, p.user_id, p.guideline_id, p.user_id, 'Why?', false FROM pek.point AS p
  JOIN pek.guideline AS u ON u.realm = p.realm AND u.id = p.guideline_id AND u.position = 1;

-- The last one in the large group is of another guideline.
INSERT INTO pek.point (group_id, scoreboard_id, user_id, guideline_id, points)
SELECT b.group_id, b.id, 'town-1', u.id, 1 FROM pek.scoreboard AS b
  JOIN pek.guideline AS u ON u.realm = b.realm AND u.scoreboard_id = b.id AND u.position = 2 WHERE b.group_id = 'town@town';
INSERT INTO pek.point_comment (scoreboard_id, user_id, guideline_id, written_by, text, closes)
SELECT p.scoreboard_id, p.user_id, p.guideline_id, p.user_id, 'Why?', false FROM pek.point AS p
  JOIN pek.guideline AS u ON u.realm = p.realm AND u.id = p.guideline_id AND u.position = 2 WHERE p.group_id = 'town@town';

INSERT INTO pek.scoreboard_message (scoreboard_id, user_id, text)
SELECT b.id, 'town-1', 'Hello.' FROM pek.scoreboard AS b, generate_series(1, 40) WHERE b.group_id LIKE 'bench@g%';

INSERT INTO pek.point_draft (group_id, scoreboard_id, subgroup_id, revision)
SELECT b.group_id, b.id, g.id, 1 FROM pek.scoreboard AS b JOIN pek.realm_group AS g ON g.realm = b.realm AND g.parent_id = b.group_id
 WHERE b.group_id LIKE 'bench@%';
INSERT INTO pek.point_draft_cell (scoreboard_id, subgroup_id, user_id, guideline_id, points)
SELECT d.scoreboard_id, d.subgroup_id, m.user_id, u.id, 1 FROM pek.point_draft AS d
  JOIN pek.membership AS m ON m.realm = d.realm AND m.group_id = d.subgroup_id
  JOIN pek.guideline AS u ON u.realm = d.realm AND u.scoreboard_id = d.scoreboard_id AND u.position <= 2
 WHERE d.subgroup_id LIKE 'bench@g%';

INSERT INTO pek.post_type (group_id, kind, name, unique_key, sort_key, actions)
SELECT g.id, 5, 'Post ' || n, 'post ' || n, '\x01', n FROM pek.realm_group AS g, generate_series(1, 2) AS n WHERE g.id LIKE 'bench@g%';
INSERT INTO pek.post (group_id, user_id, type_id, given_by)
SELECT m.group_id, m.user_id, t.id, 'system' FROM pek.membership AS m
  JOIN pek.post_type AS t ON t.realm = m.realm AND t.group_id = m.group_id AND t.unique_key = 'post 1'
 WHERE m.group_id LIKE 'bench@g%';

-- Members hold their group's policy, and others that people made.
INSERT INTO pek.policy (name, unique_key, parent_id)
SELECT 'Members of ' || g.id, 'members of ' || g.id, p.id FROM pek.realm_group AS g, pek.policy AS p
 WHERE g.realm = current_setting('pek.realm') AND p.realm = g.realm AND p.name = 'GOD'
   AND (g.id = 'town@town' OR g.id IN (SELECT format('bench@g%s', n) FROM generate_series(1, 400) AS n));
INSERT INTO pek.group_policy (group_id, kind, policy_id)
SELECT g.id, 1, p.id FROM pek.policy AS p JOIN pek.realm_group AS g ON g.realm = p.realm AND p.name = 'Members of ' || g.id
 WHERE g.id = 'town@town' OR g.id LIKE 'bench@g%';
INSERT INTO pek.policy (name, unique_key, parent_id, made_by)
SELECT 'Crowd ' || n, 'crowd ' || n, p.id, 'town-1' FROM pek.policy AS p, generate_series(1, 3000) AS n
 WHERE p.realm = current_setting('pek.realm') AND p.name = 'GOD';
INSERT INTO pek.policy_statement (policy_id, group_id, resource, actions)
SELECT l.policy_id, l.group_id, 'GROUP', 5 FROM pek.group_policy AS l WHERE l.group_id = 'town@town' OR l.group_id LIKE 'bench@g%'
 UNION ALL
SELECT p.id, format('bench@g%s', n), 'GROUP', 5 FROM generate_series(1, 3000) AS n JOIN pek.policy AS p ON p.name = 'Crowd ' || n
 WHERE n <= 2000;
INSERT INTO pek.policy_assignment (policy_id, user_id, assigned_by)
SELECT l.policy_id, m.user_id, 'system' FROM pek.group_policy AS l
  JOIN pek.membership AS m ON m.realm = l.realm AND m.group_id = l.group_id WHERE l.kind = 1 AND m.user_id LIKE 'town-%'
 UNION ALL
SELECT p.id, format('town-%s', n), 'town-1' FROM generate_series(1, 3000) AS n JOIN pek.policy AS p ON p.name = 'Crowd ' || n;

INSERT INTO pek.audit_log (actor, action, target_kind, target_id, detail)
SELECT m.user_id, 'membership.apply', 'membership', m.group_id, jsonb_build_object('user_id', m.user_id)
  FROM pek.membership AS m WHERE m.user_id LIKE 'town-%';
INSERT INTO pek.idempotency (user_id, key, method, request_sha256, response)
SELECT format('town-%s', n), n::text, '/', sha256(''), '' FROM generate_series(1, 5000) AS n;

VACUUM ANALYZE;
