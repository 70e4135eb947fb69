// /openapi.json is a document that programs can use: validators take it, clients that are made of it call this federation, and
// what the federation answers is what it says.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { Validator } from '@seriousme/openapi-schema-validator';
import openapiTS, { astToString } from 'openapi-typescript';
import { ApiDocument } from './lib/document.mjs';
import { root, theFederation } from './lib/federation.mjs';
import { Client, login } from './lib/http.mjs';

const federation = theFederation();
const folder = join(root, 'tests/e2e');
const baseUrl = `http://127.0.0.1:${federation.port}`;
const unique = () => randomUUID().slice(0, 8);
const run = promisify(execFile);
const pixel = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2FAAAAABJRU5ErkJggg==', 'base64');
const nobody = new Client(federation.port);
let alice;
let bob;
let dave;
let text;
let api;

before(async () => {
  [alice, bob, dave] = await Promise.all(['alice', 'bob', 'dave'].map((user) => login(federation.port, user)));
  ({ text } = await nobody.get('/openapi.json'));
  api = new ApiDocument(JSON.parse(text));
});
after(() => [alice, bob, dave, nobody].forEach((client) => client?.close()));

describe('/openapi.json', () => {
  it('is valid to a strict validator', async () => {
    const result = await new Validator().validate(JSON.parse(text));
    assert.ok(result.valid, JSON.stringify(result.errors, null, 1));
  });

  it('names every operation once, and says of each what it does', () => {
    const operations = Object.values(api.document.paths).flatMap((item) => Object.values(item));
    assert.equal(new Set(operations.map((operation) => operation.operationId)).size, operations.length);
    for (const operation of operations) {
      assert.match(operation.operationId, /^[a-z][A-Za-z0-9]+$/);
      assert.ok(operation.summary, operation.operationId);
      assert.ok(operation.tags.every((tag) => api.document.tags.some(({ name }) => name === tag)), operation.operationId);
    }
  });

  it('has the variables of each path among its parameters, without dots', () => {
    for (const { path, operation } of api.operations.values()) {
      const variables = [...path.matchAll(/\{([^}]*)\}/g)].map(([, name]) => name).sort();
      const declared = (operation.parameters ?? []).map((parameter) => api.resolve(parameter))
        .filter((parameter) => parameter.in === 'path').map(({ name }) => name).sort();
      assert.deepEqual(declared, variables, operation.operationId);
      for (const name of variables) assert.match(name, /^[a-z][A-Za-z0-9]*$/);
    }
  });

  it('names the schema of every body, page and line', () => {
    for (const { operation } of api.operations.values()) {
      if (operation.tags.includes('Site')) continue;
      const contents = [operation.requestBody, operation.responses[200]].flatMap((part) => Object.entries(part?.content ?? {}));
      for (const [type, { schema }] of contents) {
        if (type.startsWith('image/')) assert.deepEqual(schema, { type: 'string', format: 'binary' }, operation.operationId);
        else if (type === 'text/csv') assert.equal(schema.type, 'string', operation.operationId);
        else if (type !== 'text/event-stream') assert.match(schema.$ref, /^#\/components\/schemas\/[A-Z][A-Za-z0-9]+$/, operation.operationId);
      }
    }
  });

  it('has an example of every body, of what it must have and with values that it takes', () => {
    for (const { operation } of api.operations.values()) {
      const body = operation.requestBody?.content['application/json'];
      if (!body) continue;
      assert.ok(body.example, operation.operationId);
      api.validate(body.schema, body.example, operation.operationId);
      const { required = [] } = api.resolve(body.schema);
      assert.deepEqual(Object.keys(body.example).sort(), [...required].sort(), operation.operationId);
    }
  });

  it('has the real version, a licence and both cookies', async () => {
    const metrics = await nobody.get('/metrics');
    assert.equal(api.document.info.version, metrics.text.match(/build_info\{[^}]*version="([^"]+)"/)[1]);
    assert.equal(api.document.info.license.identifier, 'MIT');
    const cookies = Object.values(api.document.components.securitySchemes).map(({ name }) => name);
    assert.deepEqual(cookies.sort(), ['__Host-pek_session', 'pek_session']);
  });
});

