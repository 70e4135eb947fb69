-- in_evaluations, in_principles, in_point_requests, in_point_details, in_point_detail_comments, in_entry_requests and
-- in_evaluation_messages become scoreboards. A scoreboard comes as a whole, with all that the same files have of it: one that came before is its group's by now.

CREATE TEMPORARY TABLE eval_status ON COMMIT DROP AS
SELECT w.said, w.status::smallint AS status
  FROM (VALUES ('NINCS', 1), ('ELBIRALATLAN', 2), ('ELFOGADVA', 3), ('ELUTASITVA', 4), ('', 1)) AS w (said, status);

-- ---- scoreboards ----

CREATE TEMPORARY TABLE eval_in ON COMMIT DROP AS
SELECT e.line_no, e.id AS said, pg_temp.as_id(e.id) AS id, k.source_id IS NOT NULL AS known, g.target AS group_id,
       CASE WHEN e.semester ~ '^20[0-9]{2}20[0-9]{2}[12]$' AND substr(e.semester, 5, 4)::integer = substr(e.semester, 1, 4)::integer + 1
            THEN substr(e.semester, 1, 4) || '-' || substr(e.semester, 5, 4) || '/' || substr(e.semester, 9, 1) END AS semester,
       p.status AS point_status, q.status AS entry_status, coalesce(e.next_version, '') <> '' AS is_former,
       pg_temp.as_time(e."timestamp") AS create_time,
       least(coalesce(pg_temp.as_time(e.last_modification), pg_temp.as_time(e."timestamp")), now()) AS submit_time,
       coalesce(u.user_id, 'operator') AS created_by, left(r.text, 10000) AS report, NULL::integer AS version, NULL::text AS reason
  FROM in_evaluations AS e
  LEFT JOIN group_of AS g ON g.id = pg_temp.as_id(e.group_id)
  LEFT JOIN user_of AS u ON u.id = pg_temp.as_id(e.creator_user_id)
  LEFT JOIN eval_status AS p ON p.said = coalesce(e.point_request_status, '')
  LEFT JOIN eval_status AS q ON q.said = coalesce(e.entry_request_status, '')
  LEFT JOIN clean_report AS r USING (line_no)
  LEFT JOIN pek.import_key AS k ON k.kind = 'evaluations' AND k.source_id = pg_temp.as_id(e.id);
UPDATE eval_in AS e SET reason = w.reason
  FROM (SELECT i.line_no, CASE
          WHEN i.id IS NULL THEN 'its id is no number'
          WHEN row_number() OVER (PARTITION BY i.id ORDER BY i.line_no) > 1 THEN 'another row has its id'
          WHEN i.known THEN NULL
          WHEN i.group_id IS NULL THEN 'its group was not taken'
          WHEN i.semester IS NULL THEN 'its semester is none, as 201620171'
          WHEN i.point_status IS NULL OR i.entry_status IS NULL THEN 'one of its statuses is unknown'
          WHEN EXISTS (SELECT FROM pek.scoreboard AS b WHERE b.group_id = i.group_id AND b.semester = i.semester
                          AND (NOT EXISTS (SELECT FROM pek.import_key AS k WHERE k.kind = 'evaluations' AND k.target = b.id::text)
                               OR 3 NOT IN (b.point_status, b.entry_status)))
               THEN 'its group has an evaluation of that semester here' END AS reason
          FROM eval_in AS i) AS w
 WHERE w.line_no = e.line_no AND w.reason IS NOT NULL;
-- What was accepted is followed by another version, and nothing else.
UPDATE eval_in AS e SET reason = 'another version replaced it, and it was not accepted'
  FROM (SELECT i.line_no, row_number() OVER (PARTITION BY i.group_id, i.semester ORDER BY i.is_former, i.id DESC) AS place
          FROM eval_in AS i WHERE i.reason IS NULL AND NOT i.known) AS w
 WHERE w.line_no = e.line_no AND w.place > 1 AND 3 NOT IN (e.point_status, e.entry_status);
