// The federation under chaos: started by ./dev up, wired through the proxies, and what can be done to it.
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startFederation, until } from '../e2e/lib/federation.mjs';
import { Client, login } from '../e2e/lib/http.mjs';
import { Proxies } from './proxy.mjs';

export { until };
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
export const realms = ['hub', 'worker-acme', 'worker-conference'];
export const programs = ['pek-hub', 'worker-acme', 'worker-conference'];
export const request_seconds = 10; // docs/operations.md: request_timeout_ms
// What a busy machine may add to what the specification says: 200 ms beyond the deadline are the hub's, the rest is ours.
export const late_ms = 1000;
export const heal_seconds = 5;

const run = promisify(execFile);

// A client that does not wait for ever, and says how long it waited.
export class Impatient extends Client {
  async request(method, path, options = {}) {
    const began = performance.now();
    const answer = await within(options.seconds ?? 70, `${method} ${path}`, super.request(method, path, options));
    return { ...answer, ms: performance.now() - began };
  }
}

export function within(seconds, what, promise) {
  let timer;
  const late = new Promise((_, failed) => {
    timer = setTimeout(() => failed(Object.assign(new Error(`${what}: no answer in ${seconds} s`), { code: 'NO_ANSWER' })), seconds * 1000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export class World {
  // A link is one way between two programs, with a proxy on it.
  links = ['hub-acme', 'hub-conference', 'pg-hub', 'pg-acme', 'pg-conference', 'redis'];

  async start(folder, port) {
    this.folder = folder;
    this.port = port;
    this.data = join(folder, 'data');
    process.env.PEK_TEST_BUILD ??= 'release';
    this.federation = await startFederation(this.data, port);
    await this.letAliceWrite();
    this.startRedis();
    await this.wire();
    for (const program of [...programs.slice(1), programs[0]]) await this.federation.dev('restart', program);
    await this.healed(60);
  }

  // Answers what it printed.
  program(name, ...words) {
    return run(join(this.bin, name), words, { env: { PATH: process.env.PATH } });
  }

  // In every realm.
  async letAliceWrite() {
    this.bin = this.federation.state('bin');
    this.sockets = this.configuration('pek-hub').match(/^database = "host=(\S+)/m)[1];
    for (const realm of realms) await this.program('pek-worker', '--config', this.configurationFile(realm), '--god', 'alice', 'bootstrap');
  }

  // One user makes all the load, so no limit of theirs.
  liftLimits() {
    this.configure('pek-hub', (text) => `${text}searches_per_second = 0
writes_per_second = 0
requests_per_user_max = 10000
live_streams_per_user_max = 1000
`);
  }

  // Every way goes through a proxy from here on.
  async wire() {
    this.proxies = new Proxies();
    const ways = join(this.folder, 'w');
    const port = this.port + 4;
    await this.proxies.open('hub-acme', { host: '127.0.0.1', port }, { host: '127.0.0.1', port: this.port + 1 });
    await this.proxies.open('hub-conference', { host: '127.0.0.1', port: port + 1 }, { host: '127.0.0.1', port: this.port + 2 });
    for (const [program, name] of [['pek-hub', 'hub'], ['worker-acme', 'acme'], ['worker-conference', 'conference']]) {
      mkdirSync(join(ways, name), { recursive: true });
      const file = '.s.PGSQL.5432';
      await this.proxies.open(`pg-${name}`, { path: join(ways, name, file) }, { path: join(this.sockets, file) });
      this.configure(program, (text) => text.replace(/^(database = "host=)\S+/m, `$1${join(ways, name)}`));
    }
    await this.proxies.open('redis', { path: join(ways, 'redis') }, { path: this.redisSocket });
    this.liftLimits();
    this.configure('pek-hub', (text) => `${text.replace(/^instances = .*$/m,
      `instances = worker-acme=127.0.0.1:${port},worker-conference=127.0.0.1:${port + 1}`)}redis_url = unix:${join(ways, 'redis')}
`);
  }

  configurationFile(program) {
    return join(this.data, 'config', `${program}.conf`);
  }

  configuration(program) {
    return readFileSync(this.configurationFile(program), 'utf8');
  }

  configure(program, change) {
    writeFileSync(this.configurationFile(program), change(this.configuration(program)));
  }

  async stop() {
    await this.proxies?.close();
    await this.pair?.end().catch(() => {});
    this.redis?.kill('SIGKILL');
    await this.federation?.dev('down').catch(() => {});
  }

  // ---- what is asked -----------------------------------------------------------------------------------------

  async login(user = 'alice') {
    const { cookie } = await login(this.port, user);
    this.cookies = [...(this.cookies ?? []), cookie];
    return new Impatient(this.port, cookie);
  }

  // Values of a statement, as a superuser, past the proxies; undefined when there are none.
  async sql(realm, text, { user = 'postgres', options = `-c pek.realm=${realm}` } = {}) {
    const database = `pek_${realm.replaceAll('-', '_')}`;
    const asked = run('psql', ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-h', this.sockets, '-p', String(this.postgres_port ?? 5432), '-U', user, '-d',
      realm === 'postgres' ? 'postgres' : database, '-f', '-'], { env: { PATH: process.env.PATH, PGOPTIONS: options }, maxBuffer: 1 << 27 });
    asked.child.stdin.on('error', () => {}); // it did not connect: it says so itself
    asked.child.stdin.end(text); // longer than a command line may be
    const { stdout } = await asked;
    return stdout.trim() === '' ? undefined : JSON.parse(stdout);
  }

  // Of the list over all realms: everybody is there.
  async isWhole(client) {
    const page = await client.get('/api/v1/groups?pageSize=1').catch(() => ({}));
    return page.status === 200 && page.json?.unreachable.length === 0;
  }

  // Until reads are as before; answers how many ms it took.
  async healed(seconds = heal_seconds) {
    const began = performance.now();
    const client = await until(seconds, 'a login', () => this.login().catch(() => undefined));
    try {
      await until(seconds - (performance.now() - began) / 1000, 'a list of all realms', () => this.isWhole(client));
      return performance.now() - began;
    } finally {
      client.close();
    }
  }

  async metric(pattern) {
    const text = await (await fetch(`http://127.0.0.1:${this.port}/metrics`)).text();
    return Number(text.match(new RegExp(`^${pattern} (\\S+)$`, 'm'))?.[1] ?? NaN);
  }

  // {fds, rss} of each program, rss in KiB.
  footprint() {
    return Object.fromEntries(programs.map((program) => {
      const pid = this.federation.pid(program);
      return [program, {
        pid,
        fds: readdirSync(`/proc/${pid}/fd`).length,
        rss: Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(/^VmRSS:\s+(\d+)/m)[1]),
      }];
    }));
  }

  log(program) {
    return readFileSync(join(this.data, 'log', `${program}.log`), 'utf8');
  }

  // ---- what is done ------------------------------------------------------------------------------------------

  link(name, kind, options = {}) {
    return this.proxies.set(name, { kind, ...options });
  }

  runs(program) {
    try {
      return existsSync(`/proc/${this.federation.pid(program)}/exe`) && readlinkSync(`/proc/${this.federation.pid(program)}/exe`) !== '';
    } catch {
      return false;
    }
  }

  async kill(program) {
    this.federation.signal(program, 'SIGKILL');
    await until(5, `${program} is gone`, () => !this.runs(program));
  }

  startAgain(program) {
    return this.federation.dev('restart', program);
  }

  startRedis() {
    this.redisSocket = join(this.folder, 'redis');
    this.redis = spawn('redis-server', ['--port', '0', '--unixsocket', this.redisSocket, '--save', '', '--dir', this.folder],
      { stdio: 'ignore' });
    this.redis.on('error', () => (this.redis = undefined));
  }

  // Of the login of a program; not more than are there get in.
  limitConnections(realm, count) {
    return this.sql('postgres', `ALTER ROLE pek_${realm.replaceAll('-', '_')} CONNECTION LIMIT ${count}`);
  }

  endBackends(where = 'true') {
    return this.sql('postgres', `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
      WHERE usename LIKE 'pek\\_%' AND usename <> 'pek_owner' AND ${where}`);
  }

  // Whatever a case left behind that failed: everything as it was, and answering.
  async mend() {
    for (const link of this.links) await this.link(link, 'pass');
    if (!this.runs('postgres')) await this.startAgain('postgres');
    await this.limitConnections('worker-acme', -1);
    if (this.redis?.exitCode !== null || this.redis.signalCode !== null) this.startRedis();
    for (const program of programs) {
      if (this.runs(program)) this.federation.signal(program, 'SIGCONT');
      else await this.startAgain(program);
    }
    await this.healed(30);
  }

  async stopPostgres(signal) {
    this.federation.signal('postgres', signal);
    await until(30, 'PostgreSQL is gone', () => !this.runs('postgres'));
  }
}

// Random numbers that a seed makes again: mulberry32.
export class Dice {
  constructor(seed) {
    this.state = createHash('sha256').update(String(seed)).digest().readUInt32LE(0);
  }

  next() {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  between(low, high) {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  of(list) {
    return list[this.between(0, list.length - 1)];
  }
}
