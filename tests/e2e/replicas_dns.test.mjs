// Replicas of a worker that a name has, as the records of that name change: who is there has calls, and who comes or goes costs nobody an answer.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startNameServer } from './lib/dns.mjs';
import { theFederation, until } from './lib/federation.mjs';
import { login } from './lib/http.mjs';
import { end, faults, hasItsPart, sharesCalls, sleep, startReplica, under } from './lib/replicas.mjs';

const federation = theFederation();
const realm = 'worker-acme';
const one = `/api/v1/realms/${realm}/groups/kir-dev@kir-dev`;
const paths = [one, '/api/v1/groups?pageSize=20'];
const first = federation.workerAddress(realm);
const port = first.split(':')[1];
const metricsPort = Number(process.env.PEK_TEST_FREE_PORT);
const host = (i) => `127.0.0.${i}`;
const ctl = (...words) => federation.dev('ctl', ...words);

describe('replicas that a name has', () => {
  const replicas = new Map();
  let names;
  let alice;

  async function start(i, ...options) {
    replicas.set(i, await startReplica(federation, realm, `${host(i)}:${port}`, `${host(i)}:${metricsPort}`, ...options));
  }
  const hasPart = (i, seconds) => hasItsPart(alice, paths, replicas.get(i), seconds);
  const reads = (act) => under(alice, paths, act);

  before(async () => {
    alice = await login(federation.port, 'alice');
    names = await startNameServer('worker.pek.test', [host(1), host(2)]);
    // Its clients connect anew every so often, which is when the name is looked up.
    await start(2, '--connection-age-max-ms', '3s');
    await ctl('instance', 'add', realm, `dns://${names.address}/${names.name}:${port}`, '--replace');
    await until(10, 'the realm answers', async () => names.queries && (await alice.get(one)).status === 200);
  });
  after(async () => {
    await ctl('instance', 'add', realm, first, '--replace');
    await until(10, 'the realm answers', async () => (await alice.get(one)).status === 200);
    for (const replica of replicas.values()) await end(replica, 'SIGTERM');
    names?.close();
    alice.close();
  });

  it('have calls, each its part', async () => {
    await sharesCalls(alice, one, replicas.get(2));
    assert.deepEqual(faults(await reads(() => sleep(1000))), []);
  });

  it('are found when a connection is of age', async () => {
    await start(3);
    names.addresses = [host(1), host(2), host(3)];
    const began = performance.now();
    const answers = await reads(() => hasPart(3, 15));
    assert.deepEqual(faults(answers), []);
    console.log(`# the third had its part after ${Math.round(performance.now() - began)} ms`);
  });

  it('stay while the server of names fails', async () => {
    names.addresses = null;
    const before = names.queries;
    const answers = await reads(() => until(15, 'the name was asked for twice', () => names.queries >= before + 2));
    assert.deepEqual(faults(answers), []);
    names.addresses = [host(1), host(2), host(3)];
    await hasPart(2);
    await hasPart(3);
  });

  it('cost no read when one ends and its record goes', async () => {
    const answers = await reads(async () => {
      names.addresses = [host(1), host(3)];
      await end(replicas.get(2), 'SIGTERM');
      await sleep(1000);
    });
    assert.deepEqual(faults(answers), []);
    await hasPart(3);
  });

  it('cost no read when one is killed, and another that is there since is found by that', async () => {
    await start(4);
    names.addresses = [host(1), host(4)];
    const answers = await reads(async () => {
      await end(replicas.get(3), 'SIGKILL');
      await hasPart(4, 15);
    });
    assert.deepEqual(faults(answers), []);
  });

  // Nobody has lost a connection, so nobody looks up the name.
  it('keep their calls without a record', async () => {
    names.addresses = [host(1)];
    const before = names.queries;
    assert.deepEqual(faults(await reads(() => hasPart(4, 5))), []);
    assert.equal(names.queries, before);
  });
});