-- Versions in the order in which they were made; the one that no other replaced is the last.
UPDATE eval_in AS e SET version = w.version
  FROM (SELECT i.line_no, row_number() OVER (PARTITION BY i.group_id, i.semester ORDER BY NOT i.is_former, i.id)
               + coalesce((SELECT max(b.version) FROM pek.scoreboard AS b
                            WHERE b.group_id = i.group_id AND b.semester = i.semester), 0) AS version
          FROM eval_in AS i WHERE i.reason IS NULL AND NOT i.known) AS w
 WHERE w.line_no = e.line_no;
UPDATE eval_in SET reason = 'it is the 101st version of its semester, or later' WHERE version > 100;

CREATE TEMPORARY TABLE eval_new ON COMMIT DROP AS
WITH made AS (
    INSERT INTO pek.scoreboard (group_id, semester, version, point_status, entry_status, report, submit_time, create_time, update_time,
                                created_by, work_max, responsibility_max, total_max, least)
    SELECT e.group_id, e.semester, e.version, e.point_status, e.entry_status, coalesce(e.report, ''),
           CASE WHEN greatest(e.point_status, e.entry_status) > 1 THEN e.submit_time END, coalesce(e.create_time, now()), now(),
           e.created_by, r.points_work_max, r.points_responsibility_max, r.points_max, r.points_least
      FROM eval_in AS e, pek.realm_state AS r WHERE e.version IS NOT NULL AND e.reason IS NULL
    RETURNING id, group_id, semester, version, work_max, responsibility_max, total_max, least)
SELECT e.id, made.id AS scoreboard_id, made.group_id, made.work_max, made.responsibility_max, made.total_max, made.least,
       e.id NOT IN (SELECT coalesce(pg_temp.as_id(p.evaluation_id), -1) FROM in_principles AS p) AS has_totals_only
  FROM made JOIN eval_in AS e ON e.reason IS NULL AND e.group_id = made.group_id AND e.semester = made.semester AND e.version = made.version;
ALTER TABLE eval_new ADD PRIMARY KEY (id);
ANALYZE eval_new;
INSERT INTO pek.import_key (kind, source_id, target) SELECT 'evaluations', e.id, e.scoreboard_id::text FROM eval_new AS e;
INSERT INTO pek.audit_log (actor, action, target_kind, target_id, detail)
SELECT 'operator', 'scoreboard.import', 'scoreboard', b.id::text,
       to_jsonb(b) - ARRAY['realm', 'id', 'sort_key', 'report'] || jsonb_build_object('source_id', e.id)
  FROM eval_new AS e JOIN pek.scoreboard AS b ON b.id = e.scoreboard_id;
INSERT INTO outcome (file, line_no, id, what, reason)
SELECT 'evaluations', e.line_no, e.said, CASE WHEN e.reason IS NOT NULL THEN 3 WHEN e.known THEN 2 ELSE 1 END, e.reason FROM eval_in AS e;
INSERT INTO remark (file, line_no, id, reason)
SELECT 'evaluations', e.line_no, e.said, w.reason
  FROM eval_in AS e JOIN in_evaluations AS r USING (line_no) LEFT JOIN clean_report AS c USING (line_no)
 CROSS JOIN LATERAL (VALUES
       (r.justification <> '' AND c.text IS NULL, 'its report cannot be stored: left out'),
       (char_length(c.text) > 10000, 'its report is cut to 10000 characters'),
       (e.create_time IS NULL, 'it has no time at which it was made: it is of today')) AS w (applies, reason)
 WHERE e.reason IS NULL AND NOT e.known AND w.applies;

-- Each step looks up what the one before it has written: the planner takes it for empty otherwise.
ANALYZE pek.scoreboard;

-- ---- guidelines ----

