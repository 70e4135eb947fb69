-- The audit log in months, so that what is older than a realm has to keep can go without a trace in what stays: a whole month
-- is dropped, as fast as it is large or small. Rows that are there stay, with their ids.
SET LOCAL ROLE pek_owner;

DROP VIEW pek.group_history;
ALTER TABLE pek.audit_log RENAME TO audit_log_before;
ALTER TABLE pek.audit_log_before RENAME CONSTRAINT audit_log_pkey TO audit_log_before_pkey;
DROP INDEX pek.audit_log_target;

-- No identity column: PostgreSQL has none on partitions before 17.
CREATE SEQUENCE pek.audit_log_seq;
CREATE TABLE pek.audit_log (
    realm       text COLLATE "C" NOT NULL DEFAULT current_setting('pek.realm'),
    id          bigint NOT NULL DEFAULT nextval('pek.audit_log_seq'),
    create_time timestamptz NOT NULL DEFAULT now(),
    actor       text COLLATE "C" NOT NULL,
    action      text COLLATE "C" NOT NULL,
    target_kind text COLLATE "C" NOT NULL,
    target_id   text COLLATE "C" NOT NULL,
    trace_id    text COLLATE "C" NOT NULL DEFAULT '',
    detail      jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (realm, id, create_time)
) PARTITION BY RANGE (create_time);
ALTER SEQUENCE pek.audit_log_seq OWNED BY pek.audit_log.id;
CREATE INDEX audit_log_target ON pek.audit_log (realm, target_kind, target_id, id);
SELECT pek.isolate('pek.audit_log');

-- What has no month of its own: a change must not fail because nobody has made one.
CREATE TABLE pek.audit_log_rest PARTITION OF pek.audit_log DEFAULT;
SELECT pek.isolate('pek.audit_log_rest');

-- Makes the month that the day is in, in UTC. Attached when it is made, which holds up nobody who writes. A month of which rows
-- are in the rest already stays there, whose ever they are.
CREATE FUNCTION pek.audit_month(of_day date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    month timestamptz := date_trunc('month', of_day::timestamp) AT TIME ZONE 'UTC';
    next timestamptz := (date_trunc('month', of_day::timestamp) + interval '1 month') AT TIME ZONE 'UTC';
    name text := to_char(of_day, '"audit_log_"YYYY"_"MM');
BEGIN
    IF to_regclass('pek.' || name) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE pek.%I (LIKE pek.audit_log INCLUDING ALL)', name);
    PERFORM pek.isolate(format('pek.%I', name)::regclass);
    EXECUTE format('ALTER TABLE pek.audit_log ATTACH PARTITION pek.%I FOR VALUES FROM (%L) TO (%L)', name, month, next);
EXCEPTION WHEN check_violation THEN
    NULL;
END $$;

-- This month and the three to come; the program asks for them now and then. Two at once: one waits for the other.
CREATE FUNCTION pek.audit_months() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('pek.audit_months', 0));
    PERFORM pek.audit_month((now() AT TIME ZONE 'UTC' + n * interval '1 month')::date)
       FROM generate_series(0, 3) AS n;
END $$;

-- Takes the realm's rows of before that time away; for the operator's command, as the owner. A month that no other realm has
-- anything in goes whole.
CREATE FUNCTION pek.audit_prune(before timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    month record;
    shared boolean;
BEGIN
    FOR month IN
        SELECT c.oid::regclass AS name FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
         WHERE i.inhparent = 'pek.audit_log'::regclass AND c.relname ~ '^audit_log_[0-9]{4}_[0-9]{2}$'
           AND (to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month') AT TIME ZONE 'UTC' <= before
         ORDER BY c.relname
    LOOP
        -- Its owner must not be bound by row security for a moment: other realms' rows count.
        EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', month.name);
        EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE realm <> $1)', month.name)
           INTO shared USING current_setting('pek.realm');
        IF shared THEN
            EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', month.name);
        ELSE
            EXECUTE format('DROP TABLE %s', month.name);
        END IF;
    END LOOP;
    DELETE FROM pek.audit_log WHERE create_time < before;
END $$;
REVOKE EXECUTE ON FUNCTION pek.audit_month(date), pek.audit_months(), pek.audit_prune(timestamptz) FROM PUBLIC;

-- Rows of all realms: the owner must not be bound by row security for a moment.
ALTER TABLE pek.audit_log_before NO FORCE ROW LEVEL SECURITY;
SELECT pek.audit_month(m.month::date)
  FROM (SELECT DISTINCT date_trunc('month', create_time AT TIME ZONE 'UTC') AS month FROM pek.audit_log_before) AS m
 ORDER BY m.month;
SELECT pek.audit_months();
ALTER TABLE pek.audit_log NO FORCE ROW LEVEL SECURITY;
INSERT INTO pek.audit_log (realm, id, create_time, actor, action, target_kind, target_id, trace_id, detail)
SELECT realm, id, create_time, actor, action, target_kind, target_id, trace_id, detail FROM pek.audit_log_before;
ALTER TABLE pek.audit_log FORCE ROW LEVEL SECURITY;
SELECT setval('pek.audit_log_seq', coalesce((SELECT max(id) FROM pek.audit_log_before), 0) + 1, false);
DROP TABLE pek.audit_log_before;

-- As it was in 0022_group_history.sql.
CREATE VIEW pek.group_history WITH (security_invoker = true) AS
SELECT l.realm, l.id, l.target_id AS group_id, l.create_time, l.actor, l.action,
       coalesce(l.detail->>'user_id', '') AS user_id, int8send(9223372036854775807 - l.id) AS sort_key,
       l.target_kind
  FROM pek.audit_log AS l;

GRANT SELECT (realm, id, target_id, create_time, actor, action, detail, target_kind),
      INSERT (actor, action, target_kind, target_id, trace_id, detail) ON pek.audit_log TO pek_app;
GRANT USAGE ON SEQUENCE pek.audit_log_seq TO pek_app;
GRANT SELECT ON pek.group_history TO pek_app;
GRANT EXECUTE ON FUNCTION pek.audit_months() TO pek_app;

RESET ROLE;
