-- What realms told of somebody, and what became of their accounts, is found by them, however much there is of others.
CREATE INDEX notification_actor ON hub.notification (actor);
CREATE INDEX notification_subject ON hub.notification (subject);
CREATE INDEX user_merge_from ON hub.user_merge (from_user);
CREATE INDEX user_merge_into ON hub.user_merge (into_user);
