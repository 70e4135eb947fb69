-- What the hub's role may do: what the hub does, and no more. It makes no administrators, opens no account that was
-- locked and changes nobody's name at the provider: pekctl and pek-hub do that, as the owner.
REVOKE ALL ON ALL TABLES IN SCHEMA hub FROM pek_app;

GRANT SELECT, INSERT (id, authsch_id, username, name), UPDATE (name, last_login_at) ON hub.user_account TO pek_app;
GRANT SELECT, INSERT (id, user_id, expires_at), UPDATE (last_seen_at, revoked_at), DELETE ON hub.session TO pek_app;
GRANT SELECT, INSERT (user_id, realm), DELETE ON hub.user_realm TO pek_app;
-- UPDATE for FOR UPDATE: rows that expired are locked before they are deleted.
GRANT SELECT, INSERT (state_sha256, expires_at), UPDATE (expires_at), DELETE ON hub.login_spent TO pek_app;
-- A realm that is removed stays as a row.
GRANT SELECT, INSERT (realm, name, local, target, tls_name, ca_pem, seeded, updated_by),
      UPDATE (name, target, status, tls_name, ca_pem, seeded, worker_version, capabilities, updated_by)
   ON hub.instance TO pek_app;

REVOKE EXECUTE ON FUNCTION hub.set_user_disabled(text, boolean), hub.instance_changes(), hub.instance_changed(),
    hub.session_announce_end(), hub.user_announce_disabled() FROM PUBLIC;
