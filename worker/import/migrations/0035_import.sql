-- What was imported from another database, by its number there: what is known is not imported again, whatever became of it since.
SET LOCAL ROLE pek_owner;

CREATE TABLE pek.import_key (
    realm       text COLLATE "C" NOT NULL DEFAULT current_setting('pek.realm'),
    -- The file that it was in.
    kind        text COLLATE "C" NOT NULL CHECK (kind ~ '^[a-z_]{1,40}$'),
    source_id   bigint NOT NULL,
    -- What it is here, where something refers to it: the id of a group, a type of posts, a scoreboard, a guideline. Nobody's id.
    target      text COLLATE "C" NOT NULL DEFAULT '',
    import_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (realm, kind, source_id)
);
SELECT pek.isolate('pek.import_key');
-- For the operator's command, which is the owner; the application has no business here.

RESET ROLE;
