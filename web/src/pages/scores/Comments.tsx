// What is said about one cell: why a member has these points.
import { Dialog } from '@base-ui/react/dialog';
import { answer } from '@pek/client';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Lock, Pencil, Trash2 } from 'lucide-react';
import { useEffect, useRef, useState, type FormEvent } from 'react';
import { pek, sessionQuery } from '../../api';
import { shownName } from '../../names';
import { Badge, Note } from '../../parts/basics';
import { Leaving, useClosing } from '../../parts/dialogs';
import { TextArea } from '../../parts/fields';
import { useMessage } from '../../parts/problems';
import { pointsIn, type Guideline, type MemberPoints } from '../../points';
import { useTexts } from '../../texts';
import { useScoreTexts } from '../../texts/scores';
import type { BoardSeen } from './board';
import { boardKey, type Comment } from './queries';
import { Said } from './Said';

interface CommentsProps {
    seen: BoardSeen;
    member: MemberPoints;
    guideline: Guideline;
    comments: Comment[];
    onClose: () => void;
}

export function Comments({ seen, member, guideline, comments, onClose }: CommentsProps) {
    const texts = useTexts();
    const scores = useScoreTexts();
    const { data: session } = useQuery(sessionQuery);
    const popup = useRef<HTMLDivElement>(null);
    const [editing, setEditing] = useState<string>();
    const [unsent, setUnsent] = useState(false);
    const [unsaved, setUnsaved] = useState(false);
    const closing = useClosing(unsent || unsaved, onClose);
    const { possible, rights } = seen;
    const steps = useCommentSteps(seen, member.userId, guideline.id);
    const isClosed = comments.some(({ closes }) => closes);
    const mayWrite = possible.comment && (!isClosed || rights.accepts);
    return (
        <Dialog.Root open onOpenChange={closing.onOpenChange}>
            <Dialog.Portal>
                <Dialog.Backdrop className="backdrop" />
                <Dialog.Popup ref={popup} className="dialog" initialFocus={() => popup.current?.querySelector('textarea')}>
                    <Dialog.Title
                        render={<h2 className="name" />}
                    >{`${shownName(texts, member.displayName)} · ${guideline.name}`}</Dialog.Title>
                    <Dialog.Description className="muted">
                        {scores.cut(pointsIn(member, guideline.id), guideline.maxPerMember)}
                        {guideline.description && (
                            <>
                                {' · '}
                                <span className="name">{guideline.description}</span>
                            </>
                        )}
                    </Dialog.Description>
                    {comments.length === 0 && <p className="muted">{scores.discussionNone}</p>}
                    <ol className="saids">
                        {comments.map((comment) =>
                            editing === comment.id ? (
                                <li key={comment.id}>
                                    <Writer
                                        action={texts.save}
                                        text={comment.text}
                                        onDirty={setUnsaved}
                                        onSend={(text) => steps.update.mutateAsync({ comment, text })}
                                        onCancel={() => setEditing(undefined)}
                                    />
                                </li>
                            ) : (
                                <Said
                                    key={comment.id}
                                    by={comment.writtenBy}
                                    time={comment.createTime}
                                    text={comment.text}
                                    badge={
                                        comment.closes && (
                                            <Badge tone="info">
                                                <Lock size={12} aria-hidden="true" />
                                                {scores.closed}
                                            </Badge>
                                        )
                                    }
                                    actions={
                                        mayWrite &&
                                        comment.writtenBy === session?.user?.id && (
                                            <span className="said-actions">
                                                <button
                                                    type="button"
                                                    className="button quiet icon small"
                                                    aria-label={scores.edit}
                                                    disabled={unsaved} // in another one
                                                    onClick={() => setEditing(comment.id)}
                                                >
                                                    <Pencil size={15} aria-hidden="true" />
                                                </button>
                                                <button
                                                    type="button"
                                                    className="button quiet icon small danger"
                                                    aria-label={scores.delete}
                                                    disabled={steps.remove.isPending}
                                                    onClick={() => steps.remove.mutate(comment)}
                                                >
                                                    <Trash2 size={15} aria-hidden="true" />
                                                </button>
                                            </span>
                                        )
                                    }
                                />
                            ),
                        )}
                    </ol>
                    {steps.remove.isError && <Failed error={steps.remove.error} />}
                    {mayWrite ? (
                        <Writer
                            action={scores.add}
                            mayClose={rights.accepts}
                            onDirty={setUnsent}
                            onSend={(text, closes) => steps.create.mutateAsync({ text, closes })}
                        />
                    ) : (
                        isClosed && <p className="muted small">{scores.closedText}</p>
                    )}
                    <Leaving dirty={unsent || unsaved} />
                    {closing.question}
                    <div className="buttons" hidden={closing.asking}>
                        <Dialog.Close className="button">{texts.close}</Dialog.Close>
                    </div>
                </Dialog.Popup>
            </Dialog.Portal>
        </Dialog.Root>
    );
}

