// One trace over hub, realms and SQL, as a collector of this test gets it; and collectors that are away, slow or unwilling.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { theFederation, until } from './lib/federation.mjs';
import { login } from './lib/http.mjs';

const federation = theFederation();
const programs = ['worker-acme', 'worker-conference', 'pek-hub'];
const realms = ['hub', 'worker-acme', 'worker-conference'];
const SERVER = 2;
const CLIENT = 3;

// Takes what is sent to it, as a collector does; `answer` may be changed to one that refuses or never comes.
class Collector {
  bodies = [];
  answer = (response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{}');

  async listen() {
    this.server = http.createServer((request, response) => {
      let text = '';
      request.setEncoding('utf8').on('data', (chunk) => (text += chunk)).on('end', () => {
        this.bodies.push({ path: request.url, type: request.headers['content-type'], text });
        this.answer(response);
      });
    });
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return this.server.address().port;
  }

  close() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }

  // Every span of the trace, with what its resource says.
  spans(trace) {
    return this.bodies.flatMap(({ text }) => JSON.parse(text).resourceSpans)
      .flatMap(({ resource, scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)
        .map((span) => ({ ...span, of: values(resource.attributes), says: values(span.attributes) })))
      .filter(({ traceId }) => traceId === trace);
  }
}

const values = (attributes) => Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? Number(value.intValue)]));
const configOf = (program) => join(federation.data, 'config', `${program}.conf`);
const metric = async (name) => (await (await fetch(`http://127.0.0.1:${federation.port}/metrics`)).text())
  .split('\n').filter((line) => line.startsWith(name)).reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);

