// What a request costs is what it is about, whatever else its realm has: each read of the API against a realm that years have
// filled, and what PostgreSQL looked at for it. auto_explain tells the plans that ran, in the program's own sessions.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
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
const values = { realm, groupId: group, id: group, userId: 'me', user: 'me', policyId: '1' };
const queries = {
  '/groups': ['', 'q=ba', 'q=ba%20g', 'parentId=bench@bench', 'parentId=bench@bench&q=ba', 'includeArchived=true'],
  '/groups/{groupId}/members': ['', 'q=member', 'statuses=ACTIVE'],
  '/policies:check': ['action=VIEW_GROUP&groupId=bench@g7'],
  '/users/{userId}/score': ['semester=2026-2027/1'],
};
const others = {
  '/policies/{id}': { id: '1' },
  '/groups/{groupId}/members': { groupId: 'town@town' },
  '/groups/{groupId}/scoreboards/{scoreboardId}/entries/{userId}': {},
};
// What is as large as what it is about.
const whole = {
  '/groups/{id}/descendants': 'walks the tree below a group, which has 2 000 here',
  '/users/me/export': 'has no page: all that a realm keeps of somebody',
  '/activeUsers': 'is a list of all who are active, for the end of a season',
};

let federation;
let alice;
let folder;

const sql = (text) => federation.sql(realm, text);

function load(file, ...words) {
  execFileSync(join(root, 'dev'), ['psql', realm, '--data', federation.data, '-U', 'postgres', '-qX', '-v', 'ON_ERROR_STOP=1',
    ...words, '-f', join(root, 'tests/load', file)], { env: { ...process.env, PGOPTIONS: `-c pek.realm=${realm}` } });
}

// Rows that each part of the plan looked at, of all that ran since `from`.
function looked(from) {
  const log = readFileSync(join(federation.data, 'log/postgres.log'), 'utf8').slice(from);
  const parts = [];
  for (const [, json] of log.matchAll(/plan:\n((?:\t.*\n)+)/g)) {
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

describe('a realm that years have filled', () => {
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'pek-growth-'));
    federation = await startFederation(join(folder, 'data'), port);
    load('groups.sql', '-v', 'count=2000');
    load('crowded.sql');
    sql(`UPDATE pek.realm_state SET semester = '2026-2027/1' WHERE realm = '${realm}'`);
    sql(`UPDATE pek.scoreboard SET semester = '2026-2027/1' WHERE group_id LIKE 'bench@%'`);
    sql(`LOAD 'auto_explain'`);
    for (const setting of ['session_preload_libraries = auto_explain', 'auto_explain.log_min_duration = 0', 'auto_explain.log_analyze = on',
      'auto_explain.log_timing = off', 'auto_explain.log_format = json', 'log_min_messages = log']) {
      execFileSync(join(root, 'dev'), ['psql', realm, '--data', federation.data, '-U', 'postgres', '-qXc', `LOAD 'auto_explain'`,
        '-c', `ALTER SYSTEM SET ${setting}`, '-c', 'SELECT pg_reload_conf()']);
    }
    await federation.dev('restart', realm);
    await until(60, 'the realm is ready for searches', () =>
      sql(`SELECT to_json(search_version = collator_version) FROM pek.realm_state WHERE realm = '${realm}'`));
    sql('VACUUM');
    alice = await login(port, 'alice');
    values.scoreboardId = sql(`SELECT to_json(id) FROM pek.scoreboard WHERE group_id = '${group}'`);
    others['/groups/{groupId}/scoreboards/{scoreboardId}/entries/{userId}'].userId =
      sql(`SELECT to_json(min(user_id)) FROM pek.membership WHERE group_id = '${group}'`);
    others['/groups/{groupId}/scoreboards/{id}'] = { id: values.scoreboardId };
  }, { timeout: 180_000 });
  after(async () => {
    await federation?.dev('down');
    rmSync(folder, { recursive: true, force: true });
  });

  it('is read for what is asked', async () => {
    const { json } = await alice.get('/openapi.json');
    const prefix = '/api/v1/realms/{realm}';
    const paths = Object.keys(json.paths).filter((path) => path.startsWith(prefix) && json.paths[path].get);
    assert.ok(paths.length > 30, paths.join('\n'));
    const wrong = [];
    for (const path of paths) {
      const name = path.slice(prefix.length);
      for (const query of queries[name] ?? ['']) {
        const of = { ...values, ...others[name] };
        const address = path.replace(/\{(\w+)\}/g, (_, variable) => of[variable]);
        const pageSize = json.paths[path].get.parameters?.some(({ name: parameter }) => parameter === 'pageSize') ? 'pageSize=20' : '';
        const from = readFileSync(join(federation.data, 'log/postgres.log'), 'utf8').length;
        let answer;
        for (const season of [3, 1, 2]) {
          sql(`UPDATE pek.realm_state SET season = ${season} WHERE realm = '${realm}'`);
          answer = await alice.get(`${address}?${[query, pageSize].filter(Boolean).join('&')}`);
          if (answer.status === 200) break;
        }
        if (answer.status !== 200) wrong.push(`${name}?${query}: ${answer.status} ${answer.text.slice(0, 200)}`);
        const parts = looked(from);
        if (answer.status === 200 && parts.length === 0) wrong.push(`${name}?${query}: PostgreSQL was not asked`);
        if (name in whole) continue;
        for (const part of parts.filter(({ rows }) => rows > rowsMax))
          wrong.push(`${name}?${query}: ${part.rows} rows by ${part.what} of ${part.query.slice(0, 300)}`);
      }
    }
    assert.equal(wrong.join('\n\n'), '');
  }, { timeout: 120_000 });
});
