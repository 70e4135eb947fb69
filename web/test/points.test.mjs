import assert from 'node:assert/strict';
import { it } from 'node:test';
import { source } from './source.mjs';

const { columnOf, conflictsOf, countOf, inTable, nothingWritten, readPaste, readPoints, summaryOf, totalOf, totalsOf, ...table } =
  await source('points.ts');
const { refusedIn, withArrived, withReturned, withSending, writeCells, writtenIn } = table;

const rules = { workMax: 30, responsibilityMax: 20, totalMax: 50, least: 5 };
const guidelines = [
  { id: 'w', category: 'WORK', maxPerMember: 40 },
  { id: 'r', category: 'RESPONSIBILITY', maxPerMember: 40 },
];
const member = (w, r) => ({
  userId: 'u',
  cells: [
    { guidelineId: 'w', points: w },
    { guidelineId: 'r', points: r },
  ],
});
const draft = (key, points, base) => new Map([[key, { points, base }]]);
const writing = (drafts) => ({ ...nothingWritten, drafts });

it('reckons totals as the realm does', () => {
  const rows = [
    [0, 0, 0],
    [1, 0, 0],
    [1, 1, 0],
    [2, 1, 5],
    [4, 0, 5],
    [5, 0, 5],
    [35, 0, 30],
    [0, 35, 20],
    [35, 35, 50],
    [10, 7, 17],
  ];
  for (const [w, r, total] of rows) assert.equal(totalOf(member(w, r), guidelines, new Map(), rules), total, `${w} + ${r}`);
  assert.equal(totalOf(member(1, 1), guidelines, draft('u w', 12, 1), rules), 13, 'with what is not sent yet');
});

it('takes whole numbers up to the maximum', () => {
  const [guideline] = guidelines;
  for (const [text, points] of [
    ['', 0],
    [' 7 ', 7],
    ['40', 40],
    ['41', undefined],
    ['-1', undefined],
    ['1.5', undefined],
    ['x', undefined],
    ['6,0', 6],
    ['1.0', 1],
    ['7.00', 7],
    ['+1', 1],
    ['\u00a07\u00a0', 7],
    ['1.000', undefined],
    ['6,5', undefined],
    ['6,', undefined],
    [',0', undefined],
    ['++1', undefined],
    [' 3 pont', undefined],
    ['"7"', undefined],
  ]) {
    assert.equal(readPoints(text, guideline), points, text);
  }
});

it('takes what spreadsheets copy', () => {
  assert.deepEqual(readPaste('1\t2\r\n3\t\r\n'), [
    ['1', '2'],
    ['3', ''],
  ]);
  assert.deepEqual(readPaste('5'), [['5']]);
  assert.deepEqual(readPaste(''), [['']]);
  assert.deepEqual(readPaste('\t1\n\n2\t'), [['', '1'], [''], ['2', '']]);
  assert.deepEqual(readPaste('"7"\t"8"\r\n9'), [['7', '8'], ['9']], 'quotes');
  assert.deepEqual(readPaste('"two\r\nlines\tand a tab"\t3\n"say ""no"""\t4\n'), [
    ['two\nlines\tand a tab', '3'],
    ['say "no"', '4'],
  ]);
  assert.deepEqual(
    readPaste('"7\t8\n5" wide\t9'),
    [
      ['"7', '8'],
      ['5" wide', '9'],
    ],
    'a quote that is none',
  );
});

it('finds the cells in which two have written', () => {
  assert.deepEqual([...conflictsOf([member(3, 0)], writing(draft('u w', 5, 1)))], [['u w', 3]]);
  assert.deepEqual([...conflictsOf([member(5, 0)], writing(draft('u w', 5, 1)))], [], 'the same');
  assert.deepEqual([...conflictsOf([member(1, 9)], writing(draft('u w', 5, 1)))], [], 'another cell');
});

it('keeps what is written until it is as it was', () => {
  const [guideline] = guidelines;
  const row = member(3, 0);
  const first = writeCells(nothingWritten, [{ member: row, guideline, text: '7' }]);
  assert.deepEqual([...first.drafts], [['u w', { points: 7, base: 3 }]]);
  const bad = writeCells(first, [{ member: row, guideline, text: '7x' }]);
  assert.deepEqual([...bad.wrong], [['u w', '7x']]);
  const later = writeCells(bad, [{ member: member(4, 0), guideline, text: '8' }]);
  assert.deepEqual([[...later.drafts], later.wrong.size], [[['u w', { points: 8, base: 3 }]], 0], 'what it was begun from stays');
  assert.equal(writeCells(later, [{ member: row, guideline, text: '3' }]).drafts.size, 0);
});

