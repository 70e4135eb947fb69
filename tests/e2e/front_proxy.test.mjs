// deploy/haproxy: HTTP/2 and TLS in front of a hub that speaks neither to browsers.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http2 from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { root, theFederation, until } from './lib/federation.mjs';
import { login } from './lib/http.mjs';

const federation = theFederation();
const port = Number(process.env.PEK_TEST_FREE_PORT);

function request(session, path, headers = {}) {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':path': path, ...headers });
    let text = '';
    let status;
    stream.setEncoding('utf8');
    stream.on('response', (head) => (status = head[':status']))
      .on('data', (chunk) => (text += chunk)).on('end', () => resolve({ status, text })).on('error', reject);
    stream.end();
  });
}

describe('the front proxy', () => {
  let folder;
  let proxy;
  let session;
  let alice;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'pek-proxy.'));
    const file = (name) => join(folder, name);
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
      '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', file('key'), '-out', file('crt')],
    { stdio: 'ignore' });
    writeFileSync(file('pem'), readFileSync(file('crt'), 'utf8') + readFileSync(file('key'), 'utf8'));
    proxy = spawn('haproxy', ['-db', '-f', join(root, 'deploy/haproxy/haproxy.cfg')], {
      stdio: 'ignore',
      env: { ...process.env, PEK_BIND: `127.0.0.1:${port}`, PEK_CERTIFICATE: file('pem'),
        PEK_HUBS_1: `127.0.0.1:${federation.port}`, PEK_HUBS_2: '127.0.0.1:1' },
    });
    session = await until(10, 'the proxy listens', () => new Promise((resolve) => {
      const attempt = http2.connect(`https://localhost:${port}`, { ca: readFileSync(file('crt')),
        lookup: (_, options, done) => (options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4)) });
      attempt.on('connect', () => resolve(attempt)).on('error', () => resolve(undefined));
    }));
    alice = await login(federation.port, 'alice');
    await until(10, 'the hub is seen', async () => (await request(session, '/healthz')).status === 200);
  });
  after(() => {
    session?.destroy();
    alice?.close();
    proxy?.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  it('speaks HTTP/2 and passes requests on', async () => {
    assert.equal(session.alpnProtocol, 'h2');
    const answers = await Promise.all(Array.from({ length: 50 }, () =>
      request(session, '/api/v1/groups?pageSize=5', { cookie: alice.cookie })));
    for (const answer of answers) {
      assert.equal(answer.status, 200, answer.text);
      assert.equal(JSON.parse(answer.text).groups.length, 5);
    }
  });

  it('passes a stream to its end', async () => {
    const answer = await request(session, '/api/v1/groups', { cookie: alice.cookie, accept: 'application/x-ndjson' });
    assert.ok(JSON.parse(answer.text.trimEnd().split('\n').at(-1)).end);
  });

  it('keeps what is for operators to itself', async () => {
    for (const path of ['/metrics', '/readyz']) assert.equal((await request(session, path)).status, 404, path);
  });

  it('lets nobody pretend to sit on the machine of the hub', async () => {
    const headers = { 'x-forwarded-for': '127.0.0.1', forwarded: 'for=127.0.0.1' };
    assert.equal((await request(session, '/auth/dev?user=alice', headers)).status, 404);
  });
});
