// What a request costs is what it is about, whatever else its realm has: each read and each write of the API against a realm that
// years have filled, and what PostgreSQL looked at for it. auto_explain tells the plans that ran, in the program's own sessions.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { root, startFederation, until } from './lib/federation.mjs';
import { login } from './lib/http.mjs';

const realm = 'worker-acme';
const port = Number(process.env.PEK_TEST_FREE_PORT);
// A part of a plan may look at so many rows for a page of 20: a group has 40 members here, the realm 16 000.
const rowsMax = 2000;

// What the paths and queries of reads are about.
const group = 'bench@g7';
const subgroup = 'bench@g207';
const prefix = '/api/v1/realms/{realm}';
const values = { realm, groupId: group, id: group, userId: 'me', user: 'me', policyId: '1' };
const queries = {
  '/groups': ['', 'q=ba', 'q=ba%20g', 'q=abb', 'q=abb&includeArchived=true', 'parentId=bench@bench', 'parentId=bench@bench&q=ba',
    'includeArchived=true', 'parentId=bench@bench&includeArchived=true'],
  '/groups/{groupId}/members': ['', 'q=member', 'statuses=ACTIVE'],
  '/policies:check': ['action=VIEW_GROUP&groupId=bench@g7'],
  '/users/{userId}/score': ['semester=2026-2027/1'],
};
const others = {
  '/policies/{id}': { id: '1' },
  '/groups/{groupId}/members': { groupId: 'town@town' },
  '/groups/{groupId}/scoreboards/{scoreboardId}/entries/{userId}': {},
  '/groups/{groupId}/pointDraft': { groupId: 'town@part' },
};
const comments = '/groups/{groupId}/scoreboards/{scoreboardId}/comments';
// What is as large as what it is about.
const whole = {
  '/groups/{id}/descendants': 'walks the tree below a group, which has 2 000 here',
  '/users/me/export': 'has no page: all that a realm keeps of somebody',
  '/activeUsers': 'is a list of all who are active, for the end of a season',
};

const wholeWrites = {
  // Closes the semester: scores of all are counted off season, and entries of all are blanked when groups write no more.
  'PUT /semester': ({ season }) => season !== 'APPLICATION',
};
// A group is counted up to its limit when somebody comes: a millisecond for 8 000, and less than keeping a number for one of 40.
const counted = 'SELECT FROM pek.membership AS m WHERE m.group_id = $1 OFFSET';

let federation;
let alice;
let bob;
let carol;
let paths;
let folder;

const sql = (text) => federation.sql(realm, text);

function load(file, ...words) {
  execFileSync(join(root, 'dev'), ['psql', realm, '--data', federation.data, '-U', 'postgres', '-qX', '-v', 'ON_ERROR_STOP=1',
    ...words, '-f', join(root, 'tests/load', file)], { env: { ...process.env, PGOPTIONS: `-c pek.realm=${realm}` } });
}

const pathsOf = (verb) => Object.keys(paths).filter((path) => path.startsWith(prefix) && paths[path][verb]);
const addressOf = (path, of) => path.replace(/\{([\w.]+)\}/g, (_, variable) => of[variable]);
const logOf = () => join(federation.data, 'log/postgres.log');
const logged = () => statSync(logOf()).size;

// Rows that each part of the plan looked at, of all that ran since `from`.
function looked(from) {
  const parts = [];
  const log = Buffer.alloc(logged() - from);
  const file = openSync(logOf());
  readSync(file, log, 0, log.length, from);
  closeSync(file);
  for (const [, json] of log.toString().matchAll(/plan:\n((?:\t.*\n)+)/g)) {
    const { 'Query Text': query, Plan: plan } = JSON.parse(json);
    const visit = (node) => {
      const removed = ['Filter', 'Join Filter', 'Index Recheck'].reduce((sum, by) => sum + (node[`Rows Removed by ${by}`] ?? 0), 0);
      parts.push({ rows: (node['Actual Rows'] + removed) * node['Actual Loops'], what: `${node['Node Type']} ${node['Relation Name'] ?? ''}`, query });
      (node.Plans ?? []).forEach(visit);
    };
    visit(plan);
  }
  return parts;
}

