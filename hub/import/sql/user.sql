-- in_users (pek-next's users) become accounts. The realm's name is the setting pek.realm. What one of the clean_ tables has no text
-- for cannot be stored.
CREATE TEMPORARY TABLE user_in ON COMMIT DROP AS
SELECT u.line_no, u.id AS said, pg_temp.as_id(u.id) AS id, nullif(trim(u.auth_sch_id), '') AS subject,
       coalesce(l.text, '') AS last_name, coalesce(f.text, '') AS first_name, s.text AS screen_name,
       coalesce(g.text, 'member') AS slug, k.user_id AS known, o.id AS account, NULL::text AS username,
       NULL::text AS user_id, NULL::text AS reason,
       (l.line_no IS NOT NULL AND l.text IS NULL) OR (f.line_no IS NOT NULL AND f.text IS NULL) AS bad_name,
       nullif(regexp_replace(regexp_replace(coalesce(u.cell_phone, ''), '[-/() .]', '', 'g'), '^06', '+36'), '') AS phone,
       n.text AS nickname, r.text AS room,
       CASE WHEN u.dormitory IN ('Kármán', 'Kármán Tódor Kollégium') THEN 1
            WHEN u.dormitory IN ('Tétény', 'Nagytétényi úti Kollégium') THEN 2
            WHEN u.dormitory IN ('Schönherz', 'Schönherz Zoltán Kollégium') THEN 3
            WHEN u.dormitory IN ('Vásárhelyi', 'Vásárhelyi Pál Kollégium') THEN 6
            WHEN u.dormitory = 'Külsős' THEN 7 END AS dormitory,
       -- There UNKNOWN is what people choose who are neither.
       array_position(ARRAY['MALE', 'FEMALE', 'UNKNOWN'], u.gender) AS gender,
       array_position(ARRAY['ACTIVE', 'GRADUATED', 'OTHER'], u.student_status) AS student_status
  FROM in_users AS u
  LEFT JOIN clean_last_name AS l USING (line_no)
  LEFT JOIN clean_first_name AS f USING (line_no)
  LEFT JOIN clean_nickname AS n USING (line_no)
  LEFT JOIN clean_room AS r USING (line_no)
  LEFT JOIN clean_screen_name AS s USING (line_no)
  LEFT JOIN clean_slug AS g USING (line_no)
  LEFT JOIN hub.user_import AS k ON k.realm = current_setting('pek.realm') AND k.source_id = pg_temp.as_id(u.id)
  LEFT JOIN hub.user_account AS o ON o.authsch_id = nullif(trim(u.auth_sch_id), '');

UPDATE user_in AS u SET reason = w.reason
  FROM (SELECT i.line_no, CASE
          WHEN i.id IS NULL THEN 'its id is no number'
          WHEN row_number() OVER (PARTITION BY i.id ORDER BY i.line_no) > 1 THEN 'another row has its id'
          WHEN i.known IS NOT NULL THEN NULL
          WHEN i.subject !~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' THEN 'auth_sch_id is no UUID'
          WHEN i.account IS NOT NULL THEN NULL
          WHEN i.bad_name OR char_length(i.last_name) > 100 OR char_length(i.first_name) > 100
               THEN 'its name cannot be stored'
          WHEN i.last_name = '' AND i.first_name = '' THEN 'it has no name' END AS reason
          FROM user_in AS i) AS w
 WHERE w.line_no = u.line_no AND w.reason IS NOT NULL;
-- Of those that could be taken: what is wrong with one row takes nothing from another.
UPDATE user_in AS u SET reason = 'another row has its auth_sch_id'
  FROM (SELECT i.line_no, row_number() OVER (PARTITION BY lower(i.subject) ORDER BY i.known IS NULL, i.line_no) AS place
          FROM user_in AS i WHERE i.reason IS NULL AND i.subject IS NOT NULL) AS w
 WHERE w.line_no = u.line_no AND w.place > 1 AND u.known IS NULL;

-- ---- usernames ----

-- Their own where it can be one here and is nobody's; else one of their name and their number, and of their realm where another
-- realm has that already.
UPDATE user_in AS u
   SET username = CASE
           WHEN w.place = 1 AND NOT EXISTS (SELECT FROM hub.username AS n WHERE n.username = u.screen_name)
                AND NOT EXISTS (SELECT FROM hub.user_account AS a WHERE a.id = u.screen_name) THEN u.screen_name
           WHEN EXISTS (SELECT FROM hub.username AS n WHERE n.username = w.numbered)
           THEN left(u.slug, 24 - char_length(w.number)) || w.number || '-' || left(md5(current_setting('pek.realm')), 4)
           ELSE w.numbered END
  FROM (SELECT i.line_no, CASE WHEN i.screen_name IS NOT NULL
               THEN row_number() OVER (PARTITION BY i.screen_name ORDER BY i.id) END AS place,
               '-' || i.id AS number, left(i.slug, 29 - char_length(i.id::text)) || '-' || i.id AS numbered
          FROM user_in AS i WHERE i.reason IS NULL AND i.known IS NULL AND i.account IS NULL) AS w
 WHERE w.line_no = u.line_no;
UPDATE user_in AS u SET reason = 'no username is free for it'
  FROM (SELECT i.line_no, row_number() OVER (PARTITION BY i.username ORDER BY i.username <> i.screen_name, i.id) AS place
          FROM user_in AS i WHERE i.username IS NOT NULL) AS w
 WHERE w.line_no = u.line_no
   AND (w.place > 1 OR EXISTS (SELECT FROM hub.username AS n WHERE n.username = u.username)
        OR EXISTS (SELECT FROM hub.user_account AS a WHERE a.id = u.username));

-- ---- accounts ----

-- An id is random, as that of somebody who registers: who has one was shown it. 26 letters of 32.
UPDATE user_in AS u
   SET user_id = (SELECT string_agg(substr('abcdefghijklmnopqrstuvwxyz234567', 1 + (get_byte(s.seed, i) & 31), 1), '')
                    FROM (SELECT sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
                                        || int8send(u.line_no)) AS seed) AS s,
                         generate_series(0, 25) AS i)
 WHERE u.reason IS NULL AND u.username IS NOT NULL;