CREATE TEMPORARY TABLE line_in ON COMMIT DROP AS
SELECT p.line_no, p.id AS said, pg_temp.as_id(p.id) AS id, k.source_id IS NOT NULL AS known, e.scoreboard_id, left(n.text, 100) AS name,
       left(d.text, 2000) AS description, array_position(ARRAY['WORK', 'RESPONSIBILITY'], p.type)::smallint AS category,
       pg_temp.as_number(p.max_per_member) AS said_max, NULL::integer AS place, NULL::text AS reason
  FROM in_principles AS p
  LEFT JOIN eval_new AS e ON e.id = pg_temp.as_id(p.evaluation_id)
  LEFT JOIN clean_line_name AS n USING (line_no)
  LEFT JOIN clean_line_description AS d USING (line_no)
  LEFT JOIN pek.import_key AS k ON k.kind = 'principles' AND k.source_id = pg_temp.as_id(p.id);
UPDATE line_in AS p SET reason = w.reason
  FROM (SELECT i.line_no, CASE
          WHEN i.id IS NULL THEN 'its id is no number'
          WHEN row_number() OVER (PARTITION BY i.id ORDER BY i.line_no) > 1 THEN 'another row has its id'
          WHEN i.known THEN NULL
          WHEN i.scoreboard_id IS NULL THEN 'its evaluation was not made now'
          WHEN i.name IS NULL THEN 'its name cannot be stored'
          WHEN i.category IS NULL THEN 'its type is neither WORK nor RESPONSIBILITY'
          WHEN i.said_max IS NULL OR i.said_max < 1 THEN 'its maximum is no number from 1' END AS reason
          FROM line_in AS i) AS w
 WHERE w.line_no = p.line_no AND w.reason IS NOT NULL;
UPDATE line_in AS p SET place = w.place, reason = CASE WHEN w.place > 50 THEN 'its evaluation has 50 others' END
  FROM (SELECT i.line_no, row_number() OVER (PARTITION BY i.scoreboard_id ORDER BY i.id) AS place
          FROM line_in AS i WHERE i.reason IS NULL AND NOT i.known) AS w
 WHERE w.line_no = p.line_no;

CREATE TEMPORARY TABLE line_new ON COMMIT DROP AS
WITH made AS (
    INSERT INTO pek.guideline (scoreboard_id, position, name, description, category, max_per_member, max_per_guideline)
    SELECT p.scoreboard_id, p.place, p.name, coalesce(p.description, ''), p.category, least(p.said_max, 100), 0
      FROM line_in AS p WHERE p.reason IS NULL AND p.place IS NOT NULL
    RETURNING id, scoreboard_id, position, max_per_member)
SELECT p.id, made.id AS guideline_id, made.scoreboard_id, made.max_per_member
  FROM made JOIN line_in AS p ON p.reason IS NULL AND p.scoreboard_id = made.scoreboard_id AND p.place = made.position;
ALTER TABLE line_new ADD PRIMARY KEY (id);
ANALYZE line_new;
INSERT INTO pek.import_key (kind, source_id, target) SELECT 'principles', p.id, p.guideline_id::text FROM line_new AS p;
INSERT INTO outcome (file, line_no, id, what, reason)
SELECT 'principles', p.line_no, p.said, CASE WHEN p.reason IS NOT NULL THEN 3 WHEN p.known THEN 2 ELSE 1 END, p.reason FROM line_in AS p;
INSERT INTO remark (file, line_no, id, reason)
SELECT 'principles', p.line_no, p.said, w.reason
  FROM line_in AS p JOIN in_principles AS r USING (line_no)
  LEFT JOIN clean_line_name AS n USING (line_no) LEFT JOIN clean_line_description AS d USING (line_no)
 CROSS JOIN LATERAL (VALUES
       (char_length(n.text) > 100, 'its name is cut to 100 characters'),
       (r.description <> '' AND d.text IS NULL, 'its description cannot be stored: left out'),
       (char_length(d.text) > 2000, 'its description is cut to 2000 characters'),
       (p.said_max > 100, 'its maximum is 100, which is the most')) AS w (applies, reason)
 WHERE p.reason IS NULL AND p.place IS NOT NULL AND w.applies;

