// TLS on both sides of the hub: workers that know whom they talk to, a site by HTTPS, certificates renewed under load.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import grpc from '@grpc/grpc-js';
import { call, clientOf, theFederation, until } from './lib/federation.mjs';
import { login } from './lib/http.mjs';

const federation = theFederation();
const folder = mkdtempSync(join(tmpdir(), 'pek-tls-'));
const at = (name) => join(folder, name);
const openssl = (...words) => execFileSync('openssl', words, { stdio: 'pipe' });
after(() => rmSync(folder, { recursive: true }));

function makeCa(name) {
  openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
    '-subj', `/CN=${name}`, '-keyout', at(`${name}.key`), '-out', at(`${name}.crt`));
}

// Written beside and renamed, as who renews certificates does.
function issue(name, host, { ca = at('ca.crt'), caKey = at('ca.key'), to = folder } = {}) {
  openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
    '-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`, '-addext', 'basicConstraints=critical,CA:FALSE',
    '-CA', ca, '-CAkey', caKey, '-keyout', at('next.key'), '-out', at('next.crt'));
  for (const kind of ['key', 'crt']) {
    copyFileSync(at(`next.${kind}`), join(to, `${name}.${kind}.next`));
    renameSync(join(to, `${name}.${kind}.next`), join(to, `${name}.${kind}`));
  }
}

describe('a worker', () => {
  const ask = async (credentials) => {
    const client = clientOf('pek.instance.v1.InstanceService', federation.workerAddress('worker-acme'), credentials,
      { 'grpc.ssl_target_name_override': 'worker-acme' });
    const answer = await call(client, 'GetInfo', {});
    client.close();
    return answer.code;
  };
  const key = (name) => readFileSync(join(federation.data, 'keys', name));

  it('answers the hub\'s certificate', async () => {
    assert.equal(await ask(grpc.credentials.createSsl(key('ca.crt'), key('pek-hub.key'), key('pek-hub.crt'))), 'OK');
  });

  it('refuses a client without certificate, and one without TLS', async () => {
    assert.equal(await ask(grpc.credentials.createSsl(key('ca.crt'))), 'UNAVAILABLE');
    assert.equal(await ask(grpc.credentials.createInsecure()), 'UNAVAILABLE');
  });

  it('refuses a certificate of another authority', async () => {
    makeCa('other');
    issue('pek-hub', 'pek-hub', { ca: at('other.crt'), caKey: at('other.key') });
    const credentials = grpc.credentials.createSsl(key('ca.crt'), readFileSync(at('pek-hub.key')), readFileSync(at('pek-hub.crt')));
    assert.equal(await ask(credentials), 'UNAVAILABLE');
  });
});

