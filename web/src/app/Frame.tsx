// What is around every page: the bar above, on a phone the one below, and who is not logged in yet.
import { useQuery } from '@tanstack/react-query';
import { Link, Outlet, useLocation, useNavigate, useRouterState } from '@tanstack/react-router';
import { Bell, CircleUser, House, Search } from 'lucide-react';
import { lazy, Suspense, useEffect, useRef, useState, type FormEvent, type ReactNode } from 'react';
import { loginQuery, sessionQuery, unseenQuery } from '../api';
import { useLiveNotifications } from '../live';
import { Avatar, Note, Problem } from '../parts/basics';
import { languages, useLanguage, useTexts } from '../texts';
import { loadAllPages, reloadFor } from './lazyPage';
import { Welcome } from './Welcome';

// Menus are half as large as all the rest: they come when the page is there.
const UserMenu = lazy(() => import('./UserMenu').then((module) => ({ default: module.UserMenu })));
const SessionOfTabs = lazy(() => import('./SessionOfTabs').then((module) => ({ default: module.SessionOfTabs })));
const ViewMenu = lazy(() => import('./UserMenu').then((module) => ({ default: module.ViewMenu })));

// The reference of the API is for everybody.
const publicPaths = new Set(['/docs']);

export function Frame() {
    const texts = useTexts();
    const login = useQuery(loginQuery);
    const { pathname } = useLocation();
    const main = useRef<HTMLElement>(null);
    const signedIn = login.data?.signedIn === true;
    // When the session ends the page stays, with what was typed into it.
    const [stays, setStays] = useState(false);
    if (signedIn && !stays) setStays(true);
    const leadsNowhere = useRouterState({ select: ({ matches }) => matches.length === 1 }); // the frame alone
    const isPublic = leadsNowhere || publicPaths.has(pathname);

    useLiveNotifications(signedIn);
    useFocusOnPage(main, pathname);
    usePagesAhead(signedIn);
    return (
        <>
            <a className="button primary skip" href="#main">
                {texts.nav.skip}
            </a>
            {stays ? <TopBar /> : <GuestBar />}
            <main id="main" tabIndex={-1} ref={main}>
                <Offline />
                <LanguageMissing />
                {login.data && (
                    <Suspense>
                        <SessionOfTabs login={login.data} stays={stays} />
                    </Suspense>
                )}
                {login.isError && <Problem error={login.error} retry={() => void login.refetch()} />}
                {stays || isPublic ? <Outlet /> : login.data && <Welcome login={login.data} />}
            </main>
            <footer className="footer">
                <span>{texts.footer}</span>
                <Link to="/docs">{texts.nav.docs}</Link>
            </footer>
            {stays && <BottomBar />}
        </>
    );
}

const aheadMs = 3_000;

/** The first page is there by then. */
function usePagesAhead(signedIn: boolean) {
    useEffect(() => {
        if (!signedIn) return;
        const timer = setTimeout(() => void loadAllPages(), aheadMs);
        return () => clearTimeout(timer);
    }, [signedIn]);
}

/** A reader of the screen hears the new page, and Tab goes on from its top. */
function useFocusOnPage(main: React.RefObject<HTMLElement | null>, pathname: string) {
    const shown = useRef(pathname);
    useEffect(() => {
        if (shown.current === pathname) return;
        shown.current = pathname;
        main.current?.focus({ preventScroll: true });
    }, [main, pathname]);
}

function useOnline(): boolean {
    const [online, setOnline] = useState(navigator.onLine);
    useEffect(() => {
        const look = () => setOnline(navigator.onLine);
        addEventListener('online', look);
        addEventListener('offline', look);
        return () => {
            removeEventListener('online', look);
            removeEventListener('offline', look);
        };
    }, []);
    return online;
}

function Offline() {
    const texts = useTexts();
    return useOnline() ? null : <Note tone="warn">{texts.offline}</Note>;
}

