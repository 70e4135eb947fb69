-- Fills a realm with what years leave behind, so that a statement shows what it costs beside it: 8 000 people, one group with all of
-- them, 200 groups of 40 with an evaluation each, its points, entries, comments and messages. Run as a superuser with
-- pek.realm set, behind groups.sql with 200 groups or more. Keys are bytes of the names, which are ASCII: order is not what counts.
INSERT INTO pek.realm_group (id, name, unique_key, folded, sort_key, purpose)
VALUES ('town@town', 'Town', 'town', 'town', '\x01', 3);

INSERT INTO pek.person (id, display_name, folded, sort_key, version)
SELECT format('town-%s', n), name, lower(name), convert_to(lower(name), 'UTF8'), 1
  FROM generate_series(1, 8000) AS n, LATERAL (SELECT format('Member %s', hashint4(n)) AS name) AS named;

INSERT INTO pek.membership (group_id, user_id, sort_key)
SELECT 'town@town', p.id, '\x01'::bytea || p.sort_key FROM pek.person AS p WHERE p.id LIKE 'town-%'
 UNION ALL
SELECT format('bench@g%s', g), p.id, '\x01'::bytea || p.sort_key
  FROM generate_series(1, 200) AS g, generate_series(1, 40) AS n
  JOIN pek.person AS p ON true WHERE p.id = format('town-%s', (g * 97 + n * 13) % 8000 + 1);

INSERT INTO pek.membership_period (group_id, user_id, seq, status, begin_time, changed_by)
SELECT m.group_id, m.user_id, 1, 3, now(), 'system' FROM pek.membership AS m
 WHERE m.user_id LIKE 'town-%';

INSERT INTO pek.scoreboard (group_id, semester, created_by, work_max, responsibility_max, total_max, least)
SELECT g.id, r.semester, 'system', 30, 20, 50, 5 FROM pek.realm_state AS r, pek.realm_group AS g
 WHERE r.realm = current_setting('pek.realm') AND g.realm = r.realm
   AND (g.id = 'bench@bench' OR g.id IN (SELECT format('bench@g%s', n) FROM generate_series(1, 200) AS n));

INSERT INTO pek.guideline (scoreboard_id, position, name, description, category, max_per_member, max_per_guideline)
SELECT b.id, n, format('Guideline %s', n), '', 1 + n % 2, 20, 0
  FROM pek.scoreboard AS b, generate_series(1, 5) AS n WHERE b.group_id LIKE 'bench@%';

INSERT INTO pek.point (group_id, scoreboard_id, user_id, guideline_id, points)
SELECT m.group_id, u.scoreboard_id, m.user_id, u.id, abs(hashtext(m.user_id || u.id)) % 21
  FROM pek.membership AS m
  JOIN pek.scoreboard AS b ON b.realm = m.realm AND b.group_id = m.group_id
  JOIN pek.guideline AS u ON u.realm = b.realm AND u.scoreboard_id = b.id
 WHERE m.group_id LIKE 'bench@g%';

INSERT INTO pek.entry_request (group_id, scoreboard_id, user_id, type, justification)
SELECT m.group_id, b.id, m.user_id, 2 + b.id % 2, 'Worked.' FROM pek.membership AS m
  JOIN pek.scoreboard AS b ON b.realm = m.realm AND b.group_id = m.group_id
 WHERE m.group_id LIKE 'bench@g%';

INSERT INTO pek.point_comment (scoreboard_id, user_id, guideline_id, written_by, text, closes)
SELECT p.scoreboard_id, p.user_id, p.guideline_id, p.user_id, 'Why?', false FROM pek.point AS p
  JOIN pek.guideline AS u ON u.realm = p.realm AND u.id = p.guideline_id AND u.position = 1;

INSERT INTO pek.scoreboard_message (scoreboard_id, user_id, text)
SELECT b.id, 'town-1', 'Hello.' FROM pek.scoreboard AS b, generate_series(1, 40) WHERE b.group_id LIKE 'bench@g%';

VACUUM ANALYZE;
