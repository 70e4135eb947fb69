-- What a policy has on one group or user is found by what it is about, however much else others wrote into it or about that
-- group: statements on one user of a group come behind those on the group itself.
SET LOCAL ROLE pek_owner;

ALTER TABLE pek.policy_statement DROP CONSTRAINT policy_statement_key;
ALTER TABLE pek.policy_statement ADD CONSTRAINT policy_statement_key
    UNIQUE NULLS NOT DISTINCT (realm, policy_id, user_id, group_id, resource);

DROP INDEX pek.policy_statement_group;
CREATE INDEX policy_statement_group ON pek.policy_statement (realm, group_id, user_id, policy_id);

RESET ROLE;