describe('what the federation answers', () => {
  const call = async (client, id, { path = {}, query, body, headers = {} } = {}) => {
    const { path: template, verb } = api.operations.get(id);
    const url = template.replace(/\{([^}]*)\}/g, (_, name) => encodeURIComponent(path[name] ?? assert.fail(`${id} needs ${name}`)));
    const answer = await client.request(verb, `${url}${query ? `?${new URLSearchParams(query)}` : ''}`,
      { headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers }, body });
    api.check(id, answer);
    return answer;
  };
  const realm = 'worker-acme';
  let group;
  let policy;
  let board;
  let subgroup;
  let semester; // as it was
  const season = async (name) => {
    const put = await call(alice, 'updateSemester', { path: { realm }, body: { id: semester.id, season: name } });
    assert.equal(put.status, 200, put.text);
  };
  const offSeason = ['listScoredUsers', 'listActiveUsers']; // what is exported then, and only then

  before(async () => {
    const name = unique();
    const made = await call(alice, 'createGroup', { path: { realm }, body: { name: `Leírt ${name}`, slug: `d${name}`, foundationTime: '2001-02-03T04:05:06Z' } });
    assert.equal(made.status, 200, made.text);
    group = made.json;
    const policies = await call(alice, 'listPoliciesInRealm', { path: { realm }, headers: { accept: 'application/x-ndjson' } });
    policy = JSON.parse(policies.text.split('\n')[0]).result;
    semester = (await call(alice, 'getSemester', { path: { realm } })).json;
    await season('APPLICATION');
    const opened = await call(alice, 'openScoreboard', { path: { realm, groupId: group.id }, body: {} });
    assert.equal(opened.status, 200, opened.text);
    board = opened.json.id;
    const below = await call(alice, 'createGroup', { path: { realm }, body: { name: `Alatta ${name}`, slug: `e${name}`, parentId: group.id } });
    assert.equal(below.status, 200, below.text);
    subgroup = below.json.id;
  });
  after(() => season(semester.season));

  it('is what the document says of every operation that reads', async () => {
    const picture = await alice.request('PUT', '/api/v1/users/me/avatar', { headers: { 'content-type': 'image/png' }, body: pixel });
    api.check('putAvatar', picture);
    assert.equal(picture.status, 200, picture.text);
    const calls = [
      ['getGroup', { path: { id: group.id } }], ['getGroupInRealm', { path: { realm, id: group.id } }],
      ['listGroups', { query: { pageSize: 3 } }], ['listGroupsInRealm', { path: { realm } }],
      ['listAncestors', { path: { id: group.id } }], ['listAncestorsInRealm', { path: { realm, id: group.id } }],
      ['listDescendants', { path: { id: 'vik@vik' } }], ['listDescendantsInRealm', { path: { realm: 'hub', id: 'vik@vik' } }],
      ['listMembers', { path: { groupId: group.id } }], ['listMembersInRealm', { path: { realm, groupId: group.id } }],
      ['getSemester', { path: { realm } }],
      ['listScoreboards', { path: { realm, groupId: group.id } }], ['getScoreboard', { path: { realm, groupId: group.id, id: board } }],
      ['getEvaluationRights', { path: { realm, groupId: group.id } }],
      ['getPointDraft', { path: { realm, groupId: subgroup } }], ['listDrafts', { path: { realm, groupId: group.id, scoreboardId: board } }],
      ['getPointTable', { path: { realm, groupId: group.id, scoreboardId: board } }],
      ['listPoints', { path: { realm, groupId: group.id, scoreboardId: board } }],
      ['listMessages', { path: { realm, groupId: group.id, scoreboardId: board } }],
      ['listComments', { path: { realm, groupId: group.id, scoreboardId: board } }],
      ['listEntries', { path: { realm, groupId: group.id, scoreboardId: board } }],
      ['getEntry', { path: { realm, groupId: group.id, scoreboardId: board, userId: 'alice' } }],
      ['listJudgements', { path: { realm } }], ['listEntryReviews', { path: { realm } }], ['listAcceptedEntries', { path: { realm } }], ['getPointRules', { path: { realm } }],
      ['getScore', { path: { userId: 'me' }, query: { semester: '2024-2025/1' } }],
      ['getScoreInRealm', { path: { realm, userId: 'alice' }, query: { semester: '2024-2025/1' } }],
      ['listPointHistory', { path: { userId: 'alice' } }], ['listPointHistoryInRealm', { path: { realm, userId: 'alice' } }],
      ['listPostTypes', { path: { groupId: group.id } }], ['listPostTypesInRealm', { path: { realm, groupId: group.id } }],
      ['listGroupHistory', { path: { realm, groupId: group.id } }],
      ['listMemberships', { path: { userId: 'alice' } }], ['listMembershipsInRealm', { path: { realm, userId: 'alice' } }],
      ['listPolicies', {}], ['listPoliciesInRealm', { path: { realm } }, bob], ['getPolicy', { path: { realm, id: policy.id } }],
      ['listAssignments', { path: { realm, policyId: policy.id } }],
      ['checkPolicy', { path: { realm }, query: { action: 'VIEW_GROUP' } }],
      ['checkPolicy', { path: { realm }, query: { action: 'EDIT_SCORES', userId: 'dave' } }],
      ['listNotifications', { query: { pageSize: 5 } }], ['countUnseen', {}],
      ['listProfileViewers', { query: { pageSize: 3 } }], ['listProfileViewersInRealm', { path: { realm } }],
      ['getProfile', { path: { user: 'me' } }], ['getProfile', { path: { user: 'bob' } }],
      ['exportUser', {}], ['exportUserInRealm', { path: { realm } }],
      ['listUsers', { query: { q: 'bob' } }], ['getAvatar', { path: { user: 'me' } }],
      ['getSession', {}], ['listSessions', {}], ['listInstances', {}],
      ['getHealth', {}], ['getReadiness', {}], ['getKeys', {}], ['getLoginState', {}],
    ];
    for (const [id, options, client = alice] of calls) {
      const answer = await call(client, id, options);
      assert.equal(answer.status, 200, `${id}: ${answer.text}`);
    }
    await season('OFFSEASON');
    for (const id of offSeason) assert.equal((await call(alice, id, { path: { realm } })).status, 200, id);
    await season('APPLICATION');
    // Whoever adds one adds it here; what sends browsers elsewhere has tests of its own.
    const readers = [...api.operations].filter(([id, { verb }]) => verb === 'GET' && !/^login/.test(id)).map(([id]) => id);
    assert.deepEqual(readers.filter((id) => !api.seen.get(id)?.has(200)), []);
  });

  it('is what the document says of lists as lines', async () => {
    const lists = [...api.operations].filter(([, { operation }]) => operation.responses[200]?.content?.['application/x-ndjson']);
    assert.ok(lists.length > 5);
    for (const [id, { operation }] of lists) {
      if (offSeason.includes(id)) continue;
      const asks = operation.parameters.some(({ name, required }) => name === 'semester' && required);
      const path = { realm, id: group.id, groupId: group.id, userId: 'alice', policyId: policy.id, scoreboardId: board };
      const answer = await call(alice, id, { path, query: asks && { semester: '2024-2025/1' }, headers: { accept: 'application/x-ndjson' } });
      assert.equal(answer.status, 200, answer.text);
      assert.ok(JSON.parse(answer.text.trimEnd().split('\n').at(-1)).end, id);
    }
  });

  it('is what the document says of changes', async () => {
    const path = { realm, id: group.id };
    assert.equal((await call(alice, 'updateGroup', { path, body: { ...group, mail: 'a@b.hu' } })).status, 200);
    assert.equal((await call(alice, 'configureGroup', { path, body: { isResort: true, updateMask: 'isResort' } })).status, 200);
    const below = { realm, id: subgroup };
    assert.equal((await call(alice, 'archiveGroup', { path: below, body: {} })).status, 200);
    assert.equal((await call(alice, 'unarchiveGroup', { path: below, body: {} })).status, 200);
    assert.equal((await call(alice, 'updateProfile', { path: { user: 'me' }, body: { nickname: 'Ali' } })).status, 200);
    const added = await call(alice, 'addMember', { path: { realm, groupId: group.id }, body: { userId: 'bob' } });
    assert.equal(added.status, 200, added.text);
    assert.equal((await call(alice, 'batchAddMembers', { path: { realm, groupId: group.id }, body: { userIds: ['user-033'] } })).status, 200);
    const child = await call(alice, 'createChild', { path: { realm, parentId: policy.id },
      body: { name: `Leírt ${unique()}`, statements: [{ actions: ['VIEW_GROUP'] }] } });
    assert.equal(child.status, 200, child.text);
    const gone = await call(alice, 'deletePolicy', { path: { realm, id: child.json.id } });
    assert.equal(gone.status, 200, gone.text);
  });

  it('is what the document says of refusals', async () => {
    const path = { realm, id: group.id };
    const etag = { 'if-none-match': (await call(alice, 'getGroupInRealm', { path })).headers.etag };
    for (const [status, client, id, options] of [
      [304, alice, 'getGroupInRealm', { path, headers: etag }],
      [400, alice, 'listGroups', { query: { colour: 'red' } }],
      [401, nobody, 'listGroups', {}],
      [403, dave, 'createGroup', { path: { realm: 'hub' }, body: { name: 'x' } }],
      [404, alice, 'getGroup', { path: { id: 'no-such@group' } }],
      [409, alice, 'createGroup', { path: { realm }, body: { name: group.name } }],
      [412, alice, 'updateGroup', { path, body: { name: 'x' }, headers: { 'if-match': '"v999"' } }],
      [413, alice, 'createGroup', { path: { realm }, body: { name: 'x'.repeat(2 << 20) } }],
      [415, alice, 'createGroup', { path: { realm }, body: { name: 'x' }, headers: { 'content-type': 'text/plain' } }],
    ]) {
      const answer = await call(client, id, options);
      assert.equal(answer.status, status, `${id}: ${answer.text}`);
    }
  });

  it('comes as a problem where that is asked for', async () => {
    const answer = await call(alice, 'getGroup', { path: { id: 'no-such@group' }, headers: { accept: 'application/problem+json' } });
    assert.match(answer.headers['content-type'], /problem/);
  });

  it('refuses what the document says it refuses, and takes what it says it takes', async () => {
    const schemas = api.document.components.schemas;
    const { json: profile } = await call(alice, 'getProfile', { path: { user: 'me' } });
    let bounds = 0;
    for (const [id, path, schema, body, prefix] of [
      ['createGroup', { realm }, schemas.CreateGroupRequest, () => ({ name: `Határ ${unique()}` }), ''],
      ['updateGroup', { realm, id: group.id }, schemas.GroupPatch, () => ({}), 'group.'],
      ['updateProfile', { user: 'me' }, schemas.ProfilePatch, () => ({}), 'profile.'],
    ]) {
      for (const name of schema.required ?? []) {
        const refused = await call(alice, id, { path, body: { ...body(), [name]: undefined } });
        assert.deepEqual([refused.status, refused.json.error.details[0].metadata.field], [400, prefix + name], refused.text);
      }
      for (const [name, property] of Object.entries(schema.properties)) {
        const most = property.maxLength;
        if (!most || property.pattern || ['webpage', 'mail'].includes(name)) continue;
        bounds++;
        const longest = name === 'name' ? `${unique()}${unique()} `.padEnd(most, 'ő') : 'ő'.repeat(most);
        const taken = await call(alice, id, { path, body: { ...body(), [name]: longest } });
        assert.equal(taken.status, 200, `${id} ${name} of ${most}: ${taken.text}`);
        const refused = await call(alice, id, { path, body: { ...body(), [name]: `${longest}ő` } });
        assert.deepEqual([refused.status, refused.json.error.details[0].metadata.field], [400, prefix + name], refused.text);
      }
      const unknown = await call(alice, id, { path, body: { ...body(), colour: 'red' } });
      assert.equal(schema.additionalProperties, false);
      assert.equal(unknown.status, 400, unknown.text);
    }
    assert.ok(bounds >= 8, `${bounds} bounds were tried`);
    const { json: now } = await call(alice, 'getProfile', { path: { user: 'me' } });
    const back = await call(alice, 'updateProfile', { path: { user: 'me' }, body: { ...profile, etag: now.etag, updateTime: now.updateTime } });
    assert.equal(back.status, 200, back.text);
  });
});

