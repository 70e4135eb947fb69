// deploy/haproxy: HTTP/2 and TLS in front of a hub that speaks neither to browsers.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http2 from 'node:http2';
import tls from 'node:tls';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { theFederation, until } from './lib/federation.mjs';
import { configuration, makeCertificate, startFrontProxy } from './lib/front_proxy.mjs';
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

// More slow posts at a time than the proxy or the hub lets one address have.
const SLOW_POSTS = 205;

// A client with an address of its own; resolves to the first line of the answer, '' when none came in time.
function send(from, ca, text, ms) {
  const socket = tls.connect({ host: '127.0.0.1', port, localAddress: from, ca, servername: 'localhost' });
  const answer = new Promise((resolve) => {
    const timer = setTimeout(() => resolve(''), ms);
    const end = (line) => { clearTimeout(timer); resolve(line); };
    socket.once('data', (data) => end(String(data).split('\r\n')[0])).on('error', () => end('')).on('close', () => end(''));
  });
  socket.write(text);
  return { answer, end: () => socket.destroy() };
}

describe('the front proxy', () => {
  let folder;
  let proxy;
  let session;
  let alice;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'pek-proxy.'));
    makeCertificate(folder);
    proxy = startFrontProxy(folder, port, federation.port);
    session = await until(10, 'the proxy listens', () => new Promise((resolve) => {
      const attempt = http2.connect(`https://localhost:${port}`, { ca: readFileSync(join(folder, 'crt')),
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

  it('passes haproxy -c as its head says', () => {
    execFileSync('haproxy', ['-c', '-f', configuration],
      { stdio: 'pipe', env: { PATH: process.env.PATH, PEK_CERTIFICATE: join(folder, 'pem') } });
  });

  it('lets 205 slow posts of one client refuse nobody else', async () => {
    const ca = readFileSync(join(folder, 'crt'));
    const get = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n';
    const slow = Array.from({ length: SLOW_POSTS }, () => send('127.0.0.1', ca,
      'POST /api/v1/groups HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{', 5000));
    // Its own further requests are refused, so all have arrived.
    await until(5, 'the client is refused', async () => {
      const more = send('127.0.0.1', ca, get, 2000);
      const line = await more.answer;
      more.end();
      return line.includes(' 429 ') || undefined;
    });
    for (let i = 0; i < 5; i++) {
      const other = send('127.0.0.2', ca, get, 5000);
      assert.match(await other.answer, / 200 /);
      other.end();
    }
    assert.equal((await fetch(`http://127.0.0.1:${federation.port}/readyz`)).status, 200);
    slow.forEach((post) => post.end());
    await until(5, 'the client is served again', async () => (await request(session, '/healthz')).status === 200 || undefined);
  });

  it('answers by itself as a hub would', async () => {
    const ca = readFileSync(join(folder, 'crt'));
    const ask = async (text) => {
      const socket = tls.connect({ host: '127.0.0.1', port, localAddress: '127.0.0.3', ca, servername: 'localhost' });
      socket.write(text);
      let answer = '';
      for await (const bytes of socket) answer += bytes;
      return answer;
    };
    const close = 'Connection: close\r\n\r\n';
    const cases = [
      [404, 'NOT_FOUND', `GET /metrics HTTP/1.1\r\nHost: localhost\r\n${close}`],
      [408, 'DEADLINE_EXCEEDED', `POST /api/v1/groups HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n${close}`],
      [421, 'INVALID_ARGUMENT', `GET /api/v1/groups HTTP/1.0\r\n${close}`],
    ];
    await Promise.all(cases.map(async ([code, status, text]) => {
      const [head, body] = (await ask(text)).split('\r\n\r\n');
      assert.match(head, new RegExp(`^HTTP/1.1 ${code} `));
      for (const line of ['content-type: application/json', 'cache-control: no-store', 'x-content-type-options: nosniff'])
        assert.ok(head.toLowerCase().split('\r\n').includes(line), `${code}: ${line} is not in ${head}`);
      const { error } = JSON.parse(body);
      assert.deepEqual([error.code, error.status, error.details[0].reason], [code, status, status]);
    }));
  });

  it('says as a hub would that there is none', async () => {
    const other = startFrontProxy(folder, port + 1, 1);
    try {
      const words = ['--silent', '--include', '--cacert', join(folder, 'crt'), `https://localhost:${port + 1}/api/v1/groups`];
      const answer = await until(15, 'it has no hub', () => {
        try {
          return execFileSync('curl', words, { encoding: 'utf8', stdio: 'pipe' });
        } catch {
          return undefined;
        }
      });
      assert.match(answer, /^HTTP\/2 503 [\s\S]*strict-transport-security: /);
      assert.equal(JSON.parse(answer.split('\r\n\r\n')[1]).error.status, 'UNAVAILABLE');
    } finally {
      other.kill('SIGKILL');
    }
  });

  it('keeps what is for operators to itself', async () => {
    for (const path of ['/metrics', '/readyz']) assert.equal((await request(session, path)).status, 404, path);
  });

  it('lets nobody pretend to sit on the machine of the hub', async () => {
    const headers = { 'x-forwarded-for': '127.0.0.1', forwarded: 'for=127.0.0.1' };
    assert.equal((await request(session, '/auth/dev?user=alice', headers)).status, 404);
  });
});