-- Before there were principles an evaluation had a total for each member. It is kept as points of two guidelines, which add up to it.
CREATE TEMPORARY TABLE total_line ON COMMIT DROP AS
WITH made AS (
    INSERT INTO pek.guideline (scoreboard_id, position, name, description, category, max_per_member, max_per_guideline)
    SELECT e.scoreboard_id, c.category, c.name, 'A korábbi rendszer csak az összes pontot őrizte meg.', c.category, 100, 0
      FROM eval_new AS e CROSS JOIN (VALUES (1::smallint, 'Munka'), (2::smallint, 'Felelősség')) AS c (category, name)
     WHERE e.has_totals_only AND e.id IN (
           SELECT pg_temp.as_id(r.evaluation_id) FROM in_point_requests AS r WHERE pg_temp.as_number(r.point) > 0)
    RETURNING id, scoreboard_id, category)
SELECT made.* FROM made;

ANALYZE pek.guideline;

-- ---- who has points ----

CREATE TEMPORARY TABLE request_in ON COMMIT DROP AS
SELECT r.line_no, r.id AS said, pg_temp.as_id(r.id) AS id, k.source_id IS NOT NULL AS known, e.scoreboard_id, e.group_id, u.user_id,
       e.has_totals_only, e.work_max, e.responsibility_max, e.total_max, e.least,
       CASE WHEN coalesce(r.point, '') = '' THEN 0 ELSE pg_temp.as_number(r.point) END AS total,
       EXISTS (SELECT FROM pek.membership AS m WHERE m.group_id = e.group_id AND m.user_id = u.user_id) AS is_member,
       NULL::text AS reason
  FROM in_point_requests AS r
  LEFT JOIN eval_new AS e ON e.id = pg_temp.as_id(r.evaluation_id)
  LEFT JOIN user_of AS u ON u.id = pg_temp.as_id(r.user_id)
  LEFT JOIN pek.import_key AS k ON k.kind = 'point_requests' AND k.source_id = pg_temp.as_id(r.id);
UPDATE request_in AS r SET reason = w.reason
  FROM (SELECT i.line_no, CASE
          WHEN i.id IS NULL THEN 'its id is no number'
          WHEN row_number() OVER (PARTITION BY i.id ORDER BY i.line_no) > 1 THEN 'another row has its id'
          WHEN i.known THEN NULL
          WHEN i.scoreboard_id IS NULL THEN 'its evaluation was not made now'
          WHEN i.user_id IS NULL THEN 'its user was not taken'
          WHEN NOT i.is_member THEN 'its user has no membership in the group'
          WHEN i.has_totals_only AND (i.total IS NULL OR i.total < 0 OR i.total > least(i.total_max, i.work_max + i.responsibility_max))
               THEN 'its points are none that a member can have' END AS reason
          FROM request_in AS i) AS w
 WHERE w.line_no = r.line_no AND w.reason IS NOT NULL;
-- Of those that could be taken: what is wrong with one row takes nothing from another.
UPDATE request_in AS r SET reason = 'another row has its evaluation and user'
  FROM (SELECT i.line_no, row_number() OVER (PARTITION BY i.scoreboard_id, i.user_id ORDER BY i.line_no) AS place
          FROM request_in AS i WHERE i.reason IS NULL AND NOT i.known) AS w
 WHERE w.line_no = r.line_no AND w.place > 1;
CREATE TEMPORARY TABLE request_new ON COMMIT DROP AS
SELECT r.id, r.scoreboard_id, r.group_id, r.user_id FROM request_in AS r WHERE r.reason IS NULL AND NOT r.known;
ALTER TABLE request_new ADD PRIMARY KEY (id);
ANALYZE request_new;
INSERT INTO pek.import_key (kind, source_id) SELECT 'point_requests', r.id FROM request_new AS r;
INSERT INTO pek.point (group_id, scoreboard_id, user_id, guideline_id, points)
SELECT r.group_id, r.scoreboard_id, r.user_id, l.id,
       CASE l.category WHEN 1 THEN least(r.total, r.work_max) ELSE greatest(r.total - r.work_max, 0) END
  FROM request_in AS r JOIN total_line AS l ON l.scoreboard_id = r.scoreboard_id WHERE r.reason IS NULL AND NOT r.known;
INSERT INTO outcome (file, line_no, id, what, reason)
SELECT 'point_requests', r.line_no, r.said, CASE WHEN r.reason IS NOT NULL THEN 3 WHEN r.known THEN 2 ELSE 1 END, r.reason
  FROM request_in AS r;