function assertVisit(seen, prefix, name) {
  assert.ok(seen.names.length > 0 && seen.names.length <= 2, JSON.stringify(seen.names));
  assert.ok(seen.next.length > 0);
  assert.deepEqual([seen.group.id, seen.group.purpose], [`${prefix}${name}@${prefix}${name}`, 'PROJECT']);
  assert.equal(seen.changed.id, seen.group.id);
  assert.notEqual(seen.changed.etag, seen.group.etag);
  assert.equal(seen.stale, 412);
  assert.equal(seen.missing, 'NOT_FOUND');
  assert.equal(seen.user, 'alice');
}

describe('a client that is made of the document', () => {
  it('by openapi-typescript and openapi-fetch compiles strictly and works', async () => {
    // Where node finds the packages of these tests.
    const work = mkdtempSync(join(folder, 'node_modules/.openapi-'));
    try {
      writeFileSync(join(work, 'package.json'), '{"type":"module"}');
      writeFileSync(join(work, 'tsconfig.json'), JSON.stringify({ files: ['client.ts'],
        compilerOptions: { strict: true, skipLibCheck: true, target: 'es2022', module: 'nodenext', lib: ['es2022', 'dom', 'dom.iterable'], types: [] } }));
      writeFileSync(join(work, 'schema.ts'), astToString(await openapiTS(text)));
      copyFileSync(join(folder, 'openapi/client.ts'), join(work, 'client.ts'));
      await run(join(folder, 'node_modules/.bin/tsc'), [], { cwd: work }).catch((error) => assert.fail(error.stdout || error));
      const { visit } = await import(join(work, 'client.js'));
      const name = unique();
      const seen = await visit(baseUrl, alice.cookie, name);
      assertVisit(seen, 'ts', name);
      assert.equal(seen.changed.description, 'types');
      assert.equal(seen.archived, true);
      assert.equal(seen.staleReason.reason, 'PRECONDITION_FAILED');
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  });

  const tools = [join(folder, 'openapi/.venv/bin'), ...process.env.PATH.split(':')];
  const tool = (name) => tools.map((bin) => join(bin, name)).find(existsSync);
  const missing = !tool('openapi-python-client') && 'openapi-python-client is not installed: python3 -m venv tests/e2e/openapi/.venv; ' +
    'tests/e2e/openapi/.venv/bin/pip install -r tests/e2e/openapi/requirements.txt';

  it('by openapi-python-client works', { skip: missing }, async () => {
    const work = mkdtempSync(join(tmpdir(), 'pek-python.'));
    try {
      writeFileSync(join(work, 'openapi.json'), text);
      writeFileSync(join(work, 'config.yaml'), 'post_hooks: []\n');
      const made = await run(tool('openapi-python-client'), ['generate', '--path', 'openapi.json', '--config', 'config.yaml', '--meta', 'none',
        '--output-path', 'pek_client', '--fail-on-warning'], { cwd: work }).catch((error) => assert.fail(error.stdout || error));
      assert.doesNotMatch(made.stdout, /warning/i);
      const name = unique();
      const python = join(tool('openapi-python-client'), '../python3');
      const { stdout } = await run(python, [join(folder, 'openapi/client.py'), baseUrl, alice.cookie, name],
        { cwd: work, env: { ...process.env, PYTHONPATH: work } });
      const seen = JSON.parse(stdout);
      assertVisit(seen, 'py', name);
      assert.equal(seen.changed.description, 'ír');
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  });

  it('is valid to openapi-spec-validator as well', { skip: !tool('openapi-spec-validator') && missing }, async () => {
    const work = mkdtempSync(join(tmpdir(), 'pek-python.'));
    try {
      writeFileSync(join(work, 'openapi.json'), text);
      await run(tool('openapi-spec-validator'), [join(work, 'openapi.json')]).catch((error) => assert.fail(error.stdout || error));
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  });
});
