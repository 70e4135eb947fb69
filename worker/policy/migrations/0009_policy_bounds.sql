-- GOD is a right of its own, which one policy of a realm has; policies and statements are counted by who made them;
-- and the application may do no more with these tables than it does.
SET LOCAL ROLE pek_owner;

-- ---- GOD: bit 11 ----

ALTER TABLE pek.policy_statement DROP CONSTRAINT policy_statement_actions_check;
-- Rows of all realms: the owner must not be bound by row security for a moment.
ALTER TABLE pek.policy_statement NO FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.policy NO FORCE ROW LEVEL SECURITY;
UPDATE pek.policy_statement AS s SET actions = 4095
  FROM pek.policy AS p
 WHERE p.realm = s.realm AND p.id = s.policy_id AND p.name = 'GOD' AND p.parent_id IS NULL
   AND s.group_id IS NULL AND s.user_id IS NULL AND s.resource = 'REALM' AND s.actions = 2047;
ALTER TABLE pek.policy_statement FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.policy FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.policy_statement
    ADD CONSTRAINT policy_statement_actions_check CHECK (actions BETWEEN 1 AND 4095),
    -- No restricted statement makes GOD, and none has GOD without everything else.
    ADD CONSTRAINT policy_statement_god CHECK
        (actions < 2048 OR (actions = 4095 AND resource = 'REALM' AND group_id IS NULL AND user_id IS NULL));
-- One policy of a realm, and found at once.
CREATE UNIQUE INDEX policy_statement_god_key ON pek.policy_statement (realm) WHERE actions >= 2048;

-- Those who have had a token of this realm: the hub vouched for them. An administrator is counted among the realm's
-- only when they are here.
CREATE TABLE pek.realm_user (
    realm            text COLLATE "C" NOT NULL DEFAULT current_setting('pek.realm'),
    user_id          text COLLATE "C" NOT NULL CHECK (user_id ~ '^[a-z0-9][a-z0-9._-]{0,63}$'),
    first_token_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (realm, user_id)
);
SELECT pek.isolate('pek.realm_user');

-- The statement of GOD is written by the owner; GOD is given by who has it, and to somebody else.
CREATE FUNCTION pek.only_the_owner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT pg_has_role(current_user, 'pek_owner', 'USAGE') THEN
        RAISE EXCEPTION 'GOD is made by the owner of the tables' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER god_statement BEFORE INSERT OR UPDATE ON pek.policy_statement
    FOR EACH ROW WHEN (NEW.actions >= 2048) EXECUTE FUNCTION pek.only_the_owner();

CREATE FUNCTION pek.god_from_god() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM pek.policy_statement AS s
                WHERE s.realm = NEW.realm AND s.policy_id = NEW.policy_id AND s.actions >= 2048)
       AND NOT pg_has_role(current_user, 'pek_owner', 'USAGE')
       AND (NEW.assigned_by = NEW.user_id
            OR NOT EXISTS (SELECT FROM pek.policy_assignment AS a
                            WHERE a.realm = NEW.realm AND a.policy_id = NEW.policy_id
                              AND a.user_id = NEW.assigned_by)) THEN
        RAISE EXCEPTION 'GOD is given by who has it' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER god_assignment BEFORE INSERT OR UPDATE ON pek.policy_assignment
    FOR EACH ROW EXECUTE FUNCTION pek.god_from_god();

-- Makes the realm's GOD policy unless it is there, and gives it to a user; for the operator, as the owner or a
-- superuser: SET pek.realm = 'worker-acme'; SELECT pek.make_god('alice');
CREATE FUNCTION pek.make_god(who text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    god bigint;
BEGIN
    IF who !~ '^[a-z0-9][a-z0-9._-]{0,63}$' THEN
        RAISE EXCEPTION '% is no user''s id', who USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('pek.policy ' || current_setting('pek.realm'), 0));
    SELECT s.policy_id INTO god FROM pek.policy_statement AS s WHERE s.actions >= 2048;
    IF god IS NULL THEN
        INSERT INTO pek.policy (name, unique_key, can_issue) VALUES ('GOD', 'god', true) RETURNING id INTO god;
        INSERT INTO pek.policy_statement (policy_id, resource, actions) VALUES (god, 'REALM', 4095);
        INSERT INTO pek.audit_log (actor, action, target_kind, target_id, detail)
        VALUES ('operator', 'policy.create', 'policy', god::text, jsonb_build_object('name', 'GOD'));
    END IF;
    INSERT INTO pek.policy_assignment (policy_id, user_id, assigned_by) VALUES (god, who, 'operator')
        ON CONFLICT DO NOTHING;
    IF FOUND THEN
        INSERT INTO pek.audit_log (actor, action, target_kind, target_id, detail)
        VALUES ('operator', 'policy.assign', 'policy', god::text, jsonb_build_object('user_id', who));
    END IF;
END $$;

-- ---- who made how much ----

-- NULL: the realm itself (GOD, the policies of groups, what the operator made).
ALTER TABLE pek.policy ADD COLUMN made_by text COLLATE "C" CHECK (char_length(made_by) BETWEEN 1 AND 64);
ALTER TABLE pek.policy_statement
    ADD COLUMN made_by text COLLATE "C" CHECK (char_length(made_by) BETWEEN 1 AND 64);

