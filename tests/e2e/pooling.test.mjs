// Hub and workers behind a pgbouncer in transaction mode, with two servers for each of them: all works as it does without.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { randomUUID } from 'node:crypto';
import { theFederation, until } from './lib/federation.mjs';
import { login, nameOf, walk } from './lib/http.mjs';

const federation = theFederation();
const program = '/usr/sbin/pgbouncer';
const programs = ['worker-acme', 'worker-conference', 'pek-hub'];
const port = 6432;
const path = (name) => join(federation.data, 'config', `${name}.conf`);
const groups = '/api/v1/realms/worker-acme/groups';
const skip = existsSync(program) ? false : 'pgbouncer is not installed';

describe('behind a pooler in transaction mode', { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'pek-pooling.'));
  const given = new Map(programs.map((name) => [name, readFileSync(path(name), 'utf8')]));
  const unique = randomUUID().slice(0, 8);
  const made = `p${unique}@p${unique}`;
  let pooler;
  let alice;
  let whole;

  const complete = async () => {
    const page = await alice.get('/api/v1/groups?pageSize=1').catch(() => ({}));
    return page.status === 200 && page.json.unreachable.length === 0;
  };

  function startPooler() {
    pooler = spawn(program, ['-q', join(folder, 'bouncer.ini')], { uid: statSync(folder).uid, gid: statSync(folder).gid, stdio: 'ignore' });
    return until(10, 'the pooler is there', () => existsSync(join(folder, `.s.PGSQL.${port}`)));
  }
  async function stopPooler() {
    const ended = new Promise((resolve) => pooler.once('exit', resolve));
    pooler.kill('SIGKILL');
    await ended;
    rmSync(join(folder, `.s.PGSQL.${port}`), { force: true });
  }
  async function restart() {
    for (const name of programs) await federation.dev('restart', name);
    await until(20, 'all realms answer', complete);
  }

  before(async () => {
    alice = await login(federation.port, 'alice');
    whole = (await walk(alice, '/api/v1/groups', 100)).map(nameOf);
    const sockets = given.get('pek-hub').match(/^database = "host=(\S+)/m)[1];
    const { uid, gid } = statSync(join(federation.data, 'pg'));
    const users = [...given.values()].flatMap((text) => [...text.matchAll(/user=([^\s"]+)/g)].map((match) => match[1]));
    writeFileSync(join(folder, 'users'), [...new Set(users)].map((user) => `"${user}" ""\n`).join(''));
    writeFileSync(join(folder, 'bouncer.ini'), `[databases]
* = host=${sockets}
[pgbouncer]
unix_socket_dir = ${folder}
listen_port = ${port}
auth_type = trust
auth_file = ${folder}/users
pool_mode = transaction
default_pool_size = 2
`);
    for (const name of ['.', 'users', 'bouncer.ini']) chownSync(join(folder, name), uid, gid);
    await startPooler();
    for (const [name, text] of given) {
      writeFileSync(path(name), text.replace(/^((?:local_)?database) = "host=(\S+) (.*)"$/gm,
        `$1 = "host=${folder} port=${port} $3"\n$1_listen = "host=$2 $3"`));
    }
    await restart();
  });
  after(async () => {
    for (const [name, text] of given) writeFileSync(path(name), text);
    await restart();
    alice.close();
    await stopPooler();
    rmSync(folder, { recursive: true, force: true });
  });

  it('nothing else of a program is connected past it', () => {
    const past = federation.sql('hub', `SELECT coalesce(json_agg(DISTINCT application_name), '[]') FROM pg_stat_activity
      WHERE usename LIKE 'pek\\_%' AND application_name LIKE 'pek %' AND backend_type = 'client backend'
        AND NOT EXISTS (SELECT WHERE application_name <> 'pek listen')`);
    assert.deepEqual(past, ['pek listen']);
  });

  it('people log in, read, search and stream', async () => {
    const bob = await login(federation.port, 'bob');
    assert.equal((await bob.get('/api/v1/session')).status, 200);
    bob.close();
    assert.deepEqual((await walk(alice, '/api/v1/groups', 20)).map(nameOf), whole);
    const lines = (await alice.get('/api/v1/groups', { accept: 'application/x-ndjson' })).text.trimEnd().split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(lines.slice(0, -1).map((line) => nameOf(line.result)), whole);
    const found = await alice.get('/api/v1/groups?q=kir');
    assert.ok(found.json.groups.length > 0, found.text);
  });

  it('changes are made, once, and seen at once', async () => {
    const body = { slug: `p${unique}`, name: `Pooling ${unique}`, purpose: 'PROJECT' };
    const answer = await alice.post(groups, body);
    assert.equal(answer.status, 200, answer.text);
    assert.equal((await alice.get(`${groups}/${made}`)).json.name, body.name);
    assert.equal((await alice.post(groups, body)).status, 409);
    const names = await Promise.all(Array.from({ length: 4 }, (_, i) =>
      alice.post(groups, { parentId: made, slug: `s${i}`, name: `${i} ${unique}` })));
    assert.deepEqual(names.map((one) => one.status), Array(4).fill(200));
    assert.equal((await alice.get(`/api/v1/groups?q=${unique}&pageSize=100`)).json.groups.length, 5);
  });

  it('what PostgreSQL tells is heard', async () => {
    const carol = await login(federation.port, 'carol');
    try {
      assert.equal((await carol.get('/api/v1/session')).status, 200);
      federation.sql('hub', "SELECT to_json(hub.set_user_disabled('carol', true)::text)");
      await until(2, 'carol is out', async () => (await carol.get('/api/v1/session')).status === 401);
    } finally {
      federation.sql('hub', "SELECT to_json(hub.set_user_disabled('carol', false)::text)");
      carol.close();
    }
  });

  it('reads are back within 5 s of a pooler that was killed', async () => {
    await stopPooler();
    const during = await alice.get('/api/v1/groups?pageSize=1');
    assert.ok(during.status === 503 || during.json.unreachable.length > 0, during.text);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    await startPooler();
    await until(5, 'the list is whole', complete);
    assert.equal((await alice.get(`${groups}/${made}`)).status, 200);
  });
});
