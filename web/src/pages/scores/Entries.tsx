// Which entry card the group asks for each of its members, and why; and what its judges say to that.
import { answer, PekError } from '@pek/client';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { IdCard } from 'lucide-react';
import { useMemo, useState } from 'react';
import { pek } from '../../api';
import { Avatar, Badge, Bones, Card, Empty, Note, Problem } from '../../parts/basics';
import { TextArea } from '../../parts/fields';
import { useToldApart } from '../../parts/person';
import { useMessage } from '../../parts/problems';
import { tell } from '../../parts/toasts';
import {
    cardConflicts,
    cardOf,
    lacksJustification,
    withReturned,
    withSent,
    writeCard,
    type CardDraft,
    type CardDrafts,
    type Card as EntryCard,
} from '../../entries';
import { refusedIn } from '../../points';
import { shownName } from '../../names';
import { useTexts } from '../../texts';
import { useScoreTexts } from '../../texts/scores';
import type { BoardSeen } from './board';
import { BoardFrame } from './BoardFrame';
import { Choice } from './Choice';
import { boardKey, entriesQuery, entryTypes, type Entry } from './queries';
import { Review } from './Review';
import { SaveBar } from './SaveBar';

const none: CardDrafts = new Map();
const noEntries: Entry[] = [];

export function EntriesPage() {
    const boardRef = useParams({ from: '/realms/$realm/groups/$groupId/scoreboards/$scoreboardId/entries' });
    return (
        <BoardFrame boardRef={boardRef} page="entries">
            {(seen) => <Entries key={boardRef.scoreboardId} seen={seen} />}
        </BoardFrame>
    );
}

function Entries({ seen }: { seen: BoardSeen }) {
    const texts = useTexts();
    const scores = useScoreTexts();
    const message = useMessage();
    const client = useQueryClient();
    const { boardRef, board, possible, rights, semester } = seen;
    const query = useQuery(entriesQuery(boardRef));
    const [typed, setDrafts] = useState(none);
    const drafts = useMemo(
        () => (possible.writeEntries ? new Map([...typed].filter(([id]) => query.data?.some(({ userId }) => userId === id))) : none),
        [possible.writeEntries, typed, query.data],
    );
    const late = typed.size - drafts.size;
    const [sent, setSent] = useState(none);
    const [chosen, setOnlyAsked] = useState<boolean>();
    const onlyAsked = chosen ?? !possible.writeEntries;
    const people = useToldApart(query.data ?? noEntries);
    const entries = useMemo(() => withSent(people, sent), [people, sent]);
    const conflicts = useMemo(() => cardConflicts(entries, drafts), [entries, drafts]);
    const save = useMutation({
        mutationFn: (cards: CardDrafts) =>
            answer(
                pek.POST('/api/v1/realms/{realm}/groups/{groupId}/scoreboards/{id}/entries:batchSet', {
                    params: { path: { realm: boardRef.realm, groupId: boardRef.groupId, id: board.id } },
                    body: {
                        entries: [...cards].map(([userId, { type, justification }]) => ({ userId, type, justification })),
                        etag: board.etag,
                    },
                }),
            ),
        // One can go on writing meanwhile.
        onMutate: (cards) => {
            setSent(cards);
            setDrafts(none);
        },
        onSuccess: async () => {
            await client.invalidateQueries({ queryKey: boardKey(boardRef) });
            setSent(none);
            tell(texts.saved);
        },
        onError: (_, cards) => {
            setSent(none);
            setDrafts((since) => withReturned(since, cards));
            return client.invalidateQueries({ queryKey: boardKey(boardRef) });
        },
    });
    const problem = save.error instanceof PekError ? save.error : undefined;
    const refused = refusedIn(save.variables?.keys() ?? [], problem?.field ?? '');
    const whose = entries.find(({ userId }) => refused.has(userId) && drafts.has(userId));
    if (query.isLoadingError) return <Problem error={query.error} retry={() => void query.refetch()} />;
    if (query.isPending) {
        return (
            <section className="card">
                <Bones count={5} />
            </section>
        );
    }
    const cards = entries.map((entry) => ({ entry, card: drafts.get(entry.userId) ?? cardOf(entry) }));
    const asked = cards.filter(({ card }) => card.type !== 'KDO');
    const written = new Set([...sent.keys(), ...drafts.keys()]);
    // One that is being written stays in sight, whatever it becomes.
    const shown = onlyAsked ? cards.filter(({ entry, card }) => card.type !== 'KDO' || written.has(entry.userId)) : cards;
    const lacking = asked.filter(({ card }) => lacksJustification(card)).length;
    const decide = (entry: Entry, draft: CardDraft, mine: boolean) => {
        const next = new Map(drafts);
        if (mine) next.set(entry.userId, { ...draft, base: cardOf(entry) });
        else next.delete(entry.userId);
        setDrafts(next);
    };
    return (
        <Card
            title={scores.entry.asked(asked.length)}
            action={
                <div className="chips">
                    {[false, true].map((only) => (
                        <button key={String(only)} type="button" aria-pressed={onlyAsked === only} onClick={() => setOnlyAsked(only)}>
                            {only ? scores.entry.filters.asked : scores.entry.filters.all}
                        </button>
                    ))}
                </div>
            }
        >
            {query.isError && (
                <div className="card-note">
                    <Problem error={query.error} retry={() => void query.refetch()} />
                </div>
            )}
            {possible.writeEntries && lacking > 0 && (
                <div className="card-note">
                    <Note tone="warn">{scores.entry.lacking(lacking)}</Note>
                </div>
            )}
            {shown.length === 0 ? (
                <Empty icon={IdCard} title={scores.entry.noneAsked} />
            ) : (
                <ul className="rows entries">
                    {shown.map(({ entry, card }) => {
                        const draft = drafts.get(entry.userId);
                        return (
                            <li key={entry.userId} className={written.has(entry.userId) ? 'written' : ''}>
                                <Avatar id={entry.userId} name={shownName(texts, entry.displayName)} />
                                <div className="grow stack tight">
                                    {possible.writeEntries && (!entry.finalized || rights.accepts) ? (
                                        <Writing
                                            entry={entry}
                                            card={card}
                                            blankIsLost={semester.season !== 'APPLICATION'}
                                            onChange={(part) => setDrafts((before) => writeCard(before, entry, part))}
                                        />
                                    ) : (
                                        <Reading entry={entry} />
                                    )}
                                    {draft && conflicts.has(entry.userId) && (
                                        <Both entry={entry} onDecide={(mine) => decide(entry, draft, mine)} />
                                    )}
                                    {possible.review && entry.type !== 'KDO' && <Review seen={seen} entry={entry} />}
                                </div>
                            </li>
                        );
                    })}
                </ul>
            )}
            {late > 0 && (
                <div className="scores-foot">
                    <Note tone="warn">
                        <p>{possible.writeEntries ? scores.gone(late) : scores.tooLate(late)}</p>
                        {[...typed].map(
                            ([userId, { type, justification }]) =>
                                !drafts.has(userId) && (
                                    <p key={userId} className="text">
                                        {type}: {justification}
                                    </p>
                                ),
                        )}
                    </Note>
                </div>
            )}
            {save.isError && (
                <div className="scores-foot">
                    <Note tone={problem?.kind === 'changed' ? 'warn' : 'bad'}>
                        {whose && <strong className="name">{shownName(texts, whose.displayName)}: </strong>}
                        {problem?.kind === 'changed' ? scores.entry.conflicts(conflicts.size) : message(save.error)}
                    </Note>
                </div>
            )}
            {possible.writeEntries && (
                <SaveBar
                    said={written.size > 0 ? scores.entry.unsaved(written.size) : scores.entry.hint}
                    dirty={written.size > 0}
                    saveable={drafts.size > 0 && conflicts.size === 0 && !save.isPending}
                    onSave={() => save.mutate(drafts)}
                    onUndo={() => {
                        setDrafts(none);
                        save.reset();
                    }}
                />
            )}
        </Card>
    );
}

