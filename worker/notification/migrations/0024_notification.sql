-- The outbox: what people are to be told of. A row is written in the transaction of the change, and goes when the hub has
-- stored it.
SET LOCAL ROLE pek_owner;

CREATE TABLE pek.notification (
    realm       text COLLATE "C" NOT NULL DEFAULT current_setting('pek.realm'),
    -- Their order, as far as there is one: a transaction that began earlier may commit later.
    id          bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    -- What the hub knows it by. No number: those begin again when an old copy is restored.
    event_id    uuid NOT NULL DEFAULT gen_random_uuid(),
    create_time timestamptz NOT NULL DEFAULT now(),
    -- pek.notification.v1.Kind
    kind        smallint NOT NULL CHECK (kind > 0),
    recipient   text COLLATE "C" NOT NULL,
    actor       text COLLATE "C" NOT NULL,
    subject     text COLLATE "C" NOT NULL,
    group_id    text COLLATE "C" NOT NULL,
    -- The group's name, then.
    title       text NOT NULL CHECK (char_length(title) <= 200),
    detail      text NOT NULL DEFAULT '' CHECK (char_length(detail) <= 200),
    -- What was said of the kind, the group and the subject holds no more, whoever was told.
    retracts    boolean NOT NULL DEFAULT false,
    -- The hub could not store it: not before this.
    next_time   timestamptz NOT NULL DEFAULT now(),
    tries       smallint NOT NULL DEFAULT 0,
    CHECK (recipient <> actor OR retracts),
    PRIMARY KEY (realm, id),
    CONSTRAINT notification_event_key UNIQUE (realm, event_id)
);
SELECT pek.isolate('pek.notification');

-- The hub is told at the commit, through whichever replica it watches.
CREATE FUNCTION pek.notification_written() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('pek_notification', w.realm) FROM (SELECT DISTINCT realm FROM written) AS w;
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION pek.notification_written() FROM PUBLIC;
CREATE TRIGGER notification_written AFTER INSERT ON pek.notification REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION pek.notification_written();

GRANT SELECT, INSERT (kind, recipient, actor, subject, group_id, title, detail, retracts),
      UPDATE (next_time, tries), DELETE ON pek.notification TO pek_app;

RESET ROLE;
