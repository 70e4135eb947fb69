-- Two accounts of one person become one. The hub's own rows are moved at once, by pekctl and as the owner; each realm is
-- told by the feed of people, when it can be.
ALTER TABLE hub.user_account
    -- Whose account this one became. Its logins and its id lead there; it has no name and no session of its own, for ever.
    ADD COLUMN merged_into text REFERENCES hub.user_account (id) ON UPDATE CASCADE,
    DROP CONSTRAINT user_account_username,
    ADD CONSTRAINT user_account_username CHECK (
        (username IS NULL) = (deleted_at IS NOT NULL OR merged_into IS NOT NULL)),
    ADD CONSTRAINT user_account_merged CHECK (
        merged_into IS NULL OR (merged_into <> id AND NOT is_admin AND disabled_at IS NOT NULL));
CREATE INDEX user_account_merged ON hub.user_account (merged_into) WHERE merged_into IS NOT NULL;

CREATE TABLE hub.user_merge (
    id         bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    from_user  text NOT NULL REFERENCES hub.user_account (id) ON UPDATE CASCADE ON DELETE CASCADE,
    into_user  text NOT NULL REFERENCES hub.user_account (id) ON UPDATE CASCADE ON DELETE CASCADE,
    -- Realms are asked what they would move, for a minute.
    dry_run    boolean NOT NULL,
    begin_time timestamptz NOT NULL DEFAULT now(),
    -- What the hub moved, or would.
    moved      text NOT NULL,
    -- All of the former profile: what the other one has otherwise is not lost. Goes with the user.
    former     jsonb
);
CREATE UNIQUE INDEX user_merge_once ON hub.user_merge (from_user) WHERE NOT dry_run;

-- What a realm said. It has done it when it has a done_time.
CREATE TABLE hub.user_merge_realm (
    merge_id    bigint NOT NULL REFERENCES hub.user_merge (id) ON DELETE CASCADE,
    realm       text NOT NULL CHECK (length(realm) BETWEEN 1 AND 63),
    done_time   timestamptz,
    problem     text NOT NULL DEFAULT '' CHECK (char_length(problem) <= 500),
    memberships bigint, combined bigint, posts bigint, policies bigint, leads bigint, statements bigint,
    PRIMARY KEY (merge_id, realm)
);

-- Every realm that there is is told of every merge, once: also one that comes, or comes back, later.
CREATE VIEW hub.user_merge_pending WITH (security_invoker = true) AS
SELECT m.id, i.realm, m.from_user, m.into_user, m.dry_run
  FROM hub.user_merge AS m CROSS JOIN hub.instance AS i
 WHERE i.status <> 'REMOVED' AND (NOT m.dry_run OR m.begin_time > now() - interval '1 minute')
   AND NOT EXISTS (SELECT FROM hub.user_merge_realm AS r
                    WHERE r.merge_id = m.id AND r.realm = i.realm AND r.done_time IS NOT NULL);

-- By id, or by a present or former username; an account that was merged is the one that it became.
CREATE OR REPLACE FUNCTION hub.user_named(who text) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
    SELECT coalesce(
        (SELECT coalesce(u.merged_into, u.id) FROM hub.user_account AS u WHERE u.id = who AND u.deleted_at IS NULL),
        (SELECT u.id FROM hub.username AS n JOIN hub.user_account AS u ON u.id = n.user_id
          WHERE n.username = lower(who COLLATE "C") AND u.deleted_at IS NULL))
$$;

-- Who is deleted goes with all their accounts and what was kept of them.
CREATE FUNCTION hub.user_merge_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE hub.user_merge SET former = NULL
     WHERE from_user IN (SELECT u.id FROM hub.user_account AS u WHERE u.merged_into = NEW.id);
    UPDATE hub.user_account SET authsch_id = NULL, name = 'deleted user', deleted_at = now()
     WHERE merged_into = NEW.id AND deleted_at IS NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER user_merge_delete AFTER UPDATE OF deleted_at ON hub.user_account
    FOR EACH ROW WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL AND NEW.merged_into IS NULL)
    EXECUTE FUNCTION hub.user_merge_delete();