-- ---- points ----

CREATE TEMPORARY TABLE point_in ON COMMIT DROP AS
SELECT p.line_no, p.id AS said, pg_temp.as_id(p.id) AS id, k.source_id IS NOT NULL AS known, l.guideline_id, l.max_per_member,
       r.scoreboard_id, l.scoreboard_id AS line_scoreboard_id, r.group_id, r.user_id,
       CASE WHEN coalesce(p.point, '') = '' THEN 0 ELSE pg_temp.as_number(p.point) END AS points, NULL::text AS reason
  FROM in_point_details AS p
  LEFT JOIN line_new AS l ON l.id = pg_temp.as_id(p.principle_id)
  LEFT JOIN request_new AS r ON r.id = pg_temp.as_id(p.point_request_id)
  LEFT JOIN pek.import_key AS k ON k.kind = 'point_details' AND k.source_id = pg_temp.as_id(p.id);
ANALYZE point_in;
UPDATE point_in AS p SET reason = w.reason
  FROM (SELECT i.line_no, CASE
          WHEN i.id IS NULL THEN 'its id is no number'
          WHEN row_number() OVER (PARTITION BY i.id ORDER BY i.line_no) > 1 THEN 'another row has its id'
          WHEN i.known THEN NULL
          WHEN i.guideline_id IS NULL THEN 'its principle was not made now'
          WHEN i.user_id IS NULL THEN 'its point_request was not made now'
          WHEN i.scoreboard_id <> i.line_scoreboard_id THEN 'its principle is another evaluation''s'
          WHEN i.points IS NULL OR i.points < 0 THEN 'its points are no number from 0'
          WHEN i.points > i.max_per_member THEN 'its points are more than its principle gives' END AS reason
          FROM point_in AS i) AS w
 WHERE w.line_no = p.line_no AND w.reason IS NOT NULL;
-- Of those that could be taken: what is wrong with one row takes nothing from another.
UPDATE point_in AS p SET reason = 'another row has its principle and user'
  FROM (SELECT i.line_no, row_number() OVER (PARTITION BY i.guideline_id, i.user_id ORDER BY i.line_no) AS place
          FROM point_in AS i WHERE i.reason IS NULL AND NOT i.known) AS w
 WHERE w.line_no = p.line_no AND w.place > 1;
INSERT INTO pek.point (group_id, scoreboard_id, user_id, guideline_id, points)
SELECT p.group_id, p.scoreboard_id, p.user_id, p.guideline_id, p.points FROM point_in AS p WHERE p.reason IS NULL AND NOT p.known;
INSERT INTO pek.import_key (kind, source_id) SELECT 'point_details', p.id FROM point_in AS p WHERE p.reason IS NULL AND NOT p.known;
INSERT INTO outcome (file, line_no, id, what, reason)
SELECT 'point_details', p.line_no, p.said, CASE WHEN p.reason IS NOT NULL THEN 3 WHEN p.known THEN 2 ELSE 1 END, p.reason
  FROM point_in AS p;
ANALYZE pek.point;
-- As scoreboard_total counts (worker/evaluation/scoreboard.c).
INSERT INTO remark (file, line_no, id, reason)
SELECT 'point_requests', r.line_no, r.said, 'its points are not what its principles add up to, which counts here'
  FROM request_in AS r CROSS JOIN LATERAL (
        SELECT least(coalesce(sum(c.points) FILTER (WHERE g.category = 1), 0), r.work_max)
               + least(coalesce(sum(c.points) FILTER (WHERE g.category = 2), 0), r.responsibility_max) AS points
          FROM pek.point AS c JOIN pek.guideline AS g ON g.scoreboard_id = c.scoreboard_id AND g.id = c.guideline_id
         WHERE c.scoreboard_id = r.scoreboard_id AND c.user_id = r.user_id) AS s
 WHERE r.reason IS NULL AND NOT r.known
   AND r.total IS DISTINCT FROM least(CASE WHEN s.points >= r.least THEN s.points WHEN 2 * s.points > r.least THEN r.least ELSE 0 END,
                                      r.total_max);