// What is wrong with an answer, and with what was looked at for it.
function complaints(name, answer, from, isWhole) {
  if (answer.status !== 200) return [`${name}: ${answer.status} ${answer.text.slice(0, 200)}`];
  const parts = looked(from);
  if (parts.length === 0) return [`${name}: PostgreSQL was not asked`];
  return parts.filter(({ rows, query }) => rows > rowsMax && !isWhole && !query.startsWith(counted))
    .map((part) => `${name}: ${part.rows} rows by ${part.what} of ${part.query.slice(0, 300)}`);
}

describe('a realm that years have filled', () => {
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'pek-growth-'));
    federation = await startFederation(join(folder, 'data'), port);
    load('groups.sql', '-v', 'count=2000');
    load('crowded.sql');
    sql(`UPDATE pek.realm_state SET semester = '2026-2027/1' WHERE realm = '${realm}'`);
    sql(`UPDATE pek.scoreboard SET semester = '2026-2027/1' WHERE group_id = 'town@town' OR group_id LIKE 'bench@%'`);
    sql(`LOAD 'auto_explain'`);
    for (const setting of ['session_preload_libraries = auto_explain', 'auto_explain.log_min_duration = 0', 'auto_explain.log_analyze = on',
      'auto_explain.log_nested_statements = on', 'auto_explain.log_timing = off', 'auto_explain.log_format = json', 'log_min_messages = log']) {
      execFileSync(join(root, 'dev'), ['psql', realm, '--data', federation.data, '-U', 'postgres', '-qXc', `LOAD 'auto_explain'`,
        '-c', `ALTER SYSTEM SET ${setting}`, '-c', 'SELECT pg_reload_conf()']);
    }
    await federation.dev('restart', realm);
    await until(60, 'the realm is ready for searches', () =>
      sql(`SELECT to_json(search_version = collator_version) FROM pek.realm_state WHERE realm = '${realm}'`));
    sql('VACUUM');
    [alice, bob, carol] = await Promise.all(['alice', 'bob', 'carol'].map((user) => login(port, user)));
    ({ paths } = (await alice.get('/openapi.json')).json);
    assert.ok(pathsOf('get').length > 30, pathsOf('get').join('\n'));
    values.scoreboardId = sql(`SELECT to_json(id) FROM pek.scoreboard WHERE group_id = '${group}'`);
    others['/groups/{groupId}/scoreboards/{scoreboardId}/entries/{userId}'].userId =
      sql(`SELECT to_json(min(user_id)) FROM pek.membership WHERE group_id = '${group}'`);
    others['/groups/{groupId}/scoreboards/{id}'] = { id: values.scoreboardId };
    const ofTown = sql(`SELECT json_build_object('groupId', 'town@town', 'scoreboardId', c.scoreboard_id, 'guidelineId', c.guideline_id)
      FROM pek.point_comment AS c JOIN pek.scoreboard AS b ON b.id = c.scoreboard_id AND b.group_id = 'town@town' LIMIT 1`);
    others[comments] = ofTown;
    const last = sql(`SELECT to_json(guideline_id) FROM pek.point_comment WHERE scoreboard_id = ${ofTown.scoreboardId} ORDER BY id DESC LIMIT 1`);
    queries[comments] = ['', 'userId=town-4000', `userId=town-4000&guidelineId=${ofTown.guidelineId}`,
      ...[ofTown.guidelineId, last].map((guidelineId) => `guidelineId=${guidelineId}`)];
  }, { timeout: 180_000 });
  after(async () => {
    await federation?.dev('down');
    rmSync(folder, { recursive: true, force: true });
  });

  it('is read for what is asked', async () => {
    const wrong = [];
    for (const path of pathsOf('get')) {
      const name = path.slice(prefix.length);
      for (const query of queries[name] ?? ['']) {
        const address = addressOf(path, { ...values, ...others[name] });
        const pageSize = paths[path].get.parameters?.some(({ name: parameter }) => parameter === 'pageSize') ? 'pageSize=20' : '';
        const from = logged();
        let answer;
        for (const season of [3, 1, 2]) {
          sql(`UPDATE pek.realm_state SET season = ${season} WHERE realm = '${realm}'`);
          answer = await alice.get(`${address}?${[query, pageSize].filter(Boolean).join('&')}`);
          if (answer.status === 200) break;
        }
        wrong.push(...complaints(`${name}?${query}`, answer, from, name in whole));
      }
    }
    assert.equal(wrong.join('\n\n'), '');
  }, { timeout: 120_000 });

  // As a semester goes, in the large group, in one of the many, and in what is made here.
  it('is written for what is written', async () => {
    const wrong = [];
    const written = new Set();
    const call = async (client, name, of = {}, body = {}) => {
      const [verb, path] = name.split(' ');
      const from = logged();
      const answer = await client.send(verb, addressOf(prefix + path, { ...values, ...of }), verb === 'DELETE' ? undefined : body);
      wrong.push(...complaints(name, answer, from, wholeWrites[name]?.(body)));
      if (answer.status !== 200) assert.fail(wrong.join('\n\n'));
      written.add(name);
      return answer.json;
    };
    const write = (...words) => call(alice, ...words);
    const season = (name) => write('PUT /semester', {}, { id: '2026-2027/1', season: name });
    const people = sql(`SELECT json_agg(user_id ORDER BY user_id) FROM (
      SELECT user_id FROM pek.membership WHERE group_id = '${group}') AS m`);

    // Groups and those who are in them.
    const made = await write('POST /groups', {}, { name: 'Grown', parentId: 'bench@bench' });
    const added = ['user-001', 'user-002'];
    const inMade = { groupId: made.id, id: made.id };
    await write('PATCH /groups/{id}', inMade, { name: 'Grown up' });
    await write('POST /groups/{id}:configure', inMade, { usersCanApply: true, updateMask: 'usersCanApply' });
    await write('POST /groups/{id}:move', inMade, { parentId: 'bench@g1' });
    const inTown = { groupId: 'town@town', userId: 'bob' };
    const members = '/groups/{groupId}/members';
    const step = (verb, body = {}) => write(`POST ${members}/{userId}:${verb}`, inTown, body);
    await call(bob, `POST ${members}:apply`, inTown);
    await call(bob, `POST ${members}:withdraw`, inTown);
    await call(bob, `POST ${members}:apply`, inTown);
    await step('reject');
    await call(bob, `POST ${members}:apply`, inTown);
    await step('accept');
    await step('promote');
    await step('setFlairs', { flairs: ['Large'] });
    await step('setDates', { endDate: '2099-01-31' });
    const type = await write('POST /groups/{groupId}/postTypes', inTown, { name: 'Grower', actions: ['VIEW_GROUP'] });
    await step('givePost', { postTypeId: type.id });
    await step('takePost', { postTypeId: type.id });
    await write('DELETE /groups/{groupId}/postTypes/{id}', { ...inTown, id: type.id });
    await step('inactivate');
    await step('reactivate');
    await step('archive');
    await step('unarchive');
    await call(bob, `POST ${members}:leave`, inTown);
    await write(`POST ${members}:add`, inMade, { userId: 'bob' });
    await write(`POST ${members}:batchAdd`, inMade, { userIds: added });
    await write(`POST ${members}:batchArchive`, inMade, { userIds: added });
    await call(carol, `POST ${members}:apply`, inMade);
    await write(`POST ${members}:batchAccept`, inMade, { userIds: ['carol'] });
    await write(`POST ${members}/{userId}:handOver`, { ...inMade, userId: 'bob' });
    await write('POST /groups/{id}:archive', inMade);
    await write('POST /groups/{id}:unarchive', inMade);

    // Policies.
    const policy = await write('POST /policies/{parentId}/children', { parentId: '1' }, { name: 'Growing', statements: [] });
    const inPolicy = { policyId: policy.id, id: policy.id };
    const statement = await write('POST /policies/{policyId}/statements', inPolicy, { statement: { groupId: group, actions: ['VIEW_GROUP'] } });
    const inStatement = { ...inPolicy, statementId: statement.id };
    await write('POST /policies/{id}:assign', inPolicy, { userId: 'bob' });
    await write('PATCH /policies/{policyId}/statements/{statementId}', inStatement, { actions: ['VIEW_MEMBERS'] });
    await write('POST /policies/{id}:revoke', inPolicy, { userId: 'bob' });
    await write('DELETE /policies/{policyId}/statements/{statementId}', inStatement);
    await write('DELETE /policies/{id}', inPolicy);

    // Evaluations.
    await season('APPLICATION');
    await write('PUT /pointRules', {}, (await alice.get(addressOf(`${prefix}/pointRules`, values))).json);
    await write('POST /groups/{groupId}/scoreboards:open', inMade);
    const board = '/groups/{groupId}/scoreboards/{scoreboardId}';
    const ofId = { id: values.scoreboardId };
    const boardById = '/groups/{groupId}/scoreboards/{id}';
    const found = (await alice.get(addressOf(prefix + boardById, { ...values, ...ofId }))).json;
    const { guidelines } = await write(`PUT ${boardById}`, ofId, { report: 'Grown.', guidelines: found.guidelines });
    const cells = people.flatMap((userId, i) => guidelines.map(({ id }) => ({ userId, guidelineId: id, points: i % 20 })));
    await write(`POST ${boardById}/points:batchSet`, ofId, { points: cells });
    await write(`POST ${boardById}:import`, ofId, {
      guidelinesCsv: 'name,category,maxPerMember\nGuideline 5,WORK,30\n',
      pointsCsv: `member,Guideline 5\n${people[0]},5\nMember 1,5\n`,
    });
    const cell = { userId: people[0], guidelineId: guidelines[0].id };
    const comment = await write(`POST ${board}/comments`, {}, { ...cell, text: 'Why?' });
    await write(`PUT ${board}/comments/{id}`, { id: comment.id }, { text: 'Because.' });
    await write(`DELETE ${board}/comments/{id}`, { id: comment.id });
    await write(`POST ${boardById}/entries:batchSet`, ofId, { entries: [{ userId: people[0], type: 'KB', justification: 'Grew.' }] });
    await write('POST /groups/{groupId}/pointDraft:batchSet', { groupId: subgroup }, { points: cells });
    await write(`POST ${boardById}/drafts:takeOver`, ofId, { subgroupId: subgroup });
    await write(`POST ${board}/messages`, {}, { text: 'Hello.' });
    await write(`POST ${boardById}:submit`, ofId);
    await write(`POST ${boardById}:cancel`, ofId);
    await write(`POST ${boardById}:submit`, ofId);
    await season('EVALUATION');
    await write(`PATCH ${board}/entries/{userId}`, { userId: people[0] }, { finalized: true });
    await write(`POST ${boardById}:judge`, ofId, { pointStatus: 'ACCEPTED', entryStatus: 'ACCEPTED' });
    await season('OFFSEASON');
    await season('APPLICATION');
    await write(`POST ${board}:revise`);

    const all = ['post', 'patch', 'put', 'delete'].flatMap((verb) => pathsOf(verb).map((path) => `${verb.toUpperCase()} ${path.slice(prefix.length)}`));
    wrong.push(...all.filter((name) => !written.has(name)).map((name) => `${name} is not written`));
    assert.equal(wrong.join('\n\n'), '');
  }, { timeout: 120_000 });
});
