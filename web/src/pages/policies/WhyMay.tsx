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

export function WhyMay() {
    const { edit } = useTexts();
    const texts = usePolicyTexts();
    const { data: session } = useQuery(sessionQuery);
    const realms = session?.realms.filter(({ known }) => known).map((one) => one.realm) ?? [];
    const [chosen, setChosen] = useState<string>();
    // Where one has most to ask about.
    const most = [...(session?.realms ?? [])].sort((a, b) => b.policies.length - a.policies.length)[0]?.realm;
    const realm = chosen ?? most ?? '';
    const [person, setPerson] = useState<Picked | null>(null);
    const [group, setGroup] = useState<Picked | null>(null);
    const check = useMutation({
        mutationFn: (query: { action: Action; userId: string; groupId: string }) =>
            answer(pek.GET('/api/v1/realms/{realm}/policies:check', { params: { path: { realm }, query } })),
    });
    const submit = (event: FormEvent<HTMLFormElement>) => {
        event.preventDefault();
        const action = new FormData(event.currentTarget).get('action') as Action;
        check.mutate({ action, userId: person?.id ?? '', groupId: group?.id ?? '' });
    };
    const result = check.data;
    return (
        <Card title={texts.why}>
            <form className="form card-form" onSubmit={submit}>
                <SelectField
                    label={edit.realm}
                    value={realm}
                    onChange={({ target }) => {
                        setChosen(target.value);
                        setGroup(null);
                    }}
                >
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
                    onPick={setPerson}
                />
                <SelectField name="action" label={texts.what} defaultValue="EDIT_MEMBERS">
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
                    onPick={setGroup}
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
