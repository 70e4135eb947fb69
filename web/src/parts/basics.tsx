// Small things that pages are made of, without a state of their own.
import { PekError } from '@pek/client';
import { Link } from '@tanstack/react-router';
import { CircleAlert, CloudOff, Info, type LucideIcon } from 'lucide-react';
import { useEffect, useRef, type ReactNode } from 'react';
import { useTexts } from '../texts';
import { useMessage } from './problems';
import { useSaidOnce } from './saidOnce';

/** Always the same of a thing's id, so that one finds it again. */
function tint(key: string): string {
    let sum = 0;
    for (const letter of key) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 9973;
    return `tint-${sum % 6}`;
}

const segments = new Intl.Segmenter('hu', { granularity: 'grapheme' });

function initials(name: string): string {
    const words = name.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word));
    const letters = words.slice(0, 2).map((word) => {
        const letter = [...segments.segment(word)].find(({ segment }) => /[\p{L}\p{N}]/u.test(segment));
        // Without what hostile names pile up on a letter.
        return letter?.segment.normalize('NFC').slice(0, 2) ?? '';
    });
    return letters.join('').toLocaleUpperCase() || '·';
}

interface AvatarProps {
    id: string;
    name: string;
    kind?: 'person' | 'group';
    size?: 'small' | 'large';
    /** '0' or nothing: there is no picture. */
    version?: string | undefined;
}

export function Avatar({ id, name, kind = 'person', size, version = '0' }: AvatarProps) {
    const names = ['avatar', kind === 'group' ? 'group' : '', size ?? ''];
    if (version !== '0') {
        // The API takes no parameter here; the browser has another picture for another fragment, and asks by ETag.
        const source = `/api/v1/users/${encodeURIComponent(id)}/avatar#${version}`;
        return <img className={names.join(' ')} src={source} alt="" loading="lazy" />;
    }
    return (
        <span className={[...names, tint(id)].join(' ')} aria-hidden="true">
            {initials(name)}
        </span>
    );
}

/** What a page is about, also where the browser lists its windows; there `page` says which of several about the same it is. */
export function PageTitle({ children, className, page }: { children: string; className?: string; page?: string | undefined }) {
    const title = [...(page ? [page] : []), children, 'PÉK'].join(' · ');
    useEffect(() => {
        document.title = title;
        return () => void (document.title = 'PÉK');
    }, [title]);
    return <h1 className={className}>{children}</h1>;
}

export function RealmBadge({ realm }: { realm: string }) {
    const texts = useTexts();
    return (
        <span className="badge realm" title={texts.realm.title(realm)}>
            {realm}
        </span>
    );
}

export type Tone = 'plain' | 'accent' | 'ok' | 'warn' | 'bad' | 'info';

export function Badge({ tone = 'plain', children }: { tone?: Tone; children: ReactNode }) {
    return <span className={`badge ${tone}`}>{children}</span>;
}

/** What stands where nothing is; `page` when that is all of the page. */
export function Empty({
    icon: Icon,
    title,
    page = false,
    children,
    actions,
}: {
    icon: LucideIcon;
    title: string;
    page?: boolean;
    children?: ReactNode;
    actions?: ReactNode;
}) {
    return (
        <div className="empty">
            <Icon size={28} strokeWidth={1.6} aria-hidden="true" />
            {page ? <PageTitle>{title}</PageTitle> : <h3>{title}</h3>}
            {children && <p>{children}</p>}
            {actions && <div className="actions">{actions}</div>}
        </div>
    );
}

export function Note({ tone = 'info', children, action }: { tone?: 'info' | 'warn' | 'bad'; children: ReactNode; action?: ReactNode }) {
    const Icon = tone === 'info' ? Info : CircleAlert;
    return (
        <div className={`note ${tone}`} role={tone === 'bad' ? 'alert' : 'status'}>
            <Icon size={18} aria-hidden="true" />
            <div className="grow">{children}</div>
            {action}
        </div>
    );
}

/** Asked again, it would be answered the same: what is asked for is not there, or not for the caller. */
const isFinal = (error: unknown) =>
    error instanceof PekError && (error.kind === 'notFound' || error.kind === 'invalid' || error.kind === 'forbidden');

/** To where everything is found, from what is not there. */
export function WayOn({ small = false, people = false }: { small?: boolean; people?: boolean }) {
    const texts = useTexts();
    return (
        <Link className={small ? 'button small' : 'button'} to="/search" search={people ? { kind: 'people' } : {}}>
            {texts.nav.discover}
        </Link>
    );
}

/** What went wrong, and what one can do: ask again, or go on where something is. */
export function Problem({ error, retry }: { error: unknown; retry?: () => void }) {
    const texts = useTexts();
    const text = useMessage()(error);
    const { isFirst, again } = useSaidOnce(text, retry);
    if (!isFirst) return null;
    return (
        <Note
            tone="bad"
            action={
                retry &&
                (isFinal(error) ? (
                    <WayOn small />
                ) : (
                    <button type="button" className="button small" onClick={again}>
                        {texts.again}
                    </button>
                ))
            }
        >
            {text}
        </Note>
    );
}

const askAgainMs = 8_000;

/** A list goes on without a realm: says so, quietly, and asks again by itself until all are there. */
export function MissingRealms({ realms, retry }: { realms: string[]; retry?: () => void }) {
    const texts = useTexts();
    const ask = useRef(retry);
    useEffect(() => void (ask.current = retry));
    const waiting = realms.length > 0;
    useEffect(() => {
        if (!waiting) return;
        const timer = setInterval(() => document.visibilityState === 'visible' && ask.current?.(), askAgainMs);
        return () => clearInterval(timer);
    }, [waiting]);
    const text = waiting ? texts.realm.missing(realms) : '';
    const { isFirst, again } = useSaidOnce(text, retry);
    if (!isFirst) return null;
    return (
        <div className="note warn" role="status">
            <CloudOff size={18} aria-hidden="true" />
            <div className="grow">{text}</div>
            {retry && (
                <button type="button" className="button small" onClick={again}>
                    {texts.again}
                </button>
            )}
        </div>
    );
}

/** Where a list will be. */
export function Bones({ count = 4 }: { count?: number }) {
    const texts = useTexts();
    return (
        <div className="bones" role="status">
            <span className="unseen-text">{texts.loading}</span>
            <ul className="rows" aria-hidden="true">
                {Array.from({ length: count }, (_, i) => (
                    <li key={i}>
                        <span className="bone round" />
                        <div className="grow stack tight">
                            <span className={`bone ${i % 2 ? 'w50' : 'w30'}`} />
                            <span className="bone w70" />
                        </div>
                    </li>
                ))}
            </ul>
        </div>
    );
}

export function Card({ title, action, children, id }: { title?: ReactNode; action?: ReactNode; children: ReactNode; id?: string }) {
    return (
        <section className="card" id={id}>
            {title !== undefined && (
                <header>
                    <h2>{title}</h2>
                    {action}
                </header>
            )}
            {children}
        </section>
    );
}

interface MoreProps {
    hasNextPage: boolean;
    isFetchingNextPage: boolean;
    fetchNextPage: () => unknown;
}

export function More({ query }: { query: MoreProps }) {
    const texts = useTexts();
    if (!query.hasNextPage) return null;
    return (
        <div className="card-more">
            <button type="button" className="button" disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
                {query.isFetchingNextPage ? texts.loading : texts.more}
            </button>
        </div>
    );
}
