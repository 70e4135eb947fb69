-- Fills a realm with one group of 60 members whose evaluation has 12 guidelines and all its cells, for measuring; run as a
-- superuser with pek.realm set. Keys are bytes of the names, which are ASCII: order is not what is measured. Names have a version,
-- so that the hub tells none.
INSERT INTO pek.realm_group (id, name, unique_key, folded, sort_key, purpose)
VALUES ('table@table', 'Table', 'table', 'table', '\x02', 3);

INSERT INTO pek.person (id, display_name, folded, sort_key, version)
SELECT format('table-%s', n), name, lower(name), convert_to(lower(name), 'UTF8'), 1
  FROM generate_series(1, 60) AS n, LATERAL (SELECT format('Evaluated %s', hashint4(n)) AS name) AS named;

INSERT INTO pek.membership (group_id, user_id, sort_key)
SELECT 'table@table', p.id, '\x01'::bytea || p.sort_key FROM pek.person AS p WHERE p.id LIKE 'table-%';

INSERT INTO pek.membership_period (group_id, user_id, seq, status, begin_time, changed_by)
SELECT m.group_id, m.user_id, 1, 3, now(), 'system' FROM pek.membership AS m WHERE m.group_id = 'table@table';

INSERT INTO pek.scoreboard (group_id, semester, created_by, work_max, responsibility_max, total_max, least)
SELECT 'table@table', r.semester, 'system', 30, 20, 50, 5 FROM pek.realm_state AS r
 WHERE r.realm = current_setting('pek.realm');

INSERT INTO pek.guideline (scoreboard_id, position, name, description, category, max_per_member, max_per_guideline)
SELECT b.id, n, format('Guideline %s', n), '', 1 + n % 2, 20, 0
  FROM pek.scoreboard AS b, generate_series(1, 12) AS n WHERE b.group_id = 'table@table';

INSERT INTO pek.point (group_id, scoreboard_id, user_id, guideline_id, points)
SELECT m.group_id, u.scoreboard_id, m.user_id, u.id, abs(hashtext(m.user_id || u.id)) % 21
  FROM pek.membership AS m, pek.guideline AS u
  JOIN pek.scoreboard AS b ON b.realm = u.realm AND b.id = u.scoreboard_id AND b.group_id = 'table@table'
 WHERE m.group_id = 'table@table';

VACUUM ANALYZE pek.membership, pek.membership_period, pek.person, pek.scoreboard, pek.guideline, pek.point;
