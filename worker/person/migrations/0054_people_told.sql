-- compatible: a table that programs before this one leave alone
SET LOCAL ROLE pek_owner;
-- The newest version that the hub told of anybody, whether or not the realm kept it. The hub knows what the realm took, and sees by
-- this that the database of either went back. No column of pek.realm_state, which semester and evaluations hold.
CREATE TABLE pek.people_told (
    realm   text COLLATE "C" NOT NULL DEFAULT current_setting('pek.realm'),
    version bigint NOT NULL,
    PRIMARY KEY (realm)
);
SELECT pek.isolate('pek.people_told');
GRANT SELECT, INSERT (version), UPDATE (version) ON pek.people_told TO pek_app;
RESET ROLE;
