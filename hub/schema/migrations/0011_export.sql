-- What the hub holds about somebody is theirs to read: also what they did. Found by the person, however much others did.
GRANT SELECT ON hub.audit_log TO pek_app;
CREATE INDEX audit_log_actor ON hub.audit_log (actor, id);
CREATE INDEX person_news_user ON hub.person_news (user_id);
CREATE INDEX instance_updated_by ON hub.instance (updated_by);
