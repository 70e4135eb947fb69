-- in_groups becomes groups, with what a group has when somebody makes it: the policy of who leads it, and what follows for who
-- manages the groups above it.
CREATE TEMPORARY TABLE group_in ON COMMIT DROP AS
SELECT g.line_no, g.id AS said, pg_temp.as_id(g.id) AS id, pg_temp.as_id(g.parent_id) AS parent,
       coalesce(g.parent_id, '') <> '' AS has_parent, k.target AS known,
       n.text AS name, n.unique_key, n.folded, n.sort_key,
       o.text AS other_name, o.unique_key AS other_unique_key, o.folded AS other_folded, o.sort_key AS other_sort_key,
       false AS renamed, s.text AS slug, NULL::text AS final_slug, NULL::text AS org, NULL::integer AS level,
       g.state = 'old' AS was_old, false AS is_archived, NULL::text AS target, NULL::text AS reason
  FROM in_groups AS g
  LEFT JOIN clean_group_name AS n USING (line_no)
  LEFT JOIN clean_group_other_name AS o USING (line_no)
  LEFT JOIN clean_group_slug AS s USING (line_no)
  LEFT JOIN pek.import_key AS k ON k.kind = 'groups' AND k.source_id = pg_temp.as_id(g.id);

UPDATE group_in AS g SET reason = w.reason
  FROM (SELECT i.line_no, CASE
          WHEN i.id IS NULL THEN 'its id is no number'
          WHEN row_number() OVER (PARTITION BY i.id ORDER BY i.line_no) > 1 THEN 'another row has its id'
          WHEN i.known IS NOT NULL THEN NULL
          WHEN i.name IS NULL OR i.other_name IS NULL THEN 'its name cannot be stored'
          WHEN coalesce(r.state, '') NOT IN ('', 'akt', 'old') THEN 'its state is neither akt nor old'
          WHEN i.has_parent AND NOT EXISTS (SELECT FROM group_in AS p WHERE p.id = i.parent)
               AND NOT EXISTS (SELECT FROM pek.import_key AS p WHERE p.kind = 'groups' AND p.source_id = i.parent)
               THEN 'its parent is not in the file' END AS reason
          FROM group_in AS i JOIN in_groups AS r USING (line_no)) AS w
 WHERE w.line_no = g.line_no AND w.reason IS NOT NULL;

-- ---- names: the realm has each once ----

UPDATE group_in AS g
   SET renamed = true, name = g.other_name, unique_key = g.other_unique_key, folded = g.other_folded, sort_key = g.other_sort_key
  FROM (SELECT i.line_no, row_number() OVER (PARTITION BY i.unique_key ORDER BY i.id) AS place
          FROM group_in AS i WHERE i.reason IS NULL AND i.known IS NULL) AS w
 WHERE w.line_no = g.line_no
   AND (w.place > 1 OR EXISTS (SELECT FROM pek.realm_group AS t WHERE t.unique_key = g.unique_key));
UPDATE group_in AS g SET reason = 'its name is taken'
  FROM (SELECT i.line_no, row_number() OVER (PARTITION BY i.unique_key ORDER BY i.renamed, i.id) AS place
          FROM group_in AS i WHERE i.reason IS NULL AND i.known IS NULL) AS w
 WHERE w.line_no = g.line_no
   AND (w.place > 1 OR EXISTS (SELECT FROM pek.realm_group AS t WHERE t.unique_key = g.unique_key));

-- ---- organisations ----

UPDATE group_in AS g
   SET final_slug = CASE WHEN g.slug IS NULL THEN 'group-' || g.id
                         WHEN w.place > 1 OR EXISTS (SELECT FROM pek.realm_group AS t WHERE t.id = g.slug || '@' || g.slug)
                         THEN left(g.slug, 62 - char_length(g.id::text)) || '-' || g.id ELSE g.slug END
  FROM (SELECT i.line_no, row_number() OVER (PARTITION BY i.slug ORDER BY i.id) AS place
          FROM group_in AS i WHERE i.reason IS NULL AND i.known IS NULL AND NOT i.has_parent) AS w
 WHERE w.line_no = g.line_no;
