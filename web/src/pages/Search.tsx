// Groups and people of all realms, as they are merged.
import { useNavigate, useSearch } from '@tanstack/react-router';
import { Link } from '@tanstack/react-router';
import { readMask, stream, type Masked, type PekError } from '@pek/client';
import { useQuery } from '@tanstack/react-query';
import { Plus, Search, SearchX, UsersRound } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { send, sessionQuery } from '../api';
import { Avatar, Badge, Bones, Empty, MissingRealms, PageTitle, Problem, RealmBadge } from '../parts/basics';
import { useDates, useTexts } from '../texts';

const typingMs = 180;
const ask: typeof fetch = (input, init) => send(new Request(input, init));
const shownAtOnce = 60; // of a stream that may have thousands

// What a row shows, and nothing else: a list may have thousands.
type FoundGroup = Masked<'Group', 'realm' | 'id' | 'name' | 'description' | 'purpose' | 'isArchived'>;
const groupMask = readMask<'Group'>('realm', 'id', 'name', 'description', 'purpose', 'isArchived');
type FoundPerson = Masked<'User', 'id' | 'username' | 'displayName' | 'nickname' | 'avatarVersion'>;
const personMask = readMask<'User'>('id', 'username', 'displayName', 'nickname', 'avatarVersion');

interface Found<Item> {
    items: Item[];
    missing: string[];
    done: boolean;
    error: PekError | undefined;
    again: () => void;
}

