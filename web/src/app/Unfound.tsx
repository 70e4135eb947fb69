import { Link } from '@tanstack/react-router';
import { CloudOff, Compass, TriangleAlert } from 'lucide-react';
import { useEffect } from 'react';
import { Empty } from '../parts/basics';
import { useMessage } from '../parts/problems';
import { useTexts } from '../texts';
import { PageMissing, reloadFor } from './lazyPage';

export function NotFound() {
    const texts = useTexts();
    return (
        <Empty
            page
            icon={Compass}
            title={texts.notFound.title}
            actions={
                <Link className="button" to="/">
                    {texts.nav.home}
                </Link>
            }
        >
            {texts.notFound.text}
        </Empty>
    );
}

export function Crashed({ error }: { error: unknown }) {
    const texts = useTexts();
    const message = useMessage();
    if (error instanceof PageMissing) return <Missing error={error} />;
    return (
        <Empty
            page
            icon={TriangleAlert}
            title={texts.crashed}
            actions={
                <button type="button" className="button primary" onClick={() => location.reload()}>
                    {texts.again}
                </button>
            }
        >
            {message(error)}
        </Empty>
    );
}

const lookMs = 4_000;

/** Comes by itself when there is somebody to bring it. */
function Missing({ error }: { error: PageMissing }) {
    const texts = useTexts();
    useEffect(() => {
        const look = () => void reloadFor(error, false);
        const timer = setInterval(look, lookMs);
        addEventListener('online', look);
        look();
        return () => {
            clearInterval(timer);
            removeEventListener('online', look);
            error.forget();
        };
    }, [error]);
    return (
        <Empty
            page
            icon={CloudOff}
            title={texts.pageMissing}
            actions={
                <button type="button" className="button primary" onClick={() => void reloadFor(error, true)}>
                    {texts.again}
                </button>
            }
        >
            {texts.problems.offline}
        </Empty>
    );
}
