-- What a realm knows of people: enough to show, order and search lists of them, and nothing more. The hub has the rest.
SET LOCAL ROLE pek_owner;

CREATE TABLE pek.person (
    realm          text COLLATE "C" NOT NULL DEFAULT current_setting('pek.realm'),
    -- The hub's.
    id             text COLLATE "C" NOT NULL CHECK (id ~ '^[a-z0-9][a-z0-9._-]{0,63}$'),
    -- The id itself until somebody tells.
    display_name   text NOT NULL CHECK (char_length(display_name) BETWEEN 1 AND 300),
    folded         text COLLATE "C" NOT NULL,
    sort_key       bytea NOT NULL,
    avatar_version bigint NOT NULL DEFAULT 0,
    -- The hub counts the changes of a profile: what is older than this is not believed. 0: nobody told.
    version        bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (realm, id)
);
SELECT pek.isolate('pek.person');
GRANT SELECT, INSERT (id, display_name, folded, sort_key, avatar_version, version),
      UPDATE (display_name, folded, sort_key, avatar_version, version) ON pek.person TO pek_app;

RESET ROLE;
