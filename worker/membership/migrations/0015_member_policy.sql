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

-- Whoever leads a group is a member of it, since they lead; and who is a member sees the group. Rows of all realms: the owner must not be bound by row security for a
-- moment. A name that somebody has taken is theirs: those groups get their policy with the next change of a membership.
ALTER TABLE pek.audit_log NO FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.person NO FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.membership NO FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.membership_period NO FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.policy NO FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.policy_statement NO FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.policy_assignment NO FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.group_policy NO FORCE ROW LEVEL SECURITY;

-- The policies that the realm made; people may have used such a name before.
CREATE TEMPORARY TABLE leads ON COMMIT DROP AS
SELECT p.realm, s.group_id, a.user_id, a.assign_time
  FROM pek.policy AS p
  JOIN pek.policy_statement AS s ON s.realm = p.realm AND s.policy_id = p.id
  JOIN pek.policy_assignment AS a ON a.realm = p.realm AND a.policy_id = p.id
 WHERE p.name = 'GOD in ' || s.group_id AND p.made_by IS NULL AND s.resource = 'GROUP' AND s.user_id IS NULL
   AND s.actions = 2047 AND a.valid_until IS NULL AND a.user_id ~ '^[a-z0-9][a-z0-9._-]{0,63}$';

-- The hub is asked for the names.
INSERT INTO pek.person (realm, id, display_name, folded, sort_key)
SELECT DISTINCT l.realm, l.user_id, l.user_id, l.user_id, convert_to(l.user_id, 'UTF8') FROM leads AS l
    ON CONFLICT DO NOTHING;

WITH made AS (
    INSERT INTO pek.membership (realm, group_id, user_id, sort_key)
    SELECT l.realm, l.group_id, l.user_id, '\x01'::bytea || p.sort_key
      FROM leads AS l JOIN pek.person AS p ON p.realm = l.realm AND p.id = l.user_id
        ON CONFLICT DO NOTHING
    RETURNING realm, group_id, user_id),
period AS (
    INSERT INTO pek.membership_period AS s (realm, group_id, user_id, seq, status, begin_time, changed_by)
    SELECT l.realm, l.group_id, l.user_id, 1, 3, l.assign_time, 'system'
      FROM made AS m JOIN leads AS l ON l.realm = m.realm AND l.group_id = m.group_id AND l.user_id = m.user_id
    RETURNING s.*)
INSERT INTO pek.audit_log (realm, actor, action, target_kind, target_id, detail)
SELECT s.realm, 'system', 'membership.add', 'membership', s.group_id,
       jsonb_build_object('user_id', s.user_id, 'periods', jsonb_build_array(
           to_jsonb(s) - ARRAY['realm', 'group_id', 'user_id', 'next_seq']))
  FROM period AS s;

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

-- No table is altered while a constraint waits for the end.
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE pek.audit_log FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.person FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.membership FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.membership_period FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.policy FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.policy_statement FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.policy_assignment FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.group_policy FORCE ROW LEVEL SECURITY;

RESET ROLE;