UPDATE group_in AS g SET reason = 'its id is taken'
  FROM (SELECT i.line_no, row_number() OVER (PARTITION BY i.final_slug ORDER BY i.final_slug <> i.slug, i.id) AS place
          FROM group_in AS i WHERE i.reason IS NULL AND i.final_slug IS NOT NULL) AS w
 WHERE w.line_no = g.line_no
   AND (w.place > 1 OR EXISTS (SELECT FROM pek.realm_group AS t WHERE t.id = g.final_slug || '@' || g.final_slug));

-- ---- the tree: what a way from the top leads to. Groups that are here have their place in the realm. ----

WITH RECURSIVE here (id, level) AS (
    SELECT t.id, 1 FROM pek.realm_group AS t WHERE t.parent_id IS NULL
    UNION ALL
    SELECT t.id, here.level + 1 FROM here JOIN pek.realm_group AS t ON t.parent_id = here.id),
walk (id, level, org, is_archived) AS (
    SELECT k.source_id, here.level, t.org, t.is_archived
      FROM pek.import_key AS k JOIN pek.realm_group AS t ON t.id = k.target JOIN here ON here.id = t.id WHERE k.kind = 'groups'
    UNION ALL
    SELECT i.id, 1, i.final_slug, coalesce(i.was_old, false)
      FROM group_in AS i WHERE i.reason IS NULL AND i.known IS NULL AND NOT i.has_parent
    UNION ALL
    SELECT i.id, walk.level + 1, walk.org, walk.is_archived OR coalesce(i.was_old, false)
      FROM walk JOIN group_in AS i ON i.parent = walk.id AND i.has_parent AND i.reason IS NULL AND i.known IS NULL
     WHERE walk.level <= 10)
UPDATE group_in AS g SET level = walk.level, org = walk.org, is_archived = walk.is_archived
  FROM walk WHERE walk.id = g.id AND g.reason IS NULL AND g.known IS NULL;
UPDATE group_in SET reason = 'it is more than 10 levels deep' WHERE level > 10;

-- ---- groups of an organisation: one id each, and none is the organisation's ----

UPDATE group_in AS g
   SET final_slug = CASE WHEN g.slug IS NULL THEN 'group-' || g.id
                         WHEN w.place > 1 OR g.slug = g.org
                              OR EXISTS (SELECT FROM pek.realm_group AS t WHERE t.id = g.org || '@' || g.slug)
                         THEN left(g.slug, 62 - char_length(g.id::text)) || '-' || g.id ELSE g.slug END
  FROM (SELECT i.line_no, row_number() OVER (PARTITION BY i.org, i.slug ORDER BY i.id) AS place
          FROM group_in AS i WHERE i.reason IS NULL AND i.has_parent AND i.org IS NOT NULL) AS w
 WHERE w.line_no = g.line_no;
UPDATE group_in AS g SET reason = 'its id is taken'
  FROM (SELECT i.line_no, row_number() OVER (PARTITION BY i.org, i.final_slug ORDER BY i.final_slug <> i.slug, i.id) AS place
          FROM group_in AS i WHERE i.reason IS NULL AND i.org IS NOT NULL) AS w
 WHERE w.line_no = g.line_no AND g.has_parent
   AND (w.place > 1 OR g.final_slug = g.org
        OR EXISTS (SELECT FROM pek.realm_group AS t WHERE t.id = g.org || '@' || g.final_slug));

-- Whatever hangs under what was not taken; and what no way leads to hangs under itself.
WITH RECURSIVE lost (id) AS (
    SELECT i.id FROM group_in AS i WHERE i.reason IS NOT NULL AND i.known IS NULL AND i.reason <> 'another row has its id'
    UNION
    SELECT i.id FROM lost JOIN group_in AS i ON i.parent = lost.id AND i.known IS NULL)
