// One's own profile: what others may know, and who they are.
import { keepPreviousData, useMutation, useQuery } from '@tanstack/react-query';
import { answer, pages, PekError, problemFromThrown, problemOfAnswer } from '@pek/client';
import { Download, ImageUp, ShieldCheck, Trash2 } from 'lucide-react';
import { useRef, useState, type FormEvent } from 'react';
import { mayPass, missingRealms, pek, queryClient, send, type Profile } from '../../api';
import { shownName, shownPolicy } from '../../names';
import { Avatar, Bones, Card, MissingRealms, More, Note, PageTitle, Problem, RealmBadge } from '../../parts/basics';
import { Leaving } from '../../parts/dialogs';
import { Meanwhile, useEdits } from '../../parts/edits';
import { SelectField, SwitchRow, TextField } from '../../parts/fields';
import { useMessage, useProblems } from '../../parts/problems';
import { tell, tellProblem } from '../../parts/toasts';
import { useTexts } from '../../texts';
import { usePolicyTexts } from '../../texts/policies';
import { useProfileTexts, type ProfileTexts } from '../../texts/profile';
import { Accounts } from './Accounts';
import { DeleteAccount } from './DeleteAccount';
import { fullName } from '../Person';
import { ownQuery, refreshProfile } from './queries';

const pictureBytesMax = 512 * 1024; // docs/people.md
const pictureSideMax = 4096;
const pictureSideMade = 512;

/** A picture that is too large to be sent, as a photo of a phone is, made smaller. Throws when it is large and no picture. */
async function fitting(file: File): Promise<Blob> {
    const isSmall = file.size <= pictureBytesMax;
    const picture = await createImageBitmap(file).catch((problem: unknown) => {
        if (isSmall) return undefined; // the hub says what is wrong with it
        throw problem;
    });
    if (!picture || (isSmall && Math.max(picture.width, picture.height) <= pictureSideMax)) return file;
    const scale = Math.min(1, pictureSideMade / Math.max(picture.width, picture.height));
    const canvas = document.createElement('canvas');
    canvas.width = Math.max(1, Math.round(picture.width * scale));
    canvas.height = Math.max(1, Math.round(picture.height * scale));
    const drawn = canvas.getContext('2d');
    if (!drawn) throw new Error('no canvas');
    drawn.fillStyle = 'white'; // a JPEG has nothing that one sees through
    drawn.fillRect(0, 0, canvas.width, canvas.height);
    drawn.drawImage(picture, 0, 0, canvas.width, canvas.height);
    return new Promise((made, failed) => canvas.toBlob((blob) => (blob ? made(blob) : failed(new Error('no picture'))), 'image/jpeg', 0.9));
}

