// What subgroups propose for an evaluation: taken over as a whole, or of one member.
import { answer } from '@pek/client';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Check, FileInput } from 'lucide-react';
import { pek } from '../../api';
import { shownName } from '../../names';
import { Avatar, Badge, Card } from '../../parts/basics';
import { useMessage } from '../../parts/problems';
import { tell, tellProblem } from '../../parts/toasts';
import { pointsIn, type MemberPoints } from '../../points';
import { useTexts } from '../../texts';
import { useScoreTexts } from '../../texts/scores';
import type { BoardSeen } from './board';
import { boardKey, type Drafted } from './queries';

interface DraftsProps {
    seen: BoardSeen;
    members: MemberPoints[];
    drafted: Drafted[];
}

/** May be taken over. */
const counts = ({ standing }: Drafted) => standing === 'COUNTS';

export function Drafts({ seen, members, drafted }: DraftsProps) {
    const texts = useTexts();
    const scores = useScoreTexts();
    const message = useMessage();
    const client = useQueryClient();
    const { boardRef, board, possible } = seen;
    const take = useMutation({
        mutationFn: ({ subgroupId, rows }: { subgroupId: string; rows?: Drafted }) =>
            answer(
                pek.POST('/api/v1/realms/{realm}/groups/{groupId}/scoreboards/{id}/drafts:takeOver', {
                    params: { path: { realm: boardRef.realm, groupId: boardRef.groupId, id: board.id } },
                    body: {
                        subgroupId,
                        cells: rows ? rows.cells.map(({ guidelineId }) => ({ userId: rows.userId, guidelineId })) : [],
                        etag: board.etag,
                    },
                }),
            ),
        onSuccess: ({ pointsCount, leftCount, left }) =>
            tell(
                leftCount === 0
                    ? scores.drafts.taken(pointsCount)
                    : `${scores.drafts.taken(pointsCount)} ${scores.drafts.left(leftCount)} ${left.map((one) => shownName(texts, one.displayName)).join(', ')}`,
            ),
        onError: (error) => tellProblem(message(error)),
        onSettled: () => client.invalidateQueries({ queryKey: boardKey(boardRef) }),
    });
    const byUser = new Map(members.map((member) => [member.userId, member]));
    const names = new Map(board.guidelines.map(({ id, name }) => [id, name]));
    /** The board has it already. */
    const isThere = ({ userId, cells }: Drafted) => {
        const member = byUser.get(userId);
        return member !== undefined && cells.every(({ guidelineId, points }) => pointsIn(member, guidelineId) === points);
    };
    const subgroups = [...new Map(drafted.map(({ subgroupId, subgroupName }) => [subgroupId, subgroupName]))];
    return subgroups.map(([subgroupId, subgroupName]) => {
        const rows = drafted.filter((row) => row.subgroupId === subgroupId && row.cells.length > 0);
        if (rows.length === 0) return null;
        const missing = rows.filter((row) => !isThere(row));
        const toTake = missing.filter(counts);
        return (
            <Card
                key={subgroupId}
                title={scores.drafts.title(subgroupName)}
                action={
                    possible.writePoints && toTake.length > 0 ? (
                        <button
                            type="button"
                            className="button small primary"
                            disabled={take.isPending}
                            onClick={() => take.mutate({ subgroupId })}
                        >
                            <FileInput size={16} aria-hidden="true" />
                            {scores.drafts.takeAll}
                        </button>
                    ) : (
                        missing.length === 0 && (
                            <Badge tone="ok">
                                <Check size={13} aria-hidden="true" />
                                {scores.drafts.same}
                            </Badge>
                        )
                    )
                }
            >
                <ul className="rows">
                    {rows.map((row) => (
                        <li key={row.userId}>
                            <Avatar id={row.userId} name={shownName(texts, row.displayName)} size="small" />
                            <div className="grow">
                                <span className="title">{shownName(texts, row.displayName)}</span>
                                <p className="muted small">
                                    {row.cells.map(({ guidelineId, points }) => `${names.get(guidelineId) ?? ''}: ${points}`).join(' · ')}
                                </p>
                                {!counts(row) && !isThere(row) && <p className="muted small">{scores.drafts.standings[row.standing]}</p>}
                            </div>
                            {isThere(row) ? (
                                <Check size={18} role="img" aria-label={scores.drafts.same} />
                            ) : (
                                possible.writePoints &&
                                counts(row) && (
                                    <button
                                        type="button"
                                        className="button small"
                                        disabled={take.isPending}
                                        aria-label={scores.drafts.takeOf(shownName(texts, row.displayName))}
                                        onClick={() => take.mutate({ subgroupId, rows: row })}
                                    >
                                        {scores.drafts.take}
                                    </button>
                                )
                            )}
                        </li>
                    ))}
                </ul>
            </Card>
        );
    });
}
