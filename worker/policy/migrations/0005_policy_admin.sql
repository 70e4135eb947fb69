-- Policies that people manage: names that are unique however they are written, and etags.
SET LOCAL ROLE pek_owner;

ALTER TABLE pek.policy
    -- The name as shared/text makes it comparable: NFC, case folded, spaces collapsed.
    ADD COLUMN unique_key text COLLATE "C",
    -- The etag: counts the changes that people make to it and to its statements.
    ADD COLUMN version bigint NOT NULL DEFAULT 1;

-- Rows of all realms: the owner must not be bound by row security for a moment. Names that were made until now
-- are the program's own and the operator's: for those this is what the program would have written.
ALTER TABLE pek.policy NO FORCE ROW LEVEL SECURITY;
UPDATE pek.policy SET unique_key = lower(normalize(name, NFC) COLLATE "und-x-icu");
ALTER TABLE pek.policy FORCE ROW LEVEL SECURITY;

ALTER TABLE pek.policy
    ALTER COLUMN unique_key SET NOT NULL,
    ADD CONSTRAINT policy_unique_key UNIQUE (realm, unique_key);

RESET ROLE;
