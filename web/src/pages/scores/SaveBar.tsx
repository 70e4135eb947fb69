// Below what is written in many places and sent together.
import { useRouter } from '@tanstack/react-router';
import { Save, Undo2 } from 'lucide-react';
import { useEffect, useState } from 'react';
import { askBeforeLeaving } from '../../leaving';
import { FormDialog } from '../../parts/dialogs';
import { useTexts } from '../../texts';
import { useScoreTexts } from '../../texts/scores';

interface SaveBarProps {
    said: string;
    dirty: boolean;
    saveable: boolean;
    onSave: () => void;
    onUndo: () => void;
}

/** While somebody is asked whether they leave what is not saved: how they go on, and how they stay. */
function useLeaving(dirty: boolean) {
    const { history } = useRouter();
    const [leave, setLeave] = useState<() => unknown>();
    useEffect(() => (dirty ? askBeforeLeaving(history, (go) => setLeave(() => go)) : undefined), [dirty, history]);
    return { leave, stay: () => setLeave(undefined) };
}

export function SaveBar({ said, dirty, saveable, onSave, onUndo }: SaveBarProps) {
    const texts = useTexts();
    const scores = useScoreTexts();
    const { leave, stay } = useLeaving(dirty);
    return (
        <div className={dirty ? 'scores-foot save-bar dirty' : 'scores-foot save-bar'}>
            <p className="muted small" role="status">
                {said}
            </p>
            <div className="actions">
                <button type="button" className="button" disabled={!dirty} onClick={onUndo}>
                    <Undo2 size={16} aria-hidden="true" />
                    {scores.undo}
                </button>
                <button type="button" className="button primary" disabled={!saveable} onClick={onSave}>
                    <Save size={16} aria-hidden="true" />
                    {texts.save}
                </button>
            </div>
            <FormDialog
                open={leave !== undefined}
                onClose={stay}
                title={scores.discard.title}
                text={scores.discard.text}
                action={scores.discard.action}
                danger
                onSubmit={async () => leave?.()}
            />
        </div>
    );
}