describe('traces', () => {
  const collector = new Collector();
  const configs = new Map(programs.map((program) => [program, readFileSync(configOf(program), 'utf8')]));
  let alice;

  const restartAll = async () => {
    for (const program of programs) await federation.dev('restart', program);
    await until(20, 'all realms answer', async () => {
      const client = await login(federation.port, 'alice').catch(() => undefined);
      const page = await client?.get('/api/v1/groups');
      client?.close();
      return page?.status === 200 && page.json.unreachable.length === 0;
    });
  };

  before(async () => {
    const port = await collector.listen();
    for (const program of programs) appendFileSync(configOf(program), `otlp_endpoint = http://127.0.0.1:${port}/\ntrace_sample_ratio = 0\n`);
    await restartAll();
    alice = await login(federation.port, 'alice');
  });
  after(async () => {
    alice?.close();
    for (const [program, text] of configs) writeFileSync(configOf(program), text);
    await restartAll();
    await collector.close();
  });

  const traced = async (path, sampled = '01', client = alice) => {
    const trace = randomBytes(16).toString('hex');
    const parent = randomBytes(8).toString('hex');
    const answer = await client.request('GET', path, { headers: { traceparent: `00-${trace}-${parent}-${sampled}` } });
    assert.equal(answer.status, 200, answer.text);
    return { trace, parent };
  };
  const below = (spans, span) => spans.filter(({ parentSpanId }) => parentSpanId === span.spanId);

  it('go from the request over a leg for each realm and the realm itself to its statements', async () => {
    const { trace, parent } = await traced('/api/v1/groups?pageSize=5&q=k%C3%B6r');
    const complete = () => {
      const all = collector.spans(trace);
      const servers = all.filter(({ kind, name }) => kind === SERVER && name.endsWith('/ListGroups'));
      return new Set(servers.map(({ says }) => says['pek.realm'])).size === 3 && all.find(({ parentSpanId }) => parentSpanId === parent) && all;
    };
    const spans = await until(10, 'the whole trace is there', complete);
    assert.equal(new Set(spans.map(({ spanId }) => spanId)).size, spans.length);

    const [root, ...others] = spans.filter(({ parentSpanId }) => parentSpanId === parent);
    assert.deepEqual(others, []);
    assert.equal(root.name, 'GET /api/v1/groups');
    assert.equal(root.kind, SERVER);
    assert.equal(root.of['service.name'], 'pek-hub');
    assert.deepEqual(root.says, { 'http.request.method': 'GET', 'http.route': '/api/v1/groups', 'http.response.status_code': 200, 'url.scheme': 'http' });

    const legs = below(spans, root).filter(({ says }) => says['rpc.method'] === 'ListGroups');
    // A realm may be asked on, when the page is not full.
    assert.deepEqual([...new Set(legs.map(({ says }) => says['pek.realm']))].sort(), realms);
    for (const leg of legs) {
      const realm = leg.says['pek.realm'];
      assert.equal(leg.kind, CLIENT);
      assert.equal(leg.name, 'pek.group.v1.GroupService/ListGroups');
      const [server, ...more] = below(spans, leg);
      assert.deepEqual(more, []);
      assert.equal(server.kind, SERVER);
      assert.equal(server.says['pek.realm'], realm);
      assert.equal(server.says['rpc.system'], 'grpc');
      assert.equal(server.says['rpc.service'], 'pek.group.v1.GroupService');
      assert.equal(server.of['service.name'], realm === 'hub' ? 'pek-hub' : 'pek-worker');
      if (realm !== 'hub') assert.equal(server.of['pek.realm'], realm);
      const statements = below(spans, server);
      assert.ok(statements.length > 0, `no statement of ${realm}`);
      for (const { kind, name, says } of statements) {
        assert.equal(kind, CLIENT);
        assert.deepEqual(says, { 'db.system.name': 'postgresql', 'db.query.summary': name });
        assert.match(name, /^[a-z_0-9]+$/);
      }
    }
    for (const span of spans) {
      assert.ok(BigInt(span.startTimeUnixNano) <= BigInt(span.endTimeUnixNano));
      const ago = Date.now() - Number(BigInt(span.startTimeUnixNano) / 1000000n);
      assert.ok(ago >= -1000 && ago < 60000, `${span.name} began ${ago} ms ago`);
    }
  });

  it('hold neither who asked, nor what for, nor a token', async () => {
    const { trace } = await traced('/api/v1/groups?q=zzsecretzz');
    await traced('/api/v1/realms/worker-acme/groups/kir-dev@kir-dev');
    await until(10, 'it is there', () => collector.spans(trace).length > 5);
    const all = collector.bodies.map(({ text }) => text).join('\n');
    for (const never of ['alice', 'zzsecretzz', 'kir-dev', 'SELECT', 'Bearer', 'eyJ', alice.cookie.split('=')[1]]) {
      assert.ok(!all.includes(never), `'${never}' is in a trace`);
    }
    for (const { path, type } of collector.bodies) assert.deepEqual([path, type], ['/v1/traces', 'application/json']);
  });

  it('are not recorded where the caller says so, nor where the ratio leaves them out', async () => {
    const { trace } = await traced('/api/v1/groups', '00');
    await alice.get('/api/v1/groups');
    const { trace: marker } = await traced('/api/v1/groups');
    await until(10, 'the one behind them is there', () => collector.spans(marker).length > 5);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    assert.deepEqual(collector.spans(trace), []);
    const roots = collector.bodies.flatMap(({ text }) => JSON.parse(text).resourceSpans)
      .flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)).filter(({ parentSpanId }) => !parentSpanId);
    assert.deepEqual(roots, []);
  });

  for (const [how, answer] of [
    ['refuses', (response) => response.writeHead(503).end()],
    ['hangs', () => {}],
    ['answers garbage', (response) => response.socket.end('garbage\r\n\r\n')],
  ]) {
    it(`a collector that ${how} changes nothing for requests`, async () => {
      const takes = collector.answer;
      const before = collector.bodies.length;
      collector.answer = answer;
      try {
        const times = [];
        const until = Date.now() + 3000;
        while (Date.now() < until) {
          const started = performance.now();
          await traced('/api/v1/realms/worker-acme/groups/kir-dev@kir-dev');
          times.push(performance.now() - started);
        }
        assert.ok(collector.bodies.length > before, 'it was asked');
        times.sort((a, b) => a - b);
        assert.ok(times[times.length >> 1] < 50 && times.at(-1) < 1000, `median ${times[times.length >> 1]} ms, most ${times.at(-1)} ms`);
        const started = Date.now();
        await federation.dev('restart', 'worker-conference');
        assert.ok(Date.now() - started < 8000, `a restart took ${Date.now() - started} ms`);
      } finally {
        collector.answer = takes;
      }
      await until(20, 'lost spans are counted', async () => (await metric('pek_trace_spans_total{outcome="lost"}')) > 0);
      // The queue may still be full for a moment, and what comes then is dropped.
      await until(20, 'traces come again', async () => {
        const { trace } = await traced('/api/v1/realms/worker-acme/groups/kir-dev@kir-dev');
        await new Promise((resolve) => setTimeout(resolve, 1500));
        return collector.spans(trace).length > 2;
      });
    });
  }
});
