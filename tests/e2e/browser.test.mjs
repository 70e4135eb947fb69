// A hub that serves HTTPS, with Chromium: what a person's browser makes of it. And the pages of other origins that the
// configuration lets in, whose rules are the browser's.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import http2 from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { theFederation, until } from './lib/federation.mjs';
import { Chromium, chromium, found } from './lib/chromium.mjs';

const federation = theFederation();
const folder = mkdtempSync(join(tmpdir(), 'pek-browser-'));
const at = (name) => join(folder, name);
const port = Number(process.env.PEK_TEST_FREE_PORT);
const site = `https://pek.example:${port}`;
const h2spec = found('h2spec');
const friend = 'https://app.example';
let hub;
let session;

// One request over HTTP/2: status, headers, body.
function ask(headers) {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':authority': `pek.example:${port}`, ...headers });
    const chunks = [];
    let head;
    stream.on('response', (answer) => (head = answer)).on('data', (chunk) => chunks.push(chunk)).on('error', reject)
      .on('end', () => resolve({ status: head[':status'], head, body: Buffer.concat(chunks) }));
    stream.end();
  });
}

before(async () => {
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj',
    '/CN=pek.example', '-addext', 'subjectAltName=DNS:pek.example', '-keyout', at('site.key'), '-out', at('site.crt')], { stdio: 'pipe' });
  hub = spawn(join(federation.state('bin'), 'pek-hub'), ['--config', join(federation.data, 'config/pek-hub.conf'),
    '--listen', `127.0.0.1:${port}`, '--https-certificate', at('site.crt'), '--https-key', at('site.key'),
    '--public-url', site, '--cors-origins', friend, 'serve'], { stdio: 'ignore', env: { PATH: process.env.PATH } });
  await until(20, 'it answers', () => {
    try {
      return execFileSync('curl', ['--silent', '--insecure', '--max-time', '5', `https://127.0.0.1:${port}/readyz`], { encoding: 'utf8' }) === 'ready\n';
    } catch {
      return false;
    }
  });
  session = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
});

after(async () => {
  session.destroy();
  const ended = new Promise((resolve) => hub.on('exit', resolve));
  hub.kill('SIGTERM');
  assert.equal(await ended, 0);
  rmSync(folder, { recursive: true });
});

describe('Chromium', chromium ? {} : { skip: 'chromium is not installed' }, () => {
  let browser;

  before(async () => (browser = await Chromium.start(['--ignore-certificate-errors', '--host-resolver-rules=MAP pek.example 127.0.0.1'])));
  after(() => browser?.close());

  it('shows the groups, by HTTP/2, and has events and requests on one connection', async () => {
    const page = await browser.open(`${site}/auth/dev?user=alice`);
    await until(20, 'the page lists groups', () => page.evaluate('document.querySelectorAll(".rows .title").length > 0'));
    await until(20, 'it knows who', () => page.evaluate('document.querySelector("h1").textContent.includes("Aliz")'));
    const result = await page.evaluate(`new Promise((resolve) => {
      const result = { events: 0, lists: [] };
      const events = new EventSource('/api/v1/groups');
      events.onerror = () => { events.close(); resolve({ ...result, failed: true }); };
      events.addEventListener('end', async () => {
        events.close();
        result.lists = await Promise.all(lists);
        resolve(result);
      });
      for (const name of ['item', 'message', 'group']) events.addEventListener(name, () => result.events++);
      const lists = Array.from({ length: 20 }, () => fetch('/api/v1/groups?pageSize=5').then((answer) => answer.status));
    })`);
    assert.deepEqual(result.lists, Array.from({ length: 20 }, () => 200));
    assert.ok(!result.failed);
    const answers = page.answers.filter(({ url }) => url.startsWith(site));
    assert.ok(answers.some(({ mimeType }) => mimeType === 'text/event-stream'));
    assert.ok(answers.length > 22);
    for (const { url, protocol } of answers) assert.equal(protocol, 'h2', url);
    assert.equal(new Set(answers.map(({ connectionId }) => connectionId)).size, 1);
    assert.deepEqual(page.complaints, []);
  });
});

