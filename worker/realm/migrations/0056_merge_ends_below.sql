-- compatible: a program before this one asks for merges as ever
-- Whichever of two accounts an organisation and a group below it come from: who leaves the organisation on a day does not stay in the group.
SET LOCAL ROLE pek_owner;

-- Where `new` would stay longer than in the organisation above, they leave that day as well, and what comes with it ends; `old` has none
-- of the memberships any more, but policies still. Answers the groups.
CREATE FUNCTION pek.end_below(old text, new text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    below record;
BEGIN
    FOR below IN
        SELECT m.group_id, m.end_time, p.begin_time AS ends, p.changed_by
          FROM pek.realm_group AS g
          JOIN pek.membership_period AS p ON p.group_id = g.id AND p.user_id = new
          JOIN pek.membership_now AS m ON m.user_id = new AND m.group_id <> g.id AND m.status IN (2, 3)
         -- Who becomes a former member of an organisation stays in its groups.
         WHERE g.parent_id IS NULL AND p.status = 5 AND p.begin_time > clock_timestamp()
           AND (m.end_time IS NULL OR m.end_time > p.begin_time)
           AND g.id = (SELECT o.organisation_id FROM pek.group_organisation AS o WHERE o.group_id = m.group_id)
    LOOP
        PERFORM pek.move_end(new, ARRAY[below.group_id], below.end_time, NULL);
        WITH closed AS (
            UPDATE pek.membership_period AS s SET end_time = below.ends
             WHERE s.group_id = below.group_id AND s.user_id = new AND s.end_time IS NULL RETURNING s.seq)
        INSERT INTO pek.membership_period (group_id, user_id, seq, status, begin_time, changed_by)
        SELECT below.group_id, new, closed.seq + 1, 5, below.ends, below.changed_by FROM closed;
        UPDATE pek.policy_assignment AS a SET valid_until = below.ends FROM pek.group_policy AS l
         WHERE l.policy_id = a.policy_id AND l.group_id = below.group_id AND a.user_id IN (old, new)
           AND (a.valid_until IS NULL OR a.valid_until > below.ends);
        RETURN NEXT below.group_id;
    END LOOP;
END $$;
REVOKE EXECUTE ON FUNCTION pek.end_below(text, text) FROM PUBLIC;

-- As before, and then ends below the organisations.
CREATE OR REPLACE FUNCTION pek.merge_memberships(old text, new text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    groups text[] := ARRAY(SELECT m.group_id FROM pek.membership AS m WHERE m.user_id = old ORDER BY 1);
    both_in text[] := ARRAY(SELECT m.group_id FROM pek.membership AS m
                             WHERE m.user_id = new AND m.group_id = ANY (groups) ORDER BY 1);
    followed text[];
    moved jsonb;
BEGIN
    PERFORM pek.forget_ended(u.id) FROM unnest(ARRAY[old, new]) AS u (id);
    moved := jsonb_build_object('memberships', cardinality(groups), 'combined', cardinality(both_in),
        'posts', (SELECT count(*) FROM pek.post AS o WHERE o.user_id = old));
    PERFORM pek.merge_audit(old, g.id, jsonb_build_object('merged_into', new)) FROM unnest(groups) AS g (id);
    followed := ARRAY(
        SELECT f.id FROM (SELECT g.id FROM pek.realm_group AS g WHERE g.id = ANY (both_in)
                           ORDER BY g.parent_id IS NOT NULL, g.id OFFSET 0) AS g
         CROSS JOIN LATERAL pek.merge_group(g.id, old, new) AS f (id));
    INSERT INTO pek.membership (group_id, user_id, sort_key, create_time, flairs, paced_until)
    SELECT m.group_id, new, m.sort_key, m.create_time, m.flairs, m.paced_until FROM pek.membership AS m
     WHERE m.user_id = old AND m.group_id <> ALL (both_in) ORDER BY m.group_id;
    UPDATE pek.membership_period AS s SET user_id = new WHERE s.user_id = old AND s.group_id <> ALL (both_in)
       AND s.group_id = ANY (groups);
    INSERT INTO pek.post (group_id, user_id, type_id, create_time, given_by)
    SELECT o.group_id, new, o.type_id, o.create_time, o.given_by FROM pek.post AS o WHERE o.user_id = old
        ON CONFLICT DO NOTHING;
    PERFORM pek.merge_evaluations(old, new);
    DELETE FROM pek.membership AS m WHERE m.user_id = old;
    followed := followed || ARRAY(SELECT pek.end_below(old, new));
    -- Who leads a group has not led it.
    DELETE FROM pek.post AS o USING pek.post_type AS t, pek.group_policy AS l, pek.policy_holding AS a
     WHERE o.user_id = new AND t.group_id = o.group_id AND t.id = o.type_id AND t.kind = 4
       AND l.group_id = o.group_id AND l.kind = 2 AND a.policy_id = l.policy_id AND a.user_id IN (old, new);
    PERFORM pek.merge_audit(new, g.id, jsonb_build_object('merged_from', old))
       FROM (SELECT DISTINCT unnest(groups || followed)) AS g (id);
    RETURN moved || jsonb_build_object('both_in', both_in);
END $$;

RESET ROLE;