-- ---- comments ----

CREATE TEMPORARY TABLE comment_in ON COMMIT DROP AS
SELECT c.line_no, c.id AS said, pg_temp.as_id(c.id) AS id, k.source_id IS NOT NULL AS known, p.scoreboard_id, p.user_id, p.guideline_id,
       u.user_id AS written_by, t.text, coalesce(pg_temp.as_flag(c.closing), false) AS closes,
       least(pg_temp.as_time(c.created_at), now()) AS create_time, NULL::text AS reason
  FROM in_point_detail_comments AS c
  LEFT JOIN point_in AS p ON p.id = pg_temp.as_id(c.point_detail_id) AND p.reason IS NULL AND NOT p.known
  LEFT JOIN user_of AS u ON u.id = pg_temp.as_id(c.user_id)
  LEFT JOIN clean_comment AS t ON t.line_no = c.line_no
  LEFT JOIN pek.import_key AS k ON k.kind = 'point_detail_comments' AND k.source_id = pg_temp.as_id(c.id);
UPDATE comment_in AS c SET reason = w.reason
  FROM (SELECT i.line_no, CASE
          WHEN i.id IS NULL THEN 'its id is no number'
          WHEN row_number() OVER (PARTITION BY i.id ORDER BY i.line_no) > 1 THEN 'another row has its id'
          WHEN i.known THEN NULL
          WHEN i.guideline_id IS NULL THEN 'its point_detail was not made now'
          WHEN i.written_by IS NULL THEN 'its user was not taken'
          WHEN i.text IS NULL OR i.text = '' OR char_length(i.text) > 2000 THEN 'it is not 1 to 2000 characters that can be stored' END
               AS reason
          FROM comment_in AS i) AS w
 WHERE w.line_no = c.line_no AND w.reason IS NOT NULL;
UPDATE comment_in AS c SET reason = 'its cell has 200 others'
  FROM (SELECT i.line_no, row_number() OVER (PARTITION BY i.guideline_id, i.user_id ORDER BY i.id) AS place
          FROM comment_in AS i WHERE i.reason IS NULL AND NOT i.known) AS w
 WHERE w.line_no = c.line_no AND w.place > 200;
INSERT INTO pek.point_comment (scoreboard_id, user_id, guideline_id, written_by, text, closes, create_time, update_time)
SELECT c.scoreboard_id, c.user_id, c.guideline_id, c.written_by, c.text, c.closes, coalesce(c.create_time, now()), coalesce(c.create_time, now())
  FROM comment_in AS c WHERE c.reason IS NULL AND NOT c.known ORDER BY c.id;
INSERT INTO pek.import_key (kind, source_id)
SELECT 'point_detail_comments', c.id FROM comment_in AS c WHERE c.reason IS NULL AND NOT c.known;
INSERT INTO outcome (file, line_no, id, what, reason)
SELECT 'point_detail_comments', c.line_no, c.said, CASE WHEN c.reason IS NOT NULL THEN 3 WHEN c.known THEN 2 ELSE 1 END, c.reason
  FROM comment_in AS c;

-- ---- entries ----

-- Of the recommendations, which are by the number of the resort that gave them, that of the group above.
CREATE TEMPORARY TABLE entry_in ON COMMIT DROP AS
SELECT r.line_no, r.id AS said, pg_temp.as_id(r.id) AS id, k.source_id IS NOT NULL AS known, e.scoreboard_id, e.group_id, u.user_id,
       array_position(ARRAY['KDO', 'KB', 'AB'], r.entry_type)::smallint AS type, t.text AS justification,
       coalesce(pg_temp.as_flag(r.finalized), false) AS finalized,
       coalesce(array_position(ARRAY['KDO', 'KB', 'AB'],
                substring(r.recommendations FROM '"' || a.id || '" *: *"(KDO|KB|AB)"')), 0)::smallint AS recommendation,
       EXISTS (SELECT FROM pek.membership AS m WHERE m.group_id = e.group_id AND m.user_id = u.user_id) AS is_member, NULL::text AS reason
  FROM in_entry_requests AS r
  LEFT JOIN eval_new AS e ON e.id = pg_temp.as_id(r.evaluation_id)
  LEFT JOIN user_of AS u ON u.id = pg_temp.as_id(r.user_id)
  LEFT JOIN clean_justification AS t USING (line_no)
  LEFT JOIN pek.realm_group AS g ON g.id = e.group_id
  LEFT JOIN LATERAL (SELECT o.id FROM group_of AS o WHERE o.target = g.parent_id LIMIT 1) AS a ON true
  LEFT JOIN pek.import_key AS k ON k.kind = 'entry_requests' AND k.source_id = pg_temp.as_id(r.id);
