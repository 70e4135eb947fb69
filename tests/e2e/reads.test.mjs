// A part of what there is: the fields that a client names, and nothing when it has what there is.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { bearer, call, theFederation } from './lib/federation.mjs';
import { login, walk } from './lib/http.mjs';

const federation = theFederation();
const group = '/api/v1/realms/worker-acme/groups/kir-dev@kir-dev';

// Of each item what the names say, as far as it has it.
const part = (item, names) => Object.fromEntries(Object.entries(item).filter(([name]) => names.includes(name)));

describe('a read mask', () => {
  let alice;
  before(async () => (alice = await login(federation.port, 'alice')));
  after(() => alice.close());

  const lists = [
    ['/api/v1/groups?q=a', 'groups', [['id', 'name'], ['name', 'description', 'purpose'], ['createTime']]],
    ['/api/v1/groups/vik@vik/descendants', 'groups', [['name', 'parentId'], ['webpage']]],
    ['/api/v1/groups/schonherz@ac/ancestors', 'groups', [['name'], ['mail']]],
    ['/api/v1/groups/schonherz@ac/members', 'members', [['userId', 'displayName', 'avatarVersion'], ['displayName', 'posts', 'flairs']]],
    ['/api/v1/users/alice/memberships', 'memberships', [['realm', 'groupId', 'groupName'], ['groupName', 'history']]],
    ['/api/v1/users?q=a', 'users', [['displayName'], ['id', 'nickname']]],
  ];
  for (const [path, collection, masks] of lists) {
    it(`shows of ${path} what it names, in pages and as lines`, async () => {
      const all = (of, pageSize) => (path.endsWith('/ancestors') ? alice.get(of).then(({ json }) => json.groups) : walk(alice, of, pageSize, collection));
      const whole = await all(path, 50);
      assert.ok(whole.length > 0);
      for (const names of masks) {
        const masked = `${path}${path.includes('?') ? '&' : '?'}readMask=${names.join(',')}`;
        const expected = whole.map((item) => part(item, names));
        assert.deepEqual(await all(masked, 7), expected);
        const { text } = await alice.get(masked, { accept: 'application/x-ndjson' });
        const lines = text.trimEnd().split('\n').map((line) => JSON.parse(line));
        assert.ok(lines.pop().end);
        assert.deepEqual(lines.map(({ result }) => result), expected);
      }
    });
  }

  it('shows of one group what it names, with the ETag of the whole', async () => {
    const whole = await alice.get(group);
    for (const [mask, names] of [['name', ['name']], ['foundationTime,is_archived', ['foundationTime', 'isArchived']], ['etag', ['etag']]]) {
      const answer = await alice.get(`${group}?readMask=${mask}`);
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(answer.json, part(whole.json, names));
      assert.equal(answer.headers.etag, whole.headers.etag);
    }
    for (const mask of ['*', '', 'name,*']) assert.deepEqual((await alice.get(`${group}?readMask=${mask}`)).json, whole.json);
  });

  it('is refused by its name when it names something else', async () => {
    for (const path of [group, '/api/v1/groups', '/api/v1/users', '/api/v1/users/me/memberships']) {
      for (const mask of ['colour', 'sortKey', 'sort_key', 'name.first', 'id,,name', 'createTime.seconds']) {
        const answer = await alice.get(`${path}?readMask=${mask}`);
        assert.equal(answer.status, 400, `${path} ${mask}`);
        assert.equal(answer.json.error.details[0].metadata.field, 'readMask');
      }
    }
  });

  it('may be another on the next page', async () => {
    const first = (await alice.get('/api/v1/groups?pageSize=3&readMask=name')).json;
    const second = await alice.get(`/api/v1/groups?pageSize=3&pageToken=${encodeURIComponent(first.nextPageToken)}`);
    assert.equal(second.status, 200, second.text);
    const whole = (await alice.get('/api/v1/groups?pageSize=6')).json.groups;
    assert.deepEqual([...first.groups, ...second.json.groups].map(({ name }) => name), whole.map(({ name }) => name));
  });

  it('is taken by a realm, which answers what a group is told by besides', async () => {
    const acme = federation.worker('worker-acme');
    const token = bearer(await federation.token('worker-acme', 'alice'));
    const { response: whole } = await call(acme, 'GetGroup', { id: 'kir-dev@kir-dev' }, [token]);
    for (const method of ['GetGroup', 'ListGroups']) {
      const request = { readMask: { paths: ['name'] }, ...(method === 'GetGroup' ? { id: 'kir-dev@kir-dev' } : { q: 'Kir-Dev' }) };
      const { code, response } = await call(acme, method, request, [token]);
      assert.equal(code, 'OK');
      const item = [response].flat().find(({ id }) => id === 'kir-dev@kir-dev');
      assert.deepEqual([item.realm, item.name, item.etag, item.description, item.createTime], ['worker-acme', 'Kir-Dev', whole.etag, undefined, undefined]);
    }
    const refused = await call(acme, 'ListGroups', { readMask: { paths: ['colour'] } }, [token]);
    assert.equal(refused.code, 'INVALID_ARGUMENT');
    acme.close();
  });
});

