-- compatible: a search of a program before this one leaves archived groups out, also where they are asked for
-- Archived groups are apart, so lists and searches that leave them out walk none of them, however many years have left.
SET LOCAL ROLE pek_owner;

-- Grams of an archived name are of a kind of their own.
CREATE OR REPLACE FUNCTION pek.search_follow() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        DELETE FROM pek.search_gram AS s USING pek.search_grams(OLD.folded) AS grams (gram)
         WHERE s.realm = OLD.realm AND s.kind = CASE WHEN OLD.is_archived THEN 'archived_' ELSE '' END || TG_ARGV[0]
           AND s.gram = grams.gram AND s.sort_key = OLD.sort_key AND s.id = OLD.id;
    END IF;
    INSERT INTO pek.search_gram (realm, kind, gram, sort_key, id, folded)
    SELECT NEW.realm, CASE WHEN NEW.is_archived THEN 'archived_' ELSE '' END || TG_ARGV[0], grams.gram, NEW.sort_key,
           NEW.id, NEW.folded
      FROM pek.search_grams(NEW.folded) AS grams (gram)
        ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER search_update AFTER UPDATE OF folded, sort_key, is_archived ON pek.realm_group
    FOR EACH ROW WHEN ((OLD.folded <> NEW.folded OR OLD.sort_key <> NEW.sort_key OR OLD.is_archived <> NEW.is_archived)
                       AND current_setting('pek.rekeying', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION pek.search_follow('group');

-- Each realm here, as its owner sees it; nobody writes groups by now.
DO $$
DECLARE
    former text := current_setting('pek.realm', true);
    here text;
BEGIN
    FOR here IN SELECT r.realm FROM public.pek_realm AS r LOOP
        PERFORM set_config('pek.realm', here, true);
        UPDATE pek.search_gram AS s SET kind = 'archived_group' FROM pek.realm_group AS g
         WHERE s.kind = 'group' AND g.realm = s.realm AND g.id = s.id AND g.is_archived;
    END LOOP;
    PERFORM set_config('pek.realm', coalesce(former, ''), true);
END $$;

CREATE INDEX realm_group_active_order ON pek.realm_group (realm, sort_key, id) WHERE NOT is_archived;
CREATE INDEX realm_group_active_children ON pek.realm_group (realm, parent_id, sort_key, id) WHERE NOT is_archived;

RESET ROLE;
