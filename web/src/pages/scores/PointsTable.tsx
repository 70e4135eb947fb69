// Points as a spreadsheet: arrows lead from cell to cell, a paste fills from there, totals follow, and nothing is sent before "save".
import { PekError } from '@pek/client';
import { useMutation } from '@tanstack/react-query';
import {
    useMemo,
    useRef,
    useState,
    type ChangeEvent,
    type ClipboardEvent,
    type FocusEvent,
    type KeyboardEvent,
    type MouseEvent,
    type ReactNode,
} from 'react';
import { shownName } from '../../names';
import { Note } from '../../parts/basics';
import { useToldApart } from '../../parts/person';
import { useMessage } from '../../parts/problems';
import { tell } from '../../parts/toasts';
import {
    cellKey,
    columnOf,
    conflictsOf,
    countOf,
    inTable,
    nothingWritten,
    pointsIn,
    readPaste,
    refusedIn,
    summaryOf,
    totalsOf,
    withArrived,
    withReturned,
    withSending,
    writeCells,
    writtenIn,
    type CellText,
    type Drafts,
    type Guideline,
    type MemberPoints,
    type PointRules,
} from '../../points';
import { useDates, useTexts } from '../../texts';
import { useScoreTexts } from '../../texts/scores';
import { PointsCell } from './PointsCell';
import { SaveBar } from './SaveBar';

export interface Cell {
    member: MemberPoints;
    guideline: Guideline;
}

interface Props {
    guidelines: Guideline[];
    members: MemberPoints[];
    rules: PointRules;
    editable: boolean;
    send: (points: { userId: string; guidelineId: string; points: number }[]) => Promise<unknown>;
    /** Fetches what is shown anew. */
    refresh: () => Promise<unknown>;
    /** What is said of cells: how many times by cell, whether one may say more, and the dialog of one. */
    talk?: { counts: ReadonlyMap<string, number>; open: boolean; dialog: (cell: Cell, close: () => void) => ReactNode };
    /** By cell, from which group's draft it was taken over. */
    origins?: ReadonlyMap<string, string>;
}

