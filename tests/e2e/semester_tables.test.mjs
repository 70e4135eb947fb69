// Scoreboards beyond one group and one semester: drafts of subgroups, tables with sums, and files of scores.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { theFederation } from './lib/federation.mjs';
import { login } from './lib/http.mjs';

const federation = theFederation();
const realm = '/api/v1/realms/worker-acme';

describe('semesters that are over', () => {
  let alice;
  let bob;
  let found;
  let group;

  const ok = (answer) => {
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  };
  const move = async (id, season) => ok(await alice.send('PUT', `${realm}/semester`, { id, season }));
  // A scoreboard of alice's group in which she has so many points of work.
  const evaluate = async (semester, points) => {
    const boards = `${realm}/groups/${group.id}/scoreboards`;
    await move(semester, 'APPLICATION');
    let board = ok(await alice.post(`${boards}:open`, {}));
    if (board.guidelines.length === 0) {
      board = ok(await alice.send('PUT', `${boards}/${board.id}`, {
        guidelines: [{ name: 'Munka', category: 'WORK', maxPerMember: 30 }], etag: board.etag,
      }));
    }
    ok(await alice.post(`${boards}/${board.id}/points:batchSet`, { points: [{ userId: 'alice', guidelineId: board.guidelines[0].id, points }] }));
    ok(await alice.post(`${boards}/${board.id}:submit`, {}));
    await move(semester, 'EVALUATION');
    const judged = ok(await alice.post(`${boards}/${board.id}:judge`, { pointStatus: 'ACCEPTED', entryStatus: 'ACCEPTED' }));
    await move(semester, 'OFFSEASON'); // which closes it
    return judged;
  };

  before(async () => {
    alice = await login(federation.port, 'alice');
    bob = await login(federation.port, 'bob');
    found = ok(await alice.get(`${realm}/semester`));
    const slug = `t${Date.now().toString(36)}`;
    group = ok(await alice.post(`${realm}/groups`, { slug, name: `Táblás, ${slug}` }));
    await evaluate('2041-2042/1', 10);
    await evaluate('2041-2042/2', 20);
  });
  after(async () => {
    await move(found.id, found.season);
    alice.close();
    bob.close();
  });

  it('are prepared by subgroups, whose points are taken over', async () => {
    const slug = `u${Date.now().toString(36)}`;
    const below = ok(await alice.post(`${realm}/groups`, { slug, name: `Alatta ${slug}`, parentId: group.id }));
    const draft = `${realm}/groups/${below.id}/pointDraft`;
    const boards = `${realm}/groups/${group.id}/scoreboards`;
    await move('2042-2043/1', 'APPLICATION');
    const early = await alice.get(draft);
    assert.equal(early.status, 400, early.text);
    assert.match(early.text, /NO_SCOREBOARD/);
    const board = ok(await alice.post(`${boards}:open`, {}));
    const empty = ok(await alice.get(draft));
    assert.deepEqual([empty.groupId, empty.parentId, empty.scoreboardId, empty.pointStatus], [below.id, group.id, board.id, 'NOT_SUBMITTED']);
    assert.deepEqual(empty.members.map(({ userId, cells }) => [userId, cells]), [['alice', []]]);
    const guidelineId = board.guidelines[0].id;
    const points = [{ userId: 'alice', guidelineId, points: 12 }];
    const written = ok(await alice.post(`${draft}:batchSet`, { points, etag: empty.etag }));
    assert.deepEqual(written.members[0].cells.map((cell) => cell.points), [12]);
    assert.equal((await alice.post(`${draft}:batchSet`, { points, etag: empty.etag })).status, 409);
    const nobody = await alice.post(`${draft}:batchSet`, { points: [{ ...points[0], userId: '' }] });
    assert.equal(nobody.status, 400, nobody.text);
    assert.match(nobody.text, /points\[0\]\.userId/);
    assert.equal((await bob.post(`${draft}:batchSet`, { points })).status, 403);
    const drafts = ok(await alice.get(`${boards}/${board.id}/drafts`)).drafts;
    assert.deepEqual(drafts.map(({ subgroupId, subgroupName, userId }) => [subgroupId, subgroupName, userId]), [[below.id, below.name, 'alice']]);
    const taken = ok(await alice.post(`${boards}/${board.id}/drafts:takeOver`, { subgroupId: below.id, etag: board.etag }));
    assert.deepEqual([taken.pointsCount, taken.leftCount, taken.left], [1, 0, []]);
    ok(await alice.post(`${boards}/${board.id}/points:batchSet`, { points: [{ ...points[0], points: 9 }], etag: taken.scoreboard.etag }));
    const table = ok(await alice.get(`${boards}/${board.id}/table`));
    assert.deepEqual(table.members[0].cells, [{ guidelineId, points: 9, originGroupId: below.id }]);
    assert.equal(ok(await alice.get(`${boards}/${board.id}/messages`)).messages[0].text, `${below.id}: 1 cells taken over`);
    // 0 takes a proposal back; what was taken over stays.
    const back = ok(await alice.post(`${draft}:batchSet`, { points: [{ ...points[0], points: 0 }] }));
    assert.deepEqual(back.members.map(({ userId, standing, cells }) => [userId, standing, cells]), [['alice', 'COUNTS', []]]);
    assert.deepEqual(ok(await alice.get(`${boards}/${board.id}/drafts`)).drafts, []);
    // Of whom nothing is taken over, and why.
    const userId = 'user-001';
    for (const { id } of [group, below]) ok(await alice.post(`${realm}/groups/${id}/members:add`, { userId }));
    ok(await alice.post(`${draft}:batchSet`, { points: [points[0], { ...points[0], userId }] }));
    ok(await alice.post(`${realm}/groups/${below.id}/members/${userId}:archive`, {}));
    const some = ok(await alice.post(`${boards}/${board.id}/drafts:takeOver`, { subgroupId: below.id }));
    assert.deepEqual([some.pointsCount, some.leftCount], [1, 1]);
    assert.deepEqual(some.left.map((one) => [one.userId, one.standing, one.cellsCount]), [[userId, 'NOT_IN_SUBGROUP', 1]]);
    // Its draft is no matter of this group any more once it is elsewhere.
    ok(await alice.post(`${realm}/groups/${below.id}:archive`, {}));
    assert.deepEqual(ok(await alice.get(`${boards}/${board.id}/drafts`)).drafts, []);
    const late = await alice.post(`${boards}/${board.id}/drafts:takeOver`, { subgroupId: below.id });
    assert.equal(late.status, 400, late.text);
    assert.match(late.text, /GROUP_ARCHIVED/);
  });

  it('have something to take over in the demo', async () => {
    const boards = `${realm}/groups/kir-dev@kir-dev/scoreboards`;
    const all = await Promise.all(ok(await alice.get(`${boards}?pageSize=100`)).scoreboards.map(({ id }) => alice.get(`${boards}/${id}/drafts`)));
    const drafted = all.flatMap((answer) => ok(answer).drafts).filter(({ subgroupId }) => subgroupId === 'kir-dev@pek');
    assert.ok(drafted.length >= 3, `${drafted.length} members`);
    assert.ok(drafted.every(({ standing, cells }) => standing === 'COUNTS' && cells.length === 2));
    await move(found.id, found.season);
    assert.ok(ok(await alice.get(`${realm}/groups/kir-dev@pek/pointDraft`)).withoutPointsCount > 0);
    await move('2042-2043/1', 'APPLICATION');
  });

  it('have tables with sums, averages and what was reached', async () => {
    const boards = `${realm}/groups/${group.id}/scoreboards`;
    const list = ok(await alice.get(boards)).scoreboards.filter(({ semester }) => semester < '2042');
    assert.deepEqual(list.map(({ semester, version, totals: { membersCount, total } }) => [semester, version, membersCount, total]), [
      ['2041-2042/2', 1, 1, { sum: 20, scoredCount: 1, average: 20, highest: 20 }],
      ['2041-2042/1', 1, 1, { sum: 10, scoredCount: 1, average: 10, highest: 10 }],
    ]);
    const table = ok(await alice.get(`${boards}/${list[1].id}/table`));
    assert.deepEqual(table.scoreboard.totals, list[1].totals);
    assert.deepEqual(table.scoreboard.guidelines.map(({ name }) => name), ['Munka']);
    assert.deepEqual(table.guidelines.map(({ totals }) => totals.sum), [10]);
    assert.deepEqual(table.members.map(({ userId, total, cells }) => [userId, total, cells[0].points]), [['alice', 10, 10]]);
    const stranger = await bob.get(`${boards}/${list[1].id}/table`);
    assert.ok([403, 404].includes(stranger.status), stranger.text);
  });

  it('are files of scores and of active people, off season', async () => {
    const csv = { accept: 'text/csv' };
    assert.equal((await alice.get(`${realm}/scoredUsers`, csv)).status, 400);
    await move('2041-2042/2', 'OFFSEASON');
    const scored = await alice.get(`${realm}/scoredUsers?byteOrderMark=true`, csv);
    assert.equal(scored.status, 200, scored.text);
    assert.ok(scored.text.startsWith('\ufeffrealm,semester,userId,displayName,score,groups\r\n'), scored.text);
    assert.match(scored.text, new RegExp(`,2041-2042/2,alice,[^,]+,\\d+,"?[^\r]*${group.name}`));
    const active = await alice.get(`${realm}/activeUsers?semester=2042-2043/1`, csv);
    assert.ok(active.text.startsWith('realm,userId,displayName\r\n'), active.text);
    assert.match(active.text, /,alice,/);
    assert.equal(ok(await alice.get(`${realm}/activeUsers?semester=2041-2042/1&pageSize=1`)).users[0].userId, 'alice');
    for (const list of ['scoredUsers', 'activeUsers']) {
      assert.equal((await bob.get(`${realm}/${list}`, csv)).status, 403);
      const bad = await alice.get(`${realm}/${list}?semester=2041`);
      assert.equal(bad.status, 400);
      assert.match(bad.text, /semester/);
    }
  });
});
