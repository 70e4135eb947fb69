-- What people are told of, collected from the realms.

-- One row for each who was ever told of something. Whoever stores something for them holds it: so what a user is told of has
-- one order, in which it also becomes visible, and a reader who is behind some position misses nothing.
CREATE TABLE hub.notification_inbox (
    user_id  text PRIMARY KEY REFERENCES hub.user_account (id) ON UPDATE CASCADE ON DELETE CASCADE,
    last_seq bigint NOT NULL DEFAULT 0
);

CREATE TABLE hub.notification (
    user_id     text NOT NULL REFERENCES hub.notification_inbox (user_id) ON UPDATE CASCADE ON DELETE CASCADE,
    seq         bigint NOT NULL,
    realm       text COLLATE "C" NOT NULL,
    -- The realm's name of it, and the order of what it says about one membership. An event is stored once.
    event_id    uuid NOT NULL,
    event_order bigint NOT NULL,
    -- pek.notification.v1.Kind
    kind        smallint NOT NULL CHECK (kind > 0),
    -- Users, as the realm names them.
    actor       text COLLATE "C" NOT NULL,
    subject     text COLLATE "C" NOT NULL,
    link        text COLLATE "C" NOT NULL,
    title       text NOT NULL,
    detail      text NOT NULL,
    -- By the realm's clock, and by ours.
    event_time  timestamptz NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now(),
    seen_time   timestamptz,
    -- The realm took it back. The row stays as long as others do, so that the event is not stored again.
    retracted   boolean NOT NULL DEFAULT false,
    PRIMARY KEY (user_id, seq),
    CONSTRAINT notification_event_key UNIQUE (realm, event_id)
);
CREATE INDEX notification_unseen ON hub.notification (user_id, seq) WHERE seen_time IS NULL AND NOT retracted;
CREATE INDEX notification_about ON hub.notification (realm, subject, link);
CREATE INDEX notification_age ON hub.notification (create_time);
CREATE INDEX notification_realm ON hub.notification (realm, create_time);

-- What somebody is called, for whoever was told of them by a realm: nothing, of whom it does not know.
CREATE FUNCTION hub.name_in_realm(who text, in_realm text) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
    SELECT coalesce((SELECT CASE WHEN u.deleted_at IS NOT NULL THEN 'deleted user'
                                 ELSE trim(p.last_name || ' ' || p.first_name) END
                       FROM hub.user_realm AS r
                       JOIN hub.user_account AS u ON u.id = r.user_id
                       LEFT JOIN hub.profile AS p ON p.user_id = u.id
                      WHERE r.user_id = who AND r.realm = in_realm), '')
$$;

CREATE VIEW hub.notification_shown WITH (security_invoker = true) AS
SELECT n.user_id, n.seq, n.seq::text COLLATE "C" AS id, n.realm, n.kind, n.event_time AS create_time,
       n.actor AS actor_id, hub.name_in_realm(n.actor, n.realm) AS actor_name,
       n.subject AS subject_id, hub.name_in_realm(n.subject, n.realm) AS subject_name,
       n.link, n.title, n.detail, n.seen_time IS NOT NULL AS seen
  FROM hub.notification AS n
 WHERE NOT n.retracted;

-- Who deletes themself is told of nothing any more. What others were told of them stays, of a "deleted user".
CREATE FUNCTION hub.notification_user_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM hub.notification_inbox WHERE user_id = OLD.user_id;
    RETURN NULL;
END $$;
CREATE TRIGGER notification_user_gone AFTER DELETE ON hub.profile
    FOR EACH ROW EXECUTE FUNCTION hub.notification_user_gone();

-- Two accounts become one: what the one was told of, the other is told of, in the order in which it came. For whoever merges
-- them, before the one is deleted.
CREATE FUNCTION hub.notification_merge(from_user text, to_user text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    behind bigint;
BEGIN
    INSERT INTO hub.notification_inbox (user_id) VALUES (to_user) ON CONFLICT DO NOTHING;
    PERFORM FROM hub.notification_inbox WHERE user_id IN (from_user, to_user) ORDER BY user_id FOR UPDATE;
    SELECT last_seq INTO behind FROM hub.notification_inbox WHERE user_id = to_user;
    UPDATE hub.notification AS n SET user_id = to_user, seq = behind + n.seq WHERE n.user_id = from_user;
    UPDATE hub.notification_inbox AS i
       SET last_seq = i.last_seq + coalesce((SELECT f.last_seq FROM hub.notification_inbox AS f
                                              WHERE f.user_id = from_user), 0)
     WHERE i.user_id = to_user;
    DELETE FROM hub.notification_inbox WHERE user_id = from_user;
    PERFORM pg_notify('pek_inbox', to_user);
END $$;

REVOKE EXECUTE ON FUNCTION hub.notification_user_gone(), hub.notification_merge(text, text) FROM PUBLIC;
GRANT SELECT, INSERT (user_id), UPDATE (last_seq) ON hub.notification_inbox TO pek_app;
GRANT SELECT, DELETE,
      INSERT (user_id, seq, realm, event_id, event_order, kind, actor, subject, link, title, detail, event_time),
      UPDATE (seen_time, retracted) ON hub.notification TO pek_app;
GRANT SELECT ON hub.notification_shown TO pek_app;