export function PointsTable({ guidelines, members: people, rules, editable, send, refresh, talk, origins }: Props) {
    const texts = useTexts();
    const scores = useScoreTexts();
    const message = useMessage();
    const members = useToldApart(people);
    const table = useRef<HTMLTableElement>(null);
    const [typed, setWriting] = useState(nothingWritten);
    const writing = useMemo(
        () => (editable ? inTable(typed, members, guidelines) : nothingWritten),
        [editable, typed, members, guidelines],
    );
    const late = countOf(typed) - countOf(writing);
    const [talked, setTalked] = useState<Cell>();
    const { drafts, wrong } = writing;
    const written = useMemo(() => writtenIn(writing), [writing]);
    const conflicts = useMemo(() => conflictsOf(members, writing), [members, writing]);

    const save = useMutation({
        mutationFn: (cells: Drafts) =>
            send(
                [...cells].map(([key, { points }]) => {
                    const [userId = '', guidelineId = ''] = key.split(' ');
                    return { userId, guidelineId, points };
                }),
            ),
        // One can go on writing meanwhile.
        onMutate: () => setWriting(withSending),
        onSuccess: async () => {
            await refresh();
            setWriting(withArrived);
            tell(texts.saved);
        },
        // Somebody was faster: what is there now is fetched, and cells that both have written are shown.
        onError: () => {
            setWriting(withReturned);
            return refresh();
        },
    });
    const problem = save.error instanceof PekError ? save.error : undefined;
    const refused = new Set([...refusedIn(save.variables?.keys() ?? [], problem?.field ?? '')].filter((key) => drafts.has(key)));
    const whose = members.find(({ userId }) => [...refused][0]?.startsWith(`${userId} `));
    const saveable = drafts.size > 0 && wrong.size === 0 && conflicts.size === 0 && !save.isPending;

    const cellAt = (target: EventTarget, name: 'cell' | 'at'): [Cell, number, number] | undefined => {
        const [row = -1, column = -1] = (target as HTMLElement).dataset[name]?.split(' ').map(Number) ?? [];
        const member = members[row];
        const guideline = guidelines[column];
        return member && guideline && [{ member, guideline }, row, column];
    };
    /** One of two values of a cell in which two have written. */
    const decide = ({ member, guideline }: Cell, mine: boolean) => {
        const key = cellKey(member.userId, guideline.id);
        const next = new Map(drafts);
        const draft = next.get(key);
        if (mine && draft) next.set(key, { ...draft, base: pointsIn(member, guideline.id) });
        else next.delete(key);
        setWriting({ ...writing, drafts: next });
    };
    const goTo = (row: number, column: number) => {
        const cell = table.current?.querySelector<HTMLElement>(`[data-cell="${row} ${column}"]`);
        // The head of the table is not behind the bar of the site. (Where a click leads nothing moves: it would miss.)
        table.current?.parentElement?.scrollIntoView({ block: 'nearest' });
        cell?.focus();
        if (cell instanceof HTMLInputElement) cell.select();
    };

    const onChange = (event: ChangeEvent<HTMLElement>) => {
        const [cell] = cellAt(event.target, 'cell') ?? [];
        const text = (event.target as HTMLInputElement).value;
        if (cell) setWriting((before) => writeCells(before, [{ ...cell, text }]));
    };
    const onFocus = (event: FocusEvent<HTMLElement>) => {
        if (event.target instanceof HTMLInputElement) event.target.select();
    };
    const onKey = (event: KeyboardEvent<HTMLElement>) => {
        if (event.key === 's' && (event.ctrlKey || event.metaKey)) {
            event.preventDefault();
            if (saveable) save.mutate(drafts);
            return;
        }
        const found = cellAt(event.target, 'cell');
        if (!found) return;
        const [cell, row, column] = found;
        const input = event.target instanceof HTMLInputElement ? event.target : undefined;
        if (event.key === 'F2' && event.shiftKey && talk) setTalked(cell);
        const atStart = !input || input.selectionStart === 0;
        const atEnd = !input || input.selectionEnd === input.value.length;
        const steps: Record<string, [number, number] | undefined> = {
            ArrowUp: [-1, 0],
            ArrowDown: [1, 0],
            Enter: input && [event.shiftKey ? -1 : 1, 0],
            ArrowLeft: atStart ? [0, -1] : undefined,
            ArrowRight: atEnd ? [0, 1] : undefined,
        };
        const step = steps[event.key];
        if (!step) return;
        event.preventDefault();
        goTo(row + step[0], column + step[1]);
    };
    const onPaste = (event: ClipboardEvent<HTMLElement>) => {
        const found = cellAt(event.target, 'cell');
        const pasted = event.clipboardData.getData('text/plain');
        const lines = readPaste(pasted);
        // A text that is no more than one cell goes where the browser puts it.
        if (!found || !editable || (lines.length === 1 && lines[0]?.length === 1 && lines[0][0] === pasted)) return;
        event.preventDefault();
        const [, row, column] = found;
        const cells = lines.flatMap((line, down) =>
            line.flatMap((text, right): CellText[] => {
                const member = members[row + down];
                const guideline = guidelines[column + right];
                return member && guideline ? [{ member, guideline, text }] : [];
            }),
        );
        setWriting((before) => writeCells(before, cells));
    };
    const onClick = (event: MouseEvent<HTMLElement>) => {
        const button = (event.target as HTMLElement).closest<HTMLElement>('[data-do]');
        const [cell] = (button && cellAt(button, 'at')) ?? [];
        if (!cell) return;
        if (button?.dataset['do'] === 'comments') setTalked(cell);
        else decide(cell, button?.dataset['do'] === 'mine');
    };

    const totals = totalsOf(members, guidelines, written, rules);
    return (
        <section className="card scores">
            <div className="scores-scroll" tabIndex={0} role="region" aria-label={scores.table}>
                <table ref={table} onChange={onChange} onFocus={onFocus} onKeyDown={onKey} onPaste={onPaste} onClick={onClick}>
                    <thead>
                        <tr>
                            <th scope="col">{scores.member}</th>
                            {guidelines.map((guideline) => (
                                <th key={guideline.id} scope="col" title={guideline.description}>
                                    <span className="name">{guideline.name}</span>
                                    <span className="muted small">
                                        {guideline.category === 'WORK' ? scores.work : scores.responsibility} ·{' '}
                                        {scores.pointsMax(guideline.maxPerMember)}
                                    </span>
                                </th>
                            ))}
                            <th
                                scope="col"
                                className="total"
                                title={scores.totalRule(rules.workMax, rules.responsibilityMax, rules.totalMax, rules.least)}
                            >
                                {scores.total}
                                <span className="muted small">{scores.totalRange(rules.least, rules.totalMax)}</span>
                            </th>
                        </tr>
                    </thead>
                    <tbody>
                        {members.map((member, row) => (
                            <tr key={member.userId}>
                                <th scope="row">
                                    <span className="name">{shownName(texts, member.displayName)}</span>
                                </th>
                                {guidelines.map((guideline, column) => {
                                    const key = cellKey(member.userId, guideline.id);
                                    const points = written.get(key)?.points ?? (pointsIn(member, guideline.id) || '');
                                    return (
                                        <PointsCell
                                            key={guideline.id}
                                            row={row}
                                            column={column}
                                            who={shownName(texts, member.displayName)}
                                            guideline={guideline.name}
                                            shown={wrong.get(key) ?? String(points)}
                                            written={written.has(key)}
                                            wrong={wrong.has(key) || refused.has(key)}
                                            theirs={conflicts.get(key)}
                                            comments={talk?.counts.get(key) ?? 0}
                                            origin={origins?.get(key)}
                                            editable={editable}
                                            commentable={talk?.open === true}
                                        />
                                    );
                                })}
                                <td className="total number">{totals[row]}</td>
                            </tr>
                        ))}
                    </tbody>
                    <Summaries
                        guidelines={guidelines}
                        columns={guidelines.map(({ id }) => columnOf(members, id, written))}
                        totals={totals}
                    />
                </table>
            </div>
            {late > 0 && (
                <div className="scores-foot">
                    <Note tone="warn">{editable ? scores.gone(late) : scores.tooLate(late)}</Note>
                </div>
            )}
            {save.isError && (
                <div className="scores-foot">
                    <Note tone={conflicts.size > 0 ? 'warn' : 'bad'}>
                        {whose && <strong className="name">{shownName(texts, whose.displayName)}: </strong>}
                        {problem?.kind === 'changed' ? scores.conflict(conflicts.size) : message(save.error)}
                    </Note>
                </div>
            )}
            {editable && (
                <SaveBar
                    said={
                        wrong.size > 0
                            ? scores.wrong(wrong.size)
                            : written.size > 0
                              ? scores.unsaved(written.size)
                              : talk
                                ? scores.hint
                                : scores.hintPlain
                    }
                    dirty={written.size > 0 || wrong.size > 0}
                    saveable={saveable}
                    onSave={() => save.mutate(drafts)}
                    onUndo={() => {
                        setWriting(({ sent }) => ({ ...nothingWritten, sent }));
                        // What is on its way is waited for: another one beside it would be refused.
                        if (!save.isPending) save.reset();
                    }}
                />
            )}
            {talked && talk?.dialog(talked, () => setTalked(undefined))}
        </section>
    );
}

