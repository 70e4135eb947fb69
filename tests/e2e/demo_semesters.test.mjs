// The demo has semesters that are worth looking at: what was accepted counts, in every realm, and the present one is half written.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { realms, theFederation } from './lib/federation.mjs';
import { login } from './lib/http.mjs';

const federation = theFederation();

// As the programs have it: September to January, February to August.
function previous(semester) {
  const [year, half] = [Number(semester.slice(0, 4)), semester.at(-1)];
  return half === '2' ? `${year}-${year + 1}/1` : `${year - 1}-${year}/2`;
}

describe('the demo’s semesters', () => {
  const evaluated = { hub: 'szakkoli@simonyi-szakkollegium', 'worker-acme': 'schonherz@ac', 'worker-conference': 'kir-dev@kir-dev' };
  let alice;
  let past;
  before(async () => {
    alice = await login(federation.port, 'alice');
    const { json: { calendarSemester } } = await alice.get('/api/v1/realms/worker-acme/semester');
    const one = previous(calendarSemester);
    past = [one, previous(one), previous(previous(one))];
  });
  after(() => alice.close());

  it('give alice a score over all realms, in each of three semesters', async () => {
    for (const semester of past) {
      const { json, status, text } = await alice.get(`/api/v1/users/me/score?semester=${semester}`);
      assert.equal(status, 200, text);
      assert.equal(json.complete, true);
      const groups = json.groups.filter(({ realm, groupId }) => evaluated[realm] === groupId);
      assert.deepEqual(groups.map(({ realm }) => realm).sort(), realms, text);
      const root = Math.floor(Math.sqrt(json.groups.reduce((sum, { points }) => sum + points * points, 0)));
      assert.equal(json.score, Math.min(root, 100));
      assert.ok(root > 10 && root < 110, text);
    }
    const { json: { semesters } } = await alice.get('/api/v1/users/me/pointHistory?pageSize=100');
    for (const realm of realms) {
      const closed = semesters.filter((one) => one.realm === realm).map(({ semester }) => semester);
      for (const semester of past) assert.ok(closed.includes(semester), `${realm} ${semester}`);
    }
  });

  it('are accepted with guidelines, points and cards; the present one waits or is being written', async () => {
    for (const realm of realms) {
      const boards = federation.sql(realm, `
        SELECT json_agg(json_build_object('semester', b.semester, 'status', b.point_status, 'entries', b.entry_status,
                 'guidelines', (SELECT count(*) FROM pek.guideline u WHERE u.realm = b.realm AND u.scoreboard_id = b.id),
                 'points', (SELECT count(*) FROM pek.point p WHERE p.realm = b.realm AND p.scoreboard_id = b.id),
                 'cards', (SELECT count(*) FROM pek.entry_request e WHERE e.realm = b.realm AND e.scoreboard_id = b.id)))
          FROM pek.scoreboard b WHERE b.realm = '${realm}' AND b.created_by IN ('alice', 'demo-admin')
           AND b.semester = ANY ('{${past.join()}}')`);
      assert.ok(boards.length >= 3 * 4, `${realm} has ${boards.length}`);
      for (const board of boards) {
        assert.deepEqual([board.status, board.entries, board.guidelines, board.cards], [3, 3, 5, 2], realm);
        assert.ok(board.points >= 5 * board.guidelines);
      }
      await federation.dev('verify', realm); // fails when an invariant is broken
    }
    const board = await alice.get('/api/v1/realms/worker-acme/groups/schonherz@ac/scoreboards?pageSize=1');
    const [{ id, pointStatus, semester }] = board.json.scoreboards;
    assert.equal(pointStatus, 'SUBMITTED', `of ${semester}`);
    const table = await alice.get(`/api/v1/realms/worker-acme/groups/schonherz@ac/scoreboards/${id}/points?pageSize=100`);
    const totals = table.json.members.map(({ total }) => total);
    assert.ok(totals.length > 5 && new Set(totals).size > 3, `totals ${totals}`);
  });

  it('are made once', async () => {
    const count = () => federation.sql('worker-conference', 'SELECT count(*) FROM pek.scoreboard');
    const had = count();
    execFileSync(join(federation.state('bin'), 'pek-worker'),
      ['--config', join(federation.data, 'config/worker-conference.conf'), 'demo'], { env: {}, stdio: 'pipe' });
    assert.equal(count(), had);
  });
});