it('keeps what is written while what was written before is on its way', () => {
  const [w, r] = guidelines;
  const row = member(3, 0);
  const type = (before, guideline, text, at = row) => writeCells(before, [{ member: at, guideline, text }]);
  const sent = withSending(type(type(nothingWritten, w, '7'), r, '2'));
  assert.deepEqual([[...sent.drafts], writtenIn(sent).size], [[], 2], 'both are shown on');
  const since = type(type(sent, w, '9'), r, '0');
  assert.deepEqual([...conflictsOf([row], since)], [], 'with oneself nobody disagrees');
  const arrived = withArrived(since);
  assert.deepEqual(Object.fromEntries(arrived.drafts), { 'u w': { points: 9, base: 7 }, 'u r': { points: 0, base: 2 } });
  assert.deepEqual([...conflictsOf([member(7, 2)], arrived)], []);
  assert.deepEqual([...withArrived(type(type(sent, w, '9'), w, '7')).drafts], [], 'as it was sent');
  const returned = withReturned(since);
  assert.deepEqual([[...returned.drafts], returned.sent.size], [[['u w', { points: 9, base: 3 }]], 0], 'nothing of it is there');
  assert.deepEqual(withReturned(sent).drafts, sent.sent);
});

it('leaves out what is of a member or a guideline that has gone', () => {
  const typed = writeCells(nothingWritten, [
    ...['w', 'r'].map((id) => ({ member: member(0, 0), guideline: { id, maxPerMember: 40 }, text: '7' })),
    { member: { ...member(0, 0), userId: 'v' }, guideline: guidelines[0], text: '7' },
    { member: member(0, 0), guideline: { id: 'x', maxPerMember: 40 }, text: 'no number' },
  ]);
  assert.equal(countOf(typed), 4);
  const left = inTable(typed, [member(0, 0)], guidelines.slice(0, 1));
  assert.deepEqual([[...left.drafts.keys()], left.wrong.size], [['u w'], 0]);
  const { sent } = inTable(withSending(typed), [member(0, 0)], guidelines);
  assert.deepEqual([...sent.keys()], ['u w', 'u r']);
});

it('finds what a refusal is about', () => {
  const sent = ['u w', 'v w', 'v r'];
  const rows = [
    ['points[1].userId', ['v w', 'v r']],
    ['points[1].points', ['v w']],
    ['points[1]', ['v w']],
    ['points[9].userId', []],
    ['etag', []],
    ['', []],
  ];
  for (const [field, cells] of rows) assert.deepEqual([...refusedIn(sent, field)], cells, field);
  assert.deepEqual([...refusedIn(['u', 'v'], 'entries[1].userId')], ['v']);
});

it('sums a guideline up over all members, with what is not sent yet', () => {
  const members = [member(3, 9), { ...member(4, 0), userId: 'v' }, { ...member(0, 0), userId: 'x' }];
  const column = columnOf(members, 'w', draft('u w', 10, 3));
  assert.deepEqual(column, [10, 4, 0]);
  assert.deepEqual(summaryOf(column), { sum: 14, scoredCount: 2, average: 7, highest: 10 });
  assert.deepEqual(summaryOf([1, 1, 2]), { sum: 4, scoredCount: 3, average: 1.33, highest: 2 });
  assert.equal(summaryOf([2, ...Array(39).fill(1)]).average, 1.03, 'rounded up from 1.025');
  assert.deepEqual(summaryOf([0]), { sum: 0, scoredCount: 0, average: 0, highest: 0 });
});

it('leaves totals as the realm counted them, by rules that may have been others', () => {
  const members = [
    { ...member(35, 0), total: 35 },
    { ...member(1, 0), userId: 'v', total: 0 },
  ];
  assert.deepEqual(totalsOf(members, guidelines, new Map(), rules), [35, 0]);
  assert.deepEqual(totalsOf(members, guidelines, draft('v w', 12, 1), rules), [35, 12]);
});
