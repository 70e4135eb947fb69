-- What refers to an account refers to its id, and a row that refers to it holds the columns that any full unique index has. With
-- username and authsch_id among them, whoever renamed or deleted themself waited for everybody who had just written a row about them, and
-- those waited for the profile that was being changed. Where an index leaves rows out, its columns are nobody's to hold.
ALTER TABLE hub.user_account
    DROP CONSTRAINT user_account_username_key,
    DROP CONSTRAINT user_account_authsch_id_key;
CREATE UNIQUE INDEX user_account_username_key ON hub.user_account (username) WHERE username IS NOT NULL;
CREATE UNIQUE INDEX user_account_authsch_id_key ON hub.user_account (authsch_id) WHERE authsch_id IS NOT NULL;
