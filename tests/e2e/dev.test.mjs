// ./dev itself, where it must say no before it makes anything. No federation is started.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const dev = (...words) => spawnSync(join(root, 'dev'), words, { encoding: 'utf8', timeout: 20000 });

describe('./dev up', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pek-dev-'));
  const busy = net.createServer();
  let port;

  before(async () => {
    await new Promise((resolve) => busy.listen(0, '127.0.0.1', resolve));
    port = busy.address().port;
  });
  after(() => {
    busy.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const refuses = (words, text) => {
    const data = join(folder, 'data');
    const { status, stderr } = dev('up', '--data', data, ...words.map(String));
    assert.deepEqual([status, stderr], [1, `dev: ${text}\n`]);
    assert.equal(existsSync(data), false, 'nothing is left behind');
    assert.deepEqual(readdirSync(folder), []);
  };

  it('looks at every port, and names the option to change', () => {
    refuses(['--port', port], `port ${port} is in use by another program; choose another --port`);
    refuses(['--port', 1, '--worker-port', port], `port ${port} is in use by another program; choose another --worker-port`);
    refuses(['--port', 1, '--worker-port', port - 1], `port ${port} is in use by another program; choose another --worker-port`);
  });

  it('gives no port to two programs', () => {
    refuses(['--port', 2, '--worker-port', 2], 'port 2 is asked for twice, also for worker-acme; choose another --port');
    refuses(['--port', 3, '--worker-port', 2], 'port 3 is asked for twice, also for worker-conference; choose another --port');
    refuses(['--port', 1, '--worker-port', 65535], 'there is no port 65536 for worker-conference; choose another --worker-port');
  });

  it('answers a mistyped option with one line', () => {
    refuses(['--replicas', 5], '--replicas takes a number, 1 to 4');
    refuses(['--prot', 1], "up does not know '--prot'; see ./dev up --help");
  });
});

describe('./dev mutants', () => {
  it('finds each mutant by its name, every time', () => {
    const names = readFileSync(join(root, 'tests/mutants/mutants.txt'), 'utf8').match(/^mutant .*$/gm).map((line) => line.slice(7));
    for (let i = 0; i < 10; i++) assert.equal(dev('mutants', '--list', '--only', names[0]).status, 0);
    const { status, stderr } = dev('mutants', '--list', '--only', 'nobody');
    assert.deepEqual([status, stderr], [1, "dev: there is no mutant 'nobody'\n"]);
  });
});

describe('./dev fuzz', () => {
  it('lists the targets, and knows no others', () => {
    const { status, stdout } = dev('fuzz', '--list');
    assert.equal(status, 0);
    assert.match(stdout, /^head_fuzz\t\/\/hub\/http:head_fuzz$/m);
    assert.match(stdout, /^request_fuzz\t\/\/tests\/fuzz:request_fuzz$/m);
    const refused = (...words) => {
      const { status, stderr } = dev('fuzz', ...words);
      return [status, stderr];
    };
    assert.deepEqual(refused('nothing'), [1, "dev: there is no target 'nothing_fuzz'; ./dev fuzz --list has them\n"]);
    assert.deepEqual(refused('head', '--minutes', 'x'), [1, 'dev: --minutes takes a whole number from 1 to 9999\n']);
    assert.deepEqual(refused('head', '--replay', '/nowhere'), [1, 'dev: there is no file /nowhere\n']);
  });
});

describe('./dev lint', () => {
  it('does not know a check that is not there, and names those that are', () => {
    const { status, stdout, stderr } = dev('lint', '--nope');
    assert.deepEqual([status, stderr], [2, "lint: there is no check '--nope'\n"]);
    assert.match(stdout, /of: text lengths format/);
  });

  // What no rule of buf sees: each breaks clients of the contract that is there.
  it('finds what the HTTP interface promised and no longer holds', (t) => {
    const buf = join(root, 'tests/e2e/node_modules/@bufbuild/buf-linux-x64/bin/buf');
    if (!existsSync(buf)) return t.skip('buf is not installed');
    const folder = mkdtempSync(join(tmpdir(), 'pek-promises-'));
    const at = (name) => join(folder, name);
    const run = (program, ...words) => spawnSync(program, words, { encoding: 'utf8', env: { ...process.env, HOME: folder } });
    try {
      assert.equal(run(buf, 'build', join(root, 'protos/baseline.binpb.gz'), '-o', at('before.json')).status, 0);
      const whole = readFileSync(at('before.json'), 'utf8');
      const compare = (from, to) => {
        assert.ok(whole.includes(from), from);
        writeFileSync(at('now.json'), whole.replace(from, to));
        const { status, stdout } = run(process.execPath, join(root, 'bazel/lint/promises.mjs'), at('before.json'), at('now.json'));
        return [status, stdout];
      };
      assert.deepEqual(compare('"/api/v1/groups"', '"/api/v1/groups"'), [0, '']);
      assert.deepEqual(compare('"/api/v1/groups"', '"/api/v1/all-groups"'),
        [1, 'protos: pek.group.v1.GroupService.ListGroups: GET /api/v1/groups is no more\n']);
      assert.deepEqual(compare('"[pek.json_name]":"CIRCLE"', '"[pek.json_name]":"RING"'),
        [1, 'protos: pek.group.v1.Purpose.PURPOSE_CIRCLE: JSON said CIRCLE and says RING\n']);
      assert.match(compare('ACTION_EDIT_GROUP_PROFILE","group"', 'ACTION_GOD","group"')[1], /[A-Za-z]+: pek\.access was /);
      assert.match(compare('"charsMax":200', '"charsMax":199')[1], /charsMax was 200\d* and is 199/);
      assert.deepEqual(compare('"charsMax":200', '"charsMax":201'), [0, '']);
      assert.match(compare('"[pek.field]":{"bounds"', '"[pek.field]":{"required":true,"bounds"')[1], /is required now/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
