// Two replicas of a worker behind one name: both have their part, and what ends one costs nobody an answer.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import grpc from '@grpc/grpc-js';
import { bearer, call, clientOf, theFederation, until } from './lib/federation.mjs';
import { login, walk } from './lib/http.mjs';
import * as replicas from './lib/replicas.mjs';

const federation = theFederation();
const realm = 'worker-acme';
const one = `/api/v1/realms/${realm}/groups/kir-dev@kir-dev`;
const list = '/api/v1/groups?pageSize=20';
const first = federation.workerAddress(realm);
const port = Number(process.env.PEK_TEST_FREE_PORT);
const second = `127.0.0.1:${port}`;
const ctl = (...words) => federation.dev('ctl', ...words);
const { sleep, end, faults } = replicas;

let replica;
async function startSecond(...settings) {
  replica = await replicas.startReplica(federation, realm, second, `127.0.0.1:${port + 1}`, ...settings);
}

describe('two replicas of a worker', () => {
  let alice;
  let keys;

  const under = (act) => replicas.under(alice, [one, list], act);
  const bothAnswer = () => replicas.sharesCalls(alice, one, replica);

  before(async () => {
    alice = await login(federation.port, 'alice');
    keys = Object.fromEntries(['ca.crt', 'pek-hub.key', 'pek-hub.crt'].map((name) => [name, readFileSync(join(federation.data, 'keys', name))]));
    await startSecond();
    await ctl('instance', 'add', realm, `ipv4:${first},${second}`, '--replace');
    await until(10, 'the realm answers', async () => (await alice.get(one)).status === 200);
    await bothAnswer();
  });
  after(async () => {
    await ctl('instance', 'add', realm, first, '--replace');
    await until(10, 'the realm answers', async () => (await alice.get(one)).status === 200);
    if (replica) await end(replica, 'SIGTERM');
    alice.close();
  });

  const direct = (address) => clientOf('pek.group.v1.GroupService', address,
    grpc.credentials.createSsl(keys['ca.crt'], keys['pek-hub.key'], keys['pek-hub.crt']), { 'grpc.ssl_target_name_override': realm });

  it('take a token that either could have signed, and answer a key with what the other did', async () => {
    const [a, b] = [direct(first), direct(second)];
    const token = bearer(await federation.token(realm, 'alice'));
    const unique = randomUUID().slice(0, 8);
    const request = { parentId: 'kir-dev@kir-dev', slug: `r${unique}`, name: `Replica ${unique}` };
    const key = ['idempotency-key', randomUUID()];
    const made = await call(a, 'CreateGroup', request, [token, key]);
    assert.equal(made.code, 'OK', made.message);
    const again = await call(b, 'CreateGroup', request, [token, key]);
    assert.deepEqual([again.code, again.response], ['OK', made.response], again.message);
    const other = await call(b, 'CreateGroup', request, [token, ['idempotency-key', randomUUID()]]);
    assert.equal(other.code, 'ALREADY_EXISTS', 'it is there once');
    assert.equal((await alice.post(`/api/v1/realms/${realm}/groups/${made.response.id}:archive`)).status, 200);
    [a, b].forEach((client) => client.close());
  });

  it('hear of a policy that the other took away within 100 ms', async () => {
    const clients = [direct(first), direct(second)];
    const dave = bearer(await federation.token(realm, 'dave'));
    const policies = `/api/v1/realms/${realm}/policies`;
    const god = (await alice.get(policies)).json.policies.find(({ name }) => name === 'GOD');
    const made = await alice.post(`${policies}/${god.id}/children`,
      { name: `Replica ${randomUUID().slice(0, 8)}`, statements: [{ groupId: 'kir-dev@kir-dev', actions: ['VIEW_GROUP'] }] });
    assert.equal(made.status, 200, made.text);
    for (let i = 0; i < 5; i++) {
      for (const [verb, code] of [['assign', 'OK'], ['revoke', 'PERMISSION_DENIED']]) {
        const answer = await alice.post(`${policies}/${made.json.id}:${verb}`, { userId: 'dave' });
        assert.equal(answer.status, 200, answer.text);
        for (const client of clients) {
          await until(0.1, `${verb} is known`, async () => (await call(client, 'GetGroup', { id: 'kir-dev@kir-dev' }, [dave])).code === code);
        }
      }
    }
    assert.equal((await alice.send('DELETE', `${policies}/${made.json.id}`)).status, 200);
    clients.forEach((client) => client.close());
  });

  it('cost no read when one is killed, and none when it comes back', async () => {
    for (let i = 0; i < 3; i++) {
      const answers = await under(async () => {
        await end(replica, 'SIGKILL');
        await sleep(500);
        await startSecond();
        await sleep(500);
      });
      assert.ok(answers.length > 100, `${answers.length} answers`);
      assert.deepEqual(faults(answers), []);
      await bothAnswer();
    }
  });

  it('cost no request when one is restarted, and lists go on from page to page', async () => {
    const whole = (await walk(alice, '/api/v1/groups', 100)).map(({ realm: of, id }) => `${of}/${id}`);
    const unique = randomUUID().slice(0, 8);
    let writes = 0;
    let stop = false;
    const writing = (async () => {
      for (; !stop; writes++) {
        const answer = await alice.patch(`${one}?updateMask=description`, { description: `${unique} ${writes}` });
        assert.equal(answer.status, 200, answer.text);
      }
    })();
    const walked = [];
    const answers = await under(async () => {
      await end(replica, 'SIGTERM');
      walked.push(await walk(alice, '/api/v1/groups', 7));
      await startSecond();
      walked.push(await walk(alice, '/api/v1/groups', 7));
    });
    stop = true;
    await writing;
    assert.deepEqual(faults(answers), []);
    for (const items of walked) assert.deepEqual(items.map(({ realm: of, id }) => `${of}/${id}`), whole);
    assert.ok(writes > 20);
    assert.equal((await alice.get(one)).json.description, `${unique} ${writes - 1}`);
  });

  // What it had to answer waits until its connection is given up, and is asked of the other. A list does not wait so long.
  it('delay few reads, and for less than five seconds, while one is stopped', async () => {
    await bothAnswer();
    const answers = await under(async () => {
      replica.kill('SIGSTOP');
      await sleep(7000);
      replica.kill('SIGCONT');
      await sleep(500);
    });
    const slow = answers.filter(({ ms }) => ms > 1000);
    assert.ok(slow.length <= 24, `${slow.length} of ${answers.length} were slow`);
    assert.ok(Math.max(...answers.map(({ ms }) => ms)) < 5000, slow.map(({ ms }) => Math.round(ms)).join(' '));
    assert.deepEqual(faults(answers).filter((fault) => !fault.startsWith(list)), []);
    assert.ok(faults(answers).length <= 12, faults(answers).join('\n'));
  });

  // Each refuses the tokens that the other gave: the hub stays with one of them.
  it('answer all that is asked while one has another key, and the hub says so', async () => {
    const problem = async () => (await alice.get('/api/v1/instances')).json.instances.find((instance) => instance.realm === realm);
    await ctl('user', 'admin', 'alice');
    assert.equal((await problem()).problem ?? '', '');
    await end(replica, 'SIGTERM');
    await startSecond('--instance-key', join(federation.data, 'keys', 'worker-conference.pem'));
    const bob = await login(federation.port, 'bob');
    const failed = [];
    const until = Date.now() + 15_000;
    const lane = async (pause, ask) => {
      for (; Date.now() < until; await sleep(pause)) {
        const answer = await ask();
        if (answer.status !== 200 || answer.json.unreachable?.length) failed.push(`${answer.status} ${answer.text.slice(0, 200)}`);
      }
    };
    await Promise.all([
      ...Array.from({ length: 24 }, (_, i) => lane(5, () => (i % 2 ? alice : bob).get(one))),
      lane(200, () => bob.get(list)),
      lane(20, () => alice.patch(`${one}?updateMask=description`, { description: randomUUID() })),
    ]);
    bob.close();
    assert.deepEqual(failed, []);
    const told = await problem();
    await ctl('user', 'unadmin', 'alice');
    assert.equal(told.status, 'SERVING');
    assert.match(told.problem, /^127\.0\.0\.1:\d+ does not accept this hub's tokens: the token's key is not known$/);
    const log = readFileSync(join(federation.data, 'log', 'pek-hub.log'), 'utf8');
    assert.match(log, /"event":"instance.replica".*does not accept this hub's tokens/);
    await end(replica, 'SIGTERM');
    await startSecond();
  });

  // The name has an address of IPv4, and often one of IPv6 at which nobody listens.
  it('are found by a name', async () => {
    await ctl('instance', 'add', realm, `dns:///localhost:${first.split(':')[1]}`, '--replace');
    await until(10, 'the realm answers', async () => (await alice.get(one)).status === 200);
    const answers = await under(() => sleep(1000));
    assert.deepEqual(faults(answers), []);
  });
});
