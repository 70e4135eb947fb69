// What leaders change about a group itself. Every change names the version that was read.
import { answer } from '@pek/client';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { Archive, ArchiveRestore, FolderTree } from 'lucide-react';
import { useState, type FormEvent } from 'react';
import { groupQuery, pek, type Group, type GroupRef } from '../../api';
import { useMay } from '../../may';
import { Bones, Card, Note, Problem } from '../../parts/basics';
import { PageProblem } from '../../parts/PageProblem';
import { FormDialog, Leaving } from '../../parts/dialogs';
import { Meanwhile, useEdits } from '../../parts/edits';
import { SwitchRow, TextArea, TextField } from '../../parts/fields';
import { useMessage, useProblems } from '../../parts/problems';
import { PickField, type Picked } from '../../parts/PickField';
import { tell, tellProblem } from '../../parts/toasts';
import { useTexts } from '../../texts';
import { PurposeField } from '../NewGroup';
import { GroupHead } from './GroupHead';

export function GroupSettingsPage() {
    const ref = useParams({ from: '/realms/$realm/groups/$groupId/settings' });
    const query = useQuery(groupQuery(ref));
    const mayEdit = useMay(ref, 'EDIT_GROUP_PROFILE');
    const mayMove = useMay(ref, 'MOVE_GROUP_OWNER');
    const texts = useTexts();
    if (query.isPending) {
        return (
            <section className="card">
                <Bones />
            </section>
        );
    }
    if (query.isLoadingError) return <PageProblem error={query.error} retry={() => void query.refetch()} />;
    const group = query.data;
    return (
        <>
            <GroupHead group={group} page={texts.group.settings} />
            {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
            {group.isArchived && <Note tone="warn">{texts.edit.archivedNow}</Note>}
            <div className="split">
                <div className="stack">{mayEdit && <Profile group={group} groupRef={ref} />}</div>
                <div className="stack">
                    {mayMove && <Flags group={group} groupRef={ref} />}
                    {mayMove && <Tree group={group} groupRef={ref} />}
                </div>
            </div>
        </>
    );
}

interface Part {
    group: Group;
    groupRef: GroupRef;
}

const pathOf = ({ realm, groupId }: GroupRef) => ({ realm, id: groupId });

function useRefresh(ref: GroupRef) {
    const client = useQueryClient();
    return () => client.invalidateQueries({ queryKey: ['group', ref.realm, ref.groupId] });
}

type ProfileField = 'name' | 'description' | 'webpage' | 'mail' | 'purpose';

function Profile({ group, groupRef }: Part) {
    const texts = useTexts();
    const message = useMessage();
    const refresh = useRefresh(groupRef);
    const edits = useEdits<ProfileField>(group);
    const save = useMutation({
        mutationFn: (change: Partial<Group>) =>
            answer(
                pek.PATCH('/api/v1/realms/{realm}/groups/{id}', {
                    params: { path: pathOf(groupRef) },
                    body: { ...change, etag: group.etag },
                }),
            ),
        onSuccess: async (_, change) => {
            await refresh();
            edits.saved(change as Record<ProfileField, string>);
            tell(texts.saved);
        },
        onError: refresh,
    });
    const submit = (event: FormEvent<HTMLFormElement>) => {
        event.preventDefault();
        if (Object.keys(edits.change).length > 0) save.mutate(edits.change as Partial<Group>);
    };
    const textOf = (name: ProfileField) =>
        name === 'purpose' ? texts.purposes[group.purpose as keyof typeof texts.purposes] : group[name];
    const problems = useProblems(save.error, ['name', 'description', 'webpage', 'mail']);
    return (
        <Card title={texts.edit.profile}>
            <form className="form card-form" onSubmit={submit}>
                <TextField {...edits.field('name')} label={texts.edit.name} required maxLength={200} problem={problems.at('name')} />
                <TextArea
                    {...edits.field('description')}
                    label={texts.edit.description}
                    maxLength={20_000}
                    rows={6}
                    problem={problems.at('description')}
                />
                <div className="columns">
                    <TextField
                        {...edits.field('webpage')}
                        label={texts.edit.webpage}
                        type="url"
                        maxLength={64}
                        hint="https://…"
                        problem={problems.at('webpage')}
                    />
                    <TextField {...edits.field('mail')} label={texts.edit.mail} type="email" maxLength={64} problem={problems.at('mail')} />
                    <PurposeField {...edits.field('purpose')} />
                </div>
                {problems.rest !== undefined && <Note tone="bad">{message(problems.rest)}</Note>}
                <Leaving dirty={Object.keys(edits.change).length > 0} />
                {!save.isPending && <Meanwhile now={edits.conflicts.map((name) => [texts.edit[name], textOf(name)])} />}
                <div className="actions">
                    <button type="submit" className="button primary" disabled={save.isPending || group.isArchived}>
                        {texts.save}
                    </button>
                </div>
            </form>
        </Card>
    );
}

const flags = ['usersCanApply', 'archivedMembersVisible', 'hasTransitiveMembership', 'isCommunity', 'isResort', 'isTaskForce'] as const;
type Flag = (typeof flags)[number];

function Flags({ group, groupRef }: Part) {
    const texts = useTexts();
    const message = useMessage();
    const client = useQueryClient();
    const refresh = useRefresh(groupRef);
    const { queryKey } = groupQuery(groupRef);
    const save = useMutation({
        mutationFn: (change: Partial<Record<Flag, boolean>>) =>
            answer(
                pek.POST('/api/v1/realms/{realm}/groups/{id}:configure', {
                    params: { path: pathOf(groupRef) },
                    body: { ...change, updateMask: Object.keys(change).join(','), etag: group.etag },
                }),
            ),
        onMutate: async (change) => {
            await client.cancelQueries({ queryKey });
            const before = client.getQueryData(queryKey);
            client.setQueryData(queryKey, (data) => data && { ...data, ...change });
            return { before };
        },
        onError: (error, _, context) => {
            client.setQueryData(queryKey, context?.before);
            tellProblem(message(error));
        },
        onSettled: refresh,
    });
    return (
        <Card title={texts.edit.how}>
            <div className="card-switches">
                {flags.map((flag) => (
                    <SwitchRow
                        key={flag}
                        label={texts.edit.flags[flag]}
                        checked={group[flag]}
                        disabled={save.isPending || group.isArchived}
                        onChange={(on) => save.mutate({ [flag]: on })}
                    />
                ))}
            </div>
        </Card>
    );
}

function Tree({ group, groupRef }: Part) {
    const texts = useTexts();
    const refresh = useRefresh(groupRef);
    const client = useQueryClient();
    const [asking, setAsking] = useState<'archive' | 'move'>();
    const [place, setPlace] = useState<'below' | 'top'>('below');
    const [parent, setParent] = useState<Picked | null>(null);
    const parameters = { path: pathOf(groupRef) };
    const archive = async (form: FormData) => {
        const body = { cascade: form.get('cascade') === 'on', etag: group.etag };
        await answer(
            group.isArchived
                ? pek.POST('/api/v1/realms/{realm}/groups/{id}:unarchive', { params: parameters, body })
                : pek.POST('/api/v1/realms/{realm}/groups/{id}:archive', { params: parameters, body }),
        );
        tell(group.isArchived ? texts.edit.unarchived : texts.edit.archived);
        await refresh();
        await client.invalidateQueries({ queryKey: ['memberships'] });
    };
    const move = async () => {
        const where = place === 'top' ? { toTopLevel: true } : { parentId: parent?.id ?? '' };
        const body = { ...where, etag: group.etag };
        await answer(pek.POST('/api/v1/realms/{realm}/groups/{id}:move', { params: parameters, body }));
        tell(texts.edit.moved);
        await client.invalidateQueries({ queryKey: ['group'] });
    };
    return (
        <section className="card padded stack tight">
            <h2>{texts.edit.tree}</h2>
            <p className="muted small">{texts.edit.treeText}</p>
            <div className="actions">
                <button type="button" className="button" onClick={() => setAsking('move')} disabled={group.isArchived}>
                    <FolderTree size={17} aria-hidden="true" />
                    {texts.edit.move}
                </button>
                <button type="button" className={group.isArchived ? 'button' : 'button danger'} onClick={() => setAsking('archive')}>
                    {group.isArchived ? <ArchiveRestore size={17} aria-hidden="true" /> : <Archive size={17} aria-hidden="true" />}
                    {group.isArchived ? texts.edit.unarchive : texts.edit.archive}
                </button>
            </div>
            <FormDialog
                open={asking === 'archive'}
                onClose={() => setAsking(undefined)}
                title={group.isArchived ? texts.edit.askUnarchive(group.name) : texts.edit.askArchive(group.name)}
                text={group.isArchived ? texts.edit.unarchiveText : texts.edit.archiveText}
                action={group.isArchived ? texts.edit.unarchive : texts.edit.archive}
                danger={!group.isArchived}
                onSubmit={archive}
            >
                <label className="check">
                    <input type="checkbox" name="cascade" />
                    {texts.edit.cascade}
                </label>
            </FormDialog>
            <FormDialog
                open={asking === 'move'}
                onClose={() => setAsking(undefined)}
                title={texts.edit.move}
                text={texts.edit.moveText}
                action={texts.edit.move}
                fields={['parentId']}
                disabled={place === 'below' && !parent}
                onSubmit={move}
            >
                {(at) => (
                    <>
                        <div className="chips" role="radiogroup" aria-label={texts.edit.place}>
                            {(['below', 'top'] as const).map((one) => (
                                <label key={one} className="chip">
                                    <input type="radio" name="place" checked={place === one} onChange={() => setPlace(one)} />
                                    {texts.edit.places[one]}
                                </label>
                            ))}
                        </div>
                        {place === 'below' ? (
                            <PickField
                                of={{ kind: 'group', realm: groupRef.realm }}
                                label={texts.edit.parent}
                                value={parent}
                                onPick={setParent}
                                problem={at('parentId')}
                                required
                            />
                        ) : (
                            at('parentId') && <Note tone="bad">{at('parentId')}</Note>
                        )}
                    </>
                )}
            </FormDialog>
        </section>
    );
}
