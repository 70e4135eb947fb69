-- A membership can always be ended, however often it began; an etag is never another membership's; and whom nobody told of
-- is counted by who met them.
SET LOCAL ROLE pek_owner;

-- Steps that begin something stop at 200 (membership.h); those that end it go on.
ALTER TABLE pek.membership_period DROP CONSTRAINT membership_period_seq_check;
ALTER TABLE pek.membership_period
    ADD CONSTRAINT membership_period_seq_check CHECK (seq BETWEEN 1 AND 1000);

-- A membership that is made again after a rejection is another one.
ALTER TABLE pek.membership
    ALTER COLUMN version SET DEFAULT (extract(epoch FROM clock_timestamp()) * 1000)::bigint;

ALTER TABLE pek.person ADD COLUMN met_by text COLLATE "C" NOT NULL DEFAULT '';
DROP INDEX pek.person_unnamed;
CREATE INDEX person_unnamed ON pek.person (realm, id) WHERE version = 0;
CREATE INDEX person_met_by ON pek.person (realm, met_by) WHERE version = 0;
GRANT INSERT (met_by) ON pek.person TO pek_app;

RESET ROLE;
