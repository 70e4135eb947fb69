-- As 0026, of what came since.
SET LOCAL ROLE pek_owner;

CREATE INDEX notification_recipient ON pek.notification (realm, recipient);
CREATE INDEX notification_actor ON pek.notification (realm, actor);
CREATE INDEX notification_subject ON pek.notification (realm, subject);

RESET ROLE;
