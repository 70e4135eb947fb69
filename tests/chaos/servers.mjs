// Two PostgreSQL servers, the second a synchronous standby of the first, whose data is that of a running federation. What promotes it is
// by hand, or Patroni.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync, readlinkSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { until } from './world.mjs';

const run = promisify(execFile);

// PostgreSQL refuses to run as root.
const id = (flag) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
const user = process.getuid() === 0 ? { uid: id('-u'), gid: id('-g') } : {};
const environment = { PATH: process.env.PATH, LC_ALL: 'C.UTF-8', TZ: 'UTC' };

function own(folder) {
  mkdirSync(folder, { mode: 0o700 });
  if (user.uid) chownSync(folder, user.uid, user.gid);
  return folder;
}

function start(command, words) {
  const child = spawn(command, words, { ...user, cwd: '/', env: environment, stdio: 'ignore' });
  child.on('error', () => {});
  return child;
}

const children = (pid) => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);

function signal(pids, name) {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch {
      // it has ended
    }
  }
}

const ended = (child) => !child || child.exitCode !== null || child.signalCode !== null;

// One after the other, in that order.
async function endAll(processes, name) {
  for (const child of processes) {
    if (!ended(child)) child.kill(name);
    await until(120, 'a server ends', () => ended(child));
  }
}

class Server {
  constructor(folder, name, { data = join(folder, name), sockets = own(join(folder, `${name}.s`)) } = {}) {
    Object.assign(this, { name, data, sockets, port: 5432 });
  }

  postmaster() {
    try {
      return Number(readFileSync(join(this.data, 'postmaster.pid'), 'utf8').split('\n')[0]);
    } catch {
      return undefined;
    }
  }

  // The postmaster and what it has forked, all at once and without a word, as when the power fails.
  async kill() {
    const pid = this.postmaster();
    const all = [pid, ...children(pid)];
    signal(all, 'SIGKILL');
    await until(10, `${this.name} is gone`, () => all.every((one) => !existsSync(`/proc/${one}/exe`)));
  }

  async sql(text) {
    const { stdout } = await run('psql', ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-h', this.sockets, '-p', String(this.port), '-U', 'postgres', '-d',
      'postgres', '-c', text], { env: environment });
    return stdout.trim();
  }

  answers(text = 'SELECT 1') {
    return this.sql(text).then((said) => said || true, () => false);
  }
}

class Pair {
  constructor(world) {
    this.world = world;
    this.bin = dirname(readlinkSync(`/proc/${world.federation.pid('postgres')}/exe`));
    this.folder = own(join(world.folder, 'pair'));
    const data = execFileSync('readlink', ['-f', join(world.data, 'pg')], { encoding: 'utf8' }).trim();
    this.first = new Server(this.folder, 'a', { data, sockets: world.sockets });
    this.second = new Server(this.folder, 'b');
  }

