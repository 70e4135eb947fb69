-- What every change leaves behind, in its own transaction: who did what, and the answer for a repeated
-- idempotency key.
SET LOCAL ROLE pek_owner;

-- Append-only for the application: it may add and read, not alter.
CREATE TABLE pek.audit_log (
    realm       text COLLATE "C" NOT NULL DEFAULT current_setting('pek.realm'),
    id          bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    create_time timestamptz NOT NULL DEFAULT now(),
    actor       text COLLATE "C" NOT NULL,
    action      text COLLATE "C" NOT NULL,
    target_kind text COLLATE "C" NOT NULL,
    target_id   text COLLATE "C" NOT NULL,
    trace_id    text COLLATE "C" NOT NULL DEFAULT '',
    detail      jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (realm, id)
);
CREATE INDEX audit_log_target ON pek.audit_log (realm, target_kind, target_id, id);

CREATE TABLE pek.idempotency (
    realm          text COLLATE "C" NOT NULL DEFAULT current_setting('pek.realm'),
    user_id        text COLLATE "C" NOT NULL,
    key            text COLLATE "C" NOT NULL CHECK (char_length(key) BETWEEN 1 AND 128),
    method         text COLLATE "C" NOT NULL,
    request_sha256 bytea NOT NULL CHECK (octet_length(request_sha256) = 32),
    -- NULL only inside the transaction that makes the effect.
    response       bytea,
    create_time    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (realm, user_id, key)
);
CREATE INDEX idempotency_age ON pek.idempotency (realm, create_time);

SELECT pek.isolate('pek.audit_log');
SELECT pek.isolate('pek.idempotency');
GRANT SELECT, INSERT ON pek.audit_log TO pek_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON pek.idempotency TO pek_app;

RESET ROLE;
