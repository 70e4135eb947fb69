-- How often a membership may begin is counted by the day, not for ever.
SET LOCAL ROLE pek_owner;

-- A day's beginnings lie between now and a day ahead; each moves it on by its share of the day (membership.h).
ALTER TABLE pek.membership ADD COLUMN paced_until timestamptz NOT NULL DEFAULT '-infinity';
GRANT UPDATE (paced_until) ON pek.membership TO pek_app;

ALTER TABLE pek.membership_period DROP CONSTRAINT membership_period_seq_check;
ALTER TABLE pek.membership_period ADD CONSTRAINT membership_period_seq_check CHECK (seq >= 1);

RESET ROLE;
