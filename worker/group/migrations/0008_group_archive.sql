-- What was archived together comes back together; and a time that no answer can hold cannot be stored.
SET LOCAL ROLE pek_owner;

-- Of one archiving: the group that was meant and the subgroups that went along. NULL of what is active, and of what
-- was archived before this column was there: that comes back one by one.
ALTER TABLE pek.realm_group
    ADD COLUMN archive_id uuid,
    ADD CONSTRAINT realm_group_archive_check CHECK (is_archived OR archive_id IS NULL);

-- Years 1 to 9999, as in google.protobuf.Timestamp. A time given for the end of 9999 could be rounded over it.
ALTER TABLE pek.realm_group NO FORCE ROW LEVEL SECURITY; -- those of all realms
UPDATE pek.realm_group
   SET foundation_time = least(greatest(foundation_time, timestamptz '0001-01-01 00:00:00Z'),
                               timestamptz '9999-12-31 23:59:59.999999Z')
 WHERE foundation_time NOT BETWEEN timestamptz '0001-01-01 00:00:00Z' AND timestamptz '9999-12-31 23:59:59.999999Z';
ALTER TABLE pek.realm_group FORCE ROW LEVEL SECURITY;
ALTER TABLE pek.realm_group
    ADD CONSTRAINT realm_group_foundation_time_check
        CHECK (foundation_time BETWEEN timestamptz '0001-01-01 00:00:00Z' AND timestamptz '9999-12-31 23:59:59.999999Z');

RESET ROLE;