describe('what a client has', () => {
  let alice;
  before(async () => (alice = await login(federation.port, 'alice')));
  after(() => alice.close());

  it('is 304 from whichever realm has it, until it changes', async () => {
    for (const path of [group, '/api/v1/groups/kir-dev@kir-dev', '/api/v1/groups/schonherz@ac', '/api/v1/users/me/profile', '/api/v1/realms/worker-acme/semester']) {
      const first = await alice.get(path);
      assert.equal(first.status, 200, path);
      const has = { 'if-none-match': first.headers.etag };
      for (const method of ['GET', 'HEAD']) {
        const again = await alice.request(method, path, { headers: has });
        assert.deepEqual([again.status, again.text, again.headers.etag], [304, '', first.headers.etag], path);
        assert.equal(again.headers['content-location'], first.headers['content-location']);
      }
      const whole = await alice.get(path, { 'if-none-match': '"other"' });
      assert.deepEqual([whole.status, whole.json], [200, first.json], path);
    }
    const first = await alice.get(group);
    await alice.patch(group, { mail: `${Date.now()}@pek.example` });
    const changed = await alice.get(group, { 'if-none-match': first.headers.etag });
    assert.equal(changed.status, 200);
    assert.notEqual(changed.headers.etag, first.headers.etag);
    await alice.patch(group, { mail: first.json.mail });
  });

  it('is not what there is once its reader may do more with it', async () => {
    const policies = '/api/v1/realms/worker-acme/policies';
    const bob = await login(federation.port, 'bob');
    const god = (await alice.get(policies)).json.policies.find(({ name }) => name === 'GOD');
    const child = async (above, canIssue) => {
      const statements = [{ groupId: 'kir-dev@kir-dev', actions: ['VIEW_GROUP'] }];
      return (await alice.post(`${policies}/${above}/children`, { name: `Reads ${Date.now()}`, canIssue, statements })).json.id;
    };
    const above = await child(god.id, true);
    const held = `${policies}/${await child(above, false)}`;
    await alice.post(`${held}:assign`, { userId: 'bob' });
    const first = await bob.get(held);
    assert.equal(first.json.callerAdministers, false, first.text);
    assert.equal((await bob.get(held, { 'if-none-match': first.headers.etag })).status, 304);
    await alice.post(`${policies}/${above}:assign`, { userId: 'bob' });
    const since = await bob.get(held, { 'if-none-match': first.headers.etag });
    assert.deepEqual([since.status, since.json?.callerAdministers], [200, true]);
    await alice.send('DELETE', `${policies}/${above}?cascade=true`);
    bob.close();
  });

  it('is not sent again by the realm, and to nobody who may not see it', async () => {
    const acme = federation.worker('worker-acme');
    const has = (etag) => ['if-none-match', etag];
    const alices = bearer(await federation.token('worker-acme', 'alice'));
    const daves = bearer(await federation.token('worker-acme', 'dave'));
    const request = { id: 'kir-dev@kir-dev' };
    const { response: whole } = await call(acme, 'GetGroup', request, [alices]);
    const { response } = await call(acme, 'GetGroup', request, [alices, has(whole.etag)]);
    assert.deepEqual([response.realm, response.id, response.etag, response.name, response.createTime], ['worker-acme', request.id, whole.etag, undefined, undefined]);
    assert.deepEqual((await call(acme, 'GetGroup', request, [alices, has('v0')])).response, whole);
    assert.equal((await call(acme, 'GetGroup', request, [daves, has(whole.etag)])).code, 'PERMISSION_DENIED');
    acme.close();
  });
});
