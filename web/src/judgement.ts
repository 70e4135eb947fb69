// What a realm writes into the discussion when an evaluation is judged (worker/evaluation/scoreboard_service.c):
// "points: SUBMITTED -> ACCEPTED, entries: SUBMITTED -> SUBMITTED, why", and "-" where nothing was said.
import type { Status } from './standing';

export interface Judgement {
  /** Only what has become another. */
  changes: { part: 'points' | 'entries'; status: Status }[];
  explanation: string;
}

const form = /^points: (\w+) -> (\w+), entries: (\w+) -> (\w+), ([^]*)$/;

/** Undefined for what is said in another form. */
export function readJudgement(text: string): Judgement | undefined {
  const [, pointsBefore, points, entriesBefore, entries, explanation = ''] = form.exec(text) ?? [];
  if (points === undefined || entries === undefined) return undefined;
  const changes: Judgement['changes'] = [];
  if (points !== pointsBefore) changes.push({ part: 'points', status: points as Status });
  if (entries !== entriesBefore) changes.push({ part: 'entries', status: entries as Status });
  return { changes, explanation: explanation === '-' ? '' : explanation };
}

/** Whose cells or cards stayed behind: so many by name, and so many more. */
export interface LeftOf {
  users: string[];
  more: number;
}

const leftOf = (names = '', more = '0'): LeftOf => ({ users: names === '' ? [] : names.split(', '), more: Number(more) });

const takeOver = /^(\S+): (\d+) cells taken over(?:, (\d+) left, of (.+?)(?: and (\d+) more)?)?$/;

/** "kir-dev@pek: 12 cells taken over, 3 left, of bob, carol and 1 more", of a subgroup's draft (worker/evaluation/draft_store.c). */
export function readTakeOver(text: string): { groupId: string; cells: number; left: number; of: LeftOf } | undefined {
  const [, groupId, cells, left = '0', names, more] = takeOver.exec(text) ?? [];
  return groupId === undefined ? undefined : { groupId, cells: Number(cells), left: Number(left), of: leftOf(names, more) };
}

const revision = /^version (\d+): (\d+) cells and (\d+) entries left, of (.+?)(?: and (\d+) more)?$/;

/** "version 2: 3 cells and 1 entries left, of bob", of who may get no points any more (worker/evaluation/revision_store.c). */
export function readRevision(text: string): { version: number; cells: number; entries: number; of: LeftOf } | undefined {
  const [, version, cells, entries, names, more] = revision.exec(text) ?? [];
  if (version === undefined) return undefined;
  return { version: Number(version), cells: Number(cells), entries: Number(entries), of: leftOf(names, more) };
}
