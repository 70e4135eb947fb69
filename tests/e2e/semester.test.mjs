// The semester of a realm: everybody reads it, its administrators move it.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { theFederation } from './lib/federation.mjs';
import { login } from './lib/http.mjs';

const federation = theFederation();
const path = '/api/v1/realms/worker-acme/semester';

describe('the semester of a realm', () => {
  let alice;
  let bob;
  let found;

  before(async () => {
    alice = await login(federation.port, 'alice');
    bob = await login(federation.port, 'bob');
    const answer = await bob.get(path);
    assert.equal(answer.status, 200, answer.text);
    found = answer.json;
  });
  after(async () => {
    const put = await alice.send('PUT', path, { id: found.id, season: found.season });
    assert.equal(put.status, 200, put.text);
    alice.close();
    bob.close();
  });

  it('says what its season is for', () => {
    assert.match(found.id, /^20\d\d-20\d\d\/[12]$/);
    assert.match(found.calendarSemester, /^20\d\d-20\d\d\/[12]$/);
    assert.ok(found.openActions.includes('VIEW_EVALUATION'));
  });

  it('is moved whole, by who may do everything, and by one of two at once', async () => {
    const refused = await bob.send('PUT', path, { id: '2031-2032/1', season: 'APPLICATION' });
    assert.equal(refused.status, 403, refused.text);
    const moved = await alice.send('PUT', path, { id: '2031-2032/1', season: 'APPLICATION', etag: found.etag });
    assert.equal(moved.status, 200, moved.text);
    assert.deepEqual([moved.json.id, moved.json.season], ['2031-2032/1', 'APPLICATION']);
    assert.ok(moved.json.openActions.includes('SUBMIT'));
    const stale = await alice.send('PUT', path, { id: '2031-2032/2', season: 'OFFSEASON', etag: found.etag });
    assert.equal(stale.status, 409, stale.text);
    const condition = await alice.send('PUT', path, { id: '2031-2032/2', season: 'OFFSEASON' }, { 'if-match': '"1"' });
    assert.equal(condition.status, 412, condition.text);
    assert.equal((await bob.get(path)).json.id, '2031-2032/1');
  });

  it('is evaluated: guidelines, points, a submission and its judgement', async () => {
    const season = async (name) => {
      const put = await alice.send('PUT', path, { id: '2031-2032/1', season: name });
      assert.equal(put.status, 200, put.text);
    };
    const ok = (answer) => {
      assert.equal(answer.status, 200, answer.text);
      return answer.json;
    };
    const slug = `s${Date.now().toString(36)}`;
    const group = ok(await alice.post('/api/v1/realms/worker-acme/groups', { slug, name: `Értékelt ${slug}` }));
    const boards = `/api/v1/realms/worker-acme/groups/${group.id}/scoreboards`;
    await season('APPLICATION');
    let board = ok(await alice.post(`${boards}:open`, {}));
    assert.deepEqual([board.semester, board.version, board.pointStatus], ['2031-2032/1', 1, 'NOT_SUBMITTED']);
    board = ok(await alice.send('PUT', `${boards}/${board.id}`, {
      report: 'Szerveztünk.',
      guidelines: [
        { name: 'Munka', category: 'WORK', maxPerMember: 30 },
        { name: 'Felelősség', category: 'RESPONSIBILITY', maxPerMember: 20 },
      ],
      etag: board.etag,
    }));
    const [work, duty] = board.guidelines.map(({ id }) => id);
    const cells = (points, clamp = false) => alice.post(`${boards}/${board.id}/points:batchSet`, { points, clamp });
    const refused = await cells([{ userId: 'alice', guidelineId: duty, points: 3 }, { userId: 'alice', guidelineId: work, points: 31 }]);
    assert.equal(refused.status, 400, refused.text);
    assert.match(refused.text, /points\[1\]\.points/);
    ok(await cells([{ userId: 'alice', guidelineId: duty, points: 3 }, { userId: 'alice', guidelineId: work, points: 31 }], true));
    const table = ok(await alice.get(`${boards}/${board.id}/points`));
    assert.deepEqual(table.members.map(({ userId, work: w, responsibility, total }) => [userId, w, responsibility, total]), [['alice', 30, 3, 33]]);
    const comment = ok(await alice.post(`${boards}/${board.id}/comments`, { userId: 'alice', guidelineId: duty, text: 'Miért?' }));
    const rewritten = ok(await alice.send('PUT', `${boards}/${board.id}/comments/${comment.id}`, { text: 'Mert.', etag: comment.etag }));
    assert.deepEqual([rewritten.text, rewritten.writtenBy], ['Mert.', 'alice']);
    const spare = ok(await alice.post(`${boards}/${board.id}/comments`, { userId: 'alice', guidelineId: duty, text: 'x' }));
    ok(await alice.send('DELETE', `${boards}/${board.id}/comments/${spare.id}`));
    assert.deepEqual(ok(await alice.get(`${boards}/${board.id}/comments?userId=alice`)).comments.map(({ text }) => text), ['Mert.']);
    ok(await alice.post(`${boards}/${board.id}/entries:batchSet`, { entries: [{ userId: 'alice', type: 'KB', justification: 'Sokat dolgozott.' }] }));
    const mine = (await alice.get('/api/v1/realms/worker-acme/entryReviews')).json.entries.filter(({ groupId }) => groupId === group.id);
    assert.deepEqual(mine.map(({ userId, type }) => [userId, type]), [['alice', 'KB']]);
    const entry = ok(await alice.patch(`${boards}/${board.id}/entries/alice`, { ...mine[0], type: 'AB', finalized: true }));
    assert.deepEqual([entry.type, entry.finalized, entry.justification], ['AB', true, 'Sokat dolgozott.']);
    const second = await alice.patch(`${boards}/${board.id}/entries/alice`, { ...mine[0], type: 'KB' });
    assert.equal(second.status, 409, second.text);
    const imported = ok(await alice.post(`${boards}/${board.id}:import`, {
      guidelinesCsv: '\ufeffname,category,maxPerMember\r\n"Tábla, =is",WORK,5\r\n', pointsCsv: 'tag;"Tábla, =is"\r\nalice;4\r\nsenki;1\r\n',
    }));
    assert.deepEqual([imported.pointsCount, imported.unmatched], [1, [{ line: 3, member: 'senki', matches: 0 }]]);
    assert.equal(imported.scoreboard.guidelines.length, 3);
    const stranger = await bob.get(`${boards}/${board.id}`);
    assert.ok([403, 404].includes(stranger.status), stranger.text);
    ok(await alice.post(`${boards}/${board.id}:submit`, {}));
    assert.equal((await cells([{ userId: 'alice', guidelineId: work, points: 1 }])).status, 400);
    await season('EVALUATION');
    const judged = ok(await alice.post(`${boards}/${board.id}:judge`, { pointStatus: 'ACCEPTED', explanation: 'jó' }));
    assert.deepEqual([judged.pointStatus, judged.entryStatus], ['ACCEPTED', 'SUBMITTED']);
    const messages = ok(await alice.get(`${boards}/${board.id}/messages`));
    assert.match(messages.messages[0].text, /^points: SUBMITTED -> ACCEPTED/);
    ok(await alice.post(`${boards}/${board.id}:judge`, { entryStatus: 'ACCEPTED' }));
    const file = await alice.get('/api/v1/realms/worker-acme/acceptedEntries?byteOrderMark=true', { accept: 'text/csv' });
    assert.equal(file.status, 200, file.text);
    assert.equal(file.headers['content-type'], 'text/csv; charset=utf-8');
    assert.equal(file.headers['content-disposition'], 'attachment');
    assert.ok(file.text.startsWith('\ufeffrealm,userId,displayName,groupId,groupName,type,justification\r\n'), file.text);
    assert.ok(file.text.includes(`,${group.id},${group.name},AB,Sokat dolgozott.\r\n`), file.text);
    assert.equal((await bob.get('/api/v1/realms/worker-acme/acceptedEntries', { accept: 'text/csv' })).status, 403);
    ok(await alice.post(`${boards}/${board.id}:revise`, {}));
    assert.equal(ok(await alice.get(boards)).scoreboards.length, 2);
  });

  it('is counted by rules that its administrators set', async () => {
    const rules = '/api/v1/realms/worker-acme/pointRules';
    const had = (await bob.get(rules)).json;
    assert.deepEqual([had.workMax, had.responsibilityMax, had.totalMax, had.least], [30, 20, 50, 5]);
    assert.equal((await bob.send('PUT', rules, { ...had, workMax: 31 })).status, 403);
    const bad = await alice.send('PUT', rules, { ...had, totalMax: 0 });
    assert.equal(bad.status, 400);
    assert.match(bad.text, /totalMax|total_max/);
    const put = await alice.send('PUT', rules, { ...had, workMax: 31 });
    assert.equal(put.status, 200, put.text);
    assert.equal((await alice.send('PUT', rules, { ...put.json, workMax: 30 })).status, 200);
  });

  it('refuses by name what is no semester', async () => {
    for (const [body, field] of [
      [{ id: '2031-2033/1', season: 'OFFSEASON' }, 'semester.id'],
      [{ id: '', season: 'OFFSEASON' }, 'semester.id'],
      [{ id: '2031-2032/1' }, 'semester.season'],
      [{ id: '2031-2032/1', season: 'SUMMER' }, 'season'],
    ]) {
      const answer = await alice.send('PUT', path, body);
      assert.equal(answer.status, 400, answer.text);
      assert.ok(answer.text.includes(field), answer.text);
    }
  });
});
