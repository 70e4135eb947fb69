// Keys of the hub and of a worker are replaced while requests run: none fails, nobody is logged out.
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { appendFileSync, copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { theFederation, until } from './lib/federation.mjs';
import { login } from './lib/http.mjs';

const federation = theFederation();
const key = (name) => join(federation.data, 'keys', name);
const log = (program) => readFileSync(join(federation.data, 'log', `${program}.log`), 'utf8');

// Appears whole: a program that reads it at any moment finds the old one or the new one.
function replace(path, text) {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' });
const publicHalf = (pem) => createPublicKey(pem).export({ type: 'spki', format: 'pem' });

async function reload(program) {
  const count = () => log(program).split('keys_reloaded').length;
  const before = count();
  federation.signal(program, 'SIGHUP');
  await until(5, `${program} has read its keys`, () => count() > before);
}

async function kids() {
  const answer = await fetch(`http://127.0.0.1:${federation.port}/.well-known/jwks.json`);
  return (await answer.json()).keys.map((jwk) => jwk.kid);
}

// Requests of all kinds, one after the other on each of some connections, until `work` is done.
async function underLoad(clients, work) {
  let running = true;
  let count = 0;
  const failures = [];
  const group = '/api/v1/realms/worker-acme/groups/kir-dev@kir-dev';
  const loops = clients.map(async (client) => {
    let page = '';
    while (running) {
      for (const [verb, path, body] of [
        ['get', '/api/v1/session'], ['get', group], ['get', `/api/v1/groups?pageSize=5${page}`],
        ['patch', `${group}?updateMask=webpage`, { webpage: `https://kir-dev.hu/${count}` }],
      ]) {
        const answer = await client[verb](path, body);
        count++;
        const missing = answer.json?.unreachable?.length || answer.json?.realms?.some((realm) => realm.error);
        if (answer.status !== 200 || missing) failures.push(`${verb} ${path}: ${answer.status} ${answer.text.slice(0, 400)}`);
        if (path.includes('pageSize')) {
          // A list goes on over the change: its page token was sealed with the key before.
          page = answer.json?.nextPageToken ? `&pageToken=${encodeURIComponent(answer.json.nextPageToken)}` : '';
        }
      }
    }
  });
  try {
    await work();
    const enough = count + 100;
    await until(30, 'some more requests', () => count > enough);
  } finally {
    running = false;
    await Promise.all(loops);
  }
  assert.deepEqual(failures, []);
}

// A login needs tokens of every realm, so what is new is used at once.
async function strangerIsServed() {
  const carol = await login(federation.port, 'carol');
  const { json } = await carol.get('/api/v1/session');
  assert.deepEqual(json.realms.filter((realm) => realm.error), []);
  carol.close();
}

describe('keys are rotated under load', () => {
  let clients;

  before(async () => (clients = await Promise.all(['alice', 'alice', 'alice'].map((user) => login(federation.port, user)))));
  after(() => clients.forEach((client) => client.close()));

  it("a worker's: its tokens of before are good, and new ones are signed by the new key", async () => {
    const before = await federation.token('worker-acme', 'alice');
    await underLoad(clients, async () => {
      replace(key('worker-acme.pem'), newKey());
      await reload('worker-acme');
      await strangerIsServed();
    });
    const now = await federation.token('worker-acme', 'alice');
    const kid = (token) => JSON.parse(Buffer.from(token.split('.')[0], 'base64url')).kid;
    assert.notEqual(kid(now), kid(before));
  });

  it("the hub's: the next one is published, then signs, and cookies of before are good", async () => {
    const old = await kids();
    const next = newKey();
    const names = (text) => [...text.matchAll(/"realm":"([^"]+)","id":"([^"]+)"/g)].map(([, realm, id]) => `${realm}/${id}`);
    const lines = { accept: 'application/x-ndjson' };
    const events = { accept: 'text/event-stream' };
    const ofLines = (await clients[0].get('/api/v1/groups', lines)).text;
    const ofEvents = (await clients[0].get('/api/v1/groups', events)).text;
    await underLoad(clients, async () => {
      // 1. Workers and hubs learn it.
      copyFileSync(key('pek-hub.pem'), key('pek-hub.old.pem'));
      replace(key('pek-hub.next.pem'), next);
      replace(key('pek-hub.pub.pem'), readFileSync(key('pek-hub.pub.pem'), 'utf8') + publicHalf(next));
      appendFileSync(join(federation.data, 'config/pek-hub.conf'),
        `hub_keys_previous = ${key('pek-hub.old.pem')}, ${key('pek-hub.next.pem')}\n`);
      await reload('pek-hub');
      assert.equal((await kids()).length, old.length + 1);
      // 2. It signs. The worker meets it in an assertion, and reads its file again.
      replace(key('pek-hub.pem'), next);
      await reload('pek-hub');
      await strangerIsServed();
    });
    const now = await kids();
    assert.notEqual(now[0], old[0]);
    assert.ok(now.includes(old[0]));
    for (const client of clients) assert.equal((await client.get('/api/v1/session')).status, 200);
    // Lists that broke off before go on now.
    const [upTo, cursor] = ofLines.match(/^[^]*?"cursor":"([^"]+)"}\n/);
    const moreLines = await clients[0].get(`/api/v1/groups?pageToken=${cursor}`, lines);
    assert.deepEqual([...names(upTo), ...names(moreLines.text)], names(ofLines));
    const [had, id] = ofEvents.match(/^(?:[^]*?\n\n){5}id: (\S+)\ndata: .*\n\n/);
    const moreEvents = await clients[0].get('/api/v1/groups', { ...events, 'last-event-id': id });
    assert.deepEqual([...names(had), ...names(moreEvents.text)], names(ofEvents));
    assert.ok(names(had).length === 6 && names(upTo).length < names(ofLines).length);
  });

  it('a key that cannot be read changes nothing', async () => {
    const good = readFileSync(key('pek-hub.pem'), 'utf8');
    const before = await kids();
    replace(key('pek-hub.pem'), 'no key at all');
    try {
      federation.signal('pek-hub', 'SIGHUP');
      await until(5, 'the hub says so', () => log('pek-hub').includes('keys_not_reloaded'));
      assert.deepEqual(await kids(), before);
      await strangerIsServed();
    } finally {
      replace(key('pek-hub.pem'), good);
      await reload('pek-hub');
    }
  });

  it('nothing of a key is in the logs', async () => {
    for (const program of ['pek-hub', 'worker-acme']) assert.doesNotMatch(log(program), /PRIVATE KEY/);
  });
});
