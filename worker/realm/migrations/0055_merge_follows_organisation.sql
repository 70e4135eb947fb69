-- compatible: a program before this one asks for merges as ever
-- Groups below an organisation end with it for who is merged, too: an end that becomes another one there, or none, since the other account
-- stays longer, does so in each group that has it. And who leads a group does so as long as they are its member.
SET LOCAL ROLE pek_owner;

-- In these groups, the end that was planned for `former` is planned for `ends`, or not at all; and so it is of what comes with them.
CREATE FUNCTION pek.move_end(who text, groups text[], former timestamptz, ends timestamptz) RETURNS void LANGUAGE sql AS $$
    DELETE FROM pek.membership_period AS s
     WHERE ends IS NULL AND s.user_id = who AND s.group_id = ANY (groups) AND s.begin_time = former;
    UPDATE pek.membership_period AS s
       SET begin_time = CASE s.begin_time WHEN former THEN ends ELSE s.begin_time END,
           end_time = CASE s.end_time WHEN former THEN ends ELSE s.end_time END
     WHERE s.user_id = who AND s.group_id = ANY (groups) AND former IN (s.begin_time, s.end_time);
    UPDATE pek.membership AS m SET version = m.version + 1, update_time = now()
     WHERE m.user_id = who AND m.group_id = ANY (groups);
    UPDATE pek.policy_assignment AS a SET valid_until = ends FROM pek.group_policy AS l
     WHERE l.policy_id = a.policy_id AND l.group_id = ANY (groups) AND a.user_id = who AND a.valid_until = former;
$$;

-- As pek.merge_periods, with what follows from another end. Answers the groups below in which there is another one as well.
CREATE FUNCTION pek.merge_group(of_group text, old text, new text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    memberships pek.membership_now[] := ARRAY(SELECT m FROM pek.membership_now AS m
                                               WHERE m.group_id = of_group AND m.user_id IN (old, new));
    was pek.membership_now;
    merged pek.membership_now;
    below text[];
BEGIN
    PERFORM pek.merge_periods(of_group, old, new);
    SELECT m.* INTO merged FROM pek.membership_now AS m WHERE m.group_id = of_group AND m.user_id = new;
    FOREACH was IN ARRAY memberships LOOP
        CONTINUE WHEN (was.end_time, was.next_status) IS NOT DISTINCT FROM (merged.end_time, merged.next_status);
        PERFORM pek.move_end(was.user_id, ARRAY[of_group], was.end_time, merged.end_time);
        -- Who becomes a former member of an organisation stays in its groups.
        CONTINUE WHEN was.next_status IS DISTINCT FROM 5;
        below := ARRAY(SELECT m.group_id FROM pek.membership_now AS m
                        WHERE m.user_id = was.user_id AND m.group_id <> of_group AND m.end_time = was.end_time
                          AND of_group = (SELECT o.organisation_id FROM pek.group_organisation AS o
                                           WHERE o.group_id = m.group_id));
        PERFORM pek.move_end(was.user_id, below, was.end_time,
                             CASE merged.next_status WHEN 5 THEN merged.end_time END);
        RETURN QUERY SELECT unnest(below);
    END LOOP;
END $$;
REVOKE EXECUTE ON FUNCTION pek.move_end(text, text[], timestamptz, timestamptz), pek.merge_group(text, text, text) FROM PUBLIC;

-- As before, organisations first, and the log tells of all groups in which something changed.
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
    -- Who leads a group has not led it.
    DELETE FROM pek.post AS o USING pek.post_type AS t, pek.group_policy AS l, pek.policy_holding AS a
     WHERE o.user_id = new AND t.group_id = o.group_id AND t.id = o.type_id AND t.kind = 4
       AND l.group_id = o.group_id AND l.kind = 2 AND a.policy_id = l.policy_id AND a.user_id IN (old, new);
    PERFORM pek.merge_audit(new, g.id, jsonb_build_object('merged_from', old))
       FROM (SELECT DISTINCT unnest(groups || followed)) AS g (id);
    RETURN moved || jsonb_build_object('both_in', both_in);
END $$;

RESET ROLE;