function Failed({ error }: { error: unknown }) {
    const message = useMessage();
    return <Note tone="bad">{message(error)}</Note>;
}

function useCommentSteps({ boardRef }: BoardSeen, userId: string, guidelineId: string) {
    const client = useQueryClient();
    const parameters = { path: { ...boardRef } };
    const one = ({ id }: Comment) => ({ path: { ...boardRef, id } });
    // A comment makes a cell that was empty, and changes the evaluation's etag with that.
    const onSettled = () => client.invalidateQueries({ queryKey: boardKey(boardRef) });
    const create = useMutation({
        mutationFn: ({ text, closes }: { text: string; closes: boolean }) =>
            answer(
                pek.POST('/api/v1/realms/{realm}/groups/{groupId}/scoreboards/{scoreboardId}/comments', {
                    params: parameters,
                    body: { userId, guidelineId, text, closes },
                }),
            ),
        onSettled,
    });
    const update = useMutation({
        mutationFn: ({ comment, text }: { comment: Comment; text: string }) =>
            answer(
                pek.PUT('/api/v1/realms/{realm}/groups/{groupId}/scoreboards/{scoreboardId}/comments/{id}', {
                    params: one(comment),
                    body: { text, etag: comment.etag },
                }),
            ),
        onSettled,
    });
    const remove = useMutation({
        mutationFn: (comment: Comment) =>
            answer(
                pek.DELETE('/api/v1/realms/{realm}/groups/{groupId}/scoreboards/{scoreboardId}/comments/{id}', { params: one(comment) }),
            ),
        onSettled,
    });
    return { create, update, remove };
}

interface WriterProps {
    action: string;
    text?: string;
    mayClose?: boolean;
    /** Whether something is written and not sent. */
    onDirty: (dirty: boolean) => void;
    onSend: (text: string, closes: boolean) => Promise<unknown>;
    onCancel?: () => void;
}

function Writer({ action, text: first = '', mayClose = false, onDirty, onSend, onCancel }: WriterProps) {
    const texts = useTexts();
    const scores = useScoreTexts();
    const [text, setText] = useState(first);
    const [closes, setCloses] = useState(false);
    const now = useRef(text);
    now.current = text;
    const dirty = text !== first;
    useEffect(() => {
        onDirty(dirty);
        return () => onDirty(false);
    }, [dirty, onDirty]);
    const send = useMutation({
        mutationFn: (said: string) => onSend(said.trim(), closes),
        onSuccess: (_, said) => {
            setCloses(false);
            // What was typed meanwhile stays.
            if (now.current !== said) return;
            if (onCancel) onCancel();
            else setText('');
        },
    });
    const submit = (event: FormEvent) => {
        event.preventDefault();
        send.mutate(text);
    };
    return (
        <form className="form" onSubmit={submit}>
            <TextArea
                label={onCancel ? scores.edit : scores.add}
                placeholder={scores.commentText}
                value={text}
                rows={3}
                maxLength={2000}
                onChange={(event) => setText(event.target.value)}
            />
            {mayClose && (
                <label className="check">
                    <input type="checkbox" checked={closes} onChange={(event) => setCloses(event.target.checked)} />
                    {scores.closeCell}
                </label>
            )}
            {send.isError && <Failed error={send.error} />}
            <div className="actions">
                <button type="submit" className="button primary" disabled={text.trim() === '' || send.isPending}>
                    {action}
                </button>
                {onCancel && (
                    <button type="button" className="button" onClick={onCancel}>
                        {texts.cancel}
                    </button>
                )}
            </div>
        </form>
    );
}
