// What is around every page of one evaluation: whose it is, where it stands, what can be done with it, and what is said about it.
import { answer } from '@pek/client';
import { useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { Gavel, ListChecks, PenLine, Send, Undo2 } from 'lucide-react';
import { useState, useSyncExternalStore, type ReactNode } from 'react';
import { pek } from '../../api';
import { isUnsaved, onUnsaved } from '../../leaving';
import { Bones, Card, Note, Problem } from '../../parts/basics';
import { PageProblem } from '../../parts/PageProblem';
import { FormDialog } from '../../parts/dialogs';
import { tell } from '../../parts/toasts';
import { useDates } from '../../texts';
import { useScoreTexts } from '../../texts/scores';
import { GroupHead } from '../group/GroupHead';
import '../../styles/scores.css';
import { useBoard, type BoardSeen } from './board';
import { Discussion } from './Discussion';
import { Guidelines } from './Guidelines';
import { JudgeDialog } from './JudgeDialog';
import { boardKey, type BoardRef } from './queries';
import { StatusOf } from './StatusOf';

interface BoardFrameProps {
    boardRef: BoardRef;
    page: 'points' | 'entries';
    children: (seen: BoardSeen) => ReactNode;
}

export function BoardFrame({ boardRef, page, children }: BoardFrameProps) {
    const scores = useScoreTexts();
    const { seen, error, retry } = useBoard(boardRef);
    if (!seen) {
        return error !== undefined ? (
            <PageProblem error={error} retry={retry} />
        ) : (
            <section className="card">
                <Bones count={6} />
            </section>
        );
    }
    return (
        <>
            <GroupHead group={seen.group} page={`${scores[page]}, ${scores.semester(seen.board.semester)}`} />
            {error !== undefined && <Problem error={error} retry={retry} />}
            <Head seen={seen} />
            <Tabs boardRef={boardRef} />
            {children(seen)}
            <div className="split">
                <Discussion seen={seen} />
                <Report seen={seen} />
            </div>
        </>
    );
}

function Tabs({ boardRef }: { boardRef: BoardRef }) {
    const scores = useScoreTexts();
    return (
        <nav className="subtabs" aria-label={scores.title}>
            <Link to="/realms/$realm/groups/$groupId/scoreboards/$scoreboardId" params={boardRef} activeOptions={{ exact: true }}>
                {scores.points}
            </Link>
            <Link to="/realms/$realm/groups/$groupId/scoreboards/$scoreboardId/entries" params={boardRef}>
                {scores.entries}
            </Link>
        </nav>
    );
}

type Asking = 'submit' | 'cancel' | 'revise' | 'judge' | 'guidelines';

function Head({ seen }: { seen: BoardSeen }) {
    const scores = useScoreTexts();
    const { board, possible, semester, standing } = seen;
    const [asking, setAsking] = useState<Asking>();
    const step = useSteps(seen);
    const unsaved = useSyncExternalStore(onUnsaved, isUnsaved);
    const close = () => setAsking(undefined);
    const said = scores.standing[standing];
    const submitText = semester.season === 'EVALUATION' ? scores.submitTextEvaluation : scores.submitText;
    return (
        <>
            <div className="page-head">
                <div>
                    <h2 className="board-title">
                        {scores.semester(board.semester)}
                        {board.version > 1 && <span className="muted"> · {scores.version(board.version)}</span>}
                    </h2>
                    <div className="badges under-title">
                        <StatusOf label={scores.points} status={board.pointStatus} />
                        <StatusOf label={scores.entries} status={board.entryStatus} />
                    </div>
                </div>
                <div className="actions">
                    {possible.writeGuidelines && (
                        <button type="button" className="button" onClick={() => setAsking('guidelines')}>
                            <ListChecks size={17} aria-hidden="true" />
                            {scores.guidelines}
                        </button>
                    )}
                    {possible.revise && (
                        <button type="button" className="button" onClick={() => setAsking('revise')}>
                            <PenLine size={17} aria-hidden="true" />
                            {scores.revise}
                        </button>
                    )}
                    {possible.cancel && (
                        <button type="button" className="button" onClick={() => setAsking('cancel')}>
                            <Undo2 size={17} aria-hidden="true" />
                            {scores.cancel}
                        </button>
                    )}
                    {possible.submit && (
                        <button type="button" className="button primary" onClick={() => setAsking('submit')}>
                            <Send size={17} aria-hidden="true" />
                            {scores.submit}
                        </button>
                    )}
                    {possible.judge && (
                        <button type="button" className="button primary" onClick={() => setAsking('judge')}>
                            <Gavel size={17} aria-hidden="true" />
                            {scores.judge}
                        </button>
                    )}
                </div>
            </div>
            <Note tone={standing === 'rejected' ? 'warn' : 'info'}>{typeof said === 'function' ? said(semester.id) : said}</Note>
            {asking === 'guidelines' && <Guidelines boardRef={seen.boardRef} board={board} onClose={close} />}
            {asking === 'judge' && <JudgeDialog seen={seen} onClose={close} />}
            <FormDialog
                open={asking === 'submit'}
                onClose={close}
                title={scores.submit}
                text={unsaved ? scores.saveFirst : submitText}
                action={scores.submit}
                disabled={unsaved}
                onSubmit={step.submit}
            />
            <FormDialog
                open={asking === 'cancel'}
                onClose={close}
                title={scores.cancel}
                text={scores.cancelText}
                action={scores.cancel}
                onSubmit={step.cancel}
            />
            <FormDialog
                open={asking === 'revise'}
                onClose={close}
                title={scores.revise}
                text={scores.reviseText}
                action={scores.revise}
                onSubmit={step.revise}
            />
        </>
    );
}

function useSteps({ boardRef, board }: BoardSeen) {
    const scores = useScoreTexts();
    const client = useQueryClient();
    const navigate = useNavigate();
    const path = { realm: boardRef.realm, groupId: boardRef.groupId };
    const parameters = { path: { ...path, id: board.id } };
    const body = { etag: board.etag };
    const done = async (said: string) => {
        tell(said);
        await Promise.all([
            client.invalidateQueries({ queryKey: boardKey(boardRef) }),
            client.invalidateQueries({ queryKey: ['group', boardRef.realm, boardRef.groupId, 'scoreboards'] }),
        ]);
    };
    return {
        submit: async () => {
            await answer(pek.POST('/api/v1/realms/{realm}/groups/{groupId}/scoreboards/{id}:submit', { params: parameters, body }));
            await done(scores.submitted);
        },
        cancel: async () => {
            await answer(pek.POST('/api/v1/realms/{realm}/groups/{groupId}/scoreboards/{id}:cancel', { params: parameters, body }));
            await done(scores.cancelled);
        },
        revise: async () => {
            const made = await answer(
                pek.POST('/api/v1/realms/{realm}/groups/{groupId}/scoreboards/{scoreboardId}:revise', {
                    params: { path: { ...path, scoreboardId: board.id } },
                    body,
                }),
            );
            await done(scores.revised);
            await navigate({
                to: '/realms/$realm/groups/$groupId/scoreboards/$scoreboardId',
                params: { ...path, scoreboardId: made.id },
            });
        },
    };
}

function Report({ seen: { board } }: { seen: BoardSeen }) {
    const scores = useScoreTexts();
    const dates = useDates();
    if (!board.report && !board.submitTime) return null;
    return (
        <Card title={scores.report}>
            <div className="about">
                {board.report && <p className="text">{board.report}</p>}
                {board.submitTime && <p className="muted small">{scores.submittedOn(dates.time(board.submitTime))}</p>}
            </div>
        </Card>
    );
}
