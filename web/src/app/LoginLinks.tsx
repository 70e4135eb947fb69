// The ways to log in that there are here; they lead back to where one was.
import { useLocation } from '@tanstack/react-router';
import { LogIn } from 'lucide-react';
import type { LoginState } from '../api';
import { useTexts } from '../texts';

const demoUsers = ['alice', 'bob', 'carol', 'dave'];

export function LoginLinks({ login }: { login: LoginState }) {
    const texts = useTexts();
    const { href } = useLocation();
    const returnTo = encodeURIComponent(href);
    return (
        <div className="actions">
            {login.provider && (
                <a className="button primary" href={`/auth/login?return_to=${returnTo}`}>
                    <LogIn size={18} aria-hidden="true" />
                    {texts.login.action}
                </a>
            )}
            {login.dev &&
                demoUsers.map((user) => (
                    <a key={user} className="button" href={`/auth/dev?user=${user}&return_to=${returnTo}`}>
                        {texts.login.as(user)}
                    </a>
                ))}
        </div>
    );
}
