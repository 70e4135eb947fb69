// The hub's own HTTP server with clients that are not ours: curl, nghttp, h2load, Node's http2 and fetch, h2spec. Browsers: browser.test.mjs.
// What is not installed is skipped, and said so.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import http2 from 'node:http2';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { found } from './lib/chromium.mjs';
import { theFederation } from './lib/federation.mjs';
import { Client, login } from './lib/http.mjs';

const federation = theFederation();
const site = `http://127.0.0.1:${federation.port}`;
const run = promisify(execFile);

const needs = (program) => (found(program) ? {} : { skip: `${program} is not installed` });

function ask(session, headers, body) {
  return new Promise((resolve, reject) => {
    const stream = session.request(headers, { endStream: body === undefined });
    const chunks = [];
    let head;
    stream.on('response', (answer) => (head = answer)).on('data', (chunk) => chunks.push(chunk))
      .on('end', () => resolve({ status: head[':status'], head, text: Buffer.concat(chunks).toString() }))
      .on('error', reject);
    if (body !== undefined) stream.end(body);
  });
}

describe('the front door', () => {
  let alice;
  let session;

  before(async () => {
    alice = await login(federation.port, 'alice');
    session = http2.connect(site);
  });
  after(() => {
    session.destroy();
    alice.close();
  });

  it('serves many requests and an event stream over one HTTP/2 connection', async () => {
    const cookie = { cookie: alice.cookie };
    const lists = Array.from({ length: 50 }, () => ask(session, { ':path': '/api/v1/groups?pageSize=5', ...cookie }));
    const events = ask(session, { ':path': '/api/v1/groups', accept: 'text/event-stream', ...cookie });
    const whole = (await alice.get('/api/v1/groups?pageSize=5')).json.groups.map(({ name }) => name);
    for (const { status, text } of await Promise.all(lists)) {
      assert.equal(status, 200);
      assert.deepEqual(JSON.parse(text).groups.map(({ name }) => name), whole);
    }
    assert.match((await events).text, /^retry: \d+\n[\s\S]*\nevent: end\n/);
  });

  it('refuses over HTTP/2 what it refuses over HTTP/1.1', async () => {
    const path = '/api/v1/realms/worker-acme/groups';
    const post = { ':method': 'POST', ':path': path, cookie: alice.cookie };
    assert.equal((await ask(session, post, '{"name":"A"}')).status, 415);
    assert.equal((await ask(session, { ...post, 'content-type': 'application/json', origin: 'https://evil.example' }, '{"name":"A"}')).status, 403);
    assert.equal((await ask(session, { ':path': '/api/v1/groups' })).status, 401);
    assert.equal((await ask(session, { ...post, ':path': '/api/v1/nothing:burn' }, '')).status, 404);
  });

  it('is used by curl with either version', needs('curl'), async () => {
    for (const version of ['--http1.1', '--http2-prior-knowledge']) {
      const { stdout } = await run('curl', ['--silent', '--fail', '--compressed', version, '--cookie', alice.cookie, `${site}/api/v1/groups`]);
      assert.ok(JSON.parse(stdout).groups.length > 0);
    }
  });

  it('tells curl why, while it is still sending a body that is too long', needs('curl'), async () => {
    for (const version of ['--http1.1', '--http2-prior-knowledge']) {
      const words = ['--silent', '--include', version, '--cookie', alice.cookie, '--request', 'PATCH', '--header',
        'content-type: application/json', '--data-binary', '@-', `${site}/api/v1/realms/worker-acme/groups/kir-dev@kir-dev`];
      const curl = run('curl', words);
      curl.child.stdin.on('error', () => {}).end('a'.repeat(3_000_000));
      assert.match((await curl).stdout, /^HTTP\/\S+ 413 [\s\S]*the body is too long/, version);
    }
  });

  it('is used by nghttp and h2load', needs('h2load'), async () => {
    assert.equal((await run('nghttp', [`${site}/healthz`])).stdout, 'ok\n');
    const { stdout } = await run('h2load', ['-n', '2000', '-c', '4', '-m', '40', `${site}/healthz`]);
    assert.match(stdout, /2000 succeeded, 0 failed, 0 errored/);
  });

  it('is used by fetch, which takes gzip', async () => {
    const answer = await fetch(`${site}/api/v1/groups?pageSize=100`, { headers: { cookie: alice.cookie } });
    assert.equal(answer.headers.get('content-encoding'), 'gzip');
    assert.match(answer.headers.get('vary'), /accept-encoding/);
    assert.ok((await answer.json()).groups.length > 0);
  });

  // In clear; behind ALPN, where no other protocol is to be expected, see browser.test.mjs.
  it('holds h2spec\'s cases', needs('h2spec'), async () => {
    const { stdout } = await run('h2spec', ['-h', '127.0.0.1', '-p', String(federation.port), '-P', '/healthz', '-o', '10'])
      .catch((problem) => problem);
    const failed = [...stdout.slice(stdout.indexOf('Failures:')).matchAll(/× \d+: (.*)/g)].map(([, what]) => what);
    // A connection that does not begin with the preface is one of HTTP/1.1, and told what it did wrong there.
    assert.deepEqual([...new Set(failed)].filter((what) => what !== 'Sends invalid connection preface'), [], stdout.slice(-2000));
  });
});

