// What can be done about an evaluation: by whom, in which season, in which state. As worker/evaluation has it (evaluator.h, scoreboard.h);
// the realm decides each time anew, and here is only what makes sense to be shown.
import type { Schema } from '@pek/client';

export type Status = Schema<'EvaluationStatus'>;
export type SeasonAction = Schema<'SeasonAction'>;

/** Of the caller on one group. */
export interface BoardRights {
  /** Points. */
  writes: boolean;
  /** Guidelines, report, entry cards; and submits. */
  leads: boolean;
  /** What was submitted. */
  judges: boolean;
  /** Who accepts judges as well. */
  accepts: boolean;
}

export interface Situation {
  board: Pick<Schema<'Scoreboard'>, 'semester' | 'pointStatus' | 'entryStatus'>;
  semester: Pick<Schema<'Semester'>, 'id' | 'openActions' | 'season'> | undefined;
  rights: BoardRights;
  groupIsArchived: boolean;
  /** There is a later version of the same semester. */
  superseded: boolean;
}

const isDone = (status: Status) => status === 'SUBMITTED' || status === 'ACCEPTED';

export function possibleNow({ board, semester, rights, groupIsArchived, superseded }: Situation) {
  const isNow = semester?.id === board.semester && !groupIsArchived;
  const opens = (action: SeasonAction) => isNow && !superseded && semester.openActions.includes(action);
  const parts = [board.pointStatus, board.entryStatus];
  const writes = (own: boolean, status: Status) =>
    (own && opens('EDIT_EVALUATION') && !isDone(status)) || (rights.judges && opens('CORRECT_EVALUATION') && status !== 'ACCEPTED');
  return {
    writePoints: writes(rights.writes, board.pointStatus),
    writeEntries: writes(rights.leads, board.entryStatus),
    writeGuidelines: rights.leads && opens('EDIT_EVALUATION') && !isDone(board.pointStatus),
    submit: rights.leads && opens('SUBMIT') && !parts.every(isDone),
    cancel: rights.leads && opens('CANCEL') && parts.includes('SUBMITTED'),
    revise: rights.leads && opens('EDIT_EVALUATION') && parts.includes('ACCEPTED') && !parts.includes('SUBMITTED'),
    // An acceptance may be taken back when the next version is there, too.
    judge: rights.judges && isNow && semester.openActions.includes('JUDGE') && parts.some((status) => status !== 'NOT_SUBMITTED'),
    review: rights.judges && opens('REVIEW_ENTRIES'),
    comment: opens('COMMENT'),
    discuss: (rights.leads || rights.judges) && opens('DISCUSS'),
  };
}

export type Possible = ReturnType<typeof possibleNow>;

/** Which of the sentences says best where it is. */
export function standingOf({ board, semester, rights, groupIsArchived, superseded }: Situation) {
  if (groupIsArchived) return 'archived';
  if (superseded) return 'superseded';
  if (semester && semester.id !== board.semester) return 'past';
  if (semester?.season === 'OFFSEASON') return 'offseason';
  const parts = [board.pointStatus, board.entryStatus];
  if (rights.judges && semester?.season === 'EVALUATION') {
    if (parts.includes('SUBMITTED')) return 'judge';
    if (!rights.writes) return parts.includes('NOT_SUBMITTED') ? 'unsubmitted' : 'judged';
  }
  if (!rights.writes) return rights.judges ? 'early' : 'read';
  if (parts.includes('REJECTED')) return 'rejected';
  if (!parts.every(isDone)) return rights.leads ? 'write' : 'writeHelper';
  if (parts.includes('SUBMITTED')) return semester?.season === 'APPLICATION' && rights.leads ? 'submitted' : 'waits';
  return 'accepted';
}
