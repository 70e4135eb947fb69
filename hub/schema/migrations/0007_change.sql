-- What a change through the hub's own services leaves behind, in its own transaction: who did what, and the answer for a
-- repeated idempotency key. As in a realm.

-- Append-only for the hub. No names and no texts: it outlives its users.
CREATE TABLE hub.audit_log (
    id          bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    create_time timestamptz NOT NULL DEFAULT now(),
    actor       text COLLATE "C" NOT NULL,
    action      text COLLATE "C" NOT NULL,
    target_kind text COLLATE "C" NOT NULL,
    target_id   text COLLATE "C" NOT NULL,
    trace_id    text COLLATE "C" NOT NULL DEFAULT '',
    detail      jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_log_target ON hub.audit_log (target_kind, target_id, id);

CREATE TABLE hub.idempotency (
    user_id        text NOT NULL REFERENCES hub.user_account (id) ON UPDATE CASCADE ON DELETE CASCADE,
    key            text COLLATE "C" NOT NULL CHECK (char_length(key) BETWEEN 1 AND 128),
    method         text COLLATE "C" NOT NULL,
    request_sha256 bytea NOT NULL CHECK (octet_length(request_sha256) = 32),
    -- NULL only inside the transaction that makes the effect.
    response       bytea,
    create_time    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, key)
);
CREATE INDEX idempotency_age ON hub.idempotency (create_time);

-- Stored answers hold the user's profile: they go with it.
CREATE OR REPLACE FUNCTION hub.delete_user(who text) RETURNS void LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM hub.profile WHERE user_id = who;
    DELETE FROM hub.idempotency WHERE user_id = who;
    UPDATE hub.user_account
       SET deleted_at = now(), disabled_at = coalesce(disabled_at, now()), name = 'deleted user', username = NULL,
           authsch_id = NULL, is_admin = false
     WHERE id = who AND deleted_at IS NULL;
END $$;

GRANT INSERT (actor, action, target_kind, target_id, trace_id, detail) ON hub.audit_log TO pek_app;
GRANT SELECT, INSERT (user_id, key, method, request_sha256), UPDATE (response), DELETE
   ON hub.idempotency TO pek_app;
