// A form over something that may change while one types: see ../edits.
import { useState, type ChangeEvent } from 'react';
import { changeOf, conflictsIn, withEdit, withSaved, type Edits, type Texts as Change } from '../edits';
import { useTexts } from '../texts';
import { Note } from './basics';

export function useEdits<Name extends string>(there: Record<Name, string>) {
    const [edits, setEdits] = useState<Edits<Name>>({});
    return {
        /** Of a field, or a selection, of that name. */
        field: (name: Name) => ({
            name,
            value: edits[name]?.text ?? there[name],
            onChange: ({ target: { value } }: ChangeEvent<HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement>) =>
                setEdits((before) => withEdit(before, there, name, value)),
        }),
        change: changeOf(edits, there),
        conflicts: conflictsIn(edits, there),
        saved: (sent: Change<Name>) => setEdits((before) => withSaved(before, sent)),
    };
}

/** What is there now of what was changed elsewhere, too: what, and how it is. */
export function Meanwhile({ now }: { now: [what: string, text: string][] }) {
    const texts = useTexts();
    if (now.length === 0) return null;
    return (
        <Note tone="warn">
            <p>{texts.edit.meanwhile}</p>
            {now.map(([what, text]) => (
                <p key={what}>
                    {what}: <strong className="name">{text || '–'}</strong>
                </p>
            ))}
        </Note>
    );
}