interface WritingProps {
    entry: Entry;
    card: EntryCard;
    /** What is written of a KDO is not kept in this season. */
    blankIsLost: boolean;
    onChange: (part: Partial<EntryCard>) => void;
}

function Writing({ entry, card, blankIsLost, onChange }: WritingProps) {
    const texts = useTexts();
    const scores = useScoreTexts();
    const lost = blankIsLost && card.type === 'KDO' && entry.type !== 'KDO';
    return (
        <>
            <div className="entry-line">
                <Name entry={entry} />
                <Choice
                    legend={scores.entry.typeOf(shownName(texts, entry.displayName))}
                    legendHidden
                    value={card.type}
                    onChange={(type) => onChange({ type })}
                    options={entryTypes.map((type) => ({ value: type, label: type, title: scores.entry.typeTexts[type] }))}
                />
            </div>
            {card.type !== 'KDO' && (
                <TextArea
                    label={scores.entry.justification}
                    hint={scores.entry.justificationHint}
                    value={card.justification}
                    rows={3}
                    maxLength={5000}
                    onChange={(event) => onChange({ justification: event.target.value })}
                />
            )}
            {lost && <p className="muted small">{scores.entry.blankLost}</p>}
        </>
    );
}

/** A member, and what was said of their card so far. */
export function Name({ entry }: { entry: Entry }) {
    const texts = useTexts();
    const scores = useScoreTexts();
    const known = entryTypes.find((type) => type === entry.recommendation);
    return (
        <div className="grow">
            <span className="title">{shownName(texts, entry.displayName)}</span>
            {(known || entry.finalized) && (
                <span className="badges">
                    {known && <Badge tone={known === entry.type ? 'ok' : 'warn'}>{scores.entry.recommended(known)}</Badge>}
                    {entry.finalized && <Badge tone="accent">{scores.entry.finalized}</Badge>}
                </span>
            )}
        </div>
    );
}

export function Reading({ entry }: { entry: Entry }) {
    return (
        <>
            <div className="entry-line">
                <Name entry={entry} />
                <Badge tone={entry.type === 'KDO' ? 'plain' : 'info'}>{entry.type}</Badge>
            </div>
            {entry.justification && <p className="text">{entry.justification}</p>}
        </>
    );
}

/** Two have written one card. */
function Both({ entry, onDecide }: { entry: Entry; onDecide: (mine: boolean) => void }) {
    const scores = useScoreTexts();
    return (
        <div className="note warn">
            <div className="grow stack tight">
                <p>
                    {scores.entry.conflict} <strong>{entry.type}</strong>
                </p>
                {entry.justification && <p className="text">{entry.justification}</p>}
                <div className="actions">
                    <button type="button" className="button small" onClick={() => onDecide(false)}>
                        {scores.entry.theirs}
                    </button>
                    <button type="button" className="button small" onClick={() => onDecide(true)}>
                        {scores.entry.mine}
                    </button>
                </div>
            </div>
        </div>
    );
}
