// Points and entry cards are judged each for themselves, in one request: if one may not become so, neither does.
import { answer } from '@pek/client';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { pek } from '../../api';
import { FormDialog } from '../../parts/dialogs';
import { TextArea } from '../../parts/fields';
import { tell } from '../../parts/toasts';
import type { Status } from '../../standing';
import { useScoreTexts } from '../../texts/scores';
import type { BoardSeen } from './board';
import { Choice } from './Choice';
import { boardKey } from './queries';

type Verdict = 'KEEP' | 'ACCEPTED' | 'REJECTED';

export function JudgeDialog({ seen: { boardRef, board: now, rights }, onClose }: { seen: BoardSeen; onClose: () => void }) {
    const scores = useScoreTexts();
    const client = useQueryClient();
    const [board] = useState(now);
    const [points, setPoints] = useState<Verdict>('KEEP');
    const [entries, setEntries] = useState<Verdict>('KEEP');
    const said = (verdict: Verdict) => (verdict === 'KEEP' ? undefined : verdict);
    const judge = async (form: FormData) => {
        const [pointStatus, entryStatus] = [said(points), said(entries)];
        await answer(
            pek.POST('/api/v1/realms/{realm}/groups/{groupId}/scoreboards/{id}:judge', {
                params: { path: { realm: boardRef.realm, groupId: boardRef.groupId, id: board.id } },
                body: {
                    ...(pointStatus ? { pointStatus } : {}),
                    ...(entryStatus ? { entryStatus } : {}),
                    explanation: String(form.get('explanation') ?? '').trim(),
                    etag: board.etag,
                },
            }),
        );
        tell(scores.judged);
        await Promise.all([
            client.invalidateQueries({ queryKey: boardKey(boardRef) }),
            client.invalidateQueries({ queryKey: ['judgements', boardRef.realm] }),
        ]);
    };
    return (
        <FormDialog
            open
            onClose={onClose}
            title={scores.judge}
            text={scores.judgement.text}
            action={scores.judge}
            disabled={points === 'KEEP' && entries === 'KEEP'}
            begun
            onSubmit={judge}
        >
            <Verdicts label={scores.points} status={board.pointStatus} accepts={rights.accepts} value={points} onChange={setPoints} />
            <Verdicts label={scores.entries} status={board.entryStatus} accepts={rights.accepts} value={entries} onChange={setEntries} />
            <TextArea name="explanation" label={scores.explanation} hint={scores.explanationHint} maxLength={2000} />
        </FormDialog>
    );
}

interface VerdictsProps {
    label: string;
    status: Status;
    accepts: boolean;
    value: Verdict;
    onChange: (verdict: Verdict) => void;
}

function Verdicts({ label, status, accepts, value, onChange }: VerdictsProps) {
    const scores = useScoreTexts();
    const { judgement } = scores;
    const why = status === 'NOT_SUBMITTED' ? judgement.notSubmitted : accepts ? undefined : judgement.notAccepter;
    const closed = status === 'NOT_SUBMITTED' || (status === 'ACCEPTED' && !accepts);
    return (
        <div className="verdicts">
            <Choice
                legend={label}
                value={value}
                onChange={onChange}
                options={[
                    { value: 'KEEP', label: judgement.keep },
                    { value: 'ACCEPTED', label: judgement.accept, disabled: closed || !accepts || status === 'ACCEPTED' },
                    { value: 'REJECTED', label: judgement.reject, disabled: closed || status === 'REJECTED' },
                ]}
            />
            <p className="muted small">
                {judgement.now} {scores.statuses[status]}. {why}
            </p>
        </div>
    );
}
