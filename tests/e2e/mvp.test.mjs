// MVP mode: the same answers out of one process, which connects to nothing but PostgreSQL.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startFederation, theFederation } from './lib/federation.mjs';
import { login } from './lib/http.mjs';

const realm = '/api/v1/realms/hub/groups';
// What differs between two databases that were filled one after the other, and between two runs.
const volatile = new Set(['foundationTime', 'createTime', 'updateTime', 'elapsedMs', 'nextPageToken']);
const stable = (value) => JSON.parse(JSON.stringify(value, (key, member) => (volatile.has(key) ? undefined : member)));

// TCP sockets of a process: {listens, local, remote}, ports as the kernel writes them.
function tcpSockets(pid) {
  const inodes = new Set(readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`).match(/^socket:\[(\d+)\]$/)?.[1];
    } catch {
      return undefined;
    }
  }));
  return ['tcp', 'tcp6'].flatMap((family) => readFileSync(`/proc/${pid}/net/${family}`, 'utf8').trim().split('\n').slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => inodes.has(fields[9]))
    .map((fields) => ({ listens: fields[3] === '0A', local: parseInt(fields[1].split(':')[1], 16), remote: fields[2] })));
}

describe('MVP mode', () => {
  const federation = theFederation();
  const port = Number(process.env.PEK_TEST_FREE_PORT);
  let folder;
  let single;
  let clients;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'pek-mvp.'));
    single = await startFederation(join(folder, 'data'), port, '--realms', 'hub');
    clients = {};
    for (const user of ['alice', 'bob', 'dave']) {
      clients[user] = [await login(federation.port, user), await login(single.port, user)];
    }
  });
  after(async () => {
    for (const client of Object.values(clients ?? {}).flat()) client.close();
    await single?.dev('down');
    rmSync(folder, { recursive: true, force: true });
  });

  for (const [user, verb, path, body] of [
    ['alice', 'GET', `${realm}?pageSize=100`], ['alice', 'GET', `${realm}?pageSize=3`],
    ['alice', 'GET', `${realm}?q=tanszek`], ['alice', 'GET', `${realm}/vik@vik`],
    ['alice', 'GET', `${realm}/vik@vik/descendants`], ['alice', 'GET', `${realm}/vik@aut/ancestors`],
    ['alice', 'GET', `${realm}/no-such@group`], ['alice', 'GET', `${realm}?colour=red`],
    ['alice', 'PATCH', `${realm}/vik@vik`, { description: 'x' }], ['alice', 'POST', realm, { name: 'Új' }],
    ['bob', 'GET', `${realm}?pageSize=100`], ['dave', 'GET', realm], ['dave', 'GET', `${realm}/vik@vik`],
  ]) {
    it(`answers ${user}'s ${verb} ${path} as the federation does`, async () => {
      const headers = body ? { 'content-type': 'application/json' } : {};
      const [ours, theirs] = await Promise.all(
        clients[user].map((client) => client.request(verb, path, { headers, body })));
      assert.equal(theirs.status, ours.status, `${ours.text}\n${theirs.text}`);
      assert.deepEqual(stable(theirs.json), stable(ours.json));
    });
  }

  it('has one realm, and lists it without naming it', async () => {
    const [, alice] = clients.alice;
    const { json } = await alice.get('/api/v1/groups?pageSize=100');
    assert.ok(json.groups.length > 0 && json.groups.every((group) => group.realm === 'hub'));
    assert.deepEqual((await alice.get('/api/v1/instances')).json.instances.map((instance) => instance.realm), ['hub']);
  });

  it('opens no TCP connection, and listens only on its port', async () => {
    const [, alice] = clients.alice;
    await alice.get('/api/v1/groups');
    const sockets = tcpSockets(single.pid('pek-hub'));
    assert.ok(sockets.some((socket) => socket.listens && socket.local === port));
    assert.deepEqual(sockets.filter((socket) => socket.local !== port), []);
  });

  it('is one process beside PostgreSQL', async () => {
    const status = await single.dev('status');
    assert.match(status, /^pek-hub .*\n.*postgres /);
    assert.doesNotMatch(status, /worker/);
  });
});
