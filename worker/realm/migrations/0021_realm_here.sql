-- Which realms this database has. Row security shows a program no other realm's rows, so one that was led to another
-- realm's database saw an empty one, and moved in. This table says whose it is; it holds no data of theirs.
CREATE TABLE public.pek_realm (
    realm text COLLATE "C" PRIMARY KEY,
    since timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE public.pek_realm OWNER TO pek_owner;

SET LOCAL ROLE pek_owner;

GRANT SELECT ON public.pek_realm TO pek_app;

-- Those that are here already; their owner is bound by row security as everybody is.
ALTER TABLE pek.realm_state NO FORCE ROW LEVEL SECURITY;
INSERT INTO public.pek_realm (realm) SELECT realm FROM pek.realm_state;
ALTER TABLE pek.realm_state FORCE ROW LEVEL SECURITY;

-- The first program of an empty database makes its row of pek.realm_state, and so does the command bootstrap, which begins
-- another realm in a database that has some.
CREATE FUNCTION pek.realm_is_here() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO public.pek_realm (realm) VALUES (NEW.realm) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION pek.realm_is_here() FROM PUBLIC;
CREATE TRIGGER realm_is_here AFTER INSERT ON pek.realm_state FOR EACH ROW EXECUTE FUNCTION pek.realm_is_here();

RESET ROLE;