describe('habits', () => {
  const client = new Client(federation.port);
  let alice;

  before(async () => (alice = await login(federation.port, 'alice')));
  after(() => {
    alice.close();
    client.close();
  });

  it('304 to those who have /openapi.json already, compressed or not', async () => {
    for (const headers of [{}, { 'accept-encoding': 'gzip' }]) {
      const first = await client.get('/openapi.json', headers);
      assert.equal(first.status, 200);
      assert.equal(first.headers['content-encoding'], headers['accept-encoding']);
      assert.match(first.headers.vary, /accept-encoding/);
      const again = await client.get('/openapi.json', { ...headers, 'if-none-match': first.headers.etag });
      assert.equal(again.status, 304);
      assert.equal(again.text, '');
    }
  });

  it('a condition is read alike of files, of /openapi.json and of the API', async () => {
    const group = '/api/v1/realms/worker-acme/groups/kir-dev@kir-dev';
    for (const path of ['/', '/openapi.json', group]) {
      const { etag } = (await alice.get(path)).headers;
      const cases = [[{ 'if-none-match': `, ${etag} ,` }, 304], [{ 'if-none-match': `W/${etag}` }, 304], [{ 'if-none-match': `*, ${etag}` }, 400],
        [{ 'if-match': '"other"' }, 412], [{ 'if-match': `W/${etag}` }, 412], [{ 'if-match': `"other", ${etag}` }, 200]];
      for (const [headers, status] of cases)
        assert.equal((await alice.get(path, headers)).status, status, `${path} ${JSON.stringify(headers)}`);
    }
  });

  it('a change that names several etags and is sent again gets its first answer', async () => {
    const group = '/api/v1/realms/worker-acme/groups/kir-dev@kir-dev';
    const before = await alice.get(group);
    const headers = (etags) => ({ 'if-match': etags, 'idempotency-key': `etags-${before.json.etag}` });
    const change = () => alice.patch(group, { description: 'Ours.' }, headers(`"other", ${before.headers.etag}`));
    const [first, again] = [await change(), await change()];
    assert.deepEqual([first.status, again.status], [200, 200], again.text);
    assert.equal(again.json.etag, first.json.etag);
    const other = await alice.patch(group, { description: 'Another.' }, headers('"other", "more"'));
    assert.deepEqual([other.status, other.json.error.details[0].reason], [400, 'IDEMPOTENCY_KEY_REUSED']);
    assert.equal((await alice.patch(group, { description: before.json.description })).status, 200);
  });

  it('gzip is what it was', async () => {
    const response = await client.open('GET', '/openapi.json', { headers: { 'accept-encoding': 'gzip' } });
    const chunks = [];
    for await (const chunk of response) chunks.push(chunk);
    assert.equal(gunzipSync(Buffer.concat(chunks)).toString(), (await client.get('/openapi.json')).text);
  });

  it('OPTIONS is answered, and Allow names what there is', async () => {
    const one = await alice.request('OPTIONS', '/api/v1/realms/worker-acme/groups/kir-dev@kir-dev');
    assert.equal(one.status, 204);
    const verbs = one.headers.allow.split(', ').sort();
    assert.deepEqual(verbs, ['GET', 'HEAD', 'OPTIONS', 'PATCH']);
    const action = await alice.request('GET', '/api/v1/realms/worker-acme/groups/kir-dev@kir-dev:archive');
    assert.equal(action.status, 405);
    assert.equal(action.headers.allow, 'POST, OPTIONS');
    assert.equal((await client.request('OPTIONS', '*')).status, 204);
    assert.equal((await client.request('OPTIONS', '/healthz')).headers.allow, 'GET, HEAD, OPTIONS');
  });

  it('no other origin is let in unless the configuration names it', async () => {
    const answer = await alice.request('OPTIONS', '/api/v1/groups', {
      headers: { origin: 'https://app.example', 'access-control-request-method': 'GET' } });
    assert.equal(answer.headers['access-control-allow-origin'], undefined);
  });

  it('Vary names all that an answer depends on', async () => {
    const varies = async (path, headers) => (await alice.get(path, headers)).headers.vary.split(', ').sort();
    assert.deepEqual(await varies('/api/v1/groups?pageSize=2'), ['accept', 'accept-encoding', 'sec-fetch-site']);
    assert.deepEqual(await varies('/api/v1/groups?pageSize=2', { accept: 'application/x-ndjson' }), ['accept']);
    assert.deepEqual(await varies('/api/v1/nothing', { accept: 'application/problem+json' }), ['accept']);
    assert.deepEqual(await varies('/openapi.json'), ['accept-encoding']);
  });

  it('what is wrong with Last-Event-ID is not said of another field', async () => {
    const answer = await alice.get('/api/v1/groups', { accept: 'text/event-stream', 'last-event-id': 'nonsense' });
    assert.equal(answer.status, 400);
    assert.match(answer.json.error.message, /Last-Event-ID/);
  });

  it('an action without a body wants no content type', async () => {
    const path = '/api/v1/realms/worker-acme/groups/does-not@exist:archive';
    assert.ok([403, 404].includes((await alice.request('POST', path)).status));
  });
});

// One request, then another that only a lenient reader of chunks would see.
describe('a chunk that is not to the letter', () => {
  const smuggled = 'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n';
  for (const body of ['0x2f\r\n\r\n', '0;\n\n', '2_0\r\n', '2xyz\r\n', '0\n\n', '1\r\na\r0\r\n\r\n', '0\r\nno colon\r\n\r\n', '0 \r\n\r\n']) {
    it(`ends the connection: ${JSON.stringify(body)}`, async () => {
      const text = await new Promise((resolve, reject) => {
        let all = '';
        const socket = net.connect(federation.port, '127.0.0.1', () => socket.write(
          `POST /api/v1/groups:unarchive HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n${body}${smuggled}`));
        socket.setTimeout(3000, () => socket.end());
        socket.on('data', (chunk) => (all += chunk)).on('close', () => resolve(all)).on('error', reject);
      });
      assert.match(text, /^HTTP\/1\.1 400 /);
      assert.equal(text.match(/HTTP\/1\.1 /g).length, 1);
    });
  }
});
