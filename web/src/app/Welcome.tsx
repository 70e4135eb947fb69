// Who is not logged in. The address stays, so that a link leads where it should afterwards.
import { BellRing, Layers, ShieldCheck } from 'lucide-react';
import type { LoginState } from '../api';
import { useTexts } from '../texts';
import { LoginLinks } from './LoginLinks';

export function Welcome({ login }: { login: LoginState }) {
    const texts = useTexts();
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
                <LoginLinks login={login} />
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
