-- The order of policies in lists, over all realms: when each was made; in a realm never two at one place.
SET LOCAL ROLE pek_owner;

-- Bytes that compare as the numbers do: neither a time before 2000 nor a negative id is ever stored.
ALTER TABLE pek.policy
    ADD COLUMN sort_key bytea NOT NULL GENERATED ALWAYS AS (timestamptz_send(create_time) || int8send(id)) STORED;
CREATE INDEX policy_order ON pek.policy (realm, sort_key);

RESET ROLE;
