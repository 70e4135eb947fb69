// Three hubs over one database, two of them with a Redis: what ends on one has ended on all, whatever fails.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { theFederation, until } from './lib/federation.mjs';
import { Client, login, nameOf, walk } from './lib/http.mjs';

const federation = theFederation();
const firstPort = Number(process.env.PEK_TEST_FREE_PORT);
const folder = mkdtempSync(join(tmpdir(), 'pek-hubs.'));
const socket = join(folder, 'redis');
const hub = readlinkSync(`/proc/${federation.pid('pek-hub')}/exe`);

// A hub refuses variables that it does not know.
const env = { PATH: process.env.PATH, HOME: folder };
const children = new Set();
function start(command, ...args) {
  const child = spawn(command, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  child.stderr.on('data', (text) => (child.log = (child.log ?? '') + text));
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

async function end(child, signal) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGCONT');
  child.kill(signal);
  await exited;
}

const startRedis = () => start('redis-server', '--port', '0', '--unixsocket', socket, '--save', '', '--dir', folder);

// The hub of the federation again, on another port, with the Redis.
async function startHub(port, shared = false) {
  const config = readFileSync(join(federation.data, 'config/pek-hub.conf'), 'utf8')
    .replace(/^listen = .*$/m, `listen = 127.0.0.1:${port}\nredis_url = unix:${socket}`)
    .replace(/^listen_shared = .*$/m, `listen_shared = ${shared}`);
  const path = join(folder, `${port}.conf`);
  writeFileSync(path, config);
  const child = start(hub, '--config', path);
  await until(20, `the hub on port ${port} is ready`, async () => {
    assert.equal(child.exitCode, null, child.log);
    return (await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => ({}))).status === 200;
  });
  return child;
}

const redisIsUp = (child, times) => (child.log ?? '').split('"event":"redis.changed"').slice(1)
  .filter((line) => line.includes('"up":true')).length >= times;

