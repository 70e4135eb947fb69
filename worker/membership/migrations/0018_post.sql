-- Posts of members: types with the policies that they carry, and who has which.
SET LOCAL ROLE pek_owner;

-- 3: of a type of posts, of which a group has any number
ALTER TABLE pek.group_policy DROP CONSTRAINT group_policy_kind_check,
    ADD CONSTRAINT group_policy_kind_check CHECK (kind BETWEEN 1 AND 3),
    DROP CONSTRAINT group_policy_pkey,
    ADD PRIMARY KEY (realm, policy_id);
DROP INDEX pek.group_policy_policy;
CREATE UNIQUE INDEX group_policy_one ON pek.group_policy (realm, group_id, kind) WHERE kind < 3;
CREATE INDEX group_policy_group ON pek.group_policy (realm, group_id);

CREATE TABLE pek.post_type (
    realm       text COLLATE "C" NOT NULL DEFAULT current_setting('pek.realm'),
    id          bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    group_id    text COLLATE "C" NOT NULL,
    -- pek.membership.v1.PostKind; of each but the last, OWN, a group has one, made when it is first given.
    kind        smallint NOT NULL CHECK (kind BETWEEN 1 AND 5),
    -- Of an own one.
    name        text COLLATE "C" NOT NULL CHECK (char_length(name) <= 30 AND (kind = 5) = (name <> '')),
    unique_key  text COLLATE "C" NOT NULL,
    sort_key    bytea NOT NULL,
    -- Bit n - 1 is pek.Action n: what the policy allows on the group.
    actions     integer NOT NULL CHECK (actions BETWEEN 0 AND 2047),
    policy_id   bigint CHECK (policy_id IS NULL OR actions > 0),
    create_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (realm, id),
    -- What a post refers to: its type is its group's.
    CONSTRAINT post_type_group_key UNIQUE (realm, group_id, id),
    CONSTRAINT post_type_name_key UNIQUE (realm, group_id, kind, unique_key),
    CONSTRAINT post_type_group_fkey FOREIGN KEY (realm, group_id)
        REFERENCES pek.realm_group (realm, id) ON DELETE CASCADE,
    CONSTRAINT post_type_policy_fkey FOREIGN KEY (realm, policy_id) REFERENCES pek.policy (realm, id)
);
CREATE INDEX post_type_order ON pek.post_type (realm, group_id, sort_key, id) WHERE kind = 5;
CREATE INDEX post_type_policy ON pek.post_type (realm, policy_id) WHERE policy_id IS NOT NULL;

CREATE TABLE pek.post (
    realm       text COLLATE "C" NOT NULL DEFAULT current_setting('pek.realm'),
    group_id    text COLLATE "C" NOT NULL,
    user_id     text COLLATE "C" NOT NULL,
    type_id     bigint NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now(),
    given_by    text COLLATE "C" NOT NULL,
    PRIMARY KEY (realm, group_id, user_id, type_id),
    CONSTRAINT post_membership_fkey FOREIGN KEY (realm, group_id, user_id)
        REFERENCES pek.membership (realm, group_id, user_id) ON DELETE CASCADE,
    CONSTRAINT post_type_fkey FOREIGN KEY (realm, group_id, type_id)
        REFERENCES pek.post_type (realm, group_id, id) ON DELETE CASCADE
);
CREATE INDEX post_holders ON pek.post (realm, group_id, type_id);

SELECT pek.isolate('pek.post_type');
SELECT pek.isolate('pek.post');

ALTER TABLE pek.membership ADD COLUMN flairs text[] NOT NULL DEFAULT '{}';

-- As before, and: a line for each post, "KIND ID NAME", and the flairs, a line each. Posts are of newcomers and active
-- members; that somebody has led the group is also told of a former one.
CREATE OR REPLACE VIEW pek.member WITH (security_invoker = true) AS
SELECT m.realm, m.group_id, g.name AS group_name, m.user_id, p.display_name, p.folded,
       now_is.status, now_is.begin_time AS status_time, now_is.end_time, now_is.next_status,
       m.create_time, m.update_time, m.version, m.sort_key, g.sort_key AS group_sort_key,
       EXISTS (SELECT FROM pek.group_policy AS l
                 JOIN pek.policy_holding AS a ON a.realm = l.realm AND a.policy_id = l.policy_id
                WHERE l.realm = m.realm AND l.group_id = m.group_id AND l.kind = 2 AND a.user_id = m.user_id)
           AS is_leader,
       (SELECT coalesce(string_agg(concat_ws(' ', t.kind, t.id, t.name), E'\n' ORDER BY t.kind, t.sort_key, t.id), '')
          FROM pek.post AS o
          JOIN pek.post_type AS t ON t.realm = o.realm AND t.group_id = o.group_id AND t.id = o.type_id
         WHERE o.realm = m.realm AND o.group_id = m.group_id AND o.user_id = m.user_id
           AND (now_is.status IN (2, 3) OR (now_is.status = 4 AND t.kind = 4))) AS posts,
       array_to_string(m.flairs, E'\n') AS flairs
  FROM pek.membership AS m
  JOIN pek.realm_group AS g ON g.realm = m.realm AND g.id = m.group_id
  JOIN pek.person AS p ON p.realm = m.realm AND p.id = m.user_id
 CROSS JOIN LATERAL (
    SELECT s.status, s.begin_time, s.end_time,
           (SELECT n.status FROM pek.membership_period AS n
             WHERE n.realm = s.realm AND n.group_id = s.group_id AND n.user_id = s.user_id AND n.seq = s.next_seq)
               AS next_status
      FROM pek.membership_period AS s
     WHERE s.realm = m.realm AND s.group_id = m.group_id AND s.user_id = m.user_id
       AND s.begin_time <= statement_timestamp() AND (s.end_time IS NULL OR s.end_time > statement_timestamp())
     ORDER BY s.seq DESC LIMIT 1) AS now_is;

GRANT SELECT, INSERT (group_id, kind, name, unique_key, sort_key, actions), UPDATE (policy_id), DELETE
   ON pek.post_type TO pek_app;
GRANT SELECT, INSERT (group_id, user_id, type_id, given_by), DELETE ON pek.post TO pek_app;
GRANT UPDATE (flairs) ON pek.membership TO pek_app;

RESET ROLE;
