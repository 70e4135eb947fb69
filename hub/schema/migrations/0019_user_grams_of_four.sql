-- Grams of four letters as well, as worker/search has them. Whoever is in a realm has a row there whose gram is empty.
ALTER TABLE hub.user_gram
    DROP CONSTRAINT user_gram_gram_check,
    ADD CONSTRAINT user_gram_gram_check CHECK (char_length(gram) <= 4);

CREATE OR REPLACE FUNCTION hub.search_grams(folded text) RETURNS SETOF text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT DISTINCT substr(folded, start, chars) COLLATE "C"
      FROM generate_series(1, char_length(folded)) AS start, generate_series(1, 4) AS chars
     WHERE start + chars - 1 <= char_length(folded) AND strpos(substr(folded, start, chars), ' ') = 0
    UNION SELECT '' WHERE folded <> ''
$$;

INSERT INTO hub.user_gram (realm, gram, sort_key, user_id, folded)
SELECT g.realm, grams.gram, g.sort_key, g.user_id, g.folded
  FROM hub.user_gram AS g, LATERAL hub.search_grams(g.folded) AS grams (gram)
 WHERE g.gram = '' AND char_length(grams.gram) = 4
 ORDER BY g.realm, grams.gram, g.sort_key, g.user_id
    ON CONFLICT DO NOTHING;
