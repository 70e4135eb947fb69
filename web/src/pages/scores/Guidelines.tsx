// For what a member gets points, and what the group did: all of it is sent together.
import { answer, type Schema } from '@pek/client';
import { useQueryClient } from '@tanstack/react-query';
import { Plus, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { pek } from '../../api';
import { FormDialog } from '../../parts/dialogs';
import { SelectField, TextArea, TextField } from '../../parts/fields';
import { tell } from '../../parts/toasts';
import type { Guideline } from '../../points';
import { useTexts } from '../../texts';
import { useScoreTexts } from '../../texts/scores';
import { boardKey, type BoardRef } from './queries';

type Row = Guideline & { key: string };
let made = 0;

const fresh = (): Row => ({
    key: `new ${made++}`,
    id: '',
    name: '',
    description: '',
    category: 'WORK',
    maxPerMember: 10,
    maxPerGuideline: 0,
});

export function Guidelines({ boardRef, board: now, onClose }: { boardRef: BoardRef; board: Schema<'Scoreboard'>; onClose: () => void }) {
    const texts = useTexts();
    const scores = useScoreTexts();
    const client = useQueryClient();
    const [board] = useState(now);
    const [rows, setRows] = useState<Row[]>(() =>
        board.guidelines.length > 0 ? board.guidelines.map((guideline) => ({ ...guideline, key: guideline.id })) : [fresh()],
    );
    const [begun] = useState(rows);
    const change = (key: string, part: Partial<Guideline>) =>
        setRows((before) => before.map((row) => (row.key === key ? { ...row, ...part } : row)));
    const save = async (form: FormData) => {
        await answer(
            pek.PUT('/api/v1/realms/{realm}/groups/{groupId}/scoreboards/{id}', {
                params: { path: { realm: boardRef.realm, groupId: boardRef.groupId, id: board.id } },
                body: {
                    report: String(form.get('report') ?? ''),
                    guidelines: rows.map(({ key: _, ...guideline }) => guideline),
                    etag: board.etag,
                },
            }),
        );
        tell(texts.saved);
        await client.invalidateQueries({ queryKey: boardKey(boardRef) });
    };
    return (
        <FormDialog open onClose={onClose} title={scores.guidelines} action={texts.save} dirty={rows !== begun} begun onSubmit={save}>
            {rows.map((row) => (
                <fieldset key={row.key} className="guideline">
                    <TextField
                        label={texts.edit.name}
                        value={row.name}
                        required
                        maxLength={100}
                        onChange={(event) => change(row.key, { name: event.target.value })}
                    />
                    <TextField
                        label={scores.description}
                        value={row.description}
                        maxLength={2000}
                        onChange={(event) => change(row.key, { description: event.target.value })}
                    />
                    <div className="columns three">
                        <SelectField
                            label={scores.category}
                            value={row.category}
                            onChange={(event) => change(row.key, { category: event.target.value as Guideline['category'] })}
                        >
                            <option value="WORK">{scores.work}</option>
                            <option value="RESPONSIBILITY">{scores.responsibility}</option>
                        </SelectField>
                        <TextField
                            label={scores.max}
                            type="number"
                            min={1}
                            max={100}
                            required
                            defaultValue={row.maxPerMember}
                            onChange={(event) => change(row.key, { maxPerMember: Number(event.target.value) })}
                        />
                        <TextField
                            label={scores.maxAll}
                            hint={scores.maxAllHint}
                            type="number"
                            min={0}
                            max={1_000_000}
                            required
                            defaultValue={row.maxPerGuideline}
                            onChange={(event) => change(row.key, { maxPerGuideline: Number(event.target.value) })}
                        />
                    </div>
                    <button
                        type="button"
                        className="button small danger"
                        onClick={() => setRows((before) => before.filter(({ key }) => key !== row.key))}
                    >
                        <Trash2 size={16} aria-hidden="true" />
                        {scores.removeGuideline}
                    </button>
                </fieldset>
            ))}
            <button type="button" className="button" disabled={rows.length >= 50} onClick={() => setRows((before) => [...before, fresh()])}>
                <Plus size={16} aria-hidden="true" />
                {scores.addGuideline}
            </button>
            <TextArea name="report" label={scores.report} defaultValue={board.report} maxLength={10_000} rows={4} />
        </FormDialog>
    );
}
