// What a subgroup proposes for the evaluation of the group above it.
import { answer, PekError } from '@pek/client';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { FileInput, ListChecks } from 'lucide-react';
import { groupQuery, pek } from '../../api';
import { useEvaluationRights } from '../../may';
import { Bones, Empty, Note, Problem } from '../../parts/basics';
import { totalOf } from '../../points';
import { useScoreTexts } from '../../texts/scores';
import { GroupHeadOf } from '../group/GroupHead';
import '../../styles/scores.css';
import { PointsTable } from './PointsTable';
import { draftQuery, rulesQuery, semesterQuery } from './queries';
import { StatusOf } from './StatusOf';

export function PointDraftPage() {
    const scores = useScoreTexts();
    const client = useQueryClient();
    const ref = useParams({ from: '/realms/$realm/groups/$groupId/point-draft' });
    const query = useQuery(draftQuery(ref));
    const { data: group } = useQuery(groupQuery(ref));
    const { data: rules } = useQuery(rulesQuery(ref.realm));
    const { data: semester } = useQuery(semesterQuery(ref.realm));
    const { writes } = useEvaluationRights(ref);
    const head = <GroupHeadOf groupRef={ref} page={scores.drafts.own} />;
    if (query.isLoadingError) {
        const notYet = query.error instanceof PekError && query.error.kind === 'refused';
        return (
            <>
                {head}
                {notYet ? (
                    <section className="card">
                        <Empty icon={FileInput} title={scores.drafts.none}>
                            {scores.drafts.noneText}
                        </Empty>
                    </section>
                ) : (
                    <Problem error={query.error} retry={() => void query.refetch()} />
                )}
            </>
        );
    }
    if (query.isPending || !rules || !semester) {
        return (
            <section className="card">
                <Bones count={6} />
            </section>
        );
    }
    const draft = query.data;
    const isOpen =
        group?.isArchived === false &&
        semester.id === draft.semester &&
        semester.openActions.includes('EDIT_EVALUATION') &&
        (draft.pointStatus === 'NOT_SUBMITTED' || draft.pointStatus === 'REJECTED');
    const left = draft.members.filter(({ standing }) => standing !== 'COUNTS');
    const members = draft.members
        .filter(({ standing }) => standing === 'COUNTS')
        .map((member) => {
            const row = { ...member, work: 0, responsibility: 0, total: 0 };
            return { ...row, total: totalOf(row, draft.guidelines, new Map(), rules) };
        });
    return (
        <>
            {head}
            {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
            <div className="page-head">
                <div>
                    <h2 className="board-title">{scores.drafts.own}</h2>
                    <div className="badges under-title">
                        <StatusOf label={scores.semester(draft.semester)} status={draft.pointStatus} />
                    </div>
                </div>
            </div>
            <Note>{isOpen ? scores.drafts.ownText : group?.isArchived ? scores.standing.archived : scores.drafts.closed}</Note>
            {left.length > 0 && (
                <Note tone="warn">
                    {left.map(({ userId, displayName, standing }) => (
                        <p key={userId}>
                            <span className="name">{displayName}</span>: {scores.drafts.standings[standing]}
                        </p>
                    ))}
                </Note>
            )}
            {draft.withoutPointsCount > 0 && <Note>{scores.drafts.without(draft.withoutPointsCount)}</Note>}
            {draft.guidelines.length === 0 || members.length === 0 ? (
                <section className="card">
                    <Empty icon={ListChecks} title={draft.guidelines.length === 0 ? scores.noGuidelines : scores.drafts.nobody}>
                        {draft.guidelines.length > 0 && scores.drafts.nobodyText}
                    </Empty>
                </section>
            ) : (
                <PointsTable
                    guidelines={draft.guidelines}
                    members={members}
                    rules={rules}
                    editable={writes && isOpen}
                    send={(points) =>
                        answer(
                            pek.POST('/api/v1/realms/{realm}/groups/{groupId}/pointDraft:batchSet', {
                                params: { path: { realm: ref.realm, groupId: ref.groupId } },
                                body: { points, etag: draft.etag },
                            }),
                        )
                    }
                    refresh={() => client.invalidateQueries(draftQuery(ref))}
                />
            )}
        </>
    );
}
