-- The semester that a realm is in, and its season: one row a realm, so that there is always exactly one.
SET LOCAL ROLE pek_owner;

ALTER TABLE pek.realm_state
    ADD COLUMN semester text COLLATE "C" NOT NULL DEFAULT '2000-2001/2'
        CONSTRAINT realm_state_semester_check CHECK (
            semester ~ '^20[0-9]{2}-20[0-9]{2}/[12]$'
            AND substr(semester, 6, 4)::integer = substr(semester, 1, 4)::integer + 1),
    -- pek.semester.v1.Season
    ADD COLUMN season smallint NOT NULL DEFAULT 1
        CONSTRAINT realm_state_season_check CHECK (season BETWEEN 1 AND 3),
    ADD COLUMN semester_version bigint NOT NULL DEFAULT 1,
    ADD COLUMN semester_time timestamptz NOT NULL DEFAULT now();
GRANT UPDATE (semester, season, semester_version, semester_time) ON pek.realm_state TO pek_app;

RESET ROLE;
