-- Whom the realm has met and nobody has told of: the hub asks for them.
SET LOCAL ROLE pek_owner;
CREATE INDEX person_unnamed ON pek.person (realm, id) WHERE version = 0;
RESET ROLE;