describe('three hubs', () => {
  const ports = [federation.port, firstPort, firstPort + 1];
  let hubs;
  let redis;

  // One browser, which a load balancer sends to any of them.
  async function everywhere(user) {
    const { cookie } = await login(ports[1], user);
    return ports.map((port) => new Client(port, cookie));
  }
  const codes = (clients) => Promise.all(clients.map(async (client) => (await client.get('/api/v1/session')).status));
  const allSay = async (clients, code, seconds = 2) => {
    const started = Date.now();
    await until(seconds, `every hub says ${code}`, async () => (await codes(clients)).every((one) => one === code));
    return Date.now() - started;
  };
  const close = (clients) => clients.forEach((client) => client.close());

  before(async () => {
    redis = startRedis();
    hubs = [await startHub(ports[1]), await startHub(ports[2])];
    await until(5, 'both see Redis', () => hubs.every((child) => redisIsUp(child, 1)));
  });
  after(async () => {
    await Promise.all([...(hubs ?? []), redis].filter(Boolean).map((child) => end(child, 'SIGTERM')));
    for (const child of children) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  it('know the same sessions', async () => {
    const alice = await everywhere('alice');
    assert.deepEqual(await codes(alice), [200, 200, 200]);
    const lists = await Promise.all(alice.map(async (client) => (await client.get('/api/v1/sessions')).json.sessions.map(({ id }) => id)));
    assert.deepEqual(lists[0], lists[1]);
    assert.deepEqual(lists[0], lists[2]);
    close(alice);
  });

  it('go on with a list that another began', async () => {
    const alice = await everywhere('alice');
    const ofAll = (await walk(alice[0], '/api/v1/groups', 100)).map(nameOf);
    const names = [];
    let token = '';
    do {
      const { json } = await alice[names.length % 3].get(`/api/v1/groups?pageSize=17&pageToken=${encodeURIComponent(token)}`);
      names.push(...json.groups.map(nameOf));
      token = json.nextPageToken;
    } while (token);
    assert.deepEqual(names, ofAll);
    const { text } = await alice[1].get('/api/v1/groups', { accept: 'text/event-stream' });
    const ids = [...text.matchAll(/^id: (.*)$/gm)].map(([, id]) => id);
    const rest = await alice[2].get('/api/v1/groups', { accept: 'text/event-stream', 'last-event-id': ids[9] });
    assert.deepEqual([...rest.text.matchAll(/^data: (\{"realm.*)$/gm)].map(([, data]) => nameOf(JSON.parse(data))), ofAll.slice(10));
    close(alice);
  });

  for (const [what, act] of [
    ['a logout', (clients) => clients[1].post('/auth/logout')],
    ['a session that is revoked by its id', async (clients) => {
      const { sessions } = (await clients[0].get('/api/v1/sessions')).json;
      return clients[2].post(`/api/v1/sessions/${sessions.find(({ current }) => current).id}:revoke`);
    }],
    ['DELETE of a session', async (clients) => {
      const { sessions } = (await clients[2].get('/api/v1/sessions')).json;
      return clients[0].send('DELETE', `/api/v1/sessions/${sessions.find(({ current }) => current).id}`);
    }],
    ['an end of all sessions', (clients) => clients[1].post('/api/v1/sessions:revokeAll', {})],
  ]) {
    it(`${what} holds on all of them at once`, async () => {
      const bob = await everywhere('bob');
      assert.deepEqual(await codes(bob), [200, 200, 200]);
      const answer = await act(bob);
      assert.ok(answer.status === 200 || answer.status === 204, answer.text);
      await allSay(bob, 401);
      close(bob);
    });
  }

  it('spare this session when told to', async () => {
    const [one, other] = [await everywhere('dave'), await everywhere('dave')];
    const answer = await one[0].post('/api/v1/sessions:revokeAll', { keepCurrent: true });
    assert.ok(answer.json.revoked >= 1, answer.text);
    await allSay(other, 401);
    assert.deepEqual(await codes(one), [200, 200, 200]);
    close(one);
    close(other);
  });

  it("do not let anybody end somebody else's", async () => {
    const [alice, bob] = [await everywhere('alice'), await everywhere('bob')];
    const [{ id }] = (await alice[0].get('/api/v1/sessions')).json.sessions;
    for (const client of bob) assert.equal((await client.post(`/api/v1/sessions/${id}:revoke`)).status, 404);
    assert.equal((await bob[0].request('POST', `/api/v1/sessions/${id}:revoke`, { headers: { 'content-type': 'text/plain' }, body: '{}' })).status, 415);
    assert.deepEqual(await codes(alice), [200, 200, 200]);
    close(alice);
    close(bob);
  });

  it('hear of a user that is disabled, and let nobody in as them until enabled', async () => {
    const carol = await everywhere('carol');
    const command = (...words) => promisify(execFile)(hub, ['--config', join(federation.data, 'config/pek-hub.conf'), ...words], { env });
    assert.deepEqual(await codes(carol), [200, 200, 200]);
    await command('disable-user', 'carol');
    try {
      await allSay(carol, 401);
      for (const port of ports) {
        const answer = await new Client(port).get('/auth/dev?user=carol');
        assert.equal(answer.status, 403, answer.text);
      }
    } finally {
      await command('enable-user', 'carol');
    }
    assert.deepEqual(await codes(carol), [401, 401, 401], 'what ended stays ended');
    close(await everywhere('carol'));
    await assert.rejects(command('disable-user', 'mallory'), /no user mallory/);
    close(carol);
  });

  for (const [how, harm, heal] of [
    ['killed', () => end(redis, 'SIGKILL'), () => (redis = startRedis())],
    ['hung', () => redis.kill('SIGSTOP'), () => redis.kill('SIGCONT')],
    ['emptied', () => promisify(execFile)('redis-cli', ['-s', socket, 'FLUSHALL']), () => {}],
  ]) {
    it(`go on with a Redis that is ${how}, and what ended stays ended`, async () => {
      const [alice, bob] = [await everywhere('alice'), await everywhere('bob')];
      assert.deepEqual(await codes(alice), [200, 200, 200]);
      assert.deepEqual(await codes(bob), [200, 200, 200]);
      await harm();
      try {
        const started = Date.now();
        assert.deepEqual(await codes(bob), [200, 200, 200]);
        assert.equal((await alice[1].post('/auth/logout')).status, 204);
        await allSay(alice, 401);
        close(await everywhere('dave'));
        assert.ok(Date.now() - started < 3000, `${Date.now() - started} ms`);
      } finally {
        await heal();
      }
      await allSay(bob, 200, 5);
      assert.deepEqual(await codes(alice), [401, 401, 401]);
      close(alice);
      close(bob);
    });
  }

  it('have nothing of a session in Redis but handles', async () => {
    await until(10, 'Redis answers', () => promisify(execFile)('redis-cli', ['-s', socket, 'PING']).catch(() => false));
    await until(10, 'both see Redis again', () => hubs.every((child) => redisIsUp(child, 2)));
    const erin = await everywhere('alice');
    await erin[1].post('/auth/logout');
    const { stdout } = await promisify(execFile)('redis-cli', ['-s', socket, 'KEYS', '*']);
    const keys = stdout.trim().split('\n').filter(Boolean);
    assert.ok(keys.length > 0);
    for (const name of keys) assert.match(name, /^pek:hub:(ended:[0-9a-f]{32}|beat:[0-9a-f]{16})$/);
    close(erin);
  });

  it('share one port if all of them say so, and one goes on when another ends', async () => {
    const port = firstPort + 2;
    const pair = [await startHub(port, true), await startHub(port, true)];
    hubs.push(...pair);
    const { cookie } = await login(port, 'alice');
    const took = (child) => child.log.includes('SessionService/GetSession');
    // A connection each; that of 60 one hub gets none is less likely than anything.
    const ask = () => Promise.all(Array.from({ length: 60 }, async () => {
      const client = new Client(port, cookie);
      const { status } = await client.get('/api/v1/session');
      client.close();
      return status;
    }));
    await until(20, 'both listen', () => pair.every((child) => child.log?.includes('"event":"hub.listening"')));
    assert.deepEqual(new Set(await ask()), new Set([200]));
    await until(5, 'each took some', () => pair.every(took));
    await end(pair[1], 'SIGTERM');
    assert.deepEqual(new Set(await ask()), new Set([200]));
  });

  it('end cleanly', async () => {
    for (const child of hubs) {
      await end(child, 'SIGTERM');
      assert.equal(child.exitCode, 0, child.log);
    }
  });
});
