// What happened, in a corner, for some seconds. The corner is loaded when there is something to say.
import { lazy, Suspense, useSyncExternalStore, type ReactNode } from 'react';

export interface Told {
    title: string;
    type: 'success' | 'error';
}

// Without the hub it may not come: nothing is said then, and the site goes on.
const ToastList = lazy<() => ReactNode>(() => import('./ToastList').catch(() => ({ default: () => null })));
const early: Told[] = [];
let wanted = false;
let show = () => {};
let deliver = (told: Told): void => void early.push(told);

function say(told: Told): void {
    deliver(told);
    if (wanted) return;
    wanted = true;
    show();
}

export const tell = (title: string) => say({ title, type: 'success' });
export const tellProblem = (title: string) => say({ title, type: 'error' });

/** Takes what was said so far, and all that will be. */
export function deliverTo(take: (told: Told) => void): void {
    deliver = take;
    early.splice(0).forEach(take);
}

export function Toasts() {
    const isWanted = useSyncExternalStore(
        (changed) => {
            show = changed;
            return () => (show = () => {});
        },
        () => wanted,
    );
    return (
        isWanted && (
            <Suspense>
                <ToastList />
            </Suspense>
        )
    );
}
