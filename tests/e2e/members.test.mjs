// Members of groups, from the browser's side: people whom a realm has never seen, their names, and their lists.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { theFederation, until } from './lib/federation.mjs';
import { login } from './lib/http.mjs';

const federation = theFederation();
const group = '/api/v1/realms/worker-acme/groups/members-e2e@members-e2e';

describe('a group and its members', () => {
  let alice, ödön, carol;
  const names = async (client, query = '') => {
    const page = await client.get(`${group}/members${query}`);
    assert.equal(page.status, 200, page.text);
    // Alice made the group, and is in it.
    return page.json.members.filter((member) => member.userId !== 'alice').map((member) => `${member.displayName} ${member.status}`);
  };
  const change = async (client, path, body = {}) => {
    const answer = await client.send('POST', `${group}/${path}`, body);
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  };

  before(async () => {
    federation.sql('hub', `INSERT INTO hub.user_account (id, username, name)
      VALUES ('newcomer-e2e', 'newcomer-e2e', 'Ökrös Ödön') ON CONFLICT DO NOTHING RETURNING 1`);
    [alice, ödön, carol] = await Promise.all(['alice', 'newcomer-e2e', 'carol'].map((user) => login(federation.port, user)));
    const made = await alice.send('POST', '/api/v1/realms/worker-acme/groups',
      { name: 'Tagok e2e', slug: 'members-e2e' });
    assert.ok([200, 409].includes(made.status), made.text);
  });
  after(() => [alice, ödön, carol].forEach((client) => client.close()));

  it('takes an application from somebody whom the realm does not know, and their lists have the realm at once', async () => {
    const asked = async () => (await ödön.get('/api/v1/groups')).json.federation.instances.map((one) => one.realm);
    assert.ok(!(await asked()).includes('worker-acme'));
    const applied = await change(ödön, 'members:apply');
    assert.equal(applied.status, 'APPLIED');
    assert.ok((await asked()).includes('worker-acme'));
    const mine = await ödön.get('/api/v1/users/me/memberships');
    assert.equal(mine.status, 200, mine.text);
    assert.deepEqual(mine.json.memberships.map((one) => [one.realm, one.groupName, one.status, one.history.length]),
      [['worker-acme', 'Tagok e2e', 'APPLIED', 1]]);
  });

  it('shows applicants and added people by their names, though they never came', async () => {
    await change(alice, 'members:add', { userId: 'user-007' });
    await change(alice, 'members:batchAdd', { userIds: ['user-008', 'user-009'], status: 'NEWBIE' });
    const known = (id) => federation.sql('hub',
      `SELECT json_build_array(trim(last_name || ' ' || first_name)) FROM hub.profile WHERE user_id = '${id}'`)[0];
    const listed = await until(5, 'names came', async () => {
      const list = await names(alice);
      return list.some((name) => name.startsWith('user-') || name.startsWith('newcomer')) ? null : list;
    });
    assert.equal(listed[0], 'Ökrös Ödön APPLIED');
    assert.deepEqual(new Set(listed.slice(1)), new Set([`${known('user-007')} ACTIVE`, `${known('user-008')} NEWBIE`,
      `${known('user-009')} NEWBIE`]));
  });

  it('follows a name that changes', async () => {
    const renamed = await ödön.send('PATCH', '/api/v1/users/me/profile', { firstName: 'Örs' });
    assert.equal(renamed.status, 200, renamed.text);
    await until(5, 'the new name came', async () => (await names(alice)).includes('Ökrös Örs APPLIED'));
  });

  it('lets a manager accept, plan an end, archive and undo, and tells the loser of a race', async () => {
    assert.equal((await change(alice, 'members/newcomer-e2e:accept')).status, 'NEWBIE');
    const again = await alice.send('POST', `${group}/members/newcomer-e2e:accept`, {});
    assert.deepEqual([again.status, again.json.error.details[0].reason], [409, 'MEMBERSHIP_STATUS']);
    const planned = await change(alice, 'members/newcomer-e2e:setDates', { endDate: '2199-01-01' });
    assert.deepEqual([planned.status, planned.nextStatus, planned.endTime],
      ['NEWBIE', 'ARCHIVED', '2198-12-31T23:00:00Z']);
    const alone = await alice.send('POST', `${group}/members/newcomer-e2e:setDates`, { endStatus: 'FORMER' });
    assert.deepEqual([alone.status, alone.json.error.details[0].metadata.field], [400, 'endStatus']);
    const open = await change(alice, 'members/newcomer-e2e:setDates', { endDate: '' });
    assert.deepEqual([open.status, open.endTime], ['NEWBIE', undefined], 'what the body has is meant, also when it is empty');
    assert.equal((await change(alice, 'members/newcomer-e2e:archive')).status, 'ARCHIVED');
    assert.ok(!(await names(alice)).some((name) => name.startsWith('Ökrös')));
    assert.deepEqual(await names(alice, '?statuses=ARCHIVED'), ['Ökrös Örs ARCHIVED']);
    assert.equal((await change(alice, 'members/newcomer-e2e:unarchive')).status, 'NEWBIE');
  });

  it('takes the flags of a group that the body has, without a mask', async () => {
    for (const usersCanApply of [false, true]) {
      const set = await alice.send('POST', `${group}:configure`, { usersCanApply });
      assert.deepEqual([set.status, set.json.usersCanApply], [200, usersCanApply], set.text);
    }
    assert.equal((await alice.send('POST', `${group}:configure`, {})).status, 400);
  });

  it('is closed to strangers', async () => {
    assert.equal((await carol.get(`${group}/members`)).status, 403);
    const accepted = await carol.send('POST', `${group}/members/newcomer-e2e:archive`, {});
    assert.ok([403, 404].includes(accepted.status), accepted.text);
  });

  it('merges the members of groups of one id over realms, in pages and as a stream', async () => {
    const page = await alice.get('/api/v1/groups/members-e2e@members-e2e/members?pageSize=3');
    assert.equal(page.status, 200, page.text);
    assert.equal(page.json.members.length, 3);
    const rest = await alice.get(
      `/api/v1/groups/members-e2e@members-e2e/members?pageSize=3&pageToken=${encodeURIComponent(page.json.nextPageToken)}`);
    assert.equal(rest.json.members.length, 2);
    assert.ok(!rest.json.nextPageToken);
  });

  it('has the demo’s people by their names, of whom the hub heard when it began to watch', async () => {
    await until(10, 'all names came', async () =>
      federation.sql('worker-acme', "SELECT count(*) FROM pek.person WHERE realm = 'worker-acme' AND version = 0") === 0);
    const page = await alice.get('/api/v1/realms/worker-acme/groups/kir-dev@kir-dev/members?pageSize=100');
    const names = page.json.members.filter((one) => one.status !== 'APPLIED').map((one) => one.displayName);
    assert.ok(names.length >= 5);
    assert.ok(!names.some((name) => name.startsWith('user-')), names.join());
    assert.deepEqual(new Set(page.json.members.map((one) => one.status)), new Set(['APPLIED', 'NEWBIE', 'ACTIVE', 'FORMER']));
  });
});
