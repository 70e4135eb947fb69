// Replicas of a worker that a control plane of xDS names, over mutual TLS: a hub follows what it says, and goes on without it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { theFederation, until } from './lib/federation.mjs';
import { login } from './lib/http.mjs';
import { end, faults, hasItsPart, sharesCalls, sleep, startReplica, under } from './lib/replicas.mjs';
import { startControlPlane } from './lib/xds.mjs';

const federation = theFederation();
const realm = 'worker-acme';
const one = `/api/v1/realms/${realm}/groups/kir-dev@kir-dev`;
const paths = [one, '/api/v1/groups?pageSize=20'];
const first = federation.workerAddress(realm);
const port = Number(first.split(':')[1]);
const hubPort = Number(process.env.PEK_TEST_FREE_PORT);
const host = (i) => `127.0.0.${i}`;
const endpoints = (...of) => of.map((i) => [host(i), port]);
const ctl = (...words) => federation.dev('ctl', ...words);

describe('replicas that a control plane names', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pek-xds.'));
  const replicas = new Map();
  let plane;
  let hub;
  let alice;

  // The hub of the federation again, on another port, with a control plane: it reads the same registry.
  async function startHub() {
    const path = join(folder, 'pek-hub.conf');
    writeFileSync(path, readFileSync(join(federation.data, 'config/pek-hub.conf'), 'utf8')
      .replace(/^listen = .*$/m, `listen = 127.0.0.1:${hubPort}`));
    writeFileSync(join(folder, 'xds.json'), plane.bootstrap);
    hub = spawn(readlinkSync(`/proc/${federation.pid('pek-hub')}/exe`), ['--config', path],
      { env: { PATH: process.env.PATH, GRPC_XDS_BOOTSTRAP: join(folder, 'xds.json') }, stdio: ['ignore', 'ignore', 'pipe'] });
    hub.stderr.on('data', (text) => (hub.log = (hub.log ?? '') + text));
    await until(20, 'the hub is ready', async () => {
      assert.equal(hub.exitCode, null, hub.log);
      return (await fetch(`http://127.0.0.1:${hubPort}/readyz`).catch(() => ({}))).status === 200;
    });
  }
  async function start(i) {
    replicas.set(i, await startReplica(federation, realm, `${host(i)}:${port}`, `${host(i)}:${hubPort + 1}`));
  }
  const hasPart = (i, seconds) => hasItsPart(alice, paths, replicas.get(i), seconds);
  const reads = (act) => under(alice, paths, act);
  const accepted = () => assert.deepEqual(plane.refused, []);

  before(async () => {
    plane = await startControlPlane({ [realm]: endpoints(1, 2) });
    await start(2);
    await startHub();
    alice = await login(hubPort, 'alice');
    await ctl('instance', 'add', realm, `xds:///${realm}`, '--replace');
    await until(10, 'the realm answers', async () => plane.streams.size && (await alice.get(one)).status === 200);
  });
  after(async () => {
    await ctl('instance', 'add', realm, first, '--replace');
    alice?.close();
    for (const child of [hub, ...replicas.values()]) if (child) await end(child, 'SIGTERM');
    plane.close();
    rmSync(folder, { recursive: true });
    const other = await login(federation.port, 'alice');
    await until(10, 'the realm answers', async () => (await other.get(one)).status === 200);
    other.close();
  });

  it('have calls, each its part', async () => {
    accepted();
    await sharesCalls(alice, one, replicas.get(2));
    assert.deepEqual(faults(await reads(() => sleep(1000))), []);
  });

  it('are found as soon as it names them', async () => {
    await start(3);
    const began = performance.now();
    const answers = await reads(async () => {
      plane.set(realm, endpoints(1, 2, 3));
      await hasPart(3);
    });
    accepted();
    assert.deepEqual(faults(answers), []);
    console.log(`# the third had its part after ${Math.round(performance.now() - began)} ms`);
  });

  it('cost no read when one is named no more and ends', async () => {
    const answers = await reads(async () => {
      plane.set(realm, endpoints(1, 3));
      await sleep(1000);
      await end(replicas.get(2), 'SIGTERM');
      await sleep(500);
    });
    assert.deepEqual(faults(answers), []);
  });

  it('cost no read when one is killed', async () => {
    const answers = await reads(async () => {
      await end(replicas.get(3), 'SIGKILL');
      await sleep(500);
      plane.set(realm, endpoints(1));
      await sleep(500);
    });
    assert.deepEqual(faults(answers), []);
  });

  // Its word is not enough: who answers must have a certificate of the realm.
  it('are asked nothing with the certificate of another realm', async () => {
    let connections = 0;
    const other = createServer((socket) => {
      connections++;
      const on = connect(federation.workerAddress('worker-conference').split(':')[1], '127.0.0.1');
      for (const [from, to] of [[socket, on], [on, socket]]) from.on('error', () => to.destroy()).pipe(to);
    }).listen(0, '127.0.0.1');
    await once(other, 'listening');
    const answers = await reads(async () => {
      plane.set(realm, [...endpoints(1), [host(1), other.address().port]]);
      await until(5, 'it was connected to twice', () => connections >= 2);
    });
    plane.set(realm, endpoints(1));
    other.close();
    accepted();
    assert.deepEqual(faults(answers), []);
  });

  it('stay while it is away', async () => {
    const answers = await reads(async () => {
      plane.close();
      await sleep(3000);
    });
    assert.deepEqual(faults(answers), []);
  });
});
