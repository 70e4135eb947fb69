// What the group and its judges say to each other; in between, what became of the evaluation.
import { answer } from '@pek/client';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { FileInput, FilePlus, Gavel, SendHorizontal } from 'lucide-react';
import { Fragment, useState, type KeyboardEvent } from 'react';
import { pek, sessionQuery } from '../../api';
import { Badge, Bones, Card, Problem, type Tone } from '../../parts/basics';
import { Leaving } from '../../parts/dialogs';
import { TextArea } from '../../parts/fields';
import { useMessage } from '../../parts/problems';
import { tellProblem } from '../../parts/toasts';
import { readJudgement, readRevision, readTakeOver, type LeftOf } from '../../judgement';
import { useDates } from '../../texts';
import { useScoreTexts } from '../../texts/scores';
import type { BoardSeen } from './board';
import { messagesQuery, type Message } from './queries';
import { Named, Said } from './Said';

export function Discussion({ seen: { boardRef, possible } }: { seen: BoardSeen }) {
    const scores = useScoreTexts();
    const message = useMessage();
    const client = useQueryClient();
    const query = useQuery(messagesQuery(boardRef));
    const { data: session } = useQuery(sessionQuery);
    const [text, setText] = useState('');
    const send = useMutation({
        mutationFn: (said: string) =>
            answer(
                pek.POST('/api/v1/realms/{realm}/groups/{groupId}/scoreboards/{scoreboardId}/messages', {
                    params: { path: { ...boardRef } },
                    body: { text: said },
                }),
            ),
        onMutate: () => setText(''),
        onError: (error, said) => {
            setText((since) => (since === '' ? said : `${said}\n${since}`));
            tellProblem(message(error));
        },
        onSettled: () => client.invalidateQueries(messagesQuery(boardRef)),
    });
    const submit = () => {
        if (text.trim() !== '' && !send.isPending) send.mutate(text.trim());
    };
    const onKey = (event: KeyboardEvent) => {
        if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) submit();
    };
    const messages = query.data ?? [];
    return (
        <Card title={scores.discussion}>
            {query.isError && (
                <div className="card-text">
                    <Problem error={query.error} retry={() => void query.refetch()} />
                </div>
            )}
            {query.isPending ? (
                <Bones count={2} />
            ) : query.isLoadingError ? null : messages.length === 0 && !send.isPending ? (
                <p className="muted card-text">
                    {scores.discussionNone} {scores.discussionText}
                </p>
            ) : (
                <ol className="saids card-text">
                    {messages.map((one) =>
                        one.userId === '' ? <Judged key={one.id} message={one} /> : <Own key={one.id} message={one} />,
                    )}
                    {send.isPending && <Said by={session?.user?.id ?? ''} time={undefined} text={send.variables} />}
                </ol>
            )}
            {possible.discuss && (
                <form
                    className="form say"
                    onSubmit={(event) => {
                        event.preventDefault();
                        submit();
                    }}
                >
                    <TextArea
                        label={scores.message}
                        hint={scores.sendHint}
                        value={text}
                        rows={2}
                        maxLength={2000}
                        onChange={(event) => setText(event.target.value)}
                        onKeyDown={onKey}
                    />
                    <Leaving dirty={text.trim() !== ''} />
                    <button type="submit" className="button" disabled={text.trim() === '' || send.isPending}>
                        <SendHorizontal size={16} aria-hidden="true" />
                        {scores.send}
                    </button>
                </form>
            )}
        </Card>
    );
}

function Own({ message }: { message: Message }) {
    return <Said by={message.userId} time={message.createTime} text={message.text} />;
}

const tones: Partial<Record<string, Tone>> = { SUBMITTED: 'warn', ACCEPTED: 'ok', REJECTED: 'bad' };

/** What the realm says of a judgement, in the language of the page. */
function Judged({ message }: { message: Message }) {
    const scores = useScoreTexts();
    const dates = useDates();
    const judgement = readJudgement(message.text);
    const taken = readTakeOver(message.text);
    const revision = readRevision(message.text);
    const Icon = taken ? FileInput : revision ? FilePlus : Gavel;
    return (
        <li className="said event">
            <Icon size={16} aria-hidden="true" />
            <div className="grow">
                {judgement ? (
                    <>
                        <p className="badges">
                            {judgement.changes.map(({ part, status }) => (
                                <Badge key={part} tone={tones[status] ?? 'plain'}>
                                    {scores[part]}: {scores.statuses[status]}
                                </Badge>
                            ))}
                        </p>
                        {judgement.explanation && <p className="text">{judgement.explanation}</p>}
                    </>
                ) : taken ? (
                    <>
                        <p className="text">{scores.drafts.takenFrom(taken.groupId, taken.cells)}</p>
                        {taken.left > 0 && <Left said={scores.drafts.left(taken.left)} of={taken.of} />}
                    </>
                ) : revision ? (
                    <Left said={scores.revisedWithout(revision.version, revision.cells, revision.entries)} of={revision.of} />
                ) : (
                    <p className="text">{message.text}</p>
                )}
                {message.createTime && (
                    <time className="muted small" dateTime={message.createTime} title={dates.time(message.createTime)}>
                        {dates.ago(message.createTime)}
                    </time>
                )}
            </div>
        </li>
    );
}

/** What stayed behind, and whose it is. */
function Left({ said, of }: { said: string; of: LeftOf }) {
    const scores = useScoreTexts();
    return (
        <p className="text">
            {said}{' '}
            {of.users.map((id, i) => (
                <Fragment key={id}>
                    {i > 0 && ', '}
                    <Named id={id} />
                </Fragment>
            ))}
            {of.more > 0 && ` ${scores.more(of.more)}`}
        </p>
    );
}
