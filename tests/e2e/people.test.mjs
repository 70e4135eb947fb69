// docs/people.md, as it stands: every block is run, and what it prints is what the text around it says.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { root, theFederation } from './lib/federation.mjs';

const federation = theFederation();
const text = readFileSync(join(root, 'docs/people.md'), 'utf8');

describe('the tutorial for a department', () => {
  it('works as it is written', () => {
    const folder = mkdtempSync(join(tmpdir(), 'pek-people-'));
    const blocks = [...text.matchAll(/```sh\n(.*?)```/gs)].map((match) => match[1]);
    const script = ['set -euo pipefail', ...blocks].join('\n')
      .replace('http://127.0.0.1:8080', `http://127.0.0.1:${federation.port}`)
      .replaceAll(/^curl .*$/gm, '$&; echo');
    try {
      const answers = execFileSync('bash', ['-c', script], { cwd: folder, encoding: 'utf8' })
        .split('\n').filter((line) => line).map((line) => JSON.parse(line));
      const [made, applied, mine, listed, accepted, added, promoted, begun, ending, archived, gone, back, left, after,
        assistant, type, types] = answers;
      assert.equal(made.id, 'kir-dev@teahaz');
      assert.deepEqual([applied, accepted, promoted, archived, back, left].map((one) => one.status),
        ['APPLIED', 'NEWBIE', 'ACTIVE', 'ARCHIVED', 'ACTIVE', 'ARCHIVED']);
      assert.deepEqual([mine.memberships.at(-1).status, listed.members[0].userId], ['APPLIED', 'dave']);
      assert.deepEqual(added.members.map((one) => one.userId), ['user-010', 'user-011']);
      assert.equal(begun.status, 'ACTIVE');
      assert.deepEqual([ending.status, ending.nextStatus], ['ACTIVE', 'FORMER']);
      assert.deepEqual(gone.members.map((one) => one.userId), ['user-011']);
      const history = after.memberships.find((one) => one.groupId === 'kir-dev@teahaz').history;
      assert.deepEqual(history.map((one) => one.status), ['APPLIED', 'NEWBIE', 'ACTIVE', 'ARCHIVED']);
      assert.deepEqual(assistant.posts.map((post) => post.kind), ['LEADER_ASSISTANT']);
      assert.deepEqual(types.postTypes.map((one) => [one.id, one.name, one.actions]), [[type.id, 'Csapos', []]]);
      const [renamed, picture, found, shown, seen, access, exported] = answers.slice(-7);
      assert.deepEqual([picture.userId, picture.contentType, picture.width], ['dave', 'image/png', 1]);
      assert.ok(found.users.some((one) => one.id === 'dave' && one.nickname === 'Dávidka'));
      assert.equal(renamed.nickname, 'Dávidka');
      assert.deepEqual(shown.visible, ['CELL_PHONE']);
      assert.deepEqual([seen.view, seen.cellPhone, seen.visible, seen.unreachable], ['FULL', '+36201234567', [], []]);
      const kinds = new Set(exported.records.map((one) => `${one.realm} ${one.kind}`));
      for (const kind of [' profile', ' session', 'worker-acme membership_period', 'worker-acme audit']) assert.ok(kinds.has(kind), kind);
      assert.ok(access.viewers.some((one) =>
        one.userId === 'alice' && one.realm === 'worker-acme' && one.policyName === 'GOD'));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
