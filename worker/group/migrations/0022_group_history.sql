-- What the audit log says of a group, for its history; with the rights and the realm of who asks.
SET LOCAL ROLE pek_owner;

CREATE VIEW pek.group_history WITH (security_invoker = true) AS
SELECT l.realm, l.id, l.target_id AS group_id, l.create_time, l.actor, l.action,
       coalesce(l.detail->>'user_id', '') AS user_id, int8send(9223372036854775807 - l.id) AS sort_key,
       l.target_kind
  FROM pek.audit_log AS l;

-- What it shows, and no more: trace ids are the operator's.
GRANT SELECT (realm, id, target_id, create_time, actor, action, detail, target_kind) ON pek.audit_log TO pek_app;
GRANT SELECT ON pek.group_history TO pek_app;

RESET ROLE;
