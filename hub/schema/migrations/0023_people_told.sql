-- Versions of people are higher than all that were given before, also by a hub whose database went back; and what a realm took is
-- counted, so that a database that went back is seen.
-- compatible: another default, and a table; where a hub before this one tells as well, a realm is told of everybody once more

-- Microseconds since the epoch, and still one after the other where a clock goes back. The sequence is moved by this function alone.
CREATE FUNCTION hub.person_version_new() RETURNS bigint LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    counted bigint := nextval('hub.person_news_seq');
    clock bigint := extract(epoch FROM clock_timestamp()) * 1000000;
BEGIN
    IF counted < clock THEN
        RETURN setval('hub.person_news_seq', clock);
    END IF;
    RETURN counted;
END $$;
ALTER TABLE hub.person_news ALTER COLUMN seq SET DEFAULT hub.person_version_new();
ALTER TABLE hub.profile ALTER COLUMN person_version SET DEFAULT hub.person_version_new();
CREATE OR REPLACE FUNCTION hub.person_version_next() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.person_version := hub.person_version_new();
    RETURN NEW;
END $$;

CREATE TABLE hub.people_told (
    realm       text COLLATE "C" PRIMARY KEY,
    -- The newest that the realm took of what it was told.
    version     bigint NOT NULL,
    -- When it was last to be told everything again; and behind which user that goes on, '' at the beginning, NULL when it is done.
    again_time  timestamptz NOT NULL DEFAULT '-infinity',
    again_after text
);

REVOKE EXECUTE ON FUNCTION hub.person_version_new() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hub.person_version_new() TO pek_app;
REVOKE USAGE ON SEQUENCE hub.person_news_seq FROM pek_app;
GRANT SELECT, INSERT, UPDATE (version, again_time, again_after) ON hub.people_told TO pek_app;
