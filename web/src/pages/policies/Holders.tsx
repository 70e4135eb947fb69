// Who holds a policy; for those who administer it.
import { answer } from '@pek/client';
import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { UserPlus } from 'lucide-react';
import { useState } from 'react';
import { pek, type Policy } from '../../api';
import { Avatar, Bones, Card, More, Problem } from '../../parts/basics';
import { shownPolicy } from '../../names';
import { FormDialog } from '../../parts/dialogs';
import { TextField } from '../../parts/fields';
import { PersonName, usePerson } from '../../parts/person';
import { PickField, type Picked } from '../../parts/PickField';
import { tell } from '../../parts/toasts';
import { useDates } from '../../texts';
import { usePolicyTexts } from '../../texts/policies';
import { holdersQuery, refreshPolicies, type PolicyRef } from './queries';

interface Part {
    policy: Policy;
    policyRef: PolicyRef;
}

export function Holders({ policy, policyRef }: Part) {
    const texts = usePolicyTexts();
    const dates = useDates();
    const [giving, setGiving] = useState(false);
    const [taking, setTaking] = useState<string>();
    const query = useInfiniteQuery(holdersQuery(policyRef));
    const assignments = query.data?.pages.flatMap((page) => page.assignments) ?? [];
    const byHand = policy.groupId === '';
    return (
        <Card
            title={texts.holders}
            action={
                byHand && (
                    <button type="button" className="button small" onClick={() => setGiving(true)}>
                        <UserPlus size={16} aria-hidden="true" />
                        {texts.assign}
                    </button>
                )
            }
        >
            {!byHand && <p className="muted small card-text">{texts.holdersFollow}</p>}
            {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
            {query.isPending ? (
                <Bones count={2} />
            ) : query.isLoadingError ? null : assignments.length === 0 ? (
                <p className="muted card-text">{texts.nobody}</p>
            ) : (
                <ul className="rows">
                    {assignments.map(({ userId, assignTime, validUntil }) => (
                        <li key={userId}>
                            <PersonAvatar id={userId} />
                            <div className="grow">
                                <Link className="title" to="/people/$user" params={{ user: userId }}>
                                    <PersonName id={userId} />
                                </Link>
                                <div className="muted small">{validUntil ? texts.until(dates.day(validUntil)) : dates.day(assignTime)}</div>
                            </div>
                            {byHand && (
                                <button type="button" className="button small" onClick={() => setTaking(userId)}>
                                    {texts.revoke}
                                </button>
                            )}
                        </li>
                    ))}
                </ul>
            )}
            <More query={query} />
            {giving && <Give policy={policy} policyRef={policyRef} onClose={() => setGiving(false)} />}
            {taking && <Take policy={policy} policyRef={policyRef} userId={taking} onClose={() => setTaking(undefined)} />}
        </Card>
    );
}

function PersonAvatar({ id }: { id: string }) {
    return <Avatar size="small" id={id} name={usePerson(id).name} />;
}

const hour = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', timeZone: 'Europe/Budapest' });

/** The last second of a day, where days are shown (useDates): winter or summer. */
function endOf(day: string): string {
    const winter = new Date(`${day}T23:59:59+01:00`);
    return (hour.format(winter) === '23' ? winter : new Date(`${day}T23:59:59+02:00`)).toISOString();
}

function Give({ policyRef: { realm, policyId }, onClose }: Part & { onClose: () => void }) {
    const texts = usePolicyTexts();
    const client = useQueryClient();
    const [person, setPerson] = useState<Picked | null>(null);
    const assign = async (form: FormData) => {
        if (!person) return;
        const until = String(form.get('validUntil') ?? '');
        await answer(
            pek.POST('/api/v1/realms/{realm}/policies/{id}:assign', {
                params: { path: { realm, id: policyId } },
                body: { userId: person.id, ...(until ? { validUntil: endOf(until) } : {}) },
            }),
        );
        tell(texts.assigned(person.name));
        await refreshPolicies(client);
    };
    return (
        <FormDialog
            open
            onClose={onClose}
            title={texts.assign}
            text={texts.assignText}
            action={texts.assign}
            disabled={!person}
            fields={['userId', 'validUntil']}
            onSubmit={assign}
        >
            {(at) => (
                <>
                    <PickField
                        of={{ kind: 'person' }}
                        label={texts.who}
                        value={person}
                        onPick={setPerson}
                        problem={at('userId')}
                        required
                    />
                    <TextField name="validUntil" type="date" label={texts.untilLabel} problem={at('validUntil')} />
                </>
            )}
        </FormDialog>
    );
}

function Take({ policy, policyRef: { realm, policyId }, userId, onClose }: Part & { userId: string; onClose: () => void }) {
    const texts = usePolicyTexts();
    const client = useQueryClient();
    const name = usePerson(userId).name;
    const revoke = async () => {
        await answer(
            pek.POST('/api/v1/realms/{realm}/policies/{id}:revoke', { params: { path: { realm, id: policyId } }, body: { userId } }),
        );
        tell(texts.revoked(name));
        await refreshPolicies(client);
    };
    return (
        <FormDialog
            open
            onClose={onClose}
            title={texts.askRevoke(shownPolicy(texts, policy.name), name)}
            text={texts.revokeText}
            action={texts.revoke}
            danger
            onSubmit={revoke}
        />
    );
}
