-- Policies: named sets of statements, assigned to users.
SET LOCAL ROLE pek_owner;

CREATE TABLE pek.policy (
    realm       text COLLATE "C" NOT NULL DEFAULT current_setting('pek.realm'),
    id          bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    name        text COLLATE "C" NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    parent_id   bigint CHECK (parent_id <> id),
    can_issue   boolean NOT NULL DEFAULT false,
    create_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (realm, id),
    CONSTRAINT policy_name_key UNIQUE (realm, name),
    CONSTRAINT policy_parent_fkey FOREIGN KEY (realm, parent_id)
        REFERENCES pek.policy (realm, id) ON DELETE CASCADE
);
CREATE INDEX policy_children ON pek.policy (realm, parent_id);

-- What a policy allows. A restriction is NULL when there is none; so the row of a group that goes away must
-- go with it (CASCADE): SET NULL would turn a right on one group into a right on all.
CREATE TABLE pek.policy_statement (
    realm     text COLLATE "C" NOT NULL DEFAULT current_setting('pek.realm'),
    id        bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    policy_id bigint NOT NULL,
    group_id  text COLLATE "C",
    user_id   text COLLATE "C" CHECK (char_length(user_id) BETWEEN 1 AND 64),
    -- Why the statement exists: 'REALM', 'GROUP', or 'GROUP_ESCALATION' for those that the system writes.
    resource  text COLLATE "C" NOT NULL CHECK (resource <> ''),
    -- Bit n - 1 is pek.Action n.
    actions   integer NOT NULL CHECK (actions BETWEEN 1 AND 2047),
    PRIMARY KEY (realm, id),
    CONSTRAINT policy_statement_key
        UNIQUE NULLS NOT DISTINCT (realm, policy_id, group_id, user_id, resource),
    CONSTRAINT policy_statement_policy_fkey FOREIGN KEY (realm, policy_id)
        REFERENCES pek.policy (realm, id) ON DELETE CASCADE,
    CONSTRAINT policy_statement_group_fkey FOREIGN KEY (realm, group_id)
        REFERENCES pek.realm_group (realm, id) ON DELETE CASCADE,
    -- A second bolt on the same door: kinds that name a group cannot lose it.
    CONSTRAINT policy_statement_restricted CHECK
        (resource NOT IN ('GROUP', 'GROUP_ESCALATION') OR group_id IS NOT NULL)
);
CREATE INDEX policy_statement_group ON pek.policy_statement (realm, group_id);

CREATE TABLE pek.policy_assignment (
    realm       text COLLATE "C" NOT NULL DEFAULT current_setting('pek.realm'),
    policy_id   bigint NOT NULL,
    user_id     text COLLATE "C" NOT NULL CHECK (char_length(user_id) BETWEEN 1 AND 64),
    assign_time timestamptz NOT NULL DEFAULT now(),
    assigned_by text COLLATE "C" NOT NULL,
    PRIMARY KEY (realm, policy_id, user_id),
    CONSTRAINT policy_assignment_policy_fkey FOREIGN KEY (realm, policy_id)
        REFERENCES pek.policy (realm, id) ON DELETE CASCADE
);
CREATE INDEX policy_assignment_user ON pek.policy_assignment (realm, user_id, policy_id);

SELECT pek.isolate('pek.policy');
SELECT pek.isolate('pek.policy_statement');
SELECT pek.isolate('pek.policy_assignment');
GRANT SELECT, INSERT, UPDATE, DELETE ON pek.policy, pek.policy_statement, pek.policy_assignment TO pek_app;

-- Whoever caches somebody's rights hears of every change, in the transaction that makes it: channel
-- pek_policy, payload 'realm user'. Statement triggers, so that a cascade over many rows tells each user once.
CREATE FUNCTION pek.tell_assigned() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP IN ('DELETE', 'UPDATE') THEN
        PERFORM pg_notify('pek_policy', realm || ' ' || user_id)
           FROM (SELECT DISTINCT realm, user_id FROM old_rows) AS told;
    END IF;
    IF TG_OP IN ('INSERT', 'UPDATE') THEN
        PERFORM pg_notify('pek_policy', realm || ' ' || user_id)
           FROM (SELECT DISTINCT realm, user_id FROM new_rows) AS told;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION pek.tell_holders() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP IN ('DELETE', 'UPDATE') THEN
        PERFORM pg_notify('pek_policy', realm || ' ' || user_id)
           FROM (SELECT DISTINCT a.realm, a.user_id
                   FROM pek.policy_assignment AS a
                   JOIN old_rows AS s ON s.realm = a.realm AND s.policy_id = a.policy_id) AS told;
    END IF;
    IF TG_OP IN ('INSERT', 'UPDATE') THEN
        PERFORM pg_notify('pek_policy', realm || ' ' || user_id)
           FROM (SELECT DISTINCT a.realm, a.user_id
                   FROM pek.policy_assignment AS a
                   JOIN new_rows AS s ON s.realm = a.realm AND s.policy_id = a.policy_id) AS told;
    END IF;
    RETURN NULL;
END $$;

-- A policy's own row matters to its holders by its name, which is what a hint says. A deleted policy takes
-- its assignments along, and their trigger speaks.
CREATE FUNCTION pek.tell_holders_of_policy() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('pek_policy', realm || ' ' || user_id)
       FROM (SELECT DISTINCT a.realm, a.user_id
               FROM pek.policy_assignment AS a
               JOIN new_rows AS p ON p.realm = a.realm AND p.id = a.policy_id) AS told;
    RETURN NULL;
END $$;

CREATE TRIGGER tell_insert AFTER INSERT ON pek.policy_assignment
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION pek.tell_assigned();
CREATE TRIGGER tell_update AFTER UPDATE ON pek.policy_assignment
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION pek.tell_assigned();
CREATE TRIGGER tell_delete AFTER DELETE ON pek.policy_assignment
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION pek.tell_assigned();

CREATE TRIGGER tell_insert AFTER INSERT ON pek.policy_statement
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION pek.tell_holders();
CREATE TRIGGER tell_update AFTER UPDATE ON pek.policy_statement
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION pek.tell_holders();
CREATE TRIGGER tell_delete AFTER DELETE ON pek.policy_statement
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION pek.tell_holders();

CREATE TRIGGER tell_update AFTER UPDATE ON pek.policy
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION pek.tell_holders_of_policy();

RESET ROLE;
