import '../styles/forms.css';
import { useEffect, useId, type InputHTMLAttributes, type ReactNode, type SelectHTMLAttributes, type TextareaHTMLAttributes } from 'react';
import { Switch } from '@base-ui/react/switch';

export interface FieldProps {
    label: string;
    hint?: ReactNode;
    problem?: string | undefined;
}

/** Label, control, hint and what is wrong, tied together for those who do not see them. */
export function useField({ label, hint, problem }: FieldProps) {
    const id = useId();
    // It may be out of sight of the button that was pressed.
    useEffect(() => {
        if (problem) document.getElementById(id)?.focus();
    }, [id, problem]);
    const described = [hint ? `${id}-hint` : '', problem ? `${id}-problem` : ''].filter(Boolean).join(' ');
    const control = { id, 'aria-describedby': described || undefined, 'aria-invalid': problem ? true : undefined } as const;
    const frame = (inner: ReactNode) => (
        <div className="field">
            <label htmlFor={id}>{label}</label>
            {inner}
            {hint && (
                <p className="hint" id={`${id}-hint`}>
                    {hint}
                </p>
            )}
            {problem && (
                <p className="problem" id={`${id}-problem`} role="alert">
                    {problem}
                </p>
            )}
        </div>
    );
    return { control, frame };
}

export function TextField({ label, hint, problem, ...rest }: FieldProps & InputHTMLAttributes<HTMLInputElement>) {
    const { control, frame } = useField({ label, hint, problem });
    return frame(<input className="input" autoComplete="off" {...rest} {...control} />);
}

export function TextArea({ label, hint, problem, ...rest }: FieldProps & TextareaHTMLAttributes<HTMLTextAreaElement>) {
    const { control, frame } = useField({ label, hint, problem });
    return frame(<textarea className="input" {...rest} {...control} />);
}

export function SelectField({ label, hint, problem, children, ...rest }: FieldProps & SelectHTMLAttributes<HTMLSelectElement>) {
    const { control, frame } = useField({ label, hint, problem });
    return frame(
        <select className="input" {...rest} {...control}>
            {children}
        </select>,
    );
}

interface SwitchRowProps {
    label: string;
    hint?: string;
    /** Of a form: its value is "on", or is not there. */
    name?: string;
    checked?: boolean;
    disabled?: boolean;
    onChange?: (checked: boolean) => void;
}

export function SwitchRow({ label, hint, onChange, ...rest }: SwitchRowProps) {
    const id = useId();
    return (
        <div className="switch-row">
            <div>
                <div id={id}>{label}</div>
                {hint && <div className="muted small">{hint}</div>}
            </div>
            <Switch.Root className="switch" aria-labelledby={id} {...(onChange ? { onCheckedChange: onChange } : {})} {...rest}>
                <Switch.Thumb />
            </Switch.Root>
        </div>
    );
}
