// Two accounts of one person become one, in the hub and in every realm, whatever is killed meanwhile.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { realms, theFederation, until } from './lib/federation.mjs';
import { login } from './lib/http.mjs';

const federation = theFederation();
const merge = async (...words) => JSON.parse(await federation.dev('ctl', 'user', ...words, '--json'));
const row = (rows, realm) => rows.find((one) => one.realm === realm);
const state = (rows) => Object.fromEntries(rows.map((one) => [one.realm, one.state]));

describe('an account that is merged', () => {
  let boss, twin; // boss administers every realm
  const made = Math.random().toString(36).slice(2, 8);
  const [from, into] = [`twin-a-${made}`, `twin-b-${made}`];
  const path = (realm) => `/api/v1/realms/${realm}/groups/twins-${made}@twins-${made}`;
  const memberships = async () => (await boss.get(`/api/v1/users/${into}/memberships`)).json.memberships
    .filter((one) => one.groupId === `twins-${made}@twins-${made}`).map((one) => [one.realm, one.status]);

  before(async () => {
    federation.sql('hub', `WITH made AS (INSERT INTO hub.user_account (id, username, name)
      VALUES ('${from}', '${from}', 'Iker Anna'), ('${into}', '${into}', 'Iker Anna'),
        ('boss-${made}', 'boss-${made}', 'Fő Nök') RETURNING 1) SELECT count(*) FROM made`);
    for (const realm of realms) {
      federation.sql(realm, `WITH made AS (INSERT INTO pek.policy_assignment (realm, policy_id, user_id, assigned_by)
        SELECT realm, policy_id, 'boss-${made}', 'operator' FROM pek.policy_statement
         WHERE realm = '${realm}' AND actions >= 2048 RETURNING 1) SELECT count(*) FROM made`);
    }
    boss = await login(federation.port, `boss-${made}`);
    for (const realm of realms) {
      const group = await boss.send('POST', `/api/v1/realms/${realm}/groups`, { name: `Ikrek ${made}`, slug: `twins-${made}` });
      assert.equal(group.status, 200, group.text);
      const add = async (userId, status) => {
        const added = await boss.send('POST', `${path(realm)}/members:add`, { userId, status });
        assert.equal(added.status, 200, added.text);
      };
      if (realm !== 'hub') await add(from, 'ACTIVE');
      if (realm !== 'worker-conference') await add(into, 'NEWBIE');
    }
    twin = await login(federation.port, from);
  });
  after(async () => {
    // Other tests compare what there is.
    for (const realm of realms) await boss.send('POST', `${path(realm)}:archive`, {});
    for (const client of [boss, twin]) client.close();
  });

  it('is shown first: what would move in the hub and in each realm, and nothing moves', async () => {
    const rows = await merge('merge', from, into);
    assert.deepEqual(state(rows), { 'the hub': 'would', hub: 'would', 'worker-acme': 'would', 'worker-conference': 'would' });
    assert.match(row(rows, 'the hub').note, /^1 usernames, 0 external accounts, \d realms, 1 sessions end$/);
    assert.deepEqual(realms.map((realm) => [row(rows, realm).memberships, row(rows, realm).combined]),
      [['0', '0'], ['1', '1'], ['1', '0']]);
    assert.equal((await twin.get('/api/v1/users/me/profile')).json.id, from);
    assert.deepEqual(federation.sql('worker-acme', `SELECT json_agg(user_id ORDER BY user_id) FROM pek.membership
      WHERE user_id LIKE 'twin-_-${made}'`), [from, into]);
  });

  it('is the other one, when one realm is dead and another stopped, and the hub is killed in the middle', async () => {
    federation.signal('worker-conference', 'SIGKILL');
    federation.signal('worker-acme', 'SIGSTOP');
    try {
      const rows = await merge('merge', from, into, '--apply');
      assert.deepEqual(state(rows), { 'the hub': 'done', hub: 'done', 'worker-acme': 'waiting', 'worker-conference': 'waiting' });
      // The stopped realm has the question; its answer reaches nobody.
      federation.signal('pek-hub', 'SIGKILL');
    } finally {
      federation.signal('worker-acme', 'SIGCONT');
    }
    await federation.dev('restart', 'pek-hub');
    const of = async (realm) => row(await merge('merges'), realm);
    await until(30, 'the realm that was stopped has done it', async () =>
      (await merge('merges')).some((one) => one.from_user === from && one.realm === 'worker-acme' && one.state === 'done'));
    assert.equal((await merge('merges')).find((one) => one.from_user === from && one.realm === 'worker-conference').state, 'waiting');
    await federation.dev('restart', 'worker-conference');
    await until(30, 'the realm that was dead has done it', async () =>
      (await merge('merges')).every((one) => one.from_user !== from || one.state === 'done'));
    assert.ok(await of('worker-conference'));
    // Said once more, it is done already.
    const again = await merge('merge', from, into, '--apply');
    assert.ok(again.every((one) => one.state === 'done'), JSON.stringify(again));
    assert.deepEqual(realms.map((realm) => [row(again, realm).memberships, row(again, realm).combined]),
      [['0', '0'], ['1', '1'], ['1', '0']]);
  });

  it('has nothing any more, and leads to the other by every name', async () => {
    await until(10, 'all realms answer', async () => (await memberships()).length === 3);
    assert.deepEqual((await memberships()).sort(),
      [['hub', 'NEWBIE'], ['worker-acme', 'ACTIVE'], ['worker-conference', 'ACTIVE']]);
    assert.equal((await twin.get('/api/v1/users/me/profile')).status, 401);
    const profile = await boss.get(`/api/v1/users/${from}/profile`);
    assert.deepEqual([profile.status, profile.json.id, profile.json.username], [200, into, into]);
    const former = await boss.get(`/api/v1/users/${from}/memberships`);
    assert.equal(former.status, 200, former.text);
    assert.ok(former.json.memberships.length > 0 && former.json.memberships.every(({ userId }) => userId === into), former.text);
    const added = await boss.send('POST', `${path('worker-acme')}/members:add`, { userId: from });
    assert.equal(added.status, 400, added.text);
    assert.match(added.text, /USER_MERGED/);
  });

  it('leaves realms in which everything holds', async () => {
    for (const realm of realms) assert.doesNotMatch(await federation.dev('verify', realm), /^broken/m);
  });
});