  // The federation's own server goes on with what the promoted one has, and with its own settings.
  async giveBack() {
    await this.end();
    const { data } = this.first;
    if (this.lost) {
      rmSync(data, { recursive: true, force: true });
      execFileSync('cp', ['-a', this.second.data, data]);
    }
    rmSync(join(data, 'standby.signal'), { force: true });
    truncateSync(join(data, 'postgresql.auto.conf'));
    // Where Patroni keeps what it found.
    if (existsSync(join(data, 'postgresql.base.conf'))) renameSync(join(data, 'postgresql.base.conf'), join(data, 'postgresql.conf'));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export class ByHand extends Pair {
  takes_over_seconds = 5;
  asked = 'the promotion was asked for';

  static lacks() {
    return undefined;
  }

  async start() {
    const words = ['-h', this.first.sockets, '-U', 'postgres', '-D', this.second.data, '-R', '-X', 'stream', '-c', 'fast'];
    await run(join(this.bin, 'pg_basebackup'), words, { ...user, cwd: '/', env: environment });
    this.server = this.launch(this.second);
    await until(30, 'the standby answers', () => this.second.answers());
    await this.first.sql("ALTER SYSTEM SET synchronous_standby_names = '*'");
    await this.first.sql('SELECT pg_reload_conf()');
    await until(30, 'the standby is synchronous',
      async () => (await this.first.answers("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'")) === '1');
  }

  launch(server) {
    return start(join(this.bin, 'postgres'), ['-D', server.data, '-k', server.sockets, '-c', 'listen_addresses=', '-c', 'max_connections=300',
      '-c', 'unix_socket_permissions=0700']);
  }

  lose() {
    this.lost = true;
    return this.first.kill();
  }

  async takeOver() {
    await this.second.sql('SELECT pg_promote()');
  }

  // The former primary comes back and knows of nothing.
  async comeBack() {
    this.former = this.launch(this.first);
    await until(30, 'the former primary answers', () => this.first.answers());
  }

  async endFormer() {
    await endAll([this.former], 'SIGINT');
  }

  async end() {
    await endAll([this.former, this.server], 'SIGINT');
  }
}

export class Patroni extends Pair {
  // Its key in etcd ends after ttl, the least that Patroni takes.
  ttl = 20;
  takes_over_seconds = this.ttl + 15;
  asked = 'that was waited for';

  static lacks() {
    const lacking = ['patroni', 'etcd'].filter((program) => !existsSync(`/usr/bin/${program}`));
    return lacking.length > 0 ? `there is no ${lacking.join(', no ')} (Debian's packages patroni and etcd-server)` : undefined;
  }

  async start() {
    this.port = this.world.port + 10;
    await this.world.stopPostgres('SIGINT');
    const [etcd, peers] = [`http://127.0.0.1:${this.port}`, `http://127.0.0.1:${this.port + 1}`];
    this.etcd = start('/usr/bin/etcd', ['--name', 'one', '--data-dir', own(join(this.folder, 'etcd')), '--listen-client-urls', etcd, '--advertise-client-urls', etcd,
      '--listen-peer-urls', peers, '--initial-advertise-peer-urls', peers, '--initial-cluster', `one=${peers}`]);
    this.nodes = [this.node(this.first, 0)];
    await until(60, 'Patroni leads', async () => (await this.members()).some(({ role, state }) => role === 'leader' && state === 'running'));
    const settings = { ttl: this.ttl, loop_wait: 2, retry_timeout: 3, synchronous_mode: true };
    await until(30, 'Patroni takes settings', () => this.rest('PATCH', '/config', settings).catch(() => undefined));
    this.nodes.push(this.node(this.second, 1));
    await until(90, 'the standby is synchronous', async () => (await this.members()).some(({ role }) => role === 'sync_standby'));
  }

  node(server, index) {
    server.port = this.port + 3 + 2 * index;
    const [rest, listen] = [`127.0.0.1:${server.port - 1}`, `127.0.0.1:${server.port}`];
    const file = join(this.folder, `${server.name}.yml`);
    const trust = ['local all all trust', 'local replication all trust', 'host all all 127.0.0.1/32 trust', 'host replication all 127.0.0.1/32 trust'];
    writeFileSync(file, JSON.stringify({
      scope: 'pek',
      name: server.name,
      restapi: { listen: rest, connect_address: rest },
      etcd3: { host: `127.0.0.1:${this.port}` },
      postgresql: {
        listen, connect_address: listen, data_dir: server.data, bin_dir: this.bin, pgpass: join(this.folder, `${server.name}.pgpass`), use_unix_socket: true,
        remove_data_directory_on_diverged_timelines: true,
        authentication: { superuser: { username: 'postgres' }, replication: { username: 'postgres' } },
        parameters: { unix_socket_directories: server.sockets, unix_socket_permissions: '0700', max_connections: 300 },
        pg_hba: trust,
      },
    }));
    return start('/usr/bin/patroni', [file]);
  }

  async rest(method, path, body) {
    const answer = await fetch(`http://127.0.0.1:${this.port + 2}${path}`, { method, body: body && JSON.stringify(body) });
    return answer.json();
  }

  members() {
    return this.rest('GET', '/cluster').then(({ members }) => members, () => []);
  }

  // The whole machine: Patroni, too, which would start it again.
  async lose() {
    this.lost = true;
    this.nodes[0].kill('SIGKILL');
    await this.first.kill();
  }

  async takeOver() {
    // by itself
  }

  // Patroni finds out that another leads, and makes it a standby of that one.
  async comeBack() {
    this.nodes[0] = this.node(this.first, 0);
    await until(60, 'the former primary follows', async () => (await this.first.answers('SELECT pg_is_in_recovery()')) === 't');
  }

  async endFormer() {
    // it follows, and does no harm
  }

  // The other one leads now.
  async swap() {
    await until(60, 'the former primary is a synchronous standby', async () => (await this.members()).some(({ role }) => role === 'sync_standby'));
    this.turn();
  }

  turn() {
    this.turned = !this.turned;
    [this.first, this.second] = [this.second, this.first];
    this.nodes.reverse();
  }

  async giveBack() {
    // What leads at last is the federation's own.
    if (this.turned) {
      this.turn();
      this.lost = false;
    }
    await super.giveBack();
  }

  async end() {
    await endAll([...(this.nodes ?? [])].reverse().concat(this.etcd ?? []), 'SIGTERM');
  }
}