-- Kept by the triggers below, so that a limit costs the same however much there is. '' is the whole realm.
CREATE TABLE pek.policy_count (
    realm      text COLLATE "C" NOT NULL DEFAULT current_setting('pek.realm'),
    made_by    text COLLATE "C" NOT NULL,
    policies   bigint NOT NULL,
    statements bigint NOT NULL,
    PRIMARY KEY (realm, made_by)
);
SELECT pek.isolate('pek.policy_count');

CREATE FUNCTION pek.count_made() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    sign integer := CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END;
    former text := current_setting('pek.realm', true);
    changed record;
BEGIN
    -- Rows are of one realm, but for what a superuser does. In one order, so that no two wait for one another.
    FOR changed IN SELECT realm, coalesce(made_by, '') AS made_by, sign * count(*) AS number FROM changed_rows
                    WHERE made_by IS NOT NULL
                    GROUP BY GROUPING SETS ((realm), (realm, made_by)) ORDER BY 1, 2
    LOOP
        PERFORM set_config('pek.realm', changed.realm, true);
        INSERT INTO pek.policy_count AS c (realm, made_by, policies, statements)
        VALUES (changed.realm, changed.made_by,
                CASE TG_TABLE_NAME WHEN 'policy' THEN changed.number ELSE 0 END,
                CASE TG_TABLE_NAME WHEN 'policy' THEN 0 ELSE changed.number END)
            ON CONFLICT (realm, made_by) DO UPDATE
           SET policies = c.policies + EXCLUDED.policies, statements = c.statements + EXCLUDED.statements;
    END LOOP;
    PERFORM set_config('pek.realm', coalesce(former, ''), true);
    RETURN NULL;
END $$;
CREATE TRIGGER count_insert AFTER INSERT ON pek.policy
    REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION pek.count_made();
CREATE TRIGGER count_delete AFTER DELETE ON pek.policy
    REFERENCING OLD TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION pek.count_made();
CREATE TRIGGER count_insert AFTER INSERT ON pek.policy_statement
    REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION pek.count_made();
CREATE TRIGGER count_delete AFTER DELETE ON pek.policy_statement
    REFERENCING OLD TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION pek.count_made();

-- Who manages a group by a statement of its own: what a new group below it asks for.
CREATE INDEX policy_statement_manage ON pek.policy_statement (realm, group_id, policy_id)
    WHERE user_id IS NULL AND actions & 16 <> 0 AND resource <> 'GROUP_ESCALATION';
-- Those of people, among the many that may follow from them.
CREATE INDEX policy_statement_people ON pek.policy_statement (realm, policy_id, id)
    WHERE resource <> 'GROUP_ESCALATION';
-- What one gave to another.
CREATE INDEX policy_assignment_given ON pek.policy_assignment (realm, user_id, assigned_by);

-- ---- what the application may ----

REVOKE ALL ON pek.search_gram, pek.realm_state, pek.realm_group, pek.policy, pek.policy_statement, pek.policy_assignment, pek.audit_log,
    pek.idempotency FROM pek_app;
GRANT SELECT, INSERT (collator_version), UPDATE (collator_version, search_version) ON pek.realm_state TO pek_app;
GRANT SELECT,
      INSERT (id, parent_id, name, unique_key, folded, sort_key, description, purpose, foundation_time, webpage,
              mail, is_community, is_resort, is_task_force, has_transitive_membership),
      UPDATE (parent_id, name, unique_key, folded, sort_key, description, purpose, webpage, mail, is_community,
              is_resort, is_task_force, has_transitive_membership, is_archived, archive_id, users_can_apply,
              archived_members_visible, update_time, version)
   ON pek.realm_group TO pek_app;
GRANT SELECT, INSERT (name, unique_key, parent_id, can_issue, made_by), UPDATE (version), DELETE
   ON pek.policy TO pek_app;
GRANT SELECT, INSERT (policy_id, group_id, user_id, resource, actions, made_by),
      UPDATE (group_id, user_id, resource, actions), DELETE ON pek.policy_statement TO pek_app;
GRANT SELECT, INSERT (policy_id, user_id, assigned_by), DELETE ON pek.policy_assignment TO pek_app;
GRANT SELECT ON pek.policy_count TO pek_app;
GRANT SELECT, INSERT (user_id) ON pek.realm_user TO pek_app;
GRANT SELECT, INSERT (kind, gram, sort_key, id, folded, realm), DELETE ON pek.search_gram TO pek_app;
-- Append-only.
GRANT INSERT (actor, action, target_kind, target_id, trace_id, detail) ON pek.audit_log TO pek_app;
GRANT SELECT, INSERT (user_id, key, method, request_sha256), UPDATE (response), DELETE
   ON pek.idempotency TO pek_app;

REVOKE EXECUTE ON FUNCTION pek.tell_assigned(), pek.tell_holders(), pek.tell_holders_of_policy(),
    pek.only_the_owner(), pek.god_from_god(), pek.make_god(text), pek.count_made() FROM PUBLIC;

RESET ROLE;
