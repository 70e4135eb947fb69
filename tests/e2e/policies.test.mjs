// Policies, from the browser's side: handed on, explained, taken back, and known of at once.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { theFederation } from './lib/federation.mjs';
import { login } from './lib/http.mjs';

const federation = theFederation();
const realm = '/api/v1/realms/worker-acme';
const policies = `${realm}/policies`;
const unique = randomUUID().slice(0, 8);

describe('a policy', () => {
  let alice;
  let bob;
  let dave;
  let group;
  let dean;
  let clerk;

  before(async () => {
    alice = await login(federation.port, 'alice');
    bob = await login(federation.port, 'bob');
    dave = await login(federation.port, 'dave');
    const made = await alice.post(`${realm}/groups`, { slug: `p${unique}`, name: `Szabály ${unique}` });
    assert.equal(made.status, 200, made.text);
    group = made.json.id;
  });
  after(() => {
    alice.close();
    bob.close();
    dave.close();
  });

  it('is made under the one of the realm, by who may do everything', async () => {
    const listed = await alice.get(policies);
    assert.equal(listed.status, 200, listed.text);
    const god = listed.json.policies.find((policy) => policy.name === 'GOD');
    const body = {
      name: `Dékán ${unique}`,
      canIssue: true,
      statements: [{ groupId: group, actions: ['VIEW_GROUP', 'VIEW_MEMBERS'] }],
    };
    const refused = await bob.post(`${policies}/${god.id}/children`, body);
    assert.equal(refused.status, 403, refused.text);
    const made = await alice.post(`${policies}/${god.id}/children`, body);
    assert.equal(made.status, 200, made.text);
    dean = made.json;
    assert.deepEqual([dean.realm, dean.name, dean.parentId, dean.canIssue], ['worker-acme', body.name, god.id, true]);
    assert.deepEqual(dean.statements[0].actions, ['VIEW_MEMBERS', 'VIEW_GROUP']);
  });

  it('is handed on by its holder, in part, but no further than it reaches', async () => {
    const assigned = await alice.post(`${policies}/${dean.id}:assign`, { userId: 'bob' });
    assert.equal(assigned.status, 200, assigned.text);
    assert.deepEqual([assigned.json.userId, assigned.json.assignedBy], ['bob', 'alice']);
    const child = (actions) => ({ name: `Írnok ${unique}`, statements: [{ groupId: group, actions }] });
    const beyond = await bob.post(`${policies}/${dean.id}/children`, child(['EDIT_MEMBERS']));
    assert.equal(beyond.status, 403, beyond.text);
    const made = await bob.post(`${policies}/${dean.id}/children`, child(['VIEW_GROUP']));
    assert.equal(made.status, 200, made.text);
    clerk = made.json;
    const own = await bob.post(`${policies}/${clerk.id}:assign`, { userId: 'bob' });
    assert.equal(own.status, 403, own.text);
  });

  it('has its statements, and not those of another policy', async () => {
    const [statement] = dean.statements;
    const path = (policy) => `${policies}/${policy.id}/statements/${statement.id}`;
    const elsewhere = await alice.patch(path(clerk), { ...statement, actions: ['VIEW_GROUP'] });
    assert.equal(elsewhere.status, 404, elsewhere.text);
    const own = await alice.patch(path(dean), statement);
    assert.equal(own.status, 200, own.text);
    const stale = await alice.patch(`${path(dean)}?etag=${dean.etag}x`, { actions: ['VIEW_GROUP', 'VIEW_MEMBERS'] });
    assert.ok([400, 409, 412].includes(stale.status), stale.text);
  });

  it('opens what it says, explains itself, and closes at once', async () => {
    const path = `${realm}/groups/${encodeURIComponent(group)}`;
    const check = `${policies}:check?action=VIEW_GROUP&groupId=${encodeURIComponent(group)}`;
    assert.equal((await dave.get(path)).status, 403);
    const without = await dave.get(check);
    assert.equal(without.status, 200, without.text);
    assert.equal(without.json.allowed ?? false, false);
    const assigned = await bob.post(`${policies}/${clerk.id}:assign`, { userId: 'dave' });
    assert.equal(assigned.status, 200, assigned.text);
    assert.equal((await dave.get(path)).status, 200);
    const granted = await dave.get(check);
    assert.equal(granted.json.allowed, true, granted.text);
    assert.equal(granted.json.grants[0].policyName, clerk.name);
    const revoked = await bob.post(`${policies}/${clerk.id}:revoke`, { userId: 'dave' });
    assert.equal(revoked.status, 200, revoked.text);
    assert.equal((await dave.get(path)).status, 403);
  });

  it('names what is under it before it goes', async () => {
    const refused = await alice.send('DELETE', `${policies}/${dean.id}`);
    assert.equal(refused.status, 400, refused.text);
    assert.equal(refused.json.error.status, 'FAILED_PRECONDITION');
    assert.match(refused.json.error.message, new RegExp(clerk.id));
    const gone = await alice.send('DELETE', `${policies}/${dean.id}?cascade=true`);
    assert.equal(gone.status, 200, gone.text);
    assert.equal((await alice.get(`${policies}/${clerk.id}`)).status, 404);
  });
});
