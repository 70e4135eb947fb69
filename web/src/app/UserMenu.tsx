import { problemFromThrown, problemOfAnswer } from '@pek/client';
import { Menu } from '@base-ui/react/menu';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { KeyRound, Languages, LogOut, MonitorSmartphone, Moon, Server, SlidersHorizontal, Sun, SunMoon, UserRound } from 'lucide-react';
import type { ReactElement } from 'react';
import { sessionQuery } from '../api';
import { leaveBy } from '../leaving';
import { Avatar } from '../parts/basics';
import { useMessage } from '../parts/problems';
import { tellProblem } from '../parts/toasts';
import { tellTabs } from '../session';
import { setTheme, useTheme, type Theme } from '../theme';
import { languages, useLanguage, useTexts, type Language } from '../texts';

const themes: [Theme, typeof Sun][] = [
    ['system', SunMoon],
    ['light', Sun],
    ['dark', Moon],
];

function ViewItems() {
    const { texts, language, speak } = useLanguage();
    const theme = useTheme();
    return (
        <>
            <Menu.RadioGroup value={theme} onValueChange={(value) => setTheme(value as Theme)}>
                <div className="head">{texts.view.theme}</div>
                {themes.map(([value, Icon]) => (
                    <Menu.RadioItem key={value} className="item" value={value}>
                        <Icon size={17} aria-hidden="true" />
                        {texts.view.themes[value]}
                    </Menu.RadioItem>
                ))}
            </Menu.RadioGroup>
            <div className="rule" />
            <Menu.RadioGroup value={language} onValueChange={(value) => void speak(value as Language)}>
                <div className="head">{texts.view.language}</div>
                {Object.entries(languages).map(([value, name]) => (
                    <Menu.RadioItem key={value} className="item" value={value} lang={value}>
                        <Languages size={17} aria-hidden="true" />
                        {name}
                    </Menu.RadioItem>
                ))}
            </Menu.RadioGroup>
        </>
    );
}

function Popup({ children }: { children: React.ReactNode }) {
    return (
        <Menu.Portal>
            <Menu.Positioner className="positioner" sideOffset={8} align="end">
                <Menu.Popup className="menu">{children}</Menu.Popup>
            </Menu.Positioner>
        </Menu.Portal>
    );
}

/** For those who are not logged in. */
export function ViewMenu() {
    const texts = useTexts();
    return (
        <Menu.Root modal={false}>
            <Menu.Trigger className="button quiet icon" aria-label={texts.view.title}>
                <SlidersHorizontal size={19} aria-hidden="true" />
            </Menu.Trigger>
            <Popup>
                <ViewItems />
            </Popup>
        </Menu.Root>
    );
}

async function logOut() {
    const response = await fetch('/auth/logout', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' }).catch(
        (thrown: unknown) => {
            throw problemFromThrown(thrown);
        },
    );
    // 401: there is no session any more.
    if (!response.ok && response.status !== 401) throw problemOfAnswer(await response.json().catch(() => undefined), response);
    tellTabs('out');
    // Nothing of what was seen stays in memory.
    location.assign('/');
}

export function UserMenu() {
    const texts = useTexts();
    const message = useMessage();
    const { data: session } = useQuery(sessionQuery);
    const user = session?.user;
    const item = (to: '/sessions' | '/policies' | '/instances', Icon: typeof Server, label: string) => (
        <Menu.Item className="item" render={<Link to={to} />}>
            <Icon size={17} aria-hidden="true" />
            {label}
        </Menu.Item>
    );
    const profile: ReactElement = <Link to="/people/$user" params={{ user: user?.username ?? 'me' }} />;
    return (
        <Menu.Root modal={false}>
            <Menu.Trigger className="me" aria-label={texts.nav.account(user?.name ?? '')}>
                <Avatar id={user?.id ?? ''} name={user?.name ?? ''} version={user?.avatarVersion} />
            </Menu.Trigger>
            <Popup>
                <div className="head name">{user?.name}</div>
                <Menu.Item className="item" render={profile}>
                    <UserRound size={17} aria-hidden="true" />
                    {texts.nav.profile}
                </Menu.Item>
                {item('/policies', KeyRound, texts.nav.policies)}
                {item('/sessions', MonitorSmartphone, texts.nav.sessions)}
                {item('/instances', Server, texts.nav.instances)}
                <div className="rule" />
                <ViewItems />
                <div className="rule" />
                <Menu.Item
                    className="item"
                    onClick={() => void leaveBy(logOut).catch((error: unknown) => tellProblem(texts.login.still(message(error))))}
                >
                    <LogOut size={17} aria-hidden="true" />
                    {texts.nav.logOut}
                </Menu.Item>
            </Popup>
        </Menu.Root>
    );
}
