-- Two accounts of one person become one: whatever the realm has of the one is the other's from then on.
SET LOCAL ROLE pek_owner;

-- Whose account became another's. Nothing is ever the former one's again.
CREATE TABLE pek.user_merge (
    realm      text COLLATE "C" NOT NULL DEFAULT current_setting('pek.realm'),
    from_user  text COLLATE "C" NOT NULL CHECK (char_length(from_user) BETWEEN 1 AND 64),
    into_user  text COLLATE "C" NOT NULL CHECK (char_length(into_user) BETWEEN 1 AND 64 AND into_user <> from_user),
    merge_time timestamptz NOT NULL DEFAULT now(),
    -- What pek.merge_user answered, and answers when it is asked again.
    moved      jsonb NOT NULL,
    PRIMARY KEY (realm, from_user)
);
CREATE INDEX user_merge_into ON pek.user_merge (realm, into_user);
SELECT pek.isolate('pek.user_merge');
GRANT SELECT ON pek.user_merge TO pek_app;

-- Who still has the former id (a running request, an old link) makes nothing of it; also not while it is being merged: that
-- is waited for.
CREATE FUNCTION pek.refuse_merged() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    who text := CASE TG_TABLE_NAME WHEN 'person' THEN to_jsonb(NEW)->>'id' ELSE to_jsonb(NEW)->>'user_id' END;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('pek.user_merge ' || NEW.realm, 0));
    IF EXISTS (SELECT FROM pek.user_merge AS u WHERE u.realm = NEW.realm AND u.from_user = who) THEN
        RAISE EXCEPTION '% was merged into another account', who USING CONSTRAINT = 'user_merged';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse_merged BEFORE INSERT ON pek.person FOR EACH ROW EXECUTE FUNCTION pek.refuse_merged();
CREATE TRIGGER refuse_merged BEFORE INSERT ON pek.policy_assignment FOR EACH ROW EXECUTE FUNCTION pek.refuse_merged();

-- What policies say of a person is found, whatever else they say.
CREATE INDEX policy_statement_about ON pek.policy_statement (realm, user_id) WHERE user_id IS NOT NULL;

-- ---- memberships ----

-- What the log says of both in a group: of the former one what they were, as `former`.
CREATE FUNCTION pek.merge_audit(who text, of_group text, other jsonb) RETURNS void LANGUAGE sql AS $$
    INSERT INTO pek.audit_log (actor, action, target_kind, target_id, detail)
    SELECT 'operator', 'membership.merge', 'membership', of_group, other || jsonb_build_object('user_id', who,
               'flairs', to_jsonb(m.flairs),
               'posts', (SELECT jsonb_agg(o.type_id ORDER BY o.type_id) FROM pek.post AS o
                          WHERE o.group_id = of_group AND o.user_id = who),
               CASE WHEN other ? 'merged_into' THEN 'former' ELSE 'periods' END,
               (SELECT jsonb_agg(to_jsonb(s) - ARRAY['realm', 'group_id', 'user_id', 'next_seq'] ORDER BY s.seq)
                  FROM pek.membership_period AS s WHERE s.group_id = of_group AND s.user_id = who))
      FROM pek.membership AS m WHERE m.group_id = of_group AND m.user_id = who
$$;

