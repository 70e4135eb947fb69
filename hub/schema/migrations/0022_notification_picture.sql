-- Who did what is shown with their picture.
-- compatible: one more column of a view
CREATE OR REPLACE VIEW hub.notification_shown WITH (security_invoker = true) AS
SELECT n.user_id, n.seq, n.seq::text COLLATE "C" AS id, n.realm, n.kind, n.event_time AS create_time,
       n.actor AS actor_id, hub.name_in_realm(n.actor, n.realm) AS actor_name,
       n.subject AS subject_id, hub.name_in_realm(n.subject, n.realm) AS subject_name,
       n.link, n.title, n.detail, n.seen_time IS NOT NULL AS seen,
       coalesce((SELECT p.avatar_version FROM hub.user_realm AS r JOIN hub.profile AS p ON p.user_id = r.user_id
                  WHERE r.user_id = n.actor AND r.realm = n.realm), 0) AS actor_avatar_version
  FROM hub.notification AS n
 WHERE NOT n.retracted;
