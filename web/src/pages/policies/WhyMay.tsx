// "Why may I?" and "why may this person?": the check of the realm, in words.
import { answer } from '@pek/client';
import { useMutation, useQuery } from '@tanstack/react-query';
import { CircleCheck, CircleX } from 'lucide-react';
import { useState, type FormEvent } from 'react';
import { pek, sessionQuery, type Action } from '../../api';
import { shownPolicy } from '../../names';
import { Card, Problem } from '../../parts/basics';
import { SelectField } from '../../parts/fields';
import { PickField, type Picked } from '../../parts/PickField';
import { useTexts } from '../../texts';
import { usePolicyTexts, type PolicyTexts } from '../../texts/policies';
import { whereOf } from './queries';

interface Question {
    realm?: string;
    action: Action;
    person: Picked | null;
    group: Picked | null;
}

export function WhyMay() {
    const { edit } = useTexts();
    const texts = usePolicyTexts();
    const { data: session } = useQuery(sessionQuery);
    const realms = session?.realms.filter(({ known }) => known).map((one) => one.realm) ?? [];
    // Where one has most to ask about.
    const most = [...(session?.realms ?? [])].sort((a, b) => b.policies.length - a.policies.length)[0]?.realm;
    const [question, setQuestion] = useState<Question>({ action: 'EDIT_MEMBERS', person: null, group: null });
    const { realm = most ?? '', action, person, group } = question;
    const check = useMutation({
        mutationFn: () => {
            const query = { action, userId: person?.id ?? '', groupId: group?.id ?? '' };
            return answer(pek.GET('/api/v1/realms/{realm}/policies:check', { params: { path: { realm }, query } }));
        },
    });
    /** What was answered before was about another question. */
    const change = (part: Partial<Question>) => {
        check.reset();
        setQuestion((before) => ({ ...before, ...part }));
    };
    const submit = (event: FormEvent<HTMLFormElement>) => {
        event.preventDefault();
        check.mutate();
    };
    const result = check.data;
    return (
        <Card title={texts.why}>
            <form className="form card-form" onSubmit={submit}>
                <SelectField label={edit.realm} value={realm} onChange={({ target }) => change({ realm: target.value, group: null })}>
                    {realms.map((one) => (
                        <option key={one} value={one}>
                            {one}
                        </option>
                    ))}
                </SelectField>
                <PickField
                    of={{ kind: 'person' }}
                    label={texts.who}
                    placeholder={texts.me}
                    hint={texts.whoHint}
                    value={person}
                    onPick={(person) => change({ person })}
                />
                <SelectField label={texts.what} value={action} onChange={({ target }) => change({ action: target.value as Action })}>
                    {Object.entries(texts.actions).map(([action, text]) => (
                        <option key={action} value={action}>
                            {text}
                        </option>
                    ))}
                </SelectField>
                <PickField
                    key={realm}
                    of={{ kind: 'group', realm }}
                    label={texts.where}
                    hint={texts.whereHint}
                    value={group}
                    onPick={(group) => change({ group })}
                />
                <div className="actions">
                    <button type="submit" className="button primary" disabled={check.isPending || realm === ''}>
                        {texts.ask}
                    </button>
                </div>
                {check.isError && <Problem error={check.error} />}
                {result && (
                    <div className="verdict" role="status">
                        <p className={result.allowed ? 'yes' : 'no'}>
                            {result.allowed ? <CircleCheck size={20} aria-hidden="true" /> : <CircleX size={20} aria-hidden="true" />}
                            {result.allowed ? texts.yes : texts.no}
                        </p>
                        <ul>
                            {result.grants.map((grant) => (
                                <li key={grant.policyId}>
                                    {texts.grants(
                                        shownPolicy(texts, grant.policyName),
                                        whereOf(texts, grant.statement ?? { groupId: '', userId: '' }),
                                    )}
                                </li>
                            ))}
                            {result.refusals.map((refusal) => (
                                <li key={refusal.policyId}>
                                    {texts.refusals[refusal.reason as keyof PolicyTexts['refusals']]?.(
                                        shownPolicy(texts, refusal.policyName),
                                    ) ?? shownPolicy(texts, refusal.policyName)}
                                </li>
                            ))}
                            {!result.allowed && result.refusals.length === 0 && <li>{texts.nothingHeld}</li>}
                        </ul>
                    </div>
                )}
            </form>
        </Card>
    );
}