-- Two memberships of one group as one: at each moment what was more (active, newcomer, applicant, former, archived). Of
-- what is planned the later end is kept, and none where one of them has none: nobody loses a day. No end makes an applicant.
CREATE FUNCTION pek.merge_periods(of_group text, old text, new text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    merged jsonb;
BEGIN
    WITH both_of AS (
        SELECT s.user_id, s.seq, s.status, s.begin_time, s.end_time, s.changed_by,
               array_position(ARRAY[3, 2, 1, 4, 5]::smallint[], s.status) AS place
          FROM pek.membership_period AS s WHERE s.group_id = of_group AND s.user_id IN (old, new)),
    at_edges AS (
        SELECT e.at, was.status, was.changed_by
          FROM (SELECT DISTINCT b.begin_time AS at FROM both_of AS b) AS e
         CROSS JOIN LATERAL (
            SELECT b.status, b.changed_by FROM both_of AS b
             WHERE b.begin_time <= e.at AND (b.end_time IS NULL OR b.end_time > e.at)
             ORDER BY b.place, b.user_id = new DESC LIMIT 1) AS was),
    changes AS (
        SELECT c.* FROM (SELECT a.*, lag(a.status) OVER (ORDER BY a.at) AS before FROM at_edges AS a) AS c
         WHERE c.before IS DISTINCT FROM c.status),
    past AS (SELECT c.* FROM changes AS c WHERE c.at <= clock_timestamp()),
    kept AS (
        SELECT p.at, p.status, p.changed_by FROM past AS p
        UNION ALL
        (SELECT c.at, CASE c.status WHEN 1 THEN 5 ELSE c.status END, c.changed_by FROM changes AS c
          WHERE c.at > clock_timestamp() AND c.at = (SELECT max(l.at) FROM changes AS l)
            AND c.status NOT IN (2, 3)))
    SELECT jsonb_agg(jsonb_build_object('status', k.status, 'begin_time', k.at, 'changed_by', k.changed_by) ORDER BY k.at)
      INTO merged FROM kept AS k;

    DELETE FROM pek.membership_period AS s WHERE s.group_id = of_group AND s.user_id IN (old, new);
    INSERT INTO pek.membership_period (group_id, user_id, seq, status, begin_time, end_time, changed_by)
    SELECT of_group, new, k.seq, k.status, k.begin_time, lead(k.begin_time) OVER (ORDER BY k.seq), k.changed_by
      FROM ROWS FROM (jsonb_to_recordset(merged) AS (status smallint, begin_time timestamptz, changed_by text))
           WITH ORDINALITY AS k (status, begin_time, changed_by, seq);
    UPDATE pek.membership AS m
       SET create_time = least(m.create_time, o.create_time), update_time = now(), version = m.version + 1,
           paced_until = greatest(m.paced_until, o.paced_until),
           flairs = ARRAY(SELECT f.flair FROM unnest(m.flairs || o.flairs) WITH ORDINALITY AS f (flair, place)
                           GROUP BY f.flair ORDER BY min(f.place) LIMIT 10),
           sort_key = CASE merged->-1->>'status' WHEN '1' THEN '\x00'::bytea ELSE '\x01'::bytea END
               || substr(m.sort_key, 2)
      FROM pek.membership AS o
     WHERE m.group_id = of_group AND m.user_id = new AND o.group_id = of_group AND o.user_id = old;
END $$;

CREATE FUNCTION pek.merge_memberships(old text, new text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    groups text[] := ARRAY(SELECT m.group_id FROM pek.membership AS m WHERE m.user_id = old ORDER BY 1);
    both_in text[] := ARRAY(SELECT m.group_id FROM pek.membership AS m
                             WHERE m.user_id = new AND m.group_id = ANY (groups) ORDER BY 1);
    moved jsonb;
BEGIN
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
    DELETE FROM pek.membership AS m WHERE m.user_id = old;
    -- Who leads a group has not led it.
    DELETE FROM pek.post AS o USING pek.post_type AS t, pek.group_policy AS l, pek.policy_holding AS a
     WHERE o.user_id = new AND t.group_id = o.group_id AND t.id = o.type_id AND t.kind = 4
       AND l.group_id = o.group_id AND l.kind = 2 AND a.policy_id = l.policy_id AND a.user_id IN (old, new);
    PERFORM pek.merge_audit(new, g.id, jsonb_build_object('merged_from', old)) FROM unnest(groups) AS g (id);
    RETURN moved || jsonb_build_object('both_in', both_in);
END $$;

-- ---- policies ----

-- Of an assignment that both have, the one that lasts longer. Of members' policies it ends as the membership does.
CREATE FUNCTION pek.merge_policies(old text, new text, both_in text[]) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    moved jsonb := jsonb_build_object(
        'policies', (SELECT count(*) FROM pek.policy_assignment AS a WHERE a.user_id = old),
        'leads', (SELECT count(*) FROM pek.policy_holding AS a JOIN pek.group_policy AS l ON l.policy_id = a.policy_id
                   WHERE a.user_id = old AND l.kind = 2),
        'statements', (SELECT count(*) FROM pek.policy_statement AS s WHERE s.user_id = old));
BEGIN
    INSERT INTO pek.policy_assignment AS mine (policy_id, user_id, assign_time, assigned_by, valid_until)
    SELECT a.policy_id, new, a.assign_time, a.assigned_by, a.valid_until FROM pek.policy_assignment AS a
     WHERE a.user_id = old ORDER BY a.policy_id
        ON CONFLICT (realm, policy_id, user_id) DO UPDATE
       SET valid_until = CASE WHEN mine.valid_until IS NOT NULL AND EXCLUDED.valid_until IS NOT NULL
                              THEN greatest(mine.valid_until, EXCLUDED.valid_until) END;
    DELETE FROM pek.policy_assignment AS a WHERE a.user_id = old;
    UPDATE pek.policy_assignment AS a SET assigned_by = new WHERE a.assigned_by = old;
    UPDATE pek.policy_assignment AS a
       SET valid_until = (SELECT min(n.begin_time) FROM pek.membership_period AS n
                           WHERE n.group_id = l.group_id AND n.user_id = new
                             AND n.begin_time > statement_timestamp() AND n.status NOT IN (2, 3))
      FROM pek.group_policy AS l
     WHERE l.policy_id = a.policy_id AND l.kind IN (1, 3) AND l.group_id = ANY (both_in) AND a.user_id = new;

    -- What policies say about the person.
    UPDATE pek.policy_statement AS s SET actions = s.actions | o.actions FROM pek.policy_statement AS o
     WHERE o.user_id = old AND s.user_id = new AND s.policy_id = o.policy_id AND s.resource = o.resource
       AND s.group_id IS NOT DISTINCT FROM o.group_id;
    DELETE FROM pek.policy_statement AS o USING pek.policy_statement AS s
     WHERE o.user_id = old AND s.user_id = new AND s.policy_id = o.policy_id AND s.resource = o.resource
       AND s.group_id IS NOT DISTINCT FROM o.group_id;
    UPDATE pek.policy_statement AS s SET user_id = new WHERE s.user_id = old;

    -- And what they made, which is counted: most made nothing, and nobody is looked through for it.
    IF NOT EXISTS (SELECT FROM pek.policy_count AS c WHERE c.made_by = old) THEN
        RETURN moved;
    END IF;
    UPDATE pek.policy AS p SET made_by = new WHERE p.made_by = old;
    UPDATE pek.policy_statement AS s SET made_by = new WHERE s.made_by = old;
    INSERT INTO pek.policy_count AS c (made_by, policies, statements)
    SELECT new, o.policies, o.statements FROM pek.policy_count AS o WHERE o.made_by = old
        ON CONFLICT (realm, made_by) DO UPDATE
       SET policies = c.policies + EXCLUDED.policies, statements = c.statements + EXCLUDED.statements;
    DELETE FROM pek.policy_count AS c WHERE c.made_by = old;
    RETURN moved;
END $$;

-- ---- the whole ----

-- Merges come in any order: into whom was merged meanwhile, is into the account that they became.
CREATE FUNCTION pek.merge_user_now(old text, named text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    new text;
    result jsonb;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('pek.user_merge ' || current_setting('pek.realm'), 0));
    new := coalesce((SELECT u.into_user FROM pek.user_merge AS u WHERE u.from_user = named), named);
    SELECT u.moved INTO result FROM pek.user_merge AS u WHERE u.from_user = old AND u.into_user = new;
    IF FOUND THEN
        RETURN result;
    END IF;
    IF old = new OR EXISTS (SELECT FROM pek.user_merge AS u WHERE u.from_user = old) THEN
        RAISE EXCEPTION '% was merged into another account, or is that account', old USING CONSTRAINT = 'user_merged';
    END IF;
    -- Nobody makes either of them a member, or changes what they are, until the end: in the order of all changes.
    PERFORM FROM pek.person AS p WHERE p.id IN (old, new) ORDER BY p.id FOR UPDATE;
    PERFORM FROM pek.membership AS m WHERE m.user_id IN (old, new) ORDER BY m.group_id, m.user_id FOR UPDATE;
    PERFORM pg_advisory_xact_lock(hashtextextended('pek.policy ' || current_setting('pek.realm'), 0));

    INSERT INTO pek.person (id, display_name, folded, sort_key)
    SELECT new, p.display_name, p.folded, p.sort_key FROM pek.person AS p WHERE p.id = old ON CONFLICT DO NOTHING;
    result := pek.merge_memberships(old, new);
    result := result || pek.merge_policies(old, new, ARRAY(SELECT jsonb_array_elements_text(result->'both_in')));
    result := result - 'both_in';
    INSERT INTO pek.realm_user (user_id, first_token_time)
    SELECT new, r.first_token_time FROM pek.realm_user AS r WHERE r.user_id = old ON CONFLICT DO NOTHING;
    DELETE FROM pek.realm_user AS r WHERE r.user_id = old;
    -- What is still to be told: nobody is told of what they did themselves.
    DELETE FROM pek.notification AS n
     WHERE NOT n.retracts AND (n.recipient, n.actor) IN ((old, new), (new, old));
    UPDATE pek.notification AS n
       SET recipient = CASE n.recipient WHEN old THEN new ELSE n.recipient END,
           actor = CASE n.actor WHEN old THEN new ELSE n.actor END,
           subject = CASE n.subject WHEN old THEN new ELSE n.subject END
     WHERE old IN (n.recipient, n.actor, n.subject);
    UPDATE pek.person AS p SET met_by = new WHERE p.met_by = old;
    DELETE FROM pek.person AS p WHERE p.id = old;
    UPDATE pek.user_merge AS u SET into_user = new WHERE u.into_user = old;
    INSERT INTO pek.user_merge (from_user, into_user, moved) VALUES (old, new, result);
    INSERT INTO pek.audit_log (actor, action, target_kind, target_id, detail)
    VALUES ('operator', 'user.merge', 'user', new, result || jsonb_build_object('merged_from', old));
    SET CONSTRAINTS ALL IMMEDIATE;
    RETURN result;
END $$;

-- What was moved, as counts; `dry` undoes it. Idempotent. The program may do this, and nothing like it.
CREATE FUNCTION pek.merge_user(old text, new text, dry boolean) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    result jsonb;
BEGIN
    BEGIN
        result := pek.merge_user_now(old, new);
        IF dry THEN
            RAISE EXCEPTION 'dry run' USING ERRCODE = 'PKDRY';
        END IF;
    EXCEPTION WHEN SQLSTATE 'PKDRY' THEN NULL;
    END;
    RETURN result;
END $$;

REVOKE EXECUTE ON FUNCTION pek.refuse_merged(), pek.merge_audit(text, text, jsonb), pek.merge_periods(text, text, text),
    pek.merge_memberships(text, text), pek.merge_policies(text, text, text[]), pek.merge_user_now(text, text),
    pek.merge_user(text, text, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pek.merge_user(text, text, boolean) TO pek_app;

RESET ROLE;
