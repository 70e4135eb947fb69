// One evaluation: the table of points.
import { answer } from '@pek/client';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { ListChecks, UsersRound } from 'lucide-react';
import { useMemo } from 'react';
import { pek } from '../../api';
import { Bones, Empty, Problem } from '../../parts/basics';
import { cellKey, type MemberPoints } from '../../points';
import { useScoreTexts } from '../../texts/scores';
import type { BoardSeen } from './board';
import { BoardFrame } from './BoardFrame';
import { Comments } from './Comments';
import { Drafts } from './Drafts';
import { PointsTable } from './PointsTable';
import { boardKey, commentsQuery, draftsQuery, pointsQuery, rulesQuery, type Comment, type Drafted } from './queries';

export function ScoreboardPage() {
    const boardRef = useParams({ from: '/realms/$realm/groups/$groupId/scoreboards/$scoreboardId' });
    return (
        <BoardFrame boardRef={boardRef} page="points">
            {(seen) => <Points key={boardRef.scoreboardId} seen={seen} />}
        </BoardFrame>
    );
}

/** Counts of comments by cell. */
function countsOf(comments: readonly Comment[]): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { userId, guidelineId } of comments) {
        const key = cellKey(userId, guidelineId);
        counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    return counts;
}

/** Names of the groups that cells were taken over from. */
function originsOf(members: readonly MemberPoints[], drafted: readonly Drafted[]): Map<string, string> {
    const names = new Map(drafted.map(({ subgroupId, subgroupName }) => [subgroupId, subgroupName]));
    return new Map(
        members.flatMap(({ userId, cells }) =>
            cells.flatMap(({ guidelineId, originGroupId: from }): [string, string][] =>
                from ? [[cellKey(userId, guidelineId), names.get(from) ?? from]] : [],
            ),
        ),
    );
}

function Points({ seen }: { seen: BoardSeen }) {
    const scores = useScoreTexts();
    const { boardRef, board, possible } = seen;
    const points = useQuery(pointsQuery(boardRef));
    const rules = useQuery(rulesQuery(boardRef.realm));
    const client = useQueryClient();
    const { data: comments } = useQuery(commentsQuery(boardRef));
    const { data: drafted } = useQuery(draftsQuery(boardRef));
    const counts = useMemo(() => countsOf(comments ?? []), [comments]);
    const origins = useMemo(() => originsOf(points.data ?? [], drafted ?? []), [points.data, drafted]);
    const path = { realm: boardRef.realm, groupId: boardRef.groupId, id: board.id };
    const retry = () => [points, rules].forEach((query) => void (query.isError && query.refetch()));
    const problem = (points.isError || rules.isError) && <Problem error={points.error ?? rules.error} retry={retry} />;
    if (points.isLoadingError || rules.isLoadingError) return problem;
    if (board.guidelines.length === 0) {
        return (
            <section className="card">
                <Empty icon={ListChecks} title={scores.noGuidelines}>
                    {possible.writeGuidelines ? scores.noGuidelinesText : scores.noGuidelinesWait}
                </Empty>
            </section>
        );
    }
    if (points.isPending || rules.isPending) {
        return (
            <section className="card">
                <Bones count={6} />
            </section>
        );
    }
    if (points.data.length === 0) {
        return (
            <section className="card">
                <Empty icon={UsersRound} title={scores.empty} />
            </section>
        );
    }
    return (
        <>
            {problem}
            <PointsTable
                guidelines={board.guidelines}
                members={points.data}
                rules={rules.data}
                editable={possible.writePoints}
                origins={origins}
                send={(cells) =>
                    answer(
                        pek.POST('/api/v1/realms/{realm}/groups/{groupId}/scoreboards/{id}/points:batchSet', {
                            params: { path },
                            body: { points: cells, etag: board.etag },
                        }),
                    )
                }
                refresh={() => client.invalidateQueries({ queryKey: boardKey(boardRef) })}
                talk={{
                    counts,
                    open: possible.comment,
                    dialog: ({ member, guideline }, close) => (
                        <Comments
                            seen={seen}
                            member={member}
                            guideline={guideline}
                            comments={(comments ?? []).filter(
                                ({ userId, guidelineId }) => userId === member.userId && guidelineId === guideline.id,
                            )}
                            onClose={close}
                        />
                    ),
                }}
            />
            {drafted && drafted.length > 0 && <Drafts seen={seen} members={points.data} drafted={drafted} />}
        </>
    );
}
