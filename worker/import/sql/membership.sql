-- in_memberships becomes memberships with their periods. What a member is, follows from three days and two posts: 6 is of who
-- has applied, 104 of a newcomer.
CREATE TEMPORARY TABLE member_post ON COMMIT DROP AS
SELECT pg_temp.as_id(p.membership_id) AS id, bool_or(pg_temp.as_id(p.post_type_id) = 6) AS applied,
       bool_or(pg_temp.as_id(p.post_type_id) = 104) AS newcomer
  FROM in_posts AS p WHERE pg_temp.as_id(p.post_type_id) IN (6, 104) GROUP BY 1;

CREATE TEMPORARY TABLE member_in ON COMMIT DROP AS
SELECT m.line_no, m.id AS said, pg_temp.as_id(m.id) AS id, k.source_id IS NOT NULL AS known, g.target AS group_id, u.user_id,
       pg_temp.as_day(m.start_date) AS begin_day, pg_temp.as_day(m.end_date) AS end_day, pg_temp.as_day(m.archived) AS archive_day,
       coalesce(p.applied, false) AS applied, coalesce(p.newcomer, false) AS newcomer, n.id IS NOT NULL AS has_person,
       EXISTS (SELECT FROM pek.membership AS t WHERE t.group_id = g.target AND t.user_id = u.user_id) AS is_here,
       (coalesce(m.start_date, '') <> '' AND pg_temp.as_day(m.start_date) IS NULL)
         OR (coalesce(m.end_date, '') <> '' AND pg_temp.as_day(m.end_date) IS NULL)
         OR (coalesce(m.archived, '') <> '' AND pg_temp.as_day(m.archived) IS NULL) AS bad_day,
       (now() AT TIME ZONE 'Europe/Budapest')::date AS today, false AS made, NULL::text AS reason
  FROM in_memberships AS m
  LEFT JOIN group_of AS g ON g.id = pg_temp.as_id(m.group_id)
  LEFT JOIN user_of AS u ON u.id = pg_temp.as_id(m.user_id)
  LEFT JOIN pek.import_key AS k ON k.kind = 'memberships' AND k.source_id = pg_temp.as_id(m.id)
  LEFT JOIN member_post AS p ON p.id = pg_temp.as_id(m.id)
  LEFT JOIN person_known AS n ON n.id = u.user_id;
ANALYZE member_in;

UPDATE member_in AS m SET reason = w.reason
  FROM (SELECT i.line_no, CASE
          WHEN i.id IS NULL THEN 'its id is no number'
          WHEN row_number() OVER (PARTITION BY i.id ORDER BY i.line_no) > 1 THEN 'another row has its id'
          WHEN i.known THEN NULL
          WHEN i.group_id IS NULL THEN 'its group was not taken'
          WHEN i.user_id IS NULL THEN 'its user was not taken'
          WHEN i.is_here THEN NULL
          WHEN NOT i.has_person THEN 'the name of its user cannot be stored'
          WHEN i.bad_day THEN 'one of its days is none of the years 1900 to 2199'
          WHEN greatest(i.begin_day, i.end_day, i.archive_day) > i.today THEN 'one of its days is to come'
          WHEN i.end_day < i.begin_day OR i.archive_day < i.begin_day THEN 'it ends before it begins'
          WHEN i.archive_day < i.end_day THEN 'it is archived before it ends' END AS reason
          FROM member_in AS i) AS w
 WHERE w.line_no = m.line_no AND w.reason IS NOT NULL;
-- Of those that could be taken: what is wrong with one row takes nothing from another.
UPDATE member_in AS m SET reason = 'another row has its group and user'
  FROM (SELECT i.line_no, row_number() OVER (PARTITION BY i.group_id, i.user_id ORDER BY i.known DESC, i.line_no) AS place
          FROM member_in AS i WHERE i.reason IS NULL) AS w
 WHERE w.line_no = m.line_no AND w.place > 1 AND NOT m.known;
UPDATE member_in AS m SET reason = 'its group is full'
  FROM (SELECT i.line_no, row_number() OVER (PARTITION BY i.group_id ORDER BY i.line_no) + coalesce(h.members, 0) AS place
          FROM member_in AS i
          LEFT JOIN (SELECT t.group_id, count(*) AS members FROM pek.membership AS t GROUP BY t.group_id) AS h USING (group_id)
         WHERE i.reason IS NULL AND NOT i.known AND NOT i.is_here) AS w
 WHERE w.line_no = m.line_no AND w.place > 20000;
