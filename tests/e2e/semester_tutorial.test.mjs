// docs/semester.md, as it stands: every block is run, and what it prints is what the text around it says.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { root, theFederation, until } from './lib/federation.mjs';
import { login } from './lib/http.mjs';

const federation = theFederation();
const text = readFileSync(join(root, 'docs/semester.md'), 'utf8');

describe('the tutorial of a semester', () => {
  it('works as it is written', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pek-semester-'));
    const blocks = [...text.matchAll(/```sh\n(.*?)```/gs)].map((match) => match[1]);
    // An answer a command, each behind a mark: some commands have several lines, and so have files.
    const script = ['set -euo pipefail', ...blocks].join('\n')
      .replace('http://127.0.0.1:8080', `http://127.0.0.1:${federation.port}`)
      .replaceAll(/^curl /gm, "printf '\\n\\f'; curl ");
    try {
      const answers = execFileSync('bash', ['-c', script], { cwd: folder, encoding: 'utf8' })
        .split('\f').slice(1).map((answer) => answer.trim()).filter((answer) => answer);
      const next = () => JSON.parse(answers.shift());
      const found = next();
      const begun = next();
      assert.deepEqual([begun.id, begun.season], ['2040-2041/1', 'APPLICATION']);
      assert.equal(next().scoreMax, 100);
      const opened = next();
      assert.deepEqual([opened.semester, opened.version, opened.pointStatus], ['2040-2041/1', 1, 'NOT_SUBMITTED']);
      assert.deepEqual(next().guidelines.map(({ name, maxPerMember }) => [name, maxPerMember]), [['Fejlesztés', 30], ['Vezetés', 20]]);
      const imported = next();
      assert.deepEqual([imported.pointsCount, imported.unmatched], [3, [{ line: 4, member: 'Senki Sándor', matches: 0 }]]);
      next();
      const totals = new Map(next().members.map(({ userId, total }) => [userId, total]));
      assert.deepEqual([totals.get('bob'), totals.get('user-051')], [35, 30]);
      assert.equal(next().writtenBy, 'alice');
      assert.equal(next().comments[0].text, 'Miért ennyi?');
      const proposed = next();
      assert.deepEqual([proposed.groupId, proposed.parentId, proposed.withoutPointsCount > 0], ['kir-dev@pek', 'kir-dev@kir-dev', true]);
      assert.deepEqual(next().drafts.map(({ userId, standing, cells }) => [userId, standing, cells[0].points]), [['user-051', 'COUNTS', 27]]);
      const taken = next();
      assert.deepEqual([taken.pointsCount, taken.leftCount], [1, 0]);
      next();
      assert.equal(next().pointStatus, 'SUBMITTED');
      assert.equal(next().season, 'EVALUATION');
      assert.ok(next().judgements.some(({ groupId, pointStatus }) => groupId === 'kir-dev@kir-dev' && pointStatus === 'SUBMITTED'));
      assert.ok(next().entries.some(({ userId, groupId, type }) => `${userId} ${groupId} ${type}` === 'user-051 kir-dev@kir-dev KB'));
      assert.equal(next().finalized, true);
      assert.equal(next().pointStatus, 'REJECTED');
      assert.ok(Array.isArray(next().notifications)); // it comes in a moment
      assert.match(next().messages.at(-1).text, /^points: SUBMITTED -> REJECTED.*Kevés a beszámoló\.$/);
      next();
      assert.equal(next().text, 'Javítottuk.');
      assert.equal(next().pointStatus, 'SUBMITTED');
      const accepted = next();
      assert.deepEqual([accepted.pointStatus, accepted.entryStatus], ['ACCEPTED', 'ACCEPTED']);
      assert.equal(next().season, 'OFFSEASON');
      assert.match(answers.shift(), /^realm,userId,displayName,.*\r\n(.*\r\n)*worker-acme,user-051,Lyócsa Zita,kir-dev@kir-dev,Kir-Dev,KB,Minden héten ügyelt\.$/);
      const scored = answers.shift();
      for (const one of ['bob', 'user-051']) assert.ok(scored.includes(`worker-acme,2040-2041/1,${one},`), scored);
      const score = next();
      assert.deepEqual([score.score, score.complete, score.groups.map(({ groupId, points }) => [groupId, points])],
        [35, true, [['kir-dev@kir-dev', 35]]]);
      assert.ok(next().semesters.some(({ realm, semester, score: of }) => `${realm} ${semester} ${of}` === 'worker-acme 2040-2041/1 35'));
      const back = next();
      assert.deepEqual([back.id, back.season], [found.id, found.season]);
      assert.deepEqual(answers, []);
      const bob = await login(federation.port, 'bob');
      await until(5, 'bob is told of both judgements', async () => {
        const { json } = await bob.get('/api/v1/notifications?pageSize=100');
        const told = json.notifications.filter(({ link }) => link === 'realms/worker-acme/groups/kir-dev@kir-dev').map(({ kind }) => kind);
        return told.includes('EVALUATION_REJECTED') && told.includes('EVALUATION_ACCEPTED');
      });
      bob.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