/** The items of a stream so far. What was shown of the last question stays until the first of the next one is here. */
function useStream<Item>(url: string): Found<Item> {
    const [found, setFound] = useState<Omit<Found<Item>, 'again'>>({ items: [], missing: [], done: false, error: undefined });
    const [round, setRound] = useState(0);

    useEffect(() => {
        const stopped = new AbortController();
        const items: Item[] = [];
        let painting = 0;
        const paint = () => {
            painting = 0;
            setFound(({ missing }) => ({ items: [...items], missing, done: false, error: undefined }));
        };
        const read = async () => {
            const lines = stream<Item>(url, { signal: stopped.signal, fetch: ask });
            for (;;) {
                const next = await lines.next();
                if (stopped.signal.aborted) return;
                if (next.done) {
                    cancelAnimationFrame(painting);
                    const missing = next.value.unreachable.map((name) => name.replace(/^realms\//, ''));
                    setFound({ items, missing, done: true, error: undefined });
                    return;
                }
                items.push(next.value);
                painting ||= requestAnimationFrame(paint);
            }
        };
        setFound((before) => ({ ...before, done: false, error: undefined }));
        read().catch((error: unknown) => {
            cancelAnimationFrame(painting);
            if (!stopped.signal.aborted) setFound({ items, missing: [], done: true, error: error as PekError });
        });
        return () => {
            cancelAnimationFrame(painting);
            stopped.abort();
        };
    }, [url, round]);
    return { ...found, again: () => setRound((before) => before + 1) };
}

export function SearchPage() {
    const texts = useTexts();
    const navigate = useNavigate({ from: '/search' });
    const { q = '', kind = 'groups', realm, archived = false } = useSearch({ from: '/search' });
    const [typed, setTyped] = useState(q);
    const asked = useRef(q);
    const { data: session } = useQuery(sessionQuery);

    // Back, forth, and a link: the address leads. Typing: the field does, and takes the address along.
    useEffect(() => {
        if (q !== asked.current) {
            asked.current = q;
            setTyped(q);
        }
    }, [q]);
    useEffect(() => {
        if (typed === asked.current) return;
        const timer = setTimeout(() => {
            asked.current = typed;
            void navigate({ search: (before) => ({ ...before, q: typed }), replace: true });
        }, typingMs);
        return () => clearTimeout(timer);
    }, [typed, navigate]);

    // As the session says it: a search asks no realm by itself, of which one may be away.
    const mayFound = session?.realms.some(({ known, policies }) => known && policies.includes('GOD')) === true;
    const inRealm = session?.realms.some(({ known }) => known);
    return (
        <>
            <div className="page-head">
                <div>
                    <PageTitle>{texts.nav.discover}</PageTitle>
                </div>
                {mayFound && (
                    <Link className="button" to="/new-group">
                        <Plus size={17} aria-hidden="true" />
                        {texts.group.create}
                    </Link>
                )}
            </div>
            <form role="search" className="search-large" onSubmit={(event) => event.preventDefault()}>
                <Search size={20} aria-hidden="true" />
                <input
                    id="search-field"
                    className="input"
                    type="search"
                    value={typed}
                    maxLength={200}
                    autoComplete="off"
                    autoFocus
                    placeholder={texts.search.placeholder}
                    aria-label={texts.search.placeholder}
                    onChange={(event) => setTyped(event.target.value)}
                />
            </form>
            <div className="search-bar">
                <div className="chips" role="group" aria-label={texts.search.kind}>
                    {(['groups', 'people'] as const).map((value) => (
                        <button
                            key={value}
                            type="button"
                            aria-pressed={kind === value}
                            onClick={() => void navigate({ search: (before) => ({ ...before, kind: value }) })}
                        >
                            {texts.search[value]}
                        </button>
                    ))}
                </div>
                {kind === 'groups' && realm !== undefined && (
                    <label className="check">
                        <input type="checkbox" checked onChange={() => void navigate({ search: ({ realm: _, ...rest }) => rest })} />
                        <span className="name">{texts.search.onlyIn(realm)}</span>
                    </label>
                )}
                {kind === 'groups' && (
                    <label className="check">
                        <input
                            type="checkbox"
                            checked={archived}
                            onChange={(event) => {
                                const { checked } = event.target;
                                void navigate({ search: ({ archived: _, ...rest }) => (checked ? { ...rest, archived: true } : rest) });
                            }}
                        />
                        {texts.search.archived}
                    </label>
                )}
            </div>
            {kind === 'groups' ? (
                <Groups q={q} realm={realm} archived={archived} known={inRealm !== false} />
            ) : (
                <People q={q} known={inRealm !== false} />
            )}
        </>
    );
}

function Results<Item>({
    found,
    render,
    known,
    count,
}: {
    found: Found<Item>;
    render: (item: Item) => React.ReactNode;
    known: boolean;
    count: (n: number) => string;
}) {
    const texts = useTexts();
    const [shown, setShown] = useState(shownAtOnce);
    const { items, done, error, missing, again } = found;
    return (
        <>
            <MissingRealms realms={missing} retry={again} />
            {error && <Problem error={error} retry={again} />}
            <p className="unseen-text" role="status">
                {done && !error ? count(items.length) : ''}
            </p>
            {items.length > 0 ? (
                <section className="card" aria-busy={!done}>
                    <ul className="rows results">{items.slice(0, shown).map(render)}</ul>
                    {items.length > shown && (
                        <div className="card-more">
                            <button type="button" className="button" onClick={() => setShown(shown + 200)}>
                                {texts.search.more(items.length - shown)}
                            </button>
                        </div>
                    )}
                </section>
            ) : !done ? (
                <section className="card">
                    <Bones count={6} />
                </section>
            ) : (
                !error &&
                missing.length === 0 && (
                    <section className="card">
                        <Empty icon={known ? SearchX : UsersRound} title={known ? texts.search.none : texts.search.stranger.title}>
                            {known ? texts.search.noneText : texts.search.stranger.text}
                        </Empty>
                    </section>
                )
            )}
        </>
    );
}

function Groups({ q, realm, archived, known }: { q: string; realm: string | undefined; archived: boolean; known: boolean }) {
    const texts = useTexts();
    const dates = useDates();
    const path = realm === undefined ? '/api/v1/groups' : `/api/v1/realms/${encodeURIComponent(realm)}/groups`;
    const found = useStream<FoundGroup>(`${path}?${new URLSearchParams({ q, includeArchived: String(archived), readMask: groupMask })}`);
    return (
        <Results
            found={found}
            known={known}
            count={(n) => texts.search.foundGroups(dates.number(n))}
            render={(group) => <GroupRow key={`${group.realm}/${group.id}`} group={group} />}
        />
    );
}

function GroupRow({ group }: { group: FoundGroup }) {
    const texts = useTexts();
    return (
        <li className="linked">
            <Avatar kind="group" id={group.id} name={group.name} />
            <div className="grow">
                <Link className="title" to="/realms/$realm/groups/$groupId" params={{ realm: group.realm, groupId: group.id }}>
                    {group.name}
                </Link>
                <div className="muted small one-line">{group.description || texts.purposes[group.purpose]}</div>
            </div>
            {group.isArchived && <Badge>{texts.group.archived}</Badge>}
            <RealmBadge realm={group.realm} />
        </li>
    );
}

function People({ q, known }: { q: string; known: boolean }) {
    const texts = useTexts();
    const dates = useDates();
    const found = useStream<FoundPerson>(`/api/v1/users?${new URLSearchParams({ q, readMask: personMask })}`);
    return (
        <Results
            found={found}
            known={known}
            count={(n) => texts.search.foundPeople(dates.number(n))}
            render={(user) => (
                <li key={user.id} className="linked">
                    <Avatar id={user.id} name={user.displayName} version={user.avatarVersion} />
                    <div className="grow">
                        <Link className="title" to="/people/$user" params={{ user: user.username || user.id }}>
                            {user.displayName}
                        </Link>
                        <div className="muted small">
                            {user.nickname && <span className="name">{user.nickname} · </span>}@{user.username}
                        </div>
                    </div>
                </li>
            )}
        />
    );
}
