// Below what is written in many places and sent together.
import { useRouter } from '@tanstack/react-router';
import { Save, Undo2 } from 'lucide-react';
import { useEffect, useState } from 'react';
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

/** While something is not saved, whoever goes elsewhere is asked first. `leave` is there while they are. */
function useLeaving(dirty: boolean) {
    const { history } = useRouter();
    const [leave, setLeave] = useState<(really: boolean) => void>();
    useEffect(() => {
        if (!dirty) return;
        return history.block({
            blockerFn: () =>
                new Promise<boolean>((decide) =>
                    setLeave(() => (really: boolean) => {
                        setLeave(undefined);
                        decide(!really);
                    }),
                ),
            enableBeforeUnload: true,
        });
    }, [dirty, history]);
    return leave;
}

export function SaveBar({ said, dirty, saveable, onSave, onUndo }: SaveBarProps) {
    const texts = useTexts();
    const scores = useScoreTexts();
    const leave = useLeaving(dirty);
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
                onClose={() => leave?.(false)}
                title={scores.discard.title}
                text={scores.discard.text}
                action={scores.discard.action}
                danger
                onSubmit={async () => leave?.(true)}
            />
        </div>
    );
}
