// The table of points while one edits it: what is written and not sent yet, what a spreadsheet pastes, and totals as the realm reckons them.
import type { Schema } from '@pek/client';

export type Guideline = Schema<'Guideline'>;
export type MemberPoints = Schema<'MemberPoints'>;
export type PointRules = Pick<Schema<'PointRules'>, 'workMax' | 'responsibilityMax' | 'totalMax' | 'least'>;

/** What is written in one cell: `base` is what was there when it was begun, to tell whether somebody else wrote there, too. */
export interface Draft {
  points: number;
  base: number;
}

export type Drafts = ReadonlyMap<string, Draft>;

export const cellKey = (userId: string, guidelineId: string) => `${userId} ${guidelineId}`;

export function pointsIn(member: MemberPoints, guidelineId: string): number {
  return member.cells.find((cell) => cell.guidelineId === guidelineId)?.points ?? 0;
}

/** As spreadsheets write a whole number: `7`, `+7`, `7,0`, `7.00`. `7.000` is none: it may be seven thousand. */
const wholeNumber = /^\+?(\d{1,4})([.,]0{1,2})?$/;

/** A whole number from 0 to the guideline's maximum; undefined for anything else. An empty cell is 0. */
export function readPoints(text: string, guideline: Guideline): number | undefined {
  const trimmed = text.trim();
  if (trimmed === '') return 0;
  const digits = wholeNumber.exec(trimmed)?.[1];
  if (digits === undefined) return undefined;
  const points = Number(digits);
  return points <= guideline.maxPerMember ? points : undefined;
}

