// What the hub says about itself.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { realms, root, theFederation } from './lib/federation.mjs';
import { Client, login } from './lib/http.mjs';

const federation = theFederation();

function protoFiles(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? protoFiles(join(folder, entry.name)) : entry.name.endsWith('.proto') ? [join(folder, entry.name)] : []);
}

describe('the hub', () => {
  const client = new Client(federation.port);
  let alice;

  before(async () => (alice = await login(federation.port, 'alice')));
  after(() => {
    alice.close();
    client.close();
  });

  it('is alive and ready without a login', async () => {
    assert.equal((await client.get('/healthz')).status, 200);
    assert.equal((await client.get('/readyz')).status, 200);
  });

  it('describes every path of the protos in /openapi.json', async () => {
    const { status, json } = await client.get('/openapi.json');
    assert.equal(status, 200);
    assert.match(json.openapi, /^3\.1\./);
    const wanted = protoFiles(join(root, 'protos/pek')).flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(/\b(get|post|put|patch|delete): *"([^"]+)"/g)]);
    assert.ok(wanted.length > 10, 'the protos have paths');
    for (const [, verb, template] of wanted) {
      const path = template.replace(/\{([^}=]+)(=[^}]*)?\}/g, '{}');
      const found = Object.entries(json.paths).find(([known]) => known.replace(/\{[^}]+\}/g, '{}') === path);
      assert.ok(found?.[1][verb], `${verb} ${template}`);
    }
    assert.ok(!JSON.stringify(json).includes('sortKey'), 'internal fields stay internal');
  });

  it('refers in /openapi.json only to what is there', async () => {
    const { json } = await client.get('/openapi.json');
    for (const [, reference] of JSON.stringify(json).matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      const target = reference.split('/').reduce((at, part) => at?.[part], json);
      assert.ok(target, reference);
    }
  });

  it('counts in /metrics, in a form that Prometheus reads', async () => {
    await alice.get('/api/v1/groups');
    const { status, headers, text } = await client.get('/metrics');
    assert.equal(status, 200);
    assert.match(headers['content-type'], /^(text\/plain|application\/openmetrics-text)/);
    assert.ok(text.endsWith('\n'));
    for (const line of text.trimEnd().split('\n')) {
      assert.match(line, /^(# (HELP|TYPE|UNIT|EOF)\b.*|[a-zA-Z_:][\w:]*(\{([a-zA-Z_]\w*="(\\.|[^"\\])*",?)*\})? \S+)$/);
    }
    assert.match(text, /^pek_hub_requests_total\{method="[^"]*ListGroups",status="OK"\} [1-9]/m);
  });

  it('knows its instances', async () => {
    const { json } = await alice.get('/api/v1/instances');
    assert.deepEqual(json.instances.map((instance) => instance.realm).sort(), realms);
    for (const instance of json.instances) {
      assert.equal(instance.status, 'SERVING', instance.realm);
      assert.equal(Boolean(instance.local), instance.realm === 'hub');
    }
    assert.equal(new Set(json.instances.map((instance) => instance.collatorVersion)).size, 1);
  });

  it('says how long each realm took, and which request it was', async () => {
    const answer = await alice.get('/api/v1/groups');
    assert.ok(answer.headers['x-request-id']);
    for (const realm of realms) assert.ok(answer.headers['server-timing'].includes(realm), realm);
  });

  it('gives a group of the first realm that has it', async () => {
    const answer = await alice.get('/api/v1/groups/kir-dev@kir-dev');
    assert.equal(answer.status, 200);
    assert.ok(['worker-acme', 'worker-conference'].includes(answer.json.realm));
    const carol = await login(federation.port, 'carol');
    assert.equal((await carol.get('/api/v1/groups/kir-dev@kir-dev')).json.realm, 'worker-conference');
    carol.close();
  });

  it('lets nobody cache what depends on who asks', async () => {
    for (const path of ['/api/v1/groups', '/api/v1/session', '/api/v1/groups/kir-dev@kir-dev']) {
      assert.match((await alice.get(path)).headers['cache-control'] ?? '', /no-store|private/, path);
    }
  });
});
