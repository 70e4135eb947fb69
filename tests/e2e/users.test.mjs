// People search: whom each user finds, compared with a statement over the hub's tables.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { theFederation } from './lib/federation.mjs';
import { login, walk } from './lib/http.mjs';

const federation = theFederation();

// Accents and case are nothing to a search: by PostgreSQL's own folding here.
const fold = "lower(translate(name, 'áéíóöőúüűÁÉÍÓÖŐÚÜŰ', 'aeiooouuuAEIOOOUUU'))";
const expected = (user, words) => federation.sql('hub', `
  SELECT coalesce(json_agg(id ORDER BY id), '[]') FROM (
    SELECT u.id, concat_ws(' ', p.last_name, p.first_name, p.nickname, u.username,
                           CASE WHEN u.id = '${user}' THEN concat_ws(' ', p.cell_phone, p.room) END) AS name
      FROM hub.user_account u JOIN hub.profile p ON p.user_id = u.id
     WHERE u.id = '${user}' OR EXISTS (
       SELECT FROM hub.user_realm a JOIN hub.user_realm b USING (realm) JOIN hub.instance i USING (realm)
        WHERE a.user_id = '${user}' AND b.user_id = u.id AND i.status <> 'REMOVED')) AS seen
   WHERE ${words.map((word) => `strpos(${fold}, '${word}') > 0`).join(' AND ') || 'true'}`);

const path = (words) => `/api/v1/users?q=${encodeURIComponent(words.join(' '))}`;

// Realms say whom they know when somebody comes, and write it down behind the answer.
const known = async (client, user) => {
  const { json } = await client.get('/api/v1/session');
  const count = json.realms.filter((realm) => realm.known).length;
  const written = () => federation.sql('hub', `SELECT count(*) FROM hub.user_realm WHERE user_id = '${user}'`);
  for (let tries = 0; written() < count; tries += 1) {
    assert.ok(tries < 100, `${user} is not known in ${count} realms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};

describe('people search', () => {
  for (const user of ['alice', 'bob', 'carol', 'dave']) {
    it(`finds for ${user} exactly whom ${user} may see`, async () => {
      const client = await login(federation.port, user);
      await known(client, user);
      for (const words of [[], ['a'], ['an'], ['kov'], ['nagy', 'a'], ['carol'], ['zzq'], ['user-0', 'e']]) {
        const found = await walk(client, path(words), 7, 'users');
        assert.deepEqual(found.map(({ id }) => id).sort(), [...expected(user, words)].sort(), words.join(' '));
      }
      client.close();
    });
  }

  it('gives as lines what it gives in pages, in the same order', async () => {
    const client = await login(federation.port, 'alice');
    const pages = await walk(client, path(['a']), 50, 'users');
    const { text } = await client.get(path(['a']), { accept: 'application/x-ndjson' });
    const lines = text.trimEnd().split('\n').map((line) => JSON.parse(line));
    assert.ok(lines.at(-1).end);
    assert.deepEqual(lines.slice(0, -1).map(({ result }) => result), pages);
    client.close();
  });

  it('shows nothing but names', async () => {
    const client = await login(federation.port, 'alice');
    const { json } = await client.get(path(['bob']));
    assert.deepEqual(Object.keys(json.users[0]), ['id', 'username', 'displayName', 'firstName', 'lastName', 'nickname', 'avatarVersion']);
    client.close();
  });
});
