// The federation under test: where it listens, its programs, its databases, its workers. `./dev test` starts
// one and says so in the environment; some tests start another beside it.
import { execFile, execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';

export const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const dev = join(root, 'dev');

export const realms = ['hub', 'worker-acme', 'worker-conference'];

class Federation {
  constructor(data, port) {
    this.data = data;
    this.port = Number(port);
  }

  // ./dev COMMAND … of this federation; resolves to what it printed.
  async dev(...words) {
    const { stdout } = await promisify(execFile)(dev, [...words, '--data', this.data], { maxBuffer: 1 << 26 });
    return stdout.trim();
  }

  state(name) {
    return readFileSync(join(this.data, 'run/state'), 'utf8').match(new RegExp(`^${name}=(.*)$`, 'm'))[1];
  }

  pid(program) {
    return Number(readFileSync(join(this.data, 'run', `${program}.pid`), 'utf8'));
  }

  signal(program, name) {
    process.kill(this.pid(program), name);
  }

  // One value, of a statement that a superuser may run: row security does not hide anything from it.
  sql(realm, text) {
    return JSON.parse(execFileSync(dev, ['psql', realm, '--data', this.data, '-U', 'postgres', '-qXAtc', text],
      { encoding: 'utf8', maxBuffer: 1 << 26 }) || 'null');
  }

  token(realm, user) {
    return this.dev('token', realm, user);
  }

  // What the user may see, by another way than the guard's: one statement over the policy tables.
  visible(realm, user, { archived = false } = {}) {
    return this.sql(realm, `
      SELECT coalesce(json_agg(json_build_object('realm', g.realm, 'id', g.id, 'name', g.name,
                                                 'key', encode(g.sort_key, 'hex'))
                               ORDER BY g.sort_key, g.id), '[]')
        FROM pek.realm_group g
       WHERE g.realm = '${realm}' AND (${archived} OR NOT g.is_archived)
         AND EXISTS (SELECT FROM pek.policy_assignment a
                       JOIN pek.policy_statement s ON s.realm = a.realm AND s.policy_id = a.policy_id
                      WHERE a.realm = g.realm AND a.user_id = '${user}' AND s.user_id IS NULL
                        AND s.actions & (1 << 2) <> 0 AND (s.group_id IS NULL OR s.group_id = g.id))`);
  }

  // The same over all realms, in the order of record: sort key bytes, id, realm.
  visibleEverywhere(user, options) {
    const all = realms.flatMap((realm) => this.visible(realm, user, options));
    const of = (group) => [group.key, group.id, group.realm];
    return all.sort((a, b) => compareTuples(of(a), of(b)));
  }

  workerAddress(realm) {
    return `127.0.0.1:${Number(this.state('worker_port')) + realms.indexOf(realm) - 1}`;
  }

  // A gRPC client of a service on a worker, with the certificate that the hub has.
  worker(realm, service = 'pek.group.v1.GroupService') {
    const key = (name) => readFileSync(join(this.data, 'keys', name));
    const credentials = grpc.credentials.createSsl(key('ca.crt'), key('pek-hub.key'), key('pek-hub.crt'));
    return clientOf(service, this.workerAddress(realm), credentials, { 'grpc.ssl_target_name_override': realm });
  }
}

export function clientOf(service, address, credentials, options) {
  const Service = service.split('.').reduce((at, part) => at[part], protos);
  return new Service(address, credentials, options);
}

function compareTuples(a, b) {
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i]) return a[i] < b[i] ? -1 : 1;
  }
  return 0;
}

const protos = grpc.loadPackageDefinition(loader.loadSync(
  ['pek/group/v1/group.proto', 'pek/instance/v1/instance.proto'], {
    includeDirs: [join(root, 'protos'), '/usr/share/gocode/src/github.com/gogo/googleapis', '/usr/include'],
    longs: String, enums: String, defaults: false, oneofs: true,
  }));

// Resolves to {code, response}; never rejects. Metadata is given as [[key, value], …].
export function call(client, method, request, metadata = []) {
  const headers = new grpc.Metadata();
  for (const [key, value] of metadata) headers.add(key, value);
  const deadline = Date.now() + 5000;
  return new Promise((resolve) => {
    if (!client[method].responseStream) {
      client[method](request, headers, { deadline }, (error, response) =>
        resolve({ code: grpc.status[error?.code ?? 0], message: error?.details, response }));
      return;
    }
    const items = [];
    client[method](request, headers, { deadline })
      .on('data', (item) => items.push(item))
      .on('error', (error) => resolve({ code: grpc.status[error.code], message: error.details, response: items }))
      .on('end', () => resolve({ code: 'OK', response: items }));
  });
}

export const bearer = (token) => ['authorization', `Bearer ${token}`];

export function theFederation() {
  const { PEK_TEST_DATA: data, PEK_TEST_PORT: port } = process.env;
  if (!data || !port) throw new Error('these tests are run by ./dev test');
  return new Federation(data, port);
}

// Another one, beside the one under test.
export async function startFederation(data, port, ...options) {
  const federation = new Federation(data, port);
  await federation.dev('up', '--detach', '--port', String(port), '--worker-port', String(port + 1),
    '--build', process.env.PEK_TEST_BUILD, ...options);
  return federation;
}

// Until `condition` resolves to something true, which is returned; fails after so many seconds.
export async function until(seconds, what, condition) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`not within ${seconds} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
