// Evaluations: what can be done when, what a judgement says, and cards that two have written.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { source } from './source.mjs';

const { possibleNow, standingOf } = await source('standing.ts');
const { readJudgement, readRevision, readTakeOver } = await source('judgement.ts');
const { cardConflicts, lacksJustification, withReturned, withSent, writeCard } = await source('entries.ts');

// As worker/semester/semester.c has them.
const seasons = {
  OFFSEASON: ['VIEW_EVALUATION', 'EXPORT'],
  APPLICATION: ['EDIT_EVALUATION', 'SUBMIT', 'CANCEL', 'COMMENT', 'DISCUSS', 'REVIEW_ENTRIES'],
  EVALUATION: ['EDIT_EVALUATION', 'CORRECT_EVALUATION', 'SUBMIT', 'JUDGE', 'COMMENT', 'DISCUSS', 'REVIEW_ENTRIES'],
};
const nobody = { writes: false, leads: false, judges: false, accepts: false };
const helper = { ...nobody, writes: true };
const leader = { ...helper, leads: true };
const judge = { ...nobody, judges: true };

function at(season, [pointStatus, entryStatus], rights, rest = {}) {
  const semester = { id: '2026-2027/1', season, openActions: seasons[season] };
  return {
    board: { semester: '2026-2027/1', pointStatus, entryStatus },
    semester,
    rights,
    groupIsArchived: false,
    superseded: false,
    ...rest,
  };
}
const open = ['NOT_SUBMITTED', 'NOT_SUBMITTED'];
const sent = ['SUBMITTED', 'SUBMITTED'];
const accepted = ['ACCEPTED', 'ACCEPTED'];
const can = (situation) =>
  Object.entries(possibleNow(situation))
    .filter(([, may]) => may)
    .map(([what]) => what);

it('shows what a season, a status and a right let be done', () => {
  const write = ['writePoints', 'writeEntries', 'writeGuidelines'];
  assert.deepEqual(can(at('APPLICATION', open, leader)), [...write, 'submit', 'comment', 'discuss']);
  assert.deepEqual(can(at('APPLICATION', open, helper)), ['writePoints', 'comment']);
  assert.deepEqual(can(at('APPLICATION', open, judge)), ['review', 'comment', 'discuss']);
  assert.deepEqual(can(at('APPLICATION', sent, leader)), ['cancel', 'comment', 'discuss']);
  assert.deepEqual(can(at('EVALUATION', sent, leader)), ['comment', 'discuss'], 'it cannot be taken back any more');
  assert.deepEqual(can(at('EVALUATION', sent, judge)), ['writePoints', 'writeEntries', 'judge', 'review', 'comment', 'discuss']);
  assert.deepEqual(can(at('EVALUATION', open, judge)), ['writePoints', 'writeEntries', 'review', 'comment', 'discuss']);
  assert.deepEqual(can(at('EVALUATION', accepted, judge)), ['judge', 'review', 'comment', 'discuss']);
  assert.deepEqual(can(at('EVALUATION', accepted, leader)), ['revise', 'comment', 'discuss']);
  assert.deepEqual(can(at('OFFSEASON', open, { ...leader, ...judge, leads: true })), []);
});

it('lets points and entry cards go each their own way', () => {
  const mixed = can(at('EVALUATION', ['ACCEPTED', 'REJECTED'], leader));
  assert.deepEqual(mixed, ['writeEntries', 'submit', 'revise', 'comment', 'discuss']);
  assert.deepEqual(can(at('APPLICATION', ['REJECTED', 'SUBMITTED'], helper)), ['writePoints', 'comment']);
});

it('lets nothing be done with what is over', () => {
  for (const rest of [
    { groupIsArchived: true },
    { superseded: true },
    { board: { ...at('APPLICATION', open, leader).board, semester: '2025-2026/2' } },
  ]) {
    assert.deepEqual(can(at('APPLICATION', open, { ...leader, judges: true }, rest)), []);
  }
});