/** What all members have by each guideline and in all: together, on average of those who have some, and at most. */
function Summaries({ guidelines, columns, totals }: { guidelines: Guideline[]; columns: number[][]; totals: number[] }) {
    const scores = useScoreTexts();
    const dates = useDates();
    const all = columns.map(summaryOf);
    const total = summaryOf(totals);
    return (
        <tfoot>
            <tr>
                <th scope="row">{scores.sum}</th>
                {guidelines.map(({ id, maxPerGuideline: max }, i) => {
                    const sum = all[i]?.sum ?? 0;
                    return (
                        <td key={id} className={max > 0 && sum > max ? 'too-much' : ''}>
                            {max > 0 ? scores.cut(sum, max) : sum}
                        </td>
                    );
                })}
                <td className="total">{total.sum}</td>
            </tr>
            <tr>
                <th scope="row">{scores.average}</th>
                {guidelines.map(({ id }, i) => (
                    <td key={id}>{dates.number(all[i]?.average ?? 0)}</td>
                ))}
                <td className="total">{dates.number(total.average)}</td>
            </tr>
            <tr>
                <th scope="row">{scores.highest}</th>
                {guidelines.map(({ id }, i) => (
                    <td key={id}>{all[i]?.highest}</td>
                ))}
                <td className="total">{total.highest}</td>
            </tr>
        </tfoot>
    );
}