UPDATE group_in AS g SET reason = 'its parent was not taken' FROM lost WHERE lost.id = g.id AND g.reason IS NULL AND g.known IS NULL;
UPDATE group_in SET reason = 'it is under itself' WHERE reason IS NULL AND known IS NULL AND level IS NULL;

-- ---- written ----

UPDATE group_in SET target = org || '@' || final_slug WHERE reason IS NULL AND known IS NULL;
CREATE TEMPORARY TABLE group_new ON COMMIT DROP AS SELECT g.id, g.target FROM group_in AS g WHERE g.target IS NOT NULL;
ALTER TABLE group_new ADD PRIMARY KEY (id);

INSERT INTO pek.realm_group (id, parent_id, name, unique_key, folded, sort_key, description, purpose, foundation_time, webpage, mail,
                             is_community, is_resort, is_archived, users_can_apply, archived_members_visible)
SELECT g.target, coalesce(p.target, k.target), g.name, g.unique_key, g.folded, g.sort_key,
       CASE WHEN char_length(d.text) <= 20000 THEN d.text ELSE '' END, coalesce(u.purpose, 0),
       CASE WHEN r.founded ~ '^[0-9]{1,4}$' AND r.founded::integer BETWEEN 1 AND 9999
            THEN make_date(r.founded::integer, 1, 1)::timestamp AT TIME ZONE 'Europe/Budapest' ELSE now() END,
       coalesce(w.text, ''), coalesce(m.text, ''),
       coalesce(r.type = 'group', false), coalesce(r.type = 'resort', false), g.is_archived,
       coalesce(pg_temp.as_flag(r.users_can_apply), true), coalesce(pg_temp.as_flag(r.archived_members_visible), false)
  FROM group_in AS g JOIN in_groups AS r USING (line_no)
  LEFT JOIN group_new AS p ON p.id = g.parent
  LEFT JOIN pek.import_key AS k ON k.kind = 'groups' AND k.source_id = g.parent
  LEFT JOIN clean_group_description AS d USING (line_no)
  LEFT JOIN clean_group_webpage AS w USING (line_no)
  LEFT JOIN clean_group_mail AS m USING (line_no)
  LEFT JOIN group_purpose AS u ON u.said = lower(r.grp_type)
 WHERE g.target IS NOT NULL;

ANALYZE pek.realm_group;
WITH made AS (
    INSERT INTO pek.policy (name, unique_key, parent_id, can_issue)
    SELECT 'GOD in ' || n.target, 'god in ' || n.target, (SELECT s.policy_id FROM pek.policy_statement AS s WHERE s.actions >= 2048), true
      FROM group_new AS n
    RETURNING id, substr(name, length('GOD in ') + 1) AS group_id),
statement AS (
    INSERT INTO pek.policy_statement (policy_id, group_id, resource, actions)
    SELECT made.id, made.group_id, 'GROUP', 2047 FROM made)
INSERT INTO pek.group_policy (group_id, kind, policy_id) SELECT made.group_id, 2, made.id FROM made;

