// Who is not logged in. The address stays, so that a link leads where it should afterwards.
import { useLocation } from '@tanstack/react-router';
import { BellRing, Layers, ShieldCheck } from 'lucide-react';
import type { LoginState } from '../api';
import { useTexts } from '../texts';
import { LoginLink } from './Frame';

const demoUsers = ['alice', 'bob', 'carol', 'dave'];

export function Welcome({ login }: { login: LoginState }) {
    const texts = useTexts();
    const { href } = useLocation();
    const points = [
        { icon: Layers, ...texts.login.points.one },
        { icon: BellRing, ...texts.login.points.told },
        { icon: ShieldCheck, ...texts.login.points.yours },
    ];
    return (
        <div className="welcome">
            <div>
                <h1>{texts.login.title}</h1>
                <p className="lead">{texts.login.text}</p>
                <div className="actions">
                    {login.provider && <LoginLink returnTo={href} />}
                    {login.dev &&
                        demoUsers.map((user) => (
                            <a key={user} className="button" href={`/auth/dev?user=${user}&return_to=${encodeURIComponent(href)}`}>
                                {texts.login.as(user)}
                            </a>
                        ))}
                </div>
                {login.dev && <p className="muted small demo-hint">{texts.login.demo}</p>}
                {!login.provider && !login.dev && <p className="lead">{texts.login.none}</p>}
            </div>
            <ul className="points">
                {points.map(({ icon: Icon, title, text }) => (
                    <li key={title}>
                        <Icon size={22} aria-hidden="true" />
                        <div>
                            <h3>{title}</h3>
                            <p className="muted">{text}</p>
                        </div>
                    </li>
                ))}
            </ul>
        </div>
    );
}
