-- A federation has up to 1 000 realms; one request still asks no more than 64 of them (hub/session/choice.h).

CREATE OR REPLACE FUNCTION hub.instance_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        NEW.version := OLD.version + 1;
        NEW.updated_at := now();
    END IF;
    IF NEW.status <> 'REMOVED' THEN
        -- One at a time, so that two cannot both be the last.
        PERFORM pg_advisory_xact_lock(hashtext('hub.instance'));
        IF (SELECT count(*) FROM hub.instance WHERE status <> 'REMOVED' AND realm <> NEW.realm) >= 1000 THEN
            RAISE EXCEPTION 'a federation has at most 1000 realms; remove one first'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'instance_count_max', TABLE = 'instance', SCHEMA = 'hub';
        END IF;
    END IF;
    RETURN NEW;
END $$;
