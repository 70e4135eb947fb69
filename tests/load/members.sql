-- Fills a realm with one group of :count members, the same in each realm, for measuring; run as a superuser with pek.realm
-- set. Keys are bytes of the names, which are ASCII: order is not what is measured. Names have a version, so that the hub
-- tells none.
INSERT INTO pek.realm_group (id, name, unique_key, folded, sort_key, purpose)
VALUES ('crowd@crowd', 'Crowd', 'crowd', 'crowd', '\x01', 3);

INSERT INTO pek.person (id, display_name, folded, sort_key, version)
SELECT format('crowd-%s', n), name, lower(name), convert_to(lower(name), 'UTF8'), 1
  FROM generate_series(1, :count) AS n, LATERAL (SELECT format('Member %s', hashint4(n)) AS name) AS named;

INSERT INTO pek.membership (group_id, user_id, sort_key)
SELECT 'crowd@crowd', p.id, '\x01'::bytea || p.sort_key FROM pek.person AS p WHERE p.id LIKE 'crowd-%';

INSERT INTO pek.membership_period (group_id, user_id, seq, status, begin_time, changed_by)
SELECT m.group_id, m.user_id, 1, 3, now(), 'system' FROM pek.membership AS m WHERE m.group_id = 'crowd@crowd';

VACUUM ANALYZE pek.membership, pek.membership_period, pek.person;
