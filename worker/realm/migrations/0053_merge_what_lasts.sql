-- compatible: a program before this one asks for merges as ever
-- Posts end with the membership, and with them what they carry. A day that has come takes no row away: what is left of a membership
-- that has ended is not merged into one that has not.
SET LOCAL ROLE pek_owner;

-- Of memberships that have ended: posts, but that of who has led the group; and the policies of group and posts.
CREATE FUNCTION pek.forget_ended(who text) RETURNS void LANGUAGE sql AS $$
    DELETE FROM pek.post AS o USING pek.post_type AS t, pek.membership_now AS m
     WHERE o.user_id = who AND t.group_id = o.group_id AND t.id = o.type_id AND t.kind <> 4
       AND m.group_id = o.group_id AND m.user_id = o.user_id AND m.status NOT IN (2, 3);
    DELETE FROM pek.policy_assignment AS a USING pek.group_policy AS l
     WHERE a.user_id = who AND l.policy_id = a.policy_id AND l.kind IN (1, 3) AND a.valid_until <= statement_timestamp();
$$;
REVOKE EXECUTE ON FUNCTION pek.forget_ended(text) FROM PUBLIC;

-- As before, of what lasts.
CREATE OR REPLACE FUNCTION pek.merge_memberships(old text, new text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    groups text[] := ARRAY(SELECT m.group_id FROM pek.membership AS m WHERE m.user_id = old ORDER BY 1);
    both_in text[] := ARRAY(SELECT m.group_id FROM pek.membership AS m
                             WHERE m.user_id = new AND m.group_id = ANY (groups) ORDER BY 1);
    moved jsonb;
BEGIN
    PERFORM pek.forget_ended(u.id) FROM unnest(ARRAY[old, new]) AS u (id);
    moved := jsonb_build_object('memberships', cardinality(groups), 'combined', cardinality(both_in),
        'posts', (SELECT count(*) FROM pek.post AS o WHERE o.user_id = old));
    PERFORM pek.merge_audit(old, g.id, jsonb_build_object('merged_into', new)) FROM unnest(groups) AS g (id);
    INSERT INTO pek.membership (group_id, user_id, sort_key, create_time, flairs, paced_until)
    SELECT m.group_id, new, m.sort_key, m.create_time, m.flairs, m.paced_until FROM pek.membership AS m
     WHERE m.user_id = old AND m.group_id <> ALL (both_in) ORDER BY m.group_id;
    UPDATE pek.membership_period AS s SET user_id = new WHERE s.user_id = old AND s.group_id <> ALL (both_in)
       AND s.group_id = ANY (groups);
    PERFORM pek.merge_periods(g.id, old, new) FROM unnest(both_in) AS g (id);
    INSERT INTO pek.post (group_id, user_id, type_id, create_time, given_by)
    SELECT o.group_id, new, o.type_id, o.create_time, o.given_by FROM pek.post AS o WHERE o.user_id = old
        ON CONFLICT DO NOTHING;
    PERFORM pek.merge_evaluations(old, new);
    DELETE FROM pek.membership AS m WHERE m.user_id = old;
    -- Who leads a group has not led it.
    DELETE FROM pek.post AS o USING pek.post_type AS t, pek.group_policy AS l, pek.policy_holding AS a
     WHERE o.user_id = new AND t.group_id = o.group_id AND t.id = o.type_id AND t.kind = 4
       AND l.group_id = o.group_id AND l.kind = 2 AND a.policy_id = l.policy_id AND a.user_id IN (old, new);
    PERFORM pek.merge_audit(new, g.id, jsonb_build_object('merged_from', old)) FROM unnest(groups) AS g (id);
    RETURN moved || jsonb_build_object('both_in', both_in);
END $$;

RESET ROLE;
