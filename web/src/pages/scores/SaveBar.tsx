// Below what is written in many places and sent together.
import { Save, Undo2 } from 'lucide-react';
import { Leaving } from '../../parts/dialogs';
import { useTexts } from '../../texts';
import { useScoreTexts } from '../../texts/scores';

interface SaveBarProps {
    said: string;
    dirty: boolean;
    saveable: boolean;
    onSave: () => void;
    onUndo: () => void;
}

export function SaveBar({ said, dirty, saveable, onSave, onUndo }: SaveBarProps) {
    const texts = useTexts();
    const scores = useScoreTexts();
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
            <Leaving dirty={dirty} />
        </div>
    );
}
