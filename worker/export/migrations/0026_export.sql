-- What is stored about one person is found by the person, however much is stored about others.
SET LOCAL ROLE pek_owner;

CREATE INDEX audit_log_actor ON pek.audit_log (realm, actor, id);
CREATE INDEX audit_log_about ON pek.audit_log (realm, (detail->>'user_id'), id) WHERE detail ? 'user_id';
CREATE INDEX policy_assignment_by ON pek.policy_assignment (realm, assigned_by);
CREATE INDEX policy_made_by ON pek.policy (realm, made_by) WHERE made_by IS NOT NULL;
CREATE INDEX policy_statement_made_by ON pek.policy_statement (realm, made_by) WHERE made_by IS NOT NULL;
CREATE INDEX policy_statement_user ON pek.policy_statement (realm, user_id) WHERE user_id IS NOT NULL;
CREATE INDEX membership_period_changed_by ON pek.membership_period (realm, changed_by);
CREATE INDEX membership_period_user ON pek.membership_period (realm, user_id);
CREATE INDEX post_given_by ON pek.post (realm, given_by);
CREATE INDEX person_met_by_all ON pek.person (realm, met_by) WHERE met_by <> '';

RESET ROLE;
