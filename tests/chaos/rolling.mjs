// ./dev rolling: two hubs behind haproxy and two replicas of each worker, restarted and upgraded one by one under load. deploy/dev/rolling.sh has the help.
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startFederation } from '../e2e/lib/federation.mjs';
import { makeCertificate, startFrontProxy } from '../e2e/lib/front_proxy.mjs';
import { login } from '../e2e/lib/http.mjs';
import { checks } from './checker.mjs';
import { History } from './history.mjs';
import { Impatient, World, realms, sleep, until } from './world.mjs';

const { values } = parseArgs({ options: { port: { type: 'string' }, now: { type: 'string' }, old: { type: 'string' }, rounds: { type: 'string' }, keep: { type: 'boolean' } } });
const say = (line) => console.log(line);
const hubs = ['pek-hub', 'pek-hub-2'];
const workers = realms.slice(1).flatMap((realm) => [realm, `${realm}-2`]);
// Hubs come back to a replica within 3 s of its start; then the next may go.
const pause_ms = 4_000;

// Through the front proxy, each from an address of its own: a browser's limits are an address's.
class Visitor extends Impatient {
  constructor(world, cookie) {
    super(world.front, cookie);
    this.transport = https;
    this.agent = new https.Agent({ keepAlive: true, localAddress: `127.0.0.${10 + world.visitors++}`, servername: 'localhost', ca: world.ca });
  }
}

class Rolling extends World {
  visitors = 0;

  async start(folder, port, programs) {
    this.folder = folder;
    this.data = join(folder, 'data');
    this.ports = { 'pek-hub': port, 'pek-hub-2': port + 8 };
    this.front = port + 9;
    process.env.PEK_TEST_BUILD ??= 'release';
    this.federation = await startFederation(this.data, port, '--hubs', '2', '--replicas', '2', '--programs', programs);
    await this.letAliceWrite();
    this.liftLimits();
    // A port of its own for each.
    for (const hub of hubs.toReversed()) {
      this.command(hub, (words) => [...words.slice(0, -1), '--listen', `127.0.0.1:${this.ports[hub]}`, '--listen-shared=false', 'serve']);
      await this.restart(hub, this.bin);
    }
    makeCertificate(folder);
    this.ca = readFileSync(join(folder, 'crt'));
    this.proxy = startFrontProxy(folder, this.front, ...Object.values(this.ports));
    await until(20, 'the front proxy passes on', async () => {
      const client = await this.login();
      const { status } = await client.get('/api/v1/groups?pageSize=1').catch(() => ({}));
      client.close();
      return status === 200;
    });
    this.visitors = 0;
  }

  async stop() {
    this.proxy?.kill('SIGKILL');
    await super.stop();
  }

  // There is no login from outside without a provider; so at a hub.
  async login(user = 'alice') {
    const { cookie } = await login(this.ports['pek-hub'], user);
    return new Visitor(this, cookie);
  }

  command(name, change) {
    const file = join(this.data, 'run', `${name}.command`);
    writeFileSync(file, `${change(readFileSync(file, 'utf8').trimEnd().split('\n')).join('\n')}\n`);
  }

  // As programs of that folder, until it is ready.
  async restart(name, bin) {
    const ready = () => this.log(name).split('"event":"worker.ready"').length;
    const before = this.ports[name] ? 0 : ready();
    this.command(name, ([program, ...words]) => [join(bin, program.split('/').at(-1)), ...words]);
    await this.federation.dev('restart', name);
    await until(30, `${name} is ready`, async () => (this.ports[name]
      ? (await fetch(`http://127.0.0.1:${this.ports[name]}/readyz`).catch(() => ({}))).status === 200
      : ready() > before));
  }

  // What must hold of the tables is what that release says from now on.
  async migrate(bin) {
    this.bin = bin;
    const state = join(this.data, 'run/state');
    writeFileSync(state, readFileSync(state, 'utf8').replace(/^bin=.*$/m, `bin=${bin}`));
    await this.program('pek-hub', '--config', this.configurationFile('pek-hub'), 'migrate');
    for (const realm of realms.slice(1)) await this.program('pek-worker', '--config', this.configurationFile(realm), 'migrate');
  }