UPDATE entry_in AS r SET reason = w.reason
  FROM (SELECT i.line_no, CASE
          WHEN i.id IS NULL THEN 'its id is no number'
          WHEN row_number() OVER (PARTITION BY i.id ORDER BY i.line_no) > 1 THEN 'another row has its id'
          WHEN i.known THEN NULL
          WHEN i.scoreboard_id IS NULL THEN 'its evaluation was not made now'
          WHEN i.user_id IS NULL THEN 'its user was not taken'
          WHEN NOT i.is_member THEN 'its user has no membership in the group'
          WHEN i.type IS NULL THEN 'its entry_type is none of KDO, KB and AB' END AS reason
          FROM entry_in AS i) AS w
 WHERE w.line_no = r.line_no AND w.reason IS NOT NULL;
-- Of those that could be taken: what is wrong with one row takes nothing from another.
UPDATE entry_in AS r SET reason = 'another row has its evaluation and user'
  FROM (SELECT i.line_no, row_number() OVER (PARTITION BY i.scoreboard_id, i.user_id ORDER BY i.line_no) AS place
          FROM entry_in AS i WHERE i.reason IS NULL AND NOT i.known) AS w
 WHERE w.line_no = r.line_no AND w.place > 1;
-- Nobody says why for a KDO, unless groups are writing (worker/semester: APPLICATION is 2).
INSERT INTO pek.entry_request (group_id, scoreboard_id, user_id, type, justification, recommendation, recommended_by, finalized)
SELECT r.group_id, r.scoreboard_id, r.user_id, r.type,
       CASE WHEN r.type = 1 AND s.season <> 2 THEN '' ELSE coalesce(left(r.justification, 5000), '') END, r.recommendation,
       CASE WHEN r.recommendation > 0 THEN 'operator' ELSE '' END, r.finalized
  FROM entry_in AS r, pek.realm_state AS s WHERE r.reason IS NULL AND NOT r.known;
INSERT INTO pek.import_key (kind, source_id) SELECT 'entry_requests', r.id FROM entry_in AS r WHERE r.reason IS NULL AND NOT r.known;
INSERT INTO outcome (file, line_no, id, what, reason)
SELECT 'entry_requests', r.line_no, r.said, CASE WHEN r.reason IS NOT NULL THEN 3 WHEN r.known THEN 2 ELSE 1 END, r.reason
  FROM entry_in AS r;
INSERT INTO remark (file, line_no, id, reason)
SELECT 'entry_requests', r.line_no, r.said, w.reason
  FROM entry_in AS r JOIN in_entry_requests AS i USING (line_no) CROSS JOIN LATERAL (VALUES
       (i.justification <> '' AND r.justification IS NULL, 'its justification cannot be stored: left out'),
       (char_length(r.justification) > 5000, 'its justification is cut to 5000 characters')) AS w (applies, reason)
 WHERE r.reason IS NULL AND NOT r.known AND w.applies;

-- ---- messages ----

