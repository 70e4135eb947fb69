// Who sees a full profile: what GET /users/{user}/profile shows, what /users/me/access lists and what policies:check says are one.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { realms, theFederation } from './lib/federation.mjs';
import { login } from './lib/http.mjs';

const federation = theFederation();
const names = ['alice', 'bob', 'carol', 'dave', 'user-001', 'user-002'];
const clients = {};

before(async () => {
  for (const name of names) clients[name] = await login(federation.port, name);
});
after(() => Object.values(clients).forEach((client) => client.close()));

// Each policy by which the viewer has the right on the target, as the realms themselves say.
async function checked(viewer, target) {
  const granted = [];
  for (const realm of realms) {
    const answer = await clients[viewer].get(
      `/api/v1/realms/${realm}/policies:check?action=VIEW_FULL_PROFILE&targetUserId=${target}`);
    assert.equal(answer.status, 200, answer.text);
    for (const grant of answer.json.grants) granted.push(`${viewer} ${realm} ${grant.policyName}`);
  }
  return granted;
}

async function listed(target) {
  const answer = await clients[target].get('/api/v1/users/me/access', { accept: 'application/x-ndjson' });
  assert.equal(answer.status, 200, answer.text);
  const lines = answer.text.trim().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(lines.at(-1).end.unreachable, []);
  return lines.slice(0, -1).map(({ result }) => `${result.userId} ${result.realm} ${result.policyName}`);
}

describe('who may see a full profile', () => {
  it('is told to its owner exactly as the realms check it, for every two people', async () => {
    for (const target of names) {
      const list = (await listed(target)).filter((line) => names.includes(line.split(' ')[0]));
      const check = [];
      for (const viewer of names) check.push(...await checked(viewer, target));
      assert.deepEqual(list.sort(), check.sort(), target);
    }
  });

  it('is who is shown it, and nobody else', async () => {
    for (const target of names) {
      const known = (await clients[target].get('/api/v1/session')).json.realms.filter((one) => one.known).map((one) => one.realm);
      for (const viewer of names.filter((name) => name !== target)) {
        const theirs = (await clients[viewer].get('/api/v1/session')).json.realms.filter((one) => one.known).map((one) => one.realm);
        const shared = known.filter((realm) => theirs.includes(realm));
        const granted = (await checked(viewer, target)).some((line) => shared.includes(line.split(' ')[1]));
        const answer = await clients[viewer].get(`/api/v1/users/${target}/profile`);
        if (shared.length === 0) assert.equal(answer.status, 404, `${viewer} ${target}`);
        else assert.equal(answer.json.view, granted ? 'FULL' : 'BASIC', `${viewer} ${target}`);
        if (answer.json.view) assert.deepEqual(answer.json.unreachable, []);
      }
    }
  });

  it('is in one order over all realms, page by page', async () => {
    const all = await listed('alice');
    const paged = [];
    let pageToken = '';
    do {
      const page = await clients.alice.get(`/api/v1/users/me/access?pageSize=2&pageToken=${encodeURIComponent(pageToken)}`);
      assert.equal(page.status, 200, page.text);
      paged.push(...page.json.viewers.map((one) => `${one.userId} ${one.realm} ${one.policyName}`));
      pageToken = page.json.nextPageToken;
    } while (pageToken);
    assert.deepEqual(paged, all);
    const acme = await clients.alice.get('/api/v1/realms/worker-acme/users/me/access?pageSize=100');
    assert.ok(acme.json.viewers.every((one) => one.realm === 'worker-acme'));
  });

  it('changes within a moment when the right is given and revoked', async () => {
    const json = { 'content-type': 'application/json' };
    const acme = '/api/v1/realms/worker-acme';
    const policies = (await clients.alice.get(`${acme}/policies?pageSize=1`)).json.policies;
    assert.equal(policies[0].name, 'GOD');
    const made = await clients.alice.request('POST', `${acme}/policies/${policies[0].id}/children`,
      { headers: json, body: { name: `Sees ${Date.now()}`, statements: [{ userId: 'user-001', actions: ['VIEW_FULL_PROFILE'] }] } });
    assert.equal(made.status, 200, made.text);
    await clients['user-001'].request('PATCH', '/api/v1/users/me/profile',
      { headers: json, body: { cellPhone: '+36301111111', room: '1101', visible: ['CELL_PHONE'] } });
    const view = async () => (await clients.bob.get('/api/v1/users/user-001/profile')).json;
    const becomes = async (wanted) => {
      const until = Date.now() + 5000;
      let seen = await view();
      while (seen.view !== wanted && Date.now() < until) seen = await view();
      assert.equal(seen.view, wanted);
      return seen;
    };
    assert.equal((await view()).view, 'BASIC');
    const assign = (verb) => clients.alice.request('POST', `${acme}/policies/${made.json.id}:${verb}`, { headers: json, body: { userId: 'bob' } });
    assert.equal((await assign('assign')).status, 200);
    const full = await becomes('FULL');
    assert.deepEqual([full.cellPhone, full.room], ['+36301111111', '']);
    assert.equal((await assign('revoke')).status, 200);
    const basic = await becomes('BASIC');
    assert.equal(basic.cellPhone, '');
    await clients.alice.request('DELETE', `${acme}/policies/${made.json.id}`, { headers: json });
  });
});

describe('what the federation holds about somebody', () => {
  const values = (document, kind, key, realm) => document.records
    .filter((one) => one.kind === kind && (realm === undefined || one.realm === realm)).map((one) => one.values[key]);

  it('is one document, of the hub and of every realm', async () => {
    const answer = await clients.alice.get('/api/v1/users/me/export');
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.json.unreachable, []);
    assert.deepEqual(values(answer.json, 'account', 'username'), ['alice']);
    assert.equal(values(answer.json, 'profile', 'lastName')[0], 'Alföldi');
    for (const realm of realms) assert.equal(answer.json.records.filter((one) => one.realm === realm && one.kind === 'visit').length, 1);
    const own = (await clients.alice.get('/api/v1/users/me/memberships', { accept: 'application/x-ndjson' })).text
      .trim().split('\n').map((line) => JSON.parse(line).result).filter(Boolean);
    assert.deepEqual(values(answer.json, 'membership', 'groupId').length, own.length);
    const periods = answer.json.records.filter((one) => one.kind === 'membership_period');
    assert.equal(periods.length, own.reduce((sum, one) => sum + one.history.length, 0));
    assert.ok(values(answer.json, 'policy_assignment', 'policyName', 'worker-acme').includes('GOD'));
  });

  it('is about nobody else', async () => {
    const answer = await clients.dave.get('/api/v1/users/me/export');
    assert.deepEqual(values(answer.json, 'account', 'username'), ['dave']);
    assert.ok(!answer.text.includes('Alföldi'));
    assert.equal((await clients.dave.get('/api/v1/users/alice/export')).status, 404);
  });

  it('names a realm that could not answer', async () => {
    federation.signal('worker-conference', 'SIGSTOP');
    try {
      const answer = await clients.carol.get('/api/v1/users/me/export');
      assert.equal(answer.status, 200);
      assert.deepEqual(answer.json.unreachable, ['realms/worker-conference']);
      assert.deepEqual(values(answer.json, 'account', 'username'), ['carol']);
    } finally {
      federation.signal('worker-conference', 'SIGCONT');
    }
  });
});
