// One policy: what it allows, who holds it, and what was made of it.
import { answer, PekError } from '@pek/client';
import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { Plus, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { pek, type Policy } from '../../api';
import { shownPolicy } from '../../names';
import { NotFound } from '../../app/Unfound';
import { Badge, Bones, Card, More, Note, PageTitle, Problem, RealmBadge } from '../../parts/basics';
import { PageProblem } from '../../parts/PageProblem';
import { FormDialog } from '../../parts/dialogs';
import { SwitchRow, TextField } from '../../parts/fields';
import { tell } from '../../parts/toasts';
import { usePolicyTexts } from '../../texts/policies';
import { Holders } from './Holders';
import { childrenQuery, policyQuery, refreshPolicies, type PolicyRef } from './queries';
import { Statements } from './Statements';

export function PolicyPage() {
    const ref = useParams({ from: '/realms/$realm/policies/$policyId' });
    const query = useQuery(policyQuery(ref));
    if (query.isPending) {
        return (
            <section className="card">
                <Bones />
            </section>
        );
    }
    if (query.error instanceof PekError && (query.error.kind === 'notFound' || query.error.kind === 'invalid')) return <NotFound />;
    if (query.isLoadingError) return <PageProblem error={query.error} retry={() => void query.refetch()} />;
    return (
        <>
            {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
            <ShownPolicy key={`${ref.realm}/${ref.policyId}`} policy={query.data} policyRef={ref} />
        </>
    );
}

interface Part {
    policy: Policy;
    policyRef: PolicyRef;
}

function ShownPolicy({ policy, policyRef }: Part) {
    const texts = usePolicyTexts();
    // The topmost one stays as it is, and so do those that come with a group.
    const mayEdit = policy.callerAdministers && policy.parentId !== '' && policy.groupId === '';
    return (
        <>
            <div className="page-head">
                <div>
                    <Above policy={policy} />
                    <PageTitle className="name">{shownPolicy(texts, policy.name)}</PageTitle>
                    <div className="badges under-title">
                        {policy.canIssue && <Badge>{texts.canIssue}</Badge>}
                        <RealmBadge realm={policyRef.realm} />
                    </div>
                </div>
                <div className="actions">
                    {policy.callerIssues && <Create policy={policy} policyRef={policyRef} />}
                    {mayEdit && <Delete policy={policy} policyRef={policyRef} />}
                </div>
            </div>
            {policy.groupId && (
                <Note
                    action={
                        <Link
                            className="button small"
                            to="/realms/$realm/groups/$groupId"
                            params={{ realm: policyRef.realm, groupId: policy.groupId }}
                        >
                            {texts.groupPolicyLink}
                        </Link>
                    }
                >
                    {texts.groupPolicy(policy.groupId)}
                </Note>
            )}
            <div className="split">
                <Statements policy={policy} policyRef={policyRef} mayEdit={mayEdit} />
                <div className="stack">
                    {policy.callerAdministers && <Holders policy={policy} policyRef={policyRef} />}
                    <Children policy={policy} policyRef={policyRef} />
                </div>
            </div>
        </>
    );
}

/** The way to the one above, for who may see that: who administers a policy holds one above it. */
function Above({ policy }: { policy: Policy }) {
    const texts = usePolicyTexts();
    const above = { realm: policy.realm, policyId: policy.parentId };
    const { data } = useQuery({ ...policyQuery(above), enabled: policy.parentId !== '' && policy.callerAdministers });
    if (!data) return null;
    return (
        <p className="muted small above-title">
            {texts.parent}:{' '}
            <Link className="name" to="/realms/$realm/policies/$policyId" params={above}>
                {shownPolicy(texts, data.name)}
            </Link>
        </p>
    );
}

function Create({ policy, policyRef }: Part) {
    const texts = usePolicyTexts();
    const client = useQueryClient();
    const navigate = useNavigate();
    const [open, setOpen] = useState(false);
    const create = async (form: FormData) => {
        const child = await answer(
            pek.POST('/api/v1/realms/{realm}/policies/{parentId}/children', {
                params: { path: { realm: policyRef.realm, parentId: policyRef.policyId } },
                body: { name: String(form.get('name') ?? '').trim(), canIssue: form.get('canIssue') === 'on' },
            }),
        );
        tell(texts.created(child.name));
        await refreshPolicies(client);
        await navigate({ to: '/realms/$realm/policies/$policyId', params: { realm: child.realm, policyId: child.id } });
    };
    return (
        <>
            <button type="button" className="button" onClick={() => setOpen(true)}>
                <Plus size={17} aria-hidden="true" />
                {texts.create}
            </button>
            <FormDialog
                open={open}
                onClose={() => setOpen(false)}
                title={texts.create}
                text={texts.createText(shownPolicy(texts, policy.name))}
                action={texts.createAction}
                fields={['name']}
                onSubmit={create}
            >
                {(at) => (
                    <>
                        <TextField name="name" label={texts.name} required maxLength={200} problem={at('name')} />
                        <SwitchRow name="canIssue" label={texts.canIssueLabel} hint={texts.canIssueHint} />
                    </>
                )}
            </FormDialog>
        </>
    );
}

function Delete({ policy, policyRef: { realm, policyId } }: Part) {
    const texts = usePolicyTexts();
    const client = useQueryClient();
    const navigate = useNavigate();
    const [open, setOpen] = useState(false);
    const remove = async (form: FormData) => {
        await answer(
            pek.DELETE('/api/v1/realms/{realm}/policies/{id}', {
                params: { path: { realm, id: policyId }, query: { cascade: form.get('overrule') === 'on', etag: policy.etag } },
            }),
        );
        tell(texts.deleted(shownPolicy(texts, policy.name)));
        await navigate({ to: '/realms/$realm/policies/$policyId', params: { realm, policyId: policy.parentId } });
        client.removeQueries({ queryKey: ['policy', realm, policyId] });
        await refreshPolicies(client);
    };
    return (
        <>
            <button type="button" className="button danger" onClick={() => setOpen(true)}>
                <Trash2 size={17} aria-hidden="true" />
                {texts.deleteAction}
            </button>
            <FormDialog
                open={open}
                onClose={() => setOpen(false)}
                title={texts.askDelete(shownPolicy(texts, policy.name))}
                text={texts.deleteText}
                action={texts.deleteAction}
                danger
                overrule={{ HAS_CHILDREN: texts.cascadeDelete }}
                onSubmit={remove}
            />
        </>
    );
}

function Children({ policy, policyRef }: Part) {
    const texts = usePolicyTexts();
    // Below the topmost are several of each group of the realm.
    const query = useInfiniteQuery(childrenQuery(policyRef, policy.parentId === ''));
    const children = query.data?.pages.flatMap((page) => page.policies) ?? [];
    if (children.length === 0) return null;
    return (
        <Card title={texts.below}>
            <ul className="rows">
                {children.map((policy) => (
                    <li key={policy.id} className="linked">
                        <Link
                            className="title grow"
                            to="/realms/$realm/policies/$policyId"
                            params={{ realm: policy.realm, policyId: policy.id }}
                        >
                            {shownPolicy(texts, policy.name)}
                        </Link>
                    </li>
                ))}
            </ul>
            <More query={query} />
        </Card>
    );
}