export function ProfileEditPage() {
    const own = useProfileTexts();
    const query = useQuery(ownQuery);
    return (
        <>
            <div className="page-head">
                <div>
                    <PageTitle>{own.editTitle}</PageTitle>
                    <p className="lead">{own.editText}</p>
                </div>
            </div>
            {query.isPending && (
                <section className="card">
                    <Bones count={5} />
                </section>
            )}
            {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
            {query.data && (
                <div className="split">
                    <div className="stack">
                        <Picture profile={query.data} />
                        <Fields profile={query.data} />
                        <Accounts profile={query.data} />
                    </div>
                    <div className="stack">
                        <Switches profile={query.data} />
                        <Viewers />
                        <Export />
                        <DeleteAccount profile={query.data} />
                    </div>
                </div>
            )}
        </>
    );
}

function Picture({ profile }: { profile: Profile }) {
    const texts = useTexts();
    const own = useProfileTexts();
    const message = useMessage();
    const input = useRef<HTMLInputElement>(null);
    const put = useMutation({
        mutationFn: async (file: Blob) => {
            const address = new URL('/api/v1/users/me/avatar', location.origin);
            const put = new Request(address, { method: 'PUT', headers: { 'content-type': file.type }, body: file });
            const response = await send(put).catch((thrown: unknown) => {
                throw problemFromThrown(thrown);
            });
            if (!response.ok) throw problemOfAnswer(await response.json().catch(() => undefined), response);
        },
        // The same picture is sent with the same key: it is put once.
        retry: (count, error) => count < 2 && mayPass(error),
        onSuccess: () => tell(texts.saved),
        onError: (error) => tellProblem(message(error)),
        onSettled: refreshProfile,
    });
    const remove = useMutation({
        mutationFn: () => answer(pek.DELETE('/api/v1/users/{user}/avatar', { params: { path: { user: 'me' } } })),
        onSuccess: () => tell(texts.saved),
        onError: (error) => tellProblem(message(error)),
        onSettled: refreshProfile,
    });
    const choose = async (file: File | undefined) => {
        if (!file) return;
        const picture = await fitting(file).catch(() => undefined);
        if (picture) put.mutate(picture);
        else tellProblem(own.pictureTooLarge);
    };
    return (
        <section className="card padded picture">
            <Avatar size="large" id={profile.id} name={fullName(profile)} version={profile.avatarVersion} />
            <div className="stack tight">
                <p className="muted small">{own.pictureHint}</p>
                <div className="actions">
                    <button type="button" className="button" disabled={put.isPending} onClick={() => input.current?.click()}>
                        <ImageUp size={17} aria-hidden="true" />
                        {own.choosePicture}
                    </button>
                    {profile.avatarVersion !== '0' && (
                        <button type="button" className="button danger" disabled={remove.isPending} onClick={() => remove.mutate()}>
                            <Trash2 size={17} aria-hidden="true" />
                            {own.removePicture}
                        </button>
                    )}
                </div>
                <input
                    ref={input}
                    type="file"
                    accept="image/png,image/jpeg"
                    hidden
                    aria-label={own.choosePicture}
                    onChange={({ target }) => {
                        void choose(target.files?.[0]);
                        target.value = ''; // so that the same one can be chosen again
                    }}
                />
            </div>
        </section>
    );
}

const textFields = ['lastName', 'firstName', 'nickname', 'username', 'cellPhone', 'room'] as const;
const limits = { lastName: 100, firstName: 100, nickname: 50, username: 30, cellPhone: 20, room: 20 } as const;

const choiceFields = ['dormitory', 'gender', 'studentStatus'] as const;
const always = new Set<string>(['lastName', 'firstName', 'username']);
type Field = (typeof textFields | typeof choiceFields)[number];

/** A phone number as people write it, as it is kept. */
const asSent = (change: Partial<Profile>): Partial<Profile> =>
    change.cellPhone === undefined
        ? change
        : {
              ...change,
              cellPhone: change.cellPhone
                  .replace(/[\s()/-]/g, '')
                  .replace(/^00/, '+')
                  .replace(/^06/, '+36'),
          };

/** Only what was changed is sent, with the version that was read: who edits in two places loses nothing. */
function Fields({ profile }: { profile: Profile }) {
    const texts = useTexts();
    const message = useMessage();
    const own = useProfileTexts();
    const { person } = texts;
    const labels = { ...own, ...person };
    const edits = useEdits<Field>(profile);
    const save = useMutation({
        mutationFn: (change: Partial<Profile>) =>
            answer(
                pek.PATCH('/api/v1/users/{user}/profile', {
                    params: { path: { user: 'me' } },
                    body: { ...asSent(change), etag: profile.etag },
                }),
            ),
        onSuccess: async (_, change) => {
            await refreshProfile();
            edits.saved(change as Record<Field, string>);
            tell(texts.saved);
        },
        onError: refreshProfile,
    });
    const submit = (event: FormEvent<HTMLFormElement>) => {
        event.preventDefault();
        if (Object.keys(edits.change).length > 0) save.mutate(edits.change as Partial<Profile>);
    };
    const choices: Partial<Record<Field, Record<string, string>>> = {
        dormitory: person.dormitories,
        gender: person.genders,
        studentStatus: person.studentStatuses,
    };
    const textOf = (name: Field) => choices[name]?.[profile[name]] ?? profile[name];
    const problems = useProblems(save.error, textFields);
    return (
        <Card title={own.fields}>
            <form className="form card-form" onSubmit={submit}>
                <div className="columns">
                    {textFields.map((name) => (
                        <TextField
                            key={name}
                            {...edits.field(name)}
                            label={labels[name]}
                            maxLength={limits[name]}
                            problem={problems.at(name)}
                            required={always.has(name) && profile[name] !== ''}
                            hint={name === 'username' ? own.usernameHint : name === 'cellPhone' ? '+36201234567' : undefined}
                            type={name === 'cellPhone' ? 'tel' : 'text'}
                        />
                    ))}
                    {choiceFields.map((name) => (
                        <SelectField key={name} {...edits.field(name)} label={person[name]}>
                            {Object.entries(choices[name] ?? {}).map(([key, text]) => (
                                <option key={key} value={key}>
                                    {text}
                                </option>
                            ))}
                        </SelectField>
                    ))}
                </div>
                {problems.rest !== undefined && <Note tone="bad">{message(problems.rest)}</Note>}
                <Leaving dirty={Object.keys(edits.change).length > 0} />
                {!save.isPending && <Meanwhile now={edits.conflicts.map((name) => [labels[name], textOf(name)])} />}
                <div className="actions">
                    <button type="submit" className="button primary" disabled={save.isPending}>
                        {texts.save}
                    </button>
                </div>
            </form>
        </Card>
    );
}

const details = [
    'CELL_PHONE',
    'ROOM',
    'GENDER',
    'STUDENT_STATUS',
    'EXTERNAL_ACCOUNTS',
] as const satisfies (keyof ProfileTexts['visible'])[];

interface OneSwitch {
    detail: (typeof details)[number];
    on: boolean;
}

function withSwitch(visible: Profile['visible'], { detail, on }: OneSwitch): Profile['visible'] {
    const others = visible.filter((one) => one !== detail);
    return on ? [...others, detail] : others;
}

/**
 * All switches are sent together. When one was switched elsewhere since they were read, they are read again: what was hidden there stays
 * hidden. Of somebody else, who has logged in meanwhile, nothing is switched.
 */
async function sendSwitch(one: OneSwitch): Promise<unknown> {
    let refusal: unknown;
    let whose: string | undefined;
    for (let again = 3; ; again--) {
        const read = await queryClient.fetchQuery({ ...ownQuery, staleTime: again === 3 ? Infinity : 0 });
        whose ??= read.id;
        if (read.id !== whose) throw refusal;
        try {
            return await answer(
                pek.PATCH('/api/v1/users/{user}/profile', {
                    params: { path: { user: 'me' }, query: { updateMask: 'visible' } },
                    body: { visible: withSwitch(read.visible, one), etag: read.etag },
                }),
            );
        } catch (error) {
            if (again === 0 || !(error instanceof PekError) || error.kind !== 'changed') throw error;
            refusal = error;
        }
    }
}

function Switches({ profile }: { profile: Profile }) {
    const own = useProfileTexts();
    const message = useMessage();
    const save = useMutation({
        mutationFn: sendSwitch,
        onMutate: async (one) => {
            await queryClient.cancelQueries({ queryKey: ownQuery.queryKey });
            const before = queryClient.getQueryData<Profile>(ownQuery.queryKey);
            queryClient.setQueryData<Profile>(ownQuery.queryKey, (data) => data && { ...data, visible: withSwitch(data.visible, one) });
            return { before };
        },
        onError: (error, _, context) => {
            queryClient.setQueryData(ownQuery.queryKey, context?.before);
            tellProblem(message(error));
        },
        onSettled: refreshProfile,
    });
    return (
        <Card title={own.privacy}>
            <div className="card-switches">
                <p className="muted small">{own.privacyText}</p>
                {details.map((detail) => (
                    <SwitchRow
                        key={detail}
                        label={own.visible[detail]}
                        checked={profile.visible.includes(detail)}
                        onChange={(on) => save.mutate({ detail, on })}
                    />
                ))}
            </div>
        </Card>
    );
}

const viewersShown = 100;

interface Viewer {
    id: string;
    name: string;
    realm: string;
    policies: string[];
}

/** The first of them, up to `count`, and what is missing. */
async function viewersUpTo(count: number, signal: AbortSignal) {
    const list = pages(
        (pageToken) => answer(pek.GET('/api/v1/users/me/access', { params: { query: { pageSize: 100, pageToken } }, signal })),
        (page) => page.viewers,
    );
    const people = new Map<string, Viewer>();
    for (;;) {
        const next = await list.next();
        if (next.done) return { people: [...people.values()], more: false, missing: missingRealms([next.value]) };
        const { realm, userId, displayName, policyName } = next.value;
        const key = `${realm}/${userId}`;
        const person = people.get(key) ?? { id: userId, name: displayName, realm, policies: [] };
        if (people.size === count && !people.has(key)) return { people: [...people.values()], more: true, missing: [] };
        person.policies.push(policyName);
        people.set(key, person);
    }
}

/** Who leads many groups holds a policy of each. */
const firstOf = (policies: string[]) => policies.slice(0, 2).join(', ') + (policies.length > 2 ? ` +${policies.length - 2}` : '');

/** Who may see the switched-on details, and by which right. */
function Viewers() {
    const texts = useTexts();
    const policyTexts = usePolicyTexts();
    const own = useProfileTexts();
    const [count, setCount] = useState(viewersShown);
    const query = useQuery({
        queryKey: ['viewers', count],
        queryFn: ({ signal }) => viewersUpTo(count, signal),
        placeholderData: keepPreviousData,
    });
    if (query.isLoadingError) return <Problem error={query.error} retry={() => void query.refetch()} />;
    const people = (query.data?.people ?? []).map((person) => ({ ...person, name: shownName(texts, person.name) }));
    return (
        <Card title={own.viewers}>
            {query.isError && (
                <div className="card-text">
                    <Problem error={query.error} retry={() => void query.refetch()} />
                </div>
            )}
            <p className="muted small card-text">{own.viewersText}</p>
            <MissingRealms realms={query.data?.missing ?? []} retry={() => void query.refetch()} />
            {query.isPending ? (
                <Bones count={2} />
            ) : (
                <ul className="rows">
                    {people.map(({ id, name, realm, policies }) => (
                        <li key={`${realm}/${id}`}>
                            <Avatar size="small" id={id} name={name} />
                            <div className="grow">
                                <div className="name">{name}</div>
                                <div className="muted small">
                                    {own.through(firstOf([...new Set(policies)].map((name) => shownPolicy(policyTexts, name))))}
                                </div>
                            </div>
                            <RealmBadge realm={realm} />
                        </li>
                    ))}
                    {people.length === 0 && query.data?.missing.length === 0 && (
                        <li>
                            <ShieldCheck size={18} aria-hidden="true" />
                            <span className="muted">{own.noViewers}</span>
                        </li>
                    )}
                </ul>
            )}
            <More
                query={{
                    hasNextPage: query.data?.more === true,
                    isFetchingNextPage: query.isPlaceholderData,
                    fetchNextPage: () => setCount(count + viewersShown),
                }}
            />
        </Card>
    );
}

function Export() {
    const own = useProfileTexts();
    return (
        <section className="card padded stack tight">
            <h2>{own.data}</h2>
            <p className="muted small">{own.dataText}</p>
            <div className="actions">
                <a className="button" href="/api/v1/users/me/export" download="pek.json">
                    <Download size={17} aria-hidden="true" />
                    {own.download}
                </a>
            </div>
        </section>
    );
}
