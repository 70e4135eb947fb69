// What operators look at, held against a Prometheus that scrapes a running federation: each query of the dashboard and each metric that an
// alert asks for is there. Skipped where Prometheus is not installed (Debian's package prometheus).
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { found } from './lib/chromium.mjs';
import { root, theFederation, until } from './lib/federation.mjs';
import { login } from './lib/http.mjs';

const federation = theFederation();
const prometheus = found('prometheus');
const workers = ['worker-acme', 'worker-conference'];
const configOf = (program) => join(federation.data, 'config', `${program}.conf`);

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('what is watched', { skip: prometheus ? false : 'prometheus is not installed' }, () => {
  const configs = new Map(workers.map((worker) => [worker, readFileSync(configOf(worker), 'utf8')]));
  const folder = mkdtempSync(join(tmpdir(), 'pek-prometheus.'));
  const dashboard = JSON.parse(readFileSync(join(root, 'deploy/grafana/pek.json'), 'utf8'));
  let port;
  let server;
  let log = '';

  const restartWorkers = async () => {
    for (const worker of workers) await federation.dev('restart', worker);
    await until(20, 'all realms answer', async () => {
      const client = await login(federation.port, 'alice').catch(() => undefined);
      const page = await client?.get('/api/v1/groups');
      client?.close();
      return page?.status === 200 && page.json.unreachable.length === 0;
    });
  };
  const ask = async (path, query = {}) => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}?${new URLSearchParams(query)}`);
    const { status, data, error } = await response.json();
    assert.equal(status, 'success', `${query.query}: ${error}`);
    return data;
  };
  const series = async (query) => (await ask('query', { query })).result;
  // Everything that a metric is of: lists, one object, what is not there or not allowed, a change, a stream.
  const use = async ([alice, dave]) => {
    await alice.get('/api/v1/groups?pageSize=5');
    await alice.get('/api/v1/realms/worker-acme/groups/kir-dev@kir-dev');
    await alice.get('/api/v1/realms/worker-acme/groups/nobody');
    await dave.get('/api/v1/realms/worker-acme/groups/kir-dev@kir-dev');
    await dave.get('/api/v1/groups');
  };

  before(async () => {
    const ports = new Map();
    for (const worker of workers) {
      ports.set(worker, await freePort());
      appendFileSync(configOf(worker), `metrics_listen = 127.0.0.1:${ports.get(worker)}\n`);
    }
    await restartWorkers();
    port = await freePort();
    cpSync(join(root, 'deploy/prometheus/alerts.yml'), join(folder, 'alerts.yml'));
    const config = readFileSync(join(root, 'deploy/prometheus/prometheus.yml'), 'utf8')
      .replaceAll('15s', '1s').replace('127.0.0.1:8080', `127.0.0.1:${federation.port}`)
      .replace('127.0.0.1:9101', `127.0.0.1:${ports.get(workers[0])}`).replace('127.0.0.1:9102', `127.0.0.1:${ports.get(workers[1])}`);
    writeFileSync(join(folder, 'prometheus.yml'), config);
    server = spawn(prometheus, [`--config.file=${folder}/prometheus.yml`, `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=127.0.0.1:${port}`, '--log.level=warn'], { stdio: ['ignore', 'ignore', 'pipe'] });
    server.stderr.on('data', (text) => (log += text));
    await until(30, 'Prometheus scrapes everything', async () => {
      assert.equal(server.exitCode, null, log);
      return (await series('up == 1').catch(() => [])).length === 3;
    });
    const people = [await login(federation.port, 'alice'), await login(federation.port, 'dave')];
    const end = Date.now() + 12000;
    while (Date.now() < end) {
      await use(people);
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    people.forEach((person) => person.close());
  });
  after(async () => {
    if (server && server.exitCode === null) {
      const exited = new Promise((resolve) => server.once('exit', resolve));
      server.kill('SIGTERM');
      await exited;
    }
    for (const [worker, text] of configs) writeFileSync(configOf(worker), text);
    await restartWorkers();
    rmSync(folder, { recursive: true, force: true });
  });

  const targets = dashboard.panels.flatMap(({ title, targets: all = [] }) => all.map(({ expr }) => ({ title, expr })));
  it(`each of the ${targets.length} queries of the dashboard shows something`, async () => {
    const empty = [];
    for (const { title, expr } of targets) {
      const query = expr.replaceAll('$__rate_interval', '10s').replaceAll('$realm', '.*');
      if ((await series(query)).length === 0) empty.push(`${title}: ${query}`);
    }
    assert.deepEqual(empty, []);
  });

  it('each metric that an alert asks for is there, and each rule can be asked', async () => {
    const rules = (await ask('rules')).groups.flatMap(({ rules: all }) => all);
    assert.ok(rules.length > 20);
    for (const { name, health, lastError } of rules) assert.equal(health, 'ok', `${name}: ${lastError}`);
    const names = new Set(rules.flatMap(({ query }) => query.match(/\b(?:pek_[a-z_]+|process_[a-z_]+|up)\b(?=[{[ ]|$)/g) ?? []));
    assert.ok(names.size > 15, [...names].join(' '));
    const missing = [];
    for (const name of names) {
      if ((await series(name)).length === 0) missing.push(name);
    }
    assert.deepEqual(missing, []);
  });

  it('no alert fires of a federation that is well', async () => {
    assert.deepEqual((await series('ALERTS{alertstate="firing"}')).map(({ metric }) => metric.alertname), []);
  });

  it('the pools, statements, hints, rights and streams of each realm are there', async () => {
    for (const realm of workers) {
      assert.equal((await series(`pek_pg_pool_connections_max{realm="${realm}",database="realm"}`)).length, 3);
      assert.ok((await series(`pek_pg_statement_seconds_count{realm="${realm}"} > 0`)).length > 3);
      for (const name of ['pek_policy_hint_hits_total', 'pek_token_cache_hits_total']) {
        assert.ok(Number((await series(`${name}{realm="${realm}"}`))[0].value[1]) > 0, `${name} of ${realm}`);
      }
      assert.ok(Number((await series(`pek_rpc_open_streams{realm="${realm}"}`))[0].value[1]) > 0, 'a hub watches policies');
    }
    assert.equal((await series('pek_pg_pool_connections_max{job="pek-hub",database="hub"}')).length, 3);
    assert.equal((await series('pek_pg_pool_connections_max{job="pek-hub",database="realm"}')).length, 3);
  });
});