/** The browser would not ask for it again by itself (lazyPage.ts). */
function LanguageMissing() {
    const { texts, missing } = useLanguage();
    if (!missing) return null;
    return (
        <Note
            tone="warn"
            action={
                <button type="button" className="button small" onClick={() => void reloadFor({ page: `texts ${missing}` }, true)}>
                    {texts.again}
                </button>
            }
        >
            {texts.view.missing(languages[missing])}
        </Note>
    );
}

function Brand() {
    return (
        <Link to="/" className="brand">
            <img src="/icon.svg" alt="" />
            PÉK
        </Link>
    );
}

function GuestBar() {
    return (
        <header className="top">
            <div>
                <Brand />
                <span className="spring" />
                <Suspense>
                    <ViewMenu />
                </Suspense>
            </div>
        </header>
    );
}

function TopBar() {
    const texts = useTexts();
    return (
        <header className="top">
            <div>
                <Brand />
                <nav aria-label={texts.nav.main}>
                    <Link to="/" activeOptions={{ exact: true }}>
                        {texts.nav.home}
                    </Link>
                    <Link to="/search">{texts.nav.discover}</Link>
                </nav>
                <span className="spring" />
                <Find />
                <NotificationsLink />
                <Me />
            </div>
        </header>
    );
}

function Me() {
    const { data: session } = useQuery(sessionQuery);
    const user = session?.user;
    const face: ReactNode = <Avatar id={user?.id ?? ''} name={user?.name ?? ''} version={user?.avatarVersion} />;
    return (
        <Suspense fallback={face}>
            <UserMenu />
        </Suspense>
    );
}

/** From anywhere: "/" leads into it. */
function Find() {
    const texts = useTexts();
    const navigate = useNavigate();
    const { pathname } = useLocation();
    const input = useRef<HTMLInputElement>(null);

    useEffect(() => {
        const press = (event: KeyboardEvent) => {
            const inField = event.target instanceof HTMLElement && event.target.closest('input, textarea, select, [contenteditable]');
            if (event.key !== '/' || inField || event.ctrlKey || event.metaKey || event.altKey) return;
            event.preventDefault();
            const field = input.current ?? document.querySelector<HTMLInputElement>('#search-field');
            field?.focus();
        };
        addEventListener('keydown', press);
        return () => removeEventListener('keydown', press);
    }, []);

    const submit = (event: FormEvent) => {
        event.preventDefault();
        void navigate({ to: '/search', search: { q: input.current?.value ?? '' } });
        if (input.current) input.current.value = '';
    };

    // That page has a larger one.
    if (pathname === '/search') return <span className="spring" />;
    return (
        <form className="find" role="search" onSubmit={submit}>
            <Search size={17} aria-hidden="true" />
            <input
                ref={input}
                className="input"
                type="search"
                maxLength={200}
                placeholder={texts.search.short}
                aria-label={texts.search.short}
            />
        </form>
    );
}

function NotificationsLink() {
    const texts = useTexts();
    const { data: unseen = 0 } = useQuery(unseenQuery);
    return (
        <Link to="/notifications" className="button quiet icon bell" aria-label={texts.notifications.bell(unseen)}>
            <Bell size={20} aria-hidden="true" />
            {unseen > 0 && (
                <span className="count" aria-hidden="true">
                    {unseen > 99 ? '99+' : unseen}
                </span>
            )}
        </Link>
    );
}

function BottomBar() {
    const texts = useTexts();
    const { data: session } = useQuery(sessionQuery);
    const items = [
        { to: '/', label: texts.nav.home, icon: House },
        { to: '/search', label: texts.nav.discover, icon: Search },
        { to: '/notifications', label: texts.notifications.title, icon: Bell },
    ] as const;
    return (
        <nav className="bottom" aria-label={texts.nav.main}>
            {items.map(({ to, label, icon: Icon }) => (
                <Link key={to} to={to} activeOptions={{ exact: to === '/' }}>
                    <Icon size={21} aria-hidden="true" />
                    {label}
                </Link>
            ))}
            <Link to="/people/$user" params={{ user: session?.user?.username ?? 'me' }}>
                <CircleUser size={21} aria-hidden="true" />
                {texts.nav.profile}
            </Link>
        </nav>
    );
}
