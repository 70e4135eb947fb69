-- What pek-next's words mean here; and who is known by which name.
CREATE TEMPORARY TABLE group_purpose ON COMMIT DROP AS
SELECT w.said, w.purpose::smallint AS purpose FROM (VALUES
    ('old', 1), ('bizottság', 2), ('bulis', 3), ('csoport', 4), ('d', 5), ('ellipszis', 6), ('évfolyam', 7), ('kor', 8),
    ('kultur', 9), ('projekt', 10), ('rendezveny', 11), ('reszort', 12), ('sport', 13), ('szakmai kör', 14), ('szint', 15),
    ('szolgáltató kör', 16)) AS w (said, purpose);

CREATE TEMPORARY TABLE person_known ON COMMIT DROP AS
SELECT DISTINCT ON (u.user_id) u.user_id AS id, coalesce(p.display_name, c.text) AS display_name, coalesce(p.folded, c.folded) AS folded,
       coalesce(p.sort_key, c.sort_key) AS sort_key, p.id IS NULL AS is_new
  FROM user_of AS u
  LEFT JOIN pek.person AS p ON p.id = u.user_id
  LEFT JOIN clean_person AS c ON c.line_no = u.id
 WHERE p.id IS NOT NULL OR c.text IS NOT NULL
 ORDER BY u.user_id, u.id;
ALTER TABLE person_known ADD PRIMARY KEY (id);
ANALYZE person_known;
