import { useId } from 'react';

interface ChoiceProps<Value extends string> {
    legend: string;
    /** For those who do not see what stands beside it. */
    legendHidden?: boolean;
    options: { value: Value; label: string; disabled?: boolean; title?: string }[];
    value: Value | undefined;
    disabled?: boolean;
    onChange: (value: Value) => void;
}

/** One of a few, all in sight. */
export function Choice<Value extends string>({
    legend,
    legendHidden = false,
    options,
    value,
    disabled = false,
    onChange,
}: ChoiceProps<Value>) {
    const name = useId();
    return (
        <fieldset className="choice" disabled={disabled}>
            <legend className={legendHidden ? 'unseen-text' : ''}>{legend}</legend>
            <div>
                {options.map((option) => (
                    <label key={option.value} title={option.title}>
                        <input
                            type="radio"
                            name={name}
                            value={option.value}
                            checked={option.value === value}
                            disabled={option.disabled}
                            onChange={() => onChange(option.value)}
                        />
                        <span>{option.label}</span>
                    </label>
                ))}
            </div>
        </fieldset>
    );
}
