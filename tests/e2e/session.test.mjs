// Logging in and out, and what other sites cannot do with somebody's cookie.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { realms, theFederation } from './lib/federation.mjs';
import { Client, login } from './lib/http.mjs';

const federation = theFederation();

describe('a session', () => {
  it('begins with a cookie that scripts and other sites do not get', async () => {
    const client = new Client(federation.port);
    const answer = await client.get('/auth/dev?user=alice&return_to=/x');
    assert.equal(answer.status, 303);
    assert.equal(answer.headers.location, '/x');
    const [cookie] = answer.headers['set-cookie'];
    assert.match(cookie, /^pek_session=[\w-]+\.[\w-]+\.[\w-]+; /);
    for (const attribute of ['HttpOnly', 'SameSite=Lax', 'Path=/']) assert.ok(cookie.includes(attribute), cookie);
    client.close();
  });

  it('does not send anybody to another site', async () => {
    const client = new Client(federation.port);
    for (const to of ['//evil.example', 'https://evil.example', '/\\evil.example', '/%5cevil.example', '/%0d%0aX:%20y', '%2f%2fevil.example', 'javascript:1']) {
      const answer = await client.get(`/auth/dev?user=alice&return_to=${to}`);
      assert.ok(answer.status === 400 || answer.headers.location === '/', `${to}: ${answer.headers.location}`);
    }
    client.close();
  });

  it('is not given to who does not exist', async () => {
    const client = new Client(federation.port);
    assert.equal((await client.get('/auth/dev?user=mallory')).status, 404);
    assert.equal((await client.get('/auth/dev')).status, 400);
    client.close();
  });

  it('says who, which realms, and never a token', async () => {
    const bob = await login(federation.port, 'bob');
    const answer = await bob.get('/api/v1/session');
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.json.user.username, 'bob');
    assert.deepEqual(answer.json.realms.map((realm) => realm.realm).sort(), realms);
    const of = (name) => answer.json.realms.find((realm) => realm.realm === name);
    assert.equal(of('worker-acme').known, true);
    assert.ok(of('worker-acme').policies.includes('GOD in kir-dev@kir-dev'));
    assert.ok(!of('worker-conference').known);
    const lives = Date.parse(of('worker-acme').tokenExpireTime) - Date.now();
    assert.ok(lives > 0 && lives <= 5 * 60 * 1000, `${lives} ms`);
    assert.doesNotMatch(answer.text, /eyJ/);
    bob.close();
  });

  it('ends with logout, for the cookie too', async () => {
    const alice = await login(federation.port, 'alice');
    assert.equal((await alice.get('/api/v1/session')).status, 200);
    const out = await alice.post('/auth/logout');
    assert.equal(out.status, 204, out.text);
    assert.match(out.headers['set-cookie'][0], /Max-Age=0/);
    for (const path of ['/api/v1/session', '/api/v1/groups', '/api/v1/instances']) {
      assert.equal((await alice.get(path)).status, 401, path);
    }
    assert.equal((await alice.post('/auth/logout')).status, 204, 'twice is no mistake');
    alice.close();
  });

  it('ends with one logout, not others of the same user', async () => {
    const [one, other] = await Promise.all([login(federation.port, 'carol'), login(federation.port, 'carol')]);
    await one.post('/auth/logout');
    assert.equal((await one.get('/api/v1/session')).status, 401);
    assert.equal((await other.get('/api/v1/session')).status, 200);
    one.close();
    other.close();
  });
});

describe('another site', () => {
  let alice;
  const path = '/api/v1/realms/worker-acme/groups/kir-dev@kir-dev';
  const body = { description: 'from elsewhere' };

  before(async () => (alice = await login(federation.port, 'alice')));
  after(() => alice.close());

  for (const [what, headers] of [
    ['says that it is another one', { 'sec-fetch-site': 'cross-site' }],
    ['is a sister of ours', { 'sec-fetch-site': 'same-site' }],
    ['has another origin', { origin: 'https://evil.example' }],
    ['has no origin to speak of', { origin: 'null' }],
    ['has our name and another port', { origin: 'http://127.0.0.1:1' }],
  ]) {
    it(`changes nothing when it ${what}`, async () => {
      const answer = await alice.patch(path, body, headers);
      assert.equal(answer.status, 403, answer.text);
      assert.notEqual((await alice.get(path)).json.description, body.description);
    });
  }

  it('cannot send a form', async () => {
    const form = { 'content-type': 'text/plain' };
    assert.equal((await alice.request('POST', '/auth/logout', { headers: form, body: 'a=b' })).status, 415);
    // Without a body there is no type to ask for; a browser says where it comes from.
    for (const headers of [{ origin: 'https://evil.example' }, { origin: 'null' }, { 'sec-fetch-site': 'cross-site' }])
      assert.equal((await alice.request('POST', '/auth/logout', { headers: { ...form, ...headers }, body: '' })).status, 403);
    assert.equal((await alice.get('/api/v1/session')).status, 200, 'still logged in');
  });

  it('is given nothing by CORS', async () => {
    const answer = await alice.get('/api/v1/groups', { origin: 'https://evil.example' });
    assert.equal(answer.headers['access-control-allow-origin'], undefined);
    const preflight = await alice.request('OPTIONS', path, {
      headers: { origin: 'https://evil.example', 'access-control-request-method': 'PATCH' } });
    assert.equal(preflight.headers['access-control-allow-origin'], undefined);
  });

  it('is not ourselves: our own origin may', async () => {
    const answer = await alice.patch(`${path}?updateMask=webpage`, { webpage: 'https://kir-dev.hu' },
      { origin: `http://127.0.0.1:${federation.port}`, 'sec-fetch-site': 'same-origin' });
    assert.equal(answer.status, 200, answer.text);
  });
});

describe('whoever administers a realm', () => {
  it('is reminded of it before they delete themselves, so that no realm is left without', async () => {
    const alice = await login(federation.port, 'alice');
    const refused = await alice.request('DELETE', '/api/v1/users/me');
    assert.deepEqual([refused.status, refused.json.error.details[0].reason], [400, 'REALM_ADMINISTRATOR']);
    assert.equal((await alice.get('/api/v1/session')).status, 200);
    alice.close();
  });
});