-- The profile that stays has its own words, and the other's where it has none. What was hidden stays hidden.
CREATE FUNCTION hub.merge_profiles(old text, new text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO hub.external_account (user_id, position, protocol, account_name)
    SELECT new, (SELECT coalesce(max(a.position), 0) FROM hub.external_account AS a WHERE a.user_id = new)
               + row_number() OVER (ORDER BY o.position), o.protocol, o.account_name
      FROM hub.external_account AS o
     WHERE o.user_id = old AND NOT EXISTS (
           SELECT FROM hub.external_account AS a
            WHERE a.user_id = new AND a.protocol = o.protocol AND a.account_name = o.account_name);
    INSERT INTO hub.avatar (user_id, content_type, width, height, data, update_time, version)
    SELECT new, a.content_type, a.width, a.height, a.data, a.update_time, nextval('hub.avatar_version_seq')
      FROM hub.avatar AS a WHERE a.user_id = old ON CONFLICT DO NOTHING;
    UPDATE hub.profile AS p
       SET nickname = coalesce(nullif(p.nickname, ''), o.nickname),
           cell_phone = coalesce(nullif(p.cell_phone, ''), o.cell_phone),
           room = coalesce(nullif(p.room, ''), o.room),
           dormitory = coalesce(nullif(p.dormitory, 0), o.dormitory),
           gender = coalesce(nullif(p.gender, 0), o.gender),
           student_status = coalesce(nullif(p.student_status, 0), o.student_status),
           visible = p.visible & o.visible, create_time = least(p.create_time, o.create_time),
           update_time = now(), version = p.version + 1
      FROM hub.profile AS o WHERE p.user_id = new AND o.user_id = old;
$$;

CREATE FUNCTION hub.merge_user_now(old text, new text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM hub.merge_profiles(old, new);
    PERFORM hub.notification_merge(old, new);
    -- What others were told of them names the account that stays.
    UPDATE hub.notification AS n SET actor = CASE n.actor WHEN old THEN new ELSE n.actor END,
                                     subject = CASE n.subject WHEN old THEN new ELSE n.subject END
     WHERE old IN (n.actor, n.subject);
    -- Before the profile goes: no realm is to hear that somebody was deleted.
    INSERT INTO hub.user_realm (user_id, realm, since)
    SELECT new, r.realm, r.since FROM hub.user_realm AS r WHERE r.user_id = old ON CONFLICT DO NOTHING;
    DELETE FROM hub.user_realm WHERE user_id = old;
    DELETE FROM hub.profile WHERE user_id = old;
    DELETE FROM hub.person_news WHERE user_id = old;
    DELETE FROM hub.idempotency WHERE user_id = old;
    UPDATE hub.username SET user_id = new WHERE user_id = old;
    UPDATE hub.user_account AS u
       SET is_admin = u.is_admin OR o.is_admin, last_login_at = greatest(u.last_login_at, o.last_login_at),
           created_at = least(u.created_at, o.created_at)
      FROM hub.user_account AS o WHERE u.id = new AND o.id = old;
    -- Its sessions end by the trigger of disabling.
    UPDATE hub.user_account SET merged_into = new, username = NULL, is_admin = false, disabled_at = now() WHERE id = old;
    UPDATE hub.user_account SET merged_into = new WHERE merged_into = old;
    INSERT INTO hub.audit_log (actor, action, target_kind, target_id, detail)
    VALUES ('operator', 'user.merge', 'user', new, jsonb_build_object('merged_from', old));
END $$;

-- Each named by id or username. The merge's id; again, the same. `dry` changes nothing, and asks the realms.
CREATE FUNCTION hub.merge_user(from_named text, into_named text, dry boolean) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    old text := coalesce((SELECT u.id FROM hub.user_account AS u WHERE u.id = from_named), hub.user_named(from_named));
    new text := hub.user_named(into_named);
    merge bigint;
    one record;
    what text;
BEGIN
    PERFORM FROM hub.user_account AS u WHERE u.id IN (old, new) ORDER BY u.id FOR UPDATE;
    SELECT m.id INTO merge FROM hub.user_merge AS m JOIN hub.user_account AS u ON u.id = m.from_user
     WHERE NOT m.dry_run AND m.from_user = old AND u.merged_into = new;
    IF FOUND THEN
        RETURN merge;
    END IF;
    FOR one IN SELECT n.said, u.* FROM (VALUES (from_named, old), (into_named, new)) AS n (said, id)
                 LEFT JOIN hub.user_account AS u ON u.id = n.id LOOP
        IF one.id IS NULL OR one.deleted_at IS NOT NULL THEN
            RAISE EXCEPTION '% is no user', one.said USING ERRCODE = 'check_violation';
        ELSIF one.merged_into IS NOT NULL THEN
            RAISE EXCEPTION '% was merged into % before', one.said, one.merged_into USING ERRCODE = 'check_violation';
        ELSIF one.disabled_at IS NOT NULL THEN
            RAISE EXCEPTION '% is disabled: merging would undo that, or spread it', one.said
                USING ERRCODE = 'check_violation';
        END IF;
    END LOOP;
    IF old = new THEN
        RAISE EXCEPTION '% and % are one account', from_named, into_named USING ERRCODE = 'check_violation';
    END IF;
    IF (SELECT count(*) FROM (SELECT DISTINCT a.protocol, a.account_name FROM hub.external_account AS a
                               WHERE a.user_id IN (old, new)) AS all_of) > 20 THEN
        RAISE EXCEPTION 'together they have more than 20 external accounts: one of them removes some first'
            USING ERRCODE = 'check_violation';
    END IF;
    what := format('%s usernames, %s external accounts, %s realms, %s sessions end%s',
        (SELECT count(*) FROM hub.username AS n WHERE n.user_id = old),
        (SELECT count(*) FROM hub.external_account AS a WHERE a.user_id = old),
        (SELECT count(*) FROM hub.user_realm AS r WHERE r.user_id = old),
        (SELECT count(*) FROM hub.session AS s
          WHERE s.user_id = old AND s.revoked_at IS NULL AND s.expires_at > now()),
        CASE WHEN (SELECT u.is_admin FROM hub.user_account AS u WHERE u.id = old)
             THEN ', administrator of the hub' ELSE '' END);
    DELETE FROM hub.user_merge WHERE dry_run AND begin_time < now() - interval '1 hour';
    INSERT INTO hub.user_merge (from_user, into_user, dry_run, moved, former)
    VALUES (old, new, dry, what,
            CASE WHEN NOT dry THEN (SELECT to_jsonb(p) FROM hub.profile AS p WHERE p.user_id = old) END)
    RETURNING id INTO merge;
    IF NOT dry THEN
        PERFORM hub.merge_user_now(old, new);
    END IF;
    PERFORM pg_notify('pek_people', i.realm) FROM hub.instance AS i WHERE i.status <> 'REMOVED';
    RETURN merge;
END $$;

REVOKE EXECUTE ON FUNCTION hub.user_merge_delete(), hub.merge_profiles(text, text), hub.merge_user_now(text, text),
    hub.merge_user(text, text, boolean) FROM PUBLIC;
-- The hub writes down what realms say. It merges nobody.
GRANT SELECT ON hub.user_merge, hub.user_merge_pending TO pek_app;
GRANT SELECT, INSERT (merge_id, realm, done_time, problem, memberships, combined, posts, policies, leads, statements),
      UPDATE (done_time, problem, memberships, combined, posts, policies, leads, statements)
   ON hub.user_merge_realm TO pek_app;
