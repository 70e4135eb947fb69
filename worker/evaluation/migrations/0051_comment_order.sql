-- compatible: an index more
-- What is said of one guideline is read in its order, whatever else is said in the scoreboard.
SET LOCAL ROLE pek_owner;

CREATE INDEX point_comment_guideline
    ON pek.point_comment (realm, scoreboard_id, guideline_id, sort_key, (id::text COLLATE "C"));

RESET ROLE;