-- They are of a group and a semester there: here of its last version. What the system said has no user.
CREATE TEMPORARY TABLE message_in ON COMMIT DROP AS
SELECT m.line_no, m.id AS said, pg_temp.as_id(m.id) AS id, k.source_id IS NOT NULL AS known, b.scoreboard_id,
       CASE WHEN coalesce(pg_temp.as_flag(m.from_system), false) THEN '' ELSE u.user_id END AS user_id, t.text,
       least(pg_temp.as_time(m.sent_at), now()) AS create_time, NULL::text AS reason
  FROM in_evaluation_messages AS m
  LEFT JOIN (SELECT DISTINCT ON (e.group_id, e.semester) pg_temp.as_id(r.group_id) AS group_id, r.semester, n.scoreboard_id
               FROM eval_new AS n
               JOIN eval_in AS e ON e.id = n.id AND e.reason IS NULL
               JOIN in_evaluations AS r USING (line_no)
              ORDER BY e.group_id, e.semester, e.version DESC) AS b
    ON b.group_id = pg_temp.as_id(m.group_id) AND b.semester = m.semester
  LEFT JOIN user_of AS u ON u.id = pg_temp.as_id(m.sender_user_id)
  LEFT JOIN clean_message AS t USING (line_no)
  LEFT JOIN pek.import_key AS k ON k.kind = 'evaluation_messages' AND k.source_id = pg_temp.as_id(m.id);
UPDATE message_in AS m SET reason = w.reason
  FROM (SELECT i.line_no, CASE
          WHEN i.id IS NULL THEN 'its id is no number'
          WHEN row_number() OVER (PARTITION BY i.id ORDER BY i.line_no) > 1 THEN 'another row has its id'
          WHEN i.known THEN NULL
          WHEN i.scoreboard_id IS NULL THEN 'its evaluation was not made now'
          WHEN i.user_id IS NULL THEN 'its user was not taken'
          WHEN i.text IS NULL OR i.text = '' OR char_length(i.text) > 2000 THEN 'it is not 1 to 2000 characters that can be stored' END
               AS reason
          FROM message_in AS i) AS w
 WHERE w.line_no = m.line_no AND w.reason IS NOT NULL;
INSERT INTO pek.scoreboard_message (scoreboard_id, user_id, text, create_time)
SELECT m.scoreboard_id, m.user_id, m.text, coalesce(m.create_time, now())
  FROM message_in AS m WHERE m.reason IS NULL AND NOT m.known ORDER BY m.create_time, m.id;
INSERT INTO pek.import_key (kind, source_id)
SELECT 'evaluation_messages', m.id FROM message_in AS m WHERE m.reason IS NULL AND NOT m.known;
INSERT INTO outcome (file, line_no, id, what, reason)
SELECT 'evaluation_messages', m.line_no, m.said, CASE WHEN m.reason IS NOT NULL THEN 3 WHEN m.known THEN 2 ELSE 1 END, m.reason
  FROM message_in AS m;

-- ---- scores ----

-- Of the semesters that new points are of, and of those behind them up to the last: as they are counted when a semester is closed,
-- but for the one that is being evaluated here, and the next, which are counted then.
CREATE TEMPORARY TABLE semester_counted ON COMMIT DROP AS
SELECT DISTINCT s.semester
  FROM (SELECT b.semester, CASE substr(b.semester, 11, 1) WHEN '1' THEN substr(b.semester, 1, 10) || '2'
               ELSE substr(b.semester, 6, 4) || '-' || (substr(b.semester, 6, 4)::integer + 1) || '/1' END AS next,
               max(b.semester) OVER () AS last
          FROM eval_new AS e JOIN pek.scoreboard AS b ON b.id = e.scoreboard_id) AS n
 CROSS JOIN LATERAL (VALUES (n.semester), (n.next)) AS s (semester)
 CROSS JOIN pek.realm_state AS r
 WHERE s.semester <= greatest(n.last, r.semester)
   AND (r.season = 1 OR r.semester NOT IN (s.semester, pek.semester_before(s.semester)));
DELETE FROM pek.point_history AS h USING semester_counted AS s WHERE h.semester = s.semester;
INSERT INTO pek.point_history (user_id, semester, score, score_max)
SELECT q.user_id, s.semester, least(r.points_score_max, trunc(sqrt(q.squares)))::integer, r.points_score_max
  FROM semester_counted AS s CROSS JOIN pek.realm_state AS r CROSS JOIN LATERAL pek.point_squares(s.semester, NULL) AS q;
