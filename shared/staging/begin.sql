-- What every move of staged rows uses. All of it goes with the session's temporary schema.
CREATE FUNCTION pg_temp.as_id(said text) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN said ~ '^[0-9]{1,18}$' THEN said::bigint END
$$;
CREATE FUNCTION pg_temp.as_number(said text) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN said ~ '^-?[0-9]{1,9}$' THEN said::integer END
$$;
CREATE FUNCTION pg_temp.as_flag(said text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN said IN ('t', 'true') THEN true WHEN said IN ('f', 'false') THEN false END
$$;
-- A cast would end everything at the first 31 February.
CREATE FUNCTION pg_temp.as_day(said text) RETURNS date LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN said ~ '^(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' THEN
        CASE WHEN substr(said, 9, 2)::integer
                  <= extract(day FROM make_date(substr(said, 1, 4)::integer, substr(said, 6, 2)::integer, 1)
                                      + interval '1 month' - interval '1 day')
             THEN make_date(substr(said, 1, 4)::integer, substr(said, 6, 2)::integer, substr(said, 9, 2)::integer) END END
$$;
CREATE FUNCTION pg_temp.as_time(said text) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN substr(said, 11) ~ '^[ T]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?$'
                THEN (pg_temp.as_day(left(said, 10)) + substr(said, 12)::time) AT TIME ZONE 'UTC' END
$$;

-- Files in the order in which they came.
CREATE TEMPORARY TABLE staged_file (
    place integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY, file text NOT NULL UNIQUE, read_rows bigint NOT NULL
) ON COMMIT DROP;
-- 1: made, 2: there, 3: not taken
CREATE TEMPORARY TABLE outcome (
    file text NOT NULL, line_no bigint NOT NULL, id text, what smallint NOT NULL CHECK (what BETWEEN 1 AND 3),
    reason text CHECK ((reason IS NOT NULL) = (what = 3))
) ON COMMIT DROP;
CREATE TEMPORARY TABLE remark (file text NOT NULL, line_no bigint NOT NULL, id text, reason text NOT NULL) ON COMMIT DROP;
-- Accounts of another database.
CREATE TEMPORARY TABLE counted (place integer, file text, read bigint, made bigint, there bigint, not_taken bigint) ON COMMIT DROP;
CREATE TEMPORARY TABLE reasoned (place integer, file text, rows bigint, what text, ids text) ON COMMIT DROP;