-- Plans of triggers are made at the first row, when the tables may be empty: they are to go by the indexes.
SET LOCAL enable_seqscan = off;
INSERT INTO hub.user_account (id, authsch_id, username, name)
SELECT u.user_id, u.subject, u.username, left(trim(u.last_name || ' ' || u.first_name), 200)
  FROM user_in AS u WHERE u.user_id IS NOT NULL ORDER BY u.line_no;
SET LOCAL enable_seqscan = on;
-- The trigger made them, with what it takes for the two names.
UPDATE hub.profile AS p
   SET last_name = u.last_name, first_name = u.first_name,
       nickname = CASE WHEN char_length(u.nickname) <= 50 THEN u.nickname ELSE '' END,
       room = CASE WHEN char_length(u.room) <= 20 THEN u.room ELSE '' END,
       cell_phone = CASE WHEN u.phone ~ '^\+[1-9][0-9]{6,14}$' THEN u.phone ELSE '' END,
       dormitory = coalesce(u.dormitory, 0), gender = coalesce(u.gender, 0), student_status = coalesce(u.student_status, 0)
  FROM user_in AS u WHERE u.user_id = p.user_id;

INSERT INTO hub.user_import (realm, source_id, user_id)
SELECT current_setting('pek.realm'), u.id, coalesce(u.user_id, u.account)
  FROM user_in AS u WHERE u.reason IS NULL AND u.known IS NULL;
INSERT INTO hub.audit_log (actor, action, target_kind, target_id, detail)
SELECT 'operator', 'user.import', 'user', coalesce(u.user_id, u.account),
       jsonb_build_object('realm', current_setting('pek.realm'), 'source_id', u.id, 'made', u.user_id IS NOT NULL)
  FROM user_in AS u WHERE u.reason IS NULL AND u.known IS NULL;

-- ---- the account of it ----

INSERT INTO outcome (file, line_no, id, what, reason)
SELECT 'users', u.line_no, u.said, CASE WHEN u.reason IS NOT NULL THEN 3 WHEN u.user_id IS NOT NULL THEN 1 ELSE 2 END, u.reason
  FROM user_in AS u;
INSERT INTO remark (file, line_no, id, reason)
SELECT 'users', u.line_no, u.said, r.reason
  FROM user_in AS u JOIN in_users AS i USING (line_no) CROSS JOIN LATERAL (VALUES
       (u.subject IS NULL, 'it has no auth_sch_id: nobody can log in as it'),
       (u.username IS DISTINCT FROM u.screen_name, 'its screen_name cannot be its username: it has another one'),
       (i.nickname <> '' AND (u.nickname IS NULL OR char_length(u.nickname) > 50), 'its nickname cannot be stored: left out'),
       (i.room <> '' AND (u.room IS NULL OR char_length(u.room) > 20), 'its room cannot be stored: left out'),
       (u.phone IS NOT NULL AND u.phone !~ '^\+[1-9][0-9]{6,14}$', 'cell_phone is no number as +36201234567: left out'),
       (i.dormitory NOT IN ('', 'Nem megadott') AND u.dormitory IS NULL, 'its dormitory is unknown: left out'),
       (coalesce(i.gender, '') NOT IN ('', 'MALE', 'FEMALE', 'NOTSPECIFIED', 'UNKNOWN'), 'its gender is unknown: left out'),
       (coalesce(i.student_status, '') NOT IN ('', 'ACTIVE', 'GRADUATED', 'OTHER', 'UNKNOWN'),
        'its student_status is unknown: left out')) AS r (applies, reason)
 WHERE u.user_id IS NOT NULL AND r.applies;
