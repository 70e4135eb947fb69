-- Groups: organisations (no parent, id x@x) and the trees under them.
SET LOCAL ROLE pek_owner;

CREATE TABLE pek.realm_group (
    realm           text COLLATE "C" NOT NULL DEFAULT current_setting('pek.realm'),
    -- organisation@slug; never changes.
    id              text COLLATE "C" NOT NULL
                    CHECK (id ~ '^[a-z0-9][a-z0-9_-]{0,62}@[a-z0-9][a-z0-9_-]{0,62}$'),
    -- A column, because "groups of organisation a_b" as a LIKE prefix would match axb too.
    org             text COLLATE "C" NOT NULL GENERATED ALWAYS AS (split_part(id, '@', 1)) STORED,
    parent_id       text COLLATE "C" CHECK (parent_id <> id),
    name            text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    -- The name made comparable (NFC, case folded, spaces collapsed), searchable (also without accents) and
    -- sortable (ICU hu-u-ka-shifted, of the version in realm_state).
    unique_key      text COLLATE "C" NOT NULL,
    folded          text COLLATE "C" NOT NULL,
    sort_key        bytea NOT NULL,
    description     text NOT NULL DEFAULT '' CHECK (char_length(description) <= 20000),
    purpose         smallint NOT NULL CHECK (purpose BETWEEN 0 AND 16),
    foundation_time timestamptz NOT NULL DEFAULT now(),
    webpage         text NOT NULL DEFAULT '' CHECK (char_length(webpage) <= 64),
    mail            text NOT NULL DEFAULT '' CHECK (char_length(mail) <= 64),
    is_community              boolean NOT NULL DEFAULT false,
    is_resort                 boolean NOT NULL DEFAULT false,
    is_task_force             boolean NOT NULL DEFAULT false,
    has_transitive_membership boolean NOT NULL DEFAULT false,
    is_archived               boolean NOT NULL DEFAULT false,
    users_can_apply           boolean NOT NULL DEFAULT true,
    archived_members_visible  boolean NOT NULL DEFAULT false,
    create_time     timestamptz NOT NULL DEFAULT now(),
    update_time     timestamptz NOT NULL DEFAULT now(),
    -- The etag: counts changes.
    version         bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (realm, id),
    CONSTRAINT realm_group_name_key UNIQUE (realm, unique_key),
    CONSTRAINT realm_group_parent_fkey FOREIGN KEY (realm, parent_id)
        REFERENCES pek.realm_group (realm, id) ON DELETE RESTRICT
);

-- Lists and their keyset pages: bytes of the sort key, then of the id, as in every other realm.
CREATE INDEX realm_group_order ON pek.realm_group (realm, sort_key, id);
CREATE INDEX realm_group_children ON pek.realm_group (realm, parent_id, sort_key, id);
-- No pg_trgm index on `folded`: LIKE is not leakproof, so row security keeps the planner from using one
-- (see worker/group/README.md); a search walks realm_group_order and stops when its page is full.

SELECT pek.isolate('pek.realm_group');
GRANT SELECT, INSERT, UPDATE ON pek.realm_group TO pek_app;

RESET ROLE;
