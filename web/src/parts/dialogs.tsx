// Dialogs: a question before what cannot be undone, and a form that is not worth a page.
import { Dialog } from '@base-ui/react/dialog';
import { useQueryClient } from '@tanstack/react-query';
import { useRouter } from '@tanstack/react-router';
import { useEffect, useId, useRef, useState, type FormEvent, type ReactNode } from 'react';
import { askBeforeLeaving } from '../leaving';
import { useTexts } from '../texts';
import { PekError } from '@pek/client';
import { useMessage, useProblems, type Problems } from './problems';
import { Note } from './basics';

/** A dialog with something in it that is not sent asks before it closes, whatever it is closed by. `question` takes the place of its buttons. */
export function useClosing(dirty: boolean, close: () => void) {
    const texts = useTexts();
    const [asking, setAsking] = useState(false);
    const focused = useRef<Element>(null);
    useEffect(() => {
        if (!asking && focused.current instanceof HTMLElement) focused.current.focus();
    }, [asking]);
    const end = () => {
        focused.current = null;
        setAsking(false);
        close();
    };
    const onOpenChange = (open: boolean) => {
        if (open) return;
        if (!dirty) return end();
        if (!asking) focused.current = document.activeElement;
        setAsking(!asking);
    };
    const question = asking && (
        <div className="buttons">
            <p className="grow" role="alert">
                {texts.unsent.text}
            </p>
            <button type="button" className="button" autoFocus onClick={() => setAsking(false)}>
                {texts.unsent.stay}
            </button>
            <button type="button" className="button danger primary" onClick={end}>
                {texts.unsent.drop}
            </button>
        </div>
    );
    return { asking, question, onOpenChange, end };
}

interface FormDialogProps {
    open: boolean;
    onClose: () => void;
    title: string;
    text?: ReactNode;
    action: string;
    danger?: boolean;
    /** What it needs is not there yet. */
    disabled?: boolean;
    /** Something is changed that is no field of the form: what is written in fields, the dialog knows. */
    dirty?: boolean;
    /** It begins from what was there when it was opened, and is sent for that alone: whoever was slower opens it again. */
    begun?: boolean;
    /** What has a field in it: problems of these are shown there, by `at`. */
    fields?: readonly string[];
    /** By the reason of a refusal: what one can tick to have it done all the same, as `overrule` of the form. */
    overrule?: Partial<Record<string, string>>;
    children?: ReactNode | ((at: Problems['at']) => ReactNode);
    /** Closes when it resolves; what it throws is shown. */
    onSubmit: (form: FormData) => Promise<unknown>;
}

const none: readonly string[] = [];

const isChanged = (error: unknown) => error instanceof PekError && error.kind === 'changed';

export function FormDialog({
    open,
    onClose,
    title,
    text,
    action,
    danger = false,
    disabled = false,
    dirty = false,
    begun = false,
    fields = none,
    overrule,
    children,
    onSubmit,
}: FormDialogProps) {
    const texts = useTexts();
    const message = useMessage();
    const client = useQueryClient();
    const form = useId();
    const [busy, setBusy] = useState(false);
    const [error, setError] = useState<unknown>();
    const [refused, setRefused] = useState('');
    const [written, setWritten] = useState(false);
    const problems = useProblems(error, fields);
    const focused = useRef<Element>(null);
    const isAtField = useRef(false); // which takes the focus itself
    isAtField.current = error !== undefined && problems.rest === undefined;
    useEffect(() => {
        if (!busy && !isAtField.current && focused.current instanceof HTMLElement) focused.current.focus();
    }, [busy]);
    const closing = useClosing(written || dirty, () => {
        setError(undefined);
        setRefused('');
        setWritten(false);
        onClose();
    });
    const insistence = overrule?.[refused];

    const submit = async (event: FormEvent<HTMLFormElement>) => {
        event.preventDefault();
        focused.current = document.activeElement;
        setBusy(true);
        setError(undefined);
        try {
            await onSubmit(new FormData(event.currentTarget));
            focused.current = null;
            closing.end();
        } catch (thrown) {
            setError(thrown);
            if (thrown instanceof PekError && overrule?.[thrown.reason]) setRefused(thrown.reason);
            if (isChanged(thrown)) void client.invalidateQueries();
        } finally {
            setBusy(false);
        }
    };

    return (
        <Dialog.Root open={open} onOpenChange={closing.onOpenChange}>
            <Dialog.Portal>
                <Dialog.Backdrop className="backdrop" />
                <Dialog.Popup className="dialog">
                    <Dialog.Title render={<h2 />}>{title}</Dialog.Title>
                    {text && <Dialog.Description className="muted">{text}</Dialog.Description>}
                    <form id={form} className="form" onSubmit={(event) => void submit(event)}>
                        {/* What would be typed while it is sent would not be sent. */}
                        <fieldset className="bare" disabled={busy} onChange={() => setWritten(true)}>
                            {typeof children === 'function' ? children(problems.at) : children}
                        </fieldset>
                        {insistence && (
                            <label className="check">
                                <input type="checkbox" name="overrule" />
                                {insistence}
                            </label>
                        )}
                    </form>
                    <Leaving dirty={open && !busy && (written || dirty)} />
                    <div className="foot">
                        {problems.rest !== undefined && (
                            <Note tone="bad">
                                {begun && isChanged(problems.rest) ? texts.problems.changedSince : message(problems.rest)}
                            </Note>
                        )}
                        {closing.question}
                        <div className="buttons" hidden={closing.asking}>
                            <Dialog.Close className="button">{texts.cancel}</Dialog.Close>
                            <button
                                type="submit"
                                form={form}
                                className={danger ? 'button danger primary' : 'button primary'}
                                disabled={busy || disabled}
                            >
                                {action}
                            </button>
                        </div>
                    </div>
                </Dialog.Popup>
            </Dialog.Portal>
        </Dialog.Root>
    );
}

/** Whoever leaves the page while something on it is not saved is asked. */
export function Leaving({ dirty }: { dirty: boolean }) {
    const { discard } = useTexts();
    const { history } = useRouter();
    const [leave, setLeave] = useState<() => unknown>();
    useEffect(() => (dirty ? askBeforeLeaving(history, (go) => setLeave(() => go)) : undefined), [dirty, history]);
    return (
        leave && (
            <FormDialog
                open
                onClose={() => setLeave(undefined)}
                title={discard.title}
                text={discard.text}
                action={discard.action}
                danger
                onSubmit={async () => leave()}
            />
        )
    );
}