  // What the next release may do to the tables while this one runs: something more, of which this one does not know.
  async migrateBeyond() {
    for (const realm of realms) {
      await this.sql(realm, `INSERT INTO public.pek_migration (name, schema, sha256, compatible)
          SELECT DISTINCT '9999_' || schema || '.sql', schema, '', true FROM public.pek_migration;
        ALTER TABLE pek.realm_group ADD COLUMN more text; ALTER TABLE pek.membership ADD COLUMN more text`);
    }
    await this.sql('hub', 'ALTER TABLE hub.user_account ADD COLUMN more text; ALTER TABLE hub.session ADD COLUMN more text');
  }
}

// What an answer should not be: of a request that failed, or lacks something.
const bad = ([what]) => !/^(read|write) 200$|^streams whole$/.test(what);
const told = (counts) => Object.entries(counts).map(([what, n]) => `${what}: ${n}`).join(', ');

async function pass(world, history, broken, what, act) {
  const before = { ...history.counts };
  const began = performance.now();
  await act();
  await sleep(pause_ms);
  const since = Object.fromEntries(Object.entries(history.counts).map(([key, n]) => [key, n - (before[key] ?? 0)]).filter(([, n]) => n > 0));
  const failed = Object.fromEntries(Object.entries(since).filter(bad));
  const failing = Object.keys(failed).length > 0;
  say(`${failing ? 'FAILED' : 'ok    '}  ${what}, ${((performance.now() - began) / 1000).toFixed(0)} s: ${told(since)}`);
  if (failing) broken.push(`${what}: ${told(failed)}`);
}

async function run(world, now, old) {
  const broken = [];
  const history = new History(world);
  await history.begin();
  await sleep(3_000);
  const step = (what, act) => pass(world, history, broken, what, act);
  const roll = (what, names, bin) => step(what, async () => {
    for (const name of names) {
      await world.restart(name, bin);
      await sleep(pause_ms);
    }
  });
  if (old) {
    await step('migrations of this release, programs of the one before', () => world.migrate(now));
    await roll('hubs first: hubs of this release', hubs, now);
    await roll('… and workers', workers, now);
    await roll('back: workers of the release before', workers, old);
    await roll('… and hubs', hubs, old);
    await roll('workers first: workers of this release', workers, now);
    await roll('… and hubs', hubs, now);
  }
  for (let round = 1; round <= Number(values.rounds ?? 1) && !old; round++) {
    await roll(`restart of the hubs, ${round}`, hubs, now);
    await roll(`restart of the workers, ${round}`, workers, now);
    if (round > 1) continue;
    await step('a compatible migration of the release behind', () => world.migrateBeyond());
    await roll('… and a restart of all', [...hubs, ...workers], now);
  }
  await sleep(2_000);
  await history.end();
  broken.push(...history.violations);
  say(`slowest answer ${Math.round(history.slowest)} ms; ${history.writes.length} writes under keys of their own`);
  for (const [name, check] of checks) {
    const found = await Promise.resolve().then(() => check(world, history)).catch((error) => [`${name}: it could not be asked: ${error.message}`]);
    say(`${found.length === 0 ? 'holds ' : 'BROKEN'}  ${name}`);
    broken.push(...found);
  }
  history.close();
  return broken;
}

const folder = mkdtempSync('/tmp/pek-rolling.');
chmodSync(folder, 0o755);
const world = new Rolling();
let broken = ['it was stopped'];
let stopped = false;
async function stop() {
  if (stopped) return;
  stopped = true;
  await world.stop();
  if (values.keep || broken.length > 0) say(`data and logs are in ${folder}`);
  else rmSync(folder, { recursive: true, force: true });
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stop().finally(() => process.exit(130)));
try {
  await world.start(folder, Number(values.port), values.old ?? values.now);
  broken = await run(world, values.now, values.old);
} catch (error) {
  broken = [error.stack];
} finally {
  broken.forEach((line) => say(`violated: ${line}`));
  await stop();
}
say(broken.length > 0 ? 'failed' : 'no request failed');
process.exit(broken.length > 0 ? 1 : 0);