/** A cell and what ends it. In quotes it may have tabs and line breaks, and a quote is written twice. */
const pastedCell = /(?:"([^"]*(?:""[^"]*)*)"|([^\t\n]*))(\t|\n|$)/g;

/** What a spreadsheet puts on the clipboard: rows in lines, cells between tabs. */
export function readPaste(text: string): string[][] {
  const rows: string[][] = [[]];
  for (const [, quoted, plain = '', end] of text.replace(/\r\n?/g, '\n').replace(/\n$/, '').matchAll(pastedCell)) {
    rows.at(-1)?.push(quoted?.replace(/""/g, '"') ?? plain);
    if (end === '') break;
    if (end === '\n') rows.push([]);
  }
  return rows;
}

/** As worker/evaluation does it: each category up to its maximum, both together up to theirs, and too little is 0 or the least. */
export function totalOf(member: MemberPoints, guidelines: readonly Guideline[], drafts: Drafts, rules: PointRules): number {
  const sum = (category: Guideline['category']) =>
    guidelines
      .filter((guideline) => guideline.category === category)
      .reduce((before, { id }) => before + (drafts.get(cellKey(member.userId, id))?.points ?? pointsIn(member, id)), 0);
  const work = Math.min(sum('WORK'), rules.workMax);
  const responsibility = Math.min(sum('RESPONSIBILITY'), rules.responsibilityMax);
  const total = Math.min(work + responsibility, rules.totalMax);
  if (total >= rules.least) return total;
  return total * 2 > rules.least ? rules.least : 0;
}

/** Cells that somebody else wrote as well since they were begun: which of the two is meant, a person says. */
export function conflictsOf(members: readonly MemberPoints[], { drafts, sent }: Pick<Writing, 'drafts' | 'sent'>): Map<string, number> {
  const conflicts = new Map<string, number>();
  for (const member of members) {
    for (const [key, draft] of drafts) {
      const [userId, guidelineId = ''] = key.split(' ');
      if (userId !== member.userId) continue;
      const now = sent.get(key)?.points ?? pointsIn(member, guidelineId);
      if (now !== draft.base && now !== draft.points) conflicts.set(key, now);
    }
  }
  return conflicts;
}

/** What is written and not sent; `sent` is what is on its way, and `wrong` what is no number that fits, as it was typed. */
export interface Writing {
  drafts: Drafts;
  sent: Drafts;
  wrong: ReadonlyMap<string, string>;
}

export const nothingWritten: Writing = { drafts: new Map(), sent: new Map(), wrong: new Map() };

/** What the table shows as written: what is on its way, and over it what was written since. */
export const writtenIn = ({ drafts, sent }: Writing): Drafts => new Map([...sent, ...drafts]);

/** What is in the table still: the rest is of members or guidelines that have gone since. */
export function inTable({ drafts, sent, wrong }: Writing, members: readonly MemberPoints[], guidelines: readonly Guideline[]): Writing {
  const there = [new Set(members.map(({ userId }) => userId)), new Set(guidelines.map(({ id }) => id))];
  const isThere = ([key]: [string, unknown]) => key.split(' ').every((id, i) => there[i]?.has(id));
  const kept = <Value>(cells: ReadonlyMap<string, Value>) => new Map([...cells].filter(isThere));
  return { drafts: kept(drafts), sent: kept(sent), wrong: kept(wrong) };
}

/** How many cells. */
export const countOf = (writing: Writing) => writtenIn(writing).size + writing.wrong.size;

/**
 * Of what was sent, by its keys: what the `field` of a refusal is about, as `points[3].userId`. When that is a member it is all that was
 * sent of them.
 */
export function refusedIn(sent: Iterable<string>, field: string): Set<string> {
  const keys = [...sent];
  const [, at, what] = /^\w+\[(\d+)\](\.user_?id$)?/i.exec(field) ?? [];
  const named = keys[Number(at)];
  const userOf = (key: string) => key.split(' ')[0];
  return new Set(keys.filter((key) => named !== undefined && (key === named || (what && userOf(key) === userOf(named)))));
}

/** All of it goes now. What is written from here on is compared with what goes. */
export const withSending = ({ drafts, wrong }: Writing): Writing => ({ drafts: new Map(), sent: drafts, wrong });

/** It has arrived, and what is shown has it. */
export const withArrived = (writing: Writing): Writing => ({ ...writing, sent: new Map() });

/** It was not taken: it is written and not sent again, below what was written since. */
export function withReturned({ drafts, sent, wrong }: Writing): Writing {
  const all = new Map(sent);
  for (const [key, { points, base }] of drafts) {
    const first = sent.get(key)?.base ?? base;
    if (points === first) all.delete(key);
    else all.set(key, { points, base: first });
  }
  return { drafts: all, sent: new Map(), wrong };
}

export interface CellText {
  member: MemberPoints;
  guideline: Guideline;
  text: string;
}

/** What is as it was before is no draft. */
export function writeCells(before: Writing, cells: readonly CellText[]): Writing {
  const drafts = new Map(before.drafts);
  const wrong = new Map(before.wrong);
  for (const { member, guideline, text } of cells) {
    const key = cellKey(member.userId, guideline.id);
    const points = readPoints(text, guideline);
    if (points === undefined) {
      wrong.set(key, text);
      continue;
    }
    wrong.delete(key);
    const now = before.sent.get(key)?.points ?? pointsIn(member, guideline.id);
    if (points === now) drafts.delete(key);
    else drafts.set(key, { points, base: drafts.get(key)?.base ?? now });
  }
  return { ...before, drafts, wrong };
}

/** What all members have by one guideline. */
export function columnOf(members: readonly MemberPoints[], guidelineId: string, drafts: Drafts): number[] {
  return members.map((member) => drafts.get(cellKey(member.userId, guidelineId))?.points ?? pointsIn(member, guidelineId));
}

/** As the realm counted them, which is by the rules of that semester; where something is written, by those of now. */
export function totalsOf(members: readonly MemberPoints[], guidelines: readonly Guideline[], drafts: Drafts, rules: PointRules): number[] {
  const written = new Set([...drafts.keys()].map((key) => key.split(' ')[0]));
  return members.map((member) => (written.has(member.userId) ? totalOf(member, guidelines, drafts, rules) : member.total));
}

export type Totals = Schema<'PointTotals'>;

/** What numbers come to, as the realm says it: the average is of those above 0, with two digits. */
export function summaryOf(numbers: readonly number[]): Totals {
  const scored = numbers.filter((points) => points > 0);
  const sum = scored.reduce((before, points) => before + points, 0);
  const average = scored.length === 0 ? 0 : Math.round((sum * 100) / scored.length) / 100;
  return { sum, scoredCount: scored.length, average, highest: Math.max(0, ...scored) };
}
