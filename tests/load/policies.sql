-- Policies under "Bench" until there are :thousands, each of a thousand statements about users of one group; run as a
-- superuser with pek.realm set.
WITH made AS (
    INSERT INTO pek.policy (name, unique_key, parent_id, made_by)
    SELECT format('Bench %s', n), format('bench %s', n), p.id, 'bench'
      FROM pek.policy AS p, generate_series(1, :thousands) AS n
     WHERE p.name = 'Bench'
        ON CONFLICT DO NOTHING
    RETURNING id
)
INSERT INTO pek.policy_statement (policy_id, group_id, user_id, resource, actions, made_by)
SELECT made.id, :'group', format('user-%s', n), 'GROUP', 4, 'bench'
  FROM made, generate_series(1, 1000) AS n;
ANALYZE pek.policy, pek.policy_statement;
