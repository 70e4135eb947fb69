-- Fills a realm with :count groups under one organisation, for measuring; run as a superuser with pek.realm
-- set. Names are made of Hungarian syllables, so that neighbours in the order of names are spread over realms.
-- Keys are left empty and the collator's version forgotten: the worker makes the keys, as it does whenever
-- ICU's version changed.
INSERT INTO pek.realm_group (id, name, unique_key, folded, sort_key, purpose)
VALUES ('bench@bench', 'Mérés', 'bench', '', '', 8)
    ON CONFLICT DO NOTHING;

WITH syllables AS (
    SELECT string_to_array('ba,csó,dzsi,é,fü,gya,hő,í,ja,ku,lyó,mé,nyi,ö,pő,ra,szú,ty,ú,ű,vá,zso,cza,ór', ',') AS s
)
INSERT INTO pek.realm_group (id, parent_id, name, unique_key, folded, sort_key, purpose)
SELECT format('bench@g%s', n), 'bench@bench',
       initcap(s[1 + (hashint4(n) & 15)] || s[1 + (hashint4(n * 7) & 15)] || s[1 + (hashint4(n * 13) & 7) * 3])
           || format(' %s', n),
       format('bench %s', n), '', '', 3
  FROM syllables, generate_series(1, :count) AS n
    ON CONFLICT DO NOTHING;

UPDATE pek.realm_state SET collator_version = '';
VACUUM ANALYZE pek.realm_group;
