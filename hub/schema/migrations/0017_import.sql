-- Who somebody was in the database that a realm's data came from, so that what is imported again is known again. A row stays when
-- its user deletes themself: an import brings nobody back.
CREATE TABLE hub.user_import (
    -- Ids of two realms' sources have nothing to do with one another.
    realm       text NOT NULL CHECK (length(realm) BETWEEN 1 AND 63),
    source_id   bigint NOT NULL,
    user_id     text NOT NULL REFERENCES hub.user_account (id) ON UPDATE CASCADE ON DELETE CASCADE,
    import_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (realm, source_id)
);
CREATE INDEX user_import_by_user ON hub.user_import (user_id);
-- Written by the operator's command alone; read for who asks what is kept of them.
GRANT SELECT ON hub.user_import TO pek_app;