ANALYZE pek.policy, pek.policy_statement, pek.group_policy;
-- As when a group is made (worker/policy/policy_store.c): whoever manages a group above may see it and replace who leads it. What a
-- policy gets may cover those below it, so it goes on until nothing comes.
DO $$
BEGIN
    FOR round IN 1 .. 24 LOOP
        WITH RECURSIVE above (id, ancestor_id) AS (
            SELECT g.id, g.parent_id FROM group_new AS n JOIN pek.realm_group AS g ON g.id = n.target WHERE g.parent_id IS NOT NULL
            UNION ALL
            SELECT above.id, g.parent_id FROM above JOIN pek.realm_group AS g ON g.id = above.ancestor_id
             WHERE g.parent_id IS NOT NULL)
        INSERT INTO pek.policy_statement (policy_id, group_id, resource, actions, made_by)
        SELECT DISTINCT s.policy_id, above.id, 'GROUP_ESCALATION', 21, s.made_by
          FROM above
          JOIN pek.policy_statement AS s ON s.group_id = above.ancestor_id AND s.user_id IS NULL AND s.actions & 16 <> 0
               AND s.resource <> 'GROUP_ESCALATION'
          JOIN pek.policy AS p ON p.id = s.policy_id
         WHERE p.parent_id IS NULL OR EXISTS (
               SELECT FROM pek.policy_statement AS q WHERE q.policy_id = p.parent_id AND (q.group_id IS NULL OR q.group_id = above.id)
                  AND q.user_id IS NULL AND 21 & ~q.actions = 0)
            ON CONFLICT ON CONSTRAINT policy_statement_key DO NOTHING;
        EXIT WHEN NOT FOUND;
    END LOOP;
END $$;

INSERT INTO pek.audit_log (actor, action, target_kind, target_id, detail)
SELECT 'operator', 'group.create', 'group', g.id,
       to_jsonb(g) - ARRAY['realm', 'id', 'org', 'unique_key', 'folded', 'sort_key'] || jsonb_build_object('source_id', n.id)
  FROM group_new AS n JOIN pek.realm_group AS g ON g.id = n.target;
INSERT INTO pek.import_key (kind, source_id, target) SELECT 'groups', n.id, n.target FROM group_new AS n;

CREATE TEMPORARY TABLE group_of ON COMMIT DROP AS
SELECT k.source_id AS id, k.target FROM pek.import_key AS k WHERE k.kind = 'groups';
ALTER TABLE group_of ADD PRIMARY KEY (id);
ANALYZE group_of;

-- ---- the account of it ----

INSERT INTO outcome (file, line_no, id, what, reason)
SELECT 'groups', g.line_no, g.said, CASE WHEN g.reason IS NOT NULL THEN 3 WHEN g.known IS NOT NULL THEN 2 ELSE 1 END, g.reason
  FROM group_in AS g;
INSERT INTO remark (file, line_no, id, reason)
SELECT 'groups', g.line_no, g.said, w.reason
  FROM group_in AS g JOIN in_groups AS r USING (line_no)
  LEFT JOIN clean_group_description AS d USING (line_no)
  LEFT JOIN clean_group_webpage AS p USING (line_no)
  LEFT JOIN clean_group_mail AS m USING (line_no)
  LEFT JOIN group_purpose AS u ON u.said = lower(r.grp_type)
 CROSS JOIN LATERAL (VALUES
       (g.renamed, 'another group has its name: its number is behind it'),
       (g.final_slug <> g.slug, 'another group has its id: its number is behind it'),
       (g.slug IS NULL, 'its name gives no id: it has its number'),
       (g.is_archived AND NOT coalesce(g.was_old, false), 'a group above it is archived: it is as well'),
       (r.description <> '' AND (d.text IS NULL OR char_length(d.text) > 20000), 'its description cannot be stored: left out'),
       (r.webpage <> '' AND p.text IS NULL, 'its webpage is no address: left out'),
       (r.maillist <> '' AND m.text IS NULL, 'its maillist is no address: left out'),
       (r.grp_type <> '' AND u.said IS NULL, 'its grp_type is unknown: left out'),
       (coalesce(r.type, '') NOT IN ('', 'group', 'resort', 'team'), 'its type is unknown: left out'),
       (coalesce(r.founded, '') <> '' AND NOT coalesce(r.founded ~ '^[0-9]{1,4}$' AND r.founded::numeric BETWEEN 1 AND 9999, false),
        'founded is no year: it begins today')) AS w (applies, reason)
 WHERE g.target IS NOT NULL AND w.applies;
