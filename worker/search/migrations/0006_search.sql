-- Finding names by a part of them: a row for every one to three letters that stand together in a name, in the
-- order of names. worker/search/README.md says why it is a table and not an index over the name.
SET LOCAL ROLE pek_owner;

CREATE TABLE pek.search_gram (
    realm    text COLLATE "C" NOT NULL DEFAULT current_setting('pek.realm'),
    -- What has the name: 'group'.
    kind     text COLLATE "C" NOT NULL,
    gram     text COLLATE "C" NOT NULL CHECK (char_length(gram) BETWEEN 1 AND 3),
    sort_key bytea NOT NULL,
    id       text COLLATE "C" NOT NULL,
    -- The whole name, folded: what has a gram is seldom looked up only to be thrown away.
    folded   text COLLATE "C" NOT NULL,
    PRIMARY KEY (realm, kind, gram, sort_key, id)
);
-- The planner takes every gram for rare: what it would think of a frequent one changes nothing but that it plans
-- anew each time, which takes longer than the search.
ALTER TABLE pek.search_gram ALTER COLUMN gram SET (n_distinct = -1);
SELECT pek.isolate('pek.search_gram');
GRANT SELECT, INSERT, DELETE ON pek.search_gram TO pek_app;

-- What sort keys the rows were made for; '' while they are not complete. Searches walk the names until then.
ALTER TABLE pek.realm_state ADD COLUMN search_version text NOT NULL DEFAULT '';

-- The grams of a folded name. No word of a search has a space in it, so none with a space is needed.
CREATE FUNCTION pek.search_grams(folded text) RETURNS SETOF text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT DISTINCT substr(folded, start, chars) COLLATE "C"
      FROM generate_series(1, char_length(folded)) AS start, generate_series(1, 3) AS chars
     WHERE start + chars - 1 <= char_length(folded) AND strpos(substr(folded, start, chars), ' ') = 0
$$;
REVOKE EXECUTE ON FUNCTION pek.search_grams(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pek.search_grams(text) TO pek_app;

-- Whoever writes a name, by whatever statement, writes its grams in the same transaction. Serves every table
-- with the columns realm, id, folded and sort_key; the argument is the kind.
CREATE FUNCTION pek.search_follow() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        DELETE FROM pek.search_gram AS s USING pek.search_grams(OLD.folded) AS grams (gram)
         WHERE s.realm = OLD.realm AND s.kind = TG_ARGV[0] AND s.gram = grams.gram
           AND s.sort_key = OLD.sort_key AND s.id = OLD.id;
    END IF;
    INSERT INTO pek.search_gram (realm, kind, gram, sort_key, id, folded)
    SELECT NEW.realm, TG_ARGV[0], grams.gram, NEW.sort_key, NEW.id, NEW.folded
      FROM pek.search_grams(NEW.folded) AS grams (gram)
        ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION pek.search_follow() FROM PUBLIC;

-- While all keys are made again (pek.rekeying), the rows are made once for all behind it.
CREATE TRIGGER search_insert AFTER INSERT ON pek.realm_group
    FOR EACH ROW WHEN (NEW.folded <> '') EXECUTE FUNCTION pek.search_follow('group');
CREATE TRIGGER search_update AFTER UPDATE OF folded, sort_key ON pek.realm_group
    FOR EACH ROW WHEN ((OLD.folded <> NEW.folded OR OLD.sort_key <> NEW.sort_key)
                       AND current_setting('pek.rekeying', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION pek.search_follow('group');

RESET ROLE;
