// The registry while everything runs: realms drained, removed, added again, refused; who may do it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, afterEach, before, describe, it } from 'node:test';
import { realms, theFederation, until } from './lib/federation.mjs';
import { Client, login } from './lib/http.mjs';

const federation = theFederation();
const realm = 'worker-conference';
const group = `/api/v1/realms/${realm}/groups/konferencia@hang`;
const ctl = (...words) => federation.dev('ctl', ...words);

describe('the registry', () => {
  let alice;
  let hubPid;
  const instances = async () => (await alice.get('/api/v1/instances')).json.instances;
  const statusOf = async (name) => (await instances()).find((instance) => instance.realm === name)?.status;
  const whole = async () => {
    const page = await alice.get('/api/v1/groups?pageSize=100');
    return page.status === 200 && page.json.unreachable.length === 0 && (await instances()).length === realms.length;
  };

  before(async () => {
    alice = await login(federation.port, 'alice');
    hubPid = federation.pid('pek-hub');
  });
  afterEach(() => until(10, 'all realms answer', whole));
  after(() => {
    assert.equal(federation.pid('pek-hub'), hubPid, 'the hub was never restarted');
    alice.close();
  });

  it('drains a realm within a second: listed as such, named in lists, refused when asked; and takes it back', async () => {
    await ctl('instance', 'drain', realm);
    await until(1, 'it is draining', async () => (await statusOf(realm)) === 'DRAINING');
    const one = await alice.get(group);
    assert.equal(one.status, 503, one.text);
    assert.equal(one.json.error.details[0].reason, 'REALM_DRAINING');
    const page = await alice.get('/api/v1/groups?pageSize=100');
    assert.equal(page.status, 200);
    assert.deepEqual(page.json.unreachable, [`realms/${realm}`]);
    assert.ok(page.json.groups.length > 0);
    await ctl('instance', 'undrain', realm);
    await until(5, 'it answers', async () => (await alice.get(group)).status === 200);
  });

  it('is shown by pekctl as the workers themselves say, also when one is gone', async () => {
    const list = async () => JSON.parse(await ctl('instance', 'list', '--json'));
    const rows = (await list()).filter((row) => row.realm !== 'hub');
    assert.deepEqual(rows.map((row) => [row.realm, row.live]), realms.filter((name) => name !== 'hub').map((name) => [name, 'SERVING']));
    assert.match(rows[0].version, /^\d+\.\d+\.\d+$/);
    process.kill(federation.pid(realm), 'SIGSTOP');
    try {
      const gone = (await list()).find((row) => row.realm === realm);
      assert.equal(gone.live, 'UNREACHABLE', JSON.stringify(gone));
      assert.notEqual(gone.problem, '');
    } finally {
      process.kill(federation.pid(realm), 'SIGCONT');
    }
  });

  it('lets a running stream of a draining realm come to its end', async () => {
    const response = await alice.open('GET', `/api/v1/realms/${realm}/groups`, { headers: { accept: 'application/x-ndjson' } });
    await ctl('instance', 'drain', realm);
    let text = '';
    for await (const chunk of response) text += chunk;
    assert.match(text.trimEnd().split('\n').at(-1), /^\{"end":/);
    await ctl('instance', 'undrain', realm);
  });

  it('removes a realm and adds a running worker without a restart, under load without an error', async () => {
    let stop = false;
    const answers = [];
    const load = Promise.all([0, 1, 2, 3].map(async () => {
      while (!stop) {
        const page = await alice.get('/api/v1/groups?pageSize=20');
        const named = await alice.get('/api/v1/realms/worker-acme/groups/kir-dev@kir-dev');
        answers.push(page.status, named.status);
      }
    }));
    for (let i = 0; i < 5; i++) {
      await ctl('instance', 'remove', realm);
      await until(1, 'it is gone', async () => (await alice.get(group)).status === 404);
      assert.doesNotMatch((await alice.get('/metrics')).text, new RegExp(`^pek_hub_instance_up\\{realm="${realm}"\\}`, 'm'));
      await ctl('instance', 'add', realm, federation.workerAddress(realm));
      await until(5, 'it answers', async () => (await alice.get(group)).status === 200);
    }
    stop = true;
    await load;
    assert.ok(answers.length > 20, 'there was load');
    assert.deepEqual(answers.filter((status) => status !== 200), []);
  });

  it('follows a change made in SQL', async () => {
    federation.sql('hub', `UPDATE hub.instance SET status = 'DRAINING' WHERE realm = '${realm}' RETURNING 'null'`);
    await until(1, 'it is draining', async () => (await statusOf(realm)) === 'DRAINING');
    federation.sql('hub', `UPDATE hub.instance SET status = 'ACTIVE' WHERE realm = '${realm}' RETURNING 'null'`);
  });

  it('refuses a worker that is another realm, and says why', async () => {
    const acme = federation.workerAddress('worker-acme');
    const impostorOf = async (status) => (await instances()).find((instance) => instance.realm === 'impostor' && instance.status === status);
    await ctl('instance', 'add', 'impostor', acme);
    const seen = await until(10, 'it is unreachable', () => impostorOf('UNREACHABLE'));
    assert.equal(seen.problem, '', 'it names addresses');
    await ctl('user', 'admin', 'alice');
    assert.match((await impostorOf('UNREACHABLE')).problem, /certificate does not name the realm/);
    // Its certificate may carry another name, if the operator says so; what it is, it must say itself.
    await ctl('instance', 'add', 'impostor', acme, '--tls-name', 'worker-acme', '--replace');
    const named = await until(10, 'it is refused', () => impostorOf('REFUSED'));
    await ctl('user', 'unadmin', 'alice');
    assert.match(named.problem, /says that it is realm worker-acme/);
    const answer = await alice.get('/api/v1/realms/impostor/groups');
    assert.equal(answer.status, 503, answer.text);
    assert.equal(answer.json.error.details[0].reason, 'REALM_REFUSED');
    await ctl('instance', 'remove', 'impostor');
  });

  it('waits for a worker that stopped answering in one list at most', async () => {
    const worker = federation.pid(realm);
    const times = [];
    process.kill(worker, 'SIGSTOP');
    try {
      for (let i = 0; i < 6; i++) {
        const begun = Date.now();
        const page = await alice.get('/api/v1/groups?pageSize=20');
        times.push(Date.now() - begun);
        assert.deepEqual(page.json.unreachable, [`realms/${realm}`]);
      }
    } finally {
      process.kill(worker, 'SIGCONT');
    }
    assert.ok(times.filter((ms) => ms > 1000).length <= 1, `ms: ${times}`);
    assert.ok(Math.max(...times.slice(2)) < 500, `ms: ${times}`);
  });

  it('answers who asked for a realm that hangs before the call\'s own time is over', async () => {
    const worker = federation.pid(realm);
    await alice.get(group);
    process.kill(worker, 'SIGSTOP');
    try {
      const begun = Date.now();
      const answer = await alice.get(group);
      assert.equal(answer.status, 503, answer.text);
      assert.ok(Date.now() - begun < 3000, `${Date.now() - begun} ms`);
    } finally {
      process.kill(worker, 'SIGCONT');
    }
  });
});

describe('changes through the API', () => {
  const body = { realm: 'extra', target: '127.0.0.1:1' };
  const changes = [
    ['POST', '/api/v1/instances', body],
    ['POST', `/api/v1/instances/${realm}:drain`, {}],
    ['POST', `/api/v1/instances/${realm}:undrain`, {}],
    ['DELETE', `/api/v1/instances/${realm}`, undefined],
  ];

  it('are refused to who is nobody, and to every user who is no administrator', async () => {
    const nobody = new Client(federation.port);
    for (const change of changes) assert.equal((await nobody.send(...change)).status, 401, change.join(' '));
    nobody.close();
    for (const user of ['alice', 'bob', 'carol', 'dave']) {
      const client = await login(federation.port, user);
      for (const change of changes) assert.equal((await client.send(...change)).status, 403, `${user}: ${change.join(' ')}`);
      client.close();
    }
    assert.equal(federation.sql('hub', `SELECT count(*) FROM hub.instance WHERE status <> 'ACTIVE' AND realm = '${realm}' OR realm = 'extra'`), 0);
  });

  it('are an administrator\'s, until they are none any more', async () => {
    const dave = await login(federation.port, 'dave');
    await ctl('user', 'admin', 'dave');
    try {
      const added = await dave.send(...changes[0]);
      assert.equal(added.status, 200, added.text);
      assert.deepEqual(added.json, { realm: 'extra', status: 'ACTIVE' });
      assert.equal((await dave.send(...changes[0])).status, 409);
      assert.equal((await dave.post('/api/v1/instances/extra:drain')).json.status, 'DRAINING');
      const seen = await until(1, 'it is draining', async () =>
        (await dave.get('/api/v1/instances')).json.instances.find((instance) => instance.status === 'DRAINING'));
      assert.equal(seen.realm, 'extra');
      assert.equal(federation.sql('hub', `SELECT to_json(updated_by) FROM hub.instance WHERE realm = 'extra'`), 'dave');
      assert.equal((await dave.send('DELETE', '/api/v1/instances/extra')).json.status, 'REMOVED');
      assert.equal((await dave.send('DELETE', '/api/v1/instances/extra')).status, 404);
      for (const [bad, field] of [[{ realm: 'X', target: 'h:1' }, 'realm'], [{ realm: 'x', target: 'h' }, 'target'],
        [{ realm: 'x', target: 'h:1', caPem: 'none' }, 'caPem'], [{ realm: 'hub', target: 'h:1' }, 'realm'],
        [{ realm: 'loop', target: `127.0.0.1:${federation.port}` }, 'target'],
        [{ realm: 'loop', target: `localhost:${federation.port}` }, 'target']]) {
        const answer = await dave.post('/api/v1/instances', bad);
        assert.ok([400, 409].includes(answer.status), answer.text);
        assert.ok(answer.text.includes(field), answer.text);
      }
    } finally {
      await ctl('user', 'unadmin', 'dave');
    }
    assert.equal((await dave.send(...changes[0])).status, 403);
    dave.close();
  });

  it('never show where a worker is, nor its CA', async () => {
    const dave = await login(federation.port, 'dave');
    const { text } = await dave.get('/api/v1/instances');
    assert.ok(!text.includes('127.0.0.1'), text);
    assert.ok(!text.includes(readFileSync(`${federation.data}/keys/ca.crt`, 'utf8').split('\n')[1]));
    dave.close();
  });
});