describe('h2spec', h2spec ? {} : { skip: 'h2spec is not installed' }, () => {
  it('finds nothing, where ALPN has said which protocol it is', () => {
    const text = execFileSync(h2spec, ['-t', '-k', '-h', '127.0.0.1', '-p', String(port), '-P', '/healthz', '-o', '10'], { encoding: 'utf8' });
    assert.match(text, /14\d tests, 14\d passed, \d skipped, 0 failed/);
  });
});

describe('another origin that the configuration names', () => {
  const path = '/api/v1/groups';
  const varies = (head) => [head.vary].flat().join(', ').toLowerCase();

  it('may read an answer, with the cookie', async () => {
    const { status, head } = await ask({ ':path': path, origin: friend });
    assert.equal(status, 401); // what its page is told, too: nobody is logged in
    assert.equal(head['access-control-allow-origin'], friend);
    assert.equal(head['access-control-allow-credentials'], 'true');
    const exposed = head['access-control-expose-headers'].split(', ');
    for (const name of ['content-location', 'etag', 'federation-incomplete', 'ratelimit', 'ratelimit-policy', 'retry-after'])
      assert.ok(exposed.includes(name), name);
    assert.match(varies(head), /origin/);
  });

  it('is answered a preflight, with the verbs that there are', async () => {
    const { status, head } = await ask({ ':method': 'OPTIONS', ':path': '/api/v1/realms/worker-acme/groups/kir-dev@kir-dev', origin: friend,
      'access-control-request-method': 'PATCH', 'access-control-request-headers': 'content-type,if-match' });
    assert.equal(status, 204);
    assert.equal(head['access-control-allow-origin'], friend);
    assert.equal(head['access-control-allow-credentials'], 'true');
    assert.deepEqual(head['access-control-allow-methods'].split(', ').sort(), ['GET', 'HEAD', 'PATCH']);
    for (const name of ['content-type', 'if-match']) assert.ok(head['access-control-allow-headers'].split(', ').includes(name));
    assert.match(varies(head), /origin/);
  });

  it('passes the check of who writes; others do not, and are told nothing', async () => {
    const post = { ':method': 'POST', ':path': '/api/v1/realms/worker-acme/groups', 'content-type': 'application/json' };
    assert.equal((await ask({ ...post, origin: friend })).status, 401);
    for (const origin of ['https://evil.example', 'null', `${friend}.evil.example`, `${friend}:8443`, 'http://app.example', `${friend}/`]) {
      const preflight = await ask({ ...post, ':method': 'OPTIONS', origin, 'access-control-request-method': 'POST' });
      const answer = await ask({ ':path': path, origin });
      for (const { head } of [preflight, answer]) {
        for (const name of Object.keys(head)) assert.doesNotMatch(name, /^access-control-/, origin);
        assert.match(varies(head), /origin/); // or a cache would give one what was for the other
      }
      assert.equal((await ask({ ...post, origin })).status, 403, origin);
    }
  });

  it('may read the description, compressed or not', async () => {
    const plain = await ask({ ':path': '/openapi.json', origin: friend });
    for (const [coding, unpack] of [['gzip', gunzipSync], ['br', brotliDecompressSync]]) {
      const { status, head, body } = await ask({ ':path': '/openapi.json', origin: friend, 'accept-encoding': coding });
      assert.equal(status, 200);
      assert.equal(head['content-encoding'], coding);
      assert.equal(unpack(body).toString(), plain.body.toString());
      assert.equal(head['access-control-allow-origin'], friend);
      assert.match(varies(head), /accept-encoding/);
      assert.match(varies(head), /origin/);
      assert.notEqual(head.etag, plain.head.etag);
      assert.equal((await ask({ ':path': '/openapi.json', origin: friend, 'accept-encoding': coding, 'if-none-match': head.etag })).status, 304);
    }
  });
});
