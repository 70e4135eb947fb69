-- Assignments that end by themselves.
SET LOCAL ROLE pek_owner;

ALTER TABLE pek.policy_assignment ADD COLUMN valid_until timestamptz;
CREATE INDEX policy_assignment_ends ON pek.policy_assignment (realm, valid_until) WHERE valid_until IS NOT NULL;

-- What is in force. Whoever asks for rights asks here, so that what is over gives none, on every replica.
CREATE VIEW pek.policy_holding WITH (security_invoker = true) AS
SELECT a.realm, a.policy_id, a.user_id, a.assign_time, a.assigned_by, a.valid_until
  FROM pek.policy_assignment AS a
 WHERE a.valid_until IS NULL OR a.valid_until > statement_timestamp();

-- As before, but GOD that is over gives nothing on.
CREATE OR REPLACE FUNCTION pek.god_from_god() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM pek.policy_statement AS s
                WHERE s.realm = NEW.realm AND s.policy_id = NEW.policy_id AND s.actions >= 2048)
       AND NOT pg_has_role(current_user, 'pek_owner', 'USAGE')
       AND (NEW.assigned_by = NEW.user_id
            OR NOT EXISTS (SELECT FROM pek.policy_holding AS a
                            WHERE a.realm = NEW.realm AND a.policy_id = NEW.policy_id
                              AND a.user_id = NEW.assigned_by)) THEN
        RAISE EXCEPTION 'GOD is given by who has it' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;

-- Another end is another assignment.
GRANT INSERT (valid_until) ON pek.policy_assignment TO pek_app;
GRANT SELECT ON pek.policy_holding TO pek_app;

RESET ROLE;