UPDATE member_in SET made = true WHERE reason IS NULL AND NOT known AND NOT is_here;

INSERT INTO pek.person (id, display_name, folded, sort_key)
SELECT p.id, p.display_name, p.folded, p.sort_key FROM person_known AS p
 WHERE p.is_new AND EXISTS (SELECT FROM member_in AS m WHERE m.made AND m.user_id = p.id) ORDER BY p.id
    ON CONFLICT DO NOTHING;

-- ---- periods ----

-- APPLIED 1, NEWBIE 2, ACTIVE 3, FORMER 4, ARCHIVED 5. Who has applied and is archived was never accepted.
CREATE TEMPORARY TABLE period_new ON COMMIT DROP AS
SELECT m.line_no, m.group_id, m.user_id, row_number() OVER (PARTITION BY m.line_no ORDER BY p.place)::integer AS seq, p.status,
       p.day::timestamp AT TIME ZONE 'Europe/Budapest' AS begin_time,
       lead(p.day) OVER (PARTITION BY m.line_no ORDER BY p.place)::timestamp AT TIME ZONE 'Europe/Budapest' AS end_time
  FROM member_in AS m CROSS JOIN LATERAL (VALUES
       (1, CASE WHEN m.end_day IS NOT NULL THEN 3 WHEN m.applied THEN 1 WHEN m.newcomer THEN 2 ELSE 3 END::smallint,
        coalesce(m.begin_day, m.end_day, m.archive_day, m.today)),
       (2, 4::smallint, m.end_day), (3, 5::smallint, m.archive_day)) AS p (place, status, day)
 WHERE m.made AND p.day IS NOT NULL;
ANALYZE period_new;

INSERT INTO pek.membership (group_id, user_id, sort_key)
SELECT p.group_id, p.user_id, CASE p.status WHEN 1 THEN '\x00'::bytea ELSE '\x01'::bytea END || n.sort_key
  FROM period_new AS p JOIN pek.person AS n ON n.id = p.user_id WHERE p.end_time IS NULL ORDER BY p.user_id, p.group_id;
-- What the triggers of periods and posts look up is new: the planner takes it for empty otherwise.
ANALYZE pek.person, pek.membership;
-- The first ones by themselves, so that the trigger is planned by what the table is like, and not for an empty one.
INSERT INTO pek.membership_period (group_id, user_id, seq, status, begin_time, end_time, changed_by)
SELECT p.group_id, p.user_id, p.seq, p.status, p.begin_time, p.end_time, 'operator' FROM period_new AS p WHERE p.line_no <= 500;
ANALYZE pek.membership_period;
INSERT INTO pek.membership_period (group_id, user_id, seq, status, begin_time, end_time, changed_by)
SELECT p.group_id, p.user_id, p.seq, p.status, p.begin_time, p.end_time, 'operator' FROM period_new AS p WHERE p.line_no > 500;
ANALYZE pek.membership_period;

INSERT INTO pek.import_key (kind, source_id)
SELECT 'memberships', m.id FROM member_in AS m WHERE m.reason IS NULL AND NOT m.known;

-- Of the rows of the file that are here: what each member is now.
CREATE TEMPORARY TABLE member_of ON COMMIT DROP AS
SELECT m.id, m.group_id, m.user_id, m.made, n.status
  FROM member_in AS m JOIN pek.membership_now AS n ON n.group_id = m.group_id AND n.user_id = m.user_id WHERE m.reason IS NULL;
ALTER TABLE member_of ADD PRIMARY KEY (id);
ANALYZE member_of;

-- ---- the account of it ----

INSERT INTO outcome (file, line_no, id, what, reason)
SELECT 'memberships', m.line_no, m.said, CASE WHEN m.reason IS NOT NULL THEN 3 WHEN m.made THEN 1 ELSE 2 END, m.reason
  FROM member_in AS m;
INSERT INTO remark (file, line_no, id, reason)
SELECT 'memberships', m.line_no, m.said, 'start_date is empty: it begins with its next day, or today'
  FROM member_in AS m WHERE m.made AND m.begin_day IS NULL;
