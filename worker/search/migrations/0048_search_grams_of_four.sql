-- Grams of four letters as well: of a word of four and more they lead to a few names where those of three led to hundreds
-- (worker/search/README.md). The rows are made anew, beside the running realm.
SET LOCAL ROLE pek_owner;

ALTER TABLE pek.search_gram
    DROP CONSTRAINT search_gram_gram_check,
    ADD CONSTRAINT search_gram_gram_check CHECK (char_length(gram) BETWEEN 1 AND 4);

CREATE OR REPLACE FUNCTION pek.search_grams(folded text) RETURNS SETOF text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT DISTINCT substr(folded, start, chars) COLLATE "C"
      FROM generate_series(1, char_length(folded)) AS start, generate_series(1, 4) AS chars
     WHERE start + chars - 1 <= char_length(folded) AND strpos(substr(folded, start, chars), ' ') = 0
$$;

-- Of all realms here, which its owner sees only so.
TRUNCATE pek.search_gram;
ALTER TABLE pek.realm_state NO FORCE ROW LEVEL SECURITY;
UPDATE pek.realm_state SET search_version = '';
ALTER TABLE pek.realm_state FORCE ROW LEVEL SECURITY;

RESET ROLE;
