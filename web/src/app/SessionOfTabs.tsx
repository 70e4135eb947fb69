// The session, which all tabs of a browser have together.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { loginQuery, sessionQuery, type LoginState } from '../api';
import { isUnsaved } from '../leaving';
import { Note } from '../parts/basics';
import { hearTabs, tellTabs } from '../session';
import { useTexts } from '../texts';
import { LoginLinks } from './LoginLinks';

/** Other tabs are told who logs in here, and this one goes on when somebody does there. Nothing of one user is left for another. */
function useSession(signedIn: boolean) {
    const client = useQueryClient();
    const ended = useRef(false);
    const whose = useRef<string>(undefined);
    const user = useQuery({ ...sessionQuery, enabled: signedIn }).data?.user?.id;
    useEffect(() => {
        if (whose.current !== undefined && user !== undefined && whose.current !== user) location.reload();
        whose.current = user ?? whose.current;
    }, [user]);
    useEffect(() => {
        if (signedIn) tellTabs('in');
        if (signedIn && ended.current) void client.invalidateQueries();
        ended.current = !signedIn;
        return hearTabs((said) => {
            if (said === 'seen') void client.invalidateQueries({ queryKey: ['notifications'] });
            else if (said === 'out' && signedIn && !isUnsaved()) location.assign('/');
            else if ((said === 'out') === signedIn) void client.invalidateQueries(loginQuery);
            else if (said === 'in') void client.invalidateQueries(sessionQuery);
        });
    }, [signedIn, client]);
}

/** `stays`: there was a session when the page was opened, so that the page is there still. */
export function SessionOfTabs({ login, stays }: { login: LoginState; stays: boolean }) {
    const texts = useTexts();
    useSession(login.signedIn);
    if (login.signedIn || !stays) return null;
    return (
        <div className="ended">
            <Note tone="warn" action={<LoginLinks login={login} />}>
                {texts.login.ended}
            </Note>
        </div>
    );
}
