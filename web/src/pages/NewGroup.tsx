import { answer, PekError } from '@pek/client';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState, type FormEvent, type SelectHTMLAttributes } from 'react';
import { groupQuery, mayQuery, pek, sessionQuery, type Group } from '../api';
import { useRealmsToFoundIn } from '../may';
import { Bones, MissingRealms, Note, PageTitle, Problem } from '../parts/basics';
import { Leaving } from '../parts/dialogs';
import { SelectField, TextArea, TextField } from '../parts/fields';
import { useMessage, useProblems } from '../parts/problems';
import { tell } from '../parts/toasts';
import { useTexts } from '../texts';

export function NewGroupPage() {
    const { realm, parent } = useSearch({ from: '/new-group' });
    return parent === undefined ? <NewOrganisation wanted={realm} /> : <NewSubgroup realm={realm ?? ''} parent={parent} />;
}

/** In one of the realms in which the caller may; the one that the address names is chosen first. */
function NewOrganisation({ wanted }: { wanted: string | undefined }) {
    const texts = useTexts();
    const { realms, asking, missing, again } = useRealmsToFoundIn();
    const refused = wanted !== undefined && !realms.includes(wanted) && !missing.includes(wanted);
    return (
        <>
            <Head title={texts.group.create} lead={realms.length > 0 && texts.edit.topLevel} />
            {asking ? (
                <section className="card">
                    <Bones count={3} />
                </section>
            ) : (
                <div className="stack">
                    <MissingRealms realms={missing} retry={again} />
                    {refused && <Note tone="warn">{texts.edit.notIn(wanted)}</Note>}
                    {realms.length === 0 && missing.length === 0 && <Note tone="warn">{texts.edit.noRealm}</Note>}
                    {realms.length > 0 && <GroupForm realms={realms} first={wanted} />}
                </div>
            )}
        </>
    );
}

function NewSubgroup({ realm, parent }: { realm: string; parent: string }) {
    const texts = useTexts();
    const above = useQuery({ ...groupQuery({ realm, groupId: parent }), enabled: realm !== '' });
    const may = useQuery({ ...mayQuery(realm, 'MOVE_GROUP_OWNER', { groupId: parent }), enabled: above.isSuccess });
    const error = above.error ?? may.error;
    const hidden = realm === '' || (error instanceof PekError && (error.kind === 'notFound' || error.kind === 'forbidden'));
    const asked = above.data && may.data;
    const mayCreate = asked && may.data.allowed && !above.data.isArchived;
    return (
        <>
            <Head title={texts.group.createSubgroup} lead={mayCreate && texts.edit.under(above.data.name)} />
            {mayCreate ? (
                <GroupForm realms={[realm]} parent={parent} />
            ) : asked ? (
                <Note tone="warn">{above.data.isArchived ? texts.edit.archivedNow : texts.edit.notUnder(above.data.name)}</Note>
            ) : hidden ? (
                <Note tone="warn">{texts.edit.noParent(parent)}</Note>
            ) : error ? (
                <Problem error={error} retry={() => void (above.isError ? above : may).refetch()} />
            ) : (
                <section className="card">
                    <Bones count={3} />
                </section>
            )}
        </>
    );
}

function Head({ title, lead }: { title: string; lead: string | false | undefined }) {
    return (
        <div className="page-head">
            <div>
                <PageTitle>{title}</PageTitle>
                {lead && <p className="lead">{lead}</p>}
            </div>
        </div>
    );
}

/** A subgroup is in the one realm that its parent is in; of an organisation one chooses. */
function GroupForm({ realms, first, parent }: { realms: string[]; first?: string | undefined; parent?: string }) {
    const texts = useTexts();
    const message = useMessage();
    const client = useQueryClient();
    const navigate = useNavigate();
    const create = useMutation({
        mutationFn: ({
            realm: where,
            ...body
        }: {
            realm: string;
            name: string;
            description: string;
            slug: string;
            purpose: Group['purpose'];
        }) =>
            answer(
                pek.POST('/api/v1/realms/{realm}/groups', {
                    params: { path: { realm: where } },
                    body: { ...body, parentId: parent ?? '' },
                }),
            ),
        onSuccess: async (group) => {
            tell(texts.edit.created(group.name));
            void client.invalidateQueries({ queryKey: ['memberships'] });
            void client.invalidateQueries({ queryKey: ['group'] });
            await client.invalidateQueries(sessionQuery);
            await navigate({ to: '/realms/$realm/groups/$groupId', params: { realm: group.realm, groupId: group.id } });
        },
    });
    const submit = (event: FormEvent<HTMLFormElement>) => {
        event.preventDefault();
        const form = new FormData(event.currentTarget);
        const text = (name: string) => String(form.get(name) ?? '').trim();
        create.mutate({
            realm: parent === undefined ? text('realm') : (realms[0] ?? ''),
            name: text('name'),
            slug: text('slug').toLowerCase(),
            description: text('description'),
            purpose: text('purpose') as Group['purpose'],
        });
    };
    const [written, setWritten] = useState(false);
    const problems = useProblems(create.error, ['name', 'slug', 'description']);
    return (
        <form className="card padded form narrow" onSubmit={submit} onChange={() => setWritten(true)}>
            <Leaving dirty={written && !create.isPending && !create.isSuccess} />
            {parent === undefined && (
                <SelectField name="realm" label={texts.edit.realm} defaultValue={first}>
                    {realms.map((one) => (
                        <option key={one} value={one}>
                            {one}
                        </option>
                    ))}
                </SelectField>
            )}
            <TextField name="name" label={texts.edit.name} required maxLength={200} problem={problems.at('name')} autoFocus />
            <TextField
                name="slug"
                label={texts.edit.slug}
                hint={texts.edit.slugHint}
                pattern="[A-Za-z0-9][A-Za-z0-9_\-]*"
                maxLength={63}
                problem={problems.at('slug')}
            />
            <TextArea name="description" label={texts.edit.description} maxLength={20_000} problem={problems.at('description')} />
            <PurposeField defaultValue="CIRCLE" />
            {problems.rest !== undefined && <Note tone="bad">{message(problems.rest)}</Note>}
            <div className="actions">
                <button type="submit" className="button primary" disabled={create.isPending}>
                    {texts.edit.create}
                </button>
            </div>
        </form>
    );
}

export function PurposeField(props: SelectHTMLAttributes<HTMLSelectElement>) {
    const texts = useTexts();
    return (
        <SelectField name="purpose" label={texts.edit.purpose} {...props}>
            {Object.entries(texts.purposes).map(([purpose, text]) => (
                <option key={purpose} value={purpose}>
                    {text}
                </option>
            ))}
        </SelectField>
    );
}
