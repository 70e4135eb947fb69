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

/** "kir-dev@kir-dev: 12 cells taken over", of a subgroup's draft (worker/evaluation/draft_service.c). */
export function readTakeOver(text: string): { groupId: string; cells: number } | undefined {
  const [, groupId, cells] = /^(\S+): (\d+) cells taken over$/.exec(text) ?? [];
  return groupId === undefined ? undefined : { groupId, cells: Number(cells) };
}
