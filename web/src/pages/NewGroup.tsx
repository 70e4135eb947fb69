import { answer, idempotencyKey, PekError } from '@pek/client';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useRef, type FormEvent } from 'react';
import { groupQuery, pek, sessionQuery, type Group } from '../api';
import { Note } from '../parts/basics';
import { SelectField, TextArea, TextField } from '../parts/fields';
import { useMessage, useProblems } from '../parts/problems';
import { tell } from '../parts/toasts';
import { useTexts } from '../texts';

export function NewGroupPage() {
    const texts = useTexts();
    const message = useMessage();
    const client = useQueryClient();
    const navigate = useNavigate();
    const { realm, parent } = useSearch({ from: '/new-group' });
    const { data: session } = useQuery(sessionQuery);
    const { data: parentGroup } = useQuery({
        ...groupQuery({ realm: realm ?? '', groupId: parent ?? '' }),
        enabled: Boolean(realm && parent),
    });
    const realms = session?.realms.filter(({ known }) => known).map((one) => one.realm) ?? [];
    // The same for a form that is sent again: it makes one group.
    const key = useRef(idempotencyKey());
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
                    params: { path: { realm: where }, header: key.current },
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
        onError: (error) => {
            // What was understood and refused is another request when it is mended.
            if (error instanceof PekError && error.kind !== 'unavailable' && error.kind !== 'offline') key.current = idempotencyKey();
        },
    });
    const submit = (event: FormEvent<HTMLFormElement>) => {
        event.preventDefault();
        const form = new FormData(event.currentTarget);
        const text = (name: string) => String(form.get(name) ?? '').trim();
        create.mutate({
            realm: realm ?? text('realm'),
            name: text('name'),
            slug: text('slug').toLowerCase(),
            description: text('description'),
            purpose: text('purpose') as Group['purpose'],
        });
    };
    const problems = useProblems(create.error, ['name', 'slug', 'description']);
    return (
        <>
            <div className="page-head">
                <div>
                    <h1>{parent ? texts.group.createSubgroup : texts.group.create}</h1>
                    <p className="lead">{parent ? texts.edit.under(parentGroup?.name ?? parent) : texts.edit.topLevel}</p>
                </div>
            </div>
            <form className="card padded form narrow" onSubmit={submit}>
                {!realm && (
                    <SelectField name="realm" label={texts.edit.realm}>
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
                <PurposeField value="CIRCLE" />
                {problems.rest !== undefined && <Note tone="bad">{message(problems.rest)}</Note>}
                <div className="actions">
                    <button type="submit" className="button primary" disabled={create.isPending}>
                        {texts.edit.create}
                    </button>
                </div>
            </form>
        </>
    );
}

export function PurposeField({ value }: { value: string }) {
    const texts = useTexts();
    return (
        <SelectField name="purpose" label={texts.edit.purpose} defaultValue={value}>
            {Object.entries(texts.purposes).map(([purpose, text]) => (
                <option key={purpose} value={purpose}>
                    {text}
                </option>
            ))}
        </SelectField>
    );
}