// A second hub on the same database, which also shows that two hubs follow one registry.
describe('a hub that serves HTTPS', () => {
  const port = Number(process.env.PEK_TEST_FREE_PORT);
  const curl = (...words) => execFileSync('curl', ['--silent', '--show-error', '--cacert', at('ca.crt'),
    '--resolve', `pek.example:${port}:127.0.0.1`, '--max-time', '10', ...words], { encoding: 'utf8', stdio: 'pipe' });
  const url = (path) => `https://pek.example:${port}${path}`;
  let hub;

  before(async () => {
    makeCa('ca');
    issue('site', 'pek.example');
    hub = spawn(join(federation.state('bin'), 'pek-hub'), ['--config', join(federation.data, 'config/pek-hub.conf'),
      '--listen', `127.0.0.1:${port}`, '--https-certificate', at('site.crt'), '--https-key', at('site.key'),
      '--public-url', `https://pek.example:${port}`, 'serve'],
    { stdio: ['ignore', 'ignore', 'ignore'], env: { PATH: process.env.PATH } });
    await until(20, 'it answers', () => {
      try {
        return curl(url('/readyz')) === 'ready\n';
      } catch {
        return false;
      }
    });
  });
  after(async () => {
    const ended = new Promise((resolve) => hub.on('exit', resolve));
    hub.kill('SIGTERM');
    assert.equal(await ended, 0);
  });

  it('asks for HTTPS from now on and gives a cookie that only HTTPS brings', () => {
    const head = curl('--include', url('/auth/dev?user=alice'));
    assert.match(head, /^strict-transport-security: max-age=31536000\r$/m);
    assert.match(head, /^set-cookie: __Host-pek_session=[^;]+; .*Secure/m);
    assert.doesNotMatch(head, /^set-cookie: pek_session=/m);
    const jar = at('jar');
    curl('--cookie-jar', jar, url('/auth/dev?user=alice'));
    assert.equal(JSON.parse(curl('--cookie', jar, url('/api/v1/session'))).user.id, 'alice');
    // The same token under the name that a clear request could have set.
    const token = head.match(/__Host-pek_session=([^;]+)/)[1];
    assert.equal(JSON.parse(curl('--cookie', `pek_session=${token}`, url('/api/v1/session'))).error.code, 401);
  });

  it('tells a client of HTTP/2 that is still sending why it is refused', () => {
    writeFileSync(at('large'), 'a'.repeat(3_000_000));
    const answer = curl('--include', '--http2', '--request', 'PATCH', '--header', 'content-type: application/json',
      '--data-binary', `@${at('large')}`, url('/api/v1/groups'));
    assert.match(answer, /^HTTP\/2 413 [\s\S]*the body is too long/);
  });

  it('answers nothing in the clear, and nobody who does not know its authority', () => {
    assert.throws(() => curl(`http://pek.example:${port}/`));
    assert.throws(() => execFileSync('curl', ['--silent', '--max-time', '5', '--resolve', `pek.example:${port}:127.0.0.1`, url('/')],
      { stdio: 'pipe' }));
  });

  it('follows the registry as the other hub does', async () => {
    const jar = at('jar');
    curl('--cookie-jar', jar, url('/auth/dev?user=alice'));
    const status = () => JSON.parse(curl('--cookie', jar, url('/api/v1/instances'))).instances
      .find(({ realm }) => realm === 'worker-conference').status;
    await federation.dev('ctl', 'instance', 'drain', 'worker-conference');
    await until(1, 'it is draining here', () => status() === 'DRAINING');
    await federation.dev('ctl', 'instance', 'undrain', 'worker-conference');
    await until(5, 'it serves', () => status() === 'SERVING');
  });

  it('takes up a renewed certificate without losing a request', async () => {
    const serial = () => execFileSync('sh', ['-c', `openssl s_client -connect 127.0.0.1:${port} -servername pek.example </dev/null 2>/dev/null | openssl x509 -noout -serial`],
      { encoding: 'utf8', stdio: 'pipe' });
    const before = serial();
    issue('site', 'pek.example');
    await until(20, 'the new certificate', () => {
      assert.equal(curl(url('/healthz')), 'ok\n');
      return serial() !== before;
    });
  });
});

describe('certificates of hub and worker', () => {
  it('are renewed without a restart and without a failed request', async () => {
    const keys = join(federation.data, 'keys');
    const alice = await login(federation.port, 'alice');
    const path = '/api/v1/realms/worker-acme/groups/kir-dev@kir-dev';
    const serial = () => execFileSync('sh', ['-c', `openssl s_client -connect ${federation.workerAddress('worker-acme')} -cert ${keys}/pek-hub.crt -key ${keys}/pek-hub.key </dev/null 2>/dev/null | openssl x509 -noout -serial`],
      { encoding: 'utf8', stdio: 'pipe' });
    const old = serial();
    let stop = false;
    const failed = [];
    const load = (async () => {
      while (!stop) {
        const answer = await alice.get(path);
        if (answer.status !== 200) failed.push(answer.text);
      }
    })();
    const renewed = { ca: join(keys, 'ca.crt'), caKey: join(keys, 'ca.key'), to: keys };
    issue('worker-acme', 'worker-acme', renewed);
    issue('pek-hub', 'pek-hub', renewed);
    await until(40, 'the worker shows the new certificate', () => serial() !== old);
    stop = true;
    await load;
    assert.deepEqual(failed, []);
    // A new connection: the hub, which was not restarted, shows its new certificate as well.
    await federation.dev('restart', 'worker-acme');
    await until(10, 'it answers on a new connection', async () => (await alice.get(path)).status === 200);
    alice.close();
  });
});
