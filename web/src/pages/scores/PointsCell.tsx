// A cell of the table of points. It has no handlers: the table hears what happens in it, so that of 700 only the one that changes is
// drawn anew.
import { MessageSquare } from 'lucide-react';
import { memo } from 'react';
import { useScoreTexts } from '../../texts/scores';

interface PointsCellProps {
    row: number;
    column: number;
    who: string;
    guideline: string;
    shown: string;
    written: boolean;
    wrong: boolean;
    /** What somebody else wrote here since: which of the two is meant? */
    theirs: number | undefined;
    comments: number;
    /** The group whose draft it was taken over from. */
    origin: string | undefined;
    editable: boolean;
    commentable: boolean;
}

const heardByTable = () => undefined;

export const PointsCell = memo(function PointsCell(props: PointsCellProps) {
    const { row, column, who, guideline, shown, written, wrong, theirs, comments, origin, editable, commentable } = props;
    const scores = useScoreTexts();
    const at = `${row} ${column}`;
    const look = ['cell', written ? 'draft' : '', wrong ? 'wrong' : '', theirs === undefined ? '' : 'both'].join(' ').trim();
    const opens = comments > 0 || commentable;
    const label = scores.cellComments(who, guideline, comments);
    return (
        <td
            className={[comments > 0 ? 'noted' : '', origin ? 'taken' : ''].join(' ').trim() || undefined}
            title={origin && scores.drafts.from(origin)}
        >
            {editable ? (
                <>
                    <input
                        className={look}
                        data-cell={at}
                        inputMode="numeric"
                        autoComplete="off"
                        aria-label={`${who}, ${guideline}`}
                        title={origin && scores.drafts.from(origin)}
                        aria-invalid={wrong || undefined}
                        value={shown}
                        onChange={heardByTable}
                    />
                    {opens && (
                        <button
                            type="button"
                            className="cell-note"
                            data-at={at}
                            data-do="comments"
                            aria-label={label}
                            title={scores.comments}
                            tabIndex={comments > 0 ? 0 : -1}
                        >
                            <MessageSquare size={13} aria-hidden="true" />
                        </button>
                    )}
                </>
            ) : opens ? (
                <button
                    type="button"
                    className="cell"
                    data-cell={at}
                    data-at={at}
                    data-do="comments"
                    aria-label={`${shown || '0'}. ${label}`}
                    tabIndex={row === 0 && column === 0 ? 0 : -1}
                >
                    {shown || '·'}
                </button>
            ) : (
                <span className="cell">{shown || '·'}</span>
            )}
            {theirs !== undefined && (
                <span className="decide">
                    <button type="button" data-at={at} data-do="theirs">
                        {scores.theirs(theirs)}
                    </button>
                    <button type="button" data-at={at} data-do="mine">
                        {scores.mine(Number(shown))}
                    </button>
                </span>
            )}
        </td>
    );
});
