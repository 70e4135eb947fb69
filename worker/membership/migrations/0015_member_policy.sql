-- Policies that belong to a group, by what they are for; a name could be anybody's.
SET LOCAL ROLE pek_owner;

CREATE TABLE pek.group_policy (
    realm     text COLLATE "C" NOT NULL DEFAULT current_setting('pek.realm'),
    group_id  text COLLATE "C" NOT NULL,
    -- 1: Members of GROUP
    kind      smallint NOT NULL CHECK (kind = 1),
    policy_id bigint NOT NULL,
    PRIMARY KEY (realm, group_id, kind),
    CONSTRAINT group_policy_group_fkey FOREIGN KEY (realm, group_id)
        REFERENCES pek.realm_group (realm, id) ON DELETE CASCADE,
    CONSTRAINT group_policy_policy_fkey FOREIGN KEY (realm, policy_id)
        REFERENCES pek.policy (realm, id) ON DELETE CASCADE
);
-- Whoever deletes a policy finds what goes with it.
CREATE INDEX group_policy_policy ON pek.group_policy (realm, policy_id);
SELECT pek.isolate('pek.group_policy');
GRANT SELECT, INSERT (group_id, kind, policy_id) ON pek.group_policy TO pek_app;

-- Who is a member already sees the group as well. Rows of all realms: the owner must not be bound by row security for a
-- moment. A name that somebody has taken is theirs: those groups get their policy with the next change of a membership.
ALTER TABLE pek.membership NO FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.membership_period NO FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.policy NO FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.policy_statement NO FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.policy_assignment NO FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.group_policy NO FORCE ROW LEVEL SECURITY;

CREATE TEMPORARY TABLE due ON COMMIT DROP AS
SELECT s.realm, s.group_id, s.user_id,
       (SELECT min(n.begin_time) FROM pek.membership_period AS n
         WHERE n.realm = s.realm AND n.group_id = s.group_id AND n.user_id = s.user_id
           AND n.begin_time > statement_timestamp() AND n.status NOT IN (2, 3)) AS valid_until
  FROM pek.membership_period AS s
 WHERE s.status IN (2, 3) AND s.begin_time <= statement_timestamp()
   AND (s.end_time IS NULL OR s.end_time > statement_timestamp());

WITH made AS (
    INSERT INTO pek.policy (realm, name, unique_key, parent_id, can_issue)
    SELECT d.realm, 'Members of ' || d.group_id, 'members of ' || d.group_id,
           (SELECT p.id FROM pek.policy AS p WHERE p.realm = d.realm AND p.name = 'GOD'), false
      FROM (SELECT DISTINCT realm, group_id FROM due) AS d
        ON CONFLICT DO NOTHING
    RETURNING realm, id, substr(name, length('Members of ') + 1) AS group_id),
statement AS (
    INSERT INTO pek.policy_statement (realm, policy_id, group_id, resource, actions)
    SELECT made.realm, made.id, made.group_id, 'GROUP', 5 FROM made)
INSERT INTO pek.group_policy (realm, group_id, kind, policy_id)
SELECT made.realm, made.group_id, 1, made.id FROM made;

INSERT INTO pek.policy_assignment (realm, policy_id, user_id, assigned_by, valid_until)
SELECT d.realm, l.policy_id, d.user_id, 'system', d.valid_until
  FROM due AS d JOIN pek.group_policy AS l ON l.realm = d.realm AND l.group_id = d.group_id AND l.kind = 1;

ALTER TABLE pek.membership FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.membership_period FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.policy FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.policy_statement FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.policy_assignment FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.group_policy FORCE ROW LEVEL SECURITY;

RESET ROLE;
