// What a policy allows: statements, and the form that says in words what one of them gives.
import { answer } from '@pek/client';
import { useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { CornerDownRight, Plus, Pencil, X } from 'lucide-react';
import { useState } from 'react';
import { pek, type Action, type Policy, type Statement } from '../../api';
import { Badge, Card } from '../../parts/basics';
import { FormDialog } from '../../parts/dialogs';
import { PersonName, usePerson } from '../../parts/person';
import { PickField, type Picked } from '../../parts/PickField';
import { tell } from '../../parts/toasts';
import { useTexts } from '../../texts';
import { usePolicyTexts } from '../../texts/policies';
import { refreshPolicies, type PolicyRef } from './queries';

interface Part {
    policy: Policy;
    policyRef: PolicyRef;
}

/** What the realm itself writes on the groups below one that is managed. */
const follows = ({ resource }: Statement) => resource === 'GROUP_ESCALATION';

export function Statements({ policy, policyRef, mayEdit }: Part & { mayEdit: boolean }) {
    const texts = usePolicyTexts();
    const [editing, setEditing] = useState<Statement | 'new'>();
    const [removing, setRemoving] = useState<Statement>();
    const own = policy.statements.filter((statement) => !follows(statement));
    const following = policy.statements.filter(follows);
    return (
        <Card
            title={texts.allows}
            action={
                mayEdit && (
                    <button type="button" className="button small" onClick={() => setEditing('new')}>
                        <Plus size={16} aria-hidden="true" />
                        {texts.add}
                    </button>
                )
            }
        >
            {own.length === 0 && following.length === 0 && <p className="muted card-text">{texts.allowsNothing}</p>}
            <ul className="rows">
                {own.map((statement) => (
                    <StatementRow
                        key={statement.id}
                        statement={statement}
                        realm={policyRef.realm}
                        {...(mayEdit ? { edit: () => setEditing(statement), remove: () => setRemoving(statement) } : {})}
                    />
                ))}
                {following.length > 0 && (
                    <li>
                        <CornerDownRight size={18} aria-hidden="true" />
                        <details className="grow">
                            <summary>{texts.follows(following.length)}</summary>
                            <p className="muted small">{texts.followsText}</p>
                            <ul className="group-ids">
                                {following.map(({ id, groupId }) => (
                                    <li key={id}>
                                        <GroupId realm={policyRef.realm} id={groupId} />
                                    </li>
                                ))}
                            </ul>
                        </details>
                    </li>
                )}
            </ul>
            {policy.statementsCut && <p className="muted card-text">{texts.cut}</p>}
            {editing && (
                <Edit
                    policy={policy}
                    policyRef={policyRef}
                    {...(editing === 'new' ? {} : { statement: editing })}
                    onClose={() => setEditing(undefined)}
                />
            )}
            {removing && <Remove policy={policy} policyRef={policyRef} statement={removing} onClose={() => setRemoving(undefined)} />}
        </Card>
    );
}

function GroupId({ realm, id }: { realm: string; id: string }) {
    return (
        <Link className="name" to="/realms/$realm/groups/$groupId" params={{ realm, groupId: id }}>
            {id}
        </Link>
    );
}

interface RowProps {
    statement: Statement;
    realm: string;
    edit?: () => void;
    remove?: () => void;
}

function StatementRow({ statement: { actions, groupId, userId }, realm, edit, remove }: RowProps) {
    const texts = usePolicyTexts();
    return (
        <li>
            <div className="grow stack tight">
                <div className="statement-where">
                    {groupId && (
                        <>
                            {texts.group}: <GroupId realm={realm} id={groupId} />
                        </>
                    )}
                    {groupId && userId && ' · '}
                    {userId && (
                        <>
                            {texts.person}: <PersonName id={userId} />
                        </>
                    )}
                    {!groupId && !userId && texts.targets.realm}
                </div>
                <div className="badges">
                    {actions.map((action) => (
                        <Badge key={action}>{texts.actions[action as keyof typeof texts.actions] ?? action}</Badge>
                    ))}
                </div>
            </div>
            {edit && (
                <button type="button" className="button quiet icon small" aria-label={texts.edit} title={texts.edit} onClick={edit}>
                    <Pencil size={16} aria-hidden="true" />
                </button>
            )}
            {remove && (
                <button type="button" className="button quiet icon small" aria-label={texts.remove} title={texts.remove} onClick={remove}>
                    <X size={17} aria-hidden="true" />
                </button>
            )}
        </li>
    );
}

const onPeople = ['VIEW_BASIC_PROFILE', 'VIEW_FULL_PROFILE', 'EDIT_PROFILE'] as const satisfies Action[];
const onGroups = [
    'VIEW_GROUP',
    'VIEW_MEMBERS',
    'EDIT_MEMBERS',
    'EDIT_GROUP_PROFILE',
    'MOVE_GROUP_OWNER',
    'VIEW_SCORES',
    'EDIT_SCORES',
    'EVALUATE_SCORES',
    ...onPeople,
] as const satisfies Action[];
type Target = 'realm' | 'group' | 'user' | 'both';

const targetOf = ({ groupId, userId }: Statement): Target => (groupId && userId ? 'both' : userId ? 'user' : groupId ? 'group' : 'realm');

function Edit({ policy: now, policyRef: { realm, policyId }, statement, onClose }: Part & { statement?: Statement; onClose: () => void }) {
    const { saved, save } = useTexts();
    const texts = usePolicyTexts();
    const client = useQueryClient();
    const [policy] = useState(now);
    const personName = usePerson(statement?.userId ?? '').name;
    const given = statement && targetOf(statement);
    const [target, setTarget] = useState<Target>(given ?? 'group');
    const inGroup = target === 'group' || target === 'both';
    const ofPerson = target === 'user' || target === 'both';
    const [group, setGroup] = useState<Picked | null>(
        statement?.groupId ? { id: statement.groupId, name: statement.groupId, note: '' } : null,
    );
    const [person, setPerson] = useState<Picked | null>(statement?.userId ? { id: statement.userId, name: personName, note: '' } : null);
    const [ticked, setTicked] = useState(new Set<string>(statement?.actions ?? []));
    // Nothing that is allowed now goes unseen.
    const offered = onGroups.filter(
        (action) =>
            target !== 'user' || onPeople.some((one) => one === action) || (given === 'user' && statement?.actions.includes(action)),
    );
    const actions = offered.filter((action) => ticked.has(action));

    const submit = async (form: FormData) => {
        const body = {
            actions,
            groupId: inGroup ? (group?.id ?? '') : '',
            userId: ofPerson ? (person?.id ?? '') : '',
        };
        const query = { cascade: form.get('overrule') === 'on', etag: policy.etag };
        if (statement) {
            await answer(
                pek.PATCH('/api/v1/realms/{realm}/policies/{policyId}/statements/{statementId}', {
                    params: {
                        path: { realm, policyId, statementId: statement.id },
                        query: { ...query, updateMask: 'actions,groupId,userId' },
                    },
                    body,
                }),
            );
        } else {
            await answer(
                pek.POST('/api/v1/realms/{realm}/policies/{policyId}/statements', {
                    params: { path: { realm, policyId } },
                    body: { statement: body, etag: policy.etag },
                }),
            );
        }
        tell(saved);
        await refreshPolicies(client);
    };
    const where =
        [ofPerson && texts.onUser(person?.name ?? '…'), inGroup && texts.onGroup(group?.name ?? '…')].filter(Boolean).join(', ') ||
        texts.onRealm;
    const complete = actions.length > 0 && (!inGroup || group !== null) && (!ofPerson || person !== null);
    return (
        <FormDialog
            open
            onClose={onClose}
            title={statement ? texts.editStatement : texts.addStatement}
            action={statement ? save : texts.add}
            disabled={!complete}
            begun
            fields={['groupId', 'userId', 'actions']}
            overrule={{ CHILDREN_EXCEED: texts.cascadeStatement }}
            onSubmit={submit}
        >
            {(at) => (
                <>
                    <fieldset className="field">
                        <legend>{texts.whereTo}</legend>
                        <div className="chips" role="radiogroup" aria-label={texts.whereTo}>
                            {([...(given === 'both' ? [given] : []), 'group', 'user', 'realm'] as const).map((one) => (
                                <label key={one} className="chip">
                                    <input
                                        type="radio"
                                        name="target"
                                        value={one}
                                        checked={target === one}
                                        onChange={() => setTarget(one)}
                                    />
                                    {texts.targets[one]}
                                </label>
                            ))}
                        </div>
                    </fieldset>
                    {inGroup && (
                        <PickField
                            of={{ kind: 'group', realm }}
                            label={texts.group}
                            value={group}
                            onPick={setGroup}
                            problem={at('groupId')}
                            required
                        />
                    )}
                    {ofPerson && (
                        <PickField
                            of={{ kind: 'person' }}
                            label={texts.person}
                            value={person}
                            onPick={setPerson}
                            problem={at('userId')}
                            required
                        />
                    )}
                    <fieldset className="field">
                        <legend>{texts.whatIsAllowed}</legend>
                        <div className="ticks">
                            {offered.map((action) => (
                                <label key={action} className="tick">
                                    <input
                                        type="checkbox"
                                        checked={ticked.has(action)}
                                        onChange={({ target: { checked } }) =>
                                            setTicked(
                                                (before) =>
                                                    new Set(checked ? [...before, action] : [...before].filter((one) => one !== action)),
                                            )
                                        }
                                    />
                                    <span>
                                        {texts.actions[action]}
                                        <span className="muted small">{texts.means[action]}</span>
                                    </span>
                                </label>
                            ))}
                        </div>
                        {at('actions') && <p className="problem">{at('actions')}</p>}
                    </fieldset>
                    <p className="sentence" role="status">
                        {texts.sentence(
                            actions.map((action) => texts.actions[action].replace(/^./u, (letter) => letter.toLocaleLowerCase())),
                            where,
                        )}
                    </p>
                </>
            )}
        </FormDialog>
    );
}

function Remove({ policy, policyRef: { realm, policyId }, statement, onClose }: Part & { statement: Statement; onClose: () => void }) {
    const { saved } = useTexts();
    const texts = usePolicyTexts();
    const client = useQueryClient();
    const remove = async (form: FormData) => {
        await answer(
            pek.DELETE('/api/v1/realms/{realm}/policies/{policyId}/statements/{statementId}', {
                params: {
                    path: { realm, policyId, statementId: statement.id },
                    query: { cascade: form.get('overrule') === 'on', etag: policy.etag },
                },
            }),
        );
        tell(saved);
        await refreshPolicies(client);
    };
    return (
        <FormDialog
            open
            onClose={onClose}
            title={texts.askRemove}
            text={texts.removeText}
            action={texts.remove}
            danger
            overrule={{ CHILDREN_EXCEED: texts.cascadeStatement }}
            onSubmit={remove}
        />
    );
}