it('says in one sentence where an evaluation is', () => {
  const rows = [
    ['APPLICATION', open, leader, 'write'],
    ['APPLICATION', open, helper, 'writeHelper'],
    ['APPLICATION', open, judge, 'early'],
    ['APPLICATION', open, nobody, 'read'],
    ['APPLICATION', sent, leader, 'submitted'],
    ['APPLICATION', sent, helper, 'waits'],
    ['EVALUATION', sent, leader, 'waits'],
    ['EVALUATION', sent, judge, 'judge'],
    ['EVALUATION', open, judge, 'unsubmitted'],
    ['EVALUATION', accepted, judge, 'judged'],
    ['EVALUATION', accepted, leader, 'accepted'],
    ['EVALUATION', ['ACCEPTED', 'REJECTED'], leader, 'rejected'],
    ['OFFSEASON', open, leader, 'offseason'],
  ];
  for (const [season, statuses, rights, standing] of rows) assert.equal(standingOf(at(season, statuses, rights)), standing, standing);
  const past = { board: { semester: '2020-2021/1', pointStatus: 'ACCEPTED', entryStatus: 'ACCEPTED' } };
  assert.equal(standingOf(at('OFFSEASON', open, leader, past)), 'past');
  assert.equal(standingOf(at('APPLICATION', open, leader, { superseded: true })), 'superseded');
  assert.equal(standingOf(at('APPLICATION', open, leader, { groupIsArchived: true })), 'archived');
});

it('reads what a realm says of a judgement, and takes nothing else for one', () => {
  assert.deepEqual(readJudgement('points: SUBMITTED -> ACCEPTED, entries: SUBMITTED -> SUBMITTED, jó,\nígy'), {
    changes: [{ part: 'points', status: 'ACCEPTED' }],
    explanation: 'jó,\nígy',
  });
  assert.deepEqual(readJudgement('points: SUBMITTED -> REJECTED, entries: SUBMITTED -> ACCEPTED, -'), {
    changes: [
      { part: 'points', status: 'REJECTED' },
      { part: 'entries', status: 'ACCEPTED' },
    ],
    explanation: '',
  });
  assert.equal(readJudgement('points: SUBMITTED -> ACCEPTED'), undefined);
});

it('reads that a draft was taken over', () => {
  const taken = { groupId: 'kir-dev@pek', cells: 12, left: 0, of: { users: [], more: 0 } };
  assert.deepEqual(readTakeOver('kir-dev@pek: 12 cells taken over'), taken);
  assert.deepEqual(readTakeOver('kir-dev@pek: 12 cells taken over, 3 left, of bob, carol'), {
    ...taken,
    left: 3,
    of: { users: ['bob', 'carol'], more: 0 },
  });
  assert.deepEqual(readTakeOver('kir-dev@pek: 12 cells taken over, 9 left, of bob, carol and 4 more'), {
    ...taken,
    left: 9,
    of: { users: ['bob', 'carol'], more: 4 },
  });
  assert.equal(readTakeOver('Sziasztok: 12 cells taken over, ugye?'), undefined);
});

it('reads whose points the next version is without', () => {
  assert.deepEqual(readRevision('version 2: 3 cells and 1 entries left, of eve'), {
    version: 2,
    cells: 3,
    entries: 1,
    of: { users: ['eve'], more: 0 },
  });
  assert.equal(readRevision('version 2: jó lesz?'), undefined);
});

it('finds the cards that somebody else wrote as well', () => {
  const entry = { userId: 'u', type: 'KDO', justification: '' };
  const drafts = writeCard(writeCard(new Map(), entry, { type: 'KB' }), entry, { justification: 'sokat' });
  assert.deepEqual([...drafts], [['u', { type: 'KB', justification: 'sokat', base: { type: 'KDO', justification: '' } }]]);
  assert.equal(writeCard(drafts, entry, { type: 'KDO', justification: '' }).size, 0, 'as it was');
  assert.deepEqual([...cardConflicts([{ ...entry, type: 'AB' }], drafts)], ['u']);
  assert.deepEqual([...cardConflicts([entry], drafts)], []);
  assert.deepEqual([...cardConflicts([{ userId: 'u', type: 'KB', justification: 'sokat' }], drafts)], [], 'the same');
  assert.ok(lacksJustification({ type: 'AB', justification: ' \n' }));
  assert.ok(!lacksJustification({ type: 'KDO', justification: '' }));
});

it('keeps the card that is written while it is on its way', () => {
  const entry = { userId: 'u', type: 'KDO', justification: '' };
  const base = { type: 'KDO', justification: '' };
  const sent = writeCard(new Map(), entry, { type: 'KB' });
  const [there] = withSent([entry], sent);
  assert.equal(there.type, 'KB');
  const since = writeCard(new Map(), there, { justification: 'sokat' });
  assert.deepEqual([...cardConflicts([there], since)], []);
  assert.deepEqual(since.get('u').base, { type: 'KB', justification: '' });
  assert.deepEqual([...withReturned(since, sent)], [['u', { type: 'KB', justification: 'sokat', base }]]);
  assert.deepEqual(withReturned(new Map(), sent), sent);
  assert.equal(withReturned(writeCard(new Map(), there, { type: 'KDO' }), sent).size, 0, 'as it was');
});
